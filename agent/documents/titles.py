"""What of a read page is its title, and who wrote it.

The title is, of its upper half, the lines with the largest letters that stand together: asked for it, a small core
quotes on into what stands below; the reader's boxes tell where it ends. Who wrote it is a name by itself, outermost.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from vqa.agent.documents.fields import Narrowed
from vqa.values import Region

_SHEET = r"(?:book|card|magazine|movie|film|game|article|show|album|poster|event|comic|newspaper)"
_ASKS = re.compile(
    rf"\b(?:title|heading|headline)\b|\bname of (?:the|this) {_SHEET}\b|\bwhat is (?:the|this) {_SHEET} called\b"
    r"|제목",
    re.IGNORECASE,
)
_ASKS_WHO = re.compile(
    r"\b(?:who|whom|what) (?:is|are|was|were) (?:the )?authors?\b(?!')|\b(?:name|names) of the authors?\b"
    r"|\bauthors?(?:'s?)? names?\b|^\W*authors?\W*$|\bwho (?:wrote|is the writer)\b|\bwritten by (?:whom|who)\b",
    re.IGNORECASE,
)
_BY = re.compile(r"(?:a (?:novel|book|story) |written |retold )?by:? (?=[A-Z])", re.IGNORECASE)
_NO_NAME = (
    "A|An|And|The|Of|In|On|At|To|For|From|With|Is|It|You|Your|My|We|Our|No|Not|How|Why|What|When|New|All|Every|One|First|"
    "After|Before|Books?|Story|Stories|Tales?|Novel|Roman|Guide|Editions?|Volume|Vol|Part|Chapter|Press|Publishing|"
    "Publishers|University|Company|Series|Classics|Bestseller|Illustrated|Introduction"
)
_PART = (
    rf"(?!(?i:{_NO_NAME})\b)(?:[A-Z]\.|(?:Mc|Mac|[A-Z]')?[A-Z][a-z\u00c0-\u017f]+(?:[-'][A-Z]?[a-z\u00c0-\u017f]+)*|"
    r"[A-Z]+(?:[-'][A-Z]+)*)"
)
_NAME = re.compile(
    rf"{_PART}(?:[ .](?:{_PART}|(?i:de|del|van|von|der|den|la|le|di|da|bin|al))){{1,4}}"
    r"(?:[,.]? (?:M\.?D|Ph\.?D|Jr)\.?)?"
)
_LARGE = 0.7
"""Height, as a share of the largest letters', of the line that a title may begin with."""
_ALIKE = 0.7
"""Height of two lines of one title, the smaller one's as a share of the other's."""
_GAP = 0.4
"""Room between them, as a share of the smaller one's height."""
_MOST_PIECES = 2
"""Pieces of a line with more of which no title goes on: a menu, or the head of a table."""
_LONGEST = 4
"""Lines of a title; more are text whose letters are as large, and the core had better tell where the title ends."""


def title(question: str, read: Sequence[Region]) -> Narrowed:
    """Return the title as one line, of lines in reading order; nothing narrowed if no title is asked for."""
    if not read or not _ASKS.search(question):
        return Narrowed()
    middle = (min(line.xyxy[1] for line in read) + max(line.xyxy[3] for line in read)) / 2
    above = [i for i, line in enumerate(read) if line.xyxy[1] < middle]  # what is read as one line may be two columns
    letters = [i for i in above if sum(map(str.isalpha, read[i].label)) > 1]
    if not letters:
        return Narrowed()
    largest = max(_height(read[i]) for i in letters)
    first = next(i for i in letters if _height(read[i]) >= _LARGE * largest)
    block = [first]
    for i in letters:
        if i > first and _go_together(read[block[-1]], read[i]):
            block.append(i)
    if len(block) > _LONGEST:
        return Narrowed()
    whole = " ".join(read[i].label for i in block)
    return Narrowed("title", {i: whole if i == first else "" for i in block})


def author(question: str, read: Sequence[Region]) -> Narrowed:
    """Return who wrote a page, of lines in reading order; nothing narrowed if a question does not ask.

    A name behind "by", or else the name by itself that stands nearest to the first or the last line, and is no title.
    """
    if not read or not _ASKS_WHO.search(question):
        return Narrowed()
    names = {i: _BY.sub("", line.label, count=1) for i, line in enumerate(read)}
    names = {i: name for i, name in names.items() if _NAME.fullmatch(name)}
    titles = title("title", read).lines
    by = [i for i in names if names[i] != read[i].label]
    others = [i for i in names if i not in titles] or list(names)
    if not names:
        return Narrowed("author")
    best = by[0] if by else min(others, key=lambda i: min(i, len(read) - 1 - i))
    return Narrowed("author", {best: names[best]})


def _height(line: Region) -> float:
    return line.xyxy[3] - line.xyxy[1]


def _go_together(line: Region, other: Region) -> bool:
    """Return whether another line goes on where one ends, beside it or below."""
    low, high = sorted((_height(line), _height(other)))
    below = other.xyxy[1] - line.xyxy[3]
    above_one_another = min(line.xyxy[2], other.xyxy[2]) > max(line.xyxy[0], other.xyxy[0])
    beside = -below > low / 2 and other.xyxy[0] >= line.xyxy[0]
    if len(other.parts) > _MOST_PIECES:
        return False
    return low >= _ALIKE * high and ((above_one_another and -high < below <= _GAP * low) or beside)
