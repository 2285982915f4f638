"""Where does the model look, and what can reach a token through all layers?

Raw attention is one head's weights. Rollout and flow (Abnar & Zuidema, 2020, "Quantifying Attention Flow in
Transformers") follow attention through the layers and the residual connections between them. All of them read
weights only: what the values carry and what the MLPs do with it is not seen, and no output is asked about, so none
of them takes a target.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, SupportsFloat, SupportsIndex

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph
import torch

from .attribution import Attribution, Target
from .errors import HeadRangeError, LayerRangeError, OptionError, TargetNotUsedError, UnsupportedArchitectureError
from .installation import versions
from .models import EncodedText, TextModel, require_text_model

Fusion = Literal["mean", "max", "min"]
Pattern = Literal["self", "previous token", "first token", "induction", "uniform", "mixed"]

# Maximum flow works on whole numbers: capacities are counted in millionths.
FLOW_UNITS = 1_000_000
# A head has a pattern if most of its attention follows it ...
MOST = 0.5
# ... and is uniform if moving less than this share of its attention would make it so.
NEARLY = 0.25


def attention_weights(model: TextModel, text: str | EncodedText) -> np.ndarray:
    """Every head's attention weights: float64 (layers, heads, query, key), each row summing to 1."""
    encoded = text if isinstance(text, EncodedText) else model.encode(text)
    with torch.no_grad():
        layers = require_attentions(model, model.forward(encoded, output_attentions=True))
    return stacked(layers)


def stacked(layers: Sequence[torch.Tensor]) -> np.ndarray:
    """The layers' tensors for the one text of a batch: float64 (layers, heads, query, key)."""
    return torch.stack([layer.detach()[0] for layer in layers]).double().cpu().numpy()


def require_attentions(model: TextModel, output: Any) -> tuple[torch.Tensor, ...]:
    """The layers' attention weights (batch, heads, query, key), or an error that says how to get them."""
    if not output.attentions:
        raise UnsupportedArchitectureError(
            f"{model.name} returns no attention weights; switch back with model.model.set_attn_implementation('eager')"
        )
    return output.attentions


def raw_attention(
    model: TextModel, text: str, target: None = None, *, layer: int = -1, head: int | None = None
) -> Attribution:
    """One head's attention weights, or their mean over the layer's heads.

    Row i of the matrix says how position i spreads its attention over the tokens; scores is the row that the
    prediction is read from. Rows sum to 1. layer and head count from 0, or from the end if negative. Raises
    LayerRangeError, HeadRangeError, and TargetNotUsedError if a target is given.
    """
    _check_call("raw_attention", model, target)
    encoded = model.encode(text)
    layer, head = layer_index(model, layer), None if head is None else head_index(model, head)
    weights = attention_weights(model, encoded)[layer]
    matrix = weights.mean(0) if head is None else weights[head]
    return _read(model, encoded, "raw_attention", matrix, {"layer": layer, "head": head})


def attention_rollout(
    model: TextModel,
    text: str,
    target: None = None,
    *,
    fuse: Fusion = "mean",
    discard: float = 0.0,
    residual: float = 0.5,
    layers: Sequence[int] | None = None,
) -> Attribution:
    """Attention composed over layers (Abnar & Zuidema, 2020, eq. 1).

    Row i of the matrix says how much of position i's attention, composed over the layers with their residual
    connections, reaches each input token. Values and MLPs are ignored: this follows where the model looks, not
    what it does with what it sees. Rows sum to 1.

    fuse: how a layer's heads become one matrix: "mean", "max" or "min". discard: the share of each row's weights
    that is dropped, weakest first; at least one stays. residual: the weight of the residual connection. layers:
    which layers to compose, in increasing order; None for all. Raises OptionError, LayerRangeError,
    TargetNotUsedError.
    """
    _check_call("attention_rollout", model, target)
    encoded = model.encode(text)
    chosen = chosen_layers(model, layers)
    mixed = mix(attention_weights(model, encoded)[chosen], fuse=fuse, discard=discard, residual=residual)
    options = {"fuse": fuse, "discard": float(discard), "residual": float(residual), "layers": chosen}
    return _read(model, encoded, "attention_rollout", rollout(mixed), options)


