"""Figures: bars per token, token-by-token matrices, numbers and maps of heads, agreement, curves.

Each function returns a `Picture`, of which `drawing` tells.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from ..attribution import Attribution
from ..errors import OptionError
from .drawing import (
    ANNOTATED,
    CELL,
    Picture,
    arranged,
    bars,
    cells,
    defaults,
    drawable,
    heatmap,
    label_ticks,
    no_math,
    picture,
    put_heading,
    put_title,
    shortened,
)
from .palette import LINES, background, scale_end, share
from .table import Table
from .wording import header, is_signed, number, summary, visible

BESIDE = 6  # so many columns fit twice on a page


def token_scores(a: Attribution) -> Picture:
    """Horizontal bars, one per unit in the order of the text; orange to the right is positive, blue negative."""
    scores = [float(score) for score in a.scores]
    end = scale_end(scores, [unit.special for unit in a.units])
    with defaults():
        figure = picture(7.0, 1.1 + 0.26 * max(1, len(scores)), f"Bar chart. {summary(a)}")
        figure.table = _columns_table(a.method, a.tokens, {"score": scores})
        axes = figure.add_subplot()
        bars(axes, np.array(scores), end)
        label_ticks(axes.yaxis, a.tokens, 9)
        axes.set_ylim(len(scores) - 0.4, -0.6)
        put_title(axes, f"{a.method} · {a.model}")
        axes.set_xlabel(drawable(" · ".join(("score", *header(a)[2:]))), parse_math=False)
        return arranged(figure)


def token_matrix(a: Attribution | ArrayLike, tokens: Sequence[str] | None = None, *, title: str = "") -> Picture:
    """A token-by-token matrix (query, key) as a heatmap: row i is the reader, column j what it reads.

    a: an attribution that has a matrix, or numbers (n_queries, n_keys) with `tokens` (n) for both axes; without
    tokens, positions label them. The row that the prediction is read from is framed where the attribution names it.
    Colours span zero to the greatest absolute value; both signs, where any value is negative.
    """
    matrix, names, said, row = _matrix_of(a, tokens, title)
    size = float(np.clip(0.3 * max(matrix.shape), 3.0, 11.0))
    with defaults():
        figure = picture(size + 2.0, size * matrix.shape[0] / max(matrix.shape) + 1.2, _matrix_alt(matrix, names, said))
        figure.table = _matrix_table(matrix, names, said)
        axes = figure.add_subplot()
        heatmap(figure, axes, matrix, "score")
        points = float(np.clip(72 * size / max(matrix.shape) * 0.7, 4.5, 9.0))
        label_ticks(axes.xaxis, names[1], points, rotation=90)
        label_ticks(axes.yaxis, names[0], points)
        axes.set_xlabel("key: the token that is read")
        axes.set_ylabel("query: the token that reads")
        put_title(axes, said)
        if row is not None:
            axes.add_patch(Rectangle((-0.5, row - 0.5), matrix.shape[1], 1, fill=False, linewidth=1.4, clip_on=False))
        return arranged(figure)


def head_grid(values: ArrayLike, *, title: str = "", label: str = "value") -> Picture:
    """One number per attention head as a grid: (layers, heads), layer 0 at the top.

    label: what the number is, with its unit; it stands beside the colour bar.
    """
    grid = _table(values, "head_grid needs one number per head, (layers, heads)")
    layer, head = divmod(int(np.abs(grid).argmax()), grid.shape[1])
    strongest = f"strongest: layer {layer}, head {head}, with {_plain_number(grid, grid[layer, head])}"
    said = f"{title}: {label}" if title else label
    alt = f"Heatmap. {said}, for {grid.shape[0]} layers by {grid.shape[1]} heads; {strongest}"
    with defaults():
        figure = picture(2.2 + 0.55 * max(grid.shape[1], 4), 1.3 + 0.42 * grid.shape[0], alt)
        heads = [f"head {head}" for head in range(grid.shape[1])]
        figure.table = _matrix_table(grid, ([str(layer) for layer in range(len(grid))], heads), said, "layer")
        axes = figure.add_subplot()
        heatmap(figure, axes, grid, label)
        label_ticks(axes.xaxis, [str(head) for head in range(grid.shape[1])], 9)
        label_ticks(axes.yaxis, [str(layer) for layer in range(grid.shape[0])], 9)
        axes.set_xlabel("head")
        axes.set_ylabel("layer")
        put_title(axes, title or label)
        return arranged(figure)


def side_by_side(
    tokens: Sequence[str], columns: Mapping[str, ArrayLike], *, title: str = "", shared: bool = False
) -> Picture:
    """Bars per token, one panel for each named column of scores (n_tokens,), so that methods can be compared.

    Each panel has its own scale, which its numbers tell: methods don't share a unit. shared: one scale for all panels,
    where they do. Raises OptionError where a column has another length.
    """
    scores = {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}
    if not scores or any(values.shape != (len(tokens),) for values in scores.values()):
        shapes = {name: values.shape for name, values in scores.items()}
        raise OptionError(f"side_by_side needs columns of one score per token: {len(tokens)} tokens, got {shapes}")
    strongest = [f"{name}: {visible(tokens[int(np.abs(v).argmax())])!r}" for name, v in scores.items()]
    said = f"{title}, {len(tokens)} tokens" if title else f"{len(tokens)} tokens"
    with defaults():
        figure = picture(
            1.2 + min(2.3, 9.0 / len(scores)) * len(scores),
            1.0 + 0.27 * max(1, len(tokens)),
            f"Bar charts side by side. {said}; strongest by {', by '.join(strongest)}",
        )
        figure.table = _columns_table(title or "scores", tokens, scores)
        panels = figure.subplots(1, len(scores), squeeze=False, sharey=True)[0]
        end = scale_end([float(x) for values in scores.values() for x in values]) if shared else None
        for axes, (name, values) in zip(panels, scores.items(), strict=True):
            bars(axes, values, end)
            axes.margins(x=0.35)  # room for the numbers, in a narrow panel
            put_title(axes, name)
            axes.set_xticks([])
        label_ticks(panels[0].yaxis, tokens, 9)
        panels[0].set_ylim(len(tokens) - 0.4, -0.6)
        if shared:
            low, high = zip(*(axes.get_xlim() for axes in panels), strict=True)
            for axes in panels:
                axes.set_xlim(min(low), max(high))
        put_heading(figure, title)
        return arranged(figure)


def attention_gallery(attention: ArrayLike, tokens: Sequence[str], captions: Sequence[Sequence[str]]) -> Picture:
    """Every head's attention as a small map: (layers, heads, query, key), with a caption [layer][head] above each.

    Rows are queries, columns keys, both in the order of the text; darker is more, each map on the scale 0 to 1.
    """
    weights = np.asarray(attention, dtype=np.float64)
    if weights.ndim != 4 or weights.shape[-1] != len(tokens) or weights.shape[-2] != len(tokens):
        raise OptionError(
            f"attention_gallery needs (layers, heads, n, n) for {len(tokens)} tokens; got {weights.shape}"
        )
    layers, heads, n, _ = weights.shape
    rows = []
    for layer, head in np.ndindex(layers, heads):
        query, key = divmod(int(weights[layer, head, 1:].argmax()), n)  # the first row has nothing to choose
        pair = f"{visible(tokens[query + 1])} reads {visible(tokens[key])}, {weights[layer, head, query + 1, key]:.2f}"
        rows.append((str(layer), str(head), captions[layer][head], pair))
    table = Table("attention heads", ("layer", "head", "pattern", "strongest pair"), tuple(rows))
    kinds = [row[2].split(",")[0] for row in rows]
    counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    with defaults():
        figure = picture(
            2.1 * heads,
            2.15 * layers,
            f"Small heatmaps of {layers} layers by {heads} heads on {n} tokens: {counted}",
        )
        figure.table = table
        palette = ListedColormap([background(x) for x in np.linspace(0, 1, 257)])
        for axes, (layer, head) in zip(
            figure.subplots(layers, heads, squeeze=False).flat, np.ndindex(layers, heads), strict=True
        ):
            axes.imshow(weights[layer, head], cmap=palette, vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
            put_title(axes, f"L{layer} H{head}: {captions[layer][head]}")
            axes.title.set_fontsize(8)
        return arranged(figure)


def residual_stream(
    tokens: Sequence[str], attention: ArrayLike, updates: ArrayLike, notes: Sequence[str], *, title: str = ""
) -> Picture:
    """Each token as a column that rises through the layers: what is added to it, and what it reads on the way.

    attention: (layers, query, key), a line from the key below a layer to the query above it, darker for more.
    updates: (layers, tokens) >= 0, what each layer adds; a larger dot for more. notes: (layers + 1), a word beside
    each level of the last token, from the embeddings up.
    """
    weights, sizes = np.asarray(attention, dtype=np.float64), np.asarray(updates, dtype=np.float64)
    n = len(tokens)
    layers = len(weights)
    if weights.shape != (layers, n, n) or sizes.shape != (layers, n) or len(notes) != layers + 1:
        raise OptionError(
            f"residual_stream needs attention (layers, {n}, {n}), updates (layers, {n}) and layers + 1 notes; "
            f"got {weights.shape}, {sizes.shape}, {len(notes)}"
        )
    with defaults():
        figure = picture(
            2.4 + 0.62 * n,
            1.3 + 0.8 * layers,
            f"Columns of dots for {n} tokens through {layers} layers, joined by attention. {title}. "
            f"Beside the last token, from below: {', '.join(visible(note.strip()) for note in notes)}",
        )
        figure.table = _stream_table(title or "what each layer adds", tokens, weights, sizes, notes)
        axes = figure.add_subplot()
        axes.vlines(range(n), 0, layers, color="#bfbfbf", linewidth=1.0, zorder=1)
        for layer, query, key in zip(*np.nonzero(weights > 0.05), strict=True):
            if query != key:
                strength = min(1.0, 1.2 * weights[layer, query, key])
                axes.plot([key, query], [layer, layer + 1], color="black", alpha=strength, linewidth=1.2, zorder=2)
        axes.scatter(range(n), np.zeros(n), s=30, color="white", edgecolor="black", zorder=3)
        end = scale_end(sizes.flat) or 1.0
        for layer in range(layers):
            fills = [background(share(x, end)) for x in sizes[layer]]
            axes.scatter(
                range(n), np.full(n, layer + 1), s=30 + 170 * sizes[layer] / end, c=fills, edgecolor="black", zorder=3
            )
        for level, note in enumerate(notes):
            text = axes.text(n - 0.6, level, drawable(visible(note)), va="center", fontsize=9)
            no_math(text)
        label_ticks(axes.xaxis, tokens, 9, rotation=45)
        for tick in axes.get_xticklabels():
            tick.set(ha="right", rotation_mode="anchor")
        levels = ["embedding", *(f"after layer {layer}" for layer in range(layers))]
        label_ticks(axes.yaxis, levels, 9)
        axes.set_xlim(-0.6, n + 0.9)
        axes.set_ylim(-0.4, layers + 0.5)
        axes.spines[:].set_visible(False)
        put_title(axes, title or "residual stream")
        return arranged(figure)


def agreement_and_ranks(
    methods: Sequence[str],
    agreement: ArrayLike,
    units: Sequence[str],
    scores: ArrayLike,
    ranks: ArrayLike,
    *,
    measure: str,
    title: str = "",
) -> Picture:
    """How far methods agree, (n_methods, n_methods), beside what each says of each unit: (n_units, n_methods), twice.

    On the right, numbers are ranks, and the mean of each row; colours are signed scores, each method on its own scale.
    measure: what the matrix on the left holds, from -1 to 1. Methods are numbered alike on both sides. Raises
    OptionError where shapes don't fit.
    """
    matrix, values, places = (np.asarray(x, dtype=np.float64) for x in (agreement, scores, ranks))
    n, shape = len(methods), (len(units), len(methods))
    if not n or not shape[0] or matrix.shape != (n, n) or values.shape != shape or places.shape != shape:
        got = f"{matrix.shape}, {values.shape} and {places.shape}"
        raise OptionError(f"agreement_and_ranks needs a matrix {(n, n)}, scores and ranks {shape}; got {got}")
    mean = places.mean(axis=1)
    shares = values / np.where(values.any(axis=0), np.abs(values).max(axis=0), 1.0)
    said = f"{title + ', ' if title else ''}{n} methods, {shape[0]} units"
    first = f"lowest mean rank: {visible(units[int(mean.argmin())])!r}, {mean.min():.1f}"
    with defaults():
        figure = picture(1, 1, f"Two heatmaps. {said}. {_extremes(methods, matrix, measure)}; {first}")
        figure.table = _ranks_table(said, methods, matrix, units, values, places, measure)
        if n <= BESIDE:
            figure.set_size_inches(CELL[0] * (2 * n + 1) + 4.2, CELL[1] * max(shape) + 1.3)
            left, right = figure.subplots(1, 2, width_ratios=(n, n + 1))
        else:  # a page is not wide enough; columns stand below each other
            figure.set_size_inches(CELL[0] * (n + 1) + 2.4, CELL[1] * (n + shape[0]) + 2.0)
            left, right = figure.subplots(2, 1, height_ratios=(n, shape[0]))
        numbers = [str(i + 1) for i in range(n)]
        cells(left, matrix, [[f"{x:.2f}" for x in row] for row in matrix])
        left.set_xlim(-0.5, n - 0.5 + (n > BESIDE))
        label_ticks(left.yaxis, _numbered(methods), 9, most=28)
        label_ticks(left.xaxis, numbers, 9)
        put_title(left, measure)
        cells(right, shares, [[f"{x:g}" for x in row] for row in places])
        for row, x in enumerate(mean):
            right.text(n, row, f"{x:.1f}", ha="center", va="center", fontsize=8)
        right.set_xlim(-0.5, n + 0.5)
        label_ticks(right.yaxis, units, 9)
        label_ticks(right.xaxis, [*numbers, "mean"], 9)
        right.set_xlabel("colour: score, blue below 0", fontsize=8, loc="left")
        put_title(right, "rank of each unit")
        put_heading(figure, title)
        return arranged(figure)


def agreement_grid(
    methods: Sequence[str], mean: ArrayLike, low: ArrayLike, high: ArrayLike, *, measure: str, title: str = ""
) -> Picture:
    """The mean agreement of each two methods with its interval's ends below it: three times (n_methods, n_methods).

    measure: what is averaged, from -1 to 1. NaN is left blank. Raises OptionError where shapes don't fit.
    """
    means, lows, highs = (np.asarray(x, dtype=np.float64) for x in (mean, low, high))
    n = len(methods)
    if not n or any(x.shape != (n, n) for x in (means, lows, highs)):
        shapes = f"{means.shape}, {lows.shape} and {highs.shape}"
        raise OptionError(f"agreement_grid needs three matrices {(n, n)} for {n} methods; got {shapes}")
    said = f"{title + ', ' if title else ''}{n} methods"
    with defaults():
        figure = picture(
            2.0 * CELL[0] * n + 2.4, 1.5 * CELL[1] * n + 0.9, f"Heatmap. {said}. {_extremes(methods, means, measure)}"
        )
        written = [
            [_interval(x, a, b) for x, a, b in zip(*row, strict=True)] for row in zip(means, lows, highs, strict=True)
        ]
        rows = tuple(
            (name, *(cell.replace("\n", " ") for cell in row)) for name, row in zip(methods, written, strict=True)
        )
        figure.table = Table(f"{said}, {measure}", ("", *methods), rows)
        axes = figure.add_subplot()
        cells(axes, means, written, (2.0 * CELL[0], 1.5 * CELL[1]))
        label_ticks(axes.yaxis, _numbered(methods), 9, most=28)
        label_ticks(axes.xaxis, [str(i + 1) for i in range(n)], 9)
        put_title(axes, f"{measure} · {title}" if title else measure)
        return arranged(figure)


def generation_matrix(steps: Sequence[Attribution]) -> Picture:
    """What each generated token was explained by, one row for each, as `explain_generation` gives them.

    Columns are the tokens of the prompt and those generated before the last; a line parts the two. What a row could not
    see yet is left blank. All rows share one scale. Raises OptionError where a step's units don't begin with those of
    the step before.
    """
    matrix, rows, end = _generated(steps)
    last, signed = steps[-1], is_signed(matrix.flat)
    texts = [["" if np.isnan(x) else number(float(x), end, signed) for x in row] for row in matrix]
    written = len(last.units) <= 2 * ANNOTATED and max(len(text) for row in texts for text in row) <= 6
    parts = (last.method, last.model, last.target.output.replace("_", " ") if last.target else "")
    said = " · ".join(part for part in parts if part)
    size = f"{len(steps)} generated tokens by {len(last.units)} tokens before"
    strongest = [f"{visible(row)!r} by {visible(step.top(1)[0][0])!r}" for row, step in zip(rows, steps, strict=True)]
    with defaults():
        cell = (0.42 if written else CELL[1], CELL[1])
        width, height = cell[0] * len(last.units) + 1.9, cell[1] * len(steps) + 1.5
        figure = picture(width, height, f"Heatmap. {said}: {size}; strongest: {', '.join(strongest)}")
        shown = tuple((visible(name), *row) for name, row in zip(rows, texts, strict=True))
        figure.table = Table(said, ("generated", *map(visible, last.tokens)), shown)
        axes = figure.add_subplot()
        cells(axes, matrix / (end or 1.0), texts if written else [[""] * len(last.units)] * len(steps), cell)
        axes.axvline(len(steps[0].units) - 0.5, color="black", linewidth=1.2)
        label_ticks(axes.xaxis, last.tokens, 9, rotation=90)
        label_ticks(axes.yaxis, rows, 9)
        axes.set_ylabel("generated token")
        axes.set_xlabel("token of the prompt | generated before")
        put_title(axes, said if written else f"{said} · strongest colour: {number(end, end, signed=False)}")
        return arranged(figure)


class Panel(NamedTuple):
    """Curves over how many units were taken away, or kept, (n + 1,) each, by name.

    drawn: curves of random orders (n_orders, n + 1), of which a band shows where 95 % lie. bound: (n + 1,), of the
    best subsets that were found. Both may be None.
    """

    title: str
    x: str
    curves: Mapping[str, ArrayLike]
    drawn: ArrayLike | None = None
    bound: ArrayLike | None = None


def curves(panels: Sequence[Panel], *, label: str, title: str = "", at: Sequence[int] = ()) -> Picture:
    """Panels of curves side by side; label: what the y axis shows; at: numbers of units where upright lines stand.

    Raises OptionError for a panel without curves.
    """
    if not panels or not all(panel.curves for panel in panels):
        raise OptionError("curves needs at least one curve in each panel")
    said = [
        f"{name}: "
        + "; ".join(f"{who} from {np.ravel(y)[0]:.2f}, mean {np.mean(np.asarray(y)):.2f}" for who, y in named.items())
        for name, _, named, _, _ in panels
    ]
    with defaults():
        figure = picture(
            4.2 * len(panels), 3.4, f"Line charts of {label}. {f'{title}. ' if title else ''}{'. '.join(said)}"
        )
        figure.table = _curves_table(panels, title or label)
        every = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, (name, x, named, drawn, bound) in zip(every, panels, strict=True):
            steps = np.arange(len(next(iter(map(np.ravel, named.values())))))
            if drawn is not None and len(np.asarray(drawn)):
                low, high = np.quantile(np.asarray(drawn), (0.025, 0.975), axis=0)
                axes.fill_between(steps, low, high, color="#d9d9d9", label="95 % of random orders", linewidth=0)
            if bound is not None:
                axes.plot(steps, np.asarray(bound), color="#595959", linestyle=":", label="best subsets found")
            for k in at:
                axes.axvline(k, color="#595959", linewidth=0.8, zorder=0)
            for (who, y), (colour, marker) in zip(named.items(), itertools.cycle(LINES)):
                axes.plot(steps, np.asarray(y), color=colour, marker=marker, markersize=4, label=drawable(visible(who)))
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.set_xlabel(x)
            put_title(axes, name)
            axes.spines[["top", "right"]].set_visible(False)
        no_math(every[0].set_ylabel(drawable(visible(label))))
        legend = every[-1].legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        for text in legend.get_texts():
            no_math(text)
        put_heading(figure, title)
        figure.set_size_inches(4.2 * len(panels) + 1.6, 3.4)
        return arranged(figure)


def _columns_table(title: str, tokens: Sequence[str], columns: Mapping[str, Any]) -> Table:
    """One row per token, one column per named scores."""
    shown = [[number(float(x), scale_end(values), is_signed(values)) for x in values] for values in columns.values()]
    rows = tuple((str(i), visible(token), *(column[i] for column in shown)) for i, token in enumerate(tokens))
    return Table(title, ("#", "token", *columns), rows)


def _curves_table(panels: Sequence[Panel], title: str) -> Table:
    """One row per number of units, one column per curve."""
    columns = [(f"{name}, {who}", np.ravel(y)) for name, _, named, _, _ in panels for who, y in named.items()]
    rows = tuple((str(k), *(f"{y[k]:.3f}" for _, y in columns)) for k in range(len(columns[0][1])))
    return Table(title, ("units", *(visible(name) for name, _ in columns)), rows)


def _matrix_table(
    matrix: np.ndarray, names: tuple[Sequence[str], Sequence[str]], title: str, corner: str = "query \\ key"
) -> Table:
    rows = [
        (visible(name), *(_plain_number(matrix, value) for value in row))
        for name, row in zip(names[0], matrix, strict=True)
    ]
    return Table(title, (corner, *map(visible, names[1])), tuple(rows))


def _stream_table(
    title: str, tokens: Sequence[str], weights: np.ndarray, sizes: np.ndarray, notes: Sequence[str]
) -> Table:
    """For each layer what it adds to each token, and which other token it reads most."""
    n = len(tokens)
    header = ("after", *(visible(token) for token in tokens), "last token's guess")
    rows = [("embedding", *("" for _ in tokens), visible(notes[0]))]
    for layer in range(len(weights)):
        others = weights[layer] * (1 - np.eye(n))
        read = [
            f"{visible(tokens[j])} {others[i, j]:.2f}" if others[i].any() else ""
            for i, j in enumerate(others.argmax(-1))
        ]
        rows.append((f"layer {layer} adds", *(f"{x:.2f}" for x in sizes[layer]), visible(notes[layer + 1])))
        rows.append((f"layer {layer} reads most", *read, ""))
    return Table(title, header, tuple(rows))


def _generated(steps: Sequence[Attribution]) -> tuple[np.ndarray, list[str], float]:
    """Scores (n_steps, n_units), NaN for what a step can't see; the steps' names; the scale's end."""
    if not steps:
        raise OptionError("generation_matrix needs at least one step")
    units, target = steps[-1].units, steps[-1].target
    matrix = np.full((len(steps), len(units)), np.nan)
    for row, step in zip(matrix, steps, strict=True):
        spans = [[(unit.start, unit.end) for unit in some] for some in (step.units, units[: len(step.units)])]
        if spans[0] != spans[1]:
            raise OptionError("a step's units don't begin with those of the step before: explain tokens, not words")
        row[: len(step.units)] = step.scores
    # the last token of the next step is what a step predicts
    last = "next" if target is None else str(target.token).strip() or str(target.token)
    end = scale_end(np.nan_to_num(matrix).flat, [unit.special for unit in units] * len(steps))
    return matrix, [*(step.tokens[-1] for step in steps[1:]), last], end


