"""What a page has in a cell that a question asks for by its row, its column, or the words beside it.

"What is the unit price of the hammer?" names a row and a column, "What is the due date?" what stands before a value,
"Which expense is the highest?" the most in a column. A small core picks some figure of the page; where it stands tells.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from vqa.agent.documents.cells import NO_HEAD, SUM, Cell, Page, page
from vqa.agent.documents.fields import DATE
from vqa.values import Region
from vqa.words import listed, singular

_SHORT = frozenset(
    "a an the is are was were be been do does did what which who whom whose where when why how many much there this "
    "that these those of in on at to for from by with and or it its i we you they he she his her their our my me us "
    "can could please tell give show find as into have has had get got go goes went if s "
    "cell cells entry entries line lines field table list picture image page document screen "
    "screenshot window dialog form report listed shown given stated written printed say says said read called "
    "set selected chosen entered stand stands here own after before during per each under next".split()
)
"""Words that name no cell."""
_ASIDE = frozenset(
    "number amount price cost total value sum balance date day time name money much many spent spend pay paid payment "
    "charged bought purchase purchased sold earned received held worth made happen happened account item thing one "
    "kind type exact current currently transaction today row column".split()
)
"""Words that a cell may be asked for with and not have."""
_TOLD_ELSEWHERE = frozenset("total date number amount price cost time tax address much many money row column".split())
"""What a question for nothing else asks by the form of the value (`fields`), or by a key of receipts (`keyed`)."""
_BY_FORM = frozenset("company phone telephone store shop website email".split())
"""The same unless a key says just that: many keys have these words, and receipts no key."""
_SPELT = {"qty": "quantity", "amt": "amount", "num": "number", "no": "number", "desc": "description", "acct": "account"}
_SPELT |= {
    "dollar": "usd",
    "euro": "eur",
    "pound": "gbp",
    "col": "column",
    "cols": "column",
    "altogether": "total",
    "overall": "total",
}
_MONTH = re.compile(
    r"jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|"
    r"dec(?:ember)?"
)
_WORD = re.compile(r"\d[\d.,/:'-]*\d|\w+")
_SAME = 5  # letters that two words begin with alike: "deposited", "Deposit"
_ALIKE = 0.95
"""What a word counts that is one of the question's in another spelling."""
_LEAST = 0.45
"""Share of its own words from which a cell is one that a question names."""
_MOST = 0.6
"""The same of words that are the key of what stands below them."""

