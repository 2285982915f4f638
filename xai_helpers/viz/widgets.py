"""Explorers: a pure function of a few settings, a labelled control for each, and the picture that they give.

The function is the explorer: it can be called, tested and read without any widget. Where a kernel runs, the controls
move the picture; in a static page the picture at the start stands in their place, and everywhere a text table stands
beside it.
"""

from __future__ import annotations

import functools
import importlib
import math
import time
import traceback
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from ..errors import OptionError, XaiError

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
QUICK = 0.2  # seconds: slower pictures are drawn when a slider is let go, and not on its way
STATIC = "The controls work while a kernel runs: run this cell."
SAID = 80  # characters of a setting that a message repeats
NONE = object()  # stands for None in a control, since ipywidgets takes None for "nothing is selected"


# A setting's probes are the values that the tests try: its ends and its middle, the one where it starts first.


@dataclass(frozen=True)
class Slider:
    """A number from low to high in steps."""

    low: float
    high: float
    step: float

    def __post_init__(self) -> None:
        if not 0 < self.step <= self.high - self.low < math.inf:
            raise OptionError(f"a slider goes from low to high in steps: got {self.low}, {self.high}, {self.step}")

    @property
    def whole(self) -> bool:
        return all(isinstance(x, int) for x in (self.low, self.high, self.step))

    def holds(self, value: Any) -> bool:
        return self.low <= value <= self.high and (isinstance(value, int) or not self.whole)

    @property
    def probes(self) -> tuple[Any, ...]:
        middle = self.low + self.step * (round((self.high - self.low) / self.step) // 2)
        return (self.low, middle, self.high)

    def control(self, kit: Any) -> Any:
        slider = kit.IntSlider if self.whole else kit.FloatSlider
        return slider(min=self.low, max=self.high, step=self.step, value=self.low)


@dataclass(frozen=True)
class Span:
    """A range of whole numbers within low to high: the function gets (first, last), both included."""

    low: int
    high: int

    def __post_init__(self) -> None:
        if not (isinstance(self.low, int) and isinstance(self.high, int) and self.low <= self.high):
            raise OptionError(f"a span lies within whole numbers, low to high: got {self.low}, {self.high}")

    def holds(self, value: Any) -> bool:
        first, last = value
        return self.low <= first <= last <= self.high

    @property
    def probes(self) -> tuple[Any, ...]:
        middle = (self.low + self.high) // 2
        return ((self.low, self.high), (self.low, self.low), (middle, middle), (self.high, self.high))

    def control(self, kit: Any) -> Any:
        return kit.IntRangeSlider(min=self.low, max=self.high, value=(self.low, self.high))


@dataclass(frozen=True)
class Choice:
    """One of a few values, each with the word that stands for it."""

    options: tuple[tuple[str, Any], ...]

    def __post_init__(self) -> None:
        if unusable := [value for value in self.values if not isinstance(value, Hashable)]:
            raise OptionError(f"a choice must be hashable, as tuples are and lists are not: {unusable[0]!r}")

    @property
    def values(self) -> tuple[Any, ...]:
        return tuple(value for _, value in self.options)

    def holds(self, value: Any) -> bool:
        return value in self.values

    @property
    def probes(self) -> tuple[Any, ...]:
        values = self.values
        return tuple(dict.fromkeys((values[0], values[len(values) // 2], values[-1])))

    def control(self, kit: Any) -> Any:
        options = [(word, _held(value)) for word, value in self.options]
        return kit.Dropdown(options=options, value=options[0][1])


@dataclass(frozen=True)
class Words:
    """A text that the reader may change."""

    text: str

    def holds(self, value: Any) -> bool:
        return isinstance(value, str)

    @property
    def probes(self) -> tuple[Any, ...]:
        return (self.text,)

    def control(self, kit: Any) -> Any:
        return kit.Text(value=self.text, continuous_update=False, layout=kit.Layout(width="28em"))


Setting = Slider | Span | Choice | Words


def explore(
    compute: Callable[..., Any],
    *,
    start: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
    **settings: Any,
) -> Explorer:
    """Controls over `compute(**settings)`, which returns a picture, an attribution, a table, or several of these.

    settings: for each of the function's arguments (low, high) or (low, high, step) for a slider (step 1 if none is
    given), `Span(low, high)` for a range, a list of values (or a dict of names to values) for a choice, a text for a
    text. start: where the controls stand first (default: the slider's low end, the whole range, the first choice).
    labels: what is written beside a control (default: its argument's name). Raises OptionError for a picture without a
    text table, and whatever compute raises at the start.
    """
    made = {name: _setting(name, value) for name, value in settings.items()}
    if unknown := (set(start or {}) | set(labels or {})) - set(made):
        raise OptionError(f"explore has no setting {', '.join(sorted(unknown))}; it has {', '.join(made)}")
    for name, value in (start or {}).items():
        if not _holds(made[name], value):
            raise OptionError(f"{name} can't start at {value!r}, which is none of its values: {made[name]}")
    return Explorer(compute, made, dict(start or {}), dict(labels or {}))


class Explorer:
    """A function with its controls; show it as the last value of a cell. `at` calls the function."""

    def __init__(
        self,
        compute: Callable[..., Any],
        settings: Mapping[str, Setting],
        start: Mapping[str, Any],
        labels: Mapping[str, str],
    ) -> None:
        self.settings = dict(settings)
        self.labels = {name: labels.get(name, name.replace("_", " ")) for name in settings}
        self.start = {name: start.get(name, setting.probes[0]) for name, setting in settings.items()}
        self.seconds = 0.0
        self._compute = compute
        self._cached = functools.lru_cache(maxsize=256)(self._timed)
        self.page, self.words = self._shown({})
        self.controls: dict[str, Any] = {}
        self.message: Any = None
        self.picture: Any = None
        self.widget = self._widget()

    def at(self, **settings: Any) -> Any:
        """What the function gives for these settings; those left out stand where they stand at the start."""
        return self._compute(**{**self.start, **settings})

    def _shown(self, settings: Mapping[str, Any]) -> tuple[str, str]:
        """(page, words) of the same, cached: figures themselves would fill the memory."""
        return self._cached(tuple({**self.start, **settings}.items()))

    def _timed(self, settings: tuple[tuple[str, Any], ...]) -> tuple[str, str]:
        began = time.perf_counter()
        rendered = _rendered(self._compute(**dict(settings)))
        self.seconds = time.perf_counter() - began  # drawing the page takes as long as many a function does
        return rendered

    def _widget(self) -> Any:
        kit = toolkit()
        if kit is None:
            return None
        for name, setting in self.settings.items():
            control = setting.control(kit)
            control.description, control.value = self.labels[name], _held(self.start[name])
            control.tooltip, control.style.description_width = self.labels[name], "initial"  # else the hint is "null"
            self.controls[name] = control
        self.message, self.picture = kit.HTML(), kit.HTML(value=self.page)
        self._set_pace()
        for control in self.controls.values():
            control.observe(lambda change: self._moved(), names="value")
        row = kit.Layout(display="flex", flex_flow="row wrap", grid_gap="0 1.5em")
        return kit.VBox([kit.Box(list(self.controls.values()), layout=row), self.message, self.picture])

    def _moved(self) -> None:
        """A control was moved: the new picture, or the last good one and what is wrong with the setting."""
        values = {name: control.value for name, control in self.controls.items()}
        settings = {name: None if value is NONE else value for name, value in values.items()}
        try:
            page, _ = self._shown(settings)
        except XaiError as error:
            self.message.value = _message(f"No picture for {self._said(settings)}: {error}. The last one stands.")
        except Exception as error:  # shown, since Jupyter hides what a callback raises; then raised
            self.message.value = _message("".join(traceback.format_exception_only(error)))
            raise
        else:
            self.message.value, self.picture.value = "", page
        self._set_pace()

    def _set_pace(self) -> None:
        for control, setting in zip(self.controls.values(), self.settings.values(), strict=True):
            if isinstance(setting, Slider | Span):
                control.continuous_update = self.seconds <= QUICK

    def _said(self, settings: Mapping[str, Any]) -> str:
        return ", ".join(f"{self.labels[name]} {_word(self.settings[name], value)}" for name, value in settings.items())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        note = f"{STATIC} The picture is for {self._said(self.start)}."
        page = f'<div>{self.page}<p style="font-size:0.85em"><em>{escape(note)}</em></p></div>'
        return mimebundle(self.widget, page, f"{self.words}\n{note}")


def mimebundle(widget: Any, page: str, words: str) -> dict[str, Any]:
    """What a notebook shows: the widget where a kernel runs, the page where none does, the words elsewhere."""
    data: dict[str, Any] = {"text/html": page, "text/plain": words}
    if widget is not None:
        data[WIDGET_VIEW] = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    return data


def toolkit() -> Any:
    """ipywidgets, or None where it is missing: everything that uses it has a static form."""
    try:
        return importlib.import_module("ipywidgets")
    except ModuleNotFoundError as error:
        if error.name != "ipywidgets":
            raise
        return None


def _setting(name: str, value: Any) -> Setting:
    match value:
        case Slider() | Span() | Choice() | Words():
            return value
        case str():
            return Words(value)
        case list() if value:  # before the tuples, whose patterns take lists as well
            return Choice(tuple((str(option), option) for option in value))
        case (int() | float() as low, int() | float() as high):
            return Slider(low, high, 1)
        case (int() | float() as low, int() | float() as high, int() | float() as step):
            return Slider(low, high, step)
        case Mapping() if value:
            return Choice(tuple(value.items()))
    raise OptionError(
        f"{name}={value!r}: give (low, high), (low, high, step), Span(low, high), a list, a dict or a text"
    )


def _held(value: Any) -> Any:
    """A value as a control holds it."""
    return NONE if value is None else value


def _holds(setting: Setting, value: Any) -> bool:
    """Whether a control can stand at this value, whatever it is."""
    try:
        return setting.holds(value)
    except (TypeError, ValueError):
        return False


def _word(setting: Setting, value: Any) -> str:
    """A value as the reader sees it beside the control."""
    named = setting.options if isinstance(setting, Choice) else ()
    word = next((word for word, option in named if option == value), str(value))
    return word if len(word) <= SAID else word[: SAID - 1] + "…"


def _rendered(shown: Any) -> tuple[str, str]:
    """(page, words) of a picture, of anything that shows itself as HTML, or of several of these."""
    from . import drawing

    pages, words = [], []
    for view in shown if isinstance(shown, Sequence) and not isinstance(shown, str) else [shown]:
        if isinstance(view, drawing.Picture):
            if view.table is None:
                raise OptionError("a picture in an explorer needs a text table: set figure.table")
            pages.append(drawing.as_html(view))
            words.append(drawing.as_text(view))
        elif isinstance(page := getattr(view, "_repr_html_", lambda: None)(), str):  # matplotlib's own gives None
            pages.append(page)
            words.append(str(view))
        else:
            raise OptionError(f"an explorer shows pictures, attributions and tables; got {type(view).__name__}")
    # ipywidgets spaces lines for controls, not for reading
    return f'<div style="line-height:1.5">{"".join(pages)}</div>', "\n".join(words)


def _message(text: str) -> str:
    box = "border-left:0.3em solid #b35806;padding:0.2em 0.6em;white-space:pre-wrap"
    return f'<div role="status" style="{box}">{escape(text)}</div>'
