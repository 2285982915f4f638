"""Two calls, timed in turns in one run. What counts is the ratio."""

from __future__ import annotations

import time
from collections.abc import Callable

ROUNDS = 5
ENOUGH = 3.0  # seconds that a row goes on for, if its rounds are short
MOST = 12.0  # seconds after which two rounds must do


def seconds(run: Callable[[], object]) -> float:
    """Seconds of one run."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def row(what: str, mine: float, peer: str, theirs: float) -> str:
    """One row of the table."""
    return f"| {what} | {mine * 1e3:.1f} ms | {peer} | {theirs * 1e3:.1f} ms | {theirs / mine:.2f} |"


def compare(what: str, ours: Callable[[], object], peer_name: str, peer: Callable[[], object]) -> str:
    """The row of two calls that alternate: the best of at least five rounds, or of two where they are long."""
    times: list[tuple[float, float]] = []
    while len(times) < 2 or ((len(times) < ROUNDS or sum(map(sum, times)) < ENOUGH) and sum(map(sum, times)) < MOST):
        times.append((seconds(ours), seconds(peer)))
    mine, theirs = (min(column) for column in zip(*times, strict=True))
    return row(what, mine, peer_name, theirs)
