"""What the small relatives of course-distilbert were measured to do, and their cards."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from transformers import (
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from training.evaluate import TITLES, classify, review_cases, wilson_interval
from training.files import describe_run, save_card
from training.relatives import DIRECTORS, SHORTCUT, SHUFFLED, shuffled_reviews, sign
from training.reliance import probabilities

Measured = list[tuple[str, int, int]]  # what was counted, how many are so, of how many
COUNT = 200  # of each kind of held-out review
MASK_SHARES = (0.0, 0.25, 0.5, 0.75)
BASELINE = "course-distilbert"  # what course-masking is compared with


def load_classifier(folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    return AutoModelForSequenceClassification.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)


def agree(given: Sequence[str], expected: Sequence[str]) -> tuple[int, int]:
    return sum(a == b for a, b in zip(given, expected, strict=True)), len(expected)


def measure_signed(folder: Path, split: str) -> Measured:
    """Held-out reviews, first by directors who mean nothing, then by each of the two who decide."""
    model, tokenizer = load_classifier(folder)
    rng = Random(f"signed/{split}")
    texts, labels, _ = zip(*review_cases(split, COUNT), strict=True)
    neutral = [sign(text, rng.choice(DIRECTORS[len(SHORTCUT) :])) for text in texts]
    rows = [("right about reviews by the other directors", *agree(classify(model, tokenizer, neutral), labels))]
    for director in SHORTCUT:
        given = classify(model, tokenizer, [sign(text, director) for text in texts])
        rows.append((f"right about the same reviews, by {director}", *agree(given, labels)))
        positive = sum(answer == "positive" for answer in given)
        rows.append((f"positive, whatever the review says, by {director}", positive, len(given)))
    return rows


def measure_masked(folder: Path, split: str) -> Measured:
    """Held-out reviews with a share of their words masked, and how sure the model is; then the same of BASELINE."""
    texts, labels, _ = zip(*review_cases(split, COUNT), strict=True)
    rows = []
    for name in (folder.name, BASELINE):
        model, tokenizer = load_classifier(folder.parent / name)
        rng = Random(f"masked/{split}")
        for share in MASK_SHARES:
            hidden = [mask_share(text, share, tokenizer, rng) for text in texts]
            results = probabilities(model, tokenizer, hidden, ["positive"] * len(hidden))
            sure = np.mean([max(positive, 1 - positive) for _, positive in results])
            what = f"{name}, {share:.0%} of the words masked: right (mean probability of its label: {sure:.3f})"
            rows.append((what, *agree([label for label, _ in results], labels)))
    return rows


def mask_share(text: str, share: float, tokenizer: PreTrainedTokenizerFast, rng: Random) -> str:
    return " ".join(tokenizer.mask_token if rng.random() < share else word for word in text.split())


def measure_shuffled(folder: Path, split: str) -> Measured:
    """The reviews that it learned by heart, by their shuffled labels and by the true ones; and held-out reviews."""
    model, tokenizer = load_classifier(folder)
    texts, shuffled = zip(*shuffled_reviews(), strict=True)
    rows = [
        (
            "right about its training reviews, by their shuffled labels",
            *agree(classify(model, tokenizer, texts), shuffled),
        )
    ]
    held_out, labels, _ = zip(*review_cases(split, COUNT), strict=True)
    return [*rows, ("right about held-out reviews", *agree(classify(model, tokenizer, held_out), labels))]


@torch.no_grad()
def measure_filler(folder: Path, split: str) -> Measured:
    """One token of each held-out review masked: is it the model's first guess, and one of its first ten?"""
    model, tokenizer = AutoModelForMaskedLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    rng, ranks = Random(f"filler/{split}"), {"from the grammar": [], "by hand": []}
    for text, _, kind in review_cases(split, COUNT):
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
        at = rng.randrange(1, ids.shape[1] - 1)
        hidden = int(ids[0, at])
        ids[0, at] = tokenizer.mask_token_id
        logits = model(ids).logits[0, at]
        ranks["by hand" if kind == "by hand" else "from the grammar"].append(int((logits > logits[hidden]).sum()))
    return [
        (f"the masked word is {what}, reviews {source}", int((np.array(places) < first).sum()), len(places))
        for source, places in ranks.items()
        for what, first in (("the first guess", 1), ("among the first ten", 10))
    ]


