"""What a page tells of itself: what kind of document it is, whom it is from and for, its number, its chapters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise

from vqa.agent.documents.cell_words import plainly_told
from vqa.agent.documents.cells import LEADERS, Cell, page
from vqa.agent.documents.found import Found
from vqa.agent.documents.titles import title
from vqa.values import Region

_PAPER = "(?:document|paper|page|form|letter|text|sheet|invoice|bill|receipt|order|report|cheque|check)"
_ASKS_KIND = re.compile(
    r"\b(?:what|which) (?:kind|type|sort) of (?:document|paper|page|form|text)\b"
    r"|\bwhat (?:document|paper|form) is (?:this|it)\b|\bwhat is (?:this|the) document\b",
    re.I,
)
_KINDS = (  # what a document calls itself, the narrower before the wider
    "purchase order", "credit note", "delivery note", "packing list", "pro forma invoice", "tax invoice", "invoice",
    "receipt", "quotation", "quote", "bank statement", "income statement", "account statement", "balance sheet",
    "cash flow", "trial balance", "transaction report", "statement", "bill of lading", "boarding pass", "ticket",
    "certificate", "contract", "agreement", "curriculum vitae", "resume", "table of contents", "contents", "agenda",
    "minutes", "invitation", "recipe", "timetable", "schedule", "questionnaire", "application form", "order form",
    "registration form", "menu", "report", "memo", "form", "bill",
)  # fmt: skip
_LETTER = re.compile(r"\bDear (?!Diary)[A-Z]|\b(?:Yours|Sincerely|Regards|Faithfully)\b")
_ASKS_ABOUT = re.compile(
    rf"\bwhat (?:\w+ )?is (?:it|this|(?:the|this) (?:{_PAPER}|article|book|poster|advert\w*|flyer)) (?:all )?about\b",
    re.I,
)
_LONGEST_HEADING = 8  # words
_ASKS_FOR_WHOM = re.compile(
    rf"\bwho(?:m)?\b.*\b{_PAPER}\b.*\b(?:for|to)\b|\b(?:for|to) whom\b|\bwho is (?:it|this) (?:for|to|addressed)\b"
    r"|\bwho (?:is|was) (?:the )?(?:recipient|addressee|customer|client|billed)\b",
    re.I,
)
_FOR_WHOM = re.compile(
    r"(?:(?:bill(?:ed)?|invoiced?|ship(?:ped)?|deliver(?:ed)?|sold|addressed|payable) to|to|customer(?: name)?|client"
    r"|att(?:n|ention)|recipient|pay to(?: the order of)?)\W*",
    re.I,
)
_ASKS_FROM_WHOM = re.compile(
    rf"\bwho\b.*\b(?:sent|issued|signed)\b|\bwho\b.*\b{_PAPER}\b.*\bfrom\b|\bfrom whom\b|\bwho is (?:it|this) from\b"
    r"|\bwho wrote (?:this|the) (?:letter|note|memo|message)\b|\bwho (?:is|was) the (?:sender|seller|vendor)\b",
    re.I,
)
_FROM_WHOM = re.compile(r"(?:from|vendor|seller|supplier|sold by|issued by|signed(?: by)?|sender)\W*", re.I)
_DEAR = re.compile(r"Dear (?P<value>[A-Z][\w.' -]+?)\s*[,:;.!]?")
_CLOSING = re.compile(r"(?:yours (?:\w+)|(?:\w+ )?(?:sincerely|faithfully|regards|wishes)|love)\W*", re.I)
_ASKS_PAGE = re.compile(r"\b(?:what|which) page\b|\bpage number\b", re.I)
_PAGE = re.compile(r"(?:page|p\.) ?(?P<a>\d{1,4})(?: (?:of|/) \d+)?|(?P<b>\d{1,4} (?:of|/) \d{1,4})", re.I)
_PART = "chapter|section|step|item|question|article|rule|part|lesson|exercise"
_ASKS_PART = re.compile(rf"\b(?:what|which) (?P<part>{_PART})\b(?: number)? (?:is|are)\b", re.I)
_ASKS_NAMED_PART = re.compile(
    rf"\W*what(?:'s| is| does)?(?: the)?(?: (?:heading|title|name) of)?(?: the)? (?P<part>{_PART}) (?P<number>\d[\d.]*)"
    r"(?: (?:called|named|about|say))?\W*",
    re.I,
)


def told_of_itself(question: str, read: Sequence[Region]) -> Found | None:
    """Return what a page tells of itself, if a question asks for that; else None.

    Args:
        question: In its own words, and not one for yes or no.
        read: Lines of text in reading order, with their parts.
    """
    if _ASKS_KIND.search(question):
        return _kind(read)
    if _ASKS_ABOUT.search(question):
        return _heading(read)
    if _ASKS_FOR_WHOM.search(question):
        return _by_a_key(_FOR_WHOM, read) or _addressed(read)
    if _ASKS_FROM_WHOM.search(question):
        return _by_a_key(_FROM_WHOM, read) or _signed(read)
    if _ASKS_PAGE.search(question):
        return next(_matches(_PAGE, "page number", read), None)
    if match := _ASKS_PART.search(question):
        return next(_matches(re.compile(rf"{match['part']}\W+(?P<a>\w{{1,6}})\b.*", re.I), match["part"], read), None)
    if match := _ASKS_NAMED_PART.fullmatch(question):
        number = re.escape(match["number"].rstrip("."))
        line = re.compile(rf"\W*(?:{match['part']} )?{number}\b[.):]*\s+(?P<a>\w.+)", re.I)
        return next(_matches(line, f"{match['part']} {match['number']}", read), None)
    return None


def _heading(read: Sequence[Region]) -> Found | None:
    """Return the title by its letters, or else the first line if it is short and no sentence ends with it."""
    headings = ((i, text) for i, text in title("title", read).lines.items() if text)
    if found := next((Found("heading", text, (_cell(i, read[i]),)) for i, text in headings), None):
        return found
    first = read[0].label
    is_one = 1 < len(first.split()) <= _LONGEST_HEADING and first[-1].isalnum()
    return Found("heading", first, (_cell(0, read[0]),)) if is_one else None


def _kind(read: Sequence[Region]) -> Found | None:
    """Return what a document calls itself, the higher up the likelier."""
    for number, line in enumerate(read):
        for kind in _KINDS:
            if re.search(rf"\b{kind}\b", line.label, re.I):
                return Found("kind of document", kind, (_cell(number, line),))
    letters = ((i, line) for i, line in enumerate(read) if _LETTER.search(line.label))
    return next((Found("kind of document", "letter", (_cell(i, line),)) for i, line in letters), None)


def _by_a_key(key: re.Pattern[str], read: Sequence[Region]) -> Found | None:
    """Return what stands beside the words that say whose it is, or below them."""
    rows = page(read).rows
    for row, following in zip(rows, (*rows[1:], ()), strict=True):
        for i, cell in enumerate(row):
            if key.fullmatch(cell.text) is None:
                continue
            values = [("beside", value) for value in row[i + 1 : i + 2]]
            values += [("below", value) for value in following if value.xyxy[0] < cell.xyxy[2]]
            for where, value in values:
                if not value.is_figure and not value.text.endswith(":"):
                    return Found(f"{where} {plainly_told(cell)}", value.text, (value, cell))
    return None


def _addressed(read: Sequence[Region]) -> Found | None:
    dear = ((i, line, match) for i, line in enumerate(read) if (match := _DEAR.fullmatch(line.label)))
    return next((Found("beside Dear", match["value"], (_cell(i, line),)) for i, line, match in dear), None)


def _signed(read: Sequence[Region]) -> Found | None:
    """Return the name under a letter's last words."""
    for (_, line), (i, name) in pairwise(enumerate(read)):
        if _CLOSING.fullmatch(line.label) and any(map(str.isalpha, name.label)):
            return Found(f"below {line.label.strip(' ,')}", name.label.strip(" ,"), (_cell(i, name),))
    return None


def _matches(pattern: re.Pattern[str], what: str, read: Sequence[Region]) -> Iterator[Found]:
    for i, line in enumerate(read):
        for piece in (line, *line.parts):
            if match := pattern.fullmatch(unicodedata.normalize("NFKC", piece.label)):
                value = next(group for group in match.groups() if group)
                yield Found(f"number of {what}", LEADERS.split(value)[0], (_cell(i, piece),))


def _cell(number: int, line: Region) -> Cell:
    return Cell(line.label, line.xyxy, line.score, number)
