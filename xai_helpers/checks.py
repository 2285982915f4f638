"""What an option may be, asked in one place."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Iterable

from .errors import OptionError


def whole(value: object, name: str, least: int = 1, most: int | None = None) -> int:
    """The value as an int, if it is a whole number, numpy's included, from least to most. Raises OptionError."""
    if not isinstance(value, bool) and isinstance(value, numbers.Integral):
        found = operator.index(value)
        if found >= least and (most is None or found <= most):
            return found
    end = "" if most is None else f" and at most {most}"
    raise OptionError(f"{name}={value!r}: give a whole number of at least {least}{end}")


def seed(value: object) -> int:
    """The value as an int, if it is a seed of torch's and numpy's generators alike. Raises OptionError."""
    return whole(value, "seed", least=0, most=2**63 - 1)


def number(value: object, name: str, above: float | None = None, least: float | None = None) -> float:
    """The value as a float, if it is a finite number, greater than above, and least or more. Raises OptionError."""
    if not isinstance(value, bool) and isinstance(value, numbers.Real):
        try:
            found = float(value)
        except OverflowError:  # an int that no float holds
            found = math.inf
        if math.isfinite(found) and (above is None or found > above) and (least is None or found >= least):
            return found
    bounds = [*([] if above is None else [f"above {above:g}"]), *([] if least is None else [f"of at least {least:g}"])]
    raise OptionError(f"{name}={value!r}: give a finite number {' and '.join(bounds)}".rstrip())


def several(texts: Iterable[str], name: str = "texts") -> list[str]:
    """The texts as a list, if they are not one string, whose letters would be taken for texts. Raises OptionError."""
    if isinstance(texts, str) or not isinstance(texts, Iterable):
        raise OptionError(f"{name}={texts!r:.80}: give a list of texts, as in [text]")
    return list(texts)


def any_of(value: str | None, name: str, values: tuple[str, ...]) -> tuple[str, ...]:
    """What a filter lets through: this value, or all of them for None. Raises OptionError."""
    if value is not None and value not in values:
        raise OptionError(f"{name}={value!r}: choose one of {', '.join(map(repr, values))}, or None for any")
    return values if value is None else (value,)


def up_to(value: str | None, name: str, ordered: tuple[str, ...]) -> tuple[str, ...]:
    """What a filter by an ordered answer lets through: the values as far as this one. Raises OptionError."""
    return ordered[: ordered.index(any_of(value, name, ordered)[-1]) + 1]
