"""Turns pieces of text with boxes into lines in reading order, with words hyphenated at a line's end made whole."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from vqa.boxes import hull
from vqa.experts.reading.columns import columns
from vqa.experts.reading.rows import Row, joined_rows
from vqa.values import Region

Block = list[Region]  # lines that belong together, top to bottom: a paragraph, a column's part, a sign

_SPLIT_AMOUNT = re.compile(r"(?<=\d)(?: +([.,]) *|(\.) +)(?=\d{2}(?!\d))")
_POINTS = re.compile(r"(?<![\d.])(\d{1,3})\.(\d{3})\.(\d{2})(?![\d.]|,\d)")
_APART = 1.0  # heights of empty space that end a block


def blocks(pieces: Sequence[Region]) -> list[Block]:
    """Return the text as blocks of lines, in reading order.

    Args:
        pieces: Words or parts of lines, in any order.

    Returns:
        Blocks of at least one line. A line's label is its pieces' texts joined by spaces, its box holds theirs, its
        score is their mean, weighted by length; of several they are its parts.
    """
    found: list[Block] = []
    for column in columns(pieces):
        block: Block = []
        for line in map(_line, joined_rows(column)):
            if block and _far(block[-1], line):
                found.append(block)
                block = []
            block.append(line)
        found.append(block)
    return [join_hyphens(block) for block in found]


def join_hyphens(block: Block) -> Block:
    """Return the lines with each word that a hyphen parts put together on the line where it begins."""
    joined: Block = []
    for line in block:
        if joined and _goes_on(joined[-1].label, line.label):
            head, (tail, _, rest) = joined[-1], line.label.partition(" ")
            # The line that is left keeps its box, which is a little too wide: where the word ends in it is not known.
            # Nor which of its parts it ends, so such lines, which are of running text, have none.
            joined[-1] = Region(head.xyxy if rest else hull((head.xyxy, line.xyxy)), head.label[:-1] + tail, head.score)
            line = Region(line.xyxy, rest, line.score)
        if line.label:
            joined.append(line)
    return joined


def clean(text: str) -> str:
    """Return text on one line without what cannot be seen: control characters, zero widths, direction overrides."""
    visible = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    return " ".join(visible.split())


def close_up(text: str) -> str:
    """Return text with amounts in one piece: the reader sees a wide point as a word of its own, "9 . 50" or "9. 50".

    Only where two digits follow and no third: "No. 5. 120 g" and "1, 20" stay as they are. Of two points the first was
    a comma: "2.049.79".
    """
    return _POINTS.sub(r"\1,\2.\3", _SPLIT_AMOUNT.sub(r"\1\2", text))


def _goes_on(line: str, following: str) -> bool:
    return line[-1:] in ("-", "\N{HYPHEN}") and line[-2:-1].isalpha() and following[:1].islower()


def _line(row: Row) -> Region:
    weights = [len(piece.label) for piece in row]
    score = sum(piece.score * weight for piece, weight in zip(row, weights, strict=True)) / max(sum(weights), 1)
    parts = tuple(replace(piece, label=close_up(piece.label)) for piece in row) if len(row) > 1 else ()
    return Region(
        hull([piece.xyxy for piece in row]), close_up(" ".join(piece.label for piece in row)), score, parts=parts
    )


def _far(above: Region, below: Region) -> bool:
    """Return whether empty space parts two lines of one column."""
    height = median((above.xyxy[3] - above.xyxy[1], below.xyxy[3] - below.xyxy[1]))
    down = below.xyxy[1] - above.xyxy[3]
    across = max(above.xyxy[0], below.xyxy[0]) - min(above.xyxy[2], below.xyxy[2])
    return max(down, across) > _APART * height
