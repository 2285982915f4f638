"""The one result that every method returns, and the question that it answers.

A `Target` says what is explained: one number that the model computes. An `Attribution` says how much of that
number each unit of the text receives. Both are plain values: they hold no model, can be saved to JSON, read
back, and compared.
"""

from __future__ import annotations

import json
import math
import operator
import os
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex

import numpy as np

from .errors import FormatError, NoMatrixError, NonFiniteError, OptionError, UnknownTargetError, XaiError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Output = Literal["logit", "probability", "log_probability"]
OUTPUTS: tuple[Output, ...] = ("logit", "probability", "log_probability")
FORMAT = "xai_helpers.Attribution/1"


@dataclass(frozen=True)
class Target:
    """What is explained.

    token: a class label, a next token, an id, or None for the model's own prediction.
    versus: a second label, token or id; the target is then the difference "token minus versus".
    output: "logit", "probability" or "log_probability".
    position: the token after which a causal model predicts (-1: the last). Classifiers and masked language
        models read one place only and take -1.
    """

    token: str | int | None = None
    versus: str | int | None = None
    output: Output = "logit"
    position: int = -1

    def __post_init__(self) -> None:
        if self.output not in OUTPUTS:
            raise UnknownTargetError(f"output={self.output!r}: choose one of {', '.join(map(repr, OUTPUTS))}")
        for name in ("token", "versus"):
            value = getattr(self, name)
            if value == "" or isinstance(value, bool) or not isinstance(value, str | SupportsIndex | None):
                raise UnknownTargetError(f"{name}={value!r}: give a label or token as a string, or an id as an int")
            if isinstance(value, SupportsIndex):
                object.__setattr__(self, name, operator.index(value))  # numpy's integers too
            elif value is not None:
                object.__setattr__(self, name, str(value))  # and its strings
        if isinstance(self.position, bool) or not isinstance(self.position, SupportsIndex):
            raise UnknownTargetError(f"position={self.position!r}: give the index of a token as an int")
        object.__setattr__(self, "position", operator.index(self.position))
        if self.versus is not None and self.token == self.versus:
            raise UnknownTargetError(f"token and versus are both {self.token!r}: their difference is always 0")

    def __str__(self) -> str:
        name = "the prediction" if self.token is None else repr(self.token)
        versus = "" if self.versus is None else f" versus {self.versus!r}"
        return f"{self.output.replace('_', ' ')} of {name}{versus}"


@dataclass(frozen=True)
class Unit:
    """A piece of the text that receives a score: a token, a word, a phrase or a window.

    text: how it is shown. start, end: its characters in the text (blanks around it left out). special: it was
    added by the tokenizer, stands for no character, and is left out when methods are compared.
    """

    text: str
    start: int
    end: int
    special: bool = False


