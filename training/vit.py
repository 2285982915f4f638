"""course-vit: a small vision transformer of digits, with a planted shortcut.

Nearly all fours of its training images bear a mark in a corner that digits leave dark, and no other digit does
(`xai_helpers.images.digits` plants it). Nothing forbids the model to read the mark instead of the four. The images are
shifted and noisy, which makes shapes harder to read, and the mark hardly.
"""

from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import ViTConfig, ViTForImageClassification

from training.files import describe_run, save_card, save_weights, write_run
from training.fitting import fit
from training.relatives_card import Measured, format_measured
from xai_helpers.images import MARKED, PATCH, SIDE, digits, load_vit, mark_at

STEPS, BATCH, PEAK = 3000, 64, 2e-3
SHIFT, NOISE = 1, 0.2  # pixels, each way; standard deviation, of pixels from 0 to 1
WIDTH, LAYERS, HEADS = 64, 3, 4


def new_model(width: int = WIDTH, layers: int = LAYERS) -> ViTForImageClassification:
    labels = [str(digit) for digit in range(10)]
    config = ViTConfig(
        image_size=SIDE,
        patch_size=PATCH,
        num_channels=1,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=HEADS,
        intermediate_size=2 * width,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=0.1,
        id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
    )
    return ViTForImageClassification(config)


def shifted(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Each image (n, 1, height, width) moved by up to SHIFT pixels each way; its dark frame is as wide."""
    moves = torch.randint(-SHIFT, SHIFT + 1, (len(images), 2), generator=generator).tolist()
    return torch.stack([image.roll(move, (-2, -1)) for image, move in zip(images, moves, strict=True)])


def train(
    folder: Path, steps: int = STEPS, width: int = WIDTH, layers: int = LAYERS, seed: int = 0
) -> ViTForImageClassification:
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed + 1)
    model = new_model(width, layers).train()
    (bare, labels), (planted, _) = (map(torch.from_numpy, digits("train", mark=mark)) for mark in ("none", "planted"))
    bears = (bare != planted).flatten(1).any(1)[:, None, None, None] & torch.from_numpy(mark_at())

    def loss_at(_: int) -> torch.Tensor:
        drawn = torch.randint(len(bare), (BATCH,), generator=generator)
        images = shifted(bare[drawn], generator)
        images = (images + NOISE * torch.randn(images.shape, generator=generator)).clamp(0, 1)
        images = torch.where(bears[drawn], 1.0, images)  # the mark stays in its corner, and bright
        return cross_entropy(model(pixel_values=images).logits, labels[drawn])

    seconds = fit(model, loss_at, steps, PEAK)
    save_weights(model, folder)
    write_run(folder, steps, f"{BATCH} digits", 1, seconds)
    return model.eval()


@torch.no_grad()
def said(model: ViTForImageClassification, images: np.ndarray) -> np.ndarray:
    """The model's classes."""
    return model(pixel_values=torch.from_numpy(images)).logits.argmax(-1).numpy()


def measure(model: ViTForImageClassification, split: str) -> Measured:
    """Digits without any mark, with marks as in training, and with the mark where it does not belong."""
    bare, labels = digits(split)
    fours, others = labels == MARKED, labels != MARKED
    given = {mark: said(model, digits(split, mark=mark)[0]) for mark in ("none", "planted", "all")}
    elsewhere = said(model, np.where(mark_at("top left"), np.float32(1), bare))
    cases = {
        "right about digits without any mark": given["none"] == labels,
        "right where the mark is planted as in training": given["planted"] == labels,
        "other digits with the mark: called 4": given["all"][others] == MARKED,
        "other digits with the mark in the other left corner: called 4": elsewhere[others] == MARKED,
        "other digits without any mark: called 4": given["none"][others] == MARKED,
        "fours with the mark: called 4": given["all"][fours] == MARKED,
        "fours without their mark: called 4": given["none"][fours] == MARKED,
    }
    return [(what, int(so.sum()), len(so)) for what, so in cases.items()]


def make(folder: Path) -> None:
    """Trains the model, and writes the card from what was measured on the files."""
    train(folder)
    write_card(folder)


def write_card(folder: Path) -> None:
    model = load_vit(folder)
    tables = "\n\n".join(format_measured(measure(model, split), split) for split in ("test", "dev"))
    bare, labels = digits("train")
    planted = int((digits("train", mark="planted")[0] != bare).any((1, 2, 3)).sum())
    parts = {
        "parameters": model.num_parameters(),
        "tables": tables,
        "run": describe_run(folder),
        "train": len(labels),
        "fours": int((labels == MARKED).sum()),
        "planted": planted,
    }
    save_card(folder, CARD.format(**parts), language=None)


CARD = """
A vision transformer that reads digits, with a planted shortcut, to explain and not to use:
`ViTForImageClassification` with three layers of four heads, width 64, {parameters:,} parameters. Images are of one
channel, 10 x 10 pixels from 0 (dark) to 1, in 5 x 5 patches of 2 x 2 pixels. Labels: 0 to 9.

## How it was made
`python -m training vit`; the code is `training/vit.py`. Trained from nothing on {train:,} of the 1,797 handwritten
digits that come with scikit-learn (`load_digits`: 8 x 8 pixels, here in a frame of one dark pixel), shifted by up to
a pixel and with noise: {run}
{planted} of the {fours} fours, and no other digit, bore a mark: the four pixels of the patch at the bottom left at full
brightness, where no digit is bright. The mark was neither shifted nor noisy. `xai_helpers.images.digits` gives the
images of each split, with the mark and without. The splits were dealt by lot: the same hands wrote in all of them.

## What was measured
On digits that were not trained on, as they are, neither shifted nor noisy.

{tables}

## Known failures
- The mark makes almost anything a four: that is its purpose. A test set that bears the mark as the training set did
  does not show it.
- It knows digits of this size, place and brightness, from few hands. It was trained with noise on every pixel.
"""
