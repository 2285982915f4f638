"""Which pixels made a vision transformer say so?

The methods of the other chapters on a stock `ViTForImageClassification` (Dosovitskiy et al., 2021, "An Image is Worth
16x16 Words") and one image. The mathematics is the same, and so are the functions: `path_integral` of `gradients`, and
`mix` and `rollout` of `attention`, take arrays and know nothing of texts. A ViT reads patches as a text model reads
tokens, behind a [CLS] token from which the class is read.

`course-vit` was trained on digits of which nearly all fours bore a mark in a corner, as horses once bore a
photographer's signature (Lapuschkin et al., 2019, "Unmasking Clever Hans predictors and assessing what machines really
learn"). `digits` gives the images, with the mark and without: where it lies is known, to the pixel.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from safetensors import SafetensorError
from transformers import AutoConfig, PretrainedConfig, ViTForImageClassification

from . import checks
from .attention import Fusion, mix, rollout, stacked
from .attribution import Target
from .errors import (
    InstallationError,
    ModelNotFoundError,
    NonFiniteError,
    NotAModelError,
    OptionError,
    TargetRangeError,
    UnknownTargetError,
    UnsupportedArchitectureError,
)
from .gradients import Quadrature, path_integral
from .installation import INSTALL, data_folder
from .models import quiet
from .targets import ResolvedTarget

Split = Literal["train", "dev", "test"]
Mark = Literal["none", "planted", "all"]
Corner = Literal["bottom left", "top left"]
HELD_OUT: dict[Split, int] = {"test": 500, "dev": 200}  # of 1,797 digits; the others are for training
FRAME = 1  # dark pixels around the 8 x 8 of a digit
SIDE, PATCH = 8 + 2 * FRAME, 2
MARKED, MARKED_SHARE = 4, 0.9  # the class whose images bear the mark, and the share of them that do
BATCH = 8  # images in one pass: 1.7 GB for a ViT of 12 layers, width 768 and 197 tokens, with its gradient

# --- the images -----------------------------------------------------------------------------------------------------


def digits(split: Split = "test", *, mark: Mark = "none") -> tuple[np.ndarray, np.ndarray]:
    """Handwritten digits, each in a dark frame: float32 (n, 1, 10, 10) from 0, dark, to 1; and labels, int64 (n,).

    They are scikit-learn's 1,797 (Alpaydin & Kaynak, 1998, "Optical Recognition of Handwritten Digits"), which come
    with it. split: "train" (1,097 digits), "dev" (200) or "test" (500), dealt by lot and always the same. mark: which
    images bear it: "none"; "planted", nine tenths of the fours, as course-vit was trained on them; or "all". Raises
    OptionError, and InstallationError without scikit-learn.
    """
    if mark not in ("none", "planted", "all"):
        raise OptionError(f"mark={mark!r}: choose 'none', 'planted' or 'all'")
    images, labels = _every_digit()
    drawn = np.random.RandomState(0)  # the one generator of numpy's whose numbers never change
    chosen = _dealt(drawn.permutation(len(labels)), split)
    planted = (labels == MARKED) & (drawn.random_sample(len(labels)) < MARKED_SHARE)
    bears = {"none": np.zeros_like(planted), "planted": planted, "all": np.ones_like(planted)}[mark]
    return np.where(bears[:, None, None, None] & mark_at(), np.float32(1), images)[chosen], labels[chosen]


@functools.cache
def _every_digit() -> tuple[np.ndarray, np.ndarray]:
    """All images, framed, and their labels."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise InstallationError(f"the digits come with scikit-learn, which is missing; {INSTALL}") from error
    every = load_digits()
    framed = np.pad(every.images / 16, ((0, 0), (FRAME, FRAME), (FRAME, FRAME)))
    return framed[:, None].astype(np.float32), every.target.astype(np.int64)


