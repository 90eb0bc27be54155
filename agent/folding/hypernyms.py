"""Narrower things than a detector knows: the chickens of a question are its birds, where a classifier sees chickens."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from vqa.agent.folding.captions import surest
from vqa.agent.folding.classes import OF_THE_KIND, asks_what_or_whether_it_is, known_to_detectors
from vqa.agent.questions.intent import read_intent
from vqa.agent.questions.vocabulary import labels_of
from vqa.values import PRESENCE_SCORE, Finding
from vqa.words import plural


def in_wider_words(question: str, findings: Sequence[Finding]) -> str:
    """Return "How many birds are there?" for "How many chickens are there?", where the birds are seen to be chickens.

    Whether there are chickens, or what it is, the classifier itself tells.
    """
    known = known_to_detectors(findings)
    if not known or read_intent(question, known).aim == "presence" or asks_what_or_whether_it_is(question):
        return question
    for narrow, wide in _hypernyms(findings, known).items():
        for number in (2, 1):
            word = rf"\b{re.escape(plural(narrow, number))}\b"
            question = re.sub(word, plural(wide, number), question, flags=re.I)
    return question


def _hypernyms(findings: Sequence[Finding], known: Sequence[str]) -> Mapping[str, str]:
    """Return the found label that each name is a kind of which a classifier sees enough, and no detector knows."""
    found = {label for f in findings if f.kind == "objects" for label in known if surest(label, f) >= PRESENCE_SCORE}
    share: defaultdict[str, float] = defaultdict(float)
    wider: dict[str, str] = {}
    for finding in (finding for finding in findings if finding.kind == "classes" and finding.error is None):
        for region in finding.regions:
            names = (region.label.lower(), *region.kinds)
            label = next((name for name in names if name in found), "")
            for name in names[: names.index(label)] if label else ():
                share[name] += region.score
                wider[name] = label
    return {n: label for n, label in wider.items() if share[n] >= OF_THE_KIND and not labels_of(n, known)}
