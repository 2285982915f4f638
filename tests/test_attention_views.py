"""The attention views: what is drawn are the weights, and how they arise is the model's own pattern."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from PIL import Image
from scipy.special import softmax
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

import xai_helpers as xai
from xai_helpers import circuits, viz
from xai_helpers.attention import attention_weights
from xai_helpers.errors import OptionError
from xai_helpers.viz import attention as views
from xai_helpers.viz import drawing
from xai_helpers.viz.palette import LINES, background

pytestmark = pytest.mark.filterwarnings("error")

PICTURES = Path(xai.__file__).parents[1] / "data" / "pictures"
HOSTILE = ["$x^$", "\n", "", "😀", "a_" * 30]


def random_weights(*shape: int, seed: int = 0) -> np.ndarray:
    """Causal attention weights (..., n, n)."""
    n = shape[-1]
    scores = 3 * np.random.default_rng(seed).normal(size=shape)
    return softmax(np.where(np.tri(n, dtype=bool), scores, -np.inf), axis=-1)


def inks(axes: Axes, colours: list[str]) -> np.ndarray:
    """(colours, reader, read): the width of each line in points, times its share of its head's colour."""
    (lines,) = axes.collections
    n = round(axes.get_ylim()[0] + 0.5)
    found = np.zeros((len(colours), n, n))
    for ends, width, shown in zip(lines.get_segments(), lines.get_linewidths(), lines.get_colors(), strict=True):
        assert list(ends[:, 0]) == [0, 1], "from the left to the right"
        i, j = (round(y) for y in ends[:, 1])
        shares = [(1 - shown[:3]) / (1 - np.array(to_rgb(colour)) + 1e-300) for colour in colours]
        head = int(np.argmin([np.ptp(share) for share in shares]))
        assert found[head, i, j] == 0, "one line for each pair"
        found[head, i, j] = width * shares[head].max()
    return found


def labels(axis: Any) -> list[str]:
    return [tick.get_text() for tick in axis.get_ticklabels()]


@pytest.mark.parametrize("heads", [1, 4, 7])
def test_the_ink_of_a_line_is_its_weight(heads: int) -> None:
    weights, colours = random_weights(heads, 6, 6), [colour for colour, _ in LINES[:heads]]
    axes = views.head_view(weights, list("abcdef")).axes[0]
    found = inks(axes, colours)
    widest = found.max() / weights.max()
    assert np.abs(found - widest * weights).max() < 1e-9
    (lines,) = axes.collections
    assert list(lines.get_linewidths()) == sorted(lines.get_linewidths()), "the strongest are on top"
    lanes = [{round(float(y % 1), 9) for y in ends[:, 1]} for ends in lines.get_segments()]
    assert all(len(lane) == 1 for lane in lanes) and len(set.union(*lanes)) == heads, "each head keeps its own lane"
    assert widest <= 72 * views.ROW * views.BAND / heads, "lanes of full weight don't overlap"


def test_a_head_view_by_hand() -> None:
    attention = [[[1.0, 0.0], [0.25, 0.75]], [[1.0, 0.0], [0.5, 0.5]]]
    figure = views.head_view(attention, ["x", "y"], title="layer 3")
    left, right = figure.axes
    assert labels(left.yaxis) == labels(right.yaxis) == ["x", "y"] and left.yaxis_inverted() and right.yaxis_inverted()
    assert labels(left.xaxis) == ["reads", "is read"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        *("head 0", "head 1", "weight 1", "weight 0.5", "weight 0.1")
    ]
    assert viz.alt_text(figure) == (
        "Lines from tokens to tokens. layer 3, 2 heads on 2 tokens; strongest in head 0: y (1) reads y (1), 0.75; "
        "in head 1: y (1) reads x (0), 0.50; the wider and darker a line, the greater its weight"
    )
    assert figure.table is not None and figure.table.header == ("#", "token", "head 0", "head 1")
    assert figure.table.rows == (
        ("0", "x", "x (0) 1.000", "x (0) 1.000"),
        ("1", "y", "y (1) 0.750, x (0) 0.250", "x (0) 0.500, y (1) 0.500"),
    )


