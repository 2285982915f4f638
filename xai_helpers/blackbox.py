"""What can be explained of a model that tells its probabilities and nothing else, as one behind an API does?

`serve` puts a classifier behind HTTP on this machine; `Client` asks such a service, as the explainers of lime and shap
and every other function from texts to probabilities are asked. Between them a pass through the model becomes a request,
which is limited, can be refused and can get lost: so the client batches, remembers, waits, tries again, and believes no
answer that it has not checked.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
import socket
import ssl
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, NamedTuple

import httpx
import numpy as np
import torch

from . import checks
from .batches import logits_of, rows_at_once
from .errors import OptionError, ServiceError, TextTooLongError, UnsupportedArchitectureError, XaiError
from .models import ONE_AT_A_TIME, EncodedText, TextModel, require_evaluation, require_text_model
from .retries import LONGEST_WAIT, retry_after
from .viz.wording import SAFE

LARGEST_REQUEST, LARGEST_ANSWER = 2**20, 2**24  # bytes
PATIENCE = 5.0  # seconds that the service waits for the rest of a request
BACKOFF = 0.1  # seconds before the first retry, doubled each time
ROUNDED = 1e-3  # probabilities add up to 1 as far as this

_now, _sleep = time.monotonic, time.sleep  # here, for the tests to replace


def probabilities(model: TextModel, texts: Sequence[str]) -> np.ndarray:
    """A classifier's probabilities for each text: float64 (n_texts, n_labels), in as few passes as there are lengths.

    This is what the service answers with, without the service. Raises UnsupportedArchitectureError for other models,
    OptionError for one string in place of a list, and for each text what `TextModel.encode` raises.
    """
    _require_classifier("probabilities", model)
    with ONE_AT_A_TIME:
        return _probabilities(model, [model.encode(text) for text in checks.several(texts)])


# --- the service ----------------------------------------------------------------------------------------------------


def serve(
    model: TextModel,
    *,
    port: int = 0,
    per_second: float | None = None,
    most_texts: int = 64,
    failing: Sequence[int] = (),
) -> Service:
    """Puts a classifier behind HTTP on 127.0.0.1, where only this machine can ask it, until it is closed.

    As a block, `with serve(model) as service:`, or over several cells, with `service.close()` in the last.
    `POST /predict` with {"texts": [...]} gives {"labels": [...], "probabilities": [[...], ...]}; `GET /` gives the
    labels and the limits. What is refused gets {"error": why}: 400 for what is no list of texts, 413 for too many or
    too long ones, 429 with Retry-After for requests too soon after one another.

    port: 0 takes a free one. per_second: requests; as many as come in one second may come at once. most_texts: in one
    request. failing: statuses with which the first requests are answered, for trying out what a client does then.
    Raises OptionError, UnsupportedArchitectureError for what is no classifier.
    """
    _require_classifier("serve", model)
    port = checks.whole(port, "port", least=0, most=65535)
    most_texts = checks.whole(most_texts, "most_texts")
    if not isinstance(failing, Iterable):
        raise OptionError(f"failing={failing!r}: give a list of statuses, as in failing=[503]")
    failing = [checks.whole(status, "failing", least=400, most=599) for status in failing]
    bucket = None if per_second is None else _Bucket(rate := checks.number(per_second, "per_second", above=0), rate)
    return Service(model, port, bucket, most_texts, failing)


class Service:
    """A running service. url: where. requests: those for predictions that were read, refused ones too. texts: answered.

    predict and limits are what its two addresses answer.
    """

    def __init__(
        self, model: TextModel, port: int, bucket: _Bucket | None, most_texts: int, failing: Sequence[int]
    ) -> None:
        self.requests = self.texts = 0
        self._model, self._bucket, self._most_texts, self._failing = model, bucket, most_texts, failing
        self._counting = threading.Lock()
        try:
            self._server = _Server(port, self)
        except OSError as error:
            raise OptionError(f"port={port}: can't be used ({error}); port=0 takes a free one") from error
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name=self.url, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops: answers under way are finished, then port and threads are given back. May be called again."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "open" if self._thread.is_alive() else "closed"
        return f"Service({self.url}, {state}: {self.requests} requests, {self.texts} texts)"

    def limits(self) -> dict[str, Any]:
        """What `GET /` answers: labels, most_texts in a request, most_tokens in a text, requests per_second or None."""
        return {
            "labels": self._model.labels,
            "most_texts": self._most_texts,
            "most_tokens": self._model.max_tokens,
            "per_second": self._bucket and self._bucket.rate,
        }

    def predict(self, body: bytes) -> dict[str, Any]:
        """What `POST /predict` answers to a body: labels, and probabilities, a row for each text. Raises _Refusal."""
        with self._counting:
            place, self.requests = self.requests, self.requests + 1
        if place < len(self._failing):
            status = self._failing[place]
            raise _Refusal(status, f"told to answer with {status}", retry_after=1 if status == 429 else None)
        if self._bucket and (wait := self._bucket.take()):
            raise _Refusal(429, f"more than {self._bucket.rate:g} requests a second", retry_after=math.ceil(wait))
        with ONE_AT_A_TIME:
            rows = _probabilities(self._model, self._encoded(body))
        with self._counting:
            self.texts += len(rows)
        return {"labels": self._model.labels, "probabilities": rows.tolist()}

    def _encoded(self, body: bytes) -> list[EncodedText]:
        try:
            request = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise _Refusal(400, f"the body is no JSON: {error}") from error
        texts = request.get("texts") if isinstance(request, dict) else None
        if not isinstance(texts, list) or not texts:
            raise _Refusal(400, 'send {"texts": [...]}, with one text or more')
        if len(texts) > self._most_texts:
            raise _Refusal(413, f"{len(texts)} texts; send at most {self._most_texts} in a request")
        encoded = []
        for place, text in enumerate(texts):
            try:
                encoded.append(self._model.encode(text))
            except XaiError as error:
                status = 413 if isinstance(error, TextTooLongError) else 400
                raise _Refusal(status, f"texts[{place}]: {error}") from error
        return encoded


class _Refusal(Exception):
    """A request that gets an error for an answer. retry_after: seconds, where coming again later will help."""

    def __init__(self, status: int, why: str, retry_after: int | None = None) -> None:
        super().__init__(why)
        self.status, self.retry_after = status, retry_after


class _Bucket:
    """A token bucket: `rate` tokens flow in each second, at most `size` (and one at least) are kept, one is taken."""

    def __init__(self, rate: float, size: float) -> None:
        self.rate, self.size = rate, max(1.0, size)
        self._tokens, self._since, self._lock = self.size, _now(), threading.Lock()

    def take(self) -> float:
        """Takes a token: 0.0. Where there is none: the seconds until there will be."""
        with self._lock:
            now = _now()
            self._tokens = min(self.size, self._tokens + (now - self._since) * self.rate)
            self._since = now
            if self._tokens < 1 - 1e-9:  # who waited exactly that long gets one, whatever the rounding
                return (1 - self._tokens) / self.rate
            self._tokens -= 1
            return 0.0


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for them
    request_queue_size = 128

    def __init__(self, port: int, service: Service) -> None:
        self.service, self._open = service, set[Any]()
        super().__init__(("127.0.0.1", port), _Handler)

    def server_bind(self) -> None:
        """Leaves out the look-up of this machine's name, for which HTTPServer may wait where there is no network."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        for request in tuple(self._open):  # whoever has not asked yet won't be heard
            with contextlib.suppress(OSError):  # gone already
                request.shutdown(socket.SHUT_RD)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):  # else the client hung up, which is its own affair
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    timeout = PATIENCE
    server: _Server

    def do_GET(self) -> None:
        self._reply("/", lambda body: self.server.service.limits())

    def do_POST(self) -> None:
        self._reply("/predict", self.server.service.predict)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a notebook would show it."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What http.server refuses by itself, in JSON as well."""
        self._write(code, {"error": message or self.responses[code][0]})

    def _reply(self, path: str, answer: Callable[[bytes], dict[str, Any]]) -> None:
        try:
            if self.path != path:
                raise _Refusal(404, "there is GET / and POST /predict")
            body = self._body()
        except _Refusal as refusal:
            self._write(refusal.status, {"error": str(refusal)})
            self._hear_out()
            return
        status, document, retry_after = 200, {}, None
        try:
            document = answer(body)
        except _Refusal as refusal:
            status, document, retry_after = refusal.status, {"error": str(refusal)}, refusal.retry_after
        except Exception as error:  # the model's, whatever it is: the client is told instead of hung up on
            status, document = 500, {"error": f"the model failed: {type(error).__name__}: {error}"}
        self._write(status, document, retry_after)

    def _body(self) -> bytes:
        if self.command == "GET":
            return b""
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"[0-9]{1,15}", length):
            raise _Refusal(411, "say how long the body is, in Content-Length")
        if int(length) > LARGEST_REQUEST:
            raise _Refusal(413, f"the body has {length} bytes; send at most {LARGEST_REQUEST}, in several requests")
        return self.rfile.read(int(length))

    def _hear_out(self) -> None:
        """Reads what is left of a refused request, within bounds: else the refusal may be lost with the connection."""
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_WR)
        for _ in range(256):
            if not self.rfile.read1(2**16):
                break

    def _write(self, status: int, document: dict[str, Any], retry_after: int | None = None) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _require_classifier(method: str, model: TextModel) -> None:
    require_text_model(method, model)
    require_evaluation(model)
    if model.kind != "classifier":
        raise UnsupportedArchitectureError(f"{method} asks for a classifier's labels; {model.name} is a {model.kind}")