_AMOUNT = re.compile(r"(?:^|[^\d/:.])[-+(]?\d[\d.,' ]*(?![\d/:])")
_HOW_MUCH = re.compile(
    r"\bhow much\b|\b(?:amount|price|cost|worth)\b|\bwhat (?:was|is|were|did|does|do)\b.*\b(?:paid|pay|spent|spend)\b",
    re.I,
)
_WHEN = re.compile(r"\bwhen\b|\b(?:what|which|on what|on which) (?:date|day)\b|\bdate\b", re.I)
_WHO = re.compile(r"\bwho\b", re.I)
_KINDS = frozenset("date number amount price total quantity name type address description id code time".split())
_NO_DATE = re.compile(r"\b(?:never|today|yesterday|tomorrow|now|always|none|n/a)\b", re.I)
_BALANCE = re.compile(r"\bbalance\b", re.I)
_NUMBER = re.compile(r"\bnumber\b", re.I)
_MONEY = re.compile(r"[$€£¥₩]|[A-Z]{3} ?-?\d|[.,]\d\d\b")
_WHICH = re.compile(r"\W*(?:in |on |at )?(?:which|what|who)(?: (\w+))?\b", re.I)
_RATE = re.compile(r"\b(?:rate|percent(?:age)?)\b", re.I)
_HOW_MANY = re.compile(r"\bhow many\b", re.I)
_AMOUNTS = ("price", "amount", "cost", "total", "value", "sum")
_QUANTITIES = ("quantity", "qty", "count", "number of", "units", "shares", "pieces")
_COLUMNS_FOR = (  # what a column is called that is asked for in other words, the likeliest first
    (_WHEN, ("date", "day")),
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
    (_HOW_MUCH, _AMOUNTS),
    (_HOW_MANY, _QUANTITIES),
)
_EXTREME = re.compile(
    r"\b(?P<most>highest|largest|biggest|most|greatest|max(?:imum)?|top|latest|newest)\b"
    r"|\b(?:lowest|smallest|least|fewest|min(?:imum)?|earliest|oldest)\b",
    re.I,
)
_FOR_A_VALUE = re.compile(
    r"^\W*(?:what|how much)\b(?: is| was| are)?(?: the)?\b(?! \w+ (?:has|have|had|is|was|got)\b)", re.I
)
_COUNTED = re.compile(r"\bhow many (?P<what>rows|entries|transactions|records|columns|lines)\b", re.I)
_ON_THE_PAPER = re.compile(
    r"\b(?:on|in) (?:the|this) (?:receipt|invoice|bill|menu|ticket|document|form|table|list|report|statement|letter)\b",
    re.I,
)
_PER = re.compile(r"(?<=price|.cost) per \w+", re.I)
_COMPARES = re.compile(
    r"\b(?:larger|bigger|higher|lower|smaller|greater|more|less|fewer|cheaper|older|newer|longer|shorter)\b"
    r"|\b(?:not|except|besides|excluding|without|or)\b",
    re.I,
)
"""What no cell alone tells."""
_HEADS = re.compile(r"\b(?:column|table) (?:heads|headers?|headings|names|titles)\b|\b(?:what|which) columns\b", re.I)
_PLURAL = re.compile(
    r"\b(?:what|which) (?:(?:are|were) the )?(?:\w+ )?\w+[^\Ws]s\b|\blist\b|\bname (?:all|the)\b", re.I
)
_MOST_LISTED = 12
TOLD_OF_TABLES = (
    r"(?:row|column|beside|below|highest|lowest|number of|heads|heading|kind of document)\b[^():]*"
    r"|(?:\w+ in a )?sentence"
)
"""What `found_in`, and of a sentence `told_by_a_sentence`, call where something is: it is not the core's to choose."""


@dataclass(frozen=True)
class Found:
    """What a page has where a question asks for it.

    Attributes:
        where: Where that is, in words.
        text: What stands there.
        cells: The cells with it, then those that tell where it is.
        used: How many of the question's words name these.
        exact: Which share of the words of what names it are the question's.
    """

    where: str
    text: str
    cells: tuple[Cell, ...]
    used: frozenset[str] = frozenset()
    exact: float = 0.0

    @property
    def is_named_whole(self) -> bool:
        """Whether it is named by all the words before it, and these are several: "Due Date:"."""
        return self.exact >= _ALIKE and len(self.used) > 1

    @property
    def names_its_column(self) -> bool:
        """Whether the question has all the words of the column's head: "Unit Price"."""
        return len(self.cells) > 2 and self.used.issuperset(_words(self.cells[2].text))


@lru_cache(maxsize=256)
def found_in(question: str, read: Sequence[Region]) -> Found | None:
    """Return what stands where a question asks for it; None if nothing on the page does.

    Args:
        question: In its own words, and not one for yes or no.
        read: Lines of text in reading order, with their parts.
    """
    sheet = page(read)
    question = _PER.sub("", _ON_THE_PAPER.sub("", question))
    words = _words(question)
    if _COMPARES.search(question):
        return None
    if _HEADS.search(question):
        return _heads(sheet)
    if match := _EXTREME.search(question):
        return _extreme(question, _words(_EXTREME.sub(" ", question)), sheet, most=bool(match["most"]))
    if found := _numbered(question, sheet):
        return found
    others = [word for word in words if word not in _TOLD_ELSEWHERE]
    telling = [word for word in others if word not in _ASIDE] or others
    if _ASIDE.issuperset(words) and (found := _counted(question, sheet)):
        return found
    best: list[Found] = []
    rate = _RATE.search(question) is not None and any("%" in cell.text for row in sheet.rows for cell in row)
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


def _is_enough(found: Found, telling: Sequence[str], sheet: Page) -> bool:
    """Return whether a question names what is found by most of its words; by half of them if no cell has the others."""
    missing = [word for word in telling if word not in found.used]
    if 2 * len(missing) < len(telling):
        return True
    elsewhere = any(_named(cell, missing) for row in sheet.rows for cell in row)
    return 2 * len(missing) == len(telling) and found.exact >= _ALIKE and not elsewhere


