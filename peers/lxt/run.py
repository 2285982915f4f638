"""What lxt says about the cases that `python -m peers.export FOLDER` wrote. It runs in an environment of its own.

    python peers/lxt/run.py FOLDER OUT.safetensors    relevance of the token embeddings
    python peers/lxt/run.py FOLDER --time             seconds, as JSON

lxt patches the classes of transformers for good, so each rule of each model gets a process of its own.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import multiprocessing
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save_file
from safetensors.torch import load_file

# lxt has no map for CP-LRP in BERT. Its own route to the gamma rule, zennit's hooks on nn.Linear, meets few of GPT-2's
# layers, which are Conv1D.
RULES = {"gpt2": ("attn-lrp", "cp-lrp"), "llama": ("attn-lrp", "cp-lrp", "attn-lrp-gamma"), "bert": ("attn-lrp",)}
GAMMA = 0.25
DTYPES = {"float32": torch.float32, "float64": torch.float64}
LIBRARIES = ("lxt", "transformers", "torch", "zennit", "numpy")
LONG = 64
ROUNDS = 20


def declare_operators_of_torchvision() -> None:
    """Lets torchvision be imported, as transformers, lxt and zennit do, where its operators can't be loaded.

    Its wheel may be built for GPUs and torch for CPUs. Nothing of it runs here.
    """
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def patch(family: str, rule: str) -> None:
    """lxt's rules in place of the family's own backward pass; "plain" leaves it as it is."""
    if rule == "plain":
        return
    efficient = importlib.import_module("lxt.efficient")
    maps = importlib.import_module(f"lxt.efficient.models.{family}")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what lxt could not patch, it only warns about
        efficient.monkey_patch(modeling(family), constant_attention(maps) if rule == "cp-lrp" else None)
        if rule == "attn-lrp-gamma":
            efficient.monkey_patch_zennit()


def constant_attention(maps: Any) -> dict[Any, Any]:
    """lxt's map for CP-LRP, but gated MLPs by the rule of AttnLRP: lxt takes their gate as a constant as well."""
    gated = {part: rule for part, rule in maps.attnLRP.items() if getattr(part, "__name__", "").endswith("LlamaMLP")}
    return maps.cp_LRP | gated


def modeling(family: str) -> Any:
    """The module of transformers that holds the family's classes."""
    return importlib.import_module(f"transformers.models.{family}.modeling_{family}")


def build(folder: Path, family: str, case: dict[str, Any]) -> torch.nn.Module:
    """The model of a case, by the classes that `patch` has left."""
    config = importlib.import_module("transformers").AutoConfig.for_model(**case["config"], attn_implementation="eager")
    model = getattr(modeling(family), case["class"])(config)
    model.load_state_dict(load_file(folder / f"{family}.safetensors"), strict=True)
    assert model.config._attn_implementation == "eager"
    return model.eval().requires_grad_(False)


def explain(
    model: Any, case: dict[str, Any], ids: list[int], target: int, versus: int | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The value that is explained, (), and the relevance of each token's embedding, (tokens,)."""
    embedded = model.get_input_embeddings()(torch.tensor([ids])).requires_grad_()
    logits = model(inputs_embeds=embedded).logits[0]
    read = logits if case["position"] is None else logits[case["position"] - len(case["ids"])]
    value = read[target] if versus is None else read[target] - read[versus]
    (gradient,) = torch.autograd.grad(value, embedded)
    return value.detach(), (embedded * gradient).sum(-1)[0].detach()


def prepared(folder: Path, family: str, rule: str) -> tuple[Any, dict[str, Any]]:
    """A model under a rule, in a process that has patched nothing before."""
    torch.set_num_threads(1)
    declare_operators_of_torchvision()
    patch(family, rule)
    case = json.loads((folder / f"{family}.json").read_text(encoding="utf-8"))
    model = build(folder, family, case)
    if rule == "attn-lrp-gamma":
        zennit = importlib.import_module("zennit.composites"), importlib.import_module("zennit.rules")
        zennit[0].LayerMapComposite([(torch.nn.Linear, zennit[1].Gamma(GAMMA))]).register(model)
    return model, case


def results(folder: Path, family: str, rule: str) -> dict[str, np.ndarray]:
    """FAMILY/RULE/TARGET/DTYPE/relevance, (tokens,), and .../value, (), for all targets of a case; FAMILY/ids."""
    model, case = prepared(folder, family, rule)
    found = {f"{family}/ids": np.array(case["ids"])}
    for precision, dtype in DTYPES.items():
        model.to(dtype)
        for name, (target, versus) in case["targets"].items():
            value, relevance = explain(model, case, case["ids"], target, versus)
            key = f"{family}/{rule}/{name}/{precision}"
            found |= {f"{key}/relevance": relevance.numpy(), f"{key}/value": value.numpy()}
    return found


def seconds(folder: Path, family: str, rule: str) -> dict[str, Any]:
    """The best of several forward and backward passes to the embeddings, on the prompt and on a longer one."""
    model, case = prepared(folder, family, rule)
    target, versus = next(iter(case["targets"].values()))
    best = {}
    for ids in (case["ids"], (case["ids"] * LONG)[:LONG]):
        times = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            explain(model, case, ids, target, versus)
            times.append(time.perf_counter() - start)
        best[f"{len(ids)} tokens"] = min(times)
    return {rule: best}


def main() -> None:
    """Writes the results, or prints the seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--time", action="store_true")
    options = parser.parse_args()
    if options.time == (options.out is not None):
        parser.error("give OUT.safetensors or --time")
    versions = {name: importlib.metadata.version(name).split("+")[0] for name in LIBRARIES}
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as fresh:
        if options.time:
            rules = ("plain", *RULES["gpt2"])
            parts = fresh.starmap(seconds, [(options.folder, "gpt2", rule) for rule in rules], chunksize=1)
            print(json.dumps({name: best for part in parts for name, best in part.items()} | versions, indent=1))
            return
        runs = [(options.folder, family, rule) for family, rules in RULES.items() for rule in rules]
        parts = fresh.starmap(results, runs, chunksize=1)
    made = {"command": "make peers", "gamma": GAMMA} | versions
    arrays = {name: array for part in parts for name, array in part.items()}
    save_file(arrays, options.out, metadata={"made": json.dumps(made)})  # several keys would come in any order


if __name__ == "__main__":
    main()
