"""What who weighs words says of an answer: people would rather give it, or another one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vqa.agent.folding.chosen import told_of_words
from vqa.agent.trust.saying import says_yes, telling_words
from vqa.values import Evidence, Finding, Question


def word_evidence(question: str, finding: Finding, findings: Sequence[Finding], text: str) -> Iterator[Evidence]:
    """Yield what people would rather say of the picture, for or against an answer."""
    if told := told_of_words(question, finding, findings):
        said = told.answer if says_yes(told.answer) is None else f"{told.asked}: {told.answer}"
        given = f", given {told.found}" if told.found else ""
        says = f"would rather say {said} {told.shares[told.answer]:.2f}{given}"
        yield Evidence(finding.expert, "supports" if _agree(told.answer, text) else "contradicts", says, told.regions)


def share_of(question: Question, findings: Sequence[Finding], text: str) -> float | None:
    """Return how likely an answer is by what people would say; None if nobody tells."""
    weighing = [finding for finding in findings if finding.kind == "words"]
    told = (told for finding in weighing if (told := told_of_words(question.text, finding, findings)))
    return next((share for one in told for answer, share in one.shares.items() if _agree(answer, text)), None)


def _agree(answer: str, text: str) -> bool:
    yes = says_yes(answer)
    return telling_words(answer) == telling_words(text) if yes is None else yes is says_yes(text)
