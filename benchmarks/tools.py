"""One job in each tool that can do it: time, start and memory, each tool in a process of its own.

`python -m benchmarks.tools JOB TOOL` does one job and prints what it took as JSON; `rows` runs them all in turns.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

HEADER = ("job", "tool", "a call", "ours / this", "to start", "most memory")
NOTES = """\
Each tool in a fresh process, which loads the course's model and does the job until a second has passed; "a call" is the
best of all calls in two processes, taken in turns with the other tools', and "ours / this" the ratio of two of these:
below 1 ours is faster. "to start": imports, model, bridge and first call, once. "most memory": the process's peak, the
model and every imported library included; ours alone imports no other tool.

- stream: the residual stream of course-gpt2 after block 2, ten tokens; TransformerLens and ours keep nothing else.
- integrated gradients: course-distilbert, 11 tokens, 32 steps.
- lime: 1,000 samples with masks, nine words. captum's Lime takes one text in a pass unless told otherwise; here 64.
- shapley: exact values of nine words, 512 texts.
"""
ROUNDS, ENOUGH = 2, 1.0
PROMPT = "The Eiffel Tower is located in the city of"
REVIEW = "The movie was surprisingly entertaining despite a weak script"


def stream_ours() -> Callable[[], Any]:
    import xai_helpers as xai
    from xai_helpers import circuits

    model = xai.load("course-gpt2", device="cpu")
    return lambda: circuits.run_with_cache(model, PROMPT, ["blocks.2.hook_resid_post"])


def stream_hook() -> Callable[[], Any]:
    import torch

    import xai_helpers as xai

    model = xai.load("course-gpt2", device="cpu")
    block = model.model.transformer.h[2]

    def call() -> list[Any]:
        kept: list[Any] = []
        ids = model.encode(PROMPT).ids
        with torch.no_grad(), block.register_forward_hook(lambda module, given, output: kept.append(output)):
            model.model(ids)
        return kept

    return call


def stream_transformer_lens() -> Callable[[], Any]:
    import torch

    import xai_helpers as xai
    from xai_helpers import tooling

    model = xai.load("course-gpt2", device="cpu")
    lens, name = tooling.to_transformer_lens(model), "blocks.2.hook_resid_post"

    def call() -> Any:
        with torch.no_grad():
            return lens.run_with_cache(model.encode(PROMPT).ids, names_filter=name)

    return call


def stream_nnsight() -> Callable[[], Any]:
    import torch

    import xai_helpers as xai
    from xai_helpers import tooling

    model = xai.load("course-gpt2", device="cpu")
    traced = tooling.to_nnsight(model)

    def call() -> Any:
        with torch.no_grad(), traced.trace(model.encode(PROMPT).ids):
            kept = traced.transformer.h[2].output.save()
        return kept[0]

    return call


def gradients_ours() -> Callable[[], Any]:
    import xai_helpers as xai

    model = xai.load("course-distilbert", device="cpu")
    return lambda: xai.integrated_gradients(model, REVIEW, "positive", steps=32)


def gradients_captum() -> Callable[[], Any]:
    import captum.attr

    import xai_helpers as xai
    from xai_helpers import tooling

    model = xai.load("course-distilbert", device="cpu")

    def call() -> Any:
        given = tooling.to_captum(model, REVIEW, "positive")
        method = captum.attr.LayerIntegratedGradients(given.forward, given.layer)
        return method.attribute(given.ids, baselines=given.baseline_ids, additional_forward_args=given.mask, n_steps=32)

    return call


def lime_ours() -> Callable[[], Any]:
    import xai_helpers as xai

    model = xai.load("course-distilbert", device="cpu")
    return lambda: xai.lime(model, REVIEW, "positive", samples=1000, seed=0)


def lime_lime() -> Callable[[], Any]:
    from lime.lime_text import LimeTextExplainer

    import xai_helpers as xai
    from xai_helpers import tooling

    model = xai.load("course-distilbert", device="cpu")
    asked = tooling.to_lime(model)
    explainer = LimeTextExplainer(class_names=["negative", "positive"], bow=False, mask_string="[MASK]", random_state=0)
    return lambda: explainer.explain_instance(REVIEW, asked, num_features=9, num_samples=1000)


def lime_captum() -> Callable[[], Any]:
    import captum.attr

    import xai_helpers as xai
    from xai_helpers import tooling

    model = xai.load("course-distilbert", device="cpu")

    def call() -> Any:
        given = tooling.to_captum(model, REVIEW, "positive")
        return captum.attr.Lime(given.forward).attribute(
            given.ids,
            baselines=given.baseline_ids,
            additional_forward_args=given.mask,
            n_samples=1000,
            perturbations_per_eval=64,
        )

    return call


def shapley_ours() -> Callable[[], Any]:
    import xai_helpers as xai

    model = xai.load("course-distilbert", device="cpu")
    return lambda: xai.shapley(model, REVIEW, "positive")


def shapley_shap() -> Callable[[], Any]:
    import numpy as np
    import shap

    import xai_helpers as xai
    from xai_helpers import tooling

    model = xai.load("course-distilbert", device="cpu")

    def call() -> Any:
        game, _ = tooling.to_shap(model, REVIEW, "positive")
        return shap.ExactExplainer(game, np.zeros((1, game.n)))(np.ones((1, game.n)))

    return call


JOBS: dict[str, dict[str, Callable[[], Callable[[], Any]]]] = {
    "stream": {
        "xai-helpers": stream_ours,
        "torch, a hook": stream_hook,
        "transformer-lens": stream_transformer_lens,
        "nnsight": stream_nnsight,
    },
    "integrated gradients": {"xai-helpers": gradients_ours, "captum": gradients_captum},
    "lime": {"xai-helpers": lime_ours, "lime": lime_lime, "captum": lime_captum},
    "shapley": {"xai-helpers": shapley_ours, "shap": shapley_shap},
}


def peak_megabytes() -> float:
    """The most memory of this process. Linux's getrusage begins with that of the process that started this one."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())[0]) / 2**10
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS counts bytes


def measured(job: str, tool: str) -> dict[str, float]:
    """Seconds to start, seconds of the best call, and megabytes at the most, of this process."""
    start = time.perf_counter()
    import torch

    torch.set_num_threads(1)
    call = JOBS[job][tool]()
    call()
    began = time.perf_counter()
    best = float("inf")
    while time.perf_counter() - began < ENOUGH:
        before = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - before)
    peak = peak_megabytes()
    return {"start": began - start, "call": best, "memory": peak}


def rows() -> list[str]:
    """The table's rows: for each job ours first, then the tools."""
    found = []
    for job, tools in JOBS.items():
        runs: dict[str, list[dict[str, float]]] = {tool: [] for tool in tools}
        for _ in range(ROUNDS):
            for tool in tools:
                command = [sys.executable, "-m", "benchmarks.tools", job, tool]
                said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                runs[tool].append(json.loads(said.splitlines()[-1]))
        best = {tool: {key: min(run[key] for run in taken) for key in taken[0]} for tool, taken in runs.items()}
        for tool, one in best.items():
            version = metadata.version(tool.split(",")[0])
            ratio = best["xai-helpers"]["call"] / one["call"]
            found.append(
                f"| {job} | {tool} {version} | {one['call'] * 1e3:.1f} ms | {ratio:.2f} | "
                f"{one['start']:.1f} s | {one['memory']:.0f} MB |"
            )
    return found


if __name__ == "__main__":
    print(json.dumps(measured(*sys.argv[1:])))
