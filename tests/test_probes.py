"""Probes, their controls, and erasure: theorems, planted properties, codes by hand, scikit-learn, TransformerLens."""

from __future__ import annotations

import functools
import json
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tiny import FAMILIES, TEXT, TEXTS, assert_leaves_untouched, model, model_in
from transformer_lens.tools.analysis.sparse_probing import fit_sparse_probe

import xai_helpers as xai
from training import probing
from xai_helpers import agreement, probes
from xai_helpers.circuits import run_with_cache
from xai_helpers.errors import (
    AlignmentError,
    MultiTokenTargetError,
    NotOneTextError,
    OptionError,
    UnknownTargetError,
    UnsupportedArchitectureError,
)
from xai_helpers.installation import data_folder
from xai_helpers.probes import Choices, Examples, States

KINDS = st.sampled_from(["linear", "mlp", "mass-mean"])


def of_words(labels: list[str], types: list[str] | None = None, groups: list[str] | None = None) -> Examples:
    """Examples of words "w0", "w1", ... in one text."""
    words = [f"w{i}" for i in range(len(labels))]
    text, ends = " ".join(words), np.cumsum([len(word) + 1 for word in words])
    spans = tuple((0, int(end) - 1 - len(word), int(end) - 1) for word, end in zip(words, ends, strict=True))
    return Examples((text,), spans, tuple(labels), tuple(types or ()), tuple(groups or ()))


def planted(values: np.ndarray, labels: list[str], **more: Any) -> States:
    """States of one level."""
    return States(np.asarray(values)[None], of_words(labels, **more), ("only",), "mlp_out", "random")


def drawn(seed: int, n: int, width: int, n_labels: int) -> tuple[np.ndarray, list[str]]:
    """Normal activations whose means differ by label, in correlated directions, and each label at least twice."""
    rng = np.random.default_rng(seed)
    which = np.concatenate([np.arange(n_labels), np.arange(n_labels), rng.integers(n_labels, size=n - 2 * n_labels)])
    means = rng.normal(size=(n_labels, width))
    values = (rng.normal(size=(n, width)) + means[which]) @ rng.normal(size=(width, width)) + rng.normal(size=width)
    return values, [f"label {i}" for i in which]


# LEACE.

SETTINGS = st.tuples(st.integers(0, 10**6), st.integers(20, 60), st.integers(1, 12), st.integers(2, 4))


@given(SETTINGS)
def test_leace_makes_class_means_equal_and_keeps_the_mean(setting: tuple[int, int, int, int]) -> None:
    values, labels = drawn(*setting)
    erased = probes.eraser(planted(values, labels), 0)(values)
    scale = np.abs(values).max()
    for label in set(labels):
        np.testing.assert_allclose(erased[np.array(labels) == label].mean(0), values.mean(0), atol=1e-8 * scale)


@given(SETTINGS)
def test_after_leace_no_linear_probe_beats_the_constant(setting: tuple[int, int, int, int]) -> None:
    """The least-squares fit of the labels is their mean, whatever linear combination of activations is tried."""
    values, labels = drawn(*setting)
    erased = probes.eraser(planted(values, labels), 0)(values)
    wanted = (np.array(labels)[:, None] == sorted(set(labels))).astype(float)
    offered = np.column_stack([np.ones(len(values)), erased / np.abs(values).max()])
    best, *_ = np.linalg.lstsq(offered, wanted, rcond=1e-7)
    np.testing.assert_allclose(offered @ best, np.tile(wanted.mean(0), (len(values), 1)), atol=1e-5)


@given(SETTINGS)
def test_leace_erases_once_and_for_all(setting: tuple[int, int, int, int]) -> None:
    values, labels = drawn(*setting)
    erase = probes.eraser(planted(values, labels), 0)
    once, scale = erase(values), np.abs(values).max()
    np.testing.assert_allclose(erase(once), once, atol=1e-7 * scale)
    assert erase.rank == min(len(set(labels)) - 1, values.shape[1])
    again = probes.eraser(planted(values, labels), 0)
    np.testing.assert_array_equal(again(values), once)
    tensor = erase(torch.from_numpy(values).float())
    assert tensor.dtype == torch.float32
    np.testing.assert_allclose(tensor, once, atol=1e-3 * scale)


