"""Integrated gradients beside captum's: the same baseline, and as many steps or as small a gap."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator
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
FLOOR = 2e-5  # smaller gaps are rounding
LARGE = 512  # a width above which one text must do
Run = Callable[..., Any]
NOTES = """\
Baseline: the mask token; single precision. Ours starts from the text, as captum's user does: `LayerIntegratedGradients`
on the model as transformers loads it, tokenizer included.

- one batch: captum's default, all steps in one pass. batches of k: the `internal_batch_size` among 4, 8 and 16 that is
  fastest here. Ours chooses its own, and multiplies only the state at the readout by the unembedding, which captum's
  user does for every token; in a classifier there is nothing of that kind to save.
- gap: captum's default of 50 steps against as few of ours as leave no larger a gap (root mean square over a few texts:
  one gap may be small by luck), or none above 2e-5, where single precision ends. Both use Gauss-Legendre quadrature, so
  fewer steps do only where both have reached that end. The classifier of DistilBERT has a ReLU, for which no quadrature
  is exact: there it takes about as many steps, and the ratio is that of the time of a step.
- Below 1: in a classifier, and where the blocks are wide, the steps are all the work, and both do the same. Ours keeps
  below a bound of memory, so its batches are smaller than captum's one.
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
        captums = functools.partial(with_captum, network, model.tokenizer, causal=model.kind == "causal-lm")
        for n in lengths:
            text = text_of(model, n)
            ours = functools.partial(xai.integrated_gradients, model, text, TARGET, baseline="mask")
            theirs = functools.partial(captums, text)
            scores = ours(steps=STEPS).scores
            assert np.allclose(scores, theirs(), rtol=0, atol=1e-4 * np.abs(scores).max())
            timed = compared(model, text, ours, theirs, captums)
            found += [
                compare(f"integrated gradients, {what}, {name}, {n} tokens", mine, f"captum, {how}", peer)
                for what, mine, how, peer in timed
            ]
    return found


def compared(
    model: xai.TextModel, text: str, ours: Run, theirs: Run, captums: Run
) -> Iterator[tuple[str, Run, str, Run]]:
    """What ours does, how captum does it, and both as calls."""
    at_steps = functools.partial(ours, steps=STEPS)
    yield f"{STEPS} steps", at_steps, "one batch", theirs
    batches = {k: functools.partial(theirs, at_once=k) for k in (4, 8, 16)}
    best = min(batches, key=lambda k: seconds(batches[k]))
    yield f"{STEPS} steps", at_steps, f"batches of {best}", batches[best]
    few, gap, their_gap = steps_for(model, text, captums)
    what, how = f"{few} steps, gap {gap:.0e}", f"{THEIR_STEPS} steps, gap {their_gap:.0e}"
    yield what, functools.partial(ours, steps=few), how, functools.partial(theirs, steps=THEIR_STEPS)


def steps_for(model: xai.TextModel, text: str, theirs: Run) -> tuple[int, float, float]:
    """The fewest of our steps that leave no larger a gap than captum's default; our gap, and captum's.

    Gaps are root mean squares over texts that begin elsewhere, or of one where the model is large.
    """
    words = text.split()
    n_texts = 5 if model.config.hidden_size < LARGE else 1
    texts = [" ".join(words[k:] + words[: max(0, k - 2)]) for k in range(0, 3 * n_texts, 3)]
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
