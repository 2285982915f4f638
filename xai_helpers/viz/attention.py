"""Who reads whom in a layer, or in all of them, and how does one weight arise? bertviz's three views, as pictures.

The head view, the model view and the neuron view are those of Vig (2019, "A Multiscale Visualization of Attention in
the Transformer Model"). Here half the weight is half the ink of a line, in its width and below a hair's width in its
shade, however many heads are drawn; and each head has a lane of its own. Heatmaps of the same numbers:
`plots.token_matrix`, `plots.attention_gallery`. Each function returns a `Picture`, of which `drawing` tells.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap, Normalize, to_rgb
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike
from scipy.special import softmax

from ..checks import whole
from ..errors import OptionError
from .drawing import (
    CELL,
    Picture,
    bars,
    cells,
    defaults,
    footed,
    label_ticks,
    picture,
    put_heading,
    put_title,
    shortened,
)
from .palette import LINES, background, scale_end
from .table import Table
from .wording import is_signed, number, visible

ROW, BAND = 0.3, 0.75  # inches from one token to the next; the part of them in which lines begin and end
WIDEST, SMALL = 6.0, 2.0  # points of a line of weight 1, at most; and in a thumbnail
SHOWN = (1.0, 0.5, 0.1)  # weights whose lines the legend shows
MOST = 3  # tokens that a table names for each reader
HAIR, LETTER = 1.0, 0.09  # points of the thinnest line; inches of a letter of a token
ROUNDING = 1e-6  # by which a weight in single precision may exceed 1
INK = "the wider and darker a line, the greater its weight"


class _Lines(NamedTuple):
    """One head's weights, (reader, read), their colour, and how far below its token a line begins and ends, in rows."""

    weights: np.ndarray
    colour: str
    shift: float = 0.0


def head_view(
    attention: ArrayLike,
    tokens: Sequence[str],
    *,
    heads: int | Iterable[int] | None = None,
    query: int | None = None,
    title: str = "",
) -> Picture:
    """One layer's attention, (heads, n, n), as lines: from each token that reads, at the left, to those that it reads.

    Each head has a colour and a lane. heads: which are drawn, None for all; seven colours can be told apart. query: the
    one token whose lines are drawn, from the end if negative. The table has the query's weights, or else what each
    token reads most. Legible up to some 25 tokens. Raises OptionError for another shape, for numbers that are no
    weights, and for heads and tokens that there are not.
    """
    weights = _weights("head_view", "(heads, n, n)", attention, tokens)
    chosen = _heads(heads, len(weights))
    colours = [LINES[head if len(weights) <= len(LINES) else place][0] for place, head in enumerate(chosen)]
    readers = list(range(len(tokens))) if query is None else [_position(query, tokens)]
    pairs = [f"head {head}: {_named(_strongest(weights[head], readers), tokens)}" for head in chosen]
    said = _said(title, f"{_many(len(chosen), 'head')} on {_many(len(tokens), 'token')}")
    said += "" if query is None else f", what {visible(tokens[readers[0]])!r} ({readers[0]}) reads"
    lane = BAND / len(chosen)
    widest = min(WIDEST, 72 * ROW * lane)
    with defaults():
        alt = f"Lines from tokens to tokens. {said}; strongest in {'; in '.join(pairs)}"
        figure = picture(3.8 + 2 * _wide(tokens), ROW * len(tokens) + 1.0, alt)
        figure.table = _head_table(said, weights[chosen], chosen, tokens, None if query is None else readers[0])
        axes = figure.add_subplot()
        shifts = lane * (np.arange(len(chosen)) - (len(chosen) - 1) / 2)
        _join(axes, map(_Lines, weights[chosen], colours, shifts), readers, widest)
        _name_sides(axes, tokens, None if query is None else readers[0])
        _legend(figure, [f"head {head}" for head in chosen], colours, widest)
        put_heading(figure, title)
        return footed(figure, INK)


