"""circuits/heads.py: scores from their definitions, on attention written by hand and models whose heads are known."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import DECODERS, FAMILIES, TEXT, model, model_in
from transformer_lens.head_detector import (
    get_duplicate_token_head_detection_pattern,
    get_induction_head_detection_pattern,
    get_previous_token_head_detection_pattern,
)

import xai_helpers as xai
from xai_helpers.architectures import Kind, blocks_of
from xai_helpers.attention import after_earlier, attention_weights
from xai_helpers.circuits import ablation, heads, run_with_cache
from xai_helpers.circuits.heads import (
    head_ablation,
    name_mover_scores,
    output_weights,
    positional_scores,
    role_scores,
)
from xai_helpers.editing import edited_attention
from xai_helpers.errors import AlignmentError, NoHeadError, OptionError, UnknownTargetError

AGAIN = "the cat sat on the cat and the cat sat on the mat"
double = functools.cache(functools.partial(model_in, torch.float64))
ids_of = st.lists(st.integers(0, 4), min_size=2, max_size=12).map(np.array)


def looking(keys: Any) -> Any:
    """An edit: all heads attend evenly to these keys, a function of a query's index; where it names none, to itself."""

    def edit(weights: torch.Tensor, layer: int) -> torch.Tensor:
        changed = torch.zeros_like(weights)
        for query in range(weights.shape[-2]):
            seen = [key for key in keys(query) if key <= query] or [query]
            changed[..., query, seen] = 1 / len(seen)
        return changed

    return edit


@given(ids_of)
def test_roles_are_transformer_lens_patterns(ids: np.ndarray) -> None:
    tokens = torch.from_numpy(ids)[None]
    ours = {role: keys(ids).astype(float) for role, keys in heads.ROLES.items()}
    np.testing.assert_array_equal(ours["previous_token"], get_previous_token_head_detection_pattern(tokens))
    np.testing.assert_array_equal(ours["duplicate_token"], get_duplicate_token_head_detection_pattern(tokens))
    theirs = np.array(get_induction_head_detection_pattern(tokens))
    before = np.eye(len(ids), k=-1) + np.eye(len(ids))  # what a previous-token head sees, too, is not induction to us
    np.testing.assert_array_equal(ours["induction"], theirs * (1 - before).clip(0))


@given(ids_of)
def test_what_came_after_an_earlier_occurrence_by_hand(ids: np.ndarray) -> None:
    expected = [
        [1 <= key <= query - 2 and ids[key - 1] == ids[query] for key in range(len(ids))] for query in range(len(ids))
    ]
    np.testing.assert_array_equal(after_earlier(ids), expected)


@pytest.mark.parametrize("role", heads.ROLES)
def test_a_head_that_does_nothing_else_has_one(role: heads.Role) -> None:
    subject = model("gpt2", "causal-lm")
    ids = subject.encode(AGAIN).ids[0].numpy()
    keys = heads.ROLES[role](ids)
    with edited_attention(subject, looking(lambda query: np.flatnonzero(keys[query]))):
        np.testing.assert_allclose(role_scores(subject, [AGAIN], role), 1, atol=1e-6)
    with edited_attention(subject, looking(lambda query: [query])):
        assert (role_scores(subject, [AGAIN], role) == 0).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_scores_by_hand(family: str) -> None:
    kind = "causal-lm" if family in DECODERS else "classifier"
    subject = model(family, kind)
    weights = attention_weights(subject, AGAIN)
    n = weights.shape[-1]
    expected = np.mean([weights[:, :, i, i - 1] for i in range(1, n)], axis=0)
    np.testing.assert_allclose(role_scores(subject, [AGAIN], "previous_token"), expected)
    first = np.mean([weights[:, :, i, 0] for i in range(1, n)], axis=0)
    np.testing.assert_allclose(role_scores(subject, [AGAIN], "first_token"), first)
    ids = subject.encode(AGAIN).ids[0].tolist()
    again = [weights[:, :, i, [j for j in range(i) if ids[j] == ids[i]]].sum(-1) for i in range(n) if ids[i] in ids[:i]]
    np.testing.assert_allclose(role_scores(subject, [AGAIN], "duplicate_token"), np.mean(again, axis=0))


