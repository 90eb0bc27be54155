"""What is settled first where it is asked whether there is one of whom more is said, and what is left to ask."""

from __future__ import annotations

from collections.abc import Sequence

from vqa.agent.folding.hypernyms import in_wider_words
from vqa.agent.folding.objects import bounded
from vqa.agent.folding.words import choices_of
from vqa.agent.questions.intent import read_intent
from vqa.agent.questions.predicates import read_predicate
from vqa.agent.questions.vocabulary import labels_of, meant
from vqa.values import PRESENCE_SCORE, Finding
from vqa.words import one


def as_far_as_seen(question: str, findings: Sequence[Finding]) -> str:
    """Return what "Is there a man riding a bike?" comes to, given what is found; any other question as it is.

    Without a man whether there is one, which is answered; else whether the man is riding a bike. Of a man with a dog
    both are to be there. A thing that no detector knows is asked for as it was, and three men where there are two.
    """
    question = in_wider_words(question, findings)
    asked = read_predicate(question)
    detectors = [finding for finding in findings if finding.kind == "objects" and finding.error is None]
    known = {label for finding in detectors for label in finding.vocabulary}
    who = meant(asked.who, known) if asked else ()
    if asked is None or not who or any(bounded(read_intent(question, f.vocabulary), f) for f in detectors):
        return question
    there = {r.label for finding in detectors for r in finding.regions if r.score >= PRESENCE_SCORE}
    if not there.intersection(who):
        return asked.there
    if asked.beside and labels_of(asked.beside, known):
        both = f"{asked.there.rstrip('?')} and {one(asked.beside)}?"
        return both if read_intent(both, known).together else question
    if choices_of(asked.so):
        return asked.so
    return question if asked.within or read_intent(question, known).related else asked.so
