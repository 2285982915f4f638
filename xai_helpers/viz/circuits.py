"""Figures of what happens inside a model: maps of patching, the levels of a lens, the parts of a logit.

Each function returns a `Picture`, of which `drawing` tells. Layers rise from the bottom, as in `plots.residual_stream`.
Colours span zero to the greatest absolute value; the line below a figure says which that is where no cell does.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np
from matplotlib.axes import Axes

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
    footed,
    label_ticks,
    no_math,
    picture,
    put_heading,
    put_title,
    shortened,
)
from .palette import LINES, scale_end
from .table import Table
from .wording import is_signed, number, visible

if TYPE_CHECKING:
    from ..circuits.lens import Lens, LogitAttribution
    from ..circuits.patching import Patching
    from ..circuits.superposition import ToyModels

Shown = Literal["kl", "probability", "value"]
WIDE = 0.48  # inches of a cell with a number of six characters in it
PAGE, LONGEST, LETTER = 11.0, 9, 0.08  # inches of a row of words; letters of a word in a cell; inches of a letter
SIDES = {"resid_pre": "before ", "resid_mid": "amid ", "resid_post": "after "}  # which side of a layer
KL = "divergence from the {} prediction (KL, nats)"


def patching_map(p: Patching) -> Picture:
    """The effect of each activation that was replaced: layers upward, tokens or heads across.

    The line below says what 0 and 1 are. The alternative text names the cell that differs most from the run into which
    was patched, which has 0; in noising, 1. Raises OptionError for maps of one axis or three, and where both runs have
    the same value.
    """
    if len(p.axes) != 2:
        raise OptionError(
            f"a map has two axes, and this has {', '.join(p.axes)}: choose two, axes=('layer', 'position') or "
            "axes=('layer', 'head')"
        )
    side, (layers, columns) = SIDES.get(p.site, ""), p.names
    rows = [f"{side}{layer}" for layer in layers]
    effect = _checked("patching_map", p.effect, (len(rows), len(columns)))
    across = "head" if p.axes[1] == "head" else "token"
    names = columns if across == "head" else [f"{j}, {visible(name)!r}" for j, name in enumerate(columns)]
    said = " · ".join((p.model, p.site, f"{p.how} ablation" if p.corrupted is None else p.how, _metric(p)))
    texts = _numbers(effect)
    fit = _fit(texts)
    where = lambda i, j: f"{side}layer {layers[i]}, {across} {names[j]}"  # noqa: E731
    most = _most(effect, texts, where, float(p.how == "noising"))
    return _figure(
        _Grid(effect, texts if fit else None, rows, columns, WIDE if fit else CELL[1]),
        said=said,
        labels=("layer", across),
        alt=f"Heatmap. {said}: {len(rows)} layers by {len(columns)} {across}s; {most}",
        table=Table(said, ("layer", *map(visible, columns)), _rows(rows, texts)),
        foot=_baselines(p) if fit else f"{_baselines(p)}; {_scale(effect)}",
    )


def lens_grid(lens: Lens, *, value: Shown = "kl") -> Picture:
    """The best next token at each level, upward, and each token, across; the colour says a number about it.

    value: "kl", how far the whole prediction is from the model's own; "probability", that of the token in the cell;
    "value", the target's. Texts of more than 24 tokens have no room for words: their table has them.
    """
    if value not in get_args(Shown):
        raise OptionError(f"value={value!r}: choose one of {', '.join(map(repr, get_args(Shown)))}")
    levels, tokens = lens.levels, lens.tokens
    values = _checked("lens_grid", getattr(lens, value), (len(levels), len(tokens)))
    if [len(row) for row in lens.best] != [len(tokens)] * len(levels):
        raise OptionError(f"lens_grid needs a best token for each of {len(levels)} levels and {len(tokens)} tokens")
    colour = {"kl": KL.format("model's own"), "probability": "probability of the best token", "value": str(lens.target)}
    said, texts = f"{lens.model} · {'tuned' if lens.tuned else 'logit'} lens · best next token", _numbers(values)
    most = _most(values, texts, lambda i, j: f"{levels[i]}, token {j}, {visible(tokens[j])!r}")
    last = ", ".join(repr(visible(row[-1])) for row in lens.best)
    both = [[f"{visible(x)} ({y})" for x, y in zip(*row, strict=True)] for row in zip(lens.best, texts, strict=True)]
    words, width = _words(lens.best)
    return _figure(
        _Grid(values, words, levels, tokens, width),
        said=said,
        labels=("", "token that is read"),
        alt=f"Heatmap with words. {said}: {len(levels)} levels by {len(tokens)} tokens; at the last token, from below: "
        f"{last}; {most}",
        table=Table(f"{said} (number)", ("level", *map(visible, tokens)), _rows(levels, both)),
        foot=f"colour, number: {colour[value]}; {_scale(values)}{'' if words else '; words are in the table'}",
    )


def logit_parts(a: LogitAttribution) -> Picture:
    """What each head adds to the logit, (layers, heads), beside what all else adds; both rise with the stream.

    All parts share one scale. They add up to the total, which stands in the title. Where a model has no biases of
    attention, these get no bars. Raises OptionError where a part is no finite number.
    """
    heads, parts = _parts(a)
    end, signed = scale_end(parts.values()), is_signed(parts.values())
    shown = {name: number(part, end, signed) for name, part in parts.items()}
    texts = [[shown[f"head {layer}.{head}"] for head in range(heads.shape[1])] for layer in range(len(heads))]
    without = ("head ",) if np.any(a.attention_biases) else ("head ", "attention bias ")
    others = {name: part for name, part in parts.items() if not name.startswith(without)}
    fit, (total, sums) = _fit(texts), _balance(a)
    said = f"{a.model} · {a.target} = {total}"
    width, (rows, columns) = WIDE if fit else CELL[1], ([str(i) for i in range(n)] for n in heads.shape)
    alt = (
        f"Heatmap of {len(rows)} layers by {len(columns)} heads beside bars of {len(others)} others. {said}; "
        f"strongest: {', '.join(f'{name} {shown[name]}' for name, _ in a.top(3))}"
    )
    with defaults():
        wide = width * heads.shape[1]
        figure = picture(wide + 5.0, max(CELL[1] * len(heads), 0.22 * len(others)) + 1.2, alt)
        figure.table = Table(said, ("part", "adds"), (*shown.items(), ("total", total)))
        left, right = figure.subplots(1, 2, width_ratios=(wide + 0.6, 3.8))
        _draw(left, _Grid(heads, texts if fit else None, rows, columns, width), end)
        left.set(xlabel="head", ylabel="layer")
        put_title(left, "heads")
        bars(right, np.array(list(others.values())), end)
        right.margins(x=0.25)
        right.set_ylim(-0.6, len(others) - 0.4)
        label_ticks(right.yaxis, list(others), 9)
        put_title(right, "all else")
        put_heading(figure, said)
        return footed(figure, sums if fit else f"{sums}; {_scale(np.array(list(parts.values())))}")


def toy_features(toys: ToyModels, model: int) -> Picture:
    """One toy model's features as directions in its two dimensions, beside W^T W: who disturbs whom.

    model: which of them. Raises OptionError for models of other than two dimensions.
    """
    if toys.W.shape[1] != 2:
        raise OptionError(f"directions are drawn in two dimensions, and these models have {toys.W.shape[1]}")
    W, matrix = toys.W[model], toys.interference[model]
    names = [str(feature) for feature in range(W.shape[1])]
    texts = [[number(value, 1.0, signed=True) for value in row] for row in matrix]
    said = f"features that are there in {toys.densities[model]:.0%} of the samples"
    lengths = ", ".join(f"{length:.2f}" for length in toys.kept[model])
    with defaults():
        figure = picture(
            7.4, 3.4, f"Directions beside a heatmap. Toy model, {said}; lengths of the features: {lengths}"
        )
        rows = ((name, *row) for name, row in zip(names, texts, strict=True))
        figure.table = Table(f"{said}: what each feature adds to each", ("feature", *names), tuple(rows))
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.2))
        reach = 1.35 * max(1.0, float(np.abs(W).max()))
        for name, (x, y) in zip(names, W.T, strict=True):
            left.plot([0, x], [0, y], color=LINES[0][0], marker="o", markevery=[1], markersize=4)
            left.annotate(name, (x, y), textcoords="offset points", xytext=(5, 4), fontsize=9)
        left.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xlabel="dimension 0", ylabel="dimension 1")
        left.spines[["top", "right"]].set_visible(False)
        put_title(left, "directions")
        cells(right, matrix / max(1.0, float(np.abs(matrix).max())), texts, (WIDE, CELL[1]))
        label_ticks(right.xaxis, names, 9)
        label_ticks(right.yaxis, names, 9)
        right.set(xlabel="feature", ylabel="feature")
        put_title(right, "WᵀW")
        put_heading(figure, said)
        return footed(figure, f"error {toys.loss[model]:.2f} of what the best constant answer would leave")


class _Grid(NamedTuple):
    """Numbers (rows, columns) as colours, the first row at the bottom, with texts or None; width: of a cell, inches."""

    values: np.ndarray
    texts: Sequence[Sequence[str]] | None
    rows: Sequence[str]
    columns: Sequence[str]
    width: float


def _figure(grid: _Grid, *, said: str, labels: tuple[str, str], alt: str, table: Table, foot: str) -> Picture:
    """One grid as a figure with its heading, the labels of its rows and columns, and a line below."""
    left, below = (LETTER * _longest(names) for names in (grid.rows, grid.columns))  # columns are named upright
    with defaults():
        figure = picture(
            max(4.0, grid.width * len(grid.columns) + left + 0.5), CELL[1] * len(grid.rows) + below + 0.7, alt
        )
        figure.table = table
        axes = figure.add_subplot()
        _draw(axes, grid, _end(grid.values))
        axes.set(ylabel=labels[0], xlabel=labels[1])
        put_heading(figure, said)
        return footed(figure, foot)


def _draw(axes: Axes, grid: _Grid, end: float) -> None:
    """The grid's cells and the names of its rows and columns; end: the value of the strongest colour."""
    texts = grid.texts or [[""] * len(grid.columns)] * len(grid.rows)
    cells(axes, grid.values / (end or 1.0), texts, (grid.width, CELL[1]))
    for text in axes.texts:
        no_math(text)
        text.set_verticalalignment("center_baseline")  # words of a row stand on one line
    axes.set_ylim(-0.5, len(grid.rows) - 0.5)
    label_ticks(axes.xaxis, grid.columns, 9, rotation=90 if _longest(grid.columns) > 2 else 0)
    label_ticks(axes.yaxis, grid.rows, 9)


