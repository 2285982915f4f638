"""The palette and the token heatmap: what must hold for every text and every score."""

from __future__ import annotations

import itertools
import math
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xai_helpers.attribution import Attribution, Target, Unit
from xai_helpers.viz import html
from xai_helpers.viz.palette import background, colours, contrast, luminance, scale_end, share
from xai_helpers.viz.wording import balance, number, visible, written

TAGS = {"figure", "figcaption", "strong", "bdi", "br", "span", "div", "details", "summary"}
TAGS |= {"table", "thead", "tbody", "tr", "th", "td"}
ATTRIBUTES = {"class", "style", "title", "dir", "role", "aria-label", "aria-hidden", "scope"}
SHARES = st.floats(-1, 1)
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


def example(text: str, scores: list[float], **fields: object) -> Attribution:
    units = tuple(Unit(match.group(), *match.span()) for match in re.finditer(r"\S+", text))
    return Attribution("method", text, units, np.array(scores), Target(" Paris"), "course-gpt2", **fields)  # type: ignore[arg-type]


# --- the palette


@given(SHARES)
def test_text_can_be_read_on_every_colour(x: float) -> None:
    assert contrast(*colours(x)) >= 4.5


@given(SHARES, SHARES)
def test_a_stronger_score_is_never_lighter(one: float, other: float) -> None:
    weak, strong = sorted((one, other), key=abs)
    rounding = 0.006  # eight bits per channel
    assert luminance(background(strong)) <= luminance(background(weak)) + rounding


def test_lightness_falls_at_every_visible_step() -> None:
    for sign in (1, -1):
        steps = [luminance(background(sign * x)) for x in np.linspace(0, 1, 33)]
        assert all(later < earlier for earlier, later in itertools.pairwise(steps))


@given(SHARES)
def test_both_signs_are_equally_strong(x: float) -> None:
    assert luminance(background(x)) == pytest.approx(luminance(background(-x)), abs=0.008)


def test_signs_differ_for_colour_blind_readers() -> None:
    """Orange has more red than blue, blue more blue than red: the axis that red-green blindness leaves."""
    for x in np.linspace(0.1, 1, 10):
        red, blue = ([int(background(sign * x)[i : i + 2], 16) for i in (1, 5)] for sign in (1, -1))
        assert red[0] - red[1] > 15
        assert blue[1] - blue[0] > 15


def test_contrast_is_wcags() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # WebAIM's well-known example


def test_zero_is_neutral_and_the_ends_are_as_written_down() -> None:
    assert (background(0), background(1), background(-1)) == ("#f6f6f6", "#944a07", "#1a619e")


@given(st.lists(FINITE, min_size=1), st.integers(-40, 40))
def test_colours_depend_on_ratios_only(scores: list[float], power: int) -> None:
    """Multiplying all scores by a positive constant (here a power of two, which is exact) changes no colour."""
    scores = [score for score in scores if 1e-200 < abs(score) < 1e200 or score == 0]
    scaled = [math.ldexp(score, power) for score in scores]
    assert [share(s, scale_end(scores)) for s in scores] == [share(s, scale_end(scaled)) for s in scaled]


@given(FINITE, st.floats(0, allow_infinity=False))
def test_shares_stay_within_the_scale(score: float, end: float) -> None:
    assert -1 <= share(score, end) <= 1
    assert share(-score, end) == -share(score, end)


def test_special_tokens_do_not_set_the_scale() -> None:
    assert scale_end([9.0, -2.0, 1.0], [True, False, False]) == 2.0
    assert scale_end([9.0, 0.0], [True, False]) == 9.0
    assert scale_end([]) == scale_end([0.0, -0.0]) == share(0.0, 0.0) == 0.0


# --- the fragment


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
        return [value for name, value in Page(html.attribution(example(text, values))).attributes if name == "style"]

    assert styles(scores) == styles([math.ldexp(score, power) for score in scores])


def test_two_words_by_hand() -> None:
    page = Page(html.attribution(example("good  bad", [0.5, -1.0], position=1, total=0.0, absorbed={"baseline": 0.5})))
    assert page.text("xai-text") == "good  bad"
    assert page.text("figcaption") == (
        "method · course-gpt2 · logit of ' Paris' · read at token 1, 'bad'"
        "total 0.000 = tokens -0.500 + baseline 0.500, no gap"
    )
    assert page.text("tbody") == "0good+0.501bad-1.00"
    assert "-1.00  +1.00" in page.text("xai-heatmap mathjax_ignore tex2jax_ignore")
    styles = [value for name, value in page.attributes if name == "style" and "background-color:#1a619e" in value]
    assert any("color:#ffffff" in style and "inset" in style for style in styles), "white on blue, underlined"


def test_a_script_is_text() -> None:
    fragment = html.attribution(example('<script>alert(1)</script> "onload="x', [1.0, -1.0]))
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
    assert "All scores are 0." in html.attribution(example("a b", [0.0, 0.0]))


def test_no_units_at_all() -> None:
    assert Page(html.token_heatmap("abc", (), ())).text("xai-text") == "abc"


def test_a_shared_scale_makes_texts_comparable() -> None:
    alone, beside = (html.token_heatmap("a", [Unit("a", 0, 1)], [1.0], end=end) for end in (None, 2.0))
    assert background(1.0) in alone
    assert f"background-color:{background(0.5)};" in beside


# --- words and numbers


@given(TEXTS)
def test_visible_is_one_line_that_nothing_reorders(token: str) -> None:
    shown = visible(token)
    assert shown.strip()
    assert not re.search("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", shown)


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        ("", "\u2205"),
        (" ", "\u2423"),
        ("\u2003\x85", "U+2003\ufffd"),
        ("a b", "a b"),
        ("a\n", "a\u21b5"),
        ("\u200d", "U+200D"),
        ("\u0301", "\u25cc\u0301"),
        ("\x00", "\u2400"),
        ("a\u202eb", "a\ufffdb"),
    ],
)
def test_visible_by_hand(token: str, shown: str) -> None:
    assert visible(token) == shown


@pytest.mark.parametrize(
    ("value", "end", "shown"),
    [(0.5, 1.0, "+0.50"), (-0.123, 0.9, "-0.123"), (12.34, 120, "+12"), (0.0, 1.0, "0.00"), (2e-7, 1e-6, "+2.00e-07")],
)
def test_numbers_by_hand(value: float, end: float, shown: str) -> None:
    assert number(value, end) == shown


def test_a_small_gap_keeps_its_size_and_rounding_is_none() -> None:
    assert balance(example("a b", [1.0, 2.0], total=3.0 + 2**-30)) == "total 3.00 = tokens 3.00, no gap"
    assert balance(example("a b", [1.0, 2.0], total=3.0 + 2**-17)) == "total 3.00 = tokens 3.00, gap 8e-06"
    assert balance(example("a b", [1.0, 2.0])) == ""


def test_importing_the_view_is_light() -> None:
    heavy = {"matplotlib", "torch", "rich", "IPython"}
    check = f"import sys, xai_helpers.viz.html; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0
