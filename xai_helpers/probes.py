"""Is a property encoded in a model's activations? A classifier that finds it there is a probe.

A probe's accuracy alone says little (Belinkov, 2022, "Probing Classifiers: Promises, Shortcomings, and Advances").
Three questions make it speak. Does it hold for words that the probe was not fitted on? Could the probe have learned the
task by itself (the control task of Hewitt & Liang, 2019, "Designing and Interpreting Probes with Control Tasks")? And
how much does the activation help to say the labels in few bits (Voita & Titov, 2020, "Information-Theoretic Probing
with Minimum Description Length")? That a property can be found does not mean that the model uses it: for that,
`amnesic` takes it away.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from . import checks
from .erasure import Amnesia, Behaviour, Eraser, amnesic, eraser
from .errors import OptionError
from .probed import (
    PROPERTIES,
    STREAM,
    Choices,
    Examples,
    Property,
    States,
    at_every_word,
    examples,
    states,
    tense_choices,
)
from .viz.table import Table

if TYPE_CHECKING:
    from .viz.drawing import Picture

__all__ = [
    "PROPERTIES",
    "Amnesia",
    "Behaviour",
    "Choices",
    "CodeLength",
    "Curve",
    "Eraser",
    "Examples",
    "Level",
    "Probe",
    "Property",
    "Selectivity",
    "States",
    "Transfer",
    "amnesic",
    "at_every_word",
    "by_layer",
    "control_labels",
    "description_length",
    "eraser",
    "examples",
    "fit",
    "selectivity",
    "split",
    "states",
    "tense_choices",
    "transfer",
]

Kind = Literal["linear", "mlp", "mass-mean"]
KINDS: tuple[Kind, ...] = get_args(Kind)
By = Literal["type", "token", "group"]
BYS: tuple[By, ...] = get_args(By)
HIDDEN = 32  # neurons of an "mlp"
HELD_OUT = 0.25
SAMPLES = 1000  # of a bootstrap
BLOCKS = 7  # of an online code; each ends twice as far as the one before
PENALTIES = (1.0, 100.0)  # on squared weights, half of each added to the sum of log losses


def split(examples: Examples, by: By = "type", seed: int = 0, held_out: float = HELD_OUT) -> np.ndarray:
    """Which examples are to test on: bool (n,).

    "token" draws single examples; "type" and "group" draw whole types or groups, so that none is on both sides. Of each
    label the share `held_out` is drawn, at least one and not all; a label with a single type (or group) is only
    trained on. A type with several labels is drawn for its most common one. Raises OptionError.
    """
    _one_of(by, "by", BYS)
    if not 0 < checks.number(held_out, "held_out") < 1:
        raise OptionError(f"held_out={held_out!r}: give a share between 0 and 1")
    rng = np.random.default_rng(checks.seed(seed))
    kinds, kind = np.unique(_keys(examples, by), return_inverse=True)
    labels, label = np.unique(examples.labels, return_inverse=True)
    counts = np.zeros((len(kinds), len(labels)), int)
    np.add.at(counts, (kind, label), 1)
    chosen = np.zeros(len(kinds), bool)
    for common in range(len(labels)):
        pool = np.flatnonzero(counts.argmax(axis=1) == common)
        if len(pool) > 1:
            take = min(max(1, round(held_out * len(pool))), len(pool) - 1)
            chosen[rng.choice(pool, take, replace=False)] = True
    if not chosen.any():
        raise OptionError(f"no label has two of what is held out (by={by!r}): give more examples, or split another way")
    return chosen[kind]


@dataclass(frozen=True, eq=False)
class Probe:
    """A classifier of one level's activations, and how it does on what was held out.

    accuracy, with the ends low and high of its 95 % interval (types or groups are drawn again where they were held
    out). majority: of always answering the most common label of training. embeddings: of a probe of the same kind, on
    the same split, at level 0 of the stream; NaN at other sites. test: bool (n,); predicted: the labels of those.
    """

    accuracy: float
    low: float
    high: float
    majority: float
    embeddings: float
    test: np.ndarray
    predicted: tuple[str, ...]
    property: str
    level: str
    kind: Kind
    by: By
    classifier: Any

    def predict(self, values: np.ndarray) -> tuple[str, ...]:
        """The labels of activations (n, width)."""
        return tuple(map(str, self.classifier.predict(np.asarray(values, np.float64))))

    def __repr__(self) -> str:
        return (
            f"{self.kind} probe of {self.property}, {self.level}: {self.accuracy:.3f} ({self.low:.3f} to "
            f"{self.high:.3f}) on {self.test.sum()} held out by {self.by}; majority {self.majority:.3f}, "
            f"at the embeddings {self.embeddings:.3f}"
        )


def fit(
    states: States,
    level: int,
    kind: Kind = "linear",
    by: By = "type",
    seed: int = 0,
    labels: Sequence[str] | None = None,
) -> Probe:
    """A probe of one level, fitted on what `split(examples, by, seed)` leaves, tested on the rest.

    kind: "linear" is a logistic regression on standardised activations, as scikit-learn's with C=1; "mlp" has one layer
    of 32 neurons between, penalised alike; "mass-mean" answers with the label whose mean is nearest (for two labels:
    the difference of means of Marks & Tegmark, 2023, "The Geometry of Truth"). labels: other ones than the examples',
    as of a control task. Raises OptionError, among others where fewer than two labels are in training.
    """
    relabelled = _relabelled(states, labels)
    bottom = float("nan")
    if relabelled.site == STREAM and relabelled.index(level):
        bottom = _probe(relabelled, 0, kind, by, seed).accuracy
    return _probe(relabelled, relabelled.index(level), kind, by, seed, bottom)


def control_labels(examples: Examples, seed: int = 0) -> tuple[str, ...]:
    """Labels that only memory can tell: each type gets one at random, as often as the property has it among examples.

    The control task of Hewitt & Liang (2019). Its types must be seen in training: split it by token. Raises OptionError
    where every example is a type of its own, and nothing of the task could be learned.
    """
    kinds, kind = np.unique(examples.types, return_inverse=True)
    if len(kinds) == len(examples):
        raise OptionError("each example is a type of its own: no label of a control task could be known in a test")
    drawn = np.random.default_rng(checks.seed(seed)).choice(np.array(examples.labels), len(kinds))
    return tuple(map(str, drawn[kind]))


@dataclass(frozen=True)
class Selectivity:
    """Accuracy on the property and on its control task, both split by token, and the difference."""

    accuracy: float
    control: float

    @property
    def selectivity(self) -> float:
        """How much better the property is told than labels that only memory can tell."""
        return self.accuracy - self.control


def selectivity(states: States, level: int, kind: Kind = "linear", seed: int = 0) -> Selectivity:
    """What a probe knows beyond what it can memorise (Hewitt & Liang, 2019, section 2). Raises OptionError."""
    control = control_labels(states.examples, seed)
    place = states.index(level)
    return Selectivity(_accuracy(states, place, kind, seed), _accuracy(_relabelled(states, control), place, kind, seed))


@dataclass(frozen=True)
class CodeLength:
    """How many bits it takes to say the labels to someone who has the activations; uniform: to one who has nothing."""

    bits: float
    uniform: float

    @property
    def compression(self) -> float:
        """How many times shorter the code is than the uniform one."""
        return self.uniform / self.bits


def description_length(
    states: States, level: int, kind: Kind = "linear", seed: int = 0, labels: Sequence[str] | None = None
) -> CodeLength:
    """The online code of Voita & Titov (2020, section 2.2.2), in bits.

    The examples, in random order, are sent in 7 blocks, each of which ends twice as far as the one before. The labels
    of the first cost log2(K) bits each, K being how many labels there are; those of every other one -log2 of the
    probability that a probe gives them which was fitted on all before. With t examples seen, that probability is mixed
    with the uniform one, which has the weight 1 / (t + 1): a label never seen is then possible. A probe that fits few
    examples too well is sure of what is false, and no code at all would be shorter; so two codes are mixed, one with
    probes as `fit` has them, one with a hundred times the penalty, which costs at most a bit over the better of them.
    kind: "linear" or "mlp". labels: other ones than the examples', as of a control task. Raises OptionError.
    """
    if kind == "mass-mean":
        raise OptionError("kind='mass-mean': it gives no probabilities, and so no code; choose 'linear' or 'mlp'")
    relabelled = _relabelled(states, labels)
    n = len(relabelled.examples)
    names, known = np.unique(relabelled.examples.labels, return_inverse=True)
    order = np.random.default_rng(checks.seed(seed)).permutation(n)
    values, known = relabelled.level(level)[order], known[order]
    if len(names) < 2 or n < 2:
        raise OptionError(f"{n} examples with {len(names)} labels: a code needs two labels to tell apart")
    ends = sorted({max(1, n >> k) for k in range(BLOCKS)})
    told = np.zeros(len(PENALTIES))  # log2 of the probability that each of the mixed codes gives to all labels
    for start, end in itertools.pairwise(ends):
        for code, penalty in enumerate(PENALTIES):
            given = _probabilities(values[:start], known[:start], values[start:end], len(names), kind, seed, penalty)
            told[code] += np.log2(given[np.arange(end - start), known[start:end]]).sum()
    bits = ends[0] * np.log2(len(names)) + np.log2(len(PENALTIES)) - np.logaddexp2.reduce(told)
    return CodeLength(float(bits), float(n * np.log2(len(names))))


@dataclass(frozen=True)
class Level:
    """One level of a `Curve`: accuracies of probes, and lengths of codes.

    probe: split as the curve says. selectivity: of the same kind of probe, split by token. code, control_code: of the
    property and of its control task. None where no control task is possible, or no code.
    """

    probe: Probe
    selectivity: Selectivity | None
    code: CodeLength | None
    control_code: CodeLength | None


@dataclass(frozen=True, eq=False)
class Curve:
    """What probes find at each level."""

    levels: tuple[Level, ...]
    property: str
    kind: Kind
    by: By
    model: str
    site: str

    def table(self) -> Table:
        """One row for each level."""
        rows = tuple(
            (
                level.probe.level,
                f"{level.probe.accuracy:.3f}",
                f"{level.probe.low:.3f} to {level.probe.high:.3f}",
                f"{level.probe.majority:.3f}",
                *(("", "", "") if level.selectivity is None else _told(level.selectivity)),
                "" if level.code is None else f"{level.code.compression:.2f}",
                "" if level.control_code is None else f"{level.control_code.compression:.2f}",
            )
            for level in self.levels
        )
        header = ("level", f"accuracy by {self.by}", "95 % interval", "majority", "by token", "control", "selectivity")
        return Table(self._title(), (*header, "compression", "control's"), rows)

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def plot(self) -> Picture:
        """Accuracy with its interval, control task and majority at each level; see `viz.probing.probe_curve`."""
        from .viz.probing import probe_curve

        return probe_curve(self, self._title())

    def _title(self) -> str:
        return f"{self.model} · {self.site} · {self.property} · {self.kind} probe"


def by_layer(states: States, kind: Kind = "linear", by: By = "type", seed: int = 0) -> Curve:
    """`fit`, `selectivity` and `description_length` at every level. Raises as they do."""
    try:
        control: tuple[str, ...] | None = control_labels(states.examples, seed)
    except OptionError:
        control = None
    coded = kind != "mass-mean"
    probed = [_probe(states, level, kind, by, seed) for level in range(len(states.levels))]
    levels = tuple(
        Level(
            replace(probe, embeddings=probed[0].accuracy if states.site == STREAM else float("nan")),
            None if control is None else selectivity(states, level, kind, seed),
            description_length(states, level, kind, seed) if coded else None,
            description_length(states, level, kind, seed, control) if coded and control else None,
        )
        for level, probe in enumerate(probed)
    )
    return Curve(levels, states.examples.property, kind, by, states.model, states.site)


@dataclass(frozen=True, eq=False)
class Transfer:
    """Does a probe of one group's examples know those of another?

    matrix: (groups, groups), accuracy of one fitted on the row's group on the column's; on the diagonal, on types that
    were held out. leave_one_out: (groups,), fitted on all other groups. majority: (groups,), of always answering the
    group's own most common label.
    """

    matrix: np.ndarray
    leave_one_out: np.ndarray
    majority: np.ndarray
    groups: tuple[str, ...]
    property: str
    level: str
    kind: Kind
    model: str

    def table(self) -> Table:
        """One row for each group to fit on, and those of the others."""
        rows = [("majority", self.majority), ("all others", self.leave_one_out)]
        rows += list(zip(self.groups, self.matrix, strict=True))
        shown = tuple((name, *(f"{x:.2f}" for x in row)) for name, row in rows)
        return Table(self._title(), ("fitted on", *self.groups), shown)

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def plot(self) -> Picture:
        """The matrix with the rows of `table`; see `viz.probing.transfer_grid`."""
        from .viz.probing import transfer_grid

        return transfer_grid(self, self._title())

    def _title(self) -> str:
        return f"{self.model} · {self.level} · {self.property} · {self.kind} probe"


def transfer(states: States, level: int, kind: Kind = "mass-mean", seed: int = 0) -> Transfer:
    """Probes fitted on one group of the examples and tested on another, as Marks & Tegmark do for truth.

    A probe that does well where it was fitted and nowhere else has learned that group's topic. One that transfers may
    still follow what the groups have in common besides the property. Raises OptionError for fewer than two groups.
    """
    values, known = states.level(level), np.array(states.examples.labels)
    group, groups = np.array(states.examples.groups), tuple(dict.fromkeys(states.examples.groups))
    if len(groups) < 2:
        raise OptionError(f"examples of one group, {groups[0]!r}: transfer needs two")
    held_out = split(states.examples, "type", seed)

    def accuracy(train: np.ndarray, test: np.ndarray) -> float:
        if not test.any():
            return float("nan")
        classifier = _fitted(values[train], known[train], kind, seed)
        return float(np.mean(classifier.predict(values[test].astype(np.float64)) == known[test]))

    matrix = [
        [
            accuracy((group == a) & ~held_out, (group == a) & held_out) if a == b else accuracy(group == a, group == b)
            for b in groups
        ]
        for a in groups
    ]
    return Transfer(
        matrix=np.array(matrix),
        leave_one_out=np.array([accuracy(group != a, group == a) for a in groups]),
        majority=np.array([_majority(known[group == a], known[group == a]) for a in groups]),
        groups=groups,
        property=states.examples.property,
        level=states.levels[states.index(level)],
        kind=kind,
        model=states.model,
    )


def _probe(states: States, level: int, kind: Kind, by: By, seed: int, embeddings: float = float("nan")) -> Probe:
    """A probe of one level, counted from 0. embeddings: the accuracy at level 0, where another level is meant."""
    test, known, values = split(states.examples, by, seed), np.array(states.examples.labels), states.values[level]
    classifier = _fitted(values[~test], known[~test], kind, seed)
    predicted = classifier.predict(values[test].astype(np.float64))
    right = predicted == known[test]
    low, high = _interval(right, _keys(states.examples, by)[test], seed)
    return Probe(
        accuracy=float(right.mean()),
        low=low,
        high=high,
        majority=_majority(known[~test], known[test]),
        embeddings=float(right.mean()) if states.site == STREAM and level == 0 else embeddings,
        test=test,
        predicted=tuple(map(str, predicted)),
        property=states.examples.property,
        level=states.levels[level],
        kind=kind,
        by=by,
        classifier=classifier,
    )


def _fitted(values: np.ndarray, labels: np.ndarray, kind: Kind, seed: int, penalty: float = 1.0) -> Any:
    """A classifier of activations (n, width), computed in double precision. Raises OptionError."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import NearestCentroid
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    _one_of(kind, "kind", KINDS)
    if len(set(labels)) < 2:
        raise OptionError(f"{len(labels)} examples to fit on have {len(set(labels))} label: a probe needs two")
    if not np.isfinite(values).all():
        raise OptionError("activations that are NaN or infinite can't be probed: is the model's dtype too narrow?")
    if kind == "mass-mean":
        return NearestCentroid().fit(values.astype(np.float64), labels)
    if kind == "linear":
        last: Any = LogisticRegression(C=1 / penalty, max_iter=1000)
    else:
        last = MLPClassifier((HIDDEN,), solver="lbfgs", alpha=penalty, max_iter=200, random_state=seed % 2**32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return make_pipeline(StandardScaler(), last).fit(values.astype(np.float64), labels)


def _probabilities(
    seen: np.ndarray, labels: np.ndarray, values: np.ndarray, n_labels: int, kind: Kind, seed: int, penalty: float
) -> np.ndarray:
    """What someone who has seen (t, width) with their labels expects of other activations: (n, n_labels)."""
    weight = 1 / (len(seen) + 1)
    expected = np.zeros((len(values), n_labels))
    there = np.unique(labels)
    if len(there) == 1:
        expected[:, there] = 1
    else:
        expected[:, there] = _fitted(seen, labels, kind, seed, penalty).predict_proba(values.astype(np.float64))
    return (1 - weight) * expected + weight / n_labels


def _accuracy(states: States, level: int, kind: Kind, seed: int) -> float:
    """On examples held out by token."""
    test, known = split(states.examples, "token", seed), np.array(states.examples.labels)
    classifier = _fitted(states.values[level][~test], known[~test], kind, seed)
    return float(np.mean(classifier.predict(states.values[level][test].astype(np.float64)) == known[test]))


def _relabelled(states: States, labels: Sequence[str] | None) -> States:
    if labels is None:
        return states
    return replace(states, examples=replace(states.examples, labels=tuple(labels)))


def _keys(examples: Examples, by: By) -> np.ndarray:
    """What each example is held out with."""
    if by == "token":
        return np.arange(len(examples))
    return np.array(examples.types if by == "type" else examples.groups)


def _interval(right: np.ndarray, keys: np.ndarray, seed: int) -> tuple[float, float]:
    """The ends of an accuracy's 95 % percentile bootstrap interval; examples of one key are drawn together."""
    _, key = np.unique(keys, return_inverse=True)
    counts, hits = np.bincount(key), np.bincount(key, right)
    if len(counts) < 2:
        return float("nan"), float("nan")
    times = np.random.default_rng(seed).multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=SAMPLES)
    low, high = np.quantile(times @ hits / (times @ counts), (0.025, 0.975))
    return float(low), float(high)


def _majority(train: np.ndarray, test: np.ndarray) -> float:
    names, counts = np.unique(train, return_counts=True)
    return float(np.mean(test == names[counts.argmax()]))


def _told(found: Selectivity) -> tuple[str, str, str]:
    return f"{found.accuracy:.3f}", f"{found.control:.3f}", f"{found.selectivity:+.3f}"


def _one_of(value: Any, name: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise OptionError(f"{name}={value!r}: choose one of {', '.join(map(repr, choices))}")