def attention_flow(
    model: TextModel,
    text: str,
    target: None = None,
    *,
    fuse: Fusion = "mean",
    discard: float = 0.0,
    residual: float = 0.5,
    layers: Sequence[int] | None = None,
) -> Attribution:
    """The most that can flow from the prediction's position down to each input token (Abnar & Zuidema, 2020).

    The layers' mixed attention weights are read as the capacities of pipes; a token's score is the maximum flow
    from the top of the readout's column to that token, each token taken alone. Scores lie between 0 and 1 and need
    not sum to anything, so there is no total. A token's flow is at least its rollout (up to a millionth for each
    pipe, since capacities are rounded down). Options and errors as in `attention_rollout`.
    """
    _check_call("attention_flow", model, target)
    encoded = model.encode(text)
    chosen = chosen_layers(model, layers)
    mixed = mix(attention_weights(model, encoded)[chosen], fuse=fuse, discard=discard, residual=residual)
    position = model.readout(encoded)
    return Attribution(
        method="attention_flow",
        text=encoded.text,
        units=encoded.units,
        scores=maximum_flows(mixed, position),
        target=None,
        model=model.name,
        position=position,
        options={"fuse": fuse, "discard": float(discard), "residual": float(residual), "layers": chosen},
        versions=versions(),
    )


def fuse_heads(attention: np.ndarray, fuse: Fusion = "mean") -> np.ndarray:
    """(..., heads, query, key) to (..., query, key). The rows of "max" and "min" no longer sum to 1."""
    if fuse not in ("mean", "max", "min"):
        raise OptionError(f"fuse={fuse!r}: choose 'mean', 'max' or 'min'")
    return getattr(attention, fuse)(axis=-3)


def discard_weakest(attention: np.ndarray, discard: float) -> np.ndarray:
    """(..., query, key) with the weakest weights of each row set to 0.

    Of a row's m positive weights at most floor(discard * m) are dropped; weights equal to the weakest one that is
    kept stay as well, so that the result does not depend on the order of the tokens. At least one always stays. A
    threshold over the whole matrix, as often published, can empty a row.
    """
    if not isinstance(discard, SupportsFloat) or not 0 <= discard < 1:
        raise OptionError(f"discard={discard!r}: a share of at least 0 and below 1")
    n = attention.shape[-1]
    positive = (attention > 0).sum(-1, keepdims=True)
    # Zeros sort first; the weakest survivor stands behind them and behind the dropped weights.
    survivor = np.minimum(n - positive + np.floor(discard * positive).astype(int), n - 1)
    threshold = np.take_along_axis(np.sort(attention, axis=-1), survivor, axis=-1)
    return np.where(attention >= threshold, attention, 0.0)


def normalise_rows(attention: np.ndarray) -> np.ndarray:
    """Rows divided by their sums; a row in which nothing is left becomes attention to itself."""
    sums = attention.sum(-1, keepdims=True)
    return np.where(sums > 0, attention / np.where(sums > 0, sums, 1.0), np.eye(attention.shape[-1]))


def mix(attention: np.ndarray, *, fuse: Fusion = "mean", discard: float = 0.0, residual: float = 0.5) -> np.ndarray:
    """Each layer's heads and residual connection as one matrix: (layers, heads, n, n) to (layers, n, n).

    residual * I + (1 - residual) * A, where A is the fused attention without its weakest weights. Rows sum to 1.
    """
    if not isinstance(residual, SupportsFloat) or not 0 <= residual <= 1:
        raise OptionError(f"residual={residual!r}: a weight between 0 and 1")
    fused = normalise_rows(discard_weakest(fuse_heads(attention, fuse), discard))
    return residual * np.eye(attention.shape[-1]) + (1 - residual) * fused


def rollout(mixed: np.ndarray) -> np.ndarray:
    """The layers' matrices (layers, n, n) multiplied, the last one on the left: (n, n)."""
    return functools.reduce(lambda lower, layer: layer @ lower, mixed)


def flow_capacities(mixed: np.ndarray) -> scipy.sparse.csr_array:
    """The layered graph of attention flow, capacities in millionths: int32 ((layers + 1) * n, (layers + 1) * n).

    Node l * n + i is position i below layer l; node layers * n + i is the top. Edges lead from position i above a
    layer to position j below it and carry the layer's mixed weight of j for i, rounded down.
    """
    layers, n, _ = mixed.shape
    layer, query, key = np.nonzero(np.floor(mixed * FLOW_UNITS))
    capacity = np.floor(mixed * FLOW_UNITS)[layer, query, key].astype(np.int32)
    size = (layers + 1) * n
    return scipy.sparse.csr_array((capacity, ((layer + 1) * n + query, layer * n + key)), shape=(size, size))


