"""The words of a cell, and which of them are a question's: in whatever number, spelling or short form."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from vqa.agent.documents.cells import Cell
from vqa.words import begin_alike, singular

SMALL_WORDS = frozenset(
    "a an the is are was were be been do does did what which who whom whose where when why how many much there this "
    "that these those of in on at to for from by with and or it its i we you they he she his her their our my me us "
    "can could please tell give show as into have has had if picture image page document written say says said "
    "read".split()
)
"""Words that any question may have, and that tell nothing of what it asks for."""
_SHORT = SMALL_WORDS | frozenset(
    "find get got go goes went s cell cells entry entries line lines field table list screen screenshot window "
    "dialog form report listed shown given stated printed called set selected chosen entered stand stands here own "
    "after before during per each under next".split()
)
"""Words that name no cell."""
ASIDE = frozenset(
    "number amount price cost total value sum balance date day time name money much many spent spend pay paid payment "
    "charged bought purchase purchased sold earned received held worth made happen happened account item thing one "
    "use kind type exact current currently transaction today row column".split()
)
"""Words that a cell may be asked for with and not have."""
_SPELT = {"qty": "quantity", "amt": "amount", "num": "number", "no": "number", "desc": "description", "acct": "account"}
_SPELT |= {
    "dollar": "usd",
    "euro": "eur",
    "pound": "gbp",
    "col": "column",
    "cols": "column",
    "altogether": "total",
    "overall": "total",
    "average": "mean",
}
_MONTH = re.compile(
    r"jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|"
    r"dec(?:ember)?"
)
_WORD = re.compile(r"\d[\d.,/:'-]*\d|\w+")
_STANDS_FOR = {3: 6, 4: 5}  # letters of a short form, and how many its word has at least: "Mem", "Stat"
ALIKE = 0.95
"""What a word counts that is one of the question's in another spelling."""


def words_of(text: str) -> list[str]:
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


def named_of(cell: Cell, words: Iterable[str]) -> frozenset[str]:
    """Return which of the words a cell has, in whatever number or spelling."""
    there = words_of(cell.text)
    return frozenset(word for word in words if any(_same(word, other) for other in there))


def exactness(cell: Cell, named: frozenset[str]) -> float:
    """Return which share of a cell's words are named; of a path ("Expenses:Taxes:Federal") that of its last part.

    Of one of two names ("Symbol/abbreviation:") that of the better.
    """
    last = cell.text.rstrip(": ").rpartition(":")[2]
    shares = []
    for name in last.split("/") if last.count("/") == 1 and not re.search(r"\d", last) else [last]:
        there = words_of(name)
        alike = [1.0 if word in named else ALIKE * any(_same(word, other) for other in named) for word in there]
        shares.append(sum(alike) / max(len(there), 1))
    return max(shares)


def _same(word: str, other: str) -> bool:
    short, long = sorted((word, other), key=len)
    if begin_alike(word, other):
        return True
    return long.startswith(short) and len(long) >= _STANDS_FOR.get(len(short), len(long) + 1)


def plainly_told(cell: Cell) -> str:
    return re.sub(r"[():|]+", " ", cell.text).strip()
