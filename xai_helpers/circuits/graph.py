"""A circuit as a picture: who writes what into the stream, and who reads it.

Embeddings at the bottom, logits at the top, in between the heads and MLPs that an edge of the circuit enters or leaves.
Edges rise, each along a lane that it shares with those of the same writer into the same kind of reader. Nodes and lanes
are put in order by the mean place of their neighbours (Sugiyama et al., 1981, "Methods for Visual Understanding of
Hierarchical System Structures"). Pages have the picture as an image, since JupyterLab strips inline SVG from notebooks
that it doesn't trust yet; it is drawn on white, as all figures here are.
"""

from __future__ import annotations

import base64
import itertools
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import isotonic_regression

from ..errors import OptionError
from ..viz.palette import LINES, scale_end, share
from ..viz.table import Table
from ..viz.wording import is_signed, number, visible

if TYPE_CHECKING:
    from .discovery import Circuit
    from .edges import Graph

Edge = tuple[int, int]  # the places of its reader and its writer


KINDS = {  # of readers, by the last letter of their names: what they are called, and the colour of edges into them
    "q": ("queries (q)", LINES[0][0]),
    "k": ("keys (k)", LINES[1][0]),
    "v": ("values (v)", LINES[2][0]),
    "": ("MLPs and logits", "#595959"),
}
PORTS = {"q": -20, "k": 0, "v": 20}  # where they enter a head's box, pixels from its middle
WIDTH, HEIGHT = 86, 34  # pixels of a box
NODE, LANE, FAN = 104, 10, 8  # pixels across for a node, for a lane, and between the edges that leave a box
NEAR, FAR = 40, 100  # pixels between rows that few edges join, and that many do
MARGIN, LETTER, LINE = 16, 7.6, 18  # pixels around all; across for a letter of the title; from line to line of text
NARROWEST = 490  # pixels that the legend needs
PLAIN, THINNEST, THICKEST = 2.0, 1.0, 7.0  # pixels of an edge without a score, with 0 and with the greatest
DASHED = ' stroke-dasharray="7 4"'
FONT = "DejaVu Sans, Verdana"
SWEEPS = 12
SAID = 60  # edges that the alternative text lists


@dataclass(frozen=True)
class Drawing:
    """A circuit's picture: svg, a file of its own; alt, the text that stands for it; table, its edges by reader.

    Notebooks show the picture, and the table folded up below; a terminal shows the table.
    """

    svg: str
    alt: str
    table: Table

    def __repr__(self) -> str:
        return str(self.table)

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.svg.encode()).decode("ascii")
        image = f'<img alt="{escape(self.alt)}" style="max-width:none" src="data:image/svg+xml;base64,{data}">'
        return f'<div style="overflow-x:auto">{image}</div>{self.table.folded()}'


def draw(circuit: Circuit, scores: np.ndarray | None = None) -> Drawing:
    """The circuit's edges from the embeddings up to the logits.

    scores: (readers, writers), such as those of `edge_attribution`: an edge is as wide as its score is great, and
    dashed where it is below 0. Edges into queries, keys and values enter a head's box at the left, in the middle and at
    the right. Keys and values that heads share are drawn at the first of these heads. Raises OptionError for a circuit
    without edges or with edges that its graph lacks, and for scores of another shape or that are no finite numbers.
    """
    if not len(circuit):
        raise OptionError("this circuit has no edges: there is nothing to draw")
    words, given = table(circuit, scores), _given(circuit, scores)
    alt = _alt(circuit, given)
    return Drawing(_svg(circuit, given, alt), alt, words)


def table(circuit: Circuit, scores: np.ndarray | None = None) -> Table:
    """The edges in words: a row for each reader with all that it reads, in the order in which a pass computes them.

    scores, errors: those of `draw`, but a circuit without edges has a table without rows.
    """
    given = _given(circuit, scores)
    return Table(_heading(circuit), ("reader", "reads"), tuple(_reads(circuit, given, list(given)).items()))


