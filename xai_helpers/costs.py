"""What did an explanation cost? Passes through the model, counted on the model itself, whatever function makes them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from .architectures import hooked
from .models import TextModel

Result = TypeVar("Result")


@dataclass(frozen=True)
class Cost:
    """Forward passes and the rows in them (a batch of 8 texts is one pass and 8 rows), backward passes, seconds.

    A forward pass is one run of the model's stack below the head, a backward pass one run of the gradient through its
    last hidden state. Another model that a method asks, as replacement="mlm" does, is not counted.
    """

    forwards: int
    rows: int
    backwards: int
    seconds: float


def counted(model: TextModel, run: Callable[[], Result]) -> tuple[Result, Cost]:
    """What run() returns, and what it cost. The model's outputs and gradients are what they are without counting.

    Threads that use the same model meanwhile are counted with it.
    """
    forwards = rows = backwards = 0

    def count_backward(gradient: torch.Tensor) -> None:
        nonlocal backwards
        backwards += 1

    def count_forward(module: Any, args: Any, output: Any) -> None:
        nonlocal forwards, rows
        hidden = output[0]  # after the last block: a method may have made one row many on the way
        forwards, rows = forwards + 1, rows + len(hidden)
        if hidden.requires_grad:
            hidden.register_hook(count_backward)

    start = time.perf_counter()
    with hooked(model.model.base_model, count_forward):
        result = run()
    return result, Cost(forwards, rows, backwards, time.perf_counter() - start)
