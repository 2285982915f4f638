"""What chapter 01 asks: words to pick, questions, and what its exercises are held to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..attention import discard_weakest, mix, normalise_rows, rollout
from ..laws import row_sums
from .checks import Part, differs


def _attention(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Causal attention of the given shape (..., n): random weights, each row summing to 1."""
    weights = np.tril(rng.random((*shape, shape[-1])) + 0.05)
    return weights / weights.sum(-1, keepdims=True)


def _batch_law(rollout_of: Callable[..., Any]) -> str:
    rng = np.random.default_rng(0)
    result = np.asarray(rollout_of([_attention(rng, 2, 3, 5) for _ in range(3)]), dtype=np.float64)
    if result.shape != (2, 5, 5):
        return f"two texts of five tokens: the shape should be (2, 5, 5), got {result.shape}"
    return differs(row_sums(result), 0.0, "rows of two texts: the largest deviation of a sum from 1")


def _batch_by_hand(rollout_of: Callable[..., Any]) -> str:
    """One head, two layers, three tokens: token 2 looks at token 1 above, token 1 at token 0 below."""
    below = np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    above = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    expected = [[[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.25, 0.25, 0.5]]]
    return differs(rollout_of([below[None, None], above[None, None]]), expected, "three tokens, two layers")


def _batch_random(rollout_of: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    # Of one head the mean is the maximum; causal matrices of two tokens commute.
    batch, heads, n, layers = (int(size) for size in rng.integers((2, 2, 3, 2), 5))
    attentions = [_attention(rng, batch, heads, n) for _ in range(layers)]
    expected = [rollout(mix(np.stack([layer[text] for layer in attentions]))) for text in range(batch)]
    where = f"{layers} layers, {batch} texts, {heads} heads, {n} tokens"
    return differs(rollout_of([layer.copy() for layer in attentions]), np.stack(expected), where)


def _discard_law(discard: Callable[..., Any]) -> str:
    rng = np.random.default_rng(0)
    for share in (0.0, 0.5, 0.9, 0.99):
        result = np.asarray(discard(_attention(rng, 6), share), dtype=np.float64)
        if wrong := differs(result.sum(-1), np.ones(6), f"share {share}: the sum of each row"):
            return wrong
    return ""


def _discard_by_hand(discard: Callable[..., Any]) -> str:
    weights = np.array([[1.0, 0.0, 0.0, 0.0], [0.25, 0.75, 0.0, 0.0], [0.2, 0.3, 0.5, 0.0], [0.1, 0.2, 0.3, 0.4]])
    expected = np.array(
        [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.375, 0.625, 0.0], [0.0, 0.0, 3 / 7, 4 / 7]]
    )
    return differs(discard(weights.copy(), 0.5), expected, "four tokens, share 0.5") or differs(
        discard(weights.copy(), 0.0), weights, "four tokens, share 0"
    )


