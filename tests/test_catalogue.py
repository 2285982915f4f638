"""The tables of tools are true of what is installed, and filters narrow: a wider answer never loses a tool."""

from __future__ import annotations

import datetime
import importlib.util
import inspect
import re
from pathlib import Path
from typing import Any

import captum.attr
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xai_helpers import catalogue, errors, registry
from xai_helpers.catalogue import captum_algorithms, captum_table, records, scenarios, situations, table, tools

ROOT = Path(__file__).parent.parent
LINES = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
LOCKED = dict(line.split(" ;")[0].split("==") for line in LINES if "==" in line)
ORDERED = {"access": registry.ACCESSES, "cost": registry.EFFORTS}
UNORDERED = {"goal": registry.GOALS, "audience": registry.AUDIENCES, "where": catalogue.WHERES}
VALUES: dict[str, tuple[str, ...]] = {**ORDERED, **UNORDERED}

questions = st.fixed_dictionaries({name: st.sampled_from((None, *values)) for name, values in VALUES.items()})


def names(**answers: Any) -> list[str]:
    return [row.name for row in tools(**answers)]


def function_at(path: str) -> Any:
    module, name = path.split(":")
    return getattr(importlib.import_module(module), name)


# --- the data -------------------------------------------------------------------------------------------------------


def test_rows_are_complete_and_keep_to_the_vocabularies() -> None:
    assert len({row.name.casefold() for row in records()}) == len(records()) == 18
    for row in records():
        assert row.access in registry.ACCESSES and row.cost in registry.EFFORTS and row.where in catalogue.WHERES
        assert row.checked_by in ("installed", "documentation")
        assert row.source and re.fullmatch(r"[A-Za-z0-9.-]+", row.licence), row.name  # SPDX
        for values, vocabulary in ((row.goals, registry.GOALS), (row.audience, registry.AUDIENCES)):
            assert values == tuple(value for value in vocabulary if value in values) != (), row.name
        for clause in (row.what, row.caution):
            assert 50 <= len(clause) <= 125 and clause == clause.strip() and clause[-1] != ".", row.name
            assert not re.search("gold standard|best|state of the art|reliabl", clause, re.IGNORECASE), row.name
        hash(row)


def test_versions_are_those_of_the_lock_so_that_a_new_one_is_looked_at() -> None:
    for row in records():
        assert (row.version is None) == (row.package is None)
        if row.package in LOCKED:
            assert row.version == LOCKED[row.package], f"{row.name}: look at it again, and change version and checked"
        assert (row.package in LOCKED) == (row.where == "in this environment") or row.name == "NDIF"
        assert datetime.date(2026, 11, 1) <= datetime.date.fromisoformat(row.checked)


def test_every_function_of_ours_and_every_chapter_is_there() -> None:
    for row in records():
        for path in row.ours:
            assert callable(function_at(path)), path
        if row.chapter:
            source = (ROOT / "notebooks" / "source" / f"{row.chapter}.py").read_text(encoding="utf-8")
            assert row.name.casefold() in source.casefold(), row.name


def test_known_errors_of_published_tables_are_not_repeated() -> None:
    every = {row.name: row for row in records()}
    assert "independent" in every["Neuronpedia"].what
    assert not any("anthropic" in str(row).casefold() for row in records())
    assert "removed" in every["TransformerLens"].caution
    package = importlib.util.find_spec("transformer_lens")  # not imported: that takes seconds
    assert (
        package and package.origin and "was removed in TransformerLens 4.0" in Path(package.origin).read_text("utf-8")
    )


def test_situations_name_tools_and_methods_that_their_access_allows() -> None:
    assert len({row.scenario for row in situations()}) == len(situations()) == 7
    for row in situations():
        usable = names(access=row.access)
        assert row.tools and set(row.tools) <= set(usable), row.scenario
        assert row.access in {tool.access for tool in records() if tool.name in row.tools}  # and no more than they need
        for method in row.ours:
            needs = registry.record(method).access
            assert registry.ACCESSES.index(needs) <= registry.ACCESSES.index(row.access), method
    assert [row[0] for row in scenarios().rows] == [row.scenario for row in situations()]
    assert all(all(cell for cell in row) for row in scenarios().rows)


def test_the_table_of_captum_holds_what_captum_offers() -> None:
    offered = {
        name
        for name in captum.attr.__all__
        if inspect.isclass(item := getattr(captum.attr, name))
        and issubclass(item, captum.attr.Attribution)
        and "._core." in item.__module__  # the others are base classes
    }
    assert len(offered) == 44
    listed = [row.name for row in captum_algorithms()]
    assert len(set(listed)) == len(listed) and set(listed) == offered


def test_rows_of_captum_agree_with_its_classes() -> None:
    for row in captum_algorithms():
        item = getattr(captum.attr, row.name)
        assert row.family in catalogue.FAMILIES and row.access in ("forwards", "gradients")
        assert (row.family == "neuron") == issubclass(item, captum.attr.NeuronAttribution), row.name
        assert (row.family == "layer") == issubclass(item, captum.attr.LayerAttribution), row.name
        assert (row.family == "language model") == ("LLM" in row.name), row.name
        if issubclass(item, captum.attr.PerturbationAttribution):
            assert row.access == "forwards", row.name
        elif issubclass(item, captum.attr.GradientAttribution):
            assert row.access == "gradients", row.name
        assert row.ours is None or callable(function_at(row.ours))
        for clause in (row.what, row.note):
            assert clause is None or (clause[-1] != "." and "\n" not in clause and len(clause) <= 170), row.name


