"""Figures of a board: what is drawn is what was given, and what is said of it is true."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex

from xai_helpers.errors import OptionError
from xai_helpers.viz import drawing, standings
from xai_helpers.viz.palette import background

MEAN = [[0.9, 0.2], [0.5, np.nan], [0.4, 0.3]]
GAINED = [[0.5, -0.1], [0.1, np.nan], [0.0, 0.0]]
TIED = [[True, False], [False, False], [False, False]]


def grid(mean: Any = MEAN, gained: Any = GAINED, tied: Any = TIED, columns: Any = ("m", "$n$")) -> drawing.Picture:
    return standings.grid(["$a$", "b", "random"], columns, mean, gained, tied, label="share", title="precision")


def beside(**changed: Any) -> drawing.Picture:
    given: dict[str, Any] = {
        "methods": ["quick", "slow"],
        "intervals": [[0.4, 0.3, 0.5], [0.8, 0.6, 0.9]],
        "costs": {"seconds": [0.01, 1.0], "rows": [1, 300]},
        "chance": 0.2,
        "bound": 0.95,
        "label": "share",
        "title": "model",
    }
    return standings.beside_cost(**{**given, **changed})


def test_grid_by_hand() -> None:
    figure = grid()
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["0.90*", "0.20", "0.50", "", "0.40", "0.30"]
    image = axes.images[0]
    shown = [to_hex(colour) for colour in image.cmap(image.norm(image.get_array()[:, 0]))]
    assert shown == [background(1.0), to_hex(image.cmap(image.norm(0.2))), background(0.0)]
    assert image.get_array()[0, 1] == -1, "worse than random: blue, on a scale of its own column"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["$a$", "b", "random"]
    assert "m: $a$; $n$: none" in figure.alt
    assert figure.table is not None and figure.table.rows[0] == ("$a$", "0.90*", "0.20")
    assert drawing.png(figure) == drawing.png(grid())


def test_without_a_control_there_is_no_colour() -> None:
    image = grid(gained=np.full((3, 2), np.nan)).axes[0].images[0]
    assert np.ma.getmaskarray(image.get_array()).all() or np.isnan(image.get_array()).all()


def test_means_beside_their_cost_by_hand() -> None:
    figure = beside()
    left, seconds, rows = figure.axes
    assert {tuple(line.get_xdata()) for line in left.lines} >= {(0.4, 0.8), (0.2, 0.2), (0.95, 0.95)}
    (bars,) = left.collections
    assert np.allclose([sorted(segment[:, 0]) for segment in bars.get_segments()], [[0.3, 0.5], [0.6, 0.9]])
    for axes, values in ((seconds, [0.01, 1.0]), (rows, [1, 300])):
        assert np.allclose(axes.collections[0].get_offsets(), [[values[0], 0], [values[1], 1]])
        assert axes.get_xscale() == "log"
    assert "most slow 0.80, least quick 0.40" in figure.alt
    assert figure.table is not None and figure.table.rows[1] == ("slow", "0.800 (0.600 to 0.900)", "1", "300")
    assert len(beside(chance=None, bound=np.nan).axes[0].lines) == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda: grid(mean=[[1.0]]),
        lambda: grid(columns=("m",)),
        lambda: standings.grid([], [], [], [], [], label="", title=""),
        lambda: beside(methods=["one"]),
        lambda: beside(costs={}),
        lambda: beside(costs={"rows": [1.0]}),
        lambda: beside(intervals=[[1.0, 2.0]]),
    ],
)
def test_shapes_that_dont_fit_are_said_to(call: Any) -> None:
    with pytest.raises(OptionError, match="needs"):
        call()
