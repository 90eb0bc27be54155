"""What a table tells as a whole: the most and the least of it, how many there are, what its heads are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vqa.agent.documents.cell_words import ASIDE, named_of, plainly_told, words_of
from vqa.agent.documents.cells import NO_HEAD, SUM, Cell, Page
from vqa.agent.documents.fields import DATE
from vqa.agent.documents.found import Found
from vqa.agent.documents.wanted import AMOUNTS
from vqa.words import singular

_EXTREME = re.compile(
    r"\b(?P<most>highest|largest|biggest|most|greatest|max(?:imum)?|top|latest|newest)\b"
    r"|\b(?:lowest|smallest|least|fewest|min(?:imum)?|earliest|oldest)\b",
    re.I,
)
_FOR_A_VALUE = re.compile(
    r"^\W*(?:what|how much)\b(?: is| was| are)?(?: the)?\b(?! \w+ (?:has|have|had|is|was|got)\b)", re.I
)
_FOR_A_NAME = re.compile(r"\W*(?:which|who|what \w+ (?:has|have|is))\b", re.I)
_NOUN = re.compile(r"\W*(?:in )?(?:which|what|who) (?P<noun>\w+)", re.I)
_HOW = {True: "highest", False: "lowest"}
_COUNTED = re.compile(r"\bhow many (?P<what>rows|entries|transactions|records|columns|lines)\b", re.I)
_HEADS = re.compile(r"\b(?:column|table) (?:heads|headers?|headings|names|titles)\b|\b(?:what|which) columns\b", re.I)


class _Best(NamedTuple):
    """The figures that a question asks the most or the least of.

    Attributes:
        rank: How well they suit the question.
        figures: Each with its cell and the number of its row.
        used: Which of the question's words name them.
        head: Of their column, None of rows without a head.
    """

    rank: tuple[int, int]
    figures: Sequence[tuple[float, Cell, int]]
    used: frozenset[str]
    head: Cell | None


def asks_for_an_extreme(question: str) -> bool:
    """Return whether a question asks for the most or the least of something."""
    return _EXTREME.search(question) is not None


def extreme(question: str, sheet: Page) -> Found | None:
    """Return the most, or least, of a column or a row, or whose it is; None if no table tells.

    Args:
        question: One that asks for an extreme.
        sheet: The page.
    """
    match = _EXTREME.search(question)
    most = bool(match and match["most"])
    words = words_of(_EXTREME.sub(" ", question))
    telling = frozenset(word for word in words if word not in ASIDE)
    if across := _across(question, telling, sheet, most=most):
        return across
    if not telling and _FOR_A_VALUE.match(question):
        figures = [(amount, cell) for row in sheet.rows for cell in row if (amount := _figure(cell)) is not None]
        _, cell = (max if most else min)(figures, key=lambda one: one[0], default=(0.0, None))
        return Found(_HOW[most], cell.text, (cell,)) if cell else None
    best = max(_columns_of_figures(words, telling, sheet), key=lambda one: one.rank, default=None)
    noun = _NOUN.match(question)
    if best is None or telling - best.used - frozenset(words_of(noun["noun"]) if noun else ()):
        return None
    _, cell, number = (max if most else min)(best.figures, key=lambda one: one[0])
    how = f"{_HOW[most]} {plainly_told(best.head)}" if best.head else _HOW[most]
    others = [other for other in sheet.rows[number] if other is not cell]
    name = next((other for other in others if not other.is_figure), next(iter(others), None))
    if name is None or (_FOR_A_VALUE.match(question) and not _FOR_A_NAME.match(question)):
        return Found(how, cell.text, (cell, *((name,) if name else ())), best.used)
    nouns = (noun["noun"], "name") if noun else ()
    which = next((named for one in nouns if (named := _under_the_noun(one, sheet, number))), name)
    return Found(f"row of {how}", which.text, (which, cell), best.used)


def _columns_of_figures(words: Sequence[str], telling: frozenset[str], sheet: Page) -> Iterator[_Best]:
    """Yield the figures of each column; of rows without a head those that have one alone."""
    for head in {*sheet.heads}:
        body = [number for number, own in enumerate(sheet.heads) if own == head and number not in sheet.heads]
        top = sheet.rows[head] if head is not None else None
        for column in range(len(top)) if top else (None,):
            figures = list(_figures(sheet, body, column))
            named = top[column] if top and column is not None else None
            asked = named_of(named, words) if named else frozenset[str]()
            rest = telling - asked
            those = [one for one in figures if any(named_of(cell, rest) for cell in sheet.rows[one[2]])]
            used = asked | (rest if len(those) > 1 else frozenset[str]())
            amounts = bool(named and re.search("|".join(AMOUNTS), named.text, re.I))
            chosen = those if len(those) > 1 else figures
            if len(chosen) > 1:
                yield _Best((2 * len(used & telling) + amounts, len(chosen)), chosen, used, named)


def _across(question: str, telling: frozenset[str], sheet: Page, *, most: bool) -> Found | None:
    """Return the head of the most, or least, of a row that is named: "Which block is lowest for the control?"."""
    match = _NOUN.match(question)
    noun = frozenset(words_of(match["noun"])) if match else frozenset[str]()
    for row, columns, head in zip(sheet.rows, sheet.columns, map(sheet.head, range(len(sheet.rows))), strict=True):
        if not head or not noun or not telling - noun:
            continue
        under = [(cell, head[column]) for cell, column in zip(row, columns, strict=True) if column != NO_HEAD]
        names = [cell for cell, column in zip(row, columns, strict=True) if column == NO_HEAD and not cell.is_figure]
        figures = [(amount, cell, top) for cell, top in under if (amount := _amount(cell.text)) is not None]
        named = any(telling - noun <= named_of(cell, telling) for cell in names)
        if named and len(figures) > 1 and all(named_of(top, noun) for _, _, top in figures):
            _, cell, top = (max if most else min)(figures, key=lambda one: one[0])
            return Found(
                f"column of {_HOW[most]} of {plainly_told(names[0])}", top.text, (top, cell, names[0]), telling
            )
    return None


def _under_the_noun(noun: str, sheet: Page, number: int) -> Cell | None:
    """Return the cell of a row under the head that a question asks for: "Which account …?"."""
    head, words = sheet.head(number), words_of(noun)
    pairs = zip(sheet.rows[number], sheet.columns[number], strict=False)
    under = [(cell, head[column]) for cell, column in pairs if column != NO_HEAD]
    return next((cell for cell, top in under if named_of(top, words) and not cell.is_figure), None)


def _figures(sheet: Page, body: Sequence[int], column: int | None) -> Iterator[tuple[float, Cell, int]]:
    """Yield the amounts of a column, or of the rows that have one alone, with the number of each one's row."""
    for number in (number for number in body if not _sums_up(sheet.rows[number])):
        cells = [cell for cell in sheet.rows[number] if cell.is_figure]
        if column is not None:
            pairs = zip(sheet.rows[number], sheet.columns[number], strict=True)
            cells = [cell for cell, own in pairs if own == column and cell.is_figure]
        if len(cells) == 1 and (amount := _amount(cells[0].text)) is not None:
            yield amount, cells[0], number


