"""Contexts: a few statements, then a question that exactly one of them answers.

The other statements of the same relation have other fillings, so the answer must be read where its subject stands;
some contexts say another thing of the same people as well. A roll call says all names twice but one, which is asked
for. No name is held out: here even those have a use that other abilities hold out. A held-out pair is a binding (of a
person and a thing, say) that no training text states, or a set of names that no roll call has.
"""

from dataclasses import replace
from random import Random

from training.frames import Case, Skeleton, fill, make_grammar, mend_articles, parse_skeleton, split_of
from training.lexicon import ANIMALS, INVENTED_NAMES, LANDMARKS, NAMES, PEOPLE, PLACES, THINGS

NAME = "contexts"
KINDS = ("pair", "frame", "skeleton")
WEIGHT = 0.14
ROLL_CALLS = 1 / 4  # share of all
ASIDES = 1 / 3  # share of contexts about people that say another thing of them
INVENTED = 1 / 3  # share of roll calls in training

COLOURS = tuple("red blue green yellow brown black white grey pink purple".split())
CITIES = tuple(sorted(set(LANDMARKS.values())))
JOBS = tuple(sorted(set(PEOPLE.values())))
# Relation -> what {a} and {b} stand for.
POOLS = {
    "has": (NAMES, THINGS),
    "went": (NAMES, PLACES),
    "lives": (NAMES, CITIES),
    "works": (NAMES, JOBS),
    "keeps": (NAMES, ANIMALS),
    "colour": (THINGS, COLOURS),
}
PERSONAL = tuple(relation for relation, (keys, _) in POOLS.items() if keys is NAMES)
ALIKE = ("has", "keeps")  # who keeps a dog has a dog: not both in one context