def test_a_query_keeps_its_own_lines() -> None:
    weights = random_weights(3, 5, 5)
    figure = views.head_view(weights, list("abcde"), heads=[2, 0], query=-2)
    found = inks(figure.axes[0], [LINES[2][0], LINES[0][0]])
    assert not found[:, [0, 1, 2, 4]].any()
    assert np.allclose(found[:, 3] / found.max(), weights[[2, 0], 3] / weights[[2, 0], 3].max(), atol=1e-9)
    assert [tick.get_fontweight() for tick in figure.axes[0].get_yticklabels()] == [*["normal"] * 3, "bold", "normal"]
    assert figure.table is not None and figure.table.header[2:] == ("head 2", "head 0")
    assert [row[2:] for row in figure.table.rows] == [
        tuple(f"{x:.3f}" for x in weights[[2, 0], 3, j]) for j in range(5)
    ]
    assert "what 'd' (3) reads" in figure.table.title and "what 'd' (3) reads" in viz.alt_text(figure)
    one = views.head_view(weights, list("abcde"), heads=1, query=3)
    assert np.count_nonzero(inks(one.axes[0], [LINES[1][0]])) == 4, "head 1 has its colour with the others or without"


def test_of_many_heads_seven_can_be_chosen() -> None:
    weights = random_weights(12, 3, 3)
    figure = views.head_view(weights, list("abc"), heads=[0, 7])
    assert (inks(figure.axes[0], [LINES[0][0], LINES[1][0]]).sum((1, 2)) > 0).all()
    with pytest.raises(OptionError, match=r"1 to 7 heads; got 12: choose some"):
        views.head_view(weights, list("abc"))


def test_a_model_view_draws_every_head() -> None:
    weights = random_weights(2, 3, 4, 4)
    figure = views.model_view(weights, list("abcd"), title="model")
    found = np.array([inks(axes, [LINES[0][0]])[0] for axes in figure.axes]).reshape(weights.shape)
    assert np.abs(found - views.SMALL * weights).max() < 1e-9
    assert [axes.get_title() for axes in figure.axes[:3]] == ["head 0", "head 1", "head 2"]
    assert [axes.get_ylabel() for axes in figure.axes] == ["layer 0", "", "", "layer 1", "", ""]
    free = weights.copy()
    free[..., 0, :] = 0  # the first token has nothing to choose
    layer, head, i, j = np.unravel_index(free.argmax(), free.shape)
    pair = f"{'abcd'[i]} ({i}) reads {'abcd'[j]} ({j}), {free.max():.2f}"
    assert figure.table is not None and len(figure.table.rows) == 6
    assert (str(layer), str(head), pair) in figure.table.rows
    assert f"2 layers by 3 heads on 4 tokens; strongest: layer {layer}, head {head}: {pair}; " in viz.alt_text(figure)


def panels(figure: drawing.Picture) -> dict[str, Axes]:
    return {axes.get_title(loc="left"): axes for axes in figure.axes}


def drawn_weights(figure: drawing.Picture) -> list[float]:
    return [bar.get_width() for bar in panels(figure)["softmax"].patches]


def test_a_neuron_view_by_hand() -> None:
    q, k = np.array([[9, 9, 9, 9], [1, -2, 0, 3]]), np.array([[2, 1, 5, 0], [0, 0, 7, 2]])
    figure = views.neuron_view(q, k, ["x", "y"], 1, causal=True, title="a head")
    shown = {
        name: np.ma.filled(axes.images[0].get_array(), np.nan) for name, axes in panels(figure).items() if axes.images
    }
    assert (shown["q"] * 7).tolist() == [[1, -2, 0, 3]] and np.allclose(shown["k"] * 7, k, atol=1e-12)
    assert np.allclose(shown["q × k"] * 6, [[2, -2, 0, 0], [0, 0, 0, 6]], atol=1e-12)
    assert np.allclose(shown["sum / √4"][:, 0] * 3, [0, 3], atol=1e-12)
    assert [text.get_text() for text in panels(figure)["sum / √4"].texts] == ["0.00", "3.00"]
    assert drawn_weights(figure) == pytest.approx([1 / (1 + np.e**3), 1 / (1 + np.e**-3)], abs=1e-12)
    assert [labels(panels(figure)[name].yaxis) for name in ("q", "k", "softmax")] == [["y"], ["x", "y"], ["x", "y"]]
    assert figure.table is not None and figure.table.rows == (
        ("0", "x", "+2.00 in 0", "0.00", "0.047"),
        ("1", "y", "+6.00 in 3", "3.00", "0.953"),
    )
    assert viz.alt_text(figure) == (
        "Heatmaps. a head, how 'y' (1) reads, softmax(q·k / √4); most: 'y' (1), q·k / √4 = 3.00, weight 0.95; across: "
        "dimensions; strongest colours: q, k 7.00, q × k 6.00, sum 3.00; blue below 0"
    )


def test_colours_of_a_neuron_view_are_signed() -> None:
    axes = panels(views.neuron_view([[1.0, -1.0]], [[1.0, 1.0]], ["x"], 0, causal=False))["q × k"]
    pixels = axes.images[0].to_rgba(axes.images[0].get_array())[0, :, :3]
    assert np.abs(pixels - [to_rgb(background(1)), to_rgb(background(-1))]).max() < 1e-6


