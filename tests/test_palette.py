"""The palette: readable, ordered, the same on both sides, and told apart by colour-blind readers."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xai_helpers.viz.palette import background, colours, contrast, luminance, scale_end, share

SHARES = st.floats(-1, 1)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(SHARES)
def test_text_can_be_read_on_every_colour(x: float) -> None:
    assert contrast(*colours(x)) >= 4.5


@given(SHARES, SHARES)
def test_a_stronger_score_is_never_lighter(one: float, other: float) -> None:
    weak, strong = sorted((one, other), key=abs)
    rounding = 0.006  # eight bits per channel
    assert luminance(background(strong)) <= luminance(background(weak)) + rounding


def test_lightness_falls_at_every_visible_step() -> None:
    for sign in (1, -1):
        steps = [luminance(background(sign * x)) for x in np.linspace(0, 1, 33)]
        assert all(later < earlier for earlier, later in itertools.pairwise(steps))


@given(SHARES)
def test_both_signs_are_equally_strong(x: float) -> None:
    assert luminance(background(x)) == pytest.approx(luminance(background(-x)), abs=0.008)


def test_signs_differ_for_colour_blind_readers() -> None:
    """Orange has more red than blue, blue more blue than red: the axis that red-green blindness leaves."""
    for x in np.linspace(0.1, 1, 10):
        red, blue = ([int(background(sign * x)[i : i + 2], 16) for i in (1, 5)] for sign in (1, -1))
        assert red[0] - red[1] > 15
        assert blue[1] - blue[0] > 15


def test_contrast_is_wcags() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # WebAIM's well-known example


def test_zero_is_neutral_and_the_ends_are_as_written_down() -> None:
    assert (background(0), background(1), background(-1)) == ("#f6f6f6", "#944a07", "#1a619e")


@given(st.lists(FINITE, min_size=1), st.integers(-40, 40))
def test_colours_depend_on_ratios_only(scores: list[float], power: int) -> None:
    """Multiplying all scores by a positive constant (here a power of two, which is exact) changes no colour."""
    scores = [score for score in scores if 1e-200 < abs(score) < 1e200 or score == 0]
    scaled = [math.ldexp(score, power) for score in scores]
    assert [share(s, scale_end(scores)) for s in scores] == [share(s, scale_end(scaled)) for s in scaled]


@given(FINITE, st.floats(0, allow_infinity=False))
def test_shares_stay_within_the_scale(score: float, end: float) -> None:
    assert -1 <= share(score, end) <= 1
    assert share(-score, end) == -share(score, end)


def test_special_tokens_do_not_set_the_scale() -> None:
    assert scale_end([9.0, -2.0, 1.0], [True, False, False]) == 2.0
    assert scale_end([9.0, 0.0], [True, False]) == 9.0
    assert scale_end([]) == scale_end([0.0, -0.0]) == share(0.0, 0.0) == 0.0
