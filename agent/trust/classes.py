"""What a classifier says about an answer: it names what the question asks for, or tells whether it is that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vqa.agent.folding.classes import identified, is_one, known_to_detectors
from vqa.agent.trust.answer_words import says_yes, telling_words
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


def share(evidence: Sequence[Evidence], findings: Sequence[Finding]) -> float:
    """Return what share of its trust a classifier gives to what it supports an answer with; 0 if it does not.

    It is a probability by itself: of the likeliest classes with 0.5 and more, seven in ten have a word of theirs in
    people's captions, which leave out much that is there (docs/measurements.md).
    """
    classifiers = {finding.expert for finding in findings if finding.kind == "classes"}
    held = [e for e in evidence if e.stance == "supports" and e.expert in classifiers]
    return max((min(sum(region.score for region in e.regions), 1.0) for e in held), default=0.0)


def _words(text: str) -> set[str]:
    return {singular(word) for word in telling_words(text)}
