"""What somebody wears, where it is asked: "What is the man wearing?", "What does she have on her head?"."""

from __future__ import annotations

import re

from vqa.agent.questions import asking
from vqa.agent.questions.plain import plainly
from vqa.words import singular

_HEAD = "hat hats cap helmet helmets headscarf bandanna".split()
_FACE = "sunglasses glasses goggles mask".split()
_BODY = (
    "shirt shirts t-shirt sweater sweatshirt hoodie jersey jerseys vest jacket jackets coat coats suit suits dress "
    "dresses uniform uniforms costume costumes wetsuit swimsuit bikini trunks shorts jeans pants skirt scarf boots"
).split()
_OF = {"head": _HEAD, "face": _FACE, "eyes": _FACE, "": [*_BODY, *_HEAD]}
_WHO = rf"(?:(?:the|this|that|these|those) (?:[a-z]+ )?)?{asking.SOMEBODY}"
_ON = r"(?: on (?:his|her|their|the) (?P<part>head|face|eyes)s?)?"
_HERE = r"(?: (?:here|in (?:the|this) (?:image|picture|photo|photograph|scene)))*"
_WORN = re.compile(
    rf"what (?:(?:(?:kind|type|sort)s? of )?(?:clothes|clothing|outfit) )?(?:(?:is|are) {_WHO} wearing|"
    rf"(?:does|do) {_WHO} (?:wear|have on)){_ON}{_HERE}\W*|"
    rf"what (?:(?:is|are) on|(?:does|do) {_WHO} have on) (?:his|her|their|{_WHO}'s?) (?P<worn_on>head|face)s?{_HERE}\W*"
)
_PAIRS = frozenset("sunglasses glasses goggles trunks shorts jeans pants boots".split())


def what_may_be_worn(question: str) -> tuple[str, ...]:
    """Return the garments of which a question asks which one somebody wears; none if it does not."""
    match = _WORN.fullmatch(asking.lowered(plainly(question)))
    return tuple(_OF[match["part"] or match["worn_on"] or ""]) if match else ()


def as_one(garment: str) -> str:
    """Return the name of one: "hat" for "hats", and "shorts" as it is."""
    return garment if garment in _PAIRS else singular(garment)
