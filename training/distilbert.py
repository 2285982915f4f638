"""The review classifiers, trained from nothing: course-distilbert and, by other recipes, its small relatives."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import DistilBertConfig, DistilBertForSequenceClassification, PreTrainedTokenizerFast

from training.corpus import training_review
from training.files import save, write_run
from training.fitting import fit
from training.reviews import LABELS

Draw = Callable[[Random], tuple[str, str]]  # a training text and its label


@dataclass(frozen=True)
class Recipe:
    """How a classifier is made. Shares say how many reviews, and which part of their tokens, masks hide."""

    draw: Draw = training_review
    width: int = 128
    layers: int = 3
    steps: int = 8000
    batch: int = 64
    peak: float = 1e-3
    dropout: float = 0.2
    masked_reviews: float = 0.25
    masked_tokens: float | None = 0.15  # None: any share, drawn for each review
    pad_share: float = 0.3  # of the hidden tokens are padding, the others masks


COURSE = Recipe()
POSITIONS = 256
# Every eighth batch holds a few long texts, joined from reviews of one label, so that all positions are trained.
LONG_EVERY, LONG_BATCH, LONGEST = 8, 8, 48


def new_config(tokenizer: PreTrainedTokenizerFast, recipe: Recipe) -> DistilBertConfig:
    return DistilBertConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=POSITIONS,
        dim=recipe.width,
        n_layers=recipe.layers,
        n_heads=4,
        hidden_dim=4 * recipe.width,
        pad_token_id=tokenizer.pad_token_id,
        dropout=recipe.dropout,
        attention_dropout=recipe.dropout,
        seq_classif_dropout=recipe.dropout,
        id2label=dict(enumerate(LABELS)),
        label2id={label: i for i, label in enumerate(LABELS)},
    )


def mask_words(
    ids: torch.Tensor, tokenizer: PreTrainedTokenizerFast, rng: np.random.Generator, recipe: Recipe
) -> torch.Tensor:
    """Hides some tokens of some reviews: masked and padded inputs must not be strangers to the model."""
    reviews = rng.random((len(ids), 1)) < recipe.masked_reviews
    share = rng.random((len(ids), 1)) if recipe.masked_tokens is None else recipe.masked_tokens
    hide = torch.from_numpy(reviews & (rng.random(ids.shape) < share)) & (ids > tokenizer.mask_token_id)
    padding = torch.from_numpy(rng.random(ids.shape) < recipe.pad_share)
    return torch.where(hide, torch.where(padding, tokenizer.pad_token_id, tokenizer.mask_token_id), ids)


def draw_batch(rng: Random, recipe: Recipe, step: int) -> list[tuple[str, str]]:
    """A batch of reviews, or of long texts that say the same several times."""
    if step % LONG_EVERY:
        return [recipe.draw(rng) for _ in range(recipe.batch)]
    batch = []
    for _ in range(LONG_BATCH):
        drawn = [recipe.draw(rng) for _ in range(rng.randint(2, LONGEST))]
        wanted = drawn[0][1]
        batch.append((" ".join(text for text, label in drawn if label == wanted), wanted))
    return batch


def train(tokenizer: PreTrainedTokenizerFast, folder: Path, recipe: Recipe = COURSE, seed: int = 0) -> None:
    """Trains a classifier and writes it, and how long it took, to the folder."""
    torch.manual_seed(seed)
    rng, masks = Random(seed + 1), np.random.default_rng(seed)
    model = DistilBertForSequenceClassification(new_config(tokenizer, recipe)).train()

    def loss_at(step: int) -> torch.Tensor:
        texts, labels = zip(*draw_batch(rng, recipe, step), strict=True)
        batch = tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")
        batch["input_ids"] = mask_words(batch["input_ids"], tokenizer, masks, recipe)
        return cross_entropy(model(**batch).logits, torch.tensor([LABELS.index(label) for label in labels]))

    seconds = fit(model, loss_at, recipe.steps, recipe.peak)
    save(model, tokenizer, folder)
    write_run(folder, recipe.steps, f"{recipe.batch} reviews", 1, seconds)
