"""Who is asked answers in the form asked for, or there is an error; a key goes to the server and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import gzip
import importlib.util
import json
import logging
import os
import pickle
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from servers import Reply, Request, closed_port, half, hang_up, no_http, nothing_left_open, serving

import xai_helpers as xai
from xai_helpers import errors
from xai_helpers.assistant import backends, wire
from xai_helpers.assistant.backends import Answer, Endpoint, Local, Scripted, Usage, parsed
from xai_helpers.models import ONE_AT_A_TIME

ASKED = [{"role": "user", "content": "What is the capital of France?"}]
BEGUN = [*ASKED, {"role": "assistant", "content": "The answer is"}]
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name"],
    "additionalProperties": False,
}
SECRET = "sk-Tr0ub4dor/and+3=more"


# --- a server of the real kind --------------------------------------------------------------------------------------


@pytest.fixture(scope="module", autouse=True)
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """`transformers serve` with course-gpt2: its address, and the model's name. It starts while other tests run."""
    model = str(Path(__file__).resolve().parents[1] / "data/models/course-gpt2")
    folder = tmp_path_factory.mktemp("serve")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = "import sys; from transformers.cli.transformers import main; sys.argv[0] = 'transformers'; main()"
    options = ["--device", "cpu", "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", program, "serve", model, *options],
            stdout=log,
            stderr=log,
            env=os.environ | {"HF_HOME": str(folder), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        )
    try:
        yield f"http://127.0.0.1:{port}", model
    finally:
        process.terminate()
        process.wait(10)


# --- JSON that is not trusted ---------------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=40)
@given(VALUES, st.booleans())
def test_what_json_says_is_read(value: Any, fenced: bool) -> None:
    text = json.dumps(value, ensure_ascii=fenced)
    assert parsed(f" ```json\n{text}\n```\n" if fenced else f"\n{text} ", {}) == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no JSON"),
        ("Anna", "no JSON .*'Anna'"),
        ('Here it is: {"name": "Anna"}', "no JSON"),
        ('{"name": "Anna"} and more', "no JSON"),
        ('```json\n{"name": "Anna"}\n``` and more', "no JSON"),
        ('```python\n{"name": "Anna"}\n```', "no JSON"),
        ("```json```", "no JSON"),
        ("{'name': 'Anna'}", "no JSON"),
        ('{"name": "Anna", "age": NaN}', "NaN is no number"),
        ('{"name": "Anna", "age": -Infinity}', "-Infinity is no number"),
        ('{"name": "Anna", "age": 1e999}', "no float holds 1e999"),
        ('{"name": "Anna", "age": ' + "9" * 5000 + "}", "no float holds 9999"),
        ('{"name": "Anna", "name": "Ben"}', "a key stands twice"),
        ("[" * 64 + "]" * 64, "other form|another form"),
        ("[" * 65 + "]" * 65, "more than 64 levels"),
        ("[" * 100_000, "more than 64 levels"),
        ('{"a":' * 100_000, "more than 64 levels"),
        ("[" * 500_000 + "]" * 500_000, "more than 64 levels"),
        ('"' + "a" * 2**20, "1048577 characters"),
        ("\x1b[31m", "no JSON"),
        ("[]", r"another form.*: \$: \[\] is not of type 'object'"),
        ("{}", "'name' is a required property"),
        ('{"name": 3}', r"\$\.name: 3 is not of type 'string'"),
        ('{"name": "Anna", "age": true}', "True is not of type 'integer'"),
        ('{"name": "Anna", "job": "\x1b[31m"}', "no JSON"),
        ('{"name": "Anna", "\\u001b[31m": 1}', "were unexpected|was unexpected"),
    ],
)
def test_what_is_not_as_asked_for_is_an_error(text: str, why: str) -> None:
    with pytest.raises(errors.AnswerError, match=why) as caught:
        parsed(text, PERSON)
    assert len(str(caught.value)) < 350 and "\x1b" not in str(caught.value)


def test_an_answer_is_a_text_and_says_whose() -> None:
    answer = Answer("yes", "Anna")
    for same in (answer, copy.deepcopy(answer), pickle.loads(pickle.dumps(answer))):
        assert same == "yes" and same.by == "Anna" and isinstance(same, str)