def maximum_flows(mixed: np.ndarray, position: int) -> np.ndarray:
    """The maximum flow from the top of `position` down to each input token, to a millionth per pipe: (n,)."""
    layers, n, _ = mixed.shape
    graph = flow_capacities(mixed)
    top = layers * n + range(n)[position]
    return np.array([scipy.sparse.csgraph.maximum_flow(graph, top, j).flow_value for j in range(n)]) / FLOW_UNITS


def even_attention(n: int, *, causal: bool = True) -> np.ndarray:
    """Attention spread evenly over the tokens that each row can see: (n, n). What a head without preference does."""
    visible = np.tri(n) if causal else np.ones((n, n))
    return visible / visible.sum(-1, keepdims=True)


def shuffled_attention(attention: np.ndarray, seed: int) -> np.ndarray:
    """Each row's weights given to the tokens that it sees in an order drawn by the seed: (..., query, key) to the same.

    A control: heads that are as sharp as the model's, and look anywhere.
    """
    keys = np.random.default_rng(seed).random(attention.shape)
    keys[attention == 0] = 2.0  # what is not seen stays behind what is
    places = np.where(attention == 0, 2.0, np.arange(attention.shape[-1]) / attention.shape[-1])
    shuffled = np.take_along_axis(attention, keys.argsort(-1), axis=-1)
    return np.take_along_axis(shuffled, places.argsort(-1, kind="stable").argsort(-1, kind="stable"), axis=-1)


def attention_entropy(attention: np.ndarray) -> np.ndarray:
    """Each head's entropy in nats, averaged over its rows: (..., query, key) to (...)."""
    logs = np.log(np.where(attention > 0, attention, 1.0))
    return -(attention * logs).sum(-1).mean(-1)


@dataclass(frozen=True)
class HeadPattern:
    """How much of a head's attention follows each pattern, and its entropy in nats.

    Shares are corrected for chance: 0 is what even attention gives, 1 is all attention, negative less than chance. So
    a head that spends the share w on a pattern and spreads the rest evenly has w there, and 1 - w for uniform, at any
    length of the text. induction is None where the text has no repeated token to tell it by.
    """

    pattern: Pattern
    self: float
    previous_token: float
    first_token: float
    induction: float | None
    uniform: float
    entropy: float


def head_patterns(model: TextModel, text: str) -> tuple[tuple[HeadPattern, ...], ...]:
    """Every head's pattern on this text: [layer][head]. Raises OptionError below three tokens."""
    encoded = model.encode(text)
    weights = attention_weights(model, encoded)
    ids = encoded.ids[0].tolist()
    causal = model.architecture.decoder
    return tuple(tuple(head_pattern(head, ids, causal=causal) for head in layer) for layer in weights)


def head_pattern(attention: np.ndarray, ids: Sequence[int], *, causal: bool) -> HeadPattern:
    """One head's pattern, from its weights (query, key) and the tokens' ids (n,).

    Rows 0 and 1 are left out: there the first token is the token itself or the previous one. Shares are means over
    rows. The pattern is the one with the greatest share, if that is most of the attention.
    """
    n = len(ids)
    if n < 3:
        raise OptionError(f"the text has {n} tokens; patterns need at least three")
    rows = np.arange(2, n)
    even = even_attention(n, causal=causal)
    surplus = (attention - even) / (1 - even.max(-1, keepdims=True).clip(max=0.5))  # clip: row 0, which is left out
    shares: dict[Pattern, float] = {
        "self": float(surplus[rows, rows].mean()),
        "previous token": float(surplus[rows, rows - 1].mean()),
        "first token": float(surplus[rows, 0].mean()),
    }
    induction = induction_share(attention, ids, causal=causal)
    if induction is not None:
        shares["induction"] = induction
    uniform = 1 - 0.5 * float(np.abs(surplus)[rows].sum(-1).mean())
    best = max(shares, key=lambda pattern: shares[pattern])
    pattern: Pattern = best if shares[best] > MOST else "uniform" if uniform > 1 - NEARLY else "mixed"
    return HeadPattern(
        pattern,
        self=shares["self"],
        previous_token=shares["previous token"],
        first_token=shares["first token"],
        induction=induction,
        uniform=uniform,
        entropy=float(attention_entropy(attention)),
    )


