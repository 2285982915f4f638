"""The table's places are right: what the blocks found there compute is what the model computes."""

from __future__ import annotations

import pytest
import tiny
import torch

from xai_helpers import architectures, errors

TEXT = "The cat sat on the mat."


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_blocks_give_the_hidden_states(family: str, kind: str) -> None:
    model = tiny.model(family, kind)  # type: ignore[arg-type]
    blocks = architectures.blocks_of(model.model)
    assert len(blocks) == model.n_layers
    outputs: list[torch.Tensor] = []

    def keep(module: torch.nn.Module, inputs: object, output: object) -> None:
        outputs.append(output[0] if isinstance(output, tuple) else output)  # type: ignore[arg-type]

    hooks = [block.register_forward_hook(keep) for block in blocks]
    try:
        with torch.no_grad():
            output = model.forward(model.encode(TEXT), output_hidden_states=True)
    finally:
        for hook in hooks:
            hook.remove()
    for ours, theirs in zip(outputs[:-1], output.hidden_states[1:-1], strict=True):
        assert torch.equal(ours, theirs)
    norm = model.architecture.final_norm
    last = outputs[-1] if norm is None else model.model.base_model.get_submodule(norm)(outputs[-1])
    assert torch.equal(last, output.hidden_states[-1])
    if kind == "causal-lm":
        assert torch.equal(model.model.get_output_embeddings()(last), output.logits)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_attention_and_mlp_lie_in_every_block(family: str) -> None:
    model = tiny.model(family, "classifier")
    for block in architectures.blocks_of(model.model):
        attention = block.get_submodule(model.architecture.attention)
        mlp = block.get_submodule(model.architecture.mlp)
        inside = {id(p) for part in (attention, mlp) for p in part.parameters()}
        # what remains of a block: its norms, and BERT's first feed-forward matrix
        rest = [name for name, p in block.named_parameters() if id(p) not in inside]
        assert all("norm" in name.lower() or "ln_" in name or "intermediate" in name for name in rest), rest


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("GPT2LMHeadModel", "causal-lm"),
        ("LlamaForCausalLM", "causal-lm"),
        ("DistilBertForSequenceClassification", "classifier"),
        ("GPT2ForSequenceClassification", "classifier"),
        ("BertForMaskedLM", "masked-lm"),
    ],
)
def test_the_head_is_told_from_the_class(name: str, kind: str) -> None:
    assert architectures.kind_of(name) == kind


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_the_longest_text_fits_and_one_token_more_does_not(family: str) -> None:
    model = tiny.model(family, "classifier")
    added = len(model.encode("cat").units) - 1  # special tokens
    longest = " ".join(["cat"] * (model.max_tokens - added))
    encoded = model.encode(longest)
    assert len(encoded.units) == model.max_tokens
    assert torch.isfinite(model.forward(encoded).logits).all()
    with pytest.raises(errors.TextTooLongError, match=str(model.max_tokens)):
        model.encode(f"{longest} cat")
    one_more = torch.cat([encoded.ids, encoded.ids[:, -1:]], dim=1)
    if family in ("gpt2", *tiny.ENCODERS):  # rotary positions have no table to run out of
        with pytest.raises((IndexError, RuntimeError, ValueError)):
            model.model(input_ids=one_more, attention_mask=torch.ones_like(one_more))
