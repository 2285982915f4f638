"""Integrated gradients beside captum's: the same baseline, and as many steps or as small a gap."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import captum.attr
import numpy as np
import torch

import xai_helpers as xai
from benchmarks.perturbation import models, text_of
from benchmarks.timing import compare, seconds

TARGET, STEPS = 1, 32
THEIR_STEPS = 50  # captum's default
FEWER = (8, 12, 16, 20, 24, 28, 32, 40, 50, 64, 100)
FLOOR = 1e-5  # smaller gaps are rounding
NOTES = """\
Baseline: the mask token. One thread, single precision; ours start from the text.

- its default: `LayerIntegratedGradients` as its user writes it, tokenizer included, on the model as transformers loads
  it (attention "sdpa", which ours does without), all steps in one pass.
- batches of k: the same with the `internal_batch_size` among 4, 8 and 16 that is fastest here.
- equal gap: captum's default of 50 steps against as few as leave no larger a gap (root mean square over a few texts),
  or none above 1e-5, where single precision ends. captum's default quadrature is Gauss-Legendre too, so fewer steps do
  only where both have reached that end. DistilBERT's classifier has a ReLU, which no quadrature is exact for: there
  the steps are about as many, and what remains is the time of a step.
"""


def with_captum(
    network: Any, tokenizer: Any, text: str, causal: bool, steps: int = STEPS, at_once: int | None = None
) -> np.ndarray:
    """One score per token, (tokens,), as a user of captum computes it."""
    batch = tokenizer(text, return_tensors="pt", return_special_tokens_mask=True)
    ids, mask = batch["input_ids"], batch["attention_mask"]
    baseline = torch.where(batch["special_tokens_mask"] == 1, ids, tokenizer.mask_token_id)

    def forward(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        logits = network(input_ids=ids, attention_mask=mask).logits
        return logits[:, -1] if causal else logits

    method = captum.attr.LayerIntegratedGradients(forward, network.get_input_embeddings())
    found = method.attribute(
        ids, baseline, target=TARGET, additional_forward_args=mask, n_steps=steps, internal_batch_size=at_once
    )
    return found[0].sum(-1).detach().numpy()


def rows() -> list[str]:
    """At as many steps as captum, and at as small a gap as its default leaves."""
    found = []
    for name, model, lengths in models():
        network = copy.deepcopy(model.model)
        network.set_attn_implementation("sdpa")
        theirs = functools.partial(with_captum, network, model.tokenizer, causal=model.kind == "causal-lm")
        for n in lengths:
            text = text_of(model, n)
            ours = functools.partial(xai.integrated_gradients, model, text, TARGET, baseline="mask")
            scores = ours(steps=STEPS).scores
            assert np.allclose(scores, theirs(text), rtol=0, atol=1e-4 * np.abs(scores).max())
            batches = {k: functools.partial(theirs, text, at_once=k) for k in (4, 8, 16)}
            best = min(batches, key=lambda k, batches=batches: seconds(batches[k]))  # type: ignore[misc]
            few, gap, their_gap = steps_for(model, text, theirs, 1 if n * model.n_layers > 256 * 4 // 2 else 5)
            peers: list[tuple[str, str, Callable[[], object], Callable[[], object]]] = [
                (
                    f"{STEPS} steps",
                    "its default",
                    functools.partial(ours, steps=STEPS),
                    functools.partial(theirs, text),
                ),
                (f"{STEPS} steps", f"batches of {best}", functools.partial(ours, steps=STEPS), batches[best]),
                (
                    f"{few} steps, gap {gap:.0e}",
                    f"{THEIR_STEPS} steps, gap {their_gap:.0e}",
                    functools.partial(ours, steps=few),
                    functools.partial(theirs, text, steps=THEIR_STEPS),
                ),
            ]
            for what, how, mine, peer in peers:
                found.append(compare(f"integrated gradients, {what}, {name}, {n} tokens", mine, f"captum, {how}", peer))
    return found


def steps_for(
    model: xai.TextModel, text: str, theirs: Callable[..., np.ndarray], n_texts: int
) -> tuple[int, float, float]:
    """The fewest of our steps that leave no larger a gap than captum's default; our gap, and captum's.

    Gaps are root mean squares over texts that begin elsewhere: a single one may be small by luck.
    """
    words = text.split()
    texts = [" ".join(words[k:] + words[: max(0, k - 1)]) for k in range(0, 3 * n_texts, 3)]
    change = [
        (a.total or 0.0) - a.absorbed["baseline"]
        for a in (xai.integrated_gradients(model, t, TARGET, baseline="mask", steps=1) for t in texts)
    ]
    theirs_left = [c - theirs(t, steps=THEIR_STEPS, at_once=8).sum() for c, t in zip(change, texts, strict=True)]
    their_gap = float(np.sqrt(np.mean(np.square(theirs_left))))
    for steps in FEWER:
        left = [xai.integrated_gradients(model, t, TARGET, baseline="mask", steps=steps).gap or 0.0 for t in texts]
        gap = float(np.sqrt(np.mean(np.square(left))))
        if gap <= max(their_gap, FLOOR):
            break
    return steps, gap, their_gap
