"""Change what a model computes on its way, see what becomes of its output, and put everything back.

An explanation says that some part of the computation matters. The test is to change that part and run the model again.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

from .architectures import blocks_of, eager_attention
from .attention import head_index, layer_index
from .errors import OptionError
from .models import TextModel

Edit = Callable[[torch.Tensor, int], torch.Tensor]

NAME = "xai-edited"
_EDITS: dict[torch.nn.Module, tuple[Edit, int]] = {}  # the modules of the models being edited, with their layer


@contextlib.contextmanager
def edited_attention(model: TextModel, edit: Edit) -> Iterator[None]:
    """Within the context, every layer goes on with the attention weights that edit(weights, layer) returns.

    weights: (batch, heads, query, key), after the softmax; edit returns the same shape (OptionError otherwise) and
    leaves its argument as it is. What the layers return as their attention are the edited weights. Afterwards the model
    is as it was, also after an error. Nothing of the model is changed but the name of its attention implementation.
    Several models can be edited at once; of two edits of one model the inner one holds.
    """
    edits = {module: (edit, layer) for layer, block in enumerate(blocks_of(model.model)) for module in block.modules()}
    outer = {module: _EDITS[module] for module in edits if module in _EDITS}
    before = model.model.config._attn_implementation
    _EDITS.update(edits)
    try:
        model.model.set_attn_implementation(NAME)
        yield
    finally:
        model.model.set_attn_implementation(before)
        for module in edits:
            del _EDITS[module]
        _EDITS.update(outer)


def is_edited(model: TextModel) -> bool:
    """Whether the model's attention is being edited."""
    return any(module in _EDITS for module in blocks_of(model.model)[0].modules())


def evenly(model: TextModel, layer: int) -> Edit:
    """An edit: all heads of one layer attend evenly to what each query sees (weights that are not 0).

    layer counts from 0, or from the end if negative. Raises LayerRangeError.
    """
    chosen = layer_index(model, layer)

    def edit(weights: torch.Tensor, at: int) -> torch.Tensor:
        seen = (weights > 0).to(weights.dtype)
        return seen / seen.sum(-1, keepdim=True) if at == chosen else weights

    return edit


def permuted(model: TextModel, layer: int, head: int, *, seed: int, query: int = -1) -> Edit:
    """An edit: one head's weights at one query go to the tokens that it sees in another order, drawn by the seed.

    layer and head count from 0, or from the end if negative. Raises LayerRangeError, HeadRangeError.
    """
    chosen, one = layer_index(model, layer), head_index(model, head)

    def edit(weights: torch.Tensor, at: int) -> torch.Tensor:
        if at != chosen:
            return weights
        changed = weights.clone()
        row = changed[:, one, query]
        seen = (row > 0).any(0).nonzero().flatten()
        order = torch.randperm(len(seen), generator=torch.Generator().manual_seed(seed)).to(row.device)
        row[:, seen] = row[:, seen[order]]
        return changed

    return edit


def chained(*edits: Edit) -> Edit:
    """An edit: all of these, one after the other."""
    return lambda weights, layer: functools.reduce(lambda changed, edit: edit(changed, layer), edits, weights)


def _attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The family's own eager attention, softmax(q k^T * scaling + mask) v, the weights edited before they meet v."""
    output, weights = eager_attention(module)(module, query, key, value, attention_mask, **options)
    if module not in _EDITS:  # a model that shares its config with an edited one
        return output, weights
    edit, layer = _EDITS[module]
    edited = edit(weights, layer)
    if not isinstance(edited, torch.Tensor) or edited.shape != weights.shape:
        shape = tuple(edited.shape) if isinstance(edited, torch.Tensor) else type(edited).__name__
        raise OptionError(f"edit must return weights of shape {tuple(weights.shape)}; it gave {shape}")
    groups = query.shape[1] // key.shape[1]  # several heads may share their values
    shared = value if groups == 1 else value.repeat_interleave(groups, dim=1)
    return (edited @ shared).transpose(1, 2).contiguous(), edited


AttentionInterface.register(NAME, _attention)  # inert until a model names it
AttentionMaskInterface.register(NAME, eager_mask)
