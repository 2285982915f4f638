"""HTTP servers on this machine that answer as a test says: rightly, oddly, or not at all."""

from __future__ import annotations

import contextlib
import http.server
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil


class Request(http.server.BaseHTTPRequestHandler):
    """What a server was sent: command, path, headers, and the body."""

    body = b""

    def answer(self) -> None:
        """Set by `serving`."""

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    do_HEAD = do_GET

    def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


Reply = tuple[int, bytes] | tuple[int, bytes, dict[str, str]] | Callable[[Request], None]


@contextlib.contextmanager
def serving(choose: Callable[[Request], Reply]) -> Iterator[str]:
    """The address of a server that gives each request the reply that is chosen for it.

    A reply is a status, a body and perhaps headers; or a function that answers by itself. Leaving waits for them all.
    """

    class Handler(Request):
        def answer(self) -> None:
            reply = choose(self)
            reply(self) if callable(reply) else self.reply(*reply)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def closed_port() -> str:
    """The address of nobody."""
    with serving(lambda _: (200, b"")) as url:
        return url


@contextlib.contextmanager
def nothing_left_open() -> Iterator[None]:
    """Asserts that there are no more threads and sockets afterwards than before."""
    threads, sockets = set(threading.enumerate()), open_sockets()
    yield
    deadline = time.monotonic() + 2  # an answer may arrive a little before its thread has ended
    while not (set(threading.enumerate()) <= threads and open_sockets() <= sockets) and time.monotonic() < deadline:
        time.sleep(0.005)
    assert set(threading.enumerate()) <= threads
    assert open_sockets() <= sockets


def open_sockets() -> set[Any]:
    return {(c.laddr, c.raddr, c.status) for c in psutil.Process().net_connections()}


def hang_up(request: Request) -> None:
    request.connection.close()


def half(request: Request) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")


def no_http(request: Request) -> None:
    request.wfile.write(b"220 mail server ready\r\n")
