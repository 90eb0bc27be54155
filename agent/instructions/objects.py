"""Questions that a detector's finding settles: how many, is there, where, which, what beside what, more of which.

The answer is the finding's, whatever the picture shows: the core is to repeat what its experts know, and their scores
decide as they do in the folding.
"""

from __future__ import annotations

from collections.abc import Sequence

from vqa.agent.folding.colors import asked_color, colors_in
from vqa.agent.folding.naming import named
from vqa.agent.instructions.row import UNKNOWN, Asked
from vqa.agent.instructions.wordings import Wordings
from vqa.agent.prompting import evidence
from vqa.agent.questions.bounds import HOW, NUMBERS
from vqa.agent.questions.intent import read_intent
from vqa.agent.questions.relations import PHRASES
from vqa.agent.questions.taxonomy import SORTS, WILD
from vqa.agent.questions.vocabulary import korean_words, mentioned
from vqa.values import COUNT_SCORE, PRESENCE_SCORE, Finding, Region
from vqa.words import COLORS, counted, listed, one, place, plural

NAMED = {"color": 5, "is_color": 3, "worn": 2, "of_a_color": 2, "on": 3, "does": 3, "sky": 1, "this": 1}
"""What is asked to be named, and how often."""
_DOING = ("cutting", "catching", "petting", "playing with", "reading", "using", "holding", "riding", "eating", "doing")
KINDS = {sort: tuple(label for label in SORTS[sort] if label not in WILD) for sort in ("animal", "vehicle", "fruit")}


