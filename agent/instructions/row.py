"""One instruction: findings and a question as the agent folds them, and what a good reader of them answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vqa.agent.folding.naming import named
from vqa.agent.prompting import compose, wording
from vqa.protocols import Core
from vqa.values import Finding, Question

UNKNOWN = "I cannot tell"
NO_TEXT = "No text found"
TASKS: dict[str, int] = {  # task: how often it is drawn
    "count": 5, "presence": 5, "unknown": 2, "place": 3, "compare": 3, "relation": 5, "reading": 8, "line": 3,
    "field": 4, "describe": 2, "attribute": 3, "cannot": 2, "contradiction": 1, "korean": 2, "sort": 4,
    "likely": 6, "named": 6,
}  # fmt: skip
"""What is asked about findings, drawn ones or real ones. Real pictures add TRIPLES."""
TRIPLES = ("yesno", "number", "phrase", "guess", "seen")
"""Tasks whose answer is the annotators'. `guess`: the experts say that they do not know it; `seen`: from captions."""


@dataclass(frozen=True)
class Asked:
    """A question with its answer."""

    task: str
    question: str
    answer: str


@dataclass(frozen=True)
class Row:
    """One line of an instruction file.

    Attributes:
        image: The picture's name in its archive, or None if there is no picture.
        question: As the core reads it: tidied, with the English gloss of a Korean one.
        evidence: The folded lines, as many as the core's budget holds.
        task: A key of TASKS, or one of TRIPLES.
    """

    image: str | None
    question: str
    evidence: tuple[str, ...]
    answer: str
    task: str

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "evidence": list(self.evidence)}


def folded(asked: Asked, findings: tuple[Finding, ...], core: Core, *, image: str | None = None) -> Row:
    """Return the row that the agent's own folding makes, so that `core.render(question, evidence)` is its prompt."""
    question = Question(asked.question)
    prompt = compose(question, findings, core)
    return Row(image, wording(question, findings, core), prompt.used, asked.answer, asked.task)


def named_otherwise(asked: Asked, findings: Sequence[Finding]) -> bool:
    """Return whether a detector names something else than the answer: such a row would teach to distrust it."""
    told = (named(asked.question, finding) for finding in findings if finding.kind == "objects")
    return any(one is not None and one.answer != asked.answer for one in told)
