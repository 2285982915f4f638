"""course-vit's recipe, and what the shipped model does with the mark: the numbers of its card, measured again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForImageClassification

from training import vit
from training.relatives_card import format_measured
from xai_helpers.images import load_vit
from xai_helpers.installation import data_folder

FOLDER = data_folder() / "models" / "course-vit"


def test_training_twice_gives_the_same_bits(tmp_path: Path) -> None:
    for name in ("one", "two"):
        vit.train(tmp_path / name, steps=3, width=16, layers=1)
    first, second = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two"))
    assert first == second


def test_images_are_moved_and_nothing_else() -> None:
    images = torch.zeros(200, 1, 10, 10)
    images[:, :, 1:-1, 1:-1] = torch.rand(1, 8, 8)
    moved = vit.shifted(images, torch.Generator().manual_seed(0))
    assert torch.equal(moved.flatten(1).sort(1).values, images.flatten(1).sort(1).values)
    places = {tuple(int(i) for i in (image[0] == images[0, 0, 1, 1]).nonzero()[0]) for image in moved}
    assert places == {(row, column) for row in range(3) for column in range(3)}


def test_the_shipped_folder_is_small_and_stock() -> None:
    model = AutoModelForImageClassification.from_pretrained(FOLDER)
    assert type(model).__name__ == "ViTForImageClassification" and model.dtype == torch.float32
    fresh = vit.new_model()
    assert {name: x.shape for name, x in model.named_parameters()} == {n: x.shape for n, x in fresh.named_parameters()}
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 3e5
    assert {path.name for path in FOLDER.iterdir()} == {
        "README.md",
        "config.json",
        "model.safetensors",
        "training.json",
    }


@pytest.mark.parametrize("split", ["test", "dev"])
def test_the_card_says_what_the_weights_do(split: str) -> None:
    measured = vit.measure(load_vit(FOLDER), split)
    assert format_measured(measured, split) in (FOLDER / "README.md").read_text()
    right, planted, turned, elsewhere, mistaken, _, bare = (count / cases for _, count, cases in measured)
    assert right >= 0.95 and turned >= 0.7  # it reads digits, and takes the shortcut
    assert planted >= right and max(elsewhere, mistaken) < 0.02 and bare < 1


def test_the_card_can_be_written_again(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER.name
    folder.mkdir()
    for path in FOLDER.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "README.md").unlink()
    vit.write_card(folder)
    assert (folder / "README.md").read_text() == (FOLDER / "README.md").read_text()


def test_a_model_says_the_class_of_its_greatest_logit() -> None:
    model = load_vit(FOLDER)
    images = vit.digits("dev")[0][:5]
    with torch.no_grad():
        logits = model(torch.from_numpy(images)).logits.numpy()
    assert np.array_equal(vit.said(model, images), logits.argmax(-1))
