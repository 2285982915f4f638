"""What chapter 03 asks: words to pick, questions, and what its exercises are held to."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ..attribution import Target
from ..relevance import lrp_epsilon, lrp_gamma
from .checks import Part, differs


def _layer(rng: np.random.Generator, outputs: int, inputs: int) -> tuple[np.ndarray, ...]:
    """x, weight, bias and relevance of a layer, whose outputs keep away from 0."""
    while True:
        x, weight = rng.normal(size=inputs), rng.normal(size=(outputs, inputs))
        bias, relevance = rng.normal(size=outputs), rng.normal(size=outputs)
        if np.abs(weight @ x + bias).min() > 0.2:
            return x, weight, bias, relevance


def _positive_layer(rng: np.random.Generator, outputs: int, inputs: int) -> tuple[np.ndarray, ...]:
    """x, weight and relevance of a layer whose inputs and outputs are positive, and a weight of each output is not."""
    while True:
        x, weight = rng.random(inputs) + 0.2, rng.normal(size=(outputs, inputs)) + 0.5
        if (weight @ x).min() > 0.2 and (weight.min(-1) < -0.3).all():
            return x, weight, rng.random(outputs) + 0.5


def _torch(rule: Callable[..., torch.Tensor], *arrays: np.ndarray | None, **options: float) -> np.ndarray:
    tensors = (None if array is None else torch.from_numpy(array) for array in arrays)
    return rule(*tensors, **options).numpy()


def _epsilon_law(epsilon_rule: Callable[..., Any]) -> str:
    """What inputs, bias and stabiliser get adds up to what came in."""
    x, weight, bias, relevance = _layer(np.random.default_rng(0), 3, 4)
    for epsilon in (0.0, 0.5):
        result = np.asarray(epsilon_rule(x.copy(), weight.copy(), bias.copy(), relevance.copy(), epsilon))
        if result.shape != (4,):
            return f"three outputs, four inputs: the shape should be (4,), got {result.shape}"
        z = weight @ x + bias
        sign = np.where(z < 0, -1, 1)
        absorbed = ((bias + epsilon * sign) / (z + epsilon * sign) * relevance).sum()
        where = f"epsilon {epsilon}: the sum of inputs, bias and stabiliser"
        if wrong := differs(result.sum() + absorbed, relevance.sum(), where):
            return wrong
    return ""


def _epsilon_by_hand(epsilon_rule: Callable[..., Any]) -> str:
    """3 - 2 = 1, and epsilon 1 makes it 2: of a relevance of 1 the inputs get 3/2 and -2/2. Mirrored: -1 becomes -2."""
    x, weight, zero = np.array([3.0, -2.0]), np.ones((1, 2)), np.zeros(1)
    return (
        differs(epsilon_rule(x, weight, zero, np.array([1.0]), 1.0), [1.5, -1.0], "3 - 2, epsilon 1")
        or differs(epsilon_rule(-x, weight, zero, np.array([-1.0]), 1.0), [-1.5, 1.0], "-3 + 2, epsilon 1")
        or differs(epsilon_rule(x, weight, np.array([4.0]), np.array([5.0]), 0.0), [3.0, -2.0], "3 - 2 and a bias of 4")
        or differs(
            epsilon_rule(np.array([1.0, -1.0]), weight, zero, np.array([1.0]), 0.5), [2.0, -2.0], "1 - 1, epsilon 0.5"
        )
    )


def _epsilon_random(epsilon_rule: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    outputs, inputs = (int(size) for size in rng.integers(2, 5, 2))
    epsilon, arrays = float(rng.uniform(0.01, 1)), _layer(rng, outputs, inputs)
    expected = _torch(lrp_epsilon, *arrays, epsilon=epsilon)
    where = f"{inputs} inputs, {outputs} outputs, epsilon {epsilon:.2f}"
    return differs(epsilon_rule(*(array.copy() for array in arrays), epsilon), expected, where)


def _gamma_law(gamma_rule: Callable[..., Any]) -> str:
    x, weight, relevance = _positive_layer(np.random.default_rng(0), 3, 4)
    for gamma in (0.0, 0.25, 100.0):
        result = np.asarray(gamma_rule(x.copy(), weight.copy(), relevance.copy(), gamma))
        if result.shape != (4,):
            return f"three outputs, four inputs: the shape should be (4,), got {result.shape}"
        if wrong := differs(result.sum(), relevance.sum(), f"gamma {gamma}: the sum of what is handed on"):
            return wrong
    return ""


def _gamma_by_hand(gamma_rule: Callable[..., Any]) -> str:
    """x = (1, 2, 3), weights -2, 2, 2: -2 + 4 + 6 = 8; with gamma 1, -2 + 8 + 12 = 18."""
    x, weight = np.array([1.0, 2.0, 3.0]), np.array([[-2.0, 2.0, 2.0]])
    return differs(gamma_rule(x, weight, np.array([8.0]), 0.0), [-2.0, 4.0, 6.0], "gamma 0") or differs(
        gamma_rule(x, weight, np.array([18.0]), 1.0), [-2.0, 8.0, 12.0], "gamma 1"
    )


def _gamma_random(gamma_rule: Callable[..., Any]) -> str:
    rng = np.random.default_rng()
    outputs, inputs = (int(size) for size in rng.integers(2, 5, 2))
    gamma, (x, weight, relevance) = float(rng.uniform(0.1, 2)), _positive_layer(rng, outputs, inputs)
    expected = _torch(lrp_gamma, x, weight, None, relevance, gamma=gamma)
    where = f"{inputs} inputs, {outputs} outputs, gamma {gamma:.2f}"
    return differs(gamma_rule(x.copy(), weight.copy(), relevance.copy(), gamma), expected, where)


def _network(rng: np.random.Generator, *sizes: int, bias: float) -> tuple[np.ndarray, list[tuple[np.ndarray, Any]]]:
    """x, and (weight, bias) of each layer, such that at least two units of each hidden layer are on."""
    while True:
        x, layers = rng.random(sizes[0]) + 0.1, []
        for below, above in itertools.pairwise(sizes):
            layers.append((rng.normal(size=(above, below)), bias * rng.normal(size=above)))
        levels = [x]
        for weight, b in layers:
            levels.append(np.maximum(weight @ levels[-1] + b, 0))
        if all((level > 0.1).sum() >= 2 for level in levels[1:-1]) and levels[-1][0] > 0.1:
            return x, layers


def _network_law(through: Callable[..., Any]) -> str:
    """For an output above zero and one below."""
    x, layers = _network(np.random.default_rng(0), 4, 6, 5, 1, bias=0.0)
    level = x
    for weight, _ in layers[:-1]:
        level = np.maximum(weight @ level, 0)
    for sign in (1, -1):
        last = sign * layers[-1][0]
        result = np.asarray(through(x.copy(), [*layers[:-1], (last, np.zeros(1))]), dtype=np.float64)
        if result.shape != (4,):
            return f"four inputs: the shape should be (4,), got {result.shape}"
        if wrong := differs(result.sum(), (last @ level)[0], "three layers without biases: the sum, and the output"):
            return wrong
    return ""


def _network_by_hand(through: Callable[..., Any]) -> str:
    """The chapter's network: 96 comes back as -6 + 12, 12 + 24 and 18 + 36."""
    first, second = np.array([[-2.0, 2, 2], [2, 2, 2], [2, 2, 2]]), np.full((1, 3), 3.0)
    result = through(np.array([1.0, 2.0, 3.0]), [(first, np.zeros(3)), (second, np.zeros(1))])
    return differs(result, [6.0, 36.0, 54.0], "the network of the chapter")


