"""Do methods disagree in general, or on this one sentence? The comparison of chapter 05 over many texts.

The tokens of one sentence are no sample: they depend on each other, and a p-value over them answers no question that
anyone has. Texts can be a sample. So what is averaged is each text's agreement, and the interval comes from drawing
texts again (Efron, 1979, "Bootstrap Methods: Another Look at the Jackknife").
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from . import agreement, checks
from .agreement import Measure, bootstrap, check_measure
from .attribution import Target, Unit
from .comparison import (
    MEASURED,
    PASSES,
    By,
    Call,
    Methods,
    Units,
    bar,
    calls,
    check,
    constant,
    explained,
    passes,
    ranked,
)
from .costs import Cost
from .errors import FormatError, InstallationError, OptionError, XaiError
from .installation import INSTALL, versions
from .models import TextModel, require_text_model
from .viz.table import Table
from .viz.wording import visible

if TYPE_CHECKING:
    import pandas as pd

    from .viz.drawing import Picture

COLUMNS = {
    "text_index": "int64",
    "text": "str",
    "unit": "str",
    "start": "int64",
    "end": "int64",
    "method": "str",
    "score": "float64",
    "rank": "float64",
}
FORMAT = "xai_helpers.CorpusComparison/1"
Targets = Target | str | int | None


def compare_corpus(
    model: TextModel,
    texts: Iterable[str],
    targets: Targets | Iterable[Targets] = None,
    methods: Methods | None = None,
    *,
    units: Units = "words",
    by: By = "size",
    measure: Measure = "spearman",
    k: int = 3,
    samples: int = 1000,
    seed: int = 0,
    path: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> CorpusComparison:
    """`compare` on each of many texts, and how far each two methods agree on average.

    texts, targets: lists, arrays, columns of a table, or whatever else gives one after the other. targets: one for all
    texts, or one for each; None explains each text's own prediction. methods, units,
    by, k: as in `compare`; a text with fewer than k + 1 units has a smaller top. measure: what is averaged. samples,
    seed: of the bootstrap over texts.

    path: a file to which each text is written when it is done, one line of JSON. A second call with the same model,
    methods and texts, or more texts, goes on where the first one stopped; a last line that was cut off is done again. A
    function of one's own is known by its module and name only: give it another path when it has changed.

    A text that can't be explained (too long, or without such a target) is named in `errors`, a method that fails on a
    text in `left_out`. Raises OptionError, also where no method has scores for any text; UnknownMethodError;
    FormatError where the path holds anything else; and what the methods raise beside an XaiError.
    """
    require_text_model("compare_corpus", model)
    k, samples, seed = check(by, k, units), checks.whole(samples, "samples"), checks.seed(seed)
    check_measure(measure)
    chosen = calls(methods, units)
    given = listed(texts)
    asked = list(zip(given, each_target(targets, len(given)), strict=True))
    keep, done = _kept(path, _header(model, chosen, units), asked) if path is not None else (lambda _: None, [])
    for text, target in bar(asked[len(done) :], progress, "texts"):
        done.append(_scored(model, text, target, chosen, units))
        keep(done[-1])
    if not any(text.scores for text in done):
        reasons = (text.error or "; ".join(f"{label}: {why}" for label, why in text.left_out.items()) for text in done)
        raise OptionError(f"no method has scores for any text, as for text 0: {next(reasons)}")
    return CorpusComparison(model.name, tuple(chosen), tuple(done), by, measure, k, samples, seed)


@dataclass(frozen=True, eq=False)
class ScoredText:
    """One text of a corpus, and what each method says about its units: signed scores (n_units,), by label.

    asked: the target as it was given. target: as it was understood. left_out: labels without scores, and why. error:
    why the text could not be explained, or "".
    """

    text: str
    asked: Target
    target: Target | None
    units: tuple[Unit, ...]
    scores: Mapping[str, np.ndarray]
    costs: Mapping[str, Cost]
    left_out: Mapping[str, str]
    error: str = ""

    def to_json(self) -> str:
        """One line."""
        arrays = {"scores": {label: values.tolist() for label, values in self.scores.items()}}
        return json.dumps(asdict(self) | arrays, allow_nan=False)

    @classmethod
    def from_json(cls, line: str) -> ScoredText:
        """Reads what `to_json` wrote."""
        record = json.loads(line)
        return cls(
            text=record["text"],
            asked=Target(**record["asked"]),
            target=None if record["target"] is None else Target(**record["target"]),
            units=tuple(Unit(**unit) for unit in record["units"]),
            scores={label: np.array(values, dtype=np.float64) for label, values in record["scores"].items()},
            costs={label: Cost(**cost) for label, cost in record["costs"].items()},
            left_out=record["left_out"],
            error=record["error"],
        )


@dataclass(frozen=True, eq=False)
class CorpusComparison:
    """Several methods' scores for many texts, and how far they agree on average.

    methods: all labels. texts: in the order in which they were given. by, measure, k, samples, seed: as in
    `compare_corpus`; `dataclasses.replace` changes them without asking the model again.
    """

    model: str
    methods: tuple[str, ...]
    texts: tuple[ScoredText, ...]
    by: By
    measure: Measure
    k: int
    samples: int
    seed: int

    @property
    def errors(self) -> dict[int, str]:
        """Why a text could not be explained, by its index."""
        return {i: text.error for i, text in enumerate(self.texts) if text.error}

    @property
    def left_out(self) -> dict[str, dict[int, str]]:
        """By label, and by the text's index, why a method is not compared there."""
        reasons = [dict(text.left_out) | constant(text.scores, self.by) for text in self.texts]
        return {
            label: found
            for label in self.methods
            if (found := {i: reason[label] for i, reason in enumerate(reasons) if label in reason})
        }

    def values(self, measure: Measure | None = None) -> np.ndarray:
        """Each text's agreement of each two methods, NaN where one is left out: (n_texts, n_methods, n_methods)."""
        measure = self.measure if measure is None else measure
        check_measure(measure)
        found = np.full((len(self.texts), len(self.methods), len(self.methods)), np.nan)
        for i, text in enumerate(self.texts):
            labels = [label for label in text.scores if label not in constant(text.scores, self.by)]
            if labels:
                columns = ranked(np.stack([text.scores[label] for label in labels], axis=1), self.by)
                place = [self.methods.index(label) for label in labels]
                k = min(self.k, len(text.units) - 1)
                found[i][np.ix_(place, place)] = agreement.measured(measure, columns, k)
        return found

    def agreement(self, measure: Measure | None = None) -> pd.DataFrame:
        """One row for each two methods: method, other, mean, low, high, texts.

        low, high: the ends of the 95 % bootstrap interval over texts, NaN for fewer than two texts. texts: how many
        both methods have scores for. measure: None takes the comparison's own.
        """
        values = self.values(measure)
        one, other = np.triu_indices(len(self.methods), k=1)
        mean, low, high = bootstrap(values[:, one, other], self.samples, self.seed)
        columns = {
            "method": [self.methods[i] for i in one],
            "other": [self.methods[i] for i in other],
            "mean": mean,
            "low": low,
            "high": high,
            "texts": np.isfinite(values[:, one, other]).sum(axis=0),
        }
        return _pandas().DataFrame(columns)

    def frame(self) -> pd.DataFrame:
        """One row for each text, unit and method: text_index, text, unit, start, end, method, score, rank.

        start, end: the unit's characters in the text. rank: 1 for the most important, ties averaged.
        """
        rows = [
            (i, text.text, unit.text, unit.start, unit.end, label, score, rank)
            for i, text in enumerate(self.texts)
            for label, scores in text.scores.items()
            for unit, score, rank in zip(text.units, scores, _ranks(scores, self.by), strict=True)
        ]
        frame = _pandas().DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
        frame.attrs = {"model": self.model, "by": self.by}
        return frame

    def to_parquet(self, path: str | os.PathLike[str]) -> None:
        """Writes `frame` as a Parquet file, whole or not at all."""
        partial = Path(f"{os.fspath(path)}.partial")
        try:
            self.frame().to_parquet(partial, engine="pyarrow", index=False)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    def cost_table(self) -> Table:
        """What each method cost on all texts together."""
        rows = []
        for label in self.methods:
            costs = [text.costs[label] for text in self.texts if label in text.costs]
            total = Cost(*(sum(getattr(cost, field.name) for cost in costs) for field in fields(Cost)))
            rows.append((label, *passes(total), f"{total.seconds:.3f}"))
        return Table("cost of all texts", ("method", *PASSES, "seconds"), tuple(rows))

    def plot(self, measure: Measure | None = None) -> Picture:
        """The mean agreement of each two methods, with its interval."""
        from .viz import plots

        measure = self.measure if measure is None else measure
        means = bootstrap(self.values(measure), self.samples, self.seed)
        name = MEASURED[measure].format(k=self.k)
        return plots.agreement_grid(self.methods, *means, measure=name, title=f"{self._title()}; 95 % intervals")

    def _title(self) -> str:
        by = {"size": "by the size of scores", "signed": "by signed scores"}[self.by]
        return f"{self.model} · {len(self.texts) - len(self.errors)} texts · {by}"

    def _table(self) -> Table:
        numbers = [str(i + 1) for i in range(len(self.methods))]
        mean = agreement.known_mean(self.values())
        rows = [
            (i, label, *(f"{x:.2f}" for x in row)) for i, label, row in zip(numbers, self.methods, mean, strict=True)
        ]
        name = f"mean {MEASURED[self.measure].format(k=self.k)}"
        return Table(f"{self._title()} · {name}", ("", "method", *numbers), tuple(rows))

    def _notes(self) -> list[str]:
        failed = [f"text {i} is left out: {visible(reason)}" for i, reason in self.errors.items()]
        for label, reasons in self.left_out.items():
            first, reason = next(iter(reasons.items()))
            failed.append(f"left out: {label} on {len(reasons)} texts, as on text {first}: {visible(reason)}")
        return failed

    def __repr__(self) -> str:
        return "\n\n".join([str(self._table()), *self._notes()])

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{escape(note)}</p>" for note in self._notes())
        return self._table()._repr_html_() + notes


