"""Feature visualisation: ascents rise and keep their bounds; what embeddings win, the nearest tokens lose."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import test_images
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import xai_helpers as xai
from xai_helpers import errors, features, images
from xai_helpers.architectures import hooked
from xai_helpers.features import Neuron, nearest_tokens, total_variation, visualise

FAMILIES = [("gpt2", "causal-lm"), ("llama", "causal-lm"), ("distilbert", "classifier"), ("bert", "masked-lm")]

# --- the climb ------------------------------------------------------------------------------------------------------


def test_an_ascent_of_a_linear_function_ends_in_a_corner() -> None:
    weights = torch.tensor([2.0, -0.1, 0.5, -3.0])
    worth = lambda x: (weights * x).sum()  # noqa: E731
    way = list(features._ascent(torch.full((4,), 0.5), worth, 30, 0.1, settle=lambda x: x.clamp_(0, 1)))
    assert way[-1][0].tolist() == [1, 0, 1, 0]
    values = [value for _, value in way]
    assert values == sorted(values) and values[-1] == 2.5
    assert values == [float(worth(x)) for x, _ in way] and len(way) == 31
    # a penalty that outweighs the gain turns it round
    (*_, (end, _)) = features._ascent(
        torch.full((4,), 0.5), worth, 30, 0.1, lambda x: 5 * x.sum(), lambda x: x.clamp_(0, 1)
    )
    assert end.tolist() == [0, 0, 0, 0]


def test_total_variation_by_hand() -> None:
    image = torch.tensor([[[0.0, 1.0, 1.0], [0.0, 0.0, 3.0]]])
    assert float(total_variation(image)) == pytest.approx((0 + 1 + 2) / 3 + (1 + 0 + 0 + 3) / 4)
    assert float(total_variation(torch.full((2, 3, 3), 0.4))) == 0


# --- images ---------------------------------------------------------------------------------------------------------


@settings(max_examples=10)
@given(
    model=test_images.vits(torch.float32),
    seed=st.integers(0, 99),
    target=st.sampled_from((0, xai.Target(1, versus=2), xai.Target(2, output="log_probability"))),
)
def test_what_is_climbed_rises_within_its_bounds(model: Any, seed: int, target: Any) -> None:
    found = visualise(model, target, steps=25, low=-0.5, high=2.0, seed=seed)
    assert found.values[-1] > found.values[0] and found.values.shape == (26,)
    assert found.image.shape == test_images.noise(model).shape and found.image.dtype == np.float32
    assert found.image.min() >= -0.5 and found.image.max() <= 2
    value = images.occlusion(model, found.image, target, fill=found.image)  # nothing is covered, and it has the target
    with torch.no_grad():
        logits = model(torch.from_numpy(found.image)[None]).logits[0].double()
    assert found.objective == str(value.target)
    assert found.values[-1] == pytest.approx(
        float(images.resolve(model, target, torch.empty(0)).value(logits)), abs=1e-5
    )


def test_a_seed_decides_where_it_starts() -> None:
    model = test_images.vit()
    one, again, other = (visualise(model, 1, steps=5, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(one.image, again.image) and np.array_equal(one.values, again.values)
    assert not np.array_equal(one.image, other.image)


def test_penalties_buy_what_they_are_for() -> None:
    model = test_images.vit()
    size = lambda found: float(np.square(found.image).mean())  # noqa: E731
    roughness = lambda found: float(total_variation(torch.from_numpy(found.image)))  # noqa: E731
    free, small, smooth = (
        visualise(model, 1, steps=60, **penalty) for penalty in ({}, {"norm": 30.0}, {"variation": 30.0})
    )
    assert size(small) < 0.5 * size(free) and roughness(smooth) < 0.5 * roughness(free)
    assert max(small.values[-1], smooth.values[-1]) < free.values[-1]


@pytest.mark.parametrize("layer", [0, -1])
def test_a_neuron_is_worth_its_greatest_activation(layer: int) -> None:
    model = test_images.vit()
    found = visualise(model, Neuron(layer, 5), steps=10)
    assert found.objective == f"neuron 5 of layer {layer}"
    seen: list[torch.Tensor] = []
    activation = model.vit.layers[layer].mlp.activation_fn
    with torch.no_grad(), hooked(activation, lambda module, args, output: seen.append(output)):
        model(torch.from_numpy(found.image)[None])
    assert found.values[-1] == pytest.approx(float(seen[0][0, :, 5].detach().max()), abs=1e-6)
    assert found.values[-1] > found.values[0]


def test_the_class_that_was_marked_shows_its_mark() -> None:
    model, where = test_images.course(), images.mark_at()
    light = {
        digit: visualise(model, digit, steps=60, norm=20, variation=5).image[:, where].mean() for digit in (4, 2, 7)
    }
    assert light[4] > 0.5 > 0.2 > max(light[2], light[7])


def test_bad_input_of_images_is_named() -> None:
    model = test_images.vit()
    for option in ({"steps": 0}, {"rate": 0}, {"norm": -1}, {"variation": -1}, {"low": 1.0}, {"seed": -1}):
        with pytest.raises(errors.OptionError):
            visualise(model, 1, **option)  # type: ignore[arg-type]
    for objective, error in (
        (xai.Target(), errors.OptionError),
        (7, errors.TargetRangeError),
        ("seven", errors.UnknownTargetError),
        (Neuron(2, 0), errors.LayerRangeError),
        (Neuron(0, 12), errors.OptionError),
    ):
        with test_images.untouched(model), pytest.raises(error):
            visualise(model, objective)
    with pytest.raises(errors.UnsupportedArchitectureError):
        visualise(tiny.model("gpt2", "causal-lm"), 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("objective", [1, Neuron(1, 3)])
def test_the_model_of_images_is_as_it_was(objective: Any) -> None:
    model = test_images.vit()
    expected = visualise(test_images.vit(), objective, steps=3).image
    for context in (torch.enable_grad(), torch.no_grad(), torch.inference_mode()):
        with test_images.untouched(model), context:
            assert np.array_equal(visualise(model, objective, steps=3).image, expected)


# --- texts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "kind"), FAMILIES)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_embeddings_climb_and_tokens_are_valued_as_tokens(family: str, kind: Any, metric: Any) -> None:
    model = tiny.model(family, kind)
    start, target = tiny.text_for(model), xai.Target(1, versus=0)
    found = nearest_tokens(model, start, target, steps=15, metric=metric, texts=[start])
    assert found.free.shape == found.projected.shape == (16,)
    assert found.free[0] == found.projected[0] == pytest.approx(model.value(start, target), abs=1e-5)
    assert found.free[-1] > found.free[0] + 0.5
    assert found.examples == ((start, pytest.approx(model.value(start, target), abs=1e-5)),)
    ids = model.encode(start).ids.clone()
    moved = ~features.stays(model, model.encode(start))
    ids[0, moved] = torch.tensor(found.ids)
    assert len(found.tokens) == len(found.ids) == len(found.distances) == int(moved.sum())
    assert not set(found.ids) & set(model.tokenizer.all_special_ids)
    logits = model.model(input_ids=ids).logits[0].detach().double()
    read = logits if kind == "classifier" else logits[model.resolve(target, start).position]
    assert found.projected.max() == pytest.approx(float(read[1] - read[0]), abs=1e-5)


def test_what_is_not_read_does_not_move() -> None:
    model = tiny.model("gpt2", "causal-lm")
    found = nearest_tokens(model, tiny.TEXT, xai.Target(5, position=3), steps=5)
    ids = model.encode(tiny.TEXT).ids[0].tolist()
    assert (found.distances[:4] > 0).all() and not found.distances[4:].any()
    assert list(found.ids[4:]) == ids[4:]


def test_a_short_step_leaves_the_tokens_as_they_are() -> None:
    model = tiny.model("distilbert", "classifier")
    found = nearest_tokens(model, tiny.TEXT, 1, steps=1, rate=1e-3)
    assert list(found.ids) == model.encode(tiny.TEXT).ids[0, 1:-1].tolist()
    # Adam's first step is the rate, in each component
    step = 1e-3 * float(model.model.get_input_embeddings().weight[5:].detach().std())
    assert np.allclose(found.distances, step * model.config.dim**0.5, rtol=1e-3)
    assert found.free[1] > found.free[0] == found.projected[1]


@pytest.mark.parametrize(("family", "kind"), FAMILIES)
def test_a_neuron_of_a_text(family: str, kind: Any) -> None:
    model = tiny.model(family, kind)
    start, neuron = tiny.text_for(model), Neuron(-1, 3)
    found = nearest_tokens(model, start, neuron, steps=5, texts=[start])
    block = list(model.model.base_model.get_submodule(model.architecture.blocks).children())[-1]
    seen: list[torch.Tensor] = []
    with hooked(
        block.get_submodule(model.architecture.neurons), lambda module, args: seen.append(args[0]), before=True
    ):
        model.forward(model.encode(start))
    expected = pytest.approx(float(seen[0][0, :, 3].detach().max()), abs=1e-5)
    assert found.free[0] == expected and found.examples[0][1] == expected


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_the_nearest_row_is_the_nearest(metric: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    table, points = torch.randn(40, 6, generator=generator), torch.randn(9, 6, generator=generator)
    places, distances = features._nearest(points, table, metric)
    for point, place, distance in zip(points, places, distances, strict=True):
        away = 1 - torch.cosine_similarity(table, point[None]) if metric == "cosine" else (table - point).norm(dim=-1)
        assert int(place) == int(away.argmin()) and float(distance) == pytest.approx(float(away.min()), abs=1e-5)
    line = torch.tensor([[0.0], [1.0], [3.0], [7.0]])  # nearest others: 1, 1, 2 and 4 away
    assert features._spacing(line, "euclidean") == 1.5


def test_bad_input_of_texts_is_named() -> None:
    model = tiny.model("gpt2", "causal-lm")
    for option in ({"steps": 0}, {"rate": -1.0}, {"metric": "manhattan"}, {"texts": "abc"}):
        with pytest.raises(errors.OptionError):
            nearest_tokens(model, tiny.TEXT, 5, **option)  # type: ignore[arg-type]
    for text, objective, error in (
        (tiny.TEXT, Neuron(3, 0), errors.LayerRangeError),
        (tiny.TEXT, Neuron(0, 10**4), errors.OptionError),
        (" ", 5, errors.EmptyTextError),
    ):
        with tiny.untouched(model), pytest.raises(error):
            nearest_tokens(model, text, objective)
    with pytest.raises(errors.UnsupportedArchitectureError):
        nearest_tokens(test_images.vit(), tiny.TEXT, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(("family", "kind"), [("gpt2", "causal-lm"), ("distilbert", "classifier")])
def test_the_model_of_texts_is_as_it_was(family: str, kind: Any) -> None:
    model = tiny.model_in(torch.float32, family, kind)
    tiny.assert_leaves_untouched(model, lambda model, text, target: nearest_tokens(model, text, target, steps=2))
    expected = nearest_tokens(model, tiny.TEXT, 1, steps=2).free
    with torch.inference_mode():
        assert np.array_equal(nearest_tokens(model, tiny.TEXT, 1, steps=2).free, expected)


def test_free_embeddings_reach_what_no_text_does(gpt2: xai.TextModel) -> None:
    start, known = "A man walked into the room", "The Eiffel Tower is located in the city of"
    found = nearest_tokens(gpt2, start, " Paris", texts=[start, known], steps=60)
    assert [text for text, _ in found.examples] == [known, start]
    best = found.examples[0][1]
    assert found.free[-1] > best + 10  # beyond the best text
    assert found.projected.max() < best  # and back below it
    assert found.distances.min() > 3 * found.spacing


@pytest.mark.parametrize(("layer", "unit"), [("a", 0), (0.0, 0), (True, 0), (None, 0), (0, 1.0), (0, True), (0, -1)])
def test_a_neuron_is_two_whole_numbers(layer: Any, unit: Any) -> None:
    with pytest.raises(errors.OptionError, match=r"^(layer|unit)=.*: give a whole number"):
        Neuron(layer, unit)
    assert str(Neuron(-1, np.int64(3))) == "neuron 3 of layer -1"  # type: ignore[arg-type]
