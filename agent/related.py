"""What a question asks of one thing against another: what is left of the bus, is the dog on the couch.

Only plain questions are read so, both things under names that the detector knows: "the man's head" and "the red car"
are not what its boxes tell apart.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from vqa.agent.vocabulary import label_of
from vqa.values import Region
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
_WHAT = re.compile(
    r"^\s*(?:what|who|which (?:things?|objects?|items?))\s+(?:else\s+)?(?:is|are|stands|lies|sits|can be found|"
    r"can be seen|(?:do|can) you see)\s+(?:(?:standing|lying|laying|sitting|seated|sleeping|resting|hiding|hidden|"
    rf"parked|placed)\s+)?(?P<how>{_HOW}|{_WITHIN})\s+{_THE}(?P<anchor>[a-z][a-z -]*?){_END}"
)
_WHETHER = re.compile(
    rf"^\s*(?:(?:would you say|do you think)(?: that)?\s+{_THE}(?P<said>[a-z][a-z -]*?)\s+(?:is|are)|"
    rf"(?:is|are)\s+{_THE}(?P<other>[a-z][a-z -]*?))\s+(?P<how>{_HOW})\s+{_THE}(?P<anchor>[a-z][a-z -]*?){_END}"
)
_CENTRED = 0.25
"""Two boxes are side by side along an axis from that share of the smaller side between their centres."""
_NEAR, _FAR = 1.0, 2.5
"""The gap between two things beside each other that are near or far, as a share of the larger one's width."""


@dataclass(frozen=True)
class Related:
    """What is asked.

    Attributes:
        how: In the question's own words: "to the left of".
        anchor: The label that things are held against.
        other: The label of which it is asked whether it is so; None: asked is what is.
    """

    how: str
    anchor: str
    other: str | None = None


def read_related(question: str, labels: Collection[str]) -> Related | None:
    """Return what a question asks of one thing against another, None if it is not plainly that."""
    lowered = " ".join(question.lower().split())
    what, whether = _WHAT.match(lowered), _WHETHER.match(lowered)
    match = what or whether
    if match is None or (anchor := label_of(match["anchor"], labels)) is None:
        return None
    if match is what:
        return Related(match["how"], anchor)
    other = label_of(match["said"] or match["other"], labels)
    return None if other in (None, anchor) else Related(match["how"], anchor, other)


def holds(how: str, a: Region, b: Region) -> bool | None:
    """Return whether `a` is `how` (a key of PHRASES) seen from `b`, in the picture; None if the boxes do not tell."""
    means = PHRASES[how]
    if means == "beside":
        return True if lies(how, a, b) else False if _gap(a, b) > _FAR else None
    if means in _NOT_SO:
        seen = relation(a, b)
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
    return relation(a, b) in _SO[means]


def _gap(a: Region, b: Region) -> float:
    """Return how far apart two boxes are from left to right, as a share of the larger width; 0 if they are not."""
    (ax0, _, ax1, _), (bx0, _, bx1, _) = a.xyxy, b.xyxy
    return max(0.0, max(ax0, bx0) - min(ax1, bx1)) / max(ax1 - ax0, bx1 - bx0, 1.0)