def test_what_comes_later_is_hidden_from_a_decoder() -> None:
    q, k = np.random.default_rng(1).normal(size=(2, 5, 8))
    both, causal = (views.neuron_view(q, k, list("abcde"), 2, causal=causal) for causal in (False, True))
    scores = k @ q[2] / np.sqrt(8)
    assert drawn_weights(both) == pytest.approx(softmax(scores), abs=1e-12)
    assert drawn_weights(causal) == pytest.approx([*softmax(scores[:3]), 0, 0], abs=1e-12)
    for name in ("q × k", "sum / √8"):
        assert np.ma.getmaskarray(panels(causal)[name].images[0].get_array()).any(1).tolist() == [
            *[False] * 3,
            True,
            True,
        ]
    assert "white: hidden from the reader" in viz.alt_text(causal) and "white" not in viz.alt_text(both)
    assert causal.table is not None and causal.table.rows[3][2:] == ("hidden", "", "0.000")


@pytest.mark.parametrize("family", ["course-gpt2", "gpt2", "bert", "roberta", "distilbert"])
def test_weights_arise_as_in_the_model(family: str, gpt2: xai.TextModel) -> None:
    """softmax(q·k / sqrt(d)) of what the model computed is the pattern that it computed."""
    kind = "causal-lm" if family == "gpt2" else "classifier"
    model = gpt2 if family == "course-gpt2" else tiny.model(family, kind)
    _, cache = circuits.run_with_cache(model, tiny.TEXT, ["q", "k", "pattern"])
    tokens = [unit.text for unit in model.encode(tiny.TEXT).units]
    reader, q, k = len(tokens) // 2, cache["q", 1][:, 2], cache["k", 1][:, 2]
    figure = views.neuron_view(q, k, tokens, reader, causal=model.architecture.decoder)
    assert drawn_weights(figure) == pytest.approx(cache["pattern", 1][2, reader].tolist(), abs=1e-6)
    assert np.count_nonzero(drawn_weights(figure)) == (reader + 1 if model.architecture.decoder else len(tokens))


def test_rotated_queries_meet_rotated_keys() -> None:
    model = tiny.model("llama", "causal-lm")
    _, cache = circuits.run_with_cache(model, tiny.TEXT, ["q", "k", "pattern"])
    tokens = [unit.text for unit in model.encode(tiny.TEXT).units]
    q, k = (cache[name, 1].transpose(0, 1)[None] for name in ("q", "k"))  # (1, heads, n, d); two heads share a key
    turned = apply_rotary_pos_emb(q, k, *model.model.base_model.rotary_emb(q, torch.arange(len(tokens))[None]))
    pattern = cache["pattern", 1][3, -1].tolist()
    before, after = (
        drawn_weights(views.neuron_view(q[0, 3], k[0, 1], tokens, -1, causal=True)) for q, k in ((q, k), turned)
    )
    assert after == pytest.approx(pattern, abs=1e-6)
    assert np.abs(np.subtract(before, pattern)).max() > 0.01, "as the docstring says"


