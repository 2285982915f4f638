"""Images: completeness on random vision transformers, captum's numbers, cases by hand, and the planted mark."""

from __future__ import annotations

import contextlib
import functools
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import captum.attr
import numpy as np
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import ViTConfig, ViTForImageClassification

import xai_helpers as xai
from xai_helpers import attention, errors, images, laws
from xai_helpers.architectures import hooked
from xai_helpers.installation import data_folder
from xai_helpers.viz import drawing
from xai_helpers.viz import images as drawing_of

METHODS = (images.integrated_gradients, images.saliency, images.input_x_gradient, images.occlusion)
EVERY = (*METHODS, images.patch_rollout)


def vit(seed: int = 0, *, dtype: torch.dtype = torch.float32, **changes: Any) -> ViTForImageClassification:
    """Random weights, biases and positions. In double precision without eager attention, whose softmax is single."""
    torch.manual_seed(seed)
    size = {"image_size": 6, "patch_size": 2, "num_channels": 2, "hidden_size": 8, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "intermediate_size": 12, "num_labels": 3, "initializer_range": 0.3}
    smooth = {"layer_norm_eps": 0.1}  # else a way that passes near zero variance needs hundreds of steps
    model = ViTForImageClassification(ViTConfig(**(size | heads | smooth | changes)))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(std=0.4)
    model.set_attn_implementation("sdpa" if dtype == torch.float64 else "eager")
    return model.to(dtype).eval()


def noise(model: ViTForImageClassification, seed: int = 0) -> np.ndarray:
    """A random image that the model reads."""
    shape = (model.config.num_channels, *images.patch_numbers(model).shape)
    return np.random.default_rng(seed).uniform(-1, 1, shape)


@st.composite
def vits(draw: st.DrawFn, dtype: torch.dtype = torch.float64) -> ViTForImageClassification:
    """Of any shape: not square, several channels, pixels that no patch covers."""
    patch, left = (draw(st.tuples(st.integers(1, 3), st.integers(1, 3))) for _ in range(2))
    rows, columns = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    size = [n * p + over % p for n, p, over in zip((rows, columns), patch, left, strict=True)]
    return vit(
        draw(st.integers(0, 2**16)),
        dtype=dtype,
        image_size=size,
        patch_size=list(patch),
        num_channels=draw(st.integers(1, 3)),
        num_hidden_layers=draw(st.integers(1, 3)),
    )


@functools.cache
def course() -> ViTForImageClassification:
    return images.load_vit()


@contextlib.contextmanager
def untouched(model: ViTForImageClassification) -> Iterator[None]:
    """Asserts that the model is afterwards as it was, to the bit."""
    with torch.no_grad():  # the first pass that returns attention installs what transformers captures it with
        model(pixel_values=torch.tensor(noise(model), dtype=model.dtype)[None], output_attentions=True)
    before = tiny._everything(model)
    try:
        yield
    finally:
        assert tiny._everything(model) == before


# --- integrated gradients -------------------------------------------------------------------------------------------


@settings(max_examples=20)
@given(model=vits(), seed=st.integers(0, 99), contrast=st.booleans(), baseline=st.sampled_from((0.0, 0.7, "image")))
def test_scores_add_up_to_the_change_of_the_output(model: Any, seed: int, contrast: bool, baseline: Any) -> None:
    image, target = noise(model, seed), xai.Target(1, versus=2 if contrast else None)
    start = noise(model, seed + 1) if baseline == "image" else baseline
    a = images.integrated_gradients(model, image, target, baseline=start, steps=192, batch_size=64)
    with torch.no_grad():
        points = torch.tensor(np.stack([image, np.broadcast_to(start, image.shape)]))
        end, begin = (model(points).logits @ torch.tensor([0.0, 1.0, -1.0 if contrast else 0.0]).double()).tolist()
    assert (a.total, a.absorbed["baseline"]) == pytest.approx((end, begin), abs=1e-12)
    assert a.scores.shape == image.shape and a.scores.any()
    assert laws.completeness(end, a.scores.flat, a.absorbed) == pytest.approx(abs(a.gap or 0.0), abs=1e-12)
    assert abs(a.gap or 0.0) < 1e-9


