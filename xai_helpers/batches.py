"""Many versions of one text through the model, in as few passes as the memory bound allows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Literal

import torch

from .architectures import hooked
from .errors import NonFiniteError, OptionError
from .models import TextModel

BatchSize = int | Literal["auto"]
BUDGET = 2**28  # bytes of activations that a pass may take with batch_size="auto"


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
    with _embedded_as(model, embeddings):
        if model.kind == "causal-lm":
            logits = model.model(input_ids=ids, logits_to_keep=1, **options).logits[:, -1]
        elif decoder:  # its own head accepts a batch only where there is a padding token
            head: Any = model.model.score
            logits = head(model.model.base_model(input_ids=ids, **options).last_hidden_state[:, -1])
        else:
            logits = model.model(input_ids=ids, **options).logits
            logits = logits[:, place] if model.kind == "masked-lm" else logits
    if not logits.detach().sum(dtype=torch.float64).isfinite():
        raise NonFiniteError(f"{model.name} gives NaN or infinite logits for a changed version of this text")
    return logits


def rows_at_once(model: TextModel, n_tokens: int, batch_size: BatchSize, *, differentiated: bool = False) -> int:
    """How many rows of n_tokens go through one pass.

    batch_size: a number, or "auto" for what fits into `BUDGET` by a rough count of the activations alive at once:
    those of one layer, or of all where the pass is differentiated. Raises OptionError.
    """
    if batch_size != "auto":
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise OptionError(f"batch_size={batch_size!r}: give a number of rows of at least 1, or 'auto'")
        return batch_size
    width = model.config.hidden_size
    layer = n_tokens * (16 * width + 3 * model.n_heads * n_tokens)
    layers = model.n_layers if differentiated else 1
    choices = model.config.num_labels if model.kind == "classifier" else model.config.vocab_size
    # a model that reads both ways computes its logits at every token
    predicted = choices * (n_tokens if model.kind == "masked-lm" else 1)
    return max(1, BUDGET // ((layer * layers + predicted) * model.model.dtype.itemsize))


@contextlib.contextmanager
def _embedded_as(model: TextModel, embeddings: torch.Tensor | None) -> Iterator[None]:
    if embeddings is None:
        yield
        return
    with hooked(model.model.get_input_embeddings(), lambda module, args, output: embeddings):
        yield
