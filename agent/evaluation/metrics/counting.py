"""Counts: how many are exactly right, and how far off the numbers are on average (MAE).

As for TallyQA (Acharya et al., arXiv 1810.12440) and most work on counting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from vqa.agent.evaluation.cases import Case
from vqa.agent.evaluation.measures import Array, Figure, Measures, share
from vqa.agent.trust.answer_words import number
from vqa.errors import InputError


def count(cases: Sequence[Case], answers: Sequence[str | None]) -> Measures:
    """Compare each answer's number with the one that most references say."""
    rows: list[tuple[float, ...]] = []
    for case, answer in zip(cases, answers, strict=True):
        said = Counter(n for n in map(number, case.row.answers) if n is not None)
        if not said:
            raise InputError(f"row {case.row.id!r}: {case.row.answers[0]!r} is no number; score it with --metric exact")
        (true, _), *_ = said.most_common(1)
        given = None if answer is None else number(answer)
        off = 0.0 if given is None else abs(given - true)
        rows.append((float(given == true), float(given is not None and off <= 1), off, float(given is not None), 1.0))
    figures = (Figure("exact"), Figure("at most 1 off"), Figure("mean error", "number"), Figure("a number at all"))
    return Measures(tuple(row[0] for row in rows), tuple(rows), figures, _figures)


def _figures(sums: Array) -> Array:
    import numpy as np

    exact, near, off, numbers, n = np.moveaxis(sums, -1, 0)
    return np.stack([share(exact, n), share(near, n), share(off, numbers), share(numbers, n)], axis=-1)
