"""A forward pass taken up again in the middle, for many changed versions of one text at once.

Whoever changes one activation knows already what lies below it. In a model that reads one way he also knows what lies
before it in the text: the keys and values there are the text's own. And of the last block only the token matters that
the prediction is read from. So a text is run once and recorded; each change starts at its layer and at its token.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicCache
from transformers.modeling_outputs import BaseModelOutputWithPoolingAndCrossAttentions

from ..architectures import blocks_of, replaced
from ..errors import NonFiniteError
from ..models import ONE_AT_A_TIME, EncodedText, TextModel
from . import sites

# change(values, first): what takes the place of a site's values, of which the first belong to token `first`.
Change = Callable[[torch.Tensor, int], torch.Tensor]


@dataclass(frozen=True, eq=False)
class Recording:
    """One text's way through a model, up to the token `place` in a model that reads one way.

    streams: what each block is given, (1, tokens, width). calls: with what else, by name. memory: keys and values of
    each layer, (1, heads, tokens, width of a head), where they can be used again. kept: activations by (site, layer).
    logits: those that the prediction is chosen from, float64 (choices,).
    """

    model: TextModel
    ids: torch.Tensor
    place: int
    streams: tuple[torch.Tensor, ...]
    calls: tuple[Mapping[str, Any], ...]
    memory: tuple[tuple[torch.Tensor, torch.Tensor], ...] | None
    kept: Mapping[tuple[str, int], torch.Tensor]
    logits: torch.Tensor


def record(model: TextModel, encoded: EncodedText, place: int, wanted: Iterable[tuple[str, int]] = ()) -> Recording:
    """Runs the text once; `place` is the token that the prediction is read from. Raises NonFiniteError."""
    decoder = model.architecture.decoder
    ids = encoded.ids[:, : place + 1] if decoder else encoded.ids
    streams: list[torch.Tensor] = []
    calls: list[dict[str, Any]] = []

    def note(block: Any, args: Any, options: Any) -> None:
        bound = inspect.signature(type(block).forward).bind(block, *args, **options).arguments
        given = {name: value for name, value in bound.items() if name not in ("self", "kwargs")}
        given |= bound.get("kwargs", {})
        streams.append(given.pop("hidden_states").detach())
        calls.append(given)

    with ONE_AT_A_TIME, torch.no_grad(), contextlib.ExitStack() as stack:
        kept = stack.enter_context(sites.read(model, [*wanted, ("resid_post", model.n_layers - 1)]))
        for block in blocks_of(model.model):
            stack.callback(block.register_forward_pre_hook(note, with_kwargs=True).remove)
        # A cache of one's own keeps every key, also where the model would keep those within its window only.
        own = {"use_cache": True, "past_key_values": DynamicCache()}
        options: dict[str, Any] = own if decoder else {"attention_mask": encoded.mask}
        output = model.model.base_model(input_ids=ids, **options)
        memory = tuple((layer.keys, layer.values) for layer in output.past_key_values.layers) if decoder else None
        logits = _predicted(model, ids, place, kept["resid_post", model.n_layers - 1][:, place : place + 1])[0]
    return Recording(model, ids, place, tuple(streams), tuple(calls), memory, kept, logits)


def resume(run: Recording, site: str, layer: int, change: Change, n_rows: int, start: int = 0) -> torch.Tensor:
    """The logits, float64 (n_rows, choices), of n_rows versions that are the recorded text below `site` of `layer`.

    start: the first token that changes in any of them; 0 where the model reads both ways. Raises NonFiniteError.
    """
    model, last = run.model, run.model.n_layers - 1
    blocks, n_tokens = blocks_of(model.model), run.ids.shape[1]
    stream = run.streams[layer][:, start:].expand(n_rows, -1, -1)
    with ONE_AT_A_TIME, torch.no_grad():
        for at in range(layer, last + 1):
            enter = functools.partial(_changed, model, site, at, change) if at == layer else _unchanged
            before = _Memory(run, at, start)
            if at < last or run.memory is None:
                with enter(start):
                    stream = blocks[at](stream, **_call(run, at, start, n_tokens, before))
            else:
                if start < n_tokens - 1:
                    with enter(start):
                        before.note(blocks[at], stream[:, :-1], _call(run, at, start, n_tokens - 1, before))
                with enter(n_tokens - 1):
                    stream = blocks[at](stream[:, -1:], **_call(run, at, n_tokens - 1, n_tokens, before))
        if run.memory is None:
            stream = stream[:, run.place : run.place + 1]
        return _predicted(model, run.ids, run.place, stream)


class _EnoughError(Exception):
    """Keys and values are known; nothing more is asked of this block."""


class _Memory:
    """Stands where transformers' cache would, and adds the keys and values of the tokens before."""

    def __init__(self, run: Recording, layer: int, start: int) -> None:
        self.before: tuple[torch.Tensor, ...] | None = None
        if run.memory is not None and start:
            self.before = tuple(x[:, :, :start] for x in run.memory[layer])
        self.noting = False

    def update(self, keys: torch.Tensor, values: torch.Tensor, *args: Any, **options: Any) -> tuple[torch.Tensor, ...]:
        if self.before is not None:
            earlier = (x.expand(len(keys), -1, -1, -1) for x in self.before)
            keys, values = (torch.cat(pair, dim=2) for pair in zip(earlier, (keys, values), strict=True))
        if self.noting:
            self.before = keys, values
            raise _EnoughError
        return keys, values

    def note(self, block: torch.nn.Module, stream: torch.Tensor, call: Mapping[str, Any]) -> None:
        """Takes a block's keys and values of these tokens, and nothing else."""
        self.noting = True
        with contextlib.suppress(_EnoughError):
            block(stream, **call)
        self.noting = False