def model_view(attention: ArrayLike, tokens: Sequence[str], *, title: str = "") -> Picture:
    """Every head's attention, (layers, heads, n, n), as lines in a thumbnail: a row of the grid for each layer.

    Tokens stand from the top down on both sides of a thumbnail. The table has each head's strongest pair. Raises
    OptionError for another shape, and for numbers that are no weights.
    """
    weights = _weights("model_view", "(layers, heads, n, n)", attention, tokens)
    layers, heads, n, _ = weights.shape
    readers = list(range(n))
    pairs = {place: _strongest(weights[place], readers) for place in np.ndindex(layers, heads)}
    first = max(pairs, key=lambda place: pairs[place][0])
    said = _said(title, f"{_many(layers, 'layer')} by {_many(heads, 'head')} on {_many(n, 'token')}")
    strongest = f"strongest: layer {first[0]}, head {first[1]}: {_named(pairs[first], tokens)}"
    with defaults():
        wide = min(1.3, 10 / heads)
        high = min(wide, max(0.7, 0.1 * n))
        figure = picture(wide * heads + 0.5, high * layers + 0.8, f"Small drawings of lines. {said}; {strongest}")
        rows = tuple((str(layer), str(head), _named(pair, tokens)) for (layer, head), pair in pairs.items())
        figure.table = Table(said, ("layer", "head", "strongest pair"), rows)
        for (layer, head), axes in np.ndenumerate(figure.subplots(layers, heads, squeeze=False)):
            _join(axes, [_Lines(weights[layer, head], LINES[0][0])], readers, SMALL)
            axes.set(xlim=(0, 1), ylim=(n - 0.5, -0.5), xticks=[], yticks=[])
            axes.spines[:].set_color("#bfbfbf")
            if layer == 0:
                axes.set_title(f"head {head}", fontsize=9)
            if head == 0:
                axes.set_ylabel(f"layer {layer}", fontsize=9)
        put_heading(figure, title)
        return footed(figure, f"left: the tokens that read; right: what they read; {INK}")


def neuron_view(
    q: ArrayLike, k: ArrayLike, tokens: Sequence[str], query: int, *, causal: bool, title: str = ""
) -> Picture:
    """How the weights of one token that reads arise, dimension by dimension: softmax(q·k / sqrt(d)).

    q, k: one head's queries and keys, (n, d), as they meet; where positions rotate them (Llama's relatives), after
    that. query: the token that reads, from the end if negative. causal: whether the tokens after it are hidden from it,
    as in a decoder. Above is the reader's q; below, for each token, its k, the products q × k, their sum over sqrt(d),
    and the weight. Raises OptionError for other shapes, for numbers that are not finite, and for a token that there is
    not.
    """
    if not isinstance(causal, bool | np.bool_):
        raise OptionError(f"causal={causal!r}: give True or False")
    queries, keys = (_vectors(name, values, tokens) for name, values in (("q", q), ("k", k)))
    if queries.shape != keys.shape:
        raise OptionError(f"neuron_view needs q and k of one head, alike in shape; got {queries.shape}, {keys.shape}")
    r, d = _reading(queries, keys, _position(query, tokens), causal), keys.shape[1]
    said = _said(title, f"how {visible(tokens[r.reader])!r} ({r.reader}) reads, softmax(q·k / √{d})")
    texts, most = _texts(r.scores), int(r.weights.argmax())
    read = f"{visible(tokens[most])!r} ({most}), q·k / √{d} = {texts[most]}, weight {r.weights[most]:.2f}"
    ends = scale_end([*r.q.flat, *r.k.flat]), _end(r.products), _end(r.scores)
    with defaults():
        panel = float(np.clip(0.09 * d, 1.0, 3.4))
        widths = (panel, panel, 2 * CELL[0], 1.4)
        figure = picture(
            sum(widths) + 0.6 + 2 * _wide(tokens), CELL[1] * (len(tokens) + 1) + 1.5, f"Heatmaps. {said}; most: {read}"
        )
        figure.table = _neuron_table(said, tokens, r, texts)
        panels = figure.subplot_mosaic(
            [["q", ".", ".", "."], ["k", "q × k", "sum", "softmax"]],
            width_ratios=widths,
            height_ratios=(1, len(tokens)),
        )
        _strip(panels["q"], r.q, ends[0], tokens[r.reader : r.reader + 1])
        _strip(panels["k"], r.k, ends[0], tokens)
        _strip(panels["q × k"], r.products, ends[1], [])
        cells(panels["sum"], r.scores[:, None] / (ends[2] or 1.0), [[text] for text in texts])
        panels["sum"].set(aspect="auto", xticks=[], yticks=[])
        bars(panels["softmax"], r.weights, 1.0)
        panels["softmax"].set(xlim=(0, 1.3), ylim=(len(tokens) - 0.5, -0.5), xticks=[])  # room for the numbers
        panels["softmax"].yaxis.tick_right()
        label_ticks(panels["softmax"].yaxis, tokens, 9)
        for name, axes in panels.items():
            put_title(axes, f"sum / √{d}" if name == "sum" else name)
        put_heading(figure, said)
        return footed(figure, _scales(ends, bool(np.isnan(r.scores).any())))


class _Reading(NamedTuple):
    """How one token reads n tokens with d dimensions: from its q to the weights; NaN for what is hidden from it."""

    reader: int
    q: np.ndarray  # (1, d)
    k: np.ndarray  # (n, d)
    products: np.ndarray  # (n, d)
    scores: np.ndarray  # (n,): the products' sums over sqrt(d)
    weights: np.ndarray  # (n,)


