"""The training loop of all models but course-gpt2, whose workers share theirs, and the learning rate of all."""

import math
import time
from collections.abc import Callable

import torch


def learning_rate(step: int, steps: int, peak: float, warmup: int = 200) -> float:
    """A linear rise over the warm-up, then half a cosine down to a twentieth of the peak."""
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return peak * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress)))


def fit(
    model: torch.nn.Module,
    loss_at: Callable[[int], torch.Tensor],
    steps: int,
    peak: float,
    after: Callable[[int], None] | None = None,
) -> float:
    """Trains on the loss that a step is given, calls `after` with the steps done, and returns the seconds it took.

    One thread: the order of sums, so the bits of the result, must not depend on the machine's cores.
    """
    torch.set_num_threads(1)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=peak, betas=(0.9, 0.98), weight_decay=0.05)
    started = time.perf_counter()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps, peak)
        loss = loss_at(step)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 100 == 0:
            print(f"step {step:5d}  loss {loss.item():.3f}  {time.perf_counter() - started:6.0f} s", flush=True)
        if after:
            after(step + 1)
    return time.perf_counter() - started
