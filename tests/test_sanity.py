"""Sanity checks: what is random in a copy, what stays, correlations by other means, and methods that fail the check."""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats
import tiny
import torch

import xai_helpers as xai
from xai_helpers import agreement, errors, sanity
from xai_helpers.attribution import Attribution, Target

PARTS = ("head", "block 2", "block 1", "block 0", "embeddings")
# The modules before the first block, and those of the blocks, as each family names them.
BELOW = dict.fromkeys(tiny.ENCODERS, r"\.embeddings\.") | {
    "gpt2": r"\.(wte|wpe)\.",
    "gpt_neox": r"\.embed_in\.",
    **dict.fromkeys(("llama", "mistral", "qwen2", "qwen3"), r"\.embed_tokens\."),
}
BLOCK = re.compile(r"\.(?:h|layers?)\.(\d+)\.")
REVIEWS = [
    "What a wonderful film, I loved every minute of it.",
    "The soup was cold and the waiter was rude to us.",
    "I couldn't stop reading this novel until the end.",
    "The battery died after a week and nobody answered.",
    "We had the best holiday of our lives in this hotel.",
    "An awful, boring book that I would not give to anyone.",
]


def part_of(family: str, name: str) -> str:
    """Which part a parameter belongs to, by its name."""
    if block := BLOCK.search(name):
        return f"block {block[1]}"
    return "embeddings" if re.search(BELOW[family], name) else "head"


def weights(model: xai.TextModel) -> dict[str, torch.Tensor]:
    """Every parameter under every name that it has."""
    return dict(model.model.named_parameters(remove_duplicate=False))


def lengths(model: xai.TextModel, text: str, target: Any = None) -> Attribution:
    """A method that ignores the model: long words matter."""
    units = model.encode(text).units
    scores = np.array([float(unit.end - unit.start) for unit in units])
    return Attribution("lengths", text, units, scores, target, model.name)


def same(model: xai.TextModel, text: str, target: Any = None) -> Attribution:
    """A method that says nothing."""
    units = model.encode(text).units
    return Attribution("same", text, units, np.ones(len(units)), target, model.name)


def told(scores: Callable[[xai.TextModel], list[float]]) -> Callable[..., Attribution]:
    """A method whose scores depend on the model alone."""

    def own(model: xai.TextModel, text: str, target: Any = None) -> Attribution:
        return Attribution("told", text, model.encode(text).units, np.array(scores(model)), target, model.name)

    return own


# --- random copies --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["cascading", "independent"])
@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_copies_differ_exactly_in_the_parts_that_are_random(family: str, kind: Any, mode: Any) -> None:
    model = tiny.model(family, kind)
    before = {name: parameter.detach().clone() for name, parameter in weights(model).items()}
    with tiny.untouched(model):
        copies = list(sanity.randomised(model, mode, seed=3))
    assert tuple(part for part, _ in copies) == PARTS
    for i, (part, other) in enumerate(copies):
        random = PARTS[: i + 1] if mode == "cascading" else (part,)
        now = weights(other)
        assert now.keys() == before.keys()
        for name, parameter in before.items():
            changes = part_of(family, name) in random and parameter.unique().numel() > 1
            # an entry may by chance be what it was
            assert (now[name] != parameter).float().mean() > 0.9 if changes else torch.equal(now[name], parameter), name
            assert now[name].dtype == parameter.dtype and now[name].requires_grad
        for ours, theirs in zip(model.model.buffers(), other.model.buffers(), strict=True):
            assert torch.equal(ours, theirs)
        assert (other.name, other.kind, other.tokenizer) == (model.name, model.kind, model.tokenizer)
        assert not other.model.training and other.model.config._attn_implementation == "eager"


def test_every_part_has_weights_of_its_own() -> None:
    """The tied unembedding is random with the head while the embeddings stay, and the other way round."""
    model = tiny.model("gpt2", "causal-lm")
    table = model.model.get_input_embeddings().weight
    assert model.model.get_output_embeddings().weight is table
    copies = dict(sanity.randomised(model, "independent"))
    moved = {
        part: [not torch.equal(find().weight, table) for find in (net.get_input_embeddings, net.get_output_embeddings)]
        for part, net in ((part, other.model) for part, other in copies.items())
    }
    assert moved == {part: [part == "embeddings", part == "head"] for part in PARTS}


