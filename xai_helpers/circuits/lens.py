"""What would the model predict if it stopped here, and who wrote that into the stream?

The logit lens (nostalgebraist, 2020, "interpreting GPT: the logit lens") reads each layer's residual stream through the
last norm and the unembedding. Early layers may write in other coordinates: the tuned lens (Belrose et al., 2023,
"Eliciting Latent Predictions from Transformers with the Tuned Lens") has an affine translator for each, trained to
predict what the model will. Direct logit attribution (Elhage et al., 2021, "A Mathematical Framework for Transformer
Circuits") takes the last stream apart: it is a sum, of what embeddings, heads, MLPs and biases have written.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from ..architectures import blocks_of
from ..attribution import Target
from ..errors import ModelNotFoundError, NoHeadError, OptionError
from ..installation import data_folder
from ..models import TextModel, require_evaluation, require_text_model
from .cache import run_with_cache
from .heads import output_weights

if TYPE_CHECKING:
    from ..viz.circuits import Shown
    from ..viz.drawing import Picture

Translators = dict[str, torch.Tensor]


@dataclass(frozen=True, eq=False)
class Lens:
    """What each level of the stream predicts at each token, all (levels, tokens); level i is what layer i reads.

    best: the most probable next token, and its probability. value: the target's logit, probability or log-probability,
    or a difference. rank: how many tokens are more probable than the target. kl: how far the prediction is from the
    model's own, Kullback-Leibler divergence in nats; 0 at the last level, which is the model's output.
    """

    best: tuple[tuple[str, ...], ...]
    probability: np.ndarray
    value: np.ndarray
    rank: np.ndarray
    kl: np.ndarray
    levels: tuple[str, ...]
    tokens: tuple[str, ...]
    target: Target
    model: str
    tuned: bool

    def plot(self, value: Shown = "kl") -> Picture:
        """The best next tokens, coloured by "kl", "probability" or "value"; see `viz.circuits.lens_grid`."""
        from ..viz import circuits

        return circuits.lens_grid(self, value=value)


def logit_lens(
    model: TextModel, text: str, target: Target | str | int | None = None, *, translators: Translators | None = None
) -> Lens:
    """The predictions of a causal language model's stream, before each layer and after the last.

    target: as everywhere; its value and rank are given at every token. translators: those of a tuned lens, as
    `tuned_translators` reads them; None reads the stream as it is. Raises NoHeadError for other kinds of model,
    OptionError, and what the target raises.
    """
    require_text_model("logit_lens", model)
    require_evaluation(model)
    encoded = model.encode(text)
    streams = model.residual_stream(encoded)
    _check_translators(model, translators)
    final = model.unembed(streams[-1]).double()
    resolved = model.resolve(target, encoded, final[model.readout(encoded, _position(target))])
    own = final.log_softmax(-1)
    rows: dict[str, list[Any]] = {"best": [], "probability": [], "value": [], "rank": [], "kl": []}
    for level, stream in enumerate(streams):
        logits = model.unembed(translated(stream, level, translators)).double()
        known = logits.log_softmax(-1)
        top = known.max(-1)
        rows["best"].append(tuple(model.choice_name(int(i)) for i in top.indices))
        rows["probability"].append(top.values.exp())
        rows["value"].append(resolved.value(logits))
        rows["rank"].append((logits > logits[:, resolved.id, None]).sum(-1))
        rows["kl"].append((own.exp() * (own - known)).sum(-1))
    stacked = {name: torch.stack(rows[name]).cpu().numpy() for name in ("probability", "value", "rank", "kl")}
    return Lens(
        best=tuple(rows["best"]),
        **stacked,
        levels=("embeddings", *(f"after {layer}" for layer in range(model.n_layers))),
        tokens=tuple(unit.text for unit in encoded.units),
        target=resolved.target,
        model=model.name,
        tuned=translators is not None,
    )


def translated(stream: torch.Tensor, level: int, translators: Translators | None) -> torch.Tensor:
    """A level's stream (..., width) in the coordinates of the last: h + A h + b."""
    if translators is None or level >= len(translators["A"]):
        return stream
    matrix, bias = (translators[name][level].to(stream) for name in ("A", "b"))
    return stream + stream @ matrix.T + bias


@functools.cache
def tuned_translators(name: str = "course-gpt2") -> Translators:
    """The translators that come with the package: A (layers, width, width) and b (layers, width).

    `python -m training lens` trains them; data/lenses/README.md says how well they do. Raises ModelNotFoundError.
    """
    path = data_folder() / "lenses" / f"{name}.safetensors"
    if not path.is_file():
        there = ", ".join(sorted(file.stem for file in path.parent.glob("*.safetensors")))
        raise ModelNotFoundError(f"no tuned lens was trained for {name}; there is one for {there}")
    return load_file(path)


