"""A number that a yes-or-no question claims: is there more than one dog, are there at least three, only two."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from vqa.agent.vocabulary import label_of

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
    for number, word in enumerate("one two three four five six seven eight nine ten eleven twelve".split(), 1)
}
_CLAIM = re.compile(
    rf"^\s*(?:(?:is|are|was|were) there|(?:do|can|could) you see|does (?:the|this) (?:image|picture|photo) show)\s+"
    rf"(?P<how>{'|'.join(HOW)})\s+(?P<number>\d{{1,3}}|{'|'.join(NUMBERS)})\s+"
    r"(?:pairs? of\s+)?(?P<thing>[a-z][a-z -]*?)"
    r"(?:\s+(?:here|there|visible|present|shown|in it|(?:in|on) (?:the|this) (?:image|picture|photo)))*\s*[?.!]*\s*$"
)


@dataclass(frozen=True)
class Bound:
    """What is claimed of the number of things of a label.

    Attributes:
        words: The claim in the question's own words: "more than one dog".
        label: The things.
        how: A key of HOW.
        number: The number they are held against.
    """

    words: str
    label: str
    how: str
    number: int

    def holds(self, counted: int) -> bool:
        """Return whether it is so if there are so many."""
        return HOW[self.how](counted, self.number)


def read_bound(question: str, labels: Collection[str]) -> Bound | None:
    """Return the claim of a question that is nothing but one, of things in the whole picture; else None."""
    match = _CLAIM.match(" ".join(question.lower().split()))
    if match is None or (label := label_of(match["thing"], labels)) is None:
        return None
    number = int(match["number"]) if match["number"].isdigit() else NUMBERS[match["number"]]
    if match["how"] == "at least" and number == 1:
        return None  # asked is whether there is any, and something that is only suspected may be it
    return Bound(f"{match['how']} {match['number']} {match['thing']}", label, match["how"], number)