def _rank(found: Found, telling: Sequence[str]) -> tuple[int, int, float]:
    return sum(word in found.used for word in telling), len(found.used), round(found.exact, 2)


def _candidates(question: str, words: Sequence[str], sheet: Page) -> Iterator[Found]:
    for number, row in enumerate(sheet.rows):
        named = [_named(cell, words) for cell in row]
        columns = sheet.columns(number)
        head = sheet.heads[number]
        heads = sheet.rows[head] if head is not None else ()
        asked = [_named(cell, words) for cell in heads]
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
    row: Sequence[Cell],
    named: Sequence[frozenset[str]],
    columns: Sequence[int],
    heads: Sequence[Cell],
    asked: Sequence[frozenset[str]],
) -> Iterator[Found]:
    """Yield the cells of a row that stand in a column which the question names, or asks for in other words."""
    beside_it = [k for k, (a, b) in enumerate(pairwise(columns)) if a == b == NO_HEAD]  # with a value of its own
    meant = _meant(question, row, columns, heads)
    for i, cell in enumerate(row[: len(columns)]):
        keys = [k for k in range(len(row)) if k != i and named[k] and k not in beside_it]
        column = columns[i]
        if not keys or column == NO_HEAD or not _can_be(question, cell, heads[column]):
            continue
        fits = 1.0 if asked[column] - _ASIDE else max(meant.get(i, 0.0), 0.4 * bool(asked[column]))
        of_row = frozenset[str]().union(*(named[k] for k in keys))
        sums = "total" in of_row and asked[column] - _ASIDE  # "the interest altogether"
        if not fits or (not of_row - asked[column] - _ASIDE and not sums):
            continue
        if named[i] and not named[i] <= of_row | asked[column]:
            continue
        key = max(keys, key=lambda k: (len(named[k]), -k))
        if (exact := _exact(row[key], named[key])) < _LEAST:
            continue
        where = f"row {_plain(row[key])}, column {_plain(heads[column])}"
        away = i - key if i > key else 2 * len(row)  # of two tables side by side the one that the key is in
        fits += _exact(heads[column], asked[column]) / 20 - away / 1000
        yield Found(where, cell.text, (cell, row[key], heads[column]), of_row | asked[column], exact + fits)


def _meant(question: str, row: Sequence[Cell], columns: Sequence[int], heads: Sequence[Cell]) -> dict[int, float]:
    """Return how well cells suit a question that asks for such a column in other words; none if it does not."""
    for order, (asks, called) in enumerate(_COLUMNS_FOR):
        if asks.search(question):
            there = [
                (i, heads[c]) for i, c in enumerate(columns) if c != NO_HEAD and _can_be(question, row[i], heads[c])
            ]
            fits = {i: place for i, head in there if (place := _place(called, head.text))}
            if fits:
                return {i: 0.5 - 0.05 * order - 0.01 * place for i, place in fits.items()}
    return {}


def _place(called: Sequence[str], head: str) -> int:
    """Return the place of the first name that a head has, from 1 on; 0 if it has none."""
    return next((i for i, name in enumerate(called, 1) if re.search(name, head, re.I)), 0)


def _beside(
    question: str, row: Sequence[Cell], named: Sequence[frozenset[str]], columns: Sequence[int], heads: Sequence[Cell]
) -> Iterator[Found]:
    """Yield the value beside words that the question names: the only one, or the next one behind a colon."""
    typed = any(asks.search(question) for asks in (_HOW_MUCH, _WHEN, _HOW_MANY))
    for k, key in enumerate(row[:-1]):
        if _exact(key, named[k]) < _LEAST or (key.is_figure and not DATE.search(key.text)):
            continue
        if _of_another_kind(question, key):
            continue
        left_over = [i for i in range(k + 1, len(row)) if columns and columns[i] != NO_HEAD]
        left_over = [i for i in left_over if _BALANCE.search(heads[columns[i]].text) and not _BALANCE.search(question)]
        behind = [cell for i, cell in enumerate(row) if i > k and i not in left_over and _can_be(question, cell)]
        values = behind if typed else [cell for cell in behind if cell.is_figure] or behind
        if key.text.endswith(":"):
            values = [cell for cell in behind if cell is row[k + 1]]
        elif heads and not typed and len(row) > 2:  # "the rent for April": what a table tells of it is its amount
            values = [cell for cell in values if _MONEY.search(cell.text)]
        elif (not heads and not typed) or (len(values) > 1 and (not heads or columns[k] == NO_HEAD)):
            values = [cell for cell in behind[:1] if not typed or cell is row[k + 1]]
        if len(values) == 1 and not values[0].text.endswith(":"):
            others = frozenset[str]().union(*(named[i] for i in range(len(row)) if row[i] is not values[0]))
            yield Found(f"beside {_plain(key)}", values[0].text, (values[0], key), others, _exact(key, named[k]))


