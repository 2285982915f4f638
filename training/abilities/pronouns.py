"""Pronouns and coreference: who is meant by he, she, it.

`gender`: the pronoun agrees with the only person named. `coreference`: "The cat sat on the mat because it was very
tired" is about the cat, "... because it was very soft" about the mat; a closing sentence names the one that is meant.
"""

from random import Random

from training.frames import Case, fill, make_grammar, split_of
from training.lexicon import ANIMALS, MEN, OBJECTS, PLACES, THINGS, WOMEN, article

NAME = "pronouns"
KINDS = ("pair", "name", "frame", "skeleton")
WEIGHT = 0.09

OPEN = "(|Yesterday |Last night |On Monday |This morning |Later |In the end |I heard that |They say that )"
DID = "(went to the {place}|lost the {thing}|found {a thing}|cleaned the {place}|sold the {thing}|left the {place}|bought {a thing}|broke the {thing}|called a friend|stayed at home|ran away|laughed)"
GENDER = f"""
{OPEN}{{A}} {DID} because @{{he}} was (tired|late|happy|hungry|bored|ill|angry).
{OPEN}{{A}} {DID}, and (then|later|soon|so) @{{he}} (went home|fell asleep|felt better|wrote a letter|smiled).
{{A}} {DID}. (Then|Afterwards|After that|Now|Soon) @{{he}} (went home|fell asleep|felt better|wrote a letter|smiled).
{OPEN}{{A}} (took|lost|found|sold|cleaned|painted) @{{his}} {{thing}} (at home|in the {{place}}|near the {{place}}).
{OPEN}{{A}} (saw|hurt|asked|blamed|found|taught) @{{himself}} in the (mirror|kitchen|water|dark).
(When|After|Before|Although|If) {{A}} {DID}, @{{he}} (was glad|was sad|said nothing|went to bed|called home).
{OPEN}{{A}} (thought|said|knew|hoped|believed) that @{{he}} (was right|was late|had won|was alone).
{{A}} (is|was) (my friend|a neighbour|very kind|my cousin), and I (like|trust|visited|thanked) @{{him}} (very much|yesterday|every day).
{{A}} (called|came in|left). (I saw|We met|Everyone likes|Nobody saw) @{{him}} (yesterday|at the {{place}}|there).
(Ask|Tell|Call|Help|Thank) {{A}} if you (see|meet|find) @{{him}}.
(The {{thing}} belongs to|I gave the {{thing}} to|This {{thing}} was made by) {{A}}; it is @{{his}} {{thing}} now.
{{A}} has {{a thing}}. @{{His}} {{thing}} is (new|old|red|lost|in the {{place}}).
{{A}} {DID} all by @{{himself}}.
"""
WHY = "(because|since|as|but only because|and that was because)"
VERY = "(|very |too |so |really |quite |rather )"
SAT = "(sat on|slept on|jumped onto|lay on|stood on|climbed onto|hid behind|ran to|stayed near|walked around|rested on|fell off)"
ASKED = "(What was {q}? It was the|Who or what was {q}? The|The one that was {q} was the|So the {q} one was the|By it we mean the|Question: what was {q}? Answer: the|That is, the)"
COREFERENCE = f"""
!The {{A}} {SAT} the {{B}} because it was {VERY}{{q}}. {ASKED} @{{C}}.
The {{A}} {SAT} the {{B}} {WHY} it was {VERY}{{q}}. {ASKED} @{{C}}.
{OPEN}the {{A}} {SAT} the {{B}} {WHY} it (looked|felt|seemed) {VERY}{{q}}. {ASKED} @{{C}}.
(When|After|While) the {{A}} {SAT} the {{B}}, it was {VERY}{{q}}. {ASKED} @{{C}}.
The {{A}} {SAT} the {{B}}. It was {VERY}{{q}}. {ASKED} @{{C}}.
The (old|small|big|brown|white) {{A}} {SAT} the (old|new|green|wooden|small) {{B}} {WHY} it was {VERY}{{q}}. {ASKED} @{{C}}.
The {{B}} was left by the {{A}} {WHY} it was {VERY}{{q}}. {ASKED} @{{C}}.
The {{A}} (liked|loved|left|wanted|avoided|chose) the {{B}} {WHY} it was {VERY}{{q}}. {ASKED} @{{C}}.
(I|We|She|He) saw the {{A}} on the {{B}}; it was {VERY}{{q}}. {ASKED} @{{C}}.
On the {{B}} there was the {{A}}, and it was {VERY}{{q}}. {ASKED} @{{C}}.
Near the {{B}} sat the {{A}}, for it was {VERY}{{q}}. {ASKED} @{{C}}.
The {{A}} {SAT} the {{B}}, which was {VERY}odd, {WHY} it was {VERY}{{q}}. {ASKED} @{{C}}.
The {{A}} did not leave the {{B}} {WHY} it was {VERY}{{q}}. {ASKED} @{{C}}.
"""
ALIVE = "tired hungry sleepy afraid lonely thirsty curious angry ill happy scared bored excited nervous proud".split()
LIFELESS = (
    "soft wooden flat comfortable clean warm sturdy expensive wet smooth empty woven polished folded cheap".split()
)

