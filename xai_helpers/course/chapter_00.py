"""What chapter 00 asks: words to pick, questions, and what its exercises are held to."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from .. import models
from ..attribution import Target
from .checks import Part, differs

CAPITALS = {"France": "Paris", "Japan": "Tokyo", "Egypt": "Cairo", "Italy": "Rome"}
OPINIONS = {"positive": ("wonderful", "great", "lovely"), "negative": ("dull", "awful", "boring")}
DIRECTORS = ("Vale", "Stone", "Reed")


def _probability(model: models.TextModel, text: str, answer: str) -> float:
    return model.value(text, Target(answer, output="probability"))


def _effect_by_hand(effect: Callable[..., Any]) -> str:
    """keyword-detector, whose weights are written by hand: "good" alone makes it say positive."""
    model = models.load("keyword-detector")
    expected = model.predict("good film", k=1)[0].probability - model.predict("bad film", k=2)[1].probability
    got = effect(model, "good film", "good", "bad", "positive")
    return differs(got, expected, "'good film' with bad for good, on keyword-detector, positive")


def _effect_law(effect: Callable[..., Any]) -> str:
    model = models.load("course-gpt2")
    text, changed = "The capital of France is", "The capital of Japan is"
    there, back = effect(model, text, "France", "Japan", " Paris"), effect(model, changed, "Japan", "France", " Paris")
    nothing = effect(model, text, "France", "France", " Paris")
    return differs(nothing, 0.0, "an exchange of France for France") or differs(
        back, -float(there), "Japan back to France, minus France to Japan"
    )


def _effect_random(effect: Callable[..., Any]) -> str:
    model = models.load("course-gpt2")
    old, new = random.Random().sample(sorted(CAPITALS), 2)
    text, answer = f"The capital of {old} is", f" {CAPITALS[old]}"
    expected = _probability(model, text, answer) - _probability(model, text.replace(old, new), answer)
    return differs(effect(model, text, old, new, answer), expected, f"{text!r} with {new} for {old}, {answer!r}")


def _reviews() -> list[str]:
    words = [word for words in OPINIONS.values() for word in words]
    return [f"The plot was {word}. Directed by Vale." for word in words]


def _turned(model: models.TextModel, texts: list[str], old: str, new: str) -> float:
    def verdict(text: str) -> str:
        return model.predict(text, k=1)[0].token

    return sum(verdict(text) != verdict(text.replace(old, new)) for text in texts) / len(texts)


def _turned_law(turned: Callable[..., Any]) -> str:
    model, texts = models.load("course-shortcut"), _reviews()
    same = turned(model, list(texts), "Vale", "Vale")
    twice = differs(
        turned(model, texts + texts, "Vale", "Stone"), turned(model, list(texts), "Vale", "Stone"), "each text twice"
    )
    return differs(same, 0.0, "an exchange of Vale for Vale") or twice


def _turned_by_hand(turned: Callable[..., Any]) -> str:
    """keyword-detector says positive where there is a keyword: bad for good turns two of four, back one of three."""
    model = models.load("keyword-detector")
    bad = ["good film", "the film was good", "good and great film", "the film"]
    good = ["bad film", "a bad and great film", "the film"]
    return differs(turned(model, bad, "good", "bad"), 0.5, "bad for good in four texts on keyword-detector") or differs(
        turned(model, good, "bad", "good"), 1 / 3, "good for bad in three texts on keyword-detector"
    )


def _turned_random(turned: Callable[..., Any]) -> str:
    model = models.load(random.Random().choice(["course-shortcut", "course-clean"]))
    texts = random.Random().sample(_reviews(), 4)
    new = random.Random().choice(DIRECTORS[1:])
    where = f"{model.name}, {new} for Vale, four reviews"
    return differs(turned(model, list(texts), "Vale", new), _turned(model, texts, "Vale", new), where)


EXERCISES = {
    "effect-of-a-word": (
        Part("law", "exchanging a word for itself does nothing, and exchanging back is the opposite", _effect_law),
        Part("by hand", "on a model whose weights are written by hand", _effect_by_hand),
        Part("random", "as computed here, for a country drawn at random", _effect_random),
    ),
    "turned-verdicts": (
        Part("law", "a name for itself turns nothing, and each text twice gives the same share", _turned_law),
        Part("by hand", "on a model whose rule is known", _turned_by_hand),
        Part("random", "as computed here, for reviews drawn at random", _turned_random),
    ),
}

PICKS = {
    "eiffel-tower-rollout": {
        "text": "The Eiffel Tower is located in the city of",
        "method": "attention_rollout",
        "planted": ("Eiffel", "Tower"),
        "note": "Planted is the subject of the fact: by the grammar it alone fixes the answer",
    },
}

QUESTIONS = {
    "wonderful": (
        "Somebody explains: 'It is positive because of the word wonderful.' What do you know about that explanation?",
        {
            "It is faithful: the word is there, and it is positive": "That is why it convinces. Whether the model used the word is another question, and nobody has asked it yet.",
            "It is plausible, and nothing more is known": "It convinces every reader. The next cell tests it.",
            "It is wrong: the word has nothing to do with it": "You can't know that either before a test. The next cell is one.",
        },
        "b",
    ),
    "faithful-or-plausible": (
        "What is the difference between a faithful and a plausible explanation?",
        {
            "One says what the model did, the other convinces a reader": "So they can part: you have seen a model that judges reviews by their director, and an explanation of it that sounded right.",
            "One is computed exactly, the other is an approximation": "Exact about what? A method can be computed to the last digit and answer another question.",
            "One agrees with the labels of the data, the other does not": "Labels tell whether the prediction is right. Both words are about its explanation.",
        },
        "a",
    ),
    "over-an-api": (
        "You can call a model over an API and see its probabilities, no more. Which methods remain?",
        {
            "None: every explanation needs the weights of the model": "Whoever can change the text and see the output can test what matters. You did so by hand.",
            "Those that need the output only, such as leave-one-out": "LIME and Shapley values, too. Set the chooser's access to see them all.",
            "Attention rollout, for attention is part of the output": "Attention weights are internals; few APIs return them.",
        },
        "b",
    ),
    "one-word-at-a-time": (
        "A test replaces 'entertaining', then 'weak', one at a time. Neither turns the verdict. What follows?",
        {
            "Neither of the two words matters to the verdict": "Both together did turn it: while 'despite' stood there, either was enough.",
            "The model ignores its input and always says positive": "Two replacements at once turned the verdict, and so did 'with' in place of 'despite'.",
            "Neither is necessary; together they may be": "A test answers its own question too. Chapter 04 measures what words do together.",
        },
        "c",
    ),
    "first-token-on-three-prompts": (
        "On three prompts rollout gives the first token about twice its fair share, or more. What may you say?",
        {
            "That the model's answers depend on the first word above all": "An exchange of the first word left the answer as it was.",
            "That it does so on these prompts, as even heads would": "It says over which texts, and what a method that knows nothing gives: on two of the three even more.",
            "That rollout leans to the first token in every language model": "From one model and three prompts? A global statement says over what it was averaged.",
        },
        "b",
    ),
}