# --- what is asked --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("messages", "schema", "why"),
    [
        ("Who?", None, "messages: give a list"),
        ({"role": "user", "content": "Who?"}, None, "messages: give a list"),
        ([], None, "messages: give a list"),
        (["Who?"], None, r"messages\[0\]: give a dictionary"),
        ([{"role": "user"}], None, r"messages\[0\]: give a dictionary"),
        ([*ASKED, {"role": "user", "content": "a", "name": "b"}], None, r"messages\[1\]: give a dictionary"),
        ([{"role": "tool", "content": "a"}], None, "role='tool'"),
        ([{"role": "user", "content": None}], None, r"messages\[0\]: content"),
        ([{"role": "user", "content": "a\ud800"}], None, "whole characters"),
        ([{"role": "system", "content": "a"}], None, "the last one"),
        (BEGUN, {}, "where the answer has begun"),
        (ASKED, {"type": "person"}, "no JSON schema"),
        (ASKED, {"type": {"object"}}, "no JSON schema"),
        (ASKED, {"maximum": float("nan")}, "no JSON schema"),
    ],
)
def test_what_can_t_be_asked(messages: Any, schema: Any, why: str) -> None:
    with pytest.raises(errors.OptionError, match=why):
        Scripted("nobody", lambda _: "{}").complete(messages, schema)


def test_a_function_as_a_backend() -> None:
    echo = Scripted("echo, no model", lambda turns: f" {turns[-1]['content']}\n")
    answer = echo.complete([{"role": "user", "content": '{"name": "Anna"}'}], PERSON, seed=3)
    assert (answer, answer.by) == ('{"name": "Anna"}', "echo, no model")
    assert echo.complete(BEGUN) == " The answer is\n"  # what goes on with a text keeps its blanks
    with pytest.raises(errors.AnswerError):
        echo.complete(ASKED, PERSON)
    assert "echo" in repr(echo)


# --- a model at hand ------------------------------------------------------------------------------------------------


def stepwise(model: xai.TextModel, text: str, n: int) -> str:
    """What a model writes if always its most probable token is taken."""
    ids = before = model.encode(text).ids
    for _ in range(n):
        token = model.model(ids).logits[0, -1].argmax()
        if token == model.tokenizer.eos_token_id:
            break
        ids = torch.cat([ids, token[None, None]], dim=1)
    whole, start = (model.tokenizer.decode(one[0], skip_special_tokens=True) for one in (ids, before))
    return whole.removeprefix(start)


@pytest.mark.parametrize("family", tiny.DECODERS)
def test_it_writes_the_most_probable_tokens_and_leaves_no_trace(family: str) -> None:
    model = tiny.model(family, "causal-lm")
    local = Local(model, template=False, max_new_tokens=12)
    config, state = model.model.generation_config.to_dict(), torch.random.get_rng_state()
    with tiny.untouched(model):
        answer = local.complete([{"role": "user", "content": tiny.TEXT}], seed=5)
    assert answer == stepwise(model, tiny.TEXT, 12).strip()
    assert answer.by == local.name == f"local {model.name}"
    with tiny.untouched(model):
        sampling = Local(model, template=False, temperature=1.0, max_new_tokens=6)
        drawn = [sampling.complete(ASKED, seed=i) for i in (0, 0, 1, 2)]
    assert drawn[0] == drawn[1] and len(set(drawn)) > 1
    assert torch.equal(torch.random.get_rng_state(), state)
    assert model.model.generation_config.to_dict() == config


def test_a_model_s_own_ways_of_choosing_are_left_out() -> None:
    model, willful = (tiny.model_in(torch.float32, "gpt2", "causal-lm") for _ in range(2))
    own = {"do_sample": True, "top_k": 1, "top_p": 0.1, "min_p": 0.9, "repetition_penalty": 9.0, "num_beams": 3}
    willful.model.generation_config.update(**own, temperature=0.1)
    for temperature in (0, 1):
        options: dict[str, Any] = {"template": False, "temperature": temperature, "max_new_tokens": 8}
        one, other = (Local(each, **options).complete(ASKED, seed=4) for each in (model, willful))
        assert one == other


def test_tokens_are_drawn_with_the_model_s_probabilities() -> None:
    model = tiny.model("gpt2", "causal-lm")
    local, n = Local(model, template=False, temperature=0.7, max_new_tokens=1), 100
    drawn = [local.complete(ASKED, seed=i) for i in range(n)]
    with torch.no_grad():
        logits = model.forward(model.encode(ASKED[0]["content"])).logits[0, -1].double()
    expected: dict[str, float] = {}
    for i, p in enumerate((logits / 0.7).softmax(-1).tolist()):
        text = model.tokenizer.decode([i], skip_special_tokens=True).strip()
        expected[text] = expected.get(text, 0.0) + p
    frequent = {text: p for text, p in expected.items() if p * n >= 4}
    assert len(frequent) >= 3
    z = [(drawn.count(text) - n * p) / np.sqrt(n * p * (1 - p)) for text, p in frequent.items()]
    assert np.abs(z).max() < 4
    one = [Local(model, template=False, temperature=1e-4, max_new_tokens=5).complete(ASKED, seed=i) for i in range(3)]
    assert set(one) == {Local(model, template=False, max_new_tokens=5).complete(ASKED)}


