"""Integrated gradients and SmoothGrad: quadrature, completeness, cases by hand, captum's numbers."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import captum.attr
import numpy as np
import pytest
import scipy.special
import tiny
import torch
from captum.attr._utils.approximation_methods import approximation_parameters
from hypothesis import given, settings
from hypothesis import strategies as st

import xai_helpers as xai
from xai_helpers import errors, gradients, laws, replacements
from xai_helpers.editing import edited_attention
from xai_helpers.gradients import path_integral, quadrature_rule
from xai_helpers.models import EncodedText

# The others drop to single precision inside, whatever their dtype; DistilBERT's classifier has a ReLU.
DOUBLE = [pair for pair in tiny.KINDS if pair[0] in ("gpt2", "bert", "roberta", "distilbert")]
SMOOTH = [pair for pair in DOUBLE if pair != ("distilbert", "classifier")]
PEERS = [("gpt2", "causal-lm"), ("llama", "causal-lm"), ("bert", "classifier"), ("distilbert", "classifier")]
METHODS: dict[Any, str] = {"gauss-legendre": "gausslegendre", "midpoint": "riemann_middle"}
TARGET = 5  # a vocabulary entry of every tokenizer that is no special token
double = functools.partial(torch.tensor, dtype=torch.float64)


def target_for(model: xai.TextModel) -> int:
    return 1 if model.kind == "classifier" else TARGET


def slope(function: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[torch.Tensor], torch.Tensor]:
    """The gradient of a function of one point, for many points."""
    return torch.func.vmap(torch.func.grad(function))


def masked(model: xai.TextModel, encoded: EncodedText, name: str) -> torch.Tensor:
    """The ids of the text whose tokens are replaced by this one."""
    id = model.tokenizer.mask_token_id if name == "mask" else replacements.word_id(model, name)
    return torch.where(replacements.stays(model, encoded), encoded.ids[0], torch.tensor(id))[None]


def choices(model: xai.TextModel, encoded: EncodedText) -> Callable[..., torch.Tensor]:
    """The model as captum's user writes it: from ids, or embeddings, to the logits at the readout."""
    place = model.readout(encoded)

    def forward(ids: torch.Tensor | None = None, embeddings: torch.Tensor | None = None) -> torch.Tensor:
        logits = model.model(input_ids=ids, inputs_embeds=embeddings).logits
        return logits if model.kind == "classifier" else logits[:, place]

    return forward


# --- the line integral ----------------------------------------------------------------------------------------------


@given(n=st.integers(1, 8), coefficients=st.lists(st.floats(-10, 10), min_size=16, max_size=16))
def test_gauss_legendre_is_exact_for_polynomials_of_degree_2n_minus_1(n: int, coefficients: list[float]) -> None:
    nodes, weights = quadrature_rule("gauss-legendre", n)
    polynomial = np.polynomial.Polynomial(coefficients[: 2 * n])
    exact = polynomial.integ()(1.0)
    assert weights @ polynomial(nodes) == pytest.approx(exact, rel=0, abs=1e-14 * (1 + np.abs(coefficients).sum()))
    # and of no higher degree: the integral of t^2n misses by (n!)^4 / ((2n + 1) (2n)!^2)
    missing = math.factorial(n) ** 4 / ((2 * n + 1) * math.factorial(2 * n) ** 2)
    assert 1 / (2 * n + 1) - weights @ nodes ** (2 * n) == pytest.approx(missing, rel=1e-4, abs=1e-15)


@given(n=st.integers(1, 500), a=st.floats(-10, 10), b=st.floats(-10, 10), c=st.floats(-10, 10))
def test_midpoint_misses_a_square_by_a_twelfth_of_the_squared_step(n: int, a: float, b: float, c: float) -> None:
    nodes, weights = quadrature_rule("midpoint", n)
    found = weights @ (a + b * nodes + c * nodes**2)
    assert found == pytest.approx(a + b / 2 + c / 3 - c / (12 * n**2), abs=1e-13)


@pytest.mark.parametrize("n", [1, 2, 3, 32, 50, gradients.MOST_STEPS])
def test_nodes_and_weights_are_scipys(n: int) -> None:
    nodes, weights = quadrature_rule("gauss-legendre", n)
    roots, theirs = scipy.special.roots_legendre(n)
    assert np.abs(2 * nodes - 1 - roots).max() < 1e-15
    assert np.abs(2 * weights - theirs).max() < 1e-13 * n  # numpy's weights lose some digits with many nodes
    assert weights.sum() == pytest.approx(1, abs=1e-14) and ((nodes > 0) & (nodes < 1)).all()


