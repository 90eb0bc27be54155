"""Names the colour of what a box shows, from the shares of hues inside it and around it.

What is inside a box but not around it is the thing's own; weights that benchmarks/colors.py fits on people's captions
(`colors.json`) judge both, and know that buses are seldom brown. Of a person it is the colour of what covers the chest,
which is what is mostly asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from vqa.values import Region
from vqa.words import COLORS

if TYPE_CHECKING:
    from PIL.Image import Image

FILE = "colors.json"
SIDE = 48
"""Pixels of a side to which a box with its surroundings is scaled."""
CHEST = (0.25, 0.18, 0.75, 0.5)
"""The part of a person's box that tells their colour, as shares of its sides."""
LEAST = 0.4
"""Probability under which no colour is named."""
SECOND, BOTH = 0.5, 0.8
"""Two colours are named where the second has that share of the first one's probability, and both that much."""
_HUES = (0, 14, 26, 38, 50, 64, 82, 150, 185, 215, 245, 270, 300, 335)  # degrees where the bins of hue begin
_NAMES = (  # of each of them: dark and pale, dark and pure, light and pale, light and pure
    "brown red pink red",
    *3 * ("brown brown tan orange",),
    "brown green tan yellow",
    *3 * ("green green green green",),
    *3 * ("blue blue blue blue",),
    "purple purple purple purple",
    "purple purple pink pink",
    "brown red pink red",
)
_BINS = 10 + 4 * len(_HUES)  # grays by lightness and tint; hues by lightness and purity
_MARGIN = 0.12
"""How far a picture's sides reach inwards, as a share of its own."""
_AROUND = 0.25
"""How far the surroundings reach, as a share of the box's sides."""


@dataclass(frozen=True)
class Weights:
    """What was fitted: `hues`, shape (colours, features), and what each label adds, shape (colours,)."""

    hues: Any
    labels: Mapping[str, Any]

    def named(self, label: str, seen: Any) -> str:
        """Return the likeliest colour, two where it has two, "black and white"; "" where none is likely.

        Args:
            label: What the thing is.
            seen: What `features` gives, shape (features,).
        """
        return self.likeliest(label, seen)[0]

    def likeliest(self, label: str, seen: Any) -> tuple[str, float]:
        """Return what `named` does, and how likely it is."""
        import numpy as np

        speaks = self.hues @ seen + self.labels.get(label, 0.0)
        likely = np.exp(speaks - speaks.max())
        likely /= likely.sum()
        first, second = np.argsort(-likely)[:2]
        both = float(likely[first] + likely[second])
        if both >= BOTH and likely[second] >= SECOND * likely[first]:
            return " and ".join(COLORS[i] for i in sorted((first, second))), both
        return COLORS[first] if likely[first] >= LEAST else "", float(likely[first])


def colored(picture: Image, regions: Sequence[Region], least: float) -> list[Region]:
    """Return the regions, those with at least the score `least` with the colour of what they show.

    Args:
        picture: In RGB.
        regions: Boxes in its pixels; one that shows nothing of it stays without a colour.
        least: A score.
    """
    seen = [features(picture, region) if region.score >= least else None for region in regions]
    pairs = zip(regions, seen, strict=True)
    return [
        region if one is None else replace(region, color=_shipped().named(region.label, one)) for region, one in pairs
    ]


def color_of_background(picture: Image) -> tuple[str, float]:
    """Return the colour of an RGB picture along its sides, and how likely it is; "" where none is likely."""
    import numpy as np

    bins = _bins(np.asarray(picture.resize((SIDE, SIDE), resample=2)))
    width = round(_MARGIN * SIDE)
    inner = bins[2 * width : -2 * width, 2 * width : -2 * width].ravel()
    sides = (bins[:width], bins[-width:], bins[:, :width], bins[:, -width:])
    around = np.concatenate([side.ravel() for side in sides])
    outside, inside = (np.bincount(some, minlength=_BINS) / some.size for some in (around, inner))
    seen = np.concatenate([np.sqrt(outside), np.sqrt(np.maximum(0.0, outside - inside)), [1.0]])
    return _shipped().likeliest("", seen)


