"""What our methods and their peers both explain: models that any machine rebuilds, each with a text and targets."""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tokenizers
import torch
import transformers

import xai_helpers as xai
from xai_helpers.architectures import Kind

sys.path.append(str(Path(__file__).parents[1] / "tests"))
import tiny


@dataclass(frozen=True)
class Case:
    """A model, a text, and by name what is explained."""

    model: xai.TextModel
    text: str
    targets: dict[str, xai.Target]


@functools.cache
def cases() -> dict[str, Case]:
    """By name: course-gpt2, and tiny random models of families that differ from it in norms, MLPs and heads."""
    gpt2 = xai.load("course-gpt2", device="cpu")
    llama = random_model("llama", "causal-lm", tiny.tokenizer("llama"))
    bert = random_model("bert", "classifier", words_of(tiny.TEXT))
    paris = {"Paris": xai.Target("Paris"), "Paris-London": xai.Target("Paris", versus="London")}
    return {
        "gpt2": Case(gpt2, "The Eiffel Tower is located in the city of", paris),
        "llama": Case(llama, tiny.TEXT, {"42": xai.Target(42), "42-7": xai.Target(42, versus=7)}),
        "bert": Case(bert, tiny.TEXT, {"2": xai.Target(2), "2-0": xai.Target(2, versus=0)}),
    }


@dataclass(frozen=True)
class Generation:
    """A causal model, what it is given, and what it is taken to have written."""

    model: xai.TextModel
    prompt: str
    continuation: str


@functools.cache
def generations() -> dict[str, Generation]:
    """By name: course-gpt2, and a tiny random Llama, with and without its token for the beginning of a text."""
    beginning = "The cat sat on the mat because"
    bare = tiny.sentence_piece()
    bare.backend_tokenizer.post_processor = tokenizers.processors.Sequence([])
    return {
        "gpt2": Generation(cases()["gpt2"].model, cases()["gpt2"].text, "Paris, which is in France."),
        "llama": Generation(cases()["llama"].model, beginning, "it was very tired."),
        "llama-bare": Generation(random_model("llama", "causal-lm", bare), beginning, "it was very tired."),
    }


def words_of(text: str) -> transformers.PreTrainedTokenizerFast:
    """BERT's kind of tokenizer that knows the words of one text; one that is trained comes out anew in each process."""
    fast = tiny.word_piece()
    known = [fast.convert_ids_to_tokens(i) for i in range(5)] + sorted(set(text.lower().strip(".").split())) + ["."]
    vocabulary = {token: i for i, token in enumerate(known)}
    fast.backend_tokenizer.model = tokenizers.models.WordPiece(vocabulary, unk_token=fast.unk_token)
    return fast


def random_model(
    family: str, kind: Kind, tokenizer: transformers.PreTrainedTokenizerFast, seed: int = 0
) -> xai.TextModel:
    """A tiny model with numpy's random numbers, biases included: torch's are others in other versions.

    Weights of norms lie around 1, all other parameters around 0.
    """
    model = tiny.hugging_face_model(family, kind, vocab_size=len(tokenizer))
    generator = np.random.default_rng(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            drawn = generator.standard_normal(tuple(parameter.shape))
            of_norm = "norm" in name.lower() and name.endswith("weight")
            parameter.copy_(torch.from_numpy(1 + 0.1 * drawn if of_norm else 0.3 * drawn))
    return xai.wrap(model, tokenizer, name=f"random-{family}")
