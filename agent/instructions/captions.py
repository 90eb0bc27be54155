"""Questions that a caption settles: the scene, a colour, what somebody does; and captions against the detector."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vqa.agent.instructions.row import UNKNOWN, Asked
from vqa.agent.instructions.wordings import WORDS, Wordings
from vqa.agent.questions.vocabulary import mentioned
from vqa.values import Finding
from vqa.words import one, plural

_COLORS = "|".join(WORDS["color"])
_COLORED = re.compile(rf"\b(?P<color>{_COLORS}) (?P<thing>[a-z]{{3,}})\b")
_SOMEBODY = "man|woman|boy|girl|child|person|dog|cat|baby|player|lady|guy|horse|skier|surfer|cyclist|climber"
_DOING = re.compile(rf"\b(?P<who>{_SOMEBODY})(?: in [^,]*?| with [^,]*?)?(?: is| are)? (?P<action>[a-z]+ing\b[^,.;]*)")
_NOT_THINGS = frozenset("and or in on at with striped colored haired shirted clad is are top".split())
_LONGEST_ACTION = 8  # words


class CaptionQuestions:
    """Asks about what a caption says.

    Args:
        caption: The captioner's finding, one region with the sentence.
        words: How to put it.
    """

    def __init__(self, caption: Finding, words: Wordings) -> None:
        self._sentence = caption.regions[0].label
        self._words = words
        self._rng = words.rng

    def describe(self) -> Asked:
        plain = self._sentence.strip().rstrip(".").rstrip()
        return Asked("describe", self._words.ask("describe"), f"{plain[:1].upper()}{plain[1:]}.")

    def attribute(self) -> Asked | None:
        """Ask for a colour or an action that the sentence gives; None if it gives none plainly."""
        asked = [ask for ask in (self._color(), self._action()) if ask is not None]
        return self._rng.choice(asked) if asked else None

    def contradiction(self, objects: Finding) -> Asked | None:
        """Ask for a thing of which the sentence and the detector say opposite things; nobody can tell then."""
        denied = [
            label
            for label in mentioned(self._sentence, objects.vocabulary)
            if label not in WORDS["color"]  # "an orange kite" names no fruit
            and not any(r.label == label for r in objects.regions)
            and re.search(rf"\b(?:{label}|{plural(label, 2)})\b", self._sentence.lower())
        ]
        if not denied:
            return None
        label = self._rng.choice(denied)
        asked = self._words.ask("presence", a=one(label), one=label, many=plural(label, 2))
        return Asked("contradiction", asked, UNKNOWN)

    def supported(self, things: Sequence[str]) -> Asked | None:
        """Ask for a thing that the detector does not know and the sentence names: it is there."""
        named = [thing for thing in things if re.search(rf"\b{thing}s?\b", self._sentence.lower())]
        if not named:
            return None
        thing = self._rng.choice(named)
        asked = self._words.ask("presence", a=one(thing), one=thing, many=plural(thing, 2))
        return Asked("presence", asked, "Yes")

    def _color(self) -> Asked | None:
        pairs = [(m["color"], m["thing"]) for m in _COLORED.finditer(self._sentence.lower())]
        pairs = [(color, thing) for color, thing in pairs if thing not in _NOT_THINGS | set(WORDS["color"])]
        things = [thing for _, thing in pairs]
        plain = [
            (color, thing)
            for color, thing in pairs
            if len(re.findall(rf"\b{thing}\b", self._sentence.lower())) == things.count(thing) == 1
        ]
        if not plain:
            return None
        color, thing = self._rng.choice(plain)
        if self._rng.random() < 0.6:
            return Asked("attribute", self._words.ask("color", one=thing), color)
        said = color if self._rng.random() < 0.5 else self._words.word("color")
        return Asked("attribute", self._words.ask("is_color", one=thing, color=said), "Yes" if said == color else "No")

    def _action(self) -> Asked | None:
        found = list(_DOING.finditer(self._sentence.lower()))
        if len(found) != 1 or len(found[0]["action"].split()) > _LONGEST_ACTION:
            return None
        who, action = found[0]["who"], found[0]["action"].strip()
        if self._rng.random() < 0.75:
            return Asked("attribute", self._words.ask("doing", one=who), action)
        if self._rng.random() < 0.5:
            return Asked("attribute", self._words.ask("is_doing", one=who, action=action.split()[0]), "Yes")
        other = self._rng.choice([a for a in WORDS["action"] if a not in action])
        return Asked("attribute", self._words.ask("is_doing", one=who, action=other), "No")