@given(seed=st.integers(0, 2**32 - 1), quadrature=st.sampled_from(gradients.QUADRATURES))
def test_a_linear_function_gives_weight_times_difference_in_one_step(seed: int, quadrature: Any) -> None:
    generator = torch.Generator().manual_seed(seed)
    w, start, end = torch.randn(3, 5, 4, generator=generator, dtype=torch.float64)
    found = path_integral(lambda x: w.expand_as(x), start, end, 1, quadrature)
    assert torch.equal(found, w * (end - start))


def one_network(x: torch.Tensor) -> torch.Tensor:
    return torch.relu(torch.relu(x[0]) - 1 - torch.relu(x[1]))


def the_same_network(x: torch.Tensor) -> torch.Tensor:
    return torch.relu(torch.relu(x[0] - 1) - torch.relu(x[1]))


@pytest.mark.parametrize("network", [one_network, the_same_network])
@pytest.mark.parametrize("quadrature", gradients.QUADRATURES)
def test_how_a_network_is_written_makes_no_difference(network: Any, quadrature: Any) -> None:
    """f(3, 1) = 1, f(0) = 0; along the line the gradient is 0 up to the middle, then (1, -1) (Sundararajan et al.)."""
    start, end = double([0.0, 0.0]), double([3.0, 1.0])
    for steps in (2, 4, 32, 50):  # no node at the kink, and as many on either side
        found = path_integral(slope(network), start, end, steps, quadrature)
        assert np.allclose(found, [1.5, -0.5], rtol=0, atol=1e-14)
    # A node at the kink counts with the gradient that torch takes there, 0: the gap says so.
    assert np.allclose(path_integral(slope(network), start, end, 5, "midpoint"), [1.2, -0.4], rtol=0, atol=1e-14)
    # Gradient x input, also invariant, is not complete: 3 - 1 is not f.
    assert torch.equal(end * slope(network)(end[None])[0], double([3.0, -1.0]))


@given(seed=st.integers(0, 2**32 - 1), at_once=st.integers(1, 9), steps=st.integers(1, 9))
def test_points_may_come_a_few_at_a_time(seed: int, at_once: int, steps: int) -> None:
    start, end = torch.randn(2, 3, 2, 2, generator=torch.Generator().manual_seed(seed))
    asked: list[int] = []

    def gradient(points: torch.Tensor) -> torch.Tensor:
        asked.append(len(points))
        return points.cos()

    whole = path_integral(torch.cos, start, end, steps)
    parts = path_integral(gradient, start, end, steps, at_once=at_once)
    assert sum(asked) == steps and max(asked) <= at_once and len(asked) == math.ceil(steps / at_once)
    assert parts.dtype == torch.float64 and parts.shape == start.shape
    assert torch.allclose(parts, whole, rtol=0, atol=1e-14)


def test_a_closed_grid_misses_what_open_rules_find() -> None:
    """Published more than once: gradients at 0, 1/n, ..., 1, that is n + 1 of them, averaged."""
    start, end, n = double([0.0, 0.0]), double([1.0, 2.0]), 50
    cube = lambda x: (x**3).sum()  # noqa: E731
    grid = torch.linspace(0, 1, n + 1, dtype=torch.float64)[:, None]
    closed = (end - start) * slope(cube)(start + grid * (end - start)).mean(0)
    # the mean of 3 t^2 over the closed grid is 1 + 1 / (2n)
    assert laws.completeness(9.0, closed.tolist()) == pytest.approx(9.0 / (2 * n))
    assert laws.completeness(9.0, (closed * (n + 1) / n).tolist()) > 9.0 / (2 * n)  # divided by n: worse
    midpoint = path_integral(slope(cube), start, end, n, "midpoint")
    assert laws.completeness(9.0, midpoint.tolist()) == pytest.approx(9.0 / (2 * n) / (2 * n))
    assert laws.completeness(9.0, path_integral(slope(cube), start, end, 2).tolist()) < 1e-14


def test_captums_trapezoid_loses_a_share() -> None:
    """Its end points weigh half a step of 1/n, of which there are n - 1: the integral of 2x on [0, 1] comes out as
    (n - 1) / n. captum keeps its weights in single precision."""
    x = torch.ones(1, 1, dtype=torch.float64)
    ig = captum.attr.IntegratedGradients(lambda x: x.squeeze(-1) ** 2)
    for n in (5, 50):
        found = ig.attribute(x, torch.zeros_like(x), n_steps=n, method="riemann_trapezoid")
        assert float(found) == pytest.approx((n - 1) / n, abs=1e-6)
    for quadrature in gradients.QUADRATURES:
        ours = path_integral(lambda x: 2 * x, torch.zeros(1), torch.ones(1), 50, quadrature)
        assert float(ours) == pytest.approx(1, abs=1e-7)  # nodes in single precision too


