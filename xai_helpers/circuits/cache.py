"""What does a model compute on its way? One forward pass's embeddings and activations, by name.

The names are TransformerLens' (`blocks.3.attn.hook_pattern`), the model is the stock one, and no weight is folded into
another. In BERT's relatives `attn_out` and `mlp_out` are what a block adds, before the norm, `resid_mid` comes after
the norm between the two, and `hook_embed` embeds the tokens alone: TransformerLens' hooks of these names give other
values there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch

from ..architectures import hooked
from ..attention import layer_index
from ..errors import OptionError, XaiError
from ..models import ONE_AT_A_TIME, TextModel, require_evaluation, require_text_model
from . import sites


class ActivationCache(Mapping[str, torch.Tensor]):
    """Activations by TransformerLens' names, or by site and layer: cache["z", 3] is cache["blocks.3.attn.hook_z"].

    One text, so no axis for a batch: (tokens, width); q, k, v and z (tokens, heads, width of a head), where keys and
    values may be shared by several heads; pattern (heads, query, key). A negative layer counts from the end.
    """

    def __init__(self, values: dict[str, torch.Tensor], model: TextModel) -> None:
        self._values, self._model = values, model

    def __getitem__(self, name: str | tuple[str, int]) -> torch.Tensor:
        full = name
        if isinstance(name, tuple):
            site, layer = name
            if site not in sites.NAMES:
                raise OptionError(f"site {site!r}: choose one of {', '.join(map(repr, sites.SITES))}")
            full = f"blocks.{layer_index(self._model, layer)}.{sites.NAMES[site]}"
        if full in sites.NAMES:
            raise KeyError(f"{full!r} is in every layer: name one, as in cache[{full!r}, 0]")
        if full not in self._values:
            raise KeyError(f"{full} was not kept; there is: {', '.join(self._values)}")
        return self._values[str(full)]

    def __contains__(self, name: object) -> bool:
        try:
            self[name]  # type: ignore[index]
        except (KeyError, XaiError):
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        size = sum(value.numel() * value.element_size() for value in self._values.values())
        return f"{len(self)} activations of {self._model.name}, {size / 1e6:.1f} MB"


def run_with_cache(
    model: TextModel, text: str, names: Iterable[str] | None = None
) -> tuple[torch.Tensor, ActivationCache]:
    """The model's logits, (tokens, vocabulary) or (classes,), and its activations on the way to them.

    names: which to keep, as sites ("z", in all layers) or in full ("blocks.3.attn.hook_z"); None keeps all there are.
    Nothing is differentiated, and nothing stays with the model. Raises OptionError, and what `TextModel.encode` raises.
    """
    require_text_model("run_with_cache", model)
    require_evaluation(model)
    encoded = model.encode(text)
    known = {
        f"blocks.{layer}.{sites.NAMES[site]}": (site, layer)
        for layer in range(model.n_layers)
        for site in sites.sites_of(model)
    }
    wanted = _wanted(names, [*_embeddings(model), *known], sites.sites_of(model))
    with ONE_AT_A_TIME, torch.no_grad(), contextlib.ExitStack() as stack:
        kept = stack.enter_context(sites.read(model, [known[name] for name in wanted if name in known]))
        embedded: dict[str, torch.Tensor] = {}
        for name, module in _embeddings(model).items():
            if name in wanted:
                keep = lambda module, given, out, name=name: embedded.update({name: out.detach().clone()})  # noqa: E731
                stack.enter_context(hooked(module, keep))
        logits = model.forward(encoded).logits[0]
    values = {name: value.expand(1, *value.shape[-2:])[0] for name, value in embedded.items()}
    return logits, ActivationCache(values | {name: kept[known[name]][0] for name in wanted if name in known}, model)


def _embeddings(model: TextModel) -> dict[str, Any]:
    """The modules that embed tokens and, where the family adds them, positions."""
    modules: dict[str, Any] = {"hook_embed": model.model.get_input_embeddings()}
    if model.architecture.positions is not None:
        modules["hook_pos_embed"] = model.model.base_model.get_submodule(model.architecture.positions)
    return modules


def _wanted(names: Iterable[str] | None, every: list[str], there: Sequence[str]) -> list[str]:
    """The full names of what is to be kept, in the order in which it is computed. Raises OptionError."""
    if names is None:
        return every
    names = [names] if isinstance(names, str) else list(names)
    for name in names:
        if name not in every and name not in there:
            raise OptionError(f"this model has no activation {name!r}; name a site ({', '.join(there)}) or one in full")
    ends = tuple(f".{sites.NAMES[name]}" for name in names if name in there)
    return [name for name in every if name in names or (ends and name.endswith(ends))]
