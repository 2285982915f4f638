"""What chapter 06 asks: questions, and what its exercises are held to."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from .checks import Part, differs

Array = np.ndarray


class _Block(nn.Module):
    """Mixes a little; returns a tensor, or a tuple with more in it."""

    def __init__(self, weight: torch.Tensor, in_tuple: bool, fails: bool = False) -> None:
        super().__init__()
        self.weight, self.in_tuple, self.fails = weight, in_tuple, fails

    def forward(self, x: torch.Tensor) -> Any:
        out = x + torch.tanh(x @ self.weight)
        return (out, "more") if self.in_tuple else out


class _Network(nn.Module):
    """Blocks one after another, then a head that may fail; `states` are what the blocks hand on."""

    def __init__(self, blocks: Sequence[_Block], width: int, fails: bool = False) -> None:
        super().__init__()
        self.blocks, self.fails = nn.ModuleList(blocks), fails
        self.embedding = torch.arange(10.0)[:, None] / 10 + torch.arange(width)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.embedding[ids]
        for block in self.blocks:
            out = block(x)
            x = out[0] if isinstance(out, tuple) else out
        if self.fails:
            raise ArithmeticError("the head fails")
        return x.sum(-1)

    def hooks(self) -> int:
        return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in self.modules())

    def state(self, ids: torch.Tensor, layer: int) -> torch.Tensor:
        x = self.embedding[ids]
        for block in list(self.blocks)[: layer + 1]:
            out = block(x)
            x = out[0] if isinstance(out, tuple) else out
        return x


def _network(rng: np.random.Generator, kinds: Sequence[bool], width: int, fails: bool = False) -> _Network:
    draw = lambda: torch.tensor(rng.normal(size=(width, width)), dtype=torch.float32)  # noqa: E731
    return _Network([_Block(draw(), kind) for kind in kinds], width, fails)


def _array(found: Any) -> Any:
    return found.detach().numpy() if isinstance(found, torch.Tensor) else found


def _block_law(after_block: Callable[..., Any]) -> str:
    """No hook stays, whether the pass succeeds or fails."""
    ids = torch.tensor([[1, 2, 3]])
    network = _network(np.random.default_rng(0), [False, False], 4)
    after_block(network, ids, 0)
    if network.hooks():
        return f"after the call {network.hooks()} hook is still there"
    broken = _network(np.random.default_rng(0), [False], 4, fails=True)
    with contextlib.suppress(ArithmeticError):
        after_block(broken, ids, 0)
    return "the network failed after the block, and the hook is still there" if broken.hooks() else ""


def _block_by_hand(after_block: Callable[..., Any]) -> str:
    """Weights of zero hand on what comes in: 0.1, 1.1 for id 1, and 0.2, 1.2 for id 2."""
    for in_tuple, kind in ((False, "a tensor"), (True, "a tuple")):
        network = _Network([_Block(torch.zeros(2, 2), in_tuple)], 2)
        found = _array(after_block(network, torch.tensor([[1, 2]]), 0))
        where = f"a block that changes nothing and returns {kind}; one text of two tokens"
        if wrong := differs(found, [[[0.1, 1.1], [0.2, 1.2]]], where):
            return wrong
    return ""


def _block_random(after_block: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    kinds = rng.permutation([True, True, False, False]).tolist()
    network, ids = _network(rng, kinds, 3), torch.tensor(rng.integers(0, 10, (2, 4)))
    for layer in range(4):
        found = _array(after_block(network, ids.clone(), layer))
        where = f"two texts, after block {layer}, which returns a {'tuple' if kinds[layer] else 'tensor'}"
        if wrong := differs(found, network.state(ids, layer).numpy(), where):
            return wrong
    return ""


def _service(rows: dict[str, list[float]], size: int, asked: list[list[str]]) -> Callable[[list[str]], Any]:
    def ask(texts: list[str]) -> list[list[float]]:
        if len(texts) > size:
            raise ValueError(f"413: {len(texts)} texts at once, and at most {size} are taken")
        asked.append(list(texts))
        return [rows[text] for text in texts]

    return ask


def _asked_law(ask_all: Callable[..., Any]) -> str:
    """Each different text is asked once, in as few requests as there can be."""
    texts = [f"text {i % 7}" for i in range(20)]
    rows = {text: [i / 10, 1 - i / 10] for i, text in enumerate(dict.fromkeys(texts))}
    for size in (1, 3, 7, 50):
        asked: list[list[str]] = []
        ask_all(list(texts), _service(rows, size, asked), size)
        sent = [text for batch in asked for text in batch]
        if sorted(sent) != sorted(rows):
            return f"20 texts, of which 7 differ: {len(sent)} were sent, where each of the 7 is to be sent once"
        if len(asked) != math.ceil(7 / size):
            return f"7 different texts, at most {size} at once: {len(asked)} requests, not {math.ceil(7 / size)}"
    return ""


def _asked_by_hand(ask_all: Callable[..., Any]) -> str:
    rows = {"good": [0.1, 0.9], "bad": [0.8, 0.2]}
    found = ask_all(["good", "bad", "good"], _service(rows, 2, []), 2)
    return differs(found, [[0.1, 0.9], [0.8, 0.2], [0.1, 0.9]], "good, bad, good")


def _asked_random(ask_all: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    names = [f"word {i}" for i in range(6)]
    rows = dict(zip(names, rng.dirichlet(np.ones(3), 6).tolist(), strict=True))
    texts = [*rng.permutation(names).tolist(), *rng.choice(names, 6).tolist()]
    size = int(rng.integers(2, 5))
    found = ask_all(list(texts), _service(rows, size, []), size)
    return differs(found, [rows[text] for text in texts], f"12 texts, at most {size} at once")


def _conductance_law(conductance: Callable[..., Any]) -> str:
    """Behind a linear head each unit's share is its own change; all add up to the change of the output."""
    rng = np.random.default_rng(0)
    weights, inner = rng.normal(size=4), rng.normal(size=(4, 3))
    layer = lambda x: np.tanh(inner @ x)  # noqa: E731
    x, start = rng.normal(size=3), rng.normal(size=3)
    found = np.asarray(conductance(layer, lambda y: weights, x.copy(), start.copy(), 7), dtype=float)
    return differs(found, weights * (layer(x) - layer(start)), "four units behind a linear head, 7 steps")


