"""Keeps columns apart: splits pieces of text with boxes at the gutters between columns of running text.

The method is a recursive X-Y cut (Nagy and Seth, "Hierarchical representation of optically scanned documents", ICPR
1984) with two changes. A gutter need not run through the whole page: what crosses it (a headline) ends it. And a gutter
counts only between columns of words: the wide gap between an item and its price separates nothing, the row is one line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from vqa.experts.reading.rows import Row, joined_rows
from vqa.values import Region

_WIDE = 1.0  # heights; a narrower gap is a space between words that happen to stand below one another
_MIN_ROWS = 3  # fewer lines side by side are a row or a table head, not a column
_WORDS = 0.6  # share of a column's lines that hold more letters than digits
_FULL = 0.5  # typical line's share of the column's width; running text fills it
_LONG = 8.0  # heights; a typical line at least this long is a sentence, a shorter one may be a table's cell


@dataclass(frozen=True)
class _Gutter:
    left: list[Region]
    right: list[Region]
    top: float
    bottom: float
    lines: int  # of the shorter side


def columns(pieces: Sequence[Region]) -> list[list[Region]]:
    """Return the pieces grouped by column, in reading order; pieces that cross a gutter form groups of their own."""
    gutter = _best_gutter(pieces)
    if gutter is None:
        return [list(pieces)] if pieces else []
    above = [piece for piece in pieces if _middle(piece) <= gutter.top]
    below = [piece for piece in pieces if _middle(piece) >= gutter.bottom]
    return [*columns(above), *columns(gutter.left), *columns(gutter.right), *columns(below)]


def _best_gutter(pieces: Sequence[Region]) -> _Gutter | None:
    best: _Gutter | None = None
    for x in sorted({piece.xyxy[0] for piece in pieces})[1:]:
        for gutter in _gutters_at(pieces, x):
            if (best is None or gutter.lines > best.lines) and _separates(gutter):
                best = gutter
    return best


def _gutters_at(pieces: Sequence[Region], x: float) -> list[_Gutter]:
    """Return the gutters that end at `x`: one for each stretch between the pieces that cross it."""
    crossing = sorted((p for p in pieces if p.xyxy[0] < x < p.xyxy[2]), key=_middle)
    edges = [float("-inf"), *(_middle(piece) for piece in crossing), float("inf")]
    found: list[_Gutter] = []
    for top, bottom in pairwise(edges):
        band = [p for p in pieces if top < _middle(p) < bottom]
        left = [p for p in band if p.xyxy[2] <= x]
        right = [p for p in band if p.xyxy[0] >= x]
        if min(len(left), len(right)) >= _MIN_ROWS:
            found.append(_Gutter(left, right, top, bottom, min(len(left), len(right))))
    return found


def _separates(gutter: _Gutter) -> bool:
    left, right = joined_rows(gutter.left), joined_rows(gutter.right)
    if min(len(left), len(right)) < _MIN_ROWS or _overlap(gutter.left, gutter.right) < 0.5:
        return False
    width = min(p.xyxy[0] for p in gutter.right) - max(p.xyxy[2] for p in gutter.left)
    if width < _WIDE * median(_height(p) for p in (*gutter.left, *gutter.right)):
        return False
    # A number right of the gutter belongs to the words left of it: a price, a value, a date.
    if _share_of_words(left) < _WORDS or _share_of_words([row[:1] for row in right]) < _WORDS:
        return False
    if min(_fullness(left), _fullness(right)) < _FULL:
        return False
    return min(_length(left), _length(right)) >= _LONG or not _aligned(left, right)


def _share_of_words(rows: Sequence[Row]) -> float:
    return sum(_is_words(" ".join(piece.label for piece in row)) for row in rows) / len(rows)


def _is_words(text: str) -> bool:
    letters = sum(c.isalpha() for c in text)
    return letters >= 2 and letters > sum(c.isdigit() for c in text)


def _fullness(rows: Sequence[Row]) -> float:
    """Return a typical row's width as a share of the column's."""
    left, right = min(row[0].xyxy[0] for row in rows), max(row[-1].xyxy[2] for row in rows)
    return median(row[-1].xyxy[2] - row[0].xyxy[0] for row in rows) / max(right - left, 1.0)


def _length(rows: Sequence[Row]) -> float:
    """Return a typical row's width in heights, of cells side by side that of one; a dish with its price is whole."""
    return median(
        max(map(_width, _going_on(row) if _is_words(row[-1].label) else [row])) / _height(row[0]) for row in rows
    )


def _going_on(row: Row) -> list[Row]:
    """Return the pieces of a row in groups that wide gaps part."""
    groups = [row[:1]]
    for left, right in pairwise(row):
        if right.xyxy[0] - left.xyxy[2] < _WIDE * _height(left):
            groups[-1].append(right)
        else:
            groups.append([right])
    return groups


def _width(row: Row) -> float:
    return row[-1].xyxy[2] - row[0].xyxy[0]


def _aligned(left: Sequence[Row], right: Sequence[Row]) -> bool:
    """Return whether most rows of the shorter side lie level with a row of the other: a table's, not a column's."""
    few, many = sorted((left, right), key=len)
    level = sum(any(_level(a[0], b[0]) for b in many) for a in few)
    return level > 0.7 * len(few)


def _level(a: Region, b: Region) -> bool:
    return abs(_middle(a) - _middle(b)) < 0.3 * min(_height(a), _height(b))


def _overlap(left: Sequence[Region], right: Sequence[Region]) -> float:
    """Return how much of the lower side's height the two sides share."""
    (a0, a1), (b0, b1) = ((min(p.xyxy[1] for p in s), max(p.xyxy[3] for p in s)) for s in (left, right))
    return (min(a1, b1) - max(a0, b0)) / max(min(a1 - a0, b1 - b0), 1.0)


def _middle(piece: Region) -> float:
    return (piece.xyxy[1] + piece.xyxy[3]) / 2


def _height(piece: Region) -> float:
    return max(piece.xyxy[3] - piece.xyxy[1], 1.0)
