"""Many versions of one text through the model, in as few passes as the memory bound allows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Literal

import torch

from . import checks
from .architectures import hooked
from .errors import NonFiniteError, OptionError
from .models import ONE_AT_A_TIME, TextModel

BatchSize = int | Literal["auto"]
BUDGET = 2**26  # bytes of activations that a pass may take with batch_size="auto"; more leaves the processor's cache
ON_A_GPU = 16  # times as many


def logits_of(
    model: TextModel, ids: torch.Tensor, place: int, embeddings: torch.Tensor | None = None, **options: Any
) -> torch.Tensor:
    """The logits that a prediction at token `place` is chosen from: (n_rows, n_choices); gradients as they are set.

    ids: (n_rows, n_tokens). embeddings: (n_rows, n_tokens, width), which take the place of the tokens' own before
    positions are added. What follows the readout of a model that reads one way is left out. options: the model's own.
    Raises NonFiniteError.
    """
    decoder = model.architecture.decoder
    if decoder:
        ids = ids[:, : place + 1]
        embeddings = None if embeddings is None else embeddings[:, : place + 1]
    with ONE_AT_A_TIME, _embedded_as(model, embeddings):
        if decoder:
            options.setdefault("use_cache", False)
            # Its own forward pass accepts a batch of a classifier's only where there is a padding token, and multiplies
            # a language model's last states one by one.
            head: Any = model.model.get_output_embeddings() if model.kind == "causal-lm" else model.model.score
            logits = head(model.model.base_model(input_ids=ids, **options).last_hidden_state[:, -1])
        else:
            logits = model.model(input_ids=ids, **options).logits
            logits = logits[:, place] if model.kind == "masked-lm" else logits
    if not logits.detach().sum(dtype=torch.float64).isfinite():
        raise NonFiniteError(f"{model.name} gives NaN or infinite logits for a changed version of this text")
    return logits


def rows_at_once(
    model: TextModel, n_tokens: int, batch_size: BatchSize, *, differentiated: bool = False, remembered: int = 0
) -> int:
    """How many rows of n_tokens go through one pass.

    batch_size: a number, or "auto" for what fits into `BUDGET` by a rough count of the activations alive at once:
    those of one layer, or of all where the pass is differentiated. remembered: how many tokens more each row has keys
    and values of. Raises OptionError.
    """
    if not isinstance(batch_size, str):
        return checks.whole(batch_size, "batch_size")
    if batch_size != "auto":
        raise OptionError(f"batch_size={batch_size!r}: give a number of rows, or 'auto'")
    width = model.config.hidden_size
    layer = n_tokens * (16 * width + 3 * model.n_heads * n_tokens)
    layers = model.n_layers if differentiated else 1
    choices = model.config.num_labels if model.kind == "classifier" else model.config.vocab_size
    # a model that reads both ways computes its logits at every token
    predicted = choices * (n_tokens if model.kind == "masked-lm" else 1)
    budget = BUDGET if model.model.device.type == "cpu" else ON_A_GPU * BUDGET
    kept = 2 * model.n_layers * width * (remembered + n_tokens) if remembered else 0
    return max(1, budget // ((layer * layers + predicted + kept) * model.model.dtype.itemsize))


@contextlib.contextmanager
def _embedded_as(model: TextModel, embeddings: torch.Tensor | None) -> Iterator[None]:
    if embeddings is None:
        yield
        return
    with hooked(model.model.get_input_embeddings(), lambda module, args, output: embeddings):
        yield