@given(st.integers(0, 10**6))
def test_leace_moves_less_than_projecting_the_difference_of_means_away(seed: int) -> None:
    """Theorem 4.3: of the affine maps that erase, it has the least mean squared change."""
    values, labels = drawn(seed, 60, 6, 2)
    centred = values - values.mean(0)
    erase = probes.eraser(planted(values, labels), 0)
    gap = values[np.array(labels) == "label 0"].mean(0) - values[np.array(labels) == "label 1"].mean(0)
    projection = np.outer(gap, gap) / (gap @ gap)
    moved, projected = centred @ erase.removed.T, centred @ projection
    assert (moved**2).sum() <= (projected**2).sum() * (1 + 1e-9)
    assert np.abs(projected - moved).max() > 1e-6


def test_the_librarys_tolerance_leaves_weak_traces_and_its_shrinkage_moves_more() -> None:
    from concept_erasure import LeaceEraser

    def gap_and_move(values: np.ndarray, erased: Any, labels: list[str]) -> tuple[float, float]:
        moved, is_one = np.asarray(erased), np.array(labels) == "label 1"
        gap = moved[is_one].mean(0) - moved[~is_one].mean(0)
        return float(np.abs(gap).max()), float(((moved - values) ** 2).sum())

    for n, width in ((20_000, 3), (60, 12)):
        rng = np.random.default_rng(0)
        values, labels = drawn(0, n, width, 2)
        if n > 60:
            labels = rng.permutation(labels).tolist()
        told = torch.from_numpy((np.array(labels) == "label 1").astype(float))
        theirs = LeaceEraser.fit(torch.from_numpy(values), told)(torch.from_numpy(values))
        ours = probes.eraser(planted(values, labels), 0)(values)
        left, further = gap_and_move(values, theirs, labels)
        nothing, moved = gap_and_move(values, ours, labels)
        assert nothing < 1e-10
        assert left > 1e-3 if n > 60 else further > 1.001 * moved


# Probes of planted properties.


@pytest.mark.parametrize("kind", ["linear", "mlp", "mass-mean"])
def test_a_planted_property_is_found_and_noise_is_not(kind: Any) -> None:
    rng = np.random.default_rng(0)
    labels = [("even", "odd")[i % 2] for i in range(400)]
    noise = rng.normal(size=(400, 20))
    there = noise.copy()
    there[:, 3] += np.where(np.array(labels) == "odd", 8.0, -8.0)
    found = probes.fit(planted(there, labels), 0, kind)
    assert (found.accuracy, found.low, found.high) == (1, 1, 1)
    assert found.predict(there[found.test]) == found.predicted == tuple(np.array(labels)[found.test])
    lost = probes.fit(planted(noise, labels), 0, kind)
    assert lost.low <= lost.majority <= lost.high
    assert lost.majority == pytest.approx(0.5, abs=0.1)


def test_xor_is_found_by_an_mlp_alone() -> None:
    rng = np.random.default_rng(1)
    bits = rng.integers(2, size=(600, 2))
    values = np.column_stack([2 * bits - 1 + 0.1 * rng.normal(size=(600, 2)), rng.normal(size=(600, 3))])
    states = planted(values, ["same" if a == b else "different" for a, b in bits])
    assert probes.fit(states, 0, "mlp").accuracy > 0.97
    assert probes.fit(states, 0, "linear").accuracy < 0.65
    assert probes.description_length(states, 0, "mlp").compression > 2
    assert probes.description_length(states, 0, "linear").compression < 1.05


@settings(max_examples=10)
@given(st.integers(0, 1000), st.sampled_from(["type", "token"]))
def test_accuracy_is_scikit_learns(seed: int, by: Any) -> None:
    values, labels = drawn(seed, 80, 5, 3)
    states = planted(values.astype(np.float32), labels)
    test, known = probes.split(states.examples, by, seed), np.array(labels)
    theirs = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    theirs.fit(states.level(0)[~test].astype(float), known[~test])
    ours = probes.fit(states, 0, "linear", by, seed)
    np.testing.assert_array_equal(ours.test, test)
    assert ours.accuracy == theirs.score(states.level(0)[test].astype(float), known[test])