@pytest.mark.parametrize("template", [True, False])
def test_an_answer_that_has_begun_is_continued(gpt2: xai.TextModel, template: bool) -> None:
    local = Local(gpt2, template=template, max_new_tokens=20)
    asked = [{"role": "user", "content": "Question: 3 + 4 + 5 = ?\nAnswer:"}]
    whole = local.complete([*asked, {"role": "assistant", "content": " 3"}])
    cut = whole.index(" ", len(whole) // 2)
    rest = local.complete([*asked, {"role": "assistant", "content": f" 3{whole[:cut]}"}])
    assert rest == whole[cut:] and rest.startswith(" ")
    assert local.complete(asked) == local.complete(asked).strip()


def test_turns_are_put_together_by_the_template_or_as_lines(gpt2: xai.TextModel) -> None:
    turns = [{"role": "system", "content": "Be brief."}, *ASKED]
    begun = [*turns, {"role": "assistant", "content": " It is"}]

    def read(messages: Any, template: bool) -> str:
        return gpt2.tokenizer.decode(Local(gpt2, template=template)._ids(messages)[0])

    assert read(turns, True) == "System: Be brief.\nUser: What is the capital of France?\nAssistant:"
    assert read(begun, True).endswith("\nAssistant:  It is")
    assert read(turns, False) == "Be brief.\nWhat is the capital of France?"
    assert read(begun, False) == "Be brief.\nWhat is the capital of France? It is"


def test_a_schema_is_told_and_the_answer_held_to_it(gpt2: xai.TextModel, monkeypatch: pytest.MonkeyPatch) -> None:
    local = Local(gpt2)
    with pytest.raises(errors.AnswerError, match="no JSON"):
        local.complete(ASKED, PERSON)
    read: list[str] = []

    def write(ids: torch.Tensor, seed: int) -> str:
        read.append(gpt2.tokenizer.decode(ids[0]))
        return ' {"name": "Anna"}'

    monkeypatch.setattr(local, "_written", write)
    assert parsed(local.complete(ASKED, PERSON), PERSON) == {"name": "Anna"}
    assert backends.IN_JSON in read[0] and json.dumps(PERSON) in read[0]


def test_it_writes_as_far_as_there_are_positions() -> None:
    model = tiny.model("gpt2", "causal-lm")
    local = Local(model, template=False, max_new_tokens=10**6)
    for n in (model.max_tokens - 2, model.max_tokens):
        text = model.tokenizer.decode([30] * n)
        assert len(model.encode(text).units) == n
        if n == model.max_tokens:
            with pytest.raises(errors.TextTooLongError, match=f"{n} tokens .*shorten"):
                local.complete([{"role": "user", "content": text}])
        else:
            assert local.complete([{"role": "user", "content": text}]) == stepwise(model, text, 2).strip()


def test_logits_that_are_no_numbers_are_an_error() -> None:
    model, state = tiny.model_in(torch.float32, "gpt2", "causal-lm"), torch.random.get_rng_state()
    with torch.no_grad():
        model.model.transformer.ln_f.bias[0] = torch.nan
    for temperature in (0, 1):
        with pytest.raises(errors.NonFiniteError, match="these messages"):
            Local(model, template=False, temperature=temperature).complete(ASKED)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_model_is_left_to_whoever_uses_it_at_the_moment() -> None:
    local = Local(tiny.model("gpt2", "causal-lm"), template=False, max_new_tokens=2)
    with ThreadPoolExecutor() as pool:
        with ONE_AT_A_TIME:
            answer = pool.submit(local.complete, ASKED)
            time.sleep(0.1)
            assert not answer.done()
        answer.result(10)


def test_who_can_t_write() -> None:
    with pytest.raises(errors.NoHeadError, match="is a classifier"):
        Local(tiny.model("bert", "classifier"))
    with pytest.raises(errors.UnsupportedArchitectureError, match=r"xai\.load"):
        Local("course-gpt2")  # type: ignore[arg-type]
    plain = tiny.model_in(torch.float32, "gpt2", "causal-lm")
    with pytest.raises(errors.OptionError, match="no chat template: say template=False"):
        Local(plain)
    plain.model.train()
    with pytest.raises(errors.OptionError, match="training mode"):
        Local(plain, template=False).complete(ASKED)
    strict = xai.wrap(tiny.hugging_face_model("gpt2", "causal-lm"), copy.deepcopy(tiny.tokenizer("gpt2")))
    strict.tokenizer.chat_template = "{{ raise_exception('users first') }}"
    with pytest.raises(errors.OptionError, match="refuses these messages: users first"):
        Local(strict).complete(ASKED)


@pytest.mark.parametrize("options", [{"temperature": -1}, {"temperature": "0"}, {"max_new_tokens": 0}])
def test_options_of_a_model_at_hand(options: dict[str, Any]) -> None:
    with pytest.raises(errors.OptionError, match=f"^{next(iter(options))}="):
        Local(tiny.model("gpt2", "causal-lm"), template=False, **options)
    with pytest.raises(errors.OptionError, match=r"^seed="):
        Local(tiny.model("gpt2", "causal-lm"), template=False).complete(ASKED, seed=-1)


# --- a model somewhere else -----------------------------------------------------------------------------------------


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits, which take no time."""
    found: list[float] = []
    monkeypatch.setattr(backends, "_sleep", found.append)
    return found


@pytest.fixture(autouse=True)
def tidy(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """No key of the reader's; and after every test no thread, socket or line of output more than before it."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with nothing_left_open():
        yield
    assert capfd.readouterr() == ("", "")


@contextlib.contextmanager
def chatting(*replies: Reply) -> Iterator[tuple[str, list[Request]]]:
    """A server for chats: its address, and its requests; the last of its replies is repeated."""
    seen: list[Request] = []

    def choose(request: Request) -> Reply:
        seen.append(request)
        return replies[min(len(seen), len(replies)) - 1]

    with serving(choose) as url:
        yield f"{url}/v1", seen


def said(content: Any, end: Any = "stop", usage: Any = None, **more: Any) -> tuple[int, bytes]:
    choice = {"index": 0, "message": {"role": "assistant", "content": content} | more, "finish_reason": end}
    return 200, json.dumps({"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage}).encode()


GOOD = said(" Paris. ")


def test_what_is_sent_is_this_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ORG_ID", "PROJECT_ID", "ADMIN_KEY", "WEBHOOK_SECRET", "BASE_URL"):
        monkeypatch.setenv(f"OPENAI_{name}", "private")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Private: private\nAuthorization: private")
    with chatting(GOOD, GOOD, GOOD, said('{"name": "Anna"}')) as (url, seen):
        endpoint = Endpoint(url, "small")
        answer = endpoint.complete(ASKED, seed=7)
        endpoint.complete(BEGUN)
        Endpoint(url, "small", temperature=None, max_tokens=3).complete(ASKED)
        assert parsed(endpoint.complete(ASKED, PERSON), PERSON) == {"name": "Anna"}
    assert (answer, answer.by) == ("Paris.", f"small at {url}")
    assert {request.path for request in seen} == {"/v1/chat/completions"}
    fields = [json.loads(request.body) for request in seen]
    first = {"model": "small", "messages": ASKED, "temperature": 0.0, "max_tokens": 512, "seed": 7}
    go_on = {"role": "user", "content": backends.GO_ON}
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": PERSON}}
    assert fields == [
        first,
        first | {"messages": [*BEGUN, go_on], "seed": 0},
        {"model": "small", "messages": ASKED, "max_tokens": 3, "seed": 0},
        first | {"response_format": form, "seed": 0},
    ]
    names = {"host", "content-length", "accept", "accept-encoding", "authorization", "content-type", "user-agent"}
    assert all({name.lower() for name in request.headers} <= names for request in seen)
    assert seen[0].headers["Authorization"] == f"Bearer {wire.PLACEHOLDER}"


def test_openai_itself_is_told_the_longest_answer_by_its_new_name() -> None:
    fields = Endpoint("https://api.openai.com/v1", "large")._fields(ASKED, None, 0)
    assert "max_tokens" not in fields and fields["max_completion_tokens"] == 512


@pytest.mark.parametrize(("content", "rest"), [("The answer is 7.", " 7."), (" 7.", " 7."), ("It is 7.", "It is 7.")])
def test_a_beginning_that_is_repeated_is_taken_off(content: str, rest: str) -> None:
    with chatting(said(content)) as (url, _):
        assert Endpoint(url, "small").complete(BEGUN) == rest


@pytest.mark.parametrize(
    ("reply", "error", "why"),
    [
        ((200, b""), "BackendError", "another protocol"),
        ((200, b"<html>hello</html>"), "BackendError", "another protocol .*<html>.*/v1"),
        ((200, b"\xff\xfe\x00"), "BackendError", "another protocol"),
        ((200, b"[" * 100_000), "BackendError", "more than 64 levels"),
        ((200, b"[]"), "BackendError", "is not of type 'object'"),
        ((200, b"{}"), "BackendError", "'choices' is a required property"),
        ((200, b'{"choices": null}'), "BackendError", "None is not of type 'array'"),
        ((200, b'{"choices": []}'), "BackendError", r"\$\.choices: \[\] "),
        ((200, b'{"choices": [{}]}'), "BackendError", "'message' is a required property"),
        ((200, b'{"choices": [{"message": "Paris"}]}'), "BackendError", "is not of type 'object'"),
        ((200, b'{"choices": [{"message": {"content": "a"}}], "choices": []}'), "BackendError", "a key stands twice"),
        ((204, b""), "BackendError", "another protocol"),
        (said(["Paris"]), "BackendError", r"message\.content: \['Paris'\] is not of type"),
        (said({"text": "\x1b[31m"}), "BackendError", "is not of type"),
        (said(3), "BackendError", "3 is not of type"),
        (said("a", end=1), "BackendError", "finish_reason: 1 is not of type"),
        (said("a", usage=3), "BackendError", "usage: 3 is not of type"),
        (said("a", usage={"prompt_tokens": -1}), "BackendError", "-1 is less than the minimum"),
        (said("a", usage={"prompt_tokens": True}), "BackendError", "True is not of type"),
        (said("a", usage={"completion_tokens": 10**15}), "BackendError", "greater than the maximum"),
        (said(None), "BackendError", "without a text"),
        (said(None, "tool_calls", tool_calls=[{"id": "x"}]), "BackendError", "without calling tools"),
        (said(None, refusal="I won't\x1b."), "BackendError", "refuses to answer: I won't"),
        (said("half a sen", "content_filter"), "BackendError", "filter"),
        (said(None, "length"), "AnswerError", "max_tokens=512"),
        (said("", "length"), "AnswerError", "max_tokens=512"),
    ],
)
def test_what_is_no_answer_is_not_believed(reply: Reply, error: str, why: str, sleeps: list[float]) -> None:
    with chatting(reply) as (url, seen), pytest.raises(getattr(errors, error), match=why) as caught:
        Endpoint(url, "small").complete(ASKED)
    assert str(caught.value).startswith(f"small at {url} ")
    assert len(str(caught.value)) < 500 and "\x1b" not in str(caught.value)
    assert len(seen) == 1 and sleeps == []


def test_an_answer_may_be_cut_off_or_empty_where_that_does_no_harm() -> None:
    with chatting(said("Par", "length"), said(""), said('{"name": "An', "length"), said('{"name": 3}')) as (url, _):
        endpoint = Endpoint(url, "small")
        assert endpoint.complete(ASKED) == "Par"
        assert endpoint.complete(ASKED) == ""
        with pytest.raises(errors.AnswerError, match="cut off by max_tokens=512: raise it"):
            endpoint.complete(ASKED, PERSON)
        with pytest.raises(errors.AnswerError, match=r"\$\.name: 3 is not of type"):
            endpoint.complete(ASKED, PERSON)


# What it does when there is no answer


def test_it_tries_again_after_as_long_as_it_is_asked_to_wait(sleeps: list[float]) -> None:
    with chatting((503, b""), (429, b"{}", {"Retry-After": "7"}), hang_up, GOOD) as (url, seen):
        endpoint = Endpoint(url, "small")
        assert endpoint.complete(ASKED) == "Paris."
    assert sleeps == [0.5, 7.0, 2.0]
    assert endpoint.usage == Usage(requests=4, retried=3) and len(seen) == 4
    assert len({request.body for request in seen}) == 1


@pytest.mark.parametrize("status", [429, 500, 503, 599])
def test_retries_come_to_an_end(sleeps: list[float], status: int) -> None:
    reply = (status, b'{"error": {"message": "so \\u001b sorry"}}')
    why = rf"answers 9 requests with status {status} \(so . sorry\)"
    with chatting(reply) as (url, seen), pytest.raises(errors.BackendError, match=why) as caught:
        Endpoint(url, "small", retries=8).complete(ASKED)
    assert sleeps == [0.5, 1, 2, 4, 8, 16, 32, 60] and len(seen) == 9 and caught.value.status == status


@pytest.mark.parametrize("after", ["1e9", "1000000000", "61", "Fri, 31 Dec 2999 23:59:59 GMT"])
def test_who_asks_for_a_long_wait_is_not_waited_for(sleeps: list[float], after: str) -> None:
    with chatting((429, b"", {"Retry-After": after}), GOOD) as (url, seen):
        if after == "1e9":  # no number of seconds that HTTP knows
            assert Endpoint(url, "small").complete(ASKED) == "Paris."
        else:
            with pytest.raises(errors.BackendError, match="answers 1 requests with status 429"):
                Endpoint(url, "small").complete(ASKED)
    assert sleeps == ([0.5] if after == "1e9" else []) and len(seen) == 1 + len(sleeps)


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (400, b'{"error": "because"}', r"\(because\): change the request"),
        (401, b'{"error": {"message": "who?"}}', r"\(who\?\): is the key right"),
        (403, b"no", r"\(no\): is the key right"),
        (404, b'{"detail": "Not Found"}', r"\(Not Found\): is the model's name right"),
        (408, b"", "change the request"),
        (413, b'{"message": ["long"]}', "long"),
        (422, b'{"detail": [{"loc": "seed"}]}', "seed"),
    ],
)
def test_a_refusal_is_taken_for_an_answer(sleeps: list[float], status: int, body: bytes, why: str) -> None:
    reply = (status, body, {"Retry-After": "1", "X-Should-Retry": "true"})
    why = f"refuses the request with status {status} .*{why}"
    with chatting(reply) as (url, seen), pytest.raises(errors.BackendError, match=why) as caught:
        Endpoint(url, "small").complete(ASKED)
    assert caught.value.status == status and len(seen) == 1 and sleeps == []


@pytest.mark.parametrize("broken", [hang_up, half, no_http])
def test_a_lost_answer_is_asked_for_again(sleeps: list[float], broken: Any) -> None:
    with chatting(broken, GOOD) as (url, _):
        assert Endpoint(url, "small").complete(ASKED) == "Paris."
    assert sleeps == [0.5]


def test_a_reset_and_nobody_there(sleeps: list[float]) -> None:
    def reset(request: Request) -> None:
        request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        request.connection.close()

    with chatting(reset) as (url, seen), pytest.raises(errors.BackendError, match=r"no answer to 2 .*Error.*running"):
        Endpoint(url, "small", retries=1).complete(ASKED)
    assert len(seen) == 2
    with pytest.raises(errors.BackendError, match=r"no answer to 1 requests \(ConnectError: .*is it running") as caught:
        Endpoint(closed_port(), "small", retries=0).complete(ASKED)
    assert caught.value.status is None


@pytest.mark.parametrize("slow", ["silent", "head", "body"])
def test_no_answer_is_waited_for_longer_than_the_timeout(slow: str) -> None:
    release = threading.Event()

    def drip(request: Request) -> None:
        with contextlib.suppress(OSError):
            if slow == "body":
                request.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            elif slow == "head":
                request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while not release.wait(0.02):
                request.wfile.write(b"" if slow == "silent" else b"a")

    with chatting(drip) as (url, _):
        start = time.perf_counter()
        with pytest.raises(errors.BackendError, match=r"no whole answer within 0.2 s\): .*timeout long enough"):
            Endpoint(url, "small", timeout=0.2, retries=0).complete(ASKED)
        assert time.perf_counter() - start < 2
        release.set()


@pytest.mark.parametrize("status", [200, 500])
def test_an_answer_without_end_is_not_read_to_its_end(sleeps: list[float], status: int) -> None:
    pieces: list[int] = []

    def endless(request: Request) -> None:
        request.wfile.write(f"HTTP/1.1 {status} X\r\n\r\n".encode())
        while True:
            pieces.append(request.wfile.write(b" " * 2**16))

    with chatting(endless) as (url, seen), pytest.raises(errors.BackendError, match="more than 1048576 bytes"):
        Endpoint(url, "small").complete(ASKED)
    assert len(seen) == 1 and sleeps == []
    assert sum(pieces) < 2**24  # what the system's buffers hold is on the way


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "x\x7f"])
def test_what_is_packed_is_not_unpacked(encoding: str) -> None:
    bomb = (200, gzip.compress(bytes(10**6)), {"Content-Encoding": encoding})
    with chatting(bomb) as (url, seen), pytest.raises(errors.BackendError, match="a packed answer"):
        Endpoint(url, "small", retries=0).complete(ASKED)
    assert seen[0].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_it_can_t_be_sent_elsewhere(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    with (
        chatting(GOOD) as (elsewhere, seen),
        chatting((status, b"", {"Location": elsewhere})) as (url, _),
        pytest.raises(errors.BackendError, match=f"refuses the request with status {status}"),
    ):
        Endpoint(url, "small").complete(ASKED)
    assert seen == []


def test_no_proxy_is_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with chatting(GOOD) as (url, _), chatting(GOOD) as (proxy, seen):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.removesuffix("/v1"))
        assert Endpoint(url, "small", retries=0).complete(ASKED) == "Paris."
        assert seen == []
        assert Endpoint("http://a-machine.invalid/v1", "small", key=None, retries=0).complete(ASKED) == "Paris."
        assert len(seen) == 1  # others are asked as the environment says


