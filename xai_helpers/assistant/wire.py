"""What leaves this machine when a language model is asked over a network, and how much may come back?

One request, through the `openai` client. A client of its own for each request: nothing is kept between two, and a key
is read where the request leaves and stands nowhere else. The server is not trusted: its answer is read within one
limit of time, whatever it does, and up to a number of bytes; it can't send us elsewhere, nor make us unpack anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import httpx2
import openai

from ..errors import OptionError
from ..retries import retry_after

LARGEST_ANSWER = 2**20  # bytes
PLACEHOLDER = "no-key"  # to servers that want none: the client doesn't send nothing
SHORTEST_SECRET = 8  # characters; shorter ones ("EMPTY") are no secrets, and would be found in every other text


class Reply(NamedTuple):
    """What came of one request, without the key. status: None where nothing came; text then says why.

    wait: seconds it asks to wait. passing: whether another time it may be otherwise.
    """

    status: int | None
    text: str
    wait: float = 0.0
    passing: bool = False


def address(url: object) -> tuple[str, str]:
    """A server's address without a slash at its end, and its host, as they are asked below. Raises OptionError."""
    with contextlib.suppress(httpx2.InvalidURL, TypeError):
        parts = httpx2.URL(url)  # type: ignore[arg-type]
        if parts.scheme in ("http", "https") and parts.host and not (parts.userinfo or parts.query or parts.fragment):
            return str(parts).rstrip("/"), parts.host
    raise OptionError("base_url: give a server's address without a password, as in 'http://127.0.0.1:8000/v1'")


def secret(key: str | None) -> str:
    """What the environment variable of this name holds; "" where it is unset. Raises OptionError."""
    value = os.environ.get(key, "").strip() if key else ""
    if not re.fullmatch(r"[!-~]*", value):
        del value  # some show a traceback with its variables
        raise OptionError(f"the environment variable {key} holds something that is no key: set it again")
    return value


def masked(text: str, key: str | None) -> str:
    """The text without the key, should a server have repeated it."""
    value = secret(key)
    return text.replace(value, f"[{key}]") if len(value) >= SHORTEST_SECRET else text


def ask(base_url: str, key: str | None, timeout: float, local: bool, fields: Mapping[str, Any]) -> Reply:
    """One request for a chat completion with these fields, and what came of it within `timeout` seconds in all.

    key: the name of an environment variable. local: no proxy that the environment names is asked. In a thread of its
    own, since a notebook's has an event loop already.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, _ask(base_url, key, timeout, local, fields)).result()


async def _ask(base_url: str, key: str | None, timeout: float, local: bool, fields: Mapping[str, Any]) -> Reply:
    def reply(status: int | None, found: str | bytes, **more: Any) -> Reply:
        text = found if isinstance(found, str) else found.decode(errors="replace")
        return Reply(status, masked(text, key), **more)

    try:
        async with (
            asyncio.timeout(timeout),
            _Guarded(key, verify=base_url.startswith("https:"), trust_env=not local, timeout=None) as http,
            openai.AsyncOpenAI(base_url=base_url, api_key=PLACEHOLDER, http_client=http, max_retries=0) as client,
        ):
            answer = await client.chat.completions.with_raw_response.create(**fields)
            return reply(answer.status_code, answer.content)
    except TimeoutError:
        return reply(None, f"no whole answer within {timeout:g} s", passing=True)
    except openai.APIStatusError as error:
        status, wait = error.status_code, retry_after(error.response.headers.get("Retry-After", ""))
        return reply(status, error.response.content, wait=wait, passing=status == 429 or status >= 500)
    except openai.APIConnectionError as error:
        return reply(None, f"{type(error.__cause__).__name__}: {error.__cause__}", passing=True)
    except _RefusedError as error:
        return reply(None, str(error))


class _RefusedError(Exception):
    """An answer that is not read to its end."""


class _Guarded(httpx2.AsyncClient):
    """Sends what the openai client has made, without the headers that it adds, and with the key, which it never sees.

    Among those headers are an organisation, a project and whatever else OPENAI_... variables name, and what this
    machine runs: they would go to every server.
    """

    def __init__(self, key: str | None, **options: Any) -> None:
        super().__init__(**options)
        self._key = key

    async def send(self, request: httpx2.Request, **_: Any) -> httpx2.Response:
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Authorization": f"Bearer {secret(self._key) or PLACEHOLDER}",
            "Content-Type": "application/json",
            "User-Agent": "xai_helpers",
        }
        sent = httpx2.Request(request.method, request.url, headers=headers, content=await request.aread())
        answer = await super().send(sent, stream=True, follow_redirects=False)
        try:
            body = await _read(answer)
        finally:
            await answer.aclose()
        return httpx2.Response(answer.status_code, headers=answer.headers, content=body, request=request)


async def _read(answer: httpx2.Response) -> bytes:
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise _RefusedError("a packed answer, which was not asked for")
    body = bytearray()
    async for piece in answer.aiter_raw():
        body += piece
        if len(body) > LARGEST_ANSWER:
            raise _RefusedError(f"more than {LARGEST_ANSWER} bytes")
    return bytes(body)
