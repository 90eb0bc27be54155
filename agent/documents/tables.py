"""What a page has in a cell that a question asks for by its row, its column, or the words beside it.

"What is the unit price of the hammer?" names a row and a column, "What is the due date?" what stands before a value,
"Which expense is the highest?" the most in a column. A small core picks some figure of the page; where it stands tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from vqa.agent.documents.cell_words import ALIKE, ASIDE, exactness, named_of, plainly_told, words_of
from vqa.agent.documents.cells import NO_HEAD, Cell, Page, Row, page
from vqa.agent.documents.fields import DATE
from vqa.agent.documents.found import Found
from vqa.agent.documents.summaries import asks_for_an_extreme, counted, extreme, heads_told, numbered
from vqa.agent.documents.wanted import (
    BALANCE,
    HOW_MANY,
    HOW_MUCH,
    MONEY,
    RATE,
    WHEN,
    WHICH,
    can_be,
    meant_columns,
    of_another_kind,
)
from vqa.values import Region
from vqa.words import listed

_TOLD_ELSEWHERE = frozenset("total date number amount price cost time tax address much many money row column".split())
"""What a question for nothing else asks by the form of the value (`fields`), or by a key of receipts (`keyed`)."""
_BY_FORM = frozenset("company phone telephone store shop website email".split())
"""The same unless a key says just that: many keys have these words, and receipts no key."""
_LEAST = 0.45
"""Share of its own words from which a cell is one that a question names."""
_MOST = 0.6
"""The same of words that are the key of what stands below them."""

_ON_THE_PAPER = re.compile(
    r"\b(?:on|in) (?:the|this) (?:receipt|invoice|bill|menu|ticket|document|form|table|list|report|statement|letter)\b",
    re.I,
)
_PER = re.compile(r"\b(?P<what>price|cost) per \w+", re.I)
_COMPARES = re.compile(
    r"\b(?:larger|bigger|higher|lower|smaller|greater|more|less|fewer|cheaper|older|newer|longer|shorter)\b"
    r"|\b(?:not|except|besides|excluding|without|or)\b",
    re.I,
)
"""What no cell alone tells."""
_PLURAL = re.compile(
    r"\b(?:what|which) (?:(?:are|were) the )?(?:\w+ )?\w+[^\Ws]s\b|\blist\b|\bname (?:all|the)\b", re.I
)
_UNIT = 3  # letters under which what stands beside a key is a unit
_MOST_LISTED = 12


def found_in(question: str, read: Sequence[Region]) -> Found | None:
    """Return what stands where a question asks for it; None if nothing on the page does.

    Args:
        question: In its own words, and not one for yes or no.
        read: Lines of text in reading order, with their parts.
    """
    sheet = page(read)
    question = _PER.sub(r"\g<what>", _ON_THE_PAPER.sub("", question))
    words = words_of(question)
    if _COMPARES.search(question):
        return None
    if asks_for_an_extreme(question):
        return extreme(question, sheet)
    if found := heads_told(question, sheet) or numbered(question, sheet):
        return found
    others = [word for word in words if word not in _TOLD_ELSEWHERE]
    telling = [word for word in others if word not in ASIDE] or others
    if ASIDE.issuperset(words) and (found := counted(question, sheet)):
        return found
    best: list[Found] = []
    rate = RATE.search(question) is not None and any("%" in cell.text for row in sheet.rows for cell in row)
    for found in _candidates(question, words, sheet):
        if rate and "%" not in found.text:
            continue
        if not best or _rank(found, telling) > _rank(best[0], telling):
            best = [found]
        elif _rank(found, telling) == _rank(best[0], telling):
            best.append(found)
    if not best or not _is_enough(best[0], telling, sheet):
        return None
    by_a_key = not best[0].where.startswith("row")
    if by_a_key and _BY_FORM.issuperset(telling) and not best[0].used.issuperset(words):
        return None
    values = list(dict.fromkeys(found.text for found in best))
    if len(values) == 1:
        return best[0]
    if len(values) > _MOST_LISTED or not _PLURAL.search(question):
        return None
    return Found(best[0].where, listed(values), tuple(cell for found in best for cell in found.cells[:1]))


def figure_in_no_cell(question: str, read: Sequence[Region]) -> bool:
    """Return whether a question asks for a figure of a page of tables and `found_in` finds none: no other is it.

    Args:
        question: In its own words, and not one for yes or no.
        read: Lines of text in reading order, with their parts.
    """
    asks = any(asks.search(question) for asks in (HOW_MUCH, HOW_MANY))
    return asks and any(head is not None for head in page(read).heads) and found_in(question, read) is None


def _is_enough(found: Found, telling: Sequence[str], sheet: Page) -> bool:
    """Return whether a question names what is found by most of its words; by half of them if no cell has the others."""
    missing = [word for word in telling if word not in found.used]
    if 2 * len(missing) < len(telling):
        return True
    elsewhere = any(named_of(cell, missing) for row in sheet.rows if len(row) > 1 for cell in row)
    return 2 * len(missing) == len(telling) and found.exact >= ALIKE and not elsewhere


def _rank(found: Found, telling: Sequence[str]) -> tuple[int, int, float]:
    return sum(word in found.used for word in telling), len(found.used), round(found.exact, 2)


def _candidates(question: str, words: Sequence[str], sheet: Page) -> Iterator[Found]:
    for number, row in enumerate(sheet.rows):
        named = [named_of(cell, words) for cell in row]
        columns, heads = sheet.columns[number], sheet.head(number)
        asked = [named_of(cell, words) for cell in heads]
        yield from _in_a_column(question, row, named, columns, heads, asked)
        if number not in sheet.heads:
            yield from _beside(question, row, named, columns, heads)
            yield from _by_its_value(question, row, named, columns, heads)
        if number in sheet.heads:
            yield from _all_below(question, number, named, sheet)
        elif number + 1 < len(sheet.rows):
            yield from _below(question, row, named, sheet.rows[number + 1])


def _in_a_column(
    question: str,
    row: Row,
    named: Sequence[frozenset[str]],
    columns: Sequence[int],
    heads: Row,
    asked: Sequence[frozenset[str]],
) -> Iterator[Found]:
    """Yield the cells of a row that stand in a column which the question names, or asks for in other words."""
    beside_it = [k for k, (a, b) in enumerate(pairwise(columns)) if a == b == NO_HEAD]  # with a value of its own
    meant = meant_columns(question, row, columns, heads)
    for i, cell in enumerate(row[: len(columns)]):
        keys = [k for k in range(len(row)) if k != i and named[k] and k not in beside_it]
        column = columns[i]
        if not keys or column == NO_HEAD or not can_be(question, cell, heads[column]):
            continue
        fits = 1.0 if asked[column] - ASIDE else max(meant.get(i, 0.0), 0.4 * bool(asked[column]))
        of_row = frozenset[str]().union(*(named[k] for k in keys))
        sums = "total" in of_row and asked[column] - ASIDE  # "the interest altogether"
        if not fits or (not of_row - asked[column] - ASIDE and not sums):
            continue
        if named[i] and not named[i] <= of_row | asked[column]:
            continue
        key = max(keys, key=lambda k: (len(named[k]), -k))
        if (exact := exactness(row[key], named[key])) < _LEAST:
            continue
        where = f"row {plainly_told(row[key])}, column {plainly_told(heads[column])}"
        away = i - key if i > key else 2 * len(row)  # of two tables side by side the one that the key is in
        fits += exactness(heads[column], asked[column]) / 20 - away / 1000
        yield Found(where, cell.text, (cell, row[key], heads[column]), of_row | asked[column], exact + fits)


def _beside(
    question: str, row: Row, named: Sequence[frozenset[str]], columns: Sequence[int], heads: Row
) -> Iterator[Found]:
    """Yield the value beside words that the question names: the only one, or the next one behind a colon."""
    typed = any(asks.search(question) for asks in (HOW_MUCH, WHEN, HOW_MANY))
    for k, key in enumerate(row[:-1]):
        if exactness(key, named[k]) < _LEAST or (key.is_figure and not DATE.search(key.text)):
            continue
        if of_another_kind(question, key):
            continue
        left_over = [i for i in range(k + 1, len(row)) if columns and columns[i] != NO_HEAD]
        left_over = [i for i in left_over if BALANCE.search(heads[columns[i]].text) and not BALANCE.search(question)]
        behind = [cell for i, cell in enumerate(row) if i > k and i not in left_over and can_be(question, cell)]
        values = behind if typed else [cell for cell in behind if cell.is_figure] or behind
        if key.text.endswith(":"):
            values = [cell for cell in behind if cell is row[k + 1]]
        elif heads and not typed and len(row) > 2:  # "the rent for April": what a table tells of it is its amount
            values = [cell for cell in values if MONEY.search(cell.text)]
        elif not heads and not typed and behind and len(behind[0].text) < _UNIT:
            values = values[:1]  # "temp1 °C 27"
        elif (not heads and not typed) or (len(values) > 1 and (not heads or columns[k] == NO_HEAD)):
            values = [cell for cell in behind[:1] if not typed or cell is row[k + 1]]
        if len(values) == 1 and not values[0].text.endswith(":"):
            others = frozenset[str]().union(*(named[i] for i in range(len(row)) if row[i] is not values[0]))
            yield Found(
                f"beside {plainly_told(key)}", values[0].text, (values[0], key), others, exactness(key, named[k])
            )


def _by_its_value(
    question: str, row: Row, named: Sequence[frozenset[str]], columns: Sequence[int], heads: Row
) -> Iterator[Found]:
    """Yield what a row is called that has a figure which the question names: "Which account has a total of 500?"."""
    match = WHICH.match(question)
    for k, key in enumerate(row):
        if match is None or not key.is_figure or exactness(key, named[k]) < ALIKE:
            continue
        names = [cell for cell in row if not cell.is_figure and len(cell.text) > 1]
        noun = words_of(match[1] or "")
        own = [
            cell
            for cell, column in zip(row, columns, strict=False)
            if column != NO_HEAD and named_of(heads[column], noun)
        ]
        of_column = (
            named_of(heads[columns[k]], words_of(question)) if columns and columns[k] != NO_HEAD else frozenset()
        )
        for name in [cell for cell in own if cell is not key][:1] or names[:1]:
            yield Found(f"row {plainly_told(key)}", name.text, (name, key), named[k] | of_column | frozenset(noun), 1.0)


def _below(question: str, row: Row, named: Sequence[frozenset[str]], following: Sequence[Cell]) -> Iterator[Found]:
    """Yield the value under words that stand by themselves, as in a form."""
    for k, key in enumerate(row):
        if not named[k] or exactness(key, named[k]) < _MOST or key.is_figure or of_another_kind(question, key):
            continue
        under = [cell for cell in following if cell.xyxy[0] < key.xyxy[2] and key.xyxy[0] < cell.xyxy[2]]
        near = under and under[0].xyxy[1] - key.xyxy[3] < 1.5 * (key.xyxy[3] - key.xyxy[1])
        alone = key.text.endswith(":") and len(row) == len(following) == 1
        if near and (under[0].is_figure or (alone and not under[0].text.endswith(":"))) and can_be(question, under[0]):
            exact = exactness(key, named[k]) - 0.25  # what stands beside it is rather meant
            yield Found(f"below {plainly_told(key)}", under[0].text, (under[0], key), named[k], exact)


def _all_below(question: str, number: int, named: Sequence[frozenset[str]], sheet: Page) -> Iterator[Found]:
    """Yield what stands in a column that a question names alone."""
    for column, head in enumerate(sheet.rows[number]):
        if exactness(head, named[column]) < _MOST:
            continue
        for body in sheet.body(number):
            for cell, own in zip(sheet.rows[body], sheet.columns[body], strict=True):
                if own == column and can_be(question, cell):
                    yield Found(f"column {plainly_told(head)}", cell.text, (cell, head), named[column], 0.0)
