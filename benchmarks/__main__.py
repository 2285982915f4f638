"""Our methods beside the field's libraries, both timed in one run: `make bench`. What counts is the ratio.

Each row takes the best of several alternating runs, on one thread. The table goes to benchmarks/results.md. lxt has an
environment of its own, made by `make peers`, and takes turns with ours.
"""

from __future__ import annotations

import functools
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import captum.attr
import networkx
import numpy as np
import torch

import xai_helpers as xai
from xai_helpers import attention, gradients, propagation
from xai_helpers.installation import versions

ROUNDS = 5
ENOUGH = 5.0  # seconds that a row goes on for, if its rounds are short
TURNS = 4  # of ours and lxt's processes
ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).with_name("results.md")
LXT, EXPORTED = ROOT / ".venv-lxt" / "bin" / "python", ROOT / "build" / "peers"

PROMPT = "The Eiffel Tower is located in the city of"
TEXTS = {"10 tokens": PROMPT, "64 tokens": " ".join((PROMPT.split() * 7)[:58])}
TARGET = "Paris"
NOTES = """\
All but the first two rows: course-gpt2, 4 layers of width 128, on the CPU. Ours start from the text.

- captum's InputXGradient: as its user writes it, tokenizer and embedding lookup included.
- plain pass: `gradients.embedding_gradient`, forward and backward to the embeddings, nothing patched. `xai.lrp` aims at
  less than 1.5 times its time: more than 0.67 in the last column.
- lxt: from ids to the relevance of the embeddings, by classes that were patched before, for good. "LRP alone" starts
  and ends there too, but patches the model and puts it back in each call. `xai.lrp` also encodes the text, resolves the
  target and accounts for all that is absorbed.
"""


def seconds(run: Callable[[], object]) -> float:
    """Seconds of one run."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def row(what: str, mine: float, peer: str, theirs: float) -> str:
    """One row of the table."""
    return f"| {what} | {mine * 1e3:.1f} ms | {peer} | {theirs * 1e3:.1f} ms | {theirs / mine:.2f} |"


def compare(what: str, ours: Callable[[], object], peer_name: str, peer: Callable[[], object]) -> str:
    """The row of two calls that alternate."""
    times: list[tuple[float, float]] = []
    while len(times) < ROUNDS or sum(map(sum, times)) < ENOUGH:
        times.append((seconds(ours), seconds(peer)))
    mine, theirs = (min(column) for column in zip(*times, strict=True))
    return row(what, mine, peer_name, theirs)


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


def input_x_gradient_with_captum(model: Any, tokenizer: Any, text: str, target: int) -> torch.Tensor:
    """One score per token, (tokens,), as a user of captum computes it."""
    batch = tokenizer(text, return_tensors="pt")
    embedded = model.get_input_embeddings()(batch["input_ids"])
    method = captum.attr.InputXGradient(
        lambda x: model(inputs_embeds=x, attention_mask=batch["attention_mask"]).logits[:, -1]
    )
    return method.attribute(embedded, target=target)[0].sum(-1)


def lrp_alone(model: xai.TextModel, ids: torch.Tensor, target: int, rule: propagation.Rule) -> torch.Tensor:
    """The relevance of each token's embedding, (tokens,): what peers/lxt/run.py times, by our rules."""
    with propagation.lrp_rules(model, rule, epsilon=0.0, gamma=0.0) as ledger:
        value = model.model(input_ids=ids).logits[0, -1, target]
        (embedded,) = (entry.tensor for entry in ledger.entries if entry.name == "tokens")
        (slope,) = torch.autograd.grad(value, embedded)
    return (embedded * slope).sum(-1)[0].detach()


def attention_rows() -> list[str]:
    """Attention flow."""
    weights = np.tril(np.random.default_rng(0).exponential(size=(6, 4, 16, 16)))
    mixed = attention.mix(weights / weights.sum(-1, keepdims=True))
    ours, peer = lambda: attention.maximum_flows(mixed, 15), lambda: flow_with_networkx(mixed, 15)
    return [compare("attention flow, 6 layers, 16 tokens", ours, "networkx", peer)]


def gradient_rows(model: xai.TextModel) -> list[str]:
    """Input x gradient beside captum's."""
    rows = []
    for length, text in TEXTS.items():
        ours = functools.partial(xai.input_x_gradient, model, text, TARGET)
        target = model.resolve(TARGET, text).id
        peer = functools.partial(input_x_gradient_with_captum, model.model, model.tokenizer, text, target)
        assert np.allclose(ours().scores, peer().detach(), atol=1e-4)
        rows.append(compare(f"xai.input_x_gradient, {length}", ours, "captum's InputXGradient", peer))
    return rows


def lrp_rows(model: xai.TextModel) -> list[str]:
    """LRP beside the model's own pass in each direction."""
    rows = []
    for length, text in TEXTS.items():
        plain = functools.partial(gradients.embedding_gradient, model, text, TARGET)
        for rule in propagation.RULES:
            ours = functools.partial(xai.lrp, model, text, TARGET, rule=rule)
            rows.append(compare(f"xai.lrp, {rule}, {length}", ours, "plain pass", plain))
    return rows


def lxt_rows(model: xai.TextModel) -> list[str]:
    """LRP beside lxt's, which runs in its own environment."""
    if not (LXT.exists() and (EXPORTED / "gpt2.json").exists()):
        return ["| xai.lrp | | lxt | not measured: `make peers` installs it | |"]
    ours: dict[tuple[str, str, str], Callable[[], object]] = {}
    for length, text in TEXTS.items():
        ids, target = model.encode(text).ids, model.resolve(TARGET, text).id
        for rule in propagation.RULES:
            ours["LRP alone", rule, length] = functools.partial(lrp_alone, model, ids, target, rule)
            ours["xai.lrp", rule, length] = functools.partial(xai.lrp, model, text, TARGET, rule=rule)
    mine, theirs = [], []
    for _ in range(TURNS):
        mine.append({key: min(seconds(run) for _ in range(20)) for key, run in ours.items()})
        command = list(map(str, (LXT, ROOT / "peers" / "lxt" / "run.py", EXPORTED, "--time")))
        theirs.append(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))
    peer = f"lxt {theirs[0]['lxt']}, transformers {theirs[0]['transformers']}"
    return [
        row(
            f"{what}, {rule}, {length}",
            min(turn[what, rule, length] for turn in mine),
            peer,
            min(turn[rule][length] for turn in theirs),
        )
        for what, rule, length in ours
    ]


def main() -> None:
    """Times everything, prints the table and writes it to benchmarks/results.md."""
    torch.set_num_threads(1)
    model = xai.load("course-gpt2", device="cpu")
    rows = [
        compare("import xai_helpers", fresh("import xai_helpers"), "import torch", fresh("import torch")),
        *attention_rows(),
        *gradient_rows(model),
        *lrp_rows(model),
        *lxt_rows(model),
    ]
    peers = {name: metadata.version(name) for name in ("networkx", "captum")}
    used = ", ".join(f"{name} {version}" for name, version in {**versions(), **peers}.items())
    text = "\n".join(
        [
            f"Made by `make bench` with Python {platform.python_version()}, {used}.",
            "",
            "| what | ours | peer | peer's time | times as fast |",
            "|---|---|---|---|---|",
            *rows,
            "",
            NOTES,
        ]
    )
    RESULTS.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
