"""AttnLRP of lxt: the relevance of each token of the prompt for the logit of the next one.

    .venv-lxt/bin/python -m tooling.lxt.run data/tools

lxt patches the classes of transformers for good, in this process. The transformers that it needs does not know the
class of the course's tokenizers, so their file is read by the library below.
"""

from __future__ import annotations

from tokenizers import Tokenizer

from peers.lxt.run import declare_operators_of_torchvision, explain, modeling, patch
from tooling import record

RULE = "attn-lrp"


def job() -> tuple[record.Result, record.Arrays]:
    """The relevance of the tokens' embeddings. lxt does not count what biases, positions and the softmax absorb."""
    stock = modeling("gpt2").GPT2LMHeadModel.from_pretrained(record.GPT2, attn_implementation="eager")
    model = stock.eval().requires_grad_(False)
    tokenizer = Tokenizer.from_file(f"{record.GPT2}/tokenizer.json")
    ids, (answer,) = tokenizer.encode(record.PROMPT).ids, tokenizer.encode(record.ANSWER).ids
    value, relevance = explain(model, {"position": len(ids) - 1, "ids": ids}, ids, answer, None)
    result = {
        "model": "course-gpt2",
        "rule": RULE,
        "ids": ids,
        "answer": record.ANSWER,
        "logit": value.item(),
        "sum": relevance.double().sum().item(),
        "scores": {"token": [tokenizer.decode([token]) for token in ids], "relevance": relevance.tolist()},
    }
    return result, {}


if __name__ == "__main__":
    declare_operators_of_torchvision()
    patch("gpt2", RULE)
    record.main("lxt", ("lxt", "transformers", "torch", "torchvision"), record.PROMPT, job)
