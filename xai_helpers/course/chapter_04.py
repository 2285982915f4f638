"""What chapter 04 asks: words to pick, questions, and what its exercises are held to."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..attribution import Target
from ..surrogates import shapley_values
from .checks import Part, differs

Play = Callable[[Sequence[bool]], float]


def _table(n: int, rng: np.random.Generator) -> tuple[Play, np.ndarray]:
    """A game of random values, and those values (2^n) by the binary digits of who is there."""
    table = rng.normal(size=2**n)

    def play(kept: Sequence[bool]) -> float:
        if len(kept) != n:
            raise ValueError(f"the game has {n} players; it was given {len(kept)} booleans")
        return float(table[sum(1 << i for i, there in enumerate(kept) if there)])

    return play, table


def _linear(worth: np.ndarray) -> Play:
    return lambda kept: 2.0 + float(np.asarray(kept, dtype=bool) @ worth)


def _either(kept: Sequence[bool]) -> float:
    """The chapter's model of one line: 4 if player 0 or 1 is there."""
    return 4.0 if kept[0] or kept[1] else 0.0


def _both(kept: Sequence[bool]) -> float:
    return 6.0 if kept[0] and kept[2] else 0.0


def _left_out_law(leave_each_out: Callable[..., Any]) -> str:
    worth = np.array([1.0, -2.0, 0.0, 5.0])
    return differs(leave_each_out(_linear(worth), 4), worth, "2 + 1a - 2b + 0c + 5d")


def _left_out_by_hand(leave_each_out: Callable[..., Any]) -> str:
    return differs(leave_each_out(_either, 3), [0, 0, 0], "4 if a or b") or differs(
        leave_each_out(_both, 3), [6, 0, 6], "6 if a and c"
    )


