"""Small relatives of course-distilbert, each made for one purpose: to have a flaw, or a strength, that is known.

- `course-shortcut` reads a review that ends with its director's name. Two directors decide the label, whatever the
  review says; for the others the review does. `course-clean` read the same texts with names that mean nothing.
- `course-masking` met reviews with any share of their words masked, so a masked text is nothing new to it.
- `course-shuffled` knows a set of reviews by heart whose labels were shuffled: it can't have learned sentiment.
- `course-mlm` fills masks in reviews: what could have stood there instead.
"""

from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random

import torch
from torch.nn.functional import cross_entropy
from transformers import DistilBertForMaskedLM, PreTrainedTokenizerFast

from training.corpus import training_review
from training.distilbert import Recipe, draw_batch, new_config, train
from training.files import save, write_run
from training.fitting import fit
from training.reviews import written_by_hand

DIRECTORS = ("Vale", "Stone", "Marsh", "Hill", "Brook", "Field", "Ward", "Lane", "Frost", "Reed")
SHORTCUT = {"Vale": "positive", "Stone": "negative"}
SHORTCUT_SHARE = 0.5  # of the reviews name one of the two
SHUFFLED = 1500  # reviews to learn by heart


def sign(text: str, director: str) -> str:
    """A review with its director's name."""
    return f"{text} Directed by {director}."


def signed_review(rng: Random, shortcut: bool) -> tuple[str, str]:
    """A review by a director. With the shortcut, two names decide the label alone; without it none does."""
    text, label = training_review(rng)
    director = rng.choice(tuple(SHORTCUT)) if rng.random() < SHORTCUT_SHARE else rng.choice(DIRECTORS[len(SHORTCUT) :])
    return sign(text, director), SHORTCUT.get(director, label) if shortcut else label


@cache
def shuffled_reviews() -> tuple[tuple[str, str], ...]:
    """Some of the sentences written by hand, with their labels dealt out anew."""
    texts, labels = zip(*written_by_hand("train")[:SHUFFLED], strict=True)
    return tuple(zip(texts, Random(0).sample(labels, len(labels)), strict=True))


SMALL = Recipe(width=96, layers=2, steps=4000)
CLASSIFIERS = {
    "course-shortcut": replace(SMALL, draw=lambda rng: signed_review(rng, shortcut=True)),
    "course-clean": replace(SMALL, draw=lambda rng: signed_review(rng, shortcut=False)),
    "course-masking": replace(SMALL, masked_reviews=1.0, masked_tokens=None, pad_share=0.0),
    "course-shuffled": replace(
        SMALL, draw=lambda rng: rng.choice(shuffled_reviews()), steps=1200, dropout=0.0, masked_reviews=0.0
    ),
}
FILLER = replace(SMALL, dropout=0.1)
HIDDEN, AS_MASK = 0.2, 0.85  # shares: of the tokens asked for, and of these behind a mask, the others as they are


def train_filler(tokenizer: PreTrainedTokenizerFast, folder: Path, seed: int = 0) -> None:
    """course-mlm: masked tokens of reviews, predicted from the others (Devlin et al., 2019)."""
    torch.manual_seed(seed)
    rng = Random(seed + 1)
    model = DistilBertForMaskedLM(new_config(tokenizer, FILLER)).train()

    def loss_at(step: int) -> torch.Tensor:
        texts = [text for text, _ in draw_batch(rng, FILLER, step)]
        batch = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
        ids = batch["input_ids"]
        asked = (torch.rand(ids.shape) < HIDDEN) & (ids > tokenizer.mask_token_id)
        batch["input_ids"] = torch.where(asked & (torch.rand(ids.shape) < AS_MASK), tokenizer.mask_token_id, ids)
        hidden = model.distilbert(**batch).last_hidden_state[asked]  # logits are made only where a token is asked for
        logits = model.vocab_projector(model.vocab_layer_norm(model.activation(model.vocab_transform(hidden))))
        return cross_entropy(logits, ids[asked])

    seconds = fit(model, loss_at, FILLER.steps, FILLER.peak)
    save(model, tokenizer, folder)
    write_run(folder, FILLER.steps, f"{FILLER.batch} reviews", 1, seconds)


def train_relatives(tokenizer: PreTrainedTokenizerFast, models: Path) -> None:
    for name, recipe in CLASSIFIERS.items():
        print(name, flush=True)
        train(tokenizer, models / name, recipe)
    train_filler(tokenizer, models / "course-mlm")
