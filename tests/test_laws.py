"""Each law is 0 where it holds, and says by how much it doesn't."""

import numpy as np

from xai_helpers import laws


def test_row_sums_by_hand() -> None:
    assert laws.row_sums(np.array([[0.25, 0.75], [1.0, 0.0]])) == 0
    assert laws.row_sums(np.array([[[0.5, 0.5], [0.5, 0.25]]])) == 0.25


def test_no_look_ahead_by_hand() -> None:
    assert laws.no_look_ahead(np.array([[1.0, 0.0], [-3.0, 1.0]])) == 0
    assert laws.no_look_ahead(np.array([[1.0, -0.5], [0.0, 1.0]])) == 0.5


def test_completeness_by_hand() -> None:
    assert laws.completeness(3.0, [1.0, 2.5], {"baseline": -0.5}) == 0
    assert laws.completeness(3.0, [1.0, 2.5]) == 0.5


def test_completeness_does_not_lose_small_shares() -> None:
    assert laws.completeness(1.0, [1e16, 1.0, -1e16]) == 0


def test_relabelling_holds_for_products_and_fails_for_a_positional_function() -> None:
    matrices = np.arange(18.0).reshape(2, 3, 3)
    order = np.array([2, 0, 1])
    assert laws.relabelling(lambda m: m[0] @ m[1], matrices, order) == 0
    assert laws.relabelling(lambda m: np.triu(m[0]), matrices, order) > 0


def test_same_order_by_hand() -> None:
    scores = np.array([3.0, -1.0, 2.0, 2.0])
    assert laws.same_order(scores, np.exp(scores)) == 0
    assert laws.same_order(scores, np.abs(scores)) == 0
    assert laws.same_order(np.array([1.0, -3.0, 2.0]), np.array([1.0, 3.0, 2.0])) == 2


def test_before_the_difference() -> None:
    effect = np.array([[0.0, 0.0, 1.0], [0.0, -0.5, 0.0]])
    assert laws.before_the_difference(effect, 1) == 0
    assert laws.before_the_difference(effect, 2) == 0.5
    assert laws.before_the_difference(effect, 0) == 0
