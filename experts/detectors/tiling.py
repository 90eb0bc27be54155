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

from vqa.boxes import Box, area, overlap, shared
from vqa.experts.detectors.mirroring import Mirrored
from vqa.values import Region

if TYPE_CHECKING:
    from PIL.Image import Image

    from vqa.experts.detectors.protocol import Detector

TILE = 0.6
"""Sides of a tile as a share of the picture's: two tiles share a fifth of the picture's side."""
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
    found = detector.detect(picture, min_score)
    if with_tiles and min(picture.size) >= MIN_SIDE:
        for_tiles = [(tile, _in_tile(detector, picture, tile, min_score, found)) for tile in tiles(picture.size)]
        found = merge(found, for_tiles, picture.size)
    return sorted(found, key=lambda r: -r.score)


def _in_tile(
    detector: Detector, picture: Image, tile: Box, min_score: float, known: Sequence[Region]
) -> Sequence[Region]:
    """Return a tile's objects in its own pixels; one that shows nothing new is not looked at mirrored as well."""

    def shows_more(found: Sequence[Region]) -> bool:
        whole_ones = _complete([(tile, found)], picture.size)
        return any(not any(_is_duplicate(region, other) for other in known) for region in whole_ones)

    part = picture.crop(_rounded(tile))
    if not isinstance(detector, Mirrored):
        return detector.detect(part, min_score)
    return detector.detect(part, min_score, worth=shows_more)


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
    moved = [(_moved(region, tile), tile) for tile, regions in by_tile for region in regions]
    return [region for region, tile in moved if not _is_cut(region.xyxy, tile, size)]


def _moved(region: Region, tile: Box) -> Region:
    (x0, y0, x1, y1), (left, top, _, _) = region.xyxy, tile
    return replace(region, xyxy=(x0 + left, y0 + top, x1 + left, y1 + top))


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
