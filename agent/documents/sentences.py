"""What a sentence of a page tells: who, when, where, how many; or the sentence itself.

The sentence is the one that has the question's words, the rarer on the page the better. What is asked for is told by
its form: a year, a name, the number before the thing that is counted. Where it has none the whole sentence is told: a
small core that is to choose words of it chooses wrong ones.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from vqa.agent.documents.cell_words import SMALL_WORDS
from vqa.agent.documents.fields import DATE, PERCENT
from vqa.values import Region
from vqa.words import begin_alike, singular

SENTENCE = "sentence"
"""What is told where a question asks for no form: all that the sentence says."""
_SHORT = SMALL_WORDS | frozenset(
    "being done would will shall should may might must name not no text mentioned mention according made long "
    "often".split()
)
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_ENDS = re.compile(r"[.!?][\"'\u201d\u2019)\]]*$")
_BEGINS = re.compile(r"[•●▪\u2013*-]\s|\d{1,2}[.)]\s")
_INNER = re.compile(r"(?<=[a-z0-9)][.!?])[\"'\u201d\u2019)\]]*\s+(?=[A-Z\"\u201c\u2018(])")
_SHORT_LINE = 0.6
"""Share of a typical line's width under which one that ends without a point is a heading, or a cell."""
_ENOUGH = 0.5
"""Share of what a question's words weigh that its sentence must have, …"""
_ENOUGH_OF_A_FORM = 0.4
"""… and one with a value of the form that is asked for."""
_LONGEST = 500
"""Characters from which what goes on without a point is no sentence."""
_FEWEST = 5
"""Words of a sentence that is told as one."""
_LABEL = 9
"""Words under which what ends with a colon is a label."""
_SMALL = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|hundred|thousand"
_NUMBER = rf"(?:\d[\d,]*(?:\.\d+)?|\b(?:{_SMALL})\b)"
_YEAR = re.compile(r"\b(?:1[4-9]|20)\d\d\b")
_CAPITAL = r"(?:[A-Z][\w'\u2019-]*\.?|d'[A-Z]\w+)"
_NAMED = rf"{_CAPITAL}(?: (?:(?:of|de|van|von|der|la|le|du) )?{_CAPITAL}){{0,5}}"
_NAME = re.compile(rf"(?:(?:Mr|Mrs|Ms|Miss|Dr|Prof|Sir)\.? )?{_NAMED}")
_PLACE = re.compile(rf"\b(?:in|at|from|near|to|of) (?P<value>(?:the )?{_NAMED})")
_PASSIVE = re.compile(r"\bby [A-Z]")
_WHEN = re.compile(r"\bwhen\b|\bwhat (?:year|date|day)\b|\bwhich (?:year|date|day)\b", re.I)
_HOW_MANY = re.compile(r"\bhow (?:many|much) (?P<what>[\w-]+(?: [\w-]+)?)", re.I)


@dataclass(frozen=True)
class Told:
    """What a sentence tells.

    Attributes:
        what: Where it stands, in words; SENTENCE if it is the whole sentence.
        text: What is told.
        lines: The numbers of the lines that the sentence stands in.
    """

    what: str
    text: str
    lines: tuple[int, ...]


@dataclass(frozen=True)
class _Sentence:
    text: str
    lines: tuple[int, ...]

    @property
    def words(self) -> list[str]:
        return [singular(word) for word in _WORD.findall(self.text.lower())]


def told_by_a_sentence(question: str, read: Sequence[Region]) -> Told | None:
    """Return what the sentence tells that has a question's words; None if none has enough of them.

    Args:
        question: In its own words, and not one for yes or no.
        read: Lines of text in reading order.
    """
    asked = list(
        dict.fromkeys(w for word in _WORD.findall(question.lower()) if (w := singular(word)) and word not in _SHORT)
    )
    sentences = list(_sentences(read))
    if not asked or not sentences:
        return None
    there = [sentence.words for sentence in sentences]
    among = Counter(word for words in there for word in asked if _has(words, word))
    weights = {word: math.log(1 + len(sentences) / among[word]) if among[word] else 1.0 for word in asked}
    scores = [sum(weights[word] for word in asked if _has(words, word)) for words in there]
    best = max(range(len(sentences)), key=lambda i: (scores[i], -len(sentences[i].text)))
    sentence = sentences[best]
    what, values = _values(question, sentence)
    enough = _ENOUGH_OF_A_FORM if what in ("date", "number", "percentage") else _ENOUGH
    if scores[best] < enough * sum(weights.values()) or len(sentence.text) > _LONGEST:
        return None
    if not what:
        is_one = _is_prose(sentence.text) and not any(_has_cells(read[i]) for i in sentence.lines)
        named = sum(_has(sentence.words, word) for word in asked) > 1
        return Told(SENTENCE, sentence.text, sentence.lines) if is_one and named else None
    if what in ("name", "place") and not _is_prose(sentence.text):
        return None
    held = [match.start() for match in _WORD.finditer(sentence.text) if _has(asked, singular(match.group().lower()))]
    near = sorted(values, key=lambda value: min((abs(value[0] - at) for at in held), default=0))
    before = [value for value in values if value[0] < min(held, default=0)]
    if what == "name" and before and not _PASSIVE.search(sentence.text):
        near = before[-1:]  # who does it stands before what is done
    return Told(f"{what} in a sentence", near[0][1], sentence.lines) if near else None


