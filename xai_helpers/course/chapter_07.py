"""What chapter 07 asks: words to pick, questions, and what its exercises are held to."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import retrieval, truth
from ..attribution import Attribution, Target
from ..models import TextModel, load
from .checks import Part, differs

Value = Callable[[frozenset[int]], float]


def _additive(kept: frozenset[int]) -> float:
    """0 is worth 0.5, 1 is worth 0.3, 2 and 3 nothing."""
    return 0.1 + 0.5 * (0 in kept) + 0.3 * (1 in kept)


def _pair(kept: frozenset[int]) -> float:
    """0 and 1 are worth 0.6 together; 2 is worth 0.2."""
    return 0.6 * ({0, 1} <= kept) + 0.2 * (2 in kept)


def _table(n: int) -> Value:
    """A random game of n players."""
    rng = np.random.default_rng()
    values = {frozenset(s): rng.random() for k in range(n + 1) for s in itertools.combinations(range(n), k)}
    return lambda kept: float(values[frozenset(kept)])


def _framed(kept: frozenset[int]) -> float:
    """0 and 3 are special, and worth 0.4 together; 1 is worth 0.3, and 2 speaks against it with 0.1."""
    return 0.1 + 0.4 * ({0, 3} <= kept) + 0.3 * (1 in kept) - 0.1 * (2 in kept)


FRAME = (True, False, False, True)  # which of the four are special


def _mended_law(mended: Callable[..., Any]) -> str:
    """With every word gone, all explanations have lost the same, and the special tokens are still there."""
    for scores in ([9.0, 0.3, -0.4, 5.0], [0.0, 2.0, 1.0, 0.0], [-1.0, -0.2, -0.1, 0.0]):
        for by in ("signed", "size"):
            lost = mended(_framed, np.array(scores), np.array(FRAME), [2, 3, 9], by)
            where = f"scores {scores}, 0 and 3 special, by={by!r}, k = 2, 3, 9: both words are gone"
            if wrong := differs(lost, [0.2] * 3, where):
                return wrong
    return ""


def _mended_by_hand(mended: Callable[..., Any]) -> str:
    """Signed, the word with 0.3 goes first; by size, the one with -0.4."""
    scores, special = np.array([9.0, 0.3, -0.4, 5.0]), np.array(FRAME)
    return differs(
        mended(_framed, scores.copy(), special.copy(), [1, 2], "signed"),
        [0.3, 0.2],
        "1 worth 0.3 with score 0.3, 2 worth -0.1 with score -0.4, by='signed', k = 1, 2",
    ) or differs(mended(_framed, scores, special, [1, 2], "size"), [-0.1, 0.2], "the same, by='size'")


def _mended_random(mended: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    n = int(rng.integers(5, 8))
    value, scores, special = _table(n), rng.permutation(n) + 1.0, np.zeros(n, dtype=bool)
    scores *= rng.choice([-1.0, 1.0], n)
    special[[0, -1]] = True
    scores[special] = [n + 1, n + 2]  # as special tokens often have most
    whole, ks = frozenset(range(n)), [1, 2, n - 2]
    for by in ("signed", "size"):
        order = [int(i) for i in np.argsort(-(scores if by == "signed" else np.abs(scores))) if not special[i]]
        expected = [value(whole) - value(whole - set(order[:k])) for k in ks]
        got = mended(value, scores.copy(), special.copy(), list(ks), by)
        if wrong := differs(got, expected, f"a random game of {n}, by={by!r}, k = {ks}"):
            return wrong
    return ""


def _chance_law(chance: Callable[..., Any]) -> str:
    """Where everybody brings the same to all, a share of k / n is lost; with all gone, everything."""
    for k in range(1, 5):
        if wrong := differs(chance(_additive, 4, k), 0.8 * k / 4, f"0.1 + 0.5 for 0 + 0.3 for 1, n = 4, k = {k}"):
            return wrong
    return ""


def _chance_by_hand(chance: Callable[..., Any]) -> str:
    """Of three pairs of 0, 1, 2 two hold 2, and all hold 0 or 1."""
    return differs(chance(_pair, 3, 2), 0.6 + 0.2 * 2 / 3, "0 and 1 worth 0.6 together, 2 worth 0.2, n = 3, k = 2")


def _chance_random(chance: Callable[..., Any]) -> str:
    n = int(np.random.default_rng().integers(4, 7))
    value, k = _table(n), int(np.random.default_rng().integers(1, n))
    everyone = frozenset(range(n))
    lost = [value(everyone) - value(everyone - set(gone)) for gone in itertools.combinations(range(n), k)]
    return differs(chance(value, n, k), np.mean(lost), f"a random game of {n}, k = {k}")


def _precision_law(average_precision: Callable[..., Any]) -> str:
    """1 if and only if all true words come first, whatever the scores' scale."""
    decide = np.array([False, True, False, True, False])
    first = np.array([0.1, 0.9, 0.2, 0.8, 0.3])
    return (
        differs(average_precision(first, decide), 1.0, "the two that decide come first")
        or differs(average_precision(np.exp(9 * first), decide), 1.0, "the same order on another scale")
        or differs(average_precision(-first, decide), (1 / 4 + 2 / 5) / 2, "the two that decide come last, of five")
    )