def _given(circuit: Circuit, scores: np.ndarray | None) -> dict[Edge, float | None]:
    """The circuit's edges with their scores, in the order in which they are read."""
    graph, kept = circuit.graph, circuit.kept
    if kept.shape != graph.exists.shape or (kept & ~graph.exists).any():
        raise OptionError(f"the circuit has edges that its graph lacks, which is one of shape {graph.exists.shape}")
    places: list[Edge] = [(reader, writer) for reader, writer in np.argwhere(kept).tolist()]
    if scores is None:
        return dict.fromkeys(places)
    scores = np.asarray(scores)
    if scores.shape != kept.shape:
        raise OptionError(f"scores of shape {scores.shape} for a graph of shape {kept.shape}, (readers, writers)")
    if not np.isfinite(scores[kept]).all():
        raise OptionError("an edge of the circuit has a score that is no finite number")
    return {place: float(scores[place]) for place in places}


# In words


def _heading(circuit: Circuit) -> str:
    count = f"{len(circuit)} of {circuit.graph.exists.sum()} edges"
    return f"{visible(circuit.model)} · {visible(circuit.method)} · {count}"


def _reads(circuit: Circuit, given: dict[Edge, float | None], some: Sequence[Edge]) -> dict[str, str]:
    """What each reader reads by some of the edges."""
    said, reads = _said(given), defaultdict(list)
    for edge in some:
        reads[_called(circuit.graph, edge[0])].append(circuit.graph.writers[edge[1]] + said[edge])
    return {reader: ", ".join(names) for reader, names in reads.items()}


def _said(given: dict[Edge, float | None]) -> dict[Edge, str]:
    """Each edge's score in brackets, or nothing."""
    known = _known(given)
    end, signed = scale_end(known), is_signed(known)
    return {edge: "" if score is None else f" ({number(score, end, signed)})" for edge, score in given.items()}


def _known(given: dict[Edge, float | None]) -> list[float]:
    return [score for score in given.values() if score is not None]


def _called(graph: Graph, reader: int) -> str:
    """A reader's name, with all heads that share it."""
    name = graph.readers[reader]
    owners = graph.owners(name)
    return name if len(owners) < 2 else f"{name} (shared with heads up to {graph.writers[owners[-1]][5:]})"


def _alt(circuit: Circuit, given: dict[Edge, float | None]) -> str:
    """The edges by reader; of many those of the greatest scores, or the last."""
    order = sorted(given, key=lambda edge: abs(given[edge] or 0.0), reverse=True)[:SAID] if _known(given) else [*given]
    some = sorted(order[-SAID:])
    parts = [f"{reader} reads {names}" for reader, names in _reads(circuit, given, some).items()]
    which = "greatest scores" if _known(given) else "last readers"
    lead = "" if len(some) == len(given) else f"the {len(some)} of the {which}: "
    return f"Graph of a circuit, embeddings below, logits above. {_heading(circuit)}: {lead}{'; '.join(parts)}"


# Where everything stands


class _Spot(NamedTuple):
    """What has a place in a row: a node, or the lane in which a writer's edges into one kind of reader pass it."""

    row: int
    name: str
    lane: str | None = None

    @property
    def wide(self) -> int:
        return NODE if self.lane is None else LANE


_Link = tuple[_Spot, _Spot]
_Near = defaultdict[_Spot, list[tuple[_Spot, int]]]  # what each spot is linked to, and the port, pixels aside


@dataclass(frozen=True)
class _Layout:
    """Where spots are, in pixels: x, their middles; floors, the bottom of each row, from 0 downward as SVG counts.

    ways: the spots that each edge passes, from its writer to its reader. leaves, enters: how far from the middle of a
    box the link between two spots leaves the lower one and enters the upper one, where it is no lane.
    """

    x: dict[_Spot, int]
    floors: list[int]
    ways: dict[Edge, list[_Spot]]
    leaves: dict[_Link, int]
    enters: dict[_Link, int]


