"""Integrated gradients of inseq: what each token of the prompt gives to the logit of the next one.

    .venv-inseq/bin/python -m tooling.inseq.run data/tools

inseq chooses the baseline itself: the unknown token in the place of each token, which in course-gpt2 is end-of-text.
"shown by default" is what its own pages would show: norms over the components of an embedding, which add up to 1.
"""

from __future__ import annotations

import logging

import inseq

from tooling import record

STEPS = 20  # by Gauss-Legendre, captum's own choice


def job() -> tuple[record.Result, record.Arrays]:
    """Scores by inseq's sum over the components of an embedding, and as it shows them by default."""
    logging.getLogger("inseq").setLevel(logging.ERROR)
    model = inseq.load_model(record.GPT2, "integrated_gradients")
    explained = model.attribute(
        record.PROMPT,
        record.PROMPT + record.ANSWER,
        attributed_fn="logit",
        n_steps=STEPS,
        step_scores=["logit"],
        return_convergence_delta=True,
        show_progress=False,
    ).sequence_attributions[0]
    baseline = set(model.encode(record.PROMPT, return_baseline=True).baseline_ids[0].tolist())
    n = len(explained.target) - 1  # the last is the answer
    columns = {
        "sum": explained.aggregate("sum", normalize=False).target_attributions,
        "shown by default": explained.aggregate().target_attributions,
    }
    result = {
        "model": "course-gpt2",
        "ids": [token.id for token in explained.target[:n]],
        "answer": record.ANSWER,
        "baseline": model.tokenizer.decode(sorted(baseline)),
        "steps": STEPS,
        "logit": explained.step_scores["logit"].item(),
        "delta": explained.step_scores["deltas"].item(),
        "scores": {
            "token": [model.tokenizer.decode([token.id]) for token in explained.target[:n]],
            **{name: values[:n, 0].tolist() for name, values in columns.items()},
        },
    }
    return result, {}


if __name__ == "__main__":
    record.main("inseq", ("inseq", "captum", "transformers", "torch"), record.PROMPT, job)