GRAMMARS = {
    "gender": make_grammar(f"{NAME}/gender", GENDER.strip().splitlines()),
    "coreference": make_grammar(f"{NAME}/coreference", COREFERENCE.strip().splitlines()),
}
FORMS = (
    {"he": "he", "his": "his", "him": "him", "himself": "himself", "His": "His", "He": "He"},
    {"he": "she", "his": "her", "him": "her", "himself": "herself", "His": "Her", "He": "She"},
)


def draw(rng: Random, split: str, kind: str) -> Case:
    # Only pronouns tell whether a name is a woman's or a man's, so here no name is held out: it could not be known.
    gender = rng.random() < 0.5 and kind != "name"
    return (draw_gender if gender else draw_coreference)(rng, split, kind)


def draw_gender(rng: Random, split: str, kind: str) -> Case:
    frame, _ = GRAMMARS["gender"].draw(rng, split, kind)
    while kind == "pair" and "thing}" not in frame.split("@")[0]:
        frame, _ = GRAMMARS["gender"].draw(rng, split, kind)
    sex = rng.randrange(2)
    names = (MEN, WOMEN)[sex]
    while True:  # a pair here is a name and a thing
        name, thing = rng.choice(names), rng.choice(THINGS)
        if split_of(NAME, "pair", name, thing) == (split if kind == "pair" else "train"):
            break
    slots = {"A": name, "thing": thing, "a thing": article(thing), "place": rng.choice(PLACES)}
    prompt, answer, rest = fill(frame, slots | FORMS[sex])
    word = answer.strip()
    rival = next(FORMS[1 - sex][key] for key, form in FORMS[sex].items() if form == word)
    # After "took" both "his" and "him" would be grammatical: the gender is asked for, not the case.
    others = (f" {form}" for form in FORMS[1 - sex].values() if form != rival)
    answers = (answer, *(f" {form}" for form in FORMS[sex].values() if form != word))
    return Case(NAME, "gender", kind, frame, prompt, answers, rest, rivals=(f" {rival}", *others))


def draw_coreference(rng: Random, split: str, kind: str) -> Case:
    frame, _ = GRAMMARS["coreference"].draw(rng, split, kind)
    while True:
        animal, thing = rng.choice(ANIMALS), rng.choice(OBJECTS)
        new_pair = split_of(NAME, "pair", animal, thing) == (split if kind == "pair" else "train")
        new_name = split_of(NAME, "name", animal) == (split if kind == "name" else "train")
        if (new_pair or kind == "name") and new_name:
            break
    alive = rng.random() < 0.5
    meant, other = (animal, thing) if alive else (thing, animal)
    slots = {"A": animal, "B": thing, "C": meant, "q": rng.choice(ALIVE if alive else LIFELESS)}
    prompt, answer, rest = fill(frame, slots)
    return Case(NAME, "coreference", kind, frame, prompt, (answer,), rest, rivals=(f" {other}",))
