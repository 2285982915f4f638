"""How is the output shared out, layer by layer, back to the tokens?

Layer-wise relevance propagation (Bach et al., 2015) starts with the output as relevance and hands it back through each
layer, in proportion to what each input contributed, so that nothing is lost: relevance is conserved. Attention needs
rules of its own. CP-LRP (Ali et al., 2022, "XAI for Transformers") takes the attention weights as constants; AttnLRP
(Achtibat et al., 2024) hands relevance through the softmax to queries and keys. Both take a norm's deviation as a
constant and hand relevance through an activation unchanged.

`lrp_0`, `lrp_epsilon`, `lrp_gamma`, `softmax_rule` and `product_rule` are the rules on single layers, as the papers
write them. `lrp` explains whole models, as input times a modified gradient: where a rule gives R = x * c, the backward
pass carries c. LRP is claimed under patent by its authors, and free for personal and scientific use.
"""

from __future__ import annotations

import contextlib
import functools
import operator
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, SupportsFloat, SupportsIndex

import numpy as np
import torch
import transformers.activations
from torch import nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask
from transformers.pytorch_utils import Conv1D

from . import editing
from .architectures import blocks_of, eager_attention
from .attribution import Attribution, Target
from .errors import LayerRangeError, OptionError, UnsupportedArchitectureError
from .gradients import gradients_for, hooked
from .installation import versions
from .models import EncodedText, TextModel, require_text_model
from .targets import ResolvedTarget

Rule = Literal["attn-lrp", "cp-lrp"]
RULES: tuple[Rule, ...] = ("attn-lrp", "cp-lrp")
ABSORBED = ("positions", "token types", "biases", "softmax", "epsilon", "output")

# --- the rules on single layers -------------------------------------------------------------------------------------


def lrp_0(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, relevance: torch.Tensor) -> torch.Tensor:
    """LRP-0 (Bach et al., 2015, eq. 56) for z = x weight^T + bias: R_i = sum_j x_i w_ji / z_j R_j.

    x: (..., inputs), weight: (outputs, inputs), bias: (outputs,) or None, relevance: (..., outputs). The result,
    (..., inputs), falls short of the relevance by what the bias absorbs, sum_j b_j / z_j R_j.
    """
    return lrp_epsilon(x, weight, bias, relevance, epsilon=0.0)


def lrp_epsilon(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, relevance: torch.Tensor, epsilon: float
) -> torch.Tensor:
    """LRP-epsilon (Bach et al., 2015, eq. 58): as LRP-0, with z_j + epsilon sign(z_j) below the line.

    So a small output, which large contributions cancel in, hands back little. epsilon absorbs the difference.
    """
    z = functional.linear(x, weight, bias)
    return x * ((relevance / stabilised(z, epsilon)) @ weight)


def lrp_gamma(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    relevance: torch.Tensor,
    gamma: float,
    epsilon: float = 0.0,
) -> torch.Tensor:
    """LRP-gamma (Montavon et al., 2019), as zennit generalises it to inputs and outputs of either sign.

    Contributions x_i w_ji with the sign of their output z_j count 1 + gamma times. With gamma = 0 it is LRP-epsilon;
    as gamma grows, what speaks against the output is left out.
    """
    contributions = x.unsqueeze(-2) * weight  # (..., outputs, inputs)
    from_bias = torch.zeros_like(weight[:, 0]) if bias is None else bias
    lowered = contributions.sum(-1) + from_bias < 0
    counted = torch.where((contributions < 0) == lowered.unsqueeze(-1), (1 + gamma) * contributions, contributions)
    z = counted.sum(-1) + torch.where((from_bias < 0) == lowered, (1 + gamma) * from_bias, from_bias)
    return (counted * (relevance / stabilised(z, epsilon)).unsqueeze(-1)).sum(-2)


def softmax_rule(x: torch.Tensor, relevance: torch.Tensor) -> torch.Tensor:
    """AttnLRP through y = softmax(x) over the last dimension (Achtibat et al., 2024, prop. 3.1).

    R_i = x_i (R_i - y_i sum_j R_j), and 0 where x is masked, -inf. It need not conserve: the softmax absorbs what is
    left.
    """
    handed_on = x * (relevance - x.softmax(-1) * relevance.sum(-1, keepdim=True))
    return handed_on.masked_fill(x.isneginf(), 0.0)


