"""Right and wrong solutions of chapter 09a's exercises, for test_checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from xai_helpers.course.checks import KINDS, Kind

LAW, BY_HAND, RANDOM = KINDS
Array = np.ndarray
Layer = Callable[[Array], Array]
Read = Callable[[Array], float]


# --- induction-score ------------------------------------------------------------------------------------------------


def induction_score(attention: Array, ids: list[int]) -> float:
    shares = []
    for q in range(len(ids)):
        after = [j + 1 for j in range(q - 2) if ids[j] == ids[q]]
        if after:
            shares.append(sum(attention[q, k] for k in after))
    return sum(shares) / len(shares)


def induction_by_matrices(attention: Array, ids: list[int]) -> float:
    tokens = np.array(ids)
    keys = np.zeros(attention.shape, dtype=bool)
    keys[:, 1:] = tokens[:, None] == tokens[:-1]
    keys &= np.tri(len(ids), k=-2, dtype=bool)
    return float((attention * keys).sum(axis=1)[keys.any(axis=1)].mean())


def _score(attention: Array, ids: list[int], shift: int, last: int, every: bool = False) -> float:
    shares = []
    for q in range(len(ids)):
        after = [j + shift for j in range(q) if ids[j] == ids[q] and j + shift <= q - last]
        if after or every:
            shares.append(attention[q, after].sum())
    return float(np.mean(shares)) if shares else 0.0


def induction_of_the_same_token(attention: Array, ids: list[int]) -> float:
    return _score(attention, ids, 0, 2)


def induction_with_the_token_before(attention: Array, ids: list[int]) -> float:
    return _score(attention, ids, 1, 1)


def induction_over_every_query(attention: Array, ids: list[int]) -> float:
    return _score(attention, ids, 1, 2, every=True)


def induction_by_columns(attention: Array, ids: list[int]) -> float:
    return induction_by_matrices(attention.T, ids)


def induction_of_the_last_occurrence(attention: Array, ids: list[int]) -> float:
    shares = []
    for q in range(len(ids)):
        after = [j + 1 for j in range(q) if ids[j] == ids[q] and j + 1 <= q - 2]
        if after:
            shares.append(attention[q, after[-1]])
    return float(np.mean(shares))


# --- patching-map ---------------------------------------------------------------------------------------------------


def _run(layers: Sequence[Layer], x: Array) -> Array:
    for layer in layers:
        x = layer(x)
    return x


def _streams(layers: Sequence[Layer], x: Array) -> list[Array]:
    return [_run(layers[:level], x) for level in range(len(layers) + 1)]


def patching_map(layers: Sequence[Layer], read: Read, clean: Array, corrupted: Array) -> Array:
    donor, base = _streams(layers, clean), _streams(layers, corrupted)
    low, high = read(base[-1]), read(donor[-1])
    effect = np.zeros((len(layers), len(clean)))
    for level, i in np.ndindex(*effect.shape):
        x = base[level].copy()
        x[i] = donor[level][i]
        effect[level, i] = (read(_run(layers[level:], x)) - low) / (high - low)
    return effect


def patching_as_lists(layers: Sequence[Layer], read: Read, clean: Array, corrupted: Array) -> list[list[float]]:
    return [[float(value) for value in row] for row in patching_map(layers, read, clean, corrupted)]


def patching_by_noising(layers: Sequence[Layer], read: Read, clean: Array, corrupted: Array) -> Array:
    """1 where nothing is lost."""
    return 1 - patching_map(layers, read, corrupted, clean)


def patching_after_the_layer(layers: Sequence[Layer], read: Read, clean: Array, corrupted: Array) -> Array:
    donor, base = _streams(layers, clean), _streams(layers, corrupted)
    low, high = read(base[-1]), read(donor[-1])
    effect = np.zeros((len(layers), len(clean)))
    for level, i in np.ndindex(*effect.shape):
        x = base[level + 1].copy()
        x[i] = donor[level + 1][i]
        effect[level, i] = (read(_run(layers[level + 1 :], x)) - low) / (high - low)
    return effect


def patching_unscaled(layers: Sequence[Layer], read: Read, clean: Array, corrupted: Array) -> Array:
    span = read(_run(layers, clean)) - read(_run(layers, corrupted))
    return patching_map(layers, read, clean, corrupted) * span


def patching_one_copy_for_all(layers: Sequence[Layer], read: Read, clean: Array, corrupted: Array) -> Array:
    """The classic: what was patched before is still patched."""
    donor, base = _streams(layers, clean), _streams(layers, corrupted)
    low, high = read(base[-1]), read(donor[-1])
    effect = np.zeros((len(layers), len(clean)))
    for level in range(len(layers)):
        x = base[level].copy()
        for i in range(len(clean)):
            x[i] = donor[level][i]
            effect[level, i] = (read(_run(layers[level:], x)) - low) / (high - low)
    return effect


def patching_transposed(layers: Sequence[Layer], read: Read, clean: Array, corrupted: Array) -> Array:
    return patching_map(layers, read, clean, corrupted).T


# --- logit-shares ---------------------------------------------------------------------------------------------------


def logit_shares(parts: Array, gain: Array, bias: Array, unembedding: Array) -> list[float]:
    size = parts.sum(axis=0).std()
    direction = gain * unembedding / size
    direction = direction - direction.mean()
    return [*map(float, parts @ direction), float(bias @ unembedding)]


def shares_in_numpy(parts: Array, gain: Array, bias: Array, unembedding: Array) -> Array:
    centred = parts - parts.mean(axis=1, keepdims=True)
    return np.append(centred / parts.sum(axis=0).std() * gain @ unembedding, bias @ unembedding)


def shares_not_centred(parts: Array, gain: Array, bias: Array, unembedding: Array) -> Array:
    return np.append(parts / parts.sum(axis=0).std() * gain @ unembedding, bias @ unembedding)


def shares_each_with_its_own_scale(parts: Array, gain: Array, bias: Array, unembedding: Array) -> Array:
    centred = parts - parts.mean(axis=1, keepdims=True)
    scale = np.maximum(parts.std(axis=1, keepdims=True), 1e-9)
    return np.append(centred / scale * gain @ unembedding, bias @ unembedding)


def shares_without_the_gain(parts: Array, gain: Array, bias: Array, unembedding: Array) -> Array:
    return shares_in_numpy(parts, np.ones_like(gain), bias, unembedding)


def shares_without_the_bias(parts: Array, gain: Array, bias: Array, unembedding: Array) -> Array:
    return shares_in_numpy(parts, gain, bias, unembedding)[:-1]


def shares_all_to_the_first(parts: Array, gain: Array, bias: Array, unembedding: Array) -> Array:
    """Adds up to the logit, and says nothing."""
    found = shares_in_numpy(parts, gain, bias, unembedding)
    return np.array([found.sum(), *np.zeros(len(found) - 1)])


# --- foretold -------------------------------------------------------------------------------------------------------

Text = tuple[Array, Array, Array]
Names = Callable[[Array], Array]


def foretold(fitted: list[Text], held_out: list[Text], read: Names) -> float:
    """With the pseudoinverse, text by text."""
    one = lambda states: np.column_stack([np.ones(len(states)), states])  # noqa: E731
    now = np.vstack([one(states)[:-1] for states, _, _ in fitted])
    weights = np.linalg.pinv(now) @ np.vstack([last[1:] for _, last, _ in fitted])
    hits, asked = 0, 0
    for states, _, ids in held_out:
        for i in range(len(states) - 2):
            hits += int(read(one(states)[i : i + 1] @ weights)[0] == ids[i + 2])
            asked += 1
    return hits / asked


def _foretold(
    fitted: list[Text], held_out: list[Text], read: Names, *, one: bool = True, ahead: int = 1, asked: int = 2
) -> float:
    widened = lambda states: np.hstack([states, np.full((len(states), 1), float(one))])  # noqa: E731
    now = np.concatenate([widened(states)[: len(states) - ahead] for states, _, _ in fitted])
    later = np.concatenate([last[ahead:] for _, last, _ in fitted])
    weights = np.linalg.lstsq(now, later, rcond=None)[0]
    right = [read(widened(states)[:-asked] @ weights) == ids[asked:] for states, _, ids in held_out]
    return float(np.concatenate(right).mean())


def foretold_in_numpy(fitted: list[Text], held_out: list[Text], read: Names) -> float:
    return _foretold(fitted, held_out, read)


def foretold_without_an_intercept(fitted: list[Text], held_out: list[Text], read: Names) -> float:
    return _foretold(fitted, held_out, read, one=False)


def foretold_from_the_same_token(fitted: list[Text], held_out: list[Text], read: Names) -> float:
    return _foretold(fitted, held_out, read, ahead=0)


def foretold_the_next_token(fitted: list[Text], held_out: list[Text], read: Names) -> float:
    return _foretold(fitted, held_out, read, asked=1)


def foretold_on_what_was_fitted(fitted: list[Text], held_out: list[Text], read: Names) -> float:
    return _foretold(fitted, fitted, read)


def foretold_fitted_on_what_is_held_out(fitted: list[Text], held_out: list[Text], read: Names) -> float:
    return _foretold(held_out, held_out, read)


RIGHT: dict[str, tuple[Callable[..., Any], ...]] = {
    "induction-score": (induction_score, induction_by_matrices),
    "patching-map": (patching_map, patching_as_lists),
    "logit-shares": (logit_shares, shares_in_numpy),
    "foretold": (foretold, foretold_in_numpy),
}
WRONG: dict[str, dict[Callable[..., Any], set[Kind]]] = {
    "induction-score": {
        induction_of_the_same_token: {LAW, BY_HAND},
        induction_with_the_token_before: {BY_HAND},
        induction_over_every_query: {LAW, BY_HAND},
        induction_by_columns: {LAW, BY_HAND},
        induction_of_the_last_occurrence: {BY_HAND},
    },
    "patching-map": {
        patching_by_noising: {LAW, BY_HAND},
        patching_after_the_layer: {LAW, BY_HAND},
        patching_unscaled: {LAW, BY_HAND},
        patching_one_copy_for_all: {BY_HAND, RANDOM},
        patching_transposed: {LAW, BY_HAND},
    },
    "logit-shares": {
        shares_not_centred: {LAW, BY_HAND},
        shares_each_with_its_own_scale: {LAW, RANDOM},
        shares_without_the_gain: {LAW},
        shares_without_the_bias: {LAW, BY_HAND, RANDOM},
        shares_all_to_the_first: {BY_HAND, RANDOM},
    },
    "foretold": {
        foretold_without_an_intercept: {LAW, BY_HAND},
        foretold_from_the_same_token: {LAW, BY_HAND},
        foretold_the_next_token: {LAW, BY_HAND},
        foretold_on_what_was_fitted: {LAW, BY_HAND},
        foretold_fitted_on_what_is_held_out: {BY_HAND},
    },
}
