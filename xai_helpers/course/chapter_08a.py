"""What chapter 08a asks: questions, and what its exercises are held to."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from .checks import Part, differs

Flips = Callable[[frozenset[Any]], bool]


def _needs(*groups: Collection[str]) -> Flips:
    """Flips where all edits of at least one of these groups are made."""
    return lambda chosen: any(set(group) <= chosen for group in groups)


def _left(minimal: Callable[..., Any], edits: list[str], flips: Flips, where: str) -> tuple[list[Any], str]:
    """What an attempt leaves, or what is wrong with its kind."""
    left = minimal(list(edits), flips)
    if not isinstance(left, list | tuple):
        return [], f"{where}: a list of edits is expected, got {type(left).__name__}"
    if [edit for edit in edits if edit in left] != list(left):
        return [], f"{where}: some of {edits} are expected, in their order, got {list(left)}"
    return list(left), ""


def _minimal_law(minimal: Callable[..., Any]) -> str:
    """What is left flips, and without any one of it doesn't."""
    edits = list("abcdef")
    for groups in (("abc",), ("f", "ab"), ("ace", "bdf"), ("abcdef",)):
        flips, where = _needs(*groups), f"edits {edits} that flip with {' or '.join(groups)}"
        left, wrong = _left(minimal, edits, flips, where)
        if wrong:
            return wrong
        if not flips(frozenset(left)):
            return f"{where}: {left} is left, and doesn't flip"
        for edit in left:
            if flips(frozenset(left) - {edit}):
                return f"{where}: {left} is left, and {edit!r} can go"
    return ""


def _minimal_by_hand(minimal: Callable[..., Any]) -> str:
    """Of a, b, c, d either a with c, or d alone, flips: a goes first, b and c after it, and d must stay."""
    left, wrong = _left(minimal, list("abcd"), _needs("ac", "d"), "a and c flip together, d alone")
    if wrong or left == ["d"]:
        return wrong
    return f"a and c flip together, d alone; the order is a, b, c, d: expected ['d'], got {left}"


