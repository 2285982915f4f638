"""Drawings of circuits: each edge once, from box to box, past all others; the words say the same."""

from __future__ import annotations

import dataclasses
import itertools
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xai_helpers as xai
from xai_helpers.circuits.discovery import Circuit
from xai_helpers.circuits.edges import Graph, graph_of
from xai_helpers.circuits.graph import LANE, Drawing, draw, table
from xai_helpers.errors import OptionError

SVG = "{http://www.w3.org/2000/svg}"


def graph(layers: int, heads: int, shared: int = 1, parallel: bool = False) -> Graph:
    """The graph of such a decoder; shared: heads to each key and value."""
    writers, readers, before = ["embeddings"], [], []
    for layer in range(layers):
        for letter in "qkv":
            named = range(0, heads, 1 if letter == "q" else shared)
            readers += [f"head {layer}.{head} {letter}" for head in named]
            before += [len(writers)] * len(named)
        writers += [f"head {layer}.{head}" for head in range(heads)]
        readers.append(f"MLP {layer}")
        before.append(len(writers) - heads * parallel)
        writers.append(f"MLP {layer}")
    exists = np.arange(len(writers)) < np.array([*before, len(writers)])[:, None]
    return Graph(tuple(writers), (*readers, "logits"), exists)


def some(of: Graph, *edges: tuple[str, str], method: str = "by hand", model: str = "m") -> Circuit:
    kept = np.zeros(of.exists.shape, dtype=bool)
    for writer, reader in edges:
        kept[of.index(reader, writer)] = True
    return Circuit(kept, of, method, model)


@st.composite
def circuits(draw: st.DrawFn) -> Circuit:
    heads = draw(st.sampled_from([1, 2, 4]))
    shared = draw(st.sampled_from([shared for shared in (1, 2, 4) if heads % shared == 0]))
    of = graph(draw(st.integers(1, 4)), heads, shared, draw(st.booleans()))
    every = np.flatnonzero(of.exists)
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    chosen = rng.choice(every, draw(st.integers(1, len(every))), replace=False)
    kept = np.zeros(of.exists.shape, dtype=bool)
    kept.flat[chosen] = True
    return Circuit(kept, of, "random", "m")


def boxes(drawing: Drawing) -> dict[str, tuple[int, int, int, int]]:
    """Left, right, top and bottom of each node; names occur once."""
    found = {}
    for group in ET.fromstring(drawing.svg).iter(f"{SVG}g"):
        if group.get("class") == "node":
            rect, label = group.find(f"{SVG}rect"), group.find(f"{SVG}text")
            assert rect is not None and label is not None and label.text not in found
            x, y, width, height = (int(rect.get(name, "")) for name in ("x", "y", "width", "height"))
            found[str(label.text)] = (x, x + width, y, y + height)
    return found


def paths(drawing: Drawing) -> list[tuple[str, str, list[tuple[int, int]], dict[str, str]]]:
    """Writer, reader, the points of each edge, and its attributes."""
    found = []
    for path in ET.fromstring(drawing.svg).iter(f"{SVG}path"):
        title = path.find(f"{SVG}title")
        if title is not None:
            writer, reader = re.sub(r" \(.*\)$", "", str(title.text)).split(" → ")
            points: list[tuple[int, int]] = []
            for command, numbers in re.findall(r"([MVC])([^MVC]+)", path.get("d", "")):
                values = [int(value) for value in numbers.split()]
                points.append((points[-1][0], values[0]) if command == "V" else (values[-2], values[-1]))
            found.append((writer, reader, points, dict(path.attrib)))
    return found


def node(reader: str) -> str:
    return reader[:-2] if reader.startswith("head") else reader


@given(circuits())
def test_each_edge_is_drawn_once_and_nothing_else(circuit: Circuit) -> None:
    drawing = draw(circuit)
    drawn = [(writer, reader) for writer, reader, *_ in paths(drawing)]
    assert sorted(drawn) == sorted(circuit.edges)
    assert boxes(drawing).keys() == {name for writer, reader in drawn for name in (writer, node(reader))}
    said = [(writer, name.partition(" (")[0]) for name, reads in drawing.table.rows for writer in reads.split(", ")]
    assert tuple(said) == circuit.edges


