"""Whether a picture was taken indoors or outdoors: who asks that, and which of the things found tell.

A core of the built-in size says "outdoors" of a dining room, unless it is told what speaks for a room, in words that it
can repeat or agree with.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from vqa.words import counted

Setting = Literal["indoor", "outdoor"]

# Of COCO's classes those that are nearly always in rooms, or nearly never.
THINGS: dict[Setting, frozenset[str]] = {
    "indoor": frozenset(
        {"bed", "toilet", "sink", "refrigerator", "oven", "microwave", "toaster", "tv", "couch", "dining table"}
        | {"keyboard", "mouse", "laptop", "remote", "hair drier", "toothbrush", "wine glass", "vase"}
    ),
    "outdoor": frozenset(
        {"bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light", "fire hydrant"}
        | {"stop sign", "parking meter", "bird", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"}
        | {"frisbee", "skis", "snowboard", "kite", "baseball bat", "baseball glove", "surfboard", "tennis racket"}
    ),
}
_BOTH: tuple[Setting, Setting] = ("indoor", "outdoor")
_ASKED = re.compile(
    r"(?:is|are|was|were|do you think|would you say) (?!there\b)[a-z' ]{1,40}? "
    r"(?:(?:taken|shot|made|set) )?(?:an? |in )?(?P<first>in|out)(?:doors?|side)"
    r"(?P<which> or (?:an? )?(?:(?:in|out)(?:doors?|side)|out))?"
    r"(?: (?:scene|picture|photo|photograph|image|shot|setting|place|space|area))?\W*"
)
_ELSEWHERE = re.compile(r"\b\w+ing (?:in|out)(?:doors?|side)\b")  # "Is he looking outside?"


def asked(question: str) -> tuple[Literal["which", "whether"], Setting] | None:
    """Return how a question asks for the setting: which it is, or whether it is the one named; None: it does not."""
    lowered = " ".join(question.lower().split())
    match = _ASKED.fullmatch(lowered)
    if match is None or (_ELSEWHERE.search(lowered) and not match["which"]):
        return None
    return "which" if match["which"] else "whether", "indoor" if match["first"] == "in" else "outdoor"


def inside_or_outside(question: str) -> str | None:
    """Return "Is this inside or outside?" for a question that asks which it is; else None."""
    found = asked(question)
    return "Is this inside or outside?" if found is not None and found[0] == "which" else None


def shown(labels: Sequence[str]) -> Setting | None:
    """Return the setting that things of these labels show; None: none, or different ones."""
    inside, outside = (len(set(labels) & THINGS[setting]) for setting in _BOTH)
    if inside > 2 * outside:
        return "indoor"
    return "outdoor" if outside > 2 * inside else None


def told(question: str, labels: Sequence[str]) -> str:
    """Return what the things found tell of the setting, as the question has it; "" if it asks for none.

    Asked which it is: "14 indoor things, no outdoor things"; asked whether it is the one: "indoors: 13 chairs, 1 tv".
    """
    found, setting = asked(question), shown(labels)
    if found is None or setting is None:
        return ""
    if found[0] == "which":
        numbers = {kind: sum(label in THINGS[kind] for label in labels) for kind in _BOTH}
        ordered = sorted(numbers, key=lambda kind: -numbers[kind])  # what comes first is repeated
        return ", ".join(counted(f"{kind} thing", numbers[kind]) for kind in ordered)
    telling = [label for label in labels if label in THINGS[setting]]
    return f"{setting}s: " + ", ".join(counted(label, telling.count(label)) for label in dict.fromkeys(telling))
