"""The parser of answers: hard cases, units, laws, and texts that mean harm."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xai_helpers.assistant import answers
from xai_helpers.assistant.answers import Quantity, alike, last_number, read_answer, read_answers, same, to_quantity
from xai_helpers.errors import OptionError

UNITS = (None, "m", "km", "metres per hour", "km/h", "apples", "%", "m^2", "dollars", "miles an hour")


@pytest.mark.parametrize(("text", "written"), answers.CASES)
def test_the_cases(text: str, written: str | None) -> None:
    found = read_answer(text)
    if written is None:
        assert found is None
        return
    wanted = to_quantity(written)
    assert found is not None
    assert same(found, wanted) and (found.unit is None) == (wanted.unit is None)


def test_the_last_number_beside_it() -> None:
    table = answers.side_by_side()
    assert table.title == f"Of {len(answers.CASES)} hard cases, read_answer gets 0 wrong, last_number 42"
    assert len(table.rows) == len(answers.CASES) == 54
    rows = {row[0]: row[2:] for row in table.rows}
    assert rows["Answer: 16. Check: 16 - 4 = 12."] == ("16", "12 (wrong)")
    assert rows["The answer is -4."] == ("-4", "4 (wrong)")


def test_the_snail() -> None:
    """3 metres per hour over 12 km, then 6 over 12 km."""
    way = Fraction(12_000)
    speed = 2 * way / (way / 3 + way / 6)
    right = to_quantity("4 metres per hour")
    assert right.value == speed
    published = read_answer(answers.SNAIL)
    assert published is not None and str(published) == "4 km/h"
    assert not published.explicit and "not called the answer" in repr(published)
    assert not same(published, right)
    assert not same(read_answer("ANSWER: 4 km/h"), right)
    for told in (
        "ANSWER: 4 metres per hour",
        "**Answer: 4 m/h**",
        r"\boxed{4\text{ m/h}}",
        "The answer is 0.004 km/h.",
    ):
        assert same(read_answer(told), right)
    # to one who reads the last number only, the wrong answer is right
    assert same(last_number(answers.SNAIL), right)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Answer: 16 exactly.", "16"),
        ("Answer: 16 because it is", "16"),
        ("Answer: 16\n\n1. A note", "16"),
        ("Answer: 007", "7"),
        ("Answer: 4 metres a long way", "4 metres"),
        ("Answer: 4 furlongs per fortnight", "4 furlongs per fortnight"),
        ("Answer: <b>4</b>", "4"),
        ("Answer: 3 x 4 = 12 eggs", "12 eggs"),
        ("Answer: 2*3 + 1 = 6 + 1 = 7", "7"),
        ("answer = 3", "3"),
        ("Answer: -$5", "-5 $"),
        ("Answer: 4\u00a0km/h", "4 km/h"),
        ("Answer: 1e999", None),
        ("Answer: 10\u2078", None),
        ("Answer: 16in", None),
        ("Answer: 1,2,3", None),
        ("Answer: 1.000,5", None),
        ("Answer: 4 m s^-1", None),
        ("Answer: 16 apples, 3 pears", None),
        ("Answer: " + "9" * 30, None),
        ("Answer: 2026-05-01", None),
        ("Answer: five", None),
        ("The answer is of use in chapter 3.", None),
        (r"\boxed{4", None),
        ("Answer: 16. A wrong answer is 17.", "16"),
        ("This isn't the answer: 4.", None),
    ],
)
def test_more_cases(text: str, found: str | None) -> None:
    read = read_answer(text)
    assert (None if read is None else str(read)) == found


def test_all_that_is_called_the_answer() -> None:
    text = "Answer: 15. Answer: none. The answer is not 3. So the answer is 16 m. \\boxed{17}"
    assert list(map(str, read_answers(text))) == ["15", "16 m", "17"]
    assert [text[place.start :][:6] for place in answers.statements(text)] == ["Answer", "answer", "\\boxed"]
    assert read_answers("12 + 4 = 16") == ()
    assert len(read_answers("Answer: 1. " * 1000)) == answers.MOST


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        ("4 km/h", "4 m/h", False),
        ("4000 m/h", "4 km/h", True),
        ("60 mph", "1 mile per minute", True),
        ("2 minutes per km", "0.12 s/m", True),
        ("1 m^2", "10000 cm^2", True),
        ("20 m^2", "20 m²", True),
        ("20 m^2", "20 m", False),
        ("1 l", "1000 cm^3", True),
        ("0.5 h", "30 min", True),
        ("16", "16 apples", True),  # what one side leaves out is taken from the other
        ("16 coins", "16 apples", False),
        ("1 apple", "1 apples", True),
        ("50 %", "0.5", True),
        ("50%", "50", True),
        ("50 %", "0.5 m", False),
        ("$5", "5 dollars", True),
        ("5 €", "5 $", False),
        ("3.33", "10/3", False),
    ],
)
def test_the_same(a: str, b: str, equal: bool) -> None:
    assert same(to_quantity(a), to_quantity(b)) is same(to_quantity(b), to_quantity(a)) is equal


def test_nothing_is_the_same_as_nothing() -> None:
    assert not same(None, None) and not same(None, Quantity(Fraction(4))) and not same(Quantity(Fraction(4)), None)


values = st.one_of(
    st.integers(-(10**6), 10**6).map(Fraction),
    st.decimals(-1000, 1000, places=3).map(Fraction),
    st.builds(Fraction, st.integers(-999, 999), st.integers(1, 999)),
)
quantities = st.builds(Quantity, values, st.sampled_from(UNITS))


@settings(max_examples=150, deadline=None)
@given(quantities, st.sampled_from(("Answer: {}", "so the answer is **{}**.", "\\boxed{{{}}} and 9", "#### {}\n5 = 5")))
def test_what_is_written_is_read(quantity: Quantity, form: str) -> None:
    assert read_answer(form.format(quantity)) == quantity


@settings(max_examples=100, deadline=None)
@given(st.lists(quantities, max_size=8))
def test_groups_are_of_the_same(found: list[Quantity]) -> None:
    groups = alike(found)
    assert sorted(map(repr, found)) == sorted(repr(answer) for group in groups for answer in group)
    assert [len(group) for group in groups] == sorted(map(len, groups), reverse=True)
    with_units = [[answer for answer in group if answer.unit] for group in groups]
    assert all(same(a, b) for group in groups for a in group for b in group if a.unit or b.unit)
    assert not any(same(a[0], b[0]) for a in with_units for b in with_units if a and b and a is not b)


def test_an_answer_without_a_unit_joins_the_only_group_that_it_fits() -> None:
    four, metres, kilometres = map(to_quantity, ("4", "4 m/h", "4 km/h"))
    assert alike([four, metres, four]) == ((four, metres, four),)
    assert alike([four, metres, kilometres, four]) == ((four, four), (metres,), (kilometres,))
    assert alike([]) == ()


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="answer: =+-/.,$\\{}[]()^*½²³%€4 07\nbox#htmi\u00a0\u0663\x00", max_size=200))
def test_any_text_is_read_or_not(text: str) -> None:
    for found in (read_answer(text), read_answer("answer: " + text), last_number(text)):
        assert found is None or (isinstance(found.value, Fraction) and isinstance(str(found), str))


HOSTILE = [
    unit * (100_000 // len(unit))
    for unit in (
        *(
            "answer ",
            "answer:",
            "Answer: 1,",
            "answer is not ",
            "not the answer: ",
            "answer to a ",
            "\\boxed{",
            "####  ",
        ),
        *(
            "= ",
            "1 ",
            "1/",
            "1,111",
            "9",
            " ",
            "\n",
            "*",
            "$1",
            "\\frac{1}{",
            "½",
            "a per ",
            "Answer: 1 a/a/a ",
            "x" * 99,
        ),
    )
] + ["answer" + " " * 100_000, "Answer: " + "1" * 100_000, " " * 99_999 + "=", "Answer: 4 " + "m" * 100_000]


def seconds(run: object, text: str) -> float:
    """The lesser of two."""
    found = []
    for _ in range(2):
        start = time.process_time()
        run(text)  # type: ignore[operator]
        found.append(time.process_time() - start)
    return min(found)


def test_hostile_texts_take_little_longer_than_a_look_at_each_character() -> None:
    for text in HOSTILE:
        scan = seconds(lambda text: sum(character.isdigit() for character in text), text)
        assert seconds(read_answer, text) < 20 * scan, text[:20]


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(OptionError, match="int"):
        read_answer(4)  # type: ignore[arg-type]
    for written in ("", "four", "4 or 5", 4, None):
        with pytest.raises(OptionError, match="4 m/h"):
            to_quantity(written)  # type: ignore[arg-type]