def _numbered(names: Sequence[str]) -> list[str]:
    return [f"{shortened(visible(name))} {i + 1}" for i, name in enumerate(names)]


def _interval(mean: float, low: float, high: float) -> str:
    """A mean with its interval below it."""
    if np.isnan(mean):
        return ""
    return f"{mean:.2f}" if np.isnan(low) or low == high == mean == 1 else f"{mean:.2f}\n{low:.2f} to {high:.2f}"


def _extremes(methods: Sequence[str], matrix: np.ndarray, measure: str) -> str:
    """Which two methods agree most and least, in words."""
    known = np.where(np.eye(len(matrix), dtype=bool), np.nan, matrix)
    if np.isnan(known).all():
        return f"{measure} of no pair"
    found = []
    for most, place in (("highest", np.nanargmax(known)), ("lowest", np.nanargmin(known))):
        one, other = divmod(int(place), len(matrix))
        found.append(f"{most} {matrix[one, other]:.2f}, {methods[one]} and {methods[other]}")
    return f"{measure}: {', '.join(found)}"


def _ranks_table(
    title: str,
    methods: Sequence[str],
    matrix: np.ndarray,
    units: Sequence[str],
    values: np.ndarray,
    places: np.ndarray,
    measure: str,
) -> Table:
    """Score and rank of each unit by each method, then the matrix."""
    shown = [[number(float(x), scale_end(column), is_signed(column)) for x in column] for column in values.T]
    said = [
        (visible(unit), *(f"{column[i]} (rank {places[i, j]:g})" for j, column in enumerate(shown)))
        for i, unit in enumerate(units)
    ]
    agree = [(f"{measure} with {name}", *(f"{x:.2f}" for x in row)) for name, row in zip(methods, matrix, strict=True)]
    return Table(title, ("", *methods), (*said, *agree))


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