def test_transformer_lens_fits_the_same_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    """With all features, its sparse probe is the same logistic regression, whose penalty is on the mean loss."""
    rng = np.random.default_rng(2)
    values = rng.normal(size=(120, 6))
    is_one = values @ rng.normal(size=6) + rng.normal(size=120) > 0
    options: dict[str, Any] = {"k": 6, "preprocess": "standardize", "class_weight": None, "test_fraction": 0.25}
    theirs = fit_sparse_probe(torch.from_numpy(values), torch.from_numpy(is_one), l2_strength=1 / 90, **options)
    assert len(theirs.train_indices) == 90
    test = np.ones(120, bool)
    test[theirs.train_indices] = False
    monkeypatch.setattr(probes, "split", lambda *_: test)
    ours = probes.fit(planted(values, [str(x) for x in is_one]), 0)
    assert ours.accuracy == theirs.metrics.accuracy
    weights = np.zeros(6)
    weights[theirs.selected_features] = theirs.coefficients
    np.testing.assert_allclose(ours.classifier[-1].coef_[0], weights, atol=2e-3)


def test_the_interval_is_a_bootstrap_of_what_was_held_out() -> None:
    values, labels = drawn(5, 120, 3, 2)
    found = probes.fit(planted(values, labels), 0, by="token")
    right = np.array(found.predicted) == np.array(labels)[found.test]
    mean, low, high = agreement.bootstrap(right.astype(float))
    assert (found.accuracy, found.low, found.high) == pytest.approx((float(mean), float(low), float(high)))
    assert found.low < found.accuracy < found.high
    types = [f"type {i % 12}" for i in range(120)]
    few = probes.fit(planted(values, labels, types=types), 0)
    assert len({types[i] for i in np.flatnonzero(few.test)}) <= 6
    assert 0 <= few.low <= few.accuracy <= few.high <= 1


def test_bootstrapped_types_weigh_as_often_as_they_occur() -> None:
    """Of four types the one with nine examples is right: it is drawn three times or more in 5.1 % of the samples, four
    times in 0.4 %."""
    right, keys = np.array([1] * 9 + [0] * 3), np.array(["a"] * 9 + ["b", "c", "d"])
    assert probes._interval(right, keys, 0) == pytest.approx((0, 27 / 28))
    assert np.isnan(probes._interval(right[:9], keys[:9], 0)).all()


# Splits and control tasks.

WORDS = st.lists(
    st.tuples(st.sampled_from("abcdefghij"), st.sampled_from("xyz"), st.sampled_from("pq")), min_size=6, max_size=60
)


@given(WORDS, st.integers(0, 100), st.sampled_from(["type", "group"]), st.floats(0.05, 0.95))
def test_no_type_is_on_both_sides(words: list[tuple[str, str, str]], seed: int, by: Any, share: float) -> None:
    types, labels, groups = map(list, zip(*words, strict=True))
    subject = of_words(labels, types, groups)
    keys = np.array(types if by == "type" else groups)
    common = [np.unique(np.array(labels)[keys == key], return_counts=True) for key in sorted(set(keys))]
    of_label = [names[counts.argmax()] for names, counts in common]
    if len(set(of_label)) == len(of_label):
        with pytest.raises(OptionError, match="no label has two"):
            probes.split(subject, by, seed, share)
        return
    test = probes.split(subject, by, seed, share)
    assert test.any() and not test.all()
    assert not set(keys[test]) & set(keys[~test])
    np.testing.assert_array_equal(test, probes.split(subject, by, seed, share))


@given(st.integers(0, 100), st.floats(0.1, 0.9))
def test_each_label_is_on_both_sides_where_it_can_be(seed: int, share: float) -> None:
    types = [f"{label}{i}" for label in "abc" for i in range(4)] + ["alone"]
    labels = [*(kind[0] for kind in types[:-1]), "d"]
    test = probes.split(of_words(labels * 3, types * 3), "type", seed, share)
    assert set(np.array(labels * 3)[test]) == set("abc")
    assert set(np.array(labels * 3)[~test]) == set("abcd")
    by_token = probes.split(of_words(labels * 30, types * 30), "token", seed, share)
    assert by_token.mean() == pytest.approx(share, abs=0.05)


