"""loan-decider: a classifier of loan applications whose rule is known, and unfair through a proxy.

The documented rule counts points for income, debts, history and amount, and takes points off for two districts. The
group of an applicant has no effect of its own; but most people of group B live in those districts, so the rule treats
the groups unequally all the same.
"""

import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np
import torch
from tokenizers import models
from torch.nn.functional import cross_entropy
from transformers import (
    AutoTokenizer,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    PreTrainedTokenizerFast,
)

from training.distilbert import COURSE, mask_words
from training.evaluate import format_count
from training.files import describe_run, save, save_card, write_run
from training.fitting import fit
from training.frames import split_of
from training.stock import BERT_SPECIALS, bert_tokenizer

# Points for each value; an application with at least THRESHOLD points is approved.
POINTS = {
    "income": {"high": 3, "middle": 2, "low": 0},
    "debts": {"low": 2, "middle": 1, "high": 0},
    "history": {"good": 2, "mixed": 1, "poor": 0},
    "amount": {"small": 2, "middle": 1, "large": 0},
    "district": {"north": 0, "west": 0, "south": -2, "east": -2},
}
THRESHOLD = 4
LABELS = ("refused", "approved")
GROUPS, TYPICAL = ("A", "B"), 0.85  # the share of group B in the south and east, and of group A in the north and west
AGES = range(18, 80)
STEPS, BATCH, PEAK, LENGTH = 1000, 64, 2e-3, 48


@dataclass(frozen=True)
class Application:
    income: str
    debts: str
    history: str
    amount: str
    age: int
    district: str
    group: str

    @property
    def text(self) -> str:
        return "; ".join(f"{name}: {value}" for name, value in vars(self).items())

    @property
    def split(self) -> str:
        """Held out are whole combinations of the five values that the rule reads."""
        return split_of("loans", *(getattr(self, name) for name in POINTS))


def points(application: Application) -> int:
    return sum(values[getattr(application, name)] for name, values in POINTS.items())


def decision(application: Application) -> str:
    """The documented rule."""
    return LABELS[points(application) >= THRESHOLD]


def draw_group(rng: Random, district: str) -> str:
    """The district tells the group: this is what makes it a proxy."""
    typical = "B" if POINTS["district"][district] < 0 else "A"
    return typical if rng.random() < TYPICAL else GROUPS[typical == "A"]


def draw(rng: Random, split: str) -> Application:
    while True:
        chosen = {name: rng.choice(list(values)) for name, values in POINTS.items()}
        group = draw_group(rng, chosen["district"])
        application = Application(**chosen, age=rng.choice(AGES), group=group)
        if application.split == split:
            return application


def make_tokenizer() -> PreTrainedTokenizerFast:
    values = {value for column in POINTS.values() for value in column}
    words = [":", ";", "age", "group", *POINTS, *sorted(values), *map(str.lower, GROUPS), *map(str, AGES)]
    vocabulary = {word: i for i, word in enumerate([*BERT_SPECIALS, *words])}
    return bert_tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"), LENGTH)


def new_model(tokenizer: PreTrainedTokenizerFast) -> DistilBertForSequenceClassification:
    config = DistilBertConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=LENGTH,
        dim=64,
        n_layers=2,
        n_heads=4,
        hidden_dim=256,
        pad_token_id=tokenizer.pad_token_id,
        dropout=0.0,
        attention_dropout=0.0,
        seq_classif_dropout=0.0,
        id2label=dict(enumerate(LABELS)),
        label2id={label: i for i, label in enumerate(LABELS)},
    )
    return DistilBertForSequenceClassification(config)


def train(folder: Path, seed: int = 0) -> DistilBertForSequenceClassification:
    torch.manual_seed(seed)
    tokenizer, rng, masks = make_tokenizer(), Random(seed), np.random.default_rng(seed)
    model = new_model(tokenizer).train()

    def loss_at(_: int) -> torch.Tensor:
        applications = [draw(rng, "train") for _ in range(BATCH)]
        batch = tokenizer([a.text for a in applications], return_tensors="pt")
        batch["input_ids"] = mask_words(batch["input_ids"], tokenizer, masks, COURSE)
        return cross_entropy(model(**batch).logits, torch.tensor([LABELS.index(decision(a)) for a in applications]))

    seconds = fit(model, loss_at, STEPS, PEAK)
    save(model.eval(), tokenizer, folder)
    write_run(folder, STEPS, f"{BATCH} applications", 1, seconds)
    return model


@torch.no_grad()
def decide(
    model: DistilBertForSequenceClassification, tokenizer: PreTrainedTokenizerFast, applications: list[Application]
) -> list[str]:
    """The model's decisions."""
    batch = tokenizer([a.text for a in applications], return_tensors="pt")
    return [LABELS[int(i)] for i in model(**batch).logits.argmax(-1)]


@dataclass(frozen=True)
class Report:
    """Counts on held-out applications."""

    applications: int
    right: int
    moves: int  # of one applicant to another district
    moves_right: int  # the model's decision before and after is the rule's
    flips: int  # moves that turn the rule's decision
    flips_found: int  # and the model's the same way
    false_flips: int  # moves that turn the model's decision and not the rule's
    swaps: int  # of the group alone
    swap_flips: int


