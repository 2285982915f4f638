"""A decoder as a graph: who writes into the residual stream, who reads it, and what if some read another text's?

Writers are the embeddings, the heads and the MLPs; readers are each head's queries, keys and values, the MLPs, and the
logits (Elhage et al., 2021, "A Mathematical Framework for Transformer Circuits"). The stream is the sum of what was
written, so each reader has an edge from every writer before it. Patching an edge replaces, in this one reader's input,
what the writer writes in this run by what it wrote in the other; everything after the reader runs on. A node is patched
by patching all edges that leave it. The other run's writings are kept; this run's are its own, so that an edge whose
writer was changed by an earlier edge is still replaced by what stood in the other run (Conmy et al., 2023, "Towards
Automated Circuit Discovery for Mechanistic Interpretability").

The derivative of a metric by how far an edge is patched, at none, is edge attribution patching (Syed et al., 2023,
"Attribution Patching Outperforms Automated Circuit Discovery"): `patched` is differentiable in its masks.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from transformers.pytorch_utils import Conv1D

from ..architectures import blocks_of, hooked
from ..errors import NoHeadError, OptionError
from ..models import ONE_AT_A_TIME, TextModel
from . import sites
from .heads import output_weights


@dataclass(frozen=True)
class Graph:
    """Writers and readers by name, in the order in which a pass computes them, and which edges there are.

    writers: "embeddings", "head 0.3", "MLP 0". readers: "head 1.0 q", "MLP 1", "logits"; keys and values that heads
    share are one reader, named by the first of them. exists: bool (readers, writers).
    """

    writers: tuple[str, ...]
    readers: tuple[str, ...]
    exists: np.ndarray

    def index(self, reader: str, writer: str) -> tuple[int, int]:
        """An edge's place in a mask. Raises OptionError for an edge that isn't there."""
        if reader not in self.readers or writer not in self.writers:
            unknown = reader if reader not in self.readers else writer
            raise OptionError(f"{unknown!r}: readers are {', '.join(self.readers)}; writers {', '.join(self.writers)}")
        place = self.readers.index(reader), self.writers.index(writer)
        if not self.exists[place]:
            raise OptionError(f"{writer} writes after {reader} has read: there is no edge between them")
        return place

    def owners(self, reader: str) -> tuple[int, ...]:
        """The writers that use what this reader reads; none for the logits. Shared keys belong to several heads."""
        if reader == "logits":
            return ()
        if reader.startswith("MLP"):
            return (self.writers.index(reader),)
        head, letter = reader[:-2], reader[-1]
        layer = head.split(".")[0] + "."
        first = self.writers.index(head)
        alike = [name for name in self.readers if name.startswith(layer) and name.endswith(f" {letter}")]
        heads = sum(name.startswith(layer) for name in self.writers)
        return tuple(range(first, first + heads // len(alike)))

    def writes_before(self, writer: str, reader: str) -> bool:
        """Whether there is an edge between them. Raises OptionError for names that aren't there."""
        try:
            self.index(reader, writer)
        except OptionError:
            if reader in self.readers and writer in self.writers:
                return False
            raise
        return True


@dataclass(frozen=True, eq=False)
class Run:
    """What one pass wrote into the stream: written, (rows, writers, tokens, width); logits (rows, choices), float64."""

    written: torch.Tensor
    logits: torch.Tensor


def graph_of(model: TextModel) -> Graph:
    """Raises NoHeadError for models whose stream is no sum, BERT's relatives."""
    if not model.architecture.decoder or model.kind == "classifier":
        raise NoHeadError(
            f"{model.name} is no causal language model: only there every reader reads a sum of what was written"
        )
    shared = model.n_heads // _n_keys(model)
    parallel = getattr(model.config, "use_parallel_residual", False)
    writers, readers, before = ["embeddings"], [], []
    for layer in range(model.n_layers):
        heads = [f"head {layer}.{head}" for head in range(model.n_heads)]
        for letter in "qkv":
            named = heads if letter == "q" else heads[::shared]
            readers += [f"{head} {letter}" for head in named]
            before += [len(writers)] * len(named)
        writers += heads
        readers.append(f"MLP {layer}")
        before.append(len(writers) - (model.n_heads if parallel else 0))
        writers.append(f"MLP {layer}")
    readers.append("logits")
    before.append(len(writers))
    exists = np.arange(len(writers)) < np.array(before)[:, None]
    return Graph(tuple(writers), tuple(readers), exists)


def run(model: TextModel, ids: torch.Tensor, place: int | torch.Tensor) -> Run:
    """One pass over texts (rows, tokens), with all that is written into the stream kept.

    place: whose logits, one token for all rows or one of each; what stands after it in a row changes nothing.
    """
    with torch.no_grad():
        return _pass(_State(model), ids, place)


def patched(
    model: TextModel,
    ids: torch.Tensor,
    place: int | torch.Tensor,
    other: torch.Tensor | None,
    masks: torch.Tensor,
    *,
    gap: torch.Tensor | None = None,
    start: torch.Tensor | None = None,
) -> torch.Tensor:
    """The logits, float64 (rows, choices), of runs in which some readers read what the other run wrote.

    ids, place: as in `run`. other: what was written there, (rows, writers, tokens, width), or one row for all. masks:
    how far each edge is patched, 0 to 1, (rows, readers, writers) or one row for all; gradients flow into them if they
    are asked for. Edges that don't exist are ignored. gap: in place of `other`, what each reader gains from each
    writer, whatever this run writes. start: what the first block is given, (rows, tokens, width), in place of the
    embeddings.
    """
    ids = ids.expand(max(len(ids), len(masks)), -1)
    return _pass(_State(model, other, masks, gap, start), ids, place).logits


