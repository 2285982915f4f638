"""Does the classifier rely on the words that decide a label? Replaces them and sees whether its output follows.

- Grammar: each deciding filling is replaced by one for the same slot, of the opposite polarity (the output should
  flip) or of its own (it should stay). Negators stay as they are, so "not good" becomes "not bad".
- Marked sentences: the words that the author marked are masked. The label's probability should fall by more than
  when as many other words are masked, drawn at random.

Whether the output is right is another question (evaluate.py); here it is compared with the output before.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from random import Random

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from training.abilities.sentiment import Review, Spans, mend
from training.evaluate import BATCH, CASES, generated_reviews, wilson_interval
from training.review_words import FILLINGS, OTHER
from training.reviews import CORPORA, LABELS, WORD, MarkedSentence, read

RECORDS = CORPORA / "reliance.jsonl"
DRAWS = 8  # of random words that are masked in place of the marked ones


@dataclass(frozen=True)
class Record:
    """One replacement and what the model made of it."""

    source: str  # grammar or marked
    group: str  # what is new in a review from the grammar, the label of a marked one
    text: str
    spans: Spans  # the deciding words
    label: str
    replacement: str  # the whole text
    expected: str  # flip, stay or fall
    label_before: str
    label_after: str
    fall: float  # how much of the label's probability is lost
    random_fall: float | None  # the same where random words were masked, on average
    as_expected: bool


@dataclass(frozen=True)
class Share:
    """How often the output changed as expected."""

    source: str
    expected: str
    group: str
    cases: int
    right: int
    low: float  # the ends of the 95 % interval
    high: float


@cache
def slots_of_fillings() -> dict[str, tuple[str, str]]:
    """The (polarity, slot) of each filling. A long adjective is listed as an adjective."""
    return {
        word.lower(): (polarity, slot)
        for polarity, lists in FILLINGS.items()
        for slot, words in lists.items()
        if slot != "l"
        for word in words
    }


def replace_spans(text: str, words: dict[tuple[int, int], str]) -> str:
    """The text with other words in some spans."""
    for (start, end), word in sorted(words.items(), reverse=True):
        text = text[:start] + word + text[end:]
    return text


def replace_fillings(case: Review, opposite: bool, rng: Random) -> str:
    """The review with each deciding filling replaced; the same word always by the same one."""
    known = slots_of_fillings()
    chosen: dict[str, str] = {}
    words = {}
    for start, end in case.deciding:
        word = case.text[start:end].lower()
        if word not in known:
            continue
        polarity, slot = known[word]
        if word not in chosen:
            # After "more" or "less" only a long adjective will do; it always will.
            kind = "l" if word in FILLINGS[polarity]["l"] else slot
            pool = FILLINGS[OTHER[polarity] if opposite else polarity][kind]
            chosen[word] = rng.choice([other for other in pool if other != word and other not in chosen.values()])
        words[start, end] = chosen[word]
    return mend(replace_spans(case.text, words))


def mask(text: str, spans: Iterable[tuple[int, int]], mask_token: str) -> str:
    return replace_spans(text, dict.fromkeys(spans, mask_token))


def marked_words(entry: MarkedSentence) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The spans of the words inside and outside the rationale."""
    words = [word.span() for word in WORD.finditer(entry.text)]
    inside = [(s, e) for s, e in words if any(start <= s and e <= end for start, end in entry.rationale)]
    return inside, [word for word in words if word not in inside]


@torch.no_grad()
def probabilities(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], labels: Sequence[str]
) -> list[tuple[str, float]]:
    """The model's label for each text, and the probability of the label that is asked for."""
    results: list[tuple[str, float]] = []
    for start in range(0, len(texts), BATCH):
        batch = tokenizer(list(texts[start : start + BATCH]), padding=True, truncation=True, return_tensors="pt")
        shares = model(**batch).logits.softmax(-1).tolist()
        for row, label in zip(shares, labels[start : start + BATCH], strict=True):
            results.append((model.config.id2label[row.index(max(row))], row[LABELS.index(label)]))
    return results


def check_grammar(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, split: str, count: int) -> list[Record]:
    """The generated reviews that accuracy is measured on, each replaced by both polarities."""
    rng, cases = Random(f"reliance/{split}"), generated_reviews(split, count)
    before = probabilities(model, tokenizer, [c.text for _, c in cases], [c.label for _, c in cases])
    records = []
    for expected in ("flip", "stay"):
        replaced = [replace_fillings(case, expected == "flip", rng) for _, case in cases]
        after = probabilities(model, tokenizer, replaced, [case.label for _, case in cases])
        for (kind, case), text, (old, p), (new, q) in zip(cases, replaced, before, after, strict=True):
            record = Record(
                source="grammar",
                group=kind,
                text=case.text,
                spans=case.deciding,
                label=case.label,
                replacement=text,
                expected=expected,
                label_before=old,
                label_after=new,
                fall=round(p - q, 4),
                random_fall=None,
                as_expected=(old != new) == (expected == "flip"),
            )
            records.append(record)
    return records


def check_marked(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> list[Record]:
    """The marked sentences; where fewer words are left than were marked, all that are left are masked."""
    rng = Random("reliance/marked")
    records = []
    for entry in read("marked"):
        inside, outside = marked_words(entry)
        drawn = [rng.sample(outside, min(len(inside), len(outside))) for _ in range(DRAWS)]
        texts = [entry.text, *(mask(entry.text, spans, tokenizer.mask_token) for spans in (inside, *drawn))]
        (old, p), (new, q), *others = probabilities(model, tokenizer, texts, [entry.label] * len(texts))
        fall = round(p - q, 4)
        random_fall = round(p - sum(other for _, other in others) / DRAWS, 4)
        record = Record(
            source="marked",
            group=entry.label,
            text=entry.text,
            spans=tuple((start, end) for start, end in entry.rationale),
            label=entry.label,
            replacement=texts[1],
            expected="fall",
            label_before=old,
            label_after=new,
            fall=fall,
            random_fall=random_fall,
            as_expected=fall > random_fall,
        )
        records.append(record)
    return records


def check(model_folder: Path, split: str, count: int = CASES) -> list[Record]:
    """All records of a classifier: reviews from the grammar, then the marked sentences."""
    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    model = AutoModelForSequenceClassification.from_pretrained(model_folder).eval()
    return check_grammar(model, tokenizer, split, count) + check_marked(model, tokenizer)


def summarise(records: Iterable[Record]) -> list[Share]:
    """One share for each source, expectation and group, in the order of their first record."""
    table: dict[tuple[str, str, str], list[bool]] = defaultdict(list)
    for record in records:
        table[record.source, record.expected, record.group].append(record.as_expected)
    shares = []
    for key, outcomes in table.items():
        low, high = wilson_interval(sum(outcomes), len(outcomes))
        shares.append(Share(*key, len(outcomes), sum(outcomes), round(low, 4), round(high, 4)))
    return shares


def read_records(path: Path = RECORDS) -> list[Record]:
    return [Record(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def write_records(records: Iterable[Record], path: Path = RECORDS) -> None:
    lines = [json.dumps(asdict(record), ensure_ascii=False) + "\n" for record in records]
    path.write_text("".join(lines), encoding="utf-8")
