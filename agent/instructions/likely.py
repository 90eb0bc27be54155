"""Questions that found things answer by what they are usually for: a skateboard beside a boy is what he rides.

Detectors name things, people ask what goes on. The answer is what mostly follows from the things that were found; where
they would allow several answers, nothing is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vqa.agent.folding.naming import named
from vqa.agent.instructions.row import Asked
from vqa.agent.instructions.wordings import Wordings
from vqa.agent.questions.taxonomy import OUTRANKED, SORTS, USES, Use
from vqa.boxes import shared
from vqa.values import COUNT_SCORE, Finding, Region

ASKED: dict[str, Use] = {
    **{done: USES[done] for done in ("riding", "holding", "eating")},
    "activity": USES["doing"],
    **{sort: SORTS[sort] for sort in ("sport", "room", "food", "vegetable", "device")},
}
"""What is asked about: the labels that answer it, and the answers."""
_BY_SOMEBODY = ("riding", "holding", "eating", "activity")  # the thing must touch a person


class LikelyQuestions:
    """Asks about what one finding makes likely.

    Args:
        finding: What the detector saw.
        words: How to put it.
        touching: Only count a thing as somebody's if its box touches theirs; drawn boxes lie anywhere.
    """

    def __init__(self, finding: Finding, words: Wordings, *, touching: bool = True) -> None:
        self._words = words
        self._finding = finding
        sure = [region for region in finding.regions if region.score >= COUNT_SCORE]
        self._people = [region for region in sure if region.label == "person"]
        self._things = [region for region in sure if region.label != "person"]
        self._touching = touching

    def likely(self) -> Asked | None:
        """Ask one of the questions that have one likely answer; None if none has."""
        asks: list[Callable[[], Asked]] = []
        for about, uses in ASKED.items():
            theirs = about in _BY_SOMEBODY
            answer = _only(self._near_people() if theirs else self._things, uses)
            if answer and (self._people or not theirs):
                asks.append(lambda about=about, answer=answer: self._asked(about, answer))  # type: ignore[misc]
        return self._words.rng.choice(asks)() if asks else None

    def _asked(self, about: str, answer: str) -> Asked:
        asked = self._words.ask(f"likely.{about}", one=self._words.word("somebody"))
        told = named(asked, self._finding)
        return Asked("likely", asked, told.answer if told else answer)

    def _near_people(self) -> list[Region]:
        if not self._touching:
            return self._things
        return [thing for thing in self._things if any(shared(thing.xyxy, person.xyxy) > 0 for person in self._people)]


def _only(things: Sequence[Region], uses: Use) -> str:
    """Return the one answer that these things allow; empty if they allow none or several."""
    answers = {uses[thing.label] for thing in things if thing.label in uses}
    for answer, stronger in OUTRANKED.items():
        if answers & set(stronger):
            answers.discard(answer)
    return answers.pop() if len(answers) == 1 else ""