# --- on models ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "kind"), SMOOTH)
@pytest.mark.parametrize("output", ["logit", "probability", "log_probability"])
def test_scores_add_up_to_the_change_of_the_output(family: str, kind: Any, output: Any) -> None:
    model = tiny.model_in(torch.float64, family, kind)
    text, target = tiny.text_for(model), xai.Target(output=output)
    for baseline in ("auto", "zero"):
        a = xai.integrated_gradients(model, text, target, baseline=baseline, steps=512)
        assert a.total == pytest.approx(model.value(text, target), abs=1e-12)
        change = (a.total or 0.0) - a.absorbed["baseline"]
        assert laws.completeness(a.total or 0.0, a.scores, a.absorbed) < 1e-11
        assert abs(change) > 1e-4 and np.abs(a.scores).max() > 1e-3


@pytest.mark.parametrize(("family", "kind"), SMOOTH)
def test_the_gap_shrinks_as_the_rule_says(family: str, kind: Any) -> None:
    model = tiny.model_in(torch.float64, family, kind)
    gap = lambda steps, rule: abs(  # noqa: E731
        xai.integrated_gradients(model, tiny.text_for(model), target_for(model), steps=steps, quadrature=rule).gap or 0
    )
    coarse, fine = gap(256, "midpoint"), gap(512, "midpoint")
    assert coarse / fine == pytest.approx(4, rel=0.05)  # second order
    assert gap(256, "gauss-legendre") < 1e-4 * fine


def test_kinks_make_the_gap_shrink_slowly() -> None:
    """Where ReLUs switch along the line the gradient jumps, and no rule is exact: the gap falls about as 1 / steps."""
    model = tiny.model_in(torch.float64, "distilbert", "classifier", activation="relu")
    gap = lambda steps, target: abs(xai.integrated_gradients(model, tiny.TEXT, target, steps=steps).gap or 0.0)  # noqa: E731
    coarse, fine = (np.mean([gap(steps, target) for target in range(3)]) for steps in (16, 1024))
    assert coarse > 5 * fine > 1e-6


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_every_family_and_kind(family: str, kind: Any) -> None:
    model = tiny.model(family, kind)
    text = tiny.text_for(model)
    a = xai.integrated_gradients(model, text, steps=4)
    fixed = replacements.stays(model, model.encode(text)).numpy()
    assert (a.scores[fixed] == 0).all() and (a.scores[~fixed] != 0).any()
    assert a.options == {
        "baseline": "mask" if model.tokenizer.mask_token else "the",
        "steps": 4,
        "quadrature": "gauss-legendre",
        "tolerance": None,
        "batch_size": "auto",
    }
    assert a.total == pytest.approx(model.value(text), rel=1e-5)
    assert a.position == model.readout(text)
    assert xai.reproduce(xai.Attribution.from_json(a.to_json()), model) == a


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
@pytest.mark.parametrize("quadrature", gradients.QUADRATURES)
def test_captum_agrees(family: str, kind: Any, quadrature: Any) -> None:
    model = tiny.model(family, kind)
    text, target = tiny.text_for(model), target_for(model)
    encoded = model.encode(text)
    forward, options = choices(model, encoded), {"target": target, "n_steps": 20, "method": METHODS[quadrature]}
    if model.config.pad_token_id is None:
        options["internal_batch_size"] = 1  # without a padding token their classifier takes no batch
    a = xai.integrated_gradients(model, text, target, steps=20, quadrature=quadrature)
    layer = captum.attr.LayerIntegratedGradients(forward, model.model.get_input_embeddings())
    theirs = layer.attribute(encoded.ids, masked(model, encoded, a.options["baseline"]), **options)
    assert np.allclose(a.scores, theirs[0].sum(-1).detach().numpy(), rtol=1e-5, atol=1e-5 * np.abs(a.scores).max())
    # vectors of zeros are no ids
    own = model.model.get_input_embeddings()(encoded.ids).detach()
    start = torch.where(replacements.stays(model, encoded)[:, None], own, torch.zeros_like(own))
    ig = captum.attr.IntegratedGradients(lambda embeddings: forward(None, embeddings))
    b = xai.integrated_gradients(model, text, target, steps=20, quadrature=quadrature, baseline="zero")
    numbers = ig.attribute(own, start, **options)[0].sum(-1).numpy()
    # near zero a norm divides by next to nothing, and both round alike badly
    assert np.allclose(b.scores, numbers, rtol=1e-5, atol=5e-5 * np.abs(b.scores).max())


