"""The tables for the terminal: columns line up, signs have sides, tokens are never markup."""

from __future__ import annotations

import io

import tiny
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from xai_helpers.attribution import Attribution
from xai_helpers.viz import terminal
from xai_helpers.viz.palette import colours
from xai_helpers.viz.wording import number

WORDS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40), min_size=1, max_size=6)


def printed(a: Attribution, width: int = 80, colour: bool = False) -> str:
    system = "truecolor" if colour else None
    console = Console(file=io.StringIO(), width=width, force_terminal=colour, color_system=system, legacy_windows=False)
    console.print(terminal.coloured_table(a))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_plain_table_by_hand() -> None:
    a = tiny.example(["good", "\u5929\u6c14", "x"], [1.0, -0.5, 0.0], total=0.5)
    axis = "\u2502"
    assert terminal.plain_table(a).splitlines() == [
        "method · model · logit of 'Paris'",
        "total 0.500 = tokens 0.500, no gap",
        f"good  +1.00               {axis}{terminal.FULL * 12}",
        f"\u5929\u6c14  -0.50         {terminal.FULL * 6}{axis}",
        f"x      0.00               {axis}",
    ]


def test_non_negative_scores_have_no_axis_and_arrows_point_beyond_the_scale() -> None:
    lines = terminal.plain_table(tiny.example(["[CLS]", "a", "b"], [0.9, 0.1, 0.05], special=1)).splitlines()
    assert lines[1:] == [
        f"[CLS]  0.900  {terminal.FULL * 12}\u25b6",
        f"a      0.100  {terminal.FULL * 12}",
        f"b      0.050  {terminal.FULL * 6}",
    ]


@given(WORDS, st.data())
def test_one_line_per_unit_and_columns_line_up(words: list[str], data: st.DataObject) -> None:
    scores = data.draw(st.lists(st.floats(-1e3, 1e3), min_size=len(words), max_size=len(words)))
    a = tiny.example(words, scores)
    lines = terminal.plain_table(a).split("\n")[1:]
    assert len(lines) == len(words)
    end, signed = max(map(abs, scores)), min(scores) < 0
    heads, bars = [], []
    for line, score in zip(lines, scores, strict=True):
        shown = number(score, end, signed)
        head, _, bar = line.rpartition(shown)
        heads.append(cell_len(head + shown))
        bars.append(bar)
    assert len(set(heads)) == 1, "scores end in one column"
    if signed:
        assert len({bar.index("\u2502") for bar in bars}) == 1, "one axis"
        for bar, score in zip(bars, scores, strict=True):
            left, right = bar.split("\u2502")
            assert terminal.FULL not in (left if score >= 0 else right), "bars stand on their sign's side"


@given(WORDS)
def test_tokens_are_never_markup(words: list[str]) -> None:
    a = tiny.example(["[bold]", "[/]", "[link=x]", *words], [1.0, -1.0, 0.5, *[0.1] * len(words)])
    output = printed(a, width=200)
    assert all(token in output for token in ("[bold]", "[/]", "[link=x]"))


def test_the_header_stays_on_one_line_where_there_is_room() -> None:
    assert printed(tiny.example(["a"], [1.0])).splitlines()[0].strip() == "method · model · logit of 'Paris'"


def test_narrow_terminals_crop_bars_before_words_and_numbers() -> None:
    output = printed(tiny.example(["Tower", "city"], [1.0, -0.5]), width=24)
    assert "Tower" in output
    assert "+1.00" in output
    assert "-0.50" in output
    assert all(cell_len(line) <= 24 for line in output.splitlines())


def test_tokens_have_the_palettes_colours() -> None:
    output = printed(tiny.example(["a", "b"], [1.0, -1.0]), colour=True)
    for share in (1.0, -1.0):
        back = colours(share)[0]
        red, green, blue = (int(back[i : i + 2], 16) for i in (1, 3, 5))
        assert f"48;2;{red};{green};{blue}" in output


def test_repr_is_the_plain_table() -> None:
    a = tiny.example(["a"], [1.0])
    assert repr(a) == terminal.plain_table(a)


def test_no_units() -> None:
    a = tiny.example([], [])
    assert terminal.plain_table(a) == "method · model · logit of 'Paris'"
    assert "method" in printed(a)
