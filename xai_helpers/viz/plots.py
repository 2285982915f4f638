"""Figures of an attribution: bars per token, token-by-token matrices, one number per head.

Each function returns a `Picture`: a matplotlib Figure that pyplot doesn't know of (nothing to close, nothing shown
twice), that carries a sentence for those who can't see it, and that a notebook shows as an image with that sentence as
its alternative text. The same input gives the same bytes. Everything is drawn with DejaVu Sans, which matplotlib
brings along; a character that it lacks (most emoji, Chinese) is drawn as a square; the alternative text has it.
"""

from __future__ import annotations

import base64
import functools
import io
import sys
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
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from numpy.typing import ArrayLike

from ..attribution import Attribution
from ..errors import OptionError
from .palette import background, colours, scale_end, share
from .wording import header, is_signed, number, summary, visible

FONT = "DejaVu Sans"
DPI = 144  # shown at half the pixels, sharp on dense screens
MISSING_GLYPH = "\u25a1"
ANNOTATED = 12  # a grid of at most this many rows and columns has its numbers written in


class Picture(Figure):
    """A figure with `alt`, the sentence that stands for it; notebooks show it as an image with alternative text."""

    alt: str = ""

    def _ipython_display_(self) -> None:  # IPython then asks no other formatter: one image, always with its text
        show(self)


def token_scores(a: Attribution) -> Picture:
    """Horizontal bars, one per unit in the order of the text; orange to the right is positive, blue negative."""
    scores = [float(score) for score in a.scores]
    end, signed = scale_end(scores, [unit.special for unit in a.units]), is_signed(scores)
    with _defaults():
        figure = _picture(7.0, 1.1 + 0.26 * max(1, len(scores)), f"Bar chart. {summary(a)}")
        axes = figure.add_subplot()
        fills = [background(share(score, end)) for score in scores]
        bars = axes.barh(range(len(scores)), scores, color=fills, edgecolor="#595959", linewidth=0.6)
        axes.bar_label(bars, [number(score, end, signed) for score in scores], padding=3, fontsize=8)
        axes.axvline(0, color="black", linewidth=0.8)
        _label(axes.yaxis, a.tokens, 9)
        axes.set_ylim(len(scores) - 0.4, -0.6)
        axes.margins(x=0.12)
        if not any(scores):
            axes.set_xlim(0, 1)
        axes.spines[["top", "right"]].set_visible(False)
        _title(axes, f"{a.method} · {a.model}")
        axes.set_xlabel(_drawable(" · ".join(("score", *header(a)[2:]))), parse_math=False)
        return _arranged(figure)


def token_matrix(a: Attribution | ArrayLike, tokens: Sequence[str] | None = None, *, title: str = "") -> Picture:
    """A token-by-token matrix (query, key) as a heatmap: row i is the reader, column j what it reads.

    a: an attribution that has a matrix, or numbers (n_queries, n_keys) with `tokens` (n) for both axes; without
    tokens, positions label them. The row that the prediction is read from is framed where the attribution names it.
    Colours span zero to the greatest absolute value; both signs, where any value is negative.
    """
    matrix, names, said, row = _matrix_of(a, tokens, title)
    size = float(np.clip(0.3 * max(matrix.shape), 3.0, 11.0))
    with _defaults():
        figure = _picture(
            size + 2.0, size * matrix.shape[0] / max(matrix.shape) + 1.2, _matrix_alt(matrix, names, said)
        )
        axes = figure.add_subplot()
        _heatmap(figure, axes, matrix, "score")
        points = float(np.clip(72 * size / max(matrix.shape) * 0.7, 4.5, 9.0))
        _label(axes.xaxis, names[1], points, rotation=90)
        _label(axes.yaxis, names[0], points)
        axes.set_xlabel("key: the token that is read")
        axes.set_ylabel("query: the token that reads")
        _title(axes, said)
        if row is not None:
            axes.add_patch(Rectangle((-0.5, row - 0.5), matrix.shape[1], 1, fill=False, linewidth=1.4, clip_on=False))
        return _arranged(figure)


def head_grid(values: ArrayLike, *, title: str = "", label: str = "value") -> Picture:
    """One number per attention head as a grid: (layers, heads), layer 0 at the top.

    label: what the number is, with its unit; it stands beside the colour bar.
    """
    grid = _table(values, "head_grid needs one number per head, (layers, heads)")
    layer, head = divmod(int(np.abs(grid).argmax()), grid.shape[1])
    strongest = f"strongest: layer {layer}, head {head}, with {_plain_number(grid, grid[layer, head])}"
    said = f"{title}: {label}" if title else label
    alt = f"Heatmap. {said}, for {grid.shape[0]} layers by {grid.shape[1]} heads; {strongest}"
    with _defaults():
        figure = _picture(2.2 + 0.55 * max(grid.shape[1], 4), 1.3 + 0.42 * grid.shape[0], alt)
        axes = figure.add_subplot()
        _heatmap(figure, axes, grid, label)
        _label(axes.xaxis, [str(head) for head in range(grid.shape[1])], 9)
        _label(axes.yaxis, [str(layer) for layer in range(grid.shape[0])], 9)
        axes.set_xlabel("head")
        axes.set_ylabel("layer")
        _title(axes, title or label)
        return _arranged(figure)


def alt_text(figure: Figure) -> str:
    """The sentence that stands for a figure where it can't be seen, or "" for a figure that has none."""
    return str(getattr(figure, "alt", ""))


