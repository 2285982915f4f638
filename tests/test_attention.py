"""Attention, rollout and flow: theorems on random matrices and random models, then cases worked by hand."""

from __future__ import annotations

import functools
import itertools
import math

import networkx
import numpy as np
import pytest
import tiny
import torch
from hypothesis import given
from hypothesis import strategies as st

import xai_helpers as xai
from xai_helpers import attention, errors, laws

EXACT = 1e-12  # float64 sums of a few dozen numbers below 1
SENTENCE = "The cat sat on the mat because it was very tired."
fusions = st.sampled_from(("mean", "max", "min"))


@st.composite
def attentions(draw: st.DrawFn, max_n: int = 6) -> np.ndarray:
    """Random row-stochastic weights (layers, heads, n, n), some of them exactly 0, causal or not."""
    layers, heads, n = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, max_n))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weights = rng.exponential(size=(layers, heads, n, n)) * (rng.random((layers, heads, n, n)) < 0.7)
    weights += 1e-3 * np.eye(n)  # no row is empty
    if draw(st.booleans()):
        weights = np.tril(weights)
    return weights / weights.sum(-1, keepdims=True)


@st.composite
def mixes(draw: st.DrawFn, max_n: int = 6) -> np.ndarray:
    return attention.mix(
        draw(attentions(max_n)),
        fuse=draw(fusions),
        discard=draw(st.floats(0, 0.99)),
        residual=draw(st.floats(0, 1)),
    )


# --- models ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_weights_are_the_models_own_and_rows_sum_to_one(family: str, kind: str) -> None:
    model = tiny.model(family, kind)  # type: ignore[arg-type]
    weights = attention.attention_weights(model, SENTENCE)
    encoded = model.encode(SENTENCE)
    assert weights.shape == (3, 4, len(encoded.units), len(encoded.units))
    assert laws.row_sums(weights) < 1e-6  # the model's softmax works in float32
    with torch.no_grad():
        own = model.model(input_ids=encoded.ids, attention_mask=encoded.mask, output_attentions=True).attentions
    assert np.array_equal(weights[1], own[1][0].double().numpy())


@pytest.mark.parametrize(("family", "kind"), [pair for pair in tiny.KINDS if pair[0] in tiny.DECODERS])
def test_causal_models_never_look_ahead(family: str, kind: str) -> None:
    model = tiny.model(family, kind)  # type: ignore[arg-type]
    assert laws.no_look_ahead(attention.attention_weights(model, SENTENCE)) == 0
    assert laws.no_look_ahead(xai.attention_rollout(model, SENTENCE).require_matrix()) == 0


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_every_method_reads_the_row_of_the_prediction(family: str, kind: str) -> None:
    model = tiny.model(family, kind)  # type: ignore[arg-type]
    n = len(model.encode(SENTENCE).units)
    position = n - 1 if family in tiny.DECODERS else 0
    for method in (xai.raw_attention, xai.attention_rollout):
        a = method(model, SENTENCE)
        assert a.position == position
        assert np.array_equal(a.scores, a.require_matrix()[position])
        assert abs(a.gap or 0) < 1e-6
    flow = xai.attention_flow(model, SENTENCE)
    rollout = xai.attention_rollout(model, SENTENCE)
    assert (flow.scores >= rollout.scores - 3 * n * n / attention.FLOW_UNITS).all()
    assert flow.total is None and flow.matrix is None


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_rollout_rows_sum_to_one_in_any_precision(dtype: torch.dtype) -> None:
    model = xai.wrap(tiny.hugging_face_model("gpt2", "causal-lm").to(dtype), tiny.tokenizer("gpt2"))
    assert laws.row_sums(xai.attention_rollout(model, SENTENCE).require_matrix()) < EXACT


def test_raw_attention_is_one_head_or_the_mean_of_a_layer() -> None:
    model = tiny.model("bert", "classifier")
    weights = attention.attention_weights(model, SENTENCE)
    assert np.array_equal(xai.raw_attention(model, SENTENCE, layer=1, head=2).require_matrix(), weights[1, 2])
    assert np.array_equal(xai.raw_attention(model, SENTENCE, layer=-1).require_matrix(), weights[2].mean(0))
    assert xai.raw_attention(model, SENTENCE, layer=-1, head=-1).options == {"layer": 2, "head": 3}


