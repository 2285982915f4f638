"""What chapter 02 asks: words to pick, questions, and what its exercises are held to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..attention import rollout
from ..attribution import Target
from ..gradient_attention import positive_mean
from ..laws import no_look_ahead
from .checks import Part, differs


def _layers(rng: np.random.Generator, layers: int = 3, heads: int = 2, n: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Causal attention, rows summing to 1, and gradients of either sign: (layers, heads, n, n) each."""
    weights = np.tril(rng.random((layers, heads, n, n)) + 0.05)
    return weights / weights.sum(-1, keepdims=True), rng.normal(size=(layers, heads, n, n))


def _sizes(rng: np.random.Generator) -> tuple[int, int, int]:
    layers, heads, n = (int(size) for size in rng.integers((2, 2, 3), 6))
    return layers, heads, n


def _map_law(positive_map: Callable[..., Any]) -> str:
    weights, slopes = _layers(np.random.default_rng(0))
    result = np.asarray(positive_map(weights.copy(), slopes.copy()), dtype=np.float64)
    if result.shape != (4, 4):
        return f"three layers of two heads on four tokens: the shape should be (4, 4), got {result.shape}"
    if (result < 0).any():
        return f"an entry is negative: {result.min():.4g}"
    none = np.asarray(positive_map(weights.copy(), -np.abs(slopes)), dtype=np.float64)
    return differs(none, np.zeros((4, 4)), "where everything speaks against the answer")


def _map_by_hand(positive_map: Callable[..., Any]) -> str:
    """Two heads with attention 1/2 and slopes +2 and -2: the mean of 1 and 0."""
    weights = np.full((1, 2, 1, 1), 0.5)
    slopes = np.array([2.0, -2.0]).reshape(1, 2, 1, 1)
    return differs(positive_map(weights, slopes), [[0.5]], "one token, two heads that pull against each other")


