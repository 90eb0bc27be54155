"""What the whole scene says about an answer: the same as it tells, or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vqa.agent.folding.scene import told_of_scene
from vqa.agent.trust.answer_words import says_yes, telling_words
from vqa.values import Evidence, Finding


def scene_evidence(question: str, finding: Finding, findings: Sequence[Finding], text: str) -> Iterator[Evidence]:
    """Yield what a scene holds for or against an answer: it is "cloudy", and said is that or something else."""
    told = told_of_scene(question, finding, findings)
    if told is None:
        return
    yes = says_yes(told.answer)
    if yes is None:
        agrees = set(telling_words(told.answer)) <= set(telling_words(text))
        says = f"{told.answer} {told.share:.2f}"
    else:
        agrees = yes is says_yes(text)
        says = f"{told.asked} {told.share if yes else 1 - told.share:.2f}"
    yield Evidence(finding.expert, "supports" if agrees else "contradicts", f"says {says}", told.regions(finding))