# --- filters --------------------------------------------------------------------------------------------------------


def test_no_answer_gives_the_whole_table() -> None:
    assert tools() == records()
    assert tools(access="internals", cost="training or search") == records()


def test_by_hand() -> None:
    assert names(access="output") == ["shap", "lime", "Quantus"]
    assert names(goal="explain to a person") == names(audience="end users") == ["shap", "lime"]
    assert names(where="a service on the web") == ["Neuronpedia", "Gemma Scope", "NDIF"]
    assert names(where="in this environment", access="internals", goal="look around") == ["BertViz"]
    assert names(access="output", goal="steer the model") == []


@given(questions)
def test_what_is_found_fits_and_stands_in_the_order_of_the_table(answers: dict[str, Any]) -> None:
    rows = tools(**answers)
    assert rows == tuple(row for row in records() if row in rows)
    for row in records():
        fits = [
            answers["access"] is None
            or registry.ACCESSES.index(row.access) <= ORDERED["access"].index(answers["access"]),
            answers["cost"] is None or registry.EFFORTS.index(row.cost) <= ORDERED["cost"].index(answers["cost"]),
            answers["goal"] in (None, *row.goals),
            answers["audience"] in (None, *row.audience),
            answers["where"] in (None, row.where),
        ]
        assert (row in rows) == all(fits)


@given(questions, st.data())
def test_a_wider_answer_never_loses_a_tool(answers: dict[str, Any], data: st.DataObject) -> None:
    wider = dict(answers)
    for name, value in answers.items():
        more: list[str | None] = [value, None]
        if name in ORDERED and value is not None:
            more += ORDERED[name][ORDERED[name].index(value) :]
        wider[name] = data.draw(st.sampled_from(more))
    assert set(names(**answers)) <= set(names(**wider))


@given(questions, st.sampled_from(sorted(VALUES)))
def test_any_gives_what_all_values_together_give(answers: dict[str, Any], name: str) -> None:
    union = {row for value in VALUES[name] for row in tools(**{**answers, name: value})}
    assert set(tools(**{**answers, name: None})) == union


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in VALUES.items() for value in values])
def test_every_single_answer_leaves_a_tool(name: str, value: str) -> None:
    assert tools(**{name: value})


@pytest.mark.parametrize("name", [*sorted(VALUES), "family"])
@pytest.mark.parametrize("value", ["Output", "", 1, ["internals"], "everybody"])
def test_an_unknown_answer_lists_the_choices(name: str, value: Any) -> None:
    asked, values = (captum_table, catalogue.FAMILIES) if name == "family" else (tools, VALUES[name])
    with pytest.raises(errors.OptionError, match=f"^{name}=") as error:
        asked(**{name: value})  # type: ignore[operator]
    assert repr(value) in str(error.value)
    assert all(repr(choice) in str(error.value) for choice in values)


def test_the_table_shows_what_was_found_and_says_when_nothing_fits() -> None:
    every = table()
    assert [row[0].split(" ")[0] for row in every.rows] == [row.name.split(" ")[0] for row in records()]
    assert every.title == "18 of 18 tools"
    assert all(all(cell for cell in row) for row in every.rows)
    assert every.rows[0][0] == f"captum {LOCKED['captum']}"
    nothing = table(audience="end users", goal="find the mechanism")
    assert nothing.rows == () and "set one of them to any" in nothing.title


def test_each_question_can_be_left_open() -> None:
    assert {name: {"any": None} | {value: value for value in values} for name, values in VALUES.items()} == (
        catalogue.CHOICES
    )
    assert list(catalogue.CAPTUM_CHOICES["family"]) == ["any", *catalogue.FAMILIES]


def found(*args: Any, **options: Any) -> list[str]:
    return [row[0] for row in captum_table(*args, **options).rows]


def test_captum_is_searched_in_every_column() -> None:
    assert found() == [row.name for row in captum_algorithms()]
    assert found("conductance") == ["LayerConductance", "NeuronConductance"]
    assert found("SALIENCY") == found("saliency") == ["Saliency"]  # by name
    assert "Occlusion" in found("window") and "LRP" in found("TypeError")  # by what it does; by the note
    assert found("smoothgrad") == ["NoiseTunnel"] and "FeatureAblation" in found("leave_one_out")  # by our name
    assert set(found("forwards")) == {row.name for row in captum_algorithms() if row.access == "forwards"}
    assert found("no such thing") == [] and captum_table("no such thing").title.startswith("0 of captum's 44")
    with pytest.raises(errors.OptionError, match="search=3"):
        captum_table(3)  # type: ignore[arg-type]


@given(st.text("aeinrstLS", max_size=3), st.sampled_from((None, *catalogue.FAMILIES)))
def test_a_longer_search_finds_no_more_and_families_make_up_the_whole(search: str, family: Any) -> None:
    assert set(found(search, family)) <= set(found(search[:-1], family)) <= set(found("", family))
    assert sorted(name for family in catalogue.FAMILIES for name in found(search, family)) == sorted(found(search))
    assert found(search, family) == found(search.swapcase(), family)


def test_a_search_for_blanks_is_refused() -> None:
    with pytest.raises(errors.OptionError, match="blanks"):
        captum_table("  ")