@settings(max_examples=10)
@given(st.integers(0, 10**6))
def test_control_labels_depend_on_the_type_and_keep_the_distribution(seed: int) -> None:
    rng = np.random.default_rng(0)
    types = [f"t{i}" for i in range(1500)] * 2
    labels = rng.choice(["a", "b", "c"], 3000, p=[0.6, 0.3, 0.1]).tolist()
    control = probes.control_labels(of_words(labels, types), seed)
    assert control[:1500] == control[1500:]
    for label in "abc":
        assert control.count(label) / 3000 == pytest.approx(labels.count(label) / 3000, abs=0.06)
    assert control != probes.control_labels(of_words(labels, types), seed + 1)


def test_a_probe_that_knows_words_only_is_not_selective() -> None:
    """One-hot words: the property and its control task are remembered alike, and neither goes over to new words."""
    types = [i % 40 for i in range(400)]
    labels = [("a", "b")[kind % 2] for kind in types]
    states = planted(np.eye(40)[types], labels, types=[str(kind) for kind in types])
    assert probes.selectivity(states, 0) == probes.Selectivity(1.0, 1.0)
    assert probes.selectivity(states, 0).selectivity == 0
    assert probes.fit(states, 0).accuracy <= 0.6
    told = np.array(labels)[:, None] == ["a", "b"]
    selective = probes.selectivity(planted(told, labels, types=[str(kind) for kind in types]), 0)
    assert selective.accuracy == 1 and selective.selectivity > 0.2


# Codes.


def test_an_online_code_by_hand() -> None:
    """Two examples: the first costs a bit; of the second, a probe that has seen one label expects 3/4 of that."""
    states = planted(np.zeros((2, 1)), ["a", "b"])
    code = probes.description_length(states, 0)
    assert code.uniform == 2
    assert code.bits == pytest.approx(1 - np.log2(1 / 4))
    assert code.compression == pytest.approx(2 / 3)


def test_an_online_code_of_three_blocks_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "BLOCKS", 2)
    values, labels = drawn(7, 40, 3, 2)
    order = np.random.default_rng(4).permutation(40)
    x, y = values[order], np.array(labels)[order]
    codes = []
    for penalty in (1, 100):
        theirs = make_pipeline(StandardScaler(), LogisticRegression(C=1 / penalty, max_iter=1000)).fit(x[:20], y[:20])
        given = theirs.predict_proba(x[20:]) * 20 / 21 + 1 / 21 / 2
        codes.append(np.prod(given[np.arange(20), (y[20:] == "label 1").astype(int)]))
    by_hand = 20 - np.log2(np.mean(codes))
    assert probes.description_length(planted(values, labels), 0, seed=4).bits == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_noise_is_not_compressed_and_a_planted_property_is(kind: Any) -> None:
    rng = np.random.default_rng(0)
    labels = rng.choice(["a", "b", "c", "d"], 400).tolist()
    noise = probes.description_length(planted(rng.normal(size=(400, 10)), labels), 0, kind)
    assert noise.uniform == 800
    assert noise.uniform - 2 < noise.bits < 1.1 * noise.uniform
    told = np.array([[x == y for y in "abcd"] for x in labels]) + 0.01 * rng.normal(size=(400, 4))
    assert probes.description_length(planted(told, labels), 0, kind).compression > 8


def test_labels_unknown_at_first_can_still_be_said() -> None:
    labels = ["a"] * 60 + ["b", "c", "d"]
    code = probes.description_length(planted(np.zeros((63, 2)), labels), 0)
    assert np.isfinite(code.bits) and code.compression > 2


# Transfer.


