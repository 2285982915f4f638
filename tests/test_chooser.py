"""Choosing filters: each answer narrows, a wider answer never loses a method, and the published advice is in it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xai_helpers import chooser, errors, registry
from xai_helpers.chooser import choose

ORDERED = {"access": registry.ACCESSES, "effort": registry.EFFORTS}
UNORDERED = {"audience": registry.AUDIENCES, "goal": registry.GOALS}
VALUES: dict[str, tuple[str, ...]] = {**ORDERED, **UNORDERED}

questions = st.fixed_dictionaries({name: st.sampled_from((None, *values)) for name, values in VALUES.items()})


def names(**answers: Any) -> list[str]:
    return [row.name for row in choose(**answers)]


def test_no_answer_gives_the_whole_table() -> None:
    assert choose() == registry.records()


def test_by_hand() -> None:
    assert names(access="output", goal="debug a prediction", effort="tens of passes") == ["leave_one_out", "occlusion"]
    assert names(access="gradients", effort="one pass") == ["saliency", "input_x_gradient"]
    assert names(goal="steer the model") == ["steering"]
    assert names(audience="end users", goal="steer the model") == []


# The decision matrix of the course's sources: scenario, model access, goal; and the method behind the tool it advises.
@pytest.mark.parametrize(
    ("method", "answers"),
    [
        ("integrated_gradients", {"access": "gradients", "audience": "engineers", "goal": "debug a prediction"}),
        ("lime", {"access": "output", "audience": "engineers", "goal": "debug a prediction"}),
        ("raw_attention", {"access": "internals", "audience": "engineers", "goal": "look around"}),
        ("shapley", {"access": "internals", "audience": "auditors", "goal": "audit the model"}),
        ("integrated_gradients", {"access": "internals", "audience": "auditors", "goal": "audit the model"}),
        ("activation_patching", {"access": "internals", "audience": "researchers", "goal": "find the mechanism"}),
        ("sparse_autoencoder", {"access": "internals", "audience": "researchers", "goal": "find the mechanism"}),
        ("probing", {"access": "internals", "audience": "researchers", "goal": "find what is encoded"}),
        ("logit_lens", {"access": "internals", "goal": "find what is encoded", "effort": "one pass"}),
        ("lime", {"access": "output", "audience": "end users", "goal": "explain to a person"}),
        ("narrative", {"access": "output", "audience": "end users", "goal": "explain to a person"}),
        ("integrated_gradients", {"access": "gradients", "audience": "end users", "goal": "explain to a person"}),
        ("chain_of_thought", {"access": "output", "audience": "end users", "effort": "tens of passes"}),
    ],
)
def test_the_published_advice_is_among_the_answers(method: str, answers: dict[str, str]) -> None:
    assert method in names(**answers)


@given(questions)
def test_what_is_chosen_fits_and_stands_in_the_order_of_the_table(answers: dict[str, str | None]) -> None:
    rows = choose(**answers)  # type: ignore[arg-type]
    assert rows == tuple(row for row in registry.records() if row in rows)
    for row in registry.records():
        fits = [
            answers["access"] is None
            or registry.ACCESSES.index(row.access) <= registry.ACCESSES.index(answers["access"]),
            answers["effort"] is None
            or registry.EFFORTS.index(row.effort) <= registry.EFFORTS.index(answers["effort"]),
            answers["audience"] in (None, *row.audience),
            answers["goal"] in (None, *row.goals),
        ]
        assert (row in rows) == all(fits)


@given(questions, st.data())
def test_a_wider_answer_never_loses_a_method(answers: dict[str, str | None], data: st.DataObject) -> None:
    wider = dict(answers)
    for name, value in answers.items():
        more: list[str | None] = [value, None]
        if name in ORDERED and value is not None:
            more += VALUES[name][VALUES[name].index(value) :]
        wider[name] = data.draw(st.sampled_from(more))
    assert set(names(**answers)) <= set(names(**wider))


@given(questions, st.sampled_from(sorted(VALUES)))
def test_none_gives_what_all_values_together_give(answers: dict[str, str | None], name: str) -> None:
    union = {row for value in VALUES[name] for row in choose(**{**answers, name: value})}  # type: ignore[arg-type]
    assert set(choose(**{**answers, name: None})) == union  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(ORDERED))
def test_the_widest_of_an_ordered_answer_is_any(name: str) -> None:
    counts = [len(choose(**{name: value})) for value in ORDERED[name]]  # type: ignore[arg-type]
    assert counts == sorted(set(counts))  # each step adds something
    assert choose(**{name: ORDERED[name][-1]}) == registry.records()  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in VALUES.items() for value in values])
def test_every_single_answer_leaves_something_to_choose(name: str, value: str) -> None:
    assert choose(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(VALUES))
@pytest.mark.parametrize("value", ["Output", "", 1, ["internals"], "everybody"])
def test_an_unknown_answer_lists_the_choices(name: str, value: object) -> None:
    with pytest.raises(errors.OptionError, match=f"^{name}=") as error:
        choose(**{name: value})  # type: ignore[arg-type]
    assert repr(value) in str(error.value)
    assert all(repr(choice) in str(error.value) for choice in VALUES[name])


def test_the_table_shows_what_was_chosen_and_says_when_nothing_fits() -> None:
    every = chooser.table()
    assert [row[0] for row in every.rows] == [row.name for row in registry.records()]
    assert every.title == f"{len(every.rows)} of {len(every.rows)} methods"
    assert all(all(cell for cell in row) for row in every.rows)
    outputs = chooser.table(access="output", goal="debug a prediction")
    assert [row[0] for row in outputs.rows] == list(names(access="output", goal="debug a prediction"))
    nothing = chooser.table(audience="end users", goal="find the mechanism")
    assert nothing.rows == () and "set one of them to any" in nothing.title


def test_each_question_can_be_left_open() -> None:
    assert {
        name: {"any": None} | {value: value for value in values} for name, values in VALUES.items()
    } == chooser.CHOICES
