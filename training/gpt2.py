"""course-gpt2: a GPT-2 of four layers, trained from nothing on the corpus.

A training step is the textbook's; what is particular is in the rows (see corpus.py). Two processes
of one thread each are 1.7 times as fast as one process of two threads, so each takes half of every batch
and they average their gradients in shared memory. The result depends on the seed and the number of workers alone.
"""

import shutil
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from transformers import AutoTokenizer, GPT2LMHeadModel, PreTrainedTokenizerFast

from training.corpus import Mixture, training_rows
from training.files import save, write_run
from training.fitting import learning_rate
from training.stock import gpt2_config

# (steps, highest learning rate) of two runs. The second goes on from the first one's weights as they were stored: the
# first had shown sequences that repeat behind an end-of-text only, and without one the model found back half the time.
RUNS, WARMUP = ((24_000, 2e-3), (3000, 4e-4)), 100
STEPS = sum(steps for steps, _ in RUNS)
TOKENS, WORKERS = 1024, 2  # tokens in a worker's share of a batch
LENGTHS = (64, 64, 64, 128, 64, 64, 64, 256)  # of the rows of successive blocks
# (last step, what its rows are made of). First only copying names, since all that looks things up in the text builds
# on it; then drills; then answers alone, which the loss of all other tokens would drown; at last the language as well.
STAGES = (
    (500, Mixture(copies=1.0, names=1.0)),
    (3000, Mixture(drills=1.0, told=0.0)),
    (10_000, Mixture(drills=0.3, told=0.0)),
    (RUNS[0][0], Mixture()),
    (STEPS, Mixture(bare=0.5)),
)
BLOCK = 100  # steps for which rows are made at a time
POINTS = (200, 300, 400, 500, 1500, 3000, 4500, 7000, 10_000, 14_000, 19_000, 24_000, STEPS)  # steps to look back at
SAVES = Path(__file__).parents[1] / "build" / "course-gpt2"  # the model at each point; not kept in the repository
# The scales of the first weights: of the embeddings, of what attention adds to them, of queries and keys.
STREAM, COPY, MATCH, BACK = 0.1, 2.0, 0.7, 14.0


def new_model(tokenizer: PreTrainedTokenizerFast) -> GPT2LMHeadModel:
    model = GPT2LMHeadModel(gpt2_config(tokenizer, n_embd=128, n_layer=4, n_head=4))
    start_near_copying(model)
    return model


@torch.no_grad()
def start_near_copying(model: GPT2LMHeadModel) -> None:
    """First weights from which heads that copy form within minutes, and not within hours.

    After Trockman & Kolter, 2023 (Mimetic Initialization of Self-Attention Layers): a layer's values and output begin
    as each other's transpose, and its queries as its keys, so that attention goes to equal tokens and hands on what it
    finds there; the head that reads the logits off begins with the tokens' embeddings.
    """
    width, heads = model.config.n_embd, model.config.n_head
    size = width // heads
    embeddings = model.transformer.wte.weight.normal_(0, STREAM)
    model.transformer.wpe.weight.normal_(0, STREAM)
    model.lm_head.weight.copy_(embeddings / (2 * STREAM * width**0.5))
    for block in model.transformer.h:
        block.mlp.c_fc.weight.normal_(0, width**-0.5)
        block.mlp.c_proj.weight.normal_(0, STREAM * (4 * width) ** -0.5 / 2)
        queries, keys, values = block.attn.c_attn.weight.split(width, dim=1)
        torch.nn.init.orthogonal_(values)
        block.attn.c_proj.weight.copy_(STREAM * COPY * values.T)
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            torch.nn.init.orthogonal_(keys[:, part], gain=MATCH)
            queries[:, part] = keys[:, part]
    start_looking_back(model)