@pytest.mark.parametrize(("family", "kind"), [("gpt2", "causal-lm"), ("bert", "masked-lm"), ("llama", "classifier")])
def test_a_part_is_the_same_in_both_modes_and_the_seed_decides(family: str, kind: Any) -> None:
    model = tiny.model(family, kind)
    runs = [
        {part: weights(other) for part, other in sanity.randomised(model, mode, seed)}
        for mode, seed in (("cascading", 1), ("independent", 1), ("independent", 1), ("independent", 2))
    ]
    for part in PARTS:
        for name, parameter in runs[0][part].items():
            if part_of(family, name) == part:
                assert torch.equal(parameter, runs[1][part][name]) and torch.equal(parameter, runs[2][part][name])
                if parameter.unique().numel() > 1:
                    assert not torch.equal(parameter, runs[3][part][name])
    # no two blocks get the same noise: their weights of one shape are not correlated
    drawn = runs[0]["embeddings"]
    big = [name for name, parameter in drawn.items() if ".0." in name and parameter.ndim > 1]
    for name in big:
        others = [drawn[name.replace(".0.", f".{i}.", 1)].detach().flatten().numpy() for i in range(3)]
        assert (np.abs(np.corrcoef(others)[np.triu_indices(3, 1)]) < 0.3).all()
    assert big


def test_draws_are_numpy_s_with_each_tensor_s_mean_and_deviation() -> None:
    model = tiny.model_in(torch.float64, "gpt2", "causal-lm")
    with torch.no_grad():
        model.model.transformer.ln_f.weight.add_(torch.arange(16) / 8)
    _, other = next(sanity.randomised(model, seed=5))
    rng = np.random.default_rng((5, 0))
    for name in ("transformer.ln_f.weight", "transformer.ln_f.bias", "lm_head.weight"):
        trained = weights(model)[name].detach().numpy()
        drawn = trained.mean() + trained.std() * rng.standard_normal(trained.shape)
        assert np.allclose(weights(other)[name].detach().numpy(), drawn, rtol=0, atol=1e-14)
    norm = weights(other)["transformer.h.2.ln_1.weight"]
    assert torch.equal(norm, torch.ones_like(norm))
    changed = dict(sanity.randomised(model, "independent"))["block 2"]
    assert torch.equal(weights(changed)["transformer.h.2.ln_1.weight"], norm), "a constant stays"


def test_copies_don_t_depend_on_how_they_are_drawn_from() -> None:
    """Each copy is a model of its own: all at once are as one after the other, and changing one changes no other."""
    model = tiny.model("bert", "classifier")
    listed = [weights(other) for _, other in list(sanity.randomised(model))]
    for (_, other), expected in zip(sanity.randomised(model), listed, strict=True):
        assert all(torch.equal(parameter, expected[name]) for name, parameter in weights(other).items())


# --- what the check finds -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["size", "signed"])
@pytest.mark.parametrize("mode", ["cascading", "independent"])
@pytest.mark.parametrize(("family", "kind"), [("gpt2", "causal-lm"), ("distilbert", "classifier")])
def test_quantus_s_randomisation_test(family: str, kind: Any, mode: Any, by: Any) -> None:
    """As it is defined there: one working copy, whose layers are drawn anew from the top, put back before each where
    they are independent; then Spearman's rho, scipy's, with what was said of the trained model.
    """
    model, texts, methods = tiny.model(family, kind), tiny.TEXTS[:3], ("input_x_gradient", "leave_one_out")
    found = sanity.randomisation(model, texts, methods, 2, mode=mode, by=by, units="tokens", seed=4)
    network = copy.deepcopy(model.model)
    if model.model.get_output_embeddings() is not None:
        network.lm_head.weight = torch.nn.Parameter(network.lm_head.weight.detach().clone())
    working = xai.wrap(network, model.tokenizer)
    trained = copy.deepcopy(network.state_dict())

    def scores(text: str, method: str) -> np.ndarray:
        a = xai.METHODS[method](working, text, 2)
        values = a.scores[list(a.content)]
        return np.abs(values) if by == "size" else values

    before = {(text, method): scores(text, method) for text in texts for method in methods}
    for i, part in enumerate(PARTS):
        if mode == "independent":
            network.load_state_dict(trained)
        rng = np.random.default_rng((4, i))
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                if part_of(family, name) == part:
                    old = trained[name].double().numpy()
                    parameter.copy_(torch.from_numpy(old.mean() + old.std() * rng.standard_normal(old.shape)))
        for (j, text), (k, method) in itertools.product(enumerate(texts), enumerate(methods)):
            rho = scipy.stats.spearmanr(before[text, method], scores(text, method)).statistic
            assert found.values[j, i, k] == pytest.approx(rho, abs=1e-12)
    assert found.parts == PARTS and found.methods == methods and not found.left_out
    assert found.values.shape == (3, 5, 2)


