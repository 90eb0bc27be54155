"""What a classifier says about an answer: it names what the question asks for, or tells whether it is that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vqa.agent.classes import identified, is_one, known_to_detectors
from vqa.agent.trust.saying import says_yes, telling_words
from vqa.values import Evidence, Finding, Stance
from vqa.words import singular


def class_evidence(question: str, finding: Finding, findings: Sequence[Finding], text: str) -> Iterator[Evidence]:
    """Yield what a classifier holds for or against an answer: it is "beagle", and said is that or something else."""
    yes = says_yes(text)
    if told := identified(question, finding, findings):
        agrees = _words(told.answer) <= _words(text)
        yield Evidence(finding.expert, "supports" if agrees else "contradicts", f"says {told.answer}", told.regions)
    elif yes is not None and (so := is_one(question, finding, known_to_detectors(findings))):
        _, it_is, regions = so
        stance: Stance = "supports" if yes == it_is else "contradicts"
        yield Evidence(finding.expert, stance, f"says {regions[0].label}", regions)


def _words(text: str) -> set[str]:
    return {singular(word) for word in telling_words(text)}
