"""What options may be: what is accepted becomes a plain number, and what is refused is named."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from xai_helpers import checks, errors

NO_NUMBERS: tuple[Any, ...] = (None, True, np.True_, "3", b"3", 1j, [3], np.array([3]), torch.tensor([3]), "a")


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-5, 5), st.none() | st.integers(-5, 5))
def test_whole_numbers_between_the_bounds(value: int, least: int, most: int | None) -> None:
    for given_as in (value, np.int64(value)):
        if value >= least and (most is None or value <= most):
            found = checks.whole(given_as, "k", least, most)
            assert found == value and type(found) is int
        else:
            with pytest.raises(errors.OptionError, match=r"^k=.*: give a whole number of at least"):
                checks.whole(given_as, "k", least, most)


def test_the_bounds_are_allowed_and_named() -> None:
    assert [checks.whole(x, "k", 2, 4) for x in (2, np.uint8(3), 4)] == [2, 3, 4]
    for value, least, most, message in (
        (0, 1, None, "k=0: give a whole number of at least 1"),
        (5, 2, 4, "k=5: give a whole number of at least 2 and at most 4"),
        ("3", 1, None, "k='3': give a whole number of at least 1"),
    ):
        with pytest.raises(errors.OptionError) as raised:
            checks.whole(value, "k", least, most)
        assert str(raised.value) == message


@pytest.mark.parametrize("value", [*NO_NUMBERS, 1.0, 1.5, np.float64(2), math.nan])
def test_what_is_no_whole_number(value: Any) -> None:
    for ask in (lambda: checks.whole(value, "k"), lambda: checks.seed(value)):
        with pytest.raises(errors.OptionError, match="whole number"):
            ask()


def test_seeds_are_those_of_both_generators() -> None:
    for value in (0, 2**63 - 1, np.int64(7), np.uint64(2**63 - 1)):
        found = checks.seed(value)
        assert type(found) is int
        np.random.default_rng(found)
        torch.Generator().manual_seed(found)
    for value in (-1, 2**63):
        with pytest.raises(errors.OptionError, match=f"^seed={value}: .* at most {2**63 - 1}"):
            checks.seed(value)


@given(st.floats() | st.integers(), st.none() | st.floats(-9, 9), st.none() | st.floats(-9, 9))
def test_finite_numbers_within_the_bounds(value: float, above: float | None, least: float | None) -> None:
    if math.isfinite(value) and (above is None or value > above) and (least is None or value >= least):
        found = checks.number(value, "x", above, least)
        assert found == float(value) and type(found) is float
    else:
        with pytest.raises(errors.OptionError, match=r"^x=.*: give a finite number"):
            checks.number(value, "x", above, least)


def test_bounds_of_numbers_by_hand() -> None:
    assert type(checks.number(np.float32(0.5), "x", above=0)) is float
    assert checks.number(0, "x", least=0) == 0
    for value, bounds, message in (
        (0, {"above": 0}, "x=0: give a finite number above 0"),
        (-1, {"least": 0}, "x=-1: give a finite number of at least 0"),
        (10**400, {}, f"x={10**400}: give a finite number"),
    ):
        with pytest.raises(errors.OptionError) as raised:
            checks.number(value, "x", **bounds)
        assert str(raised.value) == message
    for value in (*NO_NUMBERS, math.nan, -math.inf, np.float64("inf")):
        with pytest.raises(errors.OptionError, match="finite number"):
            checks.number(value, "x")
