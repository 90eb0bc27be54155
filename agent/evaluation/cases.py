"""What is scored: a question with the answers that people gave, and what was answered."""

from __future__ import annotations

from dataclasses import dataclass

from vqa.agent.batch.rows import Row


@dataclass(frozen=True)
class Case:
    """A row whose right answers are known.

    Attributes:
        row: The question; `row.answers` are the references.
        type: What kind of question the data set calls it ("yes/no", "number", "existence"); empty if it does not say.
        metric: What its data set is scored with; a key of `vqa.agent.evaluation.metrics.METRICS`.
    """

    row: Row
    type: str = ""
    metric: str = "exact"


@dataclass(frozen=True)
class Prediction:
    """What was answered to a case.

    Attributes:
        answer: The text; None if there is none, which is never right.
        confidence: In [0, 1]; None if unknown.
        experts: Who was asked; None if unknown.
        error: Why there is no answer.
    """

    answer: str | None
    confidence: float | None = None
    experts: tuple[str, ...] | None = None
    error: str | None = None