def _layout(graph: Graph, edges: Iterable[Edge]) -> _Layout:
    """Rows are the embeddings, each layer's heads, its MLP, and the logits: those that some edge touches."""
    ends = {edge: (graph.writers[edge[1]], _node(graph.readers[edge[0]])) for edge in edges}
    used = {name for pair in ends.values() for name in pair}
    nodes = [name for name in (*graph.writers, "logits") if name in used]
    levels = list(dict.fromkeys(map(_level, nodes)))
    at = {name: _Spot(levels.index(_level(name)), name) for name in nodes}
    ways: dict[Edge, list[_Spot]] = {}
    for edge, (writer, reader) in ends.items():
        lanes = [_Spot(row, writer, _kind(graph, edge)) for row in range(at[writer].row + 1, at[reader].row)]
        ways[edge] = [at[writer], *lanes, at[reader]]
    spots = dict.fromkeys([*at.values(), *itertools.chain.from_iterable(ways.values())])
    rows = [[spot for spot in spots if spot.row == row] for row in range(len(levels))]
    below, above = _Near(list), _Near(list)
    for lower, upper in dict.fromkeys(link for way in ways.values() for link in itertools.pairwise(way)):
        port = 0 if upper.lane else PORTS.get(lower.lane or "", 0)
        below[upper].append((lower, -port))
        above[lower].append((upper, port))
    x = _places(rows, below, above)
    floors = [0]
    for row in rows[:-1]:
        floors.append(floors[-1] - HEIGHT - min(FAR, NEAR + 2 * sum(len(above[spot]) for spot in row)))
    leaves = {(node, spot): shift for node in at.values() for spot, shift in _fan(above[node], x)}
    enters = {(spot, node): shift for node in at.values() for spot, shift in _fan(below[node], x)}
    return _Layout(x, floors, ways, leaves, enters)


def _fan(near: Sequence[tuple[_Spot, int]], x: dict[_Spot, int]) -> Iterator[tuple[_Spot, int]]:
    """How far from the middle of a box the link to each of these ends there, so that the ends lie side by side."""
    step = min(FAN, (WIDTH - 2 * FAN) / max(1, len(near) - 1))
    for rank, (spot, _) in enumerate(sorted(near, key=lambda other: x[other[0]])):
        yield spot, round(step * (rank - (len(near) - 1) / 2))


def _places(rows: list[list[_Spot]], below: _Near, above: _Near) -> dict[_Spot, int]:
    """The middle of each spot, from 0. Rows are ordered by the mean place of what they are linked to, up and down."""
    x: dict[_Spot, float] = {}

    def place(row: list[_Spot], near: _Near, own: bool) -> None:
        wanted = {}
        for spot in row:
            places = [x[other] + port for other, port in near[spot]]
            if own or not places:
                places.append(x[spot])
            wanted[spot] = sum(places) / len(places)
        row.sort(key=wanted.__getitem__)
        x.update(zip(row, _apart(row, [wanted[spot] for spot in row]), strict=True))

    for row in rows:
        x.update(zip(row, _apart(row, [0.0] * len(row)), strict=True))
    for turn in range(SWEEPS):
        for row in reversed(rows) if turn % 2 else rows:
            place(row, above if turn % 2 else below, own=False)
    both = _Near(list, {spot: below[spot] + above[spot] for row in rows for spot in row})
    for row in (rows + rows[::-1]) * 4:
        place(row, both, own=True)
    left = min(middle - spot.wide / 2 for spot, middle in x.items())
    return {spot: round(middle - left) for spot, middle in x.items()}


def _apart(row: Sequence[_Spot], wanted: Sequence[float]) -> list[float]:
    """The middles nearest to those wanted, in least squares, at which none overlaps the next."""
    widths = np.array([spot.wide for spot in row], dtype=float)
    middles = np.cumsum(widths) - widths / 2
    moved: list[float] = (isotonic_regression(np.array(wanted) - middles).x + middles).tolist()
    return moved


def _node(reader: str) -> str:
    """What a reader belongs to: "head 0.3" for "head 0.3 q"."""
    return reader[:-2] if reader.startswith("head ") else reader


def _kind(graph: Graph, edge: Edge) -> str:
    reader = graph.readers[edge[0]]
    return reader[-1] if reader.startswith("head ") else ""


def _level(node: str) -> str:
    """What stands in one row: a layer's heads."""
    return node.partition(".")[0]


# As SVG; y is 0 at the bottom of the embeddings and falls upward


def _svg(circuit: Circuit, given: dict[Edge, float | None], alt: str) -> str:
    graph, layout, heading = circuit.graph, _layout(circuit.graph, given), escape(_heading(circuit))
    kinds = [kind for kind in KINDS if any(_kind(graph, edge) == kind for edge in given)]
    spread, legend = max(middle + spot.wide // 2 for spot, middle in layout.x.items()), _legend(given, kinds)
    wide = max(spread, NARROWEST)
    title = textwrap.wrap(_heading(circuit), int(wide / LETTER))
    floor = LINE * len(title) + HEIGHT - layout.floors[-1]
    width, height = wide + 2 * MARGIN, floor + LINE * (len(legend) + 1) + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{heading}" width="{width}" height="{height}" '
        f'viewBox="{-MARGIN} {-MARGIN} {width} {height}" font-family="{FONT}, sans-serif" font-size="12">',
        f"<title>{heading}</title><desc>{escape(alt)}</desc>",
        f'<rect x="{-MARGIN}" y="{-MARGIN}" width="{width}" height="{height}" fill="#ffffff"/>',
        *(f'<text y="{LINE * row + 9}" font-weight="bold">{escape(line)}</text>' for row, line in enumerate(title)),
        f'<g transform="translate({(wide - spread) // 2} {floor})">',
        *_paths(graph, layout, given, kinds),
        *_boxes(graph, layout, given),
        "</g>",
        *(f'<g transform="translate(0 {floor + LINE * row})">{line}</g>' for row, line in enumerate(legend, start=2)),
        "</svg>",
    ]
    return "\n".join(parts)