def patched_run(model: TextModel, ids: torch.Tensor, place: int, other: torch.Tensor, masks: torch.Tensor) -> Run:
    """`patched`, and what was written in those runs."""
    return _pass(_State(model, other, masks), ids.expand(max(len(ids), len(masks)), -1), place)


def _pass(state: _State, ids: torch.Tensor, place: int | torch.Tensor) -> Run:
    model = state.model
    base: Any = model.model.base_model
    with ONE_AT_A_TIME, contextlib.ExitStack() as stack:
        for layer, block in enumerate(blocks_of(model.model)):
            for hook in _hooks(state, layer, block):
                stack.enter_context(hook)
        final = base.get_submodule(model.architecture.final_norm)
        stack.enter_context(hooked(final, lambda _, args: (state.read("logits", args[0]), *args[1:]), before=True))
        normed = base(input_ids=ids, use_cache=False).last_hidden_state
        logits = model.model.get_output_embeddings()(normed[torch.arange(len(normed)), place]).double()
    return Run(torch.stack(state.written, dim=1), logits)


@dataclass
class _State:
    """One pass: what it is to replace, and what was written so far."""

    model: TextModel
    other: torch.Tensor | None = None
    masks: torch.Tensor | None = None
    gap: torch.Tensor | None = None
    start: torch.Tensor | None = None
    written: list[torch.Tensor] = field(default_factory=list)

    @functools.cached_property
    def graph(self) -> Graph:
        return graph_of(self.model)

    def write(self, values: torch.Tensor) -> None:
        """One more writer: (rows, tokens, width)."""
        self.written.append(values)

    def change(self, first: int, n: int) -> torch.Tensor | None:
        """What these readers' inputs gain, (rows, n, tokens, width); None where no edge of theirs is patched."""
        if self.masks is None:
            return None
        so_far = int(self.graph.exists[first].sum())
        mask = self.masks[:, first : first + n, :so_far]
        if not mask.requires_grad and not mask.any():
            return None
        if self.gap is None:
            assert self.other is not None
            gap = self.other[:, :so_far] - torch.stack(self.written[:so_far], dim=1)
        else:
            gap = self.gap[:, :so_far]
        rows = max(len(mask), len(gap))
        return torch.einsum("rnw,rwtd->rntd", mask.expand(rows, -1, -1), gap.expand(rows, -1, -1, -1))

    def read(self, name: str, stream: torch.Tensor) -> torch.Tensor:
        """What one reader reads where the stream is (rows, tokens, width)."""
        change = self.change(self.graph.readers.index(name), 1)
        return stream if change is None else stream + change[:, 0]


def _hooks(state: _State, layer: int, block: Any) -> Iterator[contextlib.AbstractContextManager[None]]:
    """What must be hooked in one block."""
    place, model = state.model.architecture, state.model
    entered: dict[str, torch.Tensor] = {}

    def enter(module: Any, args: Any) -> Any:
        given = args[0] if layer or state.start is None else state.start
        entered["stream"] = given
        if layer == 0:
            state.write(given)
        return (given, *args[1:])

    yield hooked(block, enter, before=True)
    for letter in "qkv":
        port = sites.port_of(model, letter)
        project = functools.partial(_projected, state, layer, block, letter, entered)
        yield hooked(block.get_submodule(port.path), lambda module, args, out, project=project: project(module, out))

    def heads(module: Any, args: Any) -> None:
        z = args[0].unflatten(-1, (model.n_heads, -1))
        for head in torch.einsum("rthd,hdw->hrtw", z, output_weights(model, layer)):
            state.write(head)

    yield hooked(block.get_submodule(place.attention_out), heads, before=True)
    middle = block.get_submodule(place.middle)
    yield hooked(middle, lambda _, args: (state.read(f"MLP {layer}", args[0]), *args[1:]), before=True)
    yield hooked(block.get_submodule(place.neurons), lambda _, args, out: state.write(out))


def _projected(
    state: _State, layer: int, block: Any, letter: str, entered: dict[str, torch.Tensor], module: Any, out: torch.Tensor
) -> torch.Tensor | None:
    """A projection's output where each head has read its own stream."""
    model, port = state.model, sites.port_of(state.model, letter)
    n = model.n_heads if letter == "q" else _n_keys(model)
    change = state.change(state.graph.readers.index(f"head {layer}.0 {letter}"), n)
    if change is None:
        return None
    weight = module.weight if isinstance(module, Conv1D) else module.weight.T  # (width, out)
    streams = block.get_submodule(model.architecture.entry)(entered["stream"][:, None] + change)
    whole = out.clone()
    values = torch.einsum("rhtw,whd->rthd", streams, port.view(weight))
    port.view(whole).copy_(values if module.bias is None else values + port.view(module.bias))
    return whole


def _n_keys(model: TextModel) -> int:
    return getattr(model.config, "num_key_value_heads", None) or model.n_heads