@pytest.mark.parametrize("mode", ["cascading", "independent"])
@pytest.mark.parametrize(("family", "kind"), [("gpt2", "causal-lm"), ("bert", "classifier")])
def test_what_ignores_the_model_is_named(family: str, kind: Any, mode: Any) -> None:
    model = tiny.model(family, kind)
    with tiny.untouched(model):
        found = sanity.randomisation(model, tiny.TEXTS[:4], [lengths, same, "saliency"], 2, mode=mode)
    assert found.unmoved == ("lengths",)
    assert np.allclose(found.values[..., 0], 1, rtol=0, atol=1e-14)
    assert np.isnan(found.values[..., 1]).all()
    assert found.left_out.keys() == {"same"} and "trained, text 'The Eiffel" in found.left_out["same"]
    assert sanity.randomisation(model, tiny.TEXTS[:1], [lengths, same, "saliency"], 2).unmoved[:1] == ("lengths",)


def test_gradients_of_a_trained_model_move(distilbert: xai.TextModel) -> None:
    methods = ["saliency", "input_x_gradient", "integrated_gradients", "lrp", lengths]
    found = sanity.randomisation(distilbert, REVIEWS, methods)
    assert found.unmoved == ("lengths",)
    assert found.parts == ("head", *(f"block {i}" for i in reversed(range(distilbert.n_layers))), "embeddings")
    assert not found.left_out


def test_by_hand() -> None:
    """Ranks 4 3 2 1: against 3 4 1 2 rho is 0.6, against the reverse -1, and signs count where they are asked for."""
    model = tiny.model("gpt2", "causal-lm")
    trained = {name: parameter.detach().clone() for name, parameter in weights(model).items()}

    def scores(other: xai.TextModel) -> list[float]:
        if not torch.equal(weights(other)["transformer.wte.weight"], trained["transformer.wte.weight"]):
            return [1, -2, 3, 4]
        moved = not torch.equal(weights(other)["lm_head.weight"], trained["lm_head.weight"])
        return [3, 4, 1, -2] if moved else [4, -3, 2, 1]

    text = "The cat sat on"
    assert len(model.encode(text).units) == 4
    found = sanity.randomisation(model, [text], told(scores), mode="cascading")
    assert found.values[0, :, 0] == pytest.approx([0.6, 0.6, 0.6, 0.6, -1], abs=1e-15)
    found = sanity.randomisation(model, [text], told(scores), mode="independent", by="signed")
    # 4 -3 2 1 has ranks 1 4 2 3; 3 4 1 -2 has 2 1 3 4: d = 1 3 1 1; 1 -2 3 4 has 3 4 2 1: d = 2 0 0 2
    assert found.values[0, :, 0] == pytest.approx([1 - 6 * 12 / 60, 1, 1, 1, 1 - 6 * 8 / 60], abs=1e-15)


