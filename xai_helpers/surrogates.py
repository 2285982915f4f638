"""Which simple rule stands in for the model near this text: LIME's linear model, and Shapley's fair division?

LIME (Ribeiro, Singh & Guestrin, 2016, "Why Should I Trust You?") takes random units away, sees what becomes of the
output, and fits a weighted linear model. The Shapley value (Shapley, 1953; Lundberg & Lee, 2017, "A Unified Approach to
Interpreting Model Predictions") is a unit's contribution, averaged over all orders in which the units could come in.

The functions on games ask `game(kept)`, bool (n_coalitions, n), for values (n_coalitions,), and know nothing of texts;
those on texts play `perturbation.text_game`.
"""

from __future__ import annotations

import inspect
import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import stats

from . import checks
from .attribution import Attribution, Target
from .batches import BatchSize
from .errors import OptionError
from .models import TextModel
from .perturbation import TextGame, Units, text_game
from .registry import attribute, find

if TYPE_CHECKING:
    from .registry import Method

Game = Callable[[np.ndarray], np.ndarray]
Tree = int | Sequence["Tree"]
Estimator = Literal["auto", "exact", "permutation", "kernel"]
ESTIMATORS: tuple[Estimator, ...] = ("auto", "exact", "permutation", "kernel")
EXACT = 14  # players; 16,384 coalitions


def lime(
    model: TextModel,
    text: str,
    target: Target | str | int | None = None,
    *,
    samples: int = 1000,
    seed: int = 0,
    width: float = 25.0,
    ridge: float = 1.0,
    units: Units = "words",
    replacement: str = "auto",
    draws: int = 10,
    batch_size: BatchSize = "auto",
) -> Attribution:
    """The coefficients of a linear model of the target, fitted on texts with some units taken away.

    samples: how many texts, the whole one among them; drawn by seed, as in the lime package. width, ridge: as in
    `fit_lime`. units, replacement, draws, batch_size: as in `perturbation.text_game`; the lime package deletes words.
    Scores have the output's unit. total is the value of the text; "intercept" is absorbed, and gap is how far the
    linear model is from the value here. details: r2, the weighted share of the values' variance that the linear model
    has. Raises OptionError, and as `text_game` does.
    """
    width, ridge = checks.number(width, "width", above=0), checks.number(ridge, "ridge", least=0)
    samples, seed = checks.whole(samples, "samples", least=2), checks.seed(seed)
    game = text_game(model, text, target, replacement, units, draws, seed, batch_size, method="lime")
    kept = lime_neighbours(game.n, samples, seed)
    fit = fit_lime(kept, game(kept), width=width, ridge=ridge)
    options = {"samples": samples, "seed": seed, "width": width, "ridge": ridge}
    absorbed = {"intercept": fit.intercept}
    return game.attribution("lime", fit.coefficients, options, {"r2": fit.r2}, total=game.whole, absorbed=absorbed)


