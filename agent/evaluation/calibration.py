"""Whether confidence can be trusted: calibration error, and how wrong one is if one answers only when sure.

ECE: Guo et al. (arXiv 1706.04599, §2) with ten bins of equal width. Risk and coverage: Geifman and El-Yaniv (arXiv
1705.08500); who abstains gives no answer to be right or wrong, so a curve ends at the share that was answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

BINS = 10
COVERAGES = tuple(n / 10 for n in range(1, 11))


@dataclass(frozen=True)
class Bin:
    """Answers whose confidence lies in (low, high], and how right they are on average."""

    low: float
    high: float
    n: int
    confidence: float
    score: float


@dataclass(frozen=True)
class Point:
    """Answering the surest `coverage` of all questions errs with `risk`; `threshold` is the least confidence then."""

    coverage: float
    risk: float
    threshold: float


@dataclass(frozen=True)
class Calibration:
    """How confidence and being right go together, over answers that do not abstain.

    Attributes:
        n: Answers with a confidence.
        confidence: Their mean confidence.
        score: Their mean score.
        ece: Expected calibration error: the mean distance of a bin's confidence from its score.
        aurc: Area under the risk-coverage curve: the mean risk over all coverages that were reached.
        bins: Those that are not empty.
        points: Risk at a coverage of 10 %, 20 %, … as far as it goes.
    """

    n: int
    confidence: float
    score: float
    ece: float
    aurc: float
    bins: tuple[Bin, ...]
    points: tuple[Point, ...]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def calibrate(confidences: Sequence[float], scores: Sequence[float], *, questions: int) -> Calibration:
    """Return how confidences, in [0, 1], go together with scores, in [0, 1], of answers to some of the `questions`."""
    n = len(scores)
    members: list[list[int]] = [[] for _ in range(BINS)]
    for i, confidence in enumerate(confidences):
        members[max(0, min(BINS - 1, -int(-confidence * BINS // 1) - 1))].append(i)
    bins = []
    for place, rows in enumerate(members):
        if rows:
            mean, right = (sum(values[i] for i in rows) / len(rows) for values in (confidences, scores))
            bins.append(Bin(place / BINS, (place + 1) / BINS, len(rows), mean, right))
    order = sorted(range(n), key=lambda i: -confidences[i])
    risks, wrong = [], 0.0
    for done, i in enumerate(order, 1):
        wrong += 1 - scores[i]
        risks.append(wrong / done)
    points = []
    for coverage in COVERAGES:
        take = round(coverage * questions)
        if 0 < take <= n:
            points.append(Point(coverage, risks[take - 1], confidences[order[take - 1]]))
    ece = sum(b.n * abs(b.confidence - b.score) for b in bins) / n
    return Calibration(n, sum(confidences) / n, sum(scores) / n, ece, sum(risks) / n, tuple(bins), tuple(points))
