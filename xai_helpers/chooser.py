"""Which methods answer my question, given what I have of the model, whom the result is for, and what I can spend?

It filters the table of methods and ranks nothing: that a method fits a task does not make its answers true. Chapter 07
measures that.
"""

from __future__ import annotations

from . import checks
from .registry import ACCESSES, AUDIENCES, EFFORTS, GOALS, Access, Audience, Effort, Goal, MethodRecord, records
from .viz.table import Table


def choices(**questions: tuple[str, ...]) -> dict[str, dict[str, str | None]]:
    """The questions, for an explorer, and the answers that each may have; "any" leaves it open."""
    return {name: {"any": None} | {value: value for value in values} for name, values in questions.items()}


CHOICES = choices(access=ACCESSES, audience=AUDIENCES, goal=GOALS, effort=EFFORTS)


def choose(
    access: Access | None = None,
    audience: Audience | None = None,
    goal: Goal | None = None,
    effort: Effort | None = None,
) -> tuple[MethodRecord, ...]:
    """The methods that need no more than this access and this effort, and serve this audience and this goal.

    None leaves a question open. Who has the internals also has gradients and outputs. The rows are in the order of the
    chapters, methods to come (without a path) included; there may be none. The vocabularies are those of
    `registry.MethodRecord`. Raises OptionError.
    """
    usable, affordable = checks.up_to(access, "access", ACCESSES), checks.up_to(effort, "effort", EFFORTS)
    readers, aims = set(checks.any_of(audience, "audience", AUDIENCES)), set(checks.any_of(goal, "goal", GOALS))
    return tuple(
        row
        for row in records()
        if row.access in usable
        and row.effort in affordable
        and readers.intersection(row.audience)
        and aims.intersection(row.goals)
    )


def table(
    access: Access | None = None,
    audience: Audience | None = None,
    goal: Goal | None = None,
    effort: Effort | None = None,
) -> Table:
    """What `choose` gives, to be read: what each method asks, gives, needs, and where it stands."""
    rows = choose(access, audience, goal, effort)
    title = f"{len(rows)} of {len(records())} methods"
    if not rows:
        title += ": no method of the course fits all of these answers; set one of them to any"
    return Table(
        title,
        ("method", "it asks", "it gives", "it needs", "for it", "against it", "chapter, source"),
        tuple(
            (
                row.name,
                row.question,
                f"{row.result} ({row.scope})",
                f"{row.access}; {row.effort}",
                row.strength,
                row.weakness,
                f"{row.chapter.split('_')[0]}{'' if row.path else ', to come'}: {row.source}",
            )
            for row in rows
        ),
    )
