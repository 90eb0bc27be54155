"""Scores predictions: figures with intervals, by type of question and by experts asked, and what was not said."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vqa.agent.evaluation.bootstrap import RESAMPLES, by_picture, intervals
from vqa.agent.evaluation.calibration import Calibration, calibrate
from vqa.agent.evaluation.cases import Case, Prediction
from vqa.agent.evaluation.measures import Figure, Measures
from vqa.agent.evaluation.metrics import METRICS
from vqa.agent.trust.answer_words import abstains


@dataclass(frozen=True)
class Estimate:
    """A figure over `n` questions with its 95 % interval; NaN where it is undefined, or the pictures are too few."""

    figure: Figure
    value: float
    low: float
    high: float
    n: int

    def to_dict(self) -> dict[str, Any]:
        bounds = [defined(self.low), defined(self.high)]
        return {"figure": self.figure.name, "value": defined(self.value), "interval": bounds, "n": self.n}


@dataclass(frozen=True)
class Section:
    """The questions that one metric scores.

    Attributes:
        metric: Its name.
        figures: Over all of them, the main one first.
        by_type: The main figure for each type of question; empty if there are not several.
        by_experts: The main figure for each combination of experts that was asked; empty if that is not known.
    """

    metric: str
    figures: tuple[Estimate, ...]
    by_type: Mapping[str, Estimate]
    by_experts: Mapping[str, Estimate]

    def to_dict(self) -> dict[str, Any]:
        return {
            "metric": self.metric,
            "figures": [estimate.to_dict() for estimate in self.figures],
            "by_type": {name: estimate.to_dict() for name, estimate in self.by_type.items()},
            "by_experts": {name: estimate.to_dict() for name, estimate in self.by_experts.items()},
        }


@dataclass(frozen=True)
class Report:
    """Everything about one set of predictions.

    Attributes:
        questions: How many were asked.
        pictures: How many they are about.
        failed: Questions without an answer, which count as wrong.
        abstained: Answers such as "I cannot tell", which are scored as they stand.
        calibration: None if no graded answer has a confidence.
    """

    questions: int
    pictures: int
    failed: int
    abstained: int
    sections: tuple[Section, ...]
    calibration: Calibration | None

    @property
    def coverage(self) -> float:
        """Share of the questions that got an answer which does not abstain."""
        return (self.questions - self.failed - self.abstained) / self.questions

    def to_dict(self) -> dict[str, Any]:
        names = ("questions", "pictures", "failed", "abstained", "coverage")
        return {
            **{name: getattr(self, name) for name in names},
            "sections": [section.to_dict() for section in self.sections],
            "calibration": None if self.calibration is None else self.calibration.to_dict(),
        }


def evaluate(
    cases: Sequence[Case], predictions: Sequence[Prediction], *, resamples: int = RESAMPLES, seed: int = 0
) -> Report:
    """Return the report of predictions, one for each case.

    Args:
        cases: At least one.
        resamples: Draws of the bootstrap; the same seed gives the same intervals.

    Raises:
        InputError: A case cannot be scored with its metric.
    """
    sections = []
    confidences: list[float] = []
    scores: list[float] = []
    graded_questions = 0
    for metric, rows in grouped([case.metric for case in cases]).items():
        asked, said = [cases[i] for i in rows], [predictions[i] for i in rows]
        measures = METRICS[metric](asked, [prediction.answer for prediction in said])
        sections.append(_section(metric, asked, said, measures, resamples, seed))
        if measures.graded:
            graded_questions += len(rows)
            for prediction, score in zip(said, measures.scores, strict=True):
                if prediction.confidence is not None and prediction.answer and not abstains(prediction.answer):
                    confidences.append(prediction.confidence)
                    scores.append(score)
    answers = [prediction.answer for prediction in predictions]
    return Report(
        questions=len(cases),
        pictures=len({case.row.image for case in cases}),
        failed=sum(answer is None for answer in answers),
        abstained=sum(answer is not None and abstains(answer) for answer in answers),
        sections=tuple(sections),
        calibration=calibrate(confidences, scores, questions=graded_questions) if scores else None,
    )


def check(cases: Sequence[Case]) -> None:
    """Score every case as unanswered, so that what cannot be scored is known before anybody is asked.

    Raises:
        InputError: A case cannot be scored with its metric.
    """
    for metric, rows in grouped([case.metric for case in cases]).items():
        METRICS[metric]([cases[i] for i in rows], [None] * len(rows))


def _section(
    metric: str, cases: Sequence[Case], said: Sequence[Prediction], measures: Measures, resamples: int, seed: int
) -> Section:
    def estimates(rows: Sequence[int], figures: Sequence[Figure]) -> tuple[Estimate, ...]:
        if not figures:
            return ()
        sums = by_picture([measures.counts[i] for i in rows], [cases[i].row.image for i in rows])
        values = measures.summarise(sums.sum(0))
        low, high = intervals(sums, measures.figures, measures.summarise, resamples=resamples, seed=seed)
        return tuple(
            Estimate(figure, float(values[f]), float(low[f]), float(high[f]), len(rows))
            for f, figure in enumerate(figures)
        )

    def main(groups: Mapping[str, Sequence[int]]) -> dict[str, Estimate]:
        return {name: estimates(rows, measures.figures[:1])[0] for name, rows in groups.items() if measures.figures}

    types = grouped([case.type for case in cases])
    experts = grouped([_experts(prediction) for prediction in said])
    return Section(
        metric,
        estimates(range(len(cases)), measures.figures),
        main(types) if len(types) > 1 else {},
        main(experts) if set(experts) - {"unknown", "no answer"} else {},
    )


def _experts(prediction: Prediction) -> str:
    if prediction.answer is None:
        return "no answer"
    return "unknown" if prediction.experts is None else "+".join(sorted(prediction.experts)) or "core alone"


def grouped(names: Sequence[str]) -> dict[str, list[int]]:
    """Return the places of each name, in alphabetical order of names."""
    places: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        places.setdefault(name, []).append(place)
    return dict(sorted(places.items()))


def defined(value: float) -> float | None:
    """Return a number as JSON can have it: None for NaN."""
    return None if math.isnan(value) else value
