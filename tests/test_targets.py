"""Where a prediction is read from, and which ids a target names, on every family."""

from __future__ import annotations

from typing import Any

import pytest
import tiny
import torch
from hypothesis import given
from hypothesis import strategies as st

import xai_helpers as xai
from xai_helpers import errors, targets
from xai_helpers.attribution import Target

# --- readout --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_the_prediction_depends_on_the_readouts_final_state(family: str, kind: str) -> None:
    """Changing the final hidden state changes the prediction at the readout, and nowhere else."""
    model = tiny.model(family, kind)  # type: ignore[arg-type]
    encoded = model.encode(tiny.text_for(model))
    readout = model.readout(encoded)
    block = list(model.model.base_model.get_submodule(model.architecture.blocks).children())[-1]

    def logits(position: int | None) -> torch.Tensor:
        def disturb(module: torch.nn.Module, inputs: Any, output: Any) -> Any:
            hidden = (output[0] if isinstance(output, tuple) else output).clone()
            if position is not None:
                hidden[:, position, 0] += 1.0
            return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

        hook = block.register_forward_hook(disturb)
        try:
            with torch.no_grad():
                return model.readout_logits(encoded, model.forward(encoded))
        finally:
            hook.remove()

    clean = logits(None)
    for position in range(len(encoded.units)):
        assert torch.equal(logits(position), clean) == (position != readout)


def test_padding_at_the_end_is_not_read() -> None:
    model = tiny.model("gpt2", "classifier")
    assert model.model.config.pad_token_id is not None
    assert model.readout("The cat<pad>") == model.readout("The cat")
    assert model.readout("<pad><pad>") == 0  # as transformers reads it


def test_readout_at_an_earlier_token() -> None:
    model = tiny.model("gpt2", "causal-lm")
    n = len(model.encode(tiny.TEXT).units)
    assert [model.readout(tiny.TEXT, p) for p in (-1, 0, 2, -n)] == [n - 1, 0, 2, 0]


# --- targets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_no_target_is_the_models_own_prediction(family: str, kind: str) -> None:
    model = tiny.model(family, kind)  # type: ignore[arg-type]
    text = tiny.text_for(model)
    best = model.predict(text, 1)[0]
    resolved = model.resolve(None, text)
    assert resolved.id == best.id
    assert model.resolve(resolved.target, text) == resolved


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
@given(id=st.integers(0, 10**6), output=st.sampled_from(("logit", "probability", "log_probability")))
def test_a_resolved_target_resolves_to_itself(family: str, kind: str, id: int, output: Any) -> None:
    model = tiny.model(family, kind)  # type: ignore[arg-type]
    n = model.model.config.num_labels if kind == "classifier" else model.model.config.vocab_size
    resolved = model.resolve(Target(id % n, versus=(id + 1) % n, output=output), tiny.text_for(model))
    assert (resolved.id, resolved.versus_id) == (id % n, (id + 1) % n)
    assert model.resolve(resolved.target, tiny.text_for(model)) == resolved


@pytest.mark.parametrize("family", tiny.DECODERS)
def test_a_word_gets_its_leading_blank_and_punctuation_does_not(family: str) -> None:
    model = tiny.model(family, "causal-lm")

    def next_ids(text: str) -> list[int]:
        return model.encode(text).ids[0].tolist()

    for text in ("The cat", "The Eiffel Tower is located in the city of"):
        assert [*next_ids(text), model.resolve("Tower", text).id] == next_ids(f"{text} Tower")
        assert [*next_ids(text), model.resolve(" Tower", text).id] == next_ids(f"{text} Tower")
        assert [*next_ids(text), model.resolve(".", text).id] == next_ids(f"{text}.")