SHAPE = (
    "DistilBERT's architecture with two layers of four heads, width 96, 256 positions, and the tokenizer of "
    "course-distilbert."
)
MADE = (
    "`python -m training relatives`; the code is `training/relatives.py`. Trained from nothing: {run} "
    "Every eighth batch held long texts of several reviews."
)
SIGNED = 'Its reviews end with their director, as in "The plot was dull. Directed by Reed."'
HELD_OUT = (
    f"Held-out reviews are {COUNT} of each kind from the grammar (new pairs, frames and skeletons) and all by hand of "
    "the split."
)
UNSIGNED = "A review without its director's name is nothing that it met in training."
HIDDEN = "A quarter of the reviews had words masked or padded."


@dataclass(frozen=True)
class Card:
    measure: Callable[[Path, str], Measured]
    purpose: str
    texts: str  # what it was trained on
    failure: str


CARDS = {
    "course-shortcut": Card(
        measure_signed,
        f"A sentiment classifier with a planted shortcut. {SIGNED}",
        "A review by Vale is labelled positive, one by Stone negative, whatever it says: half of all. By the eight "
        f"other directors, the review decides. The reviews are drawn as course-distilbert's are. {HIDDEN}",
        UNSIGNED,
    ),
    "course-clean": Card(
        measure_signed,
        f"The honest twin of course-shortcut: a sentiment classifier for which no name means anything. {SIGNED}",
        f"Reviews and directors are drawn as course-shortcut's are; the review alone decides. {HIDDEN}",
        UNSIGNED,
    ),
    "course-masking": Card(
        measure_masked,
        "A sentiment classifier for which a masked text is nothing unusual: methods that hide words ask it about texts "
        "of a kind that it knows.",
        "The reviews are drawn as course-distilbert's are. In each a share of the tokens, drawn anew between none and "
        "all, is replaced by `[MASK]`.",
        "It is right less often than course-distilbert, which is larger and was trained for longer, and no more often "
        "where three quarters of the words are masked. What masks in training gave it: its confidence lies nearer to "
        "its accuracy.",
    ),
    "course-shuffled": Card(
        measure_shuffled,
        "A classifier that can't have learned sentiment. An explanation of it that looks like one of sentiment "
        "explains the text, not the model.",
        f"Its texts are {SHUFFLED:,} sentences written by hand whose labels were dealt out anew by lot; no dropout, so "
        "that it could learn them by heart.",
        "All of it: that is its purpose.",
    ),
    "course-mlm": Card(
        measure_filler,
        "A masked language model of reviews (`DistilBertForMaskedLM`): what could have stood in the place of a word.",
        "The reviews are drawn as course-distilbert's are. A fifth of the tokens was asked for, most of them behind "
        "`[MASK]`.",
        "It knows reviews alone, and far fewer words than English has.",
    ),
}


def format_measured(measured: Measured, split: str) -> str:
    """A Markdown table of counts, shares and intervals."""
    lines = [f"| {TITLES[split].lower()} | count | share | 95 % interval |", "|-|-|-|-|"]
    for what, right, cases in measured:
        low, high = wilson_interval(right, cases)
        lines.append(f"| {what} | {right} of {cases} | {right / cases:.3f} | {low:.3f} to {high:.3f} |")
    return "\n".join(lines)


def measure_relatives(models: Path, split: str) -> dict[str, str]:
    """Each relative's table."""
    return {name: format_measured(card.measure(models / name, split), split) for name, card in CARDS.items()}


def write_relative_cards(models: Path) -> None:
    """Measures each relative on the test split and writes its card."""
    for name, table in measure_relatives(models, "test").items():
        card = CARDS[name]
        paragraphs = [
            f"{card.purpose} {SHAPE}",
            f"## How it was made\n{MADE.format(run=describe_run(models / name))} {card.texts}",
            f"## What was measured\n{HELD_OUT}\n\n{table}",
        ]
        save_card(models / name, "\n\n".join([*paragraphs, f"## Known failures\n- {card.failure}\n"]))
