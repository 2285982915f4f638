"""What the views say in words: one line for any token, numbers that line up, and the sum."""

from __future__ import annotations

import re

import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

from xai_helpers.viz.wording import balance, number, visible

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(TEXTS)
def test_visible_is_one_line_that_nothing_reorders(token: str) -> None:
    shown = visible(token)
    assert shown.strip()
    assert not re.search("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", shown)


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        ("", "\u2205"),
        (" ", "\u2423"),
        ("\u2003\x85", "U+2003\ufffd"),
        ("a b", "a b"),
        ("a\n", "a\u21b5"),
        ("\u200d", "U+200D"),
        ("\u0301", "\u25cc\u0301"),
        ("\x00", "\u2400"),
        ("a\u202eb", "a\ufffdb"),
    ],
)
def test_visible_by_hand(token: str, shown: str) -> None:
    assert visible(token) == shown


@pytest.mark.parametrize(
    ("value", "end", "shown"),
    [(0.5, 1.0, "+0.50"), (-0.123, 0.9, "-0.123"), (12.34, 120, "+12"), (0.0, 1.0, "0.00"), (2e-7, 1e-6, "+2.00e-07")],
)
def test_numbers_by_hand(value: float, end: float, shown: str) -> None:
    assert number(value, end) == shown


def test_a_small_gap_keeps_its_size_and_rounding_is_none() -> None:
    assert balance(tiny.example("a b", [1.0, 2.0], total=3.0 + 2**-30)) == "total 3.00 = tokens 3.00, no gap"
    assert balance(tiny.example("a b", [1.0, 2.0], total=3.0 + 2**-17)) == "total 3.00 = tokens 3.00, gap 8e-06"
    assert balance(tiny.example("a b", [1.0, 2.0])) == ""


def test_what_was_sampled_or_fitted_says_how_far_to_trust_it() -> None:
    def said(**details: object) -> str:
        return balance(tiny.example("a b", [1.0, 2.0], total=3.0, details=details))

    assert said(standard_errors=[0.0, 0.25]) == "total 3.00 = tokens 3.00, no gap; sampled, standard errors up to 0.25"
    assert said(r2=0.614) == "total 3.00 = tokens 3.00, no gap; R2 0.61"
    assert said(other=1) == "total 3.00 = tokens 3.00, no gap"
