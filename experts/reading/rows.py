"""Joins pieces of text that stand side by side into rows, top to bottom."""

from __future__ import annotations

from collections.abc import Sequence

from vqa.values import Region

Row = list[Region]  # left to right, never empty

_LEVEL = 0.5  # share of the lower piece's height that two neighbours must have in common
_SAME_SIZE = 2.5  # the tallest piece of a row may be this many times as high as its neighbour


def joined_rows(pieces: Sequence[Region]) -> list[Row]:
    """Return the pieces as rows.

    A row grows to the right, each piece compared with its left neighbour alone: that follows text running uphill, where
    the first and the last word share no height at all.
    """
    rows: list[Row] = []
    for piece in sorted(pieces, key=lambda p: p.xyxy[0]):
        overlap, row = max(
            ((_common(row[-1], piece), row) for row in rows), key=lambda pair: pair[0], default=(0.0, [])
        )
        if overlap >= _LEVEL:
            row.append(piece)
        else:
            rows.append([piece])
    return sorted(rows, key=lambda row: sum(p.xyxy[1] + p.xyxy[3] for p in row) / len(row))


def _common(a: Region, b: Region) -> float:
    """Return the share of the lower piece's height that both have; 0 if one is far higher, or if `b` is under `a`."""
    low, high = sorted((a.xyxy[3] - a.xyxy[1], b.xyxy[3] - b.xyxy[1]))
    if high > _SAME_SIZE * max(low, 1.0) or b.xyxy[0] < (a.xyxy[0] + a.xyxy[2]) / 2:
        return 0.0
    return (min(a.xyxy[3], b.xyxy[3]) - max(a.xyxy[1], b.xyxy[1])) / max(low, 1.0)