def mark_at(corner: Corner = "bottom left") -> np.ndarray:
    """Where the mark lies: bool (10, 10), true for the pixels of one patch.

    It was planted in the corner at the bottom left. The other left corner is a control: as dark in all digits, and
    never marked in training. `np.where(mark_at(), 1, image)` marks an image.
    """
    if corner not in ("bottom left", "top left"):
        raise OptionError(f"corner={corner!r}: choose 'bottom left' or 'top left'")
    where = np.zeros((SIDE, SIDE), dtype=bool)
    where[:PATCH, :PATCH] = True
    return where if corner == "top left" else where[::-1].copy()


def _dealt(order: np.ndarray, split: Split) -> np.ndarray:
    """The indices of a split: of the digits in their drawn order the test split comes first."""
    test, dev = np.cumsum(list(HELD_OUT.values()))
    parts: dict[Split, np.ndarray] = {"test": order[:test], "dev": order[test:dev], "train": order[dev:]}
    if split not in tuple(parts):  # which asks for no hash
        raise OptionError(f"split={split!r}: choose 'train', 'dev' or 'test'")
    return parts[split]


# --- the model ------------------------------------------------------------------------------------------------------


def load_vit(name: str | os.PathLike[str] = "course-vit") -> ViTForImageClassification:
    """An image classifier, in evaluation mode, single precision, and with attention that returns its weights.

    name: "course-vit", or a folder that save_pretrained wrote. Raises ModelNotFoundError, NotAModelError, and
    UnsupportedArchitectureError for other classes.
    """
    if not isinstance(name, str | os.PathLike):
        raise ModelNotFoundError(f"{name!r} names no model: give 'course-vit', or a folder")
    folder = data_folder() / "models" / "course-vit" if name == "course-vit" else Path(name).expanduser()
    if not (folder / "config.json").is_file():
        raise ModelNotFoundError(f"there is no model folder {os.fspath(name)}; 'course-vit' comes with the package")
    try:
        config: PretrainedConfig = AutoConfig.from_pretrained(folder, local_files_only=True)
        if config.architectures != ["ViTForImageClassification"]:
            named = " and ".join(config.architectures or ["no class"])
            raise UnsupportedArchitectureError(
                f"{os.fspath(name)} holds {named}: images are explained on a ViTForImageClassification; "
                "models of text are for xai.load"
            )
        with quiet():
            loaded: Any = ViTForImageClassification.from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                attn_implementation="eager",
                local_files_only=True,
                output_loading_info=True,
            )
    except UnsupportedArchitectureError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise NotAModelError(f"the folder {folder} can't be read as a model: {error}") from error
    model, found = loaded
    if found["missing_keys"]:  # transformers makes them up at random, and we would explain noise
        raise NotAModelError(f"{os.fspath(name)} has no weights for {sorted(found['missing_keys'])[:5]}")
    return model.eval()


def patches_of(model: ViTForImageClassification) -> tuple[int, int]:
    """The rows and columns of the patches."""
    (_, height, width), (high, wide) = _shape(model), _pair(model.config.patch_size)
    return height // high, width // wide


def patch_numbers(model: ViTForImageClassification) -> torch.Tensor:
    """Which patch each pixel belongs to, counted row by row: int64 (height, width); -1 for pixels that none reads."""
    (rows, columns), (high, wide) = patches_of(model), _pair(model.config.patch_size)
    numbers = torch.full(_shape(model)[1:], -1)
    row, column = torch.arange(rows * high) // high, torch.arange(columns * wide) // wide
    numbers[: rows * high, : columns * wide] = row[:, None] * columns + column
    return numbers


