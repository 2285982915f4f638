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


Text = tuple[Array, Array, Array]


def _texts(rng: np.random.Generator, n: int, lengths: list[int], noise: float) -> list[Text]:
    """Texts whose last state is the affine image of the state before, but for noise; ids are what it is read as."""
    weights, shift = rng.normal(size=(3, 4)), rng.normal(size=4)
    texts = []
    for length in (lengths * n)[:n]:
        states = rng.normal(size=(length, 3))
        last = rng.normal(size=(length, 4))
        last[1:] = states[:-1] @ weights + shift + noise * rng.normal(size=(length - 1, 4))
        ids = np.concatenate([rng.integers(0, 4, 1), last[:-1].argmax(axis=1)])
        texts.append((states, last, ids))
    return texts


def _most(last: Array) -> Array:
    return np.asarray(last).argmax(axis=-1)


def _foretold_law(foretold: Callable[..., Any]) -> str:
    """Where the next last state is an affine image of this state, all is foretold, and nothing by other ids."""
    texts = _texts(np.random.default_rng(0), 12, [5, 9], 0.0)
    shuffled = [(states, last, (ids + 1) % 4) for states, last, ids in texts]
    where = "last states that are an affine image of the state before"
    return differs(foretold(texts[:8], texts[8:], _most), 1.0, where) or differs(
        foretold(texts[:8], shuffled[8:], _most), 0.0, f"{where}, and ids that are never what is read"
    )


def _foretold_by_hand(foretold: Callable[..., Any]) -> str:
    """Width 1: the next last state is twice this state plus 1; read rounds it."""
    fitted = [(np.array([[0.0], [1.0], [5.0]]), np.array([[9.0], [1.0], [3.0]]), np.array([0, 0, 0]))]
    held_out = [(np.array([[2.0], [3.0], [7.0], [8.0]]), np.zeros((4, 1)), np.array([5, 5, 5, 6]))]
    where = "states 0, 1 and last states 1, 3 one place on; then states 2, 3, foretold 5 and 7, and ids 5, 6"
    return differs(foretold(fitted, held_out, lambda last: np.rint(last[:, 0]).astype(int)), 0.5, where)


def _foretold_random(foretold: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    texts = _texts(rng, 14, [4, 11, 6], 1.0)
    fitted, held_out = texts[:9], texts[9:]
    now = np.concatenate([states[:-1] for states, _, _ in fitted])
    following = np.concatenate([last[1:] for _, last, _ in fitted])
    # Another way to the same map: without the means no intercept is needed.
    weights = np.linalg.lstsq(now - now.mean(0), following - following.mean(0), rcond=None)[0]
    hits = [_most((states[:-2] - now.mean(0)) @ weights + following.mean(0)) == ids[2:] for states, _, ids in held_out]
    return differs(foretold(fitted, held_out, _most), np.concatenate(hits).mean(), "random states with noise")


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
    "foretold": (
        Part("law", "all is foretold where the next last state is an affine image", _foretold_law),
        Part("by hand", "one number a state", _foretold_by_hand),
        Part("random", "random states with noise", _foretold_random),
    ),
}

PICKS: dict[str, dict[str, Any]] = {}

QUESTIONS: dict[str, tuple[str, dict[str, str], str]] = {
    "where-to-patch": (
        "Where must the clean state be put, to get 'Mary' back: before the first layer, and before the last one?",
        {
            "Both times at 'Mary', the name that is asked for": "The state there is the same in both runs: nothing before the change knows of it.",
            "Both times at 'to', where the answer is read": "Before the last layer, yes. Before the first one, the state at 'to' is the same in both runs.",
            "First at the second 'John', at last at 'to'": "Before the first layer the runs differ at that one token. What matters of it is carried to where it is read.",
        },
        "c",
    ),
    "looks-at-so-uses": (
        "A head attends to the right name with weight 0.9. What has still to be shown, before one says that it copies the name?",
        {
            "That its weight is as high on other prompts": "Then it looks there on other prompts, too. What it hands on is still unknown.",
            "What it hands on, and that the answer changes with it": "It may write anything of what it finds, or something that nothing reads.",
            "That no other head attends to the name": "Others may as well, as four induction heads do. That speaks neither for nor against this one.",
        },
        "b",
    ),
    "ablation-of-zero": (
        "Replacing a head by its mean changes nothing. What did you learn?",
        {
            "Nothing is lost without it as long as all others are there": "As with one induction head of four. Without all four the copying was gone.",
            "The head does nothing for this task": "Each of four induction heads cost next to nothing, and without all four the copying was gone.",
            "Its output hardly depends on the text": "For the induction heads it does: each of them alone brought back some 0.4.",
        },
        "a",
    ),
    "noising-denoising": (
        "A component has effect 0.6 by denoising, and nothing is lost by noising it. How can that be?",
        {
            "Denoising counts what other components add later": "Both let all later layers run. They differ in the run that is patched into.",
            "It goes far alone, and another can do the same": "Denoising finds what is enough, noising what is needed. The induction heads were nearly such a case.",
            "It is needed for the answer, but not enough": "Then noising would show it, and denoising might not.",
        },
        "b",
    ),
    "direct-nothing": (
        "A head adds nearly nothing to the logit directly, and by patching it is the most important one. Why?",
        {
            "It writes what later heads read": "What those heads then write counts as theirs. Patching lets them run again.",
            "The norm's scale was held, which hides its part": "The scale divides all parts alike. It makes none of them vanish.",
            "It writes a lot, in directions that the other heads take away again": "Then its direct part would be large, and theirs would have the other sign.",
        },
        "a",
    ),
    "lens-says-nonsense": (
        "After the first layer, the logit lens shows a word that fits nothing. What may you conclude?",
        {
            "That the model holds this word for the answer by then": "The layer wrote for the layers after it, not for the unembedding. The lens reads it as if it had.",
            "That the layer knows nothing of the answer yet": "Patching may show that it is there, at another token, or in other coordinates.",
            "That the answer isn't there in the coordinates of the last layer": "Another lens may find it. And what a lens finds, the model need not use.",
        },
        "c",
    ),
}
