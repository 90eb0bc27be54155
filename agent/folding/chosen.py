"""Which answer people would rather give: of those that a question names, or yes or no to what it claims of somebody.

"Is he sitting or standing?" names its answers; "Is the dog catching a frisbee?" claims something. Who weighs words
tells how likely people would say each of the picture.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vqa.agent.folding.coloring import asked_color
from vqa.agent.folding.naming import named
from vqa.agent.folding.scene import told_of_scene
from vqa.agent.questions import asking
from vqa.agent.questions.alternatives import YES_OR_NO, named_alternatives
from vqa.agent.questions.intent import read_intent
from vqa.agent.questions.plain import plainly
from vqa.agent.questions.scene import WHO
from vqa.values import Finding, Region

LEAST = 0.6
"""Share from which on yes or no is told."""
_COMPARED = re.compile(  # "Which is bigger, the dog or the cat?" is not about what is said of them
    r"(?:which|what|who)\b.*\b(?:more|most|fewer|fewest|less|least|(?:big|small|tall|short|long|close|near|high|low|heavi|light"
    r"|young|old)g?(?:e?r|e?st)|larger|largest)\b"
)
_CLAIM = re.compile(
    rf"(?:is|are|was|were|does|do|did) (?!it\b){WHO} (?!.*\b(?:not|no|more|less|than|same|only|both|all|each)\b)"
    r"(?P<claim>[a-z][a-z' -]+?)\W*"
)


@dataclass(frozen=True)
class Chosen:
    """What people would rather say.

    Attributes:
        asked: What is asked: "sitting or standing", "catching a frisbee".
        shares: How likely each answer is the right one.
        regions: The finding's that tell.
    """

    asked: str
    shares: Mapping[str, float]
    regions: tuple[Region, ...]

    @property
    def answer(self) -> str:
        return max(self.shares, key=lambda answer: self.shares[answer])

    def __str__(self) -> str:
        return f"{self.asked}: {self.answer}"


def choices_of(question: str) -> tuple[str, ...]:
    """Return the answers that a question names, or the one thing that it claims of somebody; none for any other."""
    answers, asked = named_alternatives(question), asking.lowered(plainly(question))
    if answers:
        return () if answers == YES_OR_NO or _COMPARED.match(asked) else answers
    match = _CLAIM.fullmatch(asked)
    return (match["claim"],) if match else ()


def told_of_words(question: str, finding: Finding, findings: Sequence[Finding]) -> Chosen | None:
    """Return what people would rather say; None if it is not asked for, not known, or somebody else tells.

    Args:
        question: In its own words.
        finding: Of who weighs words.
        findings: Of everybody: what boxes or a scene tell was seen, and not only said of the like.
    """
    choices = choices_of(question)
    if finding.error is not None or not choices or {r.label for r in finding.regions} != set(choices):
        return None
    if any(_tells(question, other, findings) for other in findings if other.error is None):
        return None
    if len(choices) > 1:
        return Chosen(" or ".join(choices), {r.label: r.score for r in finding.regions}, finding.regions[:1])
    (claim,) = finding.regions
    shares = dict(zip(YES_OR_NO, (claim.score, 1 - claim.score), strict=True))
    return Chosen(claim.label, shares, (claim,)) if max(shares.values()) >= LEAST else None


def _tells(question: str, other: Finding, findings: Sequence[Finding]) -> bool:
    """Return whether somebody's finding is one to answer the question."""
    if other.kind == "scene":
        return told_of_scene(question, other, findings) is not None
    if other.kind != "objects":
        return False
    intent = read_intent(question, other.vocabulary)
    held_against = intent.aim in ("presence", "count", "compare") or intent.related or intent.bound or intent.together
    return bool(held_against or named(question, other) or asked_color(question, other.vocabulary))
