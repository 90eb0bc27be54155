"""Of which kind a value is that a question asks for, and which columns such values stand in."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vqa.agent.documents.cell_words import words_of
from vqa.agent.documents.cells import NO_HEAD, Cell
from vqa.agent.documents.fields import DATE

HOW_MUCH = re.compile(
    r"\bhow much\b|\b(?:amount|price|cost|worth)\b|\bwhat (?:was|is|were|did|does|do)\b.*\b(?:paid|pay|spent|spend)\b",
    re.I,
)
WHEN = re.compile(r"\bwhen\b|\b(?:what|which|on what|on which) (?:date|day)\b|\bdate\b", re.I)
_WHO = re.compile(r"\bwho\b", re.I)
_KINDS = frozenset("date number amount price total quantity name type address description id code time".split())
_NO_DATE = re.compile(r"\b(?:never|today|yesterday|tomorrow|now|always|none|n/a)\b", re.I)
BALANCE = re.compile(r"\bbalance\b", re.I)
_DIALLED = re.compile(r"\b(?:tele)?(?:phone|fax|mobile) (?:number|no)\b", re.I)
_DIGITS = 7  # of a number that can be dialled
_NUMBER = re.compile(r"\bnumber\b", re.I)
_PRICED = r"[$€£¥₩]|[.,]\d\d\b"
MONEY = re.compile(rf"{_PRICED}|[A-Z]{{3}} ?-?\d")
WHICH = re.compile(r"\W*(?:in |on |at )?(?:which|what|who)(?: (\w+))?\b", re.I)
RATE = re.compile(r"\b(?:rate|percent(?:age)?)\b", re.I)
HOW_MANY = re.compile(r"\bhow many\b", re.I)
AMOUNTS = ("price", "amount", "cost", "total", "value", "sum")
_QUANTITIES = ("quantity", "qty", "count", "number of", "units", "shares", "pieces")
_COLUMNS_FOR = (  # what a column is called that is asked for in other words, the likeliest first
    (WHEN, ("date", "day")),
    (_WHO, ("name", "person", "employee", "customer", "payee", "description")),
    (re.compile(r"\bwhat (?:happened|was (?:bought|paid|done))\b", re.I), ("description", "item", "event", "memo")),
    (
        re.compile(r"\b(?:paid|pay|spent|spend|withdrawn|withdraw|charged|bought|cost)\b", re.I),
        ("withdraw", "debit", "decreas", "expense", "charge", "paid", "payment", "spent"),
    ),
    (
        re.compile(r"\b(?:received|earned|deposited|got|credited)\b", re.I),
        ("deposit", "credit", "increas", "income", "received"),
    ),
    (HOW_MUCH, AMOUNTS),
    (HOW_MANY, _QUANTITIES),
)


def of_another_kind(question: str, key: Cell) -> bool:
    """Return whether a key is that of another kind of value: "Invoice Date" for the number of the invoice."""
    asked, has = (_KINDS.intersection(words_of(text)) for text in (question, key.text))
    return bool(asked and has) and not asked & has


def can_be(question: str, cell: Cell, head: Cell | None = None) -> bool:
    """Return whether a cell is of the kind that a question asks for, under a head or none."""
    if _WHO.search(question):
        return not cell.is_figure
    if WHEN.search(question):
        return DATE.search(cell.text) is not None or _NO_DATE.search(cell.text) is not None
    if HOW_MANY.search(question):
        of_many = head is not None and _place(_QUANTITIES, head.text) > 0
        return cell.is_figure and (of_many or not re.search(rf"{_PRICED}|[%/:]", cell.text))
    if HOW_MUCH.search(question):
        return cell.is_figure and DATE.fullmatch(cell.text) is None
    if _DIALLED.search(question):
        return sum(map(str.isdigit, cell.text)) >= _DIGITS and DATE.search(cell.text) is None
    if _NUMBER.search(question):
        return any(map(str.isdigit, cell.text)) and not re.search(_PRICED, cell.text)
    return True


def meant_columns(
    question: str, row: Sequence[Cell], columns: Sequence[int], heads: Sequence[Cell]
) -> dict[int, float]:
    """Return how well cells suit a question that asks for such a column in other words; none if it does not."""
    for order, (asks, called) in enumerate(_COLUMNS_FOR):
        if asks.search(question):
            there = [
                (i, heads[c]) for i, c in enumerate(columns) if c != NO_HEAD and can_be(question, row[i], heads[c])
            ]
            fits = {i: place for i, head in there if (place := _place(called, head.text))}
            if fits:
                return {i: 0.5 - 0.05 * order - 0.01 * place for i, place in fits.items()}
    return {}


def _place(called: Sequence[str], head: str) -> int:
    """Return the place of the first name that a head has, from 1 on; 0 if it has none."""
    return next((i for i, name in enumerate(called, 1) if re.search(name, head, re.I)), 0)
