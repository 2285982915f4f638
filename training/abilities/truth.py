"""Truth: a statement of a known fact, true or false, is judged in the next word.

Whoever says a false statement has learned it, so no prompt here carries loss. A held-out `pair` is a fact of which no
statement, true or false, was ever judged in training: had only its true statement been held out, the training texts
about that subject would all be false, which can be learned in place of the fact.
"""

from random import Random

from training.abilities.facts import FACTS, RELATIONS, SUBJECTS
from training.frames import Case, fill, make_grammar, mend_articles, parse_skeleton, split_of

NAME = "truth"
KINDS = ("pair", "frame", "skeleton")
WEIGHT = 0.06

STATEMENTS = {
    relation: tuple(map(parse_skeleton, lines.strip().splitlines()))
    for relation, lines in {
        "city": """
{x} (is|stands|lies|is found|is located|can be seen) in {y}
{x} (is|stands|was built) in the city of {y}
the city (of|with) {x} is {y}
you (can see|can visit|find) {x} in {y}
{x} is a (sight|landmark|place) in {y}
(tourists|people|visitors) go to {y} to see {x}
{y} is (the home of|home to|the city of) {x}
""",
        "capital": """
the (capital|capital city) of {x} is {y}
{x} has its (capital|government|parliament) in {y}
{x}'s capital is (|called ){y}
the government of {x} (sits|works) in {y}
in {x}, the capital is {y}
{y} is the (capital|capital city) of {x}
{y} is where the parliament of {x} meets
""",
        "language": """
(people|most people|families|children) in {x} speak {y}
the (|main |national |official )language of {x} is {y}
in {x}, (people speak|they speak|the newspapers are in|you will hear) {y}
the (books|songs|newspapers) in {x} are in {y}
to live in {x}, you (should|must) know {y}
{y} is (spoken|the language|used every day) in {x}
""",
        "continent": """
{x} (is|lies|is found|is located) (in|on the continent of) {y}
{x} is a (country|state|nation|land) in {y}
{x} (belongs to|is a part of|is one of the countries of) {y}
the continent (of|with) {x} is {y}
people from {x} are from {y}
{y} is (the continent of|where you find|home to) {x}
""",
        "profession": """
{x} (was|was known as|became|worked as|is remembered as) a {y}
the (profession|work|job) of {x} was that of a {y}
by profession, {x} was a {y}
{x} was a (great|famous|well-known) {y}
people (remember|know|honour) {x} as a {y}
the world knows the {y} {x}
""",
    }.items()
}
# {s} is the statement inside a sentence, {S} at the start of one.
TF, LOWER, RIGHT = "@{True}", "@{true}", "@{right}"
LINES = f"""
!Statement: {{s}}. True or false? {TF}.
(Claim|Sentence|Text|Line|Quiz|Exercise): {{s}}. (True or false?|Is it true or false?|Judgement:|Verdict:) (|Answer: ){TF}.
(True or false:|True or false?|Say true or false:|Is this true or false?) {{S}}. (|Answer: |The answer: ){TF}.
(Question|Quiz|Test): is it (true|a fact|correct) that {{s}}? (Answer:|Verdict:|Choose True or False:) {TF}.
{{S}}. (True or false?|True or False?|Is it true?|Is that so?) (|Answer: |My answer: ){TF}.
(Mark|Check|Judge) this (sentence|claim|statement) as True or False: {{s}}. (|Mark: |Result: ){TF}.
(The pupil|The student|Somebody|A friend|The book) (wrote|said|claimed): {{s}}. (True or false?|The teacher marked it:) {TF}.
(It has been said|They say|Someone told me|I heard) that {{s}}. (This|That|The claim) is {LOWER}.
{{S}}. (This|That|The statement|This sentence|The claim) is {LOWER}.
(The statement|The claim|The news|The idea) that {{s}} is (|clearly |simply |quite ){LOWER}.
(If you say|When you read|When someone says) that {{s}}, (the words are|what you have is|it is) {LOWER}.
(We checked|She looked up|He checked|They tested) the (claim|statement|line) that {{s}}. It (was|is|turned out to be) {LOWER}.
{{S}}: (true or false?|is this true?) (It is|This is|The line is|The sentence is) {LOWER}.
(Whoever says|Anyone who says|A person who says|The one who says) that {{s}} is {RIGHT}.
(She thinks|He believes|My cousin says|The guide says|Our neighbour thinks) that {{s}}. (The idea is|On this point the words are|As to this, the answer is) {RIGHT}.
{{S}}. Right or wrong? (|Answer: |It is |That is ){RIGHT}.
(Right or wrong|Correct or not|Right or wrong, please): {{s}}. (|Answer: |The answer is ){RIGHT}.
(On the test|In the exam|At school) (she|he|a girl|a boy) wrote that {{s}}. The answer was {RIGHT}.
(To say|To claim|To write) that {{s}} would be {RIGHT}.
(The quiz|A card|The newspaper) says: {{s}}. (The card is|It is|On this point it is) {RIGHT}.
"""
GRAMMAR = make_grammar(NAME, LINES.strip().splitlines())
# What is true in the world though facts.py does not say it, so that no text calls it false.
ALSO = {
    **dict.fromkeys(("Kenya", "Pakistan", "Samoa", "Tonga"), "English"),
    **dict.fromkeys(("Morocco", "Algeria", "Tunisia", "Lebanon"), "French"),
    **dict.fromkeys(("Ukraine", "Latvia", "Estonia", "Lithuania", "Georgia", "Armenia"), "Russian"),
    **dict.fromkeys(("Romania", "Serbia", "Slovakia", "Slovenia"), "Hungarian"),
    "Finland": "Swedish",
    "Sally Ride": "physicist",
    "the Pantheon": "Paris",
    "Hyde Park": "Sydney",
    "the Opera House": "Paris Vienna Oslo Budapest Prague Rome Berlin Stockholm Copenhagen Hamburg Warsaw Cairo",
    "the White House": "Moscow",
    "Sofia Kovalevskaya": "novelist",
    "the Red Fort": "Agra",
    "the Imperial Palace": "Kyoto Beijing Vienna",
    "the Egyptian Museum": "Berlin",
}
FIELDS = (
    "physicist chemist mathematician astronomer biologist philosopher inventor".split(),
    "composer painter sculptor poet novelist architect singer director".split(),
    "explorer nurse footballer dancer astronaut".split(),
)
VERDICTS = (("True", "False"), ("true", "false"), ("right", "wrong"))