def shapley(
    model: TextModel,
    text: str,
    target: Target | str | int | None = None,
    *,
    estimator: Estimator = "auto",
    units: Units = "words",
    phrases: Sequence[str] = (),
    replacement: str = "auto",
    samples: int = 1000,
    seed: int = 0,
    draws: int = 10,
    batch_size: BatchSize = "auto",
) -> Attribution:
    """Each unit's contribution to the target, averaged over the orders in which the units could come in.

    estimator: "exact" asks all 2^n coalitions, for up to 14 units; "permutation" draws orders, "kernel" solves a
    weighted regression (KernelSHAP); "auto" is exact where it can be, else "permutation". samples: about how many
    coalitions the last two ask, drawn by seed; details then holds the scores' standard_errors (n_units,).
    phrases: parts of the text whose units come in together, in any order (Owen, 1977), as in ["not terrible"]; exact
    only. units, replacement, draws, batch_size: as in `perturbation.text_game`.

    Efficiency: scores add up to the value of the text minus the value with every unit taken away, which is absorbed as
    "baseline". Raises OptionError, and as `text_game` does.
    """
    if estimator not in ESTIMATORS:
        raise OptionError(f"estimator={estimator!r}: choose {', '.join(map(repr, ESTIMATORS))}")
    samples, seed = checks.whole(samples, "samples"), checks.seed(seed)
    game = text_game(model, text, target, replacement, units, draws, seed, batch_size, method="shapley")
    asked, nothing = _remembering(game), np.zeros((1, game.n), dtype=bool)
    if estimator == "auto":
        estimator = "exact" if game.n <= EXACT or phrases else "permutation"
    options: dict[str, Any] = {"estimator": estimator}
    details: dict[str, Any] = {}
    if phrases:
        if estimator != "exact":
            raise OptionError(f"estimator={estimator!r}: phrases are exact only")
        options["phrases"] = list(phrases)
        scores = owen_values(asked, _unions(game, phrases))
    elif estimator == "exact":
        scores = shapley_values(asked, game.n)
    else:
        options |= {"samples": samples, "seed": seed}
        estimate = permutation_shapley if estimator == "permutation" else kernel_shap
        scores, errors = estimate(asked, game.n, samples, seed)
        spread = np.zeros(len(game.units))
        spread[[unit for unit, _ in game.players]] = errors
        details["standard_errors"] = spread.tolist()
    return game.attribution(
        "shapley", scores, options, details, total=game.whole, absorbed={"baseline": float(asked(nothing)[0])}
    )


@dataclass(frozen=True, eq=False)
class Interactions:
    """What pairs of units are worth together beyond what each is worth: matrix, float64 (n, n), with 0 on the diagonal.

    words: the n units. Above 0: together they add more than each by itself; below 0: each does some of the other's
    work.
    """

    words: tuple[str, ...]
    matrix: np.ndarray
    target: Target

    def between(self, one: str, other: str) -> float:
        """The interaction of two units, by name. Raises OptionError for one that is not there once."""
        for word in (one, other):
            if self.words.count(word) != 1:
                raise OptionError(
                    f"{word!r} is {self.words.count(word)} times among the units: {', '.join(self.words)}"
                )
        return float(self.matrix[self.words.index(one), self.words.index(other)])


def shapley_interactions(
    model: TextModel,
    text: str,
    target: Target | str | int | None = None,
    *,
    units: Units = "words",
    replacement: str = "auto",
    seed: int = 0,
    draws: int = 10,
    batch_size: BatchSize = "auto",
) -> Interactions:
    """The Shapley interaction index of each pair of units (Grabisch & Roubens, 1999), exact, for up to 14 units.

    Options as in `shapley`. Raises OptionError, and as `text_game` does.
    """
    game = text_game(model, text, target, replacement, units, draws, seed, batch_size, method="shapley_interactions")
    return Interactions(game.words, interaction_index(game, game.n), game.target.target)


@dataclass(frozen=True, eq=False)
class Stability:
    """A method's scores with several seeds: scores (n_seeds, n_content_units), and what is to be said of them.

    agreement: the mean rank correlation (Kendall's tau-b) of two seeds; deviation: each unit's standard deviation.
    """

    words: tuple[str, ...]
    scores: np.ndarray

    @property
    def deviation(self) -> np.ndarray:
        return self.scores.std(axis=0, ddof=1)

    @property
    def agreement(self) -> float:
        pairs = itertools.combinations(self.scores, 2)
        return float(np.mean([stats.kendalltau(one, other).statistic for one, other in pairs]))


def over_seeds(
    model: TextModel,
    text: str,
    method: str | Method,
    target: Target | str | int | None = None,
    *,
    seeds: int = 10,
    **options: Any,
) -> Stability:
    """The same explanation with seeds 0, 1, ...: how much is chance? Raises OptionError, and as the method does."""
    seeds, function = checks.whole(seeds, "seeds", least=2), find(method) if isinstance(method, str) else method
    if "seed" not in inspect.signature(function).parameters:
        raise OptionError(f"{getattr(function, '__name__', function)} draws nothing: it takes no seed")
    found = [attribute(model, text, function, target, seed=seed, **options) for seed in range(seeds)]
    content = list(found[0].content)
    if len(content) < 2:
        raise OptionError(f"the text has {len(content)} unit: an order needs two")
    return Stability(tuple(found[0].tokens[i] for i in content), np.array([a.scores[content] for a in found]))