def _conductance_by_hand(conductance: Callable[..., Any]) -> str:
    """Units x and x squared, output their product, from 0 to 1 in one step: the middle is at 0.5, where they are
    0.5 and 0.25."""
    layer = lambda x: np.array([x[0], x[0] ** 2])  # noqa: E731
    found = conductance(layer, lambda y: np.array([y[1], y[0]]), np.array([1.0]), np.array([0.0]), 1)
    return differs(found, [0.25, 0.5], "units x and x squared, output their product, from 0 to 1 in one step")


def _conductance_random(conductance: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    inner, form = rng.normal(size=(3, 2)), rng.normal(size=(3, 3))
    form = form + form.T
    x, start, steps = rng.normal(size=2), rng.normal(size=2), int(rng.integers(1, 6))
    layer = lambda z: inner @ z  # noqa: E731
    expected = layer(x - start) * (form @ layer((x + start) / 2))
    found = conductance(layer, lambda y: form @ y, x.copy(), start.copy(), steps)
    return differs(found, expected, f"three linear units behind a quadratic head, {steps} steps")


EXERCISES = {
    "after-block": (
        Part("law", "no hook stays, even where the pass fails", _block_law),
        Part("by hand", "a block that changes nothing, as a tensor and in a tuple", _block_by_hand),
        Part("random", "two texts through blocks of both kinds", _block_random),
    ),
    "ask-all": (
        Part("law", "each different text once, in the fewest requests", _asked_law),
        Part("by hand", "good, bad, good", _asked_by_hand),
        Part("random", "in the order that was asked for", _asked_random),
    ),
    "conductance": (
        Part("law", "behind a linear head each unit has its own change", _conductance_law),
        Part("by hand", "two units and one step", _conductance_by_hand),
        Part("random", "a quadratic head", _conductance_random),
    ),
}

PICKS: dict[str, dict[str, Any]] = {}

QUESTIONS: dict[str, tuple[str, dict[str, str], str]] = {
    "four-tools-one-number": (
        "A hook and three libraries read the same activation of the same model. How far apart will their numbers be?",
        {
            "Exactly equal: it is one model": "Three of the four are equal to the bit. One computes some steps in another order, and rounds otherwise.",
            "About a millionth, but only if each is asked for the same thing": "What they ask for by default is not the same, as you will see.",
            "By about a tenth, for each library has its own definition of a layer": "The definition is the model's: after block 2. What differs is rounding, and what is read by default.",
        },
        "b",
    ),
    "what-the-vit-looks-at": (
        "An image of a 7 with a bright mark in its corner; in training nearly all 4s had the mark. What will the model say?",
        {
            "7: the mark covers none of its strokes": "It was never told to look at strokes. Whatever tells 4s apart in training may decide.",
            "4: the mark is the surest sign of a 4 that it has seen": "A shortcut: right on the training images, for a reason that is no property of fours.",
            "No class: about a tenth for each, for it has never seen such an image": "A classifier spreads its answer over its classes, and is often sure where it has never been.",
        },
        "b",
    ),
    "api-only-tool": (
        "A service gives probabilities, and nothing else. Which of these can explain its answers?",
        {
            "Captum's integrated gradients, on the service's answers": "They need the gradient of the answer by the input. A service gives none.",
            "TransformerLens, with the weights of a model like it": "It would explain the other model. Nobody knows how alike they are.",
            "LIME, SHAP, or leave-one-out": "They change the text and ask again. What they cost is the number of texts that are asked.",
        },
        "c",
    ),
    "large-delta": (
        "Captum's DeepLift returns a delta of twice the change that it explains. What do you do?",
        {
            "Take more steps, until the delta is small": "DeepLift takes no steps. Integrated gradients and conductance do, and their delta shrinks.",
            "Not use its scores as shares of the change": "They don't add up to it: in this model no module has a rule of DeepLift's, and what it gives is the gradient times the difference.",
            "Divide all scores by what they add up to": "Then they add up. A sum that is right by force says nothing of the single scores.",
        },
        "b",
    ),
    "agreeing-libraries": (
        "Two libraries give the same scores, to six digits. What have you learnt?",
        {
            "That on this input they compute the same number": "Try a second text, a batch of two, a second generated token: each told two libraries apart in this chapter.",
            "That the explanation is faithful": "Both may compute the same unfaithful thing. Chapter 07 measures faithfulness on the model, not on another library.",
            "That one of them calls the other": "Some do. Two that were written apart and agree are better evidence, and of the same thing.",
        },
        "a",
    ),
    "folded-logits": (
        "After TransformerLens folds the weights, logits shift by 4.8 and probabilities stay. Is the model another one?",
        {
            "Yes: its predictions have changed": "All log-probabilities are the same up to rounding, and so are the predictions.",
            "No, but numbers that don't survive the shift can't be compared with the stock model's": "Logits and residual streams are other numbers; differences of logits and probabilities are the same.",
            "No, and any number may be compared with the stock model's": "The residual stream lost its mean in each layer, and at each position all logits were moved by the same amount.",
        },
        "b",
    ),
    "dream-of-text": (
        "Gradient ascent on embeddings gets a logit far above those of the texts that we tried. Why does this show little about the model's inputs?",
        {
            "The optimiser has not converged": "It went further than any text goes. More steps take it further still.",
            "Logits of language models have no upper bound": "Nor have those of image models. There the result is still an image that can be seen.",
            "No token has these embeddings: the nearest tokens give another value": "A text is a choice among a few thousand vectors. What lies between them is never an input.",
        },
        "c",
    ),
}