@given(circuits())
def test_boxes_stand_apart_and_edges_rise_between_them(circuit: Circuit) -> None:
    drawing = draw(circuit)
    placed = boxes(drawing)
    for (_, one), (_, other) in itertools.combinations(placed.items(), 2):
        assert one[1] < other[0] or other[1] < one[0] or one[3] < other[2] or other[3] < one[2]
    for writer, reader, points, _ in paths(drawing):
        left, right, top, _ = placed[writer]
        assert left < points[0][0] < right and points[0][1] == top
        left, right, _, bottom = placed[node(reader)]
        assert left < points[-1][0] < right and points[-1][1] == bottom < top
        for (x, y), (next_x, next_y) in itertools.pairwise(points):
            assert next_y < y
            for left, right, top, bottom in placed.values():  # a curve stays between its ends, and between rows
                across = max(min(x, next_x) - LANE / 2, left) <= min(max(x, next_x) + LANE / 2, right)
                assert not across or bottom <= next_y or y <= top


def test_heads_of_a_layer_stand_side_by_side_and_layers_rise() -> None:
    of = graph(2, 3)
    placed = boxes(draw(Circuit(of.exists, of, "all", "m")))
    rows = [["embeddings"], [f"head 0.{h}" for h in range(3)], ["MLP 0"], [f"head 1.{h}" for h in range(3)]]
    heights = [{placed[name][2:] for name in row} for row in [*rows, ["MLP 1"], ["logits"]]]
    assert [len(some) for some in heights] == [1] * 6
    assert heights == sorted(heights, key=min, reverse=True)


def test_queries_keys_and_values_enter_at_their_letters_in_their_colours() -> None:
    of = graph(1, 1)
    circuit = some(of, *(("embeddings", f"head 0.0 {letter}") for letter in "qkv"), ("head 0.0", "logits"))
    drawing = draw(circuit)
    root = ET.fromstring(drawing.svg)
    letters = {text.text: int(text.get("x", "")) for text in root.iter(f"{SVG}text") if text.text in ("q", "k", "v")}
    ends = {reader[-1]: points[-1][0] for _, reader, points, _ in paths(drawing) if reader != "logits"}
    assert letters == ends and letters["q"] < letters["k"] < letters["v"]
    colours = {group.get("stroke") for group in root.iter(f"{SVG}g") if group.find(f"{SVG}path/{SVG}title") is not None}
    samples = {path.get("stroke") for path in root.iter(f"{SVG}path") if path.find(f"{SVG}title") is None}
    assert len(colours) == 4 and samples == colours
    assert "queries (q)" in drawing.svg and "queries" not in draw(some(of, ("embeddings", "MLP 0"))).svg


def test_widths_and_dashes_are_the_scores() -> None:
    of = graph(1, 1)
    circuit = some(
        of, ("embeddings", "head 0.0 v"), ("head 0.0", "MLP 0"), ("MLP 0", "logits"), ("embeddings", "logits")
    )
    scores = np.full(of.exists.shape, np.nan)
    for (writer, reader), score in zip(circuit.edges, (0.5, -0.25, 0.0, -1.0), strict=True):
        scores[of.index(reader, writer)] = score
    drawing = draw(circuit, scores)
    look = {
        (writer, reader): (at["stroke-width"], "stroke-dasharray" in at) for writer, reader, _, at in paths(drawing)
    }
    assert [look[edge] for edge in circuit.edges] == [("4.0", False), ("2.5", True), ("1.0", False), ("7.0", True)]
    assert drawing.table.rows == (
        ("head 0.0 v", "embeddings (+0.50)"),
        ("MLP 0", "head 0.0 (-0.25)"),
        ("logits", "embeddings (0.00), MLP 0 (-1.00)"),
    )
    assert "up to 1.00; dashed below 0" in drawing.svg and "MLP 0 → logits (-1.00)" in drawing.svg
    assert "dashed" not in draw(circuit).svg and {at["stroke-width"] for *_, at in paths(draw(circuit))} == {"2.0"}
    none = draw(circuit, np.zeros(of.exists.shape))
    assert {at["stroke-width"] for *_, at in paths(none)} == {"1.0"}


