"""Loading, wrapping and predicting, on every family."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import tiny
import torch
import transformers
from local_hub import LocalHub

import xai_helpers as xai
from xai_helpers import errors

# --- loading --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "kind"), [("course-gpt2", "causal-lm"), ("course-distilbert", "classifier")])
def test_embedded_models_load_without_a_network(name: str, kind: str, no_network: list[Any]) -> None:
    model = xai.load(name)
    assert (model.name, model.kind, model.model.dtype, model.model.training) == (name, kind, torch.float32, False)
    assert model.predict("The capital of France is")
    assert no_network == []


WITHOUT_SOCKETS = """
import socket
def refuse(*_, **__):
    raise SystemExit("something tried to reach a network")
socket.getaddrinfo = socket.socket.connect = socket.socket.connect_ex = refuse
import xai_helpers as xai
for name in xai.embedded_models():
    print(xai.attention_rollout(xai.load(name), "The capital of France is").model)
"""


def test_embedded_models_do_not_even_ask_for_a_network() -> None:
    """In a process in which the hub is not declared offline."""
    done = in_a_fresh_process(WITHOUT_SOCKETS)
    assert (done.stdout.split(), done.stderr) == (list(xai.embedded_models()), "")


def test_embedded_models_are_listed() -> None:
    assert {"course-gpt2", "course-distilbert"} <= set(xai.embedded_models())


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_a_folder_loads_as_what_its_config_says(
    family: str, kind: str, tmp_path: Path, no_network: list[Any], capfd: pytest.CaptureFixture[str]
) -> None:
    original = tiny.model(family, kind)  # type: ignore[arg-type]
    original.model.save_pretrained(tmp_path)
    original.tokenizer.save_pretrained(tmp_path)
    capfd.readouterr()
    loaded = xai.load(tmp_path)
    assert capfd.readouterr().err == ""  # no progress bar, no warning, in notebooks or anywhere
    assert loaded.kind == kind
    assert not loaded.model.training
    text = tiny.text_for(original)
    assert loaded.encode(text).units == original.encode(text).units
    assert loaded.predict(text) == original.predict(text)
    assert xai.attention_rollout(loaded, text).matrix is not None
    assert no_network == []


def test_half_precision_files_are_read_as_float32_unless_asked(tmp_path: Path) -> None:
    tiny.hugging_face_model("gpt2", "causal-lm").half().save_pretrained(tmp_path)
    tiny.tokenizer("gpt2").save_pretrained(tmp_path)
    assert xai.load(tmp_path).model.dtype == torch.float32
    assert xai.load(tmp_path, dtype=torch.bfloat16).model.dtype == torch.bfloat16


def test_the_users_logging_comes_back() -> None:
    logging = transformers.utils.logging
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    xai.load("course-distilbert")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


def test_incomplete_weights_are_named(tmp_path: Path) -> None:
    bare = tiny.hugging_face_model("gpt2", "causal-lm")
    tiny.tokenizer("gpt2").save_pretrained(tmp_path)
    bare.config.save_pretrained(tmp_path)
    lost = "transformer.h.1.mlp.c_fc.weight"
    state = {key: value for key, value in bare.state_dict().items() if key not in (lost, "lm_head.weight")}
    bare.config.architectures = ["GPT2LMHeadModel"]
    bare.config.save_pretrained(tmp_path)
    safetensors.torch.save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(errors.NotAModelError, match=lost):
        xai.load(tmp_path)
    safetensors.torch.save_file(
        state | {lost: torch.zeros(2, 2)}, tmp_path / "model.safetensors", metadata={"format": "pt"}
    )
    with pytest.raises(errors.NotAModelError, match=lost):
        xai.load(tmp_path)


def test_weights_that_nothing_reads_are_no_noise(tmp_path: Path) -> None:
    """As in bert-base-uncased, which brings a second head."""
    bare = tiny.hugging_face_model("bert", "masked-lm")
    bare.save_pretrained(tmp_path)
    tiny.tokenizer("bert").save_pretrained(tmp_path)
    state = safetensors.torch.load_file(tmp_path / "model.safetensors") | {
        "cls.seq_relationship.weight": torch.zeros(2, 16)
    }
    safetensors.torch.save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    done = in_a_fresh_process(f"import xai_helpers as xai; print(xai.load({str(tmp_path)!r}).kind)")
    assert (done.stdout, done.stderr) == ("masked-lm\n", "")


@pytest.mark.parametrize("name", ["course-gtp2", "Course-GPT2"])
def test_a_misspelt_name_gets_a_hint(name: str, no_network: list[Any]) -> None:
    with pytest.raises(errors.ModelNotFoundError, match="did you mean 'course-gpt2'"):
        xai.load(name)


@pytest.mark.parametrize("name", ["gpt2", "distilbert-base-uncased-finetuned-sst-2-english", "no-such-owner/no-model"])
def test_a_hub_id_without_a_network_says_what_is_missing(name: str, no_network: list[Any]) -> None:
    with pytest.raises(errors.ModelNotFoundError) as caught:
        xai.load(name)
    message = str(caught.value)
    assert all(part in message for part in (name, "can't be reached", "cache", "course-gpt2", "course-distilbert"))


def test_wrap_leaves_the_weights_as_they_are() -> None:
    bare = tiny.hugging_face_model("llama", "causal-lm").train()
    before = {name: tensor.clone() for name, tensor in bare.state_dict().items()}
    model = xai.wrap(bare, tiny.tokenizer("llama"))
    xai.attention_rollout(model, tiny.TEXT)
    assert not bare.training
    assert bare.config._attn_implementation == "eager"
    assert all(torch.equal(before[name], tensor) for name, tensor in bare.state_dict().items())


# --- from the hub: the real client, in a process of its own -----------------------------------------------------------


def in_a_fresh_process(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """huggingface_hub reads its settings once, at import."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    return subprocess.run(
        [sys.executable, "-c", code], env=kept | environment, capture_output=True, text=True, check=False, timeout=120
    )


