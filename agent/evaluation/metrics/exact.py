"""Exact match: the answer is one of the references, both normalised as for VQA accuracy ("The cat." is "cat")."""

from __future__ import annotations

from collections.abc import Sequence

from vqa.agent.evaluation.measures import Metric, mean_of
from vqa.agent.evaluation.metrics.vqa_accuracy import normalise


def exact(answer: str, references: Sequence[str]) -> float:
    """Return 1 if the answer is one of the references, else 0."""
    given = normalise(answer.strip())
    return float(any(given == normalise(reference.strip()) for reference in references))


EXACT: Metric = mean_of("exact match", exact)
