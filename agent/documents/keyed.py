"""Values of a document that stand behind their key: "Change Due : 34.10", "Invoice No.: CS 67832", "GST @6%: $0.39".

Asked for one a small core picks some figure. Where a line has the key, the value is what stands behind it, or alone in
the next line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vqa.agent.documents.fields import LONG, Narrowed

_AMOUNT = r"-?(?:RM|MYR|USD|EUR|GBP|SGD|[$€£¥₩])? ?-?(?:\d[\d,]*)?[.,]\d{2}(?!\d)"
_NUMBER = r"(?:[A-Z]{1,4} )?(?=[\w/-]*\d)[A-Za-z0-9][\w/-]*"
_PHONE = r"\+?\d[\d ()./-]{5,}\d(?:-[A-Z0-9]{3,5}\b)?"
_NAME = r"[A-Za-z][A-Za-z .'-]+"
_TIME = r"\b\d{1,2}:\d{2}(?::\d{2})?(?: ?[AaPp]\.?[Mm]\b\.?)?"
_SITE = (
    r"(?:https?://|www\.)\S+|(?<![@\w.-])[\w-]+(?:\.[\w-]+)*\.(?:com|net|org|info|my|sg|uk|de|fr|es|it|kr|jp)\b[\w./-]*"
)
_NO = r"(?:\bnumbers?\b|\bnos?\b\.?|#|\bid\b)"
_PAPER = r"(?:inv(?:oice|olce)?|receipt|bill|doc(?:ument)?|order|trans(?:action)?|slip)"
_PAID = r"(?:cash|tender\w*|payment|paid|visa|credit|debit)"


@dataclass(frozen=True)
class _Key:
    """A kind of value.

    Attributes:
        what: Its name.
        asked: How it is asked for.
        key: What stands before it; empty: anything.
        value: What it looks like in its line.
        alone: What it looks like by itself.
    """

    what: str
    asked: re.Pattern[str]
    key: re.Pattern[str]
    value: re.Pattern[str]
    alone: re.Pattern[str]


def _key(what: str, asked: str, key: str, value: str, alone: str = "") -> _Key:
    return _Key(what, *(re.compile(pattern, re.IGNORECASE) for pattern in (asked, key, value, alone or value)))


VALUES = {
    "a phone number": rf"\b(?:tel\w*|phone|ph|hp|mobile|call)\b\W*{_PHONE}|\+\d{{2}}{_PHONE}",
    "a price": rf"[$€£¥₩] ?\d|\d ?[$€£¥₩]|{_AMOUNT}",
    "an e-mail address": r"\S+@\S+\.\w+",
    "a website": _SITE,
}
"""What values look like wherever they stand, with or without a key."""
HOW_MANY = (
    r"\bhow many (?:different )?(?:items|things|products|articles|goods|dishes|drinks)\b.*"
    r"\b(?:bought|purchased|ordered|sold|paid|receipt|(?:on|in) (?:the|this) (?:bill|invoice|menu|ticket|list))\b"
)
"""How it is asked for the number of things on a receipt, which no detector counts."""
_KEYS = (
    _key("subtotal", r"\bsub[- ]?total\b", r"\bsub ?-?total\b|\btotal (?:excl|before)\w*", _AMOUNT),
    _key(
        "tax number",
        rf"\b(?:gst|vat|tax|sst)\b.*{_NO}|\bregistration number",
        rf"\b(?:gst|vat|tax|sst)\b(?: ?reg\w*)?\W{{0,3}}{_NO}",
        _NUMBER,
    ),
    _key(
        "tax",
        r"\b(?:what|how much)\b.*\b(?:gst|vat|tax|sst)\b(?! invoice)",
        r"^(?:total |sales |service )?(?:gst|vat|tax|sst)\b"
        r"(?!.*(?:\bid\b|\bno\b|reg|invoice|summary|analysis|incl|excl))",
        _AMOUNT,
    ),
    _key(
        "change", r"\bchange\b.*\b(?:given|due|back|returned|was|get)\b|\b(?:much|the) change\b", r"\bchange\b", _AMOUNT
    ),
    _key("cash", r"\b(?:much|the) cash\b|\btendered\b", rf"\b{_PAID}\b", _AMOUNT),
    _key("rounding", r"\brounding\b", r"\bround\w*(?: adj\w*)?", _AMOUNT),
    _key("discount", r"\bdiscounts?\b|\bsav(?:ed|ings?)\b", r"\b(?:disc\w*|sav\w*)", rf"{_AMOUNT}|\d{{1,2}} ?%"),
    _key("document number", rf"\b{_PAPER} {_NO}", rf"\b{_PAPER}\b\.? ?(?:{_NO})? ?[:.#]*", _NUMBER),
    _key(
        "phone number",
        r"\b(?:tele)?phone (?:number|no)\b|\bcontact number\b|전화번호",
        r"\b(?:(?:tel\w*|te1|phone|ph|hp|mobile|call|contact)\b\.?(?: ?no\b)?|t(?= ?:)) ?[:.]*",
        _PHONE,
    ),
    _key("currency", r"\bcurrency\b", "", r"\b(?:RM|MYR|USD|EUR|GBP|SGD)(?![A-Za-z])|[$€£¥₩]"),
    _key("cashier", r"\bcash[il]er\b", r"\bcash[il]er\b ?[:#.]*", _NAME),
    _key("time", r"\bwhat time (?!of\b|zone)|\bat what time\b", "", _TIME),
    _key("postcode", r"\bpost(?:al)? ?codes?\b|\bzip\b", "", r"\b\d{5}(?=[ ,]+[A-Z][A-Za-z]{2})", r"\b\d{5}\b"),
    _key("e-mail address", r"\be-?mail\b|이메일", "", VALUES["an e-mail address"]),
    _key("website", r"\bweb ?(?:site|page|address)\b|\burl\b|웹사이트", "", _SITE),
    _key(
        "number of items",
        rf"{HOW_MANY}|\bquantity\b",
        r"\b(?:total )?(?:items?|qty|quantity)\b(?: ?\(\w\))?\W*",
        r"(?<![\d.,])\d{1,3}(?![\d.,])",
    ),
)


def keyed(question: str, lines: Sequence[str]) -> Narrowed:
    """Return the value that a question asks for, by the number of its line; nothing narrowed for any other question.

    The first one that a line has. Of a long document without one it is told that there is none, but of a phone number:
    many stand there without a key.

    Args:
        question: In its own words.
        lines: A document as it was read, in reading order.
    """
    kind = _asked(question)
    if kind is None:
        return Narrowed()
    for number, line in enumerate(lines):
        if (key := kind.key.search(line)) is None:
            continue
        behind = line[key.end() :]
        values = [match.group().strip() for match in kind.value.finditer(behind)]
        below = "".join(lines[number + 1 : number + 2]).strip()
        if values:
            return Narrowed(kind.what, {number: values[-1 if kind.value.pattern == _AMOUNT else 0]})
        if kind.key.pattern and not re.search(r"\d", behind) and kind.value.fullmatch(below):
            return Narrowed(kind.what, {number + 1: below})
    return Narrowed(kind.what) if len(lines) >= LONG and kind.value.pattern != _PHONE else Narrowed()


def cannot_be(question: str, answer: str, lines: Sequence[str]) -> str:
    """Return the kind of value that a question asks for and an answer cannot be, or no line has; "" if it can.

    Args:
        question: In its own words, and not one for yes or no.
        answer: What was read.
        lines: As for `keyed`.
    """
    kind = _asked(question)
    if kind is None:
        return ""
    narrowed = keyed(question, lines)
    return kind.what if (narrowed.what and not narrowed.lines) or not kind.alone.search(answer) else ""


def _asked(question: str) -> _Key | None:
    return next((key for key in _KEYS if key.asked.search(question)), None)