@pytest.mark.parametrize(
    ("attention", "said"),
    [
        (np.zeros((2, 2)), r"head_view needs attention \(heads, n, n\) for n = 2 tokens; got \(2, 2\)"),
        (np.zeros((1, 2, 2, 2)), r"got \(1, 2, 2, 2\)"),
        (np.zeros((2, 2, 3)), r"got \(2, 2, 3\)"),
        (np.zeros((0, 2, 2)), r"got \(0, 2, 2\)"),
        (np.full((1, 2, 2), np.nan), "from 0 to 1; got nan to nan"),
        (np.full((1, 2, 2), -0.5), "got -0.5 to -0.5"),
        (np.full((1, 2, 2), 1.5), "got 1.5 to 1.5"),
        (np.eye(2)[None] * [1, 0], "some rows add up to 0"),
        ("attention", "head_view needs attention"),
        ([[[1.0], [1.0, 2.0]]], "head_view needs attention"),
        (torch.ones(1, 2, 2, requires_grad=True), "Tensor"),
    ],
)
def test_what_is_no_attention_is_said_to(attention: Any, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        views.head_view(attention, ["x", "y"])
    with pytest.raises(OptionError, match="model_view needs attention"):
        views.model_view(np.ones((2, 2, 2)), ["x", "y"])


@pytest.mark.parametrize(
    "options", [{"heads": x} for x in (2, -1, [0, 2], [], 0.5, "0", True)] + [{"query": 2}, {"query": -3}]
)
def test_heads_and_tokens_that_there_are_not(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="head" if "heads" in options else "query"):
        views.head_view(random_weights(2, 2, 2), ["x", "y"], **options)


@pytest.mark.parametrize(
    ("q", "k", "said"),
    [
        (np.ones((3, 4)), np.ones((2, 4)), r"q \(n, d\) of one head for n = 2 tokens; got \(3, 4\)"),
        (np.ones((2, 4)), np.ones((2, 3)), r"alike in shape; got \(2, 4\), \(2, 3\)"),
        (np.ones((2, 4)), np.ones((2, 1, 4)), r"k \(n, d\) of one head"),
        (np.ones((2, 0)), np.ones((2, 0)), r"got \(2, 0\)"),
        (np.ones((2, 4)), np.full((2, 4), np.inf), "finite numbers in k"),
        ("q", np.ones((2, 4)), "needs q"),
    ],
)
def test_what_is_no_query_and_key_is_said_to(q: Any, k: Any, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        views.neuron_view(q, k, ["x", "y"], 0, causal=True)
    with pytest.raises(OptionError, match="query=2"):
        views.neuron_view(np.ones((2, 4)), np.ones((2, 4)), ["x", "y"], 2, causal=True)


@pytest.mark.parametrize("tokens", [None, "xy", [1, 2], ["x", None], 2])
def test_tokens_are_strings(tokens: Any) -> None:
    for draw in (
        lambda: views.head_view(random_weights(2, 2, 2), tokens),
        lambda: views.model_view(random_weights(1, 2, 2, 2), tokens),
        lambda: views.neuron_view(np.ones((2, 4)), np.ones((2, 4)), tokens, 0, causal=True),
    ):
        with pytest.raises(OptionError, match="_view needs tokens as a list of strings; got"):
            draw()


@pytest.mark.parametrize("causal", ["no", None, 0])
def test_causal_is_yes_or_no(causal: Any) -> None:
    with pytest.raises(OptionError, match=r"^causal=.*: give True or False"):
        views.neuron_view(np.ones((2, 4)), np.ones((2, 4)), ["x", "y"], 0, causal=causal)


def test_pictures_are_small_and_the_same_each_time(gpt2: xai.TextModel) -> None:
    text = "The Eiffel Tower is located in the city of London and"
    tokens = [unit.text for unit in gpt2.encode(text).units]
    weights = attention_weights(gpt2, text)
    _, cache = circuits.run_with_cache(gpt2, text, ["q", "k"])
    q, k = (cache[name, 1][:, 1] for name in ("q", "k"))
    assert len(tokens) == 12
    for picture in (
        views.head_view(weights[1], tokens),
        views.model_view(weights, tokens),
        views.neuron_view(q, k, tokens, -1, causal=True),
    ):
        assert len(drawing.png(picture)) < 120_000
    for draw in (
        lambda: views.head_view(weights[1, :, :2, :2], tokens[:2]),
        lambda: views.model_view(weights[:1, :2, :2, :2], tokens[:2]),
        lambda: views.neuron_view(q[:2], k[:2], tokens[:2], 0, causal=True),
    ):
        assert drawing.png(draw()) == drawing.png(draw())


@pytest.mark.parametrize("tokens", [["x"], [f"token{i}" for i in range(25)], HOSTILE])
def test_one_token_many_tokens_and_any_token(tokens: list[str]) -> None:
    n = len(tokens)
    q, k = np.random.default_rng(0).normal(size=(2, n, 4))
    figure = views.head_view(random_weights(2, n, n), tokens)
    boxes = [tick.get_window_extent() for tick in figure.axes[0].get_yticklabels()]
    assert all(upper.y0 > lower.y1 for upper, lower in itertools.pairwise(boxes)), "labels don't touch"
    for picture in (figure, views.neuron_view(q, k, tokens, 0, causal=True)):
        assert all(axes.bbox.width > 50 for axes in picture.axes), "long tokens leave room"
        assert str(picture.table) and viz.alt_text(picture)


def test_many_heads_fit_on_a_page() -> None:
    assert views.model_view(random_weights(1, 12, 3, 3), list("abc")).get_size_inches()[0] < 11


def test_bertviz_drew_what_our_model_attends_to() -> None:
    """The pictures that `make tools` took are whole, small, and of this model's weights."""
    record = json.loads((PICTURES / "bertviz.json").read_text(encoding="utf-8"))
    assert set(record["views"]) == {"head", "model", "neuron"} and record["model"] == "course-gpt2"
    for view in record["views"].values():
        path = PICTURES / view["file"]
        with Image.open(path) as image:
            assert image.width <= 900 and path.stat().st_size < 150_000
        assert view["weights differ by at most"] < 1e-5 and view["alt"]
        assert view["page"]["without a network"]["drawings"] == 0
