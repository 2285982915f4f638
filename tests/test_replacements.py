"""What stands in for a token: the vector it is said to be, and never by chance whatever has id 0."""

from __future__ import annotations

import pytest
import tiny
import torch

import xai_helpers as xai
from xai_helpers import errors
from xai_helpers.replacements import FILLERS, stand_in, stays, word_id


def vectors_of(family: str, kind: str, replacement: str) -> tuple[str, torch.Tensor, torch.Tensor]:
    """The name; the stand-ins of tokens that can be taken away; the model's embedding table."""
    model = tiny.model(family, kind)  # type: ignore[arg-type]
    encoded = model.encode(tiny.text_for(model))
    name, vectors = stand_in(model, encoded, replacement)
    kept, table = stays(model, encoded), model.model.get_input_embeddings().weight.detach()
    assert torch.equal(vectors[kept], table[encoded.ids[0][kept]])  # what stays is itself
    return name, vectors[~kept], table


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_auto_is_the_mask_or_a_neutral_word_and_never_id_0(family: str, kind: str) -> None:
    name, vectors, table = vectors_of(family, kind, "auto")
    tokenizer = tiny.tokenizer(family)
    if tokenizer.mask_token_id is None:
        assert name == FILLERS[0] == "the"
        id = tokenizer.convert_tokens_to_ids("▁the" if family in ("llama", "mistral") else "Ġthe")
    else:
        assert name == "mask"
        id = tokenizer.mask_token_id
    assert id not in (0, tokenizer.unk_token_id)
    assert torch.equal(vectors, table[id].expand_as(vectors))


def test_auto_passes_over_what_has_id_0(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny.model("gpt2", "causal-lm")
    ids = {"the": 0, ",": 7}
    monkeypatch.setattr("xai_helpers.replacements.word_id", lambda model, word: ids.get(word))
    assert stand_in(model, model.encode(tiny.TEXT), "auto")[0] == ","
    ids[","] = 0
    with pytest.raises(errors.OptionError, match="neither a mask token nor"):
        stand_in(model, model.encode(tiny.TEXT), "auto")


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_each_name_is_its_vector(family: str, kind: str) -> None:
    tokenizer = tiny.tokenizer(family)
    for replacement in ("zero", "mean", "unk", "pad", "sat"):
        if replacement == "pad" and tokenizer.pad_token_id is None:
            with pytest.raises(errors.OptionError, match="no such token"):
                vectors_of(family, kind, replacement)
            continue
        name, vectors, table = vectors_of(family, kind, replacement)
        expected = {
            "zero": torch.zeros(table.shape[1]),
            "mean": table.double().mean(0).float(),
            "unk": table[tokenizer.unk_token_id],
            "pad": table[0 if tokenizer.pad_token_id is None else tokenizer.pad_token_id],
            "sat": table[word_id(tiny.model(family, kind), "sat") or 0],  # type: ignore[arg-type]
        }[replacement]
        assert name == replacement
        assert torch.equal(vectors, expected.expand_as(vectors))


def test_special_tokens_and_the_mask_that_is_asked_about_stay() -> None:
    for family, kind in tiny.KINDS:
        model = tiny.model(family, kind)
        encoded = model.encode(tiny.text_for(model))
        expected = [unit.special or id == model.tokenizer.mask_token_id
                    for unit, id in zip(encoded.units, encoded.ids[0].tolist(), strict=True)]  # fmt: skip
        assert stays(model, encoded).tolist() == expected
        assert any(expected) == (family in tiny.ENCODERS or family in ("llama", "mistral"))


def test_a_text_of_as_many_tokens_stands_in_token_by_token() -> None:
    model = xai.load("course-distilbert")
    encoded = model.encode("The movie was not terrible.")
    name, vectors = stand_in(model, encoded, "A song is so boring.")
    assert name == "A song is so boring."
    assert torch.equal(vectors, model.model.get_input_embeddings()(model.encode(name).ids)[0])
    with pytest.raises(errors.OptionError, match="has 9 tokens where the explained one has 8"):
        stand_in(model, encoded, "A song is so very boring.", called="baseline")


@pytest.mark.parametrize("wrong", ["", "  ", 0, None, ["mask"]])
def test_what_is_no_replacement_is_named(wrong: object) -> None:
    model = tiny.model("bert", "classifier")
    with pytest.raises(errors.OptionError, match=r"baseline=.*'auto', 'mask', 'pad', 'unk', 'zero', 'mean'"):
        stand_in(model, model.encode(tiny.TEXT), wrong, called="baseline")  # type: ignore[arg-type]
