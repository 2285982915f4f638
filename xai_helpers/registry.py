"""The one list of methods: what each asks and gives, whom it is for, what it needs, what it costs, what law it obeys.

The table is `data/methods.json`; the command line, the method chooser and the website read it through here.
Methods still to come stand in it without an import path. `METHODS` holds those that give scores.
"""

from __future__ import annotations

import functools
import importlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from .errors import UnknownMethodError
from .installation import data_folder

if TYPE_CHECKING:
    from .attribution import Attribution, Target
    from .models import TextModel

    Method = Callable[..., Attribution]

Scope = Literal["local", "global"]
Access = Literal["output", "gradients", "internals"]  # who has one has those before it
Audience = Literal["researchers", "engineers", "auditors", "end users"]
Goal = Literal[
    "look around",
    "debug a prediction",
    "explain to a person",
    "audit the model",
    "find what is encoded",
    "find the mechanism",
    "steer the model",
]
Effort = Literal["one pass", "tens of passes", "hundreds of passes", "training or search"]  # from least to most

SCOPES: tuple[Scope, ...] = get_args(Scope)
ACCESSES: tuple[Access, ...] = get_args(Access)
AUDIENCES: tuple[Audience, ...] = get_args(Audience)
GOALS: tuple[Goal, ...] = get_args(Goal)
EFFORTS: tuple[Effort, ...] = get_args(Effort)

# The result of the methods in METHODS: an Attribution.
SCORES = "scores"


@dataclass(frozen=True)
class MethodRecord:
    """One row of the table.

    name: the function's name. path: where it is imported from, "module:function", or None if it is still to come.
    question: what it answers. result: "scores", one for each unit of the text, or what it gives instead, as in "an
    accuracy per layer". scope: "local" if it is about one text, "global" if about the model on many.

    access: what you must have of the model: its "output", its "gradients" by the input, or its "internals", such as
    attention weights, to read or to change. audience: whom its result is for: "researchers", "engineers", "auditors",
    "end users". goals: what for: "look around" (first guesses, to be tested otherwise), "debug a prediction", "explain
    to a person" (who knows nothing of models), "audit the model" (is what it relies on allowed?), "find what is
    encoded" in its activations, "find the mechanism", "steer the model".

    effort: the order of the cost: "one pass" (forward, and backward if need be), "tens of passes" and "hundreds of
    passes" for a sentence, "training or search". cost: in passes through the model for n units. target: whether it
    explains one chosen output. law: what its result must obey. strength, weakness: one clause each, and no verdict:
    how far a method can be trusted is measured in chapter 07. chapter: the notebook that teaches it. source: the paper.
    """

    name: str
    path: str | None
    question: str
    result: str
    scope: Scope
    access: Access
    audience: tuple[Audience, ...]
    goals: tuple[Goal, ...]
    effort: Effort
    cost: str
    target: bool
    law: str
    strength: str
    weakness: str
    chapter: str
    source: str


@functools.cache
def records() -> tuple[MethodRecord, ...]:
    """Every method of the course, in the order of the chapters, those to come included."""
    rows = json.loads((data_folder() / "methods.json").read_text(encoding="utf-8"))
    return tuple(
        MethodRecord(**(row | {"audience": tuple(row["audience"]), "goals": tuple(row["goals"])})) for row in rows
    )


def record(name: str) -> MethodRecord:
    """One method's row. Raises UnknownMethodError."""
    for row in records():
        if row.name == name:
            return row
    raise UnknownMethodError(f"there is no method {name!r}; choose one of: {', '.join(METHODS)}")


class _Methods(Mapping[str, "Method"]):
    """Implemented methods that give scores, by name; a method's module is imported when it is first asked for."""

    def __getitem__(self, name: str) -> Method:
        path = next((row.path for row in records() if row.name == name and row.result == SCORES), None)
        if path is None:
            raise KeyError(name)
        module, function = path.split(":")
        return getattr(importlib.import_module(module), function)

    def __iter__(self) -> Iterator[str]:
        return (row.name for row in records() if row.result == SCORES and row.path is not None)

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
    function = find(method) if isinstance(method, str) else method
    return function(model, text, target, **options)


def reproduce(attribution: Attribution, model: TextModel | None = None) -> Attribution:
    """Computes an attribution again from what it records, joined to words if it was.

    The model is loaded by its name if none is given. Raises UnknownMethodError for what a learner's own function made:
    that function is not on record.
    """
    if attribution.method not in {row.name for row in records() if row.result == SCORES}:
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


def find(name: str) -> Method:
    """The function of a method that gives scores. Raises UnknownMethodError."""
    row = record(name)
    if row.path is None:
        raise UnknownMethodError(
            f"{name} comes with chapter {row.chapter}, which is not written yet; choose one of: {', '.join(METHODS)}"
        )
    if row.result != SCORES:
        raise UnknownMethodError(
            f"{name} gives {row.result}, not scores: call {row.path.replace(':', '.')}; "
            f"for scores choose one of: {', '.join(METHODS)}"
        )
    return METHODS[name]
