"""The one list of methods: what each asks, what it needs, what it costs, what law it obeys.

The table is `data/methods.json`; the command line, the method chooser and the website read it through here.
Methods still to come stand in it without an import path.
"""

from __future__ import annotations

import functools
import importlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import UnknownMethodError
from .installation import data_folder

if TYPE_CHECKING:
    from .attribution import Attribution, Target
    from .models import TextModel

    Method = Callable[..., Attribution]


@dataclass(frozen=True)
class MethodRecord:
    """One row of the table.

    name: the function's name. path: where it is imported from, "module:function", or None if it is still to come.
    question: what it answers. access: "output", "gradients" or "internals" of the model. cost: in passes through
    the model for n units. target: whether it explains one chosen output. law: what its result must obey. chapter:
    the notebook that teaches it. source: the paper.
    """

    name: str
    path: str | None
    question: str
    access: str
    cost: str
    target: bool
    law: str
    chapter: str
    source: str


@functools.cache
def records() -> tuple[MethodRecord, ...]:
    """Every method of the course, in the order of the chapters, those to come included."""
    rows = json.loads((data_folder() / "methods.json").read_text(encoding="utf-8"))
    return tuple(MethodRecord(**row) for row in rows)


def record(name: str) -> MethodRecord:
    """One method's row. Raises UnknownMethodError."""
    for row in records():
        if row.name == name:
            return row
    raise UnknownMethodError(f"there is no method {name!r}; choose one of: {', '.join(METHODS)}")


class _Methods(Mapping[str, "Method"]):
    """Implemented methods by name; a method's module is imported when it is first asked for."""

    def __getitem__(self, name: str) -> Method:
        row = next((row for row in records() if row.name == name), None)
        if row is None or row.path is None:
            raise KeyError(name)
        module, function = row.path.split(":")
        return getattr(importlib.import_module(module), function)

    def __iter__(self) -> Iterator[str]:
        return (row.name for row in records() if row.path is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"METHODS({', '.join(self)})"


METHODS = _Methods()


def attribute(
    model: TextModel, text: str, method: str | Method, target: Target | str | int | None = None, **options: Any
) -> Attribution:
    """Runs a method by its name in `METHODS`, or any function with the methods' signature.

    Raises UnknownMethodError, and whatever the method raises.
    """
    function = _find(method) if isinstance(method, str) else method
    return function(model, text, target, **options)


def reproduce(attribution: Attribution, model: TextModel | None = None) -> Attribution:
    """Computes an attribution again from what it records, joined to words if it was.

    The model is loaded by its name if none is given. Raises UnknownMethodError for what a learner's own function made:
    that function is not on record.
    """
    if attribution.method not in {row.name for row in records()}:
        raise UnknownMethodError(
            f"{attribution.method!r} is no method of this package, so its function is not on record: "
            "if it is your own, run it again yourself, attribute(model, text, your_function, target)"
        )
    if model is None:
        from .models import load

        model = load(attribution.model)
    again = attribute(model, attribution.text, attribution.method, attribution.target, **attribution.options)
    words = again.to_words()
    return words if words.units == attribution.units else again  # the units are the record of to_words


def _find(name: str) -> Method:
    row = record(name)
    if row.path is None:
        raise UnknownMethodError(
            f"{name} comes with chapter {row.chapter}, which is not written yet; choose one of: {', '.join(METHODS)}"
        )
    return METHODS[name]
