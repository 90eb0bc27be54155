"""Looks at a picture twice, as it is and mirrored, and believes what both looks show.

A small quantised network is sure of different mistakes in the two; the mean of both scores keeps what is there and
lowers what is not (test-time augmentation; docs/measurements.md, "Detector").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from vqa.boxes import overlap
from vqa.values import Region

if TYPE_CHECKING:
    from PIL.Image import Image

    from vqa.experts.detectors.protocol import Detector

SAME = 0.4
"""Intersection over union from which two boxes of one class, one from each look, are one object."""


class Mirrored:
    """A detector that takes the mean of two looks; an object that only one look shows has half its score."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self.name, self.labels = detector.name, detector.labels

    def detect(self, picture: Image, min_score: float) -> list[Region]:
        """Return the objects of one RGB picture with a mean score of at least `min_score`, in its pixels."""
        import PIL.ImageOps

        # A third of the score is enough here: the other look may be surer.
        least = min_score / 3
        plain = self._detector.detect(picture, least)
        mirrored = self._detector.detect(PIL.ImageOps.mirror(picture), least)
        back = [_mirrored(region, picture.width) for region in mirrored]
        return [region for region in mean(plain, back) if region.score >= min_score]


def mean(first: Sequence[Region], second: Sequence[Region]) -> list[Region]:
    """Return the objects of both looks, each with the mean of its scores and, seen twice, the first look's box."""
    unmatched = sorted(second, key=lambda r: -r.score)
    both = []
    for region in sorted(first, key=lambda r: -r.score):
        like = [r for r in unmatched if r.label == region.label and overlap(r.xyxy, region.xyxy) >= SAME]
        twin = max(like, key=lambda r: overlap(r.xyxy, region.xyxy), default=None)
        if twin is not None:
            unmatched.remove(twin)
        both.append(replace(region, score=(region.score + (twin.score if twin else 0.0)) / 2))
    return both + [replace(region, score=region.score / 2) for region in unmatched]


def _mirrored(region: Region, width: int) -> Region:
    x0, y0, x1, y1 = region.xyxy
    return replace(region, xyxy=(width - x1, y0, width - x0, y1))
