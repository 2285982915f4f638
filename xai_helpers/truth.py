"""Does an explanation find the words that are known to decide?

The course's models have a planted rule, and `data/corpora/rules.jsonl` says of single texts which words it reads. Two
kinds of models stand there. *Exact* ones have weights written by hand: which words matter, and with which sign,
follows from them. *Trained* ones may have learned something else than the rule. So a text of theirs counts only if the
model was seen to rely on the rule: it answers `probes`, texts in which the deciding words are replaced, as the rule
says. That is a test by replacement, and it favours methods that replace words.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import checks, retrieval
from .attribution import Attribution, Target, Unit
from .comparison import By, ranked
from .errors import FormatError, OptionError
from .installation import data_folder
from .models import TextModel
from .plausibility import marked_units

Span = tuple[int, int]
METRICS = ("precision", "average_precision", "first_rank", "sign_agreement")


@dataclass(frozen=True)
class Probe:
    """A changed text, and the label or next token that the rule gives it."""

    text: str
    answer: str


@dataclass(frozen=True)
class Case:
    """A text of which it is known what decides.

    model: an embedded model's name. group: what kind of rule, or of text. target: what the rule answers, versus its
    rival where it has one. spans: the characters of the deciding words. signs: 1 for a word that speaks for the target
    in every context, -1 against it, 0 where that is not fixed. exact: the weights are the rule. probes: empty then.
    Raises OptionError for a span that is not within the text, and unless there is one sign for each.
    """

    model: str
    group: str
    text: str
    target: Target
    spans: tuple[Span, ...]
    signs: tuple[int, ...]
    probes: tuple[Probe, ...]
    exact: bool

    def __post_init__(self) -> None:
        if len(self.signs) != len(self.spans):
            raise OptionError(f"{len(self.signs)} signs for {len(self.spans)} spans: give one for each")
        for start, end in self.spans:
            checks.whole(start, "a span's start", least=0, most=len(self.text))
            checks.whole(end, "a span's end", least=start + 1, most=len(self.text))
        for sign in self.signs:
            checks.whole(sign, "sign", least=-1, most=1)

    def to_json(self) -> str:
        """One line."""
        record = {
            "model": self.model,
            "group": self.group,
            "text": self.text,
            "target": self.target.token,
            "versus": self.target.versus,
            "spans": self.spans,
            "signs": self.signs,
            "probes": [[probe.text, probe.answer] for probe in self.probes],
            "exact": self.exact,
        }
        return json.dumps(record, ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> Case:
        """Reads what `to_json` wrote. Raises FormatError."""
        try:
            record = json.loads(line)
            return cls(
                model=record["model"],
                group=record["group"],
                text=record["text"],
                target=Target(record["target"], record["versus"]),
                spans=tuple((start, end) for start, end in record["spans"]),
                signs=tuple(record["signs"]),
                probes=tuple(Probe(text, answer) for text, answer in record["probes"]),
                exact=record["exact"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(f"not a case as Case.to_json writes it: {error!r}") from error


def read_cases(model: str | None = None, path: str | Path | None = None) -> tuple[Case, ...]:
    """The cases of a model, or of all, from the course's list or another file of such lines.

    Raises FormatError where there is no such file, or a line is no case, and OptionError where no case is the model's.
    """
    file = data_folder() / "corpora" / "rules.jsonl" if path is None else Path(path)
    if not file.is_file():
        raise FormatError(f"path={str(file)!r} is no file: name one with a line of Case.to_json for each case")
    cases = _cases(file, file.stat().st_mtime_ns)
    found = tuple(case for case in cases if model is None or case.model == model)
    if not found:
        raise OptionError(f"no case of {model!r} in {file.name}; there are: {', '.join(dict.fromkeys(known(cases)))}")
    return found


@functools.lru_cache(maxsize=4)
def _cases(file: Path, written: int) -> tuple[Case, ...]:
    """All cases of a file, read once for each time that it was written."""
    return tuple(map(Case.from_json, file.read_text(encoding="utf-8").splitlines()))


def known(cases: Iterable[Case]) -> list[str]:
    """The models that cases are about."""
    return list(dict.fromkeys(case.model for case in cases))


def relies(model: TextModel, case: Case) -> bool:
    """Whether the model answers the text and all its probes as the rule does."""
    asked = [(case.text, case.target.token), *((probe.text, probe.answer) for probe in case.probes)]
    return all(model.resolve(None, text).id == model.resolve(answer, text).id for text, answer in asked)


def decisive(case: Case, units: Sequence[Unit]) -> tuple[np.ndarray, np.ndarray]:
    """Which units decide, bool (n_units,), and their signs, int (n_units,), 0 for all others."""
    signs = np.zeros(len(units), dtype=int)
    for span, sign in zip(case.spans, case.signs, strict=True):
        signs[marked_units(units, [span])] = sign
    return marked_units(units, case.spans), signs


def found(attribution: Attribution, case: Case, *, by: By = "size") -> dict[str, float]:
    """How well an attribution's content units find the deciding ones: `METRICS`, as `retrieval` defines them.

    precision: at as many units as decide. first_rank: 1 is best. sign_agreement: NaN where no sign is fixed. by:
    "size", since a deciding word may speak against the target. Raises OptionError where the texts differ.
    """
    if attribution.text != case.text:
        raise OptionError(f"the attribution explains {attribution.text!r}, the case is {case.text!r}")
    content = list(attribution.content)
    decide, signs = decisive(case, [attribution.units[i] for i in content])
    return measured(attribution.scores[content], decide, signs, by)


def measured(scores: np.ndarray, decide: np.ndarray, signs: np.ndarray, by: By = "size") -> dict[str, float]:
    """The same from arrays (n_units,)."""
    values: Any = ranked(np.asarray(scores, dtype=np.float64), by)
    return {
        "precision": retrieval.precision_at(values, decide),
        "average_precision": retrieval.average_precision(values, decide),
        "first_rank": retrieval.first_rank(values, decide),
        "sign_agreement": retrieval.sign_agreement(scores, signs),
    }