def _by_its_value(
    question: str, row: Sequence[Cell], named: Sequence[frozenset[str]], columns: Sequence[int], heads: Sequence[Cell]
) -> Iterator[Found]:
    """Yield what a row is called that has a figure which the question names: "Which account has a total of 500?"."""
    match = _WHICH.match(question)
    for k, key in enumerate(row):
        if match is None or not key.is_figure or _exact(key, named[k]) < _ALIKE:
            continue
        names = [cell for cell in row if not cell.is_figure and len(cell.text) > 1]
        noun = _words(match[1] or "")
        own = [
            cell
            for cell, column in zip(row, columns, strict=False)
            if column != NO_HEAD and _named(heads[column], noun)
        ]
        of_column = _named(heads[columns[k]], _words(question)) if columns and columns[k] != NO_HEAD else frozenset()
        for name in [cell for cell in own if cell is not key][:1] or names[:1]:
            yield Found(f"row {_plain(key)}", name.text, (name, key), named[k] | of_column | frozenset(noun), 1.0)


def _below(
    question: str, row: Sequence[Cell], named: Sequence[frozenset[str]], following: Sequence[Cell]
) -> Iterator[Found]:
    """Yield the value under words that stand by themselves, as in a form."""
    for k, key in enumerate(row):
        if not named[k] or _exact(key, named[k]) < _MOST or key.is_figure or _of_another_kind(question, key):
            continue
        under = [cell for cell in following if cell.xyxy[0] < key.xyxy[2] and key.xyxy[0] < cell.xyxy[2]]
        near = under and under[0].xyxy[1] - key.xyxy[3] < 1.5 * (key.xyxy[3] - key.xyxy[1])
        alone = key.text.endswith(":") and len(row) == len(following) == 1
        if near and (under[0].is_figure or (alone and not under[0].text.endswith(":"))) and _can_be(question, under[0]):
            exact = _exact(key, named[k]) - 0.25  # what stands beside it is rather meant
            yield Found(f"below {_plain(key)}", under[0].text, (under[0], key), named[k], exact)


def _all_below(question: str, number: int, named: Sequence[frozenset[str]], sheet: Page) -> Iterator[Found]:
    """Yield what stands in a column that a question names alone."""
    for column, head in enumerate(sheet.rows[number]):
        if _exact(head, named[column]) < _MOST:
            continue
        for body in sheet.body(number):
            for cell, own in zip(sheet.rows[body], sheet.columns(body), strict=True):
                if own == column and _can_be(question, cell):
                    yield Found(f"column {_plain(head)}", cell.text, (cell, head), named[column], 0.0)