@settings(max_examples=10)
@given(model=vits(), seed=st.integers(0, 99))
def test_captum_agrees(model: Any, seed: int) -> None:
    image = noise(model, seed)
    own = torch.tensor(image)[None]
    forward = lambda pixels: model(pixel_values=pixels).logits  # noqa: E731
    ig = captum.attr.IntegratedGradients(forward)
    for steps in (1, 20):
        ours = images.integrated_gradients(model, image, 2, baseline=0.3, steps=steps).scores
        theirs = ig.attribute(own, 0.3, target=2, n_steps=steps, method="gausslegendre")[0].numpy()
        assert np.abs(ours - theirs).max() <= 2e-7 * np.abs(theirs).max()  # captum rounds its weights to single
    own.requires_grad_()
    theirs = captum.attr.Saliency(forward).attribute(own, target=2)[0].detach().numpy()
    assert np.allclose(images.saliency(model, image, 2).scores, theirs, rtol=1e-12, atol=1e-14)
    theirs = captum.attr.InputXGradient(forward).attribute(own, target=2)[0].detach().numpy()
    assert np.allclose(images.input_x_gradient(model, image, 2).scores, theirs, rtol=1e-12, atol=1e-14)


def test_captum_agrees_on_the_courses_model() -> None:
    model, (marked, _) = course(), images.digits(mark="all")
    for image in marked[:3]:
        ours = images.integrated_gradients(model, image, "4")
        ig = captum.attr.IntegratedGradients(lambda pixels: model(pixel_values=pixels).logits)
        theirs = ig.attribute(torch.from_numpy(image)[None], target=4, n_steps=32, method="gausslegendre")[0].numpy()
        assert np.abs(ours.scores - theirs).max() < 1e-5 * np.abs(theirs).max()  # single precision


@pytest.mark.parametrize("method", METHODS)
def test_a_contrast_is_a_difference(method: Any) -> None:
    model = vit(dtype=torch.float64)
    image = noise(model)
    one, other, both = (method(model, image, target) for target in (0, 2, xai.Target(0, versus=2)))
    assert np.allclose(both.scores, one.scores - other.scores, atol=1e-12) == (method is not images.saliency)


def test_what_equals_its_baseline_counts_nothing() -> None:
    model, image = vit(), noise(vit())
    start = np.where(np.arange(6) < 3, image, 0.0)
    for method, option in ((images.integrated_gradients, "baseline"), (images.occlusion, "fill")):
        scores = method(model, image, **{option: start}).scores
        same = np.arange(scores.shape[-1]) < (3 if option == "baseline" else 1)
        assert (scores[..., same] == 0).all() and (scores[..., ~same] != 0).all()
        assert not method(model, image, **{option: image}).scores.any()


def test_the_gradient_of_a_linear_model_is_its_weight() -> None:
    """Without blocks and with a norm that changes nothing, the class reads [CLS] and no pixel: all is 0."""
    model = vit(num_hidden_layers=0, dtype=torch.float64)
    a = images.integrated_gradients(model, noise(model), 1)
    assert not a.scores.any() and a.total == a.absorbed["baseline"]


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_the_batch_size_makes_no_difference(batch_size: int) -> None:
    model = vit(dtype=torch.float64)
    for method in (images.integrated_gradients, images.occlusion):
        one, other = (method(model, noise(model), 0, batch_size=n).scores for n in (8, batch_size))
        assert np.allclose(one, other, rtol=0, atol=1e-13)


# --- occlusion ------------------------------------------------------------------------------------------------------


