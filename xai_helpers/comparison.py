"""Methods disagree: by how much, about what, and at which price?

`compare` asks several methods about one number that a model computes, and sets their answers side by side. Krishna et
al. (2022, "The Disagreement Problem in Explainable Machine Learning") found that practitioners meet disagreement every
day and have no principle to settle it. Nor does agreement make methods right: they can share a mistake. Chapter 07
measures what they get right.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

import numpy as np

from . import agreement, checks, registry
from .agreement import Measure
from .attribution import Attribution, Target, Unit, joined, word_groups
from .costs import Cost, counted
from .errors import OptionError, TargetNotUsedError, XaiError
from .models import EncodedText, TextModel, require_text_model
from .replacements import stays
from .viz.palette import scale_end
from .viz.table import Table
from .viz.wording import is_signed, number, visible

if TYPE_CHECKING:
    from .viz.drawing import Picture

By = Literal["size", "signed"]
Units = Literal["words", "tokens"]
Method = Callable[..., Attribution]
Methods = Sequence[str | Method] | Mapping[str, str | Method | tuple[str | Method, Mapping[str, Any]]]
SAME = 1e-6  # of the greatest: values that differ by less differ by rounding
MEASURED = {"spearman": "Spearman's rho", "kendall": "Kendall's tau-b", "overlap": "overlap of the top {k}"}
PASSES = ("forward passes", "rows", "backward passes")

Items = TypeVar("Items", bound=Collection[Any])


def compare(
    model: TextModel,
    text: str,
    target: Target | str | int | None = None,
    methods: Methods | None = None,
    *,
    units: Units = "words",
    by: By = "size",
    k: int = 3,
    progress: bool = True,
) -> Comparison:
    """Several methods' explanations of one number, on the same units of the text.

    The target is resolved once; methods that take none, such as attention rollout, are called without it. methods:
    names in `METHODS` or functions with the methods' signature; or a mapping of labels to such, or to pairs (method,
    options); None for all of `METHODS`. units: what is compared, "words" (tokens joined by `Attribution.to_words`) or
    "tokens"; methods of `METHODS` with such an option are asked for these, unless their own options say otherwise. Left
    out are special tokens, the mask that a masked language model is asked about, and what follows the
    token that a decoder predicts from: no method has a choice there, and agreement would come for free.

    by: what is ranked. "size", the absolute score, because not all methods have a sign: saliency and attention say how
    much a word matters, but not for or against; and the word that speaks most strongly against the target matters, too.
    "signed" compares methods that have signs. k: how many units are the top, one less than there are at most.

    A method that raises an XaiError, or gives every unit the same value, is named in `left_out` with the reason, and
    not compared. Other exceptions are not caught. Costs are counted while the methods run, so a method's first call
    pays for what it loads. Raises OptionError where a method has no such option, where methods score different units,
    where the text has fewer than two, or where no method is left; UnknownMethodError; and what the target raises.
    """
    k = check(by, k, units)
    chosen = calls(methods, units)
    found = explained(model, text, target, chosen, units, progress)
    left_out = found.left_out | constant(found.scores, by)
    names = [name for name in found.scores if name not in left_out]
    if not names:
        raise OptionError(f"no method can be compared: {'; '.join(f'{n}: {why}' for n, why in left_out.items())}")
    return Comparison(
        model=model.name,
        text=text,
        target=found.target,
        units=found.units,
        attributions={name: found.attributions[name] for name in names},
        scores=np.stack([found.scores[name] for name in names], axis=1),
        by=by,
        k=min(k, len(found.units) - 1),
        costs={name: found.costs[name] for name in names},
        left_out=left_out,
    )


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several methods' scores for the same units of one text, and how far their rankings agree.

    units: what is compared. attributions: by label, at these units and those left out. scores: signed, float64
    (n_units, n_methods), columns in the order of `methods`. by: what is ranked, scores' "size" or "signed" scores. k:
    how many units are the top. costs: by label. left_out: labels that are not compared, and why.
    """

    model: str
    text: str
    target: Target | None
    units: tuple[Unit, ...]
    attributions: Mapping[str, Attribution]
    scores: np.ndarray
    by: By
    k: int
    costs: Mapping[str, Cost]
    left_out: Mapping[str, str]

    @property
    def methods(self) -> tuple[str, ...]:
        """The labels of the methods."""
        return tuple(self.attributions)

    @property
    def words(self) -> tuple[str, ...]:
        """The units as they are shown."""
        return tuple(visible(unit.text) for unit in self.units)

    @property
    def ranks(self) -> np.ndarray:
        """Each unit's rank by each method, 1 for the most important, ties averaged: (n_units, n_methods)."""
        return agreement.ranks(ranked(self.scores, self.by))

    @property
    def consensus(self) -> np.ndarray:
        """Each unit's mean rank over the methods: (n_units,)."""
        return self.ranks.mean(axis=1)

    @property
    def spearman(self) -> np.ndarray:
        """Spearman's rho of each two methods: (n_methods, n_methods)."""
        return self.agreement("spearman")

    @property
    def kendall(self) -> np.ndarray:
        """Kendall's tau-b of each two methods: (n_methods, n_methods)."""
        return self.agreement("kendall")

    @property
    def overlap(self) -> np.ndarray:
        """The share of their top k that each two methods have in common: (n_methods, n_methods)."""
        return self.agreement("overlap")

    def agreement(self, measure: Measure = "spearman") -> np.ndarray:
        """The measure of each two methods: (n_methods, n_methods), as `xai_helpers.agreement` defines it."""
        return agreement.measured(measure, ranked(self.scores, self.by), self.k)

    def ranking(self) -> tuple[tuple[str, float], ...]:
        """The consensus: units and their mean ranks, most important first."""
        order = self.consensus.argsort(kind="stable")
        return tuple((self.units[i].text, float(self.consensus[i])) for i in order)

    def table(self) -> Table:
        """Units by methods: the signed scores; and the mean rank."""
        columns = [[number(x, scale_end(column), is_signed(column)) for x in column] for column in self.scores.T]
        rows = zip(self.words, *columns, (f"{x:.1f}" for x in self.consensus), strict=True)
        return Table(self._title("scores"), ("unit", *self.methods, "mean rank"), tuple(rows))

    def cost_table(self) -> Table:
        """What each method cost, seconds included, of which no two runs have the same."""
        rows = [(name, *passes(cost), f"{cost.seconds:.3f}") for name, cost in self.costs.items()]
        return Table("cost", ("method", *PASSES, "seconds"), tuple(rows))

    def plot(self, measure: Measure = "spearman") -> Picture:
        """The agreement of each two methods, beside each method's scores and ranks; below, which are left out."""
        from .viz import drawing, plots

        matrix = self.agreement(measure)
        name = MEASURED[measure].format(k=self.k)
        figure = plots.agreement_and_ranks(
            self.methods, matrix, self.words, self.scores, self.ranks, measure=name, title=self._title("")
        )
        if not self.left_out:
            return figure
        return drawing.footed(figure, f"left out: {', '.join(map(visible, self.left_out))}")

    def __repr__(self) -> str:
        return "\n\n".join([*map(str, self._tables()), *self._notes()])

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{escape(note)}</p>" for note in self._notes())
        return "".join(table._repr_html_() for table in self._tables()) + notes

    def _title(self, what: str) -> str:
        explained = "no target" if self.target is None else str(self.target)
        by = {"size": "by the size of scores", "signed": "by signed scores"}[self.by]
        return " · ".join(part for part in (what, self.model, visible(explained), by) if part)

    def _tables(self) -> tuple[Table, ...]:
        numbers = [str(i + 1) for i in range(len(self.methods))]
        costs = [(i, name, *passes(self.costs[name])) for i, name in zip(numbers, self.methods, strict=True)]
        order = self.consensus.argsort(kind="stable")
        ranks = [(self.words[i], f"{self.consensus[i]:.1f}", *(f"{x:g}" for x in self.ranks[i])) for i in order]
        agree = [(i, *(f"{x:.2f}" for x in row)) for i, row in zip(numbers, self.spearman, strict=True)]
        return (
            Table(self._title("comparison"), ("", "method", *PASSES), tuple(costs)),
            Table("rank, 1 for the most important", ("unit", "mean", *numbers), tuple(ranks)),
            Table(MEASURED["spearman"], ("", *numbers), tuple(agree)),
        )

    def _notes(self) -> tuple[str, ...]:
        return tuple(f"left out: {name}: {visible(reason)}" for name, reason in self.left_out.items())