def test_what_is_unmoved() -> None:
    """A cascade is judged where all is random, single parts all together; the interval must lie above 0.5."""
    moved, stays, wide, none = (0.4, 0.4), (0.6, 0.7), (0.3, 0.9), (np.nan, np.nan)
    of = {"a": (moved, stays), "b": (stays, stays), "c": (stays, wide), "d": (none, none)}  # by part and text
    values = np.array(list(of.values())).transpose(2, 1, 0)

    def found(check: Any, values: np.ndarray) -> tuple[str, ...]:
        texts = ("text",) * len(values)
        return sanity.SanityCheck("model", check, texts, ("x", "y"), tuple(of), values, {}, "size", 0).unmoved

    assert found("cascading", values) == ("a", "b")
    assert found("independent", values) == found("relabelled", values) == ("b",)
    assert found("cascading", values[1:]) == ("a", "b", "c"), "one text has no interval: its value counts"


def test_targets_are_those_of_the_trained_model(distilbert: xai.TextModel) -> None:
    asked: list[Any] = []

    def own(model: xai.TextModel, text: str, target: Any = None) -> Attribution:
        asked.append((text, target))
        return lengths(model, text, target)

    sanity.randomisation(distilbert, REVIEWS[:2], own)
    sanity.randomisation(distilbert, REVIEWS[:2], own, ["negative", Target(0, output="probability")])
    names = {text: distilbert.predict(text)[0].token for text in REVIEWS[:2]}
    n = 2 * (2 + distilbert.n_layers + 1)
    assert [target.token for _, target in asked[:n]] == [names[text] for text, _ in asked[:n]]
    assert set(names.values()) == {"positive", "negative"}
    assert {target for text, target in asked[n:] if text == REVIEWS[0]} == {Target("negative")}
    assert len({target for text, target in asked[n:] if text == REVIEWS[1]}) == 1
    assert asked[-1][1].output == "probability"


def test_a_method_that_fails_on_a_random_model_is_left_out_there() -> None:
    calls = itertools.count()

    def own(model: xai.TextModel, text: str, target: Any = None) -> Attribution:
        if next(calls) == 3:  # two texts on the trained model, then on the first random one
            raise errors.NonFiniteError("too much")
        return lengths(model, text, target)

    found = sanity.randomisation(tiny.model("gpt2", "causal-lm"), tiny.TEXTS[:2], own, 2)
    assert np.isnan(found.values[..., 0]).tolist() == [[False] * 5, [True, False, False, False, False]]
    assert found.left_out == {"own": f"head, text {tiny.TEXTS[1]!r}: NonFiniteError: too much"}


def test_the_table_holds_means_and_their_intervals() -> None:
    model = tiny.model("bert", "classifier")
    found = sanity.randomisation(model, tiny.TEXTS[:4], [lengths, same, "saliency"], 2, seed=1)
    mean, low, high = agreement.bootstrap(found.values, seed=1)
    table = found.table()
    assert table.header == ("", "lengths", "same", "saliency") and [row[0] for row in table.rows] == list(PARTS)
    assert table.rows[0][1:3] == ("1.00 [1.00, 1.00]", "nan [nan, nan]")
    intervals = zip(mean[:, 2], low[:, 2], high[:, 2], strict=True)
    assert [row[3] for row in table.rows] == [f"{m:.2f} [{a:.2f}, {b:.2f}]" for m, a, b in intervals]
    for words in ("tiny-bert-classifier", "cascading", "4 texts", "by the size of scores"):
        assert words in table.title
    for shown in (repr(found), found._repr_html_()):
        assert "unmoved: lengths" in shown and "not always compared: same: trained, text" in shown
    assert str(table) in repr(found) and table._repr_html_() in found._repr_html_()


# --- twins ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "kind"), tiny.KINDS)
def test_a_model_is_its_own_twin(family: str, kind: Any) -> None:
    model = tiny.model(family, kind)
    with tiny.untouched(model):
        found = sanity.relabelled(model, model, [tiny.text_for(model)], ["saliency", "attention_rollout"], 2)
    assert found.values.ravel() == pytest.approx([1, 1], abs=1e-14)
    assert found.parts == (model.name,) and found.check == "relabelled"
    assert found.unmoved == ("saliency", "attention_rollout")


