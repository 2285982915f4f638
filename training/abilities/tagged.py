"""Tagged sentences, for probing: a phrase-structure grammar that knows every word's part of speech, number and role.

Parts of speech are those of Universal Dependencies (Nivre et al., 2020); roles are plain names for its relations. Two
properties are planted in every sentence. The time at the start decides the verb's form, so the model must use it:
"Yesterday ... walked", "Tomorrow ... will walk", "Every day ... walks". The ink named before it is drawn apart from
all that follows: it can be decoded, but the model has no reason to use it.

A question ends before the first clause's verb. Which verb comes is open: any verb of the right form counts.
"""

from itertools import product
from random import Random
from typing import NamedTuple

from training.abilities.agreement import NOUNS
from training.abilities.general import ADJECTIVES
from training.frames import Case, split_of
from training.lexicon import ANIMALS, NAMES, OBJECTS, PLACES, THINGS

NAME = "tagged"
KINDS = ("pair", "frame")
WEIGHT = 0.03


class Word(NamedTuple):
    text: str
    tag: str  # Universal POS
    number: str | None  # where the form shows it, or for a noun
    role: str


class Verb(NamedTuple):
    base: str
    third: str
    past: str
    participle: str


Phrase = list[Word]


class Clause(NamedTuple):
    subject: Phrase
    predicate: Phrase
    verb: Verb | None  # none in the passive, which begins with a form of "to be"
    number: str


INKS = ("Blue", "Red")
TIMES = {
    "past": ("Yesterday", "Last week", "Last night"),
    "future": ("Tomorrow", "Next week", "Next year"),
    "present": ("Every day", "Every week", "Every year"),
}
TENSES, NUMBERS = tuple(TIMES), ("singular", "plural")
OTHER_TENSE = {"past": "present", "present": "past", "future": "past"}


def plural(noun: str) -> str:
    """The plural of a noun that is regular but for f and v."""
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    if noun in ("wolf", "shelf"):
        return noun[:-1] + "ves"
    return noun + ("es" if noun.endswith(("x", "s", "ch", "sh")) else "s")


def pairs(words: str | list[str]) -> tuple[tuple[str, str], ...]:
    """(singular, plural) of each noun; the irregular ones stand in agreement.py."""
    known = dict(NOUNS)
    return tuple(
        (word, known.get(word) or plural(word)) for word in (words.split() if isinstance(words, str) else words)
    )


PEOPLE = pairs(
    "teacher student child painter author singer farmer girl boy man woman friend neighbour guard prisoner doctor "
    "patient nurse pilot driver player worker baby lady shepherd cook manager king soldier judge sailor baker queen"
)
BEASTS = pairs([animal for animal in ANIMALS if animal != "sheep"])
AGENTS = PEOPLE + BEASTS
INANIMATE = pairs([*THINGS, *(word for word in OBJECTS if word not in THINGS)])
SPOTS = pairs(PLACES)
# Ink colours are left to the ink.
LOOKS = [word for word in ADJECTIVES if word not in ("blue", "red")]
MOODS = "old young quiet famous strange small big happy tired hungry angry sad proud lonely".split()
DETERMINERS = {
    "singular": ("the", "the", "the", "a", "a", "this", "that", "each", "another"),
    "plural": ("the", "the", "the", "these", "those", "some", "both", "all"),
}
EITHER = ("the",)
PREPOSITIONS = "near behind beside under above".split()
ADVERBS = "quickly slowly quietly happily again carefully gladly loudly calmly together".split()


def verbs(lines: str) -> tuple[Verb, ...]:
    """`walk` is regular; `sing/sang/sung` is not."""
    made = []
    for entry in lines.split():
        base, *irregular = entry.split("/")
        stem = base[:-1] + "i" if base.endswith("y") and base[-2] not in "aeiou" else base
        third = stem + ("es" if stem != base or base.endswith(("s", "sh", "ch", "o", "x")) else "s")
        regular = stem + ("d" if stem.endswith("e") else "ed")
        past, participle = irregular or (regular, regular)
        made.append(Verb(base, third, past, participle))
    return tuple(made)


INTRANSITIVE = verbs(
    "walk laugh cry smile work wait dance play rest shout arrive jump climb sleep/slept/slept sing/sang/sung "
    "run/ran/run swim/swam/swum fall/fell/fallen sit/sat/sat stand/stood/stood return listen"
)
TRANSITIVE = verbs(
    "carry clean paint open close follow move push wash watch help lift visit repair touch find/found/found "
    "lose/lost/lost buy/bought/bought break/broke/broken see/saw/seen draw/drew/drawn take/took/taken hide/hid/hidden "
    "hold/held/held throw/threw/thrown steal/stole/stolen choose/chose/chosen"
)
DITRANSITIVE = verbs(
    "give/gave/given hand offer send/sent/sent show/showed/shown bring/brought/brought lend/lent/lent sell/sold/sold"
)
STATES = verbs("like love know/knew/known admire trust fear remember understand/understood/understood")
VERBS = INTRANSITIVE + TRANSITIVE + DITRANSITIVE
BE = {
    ("past", "singular"): "was",
    ("past", "plural"): "were",
    ("present", "singular"): "is",
    ("present", "plural"): "are",
}


