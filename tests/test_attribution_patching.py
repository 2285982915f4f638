"""First-order patching: the derivative that it is, exactness where a model is linear, TransformerLens, and EAP-IG."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import torch
from tiny import DECODERS, KINDS, TEXT, assert_leaves_untouched, model_in, text_for
from transformer_lens.tools.analysis.attribution_patching import EdgeAttributionConfig, attribution_patch

import xai_helpers as xai
from xai_helpers import Target
from xai_helpers.architectures import Kind
from xai_helpers.circuits import activation_patching, edges, sites
from xai_helpers.circuits.attribution import attribution_maps, attribution_patching, edge_attribution, error_of
from xai_helpers.editing import edited_attention, evenly
from xai_helpers.errors import AlignmentError, NoHeadError, OptionError
from xai_helpers.tooling import to_transformer_lens

OTHER = TEXT.replace("cat", "mat").replace("it was", "it sat")
# Their norms or their softmax are computed in float32, in which a small step drowns.
ROUNDED = ("llama", "mistral", "qwen2", "qwen3", "gpt_neox")
STEPS = {False: (1e-5, 1e-8), True: (1e-2, 1e-3)}  # of central differences, and how exact they are
double = functools.cache(functools.partial(model_in, torch.float64))


def pair(subject: xai.TextModel) -> tuple[str, str]:
    clean = text_for(subject)
    return clean, clean.replace("cat", "mat").replace("it was", "it sat")


@pytest.mark.parametrize(("family", "kind"), KINDS)
def test_it_is_the_derivative_of_patching_a_little(family: str, kind: Kind) -> None:
    """The base run with a small part of the way to the donor's activation, in each of some cells."""
    subject = model_in(torch.float64, family, kind)
    clean, corrupted = pair(subject)
    step, tolerance = STEPS[family in ROUNDED]
    target = None if kind == "masked-lm" else Target(1)
    for site in [site for site in sites.sites_of(subject) if site != "pattern"]:
        estimate = attribution_patching(subject, clean, corrupted, target, site=site, axes=("layer", "position"))
        with torch.no_grad(), sites.read(subject, [(site, 1)]) as kept:
            subject.forward(subject.encode(clean))
        low = estimate.corrupted or 0.0
        for place in (2, len(estimate.names[1]) - 2):

            def nudged(
                by: float,
                site: str = site,
                place: int = place,
                donor: torch.Tensor = kept[site, 1],
                named: Target = estimate.target,
            ) -> float:
                def nudge(values: torch.Tensor) -> torch.Tensor:
                    values = values.clone()
                    values[:, place] += by * (donor[:, place] - values[:, place])
                    return values

                with sites.written(subject, site, 1, nudge):
                    return subject.value(corrupted, named)

            found = (nudged(step) - nudged(-step)) / (2 * step)
            assert found == pytest.approx(estimate.values[1, place] - low, abs=tolerance), (site, place)


@pytest.mark.parametrize(("family", "kind"), KINDS)
def test_the_shapes_names_and_baselines_are_those_of_exact_patching(family: str, kind: Kind) -> None:
    subject = double(family, kind)
    for site in sites.sites_of(subject):
        every = [None] if site not in sites.BY_HEAD else [("layer", "head"), ("layer", "position", "head")]
        for axes in [*every, ("layer",)]:
            for direction in ("denoising", "noising"):
                options: dict[str, Any] = {"site": site, "axes": axes, "direction": direction}
                a = attribution_patching(subject, *pair(subject), **options)
                b = activation_patching(subject, *pair(subject), **options)
                assert (a.names, a.axes, a.values.shape) == (b.names, b.axes, b.values.shape)
                assert (a.clean, a.corrupted) == pytest.approx((b.clean, b.corrupted), abs=1e-6)


def test_the_last_stream_is_nearly_linear_and_a_linear_model_is_exact() -> None:
    """Without its norm's scale, what the last block leaves is read linearly; so is each MLP's output there."""
    subject = model_in(torch.float64, "gpt2", "causal-lm")
    subject.model.transformer.ln_f = torch.nn.Identity()
    for site in ("resid_post", "mlp_out", "attn_out", "z"):
        options: dict[str, Any] = {"site": site, "layers": [2]}
        a = attribution_patching(subject, TEXT, OTHER, 5, **options)
        b = activation_patching(subject, TEXT, OTHER, 5, **options)
        exact = site in ("resid_post", "mlp_out")  # what attention adds goes through the MLP as well
        assert (error_of(a, b) < 1e-20) == exact


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_edges_are_the_derivative_of_their_masks(family: str) -> None:
    subject = double(family, "causal-lm")
    scores = edge_attribution(subject, TEXT, OTHER, Target(5, versus=7))
    graph, ids = scores.graph, subject.encode(OTHER).ids
    place = ids.shape[1] - 1
    clean = edges.run(subject, subject.encode(TEXT).ids, place)
    assert np.isnan(scores.scores[~graph.exists]).all() and np.isfinite(scores.scores[graph.exists]).all()
    step, tolerance = STEPS[family in ROUNDED]
    for name, writer in (("head 1.2 k", "head 0.0"), ("MLP 2", "MLP 0"), ("logits", "embeddings")):
        masks = torch.zeros(2, *graph.exists.shape, dtype=torch.float64)
        masks[(slice(None), *graph.index(name, writer))] = torch.tensor([step, -step]).double()
        with torch.no_grad():
            logits = edges.patched(subject, ids, place, clean.written, masks)
        found = float((logits[0] - logits[1])[5] - (logits[0] - logits[1])[7]) / (2 * step)
        assert found == pytest.approx(scores.scores[graph.index(name, writer)], abs=tolerance)


