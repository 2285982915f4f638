"""Our methods beside the field's libraries, both timed in one run: `make bench`. What counts is the ratio.

Each row takes the best of several alternating runs, on one thread. The tables go to benchmarks/results.md, one for each
section; `make bench ARGS="lime shapley"` times these sections and leaves the others as they are. lxt has an environment
of its own, made by `make peers`, and takes turns with ours.
"""

from __future__ import annotations

import functools
import json
import platform
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import captum.attr
import networkx
import numpy as np
import torch

import xai_helpers as xai
from benchmarks import circuits, discovery, integrated_gradients, perturbation, tools
from benchmarks.timing import compare, row, seconds
from xai_helpers import attention, gradients, propagation
from xai_helpers.installation import versions

TURNS = 4  # of ours and lxt's processes
ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).with_name("results.md")
LXT, EXPORTED = ROOT / ".venv-lxt" / "bin" / "python", ROOT / "build" / "peers"

PROMPT = "The Eiffel Tower is located in the city of"
TEXTS = {"10 tokens": PROMPT, "64 tokens": " ".join((PROMPT.split() * 7)[:58])}
TARGET = "Paris"
GRADIENTS = """\
course-gpt2, 4 layers of width 128. Ours start from the text. captum's InputXGradient: as its user writes it, tokenizer
and embedding lookup included.
"""
LRP = """\
course-gpt2. Ours start from the text.

- plain pass: `gradients.embedding_gradient`, forward and backward to the embeddings, nothing patched. `xai.lrp` aims at
  less than 1.5 times its time: more than 0.67 in the last column.
- lxt: from ids to the relevance of the embeddings, by classes that were patched before, for good. "LRP alone" starts
  and ends there too, but patches the model and puts it back in each call. `xai.lrp` also encodes the text, resolves the
  target and accounts for all that is absorbed.
"""


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
    rows = []
    for layers, n in ((6, 16), (12, 32)):
        weights = np.tril(np.random.default_rng(0).exponential(size=(layers, 4, n, n)))
        mixed = attention.mix(weights / weights.sum(-1, keepdims=True))
        ours = functools.partial(attention.maximum_flows, mixed, n - 1)
        peer = functools.partial(flow_with_networkx, mixed, n - 1)
        rows.append(compare(f"attention flow, {layers} layers, {n} tokens", ours, "networkx", peer))
    return rows


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


def package_rows() -> list[str]:
    """Importing, and attention flow."""
    return [
        compare(
            "import xai_helpers",
            fresh("import xai_helpers"),
            "import torch",
            fresh("import torch"),
        ),
        *attention_rows(),
    ]


def course_gpt2() -> xai.TextModel:
    """The model of the sections that have one only."""
    return xai.load("course-gpt2", device="cpu")


# What each section times, and what is to be said of it.
SECTIONS: dict[str, tuple[Callable[[], list[str]], str]] = {
    "package": (package_rows, ""),
    "gradients": (lambda: gradient_rows(course_gpt2()), GRADIENTS),
    "lrp": (lambda: [*lrp_rows(course_gpt2()), *lxt_rows(course_gpt2())], LRP),
    "integrated_gradients": (integrated_gradients.rows, integrated_gradients.NOTES),
    "leave_one_out": (perturbation.leave_one_out_rows, perturbation.LEAVE_ONE_OUT),
    "lime": (perturbation.lime_rows, perturbation.LIME),
    "shapley": (perturbation.shapley_rows, perturbation.SHAPLEY),
    "patching": (circuits.patching_rows, circuits.PATCHING),
    "caching": (circuits.caching_rows, circuits.CACHING),
    "attribution_patching": (discovery.node_rows, discovery.NODES),
    "edge_attribution": (discovery.edge_rows, discovery.EDGES),
    "path_patching": (discovery.path_rows, discovery.PATHS),
    "first_order": (discovery.first_order_rows, discovery.FIRST_ORDER),
    "sparse_probing": (discovery.probe_rows, discovery.SPARSE),
    "tools": (tools.rows, tools.NOTES),
}
HEADERS = {"tools": tools.HEADER}  # of tables that have no peer's column


def section(name: str) -> str:
    """One section's page."""
    timed, notes = SECTIONS[name]
    header = HEADERS.get(name, ("what", "ours", "peer", "peer's time", "times as fast"))
    peers = {peer: metadata.version(peer) for peer in ("networkx", "captum", "lime", "shap", "transformer-lens")}
    used = ", ".join(f"{library} {version}" for library, version in {**versions(), **peers}.items())
    lines = [
        f"## {name}\n",
        f'Made by `make bench ARGS="{name}"` on one thread, with Python {platform.python_version()}, {used}.\n',
        f"| {' | '.join(header)} |",
        f"|{'---|' * len(header)}",
        *timed(),
    ]
    return "\n".join([*lines, "", notes]).rstrip() + "\n"


def main(names: list[str]) -> None:
    """Times these sections, or all, prints them and puts them into benchmarks/results.md."""
    if unknown := set(names) - set(SECTIONS):
        raise SystemExit(f"no section {', '.join(sorted(unknown))}; there is {', '.join(SECTIONS)}")
    torch.set_num_threads(1)
    before = RESULTS.read_text(encoding="utf-8").split("\n## ")[1:] if RESULTS.exists() else []
    pages = {page.partition("\n")[0]: f"## {page.rstrip()}\n" for page in before}
    for name in names or SECTIONS:
        pages[name] = section(name)
        print(pages[name], flush=True)
        ordered = [pages[known] for known in SECTIONS if known in pages]
        partial = RESULTS.with_suffix(".partial")
        partial.write_text("# Ours beside the field's libraries\n\n" + "\n".join(ordered), encoding="utf-8")
        partial.replace(RESULTS)


if __name__ == "__main__":
    main(sys.argv[1:])