@dataclass(frozen=True, eq=False)
class LogitAttribution:
    """A logit, or a difference of two, as a sum of what was written into the stream at the readout.

    heads: (layers, heads), with what the bias of their values brings. mlps: (layers,), their output biases included.
    attention_biases: (layers,), those of the output. embeddings: by name, "tokens" and where the family has them
    "positions". bias: of the last norm and the unembedding. total: the logit. gap: what rounding leaves.
    """

    heads: np.ndarray
    mlps: np.ndarray
    attention_biases: np.ndarray
    embeddings: dict[str, float]
    bias: float
    total: float
    target: Target
    model: str

    @property
    def gap(self) -> float:
        """total minus the sum of all parts."""
        return self.total - sum(value for _, value in self.parts())

    def parts(self) -> Iterator[tuple[str, float]]:
        """Every part by name: "tokens", "head 0.3", "MLP 0", "attention bias 0", "bias"."""
        yield from self.embeddings.items()
        for layer, heads in enumerate(self.heads):
            yield from ((f"head {layer}.{head}", float(value)) for head, value in enumerate(heads))
            yield f"attention bias {layer}", float(self.attention_biases[layer])
            yield f"MLP {layer}", float(self.mlps[layer])
        yield "bias", self.bias

    def top(self, k: int = 5) -> tuple[tuple[str, float], ...]:
        """The k parts of the greatest size, greatest first."""
        return tuple(sorted(self.parts(), key=lambda part: -abs(part[1]))[:k])

    def plot(self) -> Picture:
        """All parts as a grid of heads beside bars; see `viz.circuits.logit_parts`."""
        from ..viz import circuits

        return circuits.logit_parts(self)


def logit_attribution(model: TextModel, text: str, target: Target | str | int | None = None) -> LogitAttribution:
    """Direct logit attribution: each part of the last stream times the direction of the target.

    The last norm divides by the stream's size, which depends on all parts; it is held at what it was, so that the parts
    add up. "Direct" means: what a part does by way of later layers counts as theirs. Raises NoHeadError where the last
    stream is no such sum, in BERT's relatives; OptionError for targets that are no logits; and what the target raises.
    """
    require_text_model("logit_attribution", model)
    require_evaluation(model)
    if not model.architecture.decoder:
        raise NoHeadError(f"{model.name} normalises its stream after each layer: it is no sum of what layers wrote")
    asked = target if isinstance(target, Target) else Target(target)
    if asked.output != "logit":
        raise OptionError(f"output={asked.output!r}: only logits are sums; ask for output='logit'")
    positions = [] if model.architecture.positions is None else ["hook_pos_embed"]
    logits, cache = run_with_cache(model, text, ["hook_embed", *positions, "z", "mlp_out", "resid_post"])
    encoded = model.encode(text)
    place = model.readout(encoded, asked.position)
    at_readout = (logits if model.kind == "classifier" else logits[place]).double()
    resolved = model.resolve(asked, encoded, at_readout)
    direction, bias = _direction(model, cache["resid_post", -1][place].double(), resolved.id, resolved.versus_id)

    def along(vectors: torch.Tensor) -> np.ndarray:
        return (vectors.double() @ direction).cpu().numpy()

    heads, biases = [], []
    for layer, block in enumerate(blocks_of(model.model)):
        out: Any = block.get_submodule(model.architecture.attention_out)
        z = cache["z", layer][place].double()
        heads.append(torch.einsum("hd,hdw->hw", z, output_weights(model, layer).double()))
        biases.append(torch.zeros_like(direction) if out.bias is None else out.bias.detach())
    embeddings = {"tokens": cache["hook_embed"][place]}
    if "hook_pos_embed" in cache:
        embeddings["positions"] = cache["hook_pos_embed"][place]
    return LogitAttribution(
        heads=along(torch.stack(heads)),
        mlps=along(torch.stack([cache["mlp_out", layer][place] for layer in range(model.n_layers)])),
        attention_biases=along(torch.stack(biases)),
        embeddings={name: float(along(vector)) for name, vector in embeddings.items()},
        bias=bias,
        total=float(resolved.value(at_readout)),
        target=resolved.target,
        model=model.name,
    )


def _direction(model: TextModel, stream: torch.Tensor, id: int, versus_id: int | None) -> tuple[torch.Tensor, float]:
    """The vector (width,) by which a part of this stream is multiplied to give its part of the logit; and the bias."""
    network: Any = model.model
    head = network.get_output_embeddings() if model.kind == "causal-lm" else network.score
    row, bias = head.weight[id].detach().double(), 0.0 if head.bias is None else float(head.bias[id])
    if versus_id is not None:
        row = row - head.weight[versus_id].detach().double()
        bias -= 0.0 if head.bias is None else float(head.bias[versus_id])
    norm: Any = model.model.base_model.get_submodule(model.architecture.final_norm or "")
    scaled = row * norm.weight.detach().double()
    if isinstance(norm, nn.LayerNorm):
        size = (stream.var(correction=0) + norm.eps).sqrt()
        centred = scaled - scaled.mean()  # the norm takes the mean off the stream: as well off the direction
        return centred / size, bias + (0.0 if norm.bias is None else float(row @ norm.bias.detach().double()))
    return scaled / (stream.pow(2).mean() + norm.variance_epsilon).sqrt(), bias


def _position(target: Any) -> int:
    return target.position if isinstance(target, Target) else -1


def _check_translators(model: TextModel, translators: Translators | None) -> None:
    if translators is None:
        return
    if not isinstance(translators, Mapping) or not all(isinstance(x, torch.Tensor) for x in translators.values()):
        raise OptionError(f"translators={translators!r}: give tensors A and b, as circuits.tuned_translators() does")
    shapes = {name: tuple(tensor.shape) for name, tensor in translators.items()}
    layers, width = model.n_layers, model.config.hidden_size
    if shapes != (wanted := {"A": (layers, width, width), "b": (layers, width)}):
        raise OptionError(f"translators of shapes {shapes} don't fit {model.name}, which needs {wanted}")
