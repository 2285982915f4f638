"""ferret's explainers on a review that course-distilbert judges, and its own measures of how faithful they are.

    .venv-ferret/bin/python -m tooling.ferret.run data/tools

Scores are not normalised, as ferret would by default: a norm of 1 hides how large they were. LIME draws from numpy's
global generator; ferret seeds SHAP alone.
"""

from __future__ import annotations

import numpy as np
import transformers
from ferret import AOPC_Comprehensiveness_Evaluation, AOPC_Sufficiency_Evaluation, Benchmark, TauLOO_Evaluation

from tooling import record

TARGET = "positive"
MEASURES = (AOPC_Comprehensiveness_Evaluation, AOPC_Sufficiency_Evaluation, TauLOO_Evaluation)


def job() -> tuple[record.Result, record.Arrays]:
    """The scores of all six explainers that ferret takes by default, unnormalised, and three measures of each."""
    model = transformers.AutoModelForSequenceClassification.from_pretrained(record.DISTILBERT).eval()
    transformers.logging.set_verbosity_error()  # transformers 4 does not know the tokenizer's class, but reads its file
    tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(record.DISTILBERT)
    target = model.config.label2id[TARGET]
    bench = Benchmark(model, tokenizer, evaluators=[measure(model, tokenizer) for measure in MEASURES])
    np.random.seed(0)
    explained = bench.explain(record.REVIEW, target=target, normalize_scores=False, show_progress=False)
    measured = bench.evaluate_explanations(explained, target=target, show_progress=False)
    result = {
        "model": "course-distilbert",
        "target": TARGET,
        "ids": tokenizer(record.REVIEW)["input_ids"],
        "probability": bench.score(record.REVIEW)[TARGET],
        "scores": {"token": explained[0].tokens, **{e.explainer: e.scores.astype(float).tolist() for e in explained}},
        "measures": {
            "explainer": [e.explainer for e in explained],
            **{
                measure.SHORT_NAME: [float(found.evaluation_scores[k].score) for found in measured]
                for k, measure in enumerate(MEASURES)
            },
        },
    }
    return result, {}


if __name__ == "__main__":
    libraries = ("ferret-xai", "captum", "lime", "shap", "transformers", "torch", "numpy")
    record.main("ferret", libraries, record.REVIEW, job)
