"""Tables: every cell in both forms, columns that line up, and markup that is text."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xai_helpers.errors import OptionError
from xai_helpers.viz import Table
from xai_helpers.viz.wording import SAFE

ANY = st.text(st.characters(exclude_categories=["Cn"]), max_size=8) | st.sampled_from(
    ("<b>", "&amp;", '"', "$x$", "a\nb", "\u4f60\u597d", "\U0001f600", "1.5", "-2", "")
)
NARROW = st.text(st.characters(max_codepoint=0x17F, categories=["L", "N", "P", "S"]), max_size=6)


@st.composite
def tables(draw: st.DrawFn, cells: st.SearchStrategy[str] = ANY) -> Table:
    n = draw(st.integers(1, 4))
    row = st.lists(cells, min_size=n, max_size=n)
    return Table(draw(cells), draw(row), draw(st.lists(row, max_size=4)))  # type: ignore[arg-type]


def shown(html: str) -> tuple[list[list[str]], list[list[str]], ElementTree.Element]:
    """(header rows, body rows, the root) of a page that is well-formed, so nothing is left unescaped."""
    root = ElementTree.fromstring(html)
    rows = [["".join(cell.itertext()) for cell in row] for row in root.iter("tr")]
    head = len(list(root.iter("thead")))
    return rows[:head], rows[head:], root


@given(tables())
def test_every_cell_stands_in_both_forms(table: Table) -> None:
    head, body, root = shown(table._repr_html_())
    assert head == [list(table.header)]
    assert body == list(map(list, table.rows))
    assert "".join(next(root.iter("figcaption")).itertext()) == table.title
    title, *lines = str(table).split("\n")
    assert title == table.title
    assert len(lines) == 1 + len(table.rows)
    for line, row in zip(lines, (table.header, *table.rows), strict=True):
        place = 0
        for cell in row:
            place = line.index(cell.rstrip() if cell == row[-1] else cell, place) + len(cell)


@given(st.lists(ANY, min_size=2, max_size=2), ANY)
def test_a_cell_says_what_was_given_but_for_control_characters(row: list[str], title: str) -> None:
    table = Table(title, ("a", "b"), (tuple(row),))
    for given_text, cell in zip((title, *row), (table.title, *table.rows[0]), strict=True):
        assert cell == given_text.translate(SAFE) and len(cell) == len(given_text)
        assert not re.search("[\x00-\x1f\x7f-\x9f\ud800-\udfff]", cell)


@given(tables(NARROW))
def test_columns_line_up(table: Table) -> None:
    _, *lines = str(table).split("\n")
    grid = [table.header, *table.rows]
    start = 0
    for column in range(len(table.header)):
        cells = [row[column] for row in grid]
        width = max(map(len, cells))
        right = bool(table.rows) and all(map(is_number, cells[1:]))
        for line, cell in zip(lines, cells, strict=True):
            expected = cell.rjust(width) if right else cell.ljust(width)
            assert line[start : start + width].ljust(width) == expected
            assert line[start + width : start + width + 2].strip() == ""
        start += width + 2


def is_number(text: str) -> bool:
    """As Python reads it: "1_0" and "nan" too."""
    try:
        float(text)
    except ValueError:
        return False
    return True


@given(st.lists(st.floats() | st.integers(), min_size=1, max_size=5), NARROW.filter(lambda text: not is_number(text)))
def test_columns_of_numbers_stand_at_the_right_and_columns_with_a_word_at_the_left(
    values: list[float], word: str
) -> None:
    rows = tuple((str(value), str(value)) for value in values)
    table = Table("numbers", ("number", "mixed"), (*((a, b) for a, b in rows[1:]), (rows[0][0], word)))
    _, body, root = shown(table._repr_html_())
    sides = [cell.get("style", "").rpartition("text-align:")[2] for cell in root.iter("td")]
    assert sides == ["right", "left"] * len(body)
    assert [cell.get("style", "").rpartition("text-align:")[2] for cell in root.iter("th")] == ["right", "left"]
    lines = [line.split() for line in str(table).split("\n")[2:]]
    ends = {str(table).split("\n")[2 + i].index(line[0]) + len(line[0]) for i, line in enumerate(lines)}
    assert len(ends) == 1


def test_a_table_by_hand() -> None:
    table = Table("what counts", ("word", "score"), (("good", "0.50"), ("not at all", "-12.25")))
    assert str(table) == "\n".join(["what counts", "word         score", "good          0.50", "not at all  -12.25"])
    head, body, root = shown(table._repr_html_())
    assert head == [["word", "score"]]
    assert body == [["good", "0.50"], ["not at all", "-12.25"]]
    assert [cell.get("scope") for cell in root.iter("th")] == ["col", "col"]


def test_columns_line_up_beside_characters_that_are_two_cells_wide() -> None:
    table = Table("wide", ("token", "score"), (("\u4f60\u597d", "1"), ("\U0001f600", "2"), ("a", "30")))
    assert str(table) == "\n".join(
        ["wide", "token  score", "\u4f60\u597d       1", "\U0001f600         2", "a         30"]
    )


def test_numbers_are_taken_as_they_print() -> None:
    assert Table("t", ("a", 1), ((2, 0.5),)).rows == (("2", "0.5"),)  # type: ignore[arg-type]


@pytest.mark.parametrize("page", ["_repr_html_", "folded"])
def test_markup_is_text(page: str) -> None:
    table = Table("<i>t</i> & 'u'", ("<script>alert(1)</script>", 'a"b'), (("</td></table>", "&lt;"),))
    html = getattr(table, page)()
    head, body, root = shown(html)
    assert head == [["<script>alert(1)</script>", 'a"b']]
    assert body == [["</td></table>", "&lt;"]]
    assert not list(root.iter("script")) and not list(root.iter("i"))
    assert "<i>t</i> & 'u'" in "".join(root.itertext())
    assert "mathjax_ignore" in root.get("class", ""), "dollar signs are dollar signs"


def test_folded_up_it_opens_with_the_keyboard_and_loads_nothing() -> None:
    html = Table("scores", ("a",), (("1",),)).folded()
    _, body, root = shown(html)
    assert root.tag == "details" and root.get("open") is None
    assert root[0].tag == "summary" and root[0].text == "as a table: scores"
    assert body == [["1"]]
    assert not re.search(r"script|http|url\(", html)


@given(st.lists(ANY, min_size=1, max_size=4))
def test_a_table_without_rows_is_its_header(header: list[str]) -> None:
    table = Table("nothing yet", tuple(header), ())
    assert str(table).split("\n")[0] == "nothing yet"
    assert str(table).split("\n")[1:] == ["  ".join(table.header).rstrip()]
    head, body, root = shown(table._repr_html_())
    assert head == [list(table.header)] and body == []
    assert {cell.get("style", "").rpartition("text-align:")[2] for cell in root.iter("th")} == {"left"}
    assert shown(table.folded())[0] == head


@pytest.mark.parametrize("row", [(), ("1",), ("1", "2", "3")])
def test_a_row_of_another_length_is_an_error_that_shows_it(row: tuple[str, ...]) -> None:
    with pytest.raises(OptionError, match=re.escape(f"{('a', 'b')} can't hold the row {row}")):
        Table("t", ("a", "b"), (("1", "2"), row))
