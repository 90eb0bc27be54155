"""The `rules` router: transparent, no language model, a reason in words for each choice and each non-choice.

An expert is asked when the question says one of its cues. A detector is also asked when the question counts, looks for
or places something, or names a thing it knows; a classifier when it asks what something is, or for a thing that it
knows and no detector does; who sees the whole scene when it asks what that is like; who weighs words when it names
answers, claims something, asks for clothes or grounds, or, if they can here, when any word might be the answer. When
nothing speaks for anybody else, the detectors look: they are the cheapest context. They also look beside a captioner
and those who see the whole picture, since what is wrong there leads a core astray. Who sees the whole scene looks
beside them, if they can here: how far they are to be believed depends on it; and so does a classifier beside who is
asked for an animal, which a detector takes for another.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Self

from vqa.agent.folding.classes import asks_for_classes
from vqa.agent.folding.people import asks_who_they_are
from vqa.agent.folding.scene import asks_for_scene
from vqa.agent.folding.words import choices_of, is_open
from vqa.agent.questions.asking import asks_for_description
from vqa.agent.questions.closed_sets import read_closed_set
from vqa.agent.questions.intent import Intent, read_intent
from vqa.agent.questions.rephrasing import plainly
from vqa.agent.questions.taxonomy import SORTS
from vqa.agent.questions.vocabulary import mentioned, says
from vqa.registry import register_router
from vqa.settings import Settings
from vqa.values import Route

if TYPE_CHECKING:
    from vqa.protocols import Expert

_AIMS = {
    "count": "the question counts something",
    "compare": "the question compares how many there are",
    "presence": "the question asks whether something is there",
    "place": "the question asks where something is",
}
_BESIDE_BOXES = ("caption", "classes", "people", "scene", "words")


@register_router
class RulesRouter:
    """Matches cues and the detectors' vocabularies."""

    name = "rules"
    description = "cues in the question and the detector's vocabulary; no language model"

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls()

    def route(self, question: str, experts: Sequence[Expert]) -> Route:
        labels = [label for expert in experts if expert.kind == "objects" for label in expert.vocabulary]
        intent = read_intent(question, labels)
        # "How many books are there?" counts books, it does not read them: what a detector can count is no cue.
        counted = intent.thing if intent.asked else ""
        plain = plainly(question)  # "Would you say there is a dog?" asks for nothing that is said
        cued = re.sub(rf"\b{re.escape(counted)}\b", " ", plain.lower()) if counted else plain
        why = {expert.name: _why(cued, intent, expert) or _what_it_is(question, expert, labels) for expert in experts}
        idle = [expert.name for expert in experts if expert.kind == "objects" and not why[expert.name]]
        if not any(why.values()):
            why |= dict.fromkeys(idle, "nothing points to an expert; objects are cheap context")
        elif any(why[expert.name] for expert in experts if expert.kind in _BESIDE_BOXES):
            why |= dict.fromkeys(idle, "objects to hold against what the whole picture shows")
        if is_open(question, labels):
            weighers = [expert for expert in experts if expert.kind == "words" and expert.available() is None]
            idle = [expert.name for expert in weighers if not why[expert.name]]
            why |= dict.fromkeys(idle, "what people would say of it, to hold an open answer against")
        if any(why[expert.name] for expert in experts if expert.kind == "objects"):
            seers = [expert for expert in experts if expert.kind == "scene" and expert.available() is None]
            idle = [expert.name for expert in seers if not why[expert.name]]
            why |= dict.fromkeys(idle, "whether it is a scene at all: in drawings a detector errs")
            if mentioned(plain, SORTS["animal"]):
                namers = [expert for expert in experts if expert.kind == "classes" and expert.available() is None]
                idle = [expert.name for expert in namers if not why[expert.name]]
                why |= dict.fromkeys(idle, "which animal it is: a detector takes one for another")
        chosen = tuple(name for name, reason in why.items() if reason)
        reasons = {name: reason or "no cue in the question" for name, reason in why.items()}
        told = "; ".join(f"{name}: {reasons[name]}" for name in chosen)
        return Route(chosen, told or "no expert has anything to add", self.name, reasons)


def _why(cued: str, intent: Intent, expert: Expert) -> str | None:
    if cue := _longest_said(cued, tuple(expert.cues)):
        return f"the question says {cue!r}"
    if expert.kind != "objects":
        return None
    if intent.aim in _AIMS:
        return _AIMS[intent.aim]
    if intent.named:
        return f"the question names {', '.join(intent.named)}"
    return None


@lru_cache(maxsize=4096)  # the same is asked of many pictures
def _longest_said(cued: str, cues: tuple[str, ...]) -> str:
    return max((cue for cue in cues if says(cued, cue)), key=len, default="")


def _what_it_is(question: str, expert: Expert, labels: Sequence[str]) -> str | None:
    if expert.kind == "scene":
        return asks_for_scene(question, labels) or None
    if expert.kind == "words":
        if choices := choices_of(question, labels):
            return "the question names its answers" if len(choices) > 1 else "the question claims something"
        likely = read_closed_set(question)
        return f"the question asks {likely.why}" if likely else None
    if expert.kind == "caption":
        return "the question asks what the picture shows" if asks_for_description(question) else None
    if expert.kind == "people":
        return asks_who_they_are(question, labels) or None
    return (asks_for_classes(question, expert.vocabulary, labels) or None) if expert.kind == "classes" else None
