"""The token heatmap: what must hold for every text and every score."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

from xai_helpers.attribution import Attribution, Target, Unit
from xai_helpers.errors import OptionError
from xai_helpers.viz import html
from xai_helpers.viz.palette import background, contrast, scale_end
from xai_helpers.viz.wording import number, visible, written

TAGS = {"figure", "figcaption", "strong", "bdi", "br", "span", "div", "details", "summary"}
TAGS |= {"table", "thead", "tbody", "tr", "th", "td"}
ATTRIBUTES = {"class", "style", "title", "dir", "role", "aria-label", "aria-hidden", "scope"}
FINITE = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
NASTY = "<script>alert(1)</script> \"a\" 'b' &amp; \u202ex\u0007\r\n\t$5 \U0001f600 \u0647\u0630\u0627"


class Page(HTMLParser):
    """A fragment read back: its tags, attributes, and text by the class of the innermost classed element."""

    def __init__(self, fragment: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.open: list[tuple[str, str]] = []
        self.pieces: list[tuple[tuple[str, ...], str]] = []
        self.feed(fragment)
        self.close()
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attributes]
        if tag != "br":
            self.open.append((tag, dict(attributes).get("class") or tag))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag, "elements are nested"

    def handle_data(self, data: str) -> None:
        self.pieces.append((tuple(name for _, name in self.open), data))

    def text(self, inside: str, without: tuple[str, ...] = ()) -> str:
        return "".join(data for path, data in self.pieces if inside in path and not set(without) & set(path))


@st.composite
def cut_texts(draw: st.DrawFn) -> tuple[str, tuple[Unit, ...]]:
    """A text, and units that may leave gaps, repeat each other, overlap, be blank, empty or special."""
    text = draw(st.one_of(TEXTS, st.just(NASTY)))
    starts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    units = []
    for start in starts:
        end = draw(st.integers(start, min(len(text), start + 6)))
        special = draw(st.booleans()) and start == end
        units.append(Unit("[CLS]" if special else text[start:end], start, end, special))
    return text, tuple(units)


@st.composite
def attributions(draw: st.DrawFn) -> Attribution:
    text, units = draw(cut_texts())
    scores = draw(st.lists(FINITE, min_size=len(units), max_size=len(units)))
    position = draw(st.integers(0, len(units) - 1)) if units and draw(st.booleans()) else None
    return Attribution(draw(TEXTS), text, units, np.array(scores), Target(draw(TEXTS)), draw(TEXTS), position=position)


@given(attributions())
def test_the_page_shows_the_text_and_nothing_else_happens(a: Attribution) -> None:
    fragment = html.attribution(a)
    page = Page(fragment)
    assert page.text("xai-text", without=("xai-chip", "xai-mark")) == written(a.text)
    assert page.tags <= TAGS
    assert {name for name, _ in page.attributes} <= ATTRIBUTES
    for name, value in page.attributes:
        assert name in ("title", "aria-label") or not re.search(r"url|http|javascript|expression|import|//", value)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", fragment), "no character that HTML forbids"


@given(attributions())
def test_every_score_stands_in_the_table_and_on_hover(a: Attribution) -> None:
    page = Page(html.attribution(a))
    end, signed = scale_end(a.scores, [u.special for u in a.units]), bool((a.scores < 0).any())
    expected = "".join(
        f"{i}{visible(unit.text)}{number(score, end, signed)}"
        for i, (unit, score) in enumerate(zip(a.units, a.scores, strict=True))
    )
    assert page.text("tbody") == expected
    titles = [value for name, value in page.attributes if name == "title"]
    assert len(titles) == len(a.units), "each unit is shown once, whatever its characters"
    assert all(title.startswith(number(score, end, signed)) for title, score in zip(titles, a.scores, strict=True))


@given(attributions())
def test_every_background_comes_with_a_text_colour_that_can_be_read_on_it(a: Attribution) -> None:
    for style in [value for name, value in Page(html.attribution(a)).attributes if name == "style"]:
        pair = re.search(r"background-color:(#\w{6});color:(#\w{6})", style)
        if pair:
            assert contrast(*pair.groups()) >= 4.5
        else:  # a swatch of the legend holds no text; all else has the theme's colours
            assert "inline-block" in style or "color" not in style


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6), st.integers(1, 20))
def test_scaled_scores_give_the_same_picture(scores: list[float], power: int) -> None:
    scores = [0.0 if abs(score) < 1e-6 else score for score in scores]
    text = " ".join("abcdef"[: len(scores)])

    def styles(values: list[float]) -> list[str]:
        return [
            value for name, value in Page(html.attribution(tiny.example(text, values))).attributes if name == "style"
        ]

    assert styles(scores) == styles([math.ldexp(score, power) for score in scores])


def test_two_words_by_hand() -> None:
    page = Page(
        html.attribution(tiny.example("good  bad", [0.5, -1.0], position=1, total=0.0, absorbed={"baseline": 0.5}))
    )
    assert page.text("xai-text") == "good  bad"
    assert page.text("figcaption") == (
        "method · model · logit of 'Paris' · read at token 1, 'bad'total 0.000 = tokens -0.500 + baseline 0.500, no gap"
    )
    assert page.text("tbody") == "0good+0.501bad-1.00"
    assert "-1.00  +1.00" in page.text("xai-heatmap mathjax_ignore tex2jax_ignore")
    styles = [value for name, value in page.attributes if name == "style" and "background-color:#1a619e" in value]
    assert any("color:#ffffff" in style and "inset" in style for style in styles), "white on blue, underlined"


def test_a_script_is_text() -> None:
    fragment = html.attribution(tiny.example('<script>alert(1)</script> "onload="x', [1.0, -1.0]))
    assert "<script" not in fragment
    assert Page(fragment).text("xai-text") == '<script>alert(1)</script> "onload="x'


def test_special_tokens_are_chips_and_may_lie_beyond_the_scale() -> None:
    units = (Unit("[CLS]", 0, 0, True), Unit("a", 0, 1), Unit("", 1, 1), Unit("[SEP]", 1, 1, True))
    page = Page(html.token_heatmap("a", units, [0.9, 0.1, 0.05, 0.0]))
    assert page.text("xai-chip") == "[CLS]\u2205[SEP]"
    assert "0  0.100 · beyond the scale: [CLS] 0.900" in page.text("xai-heatmap mathjax_ignore tex2jax_ignore")


def test_the_bytes_of_an_emoji_show_it_once() -> None:
    page = Page(html.token_heatmap("\U0001f600!", [Unit("\U0001f600", 0, 1)] * 3 + [Unit("!", 1, 2)], [1, 2, 3, 4]))
    assert page.text("xai-token") == "\U0001f600!"
    assert page.text("xai-chip") == "\u22ef\u22ef"


def test_newlines_and_blank_units_are_visible() -> None:
    text = "a\nb \n\nc"
    units = (Unit("a\nb", 0, 3), Unit("\n\n", 4, 6), Unit("c", 6, 7))
    page = Page(html.token_heatmap(text, units, [1, 2, 3]))
    assert page.text("xai-text") == "a\u21b5\nb \u21b5\u21b5\n\nc"


def test_zero_everywhere_is_said() -> None:
    assert "All scores are 0." in html.attribution(tiny.example("a b", [0.0, 0.0]))


def test_no_units_at_all() -> None:
    assert Page(html.token_heatmap("abc", (), ())).text("xai-text") == "abc"


@pytest.mark.parametrize("scores", [[], [1.0], [1.0, 2.0, 3.0]])
def test_scores_that_are_not_one_per_unit_are_counted(scores: list[float]) -> None:
    with pytest.raises(OptionError, match=f"2 units, {len(scores)} scores"):
        html.token_heatmap("a b", [Unit("a", 0, 1), Unit("b", 2, 3)], scores)


def test_a_shared_scale_makes_texts_comparable() -> None:
    alone, beside = (html.token_heatmap("a", [Unit("a", 0, 1)], [1.0], end=end) for end in (None, 2.0))
    assert background(1.0) in alone
    assert f"background-color:{background(0.5)};" in beside


def test_importing_the_view_is_light() -> None:
    heavy = {"matplotlib", "torch", "rich", "IPython"}
    check = f"import sys, xai_helpers.viz.html; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0
