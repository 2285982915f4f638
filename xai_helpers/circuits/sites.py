"""Where a model's activations can be read and written while it runs, by the names that TransformerLens gave them.

A block reads the residual stream, attends and adds, computes with its neurons and adds:

    resid_pre -> q, k, v -> pattern -> z -> attn_out -> resid_mid -> post -> mlp_out -> resid_post

Pre-norm families (GPT, Llama) add to a stream that nothing else touches. In post-norm families (BERT) a norm follows
each addition, so that `resid_mid` and `resid_post` are its outputs, and what was added is no difference of the two.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from ..architectures import blocks_of, hooked
from ..editing import NAME as EDITED
from ..editing import edited_attention, is_edited
from ..errors import OptionError, UnsupportedArchitectureError
from ..models import TextModel

# The sites of one block in the order in which they are computed, with TransformerLens' names.
NAMES = {
    "resid_pre": "hook_resid_pre",
    "q": "attn.hook_q",
    "k": "attn.hook_k",
    "v": "attn.hook_v",
    "pattern": "attn.hook_pattern",
    "z": "attn.hook_z",
    "attn_out": "hook_attn_out",
    "resid_mid": "hook_resid_mid",
    "post": "mlp.hook_post",
    "mlp_out": "hook_mlp_out",
    "resid_post": "hook_resid_post",
}
SITES = tuple(NAMES)
BY_HEAD = ("q", "k", "v", "pattern", "z")

Change = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Port:
    """A site's place in a block: what goes into a module, or comes out of it, or a part of that."""

    path: str
    before: bool = False
    split: tuple[int, ...] = ()  # how the last axis is cut
    part: tuple[int, int] | None = None  # (axis, index): which piece of the cut is meant

    def view(self, tensor: torch.Tensor) -> torch.Tensor:
        """The site's values, (rows, tokens, width) or (rows, tokens, heads, width), in the tensor that holds them."""
        cut = tensor.unflatten(-1, self.split) if self.split else tensor
        return cut.select(*self.part) if self.part else cut


def port_of(model: TextModel, site: str) -> Port:
    """Where a site is, in every block. Raises OptionError, UnsupportedArchitectureError where a family has none."""
    place = model.architecture
    if site in ("q", "k", "v"):
        index = ("q", "k", "v").index(site)
        width = getattr(model.config, "head_dim", None) or model.config.hidden_size // model.n_heads
        if len(place.projections) == 3:
            return Port(place.projections[index], split=(-1, width))
        if place.interleaved:
            return Port(place.projections[0], split=(-1, 3, width), part=(-2, index))
        return Port(place.projections[0], split=(3, -1, width), part=(-3, index))
    if site == "resid_mid" and getattr(model.config, "use_parallel_residual", False):
        raise UnsupportedArchitectureError(f"{model.name} attends and computes side by side: it has no resid_mid")
    ports = {
        "resid_pre": Port("", before=True),
        "z": Port(place.attention_out, before=True, split=(model.n_heads, -1)),
        "attn_out": Port(place.attention_out),
        "resid_mid": Port(place.middle, before=place.final_norm is not None),
        "post": Port(place.neurons, before=True),
        "mlp_out": Port(place.neurons),
        "resid_post": Port(""),
    }
    if site not in ports:
        raise OptionError(f"site={site!r}: choose one of {', '.join(map(repr, SITES))}")
    return ports[site]


def sites_of(model: TextModel) -> tuple[str, ...]:
    """The sites that this model's blocks have."""
    parallel = getattr(model.config, "use_parallel_residual", False)
    return tuple(site for site in SITES if not (site == "resid_mid" and parallel))


def require_eager(model: TextModel) -> None:
    """Raises UnsupportedArchitectureError where attention runs by a function that gives no weights."""
    if model.config._attn_implementation not in ("eager", EDITED):
        raise UnsupportedArchitectureError(
            f"{model.name} computes attention without its weights; switch back with "
            "model.model.set_attn_implementation('eager')"
        )


