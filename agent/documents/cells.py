"""The cells of a read page: its rows, which of them heads a table, and what stands in which column.

A reader tells lines and the pieces side by side that they are made of. A head is a row of words over figures; of a page
without any it is the first of several rows of words with as many cells.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from vqa.boxes import hull
from vqa.values import Region

_LEVEL = 0.45
"""Share of the lower one's height that two lines of one row have in common, where no cell stands over another."""
_WRAPPED = 0.3
"""The same where some do: "Unit" over "Price" beside "Date"."""
_SLOPE = 0.5
"""Heights that a line may run up or down across the page, if words over one another shall be one cell."""
_NEAR = 2.5
"""Heights of room between two rows of one table."""
_BESIDE = 1.5
"""Heights of room beside a head's word under which figures are still its own."""
_FAR = 3.0
"""Heights from the first column from which a cell before it is in none, as a row's name may be, …"""
_FARTHER = 8.0
"""… and from any other."""
_NUMBERED = 4
"""Rows with one number more than the row before from which these are rows' numbers."""
_FEWEST_COLUMNS, _FEWEST_ROWS = 3, 3
"""Of a table of words alone, its head included."""
NO_HEAD = -1
"""The column of what stands under no head."""
SUM = re.compile(r"\b(?:sub ?-?|grand ?)?totals?\b|\bsum\b|\bdifference\b|\bmoney (?:in|out)\b", re.I)
"""What a row is called that holds what the others come to."""
_SOON = 3
"""Rows with cells under a head, of which one has figures."""
_OTHERS = 0.2
"""The most of a head's words that may be figures ("100 km") or keys."""
_KEY = re.compile(r"(?P<key>[^\W\d][^:]{0,40}?) ?:(?:\s+|(?=[\d$€£¥-]))(?P<value>\S.*)")
LEADERS = re.compile(r"(?: ?[.\u00b7\u2026]){3,} ?")
"""The dots between a heading and its page."""
_NEXT_KEY = re.compile(r"(?<=\S)\s+(?=[A-Z][\w./ ]{1,30}: ?\S)")
_BAR = re.compile(r"(?:^|(?<= ))[|Il1](?: |$)")
"""A vertical rule, as readers have it, before or between what is written."""
_BARS = 5
"""Pieces that begin with one from which a page has such, if these are a quarter of all."""
_NUMBER_AND_NAME = re.compile(r"\d+ [^\W\d]{4,}")  # no unit
_ICON = re.compile(r"(?:(?![€£¥₩])[^\x00-\x7f](?: |$)|[\u2e80-\u9fff])(?=[\x00-\x7f]*$)")
"""What an icon is read as: a sign of another writing by itself, or before what is written beside it."""


class Cell(NamedTuple):
    """A piece of a row.

    Attributes:
        text: What it says.
        xyxy: Its box in pixels; of a part of what was read as one, about where it stands in that.
        score: How surely it was read.
        line: The number of the read line that it stands in.
    """

    text: str
    xyxy: tuple[float, float, float, float]
    score: float
    line: int

    @property
    def is_figure(self) -> bool:
        """Whether it is an amount, a date, a number: figures and few letters."""
        figures, letters = sum(map(str.isdigit, self.text)), sum(map(str.isalpha, self.text))
        return figures > 0 and figures >= letters


Row = tuple[Cell, ...]  # left to right, never empty


@dataclass(frozen=True)
class Page:
    """The rows of a page.

    Attributes:
        rows: Top to bottom.
        heads: For each row the number of the row that heads its table; None outside of tables, and of heads.
        columns: For each row the columns of its cells, as places of cells among its head's, NO_HEAD of one under none;
            empty without a head.
    """

    rows: tuple[Row, ...]
    heads: tuple[int | None, ...]
    columns: tuple[tuple[int, ...], ...]

    def head(self, number: int) -> Row:
        """Return the head of a row's table; empty outside of tables."""
        head = self.heads[number]
        return () if head is None else self.rows[head]

    def body(self, head: int) -> list[int]:
        """Return the numbers of the rows of a table."""
        return [number for number, own in enumerate(self.heads) if own == head]


def page(read: Sequence[Region]) -> Page:
    """Return the rows of a page, of its lines in reading order."""
    return _page(tuple(read))


