"""Does the search change what a person would change? Held against pairs of texts that differ in little but the label.

A pair's two texts were written to have opposite labels. From each side that a model labels rightly, the search looks
for a flip; the pair's own change is run as well, since a model need not follow it.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .. import checks
from ..blackbox import probabilities
from ..errors import FormatError, OptionError
from ..installation import data_folder
from ..models import TextModel
from ..viz.table import Table
from .counterfactual import log_probabilities, search
from .edits import distance, edits_between, places, word_spans

RESULTS = data_folder() / "counterfactuals.json"


@dataclass(frozen=True)
class Row:
    """One side of a pair, which the model labels rightly, and what was found from there.

    pair: its number, from 0. label: the side's. own_flips: whether the pair's own change flips the model. changed: the
    first counterfactual of the search, None where none was found; flips: how many were. own_distance, distance: in
    words. own_fluency, fluency: as in `Counterfactual`. recall: the share of the words that the pair changes which the
    first counterfactual changes too; precision: the share of the words that it changes which the pair changes too;
    best_recall: of the counterfactual that has most. chance: the precision of a word drawn at random, that is, the
    share of all words that the pair changes. A word that is put in counts for the one that it stands before.
    """

    pair: int
    label: str
    text: str
    own: str
    own_flips: bool
    own_distance: int
    own_fluency: float | None
    changed: str | None
    flips: int
    distance: int | None
    fluency: float | None
    recall: float | None
    precision: float | None
    best_recall: float | None
    chance: float


@dataclass(frozen=True)
class Recall:
    """All sides of all pairs. sides: how many there are, rightly labelled or not. seconds: what the search took."""

    model: str
    sides: int
    rows: tuple[Row, ...]
    seconds: float

    def table(self) -> Table:
        """What it comes to, by label and in all: sides labelled rightly, how many of them flip; medians of distance and
        fluency; means of recall and precision over the sides that the search flips."""
        counts = ("sides", "pair flips", "search flips", "both")
        medians = ("distance", "pair's distance", "fluency", "pair's fluency")
        header = ("from", *counts, *medians, "recall", "best recall", "precision", "by chance")
        labels = list(dict.fromkeys(row.label for row in self.rows))
        parts = {label: [row for row in self.rows if row.label == label] for label in labels} | {"all": self.rows}
        rows = tuple((label, *_summary(part)) for label, part in parts.items())
        return Table(f"{self.model} on {self.sides // 2} pairs", header, rows)

    def __repr__(self) -> str:
        return f"{self.table()}\n{self.seconds:.1f} s"

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def to_json(self) -> str:
        """As data/counterfactuals.json holds it: a row on each line."""
        head = {"command": "python -m training counterfactuals", "model": self.model, "sides": self.sides}
        rows = ",\n".join(json.dumps(asdict(row), ensure_ascii=False) for row in self.rows)
        return f'{json.dumps(head | {"seconds": round(self.seconds, 1)})[:-1]}, "rows": [\n{rows}\n]}}\n'


def _summary(rows: Sequence[Row]) -> tuple[str, ...]:
    found = [row for row in rows if row.changed is not None]
    counts = [len(rows), sum(row.own_flips for row in rows), len(found), sum(row.own_flips for row in found)]
    medians = [_median(rows, "distance"), _median(rows, "own_distance")]
    fluencies = [_median(rows, "fluency"), _median(rows, "own_fluency")]
    means = [_mean([getattr(row, name) for row in found]) for name in ("recall", "best_recall", "precision", "chance")]
    return (*map(str, counts), *(f"{x:g}" for x in medians), *(f"{x:z.2f}" for x in (*fluencies, *means)))


def _median(rows: Sequence[Row], name: str) -> float:
    values = [value for row in rows if (value := getattr(row, name)) is not None]
    return statistics.median(values) if values else float("nan")


def _mean(values: Sequence[float]) -> float:
    return statistics.fmean(values) if values else float("nan")


def read_pairs(path: Path | None = None) -> tuple[dict[str, str], ...]:
    """The course's pairs, or those of another file: each a text by its label, one line of JSON. Raises FormatError."""
    file = data_folder() / "corpora" / "reviews" / "counterfactuals.jsonl" if path is None else Path(path)
    try:
        return tuple(map(json.loads, file.read_text(encoding="utf-8").splitlines()))
    except (OSError, ValueError) as error:
        raise FormatError(f'{file} can\'t be read as lines of {{"positive": ..., "negative": ...}}: {error}') from error