def _paths(graph: Graph, layout: _Layout, given: dict[Edge, float | None], kinds: Sequence[str]) -> Iterator[str]:
    """Each edge as a path, wide ones first: the others lie on them."""
    end, said = scale_end(_known(given)), _said(given)
    for kind in kinds:
        yield f'<g fill="none" stroke="{KINDS[kind][1]}">'
        some = [edge for edge in given if _kind(graph, edge) == kind]
        for edge in sorted(some, key=lambda edge: -abs(given[edge] or 0.0)):
            score = given[edge]
            wide = PLAIN if score is None else THINNEST + (THICKEST - THINNEST) * abs(share(score, end))
            dashed = DASHED if score is not None and score < 0 else ""
            name = f"{graph.writers[edge[1]]} → {graph.readers[edge[0]]}{said[edge]}"
            line = _line(layout, edge, PORTS.get(kind))
            yield f'<path d="{line}" stroke-width="{wide:.1f}"{dashed}><title>{name}</title></path>'
        yield "</g>"


def _line(layout: _Layout, edge: Edge, port: int | None) -> str:
    """From the top of the writer's box to the bottom of the reader's: upright where it passes a row, curved between."""
    drawn = ""
    way = layout.ways[edge]
    for lower, upper in itertools.pairwise(way):
        start = layout.x[lower] + layout.leaves.get((lower, upper), 0)
        aside = layout.enters.get((lower, upper), 0) if port is None or upper != way[-1] else port
        end, top, bottom = layout.x[upper] + aside, layout.floors[lower.row] - HEIGHT, layout.floors[upper.row]
        half = (top + bottom) // 2
        drawn += f"V{top}" if drawn else f"M{start} {top}"
        drawn += f"V{bottom}" if start == end else f"C{start} {half} {end} {half} {end} {bottom}"
    return drawn


def _boxes(graph: Graph, layout: _Layout, given: dict[Edge, float | None]) -> Iterator[str]:
    """Each node with its name, and a letter where edges enter its queries, keys or values."""
    entered = {(_node(graph.readers[edge[0]]), _kind(graph, edge)) for edge in given}
    for spot, middle in layout.x.items():
        if spot.lane is None:
            left, top = middle - WIDTH // 2, layout.floors[spot.row] - HEIGHT
            ports = {letter: port for letter, port in PORTS.items() if (spot.name, letter) in entered}
            yield (
                f'<g class="node" text-anchor="middle"><rect x="{left}" y="{top}" width="{WIDTH}" height="{HEIGHT}" '
                f'rx="6" fill="#f2f2f2" stroke="#595959"/>'
                f'<text x="{middle}" y="{top + (15 if ports else 21)}">{spot.name}</text>'
            )
            for letter, port in ports.items():
                yield f'<text x="{middle + port}" y="{top + 30}" font-size="11">{letter}</text>'
            yield "</g>"


def _legend(given: dict[Edge, float | None], kinds: Sequence[str]) -> list[str]:
    """Lines of what stands below: how to read it, the colours, and what width and dashes mean."""
    said = ["Each line rises from what writes to what reads it."]
    if known := _known(given):
        end = scale_end(known)
        said.append(f"The wider, the greater its score, up to {number(end, end, signed=False)}; dashed below 0.")
    x, samples = 0, ""
    for kind in kinds:
        name, colour = KINDS[kind]
        samples += f'<path d="M{x} -4h24" stroke="{colour}" stroke-width="3"/><text x="{x + 30}">{name}</text>'
        x += 46 + round(LETTER * len(name))
    return [samples, *(f"<text>{line}</text>" for line in said)]