def _reading(q: np.ndarray, k: np.ndarray, reader: int, causal: bool) -> _Reading:
    n, d = k.shape
    hidden = np.arange(n) > reader if causal else np.zeros(n, dtype=bool)
    products = np.where(hidden[:, None], np.nan, q[reader] * k)
    scores = products.sum(1) / np.sqrt(d)
    return _Reading(reader, q[[reader]], k, products, scores, softmax(np.where(hidden, -np.inf, scores)))


def _weights(who: str, shape: str, attention: ArrayLike, tokens: Sequence[str]) -> np.ndarray:
    """Attention weights as float64 of this shape, with a row and a column for each token; else OptionError."""
    weights = _floats(attention, f"{who} needs attention {shape}")
    n = _many_tokens(who, tokens)
    if weights.ndim != shape.count(",") + 1 or weights.shape[-2:] != (n, n) or not weights.size:
        raise OptionError(f"{who} needs attention {shape} for n = {n} tokens; got {weights.shape}")
    if not (weights >= 0).all() or weights.max() > 1 + ROUNDING:  # NaN is not >= 0
        raise OptionError(f"{who} needs attention weights, from 0 to 1; got {weights.min():g} to {weights.max():g}")
    if not weights.sum(-1).all():
        raise OptionError(f"{who} needs weights, and some rows add up to 0: leave out tokens that read nothing")
    return weights


def _vectors(name: str, values: ArrayLike, tokens: Sequence[str]) -> np.ndarray:
    """One head's queries or keys as float64 (n, d); else OptionError."""
    vectors = _floats(values, f"neuron_view needs {name} (n, d)")
    n = _many_tokens("neuron_view", tokens)
    if vectors.ndim != 2 or len(vectors) != n or not vectors.size:
        raise OptionError(f"neuron_view needs {name} (n, d) of one head for n = {n} tokens; got {vectors.shape}")
    if not np.isfinite(vectors).all():
        raise OptionError(f"neuron_view needs finite numbers in {name}")
    return vectors


def _many_tokens(who: str, tokens: Sequence[str]) -> int:
    """How many tokens there are; OptionError for what is no list of strings."""
    if isinstance(tokens, str) or not isinstance(tokens, Collection) or not all(isinstance(x, str) for x in tokens):
        raise OptionError(f"{who} needs tokens as a list of strings; got {tokens!r:.80}")
    return len(tokens)


def _floats(values: ArrayLike, needs: str) -> np.ndarray:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError) as error:  # RuntimeError: a tensor that is differentiated
        raise OptionError(f"{needs}; got {type(values).__name__}: {error}") from error


def _position(query: int, tokens: Sequence[str]) -> int:
    return whole(query, "query", least=-len(tokens), most=len(tokens) - 1) % len(tokens)


def _heads(heads: int | Iterable[int] | None, there: int) -> list[int]:
    """The heads that are drawn, each once; else OptionError."""
    asked = range(there) if heads is None else heads if isinstance(heads, Iterable) else [heads]
    chosen = list(dict.fromkeys(whole(head, "heads", least=0, most=there - 1) for head in asked))
    if not 1 <= len(chosen) <= len(LINES):
        raise OptionError(f"head_view draws 1 to {len(LINES)} heads; got {len(chosen)}: choose some, heads=[0, 1]")
    return chosen


def _join(axes: Axes, heads: Iterable[_Lines], readers: Sequence[int], widest: float) -> None:
    """A line from each reader, at the left, to each token that it reads, at the right; strong ones cover weak ones."""
    lines = sorted(
        (weights[i, j], [(0, i + shift), (1, j + shift)], colour)
        for weights, colour, shift in heads
        for i in readers
        for j in np.flatnonzero(weights[i])
    )
    looks = [_look(widest * weight, colour) for weight, _, colour in lines]
    axes.add_collection(
        LineCollection(
            [ends for _, ends, _ in lines],
            linewidths=[width for width, _ in looks],
            colors=[colour for _, colour in looks],
            antialiaseds=[width > HAIR for width, _ in looks],  # smooth edges of thin lines would be most of the file
            capstyle="butt",
        )
    )


def _look(ink: float, colour: str) -> tuple[float, tuple[float, float, float]]:
    """The width, in points, and the colour of a line with so much ink: what is thinner than a hair pales instead."""
    share = min(1.0, ink / HAIR)
    red, green, blue = (1 - share * (1 - part) for part in to_rgb(colour))
    return max(HAIR, ink), (red, green, blue)


def _legend(figure: Picture, names: Sequence[str], colours: Sequence[str], widest: float) -> None:
    """Which head has which colour, and how lines of some weights look."""
    shown = [(name, 1.0, colour) for name, colour in zip(names, colours, strict=True)]
    shown += [(f"weight {weight:g}", weight, "black") for weight in SHOWN]
    looks = [(name, *_look(widest * weight, colour)) for name, weight, colour in shown]
    handles = [Line2D([], [], label=name, linewidth=width, color=colour) for name, width, colour in looks]
    figure.legend(handles=handles, fontsize=8, frameon=False, loc="outside right upper")


