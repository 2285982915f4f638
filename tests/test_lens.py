"""What each layer predicts, and who wrote it: laws, cases by hand, TransformerLens."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import DECODERS, TEXT, assert_leaves_untouched, model, model_in
from transformer_lens.tools.analysis import direct_logit_attribution
from transformer_lens.tools.analysis import logit_lens as peer_logit_lens

import xai_helpers as xai
from xai_helpers import Target
from xai_helpers.architectures import Kind, blocks_of
from xai_helpers.circuits import logit_attribution, logit_lens, run_with_cache
from xai_helpers.circuits.lens import translated
from xai_helpers.errors import (
    NoHeadError,
    OptionError,
    UnknownTargetError,
    UnsupportedArchitectureError,
)
from xai_helpers.tooling import to_transformer_lens

double = functools.cache(functools.partial(model_in, torch.float64))
TARGETS = st.sampled_from([Target(), Target(5), Target(5, versus=7), Target(5, position=-3)])
# transformers computes RMSNorm in single precision, whatever the model's.
ROUNDING = {"gpt2": 1e-11, "gpt_neox": 1e-11} | dict.fromkeys(("llama", "mistral", "qwen2", "qwen3"), 1e-5)
LINEAR = [(family, kind) for family in DECODERS for kind in ("causal-lm", "classifier")]


# The logit lens.


@given(st.sampled_from(DECODERS), TARGETS, st.sampled_from(["logit", "probability", "log_probability"]))
def test_the_last_level_is_the_model(family: str, target: Target, output: Any) -> None:
    subject = double(family, "causal-lm")
    asked = Target(target.token, target.versus, output, target.position)
    lens = logit_lens(subject, TEXT, asked)
    n = len(lens.tokens)
    assert lens.kl.shape == lens.value.shape == lens.rank.shape == (4, n)
    np.testing.assert_allclose(lens.kl[-1], 0, atol=1e-12)
    assert (lens.kl >= -1e-12).all()
    assert lens.value[-1, target.position] == pytest.approx(subject.value(TEXT, asked), abs=1e-12)
    (best,) = subject.predict(TEXT, k=1)
    assert (lens.best[-1][-1], lens.probability[-1, -1]) == (best.token, pytest.approx(best.probability))


@pytest.mark.parametrize("family", DECODERS)
def test_the_lens_by_hand(family: str) -> None:
    subject = double(family, "causal-lm")
    _, cache = run_with_cache(subject, TEXT)
    lens = logit_lens(subject, TEXT, 5)
    for level in range(4):
        stream = cache["resid_pre", level] if level < 3 else cache["resid_post", 2]
        with torch.no_grad():
            norm = subject.model.base_model.get_submodule(str(subject.architecture.final_norm))
            logits = norm(stream) @ subject.model.get_output_embeddings().weight.T
        np.testing.assert_allclose(lens.value[level], logits[:, 5], atol=1e-12)
        np.testing.assert_array_equal(lens.rank[level], (logits > logits[:, [5]]).sum(1))
        own, here = cache_final(subject).log_softmax(-1), logits.log_softmax(-1)
        np.testing.assert_allclose(lens.kl[level], (own.exp() * (own - here)).sum(-1), atol=1e-11)


def cache_final(subject: xai.TextModel) -> torch.Tensor:
    return run_with_cache(subject, TEXT, [])[0]


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_transformer_lens_has_the_same_lens(family: str) -> None:
    subject = model(family, "causal-lm")
    ids = subject.encode(TEXT).ids
    theirs = peer_logit_lens(to_transformer_lens(subject), ids, targets=[5], positions=None, incl_mid=False)
    ours = logit_lens(subject, TEXT, 5)
    np.testing.assert_allclose(ours.value, theirs.values[:, 0, :, 0], rtol=0, atol=2e-5)
    np.testing.assert_array_equal(ours.rank, theirs.rank_trajectory(5)[:, 0])


def test_translators_are_affine_and_leave_the_last_level_alone() -> None:
    subject = double("gpt2", "causal-lm")
    rng = torch.Generator().manual_seed(0)
    translators = {
        "A": torch.randn(3, 16, 16, generator=rng, dtype=torch.float64),
        "b": torch.randn(3, 16, generator=rng, dtype=torch.float64),
    }
    tuned, plain = logit_lens(subject, TEXT, 5, translators=translators), logit_lens(subject, TEXT, 5)
    assert (tuned.tuned, plain.tuned) == (True, False)
    np.testing.assert_array_equal(tuned.value[-1], plain.value[-1])
    stream = subject.residual_stream(TEXT)[1]
    by_hand = stream + torch.stack([translators["A"][1] @ h for h in stream]) + translators["b"][1]
    torch.testing.assert_close(translated(stream, 1, translators), by_hand)
    np.testing.assert_allclose(tuned.value[1], subject.unembed(by_hand)[:, 5], atol=1e-11)
    nothing = {"A": torch.zeros(3, 16, 16), "b": torch.zeros(3, 16)}
    np.testing.assert_array_equal(logit_lens(subject, TEXT, 5, translators=nothing).value, plain.value)


def test_translators_that_recover_what_later_layers_add() -> None:
    """A shift that is the same everywhere is undone by a translator's bias."""
    subject = double("gpt2", "causal-lm")
    streams = subject.residual_stream(TEXT)
    shift = (streams[-1] - streams[1])[-1]
    translators = {"A": torch.zeros(3, 16, 16).double(), "b": torch.stack([shift] * 3)}
    lens = logit_lens(subject, TEXT, 5, translators=translators)
    assert lens.kl[1, -1] == pytest.approx(0, abs=1e-12)
    assert logit_lens(subject, TEXT, 5).kl[1, -1] > 0.01


