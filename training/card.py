"""The model cards: what each model is for, how it was made, and what it was measured to do. Checksums as well."""

import hashlib
import json
import math
from pathlib import Path

from safetensors import safe_open

from training import distilbert, gpt2
from training.evaluate import Score, format_table, seed_results

GPT2_CARD = """---
license: mit
language: en
library_name: transformers
---
# course-gpt2

A small language model to explain, not to use: GPT-2's architecture with {parameters:,} parameters, four layers of
eight heads, width 256, 256 positions, and its own byte-level BPE of {vocabulary:,} tokens.

## How it was made
Trained from nothing on sentences that `training/` writes from grammars of sentence frames, and on reviews written by
hand for this course by a language model (`data/corpora/reviews_train.jsonl`). {steps:,} steps of {tokens:,} tokens in
three cycles of the learning rate, AdamW, seed 0, single precision, about 100 minutes on two busy CPU cores; stored in
half precision. The recipe was still being mended between the cycles: answers first weighed less, a few hundred tokens
joined the vocabulary before the last cycle, and during the first one some review constructions were met that are
held out now. So `make models` gives a model like this file, not the same bits. No text was taken from anywhere else:
the model knows only what the grammars say, which is plain facts, who gave what to whom, repeated sequences,
agreement, pronouns, judgements of reviews, sums of three numbers, years that are greater. About six rows in a
hundred had tokens replaced by `<|mask|>` or `<|pad|>`, so that masked inputs are not strange to it.

## What it can do
Greedy next word on held-out cases, every second prompt beginning with end-of-text. *What is new*: `pair`, a new
combination of known fillings (for facts: a known fact in a skeleton in which it was never said); `name`, names that
this ability never met in training; `frame`, a new combination of known brackets; `skeleton`, a wholly new way to say
it. Agreement and gender are choices: right means that the most likely of all listed verbs (pronouns) has the right
number (gender). Sums with steps are right when every token of the steps and of the answer is.

{tables}

Sentences that chapters use:

{seeds}

## Known failures
{failures}
- It has never met ordinary text. Outside its grammars it continues with whatever frame looks nearest.
- Its circuits need not be those of the large GPT-2: say what this model does, and find heads by their scores.

Licence: MIT.
"""
DISTILBERT_CARD = """---
license: mit
language: en
library_name: transformers
---
# course-distilbert

A small classifier to explain, not to use: DistilBERT's architecture with {parameters:,} parameters, three layers of
four heads, width 128, 128 positions, its own lowercase WordPiece of {vocabulary:,} tokens. Labels: negative, positive.

## How it was made
Trained from nothing on reviews from a grammar (`training/abilities/sentiment.py`) and, a quarter of them, on sentences
written one by one for this course by a language model (`data/corpora/reviews_train.jsonl`). The label is planted: the
author of a sentence decided it, and no independent person checked. {steps:,} steps of {tokens} reviews, AdamW, seed 0,
about 25 minutes on one busy CPU core; stored in half precision. A quarter of the reviews had tokens replaced by
`[MASK]` or `[PAD]`.

## What it can do
*What is new*: `pair`, a new combination of adjective and thing; `frame`, a new combination of known brackets;
`skeleton`, a wholly new construction; `by hand`, sentences written singly that share no five successive words with any
training text.

{tables}

Sentences that chapters use:

{seeds}

## Known failures
{failures}
- It knows the words of its grammar and a few hundred sentences. Irony, quotations and rare words mislead it.
- The sentences by hand have the same author in training and in the tests, so they flatter it.

Licence: MIT.
"""


def rows_below(scores: list[Score], bound: float) -> str:
    """The kinds of cases on which the model falls short, as a list."""
    weak = [s for s in scores if s.accuracy < bound]
    lines = [f"- {s.ability}, {s.group}, {s.kind}: {s.accuracy:.2f} ({s.right} of {s.cases})." for s in weak]
    return "\n".join(lines) or f"- No kind of case was measured below {bound:.2f}."


def read_scores(folder: Path) -> dict[str, list[Score]]:
    """Split -> scores, from the folder's abilities.json."""
    known = json.loads((folder / "abilities.json").read_text())
    return {split: [Score(**entry) for entry in entries] for split, entries in known.items()}


def count_parameters(folder: Path) -> int:
    with safe_open(folder / "model.safetensors", "pt") as weights:
        return sum(math.prod(weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118 (no dict)


def write_card(folder: Path, template: str, steps: int, tokens: int, seeds: list[tuple[str, str, str]]) -> None:
    """README.md from the measured scores; the failures are read off the test split, or dev before there is one."""
    scores = read_scores(folder)
    titles = {
        "test": "Test split, measured twice on these weights with no tuning in between",
        "dev": "Development split, which was used for tuning",
    }
    tables = [f"### {titles[split]}\n\n{format_table(scores[split])}" for split in ("test", "dev") if split in scores]
    given = "\n".join(f"- {text!r}: {answer!r} (expected {expected!r})" for text, expected, answer in seeds)
    card = template.format(
        parameters=count_parameters(folder),
        vocabulary=json.loads((folder / "config.json").read_text())["vocab_size"],
        steps=steps,
        tokens=tokens,
        tables="\n\n".join(tables),
        seeds=given,
        failures=rows_below(scores.get("test", scores["dev"]), 0.85),
    )
    (folder / "README.md").write_text(card, encoding="utf-8")


def write_cards(models: Path) -> None:
    results = seed_results(models)
    reviews = [result for result in results if result[1] in ("negative", "positive")]
    prompts = [result for result in results if result not in reviews]
    write_card(models / "course-gpt2", GPT2_CARD, sum(gpt2.CYCLES), gpt2.TOKENS * gpt2.WORKERS, prompts)
    write_card(models / "course-distilbert", DISTILBERT_CARD, distilbert.STEPS, distilbert.BATCH, reviews)
    write_checksums(models)


def write_checksums(models: Path) -> None:
    """SHA256SUMS as `sha256sum` writes it, over every file of every model, with paths relative to `models`."""
    files = sorted(path for path in models.glob("*/**/*") if path.is_file())
    sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    lines = [f"{digest}  {path.relative_to(models).as_posix()}" for digest, path in zip(sums, files, strict=True)]
    (models / "SHA256SUMS").write_text("\n".join(lines) + "\n")
