"""Figures of circuits: the numbers are those that were given, layers rise, and what is said of a figure is true."""

from __future__ import annotations

import dataclasses
import itertools
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import tiny
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.text import Text

from xai_helpers.attribution import Target
from xai_helpers.circuits import (
    Lens,
    LogitAttribution,
    Patching,
    ablation,
    activation_patching,
    attribution,
    logit_attribution,
    logit_lens,
)
from xai_helpers.circuits.superposition import ToyModels
from xai_helpers.errors import OptionError
from xai_helpers.viz import drawing
from xai_helpers.viz.circuits import estimates, lens_grid, logit_parts, patching_map
from xai_helpers.viz.palette import background

pytestmark = pytest.mark.filterwarnings("error")

ODD = ("a_{b}$", "$x_1$", "\\frac")


def patching(values: Any = ((2.0, 6.0, 2.0), (2.0, 1.0, 2.0)), **changed: Any) -> Patching:
    """0 is 2 and 1 is 6, so that the effects are 0, 1, 0 and 0, -0.25, 0."""
    given = Patching(
        values=np.array(values),
        axes=("layer", "position"),
        names=(("0", "3"), ODD),
        clean=6.0,
        corrupted=2.0,
        site="resid_pre",
        target=Target("A", versus="$B$"),
        metric="target",
        how="denoising",
        model="m",
        texts=("clean", "corrupted"),
    )
    return dataclasses.replace(given, **changed)


def lens(**changed: Any) -> Lens:
    given = Lens(
        best=((" $a$", "b_{1}"), ("\n", " Mary")),
        probability=np.array([[0.5, 0.25], [0.75, 1.0]]),
        value=np.array([[-4.0, 1.0], [2.0, 3.0]]),
        rank=np.array([[1, 2], [0, 0]]),
        kl=np.array([[1.5, 3.0], [0.0, 0.0]]),
        levels=("embeddings", "after 0"),
        tokens=("$x$", "y_2"),
        target=Target("Mary"),
        model="m",
        tuned=False,
    )
    return dataclasses.replace(given, **changed)


def parts(**changed: Any) -> LogitAttribution:
    given = LogitAttribution(
        heads=np.array([[1.0, -2.0], [4.0, 0.5]]),
        mlps=np.array([0.25, -0.25]),
        attention_biases=np.array([0.5, 0.0]),
        embeddings={"tokens": 1.0, "positions": -1.0},
        bias=1.0,
        total=5.0,
        target=Target("$A$", versus="B_1"),
        model="m",
    )
    return dataclasses.replace(given, **changed)


def labels(axes: Axes, axis: str) -> list[str]:
    return [tick.get_text() for tick in getattr(axes, f"get_{axis}ticklabels")()]


def rows(figure: drawing.Picture) -> tuple[tuple[str, ...], ...]:
    assert figure.table is not None
    return figure.table.rows


def foot(figure: drawing.Picture) -> str:
    return " ".join(figure.get_supxlabel().split("\n"))


def shares(figure: drawing.Picture) -> list[list[float]]:
    return figure.axes[0].images[0].get_array().filled(np.nan).tolist()


