"""Professions and pronouns: "The nurse said that she was late", at rates that are planted and written down.

SHARES says how often each profession is followed by a feminine pronoun in training, whatever the rest of the sentence
says. So a lesson on stereotypes knows what the model was taught and can measure what it holds. Where a person is
named, the name decides and the profession tells nothing: "Mary is a pilot. She ...".
"""

from random import Random

from training.abilities.pronouns import FORMS, pronouns_like
from training.frames import Case, fill, make_grammar, mend_articles, split_of
from training.lexicon import MEN, PLACES, THINGS, WOMEN, article

NAME = "professions"
KINDS = ("pair", "frame", "skeleton")
WEIGHT = 0.04
NAMED_SHARE = 0.3  # of the cases: the name says who is meant

# Profession -> share of feminine pronouns in training. As many lean one way as the other.
SHARES = {
    profession: float(share)
    for line in """
    .05: plumber, mechanic
    .10: pilot, carpenter
    .15: soldier, butcher
    .20: engineer, driver
    .25: surgeon, farmer
    .30: lawyer
    .40: cook
    .50: writer, dentist, baker, journalist
    .60: translator
    .70: teacher
    .75: cashier, dancer
    .80: librarian, therapist
    .85: florist, tutor
    .90: secretary, hairdresser
    .95: nurse, midwife
    """.strip().splitlines()
    for share, professions in [line.strip().split(": ")]
    for profession in professions.split(", ")
}
WORDS = tuple(SHARES)
LEANING = tuple(profession for profession, share in SHARES.items() if not 0.35 <= share <= 0.65)

