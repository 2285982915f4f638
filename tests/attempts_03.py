"""Right and wrong solutions of chapter 03's exercises, for test_checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from xai_helpers.course.checks import KINDS, Kind

LAW, BY_HAND, RANDOM = KINDS
Array = np.ndarray
Layers = list[tuple[Array, Array]]


# --- epsilon-rule ---------------------------------------------------------------------------------------------------


def epsilon_rule(x: Array, weight: Array, bias: Array, relevance: Array, epsilon: float) -> Array:
    result = np.zeros(len(x))
    for j, row in enumerate(weight):
        z = row @ x + bias[j]
        result += x * row / (z + (epsilon if z >= 0 else -epsilon)) * relevance[j]
    return result


def _shared(x: Array, weight: Array, relevance: Array, below: Array) -> Array:
    with np.errstate(divide="ignore"):
        return x * ((relevance / below) @ weight)


def epsilon_without_the_bias(x: Array, weight: Array, bias: Array, relevance: Array, epsilon: float) -> Array:
    z = weight @ x
    return _shared(x, weight, relevance, z + epsilon * np.where(z < 0, -1, 1))


def epsilon_without_a_sign(x: Array, weight: Array, bias: Array, relevance: Array, epsilon: float) -> Array:
    return _shared(x, weight, relevance, weight @ x + bias + epsilon)


def epsilon_of_zero(x: Array, weight: Array, bias: Array, relevance: Array, epsilon: float) -> Array:
    return _shared(x, weight, relevance, weight @ x + bias)


def epsilon_with_a_sign_of_zero(x: Array, weight: Array, bias: Array, relevance: Array, epsilon: float) -> Array:
    z = weight @ x + bias
    return _shared(x, weight, relevance, z + epsilon * np.sign(z))


def epsilon_that_conserves(x: Array, weight: Array, bias: Array, relevance: Array, epsilon: float) -> Array:
    result = epsilon_rule(x, weight, bias, relevance, epsilon)
    return result / result.sum() * relevance.sum()


def epsilon_without_the_input(x: Array, weight: Array, bias: Array, relevance: Array, epsilon: float) -> Array:
    z = weight @ x + bias
    return (relevance / (z + epsilon * np.where(z < 0, -1, 1))) @ weight


# --- gamma-rule -----------------------------------------------------------------------------------------------------


def gamma_rule(x: Array, weight: Array, relevance: Array, gamma: float) -> Array:
    counted = x * np.where(weight > 0, (1 + gamma) * weight, weight)
    return (counted / counted.sum(1, keepdims=True) * relevance[:, None]).sum(0)


def gamma_above_the_line_only(x: Array, weight: Array, relevance: Array, gamma: float) -> Array:
    counted = x * (weight + gamma * weight.clip(min=0))
    return (counted / (weight @ x)[:, None] * relevance[:, None]).sum(0)


def gamma_in_place_of_one_plus_gamma(x: Array, weight: Array, relevance: Array, gamma: float) -> Array:
    counted = x * np.where(weight > 0, gamma * weight, weight)
    return (counted / counted.sum(1, keepdims=True) * relevance[:, None]).sum(0)


def gamma_of_all_weights(x: Array, weight: Array, relevance: Array, gamma: float) -> Array:
    return gamma_rule(x, weight, relevance, 0.0)


def gamma_of_positive_weights_only(x: Array, weight: Array, relevance: Array, gamma: float) -> Array:
    counted = x * weight.clip(min=0)
    return (counted / counted.sum(1, keepdims=True) * relevance[:, None]).sum(0)


# --- through-a-network ----------------------------------------------------------------------------------------------


def through_network(x: Array, layers: Layers) -> Array:
    """LRP-0 on a ReLU network is input times gradient."""
    level, gates = x, []
    for weight, bias in layers[:-1]:
        z = weight @ level + bias
        gates.append(z > 0)
        level = np.maximum(z, 0)
    slope = layers[-1][0][0]
    for (weight, _), gate in zip(reversed(layers[:-1]), reversed(gates), strict=True):
        slope = (slope * gate) @ weight
    return x * slope


def _handed_back(x: Array, layers: Layers, *, relu: bool = True, start: float | None = None) -> Array:
    inputs = [x]
    for weight, bias in layers:
        z = weight @ inputs[-1] + bias
        inputs.append(np.maximum(z, 0) if relu else z)
    weight, bias = layers[-1]
    relevance = weight @ inputs[-2] + bias if start is None else np.array([start])
    for below, (weight, bias) in zip(reversed(inputs[:-1]), reversed(layers), strict=True):
        relevance = below * ((relevance / (weight @ below + bias)) @ weight)
    return relevance


def through_without_relu(x: Array, layers: Layers) -> Array:
    return _handed_back(x, layers, relu=False)


def through_from_one(x: Array, layers: Layers) -> Array:
    return _handed_back(x, layers, start=1.0)


def through_spread_over_the_inputs(x: Array, layers: Layers) -> Array:
    return len(x) * _handed_back(x, layers)


def through_the_last_layer_only(x: Array, layers: Layers) -> Array:
    level = x
    for weight, bias in layers[:-1]:
        level = np.maximum(weight @ level + bias, 0)
    return level * layers[-1][0][0]


def through_in_the_order_of_registration(x: Array, layers: Layers) -> Array:
    return _handed_back(x, list(reversed(layers)))


def through_a_relu_at_the_end(x: Array, layers: Layers) -> Array:
    level = x
    for weight, bias in layers:
        level = np.maximum(weight @ level + bias, 0)
    return _handed_back(x, layers, start=level[0])


def through_shared_evenly(x: Array, layers: Layers) -> Array:
    return np.full(len(x), _handed_back(x, layers).sum() / len(x))


RIGHT: dict[str, tuple[Callable[..., Any], ...]] = {
    "epsilon-rule": (epsilon_rule,),
    "gamma-rule": (gamma_rule,),
    "through-a-network": (through_network, _handed_back),
}
WRONG: dict[str, dict[Callable[..., Any], set[Kind]]] = {
    "epsilon-rule": {
        epsilon_without_the_bias: {LAW, BY_HAND, RANDOM},
        epsilon_without_a_sign: {LAW, BY_HAND},
        epsilon_of_zero: {LAW, BY_HAND, RANDOM},
        epsilon_with_a_sign_of_zero: {BY_HAND},
        epsilon_that_conserves: {LAW, BY_HAND, RANDOM},
        epsilon_without_the_input: {LAW, BY_HAND, RANDOM},
    },
    "gamma-rule": {
        gamma_above_the_line_only: {LAW, BY_HAND, RANDOM},
        gamma_in_place_of_one_plus_gamma: {BY_HAND, RANDOM},
        gamma_of_all_weights: {BY_HAND, RANDOM},
        gamma_of_positive_weights_only: {BY_HAND, RANDOM},
    },
    "through-a-network": {
        through_without_relu: {LAW},
        through_from_one: {LAW, BY_HAND, RANDOM},
        through_spread_over_the_inputs: {LAW, BY_HAND, RANDOM},
        through_the_last_layer_only: {LAW, BY_HAND, RANDOM},
        through_in_the_order_of_registration: {LAW, BY_HAND, RANDOM},
        through_a_relu_at_the_end: {LAW},
        through_shared_evenly: {BY_HAND, RANDOM},
    },
}