@pytest.mark.parametrize("family", DECODERS)
def test_a_head_s_edges_add_up_to_the_head(family: str) -> None:
    subject = double(family, "causal-lm")
    nodes = edge_attribution(subject, TEXT, OTHER, 5).nodes
    a = attribution_patching(subject, TEXT, OTHER, 5, site="z")
    found = [[nodes[f"head {layer}.{head}"] for head in range(4)] for layer in range(3)]
    np.testing.assert_allclose(found, a.values - a.corrupted, rtol=0, atol=2e-6)
    mlps = attribution_patching(subject, TEXT, OTHER, 5, site="mlp_out", axes=["layer"])
    np.testing.assert_allclose([nodes[f"MLP {i}"] for i in range(3)], mlps.values - mlps.corrupted, rtol=0, atol=2e-6)


def test_many_steps_see_the_whole_way() -> None:
    """The mean gradient along the way to the clean embeddings gives the embeddings all of the difference."""
    subject = double("gpt2", "causal-lm")
    scores = edge_attribution(subject, TEXT, OTHER, 5, steps=400)
    clean, corrupted = scores.values
    assert scores.nodes["embeddings"] == pytest.approx(clean - corrupted, abs=5e-3)
    assert edge_attribution(subject, TEXT, OTHER, 5).nodes["embeddings"] != pytest.approx(clean - corrupted, abs=5e-2)


def name_of(node: Any) -> str:
    """What we call one of TransformerLens' nodes."""
    head = f"head {node.layer}.{node.head}"
    return {
        "embed": "embeddings",
        "attn_head_out": head,
        "mlp_out": f"MLP {node.layer}",
        "q_input": f"{head} q",
        "k_input": f"{head} k",
        "v_input": f"{head} v",
        "mlp_in": f"MLP {node.layer}",
        "logits": "logits",
    }[node.kind]


def test_transformer_lens_estimates_the_same() -> None:
    subject = model_in(torch.float32, "gpt2", "causal-lm")
    ids = [subject.encode(text).ids for text in (TEXT, OTHER)]
    theirs = attribution_patch(
        to_transformer_lens(subject),
        ids[0],
        ids[1],
        lambda logits: logits[0, -1, 5] - logits[0, -1, 7],
        config=EdgeAttributionConfig(granularity="edge"),
    )
    ours = edge_attribution(subject, TEXT, OTHER, Target(5, versus=7))
    expected = np.where(ours.graph.exists, 0.0, np.nan)
    for (writer, reader), score in theirs.edge_scores.items():  # one for each token
        expected[ours.graph.index(name_of(reader), name_of(writer))] += score
    np.testing.assert_allclose(ours.scores, expected, rtol=0, atol=2e-6)
    assert np.nanmax(np.abs(expected)) > 0.01


@pytest.mark.parametrize(("family", "kind"), KINDS)
def test_several_sites_together_are_each_alone(family: str, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = double(family, kind)
    texts, every = pair(subject), sites.sites_of(subject)
    alone = [attribution_patching(subject, *texts, 1, site=site) for site in every]
    passes: list[int] = []
    real = type(subject).forward
    monkeypatch.setattr(type(subject), "forward", lambda *given, **options: passes.append(1) or real(*given, **options))
    together = attribution_maps(subject, *texts, 1, sites=every)
    assert len(passes) == 2
    for one, other in zip(alone, together, strict=True):
        assert (one.site, one.axes, one.names) == (other.site, other.axes, other.names)
        np.testing.assert_allclose(one.values, other.values, rtol=0, atol=1e-12)
    (by_place,) = attribution_maps(subject, *texts, 1, sites={"z": ("layer", "position", "head")})
    np.testing.assert_allclose(
        by_place.values, attribution_patching(subject, *texts, 1, site="z", axes=by_place.axes).values, atol=1e-12
    )
    with pytest.raises(OptionError, match="at least one"):
        attribution_maps(subject, *texts, 1, sites=())


def test_what_the_divergence_can_t_tell_is_refused() -> None:
    subject = double("gpt2", "causal-lm")
    with pytest.raises(OptionError, match="no gradient: denoise instead"):
        attribution_patching(subject, TEXT, OTHER, metric="kl", direction="noising")
    assert np.ptp(attribution_patching(subject, TEXT, OTHER, metric="kl").values) > 0


@pytest.mark.parametrize(("family", "kind"), KINDS)
def test_the_model_is_as_it_was(family: str, kind: Kind) -> None:
    def explain(subject: xai.TextModel, text: str, target: Any) -> None:
        attribution_patching(subject, *pair(subject), target, site="v")
        if kind == "causal-lm" and subject.architecture.decoder:
            edge_attribution(subject, *pair(subject), target)

    assert_leaves_untouched(model_in(torch.float32, family, kind), explain)


def test_bad_input_is_named() -> None:
    subject = double("gpt2", "causal-lm")
    with pytest.raises(AlignmentError, match="change words into others"):
        attribution_patching(subject, TEXT, "The cat")
    with pytest.raises(OptionError, match="site='zz'"):
        attribution_patching(subject, TEXT, OTHER, site="zz")
    with pytest.raises(OptionError, match="direction="):
        attribution_patching(subject, TEXT, OTHER, direction="sideways")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="steps"):
        edge_attribution(subject, TEXT, OTHER, steps=0)
    with pytest.raises(NoHeadError):
        edge_attribution(double("bert", "masked-lm"), TEXT, OTHER)
    with edited_attention(subject, evenly(subject, 1)), pytest.raises(OptionError, match="leave edited_attention"):
        edge_attribution(subject, TEXT, OTHER)
    a = attribution_patching(subject, TEXT, OTHER, 5)
    with pytest.raises(OptionError, match="the same texts, site"):
        error_of(a, activation_patching(subject, TEXT, OTHER, 6))
