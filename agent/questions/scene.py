"""How questions ask for what the whole picture is like: "Is it raining?", "What is in the background?".

Patterns of whole questions in lower case; `agent.scene` says what a picture tells of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vqa.agent.questions import asking
from vqa.agent.questions.rephrasing import plainly
from vqa.agent.questions.taxonomy import SORTS
from vqa.agent.questions.vocabulary import label_of
from vqa.words import plural


def _by_word(words: Mapping[str, str]) -> Mapping[str, str]:
    return {word.replace("_", " "): name for name, said in words.items() for word in said.split()}


_STATE_OF = _by_word(
    {
        "night": "night nighttime night_time dark",
        "day": "day daytime day_time daylight",
        "evening": "evening sunset dusk dawn sunrise",
        "sunny": "sunny clear",
        "cloudy": "cloudy overcast",
        "rainy": "rainy raining",
        "snowy": "snowy",
        "winter": "winter wintertime",
        "summer": "summer summertime",
    }
)
_DONE_OF = _by_word(
    {
        "standing": "standing",
        "sitting": "sitting seated",
        "walking": "walking",
        "running": "running",
        "jumping": "jumping leaping",
        "eating": "eating grazing",
        "lying down": "lying laying sleeping asleep",
        "climbing": "climbing",
        "swimming": "swimming",
        "dancing": "dancing",
    }
)
_WORN_OF = _by_word({"hat": "hat hats cap caps", "helmet": "helmet helmets", "uniform": "uniform uniforms"})
_THING_OF = _by_word(
    {
        "grass": "grass",
        "field": "field fields",
        "water": "water",
        "ocean": "ocean sea",
        "lake": "lake pond",
        "river": "river stream creek",
        "pool": "pool swimming_pool",
        "waves": "wave waves",
        "beach": "beach seashore",
        "sand": "sand",
        "snow": "snow",
        "mountains": "mountain mountains",
        "hill": "hill hills hillside",
        "cliff": "cliff cliffs",
        "rocks": "rock rocks boulder boulders",
        "trees": "tree trees woods forest",
        "flowers": "flower flowers",
        "street": "street road",
        "sidewalk": "sidewalk pavement",
        "path": "path trail",
        "buildings": "building buildings",
        "bridge": "bridge",
        "stairs": "stairs staircase steps",
        "fence": "fence fences",
        "dirt": "dirt",
        "crowd": "crowd",
        "city": "city",
    }
)
_MEDIUM_OF = _by_word(
    {
        "photo": "photo photograph photography real_photo real_picture",
        "drawing": "drawing illustration graphic drawn illustrated computer_generated",
        "cartoon": "sketch cartoon anime comic logo icon clip_art clipart",  # a drawing, but which?
        "painting": "painting painted",
    }
)
_ROOM_OF = _by_word(
    {"a room": "room kitchen bathroom restroom bedroom living_room dining_room hotel_room office classroom hallway"}
)
DONE = tuple(dict.fromkeys(_DONE_OF.values()))
_OF_SOMEBODY = frozenset({*DONE, *_WORN_OF.values()})
THINGS = frozenset(_THING_OF.values())
BACKGROUND_COLOR = "color of the background"
MAIN_COLOR = "main color"
COLORS = "colors"
PLACES = "beach pool lake river ocean street path field city".split()

_PICTURE = r"(?:image|picture|photo|photograph|scene|shot)"
_THIS = rf"(?:it|this|that|(?:this|the) {_PICTURE})"
_ANIMALS = [name for animal in SORTS["animal"] for name in (animal, plural(animal, 0))]
_ANIMAL = rf"(?:animals?|pupp(?:y|ies)|kittens?|{'|'.join(_ANIMALS)})"
WHO = (
    r"(?:he|she|they|it|anyone|anybody|someone|somebody|(?:the|this|that|these|those|any|a) (?:[a-z]+ )?"
    rf"(?:{asking.SOMEBODY}|{_ANIMAL}))"
)
_A = r"(?:(?:a|an|any|some|the|his|her|their|lots of|a lot of|many) )?"
_NOW = rf"(?: (?:down|up|still|here|now|right now|outside|in (?:the|this) {_PICTURE}))*"
_NEAR = r"(?: (?:in|on|at|near|by|beside|behind|under|next to|in front of) .*)?"
_SHOWN = (
    rf"(?: (?:(?:in|on|at) (?:it|(?:the|this) (?:{_PICTURE}|background|foreground|ground|distance))|here|there|visible|"
    r"nearby|around|shown|pictured|outside))*"
)
_SUCH = (
    rf"(?:is|was|were|does|do) (?:{_THIS}|the weather|the sky|we|they)(?: (?:look|appear|seem)s?(?: like| to be)?)?"
    r"(?: (?:it is|taken|shot|made|set))?(?: (?:a|an|at|in|on|during|the|likely|probably))*"
)
_DAY = r"(?: (?:day|time|sky|weather|season|scene|out|outside|outdoors|today|here))*(?: (?:in|on) .*)?"


def _one_of(words: Mapping[str, str], name: str = "one") -> str:
    return rf"(?P<{name}>{'|'.join(sorted(words, key=len, reverse=True))})"


_WHICH = {
    "time of day": re.compile(
        rf"(?:at )?(?:what|which) time of (?:the )?day\b.*|when (?:is|was) {_THIS}(?: {_PICTURE})? "
        r"(?:taken|shot|made|photographed)\W*"
    ),
    "weather": re.compile(
        r"(?:what|how) (?:is|was) the weather\b.*|"
        r"what (?:kind|type|sort) of (?:weather|day) (?:is|was) (?:it|this|that)(?: .*)?\W*|"
        r"what (?:kind|type|sort) of weather (?:it )?is\b.*|what weather is\b.*|"
        r"what does the weather look like\b.*|describe the weather\b.*"
    ),
    "season": re.compile(
        r"(?:in |during )?(?:what|which)(?: (?:kind|type|sort) of)? (?:season|time of (?:the )?year)\b(?! .*\bfor\b).*"
    ),
    "in the background": re.compile(
        r"what (?:is|are|can be seen|(?:can|do) you see)(?: (?:visible|shown|seen))? (?:in|on) the background"
        rf"(?: of (?:it|(?:the|this) {_PICTURE}))?\W*"
    ),
    "on the ground": re.compile(
        r"what (?:is|are)(?: covering| all over| on) the ground(?: covered (?:with|by|in))?\W*"
        r"|what is the ground covered (?:with|by|in)\W*"
    ),
    "place": asking.WHERE_TAKEN,
    "doing": re.compile(rf"what (?:is|are) (?:the|this|that|these|those) (?:[a-z]+ )?{_ANIMAL} doing{_NOW}{_NEAR}\W*"),
    COLORS: re.compile(
        r"(?:what|which) (?:are the )?(?:main |different )?colou?rs(?: (?:are|do|can|was|were|used|there|present|"
        rf"visible|shown|you|be|see|seen|find|found|(?:in|of) (?:{_THIS}|the (?:logo|drawing|painting|pattern))))*\W*"
    ),
    "color of the photo": re.compile(
        rf"what colou?rs? (?:is|are) (?:the|this) {_PICTURE}(?: in)?\W*|"
        rf"what (?:is|are) the colou?rs? of (?:the|this) {_PICTURE}\W*"
    ),
    BACKGROUND_COLOR: re.compile(
        rf"what colou?rs? (?:is|are) the background(?: (?:in|of) (?:it|(?:the|this) {_PICTURE}))?\W*|"
        rf"what (?:is|are) (?:the )?(?:colou?rs? of the background|background colou?r)(?: (?:in|of) .*)?\W*|"
        r"what colou?r background\b.*"
    ),
    MAIN_COLOR: re.compile(
        r"(?:what|which) (?:is|are) (?:the )?(?:main|dominant|predominant|primary|prevailing|most common|overall) "
        rf"colou?rs?(?: (?:of|in) (?:it|(?:the|this) {_PICTURE}))?\W*|"
        rf"(?:what|which) colou?r (?:is (?:most common|dominant|most of {_THIS}|{_THIS} mostly)|dominates"
        rf"|is there most of)(?: (?:in )?{_THIS})?\W*"
    ),
    "sport": re.compile(
        r"(?:what|which) (?:kind of |type of )?(?:sport|game) (?:is|are)(?: (?:this|it|that|they|he|she|the [a-z]+))?"
        r"(?: (?:being )?(?:played|playing))?(?: (?:here|in (?:the|this) .*))?\W*"
    ),
}
_SETTING = re.compile(
    rf"(?:is|are|was|were) (?:{_THIS}|they|we|he|she|(?:the|this|that|these|those) [a-z]+(?: [a-z]+)?) "
    r"(?:(?:taken|shot|made|set) )?(?:an? |in )?(?P<one>in|out)(?P<ending>doors?|side)"
    r"(?P<or> or (?:an? )?(?:(?:in|out)(?:doors?|side)|out))?"
    r"(?: (?:scene|picture|photo|photograph|image|shot|setting|place|space|area))?\W*"
)
_ELSEWHERE = re.compile(r"\b(?:\w+ing|hot|cold|warm|wet|windy) (?:in|out)(?:doors?|side)\b")  # "Is he looking outside?"
_EITHER = [
    (
        _STATE_OF,
        re.compile(rf"{_SUCH} {_one_of(_STATE_OF)}{_DAY},? or (?:an? )?{_one_of(_STATE_OF, 'other')}{_DAY}\W*"),
    ),
    (_DONE_OF, re.compile(rf"(?:is|are) {WHO} {_one_of(_DONE_OF)}{_NOW},? or {_one_of(_DONE_OF, 'other')}{_NOW}\W*")),
    (
        _MEDIUM_OF,
        re.compile(rf"(?:is|was) {_THIS} {_A}{_one_of(_MEDIUM_OF)},? or {_A}{_one_of(_MEDIUM_OF, 'other')}\W*"),
    ),
]
_WHETHER = [
    (_STATE_OF, re.compile(rf"{_SUCH} {_one_of(_STATE_OF)}{_DAY}\W*")),
    (
        _by_word({"sunny": "shining out", "evening": "setting"}),
        re.compile(r"is the sun (?P<one>shining|out|setting)\b.*"),
    ),
    (
        {"black and white": "black and white", "black-and-white": "black and white"}
        | dict.fromkeys(("color", "colour"), "in color"),
        re.compile(
            rf"(?:is|was) (?:{_THIS}(?: (?:taken|shot|made|printed))? (?:in |an? )+|(?:this|the) {_PICTURE} )(?:full )?"
            rf"(?P<one>black and white|black-and-white|colou?r)(?: {_PICTURE})?\W*"
        ),
    ),
    (_MEDIUM_OF, re.compile(rf"(?:is|was) {_THIS} {_A}{_one_of(_MEDIUM_OF)}\W*")),
    (_DONE_OF, re.compile(rf"(?:is|are) {WHO} {_one_of(_DONE_OF)}{_NOW}\W*")),
    (_WORN_OF, re.compile(rf"(?:is|are) {WHO} wearing {_A}{_one_of(_WORN_OF)}\W*")),
    (_WORN_OF, re.compile(rf"(?:does|do) {WHO} have {_A}{_one_of(_WORN_OF)}(?: on)?\W*")),
    (
        _THING_OF,
        re.compile(
            rf"(?:(?:is|are|was|were) there|(?:do|can) you see|does (?:the|this) {_PICTURE} (?:show|contain|have)) "
            rf"{_A}{_one_of(_THING_OF)}{_SHOWN}\W*"
        ),
    ),
    (
        _by_word({name: name for name in PLACES}),
        re.compile(
            rf"(?:is|was|are|were) (?:{_THIS}|they|he|she)(?: (?:taken|shot))? (?:(?:at|on|in|near|by) )?(?:a|an|the) "
            rf"(?P<one>{'|'.join(PLACES)})\W*"
        ),
    ),
    (_ROOM_OF, re.compile(rf"(?:is|was) {_THIS} (?:(?:taken|shot) )?(?:in )?(?:an?|the) {_one_of(_ROOM_OF)}\W*")),
]


@dataclass(frozen=True)
class Asked:
    """What is asked for: which of a kind it is, or whether it is the one, or the other, and what those are called."""

    which: str = ""
    one: str = ""
    other: str = ""
    called: tuple[str, str] = field(default=("", ""), compare=False)

    @property
    def of_somebody(self) -> bool:
        """Whether it is what a person or an animal does or wears."""
        return self.one in _OF_SOMEBODY or self.which == "doing"


def read_scene_question(question: str, known: Sequence[str] = ()) -> Asked | None:
    """Return what a question asks of the whole scene; None if nothing.

    Args:
        question: In its own words.
        known: Labels of detectors: what those are asked is theirs.
    """
    lowered = asking.lowered(plainly(question))
    for which, pattern in _WHICH.items():
        if pattern.fullmatch(lowered):
            return Asked(which)
    for words, pattern in _EITHER:
        match = pattern.fullmatch(lowered)
        if match and words[match["one"]] != words[match["other"]]:
            return _either(words, match["one"], match["other"])
    for words, pattern in _WHETHER:
        if (match := pattern.fullmatch(lowered)) and not label_of(match["one"], known):
            return Asked(one=words[match["one"]])
    where = _SETTING.fullmatch(lowered)
    if where is None or (not where["or"] and _ELSEWHERE.search(lowered)):
        return None
    ending = "side" if where["ending"] == "side" else "doors"
    if not where["or"]:
        return Asked(one=f"{where['one']}{ending}")
    return Asked(one=f"in{ending}", other=f"out{ending}", called=(f"in{ending}", f"out{ending}"))


def _either(words: Mapping[str, str], *called: str) -> Asked:
    names = [words[word] for word in called]
    if "photo" in names:  # what is none is drawn, whatever it is called
        names = ["photo" if name == "photo" else "drawing" for name in names]
    return Asked(one=names[0], other=names[1], called=(called[0], called[1]))