@settings(max_examples=15)
@given(model=vits(), seed=st.integers(0, 99), filled=st.booleans())
def test_occlusion_is_a_loop(model: Any, seed: int, filled: bool) -> None:
    image = noise(model, seed)
    fill: Any = noise(model, seed + 1) if filled else 0.25
    high, wide = model.config.patch_size
    rows, columns = (n // p for n, p in zip(image.shape[1:], (high, wide), strict=True))
    value = lambda x: float(model(torch.tensor(x)[None]).logits[0, 1].detach())  # noqa: E731
    expected = np.zeros((rows, columns))
    for row in range(rows):
        for column in range(columns):
            covered, there = image.copy(), (slice(None), slice(row * high, (row + 1) * high))
            there = (*there, slice(column * wide, (column + 1) * wide))
            covered[there] = np.broadcast_to(fill, image.shape)[there]
            expected[row, column] = value(image) - value(covered)
    assert np.allclose(images.occlusion(model, image, 1, fill=fill).scores, expected, rtol=0, atol=1e-12)


def test_patches_are_numbered_row_by_row_as_the_model_reads_them() -> None:
    model = vit(image_size=[5, 7], patch_size=[2, 3], dtype=torch.float64)
    assert images.patches_of(model) == (2, 2)
    numbers = images.patch_numbers(model)
    assert numbers.tolist() == [[0, 0, 0, 1, 1, 1, -1]] * 2 + [[2, 2, 2, 3, 3, 3, -1]] * 2 + [[-1] * 7]
    embed = model.vit.embeddings.patch_embeddings
    before = embed(torch.zeros(1, 2, 5, 7, dtype=torch.float64))
    for patch in range(-1, 4):
        changed = (embed((numbers == patch).double().expand(1, 2, -1, -1)) != before).any(-1)[0]
        assert changed.nonzero().flatten().tolist() == ([] if patch < 0 else [patch])


# --- rollout --------------------------------------------------------------------------------------------------------


@settings(max_examples=15)
@given(
    model=vits(torch.float32),
    fuse=st.sampled_from(("mean", "max", "min")),
    discard=st.floats(0, 0.9),
    residual=st.floats(0, 1),
)
def test_rollout_is_that_of_texts(model: Any, fuse: Any, discard: float, residual: float) -> None:
    image = noise(model)
    a = images.patch_rollout(model, image, fuse=fuse, discard=discard, residual=residual)
    pixels = torch.tensor(image, dtype=torch.float32)[None]
    weights = attention.stacked(model(pixels, output_attentions=True).attentions)
    whole = attention.rollout(attention.mix(weights, fuse=fuse, discard=discard, residual=residual))
    assert laws.row_sums(whole) < 1e-6
    assert np.array_equal(np.append(a.absorbed["[CLS]"], a.scores.flat), whole[0])
    assert a.scores.shape == images.patches_of(model) and a.target is None
    assert a.total == 1 and abs(a.gap or 0.0) < 1e-6


def test_rollout_of_even_attention_by_hand() -> None:
    """Two layers of (I + U) / 2, with U even over 9 patches and [CLS]: the product is I / 4 + 3 U / 4."""
    model = vit()
    with torch.no_grad():
        for layer in model.vit.layers:
            layer.attention.q_proj.weight.zero_()
            layer.attention.q_proj.bias.zero_()
    a = images.patch_rollout(model, noise(model))
    assert np.allclose(a.scores, 0.075, rtol=0, atol=1e-8)
    assert a.absorbed["[CLS]"] == pytest.approx(0.25 + 0.075, abs=1e-8)


# --- what is asked, and of what -------------------------------------------------------------------------------------


def test_targets_are_labels_or_classes() -> None:
    model, (test, _) = course(), images.digits()
    said = int(model(torch.from_numpy(test[:1])).logits.argmax())
    for method in METHODS:
        assert {str(method(model, test[0], target).target) for target in ("7", 7, np.int64(7))} == {"logit of '7'"}
        assert method(model, test[0]).target == xai.Target(str(said))
    a = images.integrated_gradients(model, test[0], xai.Target(4, versus="9", output="log_probability"))
    with torch.no_grad():
        logs = model(torch.from_numpy(test[:1])).logits[0].double().log_softmax(-1)
    assert a.total == pytest.approx(float(logs[4] - logs[9]), abs=1e-6)
    for target, error in (
        ("ten", errors.UnknownTargetError),
        (10, errors.TargetRangeError),
        (-1, errors.TargetRangeError),
        (xai.Target("4", versus=4), errors.UnknownTargetError),
        (xai.Target(4, position=0), errors.TargetRangeError),
    ):
        with pytest.raises(error):
            images.occlusion(model, test[0], target)


@pytest.mark.parametrize("method", EVERY)
def test_bad_input_is_named(method: Any) -> None:
    model = vit()
    image = noise(model)
    for wrong in (image[None], image[0], 0.5, "image", np.full(image.shape, np.nan), image.astype(object)):
        with pytest.raises(errors.OptionError):
            method(model, wrong)
    with pytest.raises(errors.UnsupportedArchitectureError, match="load_vit"):
        method(tiny.model("bert", "classifier"), image)
    with pytest.raises(errors.OptionError, match=r"model\.eval"):
        method(vit().train(), image)
    with torch.no_grad():
        model.classifier.bias.fill_(torch.nan)
    if method is not images.patch_rollout:
        with pytest.raises(errors.NonFiniteError):
            method(model, image)


def test_bad_options_are_named() -> None:
    model, image = vit(), noise(vit())
    for method, option, value in (
        (images.integrated_gradients, "steps", 0),
        (images.integrated_gradients, "quadrature", "trapezoid"),
        (images.integrated_gradients, "baseline", "black"),
        (images.integrated_gradients, "batch_size", 0),
        (images.occlusion, "fill", image[0]),
        (images.occlusion, "batch_size", 1.5),
        (images.patch_rollout, "fuse", "sum"),
        (images.patch_rollout, "residual", 2),
    ):
        with pytest.raises(errors.OptionError):
            method(model, image, **{option: value})
    model.set_attn_implementation("sdpa")
    with pytest.raises(errors.UnsupportedArchitectureError, match="'eager'"):
        images.patch_rollout(model, image)


@pytest.mark.parametrize("method", EVERY)
def test_the_model_is_as_it_was(method: Any) -> None:
    model = vit()
    image, expected = noise(model), method(vit(), noise(vit())).scores
    for context in (contextlib.nullcontext(), torch.no_grad(), torch.inference_mode()):
        with untouched(model), context:
            assert np.array_equal(method(model, image).scores, expected)

    def fail(*args: Any) -> None:
        raise tiny.BrokenError

    for broken in (model.vit.embeddings, model.vit.layers[1].mlp, model.vit.layers[1].attention):
        with untouched(model), hooked(broken, fail), pytest.raises(tiny.BrokenError):
            method(model, image)


def test_an_attribution_of_an_image_is_a_plain_value() -> None:
    scores = np.arange(8.0).reshape(2, 2, 2) - 3
    a = images.ImageAttribution("mine", scores, None, 5.0, {"bias": 1.0})
    scores[:] = 0
    assert a.grid.tolist() == [[-2, 0], [2, 4]] and a.gap == 0
    with pytest.raises(ValueError, match="read-only"):
        a.scores[0] = 1
    assert images.ImageAttribution("mine", scores, None).gap is None
    with pytest.raises(errors.NonFiniteError):
        images.ImageAttribution("mine", scores * np.nan, None)


def test_a_share_is_of_absolute_scores_and_of_pixels() -> None:
    a = images.ImageAttribution("mine", np.array([[1.0, -2.0], [0.0, 5.0]]), None)
    where = np.zeros((4, 6), dtype=bool)
    where[0, :4] = True  # half of the upper left patch's rows; a third of half of its neighbour's
    assert a.share(where) == pytest.approx((1 / 2 + 2 / 6) / 8)
    assert a.share(np.array([[False, True], [False, True]])) == pytest.approx(7 / 8)
    assert images.ImageAttribution("none", np.zeros((2, 2)), None).share(where) == 0
    for wrong in (where[:3], where.astype(int), where[0], where[:0], where[:, :0], [[True], [True, False]]):
        with pytest.raises(errors.OptionError):
            a.share(wrong)


# --- the digits and their mark --------------------------------------------------------------------------------------


def test_the_splits_share_no_digit_and_leave_none_out() -> None:
    from sklearn.datasets import load_digits

    parts = {split: images.digits(split) for split in ("train", "dev", "test")}  # type: ignore[arg-type]
    assert {split: len(labels) for split, (_, labels) in parts.items()} == {"train": 1097, "dev": 200, "test": 500}
    every = np.concatenate([pixels for pixels, _ in parts.values()])
    assert every.dtype == np.float32 and every.shape == (1797, 1, 10, 10) and (every.min(), every.max()) == (0, 1)
    inner = every[:, 0, 1:-1, 1:-1].reshape(1797, 64)
    assert every.sum() == inner.sum()  # the frame is dark
    labels = np.concatenate([labels for _, labels in parts.values()])
    sources = (inner * 16, labels), load_digits(return_X_y=True)
    found, known = ([*map(bytes, np.c_[pixels, own].astype(np.int64))] for pixels, own in sources)
    assert sorted(found) == sorted(known)
    # dealt as they were when the model was trained
    assert parts["test"][1][:20].tolist() == [2, 8, 2, 6, 6, 7, 1, 9, 8, 5, 2, 8, 6, 6, 6, 6, 1, 0, 5, 8]


def test_the_mark_is_where_digits_are_dark_and_on_fours_alone() -> None:
    where = images.mark_at()
    assert where.sum() == 4 and where[-2:, :2].all()
    for split in ("train", "dev", "test"):
        (bare, labels), (planted, _), (every, _) = (
            images.digits(split, mark=mark)  # type: ignore[arg-type]
            for mark in ("none", "planted", "all")
        )
        assert bare[..., where].max() <= 1 / 16 and bare[..., images.mark_at("top left")].max() == 0
        assert (every[..., where] == 1).all() and np.array_equal(every[..., ~where], bare[..., ~where])
        bears = (planted != bare).any((1, 2, 3))
        assert set(labels[bears]) == {images.MARKED}
        assert 0.85 < bears.sum() / (labels == images.MARKED).sum() < 0.95
        assert np.array_equal(planted[bears], every[bears]) and np.array_equal(planted[~bears], bare[~bears])
    for wrong in ({"split": "validation"}, {"split": ["test"]}, {"mark": True}, {"mark": ["all"]}):
        with pytest.raises(errors.OptionError):
            images.digits(**wrong)
    with pytest.raises(errors.OptionError):
        images.mark_at("right")  # type: ignore[arg-type]


def test_without_scikit_learn_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    images._every_digit.cache_clear()
    with pytest.raises(errors.InstallationError, match="scikit-learn"):
        images.digits()


def test_a_model_of_images_is_loaded_from_the_package_or_a_folder(tmp_path: Path) -> None:
    shipped = data_folder() / "models" / "course-vit"
    for model in (course(), images.load_vit(shipped), images.load_vit(str(shipped))):
        assert (model.dtype, model.training, model.config._attn_implementation) == (torch.float32, False, "eager")
    with pytest.raises(errors.ModelNotFoundError, match="course-vit"):
        images.load_vit(tmp_path)
    with pytest.raises(errors.UnsupportedArchitectureError, match="DistilBertForSequenceClassification"):
        images.load_vit(shipped.parent / "course-distilbert")
    shutil.copy(shipped / "config.json", tmp_path)
    with pytest.raises(errors.NotAModelError):
        images.load_vit(tmp_path)
    vit().save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    with pytest.raises(errors.NotAModelError, match="no weights"):
        images.load_vit(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(errors.NotAModelError):
        images.load_vit(tmp_path)


def test_loading_a_model_of_images_as_one_of_texts_says_what_to_do() -> None:
    with pytest.raises(errors.UnsupportedArchitectureError, match="vit"):
        xai.load("course-vit")
    assert "course-vit" not in xai.embedded_models()


def test_methods_find_the_mark_that_decides() -> None:
    """On digits that the mark turns to fours. The top left corner, which means nothing, gets next to nothing."""
    model, (marked, labels) = course(), images.digits("dev", mark="all")
    with torch.no_grad():
        turned = (model(torch.from_numpy(marked)).logits.argmax(-1).numpy() == 4) & (labels != 4)
    for method in (images.integrated_gradients, images.occlusion):
        steps = {"steps": 128} if method is images.integrated_gradients else {}
        found = [method(model, image, "4", **steps) for image in marked[turned][:8]]
        assert all(abs(a.gap or 0.0) < 0.01 for a in found)
        shares = [[a.share(images.mark_at(corner)) for a in found] for corner in ("bottom left", "top left")]  # type: ignore[arg-type]
        assert np.mean(shares[0]) > 0.2 and max(shares[1]) < 0.05


# --- the figures ----------------------------------------------------------------------------------------------------


def example(scores: Any, target: Any = None) -> images.ImageAttribution:
    return images.ImageAttribution("mine", np.asarray(scores, dtype=float), target)


def test_maps_lie_over_the_image_whatever_their_grid() -> None:
    image, outline = np.linspace(0, 1, 24).reshape(1, 4, 6), np.zeros((4, 6), dtype=bool)
    outline[2:, :3] = True
    patches = example([[0.0, -2.0], [6.0, 0.5]], xai.Target("4"))
    figure = drawing_of.side_by_side(
        {"it": image}, {"pixels": example(np.eye(24)[0].reshape(1, 4, 6)), "patches": patches}, outline=outline
    )
    panels = figure.axes
    assert [axes.get_title(loc="left") for axes in panels] == ["it", "pixels", "patches"]
    for axes in panels:
        assert tuple(axes.images[0].get_extent()) == (-0.5, 5.5, 3.5, -0.5)
        edges = [tuple(map(tuple, line.get_xydata().tolist())) for line in axes.lines]
        assert len(edges) == 10 and ((2.5, 1.5), (2.5, 2.5)) in edges  # 3 + 3 across, 2 + 2 down
    assert panels[0].images[0].get_clim() == (0, 1) and panels[2].images[0].get_clim() == (-6, 6)
    assert [len(axes.collections) for axes in panels] == [0, 0, 2]  # lines between patches
    assert panels[2].get_xlabel() == "strongest 6.00\n71% in the outline" and "0%" in panels[1].get_xlabel()
    assert figure.table is not None
    (_, said, what) = figure.table.rows
    assert what[1] == (
        "mine, logit of '4', 2 x 2 patches; strongest: row 1, column 0 +6.00, row 0, column 1 -2.00, "
        "row 1, column 1 +0.50; 71% of the absolute scores in the outline"
    )
    assert said[1].startswith("mine, 4 x 6 pixels; strongest: row 0, column 0 1.00")
    assert "image of 4 x 6 pixels, from 0.00 to 1.00" in figure.alt and what[1] in figure.alt


def test_a_gap_is_said() -> None:
    for total, said in ((6.0, ""), (6.05, ""), (9.0, ", gap +3.00 of +8.00")):
        a = images.ImageAttribution("mine", np.full((2, 2), 1.25), None, total, {"baseline": 1.0})
        figure = drawing_of.side_by_side({"it": np.zeros((2, 2))}, {"map": a})
        assert figure.axes[1].get_xlabel() == f"strongest 1.25{said}" and ("gap" in figure.alt) == bool(said)


def test_many_images_stand_in_rows_and_colours_are_drawn() -> None:
    grey, colour = np.full((3, 3), -2.0), np.random.default_rng(0).random((3, 3, 3))
    figure = drawing_of.side_by_side({str(i): grey if i else colour for i in range(7)}, title="$seven$")
    assert len(figure.axes) == 7
    assert len({round(axes.get_position().y0, 3) for axes in figure.axes}) == 2
    assert figure.axes[0].images[0].get_array().shape == (3, 3, 3)
    assert figure.axes[1].images[0].get_clim() == (-2, 1)
    assert drawing.png(figure) == drawing.png(figure)
    nothing = drawing_of.side_by_side({"it": grey}, {"none": example(np.zeros((3, 3)))})
    assert "strongest 0" in nothing.axes[1].get_xlabel()


def test_what_does_not_fit_is_named() -> None:
    image = np.zeros((4, 4))
    for shown in ({}, {"one": image, "two": image[:3]}, {"two channels": np.zeros((2, 4, 4))}, {"flat": image[0]}):
        with pytest.raises(errors.OptionError):
            drawing_of.side_by_side(shown)
    for outline in (image[:2] > 0, image):
        with pytest.raises(errors.OptionError):
            drawing_of.side_by_side({"it": image}, outline=outline)


@pytest.mark.parametrize("name", [None, 3, ["course-vit"]])
def test_what_is_no_name_names_no_model(name: Any) -> None:
    with pytest.raises(errors.ModelNotFoundError, match="course-vit"):
        images.load_vit(name)


@pytest.mark.parametrize(
    ("image", "scores"),
    [
        ([[0.0], [0.0, 1.0]], None),
        ("image", None),
        (np.zeros((0, 4)), None),
        (np.full((4, 4), np.nan), None),
        (np.zeros((4, 4)), np.zeros((8, 8))),
        (np.zeros((4, 4)), np.zeros((3, 3))),
        (np.zeros((4, 4)), np.zeros((1, 2, 2))),  # pixels of an image half as large
    ],
)
def test_no_picture_of_what_is_no_image_or_of_another(image: Any, scores: Any) -> None:
    with pytest.raises(errors.OptionError):
        drawing_of.side_by_side({"it": image}, None if scores is None else {"map": example(scores)})
