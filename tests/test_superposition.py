"""Toy models of superposition: what is known of their solutions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xai_helpers.circuits import superposition
from xai_helpers.circuits.superposition import toy_models
from xai_helpers.errors import OptionError

TRAINED = toy_models([1.0, 0.02])


def test_dense_features_get_a_dimension_each_or_nothing() -> None:
    """As principal components would: the two most important at right angles, nothing of the others."""
    np.testing.assert_allclose(TRAINED.kept[0], [1, 1, 0, 0, 0], atol=0.2)
    assert abs(TRAINED.interference[0, 0, 1]) < 0.1


def test_rare_features_form_a_pentagon() -> None:
    kept = TRAINED.kept[1]
    assert (kept > 0.9).all()
    angles = np.sort(np.degrees(np.arctan2(TRAINED.W[1, 1], TRAINED.W[1, 0])))
    np.testing.assert_allclose(np.diff([*angles, angles[0] + 360]), 72, atol=6)
    neighbours = np.cos(np.radians(72)) * kept.mean() ** 2
    assert np.sort(TRAINED.interference[1][0])[2:4] == pytest.approx(neighbours, abs=0.1)


def test_the_rarer_the_better() -> None:
    assert TRAINED.loss[1] < 0.2 < TRAINED.loss[0] < 1


def test_the_loss_is_that_of_fresh_samples() -> None:
    rng = np.random.default_rng(0)
    for density, W, b, loss in zip(TRAINED.densities, TRAINED.W, TRAINED.b, TRAINED.loss, strict=True):
        x = rng.random((200_000, 5)) * (rng.random((200_000, 5)) < density)
        error = (np.maximum(x @ W.T @ W + b, 0) - x) ** 2 @ 0.9 ** np.arange(5)
        constant = (x - x.mean(0)) ** 2 @ 0.9 ** np.arange(5)
        assert loss == pytest.approx(error.mean() / constant.mean(), rel=0.3 if density < 0.1 else 0.05)


def test_with_enough_dimensions_nothing_is_lost() -> None:
    m = toy_models([0.5], features=3, dimensions=3, tries=1)
    assert m.loss[0] < 1e-3
    np.testing.assert_allclose(m.interference[0], np.eye(3), atol=0.05)


def test_the_best_of_several_is_kept() -> None:
    """At this density many first weights end where one of the two most important features is given up."""
    best, one = (toy_models([0.5], tries=tries, steps=700) for tries in (8, 1))
    np.testing.assert_allclose(best.kept[0, :2], 1, atol=0.15)
    assert best.loss[0] < one.loss[0]


def test_each_model_is_trained_alone_in_shape_and_seed() -> None:
    a, b = (toy_models([0.3, 0.1], features=4, dimensions=2, steps=20, seed=seed) for seed in (0, 0))
    np.testing.assert_array_equal(a.W, b.W)
    assert a.W.shape == (2, 2, 4)
    assert (a.b.shape, a.loss.shape, a.kept.shape, a.interference.shape) == ((2, 4), (2,), (2, 4), (2, 4, 4))
    assert not np.array_equal(a.W, toy_models([0.3, 0.1], features=4, steps=20, seed=1).W)
    np.testing.assert_allclose(a.importance, [1, 0.9, 0.81, 0.729], rtol=1e-6)


def test_the_forward_pass_by_hand() -> None:
    W = torch.tensor([[[1.0, 0.0, -1.0], [0.0, 2.0, 0.0]]])
    out = superposition._through(torch.tensor([[[1.0, 0.5, 0.25]]]), W, torch.tensor([[0.5, 0.0, 0.0]]))
    assert out.tolist() == [[[1.25, 2.0, 0.0]]]  # the hidden values are 0.75 and 1


def test_the_callers_random_numbers_and_gradients_are_left_alone() -> None:
    before = torch.random.get_rng_state()
    with torch.no_grad():
        toy_models([0.5], steps=2)
        assert not torch.is_grad_enabled()
    assert torch.equal(before, torch.random.get_rng_state())


def test_bad_input_is_named() -> None:
    for densities in ([], [0.0], [1.5]):
        with pytest.raises(OptionError, match="give probabilities"):
            toy_models(densities)
    for options in ({"features": 0}, {"dimensions": 1.5}, {"decay": 0}, {"steps": 0}, {"tries": 0}, {"seed": -1}):
        with pytest.raises(OptionError):
            toy_models([0.5], **options)  # type: ignore[arg-type]
