"""What chapter 05 asks: words to pick, questions, and what its exercises are held to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from .. import agreement
from ..attribution import Target
from ..gradients import path_integral
from .checks import Part, differs


def _square(x: np.ndarray) -> np.ndarray:
    """The gradient of the sum of squares."""
    return 2 * np.asarray(x, dtype=np.float64)


def _flat(x: np.ndarray) -> np.ndarray:
    """The gradient of min(x1, 1) + 2 x2."""
    return np.array([1.0 if x[0] < 1 else 0.0, 2.0])


def _integrated_law(integrated: Callable[..., Any]) -> str:
    """The middles of the pieces are exact for squares; the change is x1^2 + x2^2."""
    start, end = np.array([1.0, -1.0]), np.array([3.0, 2.0])
    for steps in (1, 2, 7):
        result = np.asarray(integrated(_square, start.copy(), end.copy(), steps), dtype=np.float64)
        if result.shape != (2,):
            return f"two inputs: the shape should be (2,), got {result.shape}"
        if wrong := differs(result.sum(), 11.0, f"x1^2 + x2^2 from (1, -1) to (3, 2), steps {steps}: the sum"):
            return wrong
    return ""


def _integrated_by_hand(integrated: Callable[..., Any]) -> str:
    """min(x1, 1) + 2 x2 from 0 to (2, 3): of x1's way half counts."""
    zero = np.zeros(2)
    return differs(integrated(_flat, zero, np.array([2.0, 3.0]), 8), [1.0, 6.0], "min(x1, 1) + 2 x2") or differs(
        integrated(_square, zero, np.array([2.0, 0.0]), 1), [4.0, 0.0], "x1^2 + x2^2, one step"
    )