@pytest.mark.parametrize(("family", "kind"), [pair for pair in PEERS if pair[0] != "llama"])
@pytest.mark.parametrize("quadrature", gradients.QUADRATURES)
def test_captum_agrees_to_the_last_digits(
    family: str, kind: Any, quadrature: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In double precision, with captum's own nodes and weights: it rounds its weights to single precision."""
    step_sizes, alphas = approximation_parameters(METHODS[quadrature])
    theirs = np.array(alphas(20)), np.float32(step_sizes(20)).astype(np.float64)
    for ours, rounded in zip(quadrature_rule(quadrature, 20), theirs, strict=True):
        assert np.abs(ours - rounded).max() < 1e-7
    monkeypatch.setattr(gradients, "quadrature_rule", lambda quadrature, steps: theirs)
    model = tiny.model_in(torch.float64, family, kind)
    text, target = tiny.text_for(model), target_for(model)
    encoded = model.encode(text)
    a = xai.integrated_gradients(model, text, target, steps=20, quadrature=quadrature)
    layer = captum.attr.LayerIntegratedGradients(choices(model, encoded), model.model.get_input_embeddings())
    options = {"target": target, "n_steps": 20, "method": METHODS[quadrature]}
    numbers = layer.attribute(encoded.ids, masked(model, encoded, a.options["baseline"]), **options)[0].sum(-1)
    assert np.allclose(a.scores, numbers.detach().numpy(), rtol=0, atol=1e-12 * np.abs(a.scores).max())


@pytest.mark.parametrize(("family", "kind"), DOUBLE)
@pytest.mark.parametrize("method", [functools.partial(xai.integrated_gradients, steps=7), xai.smoothgrad])
def test_the_batch_size_makes_no_difference(family: str, kind: Any, method: Any) -> None:
    model = tiny.model_in(torch.float64, family, kind)
    text, target = tiny.text_for(model), target_for(model)
    expected = method(model, text, target)
    for batch_size in (1, 3, 100):
        found = method(model, text, target, batch_size=batch_size)
        assert np.allclose(found.scores, expected.scores, rtol=0, atol=1e-12 * np.abs(expected.scores).max())
        assert xai.reproduce(found, model) == found


@pytest.mark.parametrize(("family", "kind"), [pair for pair in PEERS if pair[0] != "llama"])
def test_a_text_as_baseline(family: str, kind: Any) -> None:
    """A token that both texts have gets exactly 0, and the change of the output goes to those that differ."""
    model = tiny.model_in(torch.float64, family, kind)
    other = tiny.TEXT.replace("cat", "mat").replace("very", "all")
    differ = (model.encode(other).ids != model.encode(tiny.TEXT).ids)[0].numpy()
    assert 2 <= differ.sum() < len(differ)
    a = xai.integrated_gradients(model, tiny.TEXT, 1, baseline=other, steps=512)
    assert (a.scores[~differ] == 0).all() and (a.scores[differ] != 0).all()
    assert a.options["baseline"] == other and a.absorbed["baseline"] == pytest.approx(model.value(other, 1), abs=1e-12)
    assert abs(a.gap or 0.0) < (0.05 if family == "distilbert" else 1e-11)  # its classifier has a ReLU
    back = xai.integrated_gradients(model, other, 1, baseline=tiny.TEXT, steps=512)
    assert np.allclose(back.scores, -a.scores, rtol=0, atol=1e-12)  # the same line, walked back
    itself = xai.integrated_gradients(model, tiny.TEXT, 1, baseline=tiny.TEXT, steps=1)
    assert (itself.scores == 0).all() and itself.gap == pytest.approx(0, abs=1e-14)
    with pytest.raises(errors.OptionError, match=r"baseline=.* tokens where the explained one has"):
        xai.integrated_gradients(model, tiny.TEXT, 1, baseline=other + other)


@pytest.mark.parametrize("baseline", ["mask", "pad", "unk", "zero", "mean", "the"])
def test_a_baseline_is_recorded_by_its_name(baseline: str) -> None:
    model = tiny.model("bert", "classifier")
    a = xai.integrated_gradients(model, tiny.TEXT, baseline=baseline, steps=2)
    assert a.options["baseline"] == baseline
    assert xai.reproduce(a, model) == a


def test_a_baseline_is_the_text_that_it_names() -> None:
    """Special tokens stay, so the value at the baseline is the model's own on such a text."""
    model = tiny.model_in(torch.float64, "bert", "classifier")
    n = len(model.encode(tiny.TEXT).units) - 2
    for baseline, token in (("mask", "[MASK]"), ("pad", "[PAD]"), ("unk", "[UNK]"), ("the", "the"), ("auto", "[MASK]")):
        a = xai.integrated_gradients(model, tiny.TEXT, 1, baseline=baseline, steps=1)
        assert a.absorbed["baseline"] == pytest.approx(model.value(" ".join([token] * n), 1), abs=1e-12)


@pytest.mark.parametrize(("family", "kind"), DOUBLE)
def test_a_contrast_is_a_difference(family: str, kind: Any) -> None:
    model = tiny.model_in(torch.float64, family, kind)
    text, ids = tiny.text_for(model), (2, 0) if kind == "classifier" else (5, 6)
    one, other = (xai.integrated_gradients(model, text, id) for id in ids)
    both = xai.integrated_gradients(model, text, xai.Target(ids[0], versus=ids[1]))
    assert np.allclose(both.scores, one.scores - other.scores, rtol=0, atol=1e-12)
    assert both.total == pytest.approx((one.total or 0.0) - (other.total or 0.0), abs=1e-12)
    assert both.absorbed["baseline"] == pytest.approx(one.absorbed["baseline"] - other.absorbed["baseline"], abs=1e-12)


def test_the_target_is_resolved_once() -> None:
    """The baseline predicts something else; the path explains what the text predicts, as if it had been named."""
    changed = 0
    for seed in range(4):
        model = tiny.model_in(torch.float64, "gpt2", "causal-lm", seed=seed)
        predicted = model.predict(tiny.TEXT, k=1)[0].id
        a = xai.integrated_gradients(model, tiny.TEXT)
        assert np.array_equal(a.scores, xai.integrated_gradients(model, tiny.TEXT, predicted).scores)
        changed += model.predict(" ".join(["the"] * 12), k=1)[0].id != predicted
    assert changed


@pytest.mark.parametrize("family", tiny.DECODERS)
def test_what_comes_after_the_readout_counts_nothing(family: str) -> None:
    model = tiny.model(family, "causal-lm")
    for method in (functools.partial(xai.integrated_gradients, steps=4), functools.partial(xai.smoothgrad, samples=4)):
        a = method(model, tiny.TEXT, xai.Target(TARGET, position=3))
        assert (a.scores[4:] == 0).all() and (a.scores[1:4] != 0).all() and a.position == 3
        longer = method(model, tiny.TEXT + " The cat.", xai.Target(TARGET, position=3))
        assert np.array_equal(longer.scores[: len(a.scores)], a.scores)  # nor does it change the others


def test_tolerance_raises_the_steps_until_the_gap_is_met() -> None:
    model = tiny.model_in(torch.float64, "gpt2", "causal-lm")
    coarse = xai.integrated_gradients(model, tiny.TEXT, TARGET, steps=4)
    for tolerance in (1e-1, 1e-3, 1e-6, 1e-9):
        a = xai.integrated_gradients(model, tiny.TEXT, TARGET, steps=4, tolerance=tolerance)
        steps = a.options["steps"]
        assert abs(a.gap or 0.0) <= tolerance < abs(coarse.gap or 0.0)
        assert steps in (8, 16, 32, 64, 128, 256) and a.options["tolerance"] == tolerance
        before = xai.integrated_gradients(model, tiny.TEXT, TARGET, steps=steps // 2)
        assert abs(before.gap or 0.0) > tolerance  # no more than were needed
        plain = xai.integrated_gradients(model, tiny.TEXT, TARGET, steps=steps)
        assert np.array_equal(a.scores, plain.scores)
        assert xai.reproduce(xai.Attribution.from_json(a.to_json()), model) == a
    met = xai.integrated_gradients(model, tiny.TEXT, TARGET, steps=5, tolerance=10.0)
    assert met.options["steps"] == 5


def test_a_tolerance_that_is_not_met_says_how_far_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny.model("gpt2", "causal-lm")
    monkeypatch.setattr(gradients, "MOST_STEPS", 64)
    with pytest.raises(
        errors.ToleranceError, match=r"with 48 steps the gap is still .*, over tolerance=1e-12.*float64"
    ):
        xai.integrated_gradients(model, tiny.TEXT, TARGET, steps=12, tolerance=1e-12)
    with pytest.raises(errors.ToleranceError, match="with 100 steps"):  # tried once, if that is what was asked
        xai.integrated_gradients(model, tiny.TEXT, TARGET, steps=100, tolerance=1e-12)


def test_no_pass_is_run_twice() -> None:
    """One forward pass over text and baseline, and the steps in as few passes as the batch size allows."""
    model = tiny.model_in(torch.float32, "gpt2", "causal-lm")
    passes: list[int] = []
    head = model.model.get_output_embeddings()
    head.register_forward_hook(lambda m, a, output: passes.append(output.numel() // output.shape[-1]))
    xai.integrated_gradients(model, tiny.TEXT, steps=12, batch_size=5)
    assert passes == [2, 4, 4, 4]  # and the logits at the readout only
    passes.clear()
    xai.smoothgrad(model, tiny.TEXT, TARGET, samples=12, batch_size=5)
    assert passes == [4, 4, 4]  # a named target needs no pass of its own
    passes.clear()
    xai.smoothgrad(model, tiny.TEXT, TARGET, noise=0)
    assert passes == [1]  # without noise all samples are the same


def test_nothing_is_differentiated_that_no_one_asked_for() -> None:
    model = tiny.model_in(torch.float32, "bert", "classifier")
    seen: list[bool] = []
    model.model.classifier.register_forward_pre_hook(lambda m, a: seen.append(m.weight.requires_grad))
    for method in (xai.integrated_gradients, xai.smoothgrad):
        method(model, tiny.TEXT)
    assert seen and not any(seen)
    assert all(p.grad is None and p.requires_grad for p in model.model.parameters())


# --- SmoothGrad -----------------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(
    place=st.sampled_from(tiny.KINDS),
    norm=st.sampled_from(tuple(gradients.NORMS)),
    seed=st.integers(0, 2**32),
    samples=st.integers(2, 5),
)
def test_without_noise_it_is_saliency(place: Any, norm: Any, seed: int, samples: int) -> None:
    model = tiny.model(*place)
    text = tiny.text_for(model)
    a = xai.smoothgrad(model, text, noise=0, norm=norm, seed=seed, samples=samples)
    expected = xai.saliency(model, text, norm=norm).scores
    assert np.allclose(a.scores, expected, rtol=1e-5, atol=1e-6 * expected.max())
    assert a.total is None and a.details["standard_errors"] == [0.0] * len(a.units)


@pytest.mark.parametrize(("family", "kind"), DOUBLE)
def test_little_noise_moves_it_little(family: str, kind: Any) -> None:
    model = tiny.model_in(torch.float64, family, kind)
    text = tiny.text_for(model)
    exact = xai.saliency(model, text).scores
    off = [np.abs(xai.smoothgrad(model, text, noise=noise, samples=8).scores - exact).max() for noise in (1e-5, 1e-4)]
    assert 0 < off[0] < 0.2 * off[1] < 0.01 * exact.max()


def gradients_under_noise(model: xai.TextModel, text: str, target: int, sigma: float, moves: torch.Tensor) -> Any:
    """One pass for each sample, as the paper writes it: (samples, tokens, width)."""
    forward, encoded = choices(model, model.encode(text)), model.encode(text)
    own = model.model.get_input_embeddings()(encoded.ids).detach()[0]
    found = []
    for move in moves:
        noisy = (own + sigma * move).requires_grad_()
        found.append(torch.autograd.grad(forward(None, noisy[None])[0, target], noisy)[0])
    return torch.stack(found)


def range_of(model: xai.TextModel, text: str) -> float:
    own = model.model.get_input_embeddings()(model.encode(text).ids).detach()
    return float(own.max() - own.min())


@pytest.mark.parametrize(("family", "kind"), DOUBLE)
def test_smoothgrad_is_the_mean_of_noisy_gradients_and_knows_its_error(family: str, kind: Any) -> None:
    model = tiny.model_in(torch.float64, family, kind)
    text, target = tiny.text_for(model), target_for(model)
    width = model.config.hidden_size
    generator = torch.Generator().manual_seed(7)
    shape = len(model.encode(text).units), width
    moves = torch.stack([torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(9)])
    found = gradients_under_noise(model, text, target, 0.2 * range_of(model, text), moves)
    for norm, p in gradients.NORMS.items():
        a = xai.smoothgrad(model, text, target, noise=0.2, samples=9, seed=7, norm=norm, batch_size=4)
        assert np.allclose(a.scores, found.mean(0).norm(p, dim=-1), rtol=1e-10)
        errors_of_mean = found.std(0) / 3  # the square root of 9 samples
        assert np.allclose(a.details["standard_errors"], errors_of_mean.norm(p, dim=-1), rtol=1e-8)


@pytest.mark.parametrize(("family", "kind"), PEERS)
def test_captums_noise_tunnel_agrees_within_three_standard_errors(family: str, kind: Any) -> None:
    model = tiny.model(family, kind)
    text, target = tiny.text_for(model), target_for(model)
    encoded = model.encode(text)
    forward = choices(model, encoded)
    tunnel = captum.attr.NoiseTunnel(captum.attr.Saliency(lambda x: forward(None, x)))
    own = model.model.get_input_embeddings()(encoded.ids).detach()
    noise, samples = 0.02, 400
    torch.manual_seed(0)
    theirs = tunnel.attribute(
        own, target=target, abs=False, nt_type="smoothgrad", nt_samples=samples, stdevs=noise * range_of(model, text)
    )[0]
    a = xai.smoothgrad(model, text, target, noise=noise, samples=samples, seed=1)
    error = math.sqrt(2) * np.array(a.details["standard_errors"])  # both are drawn
    assert (np.abs(a.scores - theirs.norm(dim=-1).numpy()) < 3 * error).all()
    assert (error < 0.2 * a.scores).sum() > len(error) / 2  # a bound that says something
    # another method, or noise ten times as strong, is not within it
    other = xai.smoothgrad(model, text, target, noise=10 * noise, samples=samples, seed=1).scores
    assert (np.abs(other - theirs.norm(dim=-1).numpy()) > 3 * error).any()


def test_standard_errors_bound_what_another_seed_gives() -> None:
    model = tiny.model_in(torch.float64, "gpt2", "classifier")
    run = functools.partial(xai.smoothgrad, model, tiny.TEXT, 1, noise=0.05)
    for norm in ("l2", "l1"):
        truth = run(samples=4000, seed=99, norm=norm)
        runs = [run(samples=25, seed=seed, norm=norm) for seed in range(12)]
        off = np.mean([np.abs(a.scores - truth.scores) for a in runs], axis=0)
        stated = np.mean([a.details["standard_errors"] for a in runs], axis=0)
        assert (off < stated).all()
    few, many = (np.array(run(samples=n).details["standard_errors"]) for n in (25, 400))
    assert np.allclose(few / many, 4, rtol=0.5)


def test_the_noise_is_drawn_text_by_text() -> None:
    """torch draws in groups of 16: where a text has no multiple of that, two at once are other numbers."""
    model = tiny.model_in(torch.float64, "gpt2", "causal-lm", hidden_size=12)
    text = "The cat sat"
    assert len(model.encode(text).units) * 12 % 16
    a, b = (xai.smoothgrad(model, text, samples=6, batch_size=batch_size) for batch_size in (1, 6))
    assert np.allclose(a.scores, b.scores, rtol=0, atol=1e-12 * b.scores.max())


def test_the_noise_is_seeded_and_the_callers_is_left_alone() -> None:
    model = tiny.model("gpt2", "causal-lm")
    before = torch.get_rng_state()
    one, again, other = (xai.smoothgrad(model, tiny.TEXT, seed=seed, samples=4) for seed in (3, 3, 4))
    assert one == again and not np.array_equal(one.scores, other.scores)
    assert torch.equal(torch.get_rng_state(), before)


# --- both -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method", [functools.partial(xai.integrated_gradients, steps=3), functools.partial(xai.smoothgrad, samples=3)]
)
@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_the_model_is_as_it_was(family: str, kind: Any, method: Any) -> None:
    tiny.assert_leaves_untouched(tiny.model_in(torch.float32, family, kind), method)


@pytest.mark.parametrize("method", [xai.integrated_gradients, xai.smoothgrad])
@pytest.mark.parametrize(("family", "kind"), PEERS)
def test_gradients_come_whatever_the_caller_has_switched_off(family: str, kind: Any, method: Any) -> None:
    model = tiny.model_in(torch.float32, family, kind)
    expected = method(model, tiny.TEXT)
    for parameter in model.model.parameters():
        parameter.requires_grad_(False)
    for context in (torch.no_grad(), torch.inference_mode(), torch.enable_grad()):
        with context, tiny.untouched(model):
            assert method(model, tiny.TEXT) == expected


@pytest.mark.parametrize("method", [xai.integrated_gradients, xai.smoothgrad])
@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_attention_without_weights_changes_nothing_but_the_time(family: str, kind: Any, method: Any) -> None:
    """Rounding apart; and attention that someone has changed is what is explained."""
    model = tiny.model_in(torch.float64, family, kind)
    text, target = tiny.text_for(model), target_for(model)
    seen: list[str] = []
    module = model.model.get_input_embeddings()
    module.register_forward_hook(lambda m, a, o: seen.append(model.config._attn_implementation))
    plain = method(model, text, target)
    assert set(seen) == {"sdpa"} and model.config._attn_implementation == "eager"
    # Where nothing is edited the edit is eager attention. RMSNorm and rotations are in single precision.
    with edited_attention(model, lambda weights, layer: weights):
        eager = method(model, text, target)
    exact = 1e-11 if family in ("gpt2", "bert", "roberta", "distilbert") else 1e-5
    assert np.allclose(plain.scores, eager.scores, rtol=0, atol=exact * np.abs(eager.scores).max())
    with edited_attention(model, lambda weights, layer: weights * (layer != 1)):
        edited = method(model, text, target)
        if method is xai.integrated_gradients:
            assert edited.total == pytest.approx(model.value(text, target), rel=1e-12)
    assert not np.allclose(edited.scores, eager.scores, rtol=0, atol=1e-3 * np.abs(eager.scores).max())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("family", "kind"), [("gpt2", "classifier"), ("bert", "classifier")])
def test_half_precision_is_near_single(family: str, kind: Any, dtype: torch.dtype) -> None:
    half, single = (tiny.model_in(precision, family, kind) for precision in (dtype, torch.float32))
    for method in (xai.integrated_gradients, xai.smoothgrad):
        a, b = method(half, tiny.TEXT, 1).scores, method(single, tiny.TEXT, 1).scores
        # three random layers blow up roundings of 2^-8 (bfloat16) and 2^-11
        assert np.abs(a - b).max() < {torch.float16: 0.05, torch.bfloat16: 0.4}[dtype] * np.abs(b).max()


def test_bad_options_are_named() -> None:
    model = tiny.model("gpt2", "causal-lm")
    ig, smoothgrad = xai.integrated_gradients, xai.smoothgrad
    bad: list[tuple[Any, str, tuple[Any, ...], str]] = [
        (ig, "steps", (0, -3, 2.5, "8", True, None), "whole number of at least 1"),
        (ig, "quadrature", ("simpson", None, ["midpoint"]), "'gauss-legendre', 'midpoint'"),
        (ig, "tolerance", (-1e-3, math.nan, math.inf, "small", True), "finite number of at least 0"),
        (ig, "baseline", (0, None, "", " "), "'zero'"),
        (ig, "baseline", ("mask",), "no such token"),
        (ig, "batch_size", (0, -1, 1.5, True), "whole number of at least 1"),
        (ig, "batch_size", ("all",), "'auto'"),
        (smoothgrad, "noise", (-0.1, math.nan, math.inf, "much", True, None), "finite number of at least 0"),
        (smoothgrad, "samples", (1, 0, 2.5, True), "whole number of at least 2"),
        (smoothgrad, "seed", (-1, None, 0.5), "whole number of at least 0"),
        (smoothgrad, "norm", ("l3", None, 2), "'l1'"),
        (smoothgrad, "batch_size", ("all",), "'auto'"),
    ]
    for method, name, values, message in bad:
        for value in values:
            with pytest.raises(errors.OptionError, match=f"{name}=.*{message}"):
                method(model, tiny.TEXT, **{name: value})
    numbers = ig(model, tiny.TEXT, steps=np.int64(3), batch_size=np.int64(2)).options  # numpy's are numbers
    assert (numbers["steps"], numbers["batch_size"]) == (3, 2)
    for method in (ig, smoothgrad):
        with pytest.raises(errors.UnsupportedArchitectureError, match=r"xai\.load"):
            method("gpt2", tiny.TEXT)
        with pytest.raises(errors.TargetRangeError):
            method(model, tiny.TEXT, 10**6)
        with pytest.raises(errors.EmptyTextError):
            method(model, " ")
    in_training = tiny.model_in(torch.float32, "gpt2", "causal-lm")
    in_training.model.train()
    for method in (ig, smoothgrad):
        with pytest.raises(errors.OptionError, match=r"model\.eval"):
            method(in_training, tiny.TEXT)


@pytest.mark.parametrize("tolerance", [None, 1.0])
def test_what_overflows_is_named(tolerance: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny.model_in(torch.float16, "gpt2", "causal-lm")
    monkeypatch.setattr(gradients, "_gradient_at", lambda model, ids, resolved, points: points * math.nan)
    with pytest.raises(errors.NonFiniteError, match="scores"):  # at once: more steps would not help
        xai.integrated_gradients(model, tiny.TEXT, tolerance=tolerance)
    monkeypatch.undo()
    with torch.no_grad():
        model.model.transformer.wte.weight.mul_(60000.0)
    with pytest.raises(errors.NonFiniteError):
        xai.integrated_gradients(model, tiny.TEXT, tolerance=tolerance)
