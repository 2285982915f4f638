"""Who wins where, and what do the intervals not allow one to say? Methods by metrics by models, on many texts.

Every method explains the same texts of the same models, and is held against the measures of chapter 07 (`scorecard`),
beside random scores, its own ranking reversed, and the best subsets that were found. What is reported of a method is
its mean over texts with a bootstrap interval, and its difference from the best method over the same texts.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet

from . import agreement, checks, faithfulness, sanity, scorecard
from .comparison import Methods, bar
from .corpus import fingerprint, identity
from .errors import FormatError, OptionError
from .installation import data_folder, versions
from .scorecard import BEST, METRICS, RANDOM, Row, Settings, Task, model_named, score, tasks
from .viz.table import Table

if TYPE_CHECKING:
    from .viz.drawing import Picture

FORMAT = "xai_helpers.Board/1"
DEFAULTS = Settings()
CONTROLS = ("", "reversed")
Check = Literal["randomised", "relabelled"]  # metrics that ask what is left without what the model learned


def make(
    names: Sequence[str] | None = None,
    methods: Methods | None = None,
    *,
    settings: Settings = DEFAULTS,
    path: str | os.PathLike[str] | None = None,
    jobs: int = 1,
    progress: bool = True,
) -> Board:
    """The board of these models and methods; None takes all that there are.

    methods: as in `compare`. jobs: processes, each of which loads the models for itself. path: a file to which each
    task is written when it is done; a second call with the same settings, models and methods goes on where the first
    one stopped. Numbers don't depend on jobs or on interruptions; seconds do. Raises OptionError, FormatError where the
    path holds anything else, and what the methods raise beside an XaiError.
    """
    names = scorecard.models() if names is None else (names,) if isinstance(names, str) else tuple(names)
    if not names or len(set(names)) < len(names):
        raise OptionError(f"names={names!r}: name each model once; None asks all")
    jobs = checks.whole(jobs, "jobs")
    todo = tasks(names, methods, settings)
    header = _header(names, todo, settings)
    if path is not None and not Path(path).parent.is_dir():
        raise OptionError(f"{Path(path).parent} is no folder: make it first, or name another path")
    done = {} if path is None else _read(Path(path), header)
    if path is not None and not done:
        Path(path).write_text(json.dumps(header) + "\n", encoding="utf-8")
    left = [task for task in todo if task.key not in done]
    for task, (rows, left_out) in _scores(left, settings, jobs, progress):
        done[task.key] = (rows, left_out)
        if path is not None:
            with Path(path).open("a", encoding="utf-8") as end:
                end.write(json.dumps([task.key, rows, left_out], allow_nan=True) + "\n")
    rows = [row for task in todo for row in done[task.key][0]]
    return Board(_frame(rows), header, _reasons(todo, done))


def _reasons(
    todo: Sequence[Task], done: Mapping[tuple[Any, ...], tuple[list[Row], dict[int, str]]]
) -> dict[str, dict[int, str]]:
    """Why a method has no numbers for a text, by "model/method/set" and the text's index."""
    reasons: dict[str, dict[int, str]] = {}
    for task in todo:
        if done[task.key][1]:
            reasons.setdefault("/".join((task.model, task.label, task.texts)), {}).update(done[task.key][1])
    return reasons


def _scores(
    todo: Sequence[Task], settings: Settings, jobs: int, progress: bool
) -> Iterable[tuple[Task, tuple[list[Row], dict[int, str]]]]:
    if jobs == 1:
        for task in bar(todo, progress, "tasks"):
            yield task, score(task, settings)
        return
    from joblib import Parallel, delayed

    work = delayed(_with_task)
    results = Parallel(n_jobs=jobs, return_as="generator_unordered")(work(task, settings) for task in todo)
    yield from _counted_off(results, len(todo), progress)


def _with_task(task: Task, settings: Settings) -> tuple[Task, tuple[list[Row], dict[int, str]]]:
    return task, score(task, settings)