# What it cost


def test_tokens_and_their_cost_are_added_up() -> None:
    count = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    with chatting(said("a", usage=count), said("b", usage=count), said("c")) as (url, _):
        endpoint, free = Endpoint(url, "small", price=(2.5, 10)), Endpoint(url, "small")
        assert endpoint.usage == Usage(0, 0, 0, 0, 0.0)
        for n in (1, 2):
            endpoint.complete(ASKED)
            assert endpoint.usage == Usage(n, 0, 100 * n, 10 * n, pytest.approx(n * (100 * 2.5 + 10 * 10) / 1e6))
        endpoint.complete(ASKED)  # doesn't say
        assert endpoint.usage == Usage(3, 0, 200, 20, None)
        free.complete(ASKED)
        assert free.usage == Usage(1, 0, 0, 0, None)
    with pytest.raises(AttributeError):
        free.usage.cost = 0.0  # type: ignore[misc]


def test_many_threads_at_once_and_a_notebook_s_event_loop() -> None:
    with chatting(said("a", usage={"prompt_tokens": 3, "completion_tokens": 2})) as (url, seen):
        endpoint = Endpoint(url, "small", price=(1, 1))
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(lambda seed: endpoint.complete(ASKED, seed=seed), range(24))) == {"a"}

        async def cell() -> str:
            return endpoint.complete(ASKED, seed=24)

        assert asyncio.run(cell()) == "a"
    assert endpoint.usage == Usage(25, 0, 75, 50, pytest.approx(125e-6))
    assert sorted(json.loads(request.body)["seed"] for request in seen) == list(range(25))


