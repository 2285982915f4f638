"""What did tools say that can't run beside the course's libraries? Their saved results, marked as such.

Each ran in an environment of its own, on the course's models and texts, by `make tools`, and left a page in data/tools:
`saved("nnterp")` reads it. The tests hold what can be computed here, too, against it.
"""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from html import escape
from typing import Any

import numpy as np

from .errors import FormatError, OptionError
from .installation import data_folder
from .viz.table import Table
from .viz.wording import is_signed, number, visible


@dataclass(frozen=True, eq=False)
class ToolResult:
    """What a tool said of one text, once, elsewhere. In a notebook: its tables, under a line that says so.

    versions: of the tool and of what it computed with, the tool first. command: what makes the result anew. made: the
    day, as in 2026-11-22. why_apart: what was seen when the tool was put beside the course's libraries. seconds: of the
    run, without imports. peak_mb: the most memory its process had, in megabytes. result: numbers, words and lists by
    name; a dict in it is a table, its lists of one length are the columns.
    """

    tool: str
    versions: dict[str, str]
    command: str
    made: str
    why_apart: str = field(repr=False)
    text: str
    seconds: float
    peak_mb: int
    result: dict[str, Any] = field(repr=False)

    @functools.cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        """The result's larger arrays by name, read from their file when first asked for; empty where it has none."""
        from safetensors.numpy import load_file

        path = data_folder() / "tools" / f"{self.tool}.safetensors"
        return load_file(path) if path.exists() else {}

    @property
    def mark(self) -> str:
        """What every view of the result begins with."""
        package, version = next(iter(self.versions.items()))
        return f"saved result, not run here: {package} {version}, made on {self.made} by `{self.command}`"

    def tables(self) -> tuple[Table, ...]:
        """The single numbers, words and lists in one table, then one for each dict of columns."""
        single = [(name, _listed(value)) for name, value in self.result.items() if not isinstance(value, dict)]
        cost = f"{self.seconds:g} s, {self.peak_mb} MB"
        first = Table(self.mark, ("what", self.tool), (("text", self.text), *single, ("took", cost)))
        return first, *(
            Table(name, tuple(columns), tuple(zip(*map(_column, columns.values()), strict=True)))
            for name, columns in self.result.items()
            if isinstance(columns, dict)
        )

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.tables()))

    def _repr_html_(self) -> str:
        return "".join(table._repr_html_() for table in self.tables())


def saved(name: str) -> ToolResult:
    """The saved result of "ferret", "inseq", "lxt", "nnterp" or "sae-lens".

    Raises OptionError for another name, and FormatError where its file holds something else.
    """
    found = {path.stem: path for path in sorted((data_folder() / "tools").glob("*.json"))}
    if not isinstance(name, str) or name not in found:
        raise OptionError(f"no result of {name!r} is saved; there is {', '.join(found)}")
    try:
        record = json.loads(found[name].read_text(encoding="utf-8"))
    except ValueError as error:
        raise FormatError(f"{found[name].name} is no JSON: {error}; `make tools` makes it anew") from error
    known = [entry.name for entry in fields(ToolResult)]
    entries = list(record) if isinstance(record, dict) else []
    if sorted(entries) != sorted(known):
        raise FormatError(
            f"{found[name].name} has the entries {', '.join(entries) or 'of nothing'}; "
            f"a saved result has {', '.join(known)}"
        )
    return ToolResult(**record)


@dataclass(frozen=True)
class SavedPicture:
    """A picture that a tool drew once, elsewhere; shown with a line that says so. alt: what it shows."""

    mark: str
    alt: str
    png: bytes = field(repr=False)

    def __str__(self) -> str:
        return f"{self.mark}\n[{self.alt}]"

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.png).decode("ascii")
        return (
            f'<figure style="margin:0.5em 0"><figcaption><strong>{escape(self.mark)}</strong></figcaption>'
            f'<img alt="{escape(self.alt)}" style="max-width:100%;background:#fff" src="data:image/png;base64,{data}">'
            "</figure>"
        )


def saved_picture(view: str) -> SavedPicture:
    """bertviz's "head", "model" or "neuron" view of course-gpt2, from its own page. Raises OptionError."""
    folder = data_folder() / "pictures"
    record = json.loads((folder / "bertviz.json").read_text(encoding="utf-8"))
    if view not in record["views"]:
        raise OptionError(f"no view {view!r} is saved; there is {', '.join(record['views'])}")
    shown = record["views"][view]
    mark = (
        f"saved picture, not drawn here: bertviz {record['version']} on {record['text']!r}, made on {record['date']} "
        f"by `{record['command']}`"
    )
    return SavedPicture(mark, shown["alt"], (folder / shown["file"]).read_bytes())


def _listed(value: Any) -> str:
    """A number, a word, or a list of them on one line."""
    return " ".join(_column(value)) if isinstance(value, list) else _column([value])[0]


def _column(values: Sequence[Any]) -> list[str]:
    """Numbers with as many digits as the greatest needs; words on one line."""
    numbers = [value for value in values if isinstance(value, float)]
    end, signed = max(map(abs, numbers), default=0.0), is_signed(numbers)
    return [number(x, end, signed) if isinstance(x, float) else visible(str(x)) for x in values]
