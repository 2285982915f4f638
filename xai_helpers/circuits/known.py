"""Do the methods find circuits that are known, and are those shown that they find elsewhere?

The weights of the copier were written by hand, so which edges it needs is known: each method's edges are counted
against them. What course-gpt2 needs nobody knows; there a circuit is looked for on prompts of the training split, the
smallest that keeps 0.85 of the behaviour on them, and shown, or not, on held-out ones. All this is written to
data/circuits.json by `python -m xai_helpers.circuits.known`, in some twenty minutes on two cores.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from ..installation import data_folder
from ..models import TextModel, load
from . import behaviours
from .discovery import Circuit, Pair, Task, acdc, at_random, by_scores, measured, of_edges, scores, show, task

COPIER = (
    ("embeddings", "head 0.2 v"),  # the previous-token head carries each word one place on
    ("head 0.2", "head 1.1 k"),  # there it says which word came before
    ("embeddings", "head 1.1 q"),  # the last word asks for the word that came after itself
    ("embeddings", "head 1.1 v"),  # and that word is copied
    ("head 1.1", "logits"),
)
ENOUGH = 0.85
SWEEP = (10.0, 1.0, 0.1, 0.01, 0.001, 0.0001)  # thresholds on the copier
SIZES = (10, 20, 30, 40, 50, 60, 80, 100)
THRESHOLDS = {"kl": (0.1, 0.03, 0.01, 0.003, 0.001), "target": (0.3, 0.1, 0.05, 0.02)}
BEHAVIOURS: dict[str, Callable[[TextModel, str], list[Pair]]] = {
    "indirect objects": behaviours.indirect_objects,
    "greater than": behaviours.greater_than,
}


def overlap(found: Circuit, known: Circuit) -> tuple[float, float, float]:
    """Precision, recall and false-positive rate of the edges found; the precision of none is 1."""
    right = int((found.kept & known.kept).sum())
    wrong, absent = len(found) - right, int(known.graph.exists.sum()) - len(known)
    return right / len(found) if len(found) else 1.0, right / len(known), wrong / absent


def area(ranking: np.ndarray, known: Circuit) -> float:
    """The area below the ROC curve of a score for every edge, (readers, writers): ties count half.

    It is the chance that a true edge stands above another.
    """
    exists = known.graph.exists
    true, false = (np.nan_to_num(ranking[exists & mask]) for mask in (known.kept, ~known.kept))
    return float(np.mean((true[:, None] > false) + 0.5 * (true[:, None] == false)))


def roc(ranking: np.ndarray, known: Circuit) -> list[tuple[float, float]]:
    """False-positive rate and recall above each value that a score takes, from the greatest down."""
    exists = known.graph.exists
    chosen, true = np.nan_to_num(ranking[exists]), known.kept[exists]
    above = [chosen >= value for value in np.unique(chosen)[::-1]]
    return [(float((some & ~true).sum() / (~true).sum()), float((some & true).sum() / true.sum())) for some in above]


def known_circuit(n: int = 20) -> list[dict[str, Any]]:
    """Each method's row on the copier: its edges at one setting, and its ranking of all of them."""
    on = task(copier := load("copier"), behaviours.copying(copier, n))
    known = of_edges(on, COPIER)
    back = task(copier, [(corrupted, clean, target) for clean, corrupted, target in behaviours.copying(copier, n)])
    rows = []
    for metric in ("kl", "target"):
        swept = [acdc(on, threshold, metric=metric) for threshold in SWEEP]
        ranking = np.max([circuit.kept * threshold for circuit, threshold in zip(swept, SWEEP, strict=True)], axis=0)
        rows.append(_row(swept[SWEEP.index(0.01)], ranking, known))
    for name, direction in (("from the clean run", on), ("from the corrupted run", back)):
        for steps in (1, 5):
            ranking = np.abs(scores(direction, steps=steps))
            method = f"{'EAP' if steps == 1 else f'EAP-IG, {steps} steps'}, {name}"
            rows.append(_row(_first(on, ranking, len(known), method), ranking, known))
    drawn = [at_random(on, len(known), seed) for seed in range(1000)]
    precision, recall, _ = np.mean([overlap(one, known) for one in drawn], axis=0).tolist()
    mean = float(np.mean([area(one.kept.astype(float), known) for one in drawn]))
    counts = {"edges": len(known), "precision": precision, "recall": recall, "area": mean}
    rows.append({"method": "random circuits", **counts})
    return rows


def behaviour(name: str, model: TextModel) -> Iterator[dict[str, Any]]:
    """Each method's smallest circuit that is enough on the training pairs, held against the others."""
    train, held = (task(model, BEHAVIOURS[name](model, split)) for split in behaviours.SPLITS)
    for method, found in _candidates(train):
        circuit = next((one for one in found if _kept(train, one) >= ENOUGH), None)
        if circuit is None:
            raise ValueError(f"{method} keeps {ENOUGH} of {name} at none of the settings tried: try more")
        yield row_of(name, circuit, train, held)


def row_of(name: str, circuit: Circuit, train: Task, held: Task) -> dict[str, Any]:
    """How far a circuit of a behaviour is shown."""
    shown = show(held, circuit)
    return {
        "behaviour": name,
        "method": circuit.method,
        **{key: value for key, value in asdict(shown).items() if key != "random"},
        "random": [min(shown.random), max(shown.random)],
        "shown": shown.shown,
        "pairs": [len(train), len(held)],
        "circuit": circuit.edges,
    }


def _candidates(train: Task) -> Iterator[tuple[str, Iterator[Circuit]]]:
    for metric, thresholds in THRESHOLDS.items():
        yield f"ACDC, {metric}", (acdc(train, threshold, metric=metric) for threshold in thresholds)  # type: ignore[arg-type]
    for method, steps in (("EAP", 1), ("EAP-IG", 5)):
        ranking = scores(train, steps=steps)
        yield method, (by_scores(train, ranking, size, method) for size in SIZES)


def _kept(train: Task, circuit: Circuit) -> float:
    none, every, own = measured(train, np.stack([circuit.kept & False, train.graph.exists, circuit.kept])).mean(-1)
    return float((own - none) / (every - none))


def _first(on: Task, ranking: np.ndarray, size: int, method: str) -> Circuit:
    """The edges of the greatest score, whether they lead anywhere or not."""
    kept = np.zeros(ranking.shape, dtype=bool)
    kept.flat[np.argsort(-np.nan_to_num(ranking, nan=-1.0), axis=None, kind="stable")[:size]] = True
    return Circuit(kept, on.graph, method, on.model.name)


def _row(found: Circuit, ranking: np.ndarray, known: Circuit) -> dict[str, Any]:
    precision, recall, _ = overlap(found, known)
    measured = {"precision": precision, "recall": recall, "area": area(ranking, known), "roc": roc(ranking, known)}
    return {"method": found.method, "edges": len(found), **measured}


def committed() -> dict[str, Any]:
    """The board that comes with the course."""
    found: dict[str, Any] = json.loads((data_folder() / "circuits.json").read_text(encoding="utf-8"))
    return found


def main() -> None:
    """Writes data/circuits.json."""
    gpt = load("course-gpt2")
    found = {"copier": known_circuit(), "course-gpt2": [row for name in BEHAVIOURS for row in behaviour(name, gpt)]}
    path = data_folder() / "circuits.json"
    written = json.dumps(found, indent=1, default=list) + "\n"
    path.write_text(written, encoding="utf-8")


if __name__ == "__main__":
    main()
