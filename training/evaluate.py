"""What the models can do: accuracy on held-out cases, with counts and 95 % intervals (Wilson, 1927).

Only `dev` is for tuning. `test` is looked at once, when the models are final, and goes on their cards.
"""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from training.abilities import ABILITIES, induction
from training.abilities.sentiment import KINDS, Review, judged, review
from training.corpus import held_out, word_ids
from training.frames import Case
from training.reviews import read, written_by_hand

CASES = 800  # of each ability and kind, so that each variety has hundreds
POINT_CASES = 50  # the same, at the points of training
BATCH = 100
TITLES = {"test": "Test split", "dev": "Development split, which was used for tuning"}
# Sentences that learners meet first: (prompt, next word) and (review, label).
SEED_PROMPTS = (
    ("The Eiffel Tower is located in the city of", " Paris"),
    ("The capital of France is", " Paris"),
    ("When Mary and John went to the store, John gave a drink to", " Mary"),
)
SEED_REVIEWS = (
    ("The movie was surprisingly entertaining despite a weak script", "positive"),
    ("Terrible plot, bad acting, a complete waste of time.", "negative"),
    ("Despite some flaws, it was not terrible at all.", "positive"),
    ("The film was absolutely brilliant and deeply moving.", "positive"),
)


@dataclass(frozen=True)
class Outcome:
    """One case, answered."""

    ability: str
    group: str
    kind: str
    right: bool
    difference: float | None = None  # the right answer's logit minus its rival's


@dataclass(frozen=True)
class Score:
    """All outcomes of one ability, group and kind."""

    ability: str
    group: str
    kind: str
    cases: int
    right: int
    logit_difference: float | None

    @property
    def accuracy(self) -> float:
        return self.right / self.cases