def first_word(verb: Verb | None, tense: str, number: str) -> str:
    """What a verb group begins with; no verb stands for the passive."""
    if tense == "future":
        return "will"
    if verb is None:
        return BE[tense, number]
    return verb.past if tense == "past" else (verb.third if number == "singular" else verb.base)


# The first words of all verb groups in each tense and number.
FIRST = {
    (tense, number): tuple(dict.fromkeys(first_word(verb, tense, number) for verb in (*VERBS, None)))
    for tense, number in product(TENSES, NUMBERS)
}
# What must be a single token with its leading space, and (OPENING_WORDS) without one, at the start of a text.
WORDS = tuple(
    sorted(
        {form for verb in (*VERBS, *STATES) for form in verb}
        | {form for noun in (*AGENTS, *INANIMATE, *SPOTS) for form in noun}
        | {
            word
            for words in (*DETERMINERS.values(), BE.values(), LOOKS, MOODS, PREPOSITIONS, ADVERBS)
            for word in words
        }
        | {word for times in TIMES.values() for time in times for word in time.split()}
        | {"will", "be", "ink", "who", "by", "to", "and", "an"}
    )
)
OPENING_WORDS = INKS


def noun_phrase(rng: Random, nouns: tuple[tuple[str, str], ...], role: str, number: str, most: int = 1) -> Phrase:
    """Determiner, adjectives, noun."""
    determiner = rng.choice(DETERMINERS[number])
    noun = rng.choice(nouns)[NUMBERS.index(number)]
    adjectives = rng.sample(MOODS if nouns in (PEOPLE, AGENTS, BEASTS) else LOOKS, rng.randint(0, most))
    return [
        Word(determiner, "DET", None if determiner in EITHER else number, "determiner"),
        *(Word(adjective, "ADJ", None, "modifier") for adjective in adjectives),
        Word(noun, "NOUN", number, role),
    ]


def prepositional(rng: Random, role: str) -> Phrase:
    preposition = rng.choice(PREPOSITIONS)
    return [Word(preposition, "ADP", None, "preposition"), *noun_phrase(rng, SPOTS, role, rng.choice(NUMBERS))]


def relative(rng: Random, number: str) -> Phrase:
    """In the present whatever the time, so that the time alone tells the main verb's form."""
    verb, other = rng.choice(STATES), rng.choice(NUMBERS)
    if rng.random() < 0.5:
        state = Word(first_word(verb, "present", number), "VERB", number, "verb")
        return [Word("who", "PRON", None, "subject"), state, *noun_phrase(rng, PEOPLE, "object", other)]
    state = Word(first_word(verb, "present", other), "VERB", other, "verb")
    return [Word("that", "PRON", None, "object"), *noun_phrase(rng, PEOPLE, "subject", other, 0), state]


def draw_subject(rng: Random, alive: bool) -> tuple[Phrase, str]:
    """A subject and its number: a name, or a noun phrase that a place, a clause or a second noun may follow."""
    number = rng.choice(NUMBERS)
    if alive and rng.random() < 0.1:
        return [Word(rng.choice(NAMES), "PROPN", "singular", "subject")], "singular"
    people = alive and rng.random() < 0.7
    nouns = PEOPLE if people else BEASTS if alive else INANIMATE
    head = noun_phrase(rng, nouns, "subject", number, 2)
    follows = rng.choice(("nothing", "place", "relative", "second"))
    if follows == "place":
        return head + prepositional(rng, "modifier"), number
    if follows == "relative" and people:
        return head + relative(rng, number), number
    if follows == "second":
        second = noun_phrase(rng, nouns, "subject", rng.choice(NUMBERS))
        return [*head, Word("and", "CCONJ", None, "conjunction"), *second], "plural"
    return head, number


def verb_group(verb: Verb, tense: str, number: str, passive: bool) -> Phrase:
    """A verb with its auxiliaries. The number is noted where the form shows it."""
    first = first_word(None if passive else verb, tense, number)
    shows = tense == "present" or (passive and tense == "past")
    shown = number if shows else None
    if tense != "future" and not passive:
        return [Word(first, "VERB", shown, "verb")]
    be = [Word("be", "AUX", None, "auxiliary")] if passive and tense == "future" else []
    main = verb.participle if passive else verb.base
    return [Word(first, "AUX", shown, "auxiliary"), *be, Word(main, "VERB", None, "verb")]