def _network_random(through: Callable[..., Any]) -> str:
    """LRP-0 on a ReLU network is input times gradient, biases or not."""
    rng = np.random.default_rng()
    x, layers = _network(rng, int(rng.integers(3, 6)), 6, 5, 1, bias=0.3)
    start = torch.from_numpy(x).requires_grad_()
    level = start
    for weight, bias in layers[:-1]:
        level = torch.relu(torch.from_numpy(weight) @ level + torch.from_numpy(bias))
    (gradient,) = torch.autograd.grad((torch.from_numpy(layers[-1][0]) @ level).sum(), start)
    return differs(through(x.copy(), list(layers)), x * gradient.numpy(), f"{len(x)} inputs, three layers with biases")


EXERCISES = {
    "epsilon-rule": (
        Part("law", "inputs, bias and stabiliser together get what came in", _epsilon_law),
        Part("by hand", "two inputs that nearly cancel, and a bias", _epsilon_by_hand),
        Part("random", "as xai_helpers computes it", _epsilon_random),
    ),
    "gamma-rule": (
        Part("law", "conserved, whatever gamma", _gamma_law),
        Part("by hand", "the layer of the chapter", _gamma_by_hand),
        Part("random", "as xai_helpers computes it", _gamma_random),
    ),
    "through-a-network": (
        Part("law", "without biases all of the output arrives at the inputs", _network_law),
        Part("by hand", "the network of the chapter", _network_by_hand),
        Part("random", "as input times gradient", _network_random),
    ),
}

