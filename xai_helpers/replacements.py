"""What stands in for a token that is taken away, and where a path from "nothing" to the text begins.

No replacement is nothing: a mask, a word and a vector of zeros each ask the model about another text. So a method names
the one that it used. Special tokens stay, and so does the mask that a masked language model is asked about.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from . import targets
from .errors import OptionError
from .models import EncodedText, TextModel

NAMES = ("auto", "mask", "pad", "unk", "zero", "mean")
FILLERS = ("the", ",")  # what "auto" takes where there is no mask token


def stays(model: TextModel, encoded: EncodedText) -> torch.Tensor:
    """Which tokens are never taken away: bool (n_tokens,)."""
    special = torch.tensor([unit.special for unit in encoded.units])
    if model.kind == "masked-lm":
        special[targets.readout(model, encoded, -1)] = True
    return special


def stand_in(
    model: TextModel, encoded: EncodedText, replacement: str, *, called: str = "replacement"
) -> tuple[str, torch.Tensor]:
    """The name of what is taken, and for each token the embedding that stands in for it: (n_tokens, width).

    replacement: "auto" (the mask token where the tokenizer has one, else a neutral word; never whatever has id 0),
    "mask", "pad", "unk", "zero" (a vector of zeros), "mean" (of all embeddings of the vocabulary), a word that is one
    token, or a text of as many tokens as this one. Whether a model was trained with masks can't be seen from outside:
    its card may say. Tokens that stay have their own embedding. called: the option's name, for an error. Raises
    OptionError, or what `TextModel.encode` raises.
    """
    if not isinstance(replacement, str) or not replacement.strip():
        raise OptionError(f"{called}={replacement!r}: choose {', '.join(map(repr, NAMES))}, or give a word or a text")
    with torch.no_grad():
        own = embedded(model, encoded.ids)[0]
        if replacement == "zero":
            vectors = torch.zeros_like(own)
        elif replacement == "mean":
            table: Any = model.model.get_input_embeddings()
            vectors = table.weight.double().mean(0).to(own.dtype).expand_as(own)
        else:
            name, ids = _ids(model, encoded, replacement, called)
            replacement, vectors = name, embedded(model, ids).expand_as(own)
    return replacement, torch.where(stays(model, encoded).to(own.device)[:, None], own, vectors)


def embedded(model: TextModel, ids: torch.Tensor) -> torch.Tensor:
    """The embeddings of ids (...): (..., width), from the table itself, whatever is hooked to it at the moment."""
    table: Any = model.model.get_input_embeddings()
    return torch.nn.functional.embedding(ids, table.weight)


def word_id(model: TextModel, word: str) -> int | None:
    """The id of a word within a sentence, or None where the model writes it with several tokens or knows it not."""
    pieces = targets.continuation(model, "a", word)
    known = len(pieces) == 1 and (pieces[0] != model.tokenizer.unk_token_id or word == model.tokenizer.unk_token)
    return pieces[0] if known else None


def _ids(model: TextModel, encoded: EncodedText, replacement: str, called: str) -> tuple[str, torch.Tensor]:
    """The name of what is taken, and its ids: (1,) or (n_tokens,)."""
    tensor: Callable[[int], torch.Tensor] = lambda id: torch.tensor([id], device=encoded.ids.device)  # noqa: E731
    if replacement == "auto":
        if model.tokenizer.mask_token_id is not None:
            return "mask", tensor(model.tokenizer.mask_token_id)
        for word in FILLERS:
            if id := word_id(model, word):  # neither None nor 0
                return word, tensor(id)
        raise OptionError(
            f"{model.name} has neither a mask token nor one for {' or '.join(map(repr, FILLERS))}: "
            f"say what stands in, as in {called}='mean'"
        )
    if replacement in NAMES:
        id = getattr(model.tokenizer, f"{replacement}_token_id")
        if id is None:
            raise OptionError(f"{called}={replacement!r}: the tokenizer of {model.name} has no such token")
        return replacement, tensor(id)
    if (id := word_id(model, replacement)) is not None:
        return replacement, tensor(id)
    other = model.encode(replacement)
    if len(other.units) != len(encoded.units):
        raise OptionError(
            f"{called}={replacement!r} is no single token of {model.name}, and as a text it has {len(other.units)} "
            f"tokens where the explained one has {len(encoded.units)}; names are {', '.join(map(repr, NAMES))}"
        )
    return replacement, other.ids[0]