# The key


def everything(error: BaseException) -> str:
    """What can be read of an error: its text, those behind it, and the variables of all functions on the way."""
    parts, todo, done = list[str](), [error], set[int]()
    while todo:
        one = todo.pop()
        if id(one) in done:
            continue
        done.add(id(one))
        parts += [str(one), repr(one), repr(vars(one)), *traceback.format_exception(one)]
        for frame, _ in traceback.walk_tb(one.__traceback__):
            if frame.f_code.co_filename != __file__:
                parts += [f"{name}={value!r} {vars(value) if hasattr(value, '__dict__') else ''}"
                          for name, value in frame.f_locals.items()]  # fmt: skip
        todo += [other for other in (one.__cause__, one.__context__) if other]
    return "\n".join(parts)


@pytest.mark.parametrize("where", ["error", "plain", "long", "answer", "escaped", "refusal", "end", "header", "packed"])
def test_a_key_that_a_server_repeats_is_masked(
    where: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    escaped = "".join(f"\\u{ord(character):04x}" for character in SECRET)
    replies: dict[str, Reply] = {
        "error": (401, json.dumps({"error": {"message": f"wrong: Bearer {SECRET}"}}).encode()),
        "plain": (401, f"<p>Authorization: Bearer {SECRET}</p>".encode()),
        "long": (401, ("." * 190 + SECRET).encode()),
        "answer": said(f"Your key is {SECRET}!"),
        "escaped": (200, said("Your key is KEY!")[1].replace(b"KEY", escaped.encode())),
        "refusal": said(None, refusal=f"not {SECRET}"),
        "end": said([SECRET]),
        "header": (302, b"", {"Location": f"http://127.0.0.1/{SECRET}", "X-Request-Id": SECRET}),
        "packed": (200, b"", {"Content-Encoding": SECRET}),
    }
    with chatting(replies[where]) as (url, seen):
        endpoint = Endpoint(url, "small", retries=0)
        if where in ("answer", "escaped"):
            assert endpoint.complete(ASKED) == "Your key is [OPENAI_API_KEY]!"
            with pytest.raises(errors.AnswerError) as caught:
                endpoint.complete(ASKED, PERSON)
        else:
            with pytest.raises(errors.BackendError) as caught:
                endpoint.complete(ASKED)
    assert seen[0].headers["Authorization"] == f"Bearer {SECRET}"
    told = everything(caught.value)
    assert SECRET[:12] not in told
    assert SECRET[:12] not in (
        caplog.text if where not in ("header", "packed") else ""
    )  # the HTTP library logs a server's headers
    assert SECRET[:12] not in repr(endpoint) + repr(vars(endpoint)) + repr(pickle.dumps(endpoint))


def test_a_key_is_read_at_each_request(monkeypatch: pytest.MonkeyPatch) -> None:
    with chatting(GOOD) as (url, seen):
        endpoint = Endpoint(url, "small", key="SOME_KEY")
        for value in ("first-of-two", " second-of-two\n"):
            monkeypatch.setenv("SOME_KEY", value)
            pickle.loads(pickle.dumps(endpoint)).complete(ASKED)
        monkeypatch.delenv("SOME_KEY")
        endpoint.complete(ASKED)
    given = [request.headers["Authorization"] for request in seen]
    assert given == ["Bearer first-of-two", "Bearer second-of-two", f"Bearer {wire.PLACEHOLDER}"]


def test_a_short_value_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a")
    with chatting(said("banana")) as (url, _):
        assert Endpoint(url, "small").complete(ASKED) == "banana"


def test_a_key_goes_to_another_machine_encrypted_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch, no_network: list[Any], sleeps: list[float]
) -> None:
    for url in ("https://example.org/v1", "http://example.org/v1", "http://localhost.example.org/v1"):
        with pytest.raises(errors.BackendError, match="variable OPENAI_API_KEY is unset"):
            Endpoint(url, "large").complete(ASKED)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    for url in ("http://example.org/v1", "http://127.0.0.1.example.org/v1", "http://10.0.0.1:8000/v1"):
        with pytest.raises(errors.BackendError, match="by https only") as caught:
            Endpoint(url, "large").complete(ASKED)
        assert SECRET[:12] not in everything(caught.value)
    assert no_network == [] and sleeps == []
    for url, key in (("https://example.org/v1", "OPENAI_API_KEY"), ("http://example.org/v1", None)):
        with pytest.raises(errors.BackendError, match=r"gives no answer .*no network") as caught:
            Endpoint(url, "large", key=key, retries=0).complete(ASKED)
        assert SECRET[:12] not in everything(caught.value)
    assert len(no_network) == 2