def test_any_range_of_layers_is_the_product_of_their_mixes() -> None:
    model = tiny.model("llama", "causal-lm")
    mixed = attention.mix(attention.attention_weights(model, SENTENCE))
    for layers in ([0], [2], [0, 1], [1, 2], [0, 1, 2], [0, 2]):
        expected = functools.reduce(lambda lower, layer: layer @ lower, mixed[layers])
        assert np.array_equal(xai.attention_rollout(model, SENTENCE, layers=layers).require_matrix(), expected)


def test_bad_options_are_named() -> None:
    model = tiny.model("gpt2", "causal-lm")
    with pytest.raises(errors.LayerRangeError, match="0 to 2"):
        xai.raw_attention(model, SENTENCE, layer=3)
    with pytest.raises(errors.HeadRangeError, match="0 to 3"):
        xai.raw_attention(model, SENTENCE, head=-5)
    with pytest.raises(errors.LayerRangeError, match="True"):
        xai.raw_attention(model, SENTENCE, layer=True)
    with pytest.raises(errors.LayerRangeError):
        xai.attention_rollout(model, SENTENCE, layers=[0, 7])
    for layers in ([], [1, 0], [1, 1]):
        with pytest.raises(errors.OptionError, match="increasing"):
            xai.attention_rollout(model, SENTENCE, layers=layers)
    with pytest.raises(errors.OptionError, match="fuse"):
        xai.attention_rollout(model, SENTENCE, fuse="sum")  # type: ignore[arg-type]
    for discard in (-0.1, 1.0, math.nan, "a", None):
        with pytest.raises(errors.OptionError, match="discard"):
            xai.attention_rollout(model, SENTENCE, discard=discard)  # type: ignore[arg-type]
    for residual in (-0.1, 1.1, math.nan, "a", None):
        with pytest.raises(errors.OptionError, match="residual"):
            xai.attention_flow(model, SENTENCE, residual=residual)  # type: ignore[arg-type]
    for method in (xai.raw_attention, xai.attention_rollout, xai.attention_flow):
        with pytest.raises(errors.TargetNotUsedError, match="leave target out"):
            method(model, SENTENCE, "Paris")  # type: ignore[arg-type]


# --- rollout --------------------------------------------------------------------------------------------------------


@given(weights=attentions(), fuse=fusions, discard=st.floats(0, 0.999), residual=st.floats(0, 1))
def test_mix_and_rollout_rows_sum_to_one_and_no_row_is_empty(
    weights: np.ndarray, fuse: attention.Fusion, discard: float, residual: float
) -> None:
    mixed = attention.mix(weights, fuse=fuse, discard=discard, residual=residual)
    assert laws.row_sums(mixed) < EXACT
    assert laws.row_sums(attention.rollout(mixed)) < EXACT
    assert (mixed >= 0).all()


@given(mixed=mixes(max_n=4))
def test_rollout_sums_over_all_paths(mixed: np.ndarray) -> None:
    layers, n, _ = mixed.shape
    paths = np.zeros((n, n))
    for path in itertools.product(range(n), repeat=layers + 1):  # path[l] is the position below layer l
        paths[path[-1], path[0]] += math.prod(mixed[layer, path[layer + 1], path[layer]] for layer in range(layers))
    assert np.allclose(attention.rollout(mixed), paths, rtol=0, atol=EXACT)


@given(mixed=mixes())
def test_rollout_of_one_layer_is_that_layers_mix(mixed: np.ndarray) -> None:
    assert np.array_equal(attention.rollout(mixed[:1]), mixed[0])


@given(weights=attentions(), fuse=fusions, discard=st.floats(0, 0.99), seed=st.integers(0, 99))
def test_relabelling_positions_relabels_the_rollout(
    weights: np.ndarray, fuse: attention.Fusion, discard: float, seed: int
) -> None:
    order = np.random.default_rng(seed).permutation(weights.shape[-1])

    def method(w: np.ndarray) -> np.ndarray:
        return attention.rollout(attention.mix(w, fuse=fuse, discard=discard))

    assert laws.relabelling(method, weights, order) < 1e-9  # a sum in another order can move a weight over a threshold


