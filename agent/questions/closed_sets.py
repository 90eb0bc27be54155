"""Questions whose answer is one of some words: what somebody wears, what they stand on or run through, where they are.

Which of them it is, what people would say of the picture tells; a small core says "skateboard" of what is worn.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from vqa.agent.questions import asking
from vqa.agent.questions.rephrasing import plainly
from vqa.agent.questions.scene import WHO
from vqa.agent.questions.taxonomy import ALIVE
from vqa.agent.questions.vocabulary import labels_of
from vqa.words import COLORS, singular

HATS = tuple("hat hats cap helmet helmets".split())
GLASSES = tuple("sunglasses glasses goggles".split())
_HEAD = [*HATS, "headscarf", "bandanna"]
_FACE = [*GLASSES, "mask"]
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
_AT = {
    "in": "air desert field forest lake mud ocean park pond pool puddle river snow stream water woods yard",
    "on": (
        "beach bridge court dirt grass gravel hill ice path pavement platform road rock rocks roof sand sidewalk "
        "stage stairs steps street swing track trampoline"
    ),
}
_PLACES = {word: f"{how} the {word}" for how, words in _AT.items() for word in words.split()}
_TAKEN = (
    "airport bathroom beach bedroom bridge city court desert farm field forest garden kitchen lake market mountain "
    "ocean park playground pool restaurant river road room snow stadium stage store street town track woods yard"
).split()
ROOMS = frozenset("bathroom bedroom kitchen restaurant room store".split())
IN_THE_OPEN = frozenset(
    "beach bridge city desert dirt farm field forest garden grass gravel hill ice lake mountain mud ocean park path "
    "pavement playground pond puddle river road rock rocks sidewalk snow stream street town woods yard".split()
)
"""Places that are outdoors, and those that are not; a pool may be either."""
_SURELY_AT, _LIKELY_AT = 0.17, 0.1
"""Share of captions from which on it is told where somebody is (less sure, the side of the picture is), and where a
picture was taken."""
_WHERE = re.compile(  # and not "where in the picture", which asks for the side
    r"where (?:is|are) (?:(?:the|this|that|these|those|my|your|our) )?(?:(?!hot|stuffed|teddy|toy)[a-z]+ )??"
    r"(?P<thing>[a-z]+?)(?: (?:wearing|with|in (?:an? |the )?(?:[a-z]+ )?(?:shirt|jacket|coat|dress|hat|cap|helmet|suit"
    rf"|{'|'.join(COLORS)})\b)[a-z -]*?)?"
    r"(?: (?:sitting|standing|lying|laying|sleeping|resting|located|parked|running|walking|jumping|playing|swimming|"
    r"going|flying|grazing|riding))?(?: now)?\W*"
)
_GOING = frozenset(ALIVE - {"teddy bear"} | {"bicycle", "car", "motorcycle", "bus", "truck", "boat", "airplane"})
"""Labels of what stands and goes where people say it does; a thing is rather on another thing, or at a side."""
_PAIRS = frozenset("sunglasses glasses goggles trunks shorts jeans pants boots".split())


@dataclass(frozen=True)
class ClosedSet:
    """What is asked for, and the words that may be the answer.

    Attributes:
        asked: "wearing", "running through", "place of puppy".
        answers: The words, and how each is said: "grass" as "on the grass".
        thing: Of which it is asked where it is, in the question's word; "" where something else is asked.
        least: Share of captions that would have it from which on the likeliest is told.
    """

    asked: str
    answers: Mapping[str, str]
    thing: str = ""
    least: float = 0.0

    @property
    def worn(self) -> bool:
        """Whether it is asked what somebody wears."""
        return self.asked == "wearing"

    @property
    def why(self) -> str:
        """What a question asks, in words."""
        where = "where somebody is" if self.thing else "where it was taken" if self.asked == "place" else ""
        return where or f"what somebody is {self.asked}"


def read_closed_set(question: str) -> ClosedSet | None:
    """Return what a question asks for one of some words; None if any word may be the answer."""
    asked = asking.lowered(plainly(question))
    if match := _WEARING.fullmatch(asked):
        return ClosedSet("wearing", {word: _as_one(word) for word in _WORN[match["part"] or match["worn_on"] or ""]})
    if match := _BEING_ON.fullmatch(asked):
        does = match["does"]
        dry, wet = does.endswith((" on", " up", " down")), does.startswith(("swimming", "splashing"))
        boards = _BOARDS if does == "standing on" else ()
        words = _WATERS if wet else (*_GROUNDS, *boards) if dry else (*_GROUNDS, *_WATERS)
        return ClosedSet(does, {word: word for word in words})
    thing = match["thing"] if (match := _WHERE.fullmatch(asking.where_it_is(question))) else ""
    if thing and (re.fullmatch(asking.SOMEBODY, thing) or labels_of(thing, _GOING)):
        return ClosedSet(f"place of {thing}", _PLACES, thing, _SURELY_AT)
    if asking.WHERE_TAKEN.fullmatch(asked):
        return ClosedSet("place", {word: word for word in _TAKEN} | {"snow": "in the snow"}, least=_LIKELY_AT)
    return None


def _as_one(word: str) -> str:
    """Return the name of one garment: "hat" for "hats", and "shorts" as it is."""
    return word if word in _PAIRS else singular(word)