def shares_of_colors(picture: Image) -> list[tuple[str, float]]:
    """Return the colours of an RGB picture's pixels and the share of it that each has, the largest first."""
    import numpy as np

    bins = np.bincount(_bins(np.asarray(picture.resize((SIDE, SIDE), resample=2))).ravel(), minlength=_BINS)
    shares = dict.fromkeys(COLORS, 0.0)
    for name, number in zip(_plain_names(), bins, strict=True):
        shares[name] += float(number) / float(bins.sum())
    return sorted(shares.items(), key=lambda one: -one[1])


def _plain_names() -> tuple[str, ...]:
    """Return what each bin is called by itself, whatever has that colour: as few hues have more names than one."""
    grays = ("black", "gray", "gray", "gray", "white")
    return (*grays, *grays, *(name for names in _NAMES for name in names.split()))


def features(picture: Image, region: Region) -> Any:
    """Return what tells a region's colour, shape (2 * bins + 1,), or None where it shows less than two pixels.

    Square roots of each hue's share inside the box, and of how much larger that is than its share around it; a one.
    """
    import numpy as np

    x0, y0, x1, y1 = region.xyxy
    if region.label == "person":
        width, height = x1 - x0, y1 - y0
        x0, y0, x1, y1 = x0 + CHEST[0] * width, y0 + CHEST[1] * height, x0 + CHEST[2] * width, y0 + CHEST[3] * height
    across, down = _AROUND * (x1 - x0), _AROUND * (y1 - y0)
    left, top = max(0, round(x0 - across)), max(0, round(y0 - down))
    right, bottom = min(picture.width, round(x1 + across)), min(picture.height, round(y1 + down))
    if min(right - left, bottom - top) < 2:
        return None
    bins = _bins(np.asarray(picture.resize((SIDE, SIDE), resample=2, box=(left, top, right, bottom)))).ravel()
    step = (np.arange(SIDE) + 0.5) / SIDE
    from_middle_x = (left + step * (right - left) - (x0 + x1) / 2) / max((x1 - x0) / 2, 1)
    from_middle_y = (top + step * (bottom - top) - (y0 + y1) / 2) / max((y1 - y0) / 2, 1)
    distance = from_middle_y[:, None] ** 2 + from_middle_x[None, :] ** 2
    within = (np.abs(from_middle_y)[:, None] <= 1) & (np.abs(from_middle_x)[None, :] <= 1)
    inside, around = (
        np.bincount(bins, weights.ravel(), _BINS) / max(weights.sum(), 1e-9)
        for weights in (within * np.exp(-distance / 0.4), (distance > 1.1).astype(np.float64))
    )
    return np.concatenate([np.sqrt(inside), np.sqrt(np.maximum(0.0, inside - around)), [1.0]])


def _bins(pixels: Any) -> Any:
    """Return each pixel's bin, for pixels of shape (height, width, 3)."""
    import numpy as np

    red, green, blue = np.moveaxis(pixels.astype(np.float32) / 255, -1, 0)
    light, dark = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    spread = light - dark
    by = np.where(spread == 0, 1, spread)
    sixths = np.where(
        light == red,
        (green - blue) / by % 6,
        np.where(light == green, (blue - red) / by + 2, (red - green) / by + 4),
    )
    purity = spread / np.where(light == 0, 1, light)
    hue = (np.searchsorted(_HUES, sixths * 60, side="right") - 1) % len(_HUES)
    hued = 10 + 4 * hue + 2 * (light >= 0.5) + (purity >= 0.45)
    gray = np.clip((light * 5).astype(int), 0, 4) + 5 * (purity >= 0.09)
    return np.where((purity < 0.18) | (light < 0.14) | ((light < 0.3) & (purity < 0.4)), gray, hued)


@lru_cache(maxsize=1)
def _shipped() -> Weights:
    import numpy as np

    fitted = json.loads(files(__package__).joinpath(FILE).read_text(encoding="utf-8"))
    return Weights(np.array(fitted["hues"]), {label: np.array(added) for label, added in fitted["labels"].items()})
