"""What is to be believed of a captioner's sentence, given what detectors and classifiers see.

A small captioner learnt of people and dogs, and sees them everywhere: of 257 of COCO's photos 16 sentences named people
whom the detector found nowhere, and no person's caption named them (docs/measurements.md, "Captions").
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from vqa.agent.questions.asking import asks_for_description
from vqa.agent.questions.taxonomy import SORTS
from vqa.agent.questions.vocabulary import mentioned
from vqa.values import PRESENCE_SCORE, Finding, Region

SPOKEN_FOR = 0.1
"""A classifier's trust from which what a sentence names is there, although no detector finds it."""
SURE_CAPTION = 0.35
"""From it on a captioner is right more often than the detector that finds nothing of what it names."""
_NEVER_MISSED = frozenset({"person", *SORTS["animal"]})


def surest(label: str, finding: Finding) -> float:
    """Return the score of a detector's surest box of a label, 0 if there is none."""
    return max((region.score for region in finding.regions if region.label == label), default=0.0)


def shares(finding: Finding) -> Mapping[str, float]:
    """Return how much of a classifier's trust each word has that is a class, the last of its words, or a kind.

    A hot dog is no dog.
    """
    found: defaultdict[str, float] = defaultdict(float)
    for region in finding.regions:
        name = region.label.lower()
        last = name.split()[-1]
        for word in {name, *region.kinds, *(() if last in SORTS["animal"] else (last,))}:
            found[word] += region.score
    return found


def made_up(sentence: str, findings: Collection[Finding]) -> tuple[str, ...]:
    """Return whom a sentence names, people or animals, that a detector knows and nobody sees."""
    seen = [finding for finding in findings if finding.error is None]
    spoken_for = {word for f in seen if f.kind == "classes" for word, share in shares(f).items() if share >= SPOKEN_FOR}
    detectors = [finding for finding in seen if finding.kind == "objects"]
    known = dict.fromkeys(label for finding in detectors for label in finding.vocabulary)
    named = [label for label in mentioned(sentence, known) if label in _NEVER_MISSED - spoken_for]
    return tuple(label for label in named if all(surest(label, finding) < PRESENCE_SCORE for finding in detectors))


def why_doubted(question: str, sentence: Region, findings: Collection[Finding]) -> str:
    """Return why a captioner's sentence is not to be believed, "" if it is.

    It names somebody whom nobody sees; or more things that a detector misses than such it finds, unless a description
    is asked for, and it is likely by itself.
    """
    nobody = made_up(sentence.label, findings)
    likely = sentence.score >= SURE_CAPTION and asks_for_description(question)
    for finding in findings:
        if finding.kind == "objects" and (nobody or not likely):
            named = mentioned(sentence.label, finding.vocabulary)
            there = {region.label for region in finding.regions}
            missed = [label for label in named if label not in there]
            if nobody or 2 * len(missed) > len(named):
                return f"the detector finds no {' and no '.join(missed)}"
    return ""