def _counted_off(results: Iterable[Any], n: int, progress: bool) -> Iterable[Any]:
    shown = iter(bar(range(n), progress, "tasks"))
    for result in results:
        next(shown)
        yield result
    next(shown, None)  # the bar goes


def _header(names: Sequence[str], todo: Sequence[Task], settings: Settings) -> dict[str, Any]:
    """What a board's numbers depend on, and the releases that it was made with."""
    methods = {task.label: task.method for task in todo if task.method is not None}
    header = {
        "format": FORMAT,
        "models": {name: fingerprint(model_named(name)) for name in names},
        "texts": {name: _digest(repr(scorecard.sets(name))) for name in names},
        "methods": {label: [*identity(method.function), dict(method.options)] for label, method in methods.items()},
        "settings": asdict(settings),
        "versions": versions(),
    }
    return json.loads(json.dumps(header))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read(path: Path, header: Mapping[str, Any]) -> dict[tuple[Any, ...], tuple[list[Row], dict[int, str]]]:
    """The tasks that a file holds already. A last line that was cut off is dropped. Raises FormatError."""
    if not path.exists():
        return {}
    first, *rest = path.read_text(encoding="utf-8").splitlines(keepends=True) or [""]
    try:
        theirs = json.loads(first)
    except json.JSONDecodeError as error:
        raise FormatError(f"{path} holds something else than a board; name another path") from error
    if theirs != header:
        other = [key for key in header if not isinstance(theirs, dict) or theirs.get(key) != header[key]]
        raise FormatError(f"{path} was made with other {', '.join(other)}; name another path, or remove it")
    whole = [line for line in rest if line.endswith("\n")]
    if len(whole) < len(rest):
        path.write_text(first + "".join(whole), encoding="utf-8")
    found = {}
    for line in whole:
        key, rows, left_out = json.loads(line)
        found[tuple(key)] = ([Row(*row) for row in rows], {int(i): why for i, why in left_out.items()})
    return found


def _frame(rows: Sequence[Row]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(Row._fields))
    for name in ("model", "method", "texts", "metric", "control"):
        frame[name] = frame[name].astype("category")
    return frame.astype({"number": "int32", "value": "float64"})


