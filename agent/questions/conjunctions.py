"""What is asked to be there together, or one without the other: "Is there a dog and a cat?", "a dog but no cat?"."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from vqa.agent.questions.vocabulary import labels_of
from vqa.values import PRESENCE_SCORE, Region

_IN_IT = r"(?: (?:here|there|visible|present|shown|in it|(?:in|on) (?:the|this) (?:image|picture|photo)))*"
_NOT = r"but (?:no\b|not (?:a|an|any|the)|without (?:a |an |any )?)|without (?:a|an|any)"
_ASKED = re.compile(
    r"\s*(?:(?:is|are|was|were) there|(?:do|can|could) you see|"
    r"does (?:the|this) (?:image|picture|photo) (?:show|have|contain))"
    rf" (?:both )?(?P<first>[a-z][a-z -]*?) (?P<how>and|{_NOT}) ?(?P<second>[a-z][a-z -]*?){_IN_IT}\s*[?.!]*\s*"
)
_ARTICLE = re.compile(r"^(?:a|an|any|some|the|no) ")


@dataclass(frozen=True)
class Conjunction:
    """Two things that are to be there, or one that is to be there without the other.

    Attributes:
        words: Both in the question's words: "a dog but no cat".
        labels: Of the one, and of the other.
        without: Whether the other is not to be there.
    """

    words: str
    labels: tuple[tuple[str, ...], tuple[str, ...]]
    without: bool

    def shown(self, things: Sequence[Region]) -> tuple[tuple[Region, ...], tuple[Region, ...]]:
        """Return what there is of the one, and of the other."""
        there = [thing for thing in things if thing.score >= PRESENCE_SCORE]
        one, other = (tuple(thing for thing in there if thing.label in labels) for labels in self.labels)
        return one, other

    def holds(self, things: Sequence[Region]) -> bool:
        """Return whether it is so, of what was found."""
        one, other = self.shown(things)
        return bool(one) and bool(other) != self.without


def read_conjunction(lowered: str, labels: Collection[str]) -> Conjunction | None:
    """Return what a question in lower case asks to be there together, None if it is not plainly that of two things."""
    match = _ASKED.fullmatch(" ".join(lowered.split()))
    if match is None:
        return None
    one, other = (labels_of(_ARTICLE.sub("", match[part]), labels) for part in ("first", "second"))
    if not one or not other or set(one) & set(other):
        return None
    without = match["how"] != "and"
    return Conjunction(f"{match['first']} {match['how']} {match['second']}", (one, other), without)
