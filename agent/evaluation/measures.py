"""The form every metric takes: counts that add up over cases, and the figures that follow from their sums.

Since every figure follows from sums, an interval needs no scoring again: a resample is a weighted sum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from vqa.agent.evaluation.cases import Case

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
else:
    Array = Any


@dataclass(frozen=True)
class Figure:
    """The name of a figure, and how it is read: a share of 1, or a plain number."""

    name: str
    kind: Literal["share", "number"] = "share"


@dataclass(frozen=True)
class Measures:
    """What a metric found in N cases.

    Attributes:
        scores: One for each case, (N,); higher is better.
        counts: What adds up over cases, (N, K).
        figures: What `summarise` gives, F of them, the main one first.
        summarise: From sums of counts, (..., K), to figures, (..., F); NaN where a figure is undefined.
        graded: Whether a score says how right an answer is, in [0, 1]; else it only ranks answers.
    """

    scores: tuple[float, ...]
    counts: tuple[tuple[float, ...], ...]
    figures: tuple[Figure, ...]
    summarise: Callable[[Array], Array]
    graded: bool = True


Metric = Callable[[Sequence[Case], Sequence[str | None]], Measures]
"""Scores answers, one for each case; None is no answer, and never right."""


def mean_of(name: str, score: Callable[[str, tuple[str, ...]], float]) -> Metric:
    """Return the metric that is the mean of a score in [0, 1] of an answer and its references."""

    def measure(cases: Sequence[Case], answers: Sequence[str | None]) -> Measures:
        pairs = zip(cases, answers, strict=True)
        return means(name, [0.0 if answer is None else score(answer, case.row.answers) for case, answer in pairs])

    return measure


def means(name: str, scores: Sequence[float]) -> Measures:
    """Return the measures whose only figure is the mean of scores in [0, 1]."""
    return Measures(tuple(scores), tuple((score, 1.0) for score in scores), (Figure(name),), _mean)


def share(part: Array, whole: Array, *, undefined: float = float("nan")) -> Array:
    """Return part / whole, and `undefined` where the whole is 0."""
    import numpy as np

    whole = np.asarray(whole, dtype=float)
    return np.where(whole == 0, undefined, np.divide(part, np.where(whole == 0, 1.0, whole)))


def _mean(sums: Array) -> Array:
    return share(sums[..., :1], sums[..., 1:])
