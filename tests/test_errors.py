"""Bad input: each kind has its own error, which says what to do."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import tiny
import torch
import transformers

import xai_helpers as xai
from xai_helpers import errors

TEXT = "The cat sat on the mat."


def test_all_are_value_errors_of_ours_and_documented() -> None:
    found = [item for _, item in inspect.getmembers(errors, inspect.isclass)]
    assert all(issubclass(error, errors.XaiError) and issubclass(error, ValueError) for error in found)
    assert all(error.__doc__ for error in found)


@pytest.mark.parametrize("family", tiny.FAMILIES)
@pytest.mark.parametrize("text", ["", " ", "\n\t \u00a0"])
def test_empty_text(family: str, text: str) -> None:
    with pytest.raises(errors.EmptyTextError, match="blanks" if text else "empty"):
        tiny.model(family, "classifier").encode(text)


def test_text_in_which_the_tokenizer_finds_nothing() -> None:
    with pytest.raises(errors.EmptyTextError, match="no token"):
        tiny.model("bert", "classifier").encode("\u0000")


@pytest.mark.parametrize("text", [["a", "b"], ("a",), 3, None, b"bytes"])
def test_several_texts_where_one_is_expected(text: object) -> None:
    with pytest.raises(errors.NotOneTextError, match="call once for each text"):
        xai.attention_rollout(tiny.model("gpt2", "causal-lm"), text)  # type: ignore[arg-type]


def test_longer_than_the_context() -> None:
    model = tiny.model("roberta", "classifier")
    with pytest.raises(errors.TextTooLongError, match=f"at most {model.max_tokens}"):
        model.encode("cat " * 500)


@pytest.mark.parametrize("family", tiny.DECODERS)
def test_target_of_several_tokens_shows_the_pieces(family: str) -> None:
    with pytest.raises(errors.MultiTokenTargetError, match=r"Llanfair.* is \d+ tokens of .*\(id \d+\)"):
        tiny.model(family, "causal-lm").resolve("Llanfairpwll", TEXT)


def test_unknown_label_lists_the_labels() -> None:
    with pytest.raises(errors.UnknownTargetError, match="LABEL_0, LABEL_1, LABEL_2"):
        tiny.model("bert", "classifier").resolve("Paris", TEXT)


def test_word_outside_the_vocabulary() -> None:
    with pytest.raises(errors.UnknownTargetError, match="not in the vocabulary"):
        tiny.model("bert", "masked-lm").resolve("一", "The cat sat on the [MASK].")


@pytest.mark.parametrize("id", [-1, 10**6])
@pytest.mark.parametrize(("family", "kind"), [("gpt2", "causal-lm"), ("bert", "classifier"), ("bert", "masked-lm")])
def test_id_out_of_range(family: str, kind: str, id: int) -> None:
    with pytest.raises(errors.TargetRangeError, match="0 to"):
        tiny.model(family, kind).resolve(id, "The cat sat on the [MASK].")  # type: ignore[arg-type]


def test_position_out_of_range() -> None:
    with pytest.raises(errors.TargetRangeError, match="tokens of the text"):
        tiny.model("gpt2", "causal-lm").resolve(xai.Target(3, position=99), TEXT)
    with pytest.raises(errors.TargetRangeError, match="one place only"):
        tiny.model("bert", "classifier").readout(TEXT, position=0)


@pytest.mark.parametrize(
    "field",
    [
        {"token": 1.5},
        {"token": True},
        {"token": ""},
        {"output": "odds"},
        {"position": "last"},
        {"token": 3, "versus": 3},
    ],
)
def test_what_is_no_target(field: dict[str, object]) -> None:
    with pytest.raises(errors.UnknownTargetError):
        xai.Target(**field)  # type: ignore[arg-type]


def test_versus_itself() -> None:
    model = tiny.model("bert", "classifier")
    best = model.predict(TEXT, 1)[0].token
    with pytest.raises(errors.UnknownTargetError, match="versus itself"):
        model.resolve(xai.Target(versus=best), TEXT)


def test_position_of_a_classifier() -> None:
    with pytest.raises(errors.TargetRangeError, match="one place only"):
        tiny.model("bert", "classifier").resolve(xai.Target(0, position=0), TEXT)


def test_half_a_character() -> None:
    with pytest.raises(errors.NotOneTextError, match="surrogate"):
        tiny.model("gpt2", "causal-lm").encode("a\ud83d")


@pytest.mark.parametrize("model", ["course-gpt2", None])
def test_what_is_no_text_model(model: object) -> None:
    for method in xai.METHODS.values():
        with pytest.raises(errors.UnsupportedArchitectureError, match=r"xai\.load"):
            method(model, TEXT)


def test_attention_implementation_without_weights() -> None:
    model = xai.wrap(tiny.hugging_face_model("gpt2", "causal-lm"), tiny.tokenizer("gpt2"))
    model.model.set_attn_implementation("sdpa")
    with pytest.raises(errors.UnsupportedArchitectureError, match="eager"):
        xai.raw_attention(model, TEXT)


def test_small_numbers_that_make_no_sense() -> None:
    with pytest.raises(errors.OptionError, match="at least one"):
        tiny.model("gpt2", "causal-lm").predict(TEXT, k=0)
    with pytest.raises(errors.OptionError, match=r"range\(2\)"):
        xai.attention_rollout(tiny.model("gpt2", "causal-lm"), TEXT, layers=2)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", None, 3])
def test_names_that_name_nothing(name: object) -> None:
    with pytest.raises(errors.ModelNotFoundError, match="course-gpt2"):
        xai.load(name)  # type: ignore[arg-type]


def test_device_that_is_not_there() -> None:
    with pytest.raises(errors.OptionError, match="banana"):
        xai.load("course-gpt2", device="banana")


def test_dtype_that_is_none_of_torchs() -> None:
    with pytest.raises(errors.OptionError, match=r"torch\.float64"):
        xai.load("course-gpt2", dtype="floatx")  # type: ignore[arg-type]


def test_masks() -> None:
    model = tiny.model("bert", "masked-lm")
    with pytest.raises(errors.MaskError, match=r"write \[MASK\] in the text"):
        model.predict("no mask here")
    with pytest.raises(errors.MaskError, match="2 mask tokens"):
        model.predict("[MASK] and [MASK]")
    for target in (None, 5, "mat"):
        with pytest.raises(errors.MaskError, match="in the text"):
            model.resolve(target, "no mask here")


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_model_without_a_tokenizer(family: str, kind: str, tmp_path: Path) -> None:
    bare = tiny.hugging_face_model(family, kind)  # type: ignore[arg-type]
    with pytest.raises(errors.MissingTokenizerError, match="no tokenizer"):
        xai.wrap(bare, None)
    bare.save_pretrained(tmp_path)
    with pytest.raises(errors.MissingTokenizerError, match="tokenizer"):  # for some, transformers makes up an empty one
        xai.load(tmp_path)


def test_tokenizer_of_another_model() -> None:
    model = xai.wrap(tiny.hugging_face_model("gpt2", "causal-lm", vocab_size=30), tiny.tokenizer("gpt2"))
    with pytest.raises(errors.MissingTokenizerError, match="don't belong together"):
        model.encode(TEXT)


def test_encoder_without_a_head(tmp_path: Path) -> None:
    bare = transformers.BertModel(tiny.config("bert"))
    with pytest.raises(errors.NoHeadError, match="BertModel has no head"):
        xai.wrap(bare, tiny.tokenizer("bert"))
    bare.save_pretrained(tmp_path)
    tiny.tokenizer("bert").save_pretrained(tmp_path)
    with pytest.raises(errors.NoHeadError, match="BertModel has no head"):
        xai.load(tmp_path)
    with pytest.raises(errors.NoHeadError, match=r"no weights for .*classifier"):  # never a random head
        xai.load(tmp_path, task="classifier")


def test_encoder_decoder() -> None:
    model = transformers.T5ForConditionalGeneration(
        transformers.T5Config(d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2, vocab_size=50)
    )
    with pytest.raises(errors.EncoderDecoderError, match="encoder-decoder"):
        xai.wrap(model, tiny.tokenizer("gpt2"))


def test_families_and_heads_that_are_not_supported() -> None:
    opt = transformers.OPTConfig(
        hidden_size=16, word_embed_proj_dim=16, ffn_dim=16, num_hidden_layers=1, num_attention_heads=2, vocab_size=50
    )
    with pytest.raises(errors.UnsupportedArchitectureError, match="gpt2"):
        xai.wrap(transformers.OPTForCausalLM(opt), tiny.tokenizer("gpt2"))
    with pytest.raises(errors.UnsupportedArchitectureError, match="no next token"):
        xai.wrap(transformers.BertLMHeadModel(tiny.config("bert", is_decoder=True)), tiny.tokenizer("bert"))
    for change in ({"num_labels": 1}, {"problem_type": "multi_label_classification"}):
        with pytest.raises(errors.UnsupportedArchitectureError, match="exactly one"):
            xai.wrap(tiny.hugging_face_model("bert", "classifier", **change), tiny.tokenizer("bert"))
    with pytest.raises(errors.UnsupportedArchitectureError, match="transformers model"):
        xai.wrap("gpt2", tiny.tokenizer("gpt2"))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_logits_that_are_no_numbers(value: float) -> None:
    model = xai.wrap(tiny.hugging_face_model("gpt2", "causal-lm"), tiny.tokenizer("gpt2"))
    with torch.no_grad():
        model.model.transformer.ln_f.bias[0] = value
    with pytest.raises(errors.NonFiniteError, match=r"damaged$"):
        model.predict(TEXT)
    with pytest.raises(errors.NonFiniteError):
        xai.attention_rollout(model, TEXT)
    model.model.to(torch.bfloat16)
    with pytest.raises(errors.NonFiniteError, match=r"dtype=torch\.float32"):
        model.predict(TEXT)


def test_folder_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(errors.NotAModelError, match=r"no config\.json"):
        xai.load(tmp_path)
    (tmp_path / "config.json").write_text("{not json")
    with pytest.raises(errors.NotAModelError):
        xai.load(tmp_path)
    config = tiny.config("gpt2")
    config.save_pretrained(tmp_path)
    with pytest.raises(errors.NoHeadError, match="task='causal-lm'"):  # the config names no class
        xai.load(tmp_path)
    config.architectures = ["GPT2LMHeadModel"]
    config.save_pretrained(tmp_path)
    tiny.tokenizer("gpt2").save_pretrained(tmp_path)
    with pytest.raises(errors.NotAModelError):  # no weights
        xai.load(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"not safetensors")
    with pytest.raises(errors.NotAModelError):
        xai.load(tmp_path)


@pytest.mark.parametrize("name", ["/no/such/folder", "./no-such-folder", "a/b/c"])
def test_folder_that_does_not_exist(name: str) -> None:
    with pytest.raises(errors.ModelNotFoundError, match=r"no model folder.*course-gpt2"):
        xai.load(name)


def test_unknown_task() -> None:
    with pytest.raises(errors.OptionError, match="causal-lm"):
        xai.load("course-gpt2", task="translation")  # type: ignore[arg-type]


def test_unknown_and_planned_methods() -> None:
    model = tiny.model("gpt2", "causal-lm")
    with pytest.raises(errors.UnknownMethodError, match="attention_rollout"):
        xai.attribute(model, TEXT, "magic")
    with pytest.raises(errors.UnknownMethodError, match="comes with chapter 08b"):
        xai.attribute(model, TEXT, "steering")