@pytest.mark.parametrize(
    ("text", "token", "blank"),
    [
        ("The cat", "sat", True),
        ("The cat.", "The", True),
        ('He said "stop"', "The", True),
        ('He said "', "The", False),
        ('"', "The", False),
        ("The cat (", "The", False),
        ("«", "The", False),
        ("It costs $", "5", False),
        ("well-", "known", False),
        ("don'", "t", False),
        ("The cat\n", "The", False),
        ("你好", "你", False),
        ("The cat", ".", False),
        ("The cat", "😀", False),
    ],
)
def test_where_a_blank_belongs(text: str, token: str, blank: bool) -> None:
    assert targets.needs_blank(text, token) is blank


def test_a_word_is_taken_bare_where_no_blank_belongs() -> None:
    model = tiny.model("gpt2", "causal-lm")
    bare = model.tokenizer.convert_tokens_to_ids("The")
    assert bare != model.tokenizer.unk_token_id
    assert model.resolve("The", "He said (").id == bare
    assert model.resolve("Tower", "He said").id == model.tokenizer.convert_tokens_to_ids("ĠTower")


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_text_that_ends_with_a_blank_is_said_to(family: str) -> None:
    with pytest.raises(errors.UnknownTargetError, match="ends with a blank"):
        tiny.model(family, "causal-lm").resolve("Tower", "He saw the Eiffel ")


def test_a_token_that_would_melt_into_the_text_is_taken_by_itself() -> None:
    model = tiny.model("gpt2", "causal-lm")
    whole, part = model.encode("The").ids[0].tolist(), model.encode("T").ids[0].tolist()
    assert len(whole) == 1 and whole[0] != part[0]  # "T" and "he" melt
    assert model.resolve("'", "T").id == model.encode("'").ids[0, 0]
    assert model.tokenizer.decode(targets.continuation(model, "Eif", "\u0301")) == "\u0301"


def test_the_target_is_read_at_its_position() -> None:
    model = tiny.model("gpt2", "causal-lm")
    encoded = model.encode(tiny.TEXT)
    with torch.no_grad():
        logits = model.forward(encoded).logits[0]
    best = [model.resolve(Target(position=p), tiny.TEXT).id for p in range(len(encoded.units))]
    assert best == logits.argmax(-1).tolist()
    assert len(set(best)) > 1
    # "cat" after "The", whatever the rest of the text
    assert model.resolve(Target("cat", position=0), tiny.TEXT).id == int(encoded.ids[0, 1])


@pytest.mark.parametrize("family", tiny.ENCODERS)
def test_a_masked_word_is_the_token_that_fits_the_gap(family: str) -> None:
    model = tiny.model(family, "masked-lm")
    text = tiny.text_for(model)
    filled = model.encode(text.replace(model.tokenizer.mask_token, "mat")).ids[0]
    assert model.resolve("mat", text).id == int(filled[model.readout(text)])


def test_labels_that_differ_by_case_are_told_apart() -> None:
    bare = tiny.hugging_face_model(
        "bert", "classifier", id2label={0: "A", 1: "a", 2: "b"}, label2id={"A": 0, "a": 1, "b": 2}
    )
    model = xai.wrap(bare, tiny.tokenizer("bert"))
    assert [model.resolve(label, tiny.TEXT).id for label in ("A", "a", "b", "B")] == [0, 1, 2, 2]


def test_labels_are_found_whatever_their_case() -> None:
    model = tiny.model("roberta", "classifier")
    assert model.resolve("label_2", tiny.TEXT).id == 2
    assert model.labels == ("LABEL_0", "LABEL_1", "LABEL_2")


def test_values_by_hand() -> None:
    logits = torch.tensor([1.0, 3.0, 2.0]).log()
    model = tiny.model("bert", "classifier")

    def value(**target: Any) -> float:
        return float(model.resolve(Target(1, **target), tiny.TEXT).value(logits))

    assert value() == pytest.approx(torch.tensor(3.0).log().item())
    assert value(output="probability") == pytest.approx(0.5)
    assert value(output="log_probability") == pytest.approx(torch.tensor(0.5).log().item())
    assert value(output="probability", versus=0) == pytest.approx(0.5 - 1 / 6)
    assert value(versus=2) == pytest.approx(torch.tensor(1.5).log().item())