class ObjectQuestions:
    """Asks about what one finding holds.

    Args:
        finding: What the detector saw.
        words: How to put it.
    """

    def __init__(self, finding: Finding, words: Wordings) -> None:
        self._finding = finding
        self._words = words
        self._rng = words.rng

    def seen(self, label: str) -> list[Region]:
        """Return the things of that label as the folding tells them: the sure ones, or else the weak ones."""
        found = [r for r in self._finding.regions if r.label == label]
        sure = [r for r in found if r.score >= COUNT_SCORE]
        return sure or [r for r in found if r.score >= PRESENCE_SCORE]

    def sure(self) -> list[str]:
        """Return the labels of what is sure, each once, surest first."""
        return list(dict.fromkeys(r.label for r in self._finding.regions if r.score >= COUNT_SCORE))

    def count(self, label: str) -> Asked:
        return Asked("count", self._words.ask("count", many=plural(label, 2)), str(len(self.seen(label))))

    def presence(self, label: str) -> Asked:
        asked = self._words.ask("presence", a=one(label), one=label, many=plural(label, 2))
        return Asked("presence", asked, "Yes" if self.seen(label) else "No")

    def unknown(self, thing: str) -> Asked:
        """Ask for something that no label stands for: neither seen nor absent."""
        kind = self._rng.choice(["presence", "count"])
        asked = self._words.ask(kind, a=one(thing), one=thing, many=plural(thing, 2))
        return Asked("unknown", asked, UNKNOWN)

    def place(self, label: str) -> Asked:
        """Ask on which side it is; a thing that is only suspected has no place in the evidence."""
        sure = [r for r in self.seen(label) if r.score >= COUNT_SCORE]
        places = list(dict.fromkeys(place(r, self._finding.size) for r in sure))
        answer = listed(places) if places else UNKNOWN if self.seen(label) else f"There is no {label}"
        return Asked("place", self._words.ask("place", one=label), answer)

    def korean(self, label: str) -> Asked:
        """Ask in Korean; the folding adds the English, and the answer is the same."""
        asked = self._rng.choice([self.count, self.presence, self.place])(label)
        plain = [word for word in korean_words(label) if mentioned(word, self._finding.vocabulary) == (label,)]
        word = self._rng.choice(plain or [label])  # a word for several labels would be glossed as another one
        return Asked("korean", self._words.ask(f"korean.{asked.task}", one=word), asked.answer)

    def compare(self, label: str, other: str) -> Asked:
        if self._rng.random() < 0.35:
            return self._bound(label)
        n, m = len(self.seen(label)), len(self.seen(other))
        many, others = plural(label, 2), plural(other, 2)
        if self._rng.random() < 0.6:
            return Asked("compare", self._words.ask("more", many=many, others=others), "Yes" if n > m else "No")
        answer = many if n > m else others if m > n else "The same number"
        return Asked("compare", self._words.ask("most", many=many, others=others), answer.capitalize())

    def _bound(self, label: str) -> Asked:
        """Ask whether there are more than two, only one, …: mostly of numbers near the right one."""
        rng = self._rng
        sure = sum(r.label == label and r.score >= COUNT_SCORE for r in self._finding.regions)
        how, number = rng.choice(list(HOW)), max(1, sure + rng.choice([-1, 0, 0, 1, 2]))
        word = next((word for word, n in NUMBERS.items() if n == number), str(number))
        claim = f"{how} {word if rng.random() < 0.7 else number} {plural(label, number)}"
        kind = "bound" if number > 1 else "bound_one"
        return Asked("compare", self._words.ask(kind, claim=claim), "Yes" if HOW[how](sure, number) else "No")

    def sort(self, word: str) -> Asked:
        """Ask which animal, vehicle or fruit it is: what the folding names, else the suspected ones."""
        asked = self._words.ask("sort", word=word)
        if told_so := named(asked, self._finding):
            return Asked("sort", asked, told_so.answer)
        found = [label for label in read_intent(asked, self._finding.vocabulary).asked if self.seen(label)]
        told = [one(label) if len(self.seen(label)) == 1 else plural(label, 2) for label in found]
        return Asked("sort", asked, UNKNOWN if not found else found[0] if len(found) == 1 else listed(told))

    def named(self) -> Asked | None:
        """Ask for a colour, what lies on what, what somebody does; None if the boxes do not name it."""
        rng, sure = self._rng, self.sure()
        label = rng.choice(sure) if sure else "person"
        seen = [color for region in self._finding.regions for color in colors_in(region.color)]
        kind = rng.choices(list(NAMED), weights=list(NAMED.values()))[0]
        asked = self._words.ask(
            f"named.{kind}", one=label, many=plural(label, 2), who=self._words.word("somebody"),
            doing=rng.choice(_DOING), color=rng.choice(seen if seen and rng.random() < 0.5 else COLORS),
        )  # fmt: skip
        told = named(asked, self._finding)
        if told is None:
            return None
        asks_for = asked_color(asked, self._finding.vocabulary)
        if asks_for and asks_for.claimed:
            return Asked("named", asked, "Yes" if set(asks_for.claimed) & set(colors_in(told.answer)) else "No")
        return Asked("named", asked, told.answer)

    def listing(self) -> Asked:
        sure = [r.label for r in self._finding.regions if r.score >= COUNT_SCORE]
        counts = [counted(label, sure.count(label)) for label in self.sure()]
        kind = self._rng.choice(["objects", "describe"])
        return Asked("describe", self._words.ask(kind), listed(counts) if counts else UNKNOWN)

    def relation(self, anchor: str, *, others: Sequence[str]) -> Asked:
        """Ask what is left of, on, … a thing, or whether one of `others` is; the answer is what the folding tells."""
        rng = self._rng
        if rng.random() < 0.5:
            there = [how for how in PHRASES if self._there(how, anchor)]
            how = rng.choice(there if there and rng.random() < 0.75 else list(PHRASES))
            found = self._there(how, anchor)
            asked = self._words.ask("related", how=how, one=anchor)
            return Asked("relation", asked, listed(found) if found else UNKNOWN)
        other = rng.choice(others)
        so = [how for how in PHRASES if self._is_so(other, how, anchor)]
        how = rng.choice(so if so and rng.random() < 0.5 else list(PHRASES))
        asked = self._words.ask("is_related", how=how, a=one(other), other=other, one=anchor)
        is_so = self._is_so(other, how, anchor) if self.seen(other) else False
        return Asked("relation", asked, UNKNOWN if is_so is None else "Yes" if is_so else "No")

    def _there(self, how: str, anchor: str) -> list[str]:
        """Return what the folding names when it is asked what is `how` the anchor: "a dog", "a cat"."""
        start = f"{how} {anchor}: "
        told = self._told(f"What is {how} the {anchor}?")
        return next((line.removeprefix(start).split(", ") for line in told if line.startswith(start)), [])

    def _is_so(self, other: str, how: str, anchor: str) -> bool | None:
        told = self._told(f"Is the {other} {how} the {anchor}?")
        return True if f"{other} {how} {anchor}" in told else False if f"{other} not {how} {anchor}" in told else None

    def _told(self, question: str) -> list[str]:
        """Return the detector's lines that the question brings into the prompt."""
        return [line.text.removeprefix("Detector: ") for line in evidence(question, [self._finding])]
