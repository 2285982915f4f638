"""Small things to test with: random models of every family, with its kind of tokenizer, and attributions by hand."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import tokenizers
import torch
import transformers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

import xai_helpers as xai
from xai_helpers import errors
from xai_helpers.architectures import Kind
from xai_helpers.attribution import Attribution, Target, Unit

TEXTS = [
    "The Eiffel Tower is located in the city of Paris.",
    "The cat sat on the mat because it was very tired.",
    "Terrible plot, bad acting - a complete waste of time!",
    "Despite some flaws, it was not terrible at all.",
    "naïve café Привет мир مرحبا بالعالم 你好 😀",
] * 20
TEXT = "The cat sat on the mat because it was very tired."
MASKED = "The cat sat on the {mask} because it was tired."

SIZE = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 4, "max_position_embeddings": 192}


def byte_level(trim_offsets: bool = False) -> transformers.PreTrainedTokenizerFast:
    """As in GPT-2, Qwen and GPT-NeoX; whether a word's span holds its leading blank differs among those at large."""
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=trim_offsets)
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )


def roberta() -> transformers.PreTrainedTokenizerFast:
    """Byte-level, between <s> and </s>, with a mask that swallows the blank before it."""
    fast = byte_level()
    fast.backend_tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", fast.convert_tokens_to_ids("</s>")), ("<s>", fast.convert_tokens_to_ids("<s>"))
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=fast.backend_tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token=tokenizers.AddedToken("<mask>", lstrip=True, special=True),
    )


def word_piece() -> transformers.PreTrainedTokenizerFast:
    """As in BERT and DistilBERT, uncased."""
    tokenizer = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(
        TEXTS, trainers.WordPieceTrainer(vocab_size=200, special_tokens=special, show_progress=False)
    )
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **{f"{name}_token": token for name, token in names.items()}
    )