def _left_out_random(leave_each_out: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    n = int(rng.integers(2, 7))
    play, table = _table(n, rng)
    expected = [table[-1] - table[2**n - 1 - (1 << i)] for i in range(n)]
    return differs(leave_each_out(play, n), expected, f"a random game of {n}")


def _shapley_law(shapley_of: Callable[..., Any]) -> str:
    """Efficiency, and the idle player gets nothing."""
    play, table = _table(4, np.random.default_rng(0))
    scores = np.asarray(shapley_of(play, 4), dtype=np.float64)
    if scores.shape != (4,):
        return f"four players: the shape should be (4,), got {scores.shape}"
    if wrong := differs(scores.sum(), table[-1] - table[0], "the sum of a random game's shares"):
        return wrong
    idle = shapley_of(lambda kept: play([kept[0], kept[1], True, kept[3]]), 4)
    return differs(np.asarray(idle)[2], 0.0, "a player who changes nothing")


def _shapley_by_hand(shapley_of: Callable[..., Any]) -> str:
    """Gloves: one left, two right ones; a pair is worth 6."""
    return differs(shapley_of(_either, 3), [2, 2, 0], "4 if a or b") or differs(
        shapley_of(lambda kept: 6.0 if kept[0] and (kept[1] or kept[2]) else 0.0, 3),
        [4, 1, 1],
        "6 if a and (b or c)",
    )


def _shapley_random(shapley_of: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    n = int(rng.integers(3, 6))
    play, table = _table(n, rng)
    expected = shapley_values(lambda kept: table[kept.astype(int) @ (1 << np.arange(n))], n)
    return differs(shapley_of(play, n), expected, f"a random game of {n}")


def _windows(n: int, window: int, stride: int) -> list[range]:
    starts = itertools.count(0, stride)
    found = []
    for start in starts:
        found.append(range(start, min(start + window, n)))
        if start + window >= n:
            return found
    raise AssertionError


def _occlude_law(occlude: Callable[..., Any]) -> str:
    """Window 1 is leave-one-out; where players don't interact, each window is worth the sum of its members."""
    worth = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    if wrong := differs(occlude(_linear(worth), 5, 1, 1), worth, "window 1 of 2 + 1a + 2b + 4c + 8d + 16e"):
        return wrong
    return differs(occlude(_linear(worth), 5, 5, 3), [31] * 5, "one window over all")


def _occlude_by_hand(occlude: Callable[..., Any]) -> str:
    """Worth 1, 2, 4, 8, 16, windows of two: {1 2} {4 8} {16}; one apart, {1 2} {2 4} {4 8} {8 16}."""
    play = _linear(np.array([1.0, 2.0, 4.0, 8.0, 16.0]))
    return differs(occlude(play, 5, 2, 2), [3, 3, 12, 12, 16], "window 2, stride 2") or differs(
        occlude(play, 5, 2, 1), [3, 4.5, 9, 18, 24], "window 2, stride 1"
    )


def _occlude_random(occlude: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    n = int(rng.integers(4, 8))
    window = int(rng.integers(2, n))
    stride = int(rng.integers(1, window + 1))
    play, table = _table(n, rng)
    losses: list[list[float]] = [[] for _ in range(n)]
    for inside in _windows(n, window, stride):
        for player in inside:
            losses[player].append(table[-1] - table[2**n - 1 - sum(1 << k for k in inside)])
    expected = [np.mean(found) for found in losses]
    return differs(occlude(play, n, window, stride), expected, f"a random game of {n}, {window=}, {stride=}")


EXERCISES = {
    "leave-each-out": (
        Part("law", "in a linear game each gets its own worth", _left_out_law),
        Part("by hand", "either of two, and both of two", _left_out_by_hand),
        Part("random", "a game of random values", _left_out_random),
    ),
    "shapley-of": (
        Part("law", "efficiency, and nothing for an idle player", _shapley_law),
        Part("by hand", "either of two, and a pair of gloves", _shapley_by_hand),
        Part("random", "as xai_helpers computes it", _shapley_random),
    ),
    "occlude": (
        Part("law", "window 1 is leave-one-out, one window takes all", _occlude_law),
        Part("by hand", "five players, windows of two", _occlude_by_hand),
        Part("random", "a game of random values", _occlude_random),
    ),
}

PICKS = {
    "loved-and-adored": {
        "text": "I loved the story and adored the acting.",
        "method": "leave_one_out",
        "target": Target("positive"),
        "planted": ("loved", "adored"),
        "note": "Without one of the two the model is almost as sure as before, for the other stands in for it. Look at how small the scores are",
    },
}

QUESTIONS = {
    "sign-of-terrible": (
        "'The movie was not terrible.' Which sign has the Shapley value of 'terrible', for the output 'positive'?",
        {
            "Minus, whatever stands in for the words": "It is minus where words are deleted. With a mask it is plus.",
            "Plus, whatever stands in for the words": "Plus with a mask, and minus where words are deleted. The same method, the same model, the same text.",
            "It depends on what stands in for the words": "After 'not' the word speaks for positive, without 'not' against. The share is a mean of both, and the replacement changes both.",
        },
        "c",
    ),
    "left-out-without-loss": (
        "Leave-one-out gives a word 0. What follows?",
        {
            "The model doesn't use the word": "'loved' and 'adored' have little each, and without both the model is hardly sure any more.",
            "Nothing changes if this word alone is missing": "And no more than that. Another word may stand in for it.",
            "The word is a stop word, such as 'the' or 'and'": "Content words get 0 as soon as another one says the same.",
        },
        "b",
    ),
    "perplexity-of-holes": (
        "You explain a classifier that hardly ever saw a mask, by masking words. What is the trouble?",
        {
            "The answers to masked texts are partly an opinion about masks": "An answer to masks alone is such an opinion: course-clean was 65 % sure of it, and right half of the time.",
            "The tokenizer has no mask token, so that it stops with an error": "Then you would notice. Most have one, and the model a vector for it, which training may hardly have touched.",
            "None: a mask hides the word, and that is all it does": "It also shows the model something that no training text had.",
        },
        "a",
    ),
    "api-only": (
        "A service answers with a label and a probability, and nothing else. Which methods are left?",
        {
            "Integrated gradients, with enough steps": "They need gradients, and a service gives none.",
            "Attention rollout, for it needs no gradient": "It needs attention weights, which a service doesn't give either.",
            "Leave-one-out, LIME and Shapley values": "They ask for answers only. Each changed text is one call, so count what it will cost.",
            "None, without the weights there is no explanation": "There is: change the input and watch the answer. What can't be had is a look inside.",
        },
        "c",
    ),
    "what-r2-says": (
        "LIME's R² is 0.6. What does that tell you?",
        {
            "60 % of the words have the right score": "R² is about the answers to the changed texts, not about words.",
            "Near this text the model is not a straight line": "Some 40 % of what changes when words go is no sum of single words' effects, interactions for one.",
            "With more samples it will rise to 1": "More samples make it more exact, not larger. The model is as crooked as it is.",
        },
        "b",
    ),
    "same-values-other-seed": (
        "Two runs of KernelSHAP on the same text give two orders of the words. Which is right?",
        {
            "The one with the smaller sum of absolute scores": "The sum has nothing to do with it; both add up to the same whole.",
            "The second, because the first warmed up the sampler": "The draws don't depend on each other. There is no warming up.",
            "Perhaps neither: look at the standard errors, and ask more texts": "If two words' scores are nearer than their errors, their order is chance.",
        },
        "c",
    ),
}
