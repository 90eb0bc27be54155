"""Questions whose answer is one of some words: what somebody wears, what they stand on or run through.

Which of them it is, what people would say of the picture tells; a small core says "skateboard" of what is worn.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from vqa.agent.questions import asking
from vqa.agent.questions.rephrasing import plainly
from vqa.agent.questions.scene import WHO
from vqa.words import singular

_HEAD = "hat hats cap helmet helmets headscarf bandanna".split()
_FACE = "sunglasses glasses goggles mask".split()
_BODY = (
    "shirt shirts t-shirt sweater sweatshirt hoodie jersey jerseys vest jacket jackets coat coats suit suits dress "
    "dresses uniform uniforms costume costumes wetsuit swimsuit bikini trunks shorts jeans pants skirt scarf boots"
).split()
_WORN = {"head": _HEAD, "face": _FACE, "eyes": _FACE, "": [*_BODY, *_HEAD]}
_WATERS = "lake ocean pool puddle river stream water".split()
_GROUNDS = (
    "beach bed bench boat bridge carpet chair couch court dirt fence field floor grass gravel ground hill horse ice "
    "ladder leaves ledge log mountain mud path pavement platform road rock rocks roof sand sidewalk snow sofa stage "
    "stairs steps street swing table track trampoline tree wall"
).split()
_BOARDS = "surfboard skateboard snowboard".split()
_SOMEBODY = rf"(?:(?:the|this|that|these|those) (?:[a-z]+ )?)?{asking.SOMEBODY}"
_ON = r"(?: on (?:his|her|their|the) (?P<part>head|face|eyes)s?)?"
_HERE = r"(?: (?:here|in (?:the|this) (?:image|picture|photo|photograph|scene)))*"
_WEARING = re.compile(
    rf"what (?:(?:(?:kind|type|sort)s? of )?(?:clothes|clothing|outfit) )?(?:(?:is|are) {_SOMEBODY} wearing|"
    rf"(?:does|do) {_SOMEBODY} (?:wear|have on)){_ON}{_HERE}\W*|"
    rf"what (?:(?:is|are) on|(?:does|do) {_SOMEBODY} have on) (?:his|her|their|{_SOMEBODY}'s?) (?P<worn_on>head|face)s?"
    rf"{_HERE}\W*"
)
_BEING_ON = re.compile(
    rf"what (?:is|are) (?!.*\bteddy\b){WHO} (?P<does>(?:running|standing|walking|sitting|lying|laying|jumping|"
    r"sleeping|resting|playing|climbing|crawling|splashing|swimming) (?:down )?"
    rf"(?:on|in|through|along|into|over|across|down|up)){_HERE}\W*"
)
_PAIRS = frozenset("sunglasses glasses goggles trunks shorts jeans pants boots".split())


@dataclass(frozen=True)
class ClosedSet:
    """What is asked for, and the words that may be the answer: "wearing", "running through"."""

    asked: str
    answers: tuple[str, ...]


def read_closed_set(question: str) -> ClosedSet | None:
    """Return what a question asks for one of some words; None if any word may be the answer."""
    asked = asking.lowered(plainly(question))
    if match := _WEARING.fullmatch(asked):
        return ClosedSet("wearing", tuple(_WORN[match["part"] or match["worn_on"] or ""]))
    if (match := _BEING_ON.fullmatch(asked)) is None:
        return None
    does = match["does"]
    if does == "standing on":
        return ClosedSet(does, (*_GROUNDS, *_BOARDS))
    dry, wet = does.endswith((" on", " up", " down")), does.startswith(("swimming", "splashing"))
    return ClosedSet(does, tuple(_WATERS if wet else _GROUNDS if dry else (*_GROUNDS, *_WATERS)))


def as_one(word: str) -> str:
    """Return the name of one garment: "hat" for "hats", and "shorts" as it is; any other word as it is."""
    return singular(word) if word in (*_BODY, *_HEAD) and word not in _PAIRS else word