def _map_random(positive_map: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    layers, heads, n = _sizes(rng)
    weights, slopes = _layers(rng, layers, heads, n)
    expected = np.maximum(weights * slopes, 0).mean((0, 1))
    return differs(positive_map(weights.copy(), slopes.copy()), expected, f"{layers} layers, {heads} heads, {n} tokens")


def _slope_law(slope_at: Callable[..., Any]) -> str:
    matrix = np.random.default_rng(0).normal(size=(3, 4))
    kept = matrix.copy()
    if wrong := differs(slope_at(lambda m: 7.0, matrix, (1, 2)), 0.0, "a constant"):
        return wrong
    if not np.array_equal(matrix, kept):
        return "the matrix was changed and not put back"
    return differs(slope_at(lambda m: 3 * m[1, 2] - m[0, 0], matrix, (1, 2)), 3.0, "3 times the entry, minus another")


def _slope_by_hand(slope_at: Callable[..., Any]) -> str:
    """The square of 3 has slope 6, whatever h: a one-sided difference has 6 + h."""
    return differs(slope_at(lambda m: m[0, 1] ** 2, np.array([[1.0, 3.0]]), (0, 1), 0.5), 6.0, "a square at 3, h = 0.5")


def _slope_random(slope_at: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    matrix, factors = rng.normal(size=(2, 3, 3))
    place = (int(rng.integers(3)), int(rng.integers(3)))

    def f(m: np.ndarray) -> float:
        return float(np.sin(m * factors).sum())

    expected = factors[place] * np.cos(matrix[place] * factors[place])
    return differs(slope_at(f, matrix.copy(), place), expected, f"a sum of sines at {place}")


def _relevance_law(relevance_of: Callable[..., Any]) -> str:
    weights, slopes = _layers(np.random.default_rng(0))
    result = np.asarray(relevance_of(weights.copy(), slopes.copy()), dtype=np.float64)
    if result.shape != (4, 4):
        return f"three layers of two heads on four tokens: the shape should be (4, 4), got {result.shape}"
    if (result < 0).any():
        return f"an entry is negative: {result.min():.4g}"
    if wrong := differs(no_look_ahead(result), 0.0, "a causal model, the largest entry above the diagonal"):
        return wrong
    none = relevance_of(weights.copy(), -np.abs(slopes))
    return differs(none, np.eye(4), "where everything speaks against the answer, only the identity is left")


def _relevance_by_hand(relevance_of: Callable[..., Any]) -> str:
    """The two hops of the chapter: 0.6 below, 0.5 above."""
    below, above = np.zeros((2, 3, 3))
    below[1, 0], above[2, 1] = 0.6, 0.5
    expected = [[1.0, 0.0, 0.0], [0.6, 1.0, 0.0], [0.3, 0.5, 1.0]]
    return differs(
        relevance_of(np.stack([below, above])[:, None], np.ones((2, 1, 3, 3))), expected, "two layers, one head"
    )


def _relevance_random(relevance_of: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    layers, heads, n = _sizes(rng)
    weights, slopes = _layers(rng, layers, heads, n)
    expected = rollout(np.eye(n) + positive_mean(weights * slopes))
    return differs(relevance_of(weights.copy(), slopes.copy()), expected, f"{layers} layers, {heads} heads, {n} tokens")


EXERCISES = {
    "positive-map": (
        Part("law", "no entry is negative, and what speaks against the answer leaves nothing", _map_law),
        Part("by hand", "two heads that pull against each other", _map_by_hand),
        Part("random", "as computed here", _map_random),
    ),
    "slope-at": (
        Part("law", "a constant has slope 0, a linear function its factor, and the matrix stays as it was", _slope_law),
        Part("by hand", "a square, with a large step", _slope_by_hand),
        Part("random", "a sum of sines", _slope_random),
    ),
    "chefer-relevance": (
        Part(
            "law",
            "no entry is negative, nothing from later tokens, and the identity where nothing helps",
            _relevance_law,
        ),
        Part("by hand", "the two hops of the chapter", _relevance_by_hand),
        Part("random", "as xai_helpers computes it", _relevance_random),
    ),
}

PICKS = {
    "paris-or-london": {
        "text": "The Eiffel Tower is located in the city of",
        "method": "attention_x_gradient",
        "target": Target("Paris", versus="London"),
        "planted": ("Eiffel", "Tower"),
        "note": "Planted is the subject of the fact. A minus speaks for London",
    },
}

QUESTIONS = {
    "predicted-and-lost": (
        "The gradient predicts what 'Paris, not London' loses when layer 1 can't read Eiffel. Will the true loss be like it?",
        {
            "The same: the gradient is exact": "It is exact for a tiny change. Cutting a weight to zero is not tiny.",
            "About as large, some per cent off": "In layers 2 and 3 it comes nearer to that. From layer 1 the way to the answer is longer.",
            "Much larger: the slope here is flatter than the road": "A first tenth less of Eiffel costs little, the last tenth three times as much. The road gets steeper.",
            "Much smaller: the other words stand in for Eiffel": "A good thought, and here a wrong one. Others could do so in another sentence.",
        },
        "c",
    ),
    "sink-share": (
        "Some heads give the first token more than 0.4 of their attention. What is its share in the product with the gradient?",
        {
            "Next to nothing in each of them: a sink has no effect, and so no gradient": "That is the argument, and for one of the ten it comes out so. For the others a part stays, in some a large one.",
            "Less in most of them, but rarely little": "So here the gradient reduces sinks and does not eliminate them.",
            "About the same: the gradient knows nothing of sinks": "In most of the ten cases it is clearly less.",
        },
        "b",
    ),
    "two-signals": (
        "Why does attention × gradient combine two signals?",
        {
            "A weight says what was read, the gradient whether it told": "So a token that is read without effect gets little, and so does one that would matter and is not read.",
            "The gradient corrects the errors that the softmax of attention has made": "There are none to correct. The weights are what the model computes; they answer another question.",
            "The product is more stable than either of its two factors": "A product inherits the noise of both. It is used because it asks about one answer.",
        },
        "a",
    ),
    "bare-gradient": (
        "Above the diagonal of a causal model the bare gradient is not zero. What does that mean?",
        {
            "The model looks ahead, in spite of its mask": "Its weights there are exactly zero. The gradient asks what would be if they weren't.",
            "Autograd has made an error of rounding": "The numbers are large. They are right answers to a strange question.",
            "More weight there would change the answer, if there were any": "The mask forbids it. Times the weight, zero, nothing is left of it.",
        },
        "c",
    ),
    "hook-at-the-module": (
        "A backward hook on an attention module returns an array of shape (1, tokens, width). What is it?",
        {
            "The gradient of the attention weights, averaged over heads": "That would have a row and a column for each token.",
            "The gradient at the vectors that the module gives out": "One vector for each token, after values and output projection. The weights are further inside.",
            "The gradient of the weights, folded to save memory": "Nothing was folded. A shape that surprises is a message.",
        },
        "b",
    ),
    "flat-probability": (
        "The model says Paris with 0.997. Why is the gradient of that probability nearly zero everywhere?",
        {
            "Because no word matters when the model is so sure": "Cut Eiffel and see. It matters; the probability just has no room to rise.",
            "Because of the softmax, which is flat where it is sure": "So ask about logits, or about one logit against another.",
            "Because a probability has no gradient, only a logit has": "It has one: the slope of Paris against the other answers, times p (1 - p). With p near 1 that factor is near 0.",
        },
        "b",
    ),
    "gap-of-input-x-gradient": (
        "Input × gradient has a gap of 11 where the total is 10.3. What do you conclude?",
        {
            "The implementation is wrong: scores must add up": "captum gets the same numbers. Nothing says that they must add up here.",
            "The order of the words is worthless as well": "That doesn't follow: Eiffel leads. But the scores can't be read as shares.",
            "The model isn't linear between zero and this text": "Biases and positions shift it, norms, activations and softmaxes bend it. A local slope can't see that.",
        },
        "c",
    ),
}
