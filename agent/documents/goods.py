"""What is sold, by a receipt, a bill or a menu, and for how much: "2 SPICY CHICKEN FLOSS 5.80".

Asked what was bought, a small core quotes some line, and asked for one thing's price, the total. The rows between the
head of the table and the first sum tell both.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vqa.agent.documents.fields import LONG, Narrowed
from vqa.agent.documents.keyed import HOW_MANY, keyed
from vqa.words import begin_alike, listed, singular

_AMOUNT = r"(?<![\d.,])(?:\d{1,3}(?:,?\d{3})*[.,]\d{2}|(?<=[$€£¥₩])\d{1,5})(?![\d.,]*\d)"
_AMOUNTS = re.compile(_AMOUNT)
_IN_CURRENCY = re.compile(r"(?:(?<=[$€£¥₩])|(?<=[$€£¥₩] ))\d[\d,]*[.,]\d{2}(?!\d)")
_PRICED = re.compile(  # at its end, perhaps before a tax's mark, or how many
    rf"(?<!-){_AMOUNT}(?:\W*[a-z]{{1,3}}\b)?(?:\W+\d)?\W*$", re.I
)
_FIGURES = re.compile(  # the price of one, or of so many
    r"(?:(?<!\w)\d+ ?[x*@] ?)?(?:(?:\bRM|[$€£]) ?)?(?<![\d.,])\d+[.,]\d{2,4}(?!\d)|[$€£¥₩] ?\d", re.I
)
_HEAD = re.compile(
    r"\b(?:descriptions?|desc|particulars|designation|items?|products?|qty|qnty|quantity|price|amount|amt|u\W?p|rate)\b",
    re.I,
)
_SUM = re.compile(
    r"\b(?:(?:sub ?-?)?[ti][ou0][ti]a[li1]\b"  # readers take T for I and O for U
    r"|total|amount (?:due|payable)|(?:gst|vat|sst|tax|change|cash|balance|payment|paid|visa|count|deposit|saving)\b"
    r"|serv(?:ice|\b)|round|tender|master|net+\b|item \d|(?:qty|item)\(s\)|qty ?[:(])",
    re.I,
)
_LESS = re.compile(r"\bpromo\b|\bdisc|-\s?\d[\d.,]*\W*$", re.I)
_MARK = r"(?:SR|ZRL?)\b"  # of a tax
_MANY = r"\d{1,3} ?(?:x|\*|@|pcs?)?"
_LEADING = re.compile(  # a mark, a number in a list, a code, or how many
    rf"^(?:{_MARK}[\s:]*)?\W*?(?:\d{{1,2}}[.)] )?(?:[\d-]{{3,}}[\s:._-]+|{_MANY}(?=\s+[^\W\d]{{2}}))?[\s:._-]*", re.I
)
_TRAILING = re.compile(  # a mark, a currency, or how many; possessive, since there are many ways to read "1 * 1 * 1"
    rf"(?:\b{_MARK}|\*S\b|\.s\b|\b(?:RM|MYR|USD|EUR|GBP|SGD|DH|EA|PCS?|x|@)(?!\w)|(?<=\s){_MANY}(?!\w)|[^\w)\"'])++$",
    re.I,
)
HALF = 0.5
"""Share of the asked words that a thing's name must have to be the one."""
_UNITS = frozenset("pkt pcs pack packs unit units box ctn btl each set".split())
_WORD = re.compile(r"[^\W\d_]{3}")
_LONGEST = 300  # characters of all that is sold