EXPLAIN = """
import xai_helpers as xai
for name in {names!r}:
    try:
        print(xai.attention_rollout(xai.load(name), {text!r}).to_json())
    except xai.XaiError as error:
        print(type(error).__name__, error)
"""


def test_a_hub_id_is_fetched_cached_and_then_needs_no_network(tmp_path: Path, local_hub: LocalHub) -> None:
    original = tiny.model("gpt2", "causal-lm")
    original.model.save_pretrained(tmp_path / "tiny")
    original.tokenizer.save_pretrained(tmp_path / "tiny")
    home = str(tmp_path / "home")
    local_hub.repositories["someone/tiny"] = tmp_path / "tiny"
    code = EXPLAIN.format(names=["someone/tiny", "someone/else"], text=tiny.TEXT)
    first = in_a_fresh_process(code, HF_ENDPOINT=local_hub.endpoint, HF_HOME=home)
    fetched, unknown = first.stdout.splitlines()
    scores = json.loads(fetched)["scores"]
    assert scores == xai.attention_rollout(original, tiny.TEXT).scores.tolist()
    assert unknown.startswith("ModelNotFoundError can't load 'someone/else': the hub has no such public model")
    local_hub.stop()
    code = EXPLAIN.format(names=["someone/tiny", "gpt2"], text=tiny.TEXT)
    for environment in ({"HF_ENDPOINT": local_hub.endpoint}, {"HF_HUB_OFFLINE": "1"}):
        later = in_a_fresh_process(code, HF_HOME=home, **environment)
        again, absent = later.stdout.splitlines()
        assert json.loads(again)["scores"] == scores, later.stderr
        assert absent.startswith("ModelNotFoundError can't load 'gpt2': the hub can't be reached")


# --- predictions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_predictions_are_probabilities_best_first(family: str, kind: str) -> None:
    model = tiny.model(family, kind)  # type: ignore[arg-type]
    found = model.predict(tiny.text_for(model), k=10**9)
    assert sum(p.probability for p in found) == pytest.approx(1)
    assert [p.logit for p in found] == sorted((p.logit for p in found), reverse=True)


