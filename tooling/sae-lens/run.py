"""A sparse autoencoder of course-gpt2's residual stream after block 2, trained by sae-lens, and what fires at a prompt.

    .venv-sae-lens/bin/python -m tooling.sae-lens.run data/tools

sae-lens' own runner takes a local model and local texts too, but joins the texts into rows of one length, and
course-gpt2 never met two documents in one row. So each text runs alone through sae-lens' hooked model, and sae-lens'
trainer takes its own steps on batches of these states. Every fifth text is held out of training.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from typing import Any

import torch
from sae_lens import SAE, BatchTopKTrainingSAEConfig, SAETrainer, TrainingSAE
from sae_lens.config import SAETrainerConfig
from sae_lens.load_model import load_model

from tooling import record

SITE = "transformer.h.2"  # TransformerLens' blocks.2.hook_resid_post
TEXTS = record.ROOT / "data" / "corpora" / "course-gpt2-sample.jsonl"
WIDTH, FEATURES, ACTIVE = 128, 512, 8
TRAINED, BATCH, RATE = 1_000_000, 512, 3e-3  # states in all, states in a step, learning rate
SHOWN, EXAMPLES, BEFORE = 3, 5, 4  # features, tokens that each fires at most, tokens in front of those


def job() -> tuple[record.Result, record.Arrays]:
    """How well the autoencoder does on texts held out, and the features that fire most at the prompt's last token."""
    torch.manual_seed(0)
    model: Any = load_model("AutoModelForCausalLM", record.GPT2, device="cpu", hook_names=[SITE])
    texts = [json.loads(line)["text"] for line in TEXTS.read_text(encoding="utf-8").splitlines()]
    held_out = range(0, len(texts), 5)
    seen = torch.cat([states(model, text) for i, text in enumerate(texts) if i not in held_out])
    found = [states(model, texts[i]) for i in held_out]
    new, places = torch.cat(found), [(i, k) for i, of in zip(held_out, found, strict=True) for k in range(len(of))]
    sae = trained(seen)
    features, (last,) = sae.encode(new), sae.encode(states(model, record.PROMPT)[-1:])
    rates = (features > 0).double().mean(0)
    top = last.topk(SHOWN)
    result = {
        "model": "course-gpt2",
        "site": "blocks.2.hook_resid_post",
        "features": FEATURES,
        "states drawn in training": TRAINED,
        "of so many": len(seen),
        "states held out": len(new),
        "L0 asked for": ACTIVE,
        "L0": rates.sum().item(),
        "explained variance": explained(new, sae.decode(features)),
        "explained variance, trained on": explained(seen, sae.decode(sae.encode(seen))),
        "explained variance, as many principal components": explained(new, projected(new, seen, ACTIVE)),
        "share of dead features": (rates == 0).double().mean().item(),
        "at the last token": {
            "feature": top.indices.tolist(),
            "activation": top.values.tolist(),
            "share of states": rates[top.indices].tolist(),
        },
        "fires most at": columns(features, top.indices.tolist(), texts, places, model.tokenizer),
    }
    return result, {
        "rates": rates.float().numpy(),
        "encoder": sae.W_enc.T[top.indices].numpy(),
        "bias": (sae.b_enc - sae.b_dec @ sae.W_enc)[top.indices].numpy(),
        "threshold": sae.threshold[top.indices].numpy(),
        "decoder": sae.W_dec[top.indices].numpy(),
    }


def states(model: Any, text: str) -> torch.Tensor:
    """The residual stream of one text: (tokens, width)."""
    ids = torch.tensor([model.tokenizer(text)["input_ids"]])
    with torch.no_grad():
        return model.run_with_cache(ids, names_filter=[SITE], prepend_bos=False)[1][SITE][0]


def batches(seen: torch.Tensor) -> Iterator[torch.Tensor]:
    """The states in an order drawn anew for each round, without end: (BATCH, width)."""
    while True:
        yield from (seen[part] for part in torch.randperm(len(seen)).split(BATCH) if len(part) == BATCH)


def trained(seen: torch.Tensor) -> Any:
    """A BatchTopK autoencoder (Bussmann et al., 2024) of these states, as it is saved: with a threshold.

    The states are not rescaled: sae-lens 6.54 would fold the scale into the weights, and not into the threshold.
    """
    options = BatchTopKTrainingSAEConfig(d_in=WIDTH, d_sae=FEATURES, k=ACTIVE)
    steps = TRAINED // BATCH
    schedule = {"lr": RATE, "lr_end": RATE / 10, "lr_warm_up_steps": steps // 20, "lr_decay_steps": steps // 5}
    trainer = SAETrainer(
        SAETrainerConfig(
            total_training_samples=TRAINED, train_batch_size_samples=BATCH, dead_feature_window=200, **schedule
        ),
        TrainingSAE.from_dict(options.to_dict()),
        batches(seen),
    )
    with tempfile.TemporaryDirectory() as folder:
        trainer.fit().save_inference_model(folder)
        return SAE.load_from_disk(folder).eval().requires_grad_(False)


def explained(states: torch.Tensor, rebuilt: torch.Tensor) -> float:
    """The share of the states' variance that is rebuilt."""
    return 1 - ((states - rebuilt) ** 2).sum().item() / ((states - states.mean(0)) ** 2).sum().item()


def projected(states: torch.Tensor, seen: torch.Tensor, k: int) -> torch.Tensor:
    """The states, rebuilt from the k principal components of those that were seen: what needs no autoencoder."""
    mean = seen.mean(0)
    directions = torch.linalg.svd(seen - mean, full_matrices=False).Vh[:k]
    return mean + (states - mean) @ directions.T @ directions


def columns(features: torch.Tensor, chosen: list[int], texts: list[str], places: list[Any], tokenizer: Any) -> Any:
    """For each chosen feature the held-out tokens at which it fires most, with what stands before them."""
    found: dict[str, list[Any]] = {
        name: [] for name in ("feature", "text", "position", "before", "token", "activation")
    }
    for feature in chosen:
        best = features[:, feature].topk(EXAMPLES)
        for activation, index in zip(best.values.tolist(), best.indices.tolist(), strict=True):
            text, position = places[index]
            ids = tokenizer(texts[text])["input_ids"]
            before = tokenizer.decode(ids[max(0, position - BEFORE) : position])
            row = (feature, text, position, before, tokenizer.decode([ids[position]]), activation)
            for name, value in zip(found, row, strict=True):
                found[name].append(value)
    return found


if __name__ == "__main__":
    record.main("sae-lens", ("sae-lens", "transformer-lens", "transformers", "torch"), record.PROMPT, job)