def _probabilities(model: TextModel, encoded: Sequence[EncodedText]) -> np.ndarray:
    rows = np.empty((len(encoded), len(model.labels)))
    alike: dict[tuple[int, int], list[int]] = defaultdict(list)  # texts of one length need no padding
    for place, one in enumerate(encoded):
        alike[one.ids.shape[1], model.readout(one)].append(place)
    with torch.no_grad():
        for (length, readout), places in alike.items():
            size = rows_at_once(model, length, "auto")
            for some in (places[start : start + size] for start in range(0, len(places), size)):
                logits = logits_of(model, torch.cat([encoded[place].ids for place in some]), readout)
                rows[some] = logits.double().softmax(-1).cpu().numpy()
    return rows


# --- the client -----------------------------------------------------------------------------------------------------


class Client:
    """A function from texts to probabilities that asks a service: `client(texts)` is float64 (n_texts, n_labels).

    It can be given to explainers of lime and shap in a model's place. url: of what `serve` gave. batch_size: texts in a
    request, or as many as the service takes if that is less. retries: how often a request is made again after 429, a
    status from 500 on, or no answer; after 0.1, 0.2, 0.4, ... seconds, or as many as Retry-After asks for. per_second:
    requests, evenly spaced. timeout: seconds to wait for a connection, and for an answer. cache: whether it remembers
    what it was told, so that no text is sent twice. blank: what is sent in place of a text of nothing but blanks, which
    services refuse: lime asks about one, where shap writes "...".

    labels: the service's, in the order of the columns. requests: those made for predictions, `retried` ones among them.
    texts_sent: texts in them, once each however often it took. from_cache: texts that needn't be sent. Threads take
    turns. A call closes its connections: there is nothing to close afterwards.

    Raises OptionError, and ServiceError where no answer came in the end, where a request was refused for what it is, or
    where the answer is no list of probabilities for these texts. What was told before that is remembered.
    """

    def __init__(
        self,
        url: str,
        *,
        batch_size: int = 32,
        retries: int = 3,
        per_second: float | None = None,
        timeout: float = 10.0,
        cache: bool = True,
        blank: str = "...",
    ) -> None:
        self.url = _address(url)
        batch_size = checks.whole(batch_size, "batch_size")
        self._retries = checks.whole(retries, "retries", least=0)
        self._bucket = None if per_second is None else _Bucket(checks.number(per_second, "per_second", above=0), 1)
        self._timeout = checks.number(timeout, "timeout", above=0)
        self._known: dict[str, np.ndarray] | None = {} if cache else None
        self._blank = blank
        if not isinstance(blank, str) or not blank.strip():
            raise OptionError(f"blank={blank!r}: give a text to send in place of an empty one")
        self._turn = threading.Lock()
        self.requests = self.retried = self.texts_sent = self.from_cache = 0
        with self._connections() as http:
            self.labels, most_texts = self._limits(self._exchange(http, "GET", "/"))
        self._batch_size = min(batch_size, most_texts)
        self.requests = self.retried = 0  # from here on they count predictions

    def __call__(self, texts: Iterable[str]) -> np.ndarray:
        asked = self._texts(texts)
        with self._turn, self._connections() as http:
            known = {} if self._known is None else self._known
            unknown = asked if self._known is None else [text for text in dict.fromkeys(asked) if text not in known]
            rows: list[np.ndarray] = []
            for start in range(0, len(unknown), self._batch_size):
                batch = unknown[start : start + self._batch_size]
                self.texts_sent += len(batch)
                rows.extend(self._rows(self._exchange(http, "POST", "/predict", {"texts": batch}), len(batch)))
                known.update(zip(batch, rows[start:], strict=True))
            self.from_cache += len(asked) - len(unknown)
            if self._known is not None:
                rows = [known[text] for text in asked]
        return np.array(rows).reshape(len(asked), len(self.labels))

    def __repr__(self) -> str:
        return (
            f"Client({self.url}: {self.requests} requests, {self.retried} of them again; "
            f"{self.texts_sent} texts sent, {self.from_cache} from the cache)"
        )

    def _texts(self, texts: Iterable[str]) -> list[str]:
        asked = [texts] if isinstance(texts, str) else list(texts)
        if isinstance(texts, str) or not all(isinstance(text, str) for text in asked):  # numpy's strings are strings
            wrong = next((text for text in asked if not isinstance(text, str)), texts)
            raise OptionError(f"give a list of texts, as in client([text]); got {type(wrong).__name__}: {wrong!r:.80}")
        return [str(text) if text.strip() else self._blank for text in asked]

    def _connections(self) -> httpx.Client:
        secure = ssl.create_default_context() if self.url.startswith("https:") else False
        # no proxy that the environment names: it would look for 127.0.0.1 on its own machine
        return httpx.Client(
            timeout=self._timeout, verify=secure, trust_env=False, headers={"Accept-Encoding": "identity"}
        )

    def _exchange(self, http: httpx.Client, method: str, path: str, document: Any = None) -> Any:
        """What the service answers in the end. Raises ServiceError."""
        attempt = 0
        while True:
            while self._bucket and (wait := self._bucket.take()):
                _sleep(wait)
            self.requests += 1
            answer = self._ask(http, method, path, document)
            if answer.status == 200:
                return self._parsed(answer.body)
            wait = max(answer.wait, BACKOFF * 2**attempt)
            if not answer.passing or attempt == self._retries or wait > LONGEST_WAIT:
                raise ServiceError(f"{self.url} {answer.failure(attempt + 1, wait)}", answer.status)
            attempt, self.retried = attempt + 1, self.retried + 1
            _sleep(wait)

    def _ask(self, http: httpx.Client, method: str, path: str, document: Any) -> _Answer:
        deadline = _now() + self._timeout
        try:
            with http.stream(method, self.url + path, json=document) as response:
                body = bytearray()
                for piece in response.iter_raw():
                    body += piece
                    if len(body) > LARGEST_ANSWER:
                        return _Answer(None, f"more than {LARGEST_ANSWER} bytes".encode())
                    if _now() > deadline:
                        return _Answer(None, f"no whole answer within {self._timeout:g} s".encode())
                return _Answer(response.status_code, bytes(body), retry_after(response.headers.get("Retry-After", "")))
        except httpx.TransportError as error:
            return _Answer(None, f"{type(error).__name__}: {error}".encode())

    def _parsed(self, body: bytes) -> dict[str, Any]:
        with contextlib.suppress(ValueError, RecursionError):
            if isinstance(document := json.loads(body), dict):
                return document
        raise self._malformed("no JSON object", body)

    def _limits(self, document: dict[str, Any]) -> tuple[tuple[str, ...], int]:
        """The labels, and how many texts a request may have."""
        labels, most_texts = document.get("labels"), document.get("most_texts")
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels) or len(labels) < 2:
            raise self._malformed("no list of labels", labels)
        if type(most_texts) is not int or most_texts < 1:
            raise self._malformed("no number of texts", most_texts)
        return tuple(labels), most_texts

    def _rows(self, document: dict[str, Any], n: int) -> np.ndarray:
        """The probabilities of n texts, (n, labels), if that is what they are."""
        rows, k = document.get("probabilities"), len(self.labels)
        if document.get("labels") != list(self.labels):
            raise self._malformed(f"other labels than {list(self.labels)}", document.get("labels"))
        if not isinstance(rows, list) or len(rows) != n:
            raise self._malformed(f"no list of {n} rows", rows)
        for row in rows:
            if not isinstance(row, list) or len(row) != k or not all(type(p) in (int, float) for p in row):
                raise self._malformed(f"no row of {k} numbers", row)
            if not all(0 <= p <= 1 for p in row) or abs(sum(row) - 1) > ROUNDED:  # NaN is neither
                raise self._malformed("no probabilities", row)
        return np.array(rows, dtype=np.float64)

    def _malformed(self, what: str, found: object) -> ServiceError:
        return ServiceError(f"{self.url} answers with {what}: {found!r:.80}; is it a service of `serve`?", 200)


