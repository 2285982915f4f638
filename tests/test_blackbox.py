"""A service and its client over real sockets: the model's own numbers, exact counts, nothing believed or left open."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import math
import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lime.lime_text import LimeTextExplainer
from servers import Reply, Request, half, hang_up, no_http, nothing_left_open, open_sockets, serving

import xai_helpers as xai
from xai_helpers import blackbox, errors
from xai_helpers.blackbox import Client, probabilities, serve
from xai_helpers.models import ONE_AT_A_TIME

TEXTS = ["a good film", "The plot was weak and slow.", "not bad", "bad, bad, bad acting", "good", "a film", "fine cat"]
REVIEW = "The movie was surprisingly entertaining despite a weak script"
CLASSIFIER = tiny.model("bert", "classifier")  # three labels
get, post = (functools.partial(ask, verify=False) for ask in (httpx.get, httpx.post))  # no certificates to read
TWO = {"labels": ["no", "yes"], "most_texts": 64}


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now, self.sleeps = 1000.0, list[float]()

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.sleeps.append(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(blackbox, "_now", lambda: clock.now)
    monkeypatch.setattr(blackbox, "_sleep", clock.sleep)
    return clock


@pytest.fixture(autouse=True)
def tidy(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """After every test: no thread, socket or line of output more than before it."""
    with nothing_left_open():
        yield
    assert capfd.readouterr() == ("", "")


# --- the service ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_probabilities_are_the_models_own(family: str) -> None:
    model = tiny.model(family, "classifier")
    texts = [*TEXTS, tiny.TEXT, "cat <pad>", TEXTS[0]]  # of different lengths; a pad that is no padding
    with tiny.untouched(model):
        found = probabilities(model, texts)
    expected = [[p.probability for p in sorted(model.predict(text), key=lambda p: p.id)] for text in texts]
    assert found.dtype == np.float64
    assert np.allclose(found, expected, rtol=0, atol=1e-6)
    assert np.allclose(found.sum(axis=1), 1, rtol=0, atol=1e-12)
    assert probabilities(model, []).shape == (0, 3)


def test_the_service_answers_with_them_and_tells_its_limits() -> None:
    with tiny.untouched(CLASSIFIER), serve(CLASSIFIER, per_second=100, most_texts=7) as service:
        limits = get(service.url)
        answer = post(f"{service.url}/predict", json={"texts": TEXTS})
        assert (service.requests, service.texts) == (1, 7)
        assert "1 requests, 7 texts" in repr(service) and "open" in repr(service)
    assert limits.json() == {
        "labels": list(CLASSIFIER.labels),
        "most_texts": 7,
        "most_tokens": CLASSIFIER.max_tokens,
        "per_second": 100,
    }
    assert answer.json() == {
        "labels": list(CLASSIFIER.labels),
        "probabilities": probabilities(CLASSIFIER, TEXTS).tolist(),
    }
    assert answer.headers["content-type"] == "application/json"
    assert "closed" in repr(service)


REFUSED: dict[str, tuple[bytes, int, str]] = {
    "no JSON": (b"texts=cat", 400, "no JSON"),
    "nothing": (b"", 400, "no JSON"),
    "half a character": (b'{"texts": ["\xff"]}', 400, "no JSON"),
    "deep": (b"[" * 100_000, 400, "no JSON"),
    "a list": (b'["cat"]', 400, r'send {"texts"'),
    "other keys": (b'{"text": "cat"}', 400, r'send {"texts"'),
    "one text": (b'{"texts": "cat"}', 400, r'send {"texts"'),
    "no texts": (b'{"texts": []}', 400, r'send {"texts"'),
    "a number": (b'{"texts": ["cat", 3]}', 400, r"texts\[1\]: expected one text"),
    "null": (b'{"texts": [null]}', 400, r"texts\[0\]: expected one text"),
    "empty": (b'{"texts": ["cat", "cat", ""]}', 400, r"texts\[2\]: the text is empty"),
    "blank": (b'{"texts": [" \\n"]}', 400, r"texts\[0\]: the text holds nothing but blanks"),
    "a lone surrogate": (b'{"texts": ["\\ud800"]}', 400, r"texts\[0\]: .*surrogate"),
    "long": (json.dumps({"texts": ["cat " * 300]}).encode(), 413, r"texts\[0\]: .*at most 192"),
    "many": (json.dumps({"texts": ["cat"] * 65}).encode(), 413, "65 texts; send at most 64"),
    "large": (b" " * (2**20 + 1), 413, "1048577 bytes; send at most 1048576"),
    "far too large": (b" " * 2**23, 413, "8388608 bytes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_told_why_and_leaves_the_service_well(case: str) -> None:
    body, status, why = REFUSED[case]
    with serve(CLASSIFIER) as service:
        answer = post(f"{service.url}/predict", content=body)
        assert answer.status_code == status
        assert list(answer.json()) == ["error"] and re.search(why, answer.json()["error"])
        assert "Traceback" not in answer.text
        assert Client(service.url)(["cat"]).shape == (1, 3)
        assert service.texts == 1


def raw(service: blackbox.Service, sent: bytes) -> bytes:
    """What comes back for these bytes."""
    with socket.create_connection(("127.0.0.1", int(service.url.rsplit(":", 1)[1])), timeout=5) as connection:
        connection.sendall(sent)
        return b"".join(iter(lambda: connection.recv(2**16), b""))


@pytest.mark.parametrize(
    ("sent", "status", "why"),
    [
        (b"POST /predict HTTP/1.1\r\n\r\n", 411, "Content-Length"),
        (b"POST /predict HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 411, "Content-Length"),
        (b"POST /predict HTTP/1.1\r\nContent-Length: many\r\n\r\n", 411, "Content-Length"),
        (b"POST /predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411, "Content-Length"),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\ncat", 404, "POST /predict"),
        (b"POST /predict HTTP/1.1\r\nContent-Length: 10000000\r\n\r\n" + b" " * 10**7, 413, "10000000 bytes"),
        (b"GET /predict HTTP/1.1\r\n\r\n", 404, "GET /"),
        (b"GET /../../etc/passwd HTTP/1.1\r\n\r\n", 404, "GET /"),
        (b"DELETE / HTTP/1.1\r\n\r\n", 501, "Unsupported method"),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 414, "URI Too Long"),
    ],
)
def test_refused_before_the_body_is_read(sent: bytes, status: int, why: str) -> None:
    with serve(CLASSIFIER) as service:
        head, body = raw(service, sent).split(b"\r\n\r\n", 1)
        assert int(head.split()[1]) == status
        assert why in json.loads(body)["error"]
        assert raw(service, b"HEAD / HTTP/1.1\r\n\r\n").endswith(b"\r\n\r\n")  # no body


def test_a_model_that_fails_is_the_services_fault_and_it_goes_on() -> None:
    model = tiny.model_in(torch.float32, "gpt2", "classifier")
    good = model.model.score.weight.clone()
    with serve(model) as service:
        with torch.no_grad():
            model.model.score.weight.fill_(torch.nan)
        answer = post(f"{service.url}/predict", json={"texts": ["cat"]})
        assert answer.status_code == 500
        assert answer.json()["error"].startswith("the model failed: NonFiniteError: ")
        assert service.texts == 0
        with torch.no_grad():
            model.model.score.weight.copy_(good)
        assert np.allclose(Client(service.url)(["cat"]), probabilities(model, ["cat"]), rtol=0, atol=1e-12)


def test_the_model_is_left_to_whoever_uses_it_at_the_moment() -> None:
    with serve(CLASSIFIER) as service, ThreadPoolExecutor() as pool:
        with ONE_AT_A_TIME:
            answer = pool.submit(post, f"{service.url}/predict", json={"texts": ["cat"]})
            time.sleep(0.2)
            assert not answer.done()
        assert answer.result().status_code == 200


def test_one_state_of_the_model_answers_a_whole_request(monkeypatch: pytest.MonkeyPatch) -> None:
    free, rows_at_once = list[bool](), blackbox.rows_at_once

    def ask() -> None:
        if got := ONE_AT_A_TIME.acquire(blocking=False):
            ONE_AT_A_TIME.release()
        free.append(got)

    def between_passes(*args: Any) -> int:
        asking = threading.Thread(target=ask)
        asking.start()
        asking.join()
        return rows_at_once(*args)

    monkeypatch.setattr(blackbox, "rows_at_once", between_passes)
    with serve(CLASSIFIER) as service:
        Client(service.url)(["cat", "a longer cat"])
    probabilities(CLASSIFIER, ["cat", "a longer cat"])
    assert free == [False] * 4


def test_too_many_a_second_are_told_when_to_come_again(clock: Clock) -> None:
    with serve(CLASSIFIER, per_second=2) as service:

        def status() -> int:
            return post(f"{service.url}/predict", json={"texts": ["cat"]}).status_code

        assert [status() for _ in range(4)] == [200, 200, 429, 429]
        assert get(service.url).status_code == 200  # the limits can always be asked
        clock.now += 0.5
        assert [status() for _ in range(2)] == [200, 429]
        clock.now += 1000  # no more than a second's worth is saved up
        assert [status() for _ in range(3)] == [200, 200, 429]
        assert service.texts == 5 and service.requests == 9
    with serve(CLASSIFIER, per_second=0.1) as service:  # one every ten seconds
        post(f"{service.url}/predict", json={"texts": ["cat"]})
        refused = post(f"{service.url}/predict", json={"texts": ["cat"]})
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")


@given(
    rate=st.floats(0.1, 50),
    size=st.floats(0.1, 50),
    pauses=st.lists(st.floats(0, 5) | st.just(0.0), min_size=1, max_size=25),
)
def test_a_bucket_gives_no_more_than_its_rate_and_what_it_says_is_enough(
    rate: float, size: float, pauses: list[float]
) -> None:
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blackbox, "_now", lambda: clock.now)
        bucket, taken = blackbox._Bucket(rate, size), list[float]()
        for pause in pauses:
            clock.now += pause
            if wait := bucket.take():
                assert 0 < wait <= 1 / rate + 1e-9
                clock.now += wait
                assert bucket.take() == 0.0
            taken.append(clock.now)
    for (i, start), (j, end) in itertools.combinations(enumerate(taken), 2):
        assert j - i + 1 <= max(1, size) + rate * (end - start) + 1e-5


def test_it_is_told_to_fail_and_then_answers() -> None:
    with serve(CLASSIFIER, failing=(503, 429, 500)) as service:
        answers = [post(f"{service.url}/predict", json={"texts": ["cat"]}) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [503, 429, 500, 200]
        assert [answer.headers.get("retry-after") for answer in answers] == [None, "1", None, None]
        assert (service.requests, service.texts) == (4, 1)


def test_it_listens_on_this_machine_only_and_asks_no_name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a name was looked up")

    for name in ("getfqdn", "gethostbyaddr", "gethostbyname"):
        monkeypatch.setattr(socket, name, refuse)
    before = open_sockets()
    with serve(CLASSIFIER):
        assert [(here.ip, status) for here, _, status in open_sockets() - before] == [("127.0.0.1", psutil.CONN_LISTEN)]


def test_closing_gives_everything_back_at_once() -> None:
    service = serve(CLASSIFIER)
    port = int(service.url.rsplit(":", 1)[1])
    with pytest.raises(errors.OptionError, match=f"port={port}: can't be used"):
        serve(CLASSIFIER, port=port)
    with socket.create_connection(("127.0.0.1", port)) as stalled:  # a request that never ends
        stalled.sendall(b"POST /predict HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
        time.sleep(0.05)
        start = time.perf_counter()
        service.close()
        assert time.perf_counter() - start < 1 < blackbox.PATIENCE
    service.close()
    with pytest.raises(httpx.ConnectError):
        get(service.url)
    with pytest.raises(errors.OptionError), serve(CLASSIFIER, port=port) as again:
        Client(again.url)("an error in the block")  # type: ignore[arg-type]
    assert again.url == service.url
    with pytest.raises(httpx.ConnectError):
        get(again.url)


def test_answers_under_way_are_finished_when_it_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go = threading.Event(), threading.Event()

    def slow(*args: Any) -> np.ndarray:
        begun.set()
        go.wait(5)
        return np.array([[0.2, 0.3, 0.5]])

    monkeypatch.setattr(blackbox, "_probabilities", slow)
    with ThreadPoolExecutor() as pool:
        service = serve(CLASSIFIER)
        answer = pool.submit(post, f"{service.url}/predict", json={"texts": ["cat"]})
        assert begun.wait(5)
        closing = pool.submit(service.close)
        time.sleep(0.1)
        assert not closing.done()
        go.set()
        assert answer.result().json()["probabilities"] == [[0.2, 0.3, 0.5]]
        closing.result(5)


def test_a_client_that_hangs_up_disturbs_nobody() -> None:
    with serve(CLASSIFIER) as service:
        body = json.dumps({"texts": ["cat"]}).encode()
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", int(service.url.rsplit(":", 1)[1]))) as hasty:
                hasty.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset, not a farewell
                hasty.sendall(b"POST /predict HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        assert Client(service.url)(["cat"]).shape == (1, 3)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"port": -1}, "port=-1"),
        ({"port": 65536}, "port=65536"),
        ({"port": "80"}, "port='80'"),
        ({"per_second": 0}, "per_second=0"),
        ({"per_second": math.nan}, "per_second=nan"),
        ({"most_texts": 0}, "most_texts=0"),
        ({"failing": (200,)}, "failing=200"),
        ({"failing": (503, "429")}, "failing='429'"),
        ({"failing": 503}, "failing=503"),
    ],
)
def test_options_of_the_service(options: dict[str, Any], match: str) -> None:
    with pytest.raises(errors.OptionError, match=f"^{re.escape(match)}: "):
        serve(CLASSIFIER, **options)


@pytest.mark.parametrize("texts", ["abc", "", None, 3])
def test_one_string_is_no_list_of_texts(texts: Any) -> None:
    with pytest.raises(errors.OptionError, match=r"^texts=.*: give a list of texts, as in \[text\]"):
        probabilities(CLASSIFIER, texts)


def test_only_a_classifier_can_be_served() -> None:
    for wrong, why in ((tiny.model("gpt2", "causal-lm"), "is a causal-lm"), ("course-distilbert", r"xai\.load")):
        with pytest.raises(errors.UnsupportedArchitectureError, match=why):
            serve(wrong)  # type: ignore[arg-type]
        with pytest.raises(errors.UnsupportedArchitectureError, match=why):
            probabilities(wrong, ["cat"])  # type: ignore[arg-type]
    learning = tiny.model_in(torch.float32, "bert", "classifier")
    learning.model.train()
    with pytest.raises(errors.OptionError, match="training mode"):
        serve(learning)


# --- the client -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def service() -> Iterator[blackbox.Service]:
    with serve(CLASSIFIER, most_texts=40) as service:
        yield service


def test_it_gives_the_models_numbers_whatever_holds_the_texts(service: blackbox.Service) -> None:
    expected = probabilities(CLASSIFIER, TEXTS)
    for texts in (TEXTS, tuple(TEXTS), np.array(TEXTS), np.array(TEXTS, dtype=object), iter(TEXTS)):
        client = Client(service.url)
        assert client.labels == CLASSIFIER.labels
        found = client(texts)
        assert found.dtype == np.float64 and np.array_equal(found, expected)  # JSON keeps every digit
    assert client([]).shape == (0, 3)
    assert client.requests == 1
    assert "1 requests, 0 of them again; 7 texts sent, 0 from the cache" in repr(client)


def test_nothing_is_sent_as_something(service: blackbox.Service) -> None:
    client = Client(service.url)
    assert np.array_equal(client(["", " \n ", "..."]), np.repeat(probabilities(CLASSIFIER, ["..."]), 3, axis=0))
    assert (client.texts_sent, client.from_cache) == (1, 2)
    assert np.array_equal(Client(service.url, blank="cat")([""]), probabilities(CLASSIFIER, ["cat"]))


def test_each_text_is_sent_once(service: blackbox.Service) -> None:
    client = Client(service.url, batch_size=2)
    client(["a", "b", "a", "c", "b"])
    assert (client.requests, client.texts_sent, client.from_cache) == (2, 3, 2)
    client(["c", "a"])
    assert (client.requests, client.texts_sent, client.from_cache) == (2, 3, 4)
    forgetful = Client(service.url, batch_size=2, cache=False)
    forgetful(["a", "b", "a", "c", "b"])
    forgetful(["a"])
    assert (forgetful.requests, forgetful.texts_sent, forgetful.from_cache) == (4, 6, 0)


@settings(max_examples=15)
@given(
    calls=st.lists(st.lists(st.sampled_from(TEXTS), max_size=20), max_size=5),
    batch_size=st.integers(1, 8),
    cache=st.booleans(),
)
def test_the_counts_are_exact(service: blackbox.Service, calls: list[list[str]], batch_size: int, cache: bool) -> None:
    client, requests, texts = Client(service.url, batch_size=batch_size, cache=cache), service.requests, service.texts
    known, expected = set[str](), 0
    for call in calls:
        assert np.allclose(client(call), probabilities(CLASSIFIER, call), rtol=0, atol=1e-6)
        new = set(call) - known if cache else call
        known |= set(call)
        expected += math.ceil(len(new) / batch_size)
    assert client.requests == service.requests - requests == expected
    assert client.texts_sent == service.texts - texts
    assert client.texts_sent + client.from_cache == sum(map(len, calls))
    assert client.texts_sent == len(known) or not cache


def test_a_batch_is_no_larger_than_the_service_takes(service: blackbox.Service) -> None:
    client = Client(service.url, batch_size=1000)
    assert client([f"film {i}" for i in range(100)]).shape == (100, 3)
    assert client.requests == 3  # 40, 40 and 20


def test_it_tries_again_after_as_long_as_it_is_asked_to_wait(clock: Clock) -> None:
    with serve(CLASSIFIER, failing=(503, 429, 500)) as service:
        client = Client(service.url)
        assert np.array_equal(client(["cat"]), probabilities(CLASSIFIER, ["cat"]))
    assert clock.sleeps == pytest.approx([0.1, 1.0, 0.4])
    assert (client.requests, client.retried, client.texts_sent) == (4, 3, 1)


def test_a_limited_service_is_waited_for(clock: Clock) -> None:
    with serve(CLASSIFIER, per_second=2) as service:
        client = Client(service.url, batch_size=1)
        assert np.array_equal(client(TEXTS), np.concatenate([probabilities(CLASSIFIER, [text]) for text in TEXTS]))
        assert clock.sleeps == [1.0, 1.0, 1.0]  # two at once, then each second two
        assert (client.requests, client.retried) == (10, 3)
        clock.sleeps.clear()
        polite = Client(service.url, batch_size=1, per_second=2)
        polite(TEXTS)
        assert clock.sleeps == pytest.approx([0.5] * 7)
        assert (polite.requests, polite.retried) == (7, 0)


@contextlib.contextmanager
def strange(*replies: Reply, limits: Any = TWO) -> Iterator[tuple[str, list[Any]]]:
    """A service that is not ours: its address, and what it has been sent; the last of its replies is repeated."""
    seen: list[Any] = []

    def choose(request: Request) -> Reply:
        if request.command == "GET":
            return 200, json.dumps(limits).encode()
        seen.append(json.loads(request.body))
        return replies[min(len(seen), len(replies)) - 1]

    with serving(choose) as url:
        yield url, seen


def answer(*rows: Any, **more: Any) -> tuple[int, bytes]:
    return 200, json.dumps({"labels": ["no", "yes"], "probabilities": list(rows), **more}).encode()


GOOD = answer([0.25, 0.75])


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("0", 0.1),
        ("7", 7.0),
        ("0.5", 0.5),
        ("60", 60.0),
        ("Sat, 01 Jan 2000 00:00:00 GMT", 0.1),
        ("-5", 0.1),
        ("nan", 0.1),
        ("soon", 0.1),
        ("1e999", 0.1),
    ],
)
def test_what_retry_after_says(clock: Clock, header: str, wait: Any) -> None:
    with strange((429, b"{}", {"Retry-After": header}), GOOD) as (url, seen):
        assert np.array_equal(Client(url)(["a"]), [[0.25, 0.75]])
    assert clock.sleeps == [wait]
    assert seen == [{"texts": ["a"]}] * 2


def test_too_long_a_wait_is_not_waited_for(clock: Clock) -> None:
    slow_down, why = (429, b'{"error": "quota"}', {"Retry-After": "3600"}), "status 429: quota; wait 3600 s, ask less"
    with strange(slow_down) as (url, _), pytest.raises(errors.ServiceError, match=why) as caught:
        Client(url)(["a"])
    assert clock.sleeps == [] and caught.value.status == 429


@pytest.mark.parametrize("status", [429, 500, 502, 503, 599])
def test_retries_come_to_an_end(clock: Clock, status: int) -> None:
    with strange((status, b"no \x1b[31mJSON")) as (url, seen):
        client = Client(url, retries=4)
        with pytest.raises(errors.ServiceError, match=f"answers 5 requests with status {status}: no .*JSON") as caught:
            client(["a", "b"])
    assert "\x1b" not in str(caught.value)
    assert clock.sleeps == pytest.approx([0.1, 0.2, 0.4, 0.8])
    assert len(seen) == client.requests == 5 and client.retried == 4 and caught.value.status == status


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 413, 418, 451])
def test_a_refusal_is_taken_for_an_answer(clock: Clock, status: int) -> None:
    refusal, why = (status, b'{"error": "because"}', {"Location": "http://[::1]:1"}), f"with status {status}: because"
    with strange(refusal) as (url, seen), pytest.raises(errors.ServiceError, match=f"refuses .*{why}") as caught:
        Client(url)(["a"])
    assert clock.sleeps == [] and len(seen) == 1 and caught.value.status == status


def test_our_service_says_which_text_it_refuses() -> None:
    with (
        serve(CLASSIFIER) as service,
        pytest.raises(errors.ServiceError, match=r"status 413: texts\[1\]: .* at most 192"),
    ):
        Client(service.url)(["cat", "cat " * 300])


@pytest.mark.parametrize("broken", [hang_up, half, no_http])
def test_a_lost_answer_is_asked_for_again(clock: Clock, broken: Any) -> None:
    with strange(broken, GOOD) as (url, seen):
        client = Client(url)
        assert np.array_equal(client(["a"]), [[0.25, 0.75]])
    assert (client.requests, client.retried, client.texts_sent, len(seen)) == (2, 1, 1, 2)


def test_a_service_that_is_gone(clock: Clock) -> None:
    with serve(CLASSIFIER) as service:
        client = Client(service.url)
        before = client(["cat"])
    assert np.array_equal(client(["cat"]), before)  # it needn't ask
    with pytest.raises(errors.ServiceError, match=r"no answer to 4 requests \(ConnectError.*still running") as caught:
        client(["dog"])
    assert caught.value.status is None and len(clock.sleeps) == 3
    with pytest.raises(errors.ServiceError, match="no answer to 1 requests"):
        Client(service.url, retries=0)


def test_no_answer_is_waited_for_longer_than_the_timeout() -> None:
    release = threading.Event()

    def silent(request: Request) -> None:
        release.wait(5)

    def trickle(request: Request) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not release.wait(0.02):
            request.wfile.write(b" ")

    for slow, why in ((silent, "ReadTimeout"), (trickle, "no whole answer within 0.2 s")):
        with strange(slow) as (url, _):
            client, start = Client(url, timeout=0.2, retries=0), time.perf_counter()
            with pytest.raises(errors.ServiceError, match=why):
                client(["a"])
            assert time.perf_counter() - start < 2
            release.set()
        release.clear()


def test_an_answer_without_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blackbox, "LARGEST_ANSWER", 10_000)

    def endless(request: Request) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            request.wfile.write(b" " * 10_000)

    with strange(endless) as (url, _), pytest.raises(errors.ServiceError, match="more than 10000 bytes"):
        Client(url, retries=0)(["a"])


@pytest.mark.parametrize(
    ("body", "match"),
    [
        (b"", "no JSON object"),
        (b"<html>", "no JSON object: b'<html>'"),
        (b"[[0.5, 0.5]]", "no JSON object"),
        (b"[" * 100_000, "no JSON object"),
        (b"\x1b]0;title\x07", "no JSON object"),
        (b"\xff\xfe", "no JSON object"),
        (b"{}", "other labels"),
        (answer([0.5, 0.5], labels=["yes", "no"])[1], r"other labels than \['no', 'yes'\]: \['yes', 'no'\]"),
        (answer([0.5, 0.5], probabilities=None)[1], "no list of 1 rows"),
        (answer()[1], "no list of 1 rows"),
        (answer([0.5, 0.5], [0.5, 0.5])[1], "no list of 1 rows"),
        (answer(0.5)[1], "no row of 2 numbers"),
        (answer([0.5, 0.25, 0.25])[1], "no row of 2 numbers"),
        (answer(["0.5", "0.5"])[1], "no row of 2 numbers"),
        (answer([True, False])[1], "no row of 2 numbers"),
        (answer([None, 1])[1], "no row of 2 numbers"),
        (answer([[0.5], [0.5]])[1], "no row of 2 numbers"),
        (answer([math.nan, 0.5])[1], "no probabilities"),
        (answer([math.inf, 0.5])[1], "no probabilities"),
        (answer([-0.5, 1.5])[1], "no probabilities"),
        (answer([0.5, 0.498])[1], "no probabilities"),
        (answer([0, 10**400])[1], "no probabilities"),
    ],
)
def test_what_is_no_answer_is_not_believed(clock: Clock, body: bytes, match: str) -> None:
    with strange((200, body)) as (url, seen), pytest.raises(errors.ServiceError, match=match) as caught:
        Client(url)(["a"])
    assert caught.value.status == 200 and len(seen) == 1 and clock.sleeps == []
    assert "\x1b" not in str(caught.value) and len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "limits", [[], {}, {"labels": "\x1b[31mno", "most_texts": 3}, {"labels": ["no"], "most_texts": 3},
               {"labels": ["no", 1], "most_texts": 3}, {"labels": ["no", "yes"], "most_texts": 0},
               {"labels": ["no", "yes"], "most_texts": True}, {"labels": ["no", "yes"]}]
)  # fmt: skip
def test_another_service_is_recognised(limits: Any) -> None:
    with (
        strange(limits=limits) as (url, seen),
        pytest.raises(errors.ServiceError, match="is it a service of") as caught,
    ):
        Client(url)
    assert seen == [] and "\x1b" not in str(caught.value)


def test_rounded_and_whole_numbers_are_probabilities() -> None:
    with strange(answer([0.333, 0.6665]), answer([0, 1])) as (url, _):
        client = Client(url)
        assert np.array_equal(client(["a"]), [[0.333, 0.6665]])
        assert np.array_equal(client(["b"]), [[0, 1]])


def test_what_was_told_before_a_failure_is_remembered(clock: Clock) -> None:
    with strange(GOOD, (400, b"{}"), answer([0.5, 0.5])) as (url, seen):
        client = Client(url, batch_size=1)
        with pytest.raises(errors.ServiceError):
            client(["a", "b", "c"])
        assert np.array_equal(client(["a", "b", "c"]), [[0.25, 0.75], [0.5, 0.5], [0.5, 0.5]])
    assert [request["texts"] for request in seen] == [["a"], ["b"], ["b"], ["c"]]


def test_no_proxy_is_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch, service: blackbox.Service) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert Client(service.url, retries=0)(["cat"]).shape == (1, 3)


def test_many_threads_at_once(service: blackbox.Service) -> None:
    expected, requests = probabilities(CLASSIFIER, TEXTS), service.requests
    shared, own = Client(service.url, batch_size=3), [Client(service.url, batch_size=2) for _ in range(8)]
    with ThreadPoolExecutor(16) as pool:
        orders = [np.random.default_rng(seed).permutation(len(TEXTS)) for seed in range(32)]
        clients = [shared if i % 2 else own[i // 4] for i in range(32)]
        found = list(pool.map(lambda client, order: client([TEXTS[i] for i in order]), clients, orders))
    for rows, order in zip(found, orders, strict=True):
        assert np.allclose(rows, expected[order], rtol=0, atol=1e-6)
    assert (shared.requests, shared.texts_sent, shared.from_cache) == (3, 7, 15 * 7 + 0)
    assert [client.texts_sent for client in own] == [7] * 8
    assert service.requests - requests == sum(client.requests for client in [shared, *own])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"batch_size": 0}, "batch_size=0"),
        ({"batch_size": "auto"}, "batch_size='auto'"),
        ({"retries": -1}, "retries=-1"),
        ({"per_second": 0}, "per_second=0"),
        ({"timeout": 0}, "timeout=0"),
        ({"timeout": None}, "timeout=None"),
        ({"blank": " "}, "blank=' '"),
        ({"blank": None}, "blank=None"),
        ({"url": "127.0.0.1:80"}, "url='127.0.0.1:80'"),
        ({"url": "file:///etc/passwd"}, "url='file:///etc/passwd'"),
        ({"url": "http://"}, "url='http://'"),
        ({"url": "http://[::1"}, "url='http://[::1'"),
        ({"url": 80}, "url=80"),
        ({"url": None}, "url=None"),
    ],
)
def test_options_of_the_client(no_network: list[Any], options: dict[str, Any], match: str) -> None:
    with pytest.raises(errors.OptionError, match=f"^{re.escape(match)}: "):
        Client(**({"url": "http://127.0.0.1:1"} | options))
    assert no_network == []


@pytest.mark.parametrize("texts", ["cat", ["cat", 3], [None], [["cat"]], [b"cat"]])
def test_texts_that_are_none(service: blackbox.Service, texts: Any) -> None:
    client = Client(service.url)
    with pytest.raises(errors.OptionError, match="give a list of texts"):
        client(texts)
    assert client.requests == 0


# --- the libraries --------------------------------------------------------------------------------------------------


def in_process(model: xai.TextModel, texts: Any) -> np.ndarray:
    return probabilities(model, [str(text) if text.strip() else "..." for text in texts])


def test_lime_runs_through_it(distilbert: xai.TextModel) -> None:
    def explained(classify: Any) -> Any:
        explainer = LimeTextExplainer(class_names=list(distilbert.labels), random_state=0)
        return explainer.explain_instance(REVIEW, classify, num_samples=300, num_features=9)

    here = explained(lambda texts: in_process(distilbert, texts))
    with serve(distilbert) as service:
        client = Client(service.url)
        there = explained(client)
    assert dict(there.as_list()) == pytest.approx(dict(here.as_list()), abs=1e-5)
    assert (there.score, there.intercept[1]) == pytest.approx((here.score, here.intercept[1]), abs=1e-5)
    assert client.texts_sent + client.from_cache == 300
    assert client.requests == math.ceil(client.texts_sent / 32)
    assert client.texts_sent < 200  # few texts are new


def test_shap_runs_through_it(distilbert: xai.TextModel) -> None:
    import shap

    def explained(classify: Any) -> Any:
        return shap.Explainer(classify, shap.maskers.Text(r"\W"), output_names=distilbert.labels)([REVIEW], silent=True)

    here = explained(lambda texts: in_process(distilbert, texts))
    with serve(distilbert) as service:
        client = Client(service.url)
        there = explained(client)
        whole, nothing = client([REVIEW, "..."])
    assert tuple(there.output_names) == tuple(here.output_names) == distilbert.labels
    assert np.allclose(there.values, here.values, rtol=0, atol=1e-5)
    assert np.allclose(there.values[0].sum(axis=0), whole - nothing, rtol=0, atol=1e-9)  # efficiency
    assert client.texts_sent == service.texts
