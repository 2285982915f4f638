"""Explaining a generation: each step is the method on the text so far, the tokens are the model's, inseq agrees."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

import xai_helpers as xai
from peers.models import generations
from xai_helpers import errors, viz
from xai_helpers.attribution import Attribution
from xai_helpers.viz import drawing, plots

REFERENCES = Path(__file__).parent / "references" / "inseq.safetensors"
PROMPT = "The Eiffel Tower is located in the city of"
WORDS = [word for word in " ".join(tiny.TEXTS[:4]).split() if word.isalnum()]  # a blank stands between each two


def ids_of(model: xai.TextModel, text: str) -> list[int]:
    return model.encode(text).ids[0].tolist()


def token_of(model: xai.TextModel, step: Attribution) -> int:
    return model.resolve(step.target, step.text).id


# --- what is explained ----------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(
    family=st.sampled_from(tiny.DECODERS),
    prompt=st.lists(st.sampled_from(WORDS), min_size=1, max_size=5),
    continuation=st.lists(st.sampled_from(WORDS), min_size=1, max_size=4),
    method=st.sampled_from(("input_x_gradient", "attention_rollout")),
    output=st.sampled_from(("logit", "probability", "log_probability")),
)
def test_each_step_is_the_method_on_the_text_before(
    family: str, prompt: list[str], continuation: list[str], method: str, output: Any
) -> None:
    """Its tokens are those before it in the whole text, its target the next; by itself, the method says the same."""
    model = tiny.model(family, "causal-lm")
    begun, rest = " ".join(prompt), " ".join(continuation)
    whole = ids_of(model, f"{begun} {rest}")
    steps = xai.explain_generation(model, begun, method, continuation=rest, output=output)
    n = len(ids_of(model, begun))
    assert len(steps) == len(whole) - n
    for i, step in enumerate(steps):
        assert ids_of(model, step.text) == whole[: n + i]
        target = xai.Target(whole[n + i], output=output)
        asked = (target,) if xai.registry.record(method).target else ()
        assert step == xai.METHODS[method](model, step.text, *asked)
        assert step == xai.reproduce(step, model)
        if asked:
            assert token_of(model, step) == whole[n + i]


def test_the_model_writes_what_it_finds_most_probable(gpt2: xai.TextModel) -> None:
    """As transformers' own greedy search, up to the end of the text."""
    for prompt, most in ((PROMPT, 10), ("The capital of", 3), ("Seven plus", 5)):
        encoded = gpt2.encode(prompt)
        made = gpt2.model.generate(encoded.ids, attention_mask=encoded.mask, do_sample=False, max_new_tokens=most)
        tokens = [t for t in made[0, encoded.ids.shape[1] :].tolist() if t != gpt2.tokenizer.eos_token_id]
        steps = xai.explain_generation(gpt2, prompt, "saliency", max_new_tokens=most)
        assert [token_of(gpt2, step) for step in steps] == tokens
        assert all(step == xai.saliency(gpt2, step.text) for step in steps), "each is the prediction itself"
    assert [step.target.token for step in xai.explain_generation(gpt2, PROMPT, "lrp") if step.target] == [" Paris", "."]


def test_a_continuation_is_what_generation_gave(gpt2: xai.TextModel) -> None:
    written = xai.explain_generation(gpt2, PROMPT, "lrp")
    assert xai.explain_generation(gpt2, PROMPT, "lrp", max_new_tokens=np.int64(1)) == written[:1]  # type: ignore[arg-type]
    for continuation in ("Paris.", " Paris."):
        assert xai.explain_generation(gpt2, PROMPT, "lrp", continuation=continuation) == written


def test_options_and_functions_of_ones_own(gpt2: xai.TextModel) -> None:
    options: dict[str, Any] = {"rule": "cp-lrp", "epsilon": 0.5}
    (step, _) = xai.explain_generation(gpt2, PROMPT, "lrp", **options)
    assert step == xai.lrp(gpt2, PROMPT, " Paris", **options)

    def own(model: xai.TextModel, text: str, target: Any = None, *, factor: float) -> Attribution:
        a = xai.saliency(model, text, target)
        return dataclasses.replace(a, scores=factor * a.scores)

    (step, _) = xai.explain_generation(gpt2, PROMPT, own, factor=2.0)
    assert np.array_equal(step.scores, 2 * xai.saliency(gpt2, PROMPT, " Paris").scores)
    (step, _) = xai.explain_generation(gpt2, PROMPT, xai.attention_rollout)
    assert step == xai.attention_rollout(gpt2, PROMPT)


# --- tokens that can't be explained as text -------------------------------------------------------------------------


class Writing:
    """A model that writes given ids, whatever it reads: its logits are moved."""

    def __init__(self, model: xai.TextModel, ids: list[int]) -> None:
        self.ids = iter(ids)
        self.handle = model.model.get_output_embeddings().register_forward_hook(self.move)

    def move(self, module: Any, args: Any, output: Any) -> None:
        output.view(-1, output.shape[-1])[-1, next(self.ids)] += 1000

    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None:
        self.handle.remove()