class _Answer(NamedTuple):
    """What came of one request. status: None where nothing did; body then says why. wait: seconds it asks to wait."""

    status: int | None
    body: bytes
    wait: float = 0.0

    @property
    def passing(self) -> bool:
        """Whether another time it may be otherwise."""
        return self.status is None or self.status == 429 or self.status >= 500

    def failure(self, requests: int, wait: float) -> str:
        """What there is to say of it, after so many requests."""
        if self.status is None:
            return f"gives no answer to {requests} requests ({self._why()}): is the service still running?"
        if not self.passing:
            return f"refuses the request with status {self.status}: {self._why()}"
        advice = "ask less often, with per_second" if self.status == 429 else "try again later"
        return f"answers {requests} requests with status {self.status}: {self._why()}; wait {wait:g} s, {advice}"

    def _why(self) -> str:
        """The reason given, on one line and cut short: it is the other side's."""
        text = self.body.decode(errors="replace")
        with contextlib.suppress(ValueError, RecursionError):
            if isinstance(document := json.loads(text), dict):
                text = str(document.get("error"))
        return text.translate(SAFE)[:200]


def _address(url: object) -> str:
    with contextlib.suppress(httpx.InvalidURL, TypeError):
        parts = httpx.URL(url)  # type: ignore[arg-type]
        if parts.scheme in ("http", "https") and parts.host:
            return str(url).rstrip("/")
    raise OptionError(f"url={url!r}: give a service's address, as in Client(service.url)")
