"""What benchmarks/confidence.py learns from answers whose truth is known."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FIT = runpy.run_path(str(Path(__file__).parent.parent / "benchmarks" / "confidence.py"))
CORE = FIT["CORE"]


def answers(n: int, *, own: float, seed: int = 0) -> list[Any]:
    """Answers that are right with odds e^(-1 + 2 x), and a core whose log odds say `own` times as much about it."""
    draw = np.random.default_rng(seed)
    made = []
    for i in range(n):
        x = draw.uniform(-1, 1)
        right = draw.random() < 1 / (1 + np.exp(1 - 2 * x))
        told = {"kind: open": 1.0, "x": x, CORE: own * (1.0 if right else -1.0) + draw.normal()}
        made.append(FIT["Sample"]("a core", "a set", "open", i % FIT["FOLDS"], told, float(right)))
    return made


def test_the_odds_that_answers_were_drawn_with_are_found_again() -> None:
    model = FIT["fit"](answers(4_000, own=0.0))
    assert model.coefficients["x"] == pytest.approx(2, abs=0.25)
    assert model.probability({"kind: open": 1.0, "x": 0.0}, core="a core") == pytest.approx(0.27, abs=0.03)


@pytest.mark.parametrize(("own", "least", "most"), [(1.0, 1.5, 2.5), (-1.0, 0.0, 0.0)])
def test_a_core_that_knows_is_believed_and_one_that_is_surer_when_wrong_is_ignored(
    own: float, least: float, most: float
) -> None:
    model = FIT["fit"](answers(4_000, own=own))
    assert least <= model.core_weights["kind: open"] <= most


def test_cross_validated_confidence_is_calibrated() -> None:
    real, ways = FIT["cross_validated"](answers(2_000, own=1.0))
    told = FIT["figures"](ways["confidence"], [sample.score for sample in real])
    assert told["n"] == 2_000
    assert told["ece"] < 0.05
    assert told["auroc"] > 0.9
    assert told["accuracy of the surest 80 %"] > told["accuracy"] + 0.05


@pytest.mark.parametrize(("name", "right_when"), [("open: detector supports", 0), ("open: detector contradicts", 1)])
def test_evidence_that_would_tell_the_wrong_way_round_is_left_out(name: str, right_when: int) -> None:
    made = [
        FIT["Sample"]("a core", "a set", "open", i % FIT["FOLDS"], {name: float(i % 2)}, float(i % 2 == right_when))
        for i in range(200)
    ]
    assert name not in FIT["fit"](made).coefficients
    turned = [replace(sample, score=1 - sample.score) for sample in made]
    assert name in FIT["fit"](turned).coefficients