def product_rule(a: torch.Tensor, b: torch.Tensor, relevance: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """AttnLRP through the matrix product o = a b (Achtibat et al., 2024, prop. 3.3): each factor gets half.

    relevance has the shape of o; the result has the shapes of a and b.
    """
    share = relevance / stabilised(2 * (a @ b))
    return a * (share @ b.transpose(-1, -2)), b * (a.transpose(-1, -2) @ share)


def stabilised(z: torch.Tensor, epsilon: float = 0.0) -> torch.Tensor:
    """z moved away from 0 by epsilon, and at least by the smallest normal number of its type."""
    return z + z.new_tensor(max(epsilon, torch.finfo(z.dtype).tiny)).copysign(z)


# --- whole models ---------------------------------------------------------------------------------------------------


def lrp(
    model: TextModel,
    text: str,
    target: Target | str | int | None = None,
    *,
    rule: Rule = "attn-lrp",
    epsilon: float = 0.0,
    gamma: float = 0.0,
    layer: int | None = None,
) -> Attribution:
    """Layer-wise relevance propagation through a whole transformer.

    total, the target's value, is conserved: it is the sum of the tokens' scores, of what is absorbed and of a gap that
    rounding leaves. Absorbed, each where it arises: "positions" and "token types" (embeddings added to the tokens'),
    "biases", "softmax" (what the softmax rule of AttnLRP does not hand on; 0 for CP-LRP), "epsilon", and "output" where
    the target is no logit. Scores have a sign and the target's unit.

    target: a token, a label, an id, or `Target(token, versus=..., output=...)`; None for the model's own prediction.
    rule: how attention is treated, "attn-lrp" or "cp-lrp". epsilon, gamma: of the linear layers' rule, both at least 0;
    with both 0 it is LRP-0. layer: None for the tokens' embeddings; else scores are the relevance of each position's
    vector in the residual stream that enters this layer (the number of layers for what leaves the last), and absorbed
    counts what is absorbed from there on.

    Raises OptionError, LayerRangeError, UnsupportedArchitectureError, and whatever the target raises. Sources: Ali et
    al. 2022 (CP-LRP), Achtibat et al. 2024 (AttnLRP), Montavon et al. 2019 (gamma).
    """
    require_text_model("lrp", model)
    level = None if layer is None else _level(model, layer)
    flow = relevance_flow(model, text, target, rule=rule, epsilon=epsilon, gamma=gamma)
    return Attribution(
        method="lrp",
        text=flow.encoded.text,
        units=flow.encoded.units,
        scores=flow.tokens if level is None else flow.stream[level],
        target=flow.target.target,
        model=model.name,
        position=flow.target.position,
        total=flow.total,
        absorbed=flow.absorbed_from(0 if level is None else level + 1),
        options={"rule": rule, "epsilon": float(epsilon), "gamma": float(gamma), "layer": level},
        versions=versions(),
    )


@dataclass(frozen=True, eq=False)
class RelevanceFlow:
    """Where one target's relevance was on its way back. All arrays are float64.

    tokens: (n_tokens,), at the tokens' embeddings. stream: (layers + 1, n_tokens), of each position's vector where it
    enters a layer, and where it leaves the last. heads: (layers, n_tokens, heads), of each head's output. weights:
    (layers, heads, query, key), of the attention weights; zeros for CP-LRP. neurons: (layers, n_tokens, neurons), of
    the MLPs' neurons.

    absorbed: what is absorbed at each depth, by name: the embeddings, then each layer, then the head.
    """

    encoded: EncodedText = field(repr=False)
    target: ResolvedTarget
    total: float
    tokens: np.ndarray
    stream: np.ndarray = field(repr=False)
    heads: np.ndarray = field(repr=False)
    weights: np.ndarray = field(repr=False)
    neurons: np.ndarray = field(repr=False)
    absorbed: tuple[dict[str, float], ...] = field(repr=False)

    def absorbed_from(self, depth: int) -> dict[str, float]:
        """What is absorbed at this depth (0 for the embeddings, 1 for layer 0, ...) and above, by name."""
        above = self.absorbed[depth:]
        return {
            name: sum(terms.get(name, 0.0) for terms in above) for name in ABSORBED if any(name in t for t in above)
        }


def relevance_flow(
    model: TextModel,
    text: str,
    target: Target | str | int | None = None,
    *,
    rule: Rule = "attn-lrp",
    epsilon: float = 0.0,
    gamma: float = 0.0,
) -> RelevanceFlow:
    """The relevance of everything on the way from the output to the tokens, in one pass in each direction.

    What comes back holds arrays by layer, token, head and neuron: see `RelevanceFlow`. Options and errors as in `lrp`.
    """
    require_text_model("relevance_flow", model)
    if rule not in RULES:
        raise OptionError(f"rule={rule!r}: choose {' or '.join(map(repr, RULES))}")
    for name, value in (("epsilon", epsilon), ("gamma", gamma)):
        most = torch.finfo(model.model.dtype).max
        if isinstance(value, bool) or not isinstance(value, SupportsFloat) or not 0 <= value <= most:
            raise OptionError(f"{name}={value!r}: give a number of at least 0, and at most {most:.0e}")
    encoded = model.encode(text)
    with _rules(model, rule, float(epsilon), float(gamma)) as ledger:
        output = model.forward(encoded)
        resolved, scalar = model.readout_value(encoded, output, target)
        if resolved.target.output != "logit":
            ledger.note("output", output.logits)
        tensors = [entry.tensor for entry in ledger.entries]
        gradients = torch.autograd.grad(scalar, tensors, allow_unused=True)
    return _balanced(model, encoded, resolved, float(scalar.detach()), ledger.entries, gradients)


def _balanced(
    model: TextModel,
    encoded: EncodedText,
    resolved: ResolvedTarget,
    value: float,
    entries: list[_Entry],
    gradients: tuple[torch.Tensor | None, ...],
) -> RelevanceFlow:
    """The ledger closed: each noted tensor times its modified gradient."""
    found: dict[str, list[np.ndarray]] = {name: [] for name in ("tokens", "stream", "heads", "weights", "neurons")}
    absorbed: list[dict[str, float]] = [{}, *({"softmax": 0.0} for _ in range(model.n_layers)), {}]

    def absorb(name: str, depth: int, amount: float) -> None:
        absorbed[depth][name] = absorbed[depth].get(name, 0.0) + amount

    for entry, gradient in zip(entries, gradients, strict=True):
        x = entry.tensor.detach().double()
        slope = torch.zeros_like(x) if gradient is None else gradient.double()
        if entry.name in found:
            relevance = (x * slope)[0].cpu().numpy()
            found[entry.name].append(relevance if entry.name in ("weights", "neurons") else relevance.sum(-1))
        elif entry.name == "output":
            absorb("output", entry.depth, value - float(x.flatten() @ slope.flatten()))
        else:
            absorb(entry.name, entry.depth, float(x.flatten() @ slope.flatten()))
        if entry.name == "weights":
            absorb("softmax", entry.depth, softmax_remainder(x, slope))
    layers, heads, n = model.n_layers, model.n_heads, len(encoded.units)
    return RelevanceFlow(
        encoded,
        resolved,
        value,
        tokens=found["tokens"][0],
        stream=np.stack(found["stream"]),
        heads=np.stack(found["heads"]),
        weights=np.stack(found["weights"]) if found["weights"] else np.zeros((layers, heads, n, n)),
        neurons=np.stack(found["neurons"]),
        absorbed=tuple(absorbed),
    )


def softmax_remainder(weights: torch.Tensor, slope: torch.Tensor) -> float:
    """What the softmax rule takes in and does not hand on, summed over the rows of `weights`, the softmax's output.

    The relevance that comes in is R = weights * slope. Scores are known from the weights up to a constant in each row,
    s = log weights, and the constant does not count, since the rule's coefficients, R - weights sum(R), sum to 0.
    """
    relevance = weights * slope
    handed_on = torch.xlogy(relevance - weights * relevance.sum(-1, keepdim=True), weights)
    return float((relevance - handed_on).sum())


# --- the rules as a backward pass -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Entry:
    """A tensor of the forward pass whose relevance is to be read. depth: 0 embeddings, 1 layer 0, ... and the head."""

    name: str
    depth: int
    tensor: torch.Tensor


@dataclass
class _Ledger:
    """What a forward pass notes as it goes up through the depths."""

    rule: Rule
    depth: int = 0
    entries: list[_Entry] = field(default_factory=list)

    def note(self, name: str, tensor: torch.Tensor) -> None:
        self.entries.append(_Entry(name, self.depth, tensor))


NAME = "xai-lrp"
LINEAR = (nn.Linear, Conv1D)
BIASED = (*LINEAR, nn.LayerNorm)
_LEDGERS: dict[nn.Module, _Ledger] = {}  # the modules of the models being explained


@contextlib.contextmanager
def _rules(model: TextModel, rule: Rule, epsilon: float, gamma: float) -> Iterator[_Ledger]:
    """Within the context, the model's backward pass carries c where the rules give R = x * c.

    The model is changed object by object; afterwards, also after an error, it is as it was.
    """
    network, places = model.model, model.architecture
    base, blocks = network.base_model, blocks_of(network)
    modules = dict(network.named_modules())
    ledger = _Ledger(rule)
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        enter(gradients_for(model, lambda name: name.endswith("bias")))  # from here on no other thread
        before = network.config._attn_implementation
        if editing.is_edited(model):
            raise OptionError("lrp explains the model's own attention: leave edited_attention first")
        if network in _LEDGERS:
            raise OptionError("this model is being explained by lrp already: one explanation after the other")
        forwards = {m: f for name, m in modules.items() if (f := _forward(name, m, ledger, epsilon, gamma)) is not None}
        for module, forward in forwards.items():
            enter(_replaced(module, forward))
        _note_biases(modules.values(), blocks, ledger)
        enter(hooked(network.get_input_embeddings(), functools.partial(_leaf, ledger, "tokens")))
        for path, name in ((places.positions, "positions"), (places.token_types, "token types")):
            if path is not None:
                enter(hooked(base.get_submodule(path), functools.partial(_leaf, ledger, name)))
        for lower, upper in places.bare_activations:
            if lower in modules:
                enter(_activation_between(modules[lower], modules[upper]))
        for block in blocks:
            enter(hooked(block, functools.partial(_enter_layer, ledger), before=True))
            neurons = functools.partial(_neurons, ledger, places.gated)
            enter(hooked(block.get_submodule(places.neurons), neurons, before=True))
        enter(hooked(blocks[-1], functools.partial(_leave_layers, ledger)))
        stack.callback(network.set_attn_implementation, before)
        network.set_attn_implementation(NAME)
        enter(_keeping(modules.values(), ledger))
        yield ledger


def _forward(
    name: str, module: nn.Module, ledger: _Ledger, epsilon: float, gamma: float
) -> Callable[..., torch.Tensor] | None:
    """What takes the place of a module's forward pass; None where its own backward pass is the rule."""
    if isinstance(module, nn.LayerNorm):
        return lambda x: _LayerNorm.apply(x, module.weight, module.bias, module.eps)
    if isinstance(module, LINEAR):
        return functools.partial(_linear, module, ledger, epsilon, gamma) if epsilon or gamma else None
    if isinstance(module, (nn.Embedding, nn.Dropout, nn.Identity)) or any(module.children()):
        return None
    if type(module).__name__.endswith("RMSNorm"):
        return functools.partial(_rms_norm, module)
    if type(module).__name__.endswith("RotaryEmbedding"):
        return None  # angles, by which queries and keys are turned; a rotation is linear and keeps products
    if type(module).__module__ in (nn.modules.activation.__name__, transformers.activations.__name__):
        like = next(module.parameters(), torch.zeros(1))
        with torch.no_grad():
            if module(like.new_zeros(1)) == 0:
                return functools.partial(_Identity.apply, module.forward)
    return functools.partial(_no_rule, name, module)


def _no_rule(name: str, module: nn.Module, *args: Any, **options: Any) -> torch.Tensor:
    raise UnsupportedArchitectureError(
        f"LRP has no rule for {name}, a {type(module).__name__}; explain this model by a gradient, as input_x_gradient"
    )


def _rms_norm(norm: Any, x: torch.Tensor) -> torch.Tensor:
    """RMSNorm whose root mean square is a constant of the backward pass."""
    with torch.no_grad():
        square = x.to(_wide(x)).square().mean(-1, keepdim=True)
        scale = (square + norm.variance_epsilon).rsqrt().to(x.dtype) * norm.weight
    return x * scale


def _linear(layer: Any, ledger: _Ledger, epsilon: float, gamma: float, x: torch.Tensor) -> torch.Tensor:
    """A linear layer under LRP-epsilon or LRP-gamma. The stabiliser counts as one more input, and absorbs its share."""
    stabiliser = torch.full((), epsilon, dtype=_wide(x), device=x.device, requires_grad=epsilon > 0)
    if epsilon:
        ledger.note("epsilon", stabiliser)
    weight = layer.weight.T if isinstance(layer, Conv1D) else layer.weight
    bias = x.new_zeros(len(weight)) if layer.bias is None else layer.bias
    return _Linear.apply(x, weight, bias, stabiliser, gamma)


class _Linear(torch.autograd.Function):
    """z = x weight^T + bias; backward: the coefficients of `lrp_gamma`, by matrix products."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, epsilon: torch.Tensor, gamma: float
    ) -> torch.Tensor:
        z = functional.linear(x, weight, bias)
        ctx.save_for_backward(x, weight, bias, epsilon, z)
        ctx.gamma = gamma
        return z

    @staticmethod
    def backward(ctx: Any, slope: torch.Tensor) -> Any:
        dtype, wide = slope.dtype, _wide(slope)
        x, weight, bias, epsilon, z = (saved.to(wide) for saved in ctx.saved_tensors)
        used = (slope != 0).flatten(0, -2).any(0)  # of an unembedding's thousands of outputs a few are explained
        weight, bias, z, relevance = weight[used], bias[used], z[..., used], (z * slope)[..., used]
        lowered = z < 0
        if gamma := ctx.gamma:
            x_up, x_down, up, down = x.clamp(min=0), x.clamp(max=0), weight.clamp(min=0), weight.clamp(max=0)
            raising = x_up @ up.T + x_down @ down.T + bias.clamp(min=0)
            lowering = x_up @ down.T + x_down @ up.T + bias.clamp(max=0)
            z = z + gamma * torch.where(lowered, lowering, raising)
        share = relevance / stabilised(z, float(epsilon))
        of_lowered, of_raised = share * lowered, share * ~lowered
        to_x, to_bias, to_epsilon = share @ weight, share, of_raised - of_lowered
        if gamma:
            alike, unlike = of_raised @ up + of_lowered @ down, of_raised @ down + of_lowered @ up
            to_x = to_x + gamma * torch.where(x < 0, unlike, alike)
            to_bias = share + gamma * (of_raised * (bias > 0) + of_lowered * (bias < 0))
        all_bias = torch.zeros_like(used, dtype=dtype)
        all_bias[used] = to_bias.flatten(0, -2).sum(0).to(dtype)
        return to_x.to(dtype), None, all_bias, to_epsilon.sum(), None


class _LayerNorm(torch.autograd.Function):
    """LayerNorm; backward: its deviation is a constant, and what remains is linear."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor | None, bias: torch.Tensor | None, eps: float
    ) -> torch.Tensor:
        y, _, scale = torch.native_layer_norm(x, x.shape[-1:], weight, bias, eps)
        ctx.save_for_backward(scale if weight is None else scale * weight)
        return y

    @staticmethod
    def backward(ctx: Any, slope: torch.Tensor) -> Any:
        (scale,) = ctx.saved_tensors
        to_centred = slope * scale
        to_bias = slope.flatten(0, -2).sum(0) if ctx.needs_input_grad[2] else None
        return to_centred - to_centred.mean(-1, keepdim=True), None, to_bias, None