def _longest(names: Sequence[str]) -> int:
    """Letters of the longest name, as `label_ticks` writes it."""
    return max(len(shortened(visible(name))) for name in names)


def estimates(estimated: Sequence[Patching], exact: Sequence[Patching]) -> Picture:
    """Effects to first order, upward, against exact ones, across: a point for each cell of each pair of maps.

    On the line an estimate is right. Raises OptionError for maps that are not of the same cells.
    """
    if not estimated or len(estimated) != len(exact):
        raise OptionError(f"estimates needs as many maps of both kinds; got {len(estimated)} and {len(exact)}")
    rows, said = [], []
    for guess, known in zip(estimated, exact, strict=True):
        if guess.names != known.names or guess.site != known.site:
            raise OptionError(
                f"an estimate of {guess.site} beside {known.site}, or of other cells: compare like with like"
            )
        off = np.abs(guess.effect - known.effect)
        place = np.unravel_index(int(off.argmax()), off.shape)
        cell = ", ".join(visible(names[i]) for names, i in zip(known.names, place, strict=True))
        pair = f"{known.effect[place]:.2f}", f"{guess.effect[place]:.2f}"
        rows.append((known.site, " and ".join(known.axes), cell, *pair))
        said.append(f"{known.site} at {cell}: exact {pair[0]}, estimate {pair[1]}")
    title = f"{exact[0].model} · effects to first order against exact ones"
    with defaults():
        figure = picture(4.4, 4.0, f"Scatter plot. {title}. Furthest off: {'; '.join(said)}")
        figure.table = Table(f"{title}: furthest off", ("site", "axes", "cell", "exact", "estimate"), tuple(rows))
        axes = figure.add_subplot()
        for guess, known, (colour, marker) in zip(estimated, exact, itertools.cycle(LINES), strict=False):
            axes.scatter(known.effect, guess.effect, s=22, color=colour, marker=marker, label=known.site, alpha=0.7)
        every = np.concatenate([np.ravel(one.effect) for one in (*estimated, *exact)])
        low, high = min(float(every.min()), 0.0) - 0.05, float(every.max()) + 0.05
        axes.plot((low, high), (low, high), color="#595959", linewidth=0.8, zorder=0)
        axes.set_aspect("equal")
        axes.set_xlabel("exact")
        axes.set_ylabel("estimate")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        put_title(axes, title)
        return arranged(figure)