@lru_cache(maxsize=8)  # several questions about one page
def _page(read: tuple[Region, ...]) -> Page:
    rows = _without_numbers(_rows(read))
    heads = _heads(rows)
    rows = [_without_signs(row) if i in heads else row for i, row in enumerate(rows)]
    for top in {head for head in heads if head is not None}:
        body = [row for row, head in zip(rows, heads, strict=True) if head == top]
        rows[top] = tuple(part for cell in rows[top] for part in _parted_by(body, cell, rows[top]))
        if top and heads[top - 1] is None:
            rows[top] = _with_what_is_over(rows[top], rows[top - 1])
    wide = {head: _extents(rows, heads, head) for head in heads if head is not None}
    columns: list[tuple[int, ...]] = [()] * len(rows)
    for number, head in enumerate(heads):
        if head is not None:
            rows[number] = tuple(_parted(rows[number], wide[head], rows[head]))
            columns[number] = _columns(wide[head], rows[number])
    return Page(tuple(rows), tuple(heads), tuple(columns))


def _without_numbers(rows: Sequence[Row]) -> list[Row]:
    """Return rows without their numbers, as a spreadsheet has them on the left: each one more than the one before."""
    first = [int(row[0].text) if row[0].text.isdecimal() else None for row in rows]
    runs = sum(a is not None and b is not None and b == a + 1 for a, b in pairwise(first))
    if runs < _NUMBERED or 2 * runs < len(rows):
        return list(rows)
    return [
        row[1:] if number is not None else row
        for row, number in zip(rows, first, strict=True)
        if row[1:] or number is None
    ]


def _without_signs(head: Row) -> Row:
    """Return a head without what is no word: the arrow that says by what a table is sorted."""
    return tuple(cell for cell in head if len(cell.text) > 1 or cell.text.isalpha())


def _parted_by(body: Sequence[Row], cell: Cell, head: Row) -> tuple[Cell, ...]:
    """Return a head's cell, or two where most rows of the table have two under it and under no other."""
    spaces = [match.start() for match in re.finditer(" ", cell.text)]
    others = [one for one in head if one is not cell]
    under = [[c for c in row if _over(cell, c) and not any(_over(one, c) for one in others)] for row in body]
    pairs = [cells for cells in under if len(cells) == 2]
    alike = [cells for cells in under if len(cells) == 1 and _NUMBER_AND_NAME.fullmatch(cells[0].text)]
    if not spaces or 2 * max(len(pairs), len(alike)) < len(body) or (len(spaces) > 1 and not pairs):
        return (cell,)
    if not pairs:
        return _cut(cell, spaces[0])
    gap = median((cells[0].xyxy[2] + cells[1].xyxy[0]) / 2 for cells in pairs)
    return _cut(cell, min(spaces, key=lambda at: abs(_at(cell, at) - gap)))


def _with_what_is_over(head: Row, above: Row) -> Row:
    """Return a head with the words right over each of its cells: "Start" over "Amount"."""
    if not 1 < len(above) <= len(head) or any(cell.is_figure for cell in above):
        return head
    if _top(head) - _bottom(above) > _height(head[0]) / 2:
        return head
    over = {i: [c for c in above if _over(one, c)] for i, one in enumerate(head)}
    if any(sum(cell in cells for cells in over.values()) != 1 for cell in above):
        return head
    return tuple(
        Cell(f"{over[i][0].text} {one.text}", hull((over[i][0].xyxy, one.xyxy)), one.score, one.line)
        if over[i]
        else one
        for i, one in enumerate(head)
    )


def _cut(cell: Cell, at: int) -> tuple[Cell, Cell]:
    """Return what a cell has before and behind a space."""
    x0, y0, x1, y1 = cell.xyxy
    before = cell._replace(text=cell.text[:at], xyxy=(x0, y0, _at(cell, at), y1))
    return before, cell._replace(text=cell.text[at + 1 :], xyxy=(_at(cell, at + 1), y0, x1, y1))


def _at(cell: Cell, at: int) -> float:
    """Return about where a letter of a cell stands, in pixels."""
    return cell.xyxy[0] + at * (cell.xyxy[2] - cell.xyxy[0]) / max(len(cell.text), 1)


def _extents(rows: Sequence[Row], heads: Sequence[int | None], head: int) -> list[Cell]:
    """Return a head's cells, as wide as they are with what stands right under each."""
    wide = list(rows[head])
    for cell in (cell for row, own in zip(rows, heads, strict=True) if own == head for cell in row):
        under = [i for i, one in enumerate(rows[head]) if _over(one, cell)]
        if len(under) == 1:
            wide[under[0]] = wide[under[0]]._replace(xyxy=hull((wide[under[0]].xyxy, cell.xyxy)))
    return wide


def _parted(row: Row, extents: Sequence[Cell], head: Row) -> Iterable[Cell]:
    """Yield a row's cells, those that were read as one parted at the space that is nearest to where a column begins."""
    for cell in row:
        words = [(i, one) for i, one in enumerate(head) if len(one.text) > 1]
        over = [i for i, one in words if _shared(one, cell) > (one.xyxy[2] - one.xyxy[0]) / 2]
        spaces = [match.start() for match in re.finditer(" ", cell.text)]
        if len(over) == 2 and spaces and not SUM.search(cell.text):
            begins = extents[over[1]].xyxy[0]
            yield from _cut(cell, min(spaces, key=lambda at: abs(_at(cell, at) - begins)))
        else:
            yield cell


