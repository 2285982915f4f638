"""What every figure here is: a `Picture`, and the parts that figures share.

A `Picture` is a matplotlib Figure that pyplot doesn't know of (nothing to close, nothing shown twice), that carries a
sentence for those who can't see it and a table of what it shows, and that a notebook shows as an image with that
sentence as its alternative text and the table folded up below. The same input gives the same bytes. Everything is drawn
with DejaVu Sans, which matplotlib brings along; a character that it lacks (most emoji, Chinese) is drawn as a square;
the alternative text has it.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import io
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from ..errors import OptionError
from .palette import background, colours, scale_end, share
from .table import Table
from .wording import is_signed, number, visible

FONT = "DejaVu Sans"
DPI = 144  # of the file: sharp on dense screens
SHOWN_DPI = 90  # of the page
MISSING_GLYPH = "\u25a1"
CELL = (0.38, 0.27)  # inches of a cell with a number of five characters in it
ANNOTATED = 12  # a grid of at most this many rows and columns has its numbers written in


class Picture(Figure):
    """A figure with `alt`, the sentence that stands for it, and `table`, what it shows in rows.

    Notebooks show it as an image with alternative text, and the table folded up below.
    """

    alt: str = ""
    table: Table | None = None

    def _ipython_display_(self) -> None:  # IPython then asks no other formatter: one image, always with its text
        show(self)


def alt_text(figure: Figure) -> str:
    """The sentence that stands for a figure where it can't be seen, or "" for a figure that has none."""
    return str(getattr(figure, "alt", ""))


def as_html(figure: Figure, alt: str | None = None) -> str:
    """The figure as an <img> with its pixels inside, its alternative text (an error where it has none), its table.

    alt: for a figure that wasn't made here, a sentence that says what it shows.
    """
    sentence = alt_text(figure) if alt is None else alt
    if not sentence.strip():
        raise OptionError("this figure has no alternative text: say in a sentence what it shows, show(figure, alt=...)")
    image = png(figure)
    width = int.from_bytes(image[16:20], "big") * SHOWN_DPI // DPI  # the PNG header
    data = base64.b64encode(image).decode("ascii")
    table = getattr(figure, "table", None)
    folded = "" if table is None else table.folded()
    look = f'width="{width}" style="max-width:100%"'
    return f'<img alt="{escape(sentence)}" {look} src="data:image/png;base64,{data}">{folded}'


def as_text(figure: Figure, alt: str | None = None) -> str:
    """The figure in words: its alternative text and its table."""
    table = getattr(figure, "table", None)
    return "\n".join([alt or alt_text(figure), *([] if table is None else [str(table)])])


def show(figure: Figure, alt: str | None = None) -> None:
    """Displays a figure in a notebook as an image with its alternative text and table; elsewhere prints those.

    alt: for a figure that wasn't made here, a sentence that says what it shows.
    """
    page, words = as_html(figure, alt), as_text(figure, alt)
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        print(words)
    else:
        ipython.display.display({"text/html": page, "text/plain": words}, raw=True)


def png(figure: Figure) -> bytes:
    """The figure as a PNG file of 256 colours; the same figure gives the same bytes (no date, no version)."""
    drawn, small = io.BytesIO(), io.BytesIO()
    with defaults():
        figure.savefig(drawn, format="png", dpi=DPI, bbox_inches="tight")
    with Image.open(drawn) as image:  # a palette makes a notebook a third of the size, and no difference to the eye
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


@contextmanager
def defaults() -> Iterator[None]:
    """matplotlib's own settings, whatever style the reader has switched on."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams["font.family"] = FONT
        yield


def picture(width: float, height: float, alt: str) -> Picture:
    """An empty picture of so many inches."""
    figure = Picture(figsize=(width, height), layout="constrained")
    figure.alt = alt
    return figure


def arranged(figure: Picture) -> Picture:
    """The figure with its layout computed once and kept: a second drawing would move it by a pixel."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def bars(axes: Axes, scores: np.ndarray, end: float | None = None) -> None:
    """Horizontal bars with their numbers; end is the score that gets the strongest colour."""
    end, signed = scale_end(scores) if end is None else end, is_signed(scores)
    fills = [background(share(score, end)) for score in scores]
    drawn = axes.barh(range(len(scores)), scores, color=fills, edgecolor="#595959", linewidth=0.6)
    axes.bar_label(drawn, [number(score, end, signed) for score in scores], padding=3, fontsize=8)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.margins(x=0.12 if end else 0.35)
    if not scores.any():
        axes.set_xlim(0, 1)
    axes.spines[["top", "right"]].set_visible(False)


