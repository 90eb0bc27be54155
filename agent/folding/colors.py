"""Whose colour is asked for ("What color is the bus?"), claimed ("Is it red?") or counted ("How many red cars?")."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace

from vqa.agent.questions.asking import SOMEBODY, lowered
from vqa.agent.questions.intent import read_intent
from vqa.agent.questions.vocabulary import label_of
from vqa.values import COUNT_SCORE, Finding
from vqa.words import COLORS, plural

_ALIKE = {"grey": "gray", "silver": "gray", "beige": "tan", "golden": "tan"}
_WORN = "shirt t-shirt sweater jersey jacket coat dress suit uniform clothes clothing outfit".split()
CLOTHES = frozenset([*_WORN, *(plural(name, 2) for name in _WORN)])
"""What covers the chest, whose colour a person's box tells."""
_PARTS = frozenset("of on in at by with near behind under beside next".split())
"""Words of what is more than a thing: "the top of the hydrant", "bus behind the car"."""
_COLOR = "|".join((*COLORS, *_ALIKE))
_THE = r"(?:the |this |that |these |those |his |her |their |a |an )?"
_WHERE = r"(?: (?:in|on|at|near|to|with|behind|beside|under|next|that|which|wearing|standing|sitting) .*)?\W*"
_WHICH = re.compile(
    rf"(?:what|which)(?: is the)? colou?rs? (?:is|are|of|has|have|does|do) {_THE}(?P<thing>[a-z' -]+?){_WHERE}"
    rf"|(?:what|which) colou?r (?P<kind>[a-z -]+?) (?:is|are|does|do|can)\b.*"
)
_COLORS = rf"(?P<color>{_COLOR})(?: and (?P<other>{_COLOR}))?"
_WHETHER = re.compile(rf"(?:is|are) {_THE}(?P<thing>[a-z' -]+?) {_COLORS}\W*")
_WHETHER_THERE = re.compile(
    rf"(?:(?:is|are)(?: there)?|(?:do|can) you see|does (?:the|this) (?:image|picture|photo) (?:show|have|contain)) "
    rf"(?:an? |any |some )?{_COLORS} (?P<thing>[a-z' -]+?)"
    r"(?: (?:here|there|visible|(?:in|on) (?:the|this) (?:image|picture|photo)))?\W*"
)
_DRESSED = (
    rf"(?:wearing|dressed in) (?:an? |any |the )?(?:all )?{_COLORS}(?: (?P<thing>{'|'.join(sorted(CLOTHES))}))?"
    r"(?: (?:here|(?:in|on) (?:it|(?:the|this) (?:image|picture|photo))))*\W*"
)
_WHETHER_WORN = re.compile(
    r"(?:is|are) (?:there )?(?:(?:an?|any|some|the|this|these|those) )?(?:[a-z]+ )?"
    rf"(?:{SOMEBODY}|any(?:one|body))(?: (?:who|that) (?:is|are))? {_DRESSED}"
)
_HOW_MANY_WEAR = re.compile(rf"how many {SOMEBODY}(?: (?:who |that )?are)?(?: there)? {_DRESSED}")


@dataclass(frozen=True)
class AskedColor:
    """What is asked.

    Attributes:
        thing: In the question's words: "man's shirt".
        label: Of whose boxes the colour is wanted.
        claimed: The colours that a yes-or-no question names.
    """

    thing: str
    label: str
    claimed: tuple[str, ...] = ()


def asked_color(question: str, labels: Collection[str]) -> AskedColor | None:
    """Return which label's colour a question asks for; None if none's, or that of a part ("the cat's eyes")."""
    asked = lowered(question)
    if (worn := _WHETHER_WORN.fullmatch(asked)) and "person" in labels:
        return AskedColor(worn["thing"] or "clothes", "person", _named_colors(worn))
    which = _WHICH.fullmatch(asked)
    match = which or _WHETHER_THERE.fullmatch(asked) or _WHETHER.fullmatch(asked)
    if match is None:
        return None
    thing = match["thing"] or (which and which["kind"]) or ""
    label = _label(thing, labels)
    return None if label is None else AskedColor(thing, label, () if which else _named_colors(match))


def counted_color(question: str, finding: Finding) -> str:
    """Return the colour of the things that a question counts ("How many red cars?"); "" if it says none.

    Nor is one counted by where a thing has none that is known. People have that of their clothes, if it is asked so.
    """
    intent = read_intent(question, finding.vocabulary)
    those = [region for region in finding.regions if region.label in intent.asked and region.score >= COUNT_SCORE]
    if intent.aim != "count" or not all(region.color for region in those):
        return ""
    if "person" not in intent.asked:
        return " and ".join(colors_in(intent.thing))
    worn = _HOW_MANY_WEAR.fullmatch(lowered(question))
    return " and ".join(_named_colors(worn)) if worn else ""


def of_the_color(question: str, finding: Finding) -> Finding:
    """Return a detector's finding without things of another colour than the one that a question counts."""
    wanted = set(colors_in(counted_color(question, finding)))
    if not wanted:
        return finding
    asked = read_intent(question, finding.vocabulary).asked
    kept = (r for r in finding.regions if r.label not in asked or wanted <= set(colors_in(r.color)))
    return replace(finding, regions=tuple(kept))


def _named_colors(match: re.Match[str]) -> tuple[str, ...]:
    return colors_in(" ".join(filter(None, (match["color"], match["other"]))))


def colors_in(text: str) -> tuple[str, ...]:
    """Return the colours that a text names, by their plain names, each once."""
    found = (_ALIKE.get(word, word) for word in re.findall(rf"\b(?:{_COLOR})\b", text.lower()))
    return tuple(dict.fromkeys(found))


def _label(thing: str, labels: Collection[str]) -> str | None:
    words = thing.split()
    if _PARTS.intersection(words):
        return None
    if words and words[-1] in CLOTHES:
        return "person" if "person" in labels else None
    ends = (" ".join(words[-n:]) for n in (3, 2, 1) if n <= len(words))
    label = next(filter(None, (label_of(end, labels) for end in ends)), None)
    return None if label == "person" else label
