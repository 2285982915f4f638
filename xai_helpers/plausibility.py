"""Do the scores find the words that a person marked? Agreement with human rationales (DeYoung et al., 2020, ERASER).

Plausible is not faithful (Jacovi & Goldberg, 2020, "Towards Faithfully Interpretable NLP Systems"). Marks say which
words decide for a person; a model may rely on others, and then a faithful explanation must score low here, and one that
scores high is wrong about the model. A high score shows only that an explanation looks right. Nor are marks complete:
who marks enough words to justify a label need not mark all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from . import checks, retrieval
from .attribution import Attribution, Unit
from .comparison import By, ranked
from .errors import FormatError, OptionError

Span = tuple[int, int]
MARKS = ("rationale", "deciding")  # the field that holds the spans, in one file or another of data/corpora


@dataclass(frozen=True)
class Marked:
    """A text in which a person marked what decides its label.

    spans: characters [start, end), at least one; kept in order and each once. They may overlap. Raises OptionError for
    one that lies outside the text or holds nothing but blanks.
    """

    text: str
    label: str
    spans: tuple[Span, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not isinstance(self.label, str):
            raise OptionError(f"text and label are strings, not {self.text!r} and {self.label!r}")
        if not isinstance(self.spans, Sequence) or not self.spans:
            raise OptionError(f"spans={self.spans!r}: give at least one pair of characters, [start, end)")
        spans = tuple(sorted({_span(span, len(self.text)) for span in self.spans}))
        if blank := [span for span in spans if not self.text[slice(*span)].strip()]:
            raise OptionError(f"the span {blank[0]} holds nothing but blanks")
        object.__setattr__(self, "spans", spans)


@dataclass(frozen=True)
class Plausibility:
    """How well scores find marked units, by the measures of `retrieval`.

    token_f1, iou_f1: of the k greatest. auprc, average_precision: of the whole ranking. precision_at: the share of the
    k greatest that are marked, ties shared. k: how many units were chosen. share: of the content units, those that are
    marked, which is what a constant explanation gets as average_precision and precision_at.
    """

    token_f1: float
    iou_f1: float
    auprc: float
    average_precision: float
    precision_at: float
    k: int
    share: float


def plausible(
    attribution: Attribution,
    spans: Sequence[Span],
    *,
    by: By = "size",
    k: int | None = None,
    seed: int = 0,
) -> Plausibility:
    """How well the scores find the marked characters, over the content units.

    by: what is ranked, the "size" of scores or "signed" scores: then explain the label that the marks decide. k: how
    many units the hard choice takes. None takes as many as are marked, which tells the explanation a number that it
    should have to find, and makes token F1 the same as precision; ERASER takes the average over the data set. seed: of
    the draw between units that tie for the last places of the choice. Raises OptionError for options that make no
    sense, also where a span touches no unit.
    """
    if by not in get_args(By):
        raise OptionError(f"by={by!r}: choose 'size' or 'signed'")
    content = list(attribution.content)
    truth = marked_units([attribution.units[i] for i in content], spans)
    values = ranked(attribution.scores[content], by)
    k = int(truth.sum()) if k is None else checks.whole(k, "k", most=len(content))
    chosen = retrieval.chosen(values, k, seed)
    return Plausibility(
        token_f1=retrieval.token_f1(chosen, truth),
        iou_f1=retrieval.iou_f1(chosen, truth),
        auprc=retrieval.auprc(values, truth),
        average_precision=retrieval.average_precision(values, truth),
        precision_at=retrieval.precision_at(values, truth, k),
        k=k,
        share=float(truth.mean()),
    )


def marked_units(units: Sequence[Unit], spans: Sequence[Span]) -> np.ndarray:
    """Which units share a character with a span: bool (n_units,). Special units never do.

    Units may be tokens, words or any other pieces; one that lies partly in a span counts whole. Raises OptionError
    where there is no span, or where one touches no unit.
    """
    if not len(spans):
        raise OptionError("spans is empty: nothing is marked")
    pairs = [_span(span) for span in spans]
    first, last = np.array(pairs).T
    edges = np.array([(0, 0) if unit.special else (unit.start, unit.end) for unit in units]).reshape(-1, 2)
    touch = np.maximum(edges[:, :1], first) < np.minimum(edges[:, 1:], last)  # (n_units, n_spans)
    if missed := [pair for pair, found in zip(pairs, touch.any(axis=0), strict=True) if not found]:
        raise OptionError(f"the span {missed[0]} touches no unit: give characters [start, end) of the text explained")
    return touch.any(axis=1)


def read_marked(path: str | os.PathLike[str]) -> tuple[Marked, ...]:
    """Reads JSON lines with the fields text, label and either rationale or deciding, as data/corpora has them.

    Both hold character spans [start, end); other fields are not read. Raises FormatError, with the file and the line,
    for what does not fit.
    """

    def marked(record: dict[str, Any]) -> Marked:
        fields = [name for name in MARKS if name in record]
        if len(fields) != 1:
            raise FormatError(f"give the spans in one field, {' or '.join(MARKS)}")
        return Marked(record["text"], record["label"], record[fields[0]])

    return tuple(_read(_file(path), marked))


def read_eraser(path: str | os.PathLike[str], docs: str | os.PathLike[str] | None = None) -> tuple[Marked, ...]:
    """Reads annotations of the ERASER benchmark (DeYoung et al., 2020, eraserbenchmark.com), such as movies/val.jsonl.

    docs: the folder whose files are the documents, or a file of JSON lines with docid and document; None takes docs or
    docs.jsonl beside the annotations. Documents hold one sentence a line, tokens parted by blanks. The text is the
    document's tokens joined by single blanks, so line ends are lost; a query is not part of it.

    An evidence marks its tokens [start_token, end_token), counted over the whole document, whatever its own text says:
    ERASER calls the tokens alone official. Alternative groups of evidence are marked together. An annotation without
    evidence marks nothing and is left out, such as one of an empty movie review. Raises FormatError, with the file and
    the line, for what does not fit, and for evidence in several documents, as in e-SNLI: a text is one document.
    """
    file = _file(path)
    documents = _documents(file.parent, None if docs is None else Path(docs))

    def marked(record: dict[str, Any]) -> Marked | None:
        evidences = [evidence for group in record["evidences"] for evidence in group]
        if not evidences:
            return None
        ids = {str(evidence["docid"]) for evidence in evidences}
        if len(ids) > 1:
            raise FormatError(f"there is evidence in {len(ids)} documents, {', '.join(sorted(ids))}: give one")
        tokens = documents(ids.pop())
        starts = np.cumsum([0, *(len(token) + 1 for token in tokens)])  # where each token begins
        pairs = [(evidence["start_token"], evidence["end_token"]) for evidence in evidences]
        spans = [(int(starts[a]), int(starts[b]) - 1) for a, b in (_span(pair, len(tokens)) for pair in pairs)]
        return Marked(" ".join(tokens), record["classification"], tuple(spans))

    return tuple(found for found in _read(file, marked) if found is not None)


def _documents(beside: Path, docs: Path | None) -> Callable[[str], list[str]]:
    """What gives the tokens of a document by its id. Raises OptionError where there are none."""
    if docs is None:
        docs = beside / "docs" if (beside / "docs").is_dir() else beside / "docs.jsonl"
    if docs.is_dir():
        return lambda name: _tokens_of_file(docs / name)
    if not docs.is_file():
        raise OptionError(f"docs={os.fspath(docs)!r}: name the folder of the documents, or their file of JSON lines")
    texts = dict(_read(docs, lambda record: (str(record["docid"]), record["document"].split("\n"))))

    def tokens(name: str) -> list[str]:
        if name not in texts:
            raise FormatError(f"{docs} has no document {name!r}")
        return [token for line in texts[name] for token in line.strip().split(" ")]  # empty ones are counted here

    return tokens


def _tokens_of_file(file: Path) -> list[str]:
    if not file.is_file():
        raise FormatError(f"{file.parent} has no document {file.name!r}")
    return [token for line in _text(file).split("\n") for token in line.strip().split(" ") if token]


def _file(path: str | os.PathLike[str]) -> Path:
    if not Path(path).is_file():
        raise OptionError(f"path={os.fspath(path)!r}: name a file of JSON lines")
    return Path(path)


def _read(file: Path, made: Callable[[dict[str, Any]], Any]) -> Iterator[Any]:
    """What is made of each line's object; blank lines are skipped."""
    for number, line in enumerate(_text(file).split("\n"), start=1):
        if line.strip():
            with _placed(f"{file}, line {number}"):
                record = json.loads(line)
                if not isinstance(record, dict):
                    raise FormatError("a line holds one JSON object")
                found = made(record)
            yield found


@contextmanager
def _placed(where: str) -> Iterator[None]:
    """Raises FormatError with the place of what went wrong there."""
    try:
        yield
    except KeyError as error:
        raise FormatError(f"{where}: the field {error} is missing") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise FormatError(f"{where}: {error}") from error


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"{file} is not in UTF-8: {error}") from error


def _span(span: Any, length: int | None = None) -> Span:
    """The span as two ints, 0 <= start < end, and end <= length where there is one. Raises OptionError."""
    if not isinstance(span, Sequence | np.ndarray) or len(span) != 2:
        raise OptionError(f"{span!r} is no span: give a pair [start, end)")
    start = checks.whole(span[0], "start", most=None if length is None else length - 1, least=0)
    return start, checks.whole(span[1], "end", least=start + 1, most=length)
