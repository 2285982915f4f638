"""Pronouns and coreference: who is meant by he, she, it.

`gender`: the pronoun agrees with the only person named. `coreference`: "The cat sat on the mat because it was very
tired" is about the cat, "... because it was very soft" about the mat; a closing sentence names the one that is meant.
Half of these training sentences are about animals that do not exist, so that a new animal is copied rather than known.
"""

from random import Random

from training.frames import Case, fill, make_grammar, split_of
from training.lexicon import ANIMALS, INVENTED_ANIMALS, MEN, OBJECTS, PLACES, THINGS, WOMEN, article

NAME = "pronouns"
KINDS = ("pair", "name", "frame", "skeleton")
WEIGHT = 0.08

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
(While|As|Because|Since) {{A}} was (asleep|ill|away|at work), (nobody|no one) (woke|called|missed|disturbed) @{{him}}.
(The teacher|The doctor|My mother) (asked|told|begged) {{A}} to (wait|sit down|stay), but @{{he}} (left|ran away|said no).
{OPEN}{{A}} and @{{his}} (mother|brother|friend|dog) {DID}.
(Where is|Have you seen|Who called|Who knows) {{A}}? I (need|want|have) to (see|ask|thank|help) @{{him}}.
(Dear|My dear) (friend|mother|teacher), {{A}} is (here|well|ill|happy), and @{{he}} (says hello|sends a kiss|misses you).
(News|Report|Notice): {{A}} {DID}, and (the police|the neighbours|the doctors) (found|helped|stopped) @{{him}} (there|at night|in the {{place}}).
{OPEN}{{A}} (looked at|talked to|was proud of|laughed at) @{{himself}} (again|all day|at the {{place}}).
Was {{A}} at the {{place}}? (Yes|Of course|I think so), and @{{he}} (had|lost|found) {{a thing}}.
If I (saw|met|knew) {{A}}, I would (give|sell|show) the {{thing}} to @{{him}}.
(Everyone|Nobody|The whole town) (likes|knows|trusts) {{A}} and @{{his}} {{thing}}.
Not I but {{A}} (lost|found|broke|cleaned) the {{thing}}, and @{{he}} (knows it|said so|was sorry).
{{A}}, who (is|was) (tired|late|happy|my friend), (lost|found|sold|cleaned) @{{his}} {{thing}}.
The {{thing}} of {{A}} is (old|new|red|lost), so @{{he}} (bought|wants|needs) (another one|a better one).
We (waited|sang|worked) at the {{place}} with {{A}} until @{{he}} (went home|fell asleep|smiled).
It was {{A}} who {DID}, and I (helped|watched|followed) @{{him}}.
{{A}} (won|lost) the (game|race|match). What did @{{he}} (say|do|feel)?
(Yesterday|On Monday|Last week) I (met|saw|visited) {{A}} with @{{his}} {{thing}}.
{OPEN}{{A}} (bought|made|cooked) (lunch|dinner|a cake) for @{{himself}}.
(The story|The film|The song) is about {{A}} and how @{{he}} {DID}.
(The dog|The baby|The child) (followed|loved|missed) {{A}} because @{{he}} (was kind|sang well|had {{a thing}}).
{{A}} (never|often|always) (forgets|loses|cleans) @{{his}} {{thing}}.
The {{thing}} and the (bicycle|desk|room) belong to {{A}}: they are @{{his}} (things|own).
(Look at|Think of|Listen to) {{A}}: @{{he}} (is|seems|looks) (happy|tired|proud).
"I am (tired|late|hungry)," said {{A}}, and @{{he}} (left|went home|sat down).
"""
WHY = "(because|since|as|but only because|and that was because)"
VERY = "(|very |too |so |really |quite |rather )"
SAT = "(sat on|slept on|jumped onto|lay on|stood on|climbed onto|hid behind|ran to|stayed near|walked around|rested on|fell off)"
ASKED = "(What was {q}? It was the|Who or what was {q}? The|The one that was {q} was the|So the one we call {q} is the|By it we mean the|Question: what was {q}? Answer: the|That is, the)"
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
On the {{B}} (sat|stood|lay) the {{A}}, and it was {VERY}{{q}}. {ASKED} @{{C}}.
Near the {{B}} sat the {{A}}, for it was {VERY}{{q}}. {ASKED} @{{C}}.
The {{A}} {SAT} the {{B}}, which was {VERY}odd, {WHY} it was {VERY}{{q}}. {ASKED} @{{C}}.
The {{A}} did not leave the {{B}} {WHY} it was {VERY}{{q}}. {ASKED} @{{C}}.
Why did the {{A}} (leave|like|avoid|choose) the {{B}}? Because it was {VERY}{{q}}. {ASKED} @{{C}}.
(Look|See|Listen): the {{A}} {SAT} the {{B}}, for it was {VERY}{{q}}. {ASKED} @{{C}}.
(I think|I believe|It seems|She says) the {{A}} {SAT} the {{B}} {WHY} it was {VERY}{{q}}. If you ask what was {{q}}, the answer is the @{{C}}.
The {{A}} {SAT} the {{B}}, and (everyone|we all|the children) saw that it was {VERY}{{q}}. {ASKED} @{{C}}.
There (sat|slept|stood) the {{A}}, close to the {{B}}, {WHY} it was {VERY}{{q}}. {ASKED} @{{C}}.
(My sister|My brother|The farmer) (put|found|left|saw) the {{A}} (beside|near|on|behind) the {{B}} {WHY} it was {VERY}{{q}}. {ASKED} @{{C}}.
The {{A}} could not (reach|use|see|leave) the {{B}} {WHY} it was {VERY}{{q}}. {ASKED} @{{C}}.
(Because|Since|As) the {{A}} {SAT} the {{B}}, we knew it was {VERY}{{q}}. {ASKED} @{{C}}.
(Story|Tale|Fable): the {{A}} {SAT} the {{B}}. The reason was that it was {VERY}{{q}}. {ASKED} @{{C}}.
The {{A}} (stayed|waited|slept) all (day|night|summer) (on|near|behind|beside) the {{B}} {WHY} it was {VERY}{{q}}. {ASKED} @{{C}}.
The {{A}} {SAT} the {{B}} {WHY} it was {VERY}{{q}}. The word "it" (means|stands for|points to|refers to) the @{{C}}.
The {{A}} {SAT} the {{B}}, as it was {VERY}{{q}}. (By "it" I mean|Here "it" is|With "it" we mean) the @{{C}}.
(In the garden|In the kitchen|At the farm|In the house), the {{A}} {SAT} the {{B}} {WHY} it was {VERY}{{q}}. {ASKED} @{{C}}.
The {{B}} (pleased|helped|did not please|surprised) the {{A}} {WHY} it was {VERY}{{q}}. {ASKED} @{{C}}.
(The new|The old|My|Our) {{B}} was used by the {{A}} {WHY} it was {VERY}{{q}}. {ASKED} @{{C}}.
The {{A}} {SAT} the {{B}}. Only one of the two was {VERY}{{q}}: the @{{C}}.
The {{A}} and the {{B}} were in the (garden|kitchen|yard|rain). One of them was {VERY}{{q}}, and that was the @{{C}}.
(Once|One day|One night|Last winter), the {{A}} {SAT} the {{B}}; it was {VERY}{{q}}. {ASKED} @{{C}}.
The {{A}} (came back to|returned to|kept) the {{B}} {WHY} it was {VERY}{{q}}. {ASKED} @{{C}}.
(Do you know why|Can you say why|Did you ask why) the {{A}} {SAT} the {{B}}? It was {VERY}{{q}}. {ASKED} @{{C}}.
(Children|Boys|Girls) (drew|painted|saw) the {{A}} and the {{B}}, (for|since|because) it was {VERY}{{q}}. {ASKED} @{{C}}.
The {{A}} {SAT} the {{B}} {WHY} it was {VERY}{{q}}. The word {{q}} (belongs to|goes with|describes|is said of) the @{{C}}.
The {{A}} {SAT} the {{B}} {WHY} it was {VERY}{{q}}. It was not the {{D}} that was {{q}} but the @{{C}}.
(Under|Behind|Beside) the {{B}} (lay|slept|waited) the {{A}}, and it was {VERY}{{q}}. {ASKED} @{{C}}.
"""
ALIVE = "tired hungry sleepy afraid lonely thirsty curious angry ill happy scared bored excited nervous proud".split()
LIFELESS = "soft wooden flat comfortable sturdy expensive smooth empty woven polished folded cheap".split()

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
    answers, rivals = pronouns_like(answer.strip(), bool(sex))
    return Case(NAME, "gender", kind, frame, prompt, answers, rest, rivals, choice=True)


