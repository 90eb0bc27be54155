"""Lines that a question asks for by where they stand or how large they are: the third line, the largest text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vqa.agent.documents.fields import Narrowed
from vqa.values import Region

_ORDER = "first second third fourth fifth sixth seventh eighth ninth tenth".split()
_NTH = re.compile(
    rf"\b(?P<which>{'|'.join(_ORDER)}|last|top|bottom|\d{{1,2}}(?:st|nd|rd|th)) (?P<unit>line|word)\b", re.I
)
_LARGEST = re.compile(
    r"\b(?:largest|biggest) (?:text|words?|letters?|lettering|line|writing|print)\b|\bin (?:large|big) letters\b", re.I
)
_AT_AN_END = re.compile(
    r"\b(?:says?|written|printed|text|read)\b.* (?:at|on|in) the (?:very )?(?P<end>top|bottom)"
    r"(?: of (?:it|(?:the|this) [a-z]+))?\W*$",
    re.I,
)
_OF_IT = 0.12
"""How far the top and the bottom reach, as a share of all text's height."""
_ALIKE = 0.8
"""Height of lines that are the largest, as a share of the largest one's."""


def placed(question: str, read: Sequence[Region]) -> Narrowed:
    """Return the line, or word, that a question asks for by its place or size; nothing narrowed if it does not.

    Args:
        question: In its own words.
        read: Lines of text in reading order.
    """
    if not read:
        return Narrowed()
    if match := _NTH.search(question):
        return _nth(match["which"].lower(), match["unit"].lower(), [region.label for region in read])
    if _LARGEST.search(question):
        most = max(map(_size, read))
        return _together("largest text", read, [i for i, line in enumerate(read) if _size(line) >= _ALIKE * most])
    if (match := _AT_AN_END.search(question)) is None:
        return Narrowed()
    top, bottom = min(line.xyxy[1] for line in read), max(line.xyxy[3] for line in read)
    reach = max(_OF_IT * (bottom - top), 1.0)
    middles = [(line.xyxy[1] + line.xyxy[3]) / 2 for line in read]
    at_top = match["end"].lower() == "top"
    outermost = min(middles) if at_top else max(middles)
    there = [i for i, middle in enumerate(middles) if abs(middle - outermost) <= reach]
    return _together(f"at the {match['end'].lower()}", read, there)


def _nth(which: str, unit: str, lines: Sequence[str]) -> Narrowed:
    words = [(i, word) for i, line in enumerate(lines) for word in line.split()]
    parts = words if unit == "word" else list(enumerate(lines))
    number = {"last": len(parts), "bottom": len(parts), "top": 1}.get(which)
    if number is None:
        number = _ORDER.index(which) + 1 if which in _ORDER else int(which[:-2])
    what = f"{which} {unit}"
    if not 1 <= number <= len(parts):
        return Narrowed(what)
    place, text = parts[number - 1]
    return Narrowed(what, {place: text})


def _together(what: str, read: Sequence[Region], chosen: Sequence[int]) -> Narrowed:
    """Return chosen lines as one."""
    whole = " ".join(read[i].label for i in chosen)
    return Narrowed(what, {i: whole if i == chosen[0] else "" for i in chosen})


def _size(line: Region) -> float:
    """Return the height of a line's letters in pixels, be it upright or not."""
    x0, y0, x1, y1 = line.xyxy
    return min(x1 - x0, y1 - y0)