class Images(HTMLParser):
    """The alternative texts of a page's images."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.alts: list[str | None] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.alts.append(dict(attrs)["alt"])


def test_the_words_are_in_the_picture_the_page_and_the_terminal() -> None:
    odd = some(graph(1, 1), ("embeddings", "logits"), model='a<b>&"c"', method="it's <i>")
    drawing = draw(odd)
    root = ET.fromstring(drawing.svg)
    heading = 'a<b>&"c" · it\'s <i> · 1 of 8 edges'
    assert (root.get("role"), root.get("aria-label"), root.findtext(f"{SVG}title")) == ("img", heading, heading)
    assert drawing.alt == f"Graph of a circuit, embeddings below, logits above. {heading}: logits reads embeddings"
    assert root.findtext(f"{SVG}desc") == drawing.alt
    page = drawing._repr_html_()
    assert Images(page).alts == [drawing.alt] and "<details" in page and "<i>" not in page and "<b>" not in page
    assert repr(drawing) == f"{heading}\nreader  reads\nlogits  embeddings"


def test_shared_keys_say_whose_they_are() -> None:
    drawing = draw(some(graph(2, 4, shared=2), ("head 0.1", "head 1.2 k"), ("head 0.1", "head 1.3 q")))
    assert [name for name, _ in drawing.table.rows] == ["head 1.3 q", "head 1.2 k (shared with heads up to 1.3)"]
    assert boxes(drawing).keys() == {"head 0.1", "head 1.2", "head 1.3"}


def test_many_edges_make_a_small_page_and_a_text_of_the_greatest() -> None:
    of = graph(4, 4)
    rng = np.random.default_rng(0)
    every = Circuit(of.exists, of, "all", "m")
    scores = rng.normal(size=of.exists.shape)
    drawing = draw(every, scores)
    assert len(every) > 470 and len(drawing._repr_html_()) < 200_000
    assert "the 60 of the greatest scores: " in drawing.alt and len(re.findall(r"\([+-]", drawing.alt)) == 60
    greatest = np.unravel_index(np.argmax(np.abs(np.where(of.exists, scores, 0))), scores.shape)
    assert f"{scores[greatest]:+.2f}" in drawing.alt
    assert "the 60 of the last readers: " in draw(every).alt and len(draw(every).alt) < 2000
    assert drawing == draw(every, scores)


def test_the_names_are_those_of_models() -> None:
    of = graph_of(xai.load("copier"))
    copier = some(of, ("embeddings", "head 0.2 v"), ("head 0.2", "head 1.1 k"), ("head 1.1", "logits"))
    assert boxes(draw(copier)).keys() == {"embeddings", "head 0.2", "head 1.1", "logits"}
    assert (of.readers, of.writers) == (graph(2, 4).readers, graph(2, 4).writers)


def test_bad_input_is_named() -> None:
    of = graph(1, 2)
    circuit = some(of, ("embeddings", "logits"))
    empty = dataclasses.replace(circuit, kept=np.zeros_like(circuit.kept))
    with pytest.raises(OptionError, match="this circuit has no edges"):
        draw(empty)
    assert table(empty).rows == ()
    with pytest.raises(OptionError, match="edges that its graph lacks"):
        draw(dataclasses.replace(circuit, kept=circuit.kept[:, :-1]))
    with pytest.raises(OptionError, match="edges that its graph lacks"):
        draw(dataclasses.replace(circuit, kept=np.ones_like(circuit.kept)))
    with pytest.raises(OptionError, match=r"scores of shape \(2,\) for a graph of shape \(8, 4\)"):
        draw(circuit, np.zeros(2))
    with pytest.raises(OptionError, match="no finite number"):
        draw(circuit, np.full(of.exists.shape, np.nan))