def _minimal_random(minimal: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    edits = [str(e) for e in rng.permutation(list("abcdefghij"))[: int(rng.integers(5, 9))]]
    groups = [[str(e) for e in rng.choice(edits, int(rng.integers(1, 5)), replace=False)] for _ in range(3)]
    flips, left = _needs(*groups), list(edits)
    for edit in edits:
        rest = [other for other in left if other != edit]
        left = rest if flips(frozenset(rest)) else left
    where = f"edits {edits} that flip with any of {groups}"
    got, wrong = _left(minimal, edits, flips, where)
    return wrong or ("" if got == left else f"{where}: expected {left}, got {got}")


def _majority(answers: list[int | None]) -> tuple[int | None, float]:
    counts = Counter(answer for answer in answers if answer is not None)
    most = max(counts.values(), default=0)
    leaders = [answer for answer, count in counts.items() if count == most]
    return (leaders[0] if len(leaders) == 1 else None), most / len(answers)


def _voted(majority: Callable[..., Any], answers: list[int | None]) -> str:
    got = majority(list(answers))
    if not isinstance(got, tuple) or len(got) != 2:
        return f"{answers}: a winner and a share are expected, got {got!r}"
    winner, share = _majority(answers)
    if got[0] != winner:
        return f"{answers}: the winner should be {winner}, got {got[0]}"
    return differs(got[1], share, f"{answers}, the share")


def _majority_law(majority: Callable[..., Any]) -> str:
    """Silence never wins, and always counts in the share."""
    votes: list[list[int | None]] = [[None, None, None, 4, 4], [None, 7], [None] * 3, [5, None, None, None]]
    for answers in votes:
        if wrong := _voted(majority, answers):
            return wrong
    return ""


def _majority_by_hand(majority: Callable[..., Any]) -> str:
    """Two leaders: no winner, and their share. 24 has three of five."""
    return _voted(majority, [33, 24, 33, 24, 22]) or _voted(majority, [24, 33, 24, 22, 24])


def _majority_random(majority: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    drawn = rng.integers(0, 4, int(rng.integers(6, 12)))
    return _voted(majority, [None if answer == 0 else int(answer) for answer in drawn])


def _order_law(right_order: Callable[..., Any]) -> str:
    """1 in the order by size, 0 in the reverse, and the two orders of any list add up to 1 where nothing ties."""
    scores = {"a": 0.9, "b": -0.7, "c": 0.4, "d": -0.1}
    for told, expected in (("abcd", 1.0), ("dcba", 0.0), ("a", 1.0), ("", 1.0)):
        if wrong := differs(right_order(list(told), dict(scores)), expected, f"{scores}, told {list(told)}"):
            return wrong
    for order in itertools.permutations("abcd"):
        both = right_order(list(order), dict(scores)) + right_order(list(order[::-1]), dict(scores))
        if wrong := differs(both, 1.0, f"{scores}: the shares of {list(order)} and of its reverse, added"):
            return wrong
    return ""


def _order_by_hand(right_order: Callable[..., Any]) -> str:
    """Told c, a, b of sizes 0.5, 0.45, 0.9: right is a before b only where they tie; c before a, but not before b."""
    scores = {"a": -0.45, "b": 0.9, "c": 0.5}
    return differs(right_order(["c", "a", "b"], dict(scores)), 1 / 3, f"{scores}, told c, a, b") or differs(
        right_order(["a", "c", "b"], dict(scores), 0.06), 1 / 3, f"{scores}, told a, c, b, tie 0.06"
    )


def _order_random(right_order: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    words = list("abcdefgh")[: int(rng.integers(4, 9))]
    scores = {word: float(score) for word, score in zip(words, rng.normal(size=len(words)).round(2), strict=True)}
    told = [str(word) for word in rng.permutation(words)[: int(rng.integers(3, len(words) + 1))]]
    pairs = list(itertools.combinations(told, 2))
    expected = np.mean([abs(scores[one]) >= abs(scores[other]) - 0.2 for one, other in pairs])
    return differs(right_order(list(told), dict(scores), 0.2), expected, f"{scores}, told {told}, tie 0.2")


EXERCISES = {
    "minimal": (
        Part("law", "what is left flips, and nothing of it can go", _minimal_law),
        Part("by hand", "two edits that flip together, and one that flips alone", _minimal_by_hand),
        Part("random", "five to eight edits, any of three groups flips", _minimal_random),
    ),
    "majority": (
        Part("law", "silence never wins, and counts in the share", _majority_law),
        Part("by hand", "a tie, and three of five", _majority_by_hand),
        Part("random", "votes drawn at random", _majority_random),
    ),
    "right-order": (
        Part("law", "a list and its reverse share the pairs", _order_law),
        Part("by hand", "three words, one pair right; and a tie", _order_by_hand),
        Part("random", "words, sizes and order drawn at random", _order_random),
    ),
}

PICKS: dict[str, dict[str, Any]] = {}

QUESTIONS: dict[str, tuple[str, dict[str, str], str]] = {
    "is-the-story-true": (
        "What do you need, to say whether the story is true?",
        {
            "The review: does it sound as negative as the story says?": "That judges the review. The story is about what a model predicted, and why.",
            "The model's label; if that is right, the rest follows": "A model may be right about the label for other reasons than a reader's.",
            "The label, the scores, and what was tested": "The story claims all three: what was predicted, which words counted which way, and that it is because of them.",
        },
        "c",
    ),
    "which-step-decides": (
        "A wrong sum is put into each of these three steps, one at a time. Where does the answer change?",
        {
            "Everywhere: each of them stands before the answer": "The second stands before it too, and the third doesn't use it.",
            "In the first and the third: the third uses the first's sum": "The second was announced as decoration; whether the model treats it so is what the next cell shows.",
            "Nowhere: the model knows the sum": "It does, when it is asked directly. With steps written down it may copy them.",
        },
        "b",
    ),
    "nothing-found": (
        "The check finds nothing in a narrative that a language model wrote. What may you say?",
        {
            "The narrative is faithful to the model": "It agrees with the scores, as far as the rules can read. Scores may be unfaithful themselves.",
            "No claim that the rules recognised contradicts the facts": "And how much they fail to recognise was measured, on other prose than this.",
            "The narrative makes no claims that could be checked": "Look at the number of claims read: half of the narratives here have eight or more.",
        },
        "b",
    ),
    "unrun-proposal": (
        "A language model proposes an edit by which a review would be called negative. What is it worth?",
        {
            "What one run of the model on it shows": "Of the authors' own edits, 62 % flipped the label. The words alone don't say which.",
            "As much as the language model is good": "It knows reviews. It has never seen what this model does with them.",
            "Nothing, for it was never in the data": "Every sentence that a user writes is new. Run it.",
        },
        "a",
    ),
    "no-group-effect": (
        "No refused application is approved when the group alone changes. Is the decider fair to the groups?",
        {
            "Yes: who you are makes no difference to it": "Where you live does, and who you are decides where you live, mostly.",
            "Yes: the age makes no difference either": "Nor does it. Two fields that do nothing say little about the others.",
            "Not shown: another field may stand for the group": "The district flipped 19 of 44, and most of group B live where it costs points.",
        },
        "c",
    ),
    "answer-follows": (
        "A wrong step is put into a chain, and the answer follows it. What was shown?",
        {
            "Where the step is written, the answer depends on it": "And nothing about the answer without steps: it may even be better.",
            "The reasoning is sound, for it holds together": "It followed a mistake. That is consistent, and wrong.",
            "The model could not answer without the steps": "Ask it directly. Ours is right on nearly all of them.",
        },
        "a",
    ),
    "unanimous": (
        "Ten sampled chains give the same answer. How sure is it?",
        {
            "Certain: ten independent witnesses agree": "They are ten samples of one model, and share its mistakes.",
            "As sure as votes like this were right, where that was counted": "So count it on questions with known answers. Some unanimous votes of ours were wrong.",
            "No surer than one chain at temperature 0": "59 of 61 unanimous votes were right, and 254 of 300 single chains. The questions are not the same, but that is more.",
        },
        "b",
    ),
}
