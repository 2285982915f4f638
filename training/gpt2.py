"""course-gpt2: a GPT-2 of four layers, trained from nothing on the corpus.

A training step is the textbook's; what is particular is in the rows (see corpus.py). Two processes
of one thread each are 1.7 times as fast as one process of two threads, so each takes half of every batch
and they average their gradients in shared memory. The result depends on the seed and the number of workers alone.
"""

import shutil
import time
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy
from transformers import AutoTokenizer, GPT2LMHeadModel, PreTrainedTokenizerFast

from training.corpus import training_rows
from training.files import save, write_run
from training.fitting import learning_rate
from training.stock import gpt2_config


@dataclass(frozen=True)
class Cycle:
    """One rise and fall of the learning rate; the next begins with the weights that this one ends with."""

    steps: int
    peak: float
    tokens: int  # in a worker's share of a batch
    lengths: tuple[int, ...]  # of the rows of successive blocks
    copies: float  # the share of rows for induction
    names: float  # the share of those rows that are all names
    shifted: bool = False  # whether rows begin at random positions


# The first two are about copying alone, since all that looks things up in the text builds on it: in short rows, where
# heads that copy form sooner, then at positions further on.
CYCLES = (
    Cycle(500, 2e-3, 2048, (16,), 1.0, 1.0),
    Cycle(300, 2e-3, 2048, (16,), 1.0, 1.0, shifted=True),
    Cycle(5000, 1e-3, 512, (64, 64, 128, 64, 64, 256), 0.2, 0.6),
    Cycle(6000, 1e-3, 512, (64, 64, 128, 64, 64, 256), 0.2, 0.6),
)
STEPS = sum(cycle.steps for cycle in CYCLES)
WARMUP, WORKERS, POSITIONS = 100, 2, 256
BLOCK = 100  # steps for which rows are made at a time
POINTS = (200, 350, 500, 800, 1200, 1800, 2500, 3500, 5800, 8000, 10000, STEPS)  # steps to look back at
SAVES = Path(__file__).parents[1] / "build" / "course-gpt2"  # the model at each point; not kept in the repository
WEIGHTS = SAVES / "weights.safetensors"  # from one cycle to the next, in single precision


def new_model(tokenizer: PreTrainedTokenizerFast) -> GPT2LMHeadModel:
    model = GPT2LMHeadModel(gpt2_config(tokenizer, n_embd=256, n_layer=4, n_head=8))
    for block in model.transformer.h:  # the same function as the config's gelu_new, in one kernel
        block.mlp.act = torch.nn.GELU(approximate="tanh")
    return model


def weighted_loss(
    model: GPT2LMHeadModel,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    weights: torch.Tensor,
    positions: torch.Tensor | None = None,
) -> torch.Tensor:
    """Cross-entropy averaged by the tokens' weights; logits are made only where a weight is not zero."""
    hidden = model.transformer(input_ids=inputs, position_ids=positions, use_cache=False).last_hidden_state
    counts = weights > 0
    losses = cross_entropy(model.lm_head(hidden[counts]), labels[counts], reduction="none")
    return (losses * weights[counts]).sum() / weights.sum()


def draw_positions(inputs: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Successive positions for each row, from a random first one."""
    rows, length = inputs.shape
    first = rng.integers(0, POSITIONS - length + 1, (rows, 1))
    return torch.from_numpy(first) + torch.arange(length)


def flatten_gradients(model: torch.nn.Module) -> torch.Tensor:
    """One vector that holds all gradients; each parameter's gradient is a view of its part."""
    parameters = list(model.parameters())
    flat = torch.zeros(sum(p.numel() for p in parameters))
    for p, part in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
        p.grad = part.view_as(p)
    return flat


def work(rank: int, folder: Path, cycle: int, seed: int, shared: torch.Tensor, barrier: Barrier) -> None:
    """One worker's training: equal weights in both at every step, since both start and move alike."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = new_model(tokenizer).train()
    now, before = CYCLES[cycle], sum(earlier.steps for earlier in CYCLES[:cycle])
    if cycle > 0:
        model.load_state_dict(load_file(WEIGHTS))
    flat = flatten_gradients(model)
    shifts = np.random.default_rng((seed, cycle, rank))
    optimizer = torch.optim.AdamW(model.parameters(), lr=now.peak, betas=(0.9, 0.98), weight_decay=0.05, fused=True)
    started = time.perf_counter()
    for step in range(now.steps):
        block, place = divmod(step, BLOCK)
        if place == 0:
            length = now.lengths[block % len(now.lengths)]
            size = now.tokens // length
            rows = training_rows(
                tokenizer,
                1_000_003 * (len(CYCLES) * seed + cycle) + WORKERS * block + rank,
                BLOCK * size,
                length,
                now.copies,
                now.names,
            )
        batch = [torch.from_numpy(part[place * size : (place + 1) * size]) for part in rows]
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, now.steps, now.peak, WARMUP)
        loss = weighted_loss(model, *batch, draw_positions(batch[0], shifts) if now.shifted else None)
        loss.backward()
        shared[rank].copy_(flat)
        barrier.wait()
        torch.mean(shared, dim=0, out=flat)
        barrier.wait()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        flat.zero_()
        if rank == 0 and step % 50 == 0:
            print(f"step {step:5d}  loss {loss.item():.3f}  {time.perf_counter() - started:6.0f} s", flush=True)
        if rank == 0 and before + step + 1 in POINTS:
            save(model, tokenizer, SAVES / f"step-{before + step + 1:05d}")
    if rank == 0:
        save_file(model.state_dict(), WEIGHTS)
        save(model, tokenizer, folder)


def train(tokenizer: PreTrainedTokenizerFast, folder: Path, seed: int = 0) -> None:
    """Trains in all cycles and writes the model, and how long it took, to the folder."""
    shutil.rmtree(SAVES, ignore_errors=True)
    SAVES.mkdir(parents=True)
    tokenizer.save_pretrained(folder)
    started = time.perf_counter()
    for cycle in range(len(CYCLES)):
        run_cycle(tokenizer, folder, cycle, seed)
    write_run(folder, STEPS, tokens_after(STEPS), WORKERS, time.perf_counter() - started)


def run_cycle(tokenizer: PreTrainedTokenizerFast, folder: Path, cycle: int, seed: int) -> None:
    """One rise and fall of the learning rate, in all workers."""
    parameters = sum(p.numel() for p in new_model(tokenizer).parameters())
    shared = torch.zeros(WORKERS, parameters).share_memory_()
    barrier = torch.multiprocessing.get_context("spawn").Barrier(WORKERS)
    torch.multiprocessing.spawn(work, (folder, cycle, seed, shared, barrier), nprocs=WORKERS)


def tokens_after(steps: int) -> int:
    """How many tokens the model has seen after so many steps."""
    seen = 0
    for cycle in CYCLES:
        seen += min(steps, cycle.steps) * cycle.tokens * WORKERS
        steps -= min(steps, cycle.steps)
    return seen
