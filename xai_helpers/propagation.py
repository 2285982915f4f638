"""The rules of LRP as a backward pass: a modified gradient that, times an input, is the input's relevance.

Where a rule gives R = x * c, the backward pass carries c. Linear layers, residual connections and rotations have their
own gradient, which is LRP-0. What is not linear gets another: norms, activations, products, attention. The ledger names
what is to be read: each tensor that is noted, times its modified gradient, is the relevance that arrives there.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
import transformers.activations
from torch import nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask
from transformers.pytorch_utils import Conv1D

from . import editing
from .architectures import blocks_of, eager_attention, hooked, replaced
from .errors import OptionError, UnsupportedArchitectureError
from .gradients import gradients_for
from .models import TextModel

Rule = Literal["attn-lrp", "cp-lrp"]
RULES: tuple[Rule, ...] = ("attn-lrp", "cp-lrp")


@dataclass(frozen=True)
class Entry:
    """A tensor of the forward pass whose relevance is to be read. depth: 0 embeddings, 1 layer 0, ... and the head."""

    name: str
    depth: int
    tensor: torch.Tensor


@dataclass
class Ledger:
    """What a forward pass notes as it goes up through the depths."""

    rule: Rule
    depth: int = 0
    entries: list[Entry] = field(default_factory=list)

    def note(self, name: str, tensor: torch.Tensor) -> None:
        self.entries.append(Entry(name, self.depth, tensor))


NAME = "xai-lrp"
_LEDGERS: dict[nn.Module, Ledger] = {}  # the modules of the models being explained


@contextlib.contextmanager
def lrp_rules(model: TextModel, rule: Rule, epsilon: float, gamma: float) -> Iterator[Ledger]:
    """Within the context, the model's backward pass carries c where the rules give R = x * c.

    The model is changed object by object; afterwards, also after an error, it is as it was.
    """
    network, places = model.model, model.architecture
    base, blocks = network.base_model, blocks_of(network)
    modules = dict(network.named_modules())
    ledger = Ledger(rule)
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
            enter(replaced(module, forward))
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
    name: str, module: nn.Module, ledger: Ledger, epsilon: float, gamma: float
) -> Callable[..., torch.Tensor] | None:
    """What takes the place of a module's forward pass; None where its own backward pass is the rule."""
    if isinstance(module, nn.LayerNorm):
        return functools.partial(_layer_norm, module, ledger)
    if isinstance(module, (nn.Linear, Conv1D)):
        return functools.partial(_linear, module, module.forward, ledger, epsilon, gamma)
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


def _layer_norm(norm: nn.LayerNorm, ledger: Ledger, x: torch.Tensor) -> torch.Tensor:
    if norm.bias is not None:
        ledger.note("biases", norm.bias)
    return _LayerNorm.apply(x, norm.weight, norm.bias, norm.eps)


def _linear(
    layer: Any, own: Callable[..., torch.Tensor], ledger: Ledger, epsilon: float, gamma: float, x: torch.Tensor
) -> torch.Tensor:
    """A linear layer. In LRP-epsilon and LRP-gamma the stabiliser counts as one more input, and absorbs its share."""
    if layer.bias is not None:
        ledger.note("biases", layer.bias)
    if not (epsilon or gamma):
        return own(x)
    stabiliser = torch.full((), epsilon, dtype=_wide(x), device=x.device, requires_grad=epsilon > 0)
    if epsilon:
        ledger.note("epsilon", stabiliser)
    weight = layer.weight.T if isinstance(layer, Conv1D) else layer.weight
    bias = x.new_zeros(len(weight)) if layer.bias is None else layer.bias
    return Linear.apply(x, weight, bias, stabiliser, gamma)


class Linear(torch.autograd.Function):
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


def _leaf(ledger: Ledger, name: str, module: nn.Module, args: Any, output: torch.Tensor) -> torch.Tensor:
    leaf = output.detach().requires_grad_()
    ledger.note(name, leaf)
    return leaf


def _enter_layer(ledger: Ledger, block: nn.Module, args: Any) -> None:
    ledger.depth += 1
    ledger.note("stream", args[0])


def _leave_layers(ledger: Ledger, block: nn.Module, args: Any, output: Any) -> None:
    ledger.depth += 1
    ledger.note("stream", output[0] if isinstance(output, tuple) else output)


def _neurons(ledger: Ledger, gated: bool, layer: nn.Module, args: Any) -> Any:
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
def _keeping(modules: Iterable[nn.Module], ledger: Ledger) -> Iterator[None]:
    """Within the context, attention finds the ledger by its module."""
    kept = list(modules)
    _LEDGERS.update(dict.fromkeys(kept, ledger))
    try:
        yield
    finally:
        for module in kept:
            del _LEDGERS[module]


def stabilised(z: torch.Tensor, epsilon: float = 0.0) -> torch.Tensor:
    """z moved away from 0 by epsilon, and at least by the smallest normal number of its type."""
    return z + z.new_tensor(max(epsilon, torch.finfo(z.dtype).tiny)).copysign(z)


def _wide(x: torch.Tensor) -> torch.dtype:
    """At least single precision."""
    return x.dtype if x.dtype.itemsize >= 4 else torch.float32


AttentionInterface.register(NAME, _attention)  # inert until a model names it
AttentionMaskInterface.register(NAME, eager_mask)