def _extreme(question: str, words: Sequence[str], sheet: Page, *, most: bool) -> Found | None:
    """Return the most, or least, of a column, or whose it is."""
    telling = frozenset(word for word in words if word not in _ASIDE)
    if across := _across(question, telling, sheet, most=most):
        return across
    best: tuple[int, int, list[tuple[float, Cell, int]], frozenset[str], Cell | None] | None = None
    for head in {*sheet.heads}:
        body = sheet.body(head) if head is not None else [i for i, own in enumerate(sheet.heads) if own is None]
        places = range(len(sheet.rows[head])) if head is not None else range(1)
        for column in places:
            values = list(_figures(sheet, body, None if head is None else column))
            if len(values) < 2:
                continue
            top = sheet.rows[head][column] if head is not None else None
            asked = _named(top, words) if top else frozenset()
            amounts = bool(top and re.search("|".join(_AMOUNTS), top.text, re.I))
            rest = telling - asked
            those = [value for value in values if any(_named(cell, [*rest]) for cell in sheet.rows[value[2]])]
            chosen = those if len(those) > 1 else values
            found = asked | (rest if len(those) > 1 else frozenset())
            rank = (2 * len(found & telling) + amounts, len(chosen))
            if best is None or rank > best[:2]:
                best = (*rank, chosen, found, top)
    if best is None:
        return None
    _, _, chosen, found, top = best
    noun = re.match(r"\W*(?:which|what|who) (\w+)", question, re.I)
    if telling - found - frozenset(_words(noun[1]) if noun else ()):
        return None
    _, cell, number = (max if most else min)(chosen, key=lambda one: one[0])
    how = "highest" if most else "lowest"
    of = f" {_plain(top)}" if top else ""
    row = sheet.rows[number]
    others = [other for other in row if other is not cell]
    name = next((other for other in others if not other.is_figure), next(iter(others), None))
    if name is None or (
        _FOR_A_VALUE.match(question) and not re.match(r"\W*(?:which|who|what \w+ (?:has|have|is))\b", question, re.I)
    ):
        return Found(f"{how}{of}", cell.text, (cell, *((name,) if name else ())), found)
    which = _asked_name(question, sheet, number) or name
    return Found(f"row of {how}{of}", which.text, (which, cell), found)


def _across(question: str, telling: frozenset[str], sheet: Page, *, most: bool) -> Found | None:
    """Return the head of the most, or least, of a row that is named: "Which block is lowest for the control?"."""
    match = re.match(r"\W*(?:which|what|in which|in what) (\w+)", question, re.I)
    noun = frozenset(_words(match[1])) if match else frozenset[str]()
    for number, head in enumerate(sheet.heads):
        if head is None or not noun or not telling - noun:
            continue
        row, heads, columns = sheet.rows[number], sheet.rows[head], sheet.columns(number)
        named = [cell for cell, column in zip(row, columns, strict=True) if column == NO_HEAD and not cell.is_figure]
        if not any((telling - noun) <= _named(cell, [*telling]) for cell in named):
            continue
        pairs = [(cell, heads[column]) for cell, column in zip(row, columns, strict=True) if column != NO_HEAD]
        values = [(amount, cell, top) for cell, top in pairs if (amount := _amount(cell.text)) is not None]
        if len(values) > 1 and all(_named(top, [*noun]) for _, _, top in values):
            _, cell, top = (max if most else min)(values, key=lambda one: one[0])
            how = "highest" if most else "lowest"
            return Found(f"column of {how} of {_plain(named[0])}", top.text, (top, cell, named[0]), telling)
    return None


def _asked_name(question: str, sheet: Page, number: int) -> Cell | None:
    """Return the cell of a row under the head that a question asks for: "Which account …?"."""
    head = sheet.heads[number]
    match = re.match(r"\W*(?:which|what) (\w+)", question, re.I)
    if head is None or match is None:
        return None
    columns = sheet.columns(number)
    noun = _words(match[1])
    places = [i for i, cell in enumerate(sheet.rows[head]) if _named(cell, noun)]
    return next((cell for cell, column in zip(sheet.rows[number], columns, strict=True) if column in places), None)


def _figures(sheet: Page, body: Sequence[int], column: int | None) -> Iterator[tuple[float, Cell, int]]:
    """Yield the amounts of a column, or of the rows that have one alone, with the number of each one's row."""
    for number in body:
        row = sheet.rows[number]
        if any(SUM.search(cell.text) for cell in row):
            continue
        cells = [cell for cell in row if cell.is_figure]
        if column is not None:
            cells = [
                cell for cell, own in zip(row, sheet.columns(number), strict=True) if own == column and cell.is_figure
            ]
        if len(cells) == 1 and (amount := _amount(cells[0].text)) is not None:
            yield amount, cells[0], number