@contextlib.contextmanager
def _changed(model: TextModel, site: str, layer: int, change: Change, first: int) -> Iterator[None]:
    with sites.written(model, site, layer, lambda values: change(values, first)):
        yield


def _unchanged(first: int) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()


def _call(run: Recording, layer: int, first: int, end: int, memory: _Memory) -> dict[str, Any]:
    """What else a block is given for the tokens from `first` to before `end`."""

    def cut(name: str, value: Any) -> Any:
        if isinstance(value, Cache):
            return memory
        if name == "attention_mask" and value is not None and run.memory is not None:
            return value[:, :, first:end, :end]
        if name == "position_embeddings" and value is not None:
            return tuple(x[:, first:end] for x in value)
        return value

    return {name: cut(name, value) for name, value in run.calls[layer].items()}


def _predicted(model: TextModel, ids: torch.Tensor, place: int, stream: torch.Tensor) -> torch.Tensor:
    """The head's logits, float64 (rows, choices), from what the last block makes of the readout, (rows, 1, width)."""
    network: Any = model.model
    base = network.base_model
    if model.architecture.decoder:
        norm = base.get_submodule(model.architecture.final_norm or "")
        head = network.get_output_embeddings() if model.kind == "causal-lm" else network.score
        logits = head(norm(stream[:, 0]))
    else:
        # The head runs as it is; what it is given by the stack below is what we have.
        pooler = getattr(base, "pooler", None)
        known = BaseModelOutputWithPoolingAndCrossAttentions(
            last_hidden_state=stream, pooler_output=None if pooler is None else pooler(stream)
        )
        with replaced(base, lambda *args, **options: known):
            logits = network(input_ids=ids[:, place : place + 1].expand(len(stream), -1)).logits
        logits = logits[:, 0] if model.kind == "masked-lm" else logits
    if not logits.sum(dtype=torch.float64).isfinite():
        raise NonFiniteError(f"{model.name} gives NaN or infinite logits for a changed version of this text")
    return logits.double()