@contextlib.contextmanager
def read(model: TextModel, wanted: Iterable[tuple[str, int]]) -> Iterator[dict[tuple[str, int], torch.Tensor]]:
    """Within the context, what a forward pass computes at these (site, layer) is kept in the dictionary.

    Values: (rows, tokens, width), (rows, tokens, heads, width), or for patterns (rows, heads, query, key), cut off from
    the graph. What is kept is the caller's own: later changes in place by the model don't reach it.
    """
    kept: dict[tuple[str, int], torch.Tensor] = {}

    def keep(site: str, layer: int, whole: torch.Tensor) -> None:
        kept[site, layer] = view(model, site, whole).detach().clone()

    with seen(model, wanted, keep):
        yield kept


@contextlib.contextmanager
def seen(
    model: TextModel, wanted: Iterable[tuple[str, int]], keep: Callable[[str, int, torch.Tensor], None]
) -> Iterator[None]:
    """Within the context, keep(site, layer, tensor) is called with the tensor that holds a site's values, as it is."""
    require_eager(model)
    blocks = blocks_of(model.model)
    with contextlib.ExitStack() as stack:
        for site, layer in wanted:
            port = None if site == "pattern" else port_of(model, site)
            path = model.architecture.attention if port is None else port.path

            def look(*given: Any, site: str = site, layer: int = layer) -> None:
                what = given[-1]  # what went in, as a tuple, or what came out: attention gives its weights, too
                tensor = what[1] if site == "pattern" else what[0] if isinstance(what, tuple) else what
                keep(site, layer, tensor)

            before = port is not None and port.before
            stack.enter_context(hooked(blocks[layer].get_submodule(path), look, before=before))
        yield


def view(model: TextModel, site: str, whole: torch.Tensor) -> torch.Tensor:
    """A site's values in the tensor that holds them; shapes as in `read`."""
    return whole if site == "pattern" else port_of(model, site).view(whole)


@contextlib.contextmanager
def written(model: TextModel, site: str, layer: int, change: Change) -> Iterator[None]:
    """Within the context, a layer goes on with change(values) at the site; shapes as in `read`.

    What was computed from the values before the site stays: a changed `z` changes no pattern.
    """
    if site == "pattern":
        if is_edited(model):
            raise OptionError("of two edits of a pattern only one would hold: leave edited_attention first")
        with edited_attention(model, lambda weights, at: change(weights) if at == layer else weights):
            yield
        return
    port, block = port_of(model, site), blocks_of(model.model)[layer]

    def changed(tensor: torch.Tensor) -> torch.Tensor:
        whole = tensor.clone()
        port.view(whole).copy_(change(port.view(tensor)))
        return whole

    with contextlib.ExitStack() as stack:
        if site == "resid_mid" and port.before:
            # The block adds the MLP's output to the stream that the norm read, of which it keeps a copy of its own.
            passed: dict[str, torch.Tensor] = {}

            def enter(module: Any, given: Any) -> tuple[Any, ...]:
                passed["middle"] = changed(given[0])
                return (passed["middle"], *given[1:])

            neurons = block.get_submodule(model.architecture.neurons)
            stack.enter_context(hooked(block.get_submodule(port.path), enter, before=True))
            stack.enter_context(hooked(neurons, lambda module, given, out: passed.update(added=out)))
            stack.enter_context(hooked(block, lambda module, given, out: passed["middle"] + passed["added"]))
        elif port.before:
            enter_with = lambda module, given: (changed(given[0]), *given[1:])  # noqa: E731
            stack.enter_context(hooked(block.get_submodule(port.path), enter_with, before=True))
        else:
            leave_with = lambda module, given, out: changed(out)  # noqa: E731
            stack.enter_context(hooked(block.get_submodule(port.path), leave_with))
        yield