def _parts(a: LogitAttribution) -> tuple[np.ndarray, dict[str, float]]:
    """The heads (layers, heads), and every part by name."""
    layers = len(a.mlps)
    heads = _checked("logit_parts", a.heads, (layers, np.shape(a.heads)[-1]))
    if len(a.attention_biases) != layers:
        raise OptionError(
            f"logit_parts needs {layers} biases of attention, one for each MLP; got {len(a.attention_biases)}"
        )
    parts = dict(a.parts())
    if wrong := [name for name, part in parts.items() if not np.isfinite(part)]:
        raise OptionError(f"{wrong[0]} is {parts[wrong[0]]}: what adds up to a logit are finite numbers")
    return heads, parts


def _checked(who: str, values: Any, shape: tuple[int, int]) -> np.ndarray:
    """The values as float64 of this shape, at least one of each; else OptionError."""
    table = np.asarray(values, dtype=np.float64)
    if table.shape != shape or not table.size:
        raise OptionError(
            f"{who} needs one number for each of {shape[0]} rows and {shape[1]} columns; got {table.shape}"
        )
    return table


def _end(values: np.ndarray) -> float:
    return scale_end(values[np.isfinite(values)])


def _numbers(values: np.ndarray) -> list[list[str]]:
    """Every number as it is written, "" for NaN."""
    end, signed = _end(values), is_signed(values.flat)
    return [["" if np.isnan(x) else number(float(x), end, signed) for x in row] for row in values]


