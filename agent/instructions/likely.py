"""Questions that found things answer by what they are usually for: a skateboard beside a boy is what he rides.

Detectors name things, people ask what goes on. The answer is what mostly follows from the things that were found; where
they would allow several answers, nothing is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vqa.agent.instructions.row import Asked
from vqa.agent.instructions.wordings import Wordings
from vqa.values import COUNT_SCORE, Finding, Region

_Use = dict[str, str]  # a label: what people answer


def _as_named(labels: str, **otherwise: str) -> _Use:
    """Return each label with its own name as the answer, blanks written as _, but for those that have another."""
    return {label.replace("_", " "): otherwise.get(label, label).replace("_", " ") for label in labels.split()}


_SHORT = {"cell_phone": "phone", "tv": "television"}
_FOOD = "pizza sandwich hot_dog cake donut banana apple orange carrot broccoli"
USES: dict[str, _Use] = {
    "riding": _as_named("bicycle skateboard surfboard motorcycle horse elephant snowboard skis", bicycle="bike"),
    "holding": _as_named(
        "umbrella cell_phone tennis_racket baseball_bat frisbee wine_glass cup knife fork spoon book remote kite "
        f"handbag suitcase teddy_bear bottle surfboard skateboard snowboard scissors toothbrush laptop {_FOOD}",
        **_SHORT,
    ),
    "eating": _as_named(_FOOD),
    "sport": _as_named(
        "tennis_racket baseball_bat baseball_glove skateboard surfboard snowboard skis frisbee sports_ball",
        tennis_racket="tennis", baseball_bat="baseball", baseball_glove="baseball", skateboard="skateboarding",
        surfboard="surfing", snowboard="snowboarding", skis="skiing", sports_ball="soccer",
    ),
    "activity": _as_named(
        "tennis_racket baseball_bat baseball_glove skateboard surfboard snowboard skis frisbee kite toothbrush",
        tennis_racket="playing_tennis", baseball_bat="playing_baseball", baseball_glove="playing_baseball",
        skateboard="skateboarding", surfboard="surfing", snowboard="snowboarding", skis="skiing",
        frisbee="playing_frisbee", kite="flying_kite", toothbrush="brushing_teeth",
    ),
    "room": _as_named(
        "toilet oven refrigerator microwave toaster bed couch", toilet="bathroom", oven="kitchen",
        refrigerator="kitchen", microwave="kitchen", toaster="kitchen", bed="bedroom", couch="living_room",
    ),
    "food": _as_named(_FOOD),
    "vegetable": _as_named("broccoli carrot"),
    "device": _as_named("laptop cell_phone remote keyboard mouse tv microwave oven toaster hair_drier", **_SHORT),
}  # fmt: skip
"""What is asked about: the labels that answer it, and the answers."""
_BY_SOMEBODY = ("riding", "holding", "eating", "activity")  # the thing must touch a person
_OUTRANKED = {"soccer": ("tennis", "baseball"), "living room": ("bedroom",)}  # a ball beside a racket is no football
_SOMEBODY = ("man", "woman", "boy", "girl", "person", "child", "kid", "lady", "guy")


class LikelyQuestions:
    """Asks about what one finding makes likely.

    Args:
        finding: What the detector saw.
        words: How to put it.
        touching: Only count a thing as somebody's if its box touches theirs; drawn boxes lie anywhere.
    """

    def __init__(self, finding: Finding, words: Wordings, *, touching: bool = True) -> None:
        self._words = words
        sure = [region for region in finding.regions if region.score >= COUNT_SCORE]
        self._people = [region for region in sure if region.label == "person"]
        self._things = [region for region in sure if region.label != "person"]
        self._touching = touching

    def likely(self) -> Asked | None:
        """Ask one of the questions that have one likely answer; None if none has."""
        asks: list[Callable[[], Asked]] = []
        for about, uses in USES.items():
            theirs = about in _BY_SOMEBODY
            answer = _only(self._near_people() if theirs else self._things, uses)
            if answer and (self._people or not theirs):
                asks.append(lambda about=about, answer=answer: self._asked(about, answer))  # type: ignore[misc]
        return self._words.rng.choice(asks)() if asks else None

    def _asked(self, about: str, answer: str) -> Asked:
        who = self._words.rng.choice(_SOMEBODY)
        return Asked("likely", self._words.ask(f"likely.{about}", one=who), answer)

    def _near_people(self) -> list[Region]:
        if not self._touching:
            return self._things
        return [thing for thing in self._things if any(_touch(thing, person) for person in self._people)]


def _only(things: Sequence[Region], uses: _Use) -> str:
    """Return the one answer that these things allow; empty if they allow none or several."""
    answers = {uses[thing.label] for thing in things if thing.label in uses}
    for answer, stronger in _OUTRANKED.items():
        if answers & set(stronger):
            answers.discard(answer)
    return answers.pop() if len(answers) == 1 else ""


def _touch(a: Region, b: Region) -> bool:
    (ax, ay, aX, aY), (bx, by, bX, bY) = a.xyxy, b.xyxy
    return ax < bX and bx < aX and ay < bY and by < aY
