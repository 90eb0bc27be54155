"""Which lines of a document can hold the value that a question asks for: a date stands in a line with a date in it.

A small core picks the right one of few lines more often than of many (docs/measurements.md, "Folding").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

_DIGIT = "[0-9OolI]"  # a reader takes O for 0 and l for 1
_MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_DATE = re.compile(
    rf"(?<!\d){_DIGIT}{{1,4}}[./-]{_DIGIT}{{1,2}}[./-]{_DIGIT}{{2,4}}(?!\d)"
    rf"|(?<!\d){_DIGIT}{{1,2}}[ .-]?{_MONTH}[ ,.'-]*{_DIGIT}{{2,4}}|\b{_MONTH}[ .]*{_DIGIT}{{1,2}},? ?{_DIGIT}{{4}}",
    re.IGNORECASE,
)
_PHONE = re.compile(r"(?:\d[ ()./-]{0,2}){7,}")
_AMOUNT = re.compile(r"\d[.,]\d\d(?!\d)")
_LONG = 8  # lines; of fewer, none needs to be left out
_HEAD = 5  # lines at the top of a receipt, where it says whose it is


@dataclass(frozen=True)
class Narrowed:
    """A document narrowed down to the lines that can hold a value.

    Attributes:
        what: The kind of value.
        lines: These lines by their number, each without what stands around the value; none if all shall be read.
    """

    what: str = ""
    lines: Mapping[int, str] = field(default_factory=dict)


def narrowed(question: str, lines: Sequence[str]) -> Narrowed:
    """Return which lines can hold what `question` asks for.

    Args:
        question: In its own words.
        lines: A document as it was read, in reading order.
    """
    for what, asked, values in _FIELDS:
        if asked.search(question):
            found = values(lines)
            labels = {i - 1: lines[i - 1] for i in found if i and asked.search(lines[i - 1])}  # "Date:" may stand above
            return Narrowed(what, {**labels, **found}) if found and len(lines) >= _LONG else Narrowed()
    return Narrowed()


def _values(pattern: re.Pattern[str]) -> Callable[[Sequence[str]], dict[int, str]]:
    def found(lines: Sequence[str]) -> dict[int, str]:
        matches = {i: pattern.search(line) for i, line in enumerate(lines)}
        return {i: match.group().strip() for i, match in matches.items() if match}

    return found


def _head_of_a_receipt(lines: Sequence[str]) -> dict[int, str]:
    return dict(enumerate(lines[:_HEAD])) if any(_AMOUNT.search(line) for line in lines) else {}


_FIELDS = (
    ("date", re.compile(r"\bdate\b|날짜", re.IGNORECASE), _values(_DATE)),
    ("phone number", re.compile(r"\b(?:tele)?phone\b|전화", re.IGNORECASE), _values(_PHONE)),
    (
        "name",
        re.compile(r"\b(?:name of the|which|what) (?:company|shop|store|restaurant|supermarket)\b", re.IGNORECASE),
        _head_of_a_receipt,
    ),
)