def test_queries_of_all_texts_count_alike() -> None:
    subject = model("gpt2", "causal-lm")
    short = "the cat the cat"
    n_short, n_long = (len(subject.encode(text).units) for text in (short, AGAIN))
    one, other, both = (role_scores(subject, texts, "previous_token") for texts in ([short], [AGAIN], [short, AGAIN]))
    np.testing.assert_allclose(both, (one * (n_short - 1) + other * (n_long - 1)) / (n_short + n_long - 2))


@pytest.mark.parametrize(("family", "kind"), [("gpt2", "causal-lm"), ("bert", "masked-lm")])
def test_position_alone(family: str, kind: Kind) -> None:
    subject = model(family, kind)
    texts = ["The cat sat on the mat", "The mat sat on the cat"]
    assert len({len(subject.encode(text).units) for text in texts}) == 1
    with edited_attention(subject, looking(lambda query: [query - 1] if query else [0])):
        np.testing.assert_allclose(positional_scores(subject, texts), 1, atol=1e-6)
    scores = positional_scores(subject, texts)
    found = np.stack([attention_weights(subject, text) for text in texts])
    distance = np.abs(found[0] - found[1]).sum(-1) / 4  # each is half as far from their mean
    rows = distance[..., 1:] if subject.architecture.decoder else distance
    np.testing.assert_allclose(scores, 1 - rows.mean(-1))
    assert (scores < 1).all()


def test_a_head_that_copies() -> None:
    """Two heads attend to the name: one writes the direction that raises its logit, the other its opposite."""
    subject = model_in(torch.float32, "gpt2", "causal-lm")
    text = "the cat sat and the"
    id = subject.resolve(" cat", text).id
    at = subject.encode(text).ids[0].tolist().index(id)
    out = subject.model.transformer.h[-1].attn.c_proj
    unembedding = subject.model.lm_head.weight[id].detach() / subject.model.transformer.ln_f.weight.detach()
    with torch.no_grad(), edited_attention(subject, looking(lambda query: [at])):
        _, cache = run_with_cache(subject, text, "v")
        for head, sign in ((0, 100), (1, -100)):
            value = cache["v", -1][at, head]
            out.weight.view(4, 4, 16)[head] = sign * torch.outer(value, unembedding) / value.pow(2).sum()
        scores = name_mover_scores(subject, [text], ["cat"])
    assert (scores[-1, 0], scores[-1, 1]) == (pytest.approx(1), 0)


