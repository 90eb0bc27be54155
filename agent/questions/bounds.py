"""A number that a yes-or-no question claims: is there more than one dog, are there two, many, another one."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from vqa.agent.questions.vocabulary import labels_of, meant
from vqa.values import COUNT_SCORE, PRESENCE_SCORE

HOW: dict[str, Callable[[int, int], bool]] = {
    "more than": lambda counted, number: counted > number,
    "at least": lambda counted, number: counted >= number,
    "fewer than": lambda counted, number: counted < number,
    "less than": lambda counted, number: counted < number,
    "at most": lambda counted, number: counted <= number,
    "only": lambda counted, number: counted == number,
    "just": lambda counted, number: counted == number,
    "exactly": lambda counted, number: counted == number,
}
NUMBERS = {
    word: number
    for number, word in enumerate("zero one two three four five six seven eight nine ten eleven twelve".split())
}
_SINGLE = "a single"
VAGUE = {"many": 5, "a lot of": 5, "lots of": 5, "several": 3, "multiple": 2, "a couple of": 2, "another": 2}
"""Words for a number, and from how many on people say them."""
_CLAIM = re.compile(
    r"^\s*(?:(?:is|are|was|were)(?: there)?|(?:do|can|could) you see|does (?:the|this) (?:image|picture|photo) show)\s+"
    rf"(?:(?:(?P<how>{'|'.join(HOW)})\s+)?(?P<number>\d{{1,3}}|{_SINGLE}|{'|'.join(NUMBERS)})"
    rf"(?P<limit>\s+or (?:more|fewer|less))?|(?P<vague>{'|'.join(VAGUE)}))\s+"
    r"(?:pairs? of\s+)?(?P<thing>[a-z][a-z -]*?)"
    r"(?:\s+(?:here|there|visible|present|shown|in it|(?:in|on) (?:the|this) (?:image|picture|photo)))*"
    r"(?P<rest>\s+(?:in|on|at|by|to|near|next|with|without|behind|under|below|above|over|beside|between|around|inside|"
    r"outside|left|right|that|which|who|and|\w+ing)\b.*?)?\s*[?.!]*\s*$"
)
_LIMITS = {"or more": "at least", "or fewer": "at most", "or less": "at most"}
_UP_TO = ("fewer than", "less than", "at most", "only", "just", "exactly")


@dataclass(frozen=True)
class Bound:
    """What is claimed of the number of things.

    Attributes:
        words: The claim in the question's own words: "more than one dog".
        thing: What is counted, in its words.
        labels: The labels of it; several if the word stands for several.
        how: A key of HOW or of VAGUE; empty: exactly so many.
        number: The number they are held against.
        partly: Whether the question asks more of them than the boxes tell: two dogs that play, two black dogs.
    """

    words: str
    thing: str
    labels: tuple[str, ...]
    how: str
    number: int
    partly: bool = False

    def holds(self, counted: int) -> bool:
        """Return whether it is so if there are so many."""
        if self.how in VAGUE or (self.partly and not self.how):
            return counted >= self.number
        return HOW[self.how or "exactly"](counted, self.number)

    @property
    def least(self) -> float:
        """The score of what is counted: none are there only if none is suspected."""
        return PRESENCE_SCORE if self.number == 0 else COUNT_SCORE

    def settled(self, counted: int) -> bool:
        """Return whether the number tells the answer: of one dog, none are two dogs that play; of three, two may."""
        return not self.partly or self.holds(counted) == (self.number == 0)


def read_bound(question: str, labels: Collection[str]) -> Bound | None:
    """Return what a question claims of the number of things, if it begins with that; else None."""
    match = _CLAIM.match(" ".join(question.lower().split()))
    if match is None or not (of := meant(match["thing"], labels)):
        return None
    single = match["number"] == _SINGLE
    number = "one" if single else match["number"]
    claimed = match["how"] or ("only" if single else "")
    how = match["vague"] or (_LIMITS[match["limit"].strip()] if match["limit"] else claimed)
    value = VAGUE[how] if match["vague"] else NUMBERS[number] if number in NUMBERS else int(number)
    if value == 1 and how in ("", "at least"):
        return None  # asked is whether there is any, and something that is only suspected may be it
    partly = match["rest"] is not None or set(of) != set(labels_of(match["thing"], labels))
    if partly and value and how in _UP_TO:
        return None
    said = (claimed, number, match["limit"], match["vague"], match["thing"])
    words = " ".join(part.strip() for part in said if part)
    return Bound(words, match["thing"], of, how, value, partly)