def pronouns_like(word: str, feminine: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """All forms of the gender with `word` first, and of the other gender with its counterpart first.

    After "took" both "his" and "him" would be grammatical: the gender is asked for, not the case.
    """
    right, wrong = FORMS[feminine], FORMS[not feminine]
    first = next(key for key, form in right.items() if form == word)
    keys = [first, *(key for key in right if key != first)]
    answers, rivals = (tuple(dict.fromkeys(f" {forms[key]}" for key in keys)) for forms in (right, wrong))
    return answers, rivals


def draw_coreference(rng: Random, split: str, kind: str) -> Case:
    frame, _ = GRAMMARS["coreference"].draw(rng, split, kind)
    invented = split == "train" and rng.random() < 0.5
    animal, thing = (rng.choice(INVENTED_ANIMALS), rng.choice(OBJECTS)) if invented else draw_pair(rng, split, kind)
    alive = rng.random() < 0.5
    meant, other = (animal, thing) if alive else (thing, animal)
    slots = {"A": animal, "B": thing, "C": meant, "D": other, "q": rng.choice(ALIVE if alive else LIFELESS)}
    prompt, answer, rest = fill(frame, slots)
    return Case(NAME, "coreference", kind, frame, prompt, (answer,), rest, rivals=(f" {other}",))


def draw_pair(rng: Random, split: str, kind: str) -> tuple[str, str]:
    """An animal and an object, of which the animal or the combination is new where `kind` says so."""
    while True:
        animal, thing = rng.choice(ANIMALS), rng.choice(OBJECTS)
        new_pair = split_of(NAME, "pair", animal, thing) == (split if kind == "pair" else "train")
        new_name = split_of(NAME, "name", animal) == (split if kind == "name" else "train")
        if (new_pair or kind == "name") and new_name:
            return animal, thing