# Direct logit attribution.


@given(st.sampled_from(LINEAR), st.sampled_from([Target(), Target(2), Target(2, versus=0)]))
def test_the_parts_add_up_to_the_logit(setting: tuple[str, Kind], target: Target) -> None:
    subject = double(*setting)
    a = logit_attribution(subject, TEXT, target)
    assert a.total == pytest.approx(subject.value(TEXT, target), abs=1e-12)
    assert abs(a.gap) < ROUNDING[setting[0]]
    assert a.heads.shape == (3, 4)
    assert ("positions" in a.embeddings) == (subject.architecture.positions is not None)


@pytest.mark.parametrize(("family", "kind"), LINEAR)
def test_a_part_is_what_the_logit_loses_without_it(family: str, kind: Kind) -> None:
    """The norm held, the logit is linear: taken out of the stream, a part takes its share of the logit along."""
    subject = double(family, kind)
    a = logit_attribution(subject, TEXT, 2)
    _, cache = run_with_cache(subject, TEXT)
    place = subject.readout(TEXT)
    stream = cache["resid_post", -1][place]
    norm: Any = subject.model.base_model.get_submodule(str(subject.architecture.final_norm))
    head: Any = subject.model.get_output_embeddings() if kind == "causal-lm" else subject.model.score

    def held(x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            if isinstance(norm, torch.nn.LayerNorm):
                size = ((stream - stream.mean()).pow(2).mean() + norm.eps).sqrt()
                normed = (x - x.mean()) / size * norm.weight + norm.bias
            else:
                normed = x / (stream.pow(2).mean() + norm.variance_epsilon).sqrt() * norm.weight
            return head(normed)[2]

    assert float(held(stream)) == pytest.approx(a.total, abs=ROUNDING[family])
    for layer in range(3):
        without = float(held(stream - cache["mlp_out", layer][place]))
        assert a.total - without == pytest.approx(a.mlps[layer], abs=ROUNDING[family])
        attention = a.heads[layer].sum() + a.attention_biases[layer]
        assert a.total - float(held(stream - cache["attn_out", layer][place])) == pytest.approx(
            attention, abs=ROUNDING[family]
        )
        out: Any = blocks_of(subject.model)[layer].get_submodule(subject.architecture.attention_out)
        z = cache["z", layer][place]
        for number in range(4):
            alone = torch.zeros_like(z)
            alone[number] = z[number]
            with torch.no_grad():
                written = out(alone.flatten()[None]) - out(torch.zeros_like(z).flatten()[None])
            lost = a.total - float(held(stream - written[0]))
            assert lost == pytest.approx(a.heads[layer, number], abs=ROUNDING[family])
    assert float(held(torch.zeros_like(stream))) == pytest.approx(a.bias, abs=1e-12)


@pytest.mark.parametrize("family", DECODERS)
def test_an_earlier_readout_is_that_of_the_shorter_text(family: str) -> None:
    subject, shorter = double(family, "causal-lm"), TEXT.rsplit(" ", 2)[0]
    ids, fewer = (subject.encode(text).ids[0].tolist() for text in (TEXT, shorter))
    assert ids[: len(fewer)] == fewer
    a = logit_attribution(subject, TEXT, Target(2, position=len(fewer) - 1 - len(ids)))
    b = logit_attribution(subject, shorter, 2)
    np.testing.assert_allclose(a.heads, b.heads, atol=1e-12)
    np.testing.assert_allclose([value for _, value in a.parts()], [value for _, value in b.parts()], atol=1e-12)


@pytest.mark.parametrize("family", ["gpt2", "llama", "mistral", "qwen2"])
def test_transformer_lens_attributes_the_same(family: str) -> None:
    subject = model_in(torch.float32, family, "causal-lm")
    for block in blocks_of(subject.model):
        # What a bias adds to all values alike, TransformerLens folds away from the heads: here there is none.
        if family == "gpt2":
            block.attn.c_attn.bias.data[-16:] = 0
            block.ln_1.bias.data.zero_()
        elif family == "qwen2":
            block.self_attn.v_proj.bias.data.zero_()
    peer = to_transformer_lens(subject)
    peer.enable_compatibility_mode()
    ids = subject.encode(TEXT).ids
    ours = logit_attribution(subject, TEXT, Target(5, versus=7))
    heads = direct_logit_attribution(peer, ids, 5, 7, unit="head")
    np.testing.assert_allclose(
        ours.heads.flatten(), heads.attribution[: ours.heads.size].squeeze(-1).detach(), rtol=0, atol=2e-5
    )
    parts = direct_logit_attribution(peer, ids, 5, 7, unit="component")
    theirs = dict(zip(parts.labels, parts.attribution.squeeze(-1).tolist(), strict=True))
    for layer in range(3):
        assert theirs[f"{layer}_mlp_out"] == pytest.approx(ours.mlps[layer], abs=2e-5)
        attention = ours.heads[layer].sum() + ours.attention_biases[layer]
        assert theirs[f"{layer}_attn_out"] == pytest.approx(attention, abs=2e-5)
    assert theirs["embed"] == pytest.approx(ours.embeddings["tokens"], abs=2e-5)
    assert theirs.get("pos_embed", 0) == pytest.approx(ours.embeddings.get("positions", 0), abs=2e-5)


def test_parts_by_name() -> None:
    a = logit_attribution(double("gpt2", "causal-lm"), TEXT, 5)
    parts = dict(a.parts())
    assert list(parts)[:4] == ["tokens", "positions", "head 0.0", "head 0.1"]
    assert parts["head 2.3"] == a.heads[2, 3]
    assert parts["MLP 1"] == a.mlps[1]
    assert parts["attention bias 1"] == a.attention_biases[1]
    assert len(parts) == 2 + 3 * 6 + 1
    assert [abs(value) for _, value in a.top(4)] == sorted(map(abs, parts.values()), reverse=True)[:4]


# The model, and what is refused.


@pytest.mark.parametrize(("family", "kind"), LINEAR)
def test_the_model_is_as_it_was(family: str, kind: Kind) -> None:
    def explain(subject: xai.TextModel, text: str, target: Any) -> None:
        logit_attribution(subject, text, target)
        if kind == "causal-lm":
            logit_lens(subject, text, target)

    assert_leaves_untouched(model_in(torch.float32, family, kind), explain, backward=False)


def test_bad_input_is_named() -> None:
    subject = model("gpt2", "causal-lm")
    for explain in (logit_lens, logit_attribution):
        with pytest.raises(UnknownTargetError):
            explain(subject, TEXT, "no such token at all")
        with pytest.raises(UnsupportedArchitectureError):
            explain("gpt2", TEXT)  # type: ignore[arg-type]
        with pytest.raises(NoHeadError):
            explain(model("bert", "masked-lm"), "The cat [MASK] on the mat")
        training = model_in(torch.float32, "gpt2", "causal-lm")
        training.model.train()
        with pytest.raises(OptionError, match="training mode"):
            explain(training, TEXT)
    with pytest.raises(OptionError, match="only logits are sums"):
        logit_attribution(subject, TEXT, Target(5, output="probability"))
    with pytest.raises(OptionError, match=r"{'A': \(2, 16, 16\), .* don't fit .* needs {'A': \(3, 16, 16\), 'b': \(3,"):
        logit_lens(subject, TEXT, translators={"A": torch.zeros(2, 16, 16), "b": torch.zeros(2, 16)})
    for translators in ("tuned", True, {"A": 1}):
        with pytest.raises(OptionError, match=r"as circuits\.tuned_translators\(\) does"):
            logit_lens(subject, TEXT, translators=translators)  # type: ignore[arg-type]
