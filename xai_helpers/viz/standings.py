"""Figures of a board: how methods stand in one metric on many models, and beside what they cost on one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter
from numpy.typing import ArrayLike

from ..errors import OptionError
from .drawing import CELL, Picture, arranged, cells, defaults, drawable, label_ticks, no_math, picture, put_title
from .palette import LINES
from .table import Table
from .wording import visible

GREY, BAND = "#595959", "#d9d9d9"
NOT_TOLD_APART = "*"


def grid(
    rows: Sequence[str],
    columns: Sequence[str],
    mean: ArrayLike,
    gained: ArrayLike,
    tied: ArrayLike,
    *,
    label: str,
    title: str,
) -> Picture:
    """The means of methods (rows) on models (columns), all three (n_rows, n_columns), NaN for what there is not.

    gained: by how much a mean is better than that of random scores, which is its colour: orange above 0, blue below, a
    scale for each column. tied: whether a method is the best of its column or not told from it; it gets a star.
    """
    means, gains, stars = np.asarray(mean, dtype=float), np.asarray(gained, dtype=float), np.asarray(tied, dtype=bool)
    shape = (len(rows), len(columns))
    if not all(shape) or any(x.shape != shape for x in (means, gains, stars)):
        got = f"{means.shape}, {gains.shape} and {stars.shape}"
        raise OptionError(f"grid needs three tables {shape} for {shape[0]} methods on {shape[1]} models; got {got}")
    ends = np.nanmax(np.abs(np.where(np.isnan(gains), 0, gains)), axis=0)
    written = [
        ["" if np.isnan(x) else f"{x:.2f}{NOT_TOLD_APART if star else ''}" for x, star in zip(*line, strict=True)]
        for line in zip(means, stars, strict=True)
    ]
    best = "; ".join(
        f"{model}: {', '.join(row for row, star in zip(rows, column, strict=True) if star) or 'none'}"
        for model, column in zip(columns, stars.T, strict=True)
    )
    wide = 1.35 * CELL[0]
    with defaults():
        figure = picture(
            wide * shape[1] + 2.2,
            CELL[1] * shape[0] + 1.9,
            f"Heatmap. {title}: {label}, of {shape[0]} methods on {shape[1]} models. Best, or not told from it: {best}",
        )
        figure.table = Table(title, ("", *columns), tuple((visible(r), *w) for r, w in zip(rows, written, strict=True)))
        axes = figure.add_subplot()
        cells(axes, gains / np.where(ends > 0, ends, 1.0), written, (wide, CELL[1]))
        label_ticks(axes.yaxis, rows, 9, most=28)
        label_ticks(axes.xaxis, columns, 9, rotation=45)
        for tick in axes.get_xticklabels():
            tick.set(ha="right", rotation_mode="anchor")
        put_title(axes, title)
        axes.set_xlabel(f"{NOT_TOLD_APART} best, or not told from it · orange better than random scores, blue worse")
        axes.xaxis.label.set_fontsize(8)
        return arranged(figure)


def beside_cost(
    methods: Sequence[str],
    intervals: ArrayLike,
    costs: Mapping[str, ArrayLike],
    *,
    chance: float | None,
    bound: float | None,
    label: str,
    title: str,
) -> Picture:
    """Means with intervals, (n_methods, 3): mean, low, high; beside them panels of costs (n_methods) on a log axis.

    Methods stand in the order given. chance, bound: what random scores and the best subsets reach, drawn as lines.
    """
    means = np.asarray(intervals, dtype=float)
    columns = {name: np.asarray(values, dtype=float) for name, values in costs.items()}
    n = len(methods)
    if not n or means.shape != (n, 3) or not columns or any(values.shape != (n,) for values in columns.values()):
        shapes = {name: values.shape for name, values in columns.items()}
        raise OptionError(f"beside_cost needs intervals {(n, 3)} and costs {(n,)}; got {means.shape} and {shapes}")
    first = int(np.nanargmax(means[:, 0])), int(np.nanargmin(means[:, 0]))
    said = ", ".join(f"{word} {methods[i]} {means[i, 0]:.2f}" for word, i in zip(("most", "least"), first, strict=True))
    lines = {"random scores": (chance, "--"), "best found": (bound, ":")}
    with defaults():
        figure = picture(
            4.8 + 1.7 * len(columns), 1.2 + 0.25 * n, f"Dots with intervals, and costs. {title}. {label}: {said}"
        )
        figure.table = Table(
            title,
            ("", label, *columns),
            tuple(
                (visible(name), f"{m[0]:.3f} ({m[1]:.3f} to {m[2]:.3f})", *(f"{cost:.3g}" for cost in paid))
                for name, m, *paid in zip(methods, means, *columns.values(), strict=True)
            ),
        )
        panels = figure.subplots(1, 1 + len(columns), sharey=True, width_ratios=[2.0, *[1.0] * len(columns)])
        left = panels[0]
        for name, (value, style) in lines.items():
            if value is not None and np.isfinite(value):
                left.axvline(value, color=GREY, linestyle=style, linewidth=1.2, label=name)
        low, high = means[:, 0] - means[:, 1], means[:, 2] - means[:, 0]
        colour, marker = LINES[0]
        left.errorbar(means[:, 0], range(n), xerr=(low, high), fmt=marker, color=colour, markersize=4, linewidth=1.4)
        label_ticks(left.yaxis, methods, 9, most=28)
        left.set_ylim(n - 0.5, -0.5)
        if left.get_legend_handles_labels()[0]:
            left.legend(fontsize=7, frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.08), ncols=2)
        _rows(left, label)
        for axes, (name, values) in zip(panels[1:], columns.items(), strict=True):
            colour, marker = LINES[1]
            axes.scatter(values, range(n), color=colour, marker=marker, s=16)
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter(NullFormatter())  # within one power of ten they would overlap
            _rows(axes, name)
        put_title(left, title)
        return arranged(figure)


def _rows(axes: Axes, label: str) -> None:
    """Rows that the eye can follow, and what they show."""
    axes.grid(axis="y", color=BAND, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="x", labelsize=8)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    no_math(axes.set_xlabel(drawable(visible(label)), fontsize=8))