def numbered(question: str, sheet: Page) -> Found | None:
    """Return the number that is written before what a question counts, or behind: "63 transactions", "TASKS 225"."""
    match = re.search(
        r"\bhow many (\w+)(?: (?:are|were|is) (?:there|shown|listed|available|running)\b|\W*$)", question, re.I
    )
    if match is None:
        return None
    noun = re.escape(singular(match[1].lower()))
    number = re.compile(
        rf"(?<![\w.,/:])(?P<before>\d[\d,]*) {noun}|\b{noun}\w{{0,2}}:? (?P<behind>\d[\d,]*)(?![\w.,/:])", re.I
    )
    matches = {cell: number.search(cell.text) for row in sheet.rows for cell in row}
    found = {cell: one["before"] or one["behind"] for cell, one in matches.items() if one}
    if len(set(found.values())) != 1:
        return None
    cell, told = next(iter(found.items()))
    return Found(f"number of {match[1].lower()}", told, (cell,))


def counted(question: str, sheet: Page) -> Found | None:
    """Return how many rows or columns the largest table has, if a question asks for that and nothing else."""
    heads = {head for head in sheet.heads if head is not None}
    match = _COUNTED.search(question)
    if not heads or match is None:
        return None
    what = match["what"].lower()
    largest = max(heads, key=lambda head: len(sheet.body(head)))
    if what == "columns":
        return Found("number of columns", str(len(sheet.rows[largest])), sheet.rows[largest])
    rows = [
        number for number in sheet.body(largest) if len(sheet.rows[number]) > 1 and not _sums_up(sheet.rows[number])
    ]
    return Found(f"number of {what}", str(len(rows)), tuple(sheet.rows[number][0] for number in rows)) if rows else None


def _sums_up(row: Sequence[Cell]) -> bool:
    return any(SUM.search(cell.text) for cell in row)


def heads_told(question: str, sheet: Page) -> Found | None:
    """Return the heads of the largest table, if a question asks for them."""
    heads = {head for head in sheet.heads if head is not None}
    if not heads or _HEADS.search(question) is None:
        return None
    largest = max(heads, key=lambda head: len(sheet.body(head)))
    return Found("heads", ", ".join(plainly_told(cell) for cell in sheet.rows[largest]), sheet.rows[largest])


def _figure(cell: Cell) -> float | None:
    return _amount(cell.text) if cell.is_figure else None


def _amount(text: str) -> float | None:
    """Return the number that a cell says; None if it says a date or none."""
    if DATE.search(text):
        return None
    match = re.search(r"(?P<digits>\d[\d.,']*)(?P<times>[KMGT]?)", text)
    if match is None:
        return None
    digits = re.sub(r"[.,'](?=\d{3}(?:\D|$))", "", match["digits"]).replace(",", ".")
    try:
        amount = float(digits.rstrip(".")) * 1000.0 ** " KMGT".index(match["times"] or " ")
    except ValueError:
        return None
    return -amount if re.search(r"[-(]\s?\W?$", text[: match.start()]) else amount
