"""The board of known circuits: its counts by hand, and the committed one found again."""

from __future__ import annotations

import functools
import json

import numpy as np
import pytest

import xai_helpers as xai
from xai_helpers.circuits import behaviours, discovery, known
from xai_helpers.circuits.discovery import Circuit, Task


@functools.cache
def tasks(behaviour: str) -> tuple[Task, Task]:
    gpt = xai.load("course-gpt2")
    train, held = (discovery.task(gpt, known.BEHAVIOURS[behaviour](gpt, split)) for split in behaviours.SPLITS)
    return train, held


def share(task: Task, circuit: Circuit) -> float:
    kept = np.stack([circuit.kept & False, task.graph.exists, circuit.kept])
    none, every, own = discovery.measured(task, kept).mean(-1)
    return float((own - none) / (every - none))


def test_edges_are_counted_by_hand() -> None:
    copier = xai.load("copier")
    task = discovery.task(copier, behaviours.copying(copier, 1))
    truth, exists = discovery.of_edges(task, known.COPIER), task.graph.exists
    three = discovery.of_edges(task, [*known.COPIER[:2], ("embeddings", "logits")])
    assert known.overlap(three, truth) == (2 / 3, 2 / 5, 1 / (exists.sum() - 5))
    assert known.overlap(Circuit(exists & False, task.graph, "", ""), truth) == (1, 0, 0)
    assert known.area(truth.kept.astype(float), truth) == 1
    assert known.area(np.where(exists, 0.0, np.nan), truth) == 0.5  # all tie
    assert known.roc(truth.kept.astype(float), truth) == [(0, 1), (1, 1)]
    assert known.roc(three.kept.astype(float), truth) == [(1 / (exists.sum() - 5), 2 / 5), (1, 1)]
    assert known.area(-truth.kept.astype(float), truth) == 0
    assert known.area(three.kept.astype(float), truth) == pytest.approx((2 * (104 + 0.5) + 3 * 0.5 * 104) / (5 * 105))


def test_the_copier_s_rows_are_found_again() -> None:
    again = json.loads(json.dumps(known.known_circuit()))
    for row, expected in zip(again, known.committed()["copier"], strict=True):
        assert row.pop("roc", []) == pytest.approx(np.array(expected.pop("roc", [])))
        assert row == pytest.approx(expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    "row", known.committed()["course-gpt2"], ids=lambda row: f"{row['behaviour']}, {row['method']}"
)
def test_a_committed_circuit_is_enough_on_training_prompts_and_shown_on_others(row: dict[str, object]) -> None:
    train, held = tasks(str(row["behaviour"]))
    circuit = discovery.of_edges(held, map(tuple, row["circuit"]))  # type: ignore[call-overload]
    assert len(circuit) == row["edges"] and [len(train), len(held)] == row["pairs"] and row["shown"]
    assert share(train, circuit) >= known.ENOUGH
    assert share(held, circuit) == pytest.approx(row["faithfulness"], abs=1e-4) and share(held, circuit) >= 0.8


@pytest.mark.slow
def test_what_acdc_finds_is_found_again_and_shown_alike() -> None:
    train, held = tasks("greater than")
    again = discovery.acdc(train, 0.05, metric="target")
    rows = [row for row in known.committed()["course-gpt2"] if row["method"] == again.method]
    (row,) = [row for row in rows if row["behaviour"] == "greater than"]
    assert [list(edge) for edge in again.edges] == row["circuit"]
    shown = discovery.show(held, again, draws=3)
    for name in ("faithfulness", "outside", "minimality"):
        assert getattr(shown, name) == pytest.approx(row[name], abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("behaviour", known.BEHAVIOURS)
def test_what_edge_attribution_finds_is_found_again(behaviour: str) -> None:
    train, _ = tasks(behaviour)
    for method, steps in (("EAP", 1), ("EAP-IG", 5)):
        rows = [row for row in known.committed()["course-gpt2"] if row["behaviour"] == behaviour]
        row = next(row for row in rows if row["method"].startswith(f"{method}, "))
        size = int(row["method"].split()[1])
        again = discovery.by_scores(train, discovery.scores(train, steps=steps), size, method)
        assert [list(edge) for edge in again.edges] == row["circuit"]
