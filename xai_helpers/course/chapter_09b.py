"""What chapter 09b asks: questions, and what its exercises are held to."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .checks import Part, differs

Array = np.ndarray
Value = Callable[[frozenset[str]], float]
Predict = Callable[[Array], Array]


def _effects(effects: Callable[..., Any], *given: Any) -> tuple[Any, Any]:
    """(estimates, exact), of fresh copies."""
    found = effects(*(x.copy() if isinstance(x, np.ndarray) else x for x in given))
    estimates, exact = found
    return estimates, exact


def _edges_law(effects: Callable[..., Any]) -> str:
    """Where the reader is linear, the estimate is exact, and all effects add up to the way between the runs."""
    rng = np.random.default_rng(0)
    weights, clean, corrupted = rng.normal(size=4), rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    estimates, exact = _effects(effects, lambda x: float(x @ weights), lambda x: weights, clean, corrupted)
    where = "a linear reader of three writers"
    return differs(estimates, np.asarray(exact, dtype=float), f"{where}: the estimates") or differs(
        np.sum(exact), float((clean - corrupted).sum(axis=0) @ weights), f"{where}: the sum of the effects"
    )


def _edges_by_hand(effects: Callable[..., Any]) -> str:
    """The reader multiplies its two numbers: from (2, 1) to (4, 2) and to (2, 3)."""
    clean, corrupted = np.array([[3.0, 2.0], [1.0, 2.0]]), np.array([[1.0, 1.0], [1.0, 0.0]])
    estimates, exact = _effects(effects, lambda x: float(x[0] * x[1]), lambda x: x[::-1].copy(), clean, corrupted)
    where = "a reader that multiplies; corrupted (1, 1) and (1, 0), clean (3, 2) and (1, 2)"
    return differs(exact, [6.0, 4.0], f"{where}: exactly") or differs(estimates, [4.0, 4.0], f"{where}: to first order")


def _edges_random(effects: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    n, width = int(rng.integers(2, 6)), int(rng.integers(2, 5))
    weights, clean, corrupted = rng.normal(size=width), rng.normal(size=(n, width)), rng.normal(size=(n, width))

    def value(x: Array) -> float:
        return float((x @ weights) ** 2)

    def slope(x: Array) -> Array:
        return 2 * (x @ weights) * weights

    base = corrupted.sum(axis=0)
    estimates, exact = _effects(effects, value, slope, clean, corrupted)
    expected = [value(base + gain) - value(base) for gain in clean - corrupted]
    where = f"a square of a sum of {n} writers"
    return differs(exact, expected, f"{where}: exactly") or differs(
        estimates, (clean - corrupted) @ slope(base), f"{where}: to first order"
    )


def _kept(found: Any, expected: set[str], where: str) -> str:
    got = set(found)
    return "" if got == expected else f"{where}: expected {sorted(expected)}, got {sorted(got)}"


def _prune_law(prune: Callable[..., Any]) -> str:
    """Where every edge is worth the same whoever is there, those stay that are worth the threshold."""
    for worth, threshold in (
        ({"a": 0.4, "b": 0.4, "c": 0.4}, 0.5),
        ({"a": 1.0, "b": -2.0, "c": 0.6, "d": 0.1}, 0.5),
        ({"a": 0.3, "b": 0.2, "c": 0.1}, 0.15),
    ):
        found = prune(lambda kept, worth=worth: sum(worth[edge] for edge in kept), list(worth), threshold)
        expected = {edge for edge, gain in worth.items() if gain >= threshold}
        if wrong := _kept(found, expected, f"edges worth {worth}, threshold {threshold}"):
            return wrong
    return ""


def _prune_by_hand(prune: Callable[..., Any]) -> str:
    """a does it together with either b or c: c goes first, then b can't."""
    found = prune(lambda kept: float("a" in kept and bool(kept & {"b", "c"})), ["a", "b", "c"], 0.5)
    return _kept(found, {"a", "b"}, "a with b or with c is worth 1; edges a, b, c; threshold 0.5")