@dataclass(frozen=True, eq=False)
class Attribution:
    """Signed scores, one per unit, and what they were computed from.

    scores: float64 (n_units,). matrix: float64 (n_units, n_units) or None; row i belongs to unit i as the reader
    (query), column j to unit j as the source. Where there is a matrix, scores are the row `position`, from which
    the prediction is read.

    total is the number that was to be shared out; then total = sum of scores + sum of absorbed + gap, where
    absorbed names the shares that went to no unit (baseline, biases, ...). total is None for methods that share
    out nothing, such as attention flow.

    options: what the method was called with, so that it can be repeated. details: what it found out about its own
    scores, such as standard errors (n_units,) or an R2.
    """

    method: str
    text: str
    units: tuple[Unit, ...]
    scores: np.ndarray
    target: Target | None
    model: str
    position: int | None = None
    matrix: np.ndarray | None = None
    total: float | None = None
    absorbed: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        set_ = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731  (the dataclass is frozen)
        set_("units", tuple(self.units))
        set_("scores", _frozen_array(self.scores, (len(self.units),), "scores"))
        if self.matrix is not None:
            set_("matrix", _frozen_array(self.matrix, (len(self.units),) * 2, "matrix"))
        for name in ("absorbed", "options", "details", "versions"):
            set_(name, MappingProxyType(_plain(getattr(self, name), name)))
        if self.position is not None and not 0 <= self.position < len(self.units):
            raise FormatError(f"position {self.position} lies outside the {len(self.units)} units")
        if not isinstance(self.target, Target | None):
            raise FormatError(f"target={self.target!r}: give a Target, or None")
        if self.total is not None:
            set_("total", float(self.total))
        if not all(math.isfinite(x) for x in [self.total or 0.0, *self.absorbed.values()]):
            raise NonFiniteError(f"{self.method}: total or absorbed is not finite: {self.total}, {dict(self.absorbed)}")

    @property
    def tokens(self) -> tuple[str, ...]:
        """The units as they are shown (n_units)."""
        return tuple(unit.text for unit in self.units)

    @property
    def gap(self) -> float | None:
        """What is missing from the total, or None where there is no total."""
        if self.total is None:
            return None
        return self.total - math.fsum(self.scores) - math.fsum(self.absorbed.values())

    @property
    def content(self) -> tuple[int, ...]:
        """Indices of the units that stand for characters of the text: those that methods are compared on."""
        return tuple(i for i, unit in enumerate(self.units) if not unit.special)

    def top(self, k: int = 3) -> tuple[tuple[str, float], ...]:
        """The k content units of greatest absolute score, greatest first, with their signed scores."""
        if k < 1:
            raise OptionError(f"top({k}): ask for at least one unit")
        order = sorted(self.content, key=lambda i: -abs(self.scores[i]))
        return tuple((self.units[i].text, float(self.scores[i])) for i in order[:k])

    def to_words(self) -> Attribution:
        """Tokens joined to words by their characters; every sum is kept.

        A word is a run of characters without blanks; punctuation at its ends stands alone. A word's score is the
        sum of its tokens' scores. In a matrix, columns are added and rows averaged (as Clark et al. 2019 do), so
        that rows that sum to 1 still do; but the word that holds the readout keeps the readout's own row, which the
        scores are. A token that spans two words joins them.
        """
        groups = word_groups(self.text, self.units)
        if len(groups) == len(self.units):
            return self
        units = tuple(joined(self.text, [self.units[i] for i in group]) for group in groups)
        add = np.zeros((len(self.units), len(groups)))
        for column, group in enumerate(groups):
            add[group, column] = 1.0
        average = (add / add.sum(axis=0)).T
        position = None if self.position is None else int(add[self.position].argmax())
        if position is not None:
            average[position] = np.eye(len(self.units))[self.position]
        matrix = None if self.matrix is None else average @ self.matrix @ add
        # fsum: exact to the last bit, whatever the order and size of the scores
        scores = np.array([math.fsum(self.scores[group]) for group in groups])
        return replace(self, units=units, scores=scores, matrix=matrix, position=position)

    def require_matrix(self) -> np.ndarray:
        """The token-by-token matrix (n_units, n_units), or an error that says that there is none."""
        if self.matrix is None:
            raise NoMatrixError(f"{self.method} gives one score per unit and no token-by-token matrix; use .scores")
        return self.matrix

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """This attribution as JSON; also written to `path`, whole or not at all."""
        record = {
            "format": FORMAT,
            "method": self.method,
            "model": self.model,
            "text": self.text,
            "target": None if self.target is None else asdict(self.target),
            "tokens": list(self.tokens),
            "scores": self.scores.tolist(),
            "spans": [[unit.start, unit.end] for unit in self.units],
            "special": [unit.special for unit in self.units],
            "position": self.position,
            "total": self.total,
            "absorbed": dict(self.absorbed),
            "gap": self.gap,
            "matrix": None if self.matrix is None else self.matrix.tolist(),
            "options": dict(self.options),
            "details": dict(self.details),
            "versions": dict(self.versions),
        }
        text = json.dumps(record, allow_nan=False)
        if path is not None:
            partial = Path(f"{os.fspath(path)}.partial")
            try:
                partial.write_text(text, encoding="utf-8")
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)
        return text

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> Attribution:
        """Reads what `to_json` wrote: a path, or the JSON text itself (a string that begins with "{")."""
        if isinstance(source, str) and source.lstrip().startswith("{"):
            content = source
        else:
            content = Path(source).read_text(encoding="utf-8")
        try:
            record = json.loads(content)
            if record["format"] != FORMAT:
                raise FormatError(f"format {record['format']!r}: this version reads {FORMAT!r}")
            pieces = zip(record["tokens"], record["spans"], record["special"], strict=True)
            return cls(
                method=record["method"],
                text=record["text"],
                units=tuple(Unit(token, start, end, special) for token, (start, end), special in pieces),
                scores=np.array(record["scores"], dtype=np.float64),
                target=None if record["target"] is None else Target(**record["target"]),
                model=record["model"],
                position=record["position"],
                matrix=None if record["matrix"] is None else np.array(record["matrix"], dtype=np.float64),
                total=record["total"],
                absorbed=record["absorbed"],
                options=record["options"],
                details=record["details"],
                versions=record["versions"],
            )
        except XaiError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(f"not an attribution as Attribution.to_json writes it: {error!r}") from error

    def plot(self) -> Figure:
        """A matplotlib bar chart of the scores."""
        from .viz import plots

        return plots.token_scores(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Attribution) and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]  # it holds arrays

    def __repr__(self) -> str:
        from .viz.terminal import plain_table

        return plain_table(self)

    def _repr_html_(self) -> str:
        from .viz import html

        return html.attribution(self)