def _integrated_random(integrated: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    n, steps = int(rng.integers(2, 5)), int(rng.integers(3, 9))
    weight, start = rng.uniform(0.5, 2, n), rng.normal(size=n)
    end = start + rng.uniform(1, 2, n) * rng.choice((-1, 1), n)

    def gradient(x: np.ndarray) -> np.ndarray:
        return weight * np.asarray(x) ** 2

    def rows(x: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(np.stack([gradient(point) for point in x.numpy()]))

    expected = path_integral(rows, torch.from_numpy(start), torch.from_numpy(end), steps, "midpoint")
    return differs(integrated(gradient, start.copy(), end.copy(), steps), expected, f"{n} inputs, {steps} steps")


def _rule(trapezoid: Callable[..., Any], n: int) -> tuple[np.ndarray, np.ndarray]:
    points, weights = trapezoid(n)
    return np.asarray(points, dtype=np.float64), np.asarray(weights, dtype=np.float64)


def _trapezoid_law(trapezoid: Callable[..., Any]) -> str:
    for n in (2, 3, 10):
        points, weights = _rule(trapezoid, n)
        if wrong := differs(weights.sum(), 1.0, f"{n} points: the sum of the weights"):
            return wrong
        if wrong := differs(weights @ (2 * points), 1.0, f"{n} points: the integral of 2x from 0 to 1"):
            return wrong
    return ""


def _trapezoid_by_hand(trapezoid: Callable[..., Any]) -> str:
    for n, places, shares in ((2, [0, 1], [0.5, 0.5]), (3, [0, 0.5, 1], [0.25, 0.5, 0.25])):
        points, weights = _rule(trapezoid, n)
        if wrong := differs(points, places, f"{n} points") or differs(weights, shares, f"{n} points: the weights"):
            return wrong
    return ""


def _trapezoid_random(trapezoid: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    n = int(rng.integers(4, 30))
    points, weights = _rule(trapezoid, n)
    values, even = rng.normal(size=(n, n)), np.linspace(0, 1, n)
    return differs(points, even, f"{n} points") or differs(
        values @ weights, np.trapezoid(values, even), f"{n} functions with random values at {n} points: their integrals"
    )


def _kendall_law(kendall: Callable[..., Any]) -> str:
    """1 with itself and with anything in the same order, -1 with the opposite; the same both ways."""
    a, b = np.array([3.0, -1.0, 0.5, 2.0]), np.array([1.0, 4.0, 2.0, 3.0])
    return (
        differs(kendall(a, a.copy()), 1.0, "a ranking with itself")
        or differs(kendall(a, np.exp(a)), 1.0, "a ranking with its exponentials")
        or differs(kendall(a, -a), -1.0, "a ranking with its opposite")
        or differs(kendall(a, b), kendall(b, a), "the same two the other way round")
    )


def _kendall_by_hand(kendall: Callable[..., Any]) -> str:
    """Of the three pairs of 1, 2, 3 against 1, 3, 2, one is turned."""
    return differs(
        kendall(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])), 1 / 3, "1, 2, 3 and 1, 3, 2"
    ) or differs(kendall(np.array([0.1, 0.2, 5.0]), np.array([3.0, 2.0, 1.0])), -1.0, "0.1, 0.2, 5 and 3, 2, 1")


def _kendall_random(kendall: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    n = int(rng.integers(4, 12))
    expected = 0.0
    while not 0.1 < abs(expected) < 0.9:
        a, b = rng.permutation(n) + 0.5, rng.normal(size=n)
        expected = agreement.kendall(np.stack([a, b], axis=1))[0, 1]
    return differs(kendall(a.copy(), b.copy()), expected, f"two random rankings of {n}")


EXERCISES = {
    "integrated": (
        Part("law", "exact for squares, whatever the number of steps", _integrated_law),
        Part("by hand", "an input that stops counting halfway", _integrated_by_hand),
        Part("random", "as xai_helpers computes it", _integrated_random),
    ),
    "trapezoid": (
        Part("law", "every straight line is integrated exactly", _trapezoid_law),
        Part("by hand", "two points and three", _trapezoid_by_hand),
        Part("random", "as numpy computes it", _trapezoid_random),
    ),
    "kendall": (
        Part("law", "1 in the same order, -1 in the opposite, the same both ways", _kendall_law),
        Part("by hand", "three words", _kendall_by_hand),
        Part("random", "as xai_helpers computes it", _kendall_random),
    ),
}

PICKS = {
    "paris-by-path": {
        "text": "The Eiffel Tower is located in the city of",
        "method": "integrated_gradients",
        "target": Target("Paris", versus="London"),
        "planted": ("Eiffel", "Tower"),
        "note": "The subject of the fact fixes the answer. Eiffel alone carries it here: Tower was planted too, and the model hardly needs it",
    },
}

QUESTIONS = {
    "how-much-agreement": (
        "Fifteen methods rank the nine words of one review. How will their rankings agree?",
        {
            "Nearly all with nearly all, above 0.8": "A few pairs do, such as rollout and flow. Most don't.",
            "Anything from about 0 to 0.9, depending on the pair": "Some relatives agree (rollout and flow, 0.93), others don't (leave-one-out and occlusion, 0.08).",
            "They contradict each other, most are below 0": "Below 0 is rare. Many prefer content words, and so would the length of a word.",
        },
        "b",
    ),
    "baseline-is-a-question": (
        "From one baseline 'entertaining' gets +3.9, from another −2.1. Which is wrong?",
        {
            "The negative one, for the word is one of praise": "Whether a word is nice is not the question. Both add up to the change from their own baseline.",
            "The one with the larger gap": "A gap says how well an integral was computed. Both are small beside such scores.",
            "Neither: they answer different questions": "Why this rather than masks is not the same as why this rather than zeros. Say which you asked.",
        },
        "c",
    ),
    "most-methods-agree": (
        "Twelve of fifteen methods put the same word first or second. What follows from that count?",
        {
            "So many can't be wrong together: the model relies on the word": "They can, for they share ingredients: masks, gradients, a liking for rare words. The count is no test.",
            "They share something. What that is remains to be tested": "It may be the model's reasons, or their own. Replace the word, and look what the model says.",
            "The three others contain mistakes": "Their laws are checked as well. They may ask another question.",
        },
        "b",
    ),
    "p-of-tokens": (
        "A published comparison prints ρ = 0.891 (p = 0.001) for two methods on one sentence. What does the p-value tell you?",
        {
            "That the two are not unrelated on this sentence, and no more": "A count of letters reaches that in half of the reviews. For other sentences you need other sentences.",
            "That the methods will agree on other sentences, too": "It knows nothing of other sentences. For that you need some.",
            "That both have found what the model relies on": "Two methods can be related for a reason that is not the model's, as a liking for long words.",
        },
        "a",
    ),
    "no-gap-so-right": (
        "The gap of integrated gradients is 0.0001. What follows?",
        {
            "The scores are faithful to the model": "Masks and zeros can both be given such a gap, and they contradict each other about 'entertaining'.",
            "The steps were enough for this baseline": "And no more. Completeness is kept by each baseline, and by the method that gives everything to one word.",
            "The baseline was well chosen": "The gap is about the way, not about where it begins.",
        },
        "b",
    ),
    "signed-or-size": (
        "Why does compare() rank words by the size of their scores?",
        {
            "Because the sign is not reliable in most methods": "It is as reliable as the size. But saliency and attention have none.",
            "Because not all methods have a sign": "With signs on one side only, a word that speaks strongly against would be first in one ranking and last in the other.",
            "Because then all correlations get larger, and agreement is easier to see": "They often do get larger. That would be a bad reason.",
        },
        "b",
    ),
}
