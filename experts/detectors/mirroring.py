"""Looks at a picture that a detector is unsure of once more, mirrored, and believes what both looks show.

A small quantised network makes other mistakes in the two; the mean of both scores keeps what is there and lowers what
is not (test-time augmentation; docs/measurements.md, "Detection").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from vqa.values import Region

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from vqa.experts.detectors.protocol import Detector

SAME = 0.4
"""Intersection over union from which two boxes of one class, one from each look, are one object."""
UNSURE = (0.2, 0.4)
"""A picture is looked at again if the first look shows anything with a score between these."""


class Mirrored:
    """A detector that takes the mean of two looks where the first is unsure of anything.

    An object that only one of two looks shows has half its score.

    Args:
        detector: Who looks.
        side: To which it scales a picture's longer side; so both looks are scaled once.

    Attributes:
        once: The detector, which looks once.
    """

    def __init__(self, detector: Detector, side: int) -> None:
        self.once = detector
        self._side = side
        self.name, self.labels = detector.name, detector.labels

    def detect(self, picture: Image, min_score: float) -> list[Region]:
        """Return the objects of one RGB picture with a (mean) score of at least `min_score`, in its pixels."""
        import PIL.ImageOps

        # A third of the score is enough here: the other look may be surer.
        least = min_score / 3
        small = scaled(picture, self._side)
        found = self.once.detect(small, least)
        if any(UNSURE[0] <= region.score < UNSURE[1] for region in found):
            mirrored = self.once.detect(PIL.ImageOps.mirror(small), least)
            found = mean(found, [_mirrored(region, small.width) for region in mirrored])
        return [_in_pixels(region, small.size, picture.size) for region in found if region.score >= min_score]


def scaled(picture: Image, side: int) -> Image:
    """Return the picture with a longer side of `side` pixels, in proportion."""
    from PIL.Image import Resampling

    width, height = (max(1, round(length * side / max(picture.size))) for length in picture.size)
    return picture.resize((width, height), Resampling.BICUBIC)


def mean(first: Sequence[Region], second: Sequence[Region]) -> list[Region]:
    """Return the objects of both looks, each with the mean of its scores and, seen twice, the first look's box."""
    ones, others = (sorted(look, key=lambda r: -r.score) for look in (first, second))
    alike = _alike(ones, others)
    both = []
    for row, region in zip(alike, ones, strict=True):
        twin = int(row.argmax()) if others else 0
        seen_twice = bool(others) and row[twin] >= SAME
        both.append(replace(region, score=(region.score + (others[twin].score if seen_twice else 0.0)) / 2))
        if seen_twice:
            alike[:, twin] = -1.0
    unmatched = [region for region, column in zip(others, alike.T, strict=True) if not (column < 0).any()]
    return both + [replace(region, score=region.score / 2) for region in unmatched]


def _alike(ones: Sequence[Region], others: Sequence[Region]) -> NDArray[np.float64]:
    """Return intersection over union of each pair of boxes, (K, L); 0 of two classes."""
    import numpy as np

    a, b = (np.array([r.xyxy for r in look], dtype=np.float64).reshape(-1, 4) for look in (ones, others))
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])  # (K, L, 2)
    shared = np.clip(sides, 0, None).prod(axis=2)
    areas = [(boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) for boxes in (a, b)]
    union = areas[0][:, None] + areas[1] - shared
    labels = [np.array([r.label for r in look], dtype=str) for look in (ones, others)]
    same = labels[0][:, None] == labels[1]
    return np.where(same & (union > 0), shared / np.where(union > 0, union, 1.0), 0.0)


def _in_pixels(region: Region, small: tuple[int, int], size: tuple[int, int]) -> Region:
    """Return a region of a scaled picture in pixels of the picture itself."""
    factor = max(size) / max(small)
    x0, y0, x1, y1 = (min(side * factor, most) for side, most in zip(region.xyxy, size * 2, strict=True))
    return replace(region, xyxy=(x0, y0, x1, y1))


def _mirrored(region: Region, width: int) -> Region:
    x0, y0, x1, y1 = region.xyxy
    return replace(region, xyxy=(width - x1, y0, width - x0, y1))
