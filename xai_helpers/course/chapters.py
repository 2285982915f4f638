"""The chapters' questions and exercises: one module for each chapter, gathered here by name."""

from __future__ import annotations

import importlib
from typing import Any, Literal

from ..errors import OptionError

Table = Literal["PICKS", "QUESTIONS", "EXERCISES"]

CHAPTERS = (
    "chapter_00",
    "chapter_01",
    "chapter_02",
    "chapter_03",
    "chapter_04",
    "chapter_05",
    "chapter_06",
    "chapter_07",
    "chapter_08a",
    "chapter_09a",
    "chapter_09b",
)


def gathered(table: Table) -> dict[str, Any]:
    """One table of all chapters: what it holds, by name."""
    modules = [importlib.import_module(f".{chapter}", __package__) for chapter in CHAPTERS]
    return {name: entry for module in modules for name, entry in getattr(module, table).items()}


def entry(table: Table, name: str) -> Any:
    """One entry of a table. Raises OptionError, which lists the names."""
    known = gathered(table)
    if name not in known:
        raise OptionError(f"there is no {table.lower().rstrip('s')} {name!r}; there is: {', '.join(known)}")
    return known[name]