# --- games ----------------------------------------------------------------------------------------------------------


def coalitions(n: int) -> np.ndarray:
    """All subsets of n players: bool (2^n, n); row k holds the binary digits of k. Raises OptionError above 14."""
    if n > EXACT:
        raise OptionError(f"{n} units have 2^{n} coalitions: exact for at most {EXACT}; estimate, or shorten the text")
    return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(bool)


def shapley_values(game: Game, n: int) -> np.ndarray:
    """The Shapley value, exact: float64 (n,). Raises OptionError for more than 14 players."""
    kept = coalitions(n)
    values, sizes, index = game(kept), kept.sum(axis=1), np.arange(2**n)
    weights = np.array([1 / (n * math.comb(n - 1, size)) for size in range(n)])
    scores = np.empty(n)
    for i in range(n):
        without = index[~kept[:, i]]
        scores[i] = weights[sizes[without]] @ (values[without | 1 << i] - values[without])
    return scores


def interaction_index(game: Game, n: int) -> np.ndarray:
    """The Shapley interaction index of pairs, exact: float64 (n, n). Raises OptionError for more than 14 players."""
    kept = coalitions(n)
    values, sizes, index = game(kept), kept.sum(axis=1), np.arange(2**n)
    weights = np.array([1 / ((n - 1) * math.comb(n - 2, size)) for size in range(n - 1)])
    matrix = np.zeros((n, n))
    for i, j in itertools.combinations(range(n), 2):
        without = index[~kept[:, i] & ~kept[:, j]]
        one, other = 1 << i, 1 << j
        joint = values[without | one | other] - values[without | one] - values[without | other] + values[without]
        matrix[i, j] = matrix[j, i] = weights[sizes[without]] @ joint
    return matrix


def owen_values(game: Game, tree: Tree) -> np.ndarray:
    """The Owen value of a nested division of the players 0, 1, ..., as in [[0, 1], [2], [3, 4]]: float64 (n,).

    Orders are averaged in which the members of each group come in one after the other; with a binary tree these are
    shap's partition values. Each player must stand in the tree once. Raises OptionError.
    """
    n = len(players := _leaves(tree))
    if not n or sorted(players) != list(range(n)) or n > 62:
        raise OptionError(f"the tree must hold each of 0 to {n - 1} once, of at most 62; it holds {players}")
    player, weight, before = (np.array(column) for column in zip(*_terms(tree, {0: 1.0}), strict=True))
    asked, where = np.unique(np.stack([before, before | 1 << player]), return_inverse=True)
    without, joined = game((asked[:, None] >> np.arange(n) & 1).astype(bool))[where.reshape(2, -1)]
    return np.bincount(player, weight * (joined - without), minlength=n)