def test_the_two_hops_of_the_seed() -> None:
    """Position 10 attends to 7 in the second layer, 7 attended to 5 in the first: 10 reaches 5."""
    first, second = np.eye(11), np.eye(11)
    first[7], second[10] = np.eye(11)[5], np.eye(11)[7]
    mixed = attention.mix(np.stack([first, second])[:, None], residual=0.5)
    row = attention.rollout(mixed)[10]
    # half stays at 10, half goes to 7; of that half one half stays at 7 and one half goes on to 5
    assert row[10] == 0.5 and row[7] == 0.25 and row[5] == 0.25 and row.sum() == 1
    assert second[10, 5] == 0  # raw attention, in either layer, doesn't show it
    assert attention.maximum_flows(mixed, 10)[5] == 0.5


def test_residual_one_stays_and_residual_zero_only_attends() -> None:
    weights = np.array([[[[1.0, 0.0], [0.25, 0.75]]]])
    assert np.array_equal(attention.mix(weights, residual=1)[0], np.eye(2))
    assert np.array_equal(attention.mix(weights, residual=0)[0], weights[0, 0])


def test_fusion_by_hand() -> None:
    heads = np.array([[[1.0, 0.0], [0.2, 0.8]], [[1.0, 0.0], [0.6, 0.4]]])
    assert np.allclose(attention.fuse_heads(heads, "mean")[1], [0.4, 0.6])
    assert np.allclose(attention.mix(heads[None], fuse="max", residual=0)[0, 1], [0.6 / 1.4, 0.8 / 1.4])
    assert np.allclose(attention.mix(heads[None], fuse="min", residual=0)[0, 1], [0.2 / 0.6, 0.4 / 0.6])


def test_heads_that_share_no_token_leave_attention_to_itself() -> None:
    heads = np.array([[[1.0, 0.0, 0.0]] * 3, [[0.0, 1.0, 0.0]] * 3])
    assert np.array_equal(attention.mix(heads[None], fuse="min", residual=0)[0], np.eye(3))


# --- discarding -----------------------------------------------------------------------------------------------------


@given(weights=attentions(), discard=st.floats(0, 0.999))
def test_discard_drops_at_most_its_share_and_only_the_weakest(weights: np.ndarray, discard: float) -> None:
    kept = attention.discard_weakest(weights, discard)
    for row, left in zip(weights.reshape(-1, weights.shape[-1]), kept.reshape(-1, weights.shape[-1]), strict=True):
        positive = row[row > 0]
        dropped = row[(row > 0) & (left == 0)]
        assert len(dropped) <= math.floor(discard * len(positive))
        assert left.max() == row.max()  # never empty
        assert np.array_equal(left[left > 0], row[left > 0])
        if len(dropped):
            assert dropped.max() < left[left > 0].min()


def test_discard_by_hand() -> None:
    row = np.array([[0.4, 0.1, 0.3, 0.2, 0.0]])
    assert np.array_equal(attention.discard_weakest(row, 0.5), [[0.4, 0, 0.3, 0, 0]])
    assert np.array_equal(attention.discard_weakest(row, 0.49), [[0.4, 0, 0.3, 0.2, 0]])
    ties = np.array([[0.25, 0.25, 0.25, 0.25]])
    assert np.array_equal(attention.discard_weakest(ties, 0.5), ties)


def test_the_published_threshold_empties_a_row_and_ours_does_not() -> None:
    """A quantile over the whole matrix: every weight of the even row lies below it."""
    fused = np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0.25, 0.25, 0.25, 0.25]])
    published = fused * (fused >= np.quantile(fused, 0.9))
    assert published[3].sum() == 0
    assert laws.row_sums(attention.normalise_rows(attention.discard_weakest(fused, 0.9))) == 0


# --- flow -----------------------------------------------------------------------------------------------------------


def networkx_flow(mixed: np.ndarray, position: int, sink: int) -> int:
    layers, n, _ = mixed.shape
    graph = networkx.DiGraph()
    graph.add_nodes_from(range((layers + 1) * n))
    capacities = attention.flow_capacities(mixed).tocoo()
    for above, below, capacity in zip(capacities.row, capacities.col, capacities.data, strict=True):
        graph.add_edge(int(above), int(below), capacity=int(capacity))
    return networkx.maximum_flow_value(graph, layers * n + position, sink)


@given(mixed=mixes(max_n=4))
def test_flow_equals_networkx_on_the_same_capacities(mixed: np.ndarray) -> None:
    n = mixed.shape[-1]
    for position in range(n):
        flows = attention.maximum_flows(mixed, position) * attention.FLOW_UNITS
        assert flows.round().tolist() == [networkx_flow(mixed, position, sink) for sink in range(n)]