def _rows(read: Sequence[Region]) -> list[Row]:
    pieces = [piece.label for line in read for piece in line.parts or (line,)]
    ruled = sum(_BAR.match(piece) is not None for piece in pieces)
    between = _BAR if ruled >= _BARS and ruled >= len(pieces) / 4 else None
    lines = [tuple(_cells(i, line, between)) for i, line in enumerate(read)]
    lines = sorted(filter(None, lines), key=lambda row: _top(row) + _bottom(row))
    stacks = _is_level(lines)
    rows: list[Row] = []
    for line in lines:
        beside = next((i for i in (-1, -2) if len(rows) >= -i and _one_row(rows[i], line, stacks=stacks)), None)
        if beside is None:
            rows.append(line)
        else:
            rows[beside] = _joined(rows[beside], line)
    return rows


def _cells(number: int, line: Region, between: re.Pattern[str] | None) -> Iterable[Cell]:
    """Yield a line's pieces, those that are several parted: a key and its value, and what a pattern stands between."""
    for piece in line.parts or (line,):
        label = LEADERS.sub(": ", piece.label)
        parts = between.split(label) if between else _NEXT_KEY.split(label) if label.count(":") > 1 else [label]
        for text in parts:
            match = _KEY.fullmatch(text := _ICON.sub("", text, count=1) if _ICON.match(text) else text)
            for part in (f"{match['key']}:", match["value"]) if match else (text,):
                if any(map(str.isalnum, part)):
                    yield Cell(part, _within(piece, part), piece.score, number)


def _within(piece: Region, part: str) -> tuple[float, float, float, float]:
    """Return about where a part of a piece's text stands in it: as if all its letters were as wide."""
    whole = Cell(piece.label, piece.xyxy, piece.score, 0)
    begins = max(piece.label.find(part), 0)
    return _at(whole, begins), piece.xyxy[1], _at(whole, begins + len(part)), piece.xyxy[3]


def _columns(heads: Sequence[Cell], row: Row) -> tuple[int, ...]:
    """Return the places of the heads that a row's cells stand under, in their order; NO_HEAD of one under none."""
    best: list[tuple[float, tuple[int, ...]]] = [(0.0, ())] * (len(heads) + 1)  # of the first so many heads
    for cell in row:
        nearest: list[tuple[float, tuple[int, ...]]] = []
        for i, (cost, places) in enumerate(best):
            far = _FAR if i == 0 else _FARTHER
            ways = [(cost + far * _height(cell), (*places, NO_HEAD)), *nearest[-1:]]
            if i:
                before, others = best[i - 1]
                ways.append((before + _apart(heads[i - 1], cell), (*others, i - 1)))
            if places[-1:] == (i - 1,):  # a mark beside what stands there
                ways.append((cost + _apart(heads[i - 1], cell) + _FAR * _height(cell), (*places, i - 1)))
            nearest.append(min(ways))
        best = nearest
    return best[-1][1]


def _one_row(row: Row, line: Row, *, stacks: bool) -> bool:
    """Return whether a line goes on a row: beside it, or in its cells, some of which have two lines."""
    low = min(_bottom(row) - _top(row), _bottom(line) - _top(line))
    common = (min(_bottom(row), _bottom(line)) - max(_top(row), _top(line))) / max(low, 1.0)
    over = [(a, b) for a in row for b in line if _over(a, b)]
    if not over:
        return common >= _LEVEL
    if not stacks or common < _WRAPPED:
        return False
    alone = [cell for cell in row if all(cell is not a for a, _ in over)]
    alone += [cell for cell in line if all(cell is not b for _, b in over)]
    middle = (min(_top(row), _top(line)) + max(_bottom(row), _bottom(line))) / 2
    return bool(alone) and all(abs(_middle(cell) - middle) < low / 3 for cell in alone)


def _joined(row: Row, line: Row) -> Row:
    cells: list[Cell] = []
    for cell in sorted((*row, *line), key=lambda cell: (cell.xyxy[0], cell.xyxy[1])):
        i = next((i for i, other in enumerate(cells) if _over(other, cell)), None)
        if i is None:
            cells.append(cell)
        else:
            first, second = sorted((cells[i], cell), key=lambda one: one.xyxy[1])
            cells[i] = Cell(f"{first.text} {second.text}", hull((first.xyxy, second.xyxy)), first.score, first.line)
    return tuple(cells)