def mover(subject: xai.TextModel, text: str, name: str) -> np.ndarray:
    """Head by head and place by place, through the model's own modules."""
    units, id = subject.encode(text).units, subject.resolve(name, text).id
    _, cache = run_with_cache(subject, text)
    base: Any = subject.model.base_model
    norm, scores = base.get_submodule(subject.architecture.final_norm), np.zeros((3, 4))
    for layer, block in enumerate(blocks_of(subject.model)):
        out, values = block.get_submodule(subject.architecture.attention_out), cache["v", layer]
        for head, (place, unit) in itertools.product(range(4), enumerate(units)):
            if unit.text != name:
                continue
            alone = torch.zeros(1, 4, values.shape[-1], dtype=values.dtype)
            alone[0, head] = values[place, head * values.shape[1] // 4]
            written = (out(alone.flatten(1)) - out(torch.zeros_like(alone).flatten(1)))[0]
            normed = written - written.mean() if isinstance(norm, torch.nn.LayerNorm) else written
            logits = subject.model.get_output_embeddings()(normed * norm.weight)
            if sorted(logits.tolist(), reverse=True).index(float(logits[id])) < heads.COPIED:
                scores[layer, head] += float(cache["pattern", layer][head, -1, place])
    return scores


@pytest.mark.parametrize("family", DECODERS)
def test_name_movers_by_a_loop(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    subject, text = model_in(torch.float64, family, "causal-lm"), "the cat sat and the cat sat on the mat"
    norm: Any = subject.model.base_model.get_submodule(subject.architecture.final_norm or "")
    torch.nn.init.normal_(norm.weight, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(heads, "COPIED", subject.config.vocab_size // 3)  # of five, random heads copy none
    some = []
    with torch.no_grad():
        for name in ("cat", "sat", "mat"):
            expected = mover(subject, text, name)
            np.testing.assert_allclose(name_mover_scores(subject, [text], [name]), expected, atol=1e-12)
            some.append(expected > 0)
    assert 0 < np.mean(some) < 1
    both = name_mover_scores(subject, [text, text], ["cat", "sat"])
    ones = [name_mover_scores(subject, [text], [name]) for name in ("cat", "sat")]
    np.testing.assert_allclose(both, np.mean(ones, axis=0), atol=1e-12)


@pytest.mark.parametrize("family", DECODERS)
def test_what_heads_write_is_what_attention_adds(family: str) -> None:
    subject = double(family, "causal-lm")
    _, cache = run_with_cache(subject, TEXT)
    for layer in range(3):
        written = torch.einsum("phd,hdw->pw", cache["z", layer], output_weights(subject, layer))
        out: Any = subject.model.base_model.get_submodule(subject.architecture.blocks)[layer].get_submodule(
            subject.architecture.attention_out
        )
        bias = 0 if out.bias is None else out.bias.detach()
        torch.testing.assert_close(written + bias, cache["attn_out", layer])


def test_heads_are_ablated_text_by_text() -> None:
    subject = double("gpt2", "causal-lm")
    texts, other = ["The cat sat on the mat", "The mat sat on the cat"], "A cat"
    found = head_ablation(subject, texts, [1, 2], replacement="zero")
    for row, text, target in zip(found, texts, [1, 2], strict=True):
        np.testing.assert_array_equal(row, ablation(subject, text, target, site="z").effect)
    mean = head_ablation(subject, texts, [1, 2])
    np.testing.assert_array_equal(
        mean[1], ablation(subject, texts[1], 2, site="z", replacement="mean", texts=texts).effect
    )
    elsewhere = head_ablation(subject, texts, [1, 2], reference=[other])
    np.testing.assert_array_equal(
        elsewhere[0], ablation(subject, texts[0], 1, site="z", replacement="mean", texts=[other]).effect
    )
    resampled = head_ablation(subject, texts, [1, 2], replacement="resample")
    np.testing.assert_array_equal(
        resampled[0], ablation(subject, texts[0], 1, site="z", replacement="resample", texts=texts).effect
    )
    assert found.shape == mean.shape == elsewhere.shape == (2, 3, 4)


def test_the_heads_of_the_induction_model_are_found() -> None:
    """Its card names them; here they are found again, on words drawn anew."""
    subject = xai.load("course-induction", device="cpu")
    words = [subject.tokenizer.decode([i]).strip() for i in range(subject.config.vocab_size)]
    words = [word for word in words if word.isalpha()]
    rng = np.random.default_rng(1)
    texts = [" ".join([*drawn, *drawn]) for drawn in (rng.choice(words, 20, replace=False) for _ in range(5))]
    previous, induction = (role_scores(subject, texts, role) for role in ("previous_token", "induction"))
    assert previous.argmax() == 2
    assert previous[0, 2] > 0.9
    assert (induction[1] > 0.8).all()
    assert (induction[0] < 0.1).all()


def test_bad_input_is_named() -> None:
    subject = model("gpt2", "causal-lm")
    with pytest.raises(OptionError, match="role='copy': choose one of 'previous_token'"):
        role_scores(subject, [AGAIN], "copy")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="induction: no token of these texts has one"):
        role_scores(subject, ["the cat"], "induction")
    for texts in ("one text", []):
        with pytest.raises(OptionError, match="a list of texts"):
            role_scores(subject, texts, "induction")
    with pytest.raises(OptionError, match="at least two"):
        positional_scores(subject, [TEXT])
    with pytest.raises(AlignmentError):
        positional_scores(subject, [TEXT, "the cat"])
    with pytest.raises(OptionError, match="no token of 'the cat sat'"):
        name_mover_scores(subject, ["the cat sat"], ["mat"])
    with pytest.raises(OptionError, match="2 texts and 1 names"):
        name_mover_scores(subject, ["the cat", "the mat"], ["mat"])
    with pytest.raises(UnknownTargetError):
        name_mover_scores(subject, ["the cat"], ["no such token"])
    with pytest.raises(NoHeadError):
        name_mover_scores(model("bert", "classifier"), ["the cat"], ["cat"])
    with pytest.raises(OptionError, match="1 texts and 2 targets"):
        head_ablation(subject, [TEXT], [1, 2])
    with pytest.raises(OptionError, match="takes no texts"):
        head_ablation(subject, [TEXT], [1], replacement="zero", reference=[TEXT])
    training = model_in(torch.float32, "gpt2", "causal-lm")
    training.model.train()
    with pytest.raises(OptionError, match="training mode"):
        role_scores(training, [AGAIN], "induction")
    with pytest.raises(AlignmentError):
        positional_scores(subject, ["a", "b"])