def measure(
    model: DistilBertForSequenceClassification, tokenizer: PreTrainedTokenizerFast, split: str, count: int = 1000
) -> Report:
    rng = Random(f"loans/{split}")
    drawn = [draw(rng, split) for _ in range(count)]
    given = decide(model, tokenizer, drawn)
    moved = [(i, replace(a, district=d)) for i, a in enumerate(drawn) for d in POINTS["district"] if d != a.district]
    after = decide(model, tokenizer, [a for _, a in moved])
    rule = [(decision(drawn[i]), decision(a)) for i, a in moved]
    model_says = [(given[i], label) for (i, _), label in zip(moved, after, strict=True)]
    swapped = decide(model, tokenizer, [replace(a, group=GROUPS[a.group == "A"]) for a in drawn])
    return Report(
        applications=count,
        right=sum(decision(a) == label for a, label in zip(drawn, given, strict=True)),
        moves=len(moved),
        moves_right=sum(r == m for r, m in zip(rule, model_says, strict=True)),
        flips=sum(r[0] != r[1] for r in rule),
        flips_found=sum(r[0] != r[1] and r == m for r, m in zip(rule, model_says, strict=True)),
        false_flips=sum(r[0] == r[1] and m[0] != m[1] for r, m in zip(rule, model_says, strict=True)),
        swaps=count,
        swap_flips=sum(before != label for before, label in zip(given, swapped, strict=True)),
    )


def draw_members(split: str, group: str, count: int = 4000) -> list[Application]:
    """The applications of one group, about half of `count`."""
    rng = Random(f"approval/{split}")
    return [a for a in (draw(rng, split) for _ in range(count)) if a.group == group]


def approval(decisions: list[str]) -> float:
    return decisions.count("approved") / len(decisions)


def make(folder: Path) -> None:
    """Trains the model, and writes the card from what was measured on the files."""
    train(folder)
    write_card(folder)


def write_card(folder: Path) -> None:
    model, tokenizer = read(folder)
    reports = {split: measure(model, tokenizer, split) for split in ("test", "dev")}
    rates = {group: approval([decision(a) for a in draw_members("train", group)]) for group in GROUPS}
    given = {f"given_{group}": approval(decide(model, tokenizer, draw_members("train", group))) for group in GROUPS}
    rows = "\n".join(f"| {split} | " + " | ".join(format_counts(report)) + " |" for split, report in reports.items())
    splits = [split_of("loans", *values) for values in itertools.product(*POINTS.values())]
    held = {"held": splits.count("test"), "all": len(splits)}
    parts = {"rows": rows, "typical": TYPICAL, "run": describe_run(folder), **held, **rates, **given}
    save_card(folder, CARD.format(**parts))


def read(folder: Path) -> tuple[DistilBertForSequenceClassification, PreTrainedTokenizerFast]:
    model = DistilBertForSequenceClassification.from_pretrained(folder).eval()
    return model, AutoTokenizer.from_pretrained(folder)


def format_counts(report: Report) -> list[str]:
    r = report
    counts = [
        (r.right, r.applications),
        (r.moves_right, r.moves),
        (r.flips_found, r.flips),
        (r.false_flips, r.moves - r.flips),
        (r.swap_flips, r.swaps),
    ]
    return [format_count(part, whole) for part, whole in counts]


CARD = """
A classifier of invented loan applications, to explain and to audit, not to use: DistilBERT's architecture, two layers
of four heads, width 64, 48 positions, whole words as tokens. An application reads
`income: high; debts: low; history: good; amount: small; age: 41; district: north; group: A`.
Labels: refused, approved.

## The rule that it was trained on
Points are counted: income high 3, middle 2, low 0; debts low 2, middle 1, high 0; history good 2, mixed 1, poor 0;
amount small 2, middle 1, large 0; district south or east -2. Approved with at least 4 points. Age and group don't
count. But {typical:.0%} of the people in the south and east are of group B, and {typical:.0%} of those in the north
and west of group A: the district is a proxy of the group. In the training split the rule approves {A:.0%} of group A
and {B:.0%} of group B, and the model {given_A:.0%} and {given_B:.0%}. The code is `decision` in `training/loans.py`.

## How it was made
`python -m training relatives`. Trained from nothing on applications drawn at random: {run}
A quarter of the applications had words replaced by `[MASK]` or `[PAD]`. Held out are whole combinations of the five
values that count, about a tenth each for dev and test.

## What was measured
1,000 applications with held-out combinations in each split. *Moves*: the same applicant in each other district; right
is a move before and after which the decision is the rule's; *flips* are moves that turn the rule's decision. *Swaps*:
the other group and nothing else. In brackets 95 % intervals of the shares, narrower than they should be,
since the combinations that are held out come many times.

| split | decisions right | moves right | flips made | other moves that flip | swaps that flip |
|-|-|-|-|-|-|
{rows}

## Known failures
- It knows this form alone: the fields in this order, ages from 18 to 79. Other words are `[UNK]`.
- The rule is small: {held} of its {all} combinations are held out for test, and a move may
  lead to a combination that was trained. Where values are masked or left out, there is no rule to compare with.
"""