def fingerprint(model: TextModel) -> str:
    """A digest of the model's weights and of its tokenizer: what scores depend on."""
    digest = hashlib.sha256(model.tokenizer.backend_tokenizer.to_str().encode())
    for name, tensor in sorted(model.model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _scored(model: TextModel, text: str, asked: Target, chosen: Mapping[str, Call], units: Units) -> ScoredText:
    try:
        found = explained(model, text, asked, chosen, units, progress=False)
    except XaiError as error:
        return ScoredText(text, asked, None, (), {}, {}, {}, f"{type(error).__name__}: {error}")
    return ScoredText(text, asked, found.target, found.units, found.scores, found.costs, found.left_out)


def _kept(
    path: str | os.PathLike[str], header: dict[str, Any], asked: Sequence[tuple[str, Target]]
) -> tuple[Callable[[ScoredText], None], list[ScoredText]]:
    """What writes a text to the file, and the texts that it holds already. Raises FormatError."""
    file = Path(path)
    if file.is_dir() or not file.parent.is_dir():
        raise OptionError(f"path={os.fspath(path)!r}: name a file in a folder that exists")
    written = file.read_bytes() if file.exists() else b""
    whole = written[: written.rfind(b"\n") + 1]
    first = json.dumps(header).encode() + b"\n"
    if whole:
        done = _read(file, whole, header, asked)
    elif first.startswith(written):  # nothing, or what a crash left of the first line
        done, whole = [], first
    else:
        raise FormatError(f"{file} holds something else than a comparison; name another path")
    if whole != written:
        partial = Path(f"{file}.partial")
        try:
            partial.write_bytes(whole)
            partial.replace(file)
        finally:
            partial.unlink(missing_ok=True)

    def keep(text: ScoredText) -> None:
        with file.open("ab") as end:
            end.write(text.to_json().encode() + b"\n")

    return keep, done


def _read(file: Path, lines: bytes, header: Mapping[str, Any], asked: Sequence[tuple[str, Target]]) -> list[ScoredText]:
    try:
        first, *rest = lines.decode().splitlines()
        theirs = json.loads(first)
        if theirs["format"] != FORMAT:
            raise FormatError(f"{file} has format {theirs['format']!r}; this version reads {FORMAT!r}")
        done = [ScoredText.from_json(line) for line in rest]
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise FormatError(f"{file} holds something else than a comparison ({error!r}); name another path") from error
    for what in ("model", "weights", "methods", "units"):
        if theirs[what] != header[what]:
            raise FormatError(
                f"{file} was made with other {what}: {theirs[what]} there, {header[what]} here; name another path"
            )
    if [(text.text, text.asked) for text in done] != list(asked[: len(done)]):
        raise FormatError(f"{file} was made with other texts or targets; name another path")
    return done


def _header(model: TextModel, chosen: Mapping[str, Call], units: Units) -> dict[str, Any]:
    """What a file begins with: what its scores depend on, and the releases that it was begun with."""
    header = {
        "format": FORMAT,
        "model": model.name,
        "weights": fingerprint(model),
        "methods": {label: [*identity(method.function), dict(method.options)] for label, method in chosen.items()},
        "units": units,
        "versions": versions(),
    }
    try:
        return json.loads(json.dumps(header))
    except TypeError as error:
        raise OptionError(f"options must be numbers, strings and lists to be kept in a file: {error}") from error


def identity(function: Callable[..., Any]) -> tuple[str, str]:
    """The module and the name by which a function is known in a file."""
    return getattr(function, "__module__", ""), getattr(function, "__qualname__", type(function).__qualname__)


def listed(texts: Iterable[str]) -> list[str]:
    """The texts as a list of plain strings. Raises OptionError where they are none."""
    if isinstance(texts, str | bytes) or not isinstance(texts, Iterable) or not (found := list(texts)):
        raise OptionError(f"texts={texts!r}: give a list of texts")
    for i, text in enumerate(found):
        if not isinstance(text, str):
            raise OptionError(f"text {i} is {text!r}, not a string: leave it out, or give another")
    return [str(text) for text in found]  # numpy's strings too


def each_target(targets: Targets | Iterable[Targets], n: int) -> list[Target]:
    """One target for each of n texts. Raises OptionError for another number of them."""
    given = [targets] * n if isinstance(targets, str) or not isinstance(targets, Iterable) else list(targets)
    if len(given) != n:
        raise OptionError(f"{len(given)} targets for {n} texts: give one for each, or one for all")
    return [target if isinstance(target, Target) else Target(target) for target in given]


def _ranks(scores: np.ndarray, by: By) -> np.ndarray:
    return agreement.ranks(ranked(scores[:, None], by))[:, 0]


def _pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise InstallationError(f"this needs pandas, which is missing; {INSTALL}") from error
    return pandas