def induction_share(attention: np.ndarray, ids: Sequence[int], *, causal: bool) -> float | None:
    """The mean attention from each repeated token to the tokens right after its earlier occurrences, 0 for even.

    Keys right before the query are left out, since a previous-token head looks there as well. None where no token
    repeats at a distance that can tell the two apart.
    """
    follows = after_earlier(ids)
    repeated = follows.any(-1)
    if not repeated.any():
        return None
    found, chance = (
        (weights * follows).sum(-1)[repeated] for weights in (attention, even_attention(len(ids), causal=causal))
    )
    return float(((found - chance) / (1 - chance)).mean())


def after_earlier(ids: Sequence[int] | np.ndarray) -> np.ndarray:
    """Which tokens come right after an earlier occurrence of each token: bool (query, key).

    The token right before the query is left out, since a previous-token head looks there as well.
    """
    tokens = np.asarray(ids)
    follows = np.zeros((len(tokens), len(tokens)), dtype=bool)
    follows[:, 1:] = tokens[:, None] == tokens[None, :-1]  # key j comes right after an occurrence of query i's token
    return follows & np.tri(len(tokens), k=-2, dtype=bool)


@dataclass(frozen=True)
class AttendedPair:
    """A query position that looks at a key position, and with what weight."""

    query: int
    key: int
    weight: float


def top_attended_pairs(attention: np.ndarray, k: int = 5) -> tuple[AttendedPair, ...]:
    """The k largest weights of one head (query, key), largest first; ties by position."""
    if k < 1:
        raise OptionError(f"k={k}: ask for at least one pair")
    order = np.argsort(-attention, axis=None, kind="stable")[:k]
    pairs = zip(*np.unravel_index(order, attention.shape), strict=True)
    return tuple(AttendedPair(int(query), int(key), float(attention[query, key])) for query, key in pairs)


def _read(
    model: TextModel, encoded: EncodedText, method: str, matrix: np.ndarray, options: dict[str, Any]
) -> Attribution:
    """The attribution whose scores are the row that the prediction is read from; a row shares out 1."""
    position = model.readout(encoded)
    return Attribution(
        method=method,
        text=encoded.text,
        units=encoded.units,
        scores=matrix[position],
        target=None,
        model=model.name,
        position=position,
        matrix=matrix,
        total=1.0,
        options=options,
        versions=versions(),
    )


def _check_call(method: str, model: object, target: Target | str | int | None) -> None:
    require_text_model(method, model)
    if target is not None:
        raise TargetNotUsedError(f"{method} asks where the model looks, whatever it predicts: leave target out")


def _is_index(value: object) -> bool:
    return isinstance(value, SupportsIndex) and not isinstance(value, bool)


def layer_index(model: TextModel, layer: int) -> int:
    """A layer's number from 0, given from either end. Raises LayerRangeError."""
    if not _is_index(layer) or not -model.n_layers <= operator.index(layer) < model.n_layers:
        raise LayerRangeError(f"layer {layer!r}: {model.name} has layers 0 to {model.n_layers - 1}")
    return operator.index(layer) % model.n_layers


def head_index(model: TextModel, head: int) -> int:
    """A head's number from 0, given from either end. Raises HeadRangeError."""
    if not _is_index(head) or not -model.n_heads <= operator.index(head) < model.n_heads:
        raise HeadRangeError(f"head {head!r}: each layer of {model.name} has heads 0 to {model.n_heads - 1}")
    return operator.index(head) % model.n_heads


def chosen_layers(model: TextModel, layers: Sequence[int] | None) -> list[int]:
    """The layers' numbers from 0, all of them for None. Raises LayerRangeError, OptionError."""
    if not isinstance(layers, Iterable | None):
        raise OptionError(f"layers={layers!r}: name several, as in layers=[{layers!r}] or range(2)")
    chosen = list(range(model.n_layers)) if layers is None else [layer_index(model, layer) for layer in layers]
    if not chosen or any(b <= a for a, b in itertools.pairwise(chosen)):
        raise OptionError(f"layers={layers}: name at least one layer, in increasing order")
    return chosen
