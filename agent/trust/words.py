"""What who weighs words says of an answer: people would rather give it, or another one, or say such a word at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vqa.agent.folding.people import told_of_people
from vqa.agent.folding.words import told_of_words
from vqa.agent.questions.kinds import Kind
from vqa.agent.trust.answer_words import number, says_yes, telling_words
from vqa.values import Evidence, Finding, Question, Region, Stance
from vqa.words import plural, singular

LEAST_SAID = 0.05
"""Share of captions with a word of an open answer from which on they support it."""


def word_evidence(
    question: str, finding: Finding, findings: Sequence[Finding], text: str, *, kind: Kind
) -> Iterator[Evidence]:
    """Yield what people would rather say of the picture, for or against an answer of a kind."""
    if told := told_of_words(question, finding, findings):
        said = told.answer if says_yes(told.answer) is None else f"{told.asked}: {told.answer}"
        given = f", given {told.found}" if told.found else ""
        says = f"would rather say {said} {told.shares[told.answer]:.2f}{given}"
        yield Evidence(finding.expert, "supports" if _agree(told.answer, text) else "contradicts", says, told.regions)
    elif kind == "open" and (most := said_most(finding, text)) and most.score >= LEAST_SAID:
        yield Evidence(finding.expert, "supports", f"would say “{most.label}” of it {most.score:.2f}", (most,))


def people_evidence(question: str, finding: Finding, findings: Sequence[Finding], text: str) -> Iterator[Evidence]:
    """Yield who the people are, where it is asked which of some, for or against an answer."""
    if told := told_of_people(question, finding, findings):
        stance: Stance = "supports" if _agree(told.answer, text) else "contradicts"
        yield Evidence(finding.expert, stance, f"sees {told} ({told.shares[told.answer]:.2f})", told.regions)


def said_most(finding: Finding, text: str) -> Region | None:
    """Return the word of an answer that people would say the most often of the picture; None if no word is striking."""
    said = {form for word in telling_words(text) for form in (word, singular(word), plural(word, 0))}
    return max((r for r in finding.regions if r.label in said), key=lambda r: r.score, default=None)


def share_of(question: Question, findings: Sequence[Finding], text: str) -> float | None:
    """Return how likely an answer is by what people would say; None if nobody tells."""
    tells = {"people": told_of_people, "words": told_of_words}
    weighing = [finding for finding in findings if finding.kind in tells]
    told = (told for finding in weighing if (told := tells[finding.kind](question.text, finding, findings)))
    return next((share for one in told for answer, share in one.shares.items() if _agree(answer, text)), None)


def _agree(answer: str, text: str) -> bool:
    if (yes := says_yes(answer)) is not None:
        return yes is says_yes(text)
    if (counted := number(answer)) is not None:
        return counted == number(text)
    return telling_words(answer) == telling_words(text)
