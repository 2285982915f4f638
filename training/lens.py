"""A tuned lens for course-gpt2: an affine translator for each level of its stream (Belrose et al., 2023).

A translator is trained to predict what the model will predict: on documents of the training split, the loss is the
Kullback-Leibler divergence of the lens from the model's own distribution, the mean over levels. The model is frozen.
"""

import json
from pathlib import Path
from random import Random
from textwrap import dedent

import torch
from safetensors.torch import save_file
from torch.nn.utils.rnn import pad_sequence

import xai_helpers as xai
from training.corpus import CORPORA, documents
from training.files import wrap_line
from training.fitting import fit
from xai_helpers.architectures import blocks_of
from xai_helpers.circuits.lens import translated

LENSES = Path(__file__).parents[1] / "data" / "lenses"
NAME = "course-gpt2"
STEPS, PEAK = 1500, 1e-3
DOCUMENTS, PLACES = 64, 512  # of a step: documents, and tokens drawn from them


class Translators(torch.nn.Module):
    """h + A h + b at each level but the last; at first the identity."""

    def __init__(self, levels: int, width: int) -> None:
        super().__init__()
        self.A = torch.nn.Parameter(torch.zeros(levels, width, width))
        self.b = torch.nn.Parameter(torch.zeros(levels, width))

    def tensors(self) -> dict[str, torch.Tensor]:
        return {"A": self.A, "b": self.b}


def divergences(model: xai.TextModel, streams: torch.Tensor, tensors: dict[str, torch.Tensor] | None) -> torch.Tensor:
    """KL of each level but the last from the model's own prediction, in nats: (levels, tokens)."""
    norm = model.model.base_model.get_submodule(model.architecture.final_norm or "")
    head = model.model.get_output_embeddings()
    own = head(norm(streams[-1])).log_softmax(-1).detach()
    levels = []
    for level, stream in enumerate(streams[:-1]):
        here = head(norm(translated(stream, level, tensors))).log_softmax(-1)
        levels.append((own.exp() * (own - here)).sum(-1))
    return torch.stack(levels)


@torch.no_grad()
def streams_of(model: xai.TextModel, texts: list[str]) -> torch.Tensor:
    """The stream at every token of every text: (levels, tokens, width)."""
    rows = [torch.tensor(ids) for ids in model.tokenizer(texts, add_special_tokens=False)["input_ids"]]
    padded = pad_sequence(rows, batch_first=True)
    real = torch.arange(padded.shape[1]) < torch.tensor([len(row) for row in rows])[:, None]
    kept: list[torch.Tensor] = []
    blocks = blocks_of(model.model)
    hooks = [blocks[0].register_forward_pre_hook(lambda _, args: kept.append(args[0][real]))]
    hooks += [block.register_forward_hook(lambda _, args, out: kept.append(out[real])) for block in blocks]
    try:
        model.model.base_model(padded)
    finally:
        for hook in hooks:
            hook.remove()
    return torch.stack(kept)


def train(folder: Path = LENSES, steps: int = STEPS) -> None:
    """Writes the translators, in half precision, and what they achieve on held-out texts."""
    torch.manual_seed(0)
    model = xai.load(NAME, device="cpu")
    translators = Translators(model.n_layers, model.config.hidden_size)
    drawn = documents(Random(0))

    def loss_at(step: int) -> torch.Tensor:
        streams = streams_of(model, [next(drawn).text for _ in range(DOCUMENTS)])
        places = torch.randperm(streams.shape[1])[:PLACES]
        return divergences(model, streams[:, places], translators.tensors()).mean()

    seconds = fit(translators, loss_at, steps, PEAK)
    folder.mkdir(parents=True, exist_ok=True)
    stored = {key: value.detach().half().contiguous() for key, value in translators.tensors().items()}
    save_file(stored, folder / f"{NAME}.safetensors")
    (folder / f"{NAME}.safetensors").chmod(0o644)  # weights are written for their owner's eyes only
    result = measure(model, stored) | {"steps": steps, "minutes": round(seconds / 60)}
    (folder / f"{NAME}.json").write_text(json.dumps(result, indent=1) + "\n")
    write_card(result, folder)


@torch.no_grad()
def measure(model: xai.TextModel, tensors: dict[str, torch.Tensor]) -> dict[str, object]:
    """The mean KL of each level, plain and tuned, over all tokens of the held-out texts; and how many there are."""
    lines = (CORPORA / "course-gpt2-sample.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [case["text"] for case in map(json.loads, lines) if case["split"] == "dev"]
    sums = torch.zeros(2, model.n_layers, dtype=torch.float64)
    tokens = 0
    for start in range(0, len(texts), 50):
        streams = streams_of(model, texts[start : start + 50])
        tokens += streams.shape[1]
        for row, lens in enumerate((None, tensors)):
            sums[row] += divergences(model, streams, lens).double().sum(-1)
    plain, tuned = (sums / tokens).round(decimals=4).tolist()
    return {"texts": len(texts), "tokens": tokens, "plain": plain, "tuned": tuned}


def write_card(result: dict[str, object], folder: Path) -> None:
    levels = ["embeddings", *(f"after layer {layer}" for layer in range(len(result["plain"]) - 1))]  # type: ignore[arg-type]
    rows = zip(levels, result["plain"], result["tuned"], strict=True)  # type: ignore[call-overload]
    table = "\n".join(f"| {level} | {plain:.3f} | {tuned:.3f} |" for level, plain, tuned in rows)
    body = (
        dedent(f"""\
        # Tuned lenses

        `{NAME}.safetensors`: an affine translator for each level of the residual stream of `{NAME}` but the last,
        `A` (levels, width, width) and `b` (levels, width), after Belrose et al. (2023). h + A h + b goes through the
        model's own last norm and unembedding. `xai.circuits.tuned_translators` reads it.

        ## How it was made
        `python -m training lens`; the code is `training/lens.py`. {result["steps"]:,} steps of {PLACES} tokens from
        {DOCUMENTS} documents of the training split, AdamW, seed 0, {result["minutes"]} minutes on one CPU core.

        ## What was measured
        Kullback-Leibler divergence from the model's own prediction, in nats, the mean over the {result["tokens"]:,}
        tokens of {result["texts"]:,} held-out texts (the development split: something in each was never trained on):

        | level | logit lens | tuned lens |
        |-|-|-|
        """)
        + f"{table}\n\nLicence: MIT.\n"
    )
    (folder / "README.md").write_text("\n".join(map(wrap_line, body.split("\n"))))