STATEMENTS = {
    "has": """
{a} (has|owns|holds|carries|bought|found) a {b}.
The {b} (belongs to|is owned by|is with) {a}.
""",
    "went": """
{a} (went|walked|drove|ran|travelled) to the {b}.
The one who went to the {b} was {a}.
The {b} is where {a} went.
""",
    "lives": """
{a} (lives|stays|is at home|works and sleeps) in {b}.
The home of {a} is in {b}.
{b} is the home of {a}.
""",
    "works": """
{a} (is|works as|earns money as) a {b}.
The (work|profession) of {a} is that of a {b}.
The {b} is called {a}.
""",
    "keeps": """
{a} (keeps|feeds|looks after|has) a {b}.
The {b} (belongs to|lives with|was raised by) {a}.
""",
    "colour": """
The {a} is {b}.
The {a} (has been painted|looks|was made) {b}.
The colour of the {a} is {b}.
There is a {b} {a}.
""",
}
QUESTIONS = {
    "has": """
!{c} Who has the {b}? @{a}.
{c} (Who|Which person) (has|owns|holds|carries) the {b}? (Answer: |Reply: |It is |It must be |The answer is )@{a}.
{c} (Question|Quiz|Task|Exercise|Puzzle|Riddle): (who|which person) (has|owns|holds) the {b}? (Answer|Reply): @{a}.
{c} (So|Therefore|Thus|Hence|Clearly,|It follows that|This means that|As we see,) the {b} (belongs to|is with|is owned by|is held by) @{a}.
{c} To whom does the {b} belong? (To|Answer:|It belongs to|The answer is) @{a}.
{c} What does {a} (have|hold|own|carry)? (The|Answer: the|It is the|{a} has the) @{b}.
{c} (So|Therefore|Thus|Hence|Clearly,|It follows that|This means that|As we see,) {a} (is the owner of|is the one with|has) the @{b}.
(Read this|Text|Story|Notes|Facts|Report|We know this): {c} (The owner of|The one who has|The person with) the {b} is @{a}.
(Who has|Who owns|Who holds|Do you know who has) the {b}? {c} (Answer:|So it is|It is) @{a}.
What does {a} (have|own|hold|carry)? {c} (Answer: the|So it is the|It is the) @{b}.
{c} (If you need|If you want|To borrow|If you look for|To see) the {b}, (ask|talk to|go to|call|find) @{a}.
{c} (Name|Say|Write down|Tell me|State|Recall) what {a} (has|owns|holds): (|it is )the @{b}.
""",
    "went": """
!{c} Where did {a} go? The @{b}.
{c} (Where|To which place) did {a} (go|walk|travel)? (To the|Answer: to the|{a} went to the) @{b}.
{c} (Question|Quiz|Task|Exercise|Puzzle|Riddle): (where did {a} go|to which place did {a} go)? (Answer|Reply): the @{b}.
{c} (So|Therefore|Thus|Hence|Clearly,|It follows that|This means that|As we see,) {a} (is at|was at|went to|has gone to) the @{b}.
{c} (Who|Which person) (went|walked|travelled) to the {b}? (Answer: |Reply: |It is |It must be |The answer is )@{a}.
{c} (So|Therefore|Thus|Hence|Clearly,|It follows that|This means that|As we see,) the one (at|who went to|who was at) the {b} is @{a}.
(Read this|Text|Story|Notes|Facts|Report|We know this): {c} (The one at|The person at|The visitor to) the {b} is @{a}.
(Who went|Who walked|Do you know who went) to the {b}? {c} (Answer:|So it is|It is) @{a}.
Where did {a} (go|walk|travel)? {c} (Answer: to the|So it is the|It is the) @{b}.
{c} (If you look for|To find|To meet|If you want to see) {a}, (go to|try|look at|visit) the @{b}.
{c} (At|In) the {b} you (will|may|can) (meet|find|see) @{a}.
{c} (Name|Say|Write down|Tell me|State|Recall) the (place|goal) of {a}: (|it is )the @{b}.
""",
    "lives": """
!{c} Where does {a} live? @{b}.
{c} (Where|In which city|In what city) does {a} live? (In|Answer: in|{a} lives in) @{b}.
{c} (Question|Quiz|Task|Exercise|Puzzle|Riddle): (where does {a} live|what is the home of {a})? (Answer|Reply): @{b}.
{c} (So|Therefore|Thus|Hence|Clearly,|It follows that|This means that|As we see,) {a} (lives in|is at home in|has a home in) @{b}.
{c} (Who|Which person) (lives|has a home|is at home) in {b}? (Answer: |Reply: |It is |It must be |The answer is )@{a}.
{c} (So|Therefore|Thus|Hence|Clearly,|It follows that|This means that|As we see,) the one (from|in|who lives in) {b} is @{a}.
(Read this|Text|Story|Notes|Facts|Report|We know this): {c} (The one from|The person in|The one who lives in) {b} is @{a}.
(Who lives|Who has a home|Do you know who lives) in {b}? {c} (Answer:|So it is|It is) @{a}.
Where does {a} (live|have a home)? {c} (Answer: in|So it is|It is) @{b}.
{c} (To visit|To see|A letter to|If you want to see) {a}, (you go to|you travel to|you need the address in) @{b}.
{c} (In|When in) {b} you (can|may|should) (visit|stay with|meet) @{a}.
{c} (Name|Say|Write down|Tell me|State|Recall) the (city|home|town) of {a}: (|it is )@{b}.
""",
    "works": """
!{c} Who is the {b}? @{a}.
{c} (Who|Which person) (is|works as) the {b}? (Answer: |Reply: |It is |It must be |The answer is )@{a}.
{c} (Question|Quiz|Task|Exercise|Puzzle|Riddle): (who|which person) is the {b}? (Answer|Reply): @{a}.
{c} (So|Therefore|Thus|Hence|Clearly,|It follows that|This means that|As we see,) the {b} (is|must be|is called|is named) @{a}.
{c} What is the (job|profession|work|occupation) of {a}? (Answer: |Reply: |It is |It must be |The answer is )@{b}.
{c} (So|Therefore|Thus|Hence|Clearly,|It follows that|This means that|As we see,) {a} (is|must be|works as) the @{b}.
(Read this|Text|Story|Notes|Facts|Report|We know this): {c} (The name of|The one who is|The person who works as) the {b} is @{a}.
(Who is|Who works as|Do you know who is) the {b}? {c} (Answer:|So it is|It is) @{a}.
What is the (job|profession|work) of {a}? {c} (Answer:|So it is|It is) @{b}.
{c} (If you need|To hire|If you look for|To meet) the {b}, (ask|talk to|go to|call|find) @{a}.
{c} (Name|Say|Write down|Tell me|State|Recall) what {a} does: (|it is )the (job|work) of the @{b}.
{c} (By profession|By trade|At work), {a} is the @{b}.
""",
    "keeps": """
!{c} Which animal does {a} have? The @{b}.
{c} (What|Which) animal does {a} (have|keep|feed|own)? (Answer: the|Reply: the|It is the|{a} has the) @{b}.
{c} (Question|Quiz|Task|Exercise|Puzzle|Riddle): (which|what) animal does {a} (have|keep)? (Answer|Reply): the @{b}.
{c} (So|Therefore|Thus|Hence|Clearly,|It follows that|This means that|As we see,) {a} (is the owner of|has|looks after) the @{b}.
{c} (Who|Which person) (has|keeps|feeds|looks after) the {b}? (Answer: |Reply: |It is |It must be |The answer is )@{a}.
{c} (So|Therefore|Thus|Hence|Clearly,|It follows that|This means that|As we see,) the {b} (belongs to|lives with|is fed by) @{a}.
(Read this|Text|Story|Notes|Facts|Report|We know this): {c} (The owner of|The one who has|The keeper of) the {b} is @{a}.
(Who has|Who keeps|Do you know who has) the {b}? {c} (Answer:|So it is|It is) @{a}.
Which animal does {a} (have|keep|own)? {c} (Answer: the|So it is the|It is the) @{b}.
{c} (To see|If you like|If you want to see) the {b}, (ask|visit|go to|call|find) @{a}.
{c} (Name|Say|Write down|Tell me|State|Recall) the animal of {a}: (|it is )the @{b}.
{c} (At the home of|With|Near) {a} you (will|may|can) (meet|find|see) the @{b}.
""",
    "colour": """
!{c} What colour is the {a}? @{b}.
{c} (What colour|Which colour) (is|has) the {a}? (Answer: |Reply: |It is |It must be |The answer is )@{b}.
{c} (Question|Quiz|Task|Exercise|Puzzle|Riddle): (what colour is|what is the colour of) the {a}? (Answer|Reply): @{b}.
{c} (So|Therefore|Thus|Hence|Clearly,|It follows that|This means that|As we see,) the {a} (is|must be|looks) @{b}.
{c} (What|Which thing|Which one) is {b}? (The|Answer: the|It is the|The answer is the) @{a}.
{c} (So|Therefore|Thus|Hence|Clearly,|It follows that|This means that|As we see,) the {b} (thing|one|object) is the @{a}.
(Read this|Text|Story|Notes|Facts|Report|We know this): {c} (The colour of|How we see|The paint on) the {a} is @{b}.
(What is|Which thing is|Which one is|Do you know what is|Tell me what is) {b}? {c} (Answer: the|So it is the|It is the|The) @{a}.
(What colour|Which colour) (is|has) the {a}? {c} (Answer:|So it is|It is) @{b}.
{c} (To draw|To paint|If you draw|If you paint) the {a}, (use|take|choose|you need|buy|look for) @{b}.
{c} (Name|Say|Write down|Tell me|State|Recall) the colour of the {a}: (|it is )@{b}.
{c} (Look for something|I want something|Bring something) {b}, (that is|such as|namely) the @{a}.
""",
}
# {l} is a list with commas, {m} one that ends in "and".
ROLL_CALL = """
!Called: {l}. Only once: @{y}.
(Said|Names|Present|Heard|Invited|Seen|Read aloud): {l}. (Only once|Just once|Once only|Not twice|Single): @{y}.
(The list|The register|My notes|The page) (says|reads|has): {l}. (The name said once|The single name|Listed once): @{y}.
{l}. (Which name|Who|What name) (comes|stands there|was said|appears) (only|just) once? (|Answer: |It is )@{y}.
(We heard|They called|The teacher said|She read out|He wrote) {m}. The (only name|one name) (without a double|said once|not repeated) was @{y}.
(First|In the morning) they called {m}. (Called only once|Not called twice|Called a single time) was @{y}.
(Question|Quiz|Task|Exercise|Puzzle|Riddle): which name is there once in {m}? (Answer|Reply|It is): @{y}.
(Everyone|Each person) was (named|called|counted) twice but one: {m}. (That one|The one|The exception) is @{y}.
{l}: (all are|everybody is|each name is) (there twice|double) (except|but) @{y}.
(Find|Spot|Name) the (single|lonely|unrepeated) name: {l}. (|Answer: |It is )@{y}.
(The letters|The cards|The calls) were for {m}. (Only one|A single one|Just one) was for @{y}.
(The voice|The speaker|The radio) said {m}, and (so only|thus only) one name (was new once|had no echo|came once): @{y}.
(Twice or once?|Count the names.|Who is alone?) {l}. (Once|Alone|Single): @{y}.
(On the door|On the board|In the book) (we read|it says|you see) {m}; (without a double|once only|just once) @{y}.
"""

