"""Induction: in a sequence of random tokens, what followed a token before follows it again.

Olsson et al., 2022 (In-context learning and induction heads). Half of the rows repeat one period throughout; a model
can solve these by counting back. In the other half a segment is copied at a random later offset, so that only
matching the previous token helps, which is what makes the textbook circuit.
"""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.frames import Case

NAME = "induction"

Row = tuple[NDArray[np.int64], NDArray[np.float32]]


def repeated_row(rng: Generator, ids: NDArray[np.int64], length: int) -> Row:
    """One random period, tiled; the loss begins where the second period does."""
    period = rng.integers(4, 28)
    row = np.resize(rng.choice(ids, period), length)
    weight = np.ones(length, np.float32)
    weight[: period + 1] = 0
    return row, weight


def copied_row(rng: Generator, ids: NDArray[np.int64], length: int) -> Row:
    """Random tokens in which every 64 (or the whole of a shorter row) hold one copy of an earlier segment.

    The loss is on the copies alone. The first token of a copy comes as a surprise and carries none.
    """
    row, weight = rng.choice(ids, length), np.zeros(length, np.float32)
    window = min(length, 64)
    for end in range(window, length + 1, window):
        size = int(rng.integers(min(4, window // 5), window * 3 // 8 + 1))
        source = int(rng.integers(0, end - 2 * size + 1))
        target = int(rng.integers(max(source + size, end - window), end - size + 1))
        row[target : target + size] = row[source : source + size]
        weight[target + 1 : target + size] = 1
    return row, weight


def draw_row(rng: Generator, ids: NDArray[np.int64], length: int) -> Row:
    """A row of either sort; a short one has no room for a period."""
    row = repeated_row if length >= 64 and rng.random() < 0.5 else copied_row
    return row(rng, ids, length)


def cases(rng: Generator, words: list[str], count: int) -> list[Case]:
    """Questions with a fresh random sequence each: the row ends inside the second occurrence of a segment.

    Varieties change after every second case, since every second prompt will begin with end-of-text.
    """
    made = []
    for i in range(count):
        length = int(rng.integers(8, 28))
        segment = [str(word) for word in rng.choice(words, length)]
        at = int(rng.integers(2, length))
        apart = i // 2 % 2 == 1
        filler = [str(word) for word in rng.choice(words, int(rng.integers(0, 16)))] if apart else []
        group = "segment copied" if apart else "period repeated"
        prompt = "".join(segment + filler + segment[:at])
        made.append(Case(NAME, group, "random tokens", "", prompt, (segment[at],)))
    return made