def as_html(figure: Figure, alt: str | None = None) -> str:
    """The figure as an <img> with its pixels inside and its alternative text; an error where it has none.

    alt: for a figure that wasn't made here, a sentence that says what it shows.
    """
    sentence = alt_text(figure) if alt is None else alt
    if not sentence.strip():
        raise OptionError("this figure has no alternative text: say in a sentence what it shows, show(figure, alt=...)")
    image = png(figure)
    width = int.from_bytes(image[16:20], "big") // 2  # the PNG header
    data = base64.b64encode(image).decode("ascii")
    return f'<img alt="{escape(sentence)}" width="{width}" style="max-width:100%" src="data:image/png;base64,{data}">'


def show(figure: Figure, alt: str | None = None) -> None:
    """Displays a figure in a notebook as an image with its alternative text; elsewhere prints that text.

    alt: for a figure that wasn't made here, a sentence that says what it shows.
    """
    page, sentence = as_html(figure, alt), alt or alt_text(figure)
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        print(sentence)
    else:
        ipython.display.display({"text/html": page, "text/plain": sentence}, raw=True)


def png(figure: Figure) -> bytes:
    """The figure as a PNG file; the same figure gives the same bytes (no date, no version)."""
    buffer = io.BytesIO()
    with _defaults():
        figure.savefig(buffer, format="png", dpi=DPI, bbox_inches="tight", metadata={"Software": None})
    return buffer.getvalue()


@contextmanager
def _defaults() -> Iterator[None]:
    """matplotlib's own settings, whatever style the reader has switched on."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams["font.family"] = FONT
        yield


def _picture(width: float, height: float, alt: str) -> Picture:
    """An empty picture of so many inches."""
    figure = Picture(figsize=(width, height), layout="constrained")
    figure.alt = alt
    return figure


def _arranged(figure: Picture) -> Picture:
    """The figure with its layout computed once and kept: a second drawing would move it by a pixel."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def _heatmap(figure: Figure, axes: Axes, values: np.ndarray, label: str) -> None:
    end, signed = scale_end(values.flat), is_signed(values.flat)
    shares = np.linspace(-1 if signed else 0, 1, 257)
    palette = ListedColormap([background(x) for x in shares])
    image = axes.imshow(values, cmap=palette, norm=Normalize(-(end or 1) if signed else 0, end or 1), aspect="auto")
    bar = figure.colorbar(image, ax=axes, pad=0.02)
    bar.set_label(_drawable(label))
    _parse_no_math(bar.ax.yaxis.label)
    if max(values.shape) <= ANNOTATED:
        for (row, column), value in np.ndenumerate(values):
            ink = colours(share(value, end))[1]
            shown = number(value, end, signed)
            axes.text(column, row, shown, ha="center", va="center", color=ink, fontsize=7)


def _matrix_of(
    a: Attribution | ArrayLike, tokens: Sequence[str] | None, title: str
) -> tuple[np.ndarray, tuple[Sequence[str], Sequence[str]], str, int | None]:
    """(matrix, names of rows and columns, title, the row to frame)."""
    if isinstance(a, Attribution):
        said = title or " · ".join(header(a)[:3])
        return a.require_matrix(), (a.tokens, a.tokens), said, a.position
    matrix = _table(a, "token_matrix needs an attribution or one matrix (queries, keys)")
    names = [[str(i) for i in range(n)] if tokens is None else list(tokens) for n in matrix.shape]
    if any(len(labels) != n for labels, n in zip(names, matrix.shape, strict=True)):
        raise OptionError(f"{len(names[0])} tokens can't label a matrix of shape {matrix.shape}")
    return matrix, (names[0], names[1]), title or "token by token", None


def _table(values: ArrayLike, needs: str) -> np.ndarray:
    """The values as float64 (rows, columns), at least one of each; else an error that begins with what is needed."""
    try:
        table = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise OptionError(f"{needs}; got {type(values).__name__}: {error}") from error
    if table.ndim != 2 or table.size == 0:
        raise OptionError(f"{needs}; got shape {table.shape}")
    return table


def _matrix_alt(matrix: np.ndarray, names: tuple[Sequence[str], Sequence[str]], title: str) -> str:
    row, column = divmod(int(np.abs(matrix).argmax()), matrix.shape[1])
    query, key, value = visible(names[0][row]), visible(names[1][column]), _plain_number(matrix, matrix[row, column])
    size = f"{matrix.shape[0]} queries by {matrix.shape[1]} keys"
    return f"Heatmap. {title}: {size}; strongest: {query!r} reads {key!r}, {value}"


def _plain_number(values: np.ndarray, value: float) -> str:
    return number(float(value), scale_end(values.flat), is_signed(values.flat))


def _label(axis: Any, names: Sequence[str], points: float, rotation: float = 0) -> None:
    """One tick per name, drawn as it is written: no mathematics, no missing glyph."""
    axis.set_ticks(range(len(names)), [_drawable(_shortened(visible(name))) for name in names])
    for tick in axis.get_ticklabels():
        tick.set(fontsize=points, rotation=rotation)
        _parse_no_math(tick)
    axis.set_tick_params(length=0)


def _title(axes: Axes, text: str) -> None:
    _parse_no_math(axes.set_title(_drawable(visible(text)), fontsize=10, loc="left"))


def _parse_no_math(text: Text) -> None:
    text.set_parse_math(False)


def _shortened(name: str, most: int = 24) -> str:
    return name if len(name) <= most else name[: most - 1] + "\u2026"


def _drawable(text: str) -> str:
    """The text with a square for each character that the font lacks; those that join or vary others go."""
    known = _known_characters()
    kept = (character for character in text if character not in "\u200d\ufe0e\ufe0f")
    return "".join(character if ord(character) in known else MISSING_GLYPH for character in kept)


@functools.cache
def _known_characters() -> frozenset[int]:
    return frozenset(font_manager.get_font(font_manager.findfont(FONT)).get_charmap())