class _Identity(torch.autograd.Function):
    """y = f(x) elementwise, f(0) = 0; backward: y / x, so that x receives the relevance of y."""

    @staticmethod
    def forward(ctx: Any, f: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        y = f(x)
        ctx.save_for_backward((y / stabilised(x.to(_wide(x)))).to(x.dtype))
        return y

    @staticmethod
    def backward(ctx: Any, slope: torch.Tensor) -> Any:
        (ratio,) = ctx.saved_tensors
        return None, slope * ratio


class _Halved(torch.autograd.Function):
    """x; backward: half of the gradient, since a product's own gradient hands all its relevance to either factor."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, slope: torch.Tensor) -> Any:
        return slope / 2


def _attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **options: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """softmax(q k^T * scaling + mask) v, whose weights are constants (CP-LRP), or whose products share (AttnLRP)."""
    if module not in _LEDGERS:  # a model that shares its config with the one that is explained
        return eager_attention(module)(module, query, key, value, attention_mask, scaling=scaling, **options)
    ledger = _LEDGERS[module]
    groups = query.shape[1] // key.shape[1]  # several heads may share keys and values
    if groups > 1:
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    scores = query @ key.transpose(-1, -2) * (query.shape[-1] ** -0.5 if scaling is None else scaling)
    if ledger.rule == "attn-lrp":
        scores = _Halved.apply(scores)
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = scores.softmax(-1, dtype=_wide(scores)).to(value.dtype)
    if ledger.rule == "cp-lrp":
        weights = weights.detach()
        output = weights @ value
    else:
        ledger.note("weights", weights)
        output = _Halved.apply(weights @ value)
    output = output.transpose(1, 2).contiguous()
    ledger.note("heads", output)
    return output, weights


def _note_biases(modules: Iterable[nn.Module], blocks: list[nn.Module], ledger: _Ledger) -> None:
    """The layers' biases, each at its depth. modules come in order: the embeddings', the blocks', the head's."""
    of_block = {module: depth for depth, block in enumerate(blocks, 1) for module in block.modules()}
    depth = 0
    for module in modules:
        depth = of_block.get(module, len(blocks) + 1 if depth else 0)
        if isinstance(module, BIASED) and module.bias is not None:
            ledger.entries.append(_Entry("biases", depth, module.bias))


def _leaf(ledger: _Ledger, name: str, module: nn.Module, args: Any, output: torch.Tensor) -> torch.Tensor:
    leaf = output.detach().requires_grad_()
    ledger.note(name, leaf)
    return leaf


def _enter_layer(ledger: _Ledger, block: nn.Module, args: Any) -> None:
    ledger.depth += 1
    ledger.note("stream", args[0])


def _leave_layers(ledger: _Ledger, block: nn.Module, args: Any, output: Any) -> None:
    ledger.depth += 1
    ledger.note("stream", output[0] if isinstance(output, tuple) else output)


def _neurons(ledger: _Ledger, gated: bool, layer: nn.Module, args: Any) -> Any:
    neurons = _Halved.apply(args[0]) if gated else args[0]
    ledger.note("neurons", neurons)
    return (neurons,)


@contextlib.contextmanager
def _activation_between(lower: nn.Module, upper: nn.Module) -> Iterator[None]:
    """Within the context, the activation between two layers, which is no module, has the identity rule."""
    below: list[torch.Tensor] = []

    def above(module: nn.Module, args: Any) -> Any:
        return (_Identity.apply(lambda x: args[0].detach().view_as(x), below.pop()),)

    with hooked(lower, lambda m, args, output: below.append(output)), hooked(upper, above, before=True):
        yield


@contextlib.contextmanager
def _replaced(module: nn.Module, forward: Callable[..., torch.Tensor]) -> Iterator[None]:
    """Within the context, this one module's forward pass is another function."""
    own = vars(module).get("forward")
    module.forward = forward
    try:
        yield
    finally:
        del module.forward
        if own is not None:
            module.forward = own


@contextlib.contextmanager
def _keeping(modules: Iterable[nn.Module], ledger: _Ledger) -> Iterator[None]:
    """Within the context, attention finds the ledger by its module."""
    kept = list(modules)
    _LEDGERS.update(dict.fromkeys(kept, ledger))
    try:
        yield
    finally:
        for module in kept:
            del _LEDGERS[module]


def _wide(x: torch.Tensor) -> torch.dtype:
    """At least single precision."""
    return x.dtype if x.dtype.itemsize >= 4 else torch.float32


def _level(model: TextModel, layer: int) -> int:
    """A level of the residual stream: 0 to the number of layers. Raises LayerRangeError."""
    top = model.n_layers
    if isinstance(layer, bool) or not isinstance(layer, SupportsIndex) or not 0 <= operator.index(layer) <= top:
        raise LayerRangeError(f"layer={layer!r}: {model.name} has layers 0 to {top - 1}, and {top} is what leaves them")
    return operator.index(layer)


AttentionInterface.register(NAME, _attention)  # inert until a model names it
AttentionMaskInterface.register(NAME, eager_mask)
