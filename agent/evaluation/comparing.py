"""Holds two sets of predictions against each other, question by question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vqa.agent.evaluation.bootstrap import RESAMPLES, by_picture, mcnemar, paired
from vqa.agent.evaluation.cases import Case, Prediction
from vqa.agent.evaluation.measures import Figure
from vqa.agent.evaluation.metrics import METRICS
from vqa.agent.evaluation.scoring import defined, grouped


@dataclass(frozen=True)
class Difference:
    """The main figure of one metric on both sides.

    Attributes:
        figure: Its name and kind.
        a: Its value for the first predictions.
        b: For the second.
        interval: 95 % interval of b - a, by drawing pictures; NaN if they are too few.
        p: Two-sided, from the same draws; never below 2 / (draws + 1), and NaN if pictures are too few.
        only_a: Questions that only the first got right; None where scores are not 0 or 1.
        only_b: The second.
        mcnemar: Exact two-sided p of these two, which takes questions as independent.
        n: Questions.
    """

    metric: str
    figure: Figure
    a: float
    b: float
    interval: tuple[float, float]
    p: float
    only_a: int | None
    only_b: int | None
    mcnemar: float | None
    n: int

    def to_dict(self) -> dict[str, Any]:
        bounds = [defined(bound) for bound in self.interval]
        return {**asdict(self), "figure": self.figure.name, "interval": bounds, "p": defined(self.p)}


@dataclass(frozen=True)
class Changed:
    """A question whose score differs."""

    id: int | str
    image: str
    question: str
    answers: tuple[str, ...]
    a: str | None
    b: str | None
    score_a: float
    score_b: float

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "answers": list(self.answers)}


@dataclass(frozen=True)
class Comparison:
    """Both sides' figures, and the questions that they score differently, the largest gain of the second first."""

    differences: tuple[Difference, ...]
    changed: tuple[Changed, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "differences": [difference.to_dict() for difference in self.differences],
            "changed": [changed.to_dict() for changed in self.changed],
        }


def compare(
    cases: Sequence[Case],
    first: Sequence[Prediction],
    second: Sequence[Prediction],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Return how two sets of predictions, one for each case, differ.

    Raises:
        InputError: A case cannot be scored with its metric.
    """
    differences: list[Difference] = []
    changed: list[Changed] = []
    for metric, rows in grouped([case.metric for case in cases]).items():
        asked = [cases[i] for i in rows]
        a, b = (METRICS[metric](asked, [side[i].answer for i in rows]) for side in (first, second))
        for place, case in enumerate(asked):
            if a.scores[place] != b.scores[place]:
                row, said = case.row, (first[rows[place]].answer, second[rows[place]].answer)
                marks = (a.scores[place], b.scores[place])
                changed.append(Changed(row.id, row.image, row.question, row.answers, *said, *marks))
        if not a.figures:
            continue
        pictures = [case.row.image for case in asked]
        sums_a, sums_b = by_picture(a.counts, pictures), by_picture(b.counts, pictures)
        low, high, p = paired(sums_a, sums_b, a.summarise, resamples=resamples, seed=seed)
        binary = set(a.scores) | set(b.scores) <= {0.0, 1.0}
        only_a = sum(x > y for x, y in zip(a.scores, b.scores, strict=True))
        only_b = sum(x < y for x, y in zip(a.scores, b.scores, strict=True))
        differences.append(
            Difference(
                metric,
                a.figures[0],
                float(a.summarise(sums_a.sum(0))[0]),
                float(b.summarise(sums_b.sum(0))[0]),
                (low, high),
                p,
                only_a if binary else None,
                only_b if binary else None,
                mcnemar(only_a, only_b) if binary else None,
                len(rows),
            )
        )
    changed.sort(key=lambda row: row.score_a - row.score_b)
    return Comparison(tuple(differences), tuple(changed))
