"""The figures: what they say in words, what they draw, and that nothing leaks or warns."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from xai_helpers import viz
from xai_helpers.errors import NoMatrixError, OptionError
from xai_helpers.viz import drawing, plots
from xai_helpers.viz.palette import background

pytestmark = pytest.mark.filterwarnings("error")


def labels(figure: Figure, axis: str) -> list[str]:
    return [tick.get_text() for tick in getattr(figure.axes[0], f"get_{axis}ticklabels")()]


def test_bars_by_hand() -> None:
    figure = plots.token_scores(tiny.example(["good", "bad", "so"], [1.0, -0.5, 0.0]))
    bars = figure.axes[0].patches
    assert [bar.get_width() for bar in bars] == [1.0, -0.5, 0.0]
    assert [to_hex(bar.get_facecolor()) for bar in bars] == [background(1), background(-0.5), background(0)]
    assert labels(figure, "y") == ["good", "bad", "so"]
    assert figure.axes[0].yaxis_inverted(), "the text is read from the top"
    assert viz.alt_text(figure) == (
        "Bar chart. method, model, logit of 'Paris'; 3 tokens, strongest of the text: 'good' +1.00, 'bad' -0.50"
    )


def test_matrix_rows_are_queries() -> None:
    figure = plots.token_matrix(np.array([[1.0, 0.0], [0.25, 0.75]]), ["x", "y"], title="a head")
    image = figure.axes[0].images[0]
    assert image.get_array()[1, 0] == 0.25
    assert "query" in figure.axes[0].get_ylabel()
    assert "key" in figure.axes[0].get_xlabel()
    assert [text.get_text() for text in figure.axes[0].texts] == ["1.00", "0.00", "0.25", "0.75"]
    assert viz.alt_text(figure) == "Heatmap. a head: 2 queries by 2 keys; strongest: 'x' reads 'x', 1.00"


def test_matrix_of_an_attribution_frames_the_row_that_is_read() -> None:
    a = tiny.example(["x", "y"], [0.25, 0.75], matrix=np.array([[1.0, 0.0], [0.25, 0.75]]), position=1)
    (frame,) = plots.token_matrix(a).axes[0].patches
    assert (frame.get_y(), frame.get_height()) == (0.5, 1)
    with pytest.raises(NoMatrixError):
        plots.token_matrix(tiny.example(["x"], [1.0]))


@given(st.integers(1, 5), st.integers(1, 5), st.data())
@settings(max_examples=15, deadline=None)
def test_matrix_colours_are_the_palettes(rows: int, columns: int, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.integers(-4, 4), min_size=rows * columns, max_size=rows * columns))
    matrix = np.array(values, dtype=float).reshape(rows, columns)
    figure = plots.head_grid(matrix)
    image = figure.axes[0].images[0]
    end = np.abs(matrix).max() or 1.0
    for (row, column), value in np.ndenumerate(matrix):
        shown = [int(to_hex(image.to_rgba(matrix)[row, column])[i : i + 2], 16) for i in (1, 3, 5)]
        expected = [int(background(value / end)[i : i + 2], 16) for i in (1, 3, 5)]
        assert np.abs(np.subtract(shown, expected)).max() <= 3, "within one step of the colour map"


def test_head_grid_by_hand() -> None:
    figure = plots.head_grid(np.array([[0.1, -0.2, 0.3], [0.0, 0.9, 0.4]]), title="Ablation", label="logit change")
    assert viz.alt_text(figure) == (
        "Heatmap. Ablation: logit change, for 2 layers by 3 heads; strongest: layer 1, head 1, with +0.900"
    )
    assert labels(figure, "x") == ["0", "1", "2"]
    assert labels(figure, "y") == ["0", "1"]


@pytest.mark.parametrize("n", [1, 4, 60])
def test_sizes_from_one_token_to_sixty(n: int) -> None:
    tokens = [f"token{i}" for i in range(n)]
    matrix = plots.token_matrix(np.eye(n), tokens)
    assert max(matrix.get_size_inches()) < 14
    assert labels(matrix, "x") == tokens
    figure = plots.token_scores(tiny.example(tokens, [0.0] * n))
    boxes = [tick.get_window_extent() for tick in figure.axes[0].get_yticklabels()]
    assert all(upper.y0 > lower.y1 for upper, lower in itertools.pairwise(boxes)), "labels don't touch"


def test_each_figure_has_its_numbers_in_a_table() -> None:
    figure = plots.token_scores(tiny.example(["good", "bad"], [1.0, -0.5]))
    assert figure.table is not None
    assert figure.table.rows == (("0", "good", "+1.00"), ("1", "bad", "-0.50"))
    assert figure.table.folded() in drawing.as_html(figure)
    matrix = plots.token_matrix([[1.0, 0.0], [0.25, 0.75]], ["x", "y"]).table
    assert matrix is not None and matrix.rows == (("x", "1.00", "0.00"), ("y", "0.25", "0.75"))
    grid = plots.head_grid([[0.5, 1.0]]).table
    assert grid is not None and grid.rows == (("0", "0.50", "1.00"),)


def test_columns_side_by_side() -> None:
    figure = plots.side_by_side(["x", "y"], {"raw": [0.25, 0.75], "flow": [0.5, -1.0]}, title="two")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["raw", "flow"]
    assert [[bar.get_width() for bar in axes.patches] for axes in figure.axes] == [[0.25, 0.75], [0.5, -1.0]]
    assert viz.alt_text(figure) == "Bar charts side by side. two, 2 tokens; strongest by raw: 'y', by flow: 'y'"
    assert figure.table is not None
    assert figure.table.rows == (("0", "x", "0.250", "+0.50"), ("1", "y", "0.750", "-1.00"))
    for wrong in ({}, {"raw": [1.0]}):
        with pytest.raises(OptionError, match="one score per token"):
            plots.side_by_side(["x", "y"], wrong)


def test_the_gallery_shows_every_head() -> None:
    heads = np.stack([np.eye(2), np.array([[1.0, 0.0], [0.75, 0.25]])])[None]
    figure = plots.attention_gallery(heads, ["x", "y"], [["self, 0.00 nats", "first token, 0.28 nats"]])
    assert [axes.images[0].get_array().tolist() for axes in figure.axes] == heads[0].tolist()
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "L0 H0: self, 0.00 nats",
        "L0 H1: first token, 0.28 nats",
    ]
    assert figure.table is not None
    assert figure.table.rows[1] == ("0", "1", "first token, 0.28 nats", "y reads x, 0.75")
    assert "1 self, 1 first token" in viz.alt_text(figure)
    with pytest.raises(OptionError, match=r"\(1, 2, 2, 2\)"):
        plots.attention_gallery(heads, ["x"], [["a", "b"]])


def test_the_residual_stream_joins_what_is_read() -> None:
    attention = np.array([[[1.0, 0.0], [0.6, 0.4]]])
    figure = plots.residual_stream(["x", "y"], attention, [[0.5, 1.0]], ["y", "z"], title="stream")
    (line,) = figure.axes[0].lines
    assert line.get_xydata().tolist() == [[0, 0], [1, 1]], "from the key below to the query above"
    assert figure.table is not None
    assert figure.table.rows == (
        ("embedding", "", "", "y"),
        ("layer 0 adds", "0.50", "1.00", "z"),
        ("layer 0 reads most", "", "x 0.60", ""),
    )
    assert "Beside the last token, from below: y, z" in viz.alt_text(figure)
    with pytest.raises(OptionError, match="layers"):
        plots.residual_stream(["x", "y"], attention, [[0.5, 1.0]], ["y"])


@pytest.mark.parametrize("wrong", [np.zeros(3), np.zeros((2, 2, 2)), np.zeros((0, 2))])
def test_wrong_shapes_are_named(wrong: np.ndarray) -> None:
    for draw in (plots.head_grid, plots.token_matrix):
        with pytest.raises(OptionError, match=re.escape(str(wrong.shape))):
            draw(wrong)
    with pytest.raises(OptionError, match="3 tokens"):
        plots.token_matrix(np.eye(2), ["a", "b", "c"])


def test_lists_are_matrices_too() -> None:
    rows = [[1.0, 0.0], [0.25, 0.75]]
    for draw in (plots.token_matrix, plots.head_grid):
        assert drawing.png(draw(rows)) == drawing.png(draw(np.array(rows)))


@pytest.mark.parametrize("wrong", [[[1.0], [1.0, 2.0]], [["a", "b"]], None, [], "matrix", [[1j]]])
def test_what_is_no_table_of_numbers_is_said_to(wrong: object) -> None:
    with pytest.raises(OptionError, match="head_grid needs one number per head"):
        plots.head_grid(wrong)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="token_matrix needs an attribution or one matrix"):
        plots.token_matrix(wrong)  # type: ignore[arg-type]


def test_panels_that_share_a_unit_can_share_their_scale() -> None:
    columns = {"one": [1.0, -2.0], "other": [0.1, 0.2]}
    own, shared = (plots.side_by_side(["a", "b"], columns, shared=shared) for shared in (False, True))
    assert own.axes[0].get_xlim() != own.axes[1].get_xlim()
    assert shared.axes[0].get_xlim() == shared.axes[1].get_xlim()
    fills = [axes.patches[1].get_facecolor() for axes in shared.axes]
    assert fills[0] != fills[1] and own.axes[1].patches[1].get_facecolor() != fills[1]


def test_curves_by_hand() -> None:
    drawn = np.array([[1.0, 0.6, 0.0], [1.0, 0.4, 0.0]])
    panel = plots.Panel(
        "deletion", "units taken away", {"lrp": [1.0, 0.2, 0.0], "$x$": [1, 0.9, 0]}, drawn, [1, 0.1, 0]
    )
    figure = plots.curves([panel, panel._replace(drawn=None, bound=None)], label="probability of '$y$'", title="model")
    left, right = figure.axes
    assert [list(line.get_ydata()) for line in left.lines] == [[1, 0.1, 0], [1, 0.2, 0], [1, 0.9, 0]]
    assert [list(line.get_ydata()) for line in right.lines] == [[1, 0.2, 0], [1, 0.9, 0]]
    assert len(left.collections) == 1 and not right.collections
    assert len({(line.get_color(), line.get_marker()) for line in left.lines}) == 3
    assert "lrp from 1.00, mean 0.40" in figure.alt
    assert figure.table.rows[1] == ("1", "0.200", "0.900", "0.200", "0.900")
    marked = plots.curves([panel], label="p", at=[1])
    assert [1, 1] in [list(line.get_xdata()) for line in marked.axes[0].lines]
    for wrong in ([], [plots.Panel("deletion", "", {})]):
        with pytest.raises(OptionError, match="at least one curve"):
            plots.curves(wrong, label="p")
