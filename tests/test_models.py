"""Loading, wrapping, tokens, readouts and targets, on every family."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import tiny
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

import xai_helpers as xai
from xai_helpers import errors, models
from xai_helpers.attribution import Target

TEXT = "The cat sat on the mat because it was very tired."
MASKED = "The cat sat on the {mask} because it was tired."


def text_for(model: xai.TextModel) -> str:
    return MASKED.format(mask=model.tokenizer.mask_token) if model.kind == "masked-lm" else TEXT


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
    text = text_for(original)
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


@pytest.mark.parametrize("name", ["gpt2", "distilbert-base-uncased-finetuned-sst-2-english", "no-such-owner/no-model"])
def test_a_hub_id_without_a_network_says_what_is_missing(name: str, no_network: list[Any], tmp_path: Path) -> None:
    with pytest.raises(errors.ModelNotFoundError) as caught:
        xai.load(name)
    message = str(caught.value)
    assert all(part in message for part in (name, "can't be reached", "cache", "course-gpt2", "course-distilbert"))


def test_wrap_leaves_the_weights_as_they_are() -> None:
    bare = tiny.hugging_face_model("llama", "causal-lm").train()
    before = {name: tensor.clone() for name, tensor in bare.state_dict().items()}
    model = xai.wrap(bare, tiny.tokenizer("llama"))
    xai.attention_rollout(model, TEXT)
    assert not bare.training
    assert bare.config._attn_implementation == "eager"
    assert all(torch.equal(before[name], tensor) for name, tensor in bare.state_dict().items())


# --- a hub in this process: the real client, and a server that speaks the hub's protocol ----------------------------


@contextlib.contextmanager
def hub(repositories: dict[str, Path]) -> Iterator[str]:
    """Serves folders as the hub serves repositories: metadata on HEAD, content on GET, 404 for what is not there."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, body: bool) -> None:
            parts = self.path.split("?")[0].strip("/").split("/")
            name = "/".join(parts[2:4] if parts[:2] == ["api", "models"] else parts[:2])
            file = repositories.get(name, Path("nowhere")) / parts[-1]
            if parts == [""]:
                self.reply(200, b"", {}, body)
            elif name not in repositories:
                self.reply(404, b"{}", {"X-Error-Code": "RepoNotFound"}, body)
            elif "resolve" not in parts or not file.is_file():
                self.reply(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": "c" * 40}, body)
            else:
                self.reply(200, file.read_bytes(), {"X-Repo-Commit": "c" * 40, "ETag": f'"{file.name}"'}, body)

        def reply(self, status: int, content: bytes, headers: dict[str, str], body: bool) -> None:
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(key, value)
            self.end_headers()
            if body:
                self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def in_a_fresh_process(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """huggingface_hub reads its settings once, at import."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    return subprocess.run(
        [sys.executable, "-c", code], env=kept | environment, capture_output=True, text=True, check=False, timeout=120
    )


EXPLAIN = """
import xai_helpers as xai
try:
    print(xai.attention_rollout(xai.load({name!r}), {text!r}).to_json())
except xai.XaiError as error:
    print(type(error).__name__, error)
"""


def test_a_hub_id_is_fetched_cached_and_then_needs_no_network(tmp_path: Path) -> None:
    original = tiny.model("gpt2", "causal-lm")
    original.model.save_pretrained(tmp_path / "tiny")
    original.tokenizer.save_pretrained(tmp_path / "tiny")
    code = EXPLAIN.format(name="someone/tiny", text=TEXT)
    home = str(tmp_path / "home")
    with hub({"someone/tiny": tmp_path / "tiny"}) as endpoint:
        fetched = in_a_fresh_process(code, HF_ENDPOINT=endpoint, HF_HOME=home)
        assert fetched.returncode == 0, fetched.stderr
        scores = json.loads(fetched.stdout)["scores"]
        assert scores == xai.attention_rollout(original, TEXT).scores.tolist()
        unknown = in_a_fresh_process(EXPLAIN.format(name="someone/else", text=TEXT), HF_ENDPOINT=endpoint, HF_HOME=home)
        assert "ModelNotFoundError can't load 'someone/else': the hub has no such public model" in unknown.stdout
    for environment in ({"HF_ENDPOINT": endpoint}, {"HF_HUB_OFFLINE": "1"}):  # the server is gone
        again = in_a_fresh_process(code, HF_HOME=home, **environment)
        assert json.loads(again.stdout)["scores"] == scores, again.stderr
        absent = in_a_fresh_process(EXPLAIN.format(name="gpt2", text=TEXT), HF_HOME=home, **environment)
        assert "ModelNotFoundError can't load 'gpt2': the hub can't be reached" in absent.stdout


# --- readout --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_the_prediction_depends_on_the_readouts_final_state(family: str, kind: str) -> None:
    """Changing the final hidden state changes the prediction at the readout, and nowhere else."""
    model = tiny.model(family, kind)  # type: ignore[arg-type]
    encoded = model.encode(text_for(model))
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
    n = len(model.encode(TEXT).units)
    assert [model.readout(TEXT, p) for p in (-1, 0, 2, -n)] == [n - 1, 0, 2, 0]


# --- targets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_no_target_is_the_models_own_prediction(family: str, kind: str) -> None:
    model = tiny.model(family, kind)  # type: ignore[arg-type]
    text = text_for(model)
    best = model.predict(text, 1)[0]
    resolved = model.resolve(None, text)
    assert resolved.id == best.id
    assert model.resolve(resolved.target, text) == resolved


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
@given(id=st.integers(0, 10**6), output=st.sampled_from(("logit", "probability", "log_probability")))
def test_a_resolved_target_resolves_to_itself(family: str, kind: str, id: int, output: Any) -> None:
    model = tiny.model(family, kind)  # type: ignore[arg-type]
    n = model.model.config.num_labels if kind == "classifier" else model.model.config.vocab_size
    resolved = model.resolve(Target(id % n, versus=(id + 1) % n, output=output), text_for(model))
    assert (resolved.id, resolved.versus_id) == (id % n, (id + 1) % n)
    assert model.resolve(resolved.target, text_for(model)) == resolved


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
    assert models._needs_blank(text, token) is blank


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
    assert model.tokenizer.decode(model._continuation("Eif", "\u0301")) == "\u0301"


def test_the_target_is_read_at_its_position() -> None:
    model = tiny.model("gpt2", "causal-lm")
    encoded = model.encode(TEXT)
    with torch.no_grad():
        logits = model.forward(encoded).logits[0]
    best = [model.resolve(Target(position=p), TEXT).id for p in range(len(encoded.units))]
    assert best == logits.argmax(-1).tolist()
    assert len(set(best)) > 1
    # "cat" after "The", whatever the rest of the text
    assert model.resolve(Target("cat", position=0), TEXT).id == int(encoded.ids[0, 1])


@pytest.mark.parametrize("family", tiny.ENCODERS)
def test_a_masked_word_is_the_token_that_fits_the_gap(family: str) -> None:
    model = tiny.model(family, "masked-lm")
    text = text_for(model)
    filled = model.encode(text.replace(model.tokenizer.mask_token, "mat")).ids[0]
    assert model.resolve("mat", text).id == int(filled[model.readout(text)])


def test_labels_that_differ_by_case_are_told_apart() -> None:
    bare = tiny.hugging_face_model(
        "bert", "classifier", id2label={0: "A", 1: "a", 2: "b"}, label2id={"A": 0, "a": 1, "b": 2}
    )
    model = xai.wrap(bare, tiny.tokenizer("bert"))
    assert [model.resolve(label, TEXT).id for label in ("A", "a", "b", "B")] == [0, 1, 2, 2]


def test_labels_are_found_whatever_their_case() -> None:
    model = tiny.model("roberta", "classifier")
    assert model.resolve("label_2", TEXT).id == 2
    assert model.labels == ("LABEL_0", "LABEL_1", "LABEL_2")


def test_values_by_hand() -> None:
    logits = torch.tensor([1.0, 3.0, 2.0]).log()
    model = tiny.model("bert", "classifier")

    def value(**target: Any) -> float:
        return float(model.resolve(Target(1, **target), TEXT).value(logits))

    assert value() == pytest.approx(torch.tensor(3.0).log().item())
    assert value(output="probability") == pytest.approx(0.5)
    assert value(output="log_probability") == pytest.approx(torch.tensor(0.5).log().item())
    assert value(output="probability", versus=0) == pytest.approx(0.5 - 1 / 6)
    assert value(versus=2) == pytest.approx(torch.tensor(1.5).log().item())


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_predictions_are_probabilities_best_first(family: str, kind: str) -> None:
    model = tiny.model(family, kind)  # type: ignore[arg-type]
    found = model.predict(text_for(model), k=10**9)
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
