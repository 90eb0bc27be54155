"""Whether a thing is on a side of the picture: "Is the dog on the left?", "Is there a cup at the top of it?"."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from vqa.agent.questions.vocabulary import label_of
from vqa.values import Region

_ASKED = re.compile(
    r"\s*(?:is|are) (?P<any>there )?(?:the|this|that|a|an|any) (?P<thing>[a-z][a-z -]*?) (?P<words>(?:on|at|in|to) the "
    r"(?:far |very )?(?P<side>left|right|top|bottom|middle|center|centre)(?:[ -]hand)?(?: (?:side|half|part))?)"
    r"(?: of (?:it|(?:the |this )?(?:image|picture|photo|photograph|scene)))?\s*[?.!]*\s*"
)
_ACROSS = ("left", "right")


@dataclass(frozen=True)
class AskedSide:
    """What is asked.

    Attributes:
        label: Of the thing.
        side: "left", "right", "top", "bottom" or "center".
        words: The side in the question's words: "on the left side".
        any: Whether it is asked of any such thing, not of the one that is meant.
    """

    label: str
    side: str
    words: str
    any: bool


def asked_side(question: str, labels: Collection[str]) -> AskedSide | None:
    """Return what a question asks of a thing and a side of the picture, None if it is not plainly that."""
    match = _ASKED.fullmatch(" ".join(question.lower().split()))
    label = match and label_of(match["thing"], labels)
    if match is None or label is None:
        return None
    side = {"middle": "center", "centre": "center"}.get(match["side"], match["side"])
    return AskedSide(label, side, match["words"], match["any"] is not None)


def is_there(
    asked: AskedSide, things: Sequence[Region], size: tuple[int, int]
) -> tuple[bool | None, tuple[Region, ...]]:
    """Return whether the first of these things, or any of them, is on that side, and the one that shows it.

    None if its middle is near the line.

    Args:
        asked: The thing and the side.
        things: Those of the label, the surest first.
        size: Of the picture, width and height.
    """
    so = {thing: _is_there(asked.side, thing, size) for thing in (things if asked.any else things[:1])}
    for thing, there in so.items():
        if there:
            return True, (thing,)
    return (False, (things[0],)) if so and None not in so.values() else (None, ())


def _is_there(side: str, thing: Region, size: tuple[int, int]) -> bool | None:
    x0, y0, x1, y1 = thing.xyxy
    across, down = (x0 + x1) / 2 / max(size[0], 1), (y0 + y1) / 2 / max(size[1], 1)
    if side == "center":
        away = max(abs(across - 0.5), abs(down - 0.5))
        return True if away < 1 / 6 else False if away > 1 / 4 else None
    along = across if side in _ACROSS else down
    beyond = along if side in ("left", "top") else 1 - along
    return True if beyond < 0.45 else False if beyond > 0.55 else None