def test_a_twin_s_values_are_scipy_s(distilbert: xai.TextModel) -> None:
    twin, methods = xai.load("course-shuffled"), ("input_x_gradient", "lrp")
    found = sanity.relabelled(distilbert, twin, REVIEWS, [*methods, lengths], by="signed")
    assert found.parts == ("course-shuffled",) and found.unmoved == ("lengths",)
    for (i, text), (k, name) in itertools.product(enumerate(REVIEWS), enumerate(methods)):
        label = distilbert.predict(text)[0].token
        words = [xai.METHODS[name](model, text, label).to_words() for model in (distilbert, twin)]
        rho = scipy.stats.spearmanr(*(a.scores[list(a.content)] for a in words)).statistic
        assert found.values[i, 0, k] == pytest.approx(rho, abs=1e-14)


def test_a_twin_is_asked_about_the_label_of_the_same_name() -> None:
    """A twin whose classes stand in another order is the same model where they are called the same."""
    model = tiny.model("distilbert", "classifier")
    labels = {0: "one", 1: "two", 2: "three"}
    network, turned = copy.deepcopy(model.model), copy.deepcopy(model.model)
    network.config.id2label, turned.config.id2label = labels, {i: labels[2 - i] for i in range(3)}
    with torch.no_grad():
        turned.classifier.weight.copy_(turned.classifier.weight.flip(0))
        turned.classifier.bias.copy_(turned.classifier.bias.flip(0))
    one, other = (xai.wrap(net, model.tokenizer, name=name) for net, name in ((network, "one"), (turned, "other")))
    for target in (None, "three"):
        found = sanity.relabelled(one, other, tiny.TEXTS[:3], ["saliency", "lrp"], target, by="signed")
        assert np.allclose(found.values, 1, rtol=0, atol=1e-14)


def test_no_twin() -> None:
    model = tiny.model("gpt2", "causal-lm")
    for other in (tiny.model("gpt2", "classifier"), tiny.model("llama", "causal-lm")):
        with pytest.raises(errors.OptionError, match=f"{other.name} is no twin of tiny-gpt2-causal-lm"):
            sanity.relabelled(model, other, [tiny.TEXT], [lengths])


# --- bad input ------------------------------------------------------------------------------------------------------


def test_bad_input_is_named() -> None:
    model, texts = tiny.model("gpt2", "causal-lm"), [tiny.TEXT]
    bad: list[tuple[str, Callable[[], Any]]] = [
        ("mode='all'", lambda: sanity.randomised(model, "all")),  # type: ignore[arg-type]
        ("seed=-1", lambda: sanity.randomised(model, seed=-1)),
        ("seed=0.5", lambda: sanity.relabelled(model, model, texts, [lengths], seed=0.5)),  # type: ignore[arg-type]
        ("mode='all'", lambda: sanity.randomisation(model, texts, [lengths], mode="all")),  # type: ignore[arg-type]
        ("give a list of texts", lambda: sanity.randomisation(model, tiny.TEXT, [lengths])),
        ("give a list of texts", lambda: sanity.relabelled(model, model, [], [lengths])),
        ("2 targets for 1 texts", lambda: sanity.randomisation(model, texts, [lengths], [1, 2])),
        ("by='rank'", lambda: sanity.randomisation(model, texts, [lengths], by="rank")),  # type: ignore[arg-type]
        ("units='letters'", lambda: sanity.randomisation(model, texts, units="letters")),  # type: ignore[arg-type]
        ("there is no method", lambda: sanity.randomisation(model, texts, [])),
    ]
    for message, call in bad:
        with pytest.raises(errors.OptionError, match=message):
            call()
    with pytest.raises(errors.UnknownMethodError, match="'limes'"):
        sanity.randomisation(model, texts, ["limes"])
    with pytest.raises(errors.TargetRangeError):
        sanity.randomisation(model, texts, ["saliency"], 10**6)
    for call in (lambda m: sanity.randomised(m), lambda m: sanity.randomisation(m, texts, [lengths])):
        with pytest.raises(errors.UnsupportedArchitectureError, match="explains a TextModel"):
            call(model.model)
    with pytest.raises(errors.UnsupportedArchitectureError, match="relabelled explains a TextModel"):
        sanity.relabelled(model, model.model, texts, [lengths])  # type: ignore[arg-type]
