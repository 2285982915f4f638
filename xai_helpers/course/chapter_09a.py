"""What chapter 09a asks: questions, and what its exercises are held to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..attention import after_earlier
from .checks import Part, differs

Array = np.ndarray
Layer = Callable[[Array], Array]


def _induction_law(score: Callable[..., Any]) -> str:
    """1 for a head that only looks there, 0 for one that looks at the token before, and blind to unrepeated queries."""
    ids = [3, 1, 4, 3, 5, 1]
    perfect, previous = np.eye(6), np.eye(6, k=-1)
    perfect[3], perfect[5] = np.eye(6)[1], np.eye(6)[2]
    previous[0, 0] = 1.0
    for attention, expected, who in (
        (perfect, 1.0, "a head that only looks at what came after"),
        (previous, 0.0, "a head that looks at the token before"),
    ):
        if wrong := differs(score(attention.copy(), list(ids)), expected, f"{who}, ids {ids}"):
            return wrong
    return ""


def _induction_by_hand(score: Callable[..., Any]) -> str:
    """Of 7 7 7 7 7: the fourth may count the second token, the fifth the second and third; the one before never."""
    even = np.tril(np.ones((5, 5))) / np.arange(1, 6)[:, None]
    where = "even attention over 7 7 7 7 7: the fourth token may count one key, the fifth two"
    return differs(score(even, [7, 7, 7, 7, 7]), (1 / 4 + 2 / 5) / 2, where)


def _induction_random(score: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    n, keys = int(rng.integers(8, 15)), np.zeros((1, 1), dtype=bool)
    while not keys.any():
        ids = rng.integers(0, 4, n).tolist()
        keys = after_earlier(ids)
    attention = np.tril(rng.exponential(size=(n, n)))
    attention /= attention.sum(-1, keepdims=True)
    expected = float((attention * keys).sum(-1)[keys.any(-1)].mean())
    return differs(score(attention.copy(), ids), expected, f"random attention, ids {ids}")


def _causal(weights: Array) -> Layer:
    """A layer that adds to each position a nonlinear mixture of what stands there and before."""
    return lambda x: x + np.tanh(np.tril(weights) @ x)


def _read(x: Array) -> float:
    return float(x[-1].sum())


def _map_law(patching: Callable[..., Any]) -> str:
    """Before the first difference exactly nothing; after the last mixing, all at the last position."""
    rng = np.random.default_rng(0)
    layers = [_causal(rng.normal(size=(5, 5))), _causal(rng.normal(size=(5, 5))), lambda x: 2 * x]
    clean = rng.normal(size=(5, 3))
    corrupted = clean.copy()
    corrupted[2] += 1.0
    found = np.asarray(patching(layers, _read, clean.copy(), corrupted.copy()), dtype=float)
    if found.shape != (3, 5):
        return f"three layers and five positions: the map has shape {found.shape}"
    where = "positions 0 and 1, which come before the changed one, in layers that read one way"
    last = "what the last layer is given, which only doubles it: everything is at the last position"
    return (
        differs(found[:, :2], np.zeros((3, 2)), where)
        or differs(found[0, 2], 1.0, "what the first layer is given at the one position that was changed")
        or differs(found[2], [0.0, 0.0, 0.0, 0.0, 1.0], last)
    )


def _map_by_hand(patching: Callable[..., Any]) -> str:
    """Two positions, width 1: the layer adds the first to the second."""
    layer = lambda x: np.array([x[0], x[0] + x[1]])  # noqa: E731
    clean, corrupted = np.array([[1.0], [4.0]]), np.array([[3.0], [0.0]])
    where = "one layer that adds the first position to the second; clean (1, 4), corrupted (3, 0)"
    # The clean run ends at 5, the corrupted at 3. The first patched gives 1, the second 7.
    return differs(patching([layer], _read, clean, corrupted), [[-1.0, 2.0]], where)


def _map_random(patching: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    layers = [_causal(rng.normal(size=(4, 4))) for _ in range(3)]
    clean, corrupted = rng.normal(size=(4, 2)), rng.normal(size=(4, 2))
    expected = np.zeros((3, 4))
    runs = []
    for x in (clean, corrupted):
        streams = [x]
        for layer in layers:
            streams.append(layer(streams[-1]))
        runs.append(streams)
    donor, base = runs
    for level, position in np.ndindex(3, 4):
        x = np.where(np.arange(4)[:, None] == position, donor[level], base[level])
        for layer in layers[level:]:
            x = layer(x)
        expected[level, position] = (_read(x) - _read(base[-1])) / (_read(donor[-1]) - _read(base[-1]))
    return differs(patching(layers, _read, clean.copy(), corrupted.copy()), expected, "three random layers")


def _logit(parts: Array, gain: Array, bias: Array, unembedding: Array) -> float:
    stream = parts.sum(axis=0)
    return float(((stream - stream.mean()) / stream.std() * gain + bias) @ unembedding)


def _drawn(rng: np.random.Generator, n: int) -> tuple[Array, Array, Array, Array]:
    return rng.normal(size=(n, 6)), rng.normal(size=6), rng.normal(size=6), rng.normal(size=6)


def _shares_law(shares: Callable[..., Any]) -> str:
    """They add up to the logit, and a part that is the same in every dimension has none."""
    parts, gain, bias, unembedding = _drawn(np.random.default_rng(1), 4)
    parts[2] = 5.0
    found = np.asarray(shares(parts.copy(), gain.copy(), bias.copy(), unembedding.copy()), dtype=float)
    if found.shape != (5,):
        return f"four parts and the bias: five shares, and not of shape {found.shape}"
    total = _logit(parts, gain, bias, unembedding)
    return differs(found.sum(), total, "the sum of the shares of four parts and the bias") or differs(
        found[2], 0.0, "a part with the same number everywhere, which the norm takes off"
    )


def _shares_by_hand(shares: Callable[..., Any]) -> str:
    """The stream is (2, -2), its deviation 2."""
    parts = np.array([[3.0, -1.0], [-1.0, -1.0]])
    found = shares(parts, np.array([1.0, 1.0]), np.array([0.5, 0.0]), np.array([1.0, 0.0]))
    return differs(found, [1.0, 0.0, 0.5], "parts (3, -1) and (-1, -1), gain 1, bias (0.5, 0), unembedding (1, 0)")


def _shares_random(shares: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    parts, gain, bias, unembedding = _drawn(rng, int(rng.integers(2, 6)))
    scale = parts.sum(axis=0).std()
    expected = [*((parts - parts.mean(axis=1, keepdims=True)) / scale * gain @ unembedding), bias @ unembedding]
    return differs(shares(parts.copy(), gain.copy(), bias.copy(), unembedding.copy()), expected, "random parts")


EXERCISES = {
    "induction-score": (
        Part("law", "1 for a perfect head, 0 for a previous-token head", _induction_law),
        Part("by hand", "even attention over five equal tokens", _induction_by_hand),
        Part("random", "as xai_helpers computes it", _induction_random),
    ),
    "patching-map": (
        Part("law", "nothing before the first difference; at last all at the last position", _map_law),
        Part("by hand", "a layer that adds two numbers", _map_by_hand),
        Part("random", "three random layers", _map_random),
    ),
    "logit-shares": (
        Part("law", "the shares add up to the logit", _shares_law),
        Part("by hand", "two parts of two numbers", _shares_by_hand),
        Part("random", "random parts", _shares_random),
    ),
}

PICKS: dict[str, dict[str, Any]] = {}

QUESTIONS: dict[str, tuple[str, dict[str, str], str]] = {
    "where-to-patch": (
        "Only the second 'John' differs between the texts. Where, before the first layer, brings the clean state 'Mary' back?",
        {
            "At 'Mary', the name that is asked for": "The state there is the same in both runs: nothing before the change knows of it.",
            "At the second 'John', and nowhere else": "Before the first layer that is all that differs. Later it has been carried elsewhere: see where.",
            "At 'to', where the answer is read": "Later, yes. Before the first layer the state at 'to' is the same in both runs.",
        },
        "b",
    ),
    "looks-at-so-uses": (
        "A head attends to the right name with weight 0.9. What follows?",
        {
            "It copies that name into the answer": "It may write anything of what it finds, or something that nothing reads.",
            "The answer depends on the head": "For that, change what it hands on, and look at the answer.",
            "It looks there, and no more": "What it hands on, and who reads it, has to be tested.",
        },
        "c",
    ),
    "ablation-of-zero": (
        "Replacing a head by its mean changes nothing. What did you learn?",
        {
            "Nothing is lost without it as long as all others are there": "As with one induction head of four. Take away all four, and the copying is gone.",
            "The head does nothing for this task": "Each of four induction heads had 0. Together they do all of it.",
            "Its mean is the same as its output here": "Possible, and not what happened in the example: another did its work.",
        },
        "a",
    ),
    "noising-denoising": (
        "A component has effect 1 by denoising, and hardly changes anything by noising. How can that be?",
        {
            "One of the two was computed wrongly": "They ask different questions, so their answers may differ.",
            "It is enough for the answer, and another can do the same": "Denoising finds what is enough, noising what is needed.",
            "It is needed for the answer, but not enough": "Then it would be the other way round.",
        },
        "b",
    ),
    "direct-nothing": (
        "A head has no part in the logit by direct attribution, and is the most important one by patching. Why?",
        {
            "It writes what later heads read": "The previous-token head tells others where to look. None of that is its own direct part.",
            "The norm's scale was held, which hides it": "The scale divides all parts alike. It makes none of them vanish.",
            "Patching measures noise in such a case": "The effect came back on sixty held-out prompts.",
        },
        "a",
    ),
    "lens-says-nonsense": (
        "After the first layer, the logit lens shows a word that fits nothing. What does the model believe there?",
        {
            "That word, with the probability shown": "Nobody but the last layers reads the stream by the unembedding. It was written for other readers.",
            "Nothing yet: the layer has no prediction": "On held-out texts the tuned lens is far nearer to the answer there, so something can be read off.",
            "That can't be read off in these coordinates": "A translator helps. What it finds could be read off, which does not mean that the model reads it.",
        },
        "c",
    ),
}