def heatmap(figure: Figure, axes: Axes, values: np.ndarray, label: str) -> None:
    """Numbers (rows, columns) as colours with a colour bar named `label`, and written in where there is room."""
    end, signed = scale_end(values.flat), is_signed(values.flat)
    shares = np.linspace(-1 if signed else 0, 1, 257)
    palette = ListedColormap([background(x) for x in shares])
    image = axes.imshow(values, cmap=palette, norm=Normalize(-(end or 1) if signed else 0, end or 1), aspect="auto")
    bar = figure.colorbar(image, ax=axes, pad=0.02)
    bar.set_label(drawable(label))
    no_math(bar.ax.yaxis.label)
    if max(values.shape) <= ANNOTATED:
        for (row, column), value in np.ndenumerate(values):
            ink = colours(share(value, end))[1]
            shown = number(value, end, signed)
            axes.text(column, row, shown, ha="center", va="center", color=ink, fontsize=7)


def cells(axes: Axes, shares: np.ndarray, texts: Sequence[Sequence[str]], size: tuple[float, float] = CELL) -> None:
    """Cells coloured by shares in [-1, 1], white where NaN, with their texts."""
    palette = ListedColormap([background(x) for x in np.linspace(-1, 1, 257)]).with_extremes(bad="white")
    axes.imshow(np.clip(shares, -1, 1), cmap=palette, norm=Normalize(-1, 1), aspect=size[1] / size[0])
    axes.set_anchor("NW")
    axes.spines[:].set_visible(False)
    for (row, column), x in np.ndenumerate(shares):
        ink = "black" if np.isnan(x) else colours(share(x, 1.0))[1]
        axes.text(column, row, texts[row][column], ha="center", va="center", color=ink, fontsize=7.5, linespacing=1.1)


def label_ticks(axis: Any, names: Sequence[str], points: float, rotation: float = 0, most: int = 24) -> None:
    """One tick per name, drawn as it is written: no mathematics, no missing glyph."""
    axis.set_ticks(range(len(names)), [drawable(shortened(visible(name), most)) for name in names])
    for tick in axis.get_ticklabels():
        tick.set(fontsize=points, rotation=rotation)
        no_math(tick)
    axis.set_tick_params(length=0)


def put_title(axes: Axes, text: str) -> None:
    """A panel's title, at the left."""
    no_math(axes.set_title(drawable(visible(text)), fontsize=10, loc="left"))


def no_math(text: Text) -> None:
    """A dollar sign in a text of the reader's is a dollar sign."""
    text.set_parse_math(False)


def shortened(name: str, most: int = 24) -> str:
    """At most so many characters, the last an ellipsis where some are missing."""
    return name if len(name) <= most else name[: most - 1] + "\u2026"


def drawable(text: str) -> str:
    """The text with a square for each character that the font lacks; those that join or vary others go."""
    known = _known_characters()
    kept = (character for character in text if character not in "\u200d\ufe0e\ufe0f")
    return "".join(character if ord(character) in known else MISSING_GLYPH for character in kept)


@functools.cache
def _known_characters() -> frozenset[int]:
    return frozenset(font_manager.get_font(font_manager.findfont(FONT)).get_charmap())


def put_heading(figure: Figure, text: str) -> None:
    """A title over all panels, at the left; none for an empty text."""
    if text:
        no_math(figure.suptitle(drawable(visible(text)), fontsize=10, x=0.01, ha="left"))


def footed(figure: Picture, line: str) -> Picture:
    """The figure with a line below it, which its alternative text and its table's title have too."""
    wide, high = figure.get_size_inches()
    lines = textwrap.wrap(drawable(line), int(14 * wide))  # characters of 8 points
    figure.set_size_inches(wide, high + 0.15 * len(lines))
    figure.set_layout_engine("constrained")
    figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=8, fontfamily=FONT, color="black", parse_math=False)
    figure.alt = f"{figure.alt}; {line}"
    if figure.table is not None:
        figure.table = dataclasses.replace(figure.table, title=f"{figure.table.title}; {line}")
    return arranged(figure)