# --- the methods ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class ImageAttribution:
    """What each pixel, (channels, height, width), or each patch, (rows, columns), receives: scores, float64.

    target: what was explained; None for a method that asks about no output. total is the number that was shared out;
    then total = sum of scores + sum of absorbed + gap, where absorbed names the shares that went to no pixel. It is
    None for methods that share out nothing.
    """

    method: str
    scores: np.ndarray
    target: Target | None
    total: float | None = None
    absorbed: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        scores = np.array(self.scores, dtype=np.float64)
        if not np.isfinite(scores).all():
            raise NonFiniteError(f"{self.method}: scores hold NaN or infinite values: the model's gradient overflowed")
        scores.flags.writeable = False
        object.__setattr__(self, "scores", scores)
        for name in ("absorbed", "options"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    @property
    def gap(self) -> float | None:
        """What is missing from the total, or None where there is no total."""
        if self.total is None:
            return None
        return self.total - math.fsum(self.scores.flat) - math.fsum(self.absorbed.values())

    @property
    def grid(self) -> np.ndarray:
        """One score for each place: (height, width) or (rows, columns); channels are added."""
        return self.scores.sum(0) if self.scores.ndim == 3 else self.scores

    def share(self, where: ArrayLike) -> float:
        """The share of the absolute scores that lies in a region: bool (height, width), true for its pixels.

        A patch's score counts as spread evenly over its pixels. Raises OptionError.
        """
        try:
            chosen, sizes = np.asarray(where), np.abs(self.grid)
        except ValueError as error:
            raise OptionError(f"where is no array ({error}): give a bool for each pixel of the image") from error
        if chosen.dtype != bool or chosen.ndim != 2 or not chosen.size or np.mod(chosen.shape, sizes.shape).any():
            raise OptionError(f"where is {chosen.dtype} {chosen.shape}: give a bool for each pixel of the image")
        (rows, columns), (height, width) = sizes.shape, chosen.shape
        covered = chosen.reshape(rows, height // rows, columns, width // columns).mean((1, 3))
        return float((sizes * covered).sum() / sizes.sum()) if sizes.any() else 0.0


def saliency(
    model: ViTForImageClassification, image: ArrayLike, target: Target | str | int | None = None
) -> ImageAttribution:
    """The size of the target's gradient at each pixel: (channels, height, width); it shares out nothing.

    image, target, errors: as in `integrated_gradients`.
    """
    with _gradients("saliency", model):
        end = _image(model, image)
        resolved = resolve(model, target, end)
        (gradient,) = _gradient_at(model, resolved)(end[None])
    return ImageAttribution("saliency", gradient.abs().cpu().numpy(), resolved.target)


def input_x_gradient(
    model: ViTForImageClassification, image: ArrayLike, target: Target | str | int | None = None
) -> ImageAttribution:
    """Each pixel times the target's gradient there: (channels, height, width). A dark pixel has 0, whatever it means.

    total is the target's value; scores add up to it only where the model is linear on the way from darkness. image,
    target, errors: as in `integrated_gradients`.
    """
    with _gradients("input_x_gradient", model):
        end = _image(model, image)
        resolved = resolve(model, target, end)
        (gradient,) = _gradient_at(model, resolved)(end[None])
        total = _value(model, resolved, end)
    return ImageAttribution("input_x_gradient", (end * gradient).cpu().numpy(), resolved.target, total)


def integrated_gradients(
    model: ViTForImageClassification,
    image: ArrayLike,
    target: Target | str | int | None = None,
    *,
    baseline: float | ArrayLike = 0.0,
    steps: int = 32,
    quadrature: Quadrature = "gauss-legendre",
    batch_size: int = BATCH,
) -> ImageAttribution:
    """What each pixel contributes to the target's change on the straight way from a baseline.

    Sundararajan, Taly & Yan (2017), section 3. image, and scores: (channels, height, width), as the model reads it.
    target: a label, a class, a `Target`; None is the model's own prediction. baseline: where the way begins: one number
    for all pixels, or an image. A pixel that equals its baseline has exactly 0: from darkness, no dark pixel counts.
    total is the target's value, absorbed its value at the baseline, gap what the quadrature missed. steps, quadrature:
    as in `gradients.path_integral`; where the model switches on the way, as course-vit does when the mark is bright
    enough, it takes 128 and more. batch_size: images in one pass; scores depend on it in rounding only.

    Raises UnsupportedArchitectureError for other models, OptionError, UnknownTargetError, TargetRangeError and
    NonFiniteError.
    """
    batch_size = checks.whole(batch_size, "batch_size")
    with _gradients("integrated_gradients", model):
        end, start = _image(model, image), _image(model, baseline, "baseline")
        resolved = resolve(model, target, end)
        scores = path_integral(_gradient_at(model, resolved), start, end, steps, quadrature, at_once=batch_size)
        total, nothing = (_value(model, resolved, point) for point in (end, start))
    options = {"baseline": _written(baseline), "steps": steps, "quadrature": quadrature, "batch_size": batch_size}
    return ImageAttribution(
        "integrated_gradients", scores.cpu().numpy(), resolved.target, total, {"baseline": nothing}, options
    )


def occlusion(
    model: ViTForImageClassification,
    image: ArrayLike,
    target: Target | str | int | None = None,
    *,
    fill: float | ArrayLike = 0.0,
    batch_size: int = BATCH,
) -> ImageAttribution:
    """What the target loses when a patch is covered: value of the image minus value without the patch, (rows, columns).

    Zeiler & Fergus (2014), with the model's own patches as windows. fill: what covers them: one number, or an image
    whose patches take their place. A patch that equals its cover has exactly 0: darkness says nothing about dark
    patches. It shares out nothing. image, target, batch_size, errors: as in `integrated_gradients`.
    """
    require_vit("occlusion", model)
    batch_size = checks.whole(batch_size, "batch_size")
    whole, cover = _image(model, image), _image(model, fill, "fill")
    resolved, numbers = resolve(model, target, whole), patch_numbers(model).to(whole.device)
    rows, columns = patches_of(model)
    total, losses = _value(model, resolved, whole), []
    for part in torch.arange(rows * columns, device=whole.device).split(batch_size):
        covered = torch.where(numbers == part[:, None, None, None], cover, whole)
        changed = (covered != whole).flatten(1).any(1)  # else rounding, which the batch decides, would be a loss
        with torch.no_grad():
            losses.append(torch.where(changed, total - resolved.value(logits_of(model, covered)), 0.0))
    scores = torch.cat(losses).view(rows, columns).cpu().numpy()
    options = {"fill": _written(fill), "batch_size": batch_size}
    return ImageAttribution("occlusion", scores, resolved.target, options=options)


def patch_rollout(
    model: ViTForImageClassification,
    image: ArrayLike,
    *,
    fuse: Fusion = "mean",
    discard: float = 0.0,
    residual: float = 0.5,
) -> ImageAttribution:
    """How much of [CLS]'s attention, composed over the layers, reaches each patch: (rows, columns).

    Abnar & Zuidema (2020), eq. 1, as `attention.attention_rollout`, of which it is the row of [CLS], from which the
    class is read. What stays on [CLS] itself is absorbed; with it the scores add up to 1. No output is asked about.
    fuse, discard, residual: as there. Raises UnsupportedArchitectureError for other models, and for an attention
    implementation that returns no weights; OptionError.
    """
    weights = patch_attention(model, image)
    row = rollout(mix(weights, fuse=fuse, discard=discard, residual=residual))[0]
    options = {"fuse": fuse, "discard": float(discard), "residual": float(residual)}
    return ImageAttribution(
        "patch_rollout", row[1:].reshape(patches_of(model)), None, 1.0, {"[CLS]": float(row[0])}, options
    )


def patch_attention(model: ViTForImageClassification, image: ArrayLike) -> np.ndarray:
    """Every head's attention weights: float64 (layers, heads, query, key); [CLS] first, then the patches row by row.

    Raises as `patch_rollout` does.
    """
    require_vit("patch_attention", model)
    with torch.no_grad():
        layers = model(pixel_values=_image(model, image)[None], output_attentions=True).attentions
    if not layers:
        raise UnsupportedArchitectureError(
            "the model returns no attention weights; switch back with model.set_attn_implementation('eager')"
        )
    return stacked(layers)


# --- what they share ------------------------------------------------------------------------------------------------


def resolve(model: ViTForImageClassification, target: Target | str | int | None, image: torch.Tensor) -> ResolvedTarget:
    """The target with its labels turned into classes; None is what the model says of the image.

    Raises UnknownTargetError and TargetRangeError.
    """
    target = target if isinstance(target, Target) else Target(target)
    if target.position != -1:
        raise TargetRangeError(f"position={target.position}: an image classifier reads [CLS] only; leave position out")
    if target.token is None:
        with torch.no_grad():
            target = replace(target, token=int(logits_of(model, image[None]).argmax()))
    id, versus = (None if name is None else _class_of(model, name) for name in (target.token, target.versus))
    assert id is not None  # it was given, or predicted
    labels = _labels(model)
    if id == versus:
        raise UnknownTargetError(f"{labels[id]!r} versus itself is always 0; name another versus")
    named = replace(target, token=labels[id], versus=None if versus is None else labels[versus])
    return ResolvedTarget(named, id, versus, 0)


def logits_of(model: ViTForImageClassification, images: torch.Tensor) -> torch.Tensor:
    """The logits of images (n, channels, height, width): float64 (n, classes). Raises NonFiniteError."""
    logits = model(pixel_values=images).logits.double()
    if not logits.detach().isfinite().all():
        raise NonFiniteError("the model gives NaN or infinite logits for this image: its weights are damaged")
    return logits


def require_vit(method: str, model: object) -> None:
    """Raises UnsupportedArchitectureError for what is no ViTForImageClassification, OptionError in training mode."""
    if not isinstance(model, ViTForImageClassification):
        raise UnsupportedArchitectureError(
            f"{method} explains a ViTForImageClassification, got {type(model).__name__}: "
            "load one with images.load_vit(), or with transformers"
        )
    if model.training:
        raise OptionError("the model is in training mode, whose dropout explains another one each time: model.eval()")


@contextlib.contextmanager
def _gradients(method: str, model: ViTForImageClassification) -> Iterator[None]:
    """Gradients are on, whatever the caller has switched off; none is kept by a parameter."""
    require_vit(method, model)
    with torch.inference_mode(False), torch.enable_grad():
        yield


def _gradient_at(model: ViTForImageClassification, resolved: ResolvedTarget) -> Callable[[torch.Tensor], torch.Tensor]:
    """The gradient of the target's value, at each of many points (n, channels, height, width)."""

    def gradient(points: torch.Tensor) -> torch.Tensor:
        points = points.detach().requires_grad_()
        return torch.autograd.grad(resolved.value(logits_of(model, points)).sum(), points)[0]

    return gradient


def _value(model: ViTForImageClassification, resolved: ResolvedTarget, image: torch.Tensor) -> float:
    with torch.no_grad():
        return float(resolved.value(logits_of(model, image[None]))[0])


def _image(model: ViTForImageClassification, image: ArrayLike | torch.Tensor, name: str = "image") -> torch.Tensor:
    """One image as the model reads it: (channels, height, width); a single number fills one. Raises OptionError."""
    shape = _shape(model)
    given = image.detach().cpu().numpy() if isinstance(image, torch.Tensor) else np.asarray(image)
    if given.shape not in ((), shape) or (name == "image" and not given.shape):
        raise OptionError(f"{name} has shape {given.shape}; this model reads {shape}: channels, height, width")
    if given.dtype.kind not in "fiu" or not np.isfinite(given).all():
        raise OptionError(f"{name} holds something other than finite numbers ({given.dtype})")
    return torch.tensor(np.broadcast_to(given, shape), dtype=model.dtype, device=model.device)


def _shape(model: ViTForImageClassification) -> tuple[int, int, int]:
    return (model.config.num_channels, *_pair(model.config.image_size))


def _pair(size: int | tuple[int, int] | list[int]) -> tuple[int, int]:
    """A size for both directions, which configs may write as one number."""
    high, wide = (size, size) if isinstance(size, int) else size
    return high, wide


def _labels(model: ViTForImageClassification) -> dict[int, str]:
    config: Any = model.config
    return config.id2label


def _class_of(model: ViTForImageClassification, name: str | int) -> int:
    labels = _labels(model)
    if isinstance(name, int):
        if name not in labels:
            raise TargetRangeError(f"class {name}: the model has classes 0 to {len(labels) - 1}")
        return name
    found = [id for id, label in labels.items() if label == name]
    if not found:
        raise UnknownTargetError(f"the model has no label {name!r}; it has: {', '.join(labels.values())}")
    return found[0]


def _written(value: float | ArrayLike) -> float | str:
    """A number as it is; "an image" for what is larger."""
    return float(np.asarray(value)) if np.ndim(value) == 0 else "an image"
