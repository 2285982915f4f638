"""Explorers: moving a control shows what the function gives there, and the page stands without a kernel."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Callable
from html import escape
from typing import Any
from xml.etree import ElementTree

import ipywidgets
import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from xai_helpers.errors import OptionError, TextTooLongError
from xai_helpers.viz import Span, Table, drawing, explore, plots, widgets
from xai_helpers.viz.widgets import QUICK, WIDGET_VIEW, Choice, Explorer, Setting, Slider, Words

LAYERS = {"the first": 0, "the <last>": 7}
Calls = list[dict[str, Any]]


def table_of(**given_settings: Any) -> Table:
    rows = [(name, repr(value)) for name, value in sorted(given_settings.items())]
    return Table("what the function was given", ("setting", "value"), tuple(rows))


def page_of(*views: str) -> str:
    """The page of some views, at a line height for reading."""
    return f'<div style="line-height:1.5">{"".join(views)}</div>'


def counted(calls: Calls, compute: Callable[..., Any] = table_of) -> Callable[..., Any]:
    def call(**given_settings: Any) -> Any:
        calls.append(given_settings)
        return compute(**given_settings)

    return call


def explorer(calls: Calls, **more: Any) -> Explorer:
    return explore(
        counted(calls),
        head=(0, 3),
        share=(0.0, 0.9, 0.1),
        layers=Span(0, 5),
        fuse=["mean", "max"],
        layer=LAYERS,
        text="The cat",
        **more,
    )


AT_FIRST = {"head": 0, "share": 0.0, "layers": (0, 5), "fuse": "mean", "layer": 0, "text": "The cat"}
MOVES = st.one_of(
    st.tuples(st.just("head"), st.integers(0, 3)),
    st.tuples(st.just("share"), st.sampled_from([0.0, 0.3, 0.9])),
    st.tuples(st.just("layers"), st.sampled_from([(0, 0), (0, 5), (2, 3)])),
    st.tuples(st.just("fuse"), st.sampled_from(["mean", "max"])),
    st.tuples(st.just("layer"), st.sampled_from([0, 7])),
    st.tuples(st.just("text"), st.sampled_from(["The cat", "The <dog>", ""])),
)


# --- the function and its controls ----------------------------------------------------------------------------------


@given(st.lists(MOVES, max_size=8))
@settings(max_examples=40)
def test_after_any_moves_the_picture_is_that_of_the_controls_and_nothing_is_computed_twice(
    moves: list[tuple[str, Any]],
) -> None:
    calls: Calls = []
    shown, expected = explorer(calls), dict(AT_FIRST)
    assert shown.picture.value == page_of(table_of(**AT_FIRST)._repr_html_())
    for name, value in moves:
        shown.controls[name].value = value  # the callback that a browser fires
        expected[name] = value
        assert shown.picture.value == page_of(table_of(**expected)._repr_html_())
        assert shown.message.value == ""
    assert [call for i, call in enumerate(calls) if call in calls[:i]] == []


@given(st.lists(MOVES, max_size=4))
@settings(max_examples=20)
def test_at_gives_what_the_function_gives(moves: list[tuple[str, Any]]) -> None:
    calls: Calls = []
    shown, chosen = explorer(calls), dict(moves)
    assert shown.at(**chosen) == table_of(**{**AT_FIRST, **chosen})
    assert shown.start == AT_FIRST, "looking elsewhere moves nothing"


def test_a_range_is_given_as_a_tuple_and_numbers_as_they_were_written() -> None:
    calls: Calls = []
    shown = explorer(calls)
    shown.controls["layers"].value = [1, 4]
    assert calls[-1]["layers"] == (1, 4) and type(calls[-1]["layers"]) is tuple
    kinds = {name: type(control) for name, control in shown.controls.items()}
    assert kinds == {
        "head": ipywidgets.IntSlider,
        "share": ipywidgets.FloatSlider,
        "layers": ipywidgets.IntRangeSlider,
        "fuse": ipywidgets.Dropdown,
        "layer": ipywidgets.Dropdown,
        "text": ipywidgets.Text,
    }
    assert isinstance(calls[-1]["head"], int) and isinstance(calls[-1]["share"], float)
    assert isinstance(explore(table_of, x=(0, 1, 0.25)).controls["x"], ipywidgets.FloatSlider)
    assert isinstance(explore(table_of, x=(0.0, 3)).controls["x"], ipywidgets.FloatSlider)


def test_every_control_is_named_and_starts_where_it_is_told() -> None:
    start = {"head": 2, "layers": (1, 1), "layer": 7, "text": "A dog"}
    shown = explorer([], start=start, labels={"share": "discarded share", "fuse": "head fusion"})
    assert {name: control.description for name, control in shown.controls.items()} == {
        "head": "head",
        "share": "discarded share",
        "layers": "layers",
        "fuse": "head fusion",
        "layer": "layer",
        "text": "text",
    }
    assert {name: control.value for name, control in shown.controls.items()} == AT_FIRST | start
    assert shown.at() == table_of(**AT_FIRST | start)
    assert explore(table_of, query_token=(0, 3)).controls["query_token"].description == "query token"


def test_a_list_is_a_choice_also_of_numbers() -> None:
    for values in ([0, 1], [0, 1, 2], [0.0, 0.5, 5]):
        shown = explore(table_of, layer=values)
        assert shown.settings["layer"] == Choice(tuple((str(value), value) for value in values))
        assert list(shown.settings["layer"].probes) == values
        assert [value for _, value in shown.controls["layer"].options] == values


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"x": (3, 3)}, "a slider goes from low to high"),
    ({"x": (3, 0)}, "a slider goes from low to high"),
    ({"x": (0, 1, 0)}, "a slider goes from low to high"),
    ({"x": (0, 1, -1)}, "a slider goes from low to high"),
    ({"x": (0, 1, 2)}, "a slider goes from low to high"),
    ({"x": (0, float("inf"))}, "a slider goes from low to high"),
    ({"x": (float("nan"), 1)}, "a slider goes from low to high"),
    ({"x": (1,)}, "x=.*: give"),
    ({"x": (1, 2, 1, 1)}, "x=.*: give"),
    ({"x": ("a", "b")}, "x=.*: give"),
    ({"x": []}, "x=.*: give"),
    ({"x": {}}, "x=.*: give"),
    ({"x": 3}, "x=.*: give"),
    ({"x": None}, "x=.*: give"),
    ({"x": [[0], [1]]}, "a choice must be hashable"),
    ({"x": (0, 3), "start": {"y": 1}}, "no setting y; it has x"),
    ({"x": (0, 3), "labels": {"y": "why"}}, "no setting y; it has x"),
    ({"x": (0, 3), "start": {"x": 4}}, "x can't start at 4"),
    ({"x": (0, 3), "start": {"x": 0.5}}, "x can't start at 0.5"),
    ({"x": (0, 3), "start": {"x": "0"}}, "x can't start at '0'"),
    ({"x": (0.0, 3.0), "start": {"x": float("nan")}}, "x can't start at nan"),
    ({"x": Span(0, 3), "start": {"x": (2, 4)}}, "x can't start at"),
    ({"x": Span(0, 3), "start": {"x": (2, 1)}}, "x can't start at"),
    ({"x": Span(0, 3), "start": {"x": 2}}, "x can't start at 2"),
    ({"x": ["a", "b"], "start": {"x": "c"}}, "x can't start at 'c'"),
    ({"x": {"a": 1}, "start": {"x": "a"}}, "x can't start at 'a'"),
    ({"x": "text", "start": {"x": 1}}, "x can't start at 1"),
]


@pytest.mark.parametrize(("options", "said"), WRONG)
def test_settings_that_make_no_sense_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        explore(table_of, **options)


@pytest.mark.parametrize(("low", "high"), [(3, 2), (0.5, 2), (0, 2.0), ("a", "b")])
def test_a_span_lies_within_whole_numbers(low: Any, high: Any) -> None:
    with pytest.raises(OptionError, match="a span lies within whole numbers"):
        Span(low, high)


integers = st.tuples(st.integers(-50, 50), st.integers(1, 60), st.integers(1, 60)).map(
    lambda drawn: Slider(drawn[0], drawn[0] + max(drawn[1:]), min(drawn[1:]))
)
floats = st.tuples(st.floats(-50, 50), st.floats(0.01, 60), st.floats(0.01, 1)).map(
    lambda drawn: Slider(drawn[0], drawn[0] + drawn[1], min(drawn[2], (drawn[0] + drawn[1]) - drawn[0]))
)
spans = st.tuples(st.integers(-9, 9), st.integers(0, 9)).map(lambda drawn: Span(drawn[0], drawn[0] + drawn[1]))
choices = st.lists(st.integers() | st.text(), min_size=1, max_size=6, unique_by=repr).map(
    lambda values: Choice(tuple((str(i), value) for i, value in enumerate(values)))
)


@given(st.one_of(integers, floats, spans, choices, st.text().map(Words)))
def test_probes_lie_within_their_setting_at_both_ends_and_between(setting: Setting) -> None:
    control = setting.control(ipywidgets)
    for probe in setting.probes:
        assert setting.holds(probe)
        control.value = probe
        assert control.value == probe, "the control takes it as it is"
    if isinstance(setting, Slider):
        low, middle, high = setting.probes
        assert (low, high) == (setting.low, setting.high) and low <= middle <= high
        steps = (middle - low) / setting.step
        assert abs(steps - round(steps)) < 1e-6, "the slider can be moved there"
        assert setting.whole == all(isinstance(probe, int) for probe in setting.probes)
    if isinstance(setting, Span):
        assert {(setting.low, setting.high), (setting.low, setting.low), (setting.high, setting.high)} <= {
            *setting.probes
        }
    if isinstance(setting, Choice):
        assert {setting.options[0][1], setting.options[-1][1]} <= set(setting.probes) <= set(setting.values)


def test_the_ends_and_the_middle_of_every_setting_are_on_the_way_of_the_controls() -> None:
    calls: Calls = []
    shown = explorer(calls)
    for values in itertools.product(*(setting.probes for setting in shown.settings.values())):
        for name, value in zip(shown.settings, values, strict=True):
            shown.controls[name].value = value
        assert shown.picture.value == page_of(shown.at(**dict(zip(shown.settings, values, strict=True)))._repr_html_())


# --- what goes wrong ------------------------------------------------------------------------------------------------


def test_a_setting_without_a_picture_keeps_the_last_one_and_says_why() -> None:
    def compute(words: str, layer: int) -> Table:
        if len(words) > 5:
            raise TextTooLongError(f"<{words}> is too long")
        return table_of(words=words, layer=layer)

    shown = explore(compute, words="cat", layer=LAYERS, labels={"words": "the text"})
    good = shown.picture.value
    shown.controls["words"].value = "catastrophe"
    assert shown.picture.value == good
    message = "".join(ElementTree.fromstring(shown.message.value).itertext())
    assert message == (
        "No picture for the text catastrophe, layer the first: <catastrophe> is too long. The last one stands."
    )
    shown.controls["words"].value = "bad " * 300
    message = "".join(ElementTree.fromstring(shown.message.value).itertext())
    assert message.startswith(f"No picture for the text {('bad ' * 20)[:79]}…, layer the first:")
    shown.controls["words"].value = "catastrophe"
    shown.controls["layer"].value = 7
    assert shown.picture.value == good and "layer the <last>" in ElementTree.fromstring(shown.message.value).text
    shown.controls["words"].value = "dog"
    assert shown.message.value == ""
    assert shown.picture.value == page_of(table_of(words="dog", layer=7)._repr_html_())


def test_any_other_error_is_shown_and_raised() -> None:
    shown = explore(lambda n: table_of(inverse=1 / (2 - n)), n=(0, 3))
    good = shown.picture.value
    with pytest.raises(ZeroDivisionError):
        shown.controls["n"].value = 2
    assert "ZeroDivisionError" in shown.message.value and shown.picture.value == good
    shown.controls["n"].value = 3
    assert shown.message.value == ""
    assert shown.picture.value == page_of(table_of(inverse=-1.0)._repr_html_())


def test_what_the_function_raises_at_the_start_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        explore(lambda n: 1 / n, n=(0, 3))


def picture(n: int = 2, named: bool = True) -> drawing.Picture:
    figure = plots.side_by_side(["good", "film"], {"scores": [1.0, float(n)]}, title="<the> scores")
    if not named:
        figure.table = None
    return figure


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (lambda: picture(named=False), "needs a text table"),
        (lambda: (table_of(), picture(named=False)), "needs a text table"),
        (Figure, "got Figure"),
        (lambda: "words", "got str"),
        (lambda: 0.5, "got float"),
        (lambda: None, "got NoneType"),
        (lambda: [table_of(), {"a": 1}], "got dict"),
    ],
)
def test_what_has_no_words_is_not_shown(view: Callable[[], Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        explore(lambda n: view(), n=(0, 3))
    later = explore(lambda n: view() if n else table_of(n=n), n=(0, 3))
    later.controls["n"].value = 1
    assert said in later.message.value
    assert later.picture.value == page_of(table_of(n=0)._repr_html_())


# --- how it is shown ------------------------------------------------------------------------------------------------


def test_a_slow_picture_is_drawn_when_the_slider_is_let_go() -> None:
    def compute(n: int, layers: tuple[int, int]) -> Table:
        time.sleep(QUICK + 0.05 if n == 2 else 0)
        return table_of(n=n)

    shown = explore(compute, n=(0, 3), layers=Span(0, 3))
    sliders = list(shown.controls.values())
    assert all(slider.continuous_update for slider in sliders)
    shown.controls["n"].value = 2
    assert shown.seconds > QUICK and not any(slider.continuous_update for slider in sliders)
    shown.controls["n"].value = 3
    assert all(slider.continuous_update for slider in sliders)
    slow = explore(compute, n=(0, 3), layers=Span(0, 3), start={"n": 2})
    assert not any(slider.continuous_update for slider in slow.controls.values())


def test_drawing_counts_as_part_of_a_slow_picture() -> None:
    drawn = []

    class Slow(Table):
        def _repr_html_(self) -> str:
            drawn.append(self.title)
            time.sleep(QUICK + 0.05)
            return super()._repr_html_()

    shown = explore(lambda n: Slow(f"slow {n}", ("n",), ()), n=(0, 3))
    assert not shown.controls["n"].continuous_update
    shown._repr_mimebundle_()
    shown.controls["n"].value = 1
    shown.controls["n"].value = 0
    assert drawn == ["slow 0", "slow 1"], "a page that was drawn is kept"


def test_a_text_is_read_when_it_is_entered() -> None:
    assert explore(table_of, text="The cat").controls["text"].continuous_update is False


def test_a_picture_comes_with_its_sentence_and_its_table() -> None:
    shown = explore(picture, n=(2, 4))
    first, page = shown.at(), shown.picture.value
    assert f'<img alt="{escape(first.alt)}"' in page and "&lt;the&gt; scores" in page
    assert "good" in page and "<details" in page
    shown.controls["n"].value = 3
    assert shown.picture.value == page_of(drawing.as_html(picture(3))) != page
    assert shown.words == drawing.as_text(picture(2))


def test_several_views_stand_below_each_other() -> None:
    result = tiny.example("good film", [0.5, -0.25])
    shown = explore(lambda n: (table_of(n=n), result, picture()), n=(0, 3))
    expected = [table_of(n=0)._repr_html_(), result._repr_html_(), drawing.as_html(picture())]
    assert shown.picture.value == shown.page == page_of(*expected)
    assert shown.words == "\n".join([str(table_of(n=0)), str(result), drawing.as_text(picture())])
    assert explore(lambda n: result, n=(0, 3)).page == page_of(expected[1])


def test_a_notebook_gets_the_controls_the_page_and_the_words() -> None:
    shown = explorer([], labels={"layer": "<layer>"})
    bundle = shown._repr_mimebundle_()
    assert set(bundle) == {WIDGET_VIEW, "text/html", "text/plain"}
    assert bundle[WIDGET_VIEW]["model_id"] == shown.widget.model_id
    box, message, image = shown.widget.children
    assert list(box.children) == list(shown.controls.values())
    assert (message, image) == (shown.message, shown.picture)
    note = (
        "The controls work while a kernel runs: run this cell. The picture is for head 0, share 0.0, layers (0, 5), "
        "fuse mean, <layer> the first, text The cat."
    )
    page = ElementTree.fromstring(bundle["text/html"])
    assert "".join(page[-1].itertext()) == note
    assert shown.page in bundle["text/html"]
    assert bundle["text/plain"] == f"{table_of(**AT_FIRST)}\n{note}"


def test_without_ipywidgets_the_page_and_the_function_remain(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = explorer([])._repr_mimebundle_()
    monkeypatch.setitem(sys.modules, "ipywidgets", None)  # importing it fails as if it were not installed
    calls: Calls = []
    shown = explorer(calls)
    assert widgets.toolkit() is None and shown.widget is None and shown.controls == {}
    assert shown._repr_mimebundle_() == {form: bundle[form] for form in ("text/html", "text/plain")}
    assert shown.at(head=2) == table_of(**AT_FIRST | {"head": 2})
    with pytest.raises(OptionError, match="can't start at 4"):
        explore(table_of, x=(0, 3), start={"x": 4})


def test_a_broken_ipywidgets_is_not_taken_for_a_missing_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in ("ipywidgets", "traitlets")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "traitlets", None)
    with pytest.raises(ModuleNotFoundError, match="traitlets"):
        widgets.toolkit()


def test_importing_the_views_is_light() -> None:
    heavy = {"matplotlib", "ipywidgets", "torch", "rich", "IPython", "numpy"}
    check = f"import sys, xai_helpers.viz; sys.exit(', '.join({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", check], capture_output=True, text=True).stderr.strip() == ""