def _numbered(question: str, sheet: Page) -> Found | None:
    """Return the number that is written before what a question counts: "63 transactions"."""
    match = re.search(r"\bhow many (\w+)(?: (?:are|were|is) (?:there|shown|listed)\b|\W*$)", question, re.I)
    if match is None:
        return None
    number = re.compile(rf"(?<![\w.,/:])(\d[\d,]*) {re.escape(singular(match[1].lower()))}", re.I)
    found = {cell: one[1] for row in sheet.rows for cell in row if (one := number.search(cell.text))}
    if len(set(found.values())) != 1:
        return None
    cell, told = next(iter(found.items()))
    return Found(f"number of {match[1].lower()}", told, (cell,))


def _counted(question: str, sheet: Page) -> Found | None:
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


def _heads(sheet: Page) -> Found | None:
    heads = {head for head in sheet.heads if head is not None}
    if not heads:
        return None
    largest = max(heads, key=lambda head: len(sheet.body(head)))
    return Found("heads", ", ".join(_plain(cell) for cell in sheet.rows[largest]), sheet.rows[largest])


def _of_another_kind(question: str, key: Cell) -> bool:
    """Return whether a key is that of another kind of value: "Invoice Date" for the number of the invoice."""
    asked, has = (_KINDS.intersection(_words(text)) for text in (question, key.text))
    return bool(asked and has) and not asked & has


def _can_be(question: str, cell: Cell, head: Cell | None = None) -> bool:
    """Return whether a cell is of the kind that a question asks for, under a head or none."""
    if _WHO.search(question):
        return not cell.is_figure
    if _WHEN.search(question):
        return DATE.search(cell.text) is not None or _NO_DATE.search(cell.text) is not None
    if _HOW_MANY.search(question):
        of_many = head is not None and _place(_QUANTITIES, head.text) > 0
        return cell.is_figure and (of_many or not re.search(r"[$€£¥₩%/:]|[.,]\d\d\b", cell.text))
    if _HOW_MUCH.search(question):
        return cell.is_figure and DATE.fullmatch(cell.text) is None
    if _NUMBER.search(question):
        return any(map(str.isdigit, cell.text)) and not re.search(r"[$€£¥₩]|[.,]\d\d\b", cell.text)
    return True


def _words(text: str) -> list[str]:
    """Return the words that may name a cell, as they are compared."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))
    return list(dict.fromkeys(_as_compared(word) for word in _WORD.findall(plain) if word not in _SHORT))


def _as_compared(word: str) -> str:
    if word[0].isdigit():
        return re.sub(r"\D", "", word)
    if _MONTH.fullmatch(word):
        return word[:3]
    one = singular(word)
    return _SPELT.get(one, re.sub(r"(?<=[a-z]{3})(?:ment|ly)$", "", one))


def _named(cell: Cell, words: Sequence[str]) -> frozenset[str]:
    """Return which of the words a cell has, in whatever number or spelling."""
    there = _words(cell.text)
    return frozenset(word for word in words if any(_same(word, other) for other in there))


def _exact(cell: Cell, named: frozenset[str]) -> float:
    """Return which share of a cell's words are named; of a path ("Expenses:Taxes:Federal") that of its last part.

    Of one of two names ("Symbol/abbreviation:") that of the better.
    """
    last = cell.text.rstrip(": ").rpartition(":")[2]
    shares = []
    for name in last.split("/") if last.count("/") == 1 and not re.search(r"\d", last) else [last]:
        there = _words(name)
        alike = [1.0 if word in named else _ALIKE * any(_same(word, other) for other in named) for word in there]
        shares.append(sum(alike) / max(len(there), 1))
    return max(shares)


def _same(word: str, other: str) -> bool:
    short, long = sorted((word, other), key=len)
    return (
        word == other
        or (len(short) >= _SAME and short[:_SAME] == long[:_SAME])
        or (len(short) == 4 and long.startswith(short))
    )


def _amount(text: str) -> float | None:
    """Return the number that a cell says; None if it says a date or none."""
    if DATE.search(text):
        return None
    match = re.search(r"\d[\d.,']*", text)
    if match is None:
        return None
    digits = re.sub(r"[.,'](?=\d{3}(?:\D|$))", "", match.group()).replace(",", ".")
    try:
        amount = float(digits.rstrip("."))
    except ValueError:
        return None
    return -amount if re.search(r"[-(]\s?\W?$", text[: match.start()]) else amount


def _plain(cell: Cell) -> str:
    return re.sub(r"[():|]+", " ", cell.text).strip()