def test_an_unusual_cut_is_an_error_that_says_where(gpt2: xai.TextModel) -> None:
    """The model may write " Paris" in three pieces; read again, it is one token, and another than it saw."""
    pieces = [gpt2.tokenizer.convert_tokens_to_ids(piece) for piece in ("\u0120P", "ar", "is", ".")]
    assert ids_of(gpt2, PROMPT + " Paris") != ids_of(gpt2, PROMPT) + pieces
    with (
        Writing(gpt2, pieces),
        pytest.raises(errors.OptionError, match=r"before generated token 4, '\.', as other tokens .*'ar', 'is'"),
    ):
        xai.explain_generation(gpt2, PROMPT, "saliency", max_new_tokens=4)


def test_a_part_of_a_character_can_be_explained_but_not_read(gpt2: xai.TextModel) -> None:
    face = ids_of(gpt2, "\U0001f600")
    assert len(face) > 1
    with Writing(gpt2, face):
        (step,) = xai.explain_generation(gpt2, PROMPT, "attention_rollout", max_new_tokens=1)
    assert step.text == PROMPT
    for arguments in ({"continuation": "\U0001f600"}, {"max_new_tokens": 2}):
        with Writing(gpt2, face), pytest.raises(errors.OptionError, match="generated token 2"):
            xai.explain_generation(gpt2, PROMPT, "attention_rollout", **arguments)  # type: ignore[arg-type]


def test_the_end_of_the_text_ends_it(gpt2: xai.TextModel) -> None:
    dot, end = gpt2.tokenizer.convert_tokens_to_ids("."), gpt2.tokenizer.eos_token_id
    with Writing(gpt2, [dot, end, dot, *[dot] * 9]):
        assert len(xai.explain_generation(gpt2, PROMPT, "attention_rollout")) == 1
    with Writing(gpt2, [end]), pytest.raises(errors.OptionError, match="at once; give a continuation"):
        xai.explain_generation(gpt2, PROMPT, "attention_rollout")


def test_a_full_context_ends_it() -> None:
    """The last token that is explained reads as many tokens as the model has positions."""
    model = tiny.model_in(torch.float32, "gpt2", "causal-lm", max_position_embeddings=12)
    dot = model.tokenizer.convert_tokens_to_ids(".")
    text = "The cat sat on the mat because"
    n = len(ids_of(model, text))
    with Writing(model, [dot, ids_of(model, "a cat")[1]] * 50):
        steps = xai.explain_generation(model, text, "attention_rollout", max_new_tokens=50)
    assert len(steps) == 12 - n + 1 and len(steps[-1].units) == 12
    with pytest.raises(errors.TextTooLongError):
        xai.explain_generation(model, text, "attention_rollout", continuation="it was very tired and " * 5)


def test_bad_input_is_named(gpt2: xai.TextModel) -> None:
    for options, message in (
        ({"max_new_tokens": 0}, "max_new_tokens=0"),
        ({"max_new_tokens": True}, "max_new_tokens=True"),
        ({"max_new_tokens": None}, "max_new_tokens=None"),
        ({"target": " Paris"}, "leave target out; output="),
        ({"norn": "l2"}, "saliency has no option 'norn'; its options: norm"),
        ({"continuation": " "}, "continuation=' '"),
        ({"method": "shap"}, "'shap'"),
        ({"method": 3}, "3 is no method"),
        ({"output": "odds"}, "output='odds'"),
        ({"prompt": "The Eiffel Tow", "continuation": "\u0301er"}, "as one|other tokens"),
        ({"prompt": PROMPT + " ", "continuation": "Paris"}, "as one: part them"),
        ({"prompt": ""}, "empty"),
    ):
        arguments = {"prompt": PROMPT, "method": "saliency"} | options
        with pytest.raises(errors.XaiError, match=message):
            xai.explain_generation(gpt2, **arguments)  # type: ignore[arg-type]
    with pytest.raises(errors.NoHeadError, match="only a causal language model generates"):
        xai.explain_generation(tiny.model("bert", "classifier"), "The cat", "saliency")
    with pytest.raises(errors.UnsupportedArchitectureError, match=r"xai\.load"):
        xai.explain_generation("gpt2", "The cat", "saliency")  # type: ignore[arg-type]


def test_the_model_is_as_it_was() -> None:
    model = tiny.model_in(torch.float32, "gpt2", "causal-lm")

    def explain(model: xai.TextModel, text: str, target: Any) -> None:
        if target is not None:
            raise errors.UnknownTargetError  # what this function has no option for
        xai.explain_generation(model, text, "saliency", continuation="on the mat")

    tiny.assert_leaves_untouched(model, explain)


# --- the matrix -----------------------------------------------------------------------------------------------------