_PAPER = r"(?:receipt|bill|invoice|menu|ticket|list)"
_WHO = r"(?:they|he|she|we|i|you|it|(?:the|this) [a-z]+|somebody|someone|people)"
_ALL = re.compile(
    r"\b(?:what|which)(?: \w+){0,3}? (?:was|were|has been|have been|is|are|got)(?: being)? "
    r"(?:bought|purchased|ordered|sold|listed|offered|served)\b"
    rf"|\b(?:what|which)(?: \w+){{0,2}}? (?:did|does|do|has|have) {_WHO} "
    r"(?:buy|bought|purchased?|order(?:ed)?|sell|offer)\b"
    rf"|\b(?:what|which) (?:(?:items|things|products|goods|dishes|drinks)\b.*\b|(?:is|are) )on (?:the|this) {_PAPER}\b"
    r"|\b(?:list|name|give)\b.*\b(?:items|things|products|goods|dishes|drinks)\b.*"
    rf"\b(?:{_PAPER}|bought|purchased|ordered|sold)\b"
    r"|^(?:please )?list (?:all )?(?:of )?(?:the )?(?:items|products|goods)\W*$",
    re.I,
)
_HOW_MANY = re.compile(HOW_MANY, re.I)
_EXTREME = re.compile(
    r"\b(?P<dear>most expensive|dearest|highest[- ]priced|costs? (?:the )?most)\b"
    r"|\b(?:cheapest|least expensive|lowest[- ]priced|costs? (?:the )?least)\b",
    re.I,
)
_THE = r"(?:(?:the|an?|one|this|that|each|his|her|their) )?"
_ONE = re.compile(
    rf"\bhow much (?:is|are|was|were) {_THE}(?P<a>(?!paid|charged|spent).+?)(?: each)?\W*$"
    rf"|\b(?:how much|what) (?:do|does|did) {_THE}(?P<b>.+?) cost(?: each)?\W*$"
    rf"|\b(?:price|cost) (?:of|for) {_THE}(?P<c>.+?)\W*$"
    r"|\bhow much (?:(?:is|are|was|were) (?:paid|charged|spent)"
    rf"|(?:did|does|do|has|have) {_WHO} (?:pay|paid|spend|spent)) (?:for|on) {_THE}(?P<d>.+?)\W*$",
    re.I,
)
_PRICE_ASKED = re.compile(r"\bhow much\b|\bprice of\b|\bwhat (?:does|do|did) .* cost\W*$", re.I)
_NO_GOODS = re.compile(
    rf"{_SUM.pattern}|\b(?:it|this|that|all|everything|{_PAPER}|price|cost|meal|entry|admission)\b", re.I
)
_SHORT = frozenset("a an the of for with and or on in at by to one item items piece pieces pack packs".split())
_OF_RECEIPTS = re.compile(
    r"\b(?:cash|change|gst|sst|vat|tax|receipt|invoice|cashier|tender\w*|visa|mastercard|qty|round\w*|thank you|bill|"
    r"pos|pax|payment|facture|caissier|tva|esp[e\u00e8]ces?|merci)\b",
    re.I,
)
_ENOUGH_OF_RECEIPTS = 3
TOLD_OF_GOODS = "items|how many|number of items|price of .+|most expensive|cheapest"
"""What `sold`, and of a number `keyed`, call what they return: the rows settle it, it is not the core's to choose."""


@dataclass(frozen=True)
class Good:
    """One thing that is sold.

    Attributes:
        name: As it was read, without number and code.
        price: Of one, as it was read.
        number: Of its line; of the one with the price where the name stands above it.
    """

    name: str
    price: str
    number: int

    @property
    def cents(self) -> int:
        return _cents(self.price)


def is_a_receipt(lines: Sequence[str]) -> bool:
    """Return whether a page is a receipt, an invoice or a bill: it sums up, and has several words that such have."""
    words = {match.lower() for line in lines for match in _OF_RECEIPTS.findall(line)}
    return len(words) >= _ENOUGH_OF_RECEIPTS and any(_SUM.search(line) and _AMOUNTS.search(line) for line in lines)


def goods(lines: Sequence[str]) -> tuple[Good, ...]:
    """Return what a document sells: of its lines, in reading order, those with a price before the first sum.

    The name stands before the price, or alone in a line above, or below where the last price has one there.
    """
    heads = [i for i, line in enumerate(lines) if _is_head(line)]
    body = [(i, line) for i, line in enumerate(lines) if not heads or i > heads[0]]
    first = next((n for n, (_, line) in enumerate(body) if _price(line)), len(body))
    end = next((n for n, (_, line) in enumerate(body) if n > first and _SUM.search(line)), len(body))
    nameless = [n for n, (_, line) in enumerate(body[:end]) if _price(line) and not _named(line)]
    below = bool(nameless) and nameless[-1] + 1 < end and bool(_alone(body[nameless[-1] + 1][1]))
    found: list[Good] = []
    above = ""
    for n, (number, line) in enumerate(body[:end]):
        if not (price := _price(line)):
            above = _alone(line) or above
            continue
        beside = _alone(body[n + 1][1]) if below and n + 1 < end else above
        if name := _named(line) or beside:
            found.append(Good(name, price, number))
        above = ""
    return tuple(found)


