"""What nnterp reads in course-gpt2, and what the model says without one of its blocks.

    .venv-nnterp/bin/python -m tooling.nnterp.run data/tools

The prompt is given as text; `ids` are the tokens that nnterp made of it, without one put before them.
"""

from __future__ import annotations

import torch
from nnterp import StandardizedTransformer
from nnterp.interventions import logit_lens

from tooling import record

LAYER = 2


def job() -> tuple[record.Result, record.Arrays]:
    """The residual stream after a block, the logit lens after each, and the answer's logit where a block is skipped."""
    model = StandardizedTransformer(record.GPT2, device_map="cpu", dtype=torch.float32)
    (answer,) = model.tokenizer(record.ANSWER)["input_ids"]
    with model.trace(record.PROMPT):
        ids = model.input_ids.save()
        stream = model.layers_output[LAYER].save()
        logits = model.logits[0, -1].save()
    probability, best = logit_lens(model, record.PROMPT)[0].max(-1)
    without = torch.stack([skipped(model, layer) for layer in range(model.num_layers)])
    layers, words = list(range(model.num_layers)), model.tokenizer.batch_decode
    result = {
        "model": "course-gpt2",
        "ids": ids[0].tolist(),
        "answer": record.ANSWER,
        "logit": logits[answer].item(),
        "logit lens": {"after block": layers, "best token": words(best[:, None]), "probability": probability.tolist()},
        "skipped": {
            "block": layers,
            "logit": without[:, answer].tolist(),
            "best token": words(without.argmax(-1)[:, None]),
        },
    }
    return result, {f"resid_post_{LAYER}": stream[0].detach().numpy()}


def skipped(model: StandardizedTransformer, layer: int) -> torch.Tensor:
    """The last token's logits, (vocabulary,), where a block hands on what it gets."""
    with model.trace(record.PROMPT):
        model.skip_layer(layer)
        logits = model.logits[0, -1].save()
    return logits  # noqa: RET504  (nnsight compiles the block: a return inside it would end nothing here)


if __name__ == "__main__":
    record.main("nnterp", ("nnterp", "nnsight", "transformers", "torch"), record.PROMPT, job)
