"""Where the parts of a transformer live in each Hugging Face family: one row per family.

Paths are relative to the stack below the head (`model.base_model`), those of `attention`, `mlp` and of what is in them
to one block. The word embedding and the unembedding need no row: transformers names them itself
(`get_input_embeddings`, `get_output_embeddings`).
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from torch import nn
from transformers import PretrainedConfig, PreTrainedModel

from .errors import EncoderDecoderError, NoHeadError, UnsupportedArchitectureError

Kind = Literal["causal-lm", "classifier", "masked-lm"]

# The head is part of a class name: GPT2LMHeadModel, LlamaForCausalLM, BertForMaskedLM, ...
HEADS: dict[str, Kind] = {
    "LMHeadModel": "causal-lm",
    "ForCausalLM": "causal-lm",
    "ForSequenceClassification": "classifier",
    "ForMaskedLM": "masked-lm",
}


@dataclass(frozen=True)
class Architecture:
    """One family. decoder: attention is causal, and a classifier reads the last token instead of the first.

    attention_out: the linear layer that reads what the heads computed. projections: those that write queries, keys and
    values, one each or one for all; `interleaved`: it writes head by head. entry: the norm before them, which a decoder
    has. middle: the norm in the middle of a block.
    neurons: the linear layer that reads the MLP's neurons. gated: a neuron is the product of two layers' outputs.
    final_norm: the norm between the last block and the unembedding; None where each block ends with its own.
    positions, token_types: the embeddings that are added to the tokens'; None where there are none.
    bare_activations: layers of the head, from the whole model, between which an activation stands that is no module.
    """

    decoder: bool
    blocks: str
    attention: str
    attention_out: str
    projections: tuple[str, ...]
    middle: str
    mlp: str
    neurons: str
    interleaved: bool = False
    gated: bool = False
    entry: str | None = None
    final_norm: str | None = None
    positions: str | None = None
    token_types: str | None = None
    bare_activations: tuple[tuple[str, str], ...] = ()


GPT2 = Architecture(
    decoder=True,
    blocks="h",
    attention="attn",
    attention_out="attn.c_proj",
    projections=("attn.c_attn",),
    middle="ln_2",
    mlp="mlp",
    neurons="mlp.c_proj",
    entry="ln_1",
    final_norm="ln_f",
    positions="wpe",
)
LLAMA = Architecture(
    decoder=True,
    blocks="layers",
    attention="self_attn",
    attention_out="self_attn.o_proj",
    projections=("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    middle="post_attention_layernorm",
    mlp="mlp",
    neurons="mlp.down_proj",
    gated=True,
    entry="input_layernorm",
    final_norm="norm",
)
NEOX = Architecture(
    decoder=True,
    blocks="layers",
    attention="attention",
    attention_out="attention.dense",
    projections=("attention.query_key_value",),
    interleaved=True,
    middle="post_attention_layernorm",
    mlp="mlp",
    neurons="mlp.dense_4h_to_h",
    entry="input_layernorm",
    final_norm="final_layer_norm",
)
# BERT's feed-forward layer is two modules, `intermediate` and `output`; the second ends the block.
BERT = Architecture(
    decoder=False,
    blocks="encoder.layer",
    attention="attention",
    attention_out="attention.output.dense",
    projections=("attention.self.query", "attention.self.key", "attention.self.value"),
    middle="attention.output.LayerNorm",
    mlp="output",
    neurons="output.dense",
    positions="embeddings.position_embeddings",
    token_types="embeddings.token_type_embeddings",
)
ROBERTA = replace(
    BERT, bare_activations=(("classifier.dense", "classifier.out_proj"), ("lm_head.dense", "lm_head.layer_norm"))
)
DISTILBERT = Architecture(
    decoder=False,
    blocks="transformer.layer",
    attention="attention",
    attention_out="attention.out_lin",
    projections=("attention.q_lin", "attention.k_lin", "attention.v_lin"),
    middle="sa_layer_norm",
    mlp="ffn",
    neurons="ffn.lin2",
    positions="embeddings.position_embeddings",
)

ARCHITECTURES: dict[str, Architecture] = {
    "gpt2": GPT2,
    "llama": LLAMA,
    "mistral": LLAMA,
    "qwen2": LLAMA,
    "qwen3": LLAMA,
    "gpt_neox": NEOX,
    "bert": BERT,
    "roberta": ROBERTA,
    "distilbert": DISTILBERT,
}


def architecture_of(config: PretrainedConfig) -> Architecture:
    """The family's row, or an error that lists the families."""
    if getattr(config, "is_encoder_decoder", False):
        raise EncoderDecoderError(
            f"{config.model_type} is an encoder-decoder model, which this course leaves out; "
            "use a causal language model or a classifier"
        )
    try:
        return ARCHITECTURES[config.model_type]
    except KeyError:
        known = ", ".join(sorted(ARCHITECTURES))
        hint = "; images are explained by xai_helpers.images" if config.model_type == "vit" else ""
        raise UnsupportedArchitectureError(f"model type {config.model_type!r} is not among: {known}{hint}") from None


def kind_of(class_name: str) -> Kind:
    """What a model of this class predicts, told from its name as transformers writes it."""
    for suffix, kind in HEADS.items():
        if class_name.endswith(suffix):
            return kind
    raise NoHeadError(
        f"{class_name} has no head that predicts a token or a class, so there is nothing to explain; "
        f"load a class whose name ends with {', '.join(HEADS)}"
    )


def max_tokens(config: PretrainedConfig) -> int:
    """How many tokens fit, special tokens included."""
    positions = config.max_position_embeddings
    # RoBERTa numbers its positions from padding_idx + 1 on.
    return positions - config.pad_token_id - 1 if config.model_type == "roberta" else positions


def blocks_of(model: PreTrainedModel) -> list[nn.Module]:
    """The transformer blocks, from the first to the last."""
    blocks = model.base_model.get_submodule(architecture_of(model.config).blocks)
    return list(blocks.children())


def eager_attention(module: nn.Module) -> Callable[..., Any]:
    """The family's own attention function, which returns its weights, for one of its attention modules."""
    return sys.modules[type(module).__module__].eager_attention_forward


@contextlib.contextmanager
def hooked(module: nn.Module, hook: Callable[..., Any], *, before: bool = False) -> Iterator[None]:
    """Within the context, hook(module, args, output) sees, and may replace, what the module returns.

    before: hook(module, args) sees, and may replace, what it is given.
    """
    handle = module.register_forward_pre_hook(hook) if before else module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@contextlib.contextmanager
def replaced(module: nn.Module, forward: Callable[..., Any]) -> Iterator[None]:
    """Within the context, this one module's forward pass is another function."""
    own = vars(module).get("forward")
    module.forward = forward
    try:
        yield
    finally:
        del module.forward
        if own is not None:
            module.forward = own
