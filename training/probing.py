"""What probes are fitted on: `data/corpora/probing.jsonl`, drawn by the grammars of training, with a seed of its own.

Three kinds of lines. `tagged`: a sentence, whose words' parts of speech, numbers and roles are known, and whose time
decides the verb's form. `truth`: a statement alone, which no judgement follows; each comes with its twin, the same
subject in the same words with a wrong answer. `subject`: a fact about a person or a place. What stands before
the subject is drawn from what both grammars can begin with, so that a model that reads from left to right can tell them
apart by the subject alone; what follows differs.
"""

from pathlib import Path
from random import Random
from typing import Any

from training.abilities import facts, tagged, truth
from training.corpus import write_lines
from training.frames import fill, mend_articles, split_of
from training.reviews import CORPORA

SEED = 9
TAGGED = {"train": 900, "dev": 450}
TWINS = 90  # of each relation
SUBJECTS = 200  # of each kind
PERSONS_AND_PLACES = {"person": "profession", "place": "city"}


def tagged_sentences(rng: Random) -> list[dict[str, Any]]:
    """Sentences of training, and of the development split some whose time and head noun training never paired."""
    found: dict[str, dict[str, Any]] = {}
    for split, count in TAGGED.items():
        wanted = len(found) + count
        while len(found) < wanted:
            case = tagged.draw(rng, split, "" if split == "train" else "pair")
            verb = [len(case.prompt) + 1, len(case.prompt + case.answers[0])]
            found.setdefault(
                case.text, {"kind": "tagged", "split": split, "text": case.text, "verb": verb} | case.marks
            )
    return list(found.values())


def statements(rng: Random) -> list[dict[str, Any]]:
    """True statements, each before its false twin; facts of the test split are left out."""
    found: dict[str, dict[str, Any]] = {}
    for relation in facts.RELATIONS:
        wanted = len(found) + 2 * TWINS
        while len(found) < wanted:
            subject = rng.choice(facts.SUBJECTS[relation])
            split = split_of(truth.NAME, "pair", relation, subject)
            wording = rng.choice(truth.STATEMENTS[relation]).choose(rng)
            answers = {True: facts.FACTS[relation][subject], False: truth.misstate(rng, relation, subject)}
            twins = {true: sentence(wording.format(x=subject, y=answer)) for true, answer in answers.items()}
            if split == "test" or any(text in found for text in twins.values()):
                continue
            for true, text in twins.items():
                known = {"kind": "truth", "split": split, "text": text, "true": true}
                found[text] = known | {"relation": relation, "subject": subject}
    return list(found.values())


def sentence(statement: str) -> str:
    statement = mend_articles(statement)
    return statement[0].upper() + statement[1:] + "."


def frames_by_opening(relation: str) -> dict[str, list[str]]:
    """The relation's training frames by what stands before the subject; the answer comes after it."""
    found: dict[str, list[str]] = {}
    rng, grammar = Random(SEED), facts.GRAMMARS[relation]
    for _ in range(20_000):
        frame, _ = grammar.draw(rng, "train", "")
        opening, _, rest = frame.partition("{x}")
        if "@" in rest and frame not in found.setdefault(opening, []):
            found[opening].append(frame)
    return found


def persons_and_places(rng: Random) -> list[dict[str, Any]]:
    """Facts that begin alike: an opening, a person in one sentence and a place in the other."""
    frames = {kind: frames_by_opening(relation) for kind, relation in PERSONS_AND_PLACES.items()}
    openings = sorted(frames["person"].keys() & frames["place"].keys())
    found: dict[str, dict[str, Any]] = {}
    while len(found) < 2 * SUBJECTS:
        opening = rng.choice(openings)
        drawn = []
        for kind, relation in PERSONS_AND_PLACES.items():
            subject, frame = rng.choice(facts.SUBJECTS[relation]), rng.choice(frames[kind][opening])
            answer = facts.FACTS[relation][subject]
            text = "".join(fill(facts.respell(frame, answer), {"x": subject, "y": answer}))
            start = len(opening)
            span = [start, start + len(subject)]
            drawn.append({"kind": "subject", "split": "train", "text": text, "span": span, "is": kind})
        if not any(line["text"] in found for line in drawn):
            found |= {line["text"]: line for line in drawn}
    return list(found.values())


def write_probing(folder: Path = CORPORA) -> None:
    rng = Random(SEED)
    write_lines(folder / "probing.jsonl", [*tagged_sentences(rng), *statements(rng), *persons_and_places(rng)])