@given(mixed=mixes(max_n=4), seed=st.integers(0, 99))
def test_flow_is_bounded_by_every_cut_and_at_least_the_rollout(mixed: np.ndarray, seed: int) -> None:
    layers, n, _ = mixed.shape
    capacities = attention.flow_capacities(mixed).toarray() / attention.FLOW_UNITS
    edges = np.count_nonzero(capacities)
    rng = np.random.default_rng(seed)
    position = int(rng.integers(n))
    flows = attention.maximum_flows(mixed, position)
    assert (flows >= attention.rollout(mixed)[position] - edges / attention.FLOW_UNITS).all()
    for sink in range(n):
        for _ in range(10):
            above = rng.random(len(capacities)) < 0.5  # any split of the nodes with the top above and the sink below
            above[layers * n + position], above[sink] = True, False
            assert flows[sink] <= capacities[above][:, ~above].sum() + EXACT


@given(mixed=mixes())
def test_flow_of_one_layer_is_that_layers_mix(mixed: np.ndarray) -> None:
    for position in range(mixed.shape[-1]):
        assert (
            np.abs(attention.maximum_flows(mixed[:1], position) - mixed[0, position]).max() < 1 / attention.FLOW_UNITS
        )


# --- patterns -------------------------------------------------------------------------------------------------------


def pattern_of(weights: np.ndarray, ids: list[int] | None = None, causal: bool = True) -> str:
    return attention.head_pattern(weights, ids or list(range(len(weights))), causal=causal).pattern


@pytest.mark.parametrize("n", [4, 7, 40])
def test_pure_patterns_are_named_at_any_length(n: int) -> None:
    even = np.tri(n) / np.tri(n).sum(-1, keepdims=True)
    assert pattern_of(np.eye(n)) == "self"
    assert pattern_of(np.vstack([np.eye(n)[0], np.eye(n)[:-1]])) == "previous token"
    assert pattern_of(np.eye(n)[np.zeros(n, dtype=int)]) == "first token"
    assert pattern_of(even) == "uniform"
    assert pattern_of(np.full((n, n), 1 / n), causal=False) == "uniform"
    assert pattern_of(0.4 * np.eye(n) + 0.2 * even + 0.4 * np.eye(n)[np.zeros(n, dtype=int)]) == "mixed"


def test_induction_looks_at_what_followed_last_time() -> None:
    ids = [5, 6, 7, 5, 6, 7]
    weights = np.eye(6)[[0, 0, 0, 1, 2, 3]]  # 5 -> the 6 after the first 5, and so on
    assert attention.induction_share(weights, ids, causal=True) == 1
    assert pattern_of(weights, ids) == "induction"
    assert pattern_of(weights, [1, 2, 3, 4, 5, 6]) == "mixed"  # the same weights, and nothing repeats


def test_induction_share_by_hand() -> None:
    weights = np.zeros((5, 5))
    weights[3] = [0.1, 0.6, 0.2, 0.1, 0]  # token 3 repeats token 0; token 1 came after it
    weights[4] = [0, 0, 0.25, 0.5, 0.25]  # token 4 repeats token 1; token 2 came after it
    expected = ((0.6 - 1 / 4) / (3 / 4) + (0.25 - 1 / 5) / (4 / 5)) / 2  # corrected for four and five visible tokens
    assert attention.induction_share(weights, [8, 9, 4, 8, 9], causal=True) == pytest.approx(expected)
    assert attention.induction_share(weights, [1, 2, 3, 4, 5], causal=True) is None


def test_a_previous_token_head_is_no_induction_head() -> None:
    """In "1 + 1" what followed the first 1 is the token before the second."""
    n = 5
    even = np.tri(n) / np.tri(n).sum(-1, keepdims=True)
    head = 0.8 * np.vstack([np.eye(n)[0], np.eye(n)[:-1]]) + 0.2 * even
    assert attention.induction_share(head, [10, 11, 10, 12, 13], causal=True) is None
    assert pattern_of(head, [10, 11, 10, 12, 13]) == "previous token"


