"""Does an explanation name the words that the model used? Takes them away, and sees what is left of the output.

Deletion takes units away, most important first; insertion lets them come in. If the explanation is right, the output
falls at once in the one and is there at once in the other (Samek et al., 2017, "Evaluating the Visualization of What a
Deep Neural Network Has Learned"; Petsiuk, Das & Saenko, 2018, "RISE"). Comprehensiveness and sufficiency (DeYoung et
al., 2020, "ERASER") are points on these two curves.

No such number means anything alone. A text on which one word decides gives every method that finds it the same score,
and a text with holes is a text that the model may never have met. So each score stands beside those of random orders,
of the same order reversed, and of the best subsets found (exhaustive up to 10 units, a beam beyond).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from . import agreement, checks
from .agreement import bootstrap
from .attribution import Attribution, Target
from .batches import BatchSize
from .comparison import By, ranked
from .errors import NonFiniteError, OptionError
from .models import TextModel
from .perturbation import TextGame, Units, text_game
from .surrogates import Game
from .viz.table import Table
from .viz.wording import visible

if TYPE_CHECKING:
    from .viz.drawing import Picture

Convention = Literal["difference", "ratio"]
FRACTIONS = (0.01, 0.05, 0.1, 0.2, 0.5)  # ERASER's
EXHAUSTIVE = 10  # players; beyond, a beam looks for the best subsets
BEAM = 8
STILL = 1e-5  # of a curve's range: a step so small is rounding, which in float32 reaches a few millionths of it

# Array functions: curves (..., n + 1), whose place k belongs to k units. All raise OptionError for a curve of fewer
# than two values, and NonFiniteError for one that holds NaN or infinite values.


def comprehensiveness(deletion: np.ndarray, k: int | Sequence[int], convention: Convention = "difference") -> Any:
    """What is lost with the k most important units: (...,), or (..., len(k)). More is better.

    deletion: (..., n + 1), the value with the first 0, 1, ..., n units taken away. convention: "difference", p(x) -
    p(x without them), is ERASER's; "ratio", 1 - p(x without them) / p(x), is common in tutorials, and large where p(x)
    is small. Raises OptionError for k below 0 or above n, or for a ratio to nothing.
    """
    deletion = _curve(deletion, "deletion")
    whole, left = deletion[..., 0], _at(deletion, k)
    return _share(whole, left, np.ndim(k), convention, lost=True)


def sufficiency(insertion: np.ndarray, k: int | Sequence[int], convention: Convention = "difference") -> Any:
    """What the k most important units do alone: (...,), or (..., len(k)).

    insertion: (..., n + 1), the value with only the first 0, 1, ..., n units kept. convention: "difference", p(x) -
    p(only them), is ERASER's: less is better. "ratio", p(only them) / p(x), turns that round: more is better. Raises
    OptionError as `comprehensiveness` does.
    """
    insertion = _curve(insertion, "insertion")
    whole, left = insertion[..., -1], _at(insertion, k)
    return _share(whole, left, np.ndim(k), convention, lost=convention == "difference")


def counts(n: int, fractions: Sequence[float] = FRACTIONS) -> list[int]:
    """How many of n units each fraction is, rounded up: in a text of ten words 1 %, 5 % and 10 % are all one word.

    So ERASER's baselines choose their tokens. ferret rounds down, and leaves a fraction out that is no whole token.
    Raises OptionError for fractions that are not above 0 and at most 1.
    """
    n, shares = checks.whole(n, "n"), [checks.number(f, "fraction", above=0) for f in fractions]
    for share in shares:
        if share > 1:
            raise OptionError(f"fraction={share:g}: give a share of the units, at most 1")
    return [max(1, int(np.ceil(n * share - 1e-9))) for share in shares]


def aopc(
    metric: Literal["comprehensiveness", "sufficiency"],
    curve: np.ndarray,
    at: Sequence[int] | None = None,
    convention: Convention = "difference",
) -> Any:
    """The area over the perturbation curve: the metric's mean over several k: (...,).

    at: these k, as in range(1, n + 1); None takes ERASER's `FRACTIONS` of the units, as its code averages them: a k
    that several fractions round up to counts several times. ferret (Attanasio et al., 2023) rounds 0.1, 0.2, ..., 1
    down, takes units with scores above 0 only, and counts equal sets once: `at` the distinct min(int(t n), number of
    scores above 0), without 0, is its AOPC. Where nothing is above 0 it gives 0, and 1 for sufficiency. Both delete
    tokens, so that the text closes up: replacement="delete" in `erase`; ferret also tokenises what is left anew.
    """
    functions = {"comprehensiveness": comprehensiveness, "sufficiency": sufficiency}
    if metric not in functions:
        raise OptionError(f"metric={metric!r}: choose {', '.join(map(repr, functions))}")
    curve = _curve(curve, "curve")
    k = counts(curve.shape[-1] - 1) if at is None else list(at)
    if not k:
        raise OptionError("at=[]: a mean needs at least one k")
    return functions[metric](curve, k, convention).mean(axis=-1)


def area(curve: np.ndarray) -> Any:
    """The area under a curve over the share of units, from 0 to 1, by trapezoids: (...,)."""
    curve = _curve(curve, "curve")
    return (curve[..., 1:] + curve[..., :-1]).mean(axis=-1) / 2


def monotonicity(deletion: np.ndarray) -> Any:
    """How often the output does not fall when units come in, least important first: the share of the n steps, (...,).

    Luss et al. (2021, "Leveraging Latent Features for Local Explanations") ask that it never fall. It does not tell
    whether the order is right. Where units only add up, or the output rises with such a sum, a unit raises or lowers it
    whoever is there before, and all orders have one value: the share of units that don't lower it. What differs between
    orders is interaction: units that change sides in company, and units that have no effect left to make.

    A fall of at most `STILL` of the curve's range counts as none: a unit that does nothing would otherwise pass or fail
    by the rounding of a pass.
    """
    deletion = _curve(deletion, "deletion")
    least = -STILL * np.ptp(deletion, axis=-1, keepdims=True)
    return (deletion[..., :-1] - deletion[..., 1:] >= least).mean(axis=-1)


def infidelity(scores: np.ndarray, kept: np.ndarray, drops: np.ndarray, *, normalised: bool = True) -> Any:
    """The mean squared error with which scores foretell what is lost without some units (Yeh et al., 2019): (...,).

    scores: (..., n). kept: bool (n_samples, n). drops: (n_samples,), the value of the text minus the value of what is
    kept. normalised: scores are first multiplied by the one factor that makes the error least, as captum does, so that
    scores of any unit can be asked; a factor below 0 is no less allowed, so reversed signs go unnoticed. Without it,
    rescaling changes the result. Raises OptionError for shapes that don't fit and for anything but bools in kept, and
    NonFiniteError.
    """
    kept, scores, drops = np.asarray(kept), _finite(scores, "scores"), _finite(drops, "drops")
    if kept.dtype != bool or kept.ndim != 2 or not len(kept):
        raise OptionError(
            f"kept has type {kept.dtype} and shape {kept.shape}: give bools, a row for each sample and in it one for "
            "each unit"
        )
    if scores.ndim < 1 or scores.shape[-1] != kept.shape[1]:
        raise OptionError(f"scores has shape {scores.shape}: give one for each of the {kept.shape[1]} units of kept")
    if drops.shape != (len(kept),):
        raise OptionError(f"drops has shape {drops.shape}: give one for each of the {len(kept)} rows of kept")
    foretold = scores @ (~kept).T.astype(np.float64)  # (..., n_samples)
    if normalised:
        squares = (foretold**2).sum(axis=-1, keepdims=True)
        products = (foretold * drops).sum(axis=-1, keepdims=True)
        foretold = foretold * np.divide(products, squares, out=np.zeros_like(squares), where=squares > 0)
    return ((foretold - drops) ** 2).mean(axis=-1)


def random_coalitions(n: int, samples: int, seed: int = 0) -> np.ndarray:
    """Random subsets of n units to be kept, every size from 0 to n - 1 as likely: bool (samples, n)."""
    n, samples, seed = checks.whole(n, "n"), checks.whole(samples, "samples"), checks.seed(seed)
    rng = np.random.default_rng(seed)
    place = rng.random((samples, n)).argsort(axis=1).argsort(axis=1)
    return place < rng.integers(0, n, size=(samples, 1))


def orders(scores: np.ndarray, by: By = "signed", seed: int = 0) -> np.ndarray:
    """The units of each row, most important first: int (n_rows, n). Units that tie are drawn by the seed.

    scores: (n_rows, n). Raises OptionError for another shape, and NonFiniteError.
    """
    _check_by(by)
    values = ranked(_finite(scores, "scores"), by)
    if values.ndim != 2:
        raise OptionError(f"scores has shape {values.shape}: give a row for each explanation, as scores[None] for one")
    rng = np.random.default_rng(checks.seed(seed))
    return np.lexsort((rng.random(values.shape), -values), axis=-1)


def differences(values: np.ndarray, samples: int = 1000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each method's mean minus each other's, over the texts that both have, and its 95 % bootstrap interval.

    values: (n_texts, n_methods), NaN where a method has none. Returns three arrays (n_methods, n_methods). Texts differ
    more than methods do: so pairs tell apart what two intervals side by side don't. Raises OptionError for another
    shape, or no text.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or not len(values):
        raise OptionError(f"values has shape {values.shape}: give a row for each text, and in it one for each method")
    return bootstrap(values[:, :, None] - values[:, None, :], samples, seed)


# One text


@dataclass(frozen=True, eq=False)
class Erased:
    """One text while its units go and come in the order of several explanations.

    target: what is valued. by: what was ranked. labels: of the explanations. words: the n units that can be taken
    away. scores: (n_labels, n). deletion: the value with the k first units taken away, (n_labels, n + 1). insertion:
    with only them kept. without: with one unit taken away, (n,). random_deletion, random_insertion: the same curves
    for random orders, (n_orders, n + 1). lowest, highest: the least and the greatest value with k units kept, (n + 1,),
    of the best subsets found (exhaustive up to 10 units, a beam beyond). Only if `exhaustive` are they bounds.
    """

    model: str
    text: str
    target: Target
    by: By
    replacement: str
    labels: tuple[str, ...]
    words: tuple[str, ...]
    scores: np.ndarray
    deletion: np.ndarray
    insertion: np.ndarray
    without: np.ndarray
    random_deletion: np.ndarray
    random_insertion: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray
    exhaustive: bool

    @property
    def whole(self) -> float:
        """The value of the text as it is."""
        return float(self.deletion[0, 0])

    @property
    def empty(self) -> float:
        """The value with every unit taken away."""
        return float(self.deletion[0, -1])

    @property
    def best_deletion(self) -> np.ndarray:
        """The least value found with k units taken away: (n + 1,). No order of units need reach all of it.

        Of all subsets if `exhaustive`, else of those that were asked: then others may leave less.
        """
        return self.lowest[::-1]

    @property
    def leave_one_out(self) -> np.ndarray:
        """Kendall's tau-b of each explanation with what is lost without each unit alone: (n_labels,), NaN if constant.

        What is lost is lost from the output that `erase` was asked to value, the probability by default, and of a
        target with a rival the difference of two. `xai.leave_one_out` explains a logit by default, or a difference of
        two, and a change of logits need not have the order of the change of probabilities. So even its tau need not be
        1; it is if both value one output with one replacement. For it, and for its relatives, the comparison is
        circular: it holds a method against itself. ferret's tau-LOO is this number with replacement="delete", of
        tokens, and of a probability.
        """
        drops = ranked(self.whole - self.without, self.by)
        columns = np.concatenate([ranked(self.scores, self.by), drops[None]]).T
        return agreement.kendall(columns)[:-1, -1]

    def metrics(
        self, at: Sequence[int] | None = None, convention: Convention = "difference"
    ) -> dict[str, dict[str, np.ndarray]]:
        """Each metric for "explanations" (n_labels,), the same "reversed", "random" orders (n_orders,) and "best" ().

        Comprehensiveness and sufficiency are means over `at`, as in `aopc`; deletion and insertion areas. "best" is
        what the best subset found of each size has (exhaustive up to 10 units, a beam beyond); no explanation need
        reach it, since its subsets are nested. The last two stand there if they were asked for.
        """
        curves = {
            "explanations": (self.deletion, self.insertion),
            # the last first: what is taken away is what was kept
            "reversed": (self.insertion[:, ::-1], self.deletion[:, ::-1]),
        }
        if len(self.random_deletion):
            curves["random"] = (self.random_deletion, self.random_insertion)
        if np.isfinite(self.lowest).all():
            curves["best"] = (self.best_deletion, self.highest)
        measured = {
            "comprehensiveness": lambda out, into: aopc("comprehensiveness", out, at, convention),
            "sufficiency": lambda out, into: aopc("sufficiency", into, at, convention),
            "deletion": lambda out, into: area(out),
            "insertion": lambda out, into: area(into),
            "monotonicity": lambda out, into: monotonicity(out),
        }
        return {name: {who: measure(*pair) for who, pair in curves.items()} for name, measure in measured.items()}

    def table(self, at: Sequence[int] | None = None, convention: Convention = "difference") -> Table:
        """Explanations and controls by metrics; for random orders the mean and where 95 % of them lie."""
        found = self.metrics(at, convention)
        rows = []
        for i, label in enumerate(self.labels):
            own = [f"{found[name]['explanations'][i]:.3f}" for name in found]
            rows.append((visible(label), *own, f"{self.leave_one_out[i]:.2f}"))
            rows.append((f"  {visible(label)}, reversed", *(f"{found[name]['reversed'][i]:.3f}" for name in found), ""))
        if "random" in found["deletion"]:
            rows.append(("random orders", *(_spread(found[name]["random"]) for name in found), ""))
        if "best" in found["deletion"]:
            best = "best subsets" if self.exhaustive else "best subsets found"
            rows.append((best, *("" if name == "monotonicity" else f"{found[name]['best']:.3f}" for name in found), ""))
        return Table(self._title(), ("", *found, "tau with leave-one-out"), tuple(rows))

    def plot(self, at: Sequence[int] = ()) -> Picture:
        """The two curves of each explanation, between the best subsets found and the band of random orders.

        at: numbers of units at which a line stands.
        """
        from .viz import plots

        best = (self.best_deletion, self.highest) if np.isfinite(self.lowest).all() else (None, None)
        named = [dict(zip(self.labels, rows, strict=True)) for rows in (self.deletion, self.insertion)]
        panels = (
            plots.Panel("deletion", "units taken away", named[0], self.random_deletion, best[0]),
            plots.Panel("insertion", "units kept", named[1], self.random_insertion, best[1]),
        )
        return plots.curves(panels, label=visible(str(self.target)), title=self._title(), at=at)

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def _title(self) -> str:
        by = {"size": "by the size of scores", "signed": "by signed scores"}[self.by]
        return f"{self.model} · {visible(str(self.target))} · {by} · {self.replacement} for what is taken away"


def erase(
    model: TextModel,
    explanations: Attribution | Mapping[str, Attribution],
    target: Target | str | int | None = None,
    *,
    by: By = "signed",
    units: Units = "words",
    output: Literal["logit", "probability", "log_probability"] = "probability",
    replacement: str = "auto",
    random_orders: int = 20,
    best: bool = True,
    draws: int = 10,
    seed: int = 0,
    batch_size: BatchSize = "auto",
) -> Erased:
    """Takes the units of a text away in the order of each explanation, and in orders that know nothing.

    explanations: one, or several by label, of one text. target: what is valued; None takes what the explanations
    explain (the model's own prediction where none has a target). output: in which form; "probability", as ERASER has
    it, which of a target with a `versus` is the difference of two. by: "signed" lets go first what speaks most for the
    target; "size" the greatest absolute scores, for explanations whose signs mean nothing. units: "words" (tokens
    joined) or "tokens". replacement, draws, batch_size: as in `perturbation.text_game`: the kept tokens stay as they
    were, in their places. random_orders: how many are drawn by seed. best: whether the best subsets are looked for
    (exhaustive up to 10 units, a beam beyond), which asks most of the texts. Special tokens, and what a decoder reads
    after its prediction, always stay.

    The game is asked once for all texts of all explanations together, and then runs each text once. Up to 10 units with
    best=True these are all 2^n. Beyond, two beam searches ask it n + 1 times more each, of at most 8 n texts at a time,
    some of which ran before. Raises OptionError where explanations have different texts, units or targets, and as
    `text_game` does.
    """
    _check_by(by)
    given = {explanations.method: explanations} if isinstance(explanations, Attribution) else dict(explanations)
    if not given:
        raise OptionError("there is no explanation to hold against the model")
    random_orders, seed = checks.whole(random_orders, "random_orders", least=0), checks.seed(seed)
    text, asked = _explained(given, target)
    game = text_game(
        model, text, replace(asked, output=output), replacement, units, draws, seed, batch_size, method="erase"
    )
    scores = np.stack([_players_scores(label, a, game, units) for label, a in given.items()])
    rng = np.random.default_rng(seed)
    drawn = rng.random((random_orders, game.n)).argsort(axis=1)
    play = tabulated(game, game.n) if best and game.n <= EXHAUSTIVE else game
    deletion, insertion, without = _curves(play, np.concatenate([orders(scores, by, seed), drawn]))
    nothing = np.full(game.n + 1, np.nan)
    lowest, highest = extremes(play, game.n) if best else (nothing, nothing)
    m = len(scores)
    return Erased(
        model=model.name,
        text=text,
        target=game.target.target,
        by=by,
        replacement=game.options["replacement"],
        labels=tuple(given),
        words=game.words,
        scores=scores,
        deletion=deletion[:m],
        insertion=insertion[:m],
        without=without,
        random_deletion=deletion[m:],
        random_insertion=insertion[m:],
        lowest=np.minimum(lowest, np.minimum(insertion.min(0), deletion.min(0)[::-1])),
        highest=np.maximum(highest, np.maximum(insertion.max(0), deletion.max(0)[::-1])),
        exhaustive=best and game.n <= EXHAUSTIVE,
    )


def tabulated(game: Game, n: int) -> Game:
    """The same game of n players, asked once for all 2^n subsets."""
    values = game(np.array(list(itertools.product((False, True), repeat=n))))
    return lambda kept: values[kept @ (1 << np.arange(n)[::-1])]


def extremes(game: Game, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest value found of a game with k of n players kept, for each k: (n + 1,) each.

    game(kept), bool (n_coalitions, n), gives values (n_coalitions,). Up to `EXHAUSTIVE` players all subsets are asked;
    beyond, two beam searches add players to the `BEAM` best subsets of each size. What they find is no bound: other
    subsets may pass it.
    """
    if n <= EXHAUSTIVE:
        kept = np.array(list(itertools.product((False, True), repeat=n)))
        values, size = game(kept), kept.sum(axis=1)
        lowest = np.array([values[size == k].min() for k in range(n + 1)])
        highest = np.array([values[size == k].max() for k in range(n + 1)])
        return lowest, highest
    return _beam(game, n, -1.0), _beam(game, n, 1.0)


def _beam(game: Game, n: int, sign: float) -> np.ndarray:
    front = np.zeros((1, n), dtype=bool)
    best = [game(front)[0]]
    for _ in range(n):
        grown = np.unique((front[:, None] | np.eye(n, dtype=bool)).reshape(-1, n), axis=0)
        grown = grown[grown.sum(axis=1) == front[0].sum() + 1]
        values = game(grown)
        front = grown[np.argsort(-sign * values, kind="stable")[:BEAM]]
        best.append(sign * (sign * values).max())
    return np.array(best)


def _curves(game: Game, orders: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Deletion and insertion curves of each order, (n_orders, n + 1), and the values without each unit alone."""
    n = orders.shape[1]
    place = orders.argsort(axis=1)  # of each unit in each order
    first = place[:, None] < np.arange(n + 1)[:, None]  # (n_orders, n + 1, n): the first k units
    texts = np.concatenate([(~first).reshape(-1, n), first.reshape(-1, n), ~np.eye(n, dtype=bool)])
    values = game(texts)
    deletion, insertion, without = np.split(values, [first.shape[0] * (n + 1), 2 * first.shape[0] * (n + 1)])
    return deletion.reshape(-1, n + 1), insertion.reshape(-1, n + 1), without


def _explained(given: Mapping[str, Attribution], target: Target | str | int | None) -> tuple[str, Target]:
    for label, attribution in given.items():
        if not isinstance(attribution, Attribution):
            raise OptionError(f"{label} is {type(attribution).__name__}, not an Attribution")
    texts = {attribution.text for attribution in given.values()}
    if len(texts) > 1:
        raise OptionError(f"the explanations are of {len(texts)} texts; give those of one text at a time")
    if target is None:
        targets = {replace(a.target, output="logit") for a in given.values() if a.target is not None}
        if len(targets) > 1:
            raise OptionError(
                f"the explanations have different targets, {', '.join(sorted(map(str, targets)))}: give one"
            )
        target = targets.pop() if targets else Target()
    return texts.pop(), target if isinstance(target, Target) else Target(target)


def _players_scores(label: str, attribution: Attribution, game: TextGame, units: Units) -> np.ndarray:
    found = attribution.to_words() if units == "words" else attribution
    if [(u.start, u.end, u.special) for u in found.units] != [(u.start, u.end, u.special) for u in game.units]:
        raise OptionError(f"{label} scores other units than the text's {units}: set units= to those that it scores")
    return found.scores[[unit for unit, _ in game.players]]


def _finite(values: np.ndarray, name: str) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        raise NonFiniteError(f"{name} holds NaN or infinite values: leave out what has no number")
    return array


def _curve(values: np.ndarray, name: str) -> np.ndarray:
    array = _finite(values, name)
    if array.ndim < 1 or array.shape[-1] < 2:
        raise OptionError(f"{name} has shape {array.shape}: give the n + 1 values at 0, 1, ..., n units")
    return array


def _check_by(by: str) -> None:
    if by not in get_args(By):
        raise OptionError(f"by={by!r}: choose 'size' or 'signed'")


def _at(curve: np.ndarray, k: int | Sequence[int]) -> np.ndarray:
    n = curve.shape[-1] - 1
    asked = [checks.whole(one, "k", least=0, most=n) for one in np.atleast_1d(np.asarray(k, dtype=object))]
    return curve[..., asked] if np.ndim(k) else curve[..., asked[0]]


def _share(whole: np.ndarray, left: np.ndarray, listed: int, convention: Convention, lost: bool) -> Any:
    whole = whole[..., None] if listed else whole
    if convention == "difference":
        return whole - left
    if convention != "ratio":
        raise OptionError(f"convention={convention!r}: choose {', '.join(map(repr, get_args(Convention)))}")
    if not (whole > 0).all():
        raise OptionError("convention='ratio' divides by the text's own value, which is not above 0; take 'difference'")
    return 1 - left / whole if lost else left / whole


def _spread(values: np.ndarray) -> str:
    low, high = np.quantile(values, (0.025, 0.975))
    return f"{values.mean():.3f} ({low:.3f} to {high:.3f})"
