"""What who weighs words says of an answer: they would rather say it, or another one that the question names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vqa.agent.chosen import told_of_words
from vqa.agent.trust.saying import telling_words
from vqa.values import Evidence, Finding, Question


def word_evidence(question: str, finding: Finding, findings: Sequence[Finding], text: str) -> Iterator[Evidence]:
    """Yield what people would rather say of the picture, for or against an answer."""
    if told := told_of_words(question, finding, findings):
        agrees = telling_words(told.answer) == telling_words(text)
        share = told.regions[0].score
        says = f"would rather say {told.answer} {share:.2f}"
        yield Evidence(finding.expert, "supports" if agrees else "contradicts", says, told.regions)


def share_of(question: Question, findings: Sequence[Finding], text: str) -> float | None:
    """Return how likely an answer is among those that the question names; None if nobody tells."""
    weighing = [finding for finding in findings if finding.kind == "words"]
    told = (finding for finding in weighing if told_of_words(question.text, finding, findings))
    shares = (r.score for finding in told for r in finding.regions if telling_words(r.label) == telling_words(text))
    return next(shares, None)