def _is_prose(text: str) -> bool:
    """Return whether it reads like a sentence, and no label, question or formula: small words among others."""
    words = _WORD.findall(text)
    small = sum(word.islower() for word in words)
    label = text.endswith("?") or "=" in text or text.count(":") > 1 or (text.endswith(":") and len(words) < _LABEL)
    return len(words) >= _FEWEST and small >= len(words) / 2 and not label


def _values(question: str, sentence: _Sentence) -> tuple[str, list[tuple[int, str]]]:
    """Return the kind of value that a question asks for, "" for any, with those that a sentence has and where."""
    text = sentence.text
    asked = {singular(word) for word in _WORD.findall(question.lower())}
    if _WHEN.search(question):
        dates = [(m.start(), m.group().strip()) for m in DATE.finditer(text)]
        return "date", dates or [(m.start(), m.group()) for m in _YEAR.finditer(text)]
    if re.search(r"\bpercent(?:age)?\b", question, re.I):
        return "percentage", [(m.start(), m.group()) for m in PERCENT.finditer(text)]
    if match := _HOW_MANY.search(question):
        noun = singular(match["what"].split()[0].lower())
        number = re.compile(rf"(?P<value>{_NUMBER})[\s-]+(?:(?!of\b)[a-z-]+ ){{0,2}}?{re.escape(noun)}", re.I)
        return "number", [(m.start(), m["value"]) for m in number.finditer(text)]
    if re.match(r"\W*(?:by )?(?:who|whom|whose)\b", question, re.I):
        names = [(m.start(), m.group()) for m in _NAME.finditer(text)]
        first = text.split(" ", 1)[0]
        return "name", [
            (at, name)
            for at, name in names
            if len(name) > 1
            and not {singular(word) for word in _WORD.findall(name.lower())} & asked
            and (at or " " in name or name != first)
        ]
    if re.match(r"\W*where\b", question, re.I):
        return "place", [(m.start(), m["value"]) for m in _PLACE.finditer(text)]
    return "", []


def _sentences(read: Sequence[Region]) -> Iterator[_Sentence]:
    """Yield sentences: what goes on from line to line, until it ends, something else begins or a line stands alone."""
    widths = sorted(line.xyxy[2] - line.xyxy[0] for line in read)
    typical = widths[len(widths) * 3 // 4] if widths else 0.0
    whole: list[tuple[int, str]] = []
    for number, line in enumerate(read):
        if whole and (_BEGINS.match(line.label) or _has_cells(line)):
            yield from _parts(whole)
            whole = []
        whole.append((number, line.label))
        if _has_cells(line) or _ENDS.search(line.label) or line.xyxy[2] - line.xyxy[0] < _SHORT_LINE * typical:
            yield from _parts(whole)
            whole = []
    yield from _parts(whole)


def _has_cells(line: Region) -> bool:
    """Return whether wide gaps part a line, as those between cells do."""
    return any(b.xyxy[0] - a.xyxy[2] > line.xyxy[3] - line.xyxy[1] for a, b in pairwise(line.parts))


def _parts(whole: Sequence[tuple[int, str]]) -> Iterator[_Sentence]:
    """Yield the sentences of lines that go on, each with the lines that it stands in."""
    text = " ".join(line for _, line in whole)
    ends = [0]
    for _, line in whole:
        ends.append(ends[-1] + len(line) + 1)
    begins = 0
    for match in (*_INNER.finditer(text), None):
        end = match.start() if match else len(text)
        numbers = [number for (number, _), a, b in zip(whole, ends, ends[1:], strict=False) if a < end and b > begins]
        if part := text[begins:end].strip():
            yield _Sentence(part, tuple(numbers))
        begins = match.end() if match else end


def _has(words: Sequence[str], word: str) -> bool:
    return any(begin_alike(word, other) for other in words)