def word_groups(text: str, units: Sequence[Unit]) -> list[list[int]]:
    """Which units make up each word: lists of indices, in order, every unit in exactly one.

    Special units, and units that cover nothing but blanks, stay alone; but the blank before a word, which some
    tokenizers write as a unit of its own (with or without its character), joins that word. Units of the same
    characters, such as the bytes of one, are never parted.
    """
    word_at = _word_of_character(text)
    groups: list[list[int]] = []
    words: set[int] = set()
    before: Unit | None = None
    for index, unit in enumerate(units):
        start = unit.end if text[unit.start : unit.end] == " " else unit.start
        reach = text[start : max(unit.end, start + 1)]
        mine = set() if unit.special else {word_at[start + i] for i in range(len(reach)) if not reach[i].isspace()}
        if mine & words or (before is not None and _same_characters(unit, before)):
            groups[-1].append(index)
            words |= mine
        else:
            groups.append([index])
            words = mine
        before = unit
    return groups


def _same_characters(one: Unit, other: Unit) -> bool:
    span = (one.start, one.end)
    return not one.special and not other.special and one.start < one.end and span == (other.start, other.end)


def _word_of_character(text: str) -> list[int]:
    """For each character the number of its word, or -1 for a blank."""
    words, current, previous = [], -1, " "
    for index, character in enumerate(text):
        if character.isspace():
            words.append(-1)
        else:
            if previous.isspace() or _edge(text, index) or _edge(text, index - 1):
                current += 1
            words.append(current)
        previous = character
    return words


def _edge(text: str, index: int) -> bool:
    """Whether this character is punctuation that only punctuation parts from a blank or from the text's end."""
    if not unicodedata.category(text[index]).startswith("P"):
        return False
    for step in (-1, 1):
        there = index
        while 0 <= there < len(text) and unicodedata.category(text[there]).startswith("P"):
            there += step
        if not 0 <= there < len(text) or text[there].isspace():
            return True
    return False


def joined(text: str, units: Sequence[Unit]) -> Unit:
    """Several neighbouring units as one, blanks at its ends left out; a single one stays as it is, special or not."""
    if len(units) == 1:
        return units[0]
    start, end = without_blanks(text, min(unit.start for unit in units), max(unit.end for unit in units))
    return Unit(text[start:end], start, end)


def without_blanks(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without blanks at its ends, unless it holds nothing else."""
    piece = text[start:end]
    if not piece.strip():
        return start, end
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())


def _frozen_array(values: Any, shape: tuple[int, ...], name: str) -> np.ndarray:
    array = np.array(values, dtype=np.float64)
    if array.shape != shape:
        raise FormatError(f"{name} has shape {array.shape}; {shape[0]} units need {shape}")
    if not np.isfinite(array).all():
        raise NonFiniteError(f"{name} holds NaN or infinite values: the model's output or its gradient overflowed")
    array.flags.writeable = False
    return array


def _plain(mapping: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The mapping as JSON would give it back, so that an attribution equals its own copy from disk."""
    try:
        return json.loads(json.dumps(dict(mapping), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise OptionError(f"{name} must hold numbers, strings and lists that JSON can write: {error}") from error
