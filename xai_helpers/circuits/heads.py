"""What does each head do? Scores by definition, and what is lost without the head.

A score of attention says where a head looks: at the token before, at an earlier copy of the token, at what came after
such a copy (Olsson et al., 2022, "In-context Learning and Induction Heads"). It does not say that anything depends on
it: for that, take the head away. Scores find heads on the weights at hand; a number from another model means nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import torch
from transformers.pytorch_utils import Conv1D

from ..architectures import blocks_of
from ..attention import after_earlier, attention_weights
from ..attribution import Target
from ..errors import AlignmentError, NoHeadError, OptionError
from ..models import TextModel, require_evaluation, require_text_model
from .cache import run_with_cache
from .patching import Replacement, ablated, plan_of, references

Role = Literal["previous_token", "duplicate_token", "induction", "first_token"]
# Which keys a role looks at from each query: bool (query, key), from the tokens' ids.
ROLES: dict[Role, Callable[[np.ndarray], np.ndarray]] = {
    "previous_token": lambda ids: np.eye(len(ids), k=-1, dtype=bool),
    "duplicate_token": lambda ids: (ids[:, None] == ids) & np.tri(len(ids), k=-1, dtype=bool),
    "induction": after_earlier,
    "first_token": lambda ids: (np.arange(len(ids)) == 0) & np.tri(len(ids), k=-1, dtype=bool),
}
COPIED = 5  # a head copies a token that is among so many whose logits it raises most


def role_scores(model: TextModel, texts: Sequence[str], role: Role) -> np.ndarray:
    """The mean share of attention that each head pays to what its role looks at: (layers, heads), 0 to 1.

    role: "previous_token"; "duplicate_token", an earlier occurrence of the same token; "induction", the token that came
    after an earlier occurrence, but for the one right before the query; "first_token". The mean is over the queries of
    all texts that have such a token, and a query's share is over all such tokens. It is not corrected for chance:
    `attention.head_patterns` is. Raises
    OptionError, also where no query has such a token.
    """
    if role not in ROLES:
        raise OptionError(f"role={role!r}: choose one of {', '.join(map(repr, ROLES))}")
    shares = []
    for weights, ids in _patterns("role_scores", model, texts):
        keys = ROLES[role](ids)
        asked = keys.any(-1)
        shares.append((weights * keys).sum(-1)[..., asked])
    paid = np.concatenate(shares, axis=-1)
    if not paid.shape[-1]:
        raise OptionError(f"{role}: no token of these texts has one to look at; give texts in which tokens come again")
    return paid.mean(-1)


def positional_scores(model: TextModel, texts: Sequence[str]) -> np.ndarray:
    """How far each head's attention is the same whatever the text says: (layers, heads), 0 to 1.

    1 minus the mean total variation distance between a row of attention and that row's mean over the texts, which have
    the same number of tokens; rows that see one token only are left out. 1 means that positions alone decide. Each text
    is in the mean that it is held against, so n texts give 1 / n at least: compare scores from as many texts. Raises
    AlignmentError, OptionError for fewer than two texts.
    """
    found = [weights for weights, _ in _patterns("positional_scores", model, texts)]
    if len(found) < 2:
        raise OptionError("positional_scores compares texts: give at least two")
    if len({weights.shape for weights in found}) > 1 or found[0].shape[-1] < 2:
        raise AlignmentError(
            "positional_scores compares rows of attention: give texts with the same number of tokens, two or more"
        )
    weights = np.stack(found)  # (texts, layers, heads, query, key)
    distance = 0.5 * np.abs(weights - weights.mean(0)).sum(-1).mean(0)
    return 1 - (distance[..., 1:] if model.architecture.decoder else distance).mean(-1)


def name_mover_scores(model: TextModel, texts: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """How much the last token of each text attends to a name that the head would copy: (layers, heads), 0 to 1.

    names: for each text a name that stands in it, the answer. The attention to it counts where the head copies: where
    what it would bring from the name, by its values and output weights, raises the name's own logit as one of the five
    most. After Wang et al. (2022, "Interpretability in the Wild"), who ask what the head would bring from the name's
    state after the first layer; this asks for what it does bring. The last norm's scale does not matter. The mean over
    texts. Raises NoHeadError for other than causal language models, OptionError.
    """
    require_text_model("name_mover_scores", model)
    require_evaluation(model)
    if model.kind != "causal-lm":
        raise NoHeadError(f"{model.name} is a {model.kind}: name movers are heads of causal language models")
    if len(texts) != len(names) or not len(texts) or isinstance(texts, str):
        raise OptionError(f"{len(texts)} texts and {len(names)} names: give a list of texts, and one name for each")
    return np.mean([_moved(model, text, name) for text, name in zip(texts, names, strict=True)], axis=0)


def head_ablation(
    model: TextModel,
    texts: Sequence[str],
    targets: Sequence[Target | str | int | None],
    *,
    replacement: Replacement = "mean",
    reference: Sequence[str] = (),
) -> np.ndarray:
    """How the target changes when one head's output is replaced, at all positions: (texts, layers, heads).

    targets: one for each text. replacement: as in `patching.ablation`. reference: the texts that "mean" and "resample"
    take their activations from; none stands for `texts` themselves, each of them included. Raises as there.
    """
    if isinstance(texts, str) or len(texts) != len(targets) or not len(texts):
        raise OptionError(f"{len(texts)} texts and {len(targets)} targets: give a list of texts, and a target for each")
    plan = plan_of("head_ablation", model, "z", None, "target", None, "auto")
    donors = references(model, replacement, reference if reference or replacement == "zero" else texts, plan)
    effects = [
        ablated(model, text, target, replacement, donors, plan).effect
        for text, target in zip(texts, targets, strict=True)
    ]
    return np.stack(effects)


def output_weights(model: TextModel, layer: int) -> torch.Tensor:
    """What a layer's heads write for what they read: (heads, width of a head, width)."""
    out: Any = blocks_of(model.model)[layer].get_submodule(model.architecture.attention_out)
    weight = out.weight if isinstance(out, Conv1D) else out.weight.T
    return weight.detach().unflatten(0, (model.n_heads, -1))


