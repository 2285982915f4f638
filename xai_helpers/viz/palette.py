"""What colour a score has: one palette for the heatmaps, the figures and the terminal.

A score is first divided by the scale's end, which gives a share in [-1, 1]. Zero is a very light grey; positive
shares go to orange, negative ones to blue, the pair of hues that people with any kind of colour blindness tell apart
(Okabe & Ito, 2008, "Color Universal Design"; ColorBrewer's PuOr uses nearly the same). The path is drawn in CIELAB,
where lightness L* falls linearly with the share's absolute value, the same on both sides: equal strength looks equally
strong, also in print without colour. Non-negative scores use the orange half: a token's colour doesn't depend on
whether another token happens to be negative.

Text on a colour is black or white, whichever has the greater contrast. WCAG's contrast of the better of the two is at
least sqrt(1.05 / 0.05) = 4.58 on any background, so every token passes level AA (4.5) in every theme.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

BLACK, WHITE = "#000000", "#ffffff"
LIGHTNESS_AT_ZERO, LIGHTNESS_AT_END = 97.0, 40.0
POSITIVE_HUE, POSITIVE_CHROMA = 60.0, 55.0  # CIELAB degrees and chroma at the end: orange, within the sRGB gamut
NEGATIVE_HUE, NEGATIVE_CHROMA = 272.0, 39.0  # blue

# Lines and points: colours that all can tell apart (Okabe & Ito), each with a marker of its own.
LINES = (
    ("#0072b2", "o"),
    ("#d55e00", "s"),
    ("#009e73", "^"),
    ("#cc79a7", "D"),
    ("#000000", "v"),
    ("#e69f00", "P"),
    ("#56b4e9", "X"),
)

_D65 = (0.95047, 1.0, 1.08883)
_XYZ_TO_RGB = (
    (3.2404542, -1.5371385, -0.4985314),
    (-0.9692660, 1.8760108, 0.0415560),
    (0.0556434, -0.2040259, 1.0572252),
)


def scale_end(scores: Iterable[float], special: Sequence[bool] = ()) -> float:
    """The greatest absolute score, >= 0, which gets the strongest colour.

    Special tokens ([CLS], <s>, ...) are left out where any other token has a score: they often hold most of it, and
    would leave the rest of the text white. They are then drawn with the strongest colour; `share` clips.
    """
    values = [abs(float(score)) for score in scores]
    flags = list(special) or [False] * len(values)
    content = max((value for value, flag in zip(values, flags, strict=True) if not flag), default=0.0)
    return content or max(values, default=0.0)


def share(score: float, end: float) -> float:
    """The score as a fraction of the scale's end, clipped to [-1, 1]; 0 where the scale is empty."""
    return max(-1.0, min(1.0, score / end)) if end > 0 else 0.0


def background(share: float) -> str:
    """The colour of a share in [-1, 1], as "#rrggbb"."""
    strength = min(1.0, abs(share))
    hue, chroma = (POSITIVE_HUE, POSITIVE_CHROMA) if share >= 0 else (NEGATIVE_HUE, NEGATIVE_CHROMA)
    lightness = LIGHTNESS_AT_ZERO + (LIGHTNESS_AT_END - LIGHTNESS_AT_ZERO) * strength
    reached = chroma * (1 - (1 - strength) ** 3)  # faster than linear: small shares can already be told apart
    return _hex(lightness, reached, math.radians(hue))


def colours(share: float) -> tuple[str, str]:
    """(background, text) of a share in [-1, 1]; their contrast is at least 4.5."""
    back = background(share)
    return back, max((BLACK, WHITE), key=lambda text: contrast(back, text))


def luminance(colour: str) -> float:
    """Relative luminance in [0, 1] of "#rrggbb" (WCAG 2.2)."""
    red, green, blue = (_decode(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio in [1, 21] of two colours (WCAG 2.2); text needs 4.5, level AA."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _hex(lightness: float, chroma: float, hue: float) -> str:
    y = (lightness + 16) / 116
    nearly = (y + chroma * math.cos(hue) / 500, y, y - chroma * math.sin(hue) / 200)
    xyz = [white * _cube(t) for white, t in zip(_D65, nearly, strict=True)]
    linear = [sum(weight * value for weight, value in zip(row, xyz, strict=True)) for row in _XYZ_TO_RGB]
    return "#" + "".join(f"{round(255 * _encode(min(1.0, max(0.0, channel)))):02x}" for channel in linear)


def _cube(t: float) -> float:
    """The inverse of CIELAB's cube root, with its straight foot."""
    return t**3 if t > 6 / 29 else 3 * (6 / 29) ** 2 * (t - 4 / 29)


def _encode(linear: float) -> float:
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055


def _decode(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
