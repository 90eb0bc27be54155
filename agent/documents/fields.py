"""Where in a document the value stands that a question asks for: a date in a line with a date in it, an address on top.

A small core picks the right one of few lines more often than of many, and more often yet where the value stands alone
and is said to be one (docs/measurements.md, "Folding").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import dropwhile, takewhile

_DIGIT = "[0-9OolISB]"  # a reader takes O for 0, l for 1, S for 5 and B for 8
_MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
DATE = re.compile(
    rf"(?<!\d){_DIGIT}{{1,4}}[./-]{_DIGIT}{{1,2}}[./-]{_DIGIT}{{2,4}}(?!\d)"
    rf"|(?<!\d){_DIGIT}{{1,2}}[ .-]?{_MONTH}[ ,.'-]*{_DIGIT}{{2,4}}"
    rf"|\b{_MONTH}[ .]*{_DIGIT}{{1,2}}(?:st|nd|rd|th)?,? ?{_DIGIT}{{4}}",
    re.IGNORECASE,
)
_PERIOD = re.compile(
    rf"(?:{DATE.pattern})\W{{0,3}}(?:-|\u2013|to|until|till|bis|through)\W{{0,3}}(?:{DATE.pattern})", re.IGNORECASE
)
PERCENT = re.compile(r"(?<![\d.,])\d{1,3}(?:[.,]\d+)? ?%")
_PHONE = re.compile(r"[(+]?(?:\d[ ()./-]{0,2}){7,}")
_DIALLED = re.compile(r"\+\d|\(\d{2,5}\) ?\d|\b\d{2,4}[-.]\d{3,}|\b(?:tel|phone|fax|mobile|call)", re.IGNORECASE)
_AMOUNT = re.compile(rf"(?=[OolISB.,]*\d)(?:{_DIGIT}|[.,])*{_DIGIT}[.,]{_DIGIT}{{2}}(?!\d)")
_CURRENCY = (
    r"(?:RM|MYR|DH|MAD|Rs\.?|INR|USD|EUR|GBP|CHF|[A-Z]{0,2}\$|SGD|HKD|JPY|KRW|CNY|AED|[A-Z]?kr|SEK|DKK|NOK|PLN"
    r"|[€£¥₩원])"
)
_MONEY = re.compile(rf"(?:(?<![A-Za-z]){_CURRENCY} ?)?-?{_AMOUNT.pattern}(?: ?{_CURRENCY}(?![A-Za-z]))?")
_PRICED = re.compile(rf"{_AMOUNT.pattern}\W*\w{{0,3}}$")  # a thing sold, with its price at the end
LONG = 8
"""Lines of a document of which some are left out; of fewer, none needs to be."""
_HEAD = 5  # lines at the top of a receipt, where it says whose it is
_HEADER = 12  # lines at the top of a document, among which its address stands
_MOST_OF_AN_ADDRESS = 6  # lines

_TOTAL = re.compile(r"\btotal|\bamount due\b|\bto pay\b", re.IGNORECASE)
_PART = re.compile(  # of a total: before tax, of the tax alone, what was saved, or what was handed over
    r"sub ?-?total|excl|\btotal (?:gst|sst|vat|tax)\b|\b(?:gst|sst|vat|tax) total|included in|sav(?:ed|ing)|disc|suppl"
    r"|tender|accepted|paid",
    re.IGNORECASE,
)
_FINAL = re.compile(r"payable|\bdue\b|to pay|grand|round(?:ed|ing)|after|final|\bnett?\b", re.IGNORECASE)

_FORM = re.compile(  # of a company in law, or what many call themselves
    r"(?<![a-z])(?:sdn\.? ?bhd|s/b|bhd|berhad|ltd|limited|inc|llc|llp|gmbh|plc|corp|corporation|pte|enterprise)"
    r"(?![a-z])\.?",
    re.IGNORECASE,
)
_NUMBER_BEHIND = re.compile(r"\s*\([^()]*\d[^()]*\)?\s*$")
_ABOUT_THE_PAPER = re.compile(
    r"\b(?:invoice|receipt|bill|cash|cashier|gst|sst|vat|tax|reg|registration|brn|id|doc|document|tel|te1|phone|fax|mobile"
    r"|date|time|table|order|website|e-?mail|co\.? ?(?:no|reg)|outlet|description|qty|item)\b|www\.|@",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"\b(?:no\.? ?\d|(?:lot|unit|suite|level|block|km|batu|p\.? ?o\.? box) ?\w?\d|\d\w* (?:floor|flr)\b|\d{5}\b"
    r"|\w+ (?:street|st|road|rd|avenue|ave|lane|drive|boulevard|blvd|highway|square)\b"
    r"|(?:jalan|jln|lorong|taman|tmn|rue|via|calle|plaza)\b)",
    re.IGNORECASE,
)


_STREET = re.compile(
    r"\b\d{1,5} (?:[A-Z][\w'.]* ){1,4}(?:Street|St|Road|Rd|Avenue|Ave|Lane|Drive|Boulevard|Blvd|Square|Way|Place)\b.*"
)
"""An address in one line, wherever it stands."""


@dataclass(frozen=True)
class Narrowed:
    """A document narrowed down to what can be the asked value.

    Attributes:
        what: The kind of value; empty if all lines shall be read.
        lines: What can be it, by the number of its line; empty for a line that the one before tells as well.
    """

    what: str = ""
    lines: Mapping[int, str] = field(default_factory=dict)


def narrowed(question: str, lines: Sequence[str]) -> Narrowed:
    """Return which lines can hold what `question` asks for.

    Args:
        question: In its own words.
        lines: A document as it was read, in reading order.
    """
    if _NUMBER.search(question):
        return Narrowed("number", _figures(lines))
    for what, asked, values in _FIELDS:
        if asked.search(question):
            found = values(lines)
            told = bool(found) or what == _PHONE_NUMBER
            return Narrowed(what, found) if told and len(lines) >= LONG else Narrowed()
    return Narrowed()


def _figures(lines: Sequence[str]) -> dict[int, str]:
    """Return the words with digits in them, of whatever was read, be it short: no other can be a shirt's number.

    Of letters and digits mixed ("M1S0L") only where no word has as many digits as letters.
    """
    figures = {i: re.findall(r"\S*\d\S*", line) for i, line in enumerate(lines)}
    numbers = {i: [word for word in words if _is_number(word)] for i, words in figures.items()}
    found = numbers if any(numbers.values()) else figures
    return {i: " ".join(words) for i, words in found.items() if words}


def _is_number(word: str) -> bool:
    return 2 * sum(character.isdigit() for character in word) >= sum(character.isalnum() for character in word)


def _values(pattern: re.Pattern[str]) -> Callable[[Sequence[str]], dict[int, str]]:
    def found(lines: Sequence[str]) -> dict[int, str]:
        matches = {i: pattern.search(line) for i, line in enumerate(lines)}
        return {i: match.group().strip() for i, match in matches.items() if match}

    return found


def _phones(lines: Sequence[str]) -> dict[int, str]:
    """Return numbers that can be dialled: those that are written so, if any is."""
    found = _values(_PHONE)(lines)
    found = {i: value for i, value in found.items() if not DATE.search(value) and not re.search(r"[.,]\d\d\b", value)}
    return {i: value for i, value in found.items() if _DIALLED.search(lines[i])} or found


def _totals(lines: Sequence[str]) -> dict[int, str]:
    """Return what the lines say that tell a total: what is to be paid in the end, if some say so of themselves."""
    found: dict[int, str] = {}
    for i, line in enumerate(lines):
        if _TOTAL.search(line) and not _PART.search(line):
            if len(set(_AMOUNT.findall(line))) == 1:
                found[i] = line
            elif not re.search(r"\d", line) and _MONEY.fullmatch("".join(lines[i + 1 : i + 2]).strip()):
                found[i + 1] = line  # a key alone has its value in the next line
    chosen = [i for i, line in found.items() if _FINAL.search(line)] or list(found)
    values = {i: match.group() for i in chosen if (match := _MONEY.search(lines[i]))}
    return {i: value for i, value in values.items() if value not in [values[j] for j in values if j < i]}


def _company(lines: Sequence[str]) -> dict[int, str]:
    """Return whose receipt it is: the line with a company's form, or else the first at the top that can be a name.

    Of another page those with such a form.
    """
    if not any(_AMOUNT.search(line) for line in lines):
        firms = [(i, form.end()) for i, line in enumerate(lines) for form in [*_FORM.finditer(line)][-1:]]
        return {i: lines[i][:end] for i, end in firms if not _ABOUT_THE_PAPER.search(lines[i])}
    head = {i: _NUMBER_BEHIND.sub("", line) for i, line in _going_on(lines[:_HEAD]).items()}
    for i, line in head.items():
        if (form := list(_FORM.finditer(line))) and not _ABOUT_THE_PAPER.search(line):
            return {i: line[: form[-1].end()]}
    since_first = dropwhile(lambda numbered: not _can_be_a_name(numbered[1]), head.items())
    return dict(takewhile(lambda numbered: _can_be_a_name(numbered[1]), since_first))


def _going_on(lines: Sequence[str]) -> dict[int, str]:
    """Return lines by their number; one that ends in the middle ("… &", "… (SETIA") has the next one behind it."""
    whole: dict[int, str] = {}
    last = -1
    for i, line in enumerate(lines):
        if last in whole and (whole[last].endswith("&") or whole[last].count("(") > whole[last].count(")")):
            whole[last] += f" {line}"
        else:
            last, whole[i] = i, line
    return whole


def _can_be_a_name(line: str) -> bool:
    letters, digits = sum(map(str.isalpha, line)), sum(map(str.isdigit, line))
    return letters > 3 and letters > digits and not _PLACE.search(line) and not _ABOUT_THE_PAPER.search(line)


def _address(lines: Sequence[str]) -> dict[int, str]:
    """Return an address as one line: from the first line at the top that names a place until something else begins."""
    block: list[int] = []
    if not any(_AMOUNT.search(line) for line in lines) and (street := _values(_STREET)(lines)):
        return street
    for i, line in enumerate(lines[: _HEADER + _MOST_OF_AN_ADDRESS]):
        is_other = _ABOUT_THE_PAPER.search(line) or _FORM.search(line) or _PRICED.search(line) or _PHONE.search(line)
        if not block and i < _HEADER and not is_other and _PLACE.search(line):
            block = [i]
        elif block and (is_other or len(block) == _MOST_OF_AN_ADDRESS or not any(map(str.isalnum, line))):
            break
        elif block:
            block.append(i)
    return {i: " ".join(lines[j] for j in block) if i == block[0] else "" for i in block}


_NUMBER = re.compile(r"\b(?:what|which)(?: is the)? numbers?\b(?! (?:of|plate))", re.IGNORECASE)
_WHEN = r"\bwhen (?:was|were|is) (?:this|it|they|the [a-z]+) (?:bought|purchased?|issued|printed|paid|made|sold)\b"
_WHOSE = "(?:company|shop|store|restaurant|supermarket)"
_PERCENT_ASKED = re.compile(
    r"\bpercent(?:age)?\b|\bhow (?:much|big|large) is the (?:discount|sale|reduction)\b", re.IGNORECASE
)
_TOTAL_ASKED = re.compile(
    r"(?<!sub[ -])\btotal\b(?! (?:tax|gst|vat|disc|sav|num|quan|item))|합계|총액|"
    r"how much (?:was|did [a-z]+) (?:paid|pay|spent|spend)\b",
    re.IGNORECASE,
)
_PHONE_NUMBER = "phone number"
"""The kind of value of which it is told that there is none: no other line can be it."""
_FIELDS = (
    ("date", re.compile(rf"\bdate\b|{_WHEN}|날짜", re.IGNORECASE), _values(DATE)),
    (
        "period",
        re.compile(r"\b(?:what|which) (?:time )?period\b|\bfrom when (?:to|until)\b", re.IGNORECASE),
        _values(_PERIOD),
    ),
    ("percentage", _PERCENT_ASKED, _values(PERCENT)),
    (_PHONE_NUMBER, re.compile(r"\b(?:tele)?phone\b|전화", re.IGNORECASE), _phones),
    (
        "company",
        re.compile(rf"\b(?:(?:name of the|which|what) {_WHOSE}|{_WHOSE}(?:'s)? name|{_WHOSE} called)\b", re.IGNORECASE),
        _company,
    ),
    ("total", _TOTAL_ASKED, _totals),
    ("address", re.compile(r"(?<!mail )(?<!web )(?<!ip )\baddress\b|주소", re.IGNORECASE), _address),
)
_DATE_ASKED = re.compile(rf"{_WHEN}|\bwhat(?: is| was)?(?: the)?(?: \w+)? date\b|날짜", re.IGNORECASE)
_AMOUNT_ASKED = re.compile(
    rf"{_TOTAL_ASKED.pattern}|\bprice\b|\bsub ?total\b|\bhow much (?:is|was|does|did|tax|change|cash)\b|얼마|가격",
    re.I,
)
_FORMS = (  # what is asked for, how it is asked, and what any such value has
    ("date", _DATE_ASKED, re.compile(rf"\d|\b{_MONTH}", re.IGNORECASE)),
    ("year", re.compile(r"\b(?:what|which) year\b", re.IGNORECASE), re.compile(r"\d")),
    ("percentage", _PERCENT_ASKED, re.compile(r"\d")),
    ("amount", _AMOUNT_ASKED, re.compile(r"\d|\bfree\b", re.IGNORECASE)),
)


def unlike(question: str, answer: str) -> str:
    """Return what a question asks for and an answer cannot be, "date" for one without a figure; "" if it can be it.

    Args:
        question: In its own words, and not one for yes or no.
        answer: What was read.
    """
    found = ((what, form) for what, asked, form in _FORMS if asked.search(question))
    return next((what for what, form in found if not form.search(answer)), "")