def _prune_random(prune: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    edges, threshold = list("abcdef")[: int(rng.integers(4, 7))], float(rng.uniform(0.1, 0.4))
    table: dict[frozenset[str], float] = {}

    def value(kept: frozenset[str]) -> float:
        return table.setdefault(frozenset(kept), float(rng.random()))

    left = set(edges)
    for edge in reversed(edges):
        if value(frozenset(left)) - value(frozenset(left - {edge})) < threshold:
            left.remove(edge)
    return _kept(
        prune(value, list(edges), threshold), left, f"a random game of {len(edges)}, threshold {threshold:.2f}"
    )


def _one_label_each(words: Sequence[str], labels: Sequence[str], control: Sequence[str]) -> str:
    if len(control) != len(words):
        return f"{len(words)} words and {len(control)} labels"
    if strange := set(control) - set(labels):
        return f"labels that the property hasn't: {sorted(strange)}"
    given: dict[str, str] = {}
    for word, label in zip(words, control, strict=True):
        if given.setdefault(word, label) != label:
            return f"{word!r} is once {given[word]!r} and once {label!r}"
    return ""


def _control_law(control: Callable[..., Any]) -> str:
    """One label for each word, by chance, and each label as often as in the property."""
    words = [f"w{i}" for i in range(3000)]
    labels = ["NOUN"] * 2100 + ["VERB"] * 600 + ["ADJ"] * 300
    found = list(control(list(words), list(labels), np.random.default_rng(0)))
    if wrong := _one_label_each(words, labels, found):
        return wrong
    again = list(control(list(words), list(labels), np.random.default_rng(1)))
    if again == found:
        return "another generator gives the same labels: they are not drawn"
    for label, share in (("NOUN", 0.7), ("VERB", 0.2), ("ADJ", 0.1)):
        if wrong := differs(found.count(label) / 3000, share, f"{label}: its share of 3,000 words", tolerance=0.05):
            return wrong
    alike = float(np.mean([a == b for a, b in zip(found, labels, strict=True)]))
    return differs(alike, 0.7**2 + 0.2**2 + 0.1**2, "how often control and property agree", tolerance=0.06)


def _control_by_hand(control: Callable[..., Any]) -> str:
    """A word that is said a hundred times gets one label, whatever it was each time."""
    words, labels = ["run"] * 100 + ["cat"], ["VERB", "NOUN"] * 50 + ["NOUN"]
    for seed in range(5):
        if wrong := _one_label_each(words, labels, list(control(words, labels, np.random.default_rng(seed)))):
            return wrong
    alone = list(control(["cat", "dog"], ["NOUN", "NOUN"], np.random.default_rng(0)))
    return "" if alone == ["NOUN", "NOUN"] else f"where all are nouns: expected two nouns, got {alone}"


def _control_random(control: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    words = [f"w{i}" for i in rng.integers(0, 400, 3000)]
    labels = rng.choice(["A", "B", "C"], 3000, p=[0.6, 0.3, 0.1]).tolist()
    found = list(control(list(words), list(labels), rng))
    if wrong := _one_label_each(words, labels, found):
        return wrong
    each = Counter(dict(zip(words, found, strict=True)).values())
    return differs(each["A"] / 400, 0.6, "400 words, three in five of A: A's share of the words", tolerance=0.15)


def _even(n_classes: int) -> Callable[[Array, Array], Predict]:
    return lambda states, labels: lambda x: np.full((len(x), n_classes), 1 / n_classes)


def _code_law(length: Callable[..., Any]) -> str:
    """Who learns nothing sends everything at full length; who knows all sends the first block alone."""
    labels = np.array([0, 3, 1, 2, 2, 0, 1, 3, 3, 0])
    states = labels[:, None].astype(float)

    def sure(seen: Array, known: Array) -> Predict:
        return lambda x: np.eye(4)[x[:, 0].astype(int)]

    return differs(length(_even(4), states, labels, [2, 5, 10], 4), 20.0, "ten labels of four, and no idea") or differs(
        length(sure, states, labels, [2, 5, 10], 4), 4.0, "ten labels of four, known after the first two"
    )


def _code_by_hand(length: Callable[..., Any]) -> str:
    """The share of each label so far: after 0 0 1 it is 2/3 and 1/3."""

    def shares(seen: Array, known: Array) -> Predict:
        return lambda x: np.tile(np.bincount(known, minlength=2) / len(known), (len(x), 1))

    labels = np.array([0, 0, 1, 0, 1])
    found = length(shares, np.zeros((5, 1)), labels, [3, 4, 5], 2)
    # three bits; then 0 at 2/3; then 1, of 0 0 1 0, at 1/4
    return differs(found, 3 + np.log2(1.5) + 2, "labels 0 0 1, 0, 1, guessed by their shares so far")


def _code_random(length: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    n, n_classes = int(rng.integers(20, 40)), int(rng.integers(2, 5))
    states, labels = rng.normal(size=(n, 3)), rng.integers(0, n_classes, n)
    ends = [4, 9, 15, n]

    def fit(seen: Array, known: Array) -> Predict:
        weights = np.stack([seen[known == c].sum(axis=0) for c in range(n_classes)])

        def predict(x: Array) -> Array:
            raised = np.exp(0.3 * x @ weights.T)
            return raised / raised.sum(axis=1, keepdims=True)

        return predict

    bits = ends[0] * np.log2(n_classes)
    for start, end in itertools.pairwise(ends):
        chances = fit(states[:start], labels[:start])(states[start:end])
        bits -= np.log2(chances[np.arange(end - start), labels[start:end]]).sum()
    return differs(length(fit, states.copy(), labels.copy(), ends, n_classes), bits, f"{n} labels in four blocks")


EXERCISES = {
    "edge-effects": (
        Part("law", "a linear reader: the estimate is exact, and effects add up", _edges_law),
        Part("by hand", "a reader that multiplies", _edges_by_hand),
        Part("random", "a reader that squares", _edges_random),
    ),
    "prune": (
        Part("law", "where edges don't depend on each other, those worth the threshold stay", _prune_law),
        Part("by hand", "one of two stand-ins", _prune_by_hand),
        Part("random", "a game without any rule", _prune_random),
    ),
    "control-labels": (
        Part("law", "one label for each word, drawn as often as in the property", _control_law),
        Part("by hand", "a word said a hundred times", _control_by_hand),
        Part("random", "random words", _control_random),
    ),
    "code-length": (
        Part("law", "no idea: full length; all known: the first block", _code_law),
        Part("by hand", "labels guessed by their shares so far", _code_by_hand),
        Part("random", "random states in four blocks", _code_random),
    ),
}

PICKS: dict[str, dict[str, Any]] = {}

QUESTIONS: dict[str, tuple[str, dict[str, str], str]] = {
    "ink-or-time": (
        "'Blue ink. Yesterday the old farmer ...': at 'Yesterday' a probe reads off both the ink and the time without an error. Which of the two does the verb's form depend on?",
        {
            "On both: what a layer holds, it holds for a reason": "Much is carried along that this answer does not depend on.",
            "On the time; of the ink nothing follows from the probe": "A probe shows that something can be read, and not that the model reads it.",
            "On neither, for a probe is trained and the model is not": "A probe also finds what nothing reads. Still the verb depends on something: change the time, and it changes.",
        },
        "b",
    ),
    "estimate-of-zero": (
        "Edge attribution gives an edge 0. What follows?",
        {
            "That a small step towards the other text changes nothing": "So it is for attention that is sure of its place: only a large change moves it.",
            "That the edge may be left out": "Of the copier's five edges three had next to nothing, and without any one of them it fails.",
            "That reader and writer are not connected": "Edges that don't exist have no score at all.",
        },
        "a",
    ),
    "left-in-the-circuit": (
        "ACDC leaves two of four induction heads: none of the edges that it took away cost as much as its threshold. What did you find?",
        {
            "The two heads that copy; the others do something else": "Each of the four does. Two of them were enough for this threshold.",
            "One set of edges that is enough; others may be, too": "In another order, others might have stayed. Completeness says how far circuit and model differ.",
            "All that takes part, but for edges that do little": "What stands in for something else is taken away without a loss, as long as that is there.",
        },
        "b",
    ),
    "why-random-circuits": (
        "A circuit keeps 0.9 of the logit difference on prompts that it was found on. What is missing?",
        {
            "That it keeps more than 0.95, as a real circuit would": "How much is enough is a convention. Without a comparison no number says anything.",
            "That each of its edges is needed, or it is no circuit": "Minimality is worth knowing. But a circuit with a spare edge still explains.",
            "What it keeps on new prompts, and what random circuits keep": "It may fit its prompts. And with edges enough, any circuit keeps much.",
        },
        "c",
    ),
    "probe-and-control": (
        "A probe names the part of speech with accuracy 0.97. On the control task, random labels for each word, it reaches 0.92. What do you know?",
        {
            "That the layer knows parts of speech nearly perfectly": "The probe could learn words by heart. How much of the 0.97 is that, these two numbers don't say.",
            "That the probe is broken, for random labels can't be learnt": "They can: each word has one. It is what the control is for.",
            "That much of it may be words learnt by heart by the probe": "Selectivity, the difference, is 0.05. Split by word, or take a smaller probe, and ask again.",
        },
        "c",
    ),
    "erased-and-nothing": (
        "A property is erased, so that no linear probe finds it, and the answers stay as they were. What follows?",
        {
            "That what was erased there is not needed for these answers": "On these prompts and at this layer. It may be held in another way as well, and read from there.",
            "That the model doesn't know the property": "Probes found it before. It may be used for other answers.",
            "That probes of this property find nothing real": "They found something that is there. That it is used was never their claim.",
        },
        "a",
    ),
}