def _fit(texts: Sequence[Sequence[str]]) -> bool:
    """Whether the numbers can be written into their cells."""
    return len(texts[0]) <= 2 * ANNOTATED and max(len(text) for row in texts for text in row) <= 6


def _words(best: Sequence[Sequence[str]]) -> tuple[list[list[str]] | None, float]:
    """Words as they are written into cells, None for too many; and the width of a cell."""
    n = len(best[0])
    if n > 2 * ANNOTATED:
        return None, CELL[1]
    most = min(LONGEST, int(PAGE / n / LETTER))
    words = [[drawable(shortened(visible(token.strip() or token), most)) for token in row] for row in best]
    return words, max(CELL[0], LETTER * max(len(word) for row in words for word in row))


def _rows(names: Sequence[str], texts: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple((name, *row) for name, row in zip(names, texts, strict=True))


def _most(
    values: np.ndarray, texts: Sequence[Sequence[str]], where: Callable[[int, int], str], start: float = 0.0
) -> str:
    """Which cell is furthest from `start`, in words."""
    away = np.abs(values - start)
    if np.isnan(away).all():
        return "no cell has a number"
    row, column = divmod(int(np.nanargmax(away)), values.shape[1])
    if (values == values.flat[0]).all():
        return f"every cell has {texts[row][column]}"
    return f"{f'furthest from {start:g}' if start else 'strongest'}: {where(row, column)}, {texts[row][column]}"


def _scale(values: np.ndarray) -> str:
    """What the colours mean."""
    end, below = _end(values), ", blue below 0" if is_signed(values.flat) else ""
    return f"white is 0, the strongest colour {number(end, end, signed=False)}{below}" if end else "all are 0"


def _metric(p: Patching) -> str:
    return str(p.target) if p.metric == "target" else KL.format("clean")


def _baselines(p: Patching) -> str:
    """What 0 and 1 are, with the metric of the runs."""
    known = [p.clean] if p.corrupted is None else [p.corrupted, p.clean]
    shown = [number(x, scale_end(known), is_signed(known)) for x in known]
    if p.corrupted is None:
        return f"0 is the run as it is, {shown[0]}; a cell says by how much that changes"
    return f"0 is the corrupted run, {shown[0]}; 1 is the clean run, {shown[1]}"


def _balance(a: LogitAttribution) -> tuple[str, str]:
    """The total; and "total = heads + embeddings + MLPs + biases" in numbers, and a gap that is more than rounding."""
    sums = {
        "heads": float(np.sum(a.heads)),
        "embeddings": sum(a.embeddings.values()),
        "MLPs": float(np.sum(a.mlps)),
        "biases": a.bias + float(np.sum(a.attention_biases)),
    }
    end = scale_end([a.total, *sums.values()])
    if abs(a.gap) > 1e-6 * end:
        sums["gap"] = a.gap
    total, *terms = (number(value, end, signed=False) for value in (a.total, *sums.values()))
    return total, f"total {total} = {' + '.join(map(' '.join, zip(sums, terms, strict=True)))}"