@dataclass(frozen=True, eq=False)
class Board:
    """Numbers of many methods on many texts. rows: one for each, with the fields of `Row`.

    header: models, methods, settings, versions. left_out: why a method has no numbers for a text, by "model/method/set"
    and the text's index.
    """

    rows: pd.DataFrame
    header: Mapping[str, Any]
    left_out: Mapping[str, Mapping[int, str]] = field(default_factory=dict)

    @property
    def models(self) -> tuple[str, ...]:
        """The models, in the order in which they were asked."""
        return tuple(self.header["models"])

    @property
    def methods(self) -> tuple[str, ...]:
        """The labels of the methods, controls left out."""
        return tuple(self.header["methods"])

    def values(self, model: str, metric: str, control: str = "") -> pd.DataFrame:
        """One metric of one model: one row for each text that has it, one column for each method and control.

        NaN where a method has none: ranks and correlations of scores that are all equal, as gradients that are all 0.
        """
        check_metric(metric)
        if control not in CONTROLS:
            raise OptionError(f"control={control!r}: choose {' or '.join(map(repr, CONTROLS))}")
        if model not in self.models:
            raise OptionError(f"{model!r} is not on this board; there are: {', '.join(self.models)}")
        rows = self.rows
        chosen = rows[(rows["model"] == model) & (rows["metric"] == metric) & (rows["control"] == control)]
        wide = chosen.groupby(["texts", "number", "method"], observed=True)["value"].mean().unstack("method")
        wide = wide.dropna(how="all")
        return wide[[name for name in (*self.methods, RANDOM, BEST) if name in wide.columns]]

    def standing(
        self, model: str, metric: str, control: str = "", *, samples: int = 1000, seed: int = 0
    ) -> pd.DataFrame:
        """How the methods stand in one metric: mean, low, high, rank, behind, texts; one row for each, best first.

        low, high: the 95 % bootstrap interval over texts, of all sets of the model's together. rank: 1 for the best
        mean. behind: whether the method is worse than the best in its mean *and* the interval of their difference over
        the texts that both have leaves out 0; where it is False, the texts don't tell the two apart. None where that
        can't be said: of controls, of metrics that rank nothing, and without numbers. control: "reversed" for the same
        rankings turned round, which have no ranks. Intervals know nothing of how many comparisons are made, nor that
        the best was chosen on the same texts.
        """
        wide = self.values(model, metric, control)
        found = pd.DataFrame(columns=["mean", "low", "high", "rank", "behind", "texts"])
        if wide.empty:
            return found
        table = wide.to_numpy()
        found = pd.DataFrame(index=wide.columns)
        found["mean"], found["low"], found["high"] = agreement.bootstrap(table, samples, seed)
        found["rank"], found["behind"] = np.nan, None
        found["texts"] = np.isfinite(table).sum(axis=0)
        higher = METRICS[metric].higher
        own = found.index.isin(self.methods) & found["mean"].notna()
        if higher is not None and not control and own.any():
            found.loc[own, "rank"] = found.loc[own, "mean"].rank(ascending=not higher, method="min")
            best = list(found.index).index(found.loc[own, "rank"].idxmin())
            _, low, high = (gaps[:, best] for gaps in faithfulness.differences(table, samples, seed))
            lost = high < 0 if higher else low > 0
            lost[best], known = False, np.isfinite(low)
            known[best] = True
            found["behind"] = [bool(x) if said else None for x, said in zip(lost, own & known, strict=True)]
        if higher is not None:
            found = found.sort_values("mean", ascending=not higher, na_position="last", kind="stable")
        return found

    def table(self, model: str, metrics: Sequence[str] | None = None, control: str = "") -> Table:
        """Methods by metrics of one model: rank, mean, interval; "*" where the texts don't tell it from the best."""
        chosen = METRICS if metrics is None else metrics
        named = [name for name in chosen if not self.values(model, name, control).empty]
        standings = {name: self.standing(model, name, control) for name in named}
        rows = []
        for method in (*self.methods, RANDOM, BEST):
            cells = [_cell(standings[name], method) for name in named]
            if any(cells):
                rows.append((method, *cells))
        what = (
            "rankings reversed, mean, 95 % interval" if control else "#rank, mean, 95 % interval, * not behind the best"
        )
        return Table(f"{model} · {what}", ("", *named), tuple(rows))

    def unmoved(self, model: str, check: Check = "randomised") -> tuple[str, ...]:
        """The methods whose scores stay much as they are without what the model learned.

        As `sanity.SanityCheck.unmoved` has it: those whose mean correlation's whole interval lies above
        `sanity.UNMOVED`.
        """
        found = self.standing(model, check)
        return tuple(name for name in found.index if name in self.methods and found.loc[name, "low"] > sanity.UNMOVED)

    def plot(self, metric: str, models: Sequence[str] | None = None) -> Picture:
        """The means of all methods in one metric on all models that have it, coloured by what they gain on chance."""
        from .viz import standings

        check_metric(metric)
        named = [name for name in (self.models if models is None else models) if not self.values(name, metric).empty]
        if not named:
            raise OptionError(f"no model of this board has {metric!r}")
        found = {name: self.standing(name, metric) for name in named}
        rows = [name for name in (*self.methods, RANDOM, BEST) if any(name in f.index for f in found.values())]
        mean = pd.DataFrame({name: f["mean"] for name, f in found.items()}).reindex(rows)
        tied = pd.DataFrame({name: f["behind"].eq(False) for name, f in found.items()}).reindex(rows)
        gained = mean - mean.loc[RANDOM] if RANDOM in rows else mean * np.nan
        if METRICS[metric].higher is False:
            gained = -gained
        return standings.grid(
            rows, named, mean, gained, tied.fillna(False), label=METRICS[metric].what, title=metric.replace("_", " ")
        )

    def plot_cost(self, model: str, metric: str = "comprehensiveness") -> Picture:
        """One metric of one model, mean and interval, beside the median cost of a text; the cheapest method first."""
        from .viz import standings

        found = self.standing(model, metric)
        if found.empty:
            raise OptionError(f"{model!r} has no {metric!r} on this board")
        paid = {name: self.values(model, name).median() for name in ("seconds", "rows")}
        methods = [name for name in paid["seconds"].sort_values().index if name in self.methods and name in found.index]
        texts = len(self.values(model, metric))
        return standings.beside_cost(
            methods,
            found.loc[methods, ["mean", "low", "high"]],
            {
                "seconds a text": paid["seconds"][methods],
                "texts run through the model": paid["rows"][methods],
            },
            chance=found["mean"].get(RANDOM),
            bound=found["mean"].get(BEST),
            label=metric.replace("_", " "),
            title=f"{model}, {texts} texts, 95 % intervals",
        )

    def with_method(self, label: str, method: Any, names: Sequence[str] | None = None, progress: bool = True) -> Board:
        """This board and one method more, asked as the others were.

        method: a name, a function, or a pair of one and its options. names: the models; None takes all of the board.
        """
        if label in self.methods:
            raise OptionError(f"{label!r} stands on the board already; give yours another label")
        given = self.header["settings"]
        settings = Settings(**{**given, "seeds": tuple(given["seeds"])})
        names = self.models if names is None else tuple(names)
        if missing := [name for name in names if name not in self.models]:
            raise OptionError(f"{', '.join(missing)}: not on this board; there are: {', '.join(self.models)}")
        todo = [task for task in tasks(names, {label: method}, settings) if task.method is not None]
        header = _header(names, todo, settings)
        for name in names:
            if any(header[part][name] != self.header[part][name] for part in ("models", "texts")):
                raise FormatError(f"{name} or its texts are not those that this board was made with; make it anew")
        found = {task.key: score(task, settings) for task in bar(todo, progress, "tasks")}
        rows = _frame([row for rows, _ in found.values() for row in rows])
        methods = {**self.header["methods"], **header["methods"]}
        return Board(
            pd.concat([self.rows, rows], ignore_index=True),
            {**self.header, "methods": methods},
            {**self.left_out, **_reasons(todo, found)},
        )

    def markdown(self) -> str:
        """The board as a page: for each model a table of methods by metrics, and what the metrics are."""
        return _markdown(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes PATH.parquet, all rows with the header, and PATH.md, whole or not at all."""
        base = Path(path)
        header = {b"xai_helpers": json.dumps({"header": self.header, "left_out": self.left_out}).encode()}
        rows = pyarrow.Table.from_pandas(self.rows, preserve_index=False)
        rows = rows.replace_schema_metadata({**(rows.schema.metadata or {}), **header})
        _written(
            base.with_name(f"{base.name}.parquet"),
            lambda file: pyarrow.parquet.write_table(rows, file, compression="zstd"),
        )
        _written(base.with_name(f"{base.name}.md"), lambda file: file.write_text(self.markdown(), encoding="utf-8"))

    def __repr__(self) -> str:
        return f"Board of {len(self.methods)} methods on {', '.join(self.models)}: {len(self.rows)} numbers"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"


def read(path: str | os.PathLike[str] | None = None) -> Board:
    """A board that was saved; None reads the one that comes with the course. Raises FormatError."""
    file = Path(data_folder() / "board.parquet" if path is None else path)
    try:
        rows = pyarrow.parquet.read_table(file)
        kept = json.loads(rows.schema.metadata[b"xai_helpers"])
    except (OSError, pyarrow.ArrowInvalid, KeyError, TypeError, json.JSONDecodeError) as error:
        raise FormatError(f"{file} is no board as Board.save writes it: {error!r}") from error
    if kept["header"]["format"] != FORMAT:
        raise FormatError(f"{file} has format {kept['header']['format']!r}; this version reads {FORMAT!r}")
    left_out = {key: {int(i): why for i, why in reasons.items()} for key, reasons in kept["left_out"].items()}
    return Board(rows.to_pandas(), kept["header"], left_out)


def check_metric(metric: str) -> None:
    """Raises OptionError for a name that is none of `METRICS`."""
    if metric not in METRICS:
        raise OptionError(f"metric={metric!r}: choose {', '.join(map(repr, METRICS))}")


def _cell(standing: pd.DataFrame, method: str) -> str:
    if method not in standing.index or not np.isfinite(standing.loc[method, "mean"]):
        return ""
    row = standing.loc[method]
    star = "*" if row["behind"] is False else ""
    rank = "" if np.isnan(row["rank"]) else f"#{row['rank']:.0f} "
    interval = f" ({row['low']:.3g} to {row['high']:.3g})" if np.isfinite(row["low"]) else ""
    return f"{rank}{row['mean']:.3g}{star}{interval}"


def _markdown(board: Board) -> str:
    settings, releases = board.header["settings"], board.header["versions"]
    lines = [
        "# The board",
        "",
        "Made by `python -m xai_helpers board`, with "
        + ", ".join(f"{name} {version}" for name, version in releases.items())
        + f". Settings: {', '.join(f'{name} {value}' for name, value in settings.items())}.",
        "",
        "Each cell: #rank, the mean over texts, and in brackets its 95 % interval. * the best method, and those that"
        " the same texts don't tell from it. There are hundreds of comparisons, uncorrected, and the best is chosen on"
        " the texts that it is measured on: a rank here is a reason to look closer. The models are small and the"
        " course's own. Of a model with several sets of texts (rule, marked) a cell takes all that have the metric.",
        "",
        "Who is favoured: texts of trained models with a known rule were chosen by replacing words, and the measures of"
        " erasure put the same hole in a word's place that methods which replace words, and integrated gradients, take:"
        " both favour these methods. Erasure goes by signed scores, which methods without signs don't have; truth and"
        " plausibility go by the size of scores. Where a target has a rival, as in course-gpt2, probability stands for"
        f" the difference of two, between -1 and 1. {RANDOM}: normally distributed, {settings.get('draws')} draws."
        f" {BEST}: the subsets that lose or keep most, of all in short texts, by a beam search in others; methods may"
        " pass it.",
        "",
    ]
    for name, metric in METRICS.items():
        better = {True: "more is better", False: "less is better", None: "neither is better"}[metric.higher]
        lines.append(f"- `{name}`: {metric.what}; {better}.")
    for model in board.models:
        lines += ["", f"## {model}", "", *_rows(board.table(model)), "", "The same rankings reversed:", ""]
        lines += _rows(board.table(model, control="reversed"))
        for check in get_args(Check):
            if unmoved := board.unmoved(model, check):
                lines += ["", f"Unmoved ({check}, interval above {sanity.UNMOVED}): {', '.join(unmoved)}."]
    lines += ["", "## Left out", ""]
    for key, reasons in board.left_out.items():
        index, why = next(iter(reasons.items()))
        lines.append(f"- {key}, {len(reasons)} texts, as text {index}: {why}")
    if not board.left_out:
        lines.append("Nothing.")
    return "\n".join(lines) + "\n"


def _rows(table: Table) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (table.header, ("---",) * len(table.header), *table.rows)]


def _written(path: Path, write: Callable[[Path], object]) -> None:
    partial = Path(f"{path}.partial")
    try:
        write(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
