"""What chapter 01 asks: words to pick, questions, and what its exercises are held to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..attention import discard_weakest, even_attention, mix, normalise_rows, rollout
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


def _evenness(attention: np.ndarray) -> float:
    seen = [row[row > 0] for row in attention]
    return float(np.mean([-(row * np.log(row)).sum() / np.log(len(row)) for row in seen if len(row) > 1]))


def _evenness_law(evenness: Callable[..., Any]) -> str:
    for n in (2, 5, 30):
        if wrong := differs(evenness(even_attention(n)), 1.0, f"a perfectly even head, {n} tokens"):
            return wrong
    return differs(evenness(even_attention(6, causal=False)), 1.0, "a perfectly even head that is not causal, 6 tokens")


def _evenness_by_hand(evenness: Callable[..., Any]) -> str:
    """Row 1 reads two tokens in the ratio 1 to 3: (log 4 - 3/4 log 3) / log 2 = 0.8113; row 2 reads one almost only."""
    weights = np.array([[1.0, 0.0], [0.25, 0.75]])
    sharp = np.array([[1.0, 0.0, 0.0], [1e-12, 1.0 - 1e-12, 0.0], [1e-12, 1e-12, 1.0 - 2e-12]])
    return differs(evenness(weights), 2 - 0.75 * np.log2(3), "two tokens, the second reads them 1 to 3") or differs(
        evenness(sharp), 0.0, "three tokens that read next to nothing but themselves"
    )


def _evenness_random(evenness: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    n = int(rng.integers(3, 9))
    weights = _attention(rng, n) ** int(rng.integers(1, 4))
    weights /= weights.sum(-1, keepdims=True)
    return differs(evenness(weights.copy()), _evenness(weights), f"{n} tokens")


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
    "evenness": (
        Part("law", "a perfectly even head has 1, at any length", _evenness_law),
        Part("by hand", "two tokens read 1 to 3, and a head that reads one token", _evenness_by_hand),
        Part("random", "as computed here", _evenness_random),
    ),
}

PICKS = {
    "eiffel-tower-last-layer": {
        "text": "The Eiffel Tower is located in the city of",
        "method": "raw_attention",
        "planted": ("Eiffel", "Tower"),
        "note": "Planted is the subject of the fact: by the grammar it alone fixes the answer",
    },
}

QUESTIONS = {
    "even-layer": (
        "After 'The Eiffel Tower is located in the city of': one layer's heads all attend evenly. In which layers is Paris lost?",
        {
            "In every layer: attention is how it knows": "Then each layer's attention would be needed. For this sentence three of the four are not.",
            "In the last two, where the answer is read": "A good guess, and wrong here: what the last token needs has arrived before.",
            "In layer 1, and in no other": "Layer 1 carries it. Even attention in layer 0 costs a little of it, in layers 2 and 3 nothing.",
            "In none of them": "That holds for three of the four layers. In the fourth, Paris is gone.",
        },
        "c",
    ),
    "rollout-or-raw": (
        "What does attention rollout capture that the raw attention of one layer does not?",
        {
            "Paths over several layers, residual connections included": "What a token read from may itself have read from others; the product of the layers adds up all such paths.",
            "How much each token contributes to the model's output": "No output is asked about. Rollout follows weights only, so it can't say what a token did to the answer.",
            "What the values and the MLPs do with what is read": "It ignores both. Two models with the same attention weights and different values have the same rollout.",
        },
        "a",
    ),
    "rows-that-sum-to-one": (
        "All rows of a published rollout sum to 1. What follows?",
        {
            "It was computed correctly, for that is its law": "All weight on the first token also sums to 1, and so did the row that no causal model can produce.",
            "Not much: a wrong one may sum to 1 too": "A law can refute. It takes more laws, a case by hand and a random case to identify a method.",
            "That no weight was lost to the values and the MLPs": "Rollout doesn't look at either. Its rows sum to 1 whatever they do.",
        },
        "b",
    ),
    "flow-above-rollout": (
        "A token has rollout 0.25 and flow 0.5. How can that be?",
        {
            "One of them is wrong: both start from the same weights": "They do, and ask different questions of them. Flow is never below rollout, and mostly above it.",
            "Flow counts the heads one by one, rollout their mean": "Both start from the same fused matrices, one for each layer.",
            "Flow gives each token the whole network, rollout a share": "So rollout's scores sum to 1, and flow's do not.",
        },
        "c",
    ),
    "even-last-layer": (
        "With even attention in the last layer the model still says Paris. What have you shown?",
        {
            "That attention is not an explanation, as the paper says": "For one layer, one change and one sentence. In layer 1 the same change lost the answer.",
            "That this answer survives that change in that layer": "Just that. A heatmap of those weights can't explain what stays when they are gone.",
            "That the last layer does nothing for this answer": "Its MLP and its values were left as they are. Only the weights were changed.",
        },
        "b",
    ),
    "one-head-at-a-time": (
        "You permute each head of a layer, one at a time, and the answer stays. What may you conclude?",
        {
            "The layer's attention does not matter to this answer": "In layer 1 each head cost little, and all four together cost nearly everything.",
            "The layer's heads all look at the same tokens": "They might, or they might not. The test saw outputs, not patterns.",
            "No head of it is needed as long as the others stand": "Heads can stand in for each other. Only changing them together tells more.",
        },
        "c",
    ),
    "deep-rollout": (
        "In a decoder with 24 layers, rollout gives the first token nearly everything. What do you conclude?",
        {
            "The first token decides what the model says": "Heads that attend evenly give it nearly everything too. Nothing has been said about the answer.",
            "The first token is an attention sink in this model": "It may be one. But heads that attend evenly lead to the same picture.",
            "Little: heads without any preference give the same": "A control before a conclusion. Look at the difference between the two.",
        },
        "c",
    ),
}
