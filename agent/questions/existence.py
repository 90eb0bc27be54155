"""Whether there is something in the picture, or it shows one, and no more: "Is there a ladder?", "Is it a party?"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vqa.agent.questions import asking
from vqa.agent.questions.kinds import asks_for_words
from vqa.agent.questions.rephrasing import plainly

_PICTURE = r"(?:image|picture|photo|photograph|scene|shot)"
_AROUND = (  # where a thing is that is there at all
    "background|foreground|distance|sky|wall|ground|floor|street|road|room|water|field|yard|garden|city|house|kitchen|"
    "bathroom|bedroom|table|plate|desk|bed|grass|snow|beach"
)
_SHOWN = (
    rf"(?: (?:(?:in|on|at) (?:it|(?:the|this) (?:{_PICTURE}|{_AROUND}))|here|there|visible|present|nearby|around|"
    r"shown|pictured))*"
)
_NO_THING = (
    "anything|something|everything|nothing|anyone|someone|ones?|more|less|another|other|enough|much|many|lots?|kinds?|"
    "of|in|on|at|by|for|to|from|with|than|that|which|who|or|and|no|not|without|only|near|behind|under|over|between|"
    "through|above|below|beside|inside|outside|around|left|right|wrong|going|being|having|wearing"
)
_WORD = rf"(?!(?:{_NO_THING})\b)[a-z][a-z-]*"
_THERE = re.compile(
    rf"(?:(?P<be>is|are|was|were) there|(?:do|can|could) you see|"
    rf"does (?:it|(?:the|this) {_PICTURE}) (?:show|have|contain)) "
    rf"(?:any |some |the )?(?P<some>an? )?(?P<thing>{_WORD}(?: (?![a-z]+ing\b){_WORD})??){_SHOWN}\W*"
)
_IS_THIS = re.compile(
    rf"(?:is|was) (?:it|this|that|(?:the|this) {_PICTURE}) (?:of )?(?P<some>an? )"
    rf"(?P<thing>(?!(?:[a-z]+ )?(?:{_PICTURE}|[a-z]*(?:day|night|morning|evening))\b){_WORD}(?: {_WORD})?)\W*"
)
_NEVER_SAID = frozenset(
    "sky ground floor ceiling wall walls window windows door doors curtain curtains rug carpet light lights shadow "
    "shadows air background foreground hair face faces head heads eye eyes ear ears nose mouth teeth hand hands finger "
    "fingers arm arms leg legs foot feet knee knees body skin shirt shirts shoe shoes boots sneakers pants clothes "
    "clothing belt glasses sunglasses necklace ring watch jewelry beard mustache acne adult adults owner friend "
    "friends mother father parent parents family families couple photographer color colors corner edge middle reason "
    "way".split()
)
_WORN = re.compile(
    r"(?:wearing|having|have|has|with) (?:.* )?(?P<thing>(?!on$|open$|closed$)[a-z]+)(?: on| open| closed)?"
)
_FELT = re.compile(
    r"\b(?:happy|unhappy|sad|angry|mad|upset|bored|tired|excited|scared|afraid|nervous|entertained|impressed|amused|"
    r"hungry|thirsty|fun|good time|great time|enjoy\w*|likes?|loves?|wants?|friendly|alone|cold|hot|warm|real)\b"
)
_SELDOM_SAID = frozenset(
    "tree trees bush bushes leaf leaves plant plants grass cloud clouds building buildings pole poles "
    "sign signs fence fences road street sidewalk shelf shelves lamp lamps pillow pillows towel towels".split()
)


@dataclass(frozen=True)
class Existence:
    """What is to be there, in the question's words.

    Attributes:
        thing: "ladder".
        claim: What is so if it is there: "there is a ladder", "there are flowers".
        is_this: Whether it is asked if this is one: that there is one does not make it so.
    """

    thing: str
    claim: str
    is_this: bool = False


def read_existence(question: str) -> Existence | None:
    """Return what a question asks to be there; None if it asks anything else, or anything more of it."""
    if asks_for_words(question):
        return None
    asked = asking.lowered(plainly(question))
    if match := _IS_THIS.fullmatch(asked):
        return Existence(match["thing"], f"there is {match['some']}{match['thing']}", is_this=True)
    match = _THERE.fullmatch(asked)
    if match is None:
        return None
    be = "are" if match["be"] in ("are", "were") else "is"
    return Existence(match["thing"], f"there {be} {match['some'] or ''}{match['thing']}")


def can_be_denied(claim: str) -> bool:
    """Return whether it says something of a claim about somebody ("wearing shoes") that people would not say it.

    They leave out what anybody wears, and seldom tell what somebody feels: of 38 such claims of people's own that were
    denied only 15 were so rightly.
    """
    worn = _WORN.fullmatch(claim)
    return not ((worn and worn["thing"] in _NEVER_SAID) or _FELT.search(claim))


def told_missing(thing: str) -> float:
    """Return the share of yes up to which it can be told that a thing is not there, by how many people mention one.

    That nobody would mention a door does not say that there is none; that nobody would mention trees says little. And
    who asks for a thing may have reason to: of seven whose share was 0.3 to 0.4 six were there.
    """
    name = thing.split()[-1]
    return 0.0 if name in _NEVER_SAID else 0.1 if name in _SELDOM_SAID else 0.25
