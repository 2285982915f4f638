"""What inseq says about the generations that `python -m peers.export FOLDER` wrote. It runs in its own environment.

    python peers/inseq/run.py FOLDER OUT.safetensors

For each generation NAME, method and output: NAME/METHOD/OUTPUT, (steps, tokens), row t for the t-th generated token,
NaN for what it can't see. Components of an embedding become one number as the method's paper has it: saliency by
inseq's own "vnorm", the L2 norm; the others, which are shares of a total, by its "sum". NAME/ids are the tokens. Models
run in double precision, else a probability near 1 would lose most of its gradient's digits; inseq keeps scores in
single.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import itertools
import json
import logging
from pathlib import Path
from typing import Any

import inseq
import numpy as np
import torch
import transformers
from safetensors.numpy import save_file

METHODS = {"saliency": "vnorm", "input_x_gradient": "sum", "integrated_gradients": "sum"}
OUTPUTS = ("logit", "probability")
STEPS = 20  # of integrated gradients, by Gauss-Legendre, captum's own choice
LIBRARIES = ("inseq", "captum", "transformers", "torch", "numpy")


def explain(model: Any, texts: dict[str, Any], method: str, output: str) -> np.ndarray:
    """Scores of all tokens for each generated one: (steps, tokens)."""
    options = {"n_steps": STEPS} if method == "integrated_gradients" else {}
    found = model.attribute(
        texts["prompt"],
        texts["whole"],
        attributed_fn=output,
        show_progress=False,
        **options,
    ).sequence_attributions[0]
    assert [token.id for token in found.target] == texts["ids"], "inseq reads other tokens"
    scores = found.aggregate(METHODS[method], normalize=False).target_attributions  # (tokens, steps)
    return np.ascontiguousarray(scores.numpy().T)  # safetensors would write a view in the order of its memory


def results(folder: Path) -> dict[str, np.ndarray]:
    """All arrays of one generation."""
    name = folder.name.removeprefix("generation-")
    texts = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
    found = {f"{name}/ids": np.array(texts["ids"])}
    stock = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager")
    for method, output in itertools.product(METHODS, OUTPUTS):
        model = inseq.load_model(stock, method, tokenizer=transformers.AutoTokenizer.from_pretrained(folder))
        found[f"{name}/{method}/{output}"] = explain(model, texts, method, output)
    return found


def main() -> None:
    """Writes the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    logging.getLogger("inseq").setLevel(logging.ERROR)
    arrays: dict[str, np.ndarray] = {}
    for folder in sorted(options.folder.glob("generation-*")):
        arrays |= results(folder)
    versions = {name: importlib.metadata.version(name).split("+")[0] for name in LIBRARIES}
    made = {"command": "make peers", "steps": STEPS} | versions
    save_file(arrays, options.out, metadata={"made": json.dumps(made)})  # several keys would come in any order


if __name__ == "__main__":
    main()
