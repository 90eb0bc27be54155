"""Metrics by name, one a file, each with its source."""

from __future__ import annotations

from collections.abc import Sequence

from vqa.agent.evaluation.cases import Case
from vqa.agent.evaluation.measures import Measures, Metric
from vqa.agent.evaluation.metrics.anls import ANLS
from vqa.agent.evaluation.metrics.captions import captions
from vqa.agent.evaluation.metrics.choice import choice
from vqa.agent.evaluation.metrics.contains import CONTAINS
from vqa.agent.evaluation.metrics.counting import count
from vqa.agent.evaluation.metrics.exact import EXACT
from vqa.agent.evaluation.metrics.mme import mme
from vqa.agent.evaluation.metrics.pope import pope
from vqa.agent.evaluation.metrics.supported import SUPPORTED
from vqa.agent.evaluation.metrics.vqa_accuracy import TEXTVQA, vqa


def ungraded(cases: Sequence[Case], answers: Sequence[str | None]) -> Measures:
    """Score nothing: answers that only a person or a language model can judge are counted, no more."""
    import numpy as np

    zero = tuple(0.0 for _ in cases)
    return Measures(zero, tuple((z,) for z in zero), (), lambda sums: np.empty((*sums.shape[:-1], 0)), graded=False)


METRICS: dict[str, Metric] = {
    "anls": ANLS,
    "captions": captions,
    "choice": choice,
    "contains": CONTAINS,
    "count": count,
    "exact": EXACT,
    "mme": mme,
    "none": ungraded,
    "pope": pope,
    "supported": SUPPORTED,
    "textvqa": TEXTVQA,
    "vqa": vqa,
}