def permutation_shapley(game: Game, n: int, samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The Shapley value from random orders, each also in reverse: estimates and standard errors, (n,) each.

    About `samples` coalitions are asked. Efficient by itself: each order's contributions add up. Raises OptionError
    where samples don't suffice for two orders and their reverses.
    """
    pairs = checks.whole(samples, "samples") // (2 * n)
    if pairs < 2:
        raise OptionError(f"samples={samples}: {n} units need at least {4 * n}, two orders and their reverses")
    rng = np.random.default_rng(seed)
    orders = rng.permuted(np.tile(np.arange(n), (pairs, 1)), axis=1)
    orders = np.stack([orders, orders[:, ::-1]], axis=1)  # (pairs, 2, n)
    rank = orders.argsort(axis=-1)
    kept = rank[..., None, :] < np.arange(n + 1)[:, None]  # (pairs, 2, n + 1, n): the first 0, 1, ... n of an order
    gains = np.diff(game(kept.reshape(-1, n)).reshape(pairs, 2, n + 1), axis=-1)
    contributions = np.take_along_axis(gains, rank, axis=-1).mean(axis=1)
    return contributions.mean(axis=0), contributions.std(axis=0, ddof=1) / math.sqrt(pairs)


def kernel_shap(game: Game, n: int, samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The Shapley value by regression (KernelSHAP): estimates and standard errors, (n,) each.

    Coalitions are drawn with their complements, in proportion to Shapley's kernel; the coefficients of a linear model
    of their values, bound to add up to the whole, are the estimates (Lundberg & Lee, 2017, theorem 2), and their errors
    follow from the residuals (Covert & Lee, 2021). Where samples suffice for all coalitions, all are asked and nothing
    is left to chance. Raises OptionError for too few samples.
    """
    if checks.whole(samples, "samples") < 4 * n:
        raise OptionError(f"samples={samples}: {n} units need at least {4 * n}")
    nothing, whole = game(np.stack([np.zeros(n, dtype=bool), np.ones(n, dtype=bool)]))
    if n == 1:
        return np.array([whole - nothing]), np.zeros(1)
    sizes = np.arange(1, n)
    if n <= EXACT and 2**n <= samples:
        kept = coalitions(n)[1:-1]
        weights = 1 / (np.array([math.comb(n, s) for s in sizes]) * sizes * (n - sizes))[kept.sum(axis=1) - 1]
    else:
        rng, odds = np.random.default_rng(seed), 1 / (sizes * (n - sizes))
        size = rng.choice(sizes, samples // 2, p=odds / odds.sum())
        half = rng.permuted(np.tile(np.arange(n), (len(size), 1)), axis=1).argsort(axis=1) < size[:, None]
        kept = np.stack([half, ~half], axis=1).reshape(-1, n)
        weights = np.ones(len(kept))
    values, z = game(kept) - nothing, kept.astype(np.float64)
    inverse = np.linalg.pinv((weights[:, None] * z).T @ z)
    ones = inverse.sum(axis=1)
    project = inverse - np.outer(ones, ones) / ones.sum()  # moves that leave the sum alone
    scores = project @ (z.T @ (weights * values)) + ones / ones.sum() * (whole - nothing)
    if n <= EXACT and 2**n <= samples:
        return scores, np.zeros(n)
    residuals = (z * (values - z @ scores)[:, None]).reshape(-1, 2, n).sum(axis=1)  # a coalition with its complement
    free = max(1, len(residuals) - n + 1)
    covariance = project @ (residuals.T @ residuals) @ project * len(residuals) / free
    return scores, np.sqrt(np.diag(covariance))


@dataclass(frozen=True, eq=False)
class LinearFit:
    """A linear model of a game near the whole: coefficients (n,), intercept, and R2."""

    coefficients: np.ndarray
    intercept: float
    r2: float


def lime_neighbours(n: int, samples: int, seed: int) -> np.ndarray:
    """The coalitions that LIME asks, bool (samples, n): the whole, then sets without 1 to n players, each as often."""
    samples = checks.whole(samples, "samples", least=2)
    rng = np.random.default_rng(seed)
    gone = rng.integers(1, n + 1, samples - 1)
    kept = rng.permuted(np.tile(np.arange(n), (samples - 1, 1)), axis=1).argsort(axis=1) >= gone[:, None]
    return np.concatenate([np.ones((1, n), dtype=bool), kept])


def fit_lime(kept: np.ndarray, values: np.ndarray, *, width: float = 25.0, ridge: float = 1.0) -> LinearFit:
    """Ridge regression of values (m,) on coalitions kept (m, n), weighted by their nearness to the whole.

    The distance is 100 times the cosine's to a row of ones, the weight exp(-(distance / width)^2 / 2), as in the lime
    package. ridge: the penalty on the coefficients' squares; the intercept has none. Raises OptionError.
    """
    width, ridge = checks.number(width, "width", above=0), checks.number(ridge, "ridge", least=0)
    z, values = np.asarray(kept, dtype=np.float64), np.asarray(values, dtype=np.float64)
    distance = 100 * (1 - np.sqrt(z.mean(axis=1)))
    with np.errstate(over="ignore"):
        weights = np.exp(-((distance / width) ** 2) / 2)
    if not weights[1:].any():
        raise OptionError(f"width={width}: so narrow that no changed text has any weight")
    mean, level = np.average(z, axis=0, weights=weights), np.average(values, weights=weights)
    centred, offset = z - mean, values - level
    gram = centred.T @ (weights[:, None] * centred) + ridge * np.eye(z.shape[1])
    coefficients = np.linalg.lstsq(gram, centred.T @ (weights * offset), rcond=None)[0]
    left, spread = offset - centred @ coefficients, weights @ offset**2
    r2 = 1 - weights @ left**2 / spread if spread > 0 else 1.0
    return LinearFit(coefficients, float(level - mean @ coefficients), float(r2))


def _remembering(game: Game) -> Game:
    """The same game, which is not asked again for the coalition of nobody."""
    known: list[float] = []

    def play(kept: np.ndarray) -> np.ndarray:
        empty = ~kept.any(axis=1)
        if not known or not empty.any():
            values = game(kept)
            known.extend(values[empty][:1])
            return values
        values = np.full(len(kept), known[0])
        if not empty.all():
            values[~empty] = game(kept[~empty])
        return values

    return play


def _terms(tree: Tree, contexts: Mapping[int, float]) -> list[tuple[int, float, int]]:
    """(player, weight, who came before) for every way into the tree.

    contexts: who came before the tree, with weights. Sets of players are the binary digits of a number.
    """
    if isinstance(tree, int):
        return [(tree, weight, before) for before, weight in contexts.items()]
    members = [sum(1 << player for player in _leaves(child)) for child in tree]
    terms = []
    for place, child in enumerate(tree):
        inside: dict[int, float] = defaultdict(float)
        for size in range(len(tree)):
            share = 1 / (len(tree) * math.comb(len(tree) - 1, size))
            for chosen in itertools.combinations(members[:place] + members[place + 1 :], size):
                for before, weight in contexts.items():
                    inside[before | sum(chosen)] += weight * share
        terms += _terms(child, inside)
    return terms


def _leaves(tree: Tree) -> list[int]:
    return [tree] if isinstance(tree, int) else [leaf for child in tree for leaf in _leaves(child)]


def _unions(game: TextGame, phrases: Sequence[str]) -> list[Tree]:
    """The players as a tree: those of a phrase in one branch, in the order of the text."""
    text, spans = game.encoded.text, []
    for phrase in [phrases] if isinstance(phrases, str) else phrases:
        if not isinstance(phrase, str) or not phrase or text.count(phrase) != 1:
            raise OptionError(f"phrases: {phrase!r} must stand in the text, once")
        spans.append((text.index(phrase), text.index(phrase) + len(phrase)))
    branches: dict[object, list[Tree]] = {}
    for player, (unit, _) in enumerate(game.players):
        start, end = game.units[unit].start, game.units[unit].end
        inside = [span for span in spans if span[0] < end and start < span[1]]
        if len(inside) > 1 or any(start < low or high < end for low, high in inside):
            raise OptionError(f"phrases: {game.units[unit].text!r} must lie in one phrase as a whole")
        branches.setdefault(inside[0] if inside else player, []).append(player)
    if idle := [text[slice(*span)] for span in spans if span not in branches]:
        raise OptionError(f"phrases: {idle[0]!r} holds nothing that can be taken away")
    k = len(branches)  # any of them as wholes; and within each, beside any of the others
    n_coalitions = 2**k + sum(2 ** (k - 1) * (2 ** len(branch) - 2) for branch in branches.values())
    if n_coalitions > 2**EXACT:
        raise OptionError(
            f"phrases: {k} phrases and single units have {n_coalitions} coalitions, more than {2**EXACT}; "
            "join more units to phrases, make long phrases shorter, or shorten the text"
        )
    return list(branches.values())
