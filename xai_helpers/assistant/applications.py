"""What could an applicant change to be approved, and what should never have mattered?

Texts of the form `income: high; debts: low; age: 41`, as the embedded `loan-decider` reads them. Such an application
has few values for each field, so the changes needn't be searched: all that the constraints allow are run, those of one
field first. A change that nobody can make (a lower age) is no advice, however small (Ustun et al., 2019, "Actionable
Recourse in Linear Classification"). With nothing held fixed, the same run shows whether a field decides that should
not: whoever is refused, and approved in another district with all else the same, was refused for the district.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from .. import checks
from ..blackbox import probabilities
from ..errors import FormatError, OptionError
from ..models import TextModel
from ..viz.table import Table
from .counterfactual import Failed, Verified, by_edits, on_trial
from .edits import edits_between

# What loan-decider knows, from what counts least to what counts most where the values have an order.
VALUES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "income": ("low", "middle", "high"),
    "debts": ("high", "middle", "low"),
    "history": ("poor", "mixed", "good"),
    "amount": ("large", "middle", "small"),
    "age": tuple(map(str, range(18, 80))),
    "district": ("north", "east", "south", "west"),
    "group": ("A", "B"),
})  # fmt: skip
MOST_CHANGES = 5_000  # that are run for one number of fields


@dataclass(frozen=True)
class Constraints:
    """Which changes are allowed. fixed: fields that stay. ordered: fields whose value may only move on in this order.

    A value that doesn't stand in its field's order can't change. All other fields may take any of `values`. Raises
    OptionError, which names the fields, for those that are unknown or both fixed and ordered, and for orders of values
    that the field doesn't have.
    """

    fixed: Collection[str] = ()
    ordered: Mapping[str, Sequence[str]] = field(default_factory=dict)
    values: Mapping[str, Sequence[str]] = field(default_factory=lambda: VALUES)

    def __post_init__(self) -> None:
        if isinstance(self.fixed, str) or not isinstance(self.fixed, Collection):
            raise OptionError(f"fixed={self.fixed!r}: give a list of fields, as in [{self.fixed!r}]")
        if not isinstance(self.ordered, Mapping):
            raise OptionError(f"ordered={self.ordered!r}: give the order of values by field")
        if unknown := [name for name in (*self.fixed, *self.ordered) if name not in self.values]:
            raise OptionError(f"no field {_named(unknown)}; the fields are {_named(self.values)}")
        if both := [name for name in self.ordered if name in self.fixed]:
            raise OptionError(f"{_named(both)}: fixed and ordered at once; leave one out")
        for name, order in self.ordered.items():
            known = self.values[name]
            if isinstance(order, str) or len(set(order)) < len(order) or not set(order) <= set(known):
                raise OptionError(f"ordered[{name!r}]={order!r:.80}: give some of {_named(known)}, each once, in order")

    def reachable(self, name: str, value: str) -> tuple[str, ...]:
        """What a field with this value may become, the nearest first where there is an order."""
        if name in self.fixed:
            return ()
        if name in self.ordered:
            order = tuple(self.ordered[name])
            return order[order.index(value) + 1 :] if value in order else ()
        return tuple(other for other in self.values[name] if other != value)


ACTIONABLE = Constraints(
    fixed=("district", "group", "age"),
    ordered={name: VALUES[name] for name in ("income", "debts", "history", "amount")},
)
FREE = Constraints()


def _named(fields: Collection[str]) -> str:
    shown = list(map(repr, fields))
    return ", ".join(shown if len(shown) < 10 else [*shown[:3], "...", shown[-1]])


def parsed_application(text: str) -> dict[str, str]:
    """The fields of an application. Raises FormatError for another form, and for a field that comes twice."""
    pairs = [part.split(":") for part in text.split(";")] if isinstance(text, str) else []
    if not pairs or any(len(pair) != 2 or not all(map(str.strip, pair)) for pair in pairs):
        raise FormatError(f"{text!r:.120} is no application; write it as in 'income: high; debts: low; age: 41'")
    fields = {name.strip(): value.strip() for name, value in pairs}
    if len(fields) < len(pairs):
        raise FormatError(f"{text!r:.120} has a field twice")
    return fields


def written_application(fields: Mapping[str, str]) -> str:
    """The text that has these fields, as the model reads it."""
    return "; ".join(f"{name}: {value}" for name, value in fields.items())


def changes(text: str, constraints: Constraints, fields: int) -> Iterator[str]:
    """Every application that differs from this one in so many fields, as the constraints allow."""
    application = parsed_application(text)
    if unknown := [name for name in application if name not in constraints.values]:
        raise FormatError(f"no field {_named(unknown)}; the fields are {_named(constraints.values)}")
    for name, value in application.items():
        if value not in constraints.values[name]:
            raise FormatError(f"{name}: {value!r:.40} is none of its values: {_named(constraints.values[name])}")
    reachable = {name: constraints.reachable(name, value) for name, value in application.items()}
    for names in itertools.combinations([name for name in application if reachable[name]], fields):
        for values in itertools.product(*(reachable[name] for name in names)):
            yield written_application(application | dict(zip(names, values, strict=True)))


def actionable(
    model: TextModel,
    text: str,
    *,
    wanted: str = "approved",
    constraints: Constraints = ACTIONABLE,
    most_fields: int = 3,
    language_model: TextModel | None = None,
) -> Verified:
    """The changes of fewest fields by which an application gets the wanted answer: all that there are, each one run.

    Every allowed change of one field is run; if none will do, of two, and so on up to `most_fields`. The default
    constraints hold district, group and age fixed, and let income, debts, history and amount only improve. The flips
    differ from the application in nothing but the fields that they name. Raises OptionError, also where more than
    5,000 changes would have to be run, FormatError for a text that is no application, and what `verify` raises.
    """
    most_fields = checks.whole(most_fields, "most_fields")
    if not isinstance(constraints, Constraints):
        raise OptionError(f"constraints={constraints!r:.80}: give Constraints(fixed=[...], ordered={{...}})")
    plain = written_application(parsed_application(text))
    trial = on_trial(model, plain, wanted, language_model)
    for fields in range(1, most_fields + 1):
        proposals = list(itertools.islice(changes(plain, constraints, fields), MOST_CHANGES + 1))
        if len(proposals) > MOST_CHANGES:
            raise OptionError(
                f"there are more than {MOST_CHANGES:,} changes of {fields} fields: fix one, such as 'age', order its "
                "values, or ask for fewer with most_fields"
            )
        trial.run(proposals)
        if any(map(trial.flips, proposals)):
            break
    flips = {one: edits_between(plain, one) for one in trial.rows if trial.flips(one)}
    failed = [Failed(one, f"stays {trial.label}") for one in trial.rows if one != plain and one not in flips]
    return trial.verified("enumeration", sorted(trial.counterfactuals(flips, "enumeration"), key=by_edits), failed)


@dataclass(frozen=True)
class Audit:
    """Whether a field decides by itself. refused: the applications that don't get the wanted answer.

    flipped: for each field those of them that would get it if that field, and nothing else, had another value, each
    with such a version.
    """

    model: str
    wanted: str
    refused: tuple[str, ...]
    flipped: Mapping[str, Mapping[str, str]]

    def table(self) -> Table:
        n = len(self.refused)
        rows = tuple(
            (name, str(len(found)), str(n), f"{len(found) / n:.0%}" if n else "")
            for name, found in self.flipped.items()
        )
        return Table(
            f"{self.model}: not {self.wanted}, until one field changes", ("field", "flip", "of", "share"), rows
        )

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def audit(
    model: TextModel,
    texts: Iterable[str],
    fields: Sequence[str] = ("age", "district", "group"),
    *,
    wanted: str = "approved",
    values: Mapping[str, Sequence[str]] = VALUES,
) -> Audit:
    """Of the applications that are refused, how many would be approved if one field alone had another value.

    Every value of each field is run. A flip by a field that should not matter is unfair, whatever the rest of the model
    does; that there is none shows nothing about fields that go with it, as the district goes with the group. Raises
    OptionError, FormatError, and what `verify` raises.
    """
    if isinstance(fields, str):
        raise OptionError(f"fields={fields!r}: give a list of fields, as in [{fields!r}]")
    if unknown := [name for name in fields if name not in values]:
        raise OptionError(f"no field {_named(unknown)}; the fields are {_named(values)}")
    if wanted not in model.labels:
        raise OptionError(f"wanted={wanted!r}: {model.name} has the labels {', '.join(map(repr, model.labels))}")
    only = {name: Constraints(fixed=[other for other in values if other != name], values=values) for name in fields}
    plain = list(dict.fromkeys(written_application(parsed_application(text)) for text in checks.several(texts)))
    moved = {(name, text): list(changes(text, only[name], 1)) for name in fields for text in plain}
    asked = list(dict.fromkeys([*plain, *(one for some in moved.values() for one in some)]))
    given = probabilities(model, asked).argmax(axis=1) == model.labels.index(wanted)
    approved = dict(zip(asked, given.tolist(), strict=True))
    refused = tuple(text for text in plain if not approved[text])
    flipped = {
        name: {text: hits[0] for text in refused if (hits := [one for one in moved[name, text] if approved[one]])}
        for name in fields
    }
    return Audit(model.name, wanted, refused, flipped)