@pytest.mark.parametrize("value", ["sk-first\nsk-second", "sk-with a blank", "sk-ünicode", "sk-\x00null"[:3] + "\x07"])
def test_what_is_no_key_is_not_sent_and_not_told(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", value)
    with chatting(GOOD) as (url, seen), pytest.raises(errors.OptionError, match="OPENAI_API_KEY holds") as caught:
        Endpoint(url, "small").complete(ASKED)
    assert seen == [] and value not in everything(caught.value) and "sk-" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"base_url": "127.0.0.1:8000/v1"}, "base_url: give"),
        ({"base_url": "ftp://127.0.0.1/v1"}, "base_url: give"),
        ({"base_url": "http://"}, "base_url: give"),
        ({"base_url": "http://[::1"}, "base_url: give"),
        ({"base_url": f"http://user:{SECRET}@127.0.0.1/v1"}, "base_url: give"),
        ({"base_url": f"http://127.0.0.1/v1?key={SECRET}"}, "base_url: give"),
        ({"base_url": "http://127.0.0.1/v1#a"}, "base_url: give"),
        ({"base_url": None}, "base_url: give"),
        ({"model": ""}, "model=''"),
        ({"model": None}, "model=None"),
        ({"key": SECRET}, "key: give the NAME"),
        ({"key": "hf_abcdefgh"}, "key: give the NAME"),
        ({"key": ""}, "key: give the NAME"),
        ({"timeout": 0}, "timeout=0"),
        ({"timeout": None}, "timeout=None"),
        ({"retries": -1}, "retries=-1"),
        ({"temperature": -0.1}, "temperature=-0.1"),
        ({"max_tokens": 0}, "max_tokens=0"),
        ({"price": 3}, "price=3"),
        ({"price": (1,)}, r"price=\(1,\)"),
        ({"price": (1, -1)}, r"price\[1\]=-1"),
    ],
)
def test_options_of_an_endpoint(no_network: list[Any], options: dict[str, Any], why: str) -> None:
    with pytest.raises(errors.OptionError, match=f"^{why}") as caught:
        Endpoint(**({"base_url": "http://127.0.0.1:1/v1", "model": "small"} | options))
    assert SECRET not in str(caught.value) and no_network == []


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(errors.InstallationError, match="needs openai, which is missing"):
        Endpoint("http://127.0.0.1:1/v1", "small")
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    with pytest.raises(errors.InstallationError, match="needs jsonschema, which is missing"):
        parsed("{}", {})