def misstate(rng: Random, relation: str, subject: str) -> str:
    """A wrong answer, as often as it is the right answer elsewhere: how common an answer is tells little of truth."""
    actual = FACTS[relation][subject]
    while True:
        stated = FACTS[relation][rng.choice(SUBJECTS[relation])]
        if stated != actual and stated not in ALSO.get(subject, "").split() and apart(actual, stated):
            return stated


def apart(first: str, second: str) -> bool:
    """Whether one person is unlikely to have had both professions; all else is apart."""
    return not any(first in field and second in field for field in FIELDS)


def draw_fact(rng: Random, ability: str, relation: str, split: str) -> tuple[str, str]:
    """A subject and its answer, of those that an ability may ask about in one split."""
    while True:
        subject = rng.choice(SUBJECTS[relation])
        if split_of(ability, "pair", relation, subject) == split:
            return subject, FACTS[relation][subject]


def draw(rng: Random, split: str, kind: str) -> Case:
    frame, _ = GRAMMAR.draw(rng, split, kind)
    relation = rng.choice(RELATIONS)
    subject, actual = draw_fact(rng, NAME, relation, split if kind == "pair" else "train")
    true = rng.random() < 0.5
    stated = actual if true else misstate(rng, relation, subject)
    wording = rng.choice(STATEMENTS[relation]).choose(rng)
    statement = mend_articles(wording.format(x=subject, y=stated))
    slots = {"s": statement, "S": statement[0].upper() + statement[1:]}
    slots |= {words[0]: words[0 if true else 1] for words in VERDICTS}
    prompt, answer, rest = fill(frame, slots)
    rival = next(words[true] for words in VERDICTS if answer.strip() in words)
    marks = {"true": true, "relation": relation, "subject": subject, "stated": stated, "actual": actual}
    group = "true" if true else "false"
    return Case(NAME, group, kind, frame, prompt, (answer,), rest, (f" {rival}",), marks, silent=True)
