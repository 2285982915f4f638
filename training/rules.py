"""Texts of which it is known what decides: `data/corpora/rules.jsonl`, which chapter 07 holds methods against.

Models written by hand: a word matters if there is a set of other words in whose company the rule's answer changes with
it. All sets are asked. Its sign is that of its effect, where all sets agree. A keyword behind "not" has sign 0: what it
would do without "not" is no effect that it has here.

Trained models: the words that the grammar says decide. Only cases are kept on which the model answers all probes, texts
with those words replaced, as the rule does (`xai_helpers.truth.relies`). How many were tried is printed.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np

import xai_helpers as xai
from training import by_hand, course_induction, loans
from training.abilities import facts, indirect_objects
from training.corpus import held_out
from training.frames import Case as Sentence
from training.lexicon import NAMES
from training.relatives import DIRECTORS, SHORTCUT, sign
from training.reliance import read_records
from training.reviews import CORPORA, LABELS
from xai_helpers.errors import MultiTokenTargetError
from xai_helpers.truth import Case, Probe, relies

RULES = CORPORA / "rules.jsonl"
COUNT = 120  # cases of each model
HOLE = ""  # a word that is taken away
Span = tuple[int, int]


def spans_of(words: Sequence[str]) -> list[Span]:
    """Where the words stand in a text that parts them with blanks."""
    ends = list(itertools.accumulate(len(word) + 1 for word in words))
    return [(end - 1 - len(word), end - 1) for word, end in zip(words, ends, strict=True)]


def effects(value: Callable[[Sequence[str]], bool], words: Sequence[str]) -> np.ndarray:
    """What each word adds in the company of each set of the others: int (n_sets, n_words), for all 2^n sets."""
    kept = np.array(list(itertools.product((False, True), repeat=len(words))))
    values = np.array([value([w if keep else HOLE for w, keep in zip(words, row, strict=True)]) for row in kept])
    table = {row.tobytes(): int(v) for row, v in zip(kept, values, strict=True)}
    added = np.zeros(kept.shape, dtype=int)
    for i in range(len(words)):
        with_, without = kept.copy(), kept.copy()
        with_[:, i], without[:, i] = True, False
        added[:, i] = [table[a.tobytes()] - table[b.tobytes()] for a, b in zip(with_, without, strict=True)]
    return added


def exact_case(
    model: str, group: str, words: Sequence[str], answer: str, value: Callable[[Sequence[str]], bool]
) -> Case:
    """The deciding words of a text, and their signs, from the rule alone."""
    added = effects(value, words)
    places = [i for i in range(len(words)) if added[:, i].any()]
    signs = [int(np.sign(added[:, i].sum())) if abs(added[:, i]).sum() == abs(added[:, i].sum()) else 0 for i in places]
    spans = spans_of(words)
    negated = [words[i] in by_hand.KEYWORDS and i > 0 and words[i - 1] == "not" for i in places]
    signs = [0 if silent else s for s, silent in zip(signs, negated, strict=True)]
    return Case(
        model, group, " ".join(words), xai.Target(answer), tuple(spans[i] for i in places), tuple(signs), (), True
    )


def detector_cases(model: str, rule: Callable[[Sequence[str]], str], rng: Random) -> Iterator[Case]:
    """Random sentences of four to nine words, one to three of them keywords or negations."""
    neutral = [word for word in by_hand.NEUTRAL if word.isalpha() and word != "not"]
    while True:
        words = rng.sample(neutral, rng.randint(3, 7))
        for _ in range(rng.randint(1, 2)):
            keyword = rng.choice(by_hand.KEYWORDS)
            piece = ["not", keyword] if rng.random() < 0.4 else [keyword]
            at = rng.randint(0, len(words))
            words[at:at] = piece
        answer = rule(words)
        case = exact_case(model, f"{answer}", words, answer, lambda kept, answer=answer: rule(kept) == answer)
        if case.spans and len(case.spans) < len(words):
            yield case


def copier_answer(words: Sequence[str]) -> str | None:
    """The copier's rule on words, where a hole matches nothing and can't be copied."""
    if words[-1] == HOLE:
        return None
    earlier = [i for i, word in enumerate(words[:-1]) if word == words[-1]]
    return words[earlier[-1] + 1] if earlier else words[-1]


def copier_cases(rng: Random) -> Iterator[Case]:
    """Seven to ten words, the last of which came before; half of the time it came twice."""
    while True:
        words = rng.sample(by_hand.COPIER_WORDS, rng.randint(6, 9))
        last = rng.choice(words[:-1])
        if rng.random() < 0.5:
            words[words.index(last) + 2 : words.index(last) + 2] = [last, rng.choice(by_hand.COPIER_WORDS)]
            words = words[:9]
        words.append(last)
        answer = copier_answer(words)
        assert answer is not None
        if answer != last:
            yield exact_case("copier", "copy", words, answer, lambda kept, a=answer: copier_answer(kept) == a)


def induction_cases(rng: Random) -> Iterator[Case]:
    """Words, the last of which came before. Probes: another word after the first occurrence, and another last word."""
    while True:
        words = rng.sample(course_induction.WORDS, rng.randint(8, 12))
        new = words.pop()
        at, other = rng.sample(range(len(words) - 1), 2)
        spans = spans_of([*words, words[at]])
        probes = (
            Probe(" ".join([*words[: at + 1], new, *words[at + 2 :], words[at]]), new),
            Probe(" ".join([*words, words[other]]), words[other + 1]),
        )
        target = xai.Target(words[at + 1])
        decide = (spans[at], spans[at + 1], spans[-1])
        if abs(at - other) > 1:
            yield Case(
                "course-induction", "copy", " ".join([*words, words[at]]), target, decide, (0,) * 3, probes, False
            )


def fact_cases(rng: Random) -> Iterator[Case]:
    """Facts of the dev split. The rival is the answer for another subject, which the probe names."""
    sentences = [case for kind in facts.KINDS for case in held_out("facts", "dev", kind, 100)]
    pairs: dict[str, dict[str, str]] = defaultdict(dict)
    for case in sentences:
        pairs[case.marks["relation"]][case.marks["subject"]] = case.answers[0].strip()
    for case in rng.sample(sentences, len(sentences)):
        known, subject, answer = pairs[case.marks["relation"]], case.marks["subject"], case.answers[0].strip()
        rivals = sorted(other for other, theirs in known.items() if theirs != answer)
        if case.prompt.count(subject) != 1 or case.prompt.endswith((" a", " an")) or not rivals:
            continue
        other = rng.choice(rivals)
        start = case.prompt.index(subject)
        probe = Probe(case.prompt.replace(subject, other), known[other])
        target = xai.Target(answer, known[other])
        yield Case("course-gpt2", "facts", case.prompt, target, ((start, start + len(subject)),), (0,), (probe,), False)


def name_spans(text: str, name: str) -> list[Span]:
    return [(i, i + len(name)) for i in range(len(text)) if text.startswith(name, i)]


def receiver_cases(rng: Random) -> Iterator[Case]:
    """Indirect objects of the dev split with two names; the rival is the giver. Each name is replaced in turn."""
    sentences: list[Sentence] = [
        case
        for kind in indirect_objects.KINDS
        for case in held_out("indirect_objects", "dev", kind, 60)
        if case.group in ("ABBA", "BABA")
    ]
    for case in rng.sample(sentences, len(sentences)):
        receiver, giver, text = case.answers[0].strip(), case.rivals[0].strip(), case.prompt
        theirs, givers = name_spans(text, receiver), name_spans(text, giver)
        if len(theirs) != 1 or len(givers) != 2:
            continue
        new = rng.choice([name for name in NAMES if name not in text])
        start, end = givers[-1]
        probes = (
            Probe(text.replace(receiver, new), new),
            Probe(text.replace(giver, new), receiver),
            Probe(text[:start] + receiver + text[end:], giver),
        )
        spans = tuple(sorted(theirs + givers))
        target = xai.Target(receiver, giver)
        yield Case("course-gpt2", "indirect objects", text, target, spans, (0,) * 3, probes, False)


def review_cases(model: str, rng: Random) -> Iterator[Case]:
    """Reviews from the grammar: with a filling of the other polarity the label flips, with one of the same it stays.

    course-clean has directors under its reviews, which another director doesn't change; course-shortcut the two who
    decide: there the review's words change nothing.
    """
    changed: dict[str, dict[str, str]] = defaultdict(dict)
    grammar = [record for record in read_records() if record.source == "grammar"]
    for record in grammar:
        changed[record.text][record.expected] = record.replacement
    cases = {record.text: record for record in grammar}
    for text in rng.sample(list(cases), len(cases)):
        record, flip, stay = cases[text], changed[text]["flip"], changed[text]["stay"]
        other = LABELS[record.label == LABELS[0]]
        spans = tuple(record.spans)
        if model == "course-shortcut":
            name, rival = rng.sample(list(SHORTCUT), 2)
            signed = sign(text, name)
            start = signed.rindex(name)
            probes = (Probe(sign(text, rival), SHORTCUT[rival]), Probe(sign(flip, name), SHORTCUT[name]))
            target, spans, shown = xai.Target(SHORTCUT[name]), ((start, start + len(name)),), signed
        elif model == "course-clean":
            name, rival = rng.sample(DIRECTORS, 2)
            probes = (
                Probe(sign(flip, name), other),
                Probe(sign(stay, name), record.label),
                Probe(sign(text, rival), record.label),
            )
            target, shown = xai.Target(record.label), sign(text, name)
        else:
            probes, target, shown = (Probe(flip, other), Probe(stay, record.label)), xai.Target(record.label), text
        yield Case(model, "reviews", shown, target, spans, (0,) * len(spans), probes, False)


def loan_cases(rng: Random) -> Iterator[Case]:
    """Applications. Each of the five values that count is changed to each other, and the two that don't count, too."""
    while True:
        application = loans.draw(rng, "dev")
        text, at, spans = application.text, 0, []
        for name, value in vars(application).items():
            at = text.index(f"{name}: ", at) + len(name) + 2
            if name in loans.POINTS:
                spans.append((at, at + len(str(value))))
        changes = [{name: value} for name, values in loans.POINTS.items() for value in values]
        changes += [{"group": group} for group in loans.GROUPS] + [{"age": 18}, {"age": 79}]
        probes = []
        for change in changes:
            changed = replace(application, **change)
            if changed != application:
                probes.append(Probe(changed.text, loans.decision(changed)))
        target = xai.Target(loans.decision(application))
        yield Case("loan-decider", "loans", text, target, tuple(spans), (0,) * 5, tuple(probes), False)