@pytest.mark.parametrize("name", ["backends", "transcripts"])
def test_importing_it_imports_no_optional_library(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("openai", "httpx2", "jsonschema", "xai_helpers.assistant.wire"):
        monkeypatch.setitem(sys.modules, library, None)  # an import would fail
    source = Path(backends.__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"xai_helpers.assistant.{name}_again", source)
    assert spec and spec.loader
    again = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, again)
    spec.loader.exec_module(again)
    assert vars(again).keys() >= {"Answer", "Backend"}


# --- the server of the real kind, which has had time to start ---------------------------------------------------------


def test_a_real_server_and_the_model_at_hand_say_the_same(serve: tuple[str, str], gpt2: xai.TextModel) -> None:
    url, model = serve
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/health").status_code == 200:
                break
        assert time.monotonic() < deadline
        time.sleep(0.1)
    endpoint, local = Endpoint(f"{url}/v1/", model, price=(1.0, 2.0)), Local(gpt2)
    questions = ["What is the capital of France?", "3 + 4 + 5 =", "Is this good? The film was dull."]
    for question in questions:
        messages = [{"role": "user", "content": question}]
        said = endpoint.complete(messages)
        assert said and said == local.complete(messages)
        assert said.by == f"{model} at {url}/v1"
    tokens = endpoint.usage.prompt_tokens, endpoint.usage.completion_tokens
    assert endpoint.usage == Usage(3, 0, *tokens, pytest.approx((tokens[0] + 2 * tokens[1]) / 1e6)) and min(tokens) > 8
    with pytest.raises(errors.AnswerError, match="the answer is no JSON"):  # this server doesn't heed a schema
        endpoint.complete(ASKED, PERSON)
    with pytest.raises(errors.BackendError, match=r"status 400 .*is pinned to"):
        Endpoint(f"{url}/v1", "another").complete(ASKED)
    with pytest.raises(errors.BackendError, match=r"status 404 .*should, as in /v1"):
        Endpoint(url, model).complete(ASKED)