def sold(question: str, lines: Sequence[str]) -> Narrowed:
    """Return what a question asks of the things sold: all of them, how many, one's price, the dearest; else nothing.

    Args:
        question: In its own words.
        lines: A document as it was read, in reading order.
    """
    every, extreme, one = _ALL.search(question), _EXTREME.search(question), _priced(question)
    how_many = _HOW_MANY.search(question)
    there = goods(lines) if every or extreme or one or how_many else ()
    if not there or (how_many and keyed(question, lines).lines):  # a receipt may say it itself
        return Narrowed()
    if how_many:
        return Narrowed("how many", {good.number: str(len(there)) if good is there[0] else "" for good in there})
    if extreme:
        best = (max if extreme["dear"] else min)(there, key=lambda good: good.cents)
        told = best.price if _PRICE_ASKED.search(question) else best.name
        return Narrowed("most expensive" if extreme["dear"] else "cheapest", {best.number: told})
    if every:
        names = _held([good.name for good in there])
        return Narrowed("items", {good.number: names if good is there[0] else "" for good in there})
    best = max(there, key=lambda good: (_alike(one, good.name), -len(good.name)))
    if _alike(one, best.name) >= HALF:
        return Narrowed(f"price of {one}", {best.number: best.price})
    return Narrowed(f"price of {one}") if len(there) > 1 and len(lines) >= LONG else Narrowed()


def _priced(question: str) -> str:
    """Return the thing whose price is asked for, in the question's words; "" if none is."""
    match = _ONE.search(question)
    thing = next((part for part in match.groups() if part), "") if match else ""
    return "" if _NO_GOODS.search(thing) else thing.lower().strip()


def _is_head(line: str) -> bool:
    return len(_HEAD.findall(line)) > 1 and not _AMOUNTS.search(line) and not _SUM.search(line)


def _price(line: str) -> str:
    """Return what one of the things in a line costs: the first amount, if the last is so many times as much, or less.

    That is, less some percent. "" if it has none, sums up or takes off.
    """
    if not _PRICED.search(line) or _SUM.search(line) or _LESS.search(line):
        return ""
    amounts: list[str] = _AMOUNTS.findall(line)
    amounts = _IN_CURRENCY.findall(line) or amounts  # "1.00 $500.00 $475.00": the first one is how many
    one, all_of_it = (_cents(amounts[i]) for i in (0, -1))
    return amounts[0] if (one and all_of_it % one == 0) or "%" in line else amounts[-1]


def _cents(amount: str) -> int:
    return int(re.sub(r"\D", "", amount)) * (1 if re.search(r"[.,]\d{2}$", amount) else 100)


def _named(line: str) -> str:
    """Return the name before a line's figures, without number and code; "" if there is none."""
    figures = _FIGURES.search(line)
    name = _TRAILING.sub("", _LEADING.sub("", line[: figures.start()].strip() if figures else line)).strip()
    return name if _WORD.search(name) and name.lower() not in _UNITS else ""


def _alone(line: str) -> str:
    """Return the name in a line without a price; "" if it is something else."""
    if _price(line) or _SUM.search(line) or _LESS.search(line) or _is_head(line) or line.startswith("("):
        return ""
    return _named(line)


def _held(names: Sequence[str]) -> str:
    """Return the names as a list, as many as an answer holds."""
    told = list(names)
    while len(told) > 1 and len(", ".join(told)) > _LONGEST:
        told.pop()
    left_out = len(names) - len(told)
    return listed((*told, f"{left_out} more") if left_out else told)


def _alike(asked: str, name: str) -> float:
    """Return the share of the asked words that a name has, in whatever number or spelling."""
    words = [singular(word) for word in re.findall(r"[^\W\d_]+", asked.lower()) if word not in _SHORT]
    there = [singular(word) for word in re.findall(r"[^\W\d_]+", name.lower())]
    return sum(any(begin_alike(word, other) for other in there) for word in words) / max(len(words), 1)