def written(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_a_map_by_hand() -> None:
    figure = patching_map(patching())
    (axes,) = figure.axes
    assert rows(figure) == (("before 0", "0.00", "+1.00", "0.00"), ("before 3", "0.00", "-0.25", "0.00"))
    assert shares(figure) == [[0, 1, 0], [0, -0.25, 0]]
    assert written(axes) == ["0.00", "+1.00", "0.00", "0.00", "-0.25", "0.00"]
    image = axes.images[0]
    assert [to_hex(image.cmap(image.norm(x))) for x in (0, 1)] == [background(0), background(1)]
    assert labels(axes, "y") == ["before 0", "before 3"] and not axes.yaxis_inverted(), "layers rise"
    assert figure.get_suptitle() == "m · resid_pre · denoising · logit of 'A' versus '$B$'"
    assert foot(figure) == "0 is the corrupted run, 2.00; 1 is the clean run, 6.00"
    assert figure.alt == (
        f"Heatmap. {figure.get_suptitle()}: 2 layers by 3 tokens; "
        f"strongest: before layer 0, token 1, {ODD[1]!r}, +1.00; {foot(figure)}"
    )


def test_noising_says_what_fell_furthest_from_the_clean_run() -> None:
    figure = patching_map(patching([[6.0, 6.0, 4.0], [6.0, 5.0, 6.0]], how="noising", metric="kl"))
    assert rows(figure) == (("before 0", "1.00", "1.00", "0.50"), ("before 3", "1.00", "0.75", "1.00"))
    assert f"furthest from 1: before layer 0, token 2, {ODD[2]!r}, 0.50" in figure.alt
    assert figure.get_suptitle() == "m · resid_pre · noising · divergence from the clean prediction (KL, nats)"


def test_an_ablation_shows_the_change() -> None:
    by_head = {"axes": ("layer", "head"), "names": (("0", "3"), ("0", "1", "2")), "site": "z"}
    figure = patching_map(patching(**by_head, corrupted=None, how="mean"))
    assert rows(figure) == (("0", "-4.00", "0.00", "-4.00"), ("3", "-4.00", "-5.00", "-4.00"))
    assert "m · z · mean ablation · " in figure.alt
    assert "2 layers by 3 heads; strongest: layer 3, head 1, -5.00" in figure.alt
    assert foot(figure).startswith("0 is the run as it is, 6.00")
    assert figure.axes[0].get_xlabel() == "head"


def test_many_tokens_leave_colours_only() -> None:
    values, names = np.linspace(2, 10, 50).reshape(2, 25), (("0", "1"), tuple("abcdefghijklmnopqrstuvwxy"))
    figure = patching_map(patching(values, names=names))
    assert set(written(figure.axes[0])) == {""}
    assert foot(figure).endswith("white is 0, the strongest colour 2.00")
    assert rows(figure)[1][-1] == "2.00"
    fewer = patching_map(patching(values[:, :24], names=(names[0], names[1][:24])))
    assert "" not in written(fewer.axes[0])


def test_numbers_that_are_not_there_are_left_blank() -> None:
    figure = patching_map(patching([[np.nan, 4.0, 2.0], [2.0, 2.0, np.nan]]))
    assert rows(figure) == (("before 0", "", "0.500", "0.000"), ("before 3", "0.000", "0.000", ""))
    assert np.isnan(shares(figure)[0][0]) and shares(figure)[0][1] == 1
    assert f"strongest: before layer 0, token 1, {ODD[1]!r}, 0.500" in figure.alt
    none = patching_map(patching(np.full((2, 3), np.nan)))
    assert "no cell has a number" in none.alt and set(written(none.axes[0])) == {""}
    infinite = patching_map(patching([[np.inf, 4.0, 2.0], [2.0, 2.0, 2.0]]))
    assert rows(infinite)[0] == ("before 0", "inf", "0.500", "0.000") and shares(infinite)[0] == [1, 1, 0]


def test_where_all_is_equal_no_cell_stands_out() -> None:
    figure = patching_map(patching(np.full((2, 3), 2.0)))
    assert "every cell has 0" in figure.alt and shares(figure) == [[0, 0, 0], [0, 0, 0]]
    same = lens_grid(lens(kl=np.zeros((2, 2))))
    assert "every cell has 0" in same.alt and foot(same).endswith("; all are 0")
    nothing = logit_parts(
        parts(
            heads=np.zeros((2, 2)), mlps=np.zeros(2), attention_biases=np.zeros(2), embeddings={}, bias=0.0, total=0.0
        )
    )
    assert nothing.get_suptitle().endswith("= 0")
    with pytest.raises(OptionError, match="between equal values there is no scale"):
        patching_map(patching(corrupted=6.0))


@pytest.mark.parametrize(
    ("value", "numbers", "said", "strongest"),
    [
        ("kl", ["1.50", "3.00", "0.00", "0.00"], "divergence", "embeddings, token 1, 'y_2', 3.00"),
        ("probability", ["0.50", "0.25", "0.75", "1.00"], "probability of the best token", "after 0, token 1"),
        ("value", ["-4.00", "+1.00", "+2.00", "+3.00"], "logit of 'Mary'", "embeddings, token 0, '$x$', -4.00"),
    ],
)
def test_a_lens_by_hand(value: Any, numbers: list[str], said: str, strongest: str) -> None:
    figure = lens_grid(lens(), value=value)
    (axes,) = figure.axes
    a, b, c, d = numbers
    assert rows(figure) == (("embeddings", f" $a$ ({a})", f"b_{{1}} ({b})"), ("after 0", f"↵ ({c})", f" Mary ({d})"))
    assert written(axes) == ["$a$", "b_{1}", "↵", "Mary"]
    assert labels(axes, "y") == ["embeddings", "after 0"] and not axes.yaxis_inverted()
    assert labels(axes, "x") == ["$x$", "y_2"]
    end = max(abs(float(number)) for number in numbers)
    np.testing.assert_allclose(np.ravel(shares(figure)), [float(number) / end for number in numbers])
    assert f"strongest: {strongest}" in figure.alt
    assert "at the last token, from below: 'b_{1}', ' Mary'" in figure.alt
    assert foot(figure).startswith(f"colour, number: {said}")
    assert ("blue below 0" in foot(figure)) == (value == "value")
    assert figure.get_suptitle() == "m · logit lens · best next token"
    assert "tuned lens" in lens_grid(lens(tuned=True)).alt


@pytest.mark.parametrize("n", [1, 14, 24, 25])
def test_words_stay_in_their_cells(n: int) -> None:
    words = itertools.cycle([" positive", "<|endoftext|>", " Tower", " Wednesday", ","])
    best = tuple(tuple(itertools.islice(words, n)) for _ in range(2))
    some = {name: np.ones((2, n)) for name in ("probability", "value", "kl")}
    figure = lens_grid(lens(best=best, tokens=tuple("t" * n), **some))
    (axes,) = figure.axes
    assert all(written(axes)) == (n <= 24), "else the table has them"
    assert ("words are in the table" in foot(figure)) == (n > 24)
    assert max(figure.get_size_inches()) < 13
    figure.draw_without_rendering()
    width = axes.get_window_extent().width / n
    assert all(text.get_window_extent().width <= width for text in axes.texts)


def test_the_parts_of_a_logit_by_hand() -> None:
    figure = logit_parts(parts())
    left, right = figure.axes
    assert shares(figure) == [[0.25, -0.5], [1, 0.125]]
    assert written(left) == ["+1.00", "-2.00", "+4.00", "+0.50"] and not left.yaxis_inverted()
    names = ["tokens", "positions", "attention bias 0", "MLP 0", "attention bias 1", "MLP 1", "bias"]
    assert labels(right, "y") == names and not right.yaxis_inverted(), "both rise with the stream"
    assert [bar.get_width() for bar in right.patches] == [1.0, -1.0, 0.5, 0.25, 0.0, -0.25, 1.0]
    assert to_hex(right.patches[0].get_facecolor()) == background(0.25), "one scale for heads and bars"
    assert figure.get_suptitle() == "m · logit of '$A$' versus 'B_1' = 5.00"
    assert foot(figure) == "total 5.00 = heads 3.50 + embeddings 0.00 + MLPs 0.00 + biases 1.50"
    assert "strongest: head 1.0 +4.00, head 0.1 -2.00, " in figure.alt
    *listed, total = rows(figure)
    assert [(name, float(value)) for name, value in listed] == list(parts().parts())
    assert total == ("total", "5.00")


def test_a_gap_is_said_and_rounding_is_not() -> None:
    assert foot(logit_parts(parts(total=7.0))).endswith(" + gap 2.00")
    assert "gap" not in foot(logit_parts(parts(total=5.0 + 1e-7)))


def test_a_model_without_biases_of_attention_has_no_bars_for_them() -> None:
    figure = logit_parts(parts(attention_biases=np.zeros(2), total=4.5))
    assert labels(figure.axes[1], "y") == ["tokens", "positions", "MLP 0", "MLP 1", "bias"]
    assert ("attention bias 0", "0.00") in rows(figure)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: patching_map(patching(np.ones((2, 3, 1)), axes=("layer", "position", "head"))), "choose two"),
        (lambda: patching_map(patching(np.ones((2, 2)))), r"got \(2, 2\)"),
        (lambda: patching_map(patching(np.ones((0, 3)), names=((), ODD))), r"got \(0, 3\)"),
        (lambda: lens_grid(lens(), value="rank"), "'kl', 'probability', 'value'"),  # type: ignore[arg-type]
        (lambda: lens_grid(lens(kl=np.ones((3, 2)))), r"got \(3, 2\)"),
        (lambda: lens_grid(lens(best=(("a",), ("b",)))), "best token"),
        (lambda: logit_parts(parts(heads=np.ones((3, 2)))), r"got \(3, 2\)"),
        (lambda: logit_parts(parts(heads=np.ones(2))), r"got \(2,\)"),
        (lambda: logit_parts(parts(attention_biases=np.ones(1))), "got 1"),
        (lambda: logit_parts(parts(mlps=np.array([0.0, np.nan]))), "MLP 1 is nan"),
    ],
)
def test_what_can_not_be_drawn_is_said_to(call: Any, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        call()


@pytest.mark.parametrize(
    "draw", [lambda: patching_map(patching()), lambda: lens_grid(lens()), lambda: logit_parts(parts())]
)
def test_names_are_drawn_as_they_are_and_the_same_each_time(draw: Any) -> None:
    figure = draw()
    texts = [text for text in figure.findobj(Text) if "$" in text.get_text() and text.get_visible()]
    assert texts and not any(text.get_parse_math() for text in texts), "a dollar sign is a dollar sign"
    assert drawing.png(figure) == drawing.png(draw())
    assert re.search(r"<img alt=.*<table", drawing.as_html(figure), re.DOTALL)


def test_estimates_by_hand() -> None:
    exact = patching()
    guess = patching(((2.0, 3.0, 2.0), (2.0, 1.0, 2.0)), how="denoising, first order")
    figure = attribution.scatter([guess], [exact])
    points = figure.axes[0].collections[0].get_offsets()
    np.testing.assert_allclose(points, np.stack([exact.effect.ravel(), guess.effect.ravel()], axis=1))
    assert figure.table.rows == (("resid_pre", "layer and position", "0, $x_1$", "1.00", "0.25"),)
    assert "exact 1.00, estimate 0.25" in drawing.alt_text(figure)
    with pytest.raises(OptionError, match="as many maps"):
        estimates([guess], [])
    with pytest.raises(OptionError, match="like with like"):
        estimates([patching(site="z")], [exact])


def test_results_plot_themselves() -> None:
    decoder = tiny.model("gpt2", "causal-lm")
    map_, heads = activation_patching(decoder, tiny.TEXT, tiny.TEXT.replace("cat", "mat")), ablation(decoder, tiny.TEXT)
    levels, logit = logit_lens(decoder, tiny.TEXT), logit_attribution(decoder, tiny.TEXT)
    for p in (map_, heads):
        shown = [[float(x) for x in row[1:]] for row in rows(p.plot())]
        np.testing.assert_allclose(shown, p.effect, atol=0.006 * np.abs(p.effect).max())
    assert rows(levels.plot(value="probability"))[0][0] == "embeddings"
    assert rows(logit.plot())[-1][0] == "total"


def test_importing_circuits_imports_no_matplotlib() -> None:
    code = "import sys, xai_helpers.circuits; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_toy_features_by_hand() -> None:
    W = np.array([[[1.0, 0.0, 0.6], [0.0, 1.0, -0.8]]])
    toys = ToyModels(W, np.zeros((1, 3)), (0.25,), np.ones(3), np.array([0.125]))
    figure = toys.plot(0)
    assert figure.table.rows[2] == ("2", "+0.60", "-0.80", "+1.00")
    assert "25% of the samples; lengths of the features: 1.00, 1.00, 1.00" in drawing.alt_text(figure)
    ends = [(line.get_xdata()[1], line.get_ydata()[1]) for line in figure.axes[0].lines]
    assert ends == [(1.0, 0.0), (0.0, 1.0), (0.6, -0.8)]
    with pytest.raises(OptionError, match="these models have 3"):
        dataclasses.replace(toys, W=np.zeros((1, 3, 3))).plot(0)
