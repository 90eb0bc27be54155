"""POPE: does the model say yes to things that are not there?

Li et al., "Evaluating Object Hallucination in Large Vision-Language Models" (arXiv 2305.10355, §5); an answer becomes
yes or no as in the scorer at https://github.com/AoiDragon/POPE (evaluate.py), for which everything without a "no" is a
yes, "I cannot tell" too. How much that flatters is the difference between the two accuracies.
"""

from __future__ import annotations

from collections.abc import Sequence

from vqa.agent.evaluation.cases import Case
from vqa.agent.evaluation.measures import Array, Figure, Measures, share
from vqa.agent.trust.answer_words import abstains

_FIGURES = ("accuracy", "precision", "recall", "F1", "yes-rate", "accuracy, abstaining is wrong")


def says_yes(answer: str) -> bool:
    """Return whether the first sentence has none of the words "No", "no" and "not", with commas left out."""
    words = answer.split(".")[0].replace(",", "").split(" ")
    return not {"No", "no", "not"} & set(words)


def pope(cases: Sequence[Case], answers: Sequence[str | None]) -> Measures:
    """Count hits and errors; each case's first reference is its label, and all but "no" mean yes."""
    rows: list[tuple[float, ...]] = []
    for case, answer in zip(cases, answers, strict=True):
        there = case.row.answers[0].strip().lower() != "no"
        yes = None if answer is None else says_yes(answer)
        right = yes == there
        told = answer is not None and not abstains(answer)
        rows.append(
            tuple(
                map(float, (yes is True and there, yes is False and not there, yes is True, there, told and right, 1))
            )
        )
    scores = tuple(hit + rejection for hit, rejection, *_ in rows)
    return Measures(scores, tuple(rows), tuple(map(Figure, _FIGURES)), _figures)


def _figures(sums: Array) -> Array:
    import numpy as np

    hits, rejections, yes, there, told, n = np.moveaxis(sums, -1, 0)
    precision = share(hits, yes, undefined=0.0)  # no yes at all: the scorer divides by zero
    recall = share(hits, there, undefined=0.0)
    f1 = share(2 * precision * recall, precision + recall, undefined=0.0)
    accuracy = share(hits + rejections, n)
    return np.stack([accuracy, precision, recall, f1, share(yes, n), share(told, n)], axis=-1)
