"""Detects on the whole picture and on four overlapping tiles of it, so that small objects are seen larger.

The idea is that of slicing-aided inference (Akyon et al., 2022, https://arxiv.org/abs/2202.06934). There the boxes of
all passes are thinned together; here the whole picture's boxes stand and tiles only add to them, because a tile
cuts large objects in pieces and pieces would be counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from vqa.boxes import Box, area, inside, moved, overlap, shared
from vqa.experts.detectors.mirroring import Mirrored
from vqa.values import Region

if TYPE_CHECKING:
    from PIL.Image import Image

    from vqa.experts.detectors.protocol import Detector

TILE = 0.6
"""Sides of a tile as a share of the picture's: two tiles share a fifth of the picture's side."""
SAME_THING, RIVAL = 0.75, 0.7
"""A box that shares more than this (intersection over union) with a surer one is the same thing's, unless its score is
at least such a share of the other's."""
HINT_SCORE = 0.1
SURE_SCORE = 0.5
SMALL = 0.02
"""Share of the picture's area: boxes under it with a score from HINT_SCORE to SURE_SCORE make a tile worth a look."""
HINTS = 2
"""So many of them (docs/measurements.md, "Detection")."""
MIN_SIDE = 96
"""Pictures with a shorter side are not tiled: there is nothing small left to enlarge."""
CUT = 0.02
"""A box that ends within this share of a tile's side from an inner border is taken to be cut by it."""
DUPLICATE = 0.5
"""Share of the smaller box inside another of its class from which the two are one object."""
AGREE = 0.5
"""Intersection over union from which a tile's box confirms a found one and may raise its score."""


def detect(detector: Detector, picture: Image, min_score: float, *, with_tiles: bool) -> list[Region]:
    """Return the objects of an RGB picture, best first, in its pixels."""
    tiled = with_tiles and min(picture.size) >= MIN_SIDE
    seen = detector.detect(picture, min(min_score, HINT_SCORE) if tiled else min_score)
    found = [region for region in seen if region.score >= min_score]
    if tiled:
        worth = [tile for tile in tiles(picture.size) if _hints_at_more(seen, tile, picture.size)]
        closer = detector.once if isinstance(detector, Mirrored) else detector
        by_tile = [(tile, closer.detect(picture.crop(_rounded(tile)), min_score)) for tile in worth]
        found = merge(found, by_tile, picture.size)
    return under_one_name(found)


def under_one_name(found: Sequence[Region]) -> list[Region]:
    """Return the objects best first, each under its surest name: a spoon is no fork that is half as sure."""
    kept: list[Region] = []
    for region in sorted(found, key=lambda r: -r.score):
        doubts = RIVAL * max((k.score for k in kept if overlap(k.xyxy, region.xyxy) > SAME_THING), default=0.0)
        if region.score >= doubts:
            kept.append(region)
    return kept


def _hints_at_more(seen: Sequence[Region], tile: Box, size: tuple[int, int]) -> bool:
    """Return whether the whole picture showed small things there without being sure of them."""
    most = SMALL * size[0] * size[1]
    hints = [r for r in seen if HINT_SCORE <= r.score < SURE_SCORE and area(r.xyxy) < most]
    return sum(inside(r.xyxy, tile) > 0.5 for r in hints) >= HINTS


def tiles(size: tuple[int, int]) -> list[Box]:
    """Return the four overlapping tiles of a picture of (width, height), in whole pixels."""
    width, height = round(size[0] * TILE), round(size[1] * TILE)
    return [(x, y, x + width, y + height) for y, x in product((0, size[1] - height), (0, size[0] - width))]


def merge(
    whole: Sequence[Region], by_tile: Sequence[tuple[Box, Sequence[Region]]], size: tuple[int, int]
) -> list[Region]:
    """Return the whole picture's objects and those that only a tile showed.

    Args:
        whole: Objects found in the whole picture.
        by_tile: For each tile its box in the picture, and its objects in its own pixels.
        size: Width and height of the picture.
    """
    kept = list(whole)
    for region in sorted(_complete(by_tile, size), key=lambda r: -r.score):
        twin = next((i for i, k in enumerate(kept) if _is_duplicate(region, k)), None)
        if twin is None:
            kept.append(region)
        elif overlap(region.xyxy, kept[twin].xyxy) >= AGREE:
            kept[twin] = replace(kept[twin], score=max(kept[twin].score, region.score))
    return kept


def _rounded(tile: Box) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = tile
    return round(x0), round(y0), round(x1), round(y1)


def _complete(by_tile: Sequence[tuple[Box, Sequence[Region]]], size: tuple[int, int]) -> list[Region]:
    """Return the tiles' objects in the picture's pixels, without those that an inner border of a tile cuts."""
    placed = [
        (replace(region, xyxy=moved(region.xyxy, *tile[:2])), tile) for tile, regions in by_tile for region in regions
    ]
    return [region for region, tile in placed if not _is_cut(region.xyxy, tile, size)]


def _is_cut(box: Box, tile: Box, size: tuple[int, int]) -> bool:
    """Return whether the box touches a border of the tile that is not one of the picture."""
    margins = (CUT * (tile[2] - tile[0]), CUT * (tile[3] - tile[1]))
    for axis in (0, 1):
        if tile[axis] > 0 and box[axis] - tile[axis] < margins[axis]:
            return True
        if tile[axis + 2] < size[axis] and tile[axis + 2] - box[axis + 2] < margins[axis]:
            return True
    return False


def _is_duplicate(a: Region, b: Region) -> bool:
    smaller = min(area(a.xyxy), area(b.xyxy))
    return a.label == b.label and shared(a.xyxy, b.xyxy) > DUPLICATE * smaller