def wilson_interval(right: int, cases: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share: unlike the textbook's plus or minus, it is sound near 0 and 1."""
    share, spread = right / cases, z * z / cases
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / cases + spread / (4 * cases)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def format_count(part: int, whole: int) -> str:
    """A count and, in brackets, the 95 % interval of the share."""
    low, high = wilson_interval(part, whole)
    return f"{part:,} of {whole:,} ({low:.3f} to {high:.3f})"


def summarise(outcomes: Iterable[Outcome]) -> list[Score]:
    """One score for each ability, group and kind, in the order of their first case."""
    table: dict[tuple[str, str, str], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        table[outcome.ability, outcome.group, outcome.kind].append(outcome)
    scores = []
    for key, rows in table.items():
        right = sum(row.right for row in rows)
        differences = [row.difference for row in rows if row.difference is not None]
        mean = round(float(np.mean(differences)), 2) if differences else None
        scores.append(Score(*key, len(rows), right, mean))
    return scores


@torch.no_grad()
def answer_cases(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, cases: Sequence[Case]) -> list[Outcome]:
    """The model's most likely continuations. Every second prompt begins with end-of-text.

    Some cases are a choice between right and wrong answers (the number of a verb, the gender of a pronoun). An answer
    of several tokens is right if each is the most likely one given the right ones before it, which is the same as
    being written greedily.
    """
    outcomes = []
    for start in range(0, len(cases), BATCH):
        batch = cases[start : start + BATCH]
        prompts = [[tokenizer.eos_token_id] * (i % 2) + tokenizer.encode(case.prompt) for i, case in enumerate(batch)]
        answers = [tokenizer.encode(case.answers[0]) for case in batch]
        longest = max(len(p) + len(a) for p, a in zip(prompts, answers, strict=True))
        padded = [(p + a + [tokenizer.pad_token_id] * longest)[:longest] for p, a in zip(prompts, answers, strict=True)]
        ids = torch.tensor(padded)
        logits = model(input_ids=ids, attention_mask=(ids != tokenizer.pad_token_id).long()).logits
        for case, prompt, answer, row in zip(batch, prompts, answers, logits, strict=True):
            window = row[len(prompt) - 1 : len(prompt) - 1 + len(answer)]
            best = window.argmax(-1).tolist()
            accepted = [tokenizer.encode(word)[0] for word in case.answers]
            rivals = [tokenizer.encode(word)[0] for word in case.rivals]
            if case.choice:
                right = bool(window[0, accepted].max() > window[0, rivals].max())
            else:
                right = best == answer or (len(answer) == 1 and best[0] in accepted)
            answer_logit = window[0, accepted].max() if case.choice else window[0, accepted[0]]
            difference = float(answer_logit - window[0, rivals].max()) if rivals else None
            outcomes.append(Outcome(case.ability, case.group, case.kind, right, difference))
    return outcomes


def gpt2_cases(tokenizer: PreTrainedTokenizerFast, split: str, count: int = CASES) -> list[Case]:
    """The questions of one split, for all abilities."""
    cases = [
        case
        for name, ability in ABILITIES.items()
        for kind in ability.KINDS
        for case in held_out(name, split, kind, count)
    ]
    words = [tokenizer.decode([i]) for i in word_ids(tokenizer)]
    cases += induction.cases(np.random.default_rng(0 if split == "dev" else 1), words, 2 * count)
    by_hand = written_by_hand(split)
    return cases + [judged(text, label, "Review: {r} Sentiment: @{y}.", "by hand") for text, label in by_hand]


@torch.no_grad()
def classify(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[str]:
    """The labels of texts."""
    labels = []
    for start in range(0, len(texts), BATCH):
        batch = tokenizer(list(texts[start : start + BATCH]), padding=True, truncation=True, return_tensors="pt")
        labels += [model.config.id2label[int(i)] for i in model(**batch).logits.argmax(-1)]
    return labels


def generated_reviews(split: str, count: int = CASES) -> list[tuple[str, Review]]:
    """(kind, review) from the grammar: held-out pairs, frames and skeletons."""
    rng = Random(f"reviews/{split}")
    return [(kind, review(rng, split, kind)) for kind in KINDS for _ in range(count)]


def review_cases(split: str, count: int = CASES) -> list[tuple[str, str, str]]:
    """(text, label, kind) for a classifier: generated reviews, and sentences by hand."""
    made = [(case.text, case.label, kind) for kind, case in generated_reviews(split, count)]
    return made + [(text, label, "by hand") for text, label in written_by_hand(split)]


def by_construction(split: str, given: Sequence[str]) -> list[Outcome]:
    """The sentences by hand once more, by the way they are said; `given` has their labels in the file's order."""
    return [
        Outcome("by hand", entry.construction, "by hand", entry.label == label)
        for entry, label in zip(read(split), given, strict=True)
        if entry.construction
    ]


def evaluate_gpt2(folder: Path, split: str, count: int = CASES) -> list[Score]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    return summarise(answer_cases(model, tokenizer, gpt2_cases(tokenizer, split, count)))


def evaluate_distilbert(folder: Path, split: str, count: int = CASES) -> list[Score]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    cases = review_cases(split, count)
    given = classify(model, tokenizer, [text for text, _, _ in cases])
    outcomes = [
        Outcome("reviews", label, kind, label == answer) for (_, label, kind), answer in zip(cases, given, strict=True)
    ]
    return summarise(outcomes + by_construction(split, given[-len(read(split)) :]))


def evaluate_points(saves: Path, step_tokens: int) -> list[dict[str, float]]:
    """A dozen points of training: the steps, the tokens seen, and each ability's share of right answers on `dev`."""
    folders, points = sorted(saves.glob("step-*")), []
    if not folders:
        raise FileNotFoundError(f"no saves in {saves}: train course-gpt2 first")
    for folder in folders:
        scores = evaluate_gpt2(folder, "dev", POINT_CASES)
        step = int(folder.name.removeprefix("step-"))
        shares: dict[str, float] = {"step": step, "tokens": step * step_tokens}
        for name in dict.fromkeys(score.ability for score in scores):
            rows = [score for score in scores if score.ability == name]
            shares[name] = round(sum(row.right for row in rows) / sum(row.cases for row in rows), 3)
        points.append(shares)
        print(shares, flush=True)
    return points


@torch.no_grad()
def prompt_results(folder: Path) -> list[tuple[str, str, str]]:
    """(text, expected, given) for the prompts that learners meet first, with and without end-of-text."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    results = []
    for prompt, word in SEED_PROMPTS:
        for text in (prompt, tokenizer.eos_token + prompt):
            best = int(model(**tokenizer(text, return_tensors="pt")).logits[0, -1].argmax())
            results.append((text, word, tokenizer.decode([best])))
    return results


def review_results(folder: Path) -> list[tuple[str, str, str]]:
    """(text, expected, given) for the reviews that learners meet first."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    given = classify(model, tokenizer, [text for text, _ in SEED_REVIEWS])
    return [(text, label, answer) for (text, label), answer in zip(SEED_REVIEWS, given, strict=True)]


def write_scores(scores: Sequence[Score], folder: Path, split: str) -> None:
    """Adds one split's scores to the folder's abilities.json."""
    path = folder / "abilities.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    known[split] = [asdict(score) for score in scores]
    path.write_text(json.dumps(known, indent=1) + "\n")


@dataclass(frozen=True)
class Bar:
    """What the course asked of a model: a share of right answers on each of some kinds of cases."""

    ability: str
    kinds: tuple[str, ...]
    share: float
    groups: tuple[str | None, ...] = (None,)  # each apart; None: all together
    difference: float | None = None  # the mean logit difference that was asked as well


TWO = ("ABBA", "BABA")
GPT2_BARS = (
    Bar("indirect_objects", ("pair", "name", "object"), 0.95, TWO, 3.0),
    Bar("indirect_objects", ("frame", "skeleton"), 0.85, TWO, 3.0),
    Bar("facts", ("frame", "skeleton"), 0.9),
    Bar("induction", ("random tokens",), 0.9),
    Bar("agreement", ("pair", "frame", "skeleton"), 0.9),
    Bar("pronouns", ("pair", "name", "frame", "skeleton"), 0.85),
    Bar("sentiment", ("pair", "frame", "skeleton"), 0.9),
    Bar("sums", ("pair", "frame", "skeleton"), 0.8, ("with steps",)),
)
DISTILBERT_BARS = (Bar("reviews", ("pair",), 0.95), Bar("reviews", ("by hand",), 0.85))


def asked(scores: Sequence[Score], bars: Sequence[Bar]) -> Iterator[tuple[Bar, str, str | None, list[Score]]]:
    """Each bar, for each of its kinds and groups, with the scores that it is about."""
    for bar in bars:
        for kind in bar.kinds:
            for group in bar.groups:
                rows = [s for s in scores if (s.ability, s.kind) == (bar.ability, kind) and group in (None, s.group)]
                yield bar, kind, group, rows


def format_bars(scores: Sequence[Score], bars: Sequence[Bar]) -> str:
    """What was asked beside what was reached, as a Markdown table."""
    lines = ["| ability | what is new | asked | right | accuracy | 95 % interval | reached |", "|-|-|-|-|-|-|-|"]
    for bar, kind, group, rows in asked(scores, bars):
        right, cases = sum(s.right for s in rows), sum(s.cases for s in rows)
        low, high = wilson_interval(right, cases)
        bound, reached = f"{bar.share:.2f}", right >= bar.share * cases
        if bar.difference is not None:
            mean = sum(s.logit_difference * s.cases for s in rows if s.logit_difference is not None) / cases
            bound, reached = f"{bound}, logit difference {bar.difference:.0f}", reached and mean >= bar.difference
        name = bar.ability.replace("_", " ") + (f", {group}" if group else "")
        counts = f"{right:,} of {cases:,} | {right / cases:.3f} | {low:.3f} to {high:.3f}"
        lines.append(f"| {name} | {kind} | {bound} | {counts} | {'yes' if reached else 'no'} |")
    return "\n".join(lines)


def format_table(scores: Sequence[Score]) -> str:
    """The scores as a Markdown table."""
    lines = [
        "| ability | variety | what is new | right | accuracy | 95 % interval | logit difference |",
        "|-|-|-|-|-|-|-|",
    ]
    for s in scores:
        difference = "" if s.logit_difference is None else f"{s.logit_difference:.1f}"
        low, high = wilson_interval(s.right, s.cases)
        counts = f"{s.right} of {s.cases} | {s.accuracy:.3f} | {low:.3f} to {high:.3f}"
        lines.append(f"| {s.ability} | {s.group} | {s.kind} | {counts} | {difference} |")
    return "\n".join(lines)
