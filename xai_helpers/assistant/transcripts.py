"""What was once said by a language model, kept in a file, and said again without it.

A transcript makes a chapter that needs a language model run without one, and a test of it come out the same each time.
It is a recording, of one model on one day: what comes out of it says so, in `Answer.by`, wherever it is shown.

The file holds one exchange a line, as JSON. Each line is added by a single write at the file's end, which on this
machine's own disks no other process's write can cut in two; a disk on a network promises less. A line that a crash cut
off is passed over when the file is read, and what it answered is asked again.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .. import checks
from ..errors import AnswerError, BackendError, FormatError, OptionError
from .backends import Answer, Backend, Message, answered, conversation, fitting, strict_json

FORMAT = "xai_helpers.Exchange/1"
LARGEST_FILE = 2**26  # bytes
EXCHANGE = {
    "type": "object",
    "required": ["format", "key", "by", "recorded", "messages", "schema", "seed", "settings", "answer"],
    "additionalProperties": False,
    "properties": {
        "format": {"const": FORMAT},
        "key": {"type": "string"},
        "by": {"type": "string"},
        "recorded": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}", "maxLength": 10},
        "messages": {"type": "array"},
        "schema": {"type": ["object", "null"]},
        "seed": {"type": "integer"},
        "settings": {"type": "object"},
        "answer": {"type": "string"},
    },
}


@dataclass(frozen=True)
class Exchange:
    """One question and its answer. by: the backend's name. recorded: the day, in UTC. settings: the backend's.

    key: a digest of all that the answer depended on.
    """

    key: str
    by: str
    recorded: str
    messages: list[dict[str, str]]
    schema: dict[str, Any] | None
    seed: int
    settings: dict[str, Any]
    answer: str

    @property
    def question(self) -> str:
        """A digest of what was asked, whoever was."""
        return digest(self.messages, self.schema, self.seed)

    def replayed(self) -> Answer:
        """The answer, as one that is replayed. Raises AnswerError where it doesn't fit the schema."""
        by = f"replayed, recorded on {self.recorded}, of {self.by}"
        return answered(self.answer, by, self.messages, self.schema)


class Cached:
    """A backend that is asked nothing twice: what it answered is kept in a file, and answered from there.

    path: a file, which is made where there is none. What is known is found again by the backend's name and, where it
    has them, its `settings`; by messages, schema and seed. Errors are not kept. The file is read once, here: what
    another process adds to it later is asked again and kept twice; the first counts.

    Raises OptionError for a path in no folder, FormatError for a file of anything else, and what the backend raises.
    """

    def __init__(self, backend: Backend, path: str | os.PathLike[str]) -> None:
        self.name, self._backend, self._path = backend.name, backend, Path(path)
        if self._path.is_dir() or not self._path.parent.is_dir():
            raise OptionError(f"path={os.fspath(path)!r}: name a file in a folder that exists")
        self._known: dict[str, Exchange] = {}
        for exchange in exchanges(self._path) if self._path.exists() else ():
            self._known.setdefault(exchange.key, exchange)

    def __repr__(self) -> str:
        return f"Cached({self._backend!r}, {os.fspath(self._path)!r}: {len(self._known)} exchanges)"

    def complete(
        self, messages: Sequence[Message], schema: Mapping[str, Any] | None = None, *, seed: int = 0
    ) -> Answer:
        """As `Backend` says."""
        turns, seed = conversation(messages, schema), checks.seed(seed)
        plain: dict[str, Any] | None = json.loads(json.dumps(schema))
        settings = dict(getattr(self._backend, "settings", {}))
        key = digest(self.name, turns, schema, seed, settings)
        if key in self._known:
            return self._known[key].replayed()
        answer = self._backend.complete(turns, schema, seed=seed)
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        self._known[key] = Exchange(key, self.name, today, turns, plain, seed, settings, str(answer))
        _add(self._path, self._known[key])
        return answer


class Replay:
    """A file of `Cached` as a backend that has nobody to ask: whoever answered, what was recorded is replayed.

    Raises FormatError for a file of anything else, or one in which two backends answered the same; `complete` raises
    BackendError for what was not recorded.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.name = f"replay of {Path(path).name}"
        self._known: dict[str, Exchange] = {}
        if not Path(path).is_file():
            raise OptionError(f"path={os.fspath(path)!r}: there is no such file; Cached(backend, path) records one")
        for exchange in exchanges(Path(path)):
            first = self._known.setdefault(exchange.question, exchange)
            if first.key != exchange.key:
                raise FormatError(
                    f"{os.fspath(path)} holds two backends' answers to the same, {first.by!r} and {exchange.by!r}, or "
                    "one's with two settings: record a file for each"
                )

    def __repr__(self) -> str:
        return f"Replay({self.name!r}: {len(self._known)} exchanges)"

    def complete(
        self, messages: Sequence[Message], schema: Mapping[str, Any] | None = None, *, seed: int = 0
    ) -> Answer:
        """As `Backend` says."""
        turns, seed = conversation(messages, schema), checks.seed(seed)
        found = self._known.get(digest(turns, schema, seed))
        if found is None:
            raise BackendError(
                f"{self.name}: this was not recorded; ask a backend, as Cached(backend, path) to keep it"
            )
        return found.replayed()


def digest(*parts: Any) -> str:
    """A digest of values of JSON."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def exchanges(path: Path) -> list[Exchange]:
    """What a file of `Cached` holds, in the order in which it was recorded. Raises FormatError."""
    if path.stat().st_size > LARGEST_FILE:
        raise FormatError(f"{path} has more than {LARGEST_FILE} bytes: begin another file")
    lines = path.read_bytes().decode(errors="replace").split("\n")
    return [_exchange(path, i, line) for i, line in enumerate(lines, 1) if line and not _torn(line)]


def _exchange(path: Path, i: int, line: str) -> Exchange:
    try:
        record = fitting(strict_json(line, LARGEST_FILE), EXCHANGE)
        conversation(record["messages"], record["schema"])
    except (AnswerError, OptionError) as error:
        raise FormatError(f"{path}, line {i}, is no exchange ({error}): name another file") from error
    del record["format"]
    found = Exchange(**record)
    if found.key != digest(found.by, found.messages, found.schema, found.seed, found.settings):
        raise FormatError(f"{path}, line {i}, was changed after it was recorded: take the line out")
    return found


def _line(exchange: Exchange) -> str:
    return json.dumps({"format": FORMAT} | asdict(exchange), allow_nan=False)


def _torn(line: str) -> bool:
    """Whether this is the beginning of an exchange, and no more: what a crash leaves of one."""
    head = _line(Exchange("", "", "", [], None, 0, {}, "")).partition('""')[0]
    if not (line.startswith(head) or head.startswith(line)):
        return False
    try:
        json.loads(line)
    except json.JSONDecodeError:
        return True
    except RecursionError:  # no writer of ours goes so deep
        return False
    return False


def _add(path: Path, exchange: Exchange) -> None:
    """One write at the file's end, on a line of its own, also where a crash, or a write under way, left half of one."""
    with path.open("a+b", buffering=0) as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - 1))
        begin = "\n" if file.read(1) not in (b"", b"\n") else ""
        line = f"{begin}{_line(exchange)}\n".encode()
        if file.write(line) != len(line):
            raise OSError(f"{path}: the disk took only a part of what was to be kept; is it full?")