@dataclass(frozen=True)
class Call:
    """A method as it was chosen. takes_target: None where only a try can tell, for a function."""

    function: Method
    options: Mapping[str, Any]
    takes_target: bool | None

    def __call__(self, model: TextModel, text: str, target: Target | None) -> Attribution:
        if self.takes_target is not False:
            try:
                return self.function(model, text, target, **self.options)
            except TargetNotUsedError:
                if self.takes_target:
                    raise
        return self.function(model, text, **self.options)


def calls(methods: Methods | None, units: Units) -> dict[str, Call]:
    """The methods by label, found but not called, those of the registry asked for these units where they have a choice.

    Raises UnknownMethodError or OptionError.
    """
    if methods is None:
        methods = tuple(registry.METHODS)
    if isinstance(methods, str) or callable(methods):
        methods = (methods,)
    if not isinstance(methods, Mapping):
        names = [method if isinstance(method, str) else getattr(method, "__name__", repr(method)) for method in methods]
        if twice := {name for name in names if names.count(name) > 1}:
            raise OptionError(f"{min(twice)!r} stands twice among the methods; give each a label, as in a dict")
        methods = dict(zip(names, methods, strict=True))
    if not methods:
        raise OptionError("there is no method to ask; None asks all")
    return {label: _asked_for(units, _called(label, method)) for label, method in methods.items()}


