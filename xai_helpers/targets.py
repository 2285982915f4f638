"""From a `Target` to numbers: the token that the prediction is read from, and the ids of what is predicted.

`TextModel.readout` and `TextModel.resolve` ask here. Names become ids as the tokenizer would write them: whether a
word gets a leading blank, which tokens it adds to the text or puts in the mask's place.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from .attribution import Target
from .errors import MaskError, MultiTokenTargetError, TargetRangeError, UnknownTargetError

if TYPE_CHECKING:
    from .models import EncodedText, TextModel

# Unicode names of the scripts that write no blanks between words begin so.
WITHOUT_BLANKS = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")


@dataclass(frozen=True)
class ResolvedTarget:
    """A target whose names have become ids. position: the index of the token that the prediction is read from."""

    target: Target
    id: int
    versus_id: int | None
    position: int

    def value(self, logits: torch.Tensor) -> torch.Tensor:
        """The number that is explained: (...,) from the logits (..., n_choices) at the readout."""
        if self.target.output == "probability":
            logits = logits.softmax(-1)
        elif self.target.output == "log_probability":
            logits = logits.log_softmax(-1)
        value = logits[..., self.id]
        return value if self.versus_id is None else value - logits[..., self.versus_id]


def readout(model: TextModel, encoded: EncodedText, position: int) -> int:
    """`TextModel.readout` on an encoded text."""
    n = len(encoded.units)
    if model.kind == "causal-lm":
        if not -n <= position < n:
            raise TargetRangeError(f"position {position} lies outside the {n} tokens of the text")
        return position % n
    if position != -1:
        raise TargetRangeError(f"position={position}: a {model.kind} reads one place only; leave position out")
    ids = encoded.ids[0]
    if model.kind == "masked-lm":
        masks = (ids == model.tokenizer.mask_token_id).nonzero().flatten().tolist()
        if len(masks) > 1:
            raise MaskError(f"the text has {len(masks)} mask tokens; write {model.tokenizer.mask_token} once")
        return masks[0] if masks else 0
    if not model.architecture.decoder:
        return 0
    pad = model.config.pad_token_id
    return len(ids) - 1 if pad is None else max((ids != pad).nonzero().flatten().tolist(), default=0)


def predicted_from(model: TextModel, encoded: EncodedText, position: int) -> int:
    """The readout, where something is to be predicted: a masked language model then needs its mask."""
    place = readout(model, encoded, position)
    if model.kind == "masked-lm" and int(encoded.ids[0, place]) != model.tokenizer.mask_token_id:
        raise MaskError(f"{model.name} predicts a masked token; write {model.tokenizer.mask_token} in the text")
    return place


def resolve(model: TextModel, target: Target, encoded: EncodedText, logits: torch.Tensor | None) -> ResolvedTarget:
    """`TextModel.resolve` on an encoded text."""
    place = predicted_from(model, encoded, target.position)
    if target.token is None:
        if logits is None:
            with torch.no_grad():
                logits = model.readout_logits(encoded, model.forward(encoded), target.position)
        id = int(logits.argmax())
    else:
        id = _id_of(model, target.token, encoded, place)
    versus_id = None if target.versus is None else _id_of(model, target.versus, encoded, place)
    if id == versus_id:
        raise UnknownTargetError(f"{model.choice_name(id)!r} versus itself is always 0; name another versus")
    named = replace(
        target,
        token=_name_for(model, id, target.token, encoded, place),
        versus=None if versus_id is None else _name_for(model, versus_id, target.versus, encoded, place),
    )
    return ResolvedTarget(named, id, versus_id, place)


def needs_blank(text: str, token: str) -> bool:
    """Whether a blank parts the text from the next word: not after "(" or "$", nor in scripts that write none."""
    last = text[-1:]
    if not last or last.isspace() or not token[0].isalnum():
        return False
    if any(unicodedata.name(c, "").startswith(WITHOUT_BLANKS) for c in (last, token[0])):
        return False
    if last == '"':
        return not (text[:-1] == "" or text[-2].isspace())  # a closing one; an opening one holds the word
    return last not in "'$#@/-_" and unicodedata.category(last) not in ("Ps", "Pi")


def continuation(model: TextModel, text: str, token: str) -> list[int]:
    """The ids that `token` adds after `text`; a word gets its leading blank, punctuation does not."""
    before = _ids(model, text)
    after = _ids(model, text + (" " if needs_blank(text, token) else "") + token)
    if after[: len(before)] == before:
        return after[len(before) :]
    if text[-1:] == " ":
        raise UnknownTargetError(
            f"the text ends with a blank, which {model.name} would put into the token {token!r}: leave the blank out"
        )
    return _ids(model, token)  # the end of the text and the token would melt into one: taken by itself


def _middle(model: TextModel, left: str, token: str, right: str) -> list[int]:
    """The ids that `token` has between `left` and `right`, where the mask stands now."""
    mask, mask_id = str(model.tokenizer.mask_token), model.tokenizer.mask_token_id
    masked, filled = _ids(model, left + mask + right), _ids(model, left + token + right)
    at = masked.index(mask_id)
    after = len(masked) - at - 1
    kept = filled[:at] == masked[:at] and filled[len(filled) - after :] == masked[at + 1 :]
    return filled[at : len(filled) - after] if kept else _ids(model, token)


def _ids(model: TextModel, text: str) -> list[int]:
    return model.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]


def _id_of(model: TextModel, token: str | int, encoded: EncodedText, place: int) -> int:
    if isinstance(token, int):
        n = model.config.num_labels if model.kind == "classifier" else model.config.vocab_size
        if not 0 <= token < n:
            what = "classes" if model.kind == "classifier" else "vocabulary entries"
            raise TargetRangeError(f"id {token} lies outside the {n} {what} of {model.name} (0 to {n - 1})")
        return token
    return _label_id(model, token) if model.kind == "classifier" else _token_id(model, token, encoded, place)


def _label_id(model: TextModel, label: str) -> int:
    if label in model.labels:
        return model.labels.index(label)
    alike = [i for i, name in enumerate(model.labels) if name.lower() == label.lower()]
    if len(alike) != 1:
        raise UnknownTargetError(f"{model.name} has no label {label!r}; it has: {', '.join(model.labels)}")
    return alike[0]


def _token_id(model: TextModel, token: str, encoded: EncodedText, place: int) -> int:
    if model.kind == "causal-lm":
        pieces = continuation(model, encoded.text[: encoded.units[place].end], token)
    else:
        mask = encoded.units[place]
        pieces = _middle(model, encoded.text[: mask.start], token, encoded.text[mask.end :])
    if len(pieces) != 1:
        shown = ", ".join(f"{model.choice_name(piece)!r} (id {piece})" for piece in pieces)
        raise MultiTokenTargetError(
            f"{token!r} is {len(pieces)} tokens of {model.name}: {shown}; "
            "check the spelling, or explain the first of them, by its id"
        )
    if pieces[0] == model.tokenizer.unk_token_id and token != model.tokenizer.unk_token:
        raise UnknownTargetError(f"{token!r} is not in the vocabulary of {model.name}")
    return pieces[0]


def _name_for(model: TextModel, id: int, given: str | int | None, encoded: EncodedText, place: int) -> str | int:
    """A name that resolves to this id again: the one given, the one shown, or the id itself."""
    if isinstance(given, str):
        return given
    name = model.choice_name(id)
    try:
        return name if _id_of(model, name, encoded, place) == id else id
    except UnknownTargetError:
        return id