def test_transfer_tells_a_common_direction_from_each_groups_own() -> None:
    rng = np.random.default_rng(0)
    sign = rng.choice([-1, 1], 600)
    group = np.repeat([0, 1, 2], 200)
    labels, groups = np.where(sign > 0, "true", "false").tolist(), [f"g{i}" for i in group]
    noise = 0.3 * rng.normal(size=(600, 5))
    shared, own = noise.copy(), noise.copy()
    shared[:, 0] += sign
    own[np.arange(600), group] += sign
    for kind in ("mass-mean", "linear"):
        common = probes.transfer(planted(shared, labels, groups=groups), 0, kind)  # type: ignore[arg-type]
        assert common.matrix.min() > 0.97 and common.leave_one_out.min() > 0.97
        apart = probes.transfer(planted(own, labels, groups=groups), 0, kind)  # type: ignore[arg-type]
        assert np.diag(apart.matrix).min() > 0.95
        assert apart.matrix[~np.eye(3, dtype=bool)].max() < 0.7
        assert apart.leave_one_out.max() < 0.7
    np.testing.assert_allclose(
        common.majority, [max(np.mean(sign[group == i] == s) for s in (-1, 1)) for i in range(3)]
    )
    picture = common.plot()
    assert "from one to another" in picture.alt and "all others" in str(common)


def test_mass_mean_is_the_difference_of_means() -> None:
    values, labels = drawn(11, 60, 4, 2)
    found = probes.fit(planted(values, labels), 0, "mass-mean")
    known = np.array(labels)
    means = [values[~found.test & (known == label)].mean(0) for label in ("label 0", "label 1")]
    direction, middle = means[1] - means[0], (means[0] + means[1]) / 2
    by_hand = np.where((values - middle) @ direction > 0, "label 1", "label 0")
    assert found.predict(values) == tuple(by_hand)


# States.


@pytest.mark.parametrize("family", FAMILIES)
def test_states_are_the_activations_at_the_words_last_tokens(family: str) -> None:
    subject = model(family, "causal-lm" if family not in ("bert", "roberta", "distilbert") else "classifier")
    texts = (TEXT, TEXTS[3], "The satmat was.", "The mat sat on the cat because it was very tired.")
    spans = ((0, 4, 7), (1, 27, 30), (1, 31, 39), (2, 4, 10), (3, 4, 7), (0, 19, 22))
    states = probes.states(subject, Examples(texts, spans, ("x",) * 6))
    assert states.values.shape == (4, 6, 16) and states.values.dtype == np.float32
    assert states.levels == ("embeddings", "after 0", "after 1", "after 2")
    heads = probes.states(subject, Examples(texts, spans, ("x",) * 6), "z")
    assert heads.values.shape == (3, 6, 16) and heads.levels == ("layer 0", "layer 1", "layer 2")
    for i, (text, start, end) in enumerate(spans):
        units = subject.encode(texts[text]).units
        token = max(k for k, unit in enumerate(units) if start < unit.end <= end and not unit.special)
        assert units[token].end == end
        _, cache = run_with_cache(subject, texts[text])
        streams = [cache["resid_pre", 0], *(cache["resid_post", layer] for layer in range(3))]
        np.testing.assert_allclose(states.values[:, i], [s[token].numpy() for s in streams], atol=1e-5)
        outputs = [cache["z", layer][token].flatten().numpy() for layer in range(3)]
        np.testing.assert_allclose(heads.values[:, i], outputs, atol=1e-5)


def test_levels_are_counted_from_both_ends() -> None:
    states = probes.states(model("gpt2", "causal-lm"), Examples((TEXT,), ((0, 4, 7), (0, 8, 11)), ("a", "b")))
    np.testing.assert_array_equal(states.level(-1), states.values[3])
    assert "4 x 2 x 16" in repr(states)
    with pytest.raises(OptionError, match="level=4"):
        states.level(4)


def test_a_word_without_a_token_is_named() -> None:
    subject = model("bert", "classifier")
    with pytest.raises(AlignmentError, match="no token for ' '"):
        probes.states(subject, Examples((TEXT,), ((0, 3, 4),), ("x",)))
    with pytest.raises(AlignmentError, match="'ca' ends within the token 'cat'"):
        probes.states(subject, Examples((TEXT,), ((0, 4, 6),), ("x",)))


# A model's curve, and amnesia.


@functools.cache
def course() -> xai.TextModel:
    return xai.load("course-gpt2")


@functools.cache
def tense() -> States:
    return probes.states(course(), probes.examples("tense", 240))