@given(n=st.integers(4, 60), share=st.floats(0, 1), causal=st.booleans())
def test_shares_and_names_do_not_depend_on_the_length(n: int, share: float, causal: bool) -> None:
    visible = np.tri(n) if causal else np.ones((n, n))
    even = visible / visible.sum(-1, keepdims=True)
    found = attention.head_pattern(share * np.eye(n) + (1 - share) * even, list(range(n)), causal=causal)
    assert found.self == pytest.approx(share)
    assert found.uniform == pytest.approx(1 - share)
    if min(abs(share - 0.5), abs(share - 0.25)) > 1e-9:
        assert found.pattern == ("self" if share > 0.5 else "uniform" if share < 0.25 else "mixed")


@given(mixed=mixes(max_n=4), seed=st.integers(0, 99))
def test_relabelling_positions_relabels_the_flow(mixed: np.ndarray, seed: int) -> None:
    n = mixed.shape[-1]

    def flows(m: np.ndarray) -> np.ndarray:
        return np.stack([attention.maximum_flows(m, position) for position in range(n)])

    assert laws.relabelling(flows, mixed, np.random.default_rng(seed).permutation(n)) == 0


@given(weights=attentions(), seed=st.integers(0, 9))
def test_shares_are_shares(weights: np.ndarray, seed: int) -> None:
    n = weights.shape[-1]
    ids = np.random.default_rng(seed).integers(0, 3, size=n).tolist()
    if n < 3:
        with pytest.raises(errors.OptionError, match="three"):
            attention.head_pattern(weights[0, 0], ids, causal=False)
        return
    found = attention.head_pattern(weights[0, 0], ids, causal=False)
    for share in (found.self, found.previous_token, found.first_token, found.induction or 0):
        assert -1 - EXACT <= share <= 1 + EXACT
    assert -EXACT <= found.uniform <= 1 + EXACT
    assert -EXACT <= found.entropy <= math.log(n) + EXACT


def test_entropy_by_hand() -> None:
    weights = np.array([[1.0, 0.0], [0.5, 0.5]])
    assert attention.attention_entropy(weights) == pytest.approx(math.log(2) / 2)


def test_head_patterns_covers_every_head() -> None:
    model = tiny.model("distilbert", "classifier")
    found = attention.head_patterns(model, SENTENCE)
    assert [len(layer) for layer in found] == [4, 4, 4]
    weights = attention.attention_weights(model, SENTENCE)
    assert found[1][2].entropy == pytest.approx(float(attention.attention_entropy(weights)[1, 2]))


def test_top_pairs_by_hand() -> None:
    weights = np.array([[1.0, 0.0], [0.3, 0.7]])
    pairs = attention.top_attended_pairs(weights, k=2)
    assert [(pair.query, pair.key, pair.weight) for pair in pairs] == [(0, 0, 1.0), (1, 1, 0.7)]
    assert len(attention.top_attended_pairs(weights, k=99)) == 4
    with pytest.raises(errors.OptionError):
        attention.top_attended_pairs(weights, k=0)


@given(st.integers(1, 12))
def test_even_attention_is_even_over_what_is_seen(n: int) -> None:
    for causal in (True, False):
        even = attention.even_attention(n, causal=causal)
        assert laws.row_sums(even) < 1e-12
        for i, row in enumerate(even):
            seen = i + 1 if causal else n
            assert row.tolist() == [1 / seen] * seen + [0.0] * (n - seen)


@given(st.integers(1, 8), st.integers(0, 99), st.booleans())
def test_shuffled_attention_keeps_each_rows_weights_and_what_it_sees(n: int, seed: int, causal: bool) -> None:
    weights = np.random.default_rng(n).random((2, 3, n, n)) + 0.01
    weights = np.tril(weights) if causal else weights
    shuffled = attention.shuffled_attention(weights, seed)
    assert np.array_equal(np.sort(shuffled, -1), np.sort(weights, -1))
    assert np.array_equal(shuffled > 0, weights > 0), "nothing goes to a token that is not seen"
    assert np.array_equal(shuffled, attention.shuffled_attention(weights, seed))


def test_shuffled_attention_gives_every_order_its_turn() -> None:
    row = np.array([[0.5, 0.3, 0.2, 0.0]])
    seen = {tuple(attention.shuffled_attention(row, seed)[0]) for seed in range(60)}
    assert seen == {(*order, 0.0) for order in itertools.permutations((0.5, 0.3, 0.2))}