def read_recall(path: Path | None = None) -> Recall:
    """What `python -m training counterfactuals` found, or another such file. Raises FormatError."""
    file = RESULTS if path is None else Path(path)
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        rows = tuple(Row(**row) for row in found["rows"])
        return Recall(found["model"], found["sides"], rows, found["seconds"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FormatError(f"{file} holds no result of recall: {error!r}") from error


def recall(
    model: TextModel,
    pairs: Sequence[Mapping[str, str]] | None = None,
    *,
    language_model: TextModel | None = None,
    **options: Any,
) -> Recall:
    """Searches from each side of each pair that the model labels rightly, and compares with the other side.

    pairs: each two texts by their labels; None for the course's. language_model: for fluency. options: those of
    `search`. Raises OptionError for pairs of another form, and what `search` raises.
    """
    given = read_pairs() if pairs is None else pairs
    sides = [(i, *side) for i, pair in enumerate(given) for side in _sides(pair, model)]
    start = time.perf_counter()
    labels = probabilities(model, checks.several(text for _, _, text, _ in sides)).argmax(axis=1)
    says = {text: model.labels[k] for (_, _, text, _), k in zip(sides, labels, strict=True)}
    rows = tuple(
        _row(model, i, label, text, own, says[own], options, language_model)
        for i, label, text, own in sides
        if says[text] == label
    )
    return Recall(model.name, len(sides), rows, time.perf_counter() - start)


def _sides(pair: Mapping[str, str], model: TextModel) -> list[tuple[str, str, str]]:
    """(label, text, the other text), both ways."""
    if not isinstance(pair, Mapping) or len(pair) != 2 or not set(pair) <= set(model.labels):
        raise OptionError(f"{pair!r:.80} is no pair: give two texts by their labels, of {', '.join(model.labels)}")
    (one, text), (other, changed) = pair.items()
    return [(one, text, changed), (other, changed, text)]


def _row(
    model: TextModel,
    pair: int,
    label: str,
    text: str,
    own: str,
    own_label: str,
    options: Mapping[str, Any],
    language_model: TextModel | None,
) -> Row:
    found = search(model, text, **options)
    theirs = edits_between(text, own)
    first = found.flips[0] if found.flips else None
    changed = None if first is None else first.changed
    touched, shared = places(theirs, text), [places(one.edits, text) for one in found.flips]
    fluency, own_fluency = _fluencies(language_model, text, changed, own)
    return Row(
        pair=pair,
        label=label,
        text=text,
        own=own,
        own_flips=own_label != label,
        own_distance=distance(text, own),
        own_fluency=own_fluency,
        changed=changed,
        flips=len(found.flips),
        distance=None if first is None else first.distance,
        fluency=fluency,
        recall=_share(touched & shared[0], touched) if shared else None,
        precision=_share(touched & shared[0], shared[0]) if shared else None,
        best_recall=max(_share(touched & ours, touched) for ours in shared) if shared else None,
        chance=_share(touched, word_spans(text)),
    )


def _share(part: Collection[Any], whole: Collection[Any]) -> float:
    return round(len(part) / len(whole), 4)


def _fluencies(model: TextModel | None, text: str, changed: str | None, own: str) -> tuple[float | None, float | None]:
    if model is None:
        return None, None
    before, *after = log_probabilities(model, [text, own, *([] if changed is None else [changed])])
    own_fluency, *ours = [None if one is None or before is None else round(one - before, 4) for one in after]
    return (ours or [None])[0], own_fluency