def _is_level(lines: Sequence[Row]) -> bool:
    """Return whether lines run level, so that what stands a little lower does so on purpose."""
    slopes = [abs(_middle(row[-1]) - _middle(row[0])) / _height(row[0]) for row in lines if len(row) > 1]
    return not slopes or median(slopes) < _SLOPE


def _heads(rows: Sequence[Row]) -> list[int | None]:
    heads: list[int | None] = []
    head: int | None = None
    for number, row in enumerate(rows):
        above = rows[number - 1] if number else ()
        if above and _top(row) - _bottom(above) > _NEAR * _height(row[0]):
            head = None
        if _is_head(row, rows[number + 1 :]) and not _is_like(row, above):
            head = number
            heads.append(None)
        else:
            heads.append(head)
    return heads if any(head is not None for head in heads) else _heads_of_words(rows)


def _heads_of_words(rows: Sequence[Row]) -> list[int | None]:
    """Return the heads of tables without figures: the first of several rows whose cells begin one under the other."""
    heads: list[int | None] = [None] * len(rows)
    number = 0
    while number < len(rows):
        end = number + 1
        while end < len(rows) and len(rows[end]) == len(rows[number]) and _is_like(rows[end], rows[end - 1]):
            end += 1
        keys = any(cell.text.endswith(":") or cell.is_figure for row in rows[number:end] for cell in row)
        if len(rows[number]) >= _FEWEST_COLUMNS and end - number >= _FEWEST_ROWS and not keys:
            heads[number + 1 : end] = [number] * (end - number - 1)
        number = end
    return heads


def _is_head(row: Row, below: Sequence[Row]) -> bool:
    """Return whether a row of words stands over the figures of one of the next rows."""
    following = [other for other in below if len(other) > 1][:_SOON]
    figures = next((found for other in following if (found := [cell for cell in other if cell.is_figure])), [])
    words = [cell for cell in row if len(cell.text) > 1 or cell.text.isalpha()]
    others = [cell for cell in words if _is_no_head(cell)]
    if len(words) < 2 or sum(len(cell.text) for cell in figures) < 2 or len(others) > _OTHERS * len(words):
        return False
    if 2 * len(words) < len(following[0]):
        return False
    near = [any(_away(head, cell) < _BESIDE * _height(cell) for head in row) for cell in figures]
    return sum(near) >= len(near) / 2


def _is_like(row: Row, above: Row) -> bool:
    """Return whether a row's cells begin where those of the row above it do, as one row of a table after the other."""
    level = [any(abs(cell.xyxy[0] - one.xyxy[0]) < _height(cell) / 3 for one in above) for cell in row]
    return len(above) > 1 and sum(level) > len(row) / 2


def _is_no_head(cell: Cell) -> bool:
    """Return whether a cell has an amount or a date in it, or is a number that is no year, or a key."""
    if cell.text.endswith(":") or re.search(r"\d[.,/]\d", cell.text):
        return True
    return cell.is_figure and re.fullmatch(r"(?:19|20)\d\d", cell.text) is None


def _over(a: Cell, b: Cell) -> bool:
    """Return whether one of two cells stands over the other: they share a third of the narrower one's width."""
    return _shared(a, b) > min(a.xyxy[2] - a.xyxy[0], b.xyxy[2] - b.xyxy[0]) / 3


def _shared(a: Cell, b: Cell) -> float:
    return min(a.xyxy[2], b.xyxy[2]) - max(a.xyxy[0], b.xyxy[0])


def _away(head: Cell, cell: Cell) -> float:
    """Return the pixels between a cell and the column of another one; below 0 if it stands under that."""
    return max(head.xyxy[0], cell.xyxy[0]) - min(head.xyxy[2], cell.xyxy[2])


def _apart(head: Cell, cell: Cell) -> float:
    """Return how little a cell fits under a head: the room between, what stands out, how far edges are from level."""
    wide = min(head.xyxy[2] - head.xyxy[0], cell.xyxy[2] - cell.xyxy[0])
    edges = (abs(head.xyxy[0] - cell.xyxy[0]), abs(head.xyxy[2] - cell.xyxy[2]))
    away = _away(head, cell)
    out = 1 - min(max(-away, 0.0) / max(wide, 1.0), 1.0)
    return max(away, 0.0) + out * _height(cell) + min(edges) / 10


def _top(row: Row) -> float:
    return min(cell.xyxy[1] for cell in row)


def _bottom(row: Row) -> float:
    return max(cell.xyxy[3] for cell in row)


def _middle(cell: Cell) -> float:
    return (cell.xyxy[1] + cell.xyxy[3]) / 2


def _height(cell: Cell) -> float:
    return max(cell.xyxy[3] - cell.xyxy[1], 1.0)