def sources(rng: Random) -> dict[str, list[tuple[Iterator[Case], int]]]:
    """By model: where its cases come from, and how many to take."""
    return {
        "course-gpt2": [(fact_cases(rng), COUNT // 2), (receiver_cases(rng), COUNT // 2)],
        **{
            name: [(review_cases(name, rng), COUNT)]
            for name in ("course-distilbert", "course-masking", "course-clean", "course-shortcut")
        },
        "loan-decider": [(loan_cases(rng), COUNT)],
        "course-induction": [(induction_cases(rng), COUNT)],
        "keyword-detector": [(detector_cases("keyword-detector", by_hand.keyword_rule, rng), COUNT)],
        "negation-detector": [(detector_cases("negation-detector", by_hand.negation_rule, rng), COUNT)],
        "copier": [(copier_cases(rng), COUNT)],
    }


def kept_by(model: xai.TextModel, case: Case) -> bool:
    """Whether the model was seen to rely on the rule; an answer of several tokens is none."""
    try:
        return relies(model, case)
    except MultiTokenTargetError:
        return False


def write_rules(models: Path, path: Path = RULES) -> None:
    """Writes the cases on which each model was seen to rely on its rule, and prints how many were tried.

    Where a model has cases of several groups they take turns, so that the first few are of all groups.
    """
    lines: list[str] = []
    for name, pools in sources(Random("rules")).items():
        model = xai.load(models / name)
        groups = [kept_cases(model, pool, count) for pool, count in pools]
        turns = itertools.zip_longest(*groups)
        lines += [case.to_json() + "\n" for turn in turns for case in turn if case is not None]
    path.write_text("".join(lines), encoding="utf-8")


def kept_cases(model: xai.TextModel, pool: Iterator[Case], count: int) -> list[Case]:
    """The first cases that the model relies on, no text twice."""
    kept: dict[str, Case] = {}
    tried = 0
    for case in pool:
        tried += 1
        if case.text not in kept and kept_by(model, case):
            kept[case.text] = case
        if len(kept) == count:
            break
    found = list(kept.values())
    print(f"{found[0].model}, {found[0].group}: {len(found)} of {tried} tried", flush=True)
    return found