def test_the_matrix_by_hand() -> None:
    first = tiny.example(["<s>", "a", "b"], [9.0, 1.0, -2.0], special=1, target=xai.Target("c"))
    second = tiny.example(["<s>", "a", "b", "c"], [9.0, 0.5, 0.0, 4.0], special=1, target=xai.Target(" d"))
    figure = plots.generation_matrix([first, second])
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == [
        "+9.00",
        "+1.00",
        "-2.00",
        "",
        "+9.00",
        "+0.50",
        "0.00",
        "+4.00",
    ]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["c", "d"]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["<s>", "a", "b", "c"]
    (line,) = axes.lines
    assert line.get_xdata()[0] == 2.5, "the prompt ends here"
    drawn = axes.images[0].get_array()
    assert np.ma.getmaskarray(drawn)[0].tolist() == [False, False, False, True]
    assert drawn[1].tolist() == [1, 0.125, 0, 1], "special tokens don't set the scale"
    assert viz.alt_text(figure) == (
        "Heatmap. method · model · logit: 2 generated tokens by 4 tokens before; strongest: 'c' by 'b', 'd' by 'c'"
    )
    assert figure.table is not None
    assert figure.table.header == ("generated", "<s>", "a", "b", "c")
    assert figure.table.rows == (("c", "+9.00", "+1.00", "-2.00", ""), ("d", "+9.00", "+0.50", "0.00", "+4.00"))


def test_steps_without_a_target_name_the_last_one_next(gpt2: xai.TextModel) -> None:
    figure = plots.generation_matrix(xai.explain_generation(gpt2, PROMPT, "attention_rollout"))
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["Paris", "next"]


@pytest.mark.parametrize("words", [1, 30])
def test_numbers_stand_where_they_fit(gpt2: xai.TextModel, words: int) -> None:
    """Else the title says what the strongest colour is, and the table has them all."""
    steps = xai.explain_generation(
        gpt2, "The cat " + "and the cat " * words + "saw", "saliency", continuation="the dog"
    )
    figure = plots.generation_matrix(steps)
    (axes,) = figure.axes
    assert any(text.get_text() for text in axes.texts) == ("strongest colour" not in axes.get_title(loc="left"))
    assert any(text.get_text() for text in axes.texts) == (words == 1)
    cell = axes.transData.transform((1, 0))[0] - axes.transData.transform((0, 0))[0]
    assert all(text.get_window_extent().width < cell for text in axes.texts if text.get_text())
    boxes = [tick.get_window_extent() for tick in axes.get_xticklabels()]
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes)), "labels don't touch"
    assert figure.table is not None and figure.table.rows[1][-1]
    assert drawing.png(figure) == drawing.png(plots.generation_matrix(steps))


def test_steps_that_are_no_generation_are_named(gpt2: xai.TextModel) -> None:
    steps = xai.explain_generation(gpt2, PROMPT, "saliency", continuation="located on")
    with pytest.raises(errors.OptionError, match="at least one step"):
        plots.generation_matrix([])
    for wrong in ([step.to_words() for step in steps], steps[::-1]):
        with pytest.raises(errors.OptionError, match="explain tokens, not words"):
            plots.generation_matrix(wrong)


# --- inseq ----------------------------------------------------------------------------------------------------------


def references() -> dict[str, np.ndarray]:
    with safe_open(REFERENCES, "numpy") as file:
        return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (it is no dictionary)


# inseq's baseline replaces <s> too; ours keeps special tokens.
COMPARED = [key for key in sorted(references()) if "ids" not in key and not key.startswith("llama/integrated")]
OPTIONS = {"integrated_gradients": {"baseline": "unk", "steps": 20}}


@pytest.mark.parametrize("key", COMPARED)
def test_inseq_agrees(key: str) -> None:
    """Results of inseq 0.7.1 on the same weights and ids, computed in an environment of its own by `make peers`.

    Both models are in double precision. inseq keeps each component of a score in single, whose rounding is 6e-8, and
    Llama drops to single inside.
    """
    found, (name, method, output) = references(), key.split("/")
    case = generations()[name]
    model = xai.wrap(copy.deepcopy(case.model.model).double(), case.model.tokenizer)
    whole = found[f"{name}/ids"]
    steps = xai.explain_generation(
        model,
        case.prompt,
        method,
        continuation=case.continuation,
        output=output,  # type: ignore[arg-type]
        **OPTIONS.get(method, {}),
    )
    assert len(steps) == len(found[key])
    for step, theirs in zip(steps, found[key], strict=True):
        n = len(step.units)
        assert ids_of(model, step.text) == whole[:n].tolist() and token_of(model, step) == whole[n]
        assert np.isnan(theirs[n:]).all()
        assert np.abs(step.scores - theirs[:n]).max() < (3e-7 if name == "gpt2" else 4e-6) * np.abs(theirs[:n]).max()


def test_the_references_say_how_they_were_made() -> None:
    with safe_open(REFERENCES, "numpy") as file:
        made = json.loads(file.metadata()["made"])
    assert made["command"] == "make peers" and made["steps"] == 20
    assert made["inseq"] == "0.7.1" and made["transformers"].startswith("5.")