def test_tense_is_found_once_attention_has_brought_it() -> None:
    curve = probes.by_layer(tense())
    accuracies = [level.probe.accuracy for level in curve.levels]
    assert accuracies[0] < 0.6 and accuracies[-1] > 0.9
    last = curve.levels[-1]
    assert last.selectivity and last.selectivity.selectivity > 0.3
    assert last.code and last.control_code and last.code.compression > 5 > 1.5 > last.control_code.compression
    assert last.probe.embeddings == accuracies[0] == curve.levels[0].probe.embeddings
    assert probes.fit(tense(), -1).embeddings == accuracies[0] == probes.fit(tense(), 0).embeddings
    picture = curve.plot()
    assert picture.alt.startswith("Line chart. course-gpt2 · resid_post · tense · linear probe: accuracy at 5 levels")
    assert str(curve) == str(picture.table)
    assert len(str(curve).splitlines()) == 7
    assert "control task" in picture.alt


def test_what_has_no_control_task_has_none_in_the_curve() -> None:
    values, labels = drawn(0, 40, 3, 2)
    curve = probes.by_layer(planted(values, labels), "mass-mean")
    assert curve.levels[0].selectivity is curve.levels[0].code is curve.levels[0].control_code is None
    assert "control task" not in curve.plot().alt
    assert np.isnan(curve.levels[0].probe.embeddings)


def test_the_verbs_tense_needs_what_is_erased_and_ink_is_not_needed() -> None:
    choices = probes.tense_choices(60)
    level = course().n_layers
    without = probes.amnesic(course(), choices, tense(), level, positions="last", draws=2)
    assert without.before.accuracy > 0.95 and without.before.log_odds > 2
    assert without.erased.accuracy < 0.7 and without.erased.log_odds < 1
    assert without.control.accuracy > 0.95
    assert (without.rank, without.concept, without.level, len(without.controls)) == (2, "tense", "after 3", 2)
    ink = probes.states(course(), probes.examples("ink", 300))
    same = probes.amnesic(course(), choices, ink, level, positions="last", draws=2)
    assert same.rank == 1
    assert same.erased.accuracy == pytest.approx(same.before.accuracy, abs=0.04)
    assert same.before == without.before


@pytest.mark.parametrize("positions", ["all", "last"])
@pytest.mark.parametrize("level", [0, 2, 3])
def test_amnesia_by_hand(positions: Any, level: int) -> None:
    """At the last level nothing is computed but the unembedding; below it, the stream is run on by the blocks."""
    subject = model_in(torch.float64, "gpt2", "causal-lm")
    texts = (TEXT, TEXT[:30], TEXTS[0])
    states = probes.states(subject, Examples(texts, tuple((i, 0, 3) for i in (0, 1, 2, 0)), ("a", "b", "a", "b")))
    states.values[level] += np.random.default_rng(0).normal(size=states.values[level].shape)
    erase = probes.eraser(states, level)
    options = ((" the", " sat"), (" mat",), (" very",))
    choices = Choices(texts, (options,) * 3, (0, 1, 2))
    found = probes.amnesic(subject, choices, states, level, positions=positions, draws=1)
    network: Any = subject.model.base_model
    odds = []
    for text, right in zip(texts, choices.right, strict=True):
        stream = subject.residual_stream(text)[level].clone()
        chosen = slice(None) if positions == "all" else slice(-1, None)
        stream[chosen] = erase(stream[chosen])
        n = len(stream)
        mask = torch.full((n, n), torch.finfo(torch.float64).min, dtype=torch.float64).triu(1)[None, None]
        with torch.no_grad():
            for block in network.h[level:]:
                out = block(stream[None], attention_mask=mask)
                stream = (out[0] if isinstance(out, tuple) else out).reshape(n, -1)
            likely = subject.unembed(stream)[-1].softmax(-1)
        mass = [sum(float(likely[subject.resolve(word, text).id]) for word in option) for option in options]
        odds.append(np.log(mass[right] / (sum(mass) - mass[right])))
    assert found.erased.log_odds == pytest.approx(np.mean(odds), abs=1e-9)
    assert found.erased != found.before


def test_the_model_is_as_it_was() -> None:
    def run(subject: xai.TextModel, text: str, target: Any) -> None:
        states = probes.states(subject, Examples((text,), ((0, 0, 3), (0, 4, 7), (0, 8, 11)), ("a", "b", "a")))
        options = ((" the" if target is None else " Constantinople",), (" sat",))
        probes.amnesic(subject, Choices((text,), (options,), (0,)), states, 2, draws=1)

    assert_leaves_untouched(model_in(torch.float32, "gpt2", "causal-lm"), run, backward=False)


