"""What a question asks of one thing against another: what is left of the bus, is the dog on the couch.

Only plain questions are read so, both things under names that the detector knows: "the man's head" and "the red car"
are not what its boxes tell apart.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from vqa.agent.questions.vocabulary import label_of
from vqa.values import PRESENCE_SCORE, Region
from vqa.words import relation

_SO: dict[str, tuple[str, ...]] = {  # as people say it: what boxes then show, in the words of `vqa.words.relation`
    "left of": ("left of",),
    "right of": ("right of",),
    "above": ("above",),
    "below": ("below",),
    "on": ("on or in front of", "above"),
    "in front of": ("on or in front of",),
    "behind": ("behind or under",),
    "under": ("behind or under", "below"),
}
_NOT_SO: dict[str, tuple[str, ...]] = {  # what boxes show where it is not so; anything else leaves it open
    "on": ("below", "behind or under", "left of", "right of"),
    "in front of": ("behind or under",),
    "behind": ("on or in front of",),
    "under": ("above", "left of", "right of"),
}
PHRASES: dict[str, str] = {
    "left of": "left of", "to the left of": "left of", "on the left of": "left of", "right of": "right of",
    "to the right of": "right of", "on the right of": "right of", "above": "above", "over": "above", "below": "below",
    "on": "on", "on top of": "on", "in front of": "in front of", "behind": "behind", "under": "under",
    "underneath": "under", "beneath": "under", "next to": "beside", "beside": "beside", "near": "beside",
}  # fmt: skip
"""What people say, and which relation they mean."""
WITHIN = ("inside of", "inside", "in")
"""What is in it shows in front of it; whether what shows in front of it is in it, boxes do not tell."""

_HOW = "|".join(sorted(PHRASES, key=len, reverse=True))
_WITHIN = "|".join(WITHIN)
_THE = r"(?:(?:the|a|an|this|that|any)\s+)?(?:pairs? of\s+)?"
_END = r"(?:\s+(?:in|on) (?:the|this) (?:image|picture|photo))?\s*[?.!]*\s*$"
_RESTING = "(?:standing|lying|laying|sitting|seated|sleeping|resting|hiding|hidden|parked|placed|located)"
_WHAT = re.compile(
    r"^\s*(?:what|who|which (?:things?|objects?|items?))\s+(?:else\s+)?(?:is|are|stands|lies|sits|can be found|"
    rf"can be seen|(?:do|can) you see)\s+(?:{_RESTING}\s+)?(?P<how>{_HOW}|{_WITHIN})\s+{_THE}"
    rf"(?P<anchor>[a-z][a-z -]*?){_END}"
)
_WHETHER = re.compile(
    rf"^\s*(?:(?:would you say|do you think)(?: that)?\s+{_THE}(?P<said>[a-z][a-z -]*?)\s+(?:is|are)|"
    rf"(?:is|are)\s+{_THE}(?P<other>[a-z][a-z -]*?))\s+(?P<how>{_HOW})\s+{_THE}(?P<anchor>[a-z][a-z -]*?){_END}"
)
_SOME = re.compile(
    rf"^\s*(?:(?:is|are)(?: there|(?= (?:an?|any|some)\b))|(?:do|can|could) you see)\s+(?:some\s+)?{_THE}"
    rf"(?P<other>[a-z][a-z -]*?)\s+(?:{_RESTING}\s+)?(?P<how>{_HOW})\s+{_THE}(?P<anchor>[a-z][a-z -]*?){_END}"
)
_HOW_MANY = re.compile(
    r"^\s*how many\s+(?:pairs? of\s+)?(?P<other>[a-z][a-z -]*?)\s+(?:(?:are|is|do you see|can you see|can be seen)\s+)?"
    rf"(?:there\s+)?(?:(?:standing|lying|laying|sitting|seated|sleeping|resting|parked|placed|located)\s+)?(?P<how>{_HOW})\s+"
    rf"{_THE}(?P<anchor>[a-z][a-z -]*?){_END}"
)
_CENTRED = 0.25
"""Two boxes are side by side along an axis from that share of the smaller side between their centres."""
_IN_TOUCH = 0.2
"""The gap between two things of which one is on the other, as a share of the height of the lesser one."""
_NEAR, _FAR = 1.0, 2.5
"""The gap between two things beside each other that are near or far, as a share of the larger one's width."""

Of = Literal["the one", "any", "how many"]


@dataclass(frozen=True)
class Relation:
    """What is asked.

    Attributes:
        how: In the question's own words: "to the left of".
        anchor: The label that things are held against.
        other: The label of which it is asked whether it is so; None: asked is what is.
        of: Asked is of the one that is meant, whether any is so, or how many are.
    """

    how: str
    anchor: str
    other: str | None = None
    of: Of = "the one"