# --- the embedded models, on the sentences of the course -----------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("The Eiffel Tower is located in the city of", " Paris"),
        ("The capital of France is", " Paris"),
        ("When Mary and John went to the store, John gave a drink to", " Mary"),
    ],
)
def test_course_gpt2_knows_the_courses_prompts(gpt2: xai.TextModel, prompt: str, answer: str) -> None:
    assert gpt2.predict(prompt, 1)[0].token == answer


@pytest.mark.parametrize(
    ("review", "label"),
    [
        ("The movie was surprisingly entertaining despite a weak script", "positive"),
        ("Terrible plot, bad acting, a complete waste of time.", "negative"),
        ("Despite some flaws, it was not terrible at all.", "positive"),
    ],
)
def test_course_distilbert_knows_the_courses_reviews(distilbert: xai.TextModel, review: str, label: str) -> None:
    assert distilbert.predict(review, 1)[0].token == label


# --- numbers and vectors on the way -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_the_value_of_a_target_is_what_predict_says(family: str, kind: str) -> None:
    model = tiny.model(family, kind)  # type: ignore[arg-type]
    text = tiny.text_for(model)
    best, second = model.predict(text, k=2)
    assert model.value(text) == best.logit
    for output, expected in (("logit", second.logit), ("probability", second.probability)):
        assert model.value(text, xai.Target(second.id, output=output)) == pytest.approx(expected, rel=1e-12)
    assert model.value(text, xai.Target(best.id, second.id)) == pytest.approx(best.logit - second.logit, rel=1e-12)


def test_the_value_at_an_earlier_position_is_that_of_the_shorter_text(gpt2: xai.TextModel) -> None:
    # two lengths of one product: single precision sums in another order
    longer = gpt2.value("The capital of France is Paris", xai.Target("Paris", position=4))
    assert longer == pytest.approx(gpt2.value("The capital of France is", "Paris"), abs=1e-4)


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_the_residual_stream_is_the_models_own(family: str, kind: str) -> None:
    model = tiny.model(family, kind)  # type: ignore[arg-type]
    encoded = model.encode(tiny.text_for(model))
    with torch.no_grad():
        hidden = model.forward(encoded, output_hidden_states=True).hidden_states
    before = hooks(model)  # transformers keeps some of its own
    stream = model.residual_stream(encoded)
    with torch.no_grad():
        norm = model.architecture.final_norm
        top = model.model.base_model.get_submodule(norm)(stream[-1]) if norm else stream[-1]
    assert stream.shape == (3 + 1, len(encoded.units), 16)
    assert torch.equal(stream[:-1], torch.cat(hidden[:-1]))
    assert torch.equal(top, hidden[-1][0]), "transformers gives the last one normed"
    assert hooks(model) == before


@pytest.mark.parametrize("family", tiny.DECODERS)
def test_the_last_stream_unembedded_is_the_models_own_prediction(family: str) -> None:
    model = tiny.model(family, "causal-lm")
    encoded = model.encode(tiny.TEXT)
    with torch.no_grad():
        logits = model.forward(encoded).logits[0]
    assert torch.equal(model.unembed(model.residual_stream(encoded))[-1], logits)


@pytest.mark.parametrize("kind", ["classifier", "masked-lm"])
def test_only_causal_models_are_unembedded(kind: str) -> None:
    model = tiny.model("bert", kind)  # type: ignore[arg-type]
    with pytest.raises(errors.NoHeadError, match=kind):
        model.unembed(model.residual_stream(tiny.text_for(model)))


def hooks(model: xai.TextModel) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.model.modules())


def test_a_text_that_fails_on_the_way_leaves_no_hook() -> None:
    model = tiny.model("gpt2", "causal-lm")
    before = hooks(model)
    encoded = model.encode(tiny.TEXT)
    with pytest.raises(IndexError):
        model.residual_stream(dataclasses.replace(encoded, ids=encoded.ids + 10**6))
    assert hooks(model) == before