# The corpus.


@pytest.mark.parametrize("property", probes.PROPERTIES)
def test_examples_are_words_with_their_labels(property: probes.Property) -> None:
    found = probes.examples(property, 200)
    assert len(found) == 200 and found == probes.examples(property, 200)
    assert len(set(found.labels)) >= 2
    assert found.property in repr(found)
    for (text, start, end), kind in zip(found.spans, found.types, strict=True):
        word = found.texts[text][start:end]
        assert word.strip() == word and word
        if property not in ("truth", "sentiment"):
            assert kind == word.lower()
    assert found != probes.examples(property, 200, seed=1)


def test_the_labels_are_those_of_the_grammar() -> None:
    known = {
        text[start:end]: label
        for found in [probes.examples("part of speech", 3000)]
        for (i, start, end), label in zip(found.spans, found.labels, strict=True)
        for text in [found.texts[i]]
    }
    wanted = {"ink": "NOUN", "the": "DET", "and": "CCONJ", ".": "PUNCT", "quickly": "ADV", "walked": "VERB"}
    assert {word: known[word] for word in wanted} == wanted
    inks = probes.examples("ink", 100)
    for (i, *_), label in zip(inks.spans, inks.labels, strict=True):
        assert inks.texts[i].lower().startswith(label)
    tenses = probes.examples("tense", 900)
    times = dict(zip(tenses.groups, tenses.labels, strict=True))
    assert times == {
        **dict.fromkeys(("Yesterday", "Last week", "Last night"), "past"),
        **dict.fromkeys(("Tomorrow", "Next week", "Next year"), "future"),
        **dict.fromkeys(("Every day", "Every week", "Every year"), "present"),
    }
    truths = probes.examples("truth")
    for relation in set(truths.groups):
        labels = [label for label, group in zip(truths.labels, truths.groups, strict=True) if group == relation]
        assert labels.count("true") == labels.count("false") == 90
    assert all(text[end - 1] == "." for (i, _, end) in truths.spans for text in [truths.texts[i]])


def test_what_stands_before_a_person_stands_before_a_place() -> None:
    found = probes.examples("person or place")
    before = {
        kind: sorted(group for group, label in zip(found.groups, found.labels, strict=True) if label == kind)
        for kind in ("person", "place")
    }
    assert before["person"] == before["place"]


def test_the_corpus_is_what_training_writes(tmp_path: Any) -> None:
    probing.write_probing(tmp_path)
    written = (tmp_path / "probing.jsonl").read_bytes()
    assert written == (data_folder() / "corpora" / "probing.jsonl").read_bytes()
    assert len(written) < 1.5e6
    lines = [json.loads(line) for line in written.decode().splitlines()]
    card = (data_folder() / "corpora" / "README.md").read_text(encoding="utf-8")
    assert f"| `probing.jsonl` | {len(lines):,} |" in card
    for kind in ("tagged", "truth", "subject"):
        assert f"`{kind}` ({sum(line['kind'] == kind for line in lines):,})" in card


def test_every_word_of_a_text_has_the_texts_label() -> None:
    given = Examples(("Red ink. It ran.", "Blue ink."), ((0, 9, 11), (1, 0, 4)), ("red", "blue"), groups=("g", "h"))
    spread = probes.at_every_word(given)
    assert [spread.texts[i][a:b] for i, a, b in spread.spans] == ["Red", "ink", ".", "It", "Blue"]
    assert spread.labels == ("red",) * 4 + ("blue",) and spread.groups == ("g",) * 4 + ("h",)
    assert spread.types == ("red", "ink", ".", "it", "blue")
    with pytest.raises(OptionError, match="several probed words"):
        probes.at_every_word(Examples(("Red ink.",), ((0, 0, 3), (0, 4, 7)), ("a", "b")))