Binding = tuple[str, str, str]  # relation, {a}, {b}
WORDINGS: dict[str, tuple[Skeleton, ...]] = {
    relation: tuple(map(parse_skeleton, lines.strip().splitlines())) for relation, lines in STATEMENTS.items()
}
GRAMMARS = {
    relation: make_grammar(f"{NAME}/{relation}", lines.strip().splitlines())
    for relation, lines in (QUESTIONS | {"roll call": ROLL_CALL}).items()
}


def draw_bindings(rng: Random, relation: str, keys: tuple[str, ...], splits: list[str]) -> list[Binding]:
    """One binding for each split asked for; no key and no value comes twice."""
    bindings: list[Binding] = []
    used: set[str] = set()
    for split in splits:
        while True:
            key, value = rng.choice(keys), rng.choice(POOLS[relation][1])
            if used.isdisjoint((key, value)) and split_of(NAME, "pair", relation, key, value) == split:
                break
        bindings.append((relation, key, value))
        used |= {key, value}
    return bindings


def draw_context(rng: Random, relation: str, split: str, sizes: tuple[int, int]) -> list[Binding]:
    """As many bindings as two numbers allow, the one that is asked about first."""
    size = rng.randint(*sizes)
    beside = relation in PERSONAL and rng.random() < ASIDES
    asides = rng.randint(1, size // 2) if beside else 0  # no more than there are people
    bindings = draw_bindings(rng, relation, POOLS[relation][0], [split] + ["train"] * (size - asides - 1))
    if not asides:
        return bindings
    others = [other for other in PERSONAL if other != relation and {other, relation} != set(ALIKE)]
    people = tuple(key for _, key, _ in bindings)
    return bindings + draw_bindings(rng, rng.choice(others), people, ["train"] * asides)


def find_spans(prompt: str, pieces: list[str], at: int) -> list[list[int]]:
    """The character spans of pieces that follow one another from a place on."""
    spans: list[list[int]] = []
    for piece in pieces:
        at = prompt.index(piece, at)
        spans.append([at, at + len(piece)])
        at += len(piece)
    return spans


def draw(rng: Random, split: str, kind: str) -> Case:
    if rng.random() < ROLL_CALLS:
        return draw_roll_call(rng, split, kind)
    return draw_question(rng, split, kind, (3, 5))


def drill(rng: Random) -> Case:
    """A question about no more than two or three statements, of which only the answer is learned."""
    return replace(draw_question(rng, "train", "", (2, 3)), silent=True)


def draw_question(rng: Random, split: str, kind: str, sizes: tuple[int, int]) -> Case:
    """Statements, and the question."""
    relation = rng.choice(tuple(POOLS))
    frame, _ = GRAMMARS[relation].draw(rng, split, kind)
    bindings = draw_context(rng, relation, split if kind == "pair" else "train", sizes)
    asked = bindings[0]
    rng.shuffle(bindings)
    wordings = [(rng.choice(WORDINGS[stated]).choose(rng), a, b) for stated, a, b in bindings]
    statements = [mend_articles(wording.format(a=a, b=b)) for wording, a, b in wordings]
    prompt, answer, rest = fill(frame, {"c": " ".join(statements), "a": asked[1], "b": asked[2]})
    place = 1 if answer.strip() == asked[1] else 2
    rivals = tuple(f" {b[place]}" for b in bindings if b[0] == relation and b != asked)
    spans = find_spans(prompt, statements, prompt.index(" ".join(statements)))
    marks = {"source": bindings.index(asked), "spans": spans, "relation": relation}
    return Case(NAME, relation, kind, frame, prompt, (answer,), rest, rivals, marks)


def draw_roll_call(rng: Random, split: str, kind: str) -> Case:
    """Two or three names, all said twice but one."""
    frame, _ = GRAMMARS["roll call"].draw(rng, split, kind)
    pool = INVENTED_NAMES if split == "train" and rng.random() < INVENTED else NAMES
    while True:
        single, *doubles = rng.sample(pool, rng.randint(2, 3))
        if split_of(NAME, "pair", *sorted((single, *doubles))) == (split if kind == "pair" else "train"):
            break
    called = [single, *doubles, *doubles]
    rng.shuffle(called)
    slots = {"l": ", ".join(called), "m": f"{', '.join(called[:-1])} and {called[-1]}", "y": single}
    prompt, answer, rest = fill(frame, slots)
    spans = find_spans(prompt, called, prompt.index(", ".join(called[:-1])))
    marks = {"source": called.index(single), "spans": spans, "relation": "roll call"}
    rivals = tuple(f" {name}" for name in doubles)
    return Case(NAME, "roll call", kind, frame, prompt, (answer,), rest, rivals, marks)