def _discard_random(discard: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    n, share = int(rng.integers(3, 9)), float(rng.uniform(0, 0.95))
    weights = _attention(rng, n)
    expected = normalise_rows(discard_weakest(weights, share))
    return differs(discard(weights.copy(), share), expected, f"{n} tokens, share {share:.3f}")


def _find_law(positions: Callable[..., Any]) -> str:
    pieces = ["The", "Ġcat", "Ġand", "Ġthe", "Ġcat", "s", "Ġscat", "ter"]
    for word in ("The", "cat", "and", "the"):
        found = list(positions(list(pieces), word))
        wrong = [i for i, piece in enumerate(pieces) if (i in found) != (piece.removeprefix("Ġ") == word)]
        if wrong:
            return f"{word!r} in {pieces}: wrong about place {wrong[0]}"
    return ""


def _find_by_hand(positions: Callable[..., Any]) -> str:
    pieces = "The Ġcat Ġsat Ġon Ġthe Ġmat Ġbecause Ġit Ġwas Ġvery Ġtired".split()
    for word, expected in {"it": [7], "The": [0], "dog": []}.items():
        if list(positions(list(pieces), word)) != expected:
            return f"{word!r} in {pieces}: expected {expected}, got {positions(list(pieces), word)}"
    return ""


def _find_random(positions: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    words = ["it", "bit", "a", "cat", "its"]
    pieces = [str(rng.choice(["", "Ġ"])) + words[int(i)] for i in rng.integers(0, len(words), 9)]
    word = words[int(rng.integers(0, len(words)))]
    expected = [i for i, piece in enumerate(pieces) if piece in (word, "Ġ" + word)]
    got = list(positions(list(pieces), word))
    return "" if got == expected else f"{word!r} in {pieces}: expected {expected}, got {got}"


EXERCISES = {
    "find-a-word": (
        Part("law", "all places of the word, and no other place", _find_law),
        Part("by hand", "the cat sentence", _find_by_hand),
        Part("random", "pieces drawn at random", _find_random),
    ),
    "rollout-of-a-batch": (
        Part("law", "rows sum to 1, for each text of a batch", _batch_law),
        Part("by hand", "the three tokens of the chapter", _batch_by_hand),
        Part("random", "as xai_helpers computes it, text by text", _batch_random),
    ),
    "discard-by-row": (
        Part("law", "no row is emptied: rows sum to 1, whatever is discarded", _discard_law),
        Part("by hand", "four rows worked by hand", _discard_by_hand),
        Part("random", "as xai_helpers computes it", _discard_random),
    ),
}

PICKS = {
    "eiffel-tower-last-layer": {
        "text": "The Eiffel Tower is located in the city of",
        "method": "raw_attention",
        "planted": ("Eiffel", "Tower"),  # the subject of the fact
    },
}

QUESTIONS = {
    "even-layer": (
        "In one layer, all heads attend evenly. In which layers is Paris then lost?",
        {
            "In all of them": "Then every layer's attention would be needed. The next cell shows that two are not.",
            "In the last two, where the answer is read": "A good guess, and wrong here: what the last token needs has arrived before. The last two layers' attention may be anything.",
            "In layer 1 only": "Layer 1 carries it. In layer 0 even attention is close enough to what the model needs.",
            "In none: attention is no explanation": "That holds for three of the four layers. In the fourth, Paris is gone.",
        },
        "c",
    ),
    "rollout-or-raw": (
        "What does attention rollout capture that the raw attention of one layer does not?",
        {
            "Paths over several layers: what a token read from may itself have read from others": "The product of the layers sums over all such paths, the residual connections included.",
            "How much each token changes the output": "No output is asked about. Rollout follows weights only, so it can't say what a token did to the answer.",
            "What the values and the MLPs do": "It ignores both. Two models with the same weights of attention and different values have the same rollout.",
        },
        "a",
    ),
    "rows-that-sum-to-one": (
        "All rows of a published rollout sum to 1. What follows?",
        {
            "It is right": "All weight on the first token also sums to 1, and so did the row that no causal model can produce.",
            "Not much: rows that broke it would be wrong, rows that keep it may be": "A law can refute. It takes more laws, a case by hand and a random case to identify a method.",
            "That the model is causal": "Rows of a bidirectional model sum to 1 as well.",
        },
        "b",
    ),
    "flow-above-rollout": (
        "A token has rollout 0.25 and flow 0.5. How can that be?",
        {
            "One of them is computed wrongly": "Flow is never below rollout, and mostly above it: it may use pipes that rollout shares among all tokens.",
            "Flow counts the heads separately": "Both start from the same fused matrices.",
            "Flow lets each token use the whole network for itself; rollout shares it out": "So rollout's scores sum to 1, and flow's do not.",
        },
        "c",
    ),
    "even-last-layer": (
        "With even attention in the last layer the model still says Paris. What have you shown?",
        {
            "That attention is not an explanation": "For one layer, one change and one sentence. In layer 1 the same change lost the answer.",
            "That this answer does not depend on where the last layer attends": "Just that, and for this sentence. A heatmap of those weights can't explain this answer.",
            "That the last layer does nothing": "Its MLP and its values were left as they are. Only the weights were changed.",
        },
        "b",
    ),
    "deep-rollout": (
        "In a decoder with 24 layers, rollout gives the first token nearly everything. What do you conclude?",
        {
            "The first token decides the answer": "Even heads give it nearly everything too. The control shows that the number says nothing about the model.",
            "The first token is an attention sink": "It may be one. But rollout can't tell you: heads that attend evenly lead to the same picture.",
            "Nothing, before I have seen what heads without any preference give": "A control before a conclusion. Look at the difference between the two.",
        },
        "c",
    ),
}