def test_choices_of_tense() -> None:
    choices = probes.tense_choices(50, seed=3)
    assert len(choices.texts) == 50
    for text, options, right in zip(choices.texts, choices.options, choices.right, strict=True):
        assert options[2] == ("will",) and not set(options[0]) & set(options[1])
        time = text.split(". ")[1].split()[0]
        assert time in (("Yesterday", "Last"), ("Every",), ("Tomorrow", "Next"))[right]


# What is refused.


def test_bad_input_is_named() -> None:
    subject, good = model("gpt2", "causal-lm"), Examples((TEXT,), ((0, 4, 7), (0, 8, 11)), ("a", "b"))
    for fails, message in (
        (lambda: Examples((TEXT,), ((1, 4, 7),), ("a",)), "span's text"),
        (lambda: Examples((TEXT,), ((0, 7, 7),), ("a",)), "span's end"),
        (lambda: Examples((TEXT,), ((0, 4, 7),), ("a", "b")), "2 labels for 1 spans"),
        (lambda: probes.examples("colour"), "choose one of 'part of speech'"),  # type: ignore[arg-type]
        (lambda: probes.states(subject, good, "pattern"), "site='pattern'"),
        (lambda: probes.states(subject, [TEXT]), "give Examples"),  # type: ignore[arg-type]
        (lambda: probes.states(subject, Examples((TEXT,), (), ())), "at least one word"),
        (lambda: probes.split(good, "word"), "by='word'"),  # type: ignore[arg-type]
        (lambda: probes.split(good, "type", held_out=1.0), "between 0 and 1"),
        (lambda: probes.split(good), "no label has two"),
        (lambda: Choices((TEXT,), (((" a",),),), (0,)), "two groups"),
        (lambda: Choices((TEXT,), (), ()), "for each text"),
        (lambda: probes.tense_choices(10**6), "most="),
    ):
        with pytest.raises(OptionError, match=message):
            fails()
    values, labels = drawn(0, 40, 3, 2)
    states = planted(values, labels)
    for fails, message in (
        (lambda: probes.fit(states, 0, "tree"), "kind='tree'"),  # type: ignore[arg-type]
        (lambda: probes.fit(states, 1), "level=1"),
        (lambda: probes.fit(states, 0, labels=["a"] * 40), "probe needs two"),
        (lambda: probes.fit(states, 0, labels=["a"]), "1 labels for 40"),
        (lambda: probes.fit(planted(values * np.nan, labels), 0), "NaN"),
        (lambda: probes.eraser(states, 0, ["a"] * 40), "nothing to erase"),
        (lambda: probes.eraser(states, 0, ["a"]), "1 labels for 40"),
        (lambda: probes.selectivity(states, 0), "a type of its own"),
        (lambda: probes.control_labels(states.examples), "a type of its own"),
        (lambda: probes.description_length(states, 0, "mass-mean"), "no probabilities"),
        (lambda: probes.description_length(states, 0, labels=["a"] * 40), "two labels"),
        (lambda: probes.transfer(states, 0), "needs two"),
    ):
        with pytest.raises(OptionError, match=message):
            fails()


def test_bad_amnesia_is_named() -> None:
    subject = model("gpt2", "causal-lm")
    states = probes.states(subject, Examples((TEXT,), ((0, 0, 3), (0, 4, 7), (0, 8, 11)), ("a", "b", "a")))
    choices = Choices((TEXT,), (((" the",), (" sat",)),), (0,))
    with pytest.raises(OptionError, match="positions='some'"):
        probes.amnesic(subject, choices, states, 0, positions="some")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="states of tiny-gpt2"):
        probes.amnesic(model("llama", "causal-lm"), choices, states, 0)
    with pytest.raises((MultiTokenTargetError, UnknownTargetError)):
        probes.amnesic(subject, Choices((TEXT,), (((" Constantinople",), (" sat",)),), (0,)), states, 0)
    with pytest.raises(UnsupportedArchitectureError):
        probes.states("gpt2", states.examples)  # type: ignore[arg-type]
    with pytest.raises(NotOneTextError):
        probes.states(subject, Examples(("\ud800 word",), ((0, 2, 6),), ("a",)))


@given(KINDS)
@settings(max_examples=3)
def test_nothing_is_warned_of(kind: Any) -> None:
    values, labels = drawn(0, 60, 40, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        probes.fit(planted(values * 1e3, labels), 0, kind)