def call(method: str | Method, options: Mapping[str, Any]) -> Call:
    """A method with its options. Raises UnknownMethodError or OptionError, for an option that it doesn't have too."""
    if isinstance(method, str):
        name, found = method, Call(registry.find(method), options, registry.record(method).target)
    elif callable(method):
        name, found = getattr(method, "__name__", repr(method)), Call(method, options, None)
    else:
        raise OptionError(f"{method!r} is no method: give a name, a function, or a pair of one and its options")
    known = options_of(found.function)
    if known is not None and (unknown := [option for option in options if option not in known]):
        raise OptionError(f"{name} has no option {unknown[0]!r}; its options: {', '.join(known) or 'none'}")
    return found


@dataclass(frozen=True)
class Explained:
    """One text as several methods explain it. scores: for each of them one signed score per unit.

    target: None where no method takes one. left_out: why a method has no scores.
    """

    target: Target | None
    units: tuple[Unit, ...]
    attributions: Mapping[str, Attribution]
    scores: dict[str, np.ndarray]
    costs: Mapping[str, Cost]
    left_out: dict[str, str]


def explained(
    model: TextModel,
    text: str,
    target: Target | str | int | None,
    chosen: Mapping[str, Call],
    units: Units,
    progress: bool,
) -> Explained:
    """What `compare` and `compare_corpus` start from: every method's scores on the units that are compared."""
    require_text_model("compare", model)
    encoded = model.encode(text)
    used = target is not None or any(method.takes_target is not False for method in chosen.values())
    resolved = model.resolve(target, encoded) if used else None
    named = None if resolved is None else resolved.target
    attributions: dict[str, Attribution] = {}
    costs: dict[str, Cost] = {}
    left_out: dict[str, str] = {}
    for label, asked in bar(tuple(chosen.items()), progress, "methods"):
        try:
            given, costs[label] = counted(model, functools.partial(asked, model, text, named))
        except XaiError as error:
            left_out[label] = f"{type(error).__name__}: {error}"
            continue
        if not isinstance(given, Attribution):
            raise OptionError(f"{label} gives {type(given).__name__}; a method returns an Attribution")
        attributions[label] = given.to_words() if units == "words" else given
    content = _content(attributions, encoded, units)
    compared = _compared(model, encoded, content, model.readout(encoded) if resolved is None else resolved.position)
    scores = {label: a.scores[list(a.content)][compared] for label, a in attributions.items()}
    return Explained(
        target=named,
        units=tuple(content[i] for i in compared),
        attributions=attributions,
        scores=scores,
        costs=costs,
        left_out=left_out,
    )


def explained_by_all(
    model: TextModel, text: str, target: Target | str | int | None, chosen: Mapping[str, Call], units: Units
) -> Explained:
    """The same where every method is needed. Raises OptionError for one that can't explain the text."""
    found = explained(model, text, target, chosen, units, progress=False)
    for label, reason in found.left_out.items():
        raise OptionError(f"{label} can't explain {text!r}: {reason}")
    return found


def ranked(scores: np.ndarray, by: By) -> np.ndarray:
    """What is ranked, greatest first: (n_units, ...)."""
    return np.abs(scores) if by == "size" else scores


