"""Figures of images: as they are, and beside them what each pixel or patch received.

A picture of pixels is grey; scores are orange above zero and blue below, on a scale of each map's own, since methods
share no unit. A grid of patches is drawn as large as the image that it explains.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, Normalize
from numpy.typing import ArrayLike

from ..errors import OptionError
from .drawing import Picture, arranged, defaults, picture, put_heading, put_title
from .palette import LINES, background, scale_end
from .table import Table
from .wording import is_signed, number, visible

if TYPE_CHECKING:
    from ..images import ImageAttribution

SIZE, ACROSS = 1.9, 5  # inches of a panel; panels in a row
OUTLINE = LINES[2][0]


def side_by_side(
    images: Mapping[str, ArrayLike],
    maps: Mapping[str, ImageAttribution] | None = None,
    *,
    outline: ArrayLike | None = None,
    title: str = "",
) -> Picture:
    """Images, (channels, height, width) or (height, width), and after them maps of scores, each under its name.

    Images of one channel run from 0, black, to 1, white, or as far as their values reach; those of three are colours.
    outline: bool (height, width), a region that every panel shows framed; below a map stands its share of the absolute
    scores. There, too, stands a gap of more than a hundredth of what was to be shared out. Raises OptionError for
    images of different sizes, or none, and for maps of other images.
    """
    try:
        shown = {name: np.asarray(image, dtype=np.float64) for name, image in images.items()}
    except (TypeError, ValueError) as error:
        raise OptionError(f"side_by_side needs images as arrays of numbers: {error}") from error
    sizes = {image.shape[-2:] for image in shown.values()}
    if len(sizes) != 1 or any(x.ndim not in (2, 3) or x.shape[:-2] not in ((), (1,), (3,)) for x in shown.values()):
        shapes = {name: image.shape for name, image in shown.items()}
        raise OptionError(f"side_by_side needs images of one size, and of one channel or three; got {shapes}")
    (size,) = sizes
    if not all(x.size and np.isfinite(x).all() for x in shown.values()):
        raise OptionError("side_by_side needs images of one pixel or more, each a finite number")
    region = np.zeros(size, dtype=bool) if outline is None else np.asarray(outline)
    if region.shape != size or region.dtype != bool:
        raise OptionError(f"outline is {region.dtype} {region.shape}; give bool {size}, one for each pixel")
    maps = maps or {}
    for name, a in maps.items():
        if np.mod(size, a.grid.shape).any() or (a.scores.ndim == 3 and a.grid.shape != size):
            raise OptionError(f"{name!r} has scores {a.grid.shape} for images {size}: draw it with what it explains")
    said = {name: _image_said(image) for name, image in shown.items()}
    said |= {name: _map_said(a, size, region) for name, a in maps.items()}
    n = len(shown) + len(maps)
    rows, columns = math.ceil(n / ACROSS), min(n, ACROSS)
    heading = title or "images"
    with defaults():
        figure = picture(
            SIZE * columns,
            (SIZE * size[0] / size[1] + 0.5) * rows + 0.3,
            f"Images side by side. {heading}. " + "; ".join(f"{visible(name)}: {text}" for name, text in said.items()),
        )
        figure.table = Table(heading, ("panel", "what it shows"), tuple(said.items()))
        panels = list(figure.subplots(rows, columns, squeeze=False).flat)
        for axes, (name, image) in zip(panels, shown.items(), strict=False):
            _draw_image(axes, image)
            put_title(axes, name)
        for axes, (name, a) in zip(panels[len(shown) :], maps.items(), strict=False):
            _draw_map(axes, a, size)
            put_title(axes, name)
            end = scale_end(a.grid.flat)
            share = f"\n{a.share(region):.0%} in the outline" if region.any() else ""
            axes.set_xlabel(f"strongest {number(end, end, signed=False)}{_gap_said(a)}{share}", fontsize=8)
        for axes in panels[:n]:
            axes.set(xticks=[], yticks=[])
            _frame(axes, region)
        for axes in panels[n:]:
            axes.remove()
        put_heading(figure, title)
        return arranged(figure)


def _draw_image(axes: Axes, image: np.ndarray) -> None:
    if image.ndim == 3 and len(image) == 3:
        axes.imshow(np.clip(image.transpose(1, 2, 0), 0, 1), interpolation="nearest")
        return
    grey = image.reshape(image.shape[-2:])
    axes.imshow(grey, cmap="gray", vmin=min(0.0, grey.min()), vmax=max(1.0, grey.max()), interpolation="nearest")


def _draw_map(axes: Axes, a: ImageAttribution, size: tuple[int, int]) -> None:
    """The scores as colours, over the whole of the image's size; lines part patches."""
    end, (height, width) = scale_end(a.grid.flat) or 1.0, size
    palette = ListedColormap([background(x) for x in np.linspace(-1, 1, 257)])
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    axes.imshow(a.grid, cmap=palette, norm=Normalize(-end, end), extent=extent, interpolation="nearest")
    if a.grid.shape != size:
        rows, columns = a.grid.shape
        axes.hlines(np.arange(1, rows) * height / rows - 0.5, -0.5, width - 0.5, color="white", linewidth=0.8)
        axes.vlines(np.arange(1, columns) * width / columns - 0.5, -0.5, height - 0.5, color="white", linewidth=0.8)


def _frame(axes: Axes, region: np.ndarray) -> None:
    """A line along the region's edge."""
    padded = np.pad(region, 1)
    for y, x in np.argwhere(padded[1:, 1:-1] != padded[:-1, 1:-1]):  # between the rows above and below
        axes.plot([x - 0.5, x + 0.5], [y - 0.5, y - 0.5], color=OUTLINE, linewidth=2, clip_on=False)
    for y, x in np.argwhere(padded[1:-1, 1:] != padded[1:-1, :-1]):
        axes.plot([x - 0.5, x - 0.5], [y - 0.5, y + 0.5], color=OUTLINE, linewidth=2, clip_on=False)


def _image_said(image: np.ndarray) -> str:
    height, width = image.shape[-2:]
    return f"image of {height} x {width} pixels, from {image.min():.2f} to {image.max():.2f}"


def _map_said(a: ImageAttribution, size: tuple[int, int], region: np.ndarray) -> str:
    """What a map shows, in words: its target, its three strongest places, its share within the outline."""
    grid = a.grid
    end, signed = scale_end(grid.flat), is_signed(grid.flat)
    places = [divmod(int(i), grid.shape[1]) for i in np.argsort(-np.abs(grid), axis=None, kind="stable")[:3]]
    strongest = ", ".join(
        f"row {row}, column {column} {number(float(grid[row, column]), end, signed)}" for row, column in places
    )
    what = "pixels" if grid.shape == size else "patches"
    asked = "" if a.target is None else f", {a.target}"
    share = f"; {a.share(region):.0%} of the absolute scores in the outline" if region.any() else ""
    return f"{a.method}{asked}, {grid.shape[0]} x {grid.shape[1]} {what}; strongest: {strongest}{_gap_said(a)}{share}"


def _gap_said(a: ImageAttribution) -> str:
    """How much is missing of what was to be shared out, where that is no trifle."""
    if a.total is None or a.gap is None:
        return ""
    shared = a.total - math.fsum(a.absorbed.values())
    return (
        f", gap {number(a.gap, abs(shared))} of {number(shared, abs(shared))}" if abs(a.gap) > abs(shared) / 100 else ""
    )