def _patterns(method: str, model: TextModel, texts: Sequence[str]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each text's attention, (layers, heads, query, key), and its ids."""
    require_text_model(method, model)
    require_evaluation(model)
    if isinstance(texts, str) or not len(texts):
        raise OptionError("give a list of texts, with at least one")
    encoded = [model.encode(text) for text in texts]
    return [(attention_weights(model, text), text.ids[0].cpu().numpy()) for text in encoded]


def _moved(model: TextModel, text: str, name: str) -> np.ndarray:
    encoded = model.encode(text)
    place = model.readout(encoded)
    id = model.resolve(Target(name), encoded).id
    at = [i for i, unit in enumerate(encoded.units[: place + 1]) if unit.text == name.strip()]
    if not at:
        raise OptionError(f"{name!r} is no token of {text!r}: name one that stands in the text")
    _, cache = run_with_cache(model, text, ["pattern", "v"])
    network: Any = model.model
    norm = network.base_model.get_submodule(model.architecture.final_norm)
    scores = []
    for layer in range(model.n_layers):
        values = cache["v", layer][at].repeat_interleave(model.n_heads // cache["v", layer].shape[1], dim=1)
        brought = torch.einsum("phd,hdw->phw", values, output_weights(model, layer))
        if isinstance(norm, torch.nn.LayerNorm):
            brought = brought - brought.mean(-1, keepdim=True)
        with torch.no_grad():
            logits = network.get_output_embeddings()(brought * norm.weight)
        copies = (logits > logits[..., id, None]).sum(-1) < COPIED  # (places, heads)
        scores.append((cache["pattern", layer][:, place, at].T * copies).sum(0).double().cpu().numpy())
    return np.stack(scores)