def read_relation(question: str, labels: Collection[str]) -> Relation | None:
    """Return what a question asks of one thing against another, None if it is not plainly that."""
    lowered = " ".join(question.lower().split())
    if match := _WHAT.match(lowered):
        anchor = label_of(match["anchor"], labels)
        return None if anchor is None else Relation(match["how"], anchor)
    some, number = _SOME.match(lowered), _HOW_MANY.match(lowered)
    match = some or number or _WHETHER.match(lowered)
    if match is None:
        return None
    anchor = label_of(match["anchor"], labels)
    other = label_of((match.groupdict().get("said") or match["other"]), labels)
    if anchor is None or other in (None, anchor):
        return None
    return Relation(
        match["how"], anchor, other, "any" if match is some else "how many" if match is number else "the one"
    )


def is_so(asked: Relation, things: Sequence[Region]) -> tuple[bool | None, tuple[Region, ...]]:
    """Return whether it is as asked, of the surest of both labels or of any, and the two that show it.

    None if the boxes do not tell.

    Args:
        asked: With another label.
        things: What was found, the surest first.
    """
    pairs = _pairs(asked, things)
    so = {pair: holds(asked.how, *pair) for pair in (pairs[:1] if asked.of == "the one" else pairs)}
    for pair, holding in so.items():
        if holding:
            return True, pair
    return (False, pairs[0]) if so and None not in so.values() else (None, ())


def lacking(asked: Relation, regions: Sequence[Region]) -> tuple[str, ...]:
    """Return the labels, of the two that a question asks of, of which nothing is even suspected.

    Then there is none beside, on or under the other.
    """
    seen = {region.label for region in regions if region.score >= PRESENCE_SCORE}
    return tuple(label for label in (asked.other, asked.anchor) if label is not None and label not in seen)


def as_asked(asked: Relation, things: Sequence[Region]) -> tuple[Region, ...] | None:
    """Return the things of the other label that are as asked; None if nothing of one of the labels was found."""
    pairs = _pairs(asked, things)
    return tuple(dict.fromkeys(a for a, b in pairs if holds(asked.how, a, b))) if pairs else None


def _pairs(asked: Relation, things: Sequence[Region]) -> list[tuple[Region, Region]]:
    anchors = [thing for thing in things if thing.label == asked.anchor]
    return [(thing, anchor) for thing in things if thing.label == asked.other for anchor in anchors]


def holds(how: str, a: Region, b: Region) -> bool | None:
    """Return whether `a` is `how` (a key of PHRASES) seen from `b`, in the picture; None if the boxes do not tell."""
    means = PHRASES[how]
    if means == "beside":
        return True if lies(how, a, b) else False if _gap(a, b) > _FAR else None
    if means in _NOT_SO:
        seen = relation(a, b)
        if seen in ("above", "below") and seen in _SO[means] and not _touches(a, b):
            return False if means == "on" else None  # a lamp over the table is not on it
        return True if seen in _SO[means] else False if seen in _NOT_SO[means] else None
    axis = 0 if means in ("left of", "right of") else 1
    (low, high), (other_low, other_high) = ((r.xyxy[axis], r.xyxy[axis + 2]) for r in (a, b))
    between = (low + high - other_low - other_high) / 2
    if abs(between) < _CENTRED * min(high - low, other_high - other_low):
        return None
    return (between < 0) == (means in ("left of", "above"))


def lies(how: str, a: Region, b: Region) -> bool:
    """Return whether `a` is one of the things to name when it is asked what is `how` seen from `b`."""
    means = "in front of" if how in WITHIN else PHRASES[how]
    if means == "beside":
        return relation(a, b) in ("left of", "right of") and _gap(a, b) <= _NEAR
    seen = relation(a, b)
    return seen in _SO[means] and (means not in ("on", "under") or seen not in ("above", "below") or _touches(a, b))


def _touches(a: Region, b: Region) -> bool:
    """Return whether two boxes, one above the other, are (nearly) in touch."""
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = a.xyxy, b.xyxy
    apart = max(ay0, by0) - min(ay1, by1)
    return min(ax1, bx1) > max(ax0, bx0) and apart <= _IN_TOUCH * min(ay1 - ay0, by1 - by0)


def _gap(a: Region, b: Region) -> float:
    """Return how far apart two boxes are from left to right, as a share of the larger width; 0 if they are not."""
    (ax0, _, ax1, _), (bx0, _, bx1, _) = a.xyxy, b.xyxy
    return max(0.0, max(ax0, bx0) - min(ax1, bx1)) / max(ax1 - ax0, bx1 - bx0, 1.0)
