"""Which library or service does that, what does it need, and what was seen to break?

The tools are `data/tools.json`, captum's algorithms `data/captum.json`. Each tool was looked at on the day that its row
names, in that version; another may differ. As in `chooser`, rows are filtered, and nothing is ranked.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from . import checks
from .chooser import choices
from .errors import OptionError
from .installation import data_folder
from .registry import ACCESSES, AUDIENCES, EFFORTS, GOALS, Access, Audience, Effort, Goal
from .viz.table import Table

Where = Literal[
    "in this environment", "can be added to this environment", "environment of its own", "a service on the web"
]
CheckedBy = Literal["installed", "documentation"]
Family = Literal["primary", "layer", "neuron", "language model", "wrapper"]
Passes = Literal["forwards", "gradients"]

WHERES: tuple[Where, ...] = get_args(Where)
FAMILIES: tuple[Family, ...] = get_args(Family)

CHOICES = choices(access=ACCESSES, goal=GOALS, audience=AUDIENCES, cost=EFFORTS, where=WHERES)
CAPTUM_CHOICES = choices(family=FAMILIES)


@dataclass(frozen=True)
class ToolRecord:
    """One tool of the field.

    package: what pip installs, with the version that was looked at, on the day `checked`; None where there is nothing
    to install. checked_by: whether as "installed", or in its "documentation". what: what it does.

    access: what it reads of a model: the "output", "gradients", or "internals" (a service reads those of models that it
    holds itself). goals, audience: as in `registry.MethodRecord`. cost: the order of the least that an explanation by
    it takes. where: "in this environment" (the course's own), "can be added to this environment" (pip finds versions
    that agree with constraints.txt), "environment of its own" (beside the course's versions it does not work), or "a
    service on the web".

    chapter: the notebook that uses it first, or None. licence: by its SPDX name. source: the paper, or who runs it.
    ours: functions of this package, as "module:function", that answer the same question or lead to the tool. caution:
    what was seen to break, or what to know before.
    """

    name: str
    package: str | None
    version: str | None
    checked: str
    checked_by: CheckedBy
    what: str
    access: Access
    goals: tuple[Goal, ...]
    audience: tuple[Audience, ...]
    cost: Effort
    where: Where
    chapter: str | None
    licence: str
    source: str
    ours: tuple[str, ...]
    caution: str


@dataclass(frozen=True)
class Scenario:
    """A situation, the access that its tools need, what they give, and methods of `registry` for it."""

    scenario: str
    access: Access
    tools: tuple[str, ...]
    output: str
    ours: tuple[str, ...]


@dataclass(frozen=True)
class CaptumRecord:
    """One of captum's attribution algorithms.

    family: to the input ("primary"), to a "layer", of a "neuron", for a "language model"; or a "wrapper" around another
    algorithm. access: "forwards" or "gradients". ours: the function of this package that gives the same, or None.
    """

    name: str
    family: Family
    what: str
    access: Passes
    ours: str | None
    note: str | None


@functools.cache
def records() -> tuple[ToolRecord, ...]:
    """Every tool."""
    return tuple(ToolRecord(**_frozen(row)) for row in _read("tools.json")["tools"])


@functools.cache
def situations() -> tuple[Scenario, ...]:
    """What a published decision matrix advises, corrected where its advice needs more than its situation has."""
    return tuple(Scenario(**_frozen(row)) for row in _read("tools.json")["scenarios"])


@functools.cache
def captum_algorithms() -> tuple[CaptumRecord, ...]:
    """Every attribution algorithm that captum 0.9 offers by name."""
    return tuple(CaptumRecord(**row) for row in _read("captum.json"))


def tools(
    access: Access | None = None,
    goal: Goal | None = None,
    audience: Audience | None = None,
    cost: Effort | None = None,
    where: Where | None = None,
) -> tuple[ToolRecord, ...]:
    """The tools that need no more than this access and this cost, and serve this goal and audience, there.

    None leaves a question open; there may be no tool. Raises OptionError.
    """
    usable, affordable = checks.up_to(access, "access", ACCESSES), checks.up_to(cost, "cost", EFFORTS)
    aims, readers = set(checks.any_of(goal, "goal", GOALS)), set(checks.any_of(audience, "audience", AUDIENCES))
    places = checks.any_of(where, "where", WHERES)
    return tuple(
        row
        for row in records()
        if row.access in usable
        and row.cost in affordable
        and aims.intersection(row.goals)
        and readers.intersection(row.audience)
        and row.where in places
    )


def table(
    access: Access | None = None,
    goal: Goal | None = None,
    audience: Audience | None = None,
    cost: Effort | None = None,
    where: Where | None = None,
) -> Table:
    """What `tools` gives, to be read."""
    rows = tools(access, goal, audience, cost, where)
    answers = (("access", access), ("goal", goal), ("audience", audience), ("cost", cost), ("where", where))
    title = f"{len(rows)} of {len(records())} tools{_asked(answers)}"
    if not rows:
        title += ": none fits all of these answers; set one of them to any"
    return Table(
        title,
        ("tool", "what it does", "it reads", "where", "with care", "ours", "chapter", "licence, source"),
        tuple(
            (
                f"{row.name} {row.version or ''}".strip(),
                row.what,
                f"{row.access}; {row.cost}",
                row.where,
                row.caution,
                ", ".join(path.split(":")[1] for path in row.ours) or "none",
                row.chapter.split("_")[0] if row.chapter else "none",
                f"{row.licence}; {row.source}",
            )
            for row in rows
        ),
    )


def scenarios() -> Table:
    """A situation a row: what it needs of the model, which tools, what they give, and which methods of this course."""
    rows = situations()
    return Table(
        f"{len(rows)} situations",
        ("situation", "what you have", "tools", "what they give", "in this course"),
        tuple((row.scenario, row.access, ", ".join(row.tools), row.output, ", ".join(row.ours)) for row in rows),
    )


def captum_table(search: str = "", family: Family | None = None) -> Table:
    """Captum's algorithms of a family that have these letters, large or small, in any column. Raises OptionError."""
    if not isinstance(search, str):
        raise OptionError(f"search={search!r}: give a part of a word, as in 'shap', or '' for all")
    if search and not search.strip():
        raise OptionError("the search holds nothing but blanks: give a part of a word, or leave it empty for all")
    families, every = checks.any_of(family, "family", FAMILIES), captum_algorithms()
    rows = [
        (row.name, row.family, row.what, row.access, row.ours.split(":")[1] if row.ours else "none", row.note or "")
        for row in every
        if row.family in families
    ]
    found = tuple(row for row in rows if any(search.casefold() in cell.casefold() for cell in row))
    title = f"{len(found)} of captum's {len(every)} algorithms{_asked((('search', search), ('family', family)))}"
    return Table(title, ("algorithm", "family", "what it does", "it needs", "ours", "with care"), found)


def _asked(answers: Iterable[tuple[str, str | None]]) -> str:
    """The questions that were answered, for a title: two filters may leave the same rows."""
    said = [f"{name} {value!r}" for name, value in answers if value]
    return f" for {', '.join(said)}" if said else ""


def _read(name: str) -> Any:
    return json.loads((data_folder() / name).read_text(encoding="utf-8"))


def _frozen(row: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
