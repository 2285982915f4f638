"""Ours beside a peer, both timed in one run: `make bench`. What counts is the ratio; seconds depend on the machine.

Each row takes the best of several alternating runs, on one thread. The table goes to benchmarks/results.md.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import networkx
import numpy as np

from xai_helpers import attention
from xai_helpers.installation import versions

ROUNDS = 5
RESULTS = Path(__file__).with_name("results.md")


def seconds(run: Callable[[], object]) -> float:
    """Seconds of one run."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def compare(what: str, ours: Callable[[], object], peer_name: str, peer: Callable[[], object]) -> str:
    """One row of the table."""
    times = [(seconds(ours), seconds(peer)) for _ in range(ROUNDS)]
    mine, theirs = (min(column) for column in zip(*times, strict=True))
    return f"| {what} | {mine:.3f} s | {peer_name} | {theirs:.3f} s | {theirs / mine:.1f} |"


def fresh(code: str) -> Callable[[], object]:
    """Runs code in an interpreter of its own."""
    return lambda: subprocess.run([sys.executable, "-c", code], check=True)


def flow_with_networkx(mixed: np.ndarray, position: int) -> list[int]:
    """The maximum flows of `attention.maximum_flows`, by networkx on the same integer capacities."""
    layers, n, _ = mixed.shape
    edges = attention.flow_capacities(mixed).tocoo()
    graph = networkx.DiGraph()
    graph.add_nodes_from(range((layers + 1) * n))
    for above, below, capacity in zip(edges.row.tolist(), edges.col.tolist(), edges.data.tolist(), strict=True):
        graph.add_edge(above, below, capacity=capacity)
    return [networkx.maximum_flow_value(graph, layers * n + position, sink) for sink in range(n)]


def main() -> None:
    """Times everything, prints the table and writes it to benchmarks/results.md."""
    weights = np.tril(np.random.default_rng(0).exponential(size=(6, 4, 16, 16)))
    mixed = attention.mix(weights / weights.sum(-1, keepdims=True))
    rows = [
        compare("import xai_helpers", fresh("import xai_helpers"), "import torch", fresh("import torch")),
        compare(
            "attention flow, 6 layers, 16 tokens",
            lambda: attention.maximum_flows(mixed, 15),
            "networkx",
            lambda: flow_with_networkx(mixed, 15),
        ),
    ]
    used = ", ".join(f"{name} {version}" for name, version in {**versions(), "networkx": networkx.__version__}.items())
    text = "\n".join(
        [
            f"Made by `make bench` with Python {platform.python_version()}, {used}.",
            "",
            "| what | ours | peer | peer's time | times as fast |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )
    RESULTS.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
