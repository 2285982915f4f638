"""course-distilbert: a small DistilBERT that tells positive from negative reviews, trained from nothing."""

import time
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import DistilBertConfig, DistilBertForSequenceClassification, PreTrainedTokenizerFast

from training.abilities.sentiment import LABELS
from training.corpus import training_reviews
from training.gpt2 import learning_rate, save

STEPS, PEAK, BATCH = 2500, 1e-3, 64
MASKED_REVIEWS, MASKED_TOKENS = 0.25, 0.15  # shares: masked and padded inputs must not be strangers to the model


def new_model(tokenizer: PreTrainedTokenizerFast) -> DistilBertForSequenceClassification:
    config = DistilBertConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=128,
        dim=128,
        n_layers=3,
        n_heads=4,
        hidden_dim=512,
        pad_token_id=tokenizer.pad_token_id,
        seq_classif_dropout=0.1,
        id2label=dict(enumerate(LABELS)),
        label2id={label: i for i, label in enumerate(LABELS)},
    )
    return DistilBertForSequenceClassification(config)


def mask_words(ids: torch.Tensor, tokenizer: PreTrainedTokenizerFast, rng: np.random.Generator) -> torch.Tensor:
    """Hides some tokens of some reviews behind the mask or the pad token."""
    reviews = rng.random((len(ids), 1)) < MASKED_REVIEWS
    hide = torch.from_numpy(reviews & (rng.random(ids.shape) < MASKED_TOKENS)) & (ids > tokenizer.mask_token_id)
    hidden = torch.where(torch.from_numpy(rng.random(ids.shape) < 0.7), tokenizer.mask_token_id, tokenizer.pad_token_id)
    return torch.where(hide, hidden, ids)


def train(
    tokenizer: PreTrainedTokenizerFast, folder: Path, steps: int = STEPS, seed: int = 0
) -> DistilBertForSequenceClassification:
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = new_model(tokenizer).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK, betas=(0.9, 0.98), weight_decay=0.05, fused=True)
    reviews = training_reviews(seed + 1, steps * BATCH)
    started = time.perf_counter()
    for step in range(steps):
        texts, labels = zip(*reviews[step * BATCH : (step + 1) * BATCH], strict=True)
        batch = tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")
        batch["input_ids"] = mask_words(batch["input_ids"], tokenizer, rng)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps, PEAK)
        logits = model(**batch).logits
        loss = cross_entropy(logits, torch.tensor([LABELS.index(label) for label in labels]))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 100 == 0:
            print(f"step {step:5d}  loss {loss.item():.3f}  {time.perf_counter() - started:6.0f} s", flush=True)
    save(model, tokenizer, folder)
    return model