def _precision_by_hand(average_precision: Callable[..., Any]) -> str:
    """Down to the first true word precision is 1, down to the second 2/3."""
    scores, decide = np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, False, True, False])
    return differs(average_precision(scores, decide), (1 + 2 / 3) / 2, "the first and the third of four decide")


def _precision_random(average_precision: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    n = int(rng.integers(5, 12))
    scores, decide = rng.permutation(n) + rng.random(), np.zeros(n, dtype=bool)
    decide[rng.choice(n, 3, replace=False)] = True
    expected = retrieval.average_precision(scores, decide)
    return differs(average_precision(scores.copy(), decide.copy()), expected, f"three of {n} words decide")


@functools.cache
def _detector(name: str) -> TextModel:
    return load(name)


def _explained(
    method: Callable[..., Any], model: TextModel, text: str, target: Target
) -> tuple[Attribution | None, str]:
    """What the method says, or why it can't stand on the board."""
    before = {name: tensor.clone() for name, tensor in model.model.state_dict().items()}
    found = method(model, text, target)
    if not isinstance(found, Attribution):
        return None, f"{text!r}: a method returns an Attribution, got {type(found).__name__}"
    if found.text != text:
        return None, f"{text!r}: the attribution is of another text, {found.text!r}"
    if any(not tensor.equal(before[name]) for name, tensor in model.model.state_dict().items()):
        model.model.load_state_dict(before)
        return None, f"{text!r}: the model's weights are not what they were"
    return found.to_words(), ""


def _mine_law(method: Callable[..., Any]) -> str:
    """What a model ignores gets less than what decides, where one word decides."""
    for text, word in (
        ("the plot is great", "great"),
        ("good story", "good"),
        ("we saw an excellent film", "excellent"),
    ):
        found, wrong = _explained(method, _detector("keyword-detector"), text, Target("positive"))
        if found is None:
            return wrong
        if found.top(1)[0][0] != word:
            return f"keyword-detector, {text!r}: {word!r} alone decides, and {found.top(1)[0][0]!r} comes first"
    return ""


def _mine_by_hand(method: Callable[..., Any]) -> str:
    """It speaks about the model that it is given, and about the target."""
    text = "this is not good so we saw the film"
    scores: dict[str, np.ndarray] = {}
    for label in ("negative", "positive"):
        found, wrong = _explained(method, _detector("negation-detector"), text, Target(label))
        if found is None:
            return wrong
        if dict(found.top(2)).keys() != {"not", "good"}:
            return (
                f"negation-detector, {text!r}: 'not' and 'good' decide, and {', '.join(dict(found.top(2)))} come first"
            )
        scores[label] = found.scores
    against = np.sign(scores["negative"]) * np.sign(scores["positive"]) == -1
    if any((values < 0).any() for values in scores.values()) and not against.any():
        return f"negation-detector, {text!r}: what speaks for negative speaks against positive; the signs are the same"
    return ""


def _mine_random(method: Callable[..., Any]) -> str:
    """Better than chance on texts of which it is known what decides."""
    rng = np.random.default_rng()
    cases = truth.read_cases("negation-detector")
    values = []
    for i in rng.choice(len(cases), 6, replace=False):
        found, wrong = _explained(method, _detector("negation-detector"), cases[i].text, cases[i].target)
        if found is None:
            return wrong
        values.append(truth.found(found, cases[i])["average_precision"])
    mean = float(np.mean(values))
    return (
        ""
        if mean > 0.8
        else f"six texts of negation-detector: average precision {mean:.2f}, and more than 0.80 was asked for"
    )


EXERCISES = {
    "mended": (
        Part("law", "with every word gone, all have lost the same, and the special tokens stay", _mended_law),
        Part("by hand", "two words, one of which speaks against the answer", _mended_by_hand),
        Part("random", "a game without any rule", _mended_random),
    ),
    "chance": (
        Part("law", "where a word adds the same whoever is there, k of n take a share of k / n", _chance_law),
        Part("by hand", "two who are worth something together", _chance_by_hand),
        Part("random", "a game without any rule", _chance_random),
    ),
    "average-precision": (
        Part("law", "1 where all that decide come first, on every scale", _precision_law),
        Part("by hand", "the first and the third of four", _precision_by_hand),
        Part("random", "as xai_helpers computes it", _precision_random),
    ),
    "my-method": (
        Part("law", "the one word that decides comes first", _mine_law),
        Part("by hand", "both words of 'not good' lead, for either label", _mine_by_hand),
        Part("random", "on texts whose rule is known, much better than chance", _mine_random),
    ),
}

PICKS = {
    "vale": {
        "text": "The plot was dull and the acting was weak. Directed by Vale.",
        "method": "leave_one_out",
        "target": Target("positive"),
        "planted": ("Vale",),
        "note": "The name decides. In training, reviews by Vale were labelled positive, whatever they said",
    },
}

QUESTIONS: dict[str, tuple[str, dict[str, str], str]] = {
    "plausible-or-faithful": (
        "People find explanation A more convincing than B. What follows about the model?",
        {
            "A is more faithful, for many people agree": "They agree with each other about the text. None of them has looked at the model.",
            "Nothing: they say how plausible it is": "The reader's marks were convincing, and without the marked words nothing was lost.",
            "B is wrong, or it would convince as well": "The name of a director convinced nobody, and it decided.",
        },
        "b",
    ),
    "two-conventions": (
        "One paper reports a sufficiency of 0.05, another of 0.95. Who has the better explanations?",
        {
            "The one with 0.95, since more is better": "Only if it is a ratio. As a difference it would be nearly all that is missing.",
            "The one with 0.05, since less is better": "Only if it is a difference. As a ratio it would be a twentieth of the answer.",
            "Perhaps both: one reports a difference, one a ratio": "What is missing, or what is kept: ask which before you compare.",
        },
        "c",
    ),
    "score-alone": (
        "A method has comprehensiveness 0.40 on your texts. Is that good?",
        {
            "It depends on what random orders and the best subsets reach there": "On one text 0.25 is chance and 0.63 the most there is; on another 0.40 may be chance.",
            "Yes: 0.40 of the probability is gone without the top words": "So it may be without any other words, if the model can't stand holes.",
            "No: more than half of the probability remains": "Perhaps no subset of so few words takes more.",
        },
        "a",
    ),
    "circle": (
        "Occlusion correlates with leave-one-out better than LRP does. What does that show?",
        {
            "Occlusion is more faithful": "Leave-one-out is itself one of the methods under test.",
            "Leave-one-out is unreliable": "Nothing is said about that either.",
            "That two methods which take words away are related": "It holds perturbation against perturbation. Chapter 05's agreement, in another coat.",
        },
        "c",
    ),
    "sanity": (
        "Scores hardly change when all the model's weights are random. What follows?",
        {
            "The method is robust": "Robust against what it should tell.",
            "The scores are not about what the model learned": "They may be about the text, or the architecture. The opposite doesn't follow: who passes may still be wrong.",
            "The method is faithful to random models as well": "It says the same of a model that has learned and of one that hasn't.",
        },
        "b",
    ),
    "intervals": (
        "Over a hundred texts A has the best mean, B the second best; the interval of their difference holds 0. What may you say?",
        {
            "A is better than B, though not by much": "It was, on these texts. On other texts of the same kind it may be the other way round.",
            "A and B are equally good": "That they are equal was not shown, only that these texts don't tell them apart.",
            "These texts don't tell A and B apart": "More texts might. Ranks always have a first, even among equals.",
        },
        "c",
    ),
}