PICKS = {
    "mary-or-john": {
        "text": "When Mary and John went to the store, John gave a drink to",
        "method": "lrp",
        "target": Target("Mary", versus="John"),
        "planted": ("Mary", "John"),
        "note": "By the grammar the answer is the name that comes once; John comes twice. A minus speaks for John",
    },
}

QUESTIONS = {
    "where-relevance-moves": (
        "The answer is read at 'of'; of the words, Eiffel gets the most. Coming down from the top, in which layer does relevance move?",
        {
            "In the last layer, where the answer is decided": "In the last layers it stays at 'of'. What the answer needs is there already.",
            "In layer 1, below the middle": "That is where the last token reads Eiffel, and the layer that chapter 01 found to be needed.",
            "In layer 0, which reads the words themselves": "Layer 0 moves some of it, but what goes to Eiffel has arrived there before.",
            "A little in each layer, as rollout has it": "Rollout blends all layers, since it knows nothing of the answer. Relevance follows the answer.",
        },
        "b",
    ),
    "conserved-so-right": (
        "An explanation conserves relevance to six digits. What follows?",
        {
            "That it is faithful, for nothing was lost on the way": "AttnLRP and CP-LRP both conserve, and on the review they contradict each other.",
            "That some mistakes were not made, and no more": "All relevance on the last word conserves as well. A law can refute an explanation, and not confirm one.",
            "That the model has no biases and no position embeddings": "It has both. What they absorb is counted.",
        },
        "b",
    ),
    "bias-absorbs": (
        "In LRP-0 a layer's bias gets relevance. Why not give it to the inputs as well?",
        {
            "It contributed, and no input did: that would be made up": "One may share it out all the same, some do. Then tell your reader; we write it down.",
            "Because biases are always small and can be left out": "On the Eiffel Tower, under AttnLRP, they absorb 4.4 of 10.3. Leave that out, and the account doesn't balance.",
            "Because the rule would divide by zero if there were no bias": "Without a bias the rule works as it is. A small z is what the stabiliser is for.",
        },
        "a",
    ),
    "cp-or-attn": (
        "What is the difference between AttnLRP and CP-LRP?",
        {
            "CP-LRP hands relevance to queries and keys, AttnLRP to the values only": "The other way round. CP-LRP takes attention weights as constants, so that only values get some.",
            "AttnLRP is exact for attention, CP-LRP an approximation of it": "Both are conventions. Neither follows from the model; and half to each factor depends on the order of a product.",
            "AttnLRP goes through the softmax too, CP-LRP holds it constant": "And the softmax keeps a part, which is absorbed, sometimes more than the total.",
        },
        "c",
    ),
    "group-has-no-relevance": (
        "Exchanging the applicant's group changes no decision. Is the model free of discrimination?",
        {
            "Yes: what has no effect can't discriminate": "Not by itself. But the district has an effect, and most people in the south are of group B.",
            "No: another feature may stand for the group": "A proxy. That it is one, you must know about the people; the model's insides don't say it.",
            "That can be read from the relevance of the group": "It had a little, as much as a field that decides. Neither that nor zero would settle the question.",
        },
        "b",
    ),
    "ninety-one-per-cent": (
        "Somebody reports that LRP names the true drivers in 91 % of the cases, attention in 64 %. What do you ask first?",
        {
            "How fast each of the two methods was": "That matters, later. First ask what was counted.",
            "What a driver is, and what a constant answer would get": "Here, always naming the income gets 74 %. And say how the first one is chosen, by sign or by size.",
            "Which version of the library has been used": "Useful for repeating it. But first you need to know what the number counts.",
        },
        "b",
    ),
}