def constant(scores: Mapping[str, np.ndarray], by: By) -> dict[str, str]:
    """Why methods whose values don't differ are not compared, by label."""
    reasons = {}
    for label, column in scores.items():
        values = ranked(column, by)
        if np.ptp(values) <= SAME * np.abs(values).max():
            what = "the same size" if by == "size" else "the same score"
            reasons[label] = f"all {len(values)} units have {what}, {values[0]:.3g}: there is no order to compare"
    return reasons


def check(by: By, k: int, units: Units) -> int:
    """k as an int. Raises OptionError for options that rank nothing."""
    if by not in get_args(By):
        raise OptionError(f"by={by!r}: choose 'size' or 'signed'")
    if units not in get_args(Units):
        raise OptionError(f"units={units!r}: choose 'words' or 'tokens'")
    return checks.whole(k, "k")


def bar(items: Items, shown: bool, what: str) -> Items:
    """The items, with a progress bar that goes when it is done; without one where there is nothing to wait for.

    TQDM_DISABLE=1 in the environment switches it off, which tqdm itself heeds in a terminal only.
    """
    if not shown or len(items) < 2 or os.environ.get("TQDM_DISABLE", "0") not in ("", "0"):
        return items
    from tqdm.auto import tqdm

    return tqdm(items, desc=what, leave=False)


def passes(cost: Cost) -> tuple[str, str, str]:
    """The counted part of a cost, for a table."""
    return str(cost.forwards), str(cost.rows), str(cost.backwards)


def options_of(function: Method) -> list[str] | None:
    """The names of a function's options, None where it takes any or doesn't say."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # some that are written in C
        return None
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return [
        parameter.name
        for i, parameter in enumerate(parameters)
        if parameter.kind is parameter.KEYWORD_ONLY
        or (parameter.kind is parameter.POSITIONAL_OR_KEYWORD and i >= 3)  # after model, text and target
    ]


def _called(label: str, method: Any) -> Call:
    if not isinstance(method, tuple):
        return call(method, {})
    if len(method) != 2 or not isinstance(method[1], Mapping):
        raise OptionError(f"{label!r}: {method!r} is no pair: give a method and a dict of its options")
    return call(*method)


def _asked_for(units: Units, method: Call) -> Call:
    """The same, with these units among its options if it is of the registry, has the option and doesn't use it."""
    function = method.function
    path = f"{getattr(function, '__module__', '')}:{getattr(function, '__qualname__', '')}"
    ours = any(row.path == path for row in registry.records())
    if not ours or "units" in method.options or "units" not in (options_of(function) or ()):
        return method
    return replace(method, options={**method.options, "units": units})


def _content(attributions: Mapping[str, Attribution], encoded: EncodedText, units: Units) -> tuple[Unit, ...]:
    """The content units that all attributions have. Raises OptionError where they differ."""
    found = {label: [a.units[i] for i in a.content] for label, a in attributions.items()}
    spans = {label: [(unit.start, unit.end) for unit in content] for label, content in found.items()}
    if all(theirs == first for first, theirs in itertools.pairwise(spans.values())):
        return tuple(next(iter(found.values()), ()))
    pieces = [[unit] for unit in encoded.units]
    if units == "words":
        pieces = [[encoded.units[i] for i in group] for group in word_groups(encoded.text, encoded.units)]
    asked = [unit for unit in (joined(encoded.text, piece) for piece in pieces) if not unit.special]
    other = [label for label, theirs in spans.items() if theirs != [(unit.start, unit.end) for unit in asked]]
    todo = "set units='tokens' in its options, or compare at units='words'" if units == "tokens" else "join its units"
    raise OptionError(
        f"methods must score the same units, the text's {len(asked)} {units}: {', '.join(other)} doesn't; {todo}"
    )


def _compared(model: TextModel, encoded: EncodedText, units: Sequence[Unit], position: int) -> list[int]:
    """Indices of the units that hold a token on which the prediction depends, and that can be taken away."""
    seen = encoded.units[: position + 1] if model.architecture.decoder else encoded.units
    fixed = stays(model, encoded).tolist()
    free = [token for token, stay in zip(seen, fixed, strict=False) if not stay]
    found = [i for i, unit in enumerate(units) if any(_holds(unit, token) for token in free)]
    if units and len(found) < 2:
        raise OptionError(f"the text has {len(found)} unit to compare: a ranking needs two")
    return found


def _holds(unit: Unit, token: Unit) -> bool:
    same = (unit.start, unit.end) == (token.start, token.end)
    return same or (unit.start < token.end and token.start < unit.end)