def _name_sides(axes: Axes, tokens: Sequence[str], reader: int | None) -> None:
    """The tokens down both sides; the reader in bold, if there is one alone."""
    axes.set(xlim=(0, 1))
    for side in (axes, axes.twinx()):
        side.set_ylim(len(tokens) - 0.5, -0.5)
        label_ticks(side.yaxis, tokens, 10)
        side.spines[:].set_visible(False)
    axes.xaxis.tick_top()
    label_ticks(axes.xaxis, ["reads", "is read"], 9)
    if reader is not None:
        axes.get_yticklabels()[reader].set_fontweight("bold")


def _strip(axes: Axes, values: np.ndarray, end: float, tokens: Sequence[str]) -> None:
    """Numbers (tokens, dimensions) as colours that fill the panel; end: the value of the strongest colour."""
    palette = ListedColormap([background(x) for x in np.linspace(-1, 1, 257)]).with_extremes(bad="white")
    axes.imshow(values / (end or 1.0), cmap=palette, norm=Normalize(-1, 1), aspect="auto")
    axes.set_xticks(range(0, values.shape[1], max(1, values.shape[1] // 4)))
    axes.tick_params(length=0, labelsize=8)
    label_ticks(axes.yaxis, tokens, 9)
    axes.spines[:].set_visible(False)


def _end(values: np.ndarray) -> float:
    return scale_end(values[np.isfinite(values)])


def _texts(scores: np.ndarray) -> list[str]:
    """Every score as it is written, "" for NaN."""
    end, signed = _end(scores), is_signed(scores)
    return ["" if np.isnan(score) else number(float(score), end, signed) for score in scores]


def _wide(tokens: Sequence[str]) -> float:
    """Inches of the longest token, as `label_ticks` writes it."""
    return LETTER * max(len(shortened(visible(token))) for token in tokens)


def _strongest(weights: np.ndarray, readers: Sequence[int]) -> tuple[float, int, int]:
    """The greatest weight, its reader and what is read, among the readers that have a choice, if any has."""
    free = [i for i in readers if np.count_nonzero(weights[i]) > 1] or readers
    i = max(free, key=lambda reader: float(weights[reader].max()))
    j = int(weights[i].argmax())
    return float(weights[i, j]), i, j


def _named(pair: tuple[float, int, int], tokens: Sequence[str]) -> str:
    weight, i, j = pair
    return f"{visible(tokens[i])} ({i}) reads {visible(tokens[j])} ({j}), {weight:.2f}"


def _many(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _said(title: str, what: str) -> str:
    return f"{title}, {what}" if title else what


def _head_table(
    said: str, weights: np.ndarray, heads: Sequence[int], tokens: Sequence[str], reader: int | None
) -> Table:
    """What each token reads most, or how much of each token the one reader reads; a column for each head."""
    names = [f"head {head}" for head in heads]
    if reader is not None:
        rows = [
            (str(j), visible(token), *(f"{x:.3f}" for x in weights[:, reader, j])) for j, token in enumerate(tokens)
        ]
        return Table(said, ("#", "token", *names), tuple(rows))
    rows = [
        (str(i), visible(token), *(_most(weights[head, i], tokens) for head in range(len(heads))))
        for i, token in enumerate(tokens)
    ]
    return Table(f"{said}, what each token reads most", ("#", "token", *names), tuple(rows))


def _most(row: np.ndarray, tokens: Sequence[str]) -> str:
    strongest = np.argsort(-row, kind="stable")[:MOST]
    return ", ".join(f"{visible(tokens[j])} ({j}) {row[j]:.3f}" for j in strongest if row[j] > 0)


def _neuron_table(said: str, tokens: Sequence[str], r: _Reading, texts: Sequence[str]) -> Table:
    """For each token the dimension with the greatest product, the sum over sqrt(d), and the weight."""
    rows = []
    for j, token in enumerate(tokens):
        first = int(np.abs(r.products[j]).argmax())
        greatest = f"{number(r.products[j, first], _end(r.products))} in {first}" if texts[j] else "hidden"
        rows.append((str(j), visible(token), greatest, texts[j], f"{r.weights[j]:.3f}"))
    header = ("#", "token", "greatest product, in which dimension", f"q·k / √{r.k.shape[1]}", "weight")
    return Table(said, header, tuple(rows))


def _scales(ends: tuple[float, float, float], hidden: bool) -> str:
    """What the colours mean."""
    shown = [number(end, end, signed=False) for end in ends]
    said = f"across: dimensions; strongest colours: q, k {shown[0]}, q × k {shown[1]}, sum {shown[2]}; blue below 0"
    return f"{said}; white: hidden from the reader" if hidden else said