def sentence_piece() -> transformers.PreTrainedTokenizerFast:
    """As in Llama and Mistral: blanks written as a character of the vocabulary, unknown characters as bytes."""
    words = tokenizers.Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=True)  # no merge across words
    words.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=300, special_tokens=["<unk>", "<s>", "</s>"], show_progress=False)
    )
    learned = json.loads(words.to_str())["model"]
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    vocabulary = learned["vocab"] | {token: len(learned["vocab"]) + i for i, token in enumerate(byte_tokens)}
    merges = [tuple(pair) for pair in learned["merges"]]
    tokenizer = tokenizers.Tokenizer(models.BPE(vocabulary, merges, byte_fallback=True, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


TOKENIZERS = {
    "gpt2": byte_level,
    "qwen2": byte_level,
    "qwen3": byte_level,
    "gpt_neox": functools.partial(byte_level, trim_offsets=True),
    "roberta": roberta,
    "bert": word_piece,
    "distilbert": word_piece,
    "llama": sentence_piece,
    "mistral": sentence_piece,
}
DECODERS = ("gpt2", "llama", "mistral", "qwen2", "qwen3", "gpt_neox")
ENCODERS = ("bert", "roberta", "distilbert")
FAMILIES = DECODERS + ENCODERS
KINDS: list[tuple[str, Kind]] = [
    *((family, "causal-lm") for family in DECODERS),
    *((family, "classifier") for family in FAMILIES),
    *((family, "masked-lm") for family in ENCODERS),
]
AUTO = {
    "causal-lm": transformers.AutoModelForCausalLM,
    "classifier": transformers.AutoModelForSequenceClassification,
    "masked-lm": transformers.AutoModelForMaskedLM,
}


@functools.cache
def tokenizer(family: str) -> transformers.PreTrainedTokenizerFast:
    return TOKENIZERS[family]()


def config(family: str, **changes: Any) -> transformers.PretrainedConfig:
    fast = tokenizer(family)
    wide = {} if family in ("gpt2", "distilbert") else {"intermediate_size": 32}
    grouped = {"num_key_value_heads": 2} if family in ("llama", "mistral", "qwen2", "qwen3") else {}
    head = {"head_dim": 4} if family == "qwen3" else {}
    if family == "distilbert":
        wide["hidden_dim"] = 32
    options = SIZE | wide | grouped | head | {"vocab_size": len(fast), "num_labels": 3}
    ids = {"bos_token_id": fast.bos_token_id, "eos_token_id": fast.eos_token_id, "pad_token_id": fast.pad_token_id}
    return transformers.AutoConfig.for_model(family, **(options | ids | {"initializer_range": 0.4} | changes))


def hugging_face_model(family: str, kind: Kind, seed: int = 0, **changes: Any) -> transformers.PreTrainedModel:
    """Random weights; biases too, which transformers leaves at 0 and training does not."""
    torch.manual_seed(seed)
    model = AUTO[kind].from_config(config(family, **changes))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(std=0.4)
    return model


@functools.cache
def model(family: str, kind: Kind, seed: int = 0) -> xai.TextModel:
    return xai.wrap(hugging_face_model(family, kind, seed), tokenizer(family), name=f"tiny-{family}-{kind}")


def model_in(dtype: torch.dtype, family: str, kind: Kind, seed: int = 0, **changes: Any) -> xai.TextModel:
    """A model of one's own, in this precision: a test may change it."""
    return xai.wrap(hugging_face_model(family, kind, seed, **changes).to(dtype), tokenizer(family))


@contextlib.contextmanager
def untouched(model: xai.TextModel) -> Iterator[None]:
    """Asserts that the model is afterwards as it was, to the bit: weights, flags, hooks, methods, attention."""
    with torch.no_grad():  # the first pass that returns attention installs what transformers captures it with
        model.forward(model.encode(text_for(model)), output_attentions=True)
    before = _everything(model.model)
    try:
        yield
    finally:
        assert _everything(model.model) == before


class BrokenError(Exception):
    """Raised in the middle of a computation."""


def assert_leaves_untouched(model: xai.TextModel, explain: Callable[..., Any], *, backward: bool = True) -> None:
    """Whether explain(model, text, target) succeeds, is given bad input, or breaks anywhere on the way.

    backward: whether it has a backward pass that can break.
    """
    text = text_for(model)
    with untouched(model):
        explain(model, text, None)
        with pytest.raises(errors.UnknownTargetError):
            explain(model, text, 10**6)
    for broken in itertools.islice(_breaks(model), None if backward else FORWARD):
        with untouched(model), broken, pytest.raises(BrokenError):
            explain(model, text, None)


FORWARD = 4  # of the places below, those in the forward pass


def _breaks(model: xai.TextModel) -> Iterator[contextlib.AbstractContextManager[Any]]:
    """Contexts within which the model breaks, each at another place: embeddings, attention, a norm, head, backward."""

    def fail(*args: Any) -> None:
        raise BrokenError

    blocks = model.model.base_model.get_submodule(model.architecture.blocks)
    middle = list(blocks.children())[1]
    norms = [module for module in middle.modules() if "norm" in type(module).__name__.lower()]
    last = [module for module in model.model.modules() if list(module.parameters(recurse=False))][-1]
    attention = middle.get_submodule(model.architecture.attention)
    for module in (model.model.get_input_embeddings(), attention, norms[0], last):
        yield _hooked(module.register_forward_hook, fail)
    yield _hooked(middle.register_full_backward_hook, fail)


@contextlib.contextmanager
def _hooked(register: Any, hook: Any) -> Iterator[None]:
    handle = register(hook)
    try:
        yield
    finally:
        handle.remove()


def _everything(model: transformers.PreTrainedModel) -> dict[str, Any]:
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict(keep_vars=True).items()}
    return {
        "weights": {name: hash(bytes(tensor.view(torch.uint8).numpy())) for name, tensor in weights.items()},
        "gradients": [name for name, parameter in model.named_parameters() if parameter.grad is not None],
        "flags": [parameter.requires_grad for parameter in model.parameters()],
        "mode": [module.training for module in model.modules()],
        "hooks": [(len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks)) for m in model.modules()],
        "own": [sorted((k, id(v)) for k, v in vars(module).items() if callable(v)) for module in model.modules()],
        "buffers": {name: bytes(buffer.cpu().numpy()) for name, buffer in model.named_buffers()},
        "attention": model.config._attn_implementation,
        "enabled": torch.is_grad_enabled(),
    }


def text_for(model: xai.TextModel) -> str:
    """A text that the model predicts something from."""
    return MASKED.format(mask=model.tokenizer.mask_token) if model.kind == "masked-lm" else TEXT


def example(tokens: str | list[str], scores: list[float], special: int = 0, **fields: Any) -> Attribution:
    """An attribution written by hand: a text cut at its blanks, or tokens with a blank between them.

    special: how many tokens, from the first on, are special.
    """
    text, units, end = tokens if isinstance(tokens, str) else " ".join(tokens), [], 0
    for index, token in enumerate(text.split() if isinstance(tokens, str) else tokens):
        start = text.index(token, end)
        end = start + len(token)
        units.append(Unit(token, start, end, special=index < special))
    known: dict[str, Any] = {"method": "method", "target": Target("Paris"), "model": "model"}
    return Attribution(text=text, units=tuple(units), scores=np.array(scores), **(known | fields))
