"""Checks of exercises: a law, a case worked by hand and a random case; a failure says which broke, and where.

A law alone does not identify a method (all weight on the first token satisfies many), a single case can be copied, and
a random case alone teaches nothing. An exercise that has not been attempted says so, so that a notebook runs from top
to bottom before anything is solved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

import numpy as np

from ..errors import XaiError
from .chapters import entry, gathered

Kind = Literal["law", "by hand", "random"]
KINDS: tuple[Kind, ...] = ("law", "by hand", "random")


@dataclass(frozen=True)
class Part:
    """One thing that must hold. test(attempt) returns what is wrong, and where, or "" if it holds."""

    kind: Kind
    claim: str
    test: Callable[[Any], str]


@dataclass(frozen=True)
class Outcome:
    """What a check found. wrong: for each part what broke, "" if it held; None where nothing was attempted."""

    name: str
    parts: tuple[Part, ...]
    wrong: tuple[str, ...] | None

    @property
    def passed(self) -> bool:
        return self.wrong is not None and not any(self.wrong)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        *parts, verdict = (escape(line) for line in self._lines())
        return "".join(f"<div>{line}</div>" for line in parts) + f"<div><strong>{verdict}</strong></div>"

    def _lines(self) -> list[str]:
        if self.wrong is None:
            return [
                f"{self.name}: not attempted yet. It gives nothing back: replace the dots by your code, end with a "
                "return, then run both cells."
            ]
        lines = [
            f"✗ {part.kind}: {part.claim}. {wrong}" if wrong else f"✓ {part.kind}: {part.claim}"
            for part, wrong in zip(self.parts, self.wrong, strict=True)
        ]
        return [*lines, f"{self.name}: {'solved.' if self.passed else 'not yet.'}"]


class NotAttempted(Exception):
    """The function gave nothing back. answered: whether an earlier call did; a stub never does."""

    def __init__(self, answered: bool) -> None:
        super().__init__(answered)
        self.answered = answered


def check(name: str, attempt: Any) -> Outcome:
    """Holds an attempt at an exercise (a function, or a value) to the exercise's parts.

    Whatever the attempt raises is reported as what broke. Raises OptionError for an exercise that doesn't exist.
    """
    parts = entry("EXERCISES", name)
    given = _guarded(attempt) if callable(attempt) else attempt
    if given is ... or given is None:
        return Outcome(name, parts, None)
    wrong: list[str] = []
    for part in parts:
        try:
            wrong.append(_tried(part, given))
        except NotAttempted as nothing:
            if not wrong and not nothing.answered:
                return Outcome(name, parts, None)
            wrong.append("It gives nothing back")
    return Outcome(name, parts, tuple(wrong))


def exercises() -> dict[str, tuple[Part, ...]]:
    """Every exercise of the course by name, with its parts."""
    return gathered("EXERCISES")


def differs(got: Any, expected: Any, where: str, tolerance: float = 1e-5) -> str:
    """What is wrong with an array or number, and where it differs first; "" if it is as expected.

    tolerance: absolute; a right probability may come from a softmax in float32.
    """
    try:
        got_array = np.asarray(got, dtype=np.float64)
    except (TypeError, ValueError):
        return f"{where}: numbers are expected, got {type(got).__name__}"
    expected_array = np.asarray(expected, dtype=np.float64)
    if got_array.shape != expected_array.shape:
        return f"{where}: the shape should be {expected_array.shape}, got {got_array.shape}"
    off = ~(np.abs(got_array - expected_array) <= tolerance)  # not "greater": NaN is off too
    if not off.any():
        return ""
    place = tuple(int(i) for i in np.argwhere(off)[0])
    at = f" at {place if len(place) > 1 else place[0]}" if place else ""
    return f"{where}{at}: expected {expected_array[place]:.4g}, got {got_array[place]:.4g}"


def _tried(part: Part, attempt: Any) -> str:
    try:
        return part.test(attempt)
    except NotAttempted:
        raise
    except Exception as error:  # the learner's own: reported as what broke
        kind = "" if isinstance(error, XaiError) else f"{type(error).__name__}: "
        return f"It raises {kind}{error}"


def _guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    answered = False

    def call(*args: Any, **options: Any) -> Any:
        nonlocal answered
        try:
            result = function(*args, **options)
        except NotImplementedError:
            raise NotAttempted(answered) from None
        if result is None or result is ...:
            raise NotAttempted(answered)
        answered = True
        return result

    return call