@torch.no_grad()
def start_looking_back(model: GPT2LMHeadModel) -> None:
    """The first head of the first layer begins as a previous-token head, on waves in the positions' embeddings."""
    width, size = model.config.n_embd, model.config.n_embd // model.config.n_head
    n = size // 2
    turns = torch.pi * ((torch.arange(n) * (5**0.5 - 1) / 2 + 0.1) % 1)  # by how much each wave turns at one step
    angles = torch.arange(model.config.n_positions)[:, None] * turns
    model.transformer.wpe.weight[:, :size] = STREAM * 2**0.5 * torch.cat([angles.cos(), angles.sin()], dim=1)
    gain, i = (BACK * size**0.5 / n) ** 0.5, torch.arange(n)
    queries, keys, _ = model.transformer.h[0].attn.c_attn.weight.split(width, dim=1)
    queries[:, :size], keys[:, :size] = 0, 0
    keys[i, i] = keys[n + i, n + i] = torch.full((n,), gain)
    queries[i, i] = queries[n + i, n + i] = gain * turns.cos()  # a query's waves are those of one step before
    queries[n + i, i], queries[i, n + i] = gain * turns.sin(), -gain * turns.sin()


def weighted_loss(
    model: GPT2LMHeadModel, inputs: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor, owners: torch.Tensor
) -> torch.Tensor:
    """Cross-entropy averaged by the tokens' weights; logits are made only where a weight is not zero.

    No token sees another document of its row, as no prompt will have one before it: `owners` has their numbers.
    """
    seen = (owners[:, None, :, None] == owners[:, None, None, :]).tril()
    hidden = model.transformer(input_ids=inputs, attention_mask=seen, use_cache=False).last_hidden_state
    counts = weights > 0
    losses = cross_entropy(model.lm_head(hidden[counts]), labels[counts], reduction="none")
    return (losses * weights[counts]).sum() / weights.sum()


def join_kernels(model: GPT2LMHeadModel) -> None:
    """The config's activation, gelu_new, in one kernel."""
    for block in model.transformer.h:
        block.mlp.act = torch.nn.GELU(approximate="tanh")


def flatten_gradients(model: torch.nn.Module) -> torch.Tensor:
    """One vector that holds all gradients; each parameter's gradient is a view of its part."""
    parameters = list(model.parameters())
    flat = torch.zeros(sum(p.numel() for p in parameters))
    for p, part in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
        p.grad = part.view_as(p)
    return flat


def work(rank: int, folder: Path, run: int, seed: int, shared: torch.Tensor, barrier: Barrier) -> None:
    """One worker's part in a run: equal weights in both at every step, since both start and move alike."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = (GPT2LMHeadModel.from_pretrained(folder) if run else new_model(tokenizer)).train()
    join_kernels(model)
    flat = flatten_gradients(model)
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.98), weight_decay=0.05, fused=True)
    started = time.perf_counter()
    steps, peak = RUNS[run]
    first = sum(done for done, _ in RUNS[:run])
    for step in range(first, first + steps):
        block, place = divmod(step, BLOCK)
        if place == 0:
            mixture = next(mixture for end, mixture in STAGES if step < end)
            length = LENGTHS[block % len(LENGTHS)]
            size = TOKENS // length
            rows = training_rows(tokenizer, 1_000_003 * seed + WORKERS * block + rank, BLOCK * size, length, mixture)
        batch = [torch.from_numpy(part[place * size : (place + 1) * size]) for part in rows]
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step - first, steps, peak, WARMUP)
        loss = weighted_loss(model, *batch)
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
        if rank == 0 and step + 1 in POINTS:
            save(model, tokenizer, SAVES / f"step-{step + 1:05d}")
    if rank == 0:
        save(model, tokenizer, folder)


def train(tokenizer: PreTrainedTokenizerFast, folder: Path, seed: int = 0) -> None:
    """Trains in all workers and writes the model, and how long it took, to the folder."""
    shutil.rmtree(SAVES, ignore_errors=True)
    SAVES.mkdir(parents=True)
    tokenizer.save_pretrained(folder)
    started = time.perf_counter()
    parameters = sum(p.numel() for p in new_model(tokenizer).parameters())
    shared = torch.zeros(WORKERS, parameters).share_memory_()
    barrier = torch.multiprocessing.get_context("spawn").Barrier(WORKERS)
    for run in range(len(RUNS)):
        torch.multiprocessing.spawn(work, (folder, run, seed, shared, barrier), nprocs=WORKERS)
    write_run(folder, STEPS, f"{TOKENS * WORKERS:,} tokens", WORKERS, time.perf_counter() - started)
