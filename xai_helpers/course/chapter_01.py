"""What the exercises of chapter 01 are held to."""

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
    "find-a-word": (
        Part("law", "all places of the word, and no other place", _find_law),
        Part("by hand", "the cat sentence", _find_by_hand),
        Part("random", "pieces drawn at random", _find_random),
    ),
}