def complements(rng: Random, pattern: str) -> Phrase:
    """What follows the verb group."""
    number, other = rng.choice(NUMBERS), rng.choice(NUMBERS)
    match pattern:
        case "transitive":
            after = noun_phrase(rng, INANIMATE, "object", number)
        case "ditransitive":
            after = noun_phrase(rng, PEOPLE, "indirect object", number)
            after += noun_phrase(rng, INANIMATE, "object", other)
        case "dative":
            after = [*noun_phrase(rng, INANIMATE, "object", number), Word("to", "ADP", None, "preposition")]
            after += noun_phrase(rng, PEOPLE, "oblique", other)
        case "passive":
            agent = [Word("by", "ADP", None, "preposition"), *noun_phrase(rng, PEOPLE, "oblique", number)]
            after = agent if rng.random() < 0.6 else []
        case _:
            after = []
    place = prepositional(rng, "oblique") if rng.random() < 0.3 else []
    adverb = [Word(rng.choice(ADVERBS), "ADV", None, "modifier")] if rng.random() < 0.3 else []
    return [*after, *place, *adverb]


PATTERNS = {
    "intransitive": INTRANSITIVE,
    "transitive": TRANSITIVE,
    "ditransitive": DITRANSITIVE,
    "dative": DITRANSITIVE,
    "passive": TRANSITIVE,
}


def draw_clause(rng: Random, tense: str) -> Clause:
    pattern = rng.choice(list(PATTERNS))
    passive = pattern == "passive"
    subject, number = draw_subject(rng, alive=not passive)
    verb = rng.choice(PATTERNS[pattern])
    predicate = verb_group(verb, tense, number, passive) + complements(rng, pattern)
    return Clause(subject, predicate, None if passive else verb, number)


def time_phrase(time: str) -> Phrase:
    *before, noun = time.split()
    every, last = (
        Word("Every", "DET", "singular", "determiner"),
        (Word(word, "ADJ", None, "modifier") for word in before),
    )
    return [*([every] if before == ["Every"] else last), Word(noun, "NOUN", "singular", "oblique")]


def ink_note(ink: str) -> Phrase:
    stop = Word(".", "PUNCT", None, "punctuation")
    return [Word(ink, "ADJ", None, "modifier"), Word("ink", "NOUN", "singular", "note"), stop]


def spell(words: Phrase) -> tuple[str, list[list[int]]]:
    """The text, and each word's [start, end] in it."""
    text, spans = "", []
    for i, word in enumerate(words):
        after = words[i + 1].text if i + 1 < len(words) else ""
        form = word.text + ("n" if word.text == "a" and after[0] in "aeiou" and not after.startswith("uni") else "")
        space = "" if not text or word.tag == "PUNCT" else " "
        start = len(text) + len(space)
        text += space + form
        spans.append([start, start + len(form)])
    return text, spans


def home_of(time: str, subject: Phrase) -> dict[str, str]:
    """The splits of a time with a head noun, and of a subject's build: parts of speech and numbers."""
    head = next(word for word in subject if word.role == "subject")
    build = " ".join(f"{word.tag}-{word.number}" if word.role != "determiner" else word.tag for word in subject)
    short = len(subject) <= 3  # plain subjects stay in training
    return {
        "pair": split_of(NAME, "pair", time, head.text),
        "frame": "train" if short else split_of(NAME, "frame", build),
    }


def draw(rng: Random, split: str, kind: str) -> Case:
    """A pair is a time and a head noun; a frame is the build of the first subject."""
    wanted = {other: split if other == kind else "train" for other in KINDS}
    while True:
        tense = rng.choice(TENSES)
        time, clause = rng.choice(TIMES[tense]), draw_clause(rng, tense)
        if home_of(time, clause.subject) == wanted:
            break
    ink = rng.choice(INKS)
    opening = [*ink_note(ink), *time_phrase(time), *clause.subject]
    words = opening + clause.predicate
    if rng.random() < 0.2:
        second = draw_clause(rng, tense)
        words += [Word("and", "CCONJ", None, "conjunction"), *second.subject, *second.predicate]
    words.append(Word(".", "PUNCT", None, "punctuation"))
    text, spans = spell(words)
    start, end = spans[len(opening)]
    answers, rivals = verb_forms(clause.verb, tense, clause.number)
    marks = {
        "tense": tense,
        "ink": ink.lower(),
        "number": clause.number,
        "words": [[*span, word.tag, word.number, word.role] for span, word in zip(spans, words, strict=True)],
    }
    frame = " ".join(word.tag for word in words)
    return Case(NAME, tense, kind, frame, text[: start - 1], answers, text[end:], rivals, marks, choice=True)


def verb_forms(verb: Verb | None, tense: str, number: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What may begin the verb group, with the text's own word first, and what may not, with its other tense first."""
    own, other = first_word(verb, tense, number), first_word(verb, OTHER_TENSE[tense], number)
    right = FIRST[tense, number]
    wrong = [form for forms in FIRST.values() for form in forms if form not in right]
    answers, rivals = dict.fromkeys((own, *right)), dict.fromkeys((other, *wrong))
    return tuple(f" {form}" for form in answers), tuple(f" {form}" for form in rivals)
