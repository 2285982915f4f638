"""Figures of probes: accuracy at each level, and from which examples to which a probe transfers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .drawing import CELL, Picture, arranged, cells, defaults, label_ticks, picture, put_title
from .palette import LINES
from .wording import visible

if TYPE_CHECKING:
    from ..probes import Curve, Transfer


def probe_curve(curve: Curve, title: str) -> Picture:
    """Accuracy at each level, in the band of its interval, beside the control task's and the majority's."""
    probes = [level.probe for level in curve.levels]
    lines = {f"held out by {curve.by}": [probe.accuracy for probe in probes]}
    known = [level.selectivity for level in curve.levels if level.selectivity is not None]
    if known:
        lines["held out by token"] = [found.accuracy for found in known]
        lines["control task"] = [found.control for found in known]
    lines["majority"] = [probe.majority for probe in probes]
    names = [probe.level for probe in probes]
    best = int(np.argmax(lines[f"held out by {curve.by}"]))
    said = "; ".join(f"{name} {y[0]:.2f} to {y[-1]:.2f}" for name, y in lines.items())
    with defaults():
        figure = picture(
            6.0,
            3.4,
            f"Line chart. {title}: accuracy at {len(names)} levels, from the first to the last {said}; "
            f"most at {names[best]}, {probes[best].accuracy:.2f} ({probes[best].low:.2f} to {probes[best].high:.2f})",
        )
        figure.table = curve.table()
        axes = figure.add_subplot()
        steps = np.arange(len(names))
        axes.fill_between(
            steps,
            [p.low for p in probes],
            [p.high for p in probes],
            color="#d9d9d9",
            linewidth=0,
            label="95 % interval",
        )
        for (name, y), (colour, marker) in zip(lines.items(), LINES, strict=False):
            dashed = "--" if name == "majority" else "-"
            axes.plot(steps, y, color=colour, marker=marker, markersize=4, linestyle=dashed, label=name)
        axes.set_ylim(0, 1.03)
        axes.set_ylabel("accuracy")
        label_ticks(axes.xaxis, names, 9)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        put_title(axes, title)
        return arranged(figure)


def transfer_grid(found: Transfer, title: str) -> Picture:
    """Accuracy from each group, down, to each, across; above them that of all other groups, and the majority's."""
    rows = ("majority", "all others", *found.groups)
    values = np.vstack([found.majority, found.leave_one_out, found.matrix])
    other = ~np.eye(len(found.groups), dtype=bool)
    own, moved = np.nanmean(np.diag(found.matrix)), np.nanmean(found.matrix[other])
    texts = [["" if np.isnan(x) else f"{x:.2f}" for x in row] for row in values]
    with defaults():
        figure = picture(
            2.2 * CELL[0] * len(found.groups) + 2.6,
            CELL[1] * len(rows) + 1.4,
            f"Heatmap. {title}: accuracy, mean {own:.2f} within a group, {moved:.2f} from one to another, "
            f"{np.nanmean(found.leave_one_out):.2f} from all others",
        )
        figure.table = found.table()
        axes = figure.add_subplot()
        cells(axes, 2 * values - 1, texts, (2.2 * CELL[0], CELL[1]))
        label_ticks(axes.yaxis, [visible(name) for name in rows], 9)
        label_ticks(axes.xaxis, [visible(name) for name in found.groups], 9, rotation=45)
        for tick in axes.get_xticklabels():
            tick.set(ha="right", rotation_mode="anchor")
        axes.set_ylabel("fitted on")
        axes.set_xlabel("tested on")
        put_title(axes, title)
        return arranged(figure)