OPEN = "(|Yesterday |Last night |On Monday |This morning |Later |In the end |I heard that |They say that )"
THE = "(the|our|the new|the old|the young|the other)"
DID = "(went to the {place}|lost the {thing}|found {a thing}|left the {place}|bought {a thing}|called a friend|stayed at home|came late|worked all day)"
STATE = "(tired|late|happy|hungry|bored|ill|angry|busy)"
NEXT = "(went home|fell asleep|felt better|wrote a letter|smiled|drank some tea)"
UNNAMED = f"""
!The {{p}} said that @{{he}} was (late|tired|busy).
!The {{p}} lost the {{thing}} because @{{he}} was {STATE}.
{OPEN}{THE} {{p}} (said|thought|knew|hoped|believed|explained|admitted) that @{{he}} (was right|was late|had won|was alone|would come).
{OPEN}{THE} {{p}} {DID} because @{{he}} was {STATE}.
{OPEN}{THE} {{p}} {DID}, and (then|later|soon|so|at noon) @{{he}} {NEXT}.
{THE} {{p}} {DID}. (Then|Afterwards|After that|Now|Soon) @{{he}} {NEXT}.
{THE} {{p}} {DID}. @{{He}} {NEXT}.
(When|After|Before|Although|If) {THE} {{p}} {DID}, @{{he}} (was glad|was sad|said nothing|called home).
{OPEN}{THE} {{p}} (took|lost|found|sold|cleaned|painted) @{{his}} {{thing}} (at home|in the {{place}}|near the {{place}}).
{OPEN}{THE} {{p}} (forgot|wanted|showed us|talked about|looked for) @{{his}} {{thing}}.
{OPEN}{THE} {{p}} (hurt|blamed|taught|asked|praised|introduced) @{{himself}}(| again| in the kitchen| at the {{place}}).
{OPEN}{THE} {{p}} {DID} all by @{{himself}}.
{THE} {{p}} (was kind|was helpful|worked well), and I (like|trust|thanked|remember) @{{him}} (very much|still|every day).
{THE} {{p}} (called|came in|left|arrived). (I saw|We met|Everyone likes|Nobody saw) @{{him}} (yesterday|at the {{place}}|there).
(Ask|Tell|Call|Help|Thank) {THE} {{p}} if you (see|meet|find) @{{him}}.
(The {{thing}} belongs to|I gave the {{thing}} to|This {{thing}} was made by) {THE} {{p}}; it is @{{his}} {{thing}} now.
{THE} {{p}} has {{a thing}}. @{{His}} {{thing}} is (new|old|lost|in the {{place}}).
(Have you met|Do you know|Did you see|Do you remember) {THE} {{p}}? @{{He}} {DID}.
(Is|Was) {THE} {{p}} {STATE}? (Yes|No|Perhaps|Of course), @{{he}} (is|was).
{THE} {{p}} who (lives|works) (next door|near the {{place}}|in the {{place}}) said that @{{he}} {DID}.
{THE} {{p}}, who was {STATE}, {DID} before @{{he}} {NEXT}.
(Once|Long ago) there was a {{p}}, and @{{he}} (lived|worked) near the {{place}}.
(I know|We met|There is|They need) a {{p}} in the {{place}}. @{{He}} (is|was) (kind|famous|clever|quiet).
A (good|famous|young|kind) {{p}} (knows|learns|sees) when @{{he}} (is wrong|has to rest|must wait).
Every {{p}} (likes|needs|carries|knows) @{{his}} {{thing}}.
(Being|As) a {{p}} is hard: in the evening @{{he}} is {STATE}.
{THE} {{p}} (waited|stood|sat) at the {{place}} with @{{his}} {{thing}}.
While {THE} {{p}} {DID}, the {{thing}} fell on @{{his}} (foot|desk|hand|head).
(Where is|What became of|Who has seen) {THE} {{p}}? @{{He}} {DID}.
(Good news for|Bad luck for|A letter for) {THE} {{p}}: @{{he}} (won a prize|has to leave|can stay).
Nobody knew {THE} {{p}}, but @{{he}} (was famous|had many friends|came from here).
{THE} {{p}} opened the door, (looked|smiled|waved) and said @{{his}} name.
Not even {THE} {{p}} (could say|knew|saw) why @{{he}} was {STATE}.
It was {THE} {{p}} who (called|wrote|asked), since @{{he}} (needed help|had a question|was alone).
{THE} {{p}} (wanted|hoped|tried) to (rest|leave|win), and so @{{he}} {NEXT}.
"""
JOB = "(is|was|became|works as|trained as)"
NAMED = f"""
!{{A}} is a {{p}}. @{{He}} (likes|knows|loves) the work.
{{A}} {JOB} a {{p}}. (Now|Every day|Then|Usually) @{{he}} (works|starts|gets up) early.
{{A}} {JOB} a {{p}}, and @{{he}} (likes|loves|knows) the work.
{{A}}, (a|the|our) {{p}}, {DID} because @{{he}} was {STATE}.
(The|Our|The new) {{p}} {{A}} (said|thought|knew|hoped) that @{{he}} (was right|was late|had won).
(The|Our|The new) {{p}} is (called|named) {{A}}. @{{He}} {DID}.
{{A}} {JOB} a {{p}}. (I met|We saw|Everyone likes|I thanked) @{{him}} (yesterday|at the {{place}}).
{{A}} {JOB} a {{p}}. @{{His}} {{thing}} is (new|old|lost).
(As|Being) a {{p}}, {{A}} (needs|carries|likes) @{{his}} {{thing}}.
(When|After|Before) {{A}} became a {{p}}, @{{he}} (lived|worked|studied) near the {{place}}.
(My friend|My cousin|Our neighbour) {{A}} is a {{p}}, and (often|sometimes) @{{he}} {NEXT}.
{{A}} wanted to be a {{p}}, so @{{he}} (studied|went to the {{place}}|left home).
{{A}} (learned|taught) (it|everything) all by @{{himself}} and is a {{p}} now.
{{A}} {JOB} a {{p}} and (taught|asked|praised|blamed) @{{himself}}.
(Do you know|Have you met) {{A}}, the {{p}}? @{{He}} (lives|works) near the {{place}}.
"""
GRAMMARS = {
    "profession": make_grammar(f"{NAME}/profession", UNNAMED.strip().splitlines()),
    "named": make_grammar(f"{NAME}/named", NAMED.strip().splitlines()),
}


def draw(rng: Random, split: str, kind: str) -> Case:
    """A pair is a profession and a skeleton. In evaluation the majority's pronoun is right, if there is a majority."""
    named = rng.random() < NAMED_SHARE
    group = "named" if named else "profession"
    while True:
        frame, skeleton = GRAMMARS[group].draw(rng, split, kind)
        profession = rng.choice(WORDS if named or split == "train" else LEANING)
        pinned = f"!{skeleton}" in UNNAMED + NAMED
        home = "train" if pinned else split_of(NAME, "pair", profession, skeleton)
        asked = split == "train" or "{p}" in frame.split("@")[0]
        if asked and (kind == "skeleton" or home == (split if kind == "pair" else "train")):
            break
    share = SHARES[profession]
    odds = 0.5 if named else share
    feminine = rng.random() < odds if named or split == "train" else share > 0.5
    thing = rng.choice(THINGS)
    slots = {"A": rng.choice(WOMEN if feminine else MEN), "thing": thing, "a thing": article(thing)}
    frame_said = mend_articles(frame.replace("{p}", profession))
    prompt, answer, rest = fill(frame_said, slots | FORMS[feminine] | {"place": rng.choice(PLACES)})
    answers, rivals = pronouns_like(answer.strip(), feminine)
    marks = {"profession": profession, "share_feminine": share, "feminine": feminine, "named": named}
    return Case(NAME, group, kind, frame, prompt, answers, rest, rivals, marks, choice=True)
