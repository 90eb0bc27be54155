"""Intervals, paired tests, calibration, reports: against closed forms and recounted by hand."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest

from vqa.agent.agent import VQAAgent
from vqa.agent.batch.rows import Row
from vqa.agent.evaluation.asking import ablated
from vqa.agent.evaluation.bootstrap import by_picture, mcnemar, resampled
from vqa.agent.evaluation.calibration import calibrate
from vqa.agent.evaluation.cases import Case, Prediction
from vqa.agent.evaluation.comparing import compare
from vqa.agent.evaluation.scoring import evaluate
from vqa.agent.evaluation.tables import comparison_table, report_table
from vqa.agent.trust.answer_words import abstains
from vqa.settings import Settings


def case(number: int, answer: str = "yes", *, image: str | None = None, type: str = "", metric: str = "exact") -> Case:
    return Case(Row(number, image or f"{number}.jpg", f"question {number}", answers=(answer,)), type, metric)


def test_the_interval_of_a_mean_is_that_of_the_normal_approximation() -> None:
    cases = [case(i) for i in range(400)]
    said = [Prediction("yes" if i % 4 else "no") for i in range(400)]  # 75 % right
    (section,) = evaluate(cases, said, resamples=4000).sections
    estimate = section.figures[0]
    half = 1.96 * math.sqrt(0.75 * 0.25 / 400)
    assert estimate.value == 0.75
    assert estimate.low == pytest.approx(0.75 - half, abs=0.006)
    assert estimate.high == pytest.approx(0.75 + half, abs=0.006)


def test_questions_about_one_picture_are_drawn_together() -> None:
    # 40 pictures with 10 questions each, all right or all wrong: as much to go by as 40 questions, not 400.
    cases = [case(i, image=f"{i // 10}.jpg") for i in range(400)]
    said = [Prediction("yes" if (i // 10) % 2 else "no") for i in range(400)]
    (section,) = evaluate(cases, said, resamples=4000).sections
    half = 1.96 * math.sqrt(0.25 / 40)
    assert section.figures[0].high - section.figures[0].low == pytest.approx(2 * half, rel=0.1)


def test_intervals_are_the_same_every_time() -> None:
    cases = [case(i) for i in range(30)]
    said = [Prediction("yes" if i % 3 else "no") for i in range(30)]
    assert evaluate(cases, said) == evaluate(cases, said)


def test_too_few_pictures_have_no_interval() -> None:
    (section,) = evaluate([case(i) for i in range(9)], [Prediction("yes")] * 9).sections
    assert math.isnan(section.figures[0].low)
    assert section.figures[0].to_dict()["interval"] == [None, None]


def test_all_right_leaves_the_exact_binomial_bound() -> None:
    (section,) = evaluate([case(i) for i in range(50)], [Prediction("yes")] * 50).sections
    assert section.figures[0].high == 1.0
    assert section.figures[0].low ** 50 == pytest.approx(0.025)
    (section,) = evaluate([case(i) for i in range(50)], [Prediction("no")] * 50).sections
    assert section.figures[0].low == 0.0
    assert (1 - section.figures[0].high) ** 50 == pytest.approx(0.025)


def test_draws_are_sums_of_as_many_pictures() -> None:
    sums = by_picture([(1.0, 2.0), (3.0, 4.0), (5.0, 6.0)], ["b", "a", "b"])
    assert sums.tolist() == [[3.0, 4.0], [6.0, 8.0]]
    drawn = resampled(np.ones((7, 2)), resamples=50)
    assert drawn.shape == (50, 2)
    assert np.all(drawn == 7)


@pytest.mark.parametrize(("a", "b"), [(0, 0), (1, 0), (3, 8), (10, 10), (0, 12), (400, 350)])
def test_mcnemar_is_the_two_sided_binomial_test(a: int, b: int) -> None:
    n, tail = a + b, sum(math.comb(a + b, k) for k in range(min(a, b) + 1))
    assert mcnemar(a, b) == mcnemar(b, a) == pytest.approx(float(min(1, 2 * tail / 2**n)), rel=1e-9)


def test_ece_and_risk_against_a_recount() -> None:
    confidences = [0.95, 0.95, 0.85, 0.15, 0.15, 1.0, 0.0]
    scores = [1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0]
    found = calibrate(confidences, scores, questions=10)
    # bins (0, .1]: one; (.1, .2]: two; (.8, .9]: one; (.9, 1]: three
    expected = (1 * 0.0 + 2 * abs(0.15 - 0.5) + 1 * abs(0.85 - 1.0) + 3 * abs(2.9 / 3 - 2 / 3)) / 7
    assert found.ece == pytest.approx(expected)
    assert [b.n for b in found.bins] == [1, 2, 1, 3]
    assert [p.coverage for p in found.points] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])  # 3 abstained
    assert found.points[0].risk == 0.0  # the surest is right
    assert found.points[-1].risk == pytest.approx(3 / 7)
    assert found.points[-1].threshold == 0.0


def test_perfect_confidence_has_no_calibration_error() -> None:
    rng = random.Random(0)
    confidences = [rng.random() for _ in range(20_000)]
    scores = [float(rng.random() < c) for c in confidences]
    assert calibrate(confidences, scores, questions=20_000).ece < 0.02


@pytest.mark.parametrize(
    "answer", ["I cannot tell", "i can't tell.", "I don't know", "Not sure", "unanswerable", "It cannot be determined"]
)
def test_an_abstention_is_recognised(answer: str) -> None:
    assert abstains(answer)


@pytest.mark.parametrize("answer", ["No", "unknown artist", "I can see a dog", "", "cannot", "knot"])
def test_an_answer_is_no_abstention(answer: str) -> None:
    assert not abstains(answer)


def test_a_report_counts_what_was_not_answered_and_leaves_it_out_of_calibration() -> None:
    cases = [case(i) for i in range(4)]
    said = [
        Prediction("yes", 0.9),
        Prediction("I cannot tell", 1.0),
        Prediction(None, error="picture: gone"),
        Prediction("no", 0.7),
    ]
    report = evaluate(cases, said)
    assert (report.failed, report.abstained, report.coverage) == (1, 1, 0.5)
    assert report.calibration is not None
    assert report.calibration.n == 2
    assert report.sections[0].figures[0].value == 0.25
    assert "50.0 % answered, 1 abstentions, 1 without an answer" in report_table(report)


def test_types_experts_and_metrics_are_told_apart() -> None:
    cases = [case(0, type="a"), case(1, type="b"), case(2, "3", metric="count")]
    said = [Prediction("yes", 1.0, ("ocr", "detect")), Prediction("no", 1.0, ()), Prediction("4", 1.0, ("detect",))]
    count, exact = evaluate(cases, said).sections
    assert (count.metric, exact.metric) == ("count", "exact")
    assert {name: estimate.value for name, estimate in exact.by_type.items()} == {"a": 1.0, "b": 0.0}
    assert {name: estimate.value for name, estimate in exact.by_experts.items()} == {
        "detect+ocr": 1.0,
        "core alone": 0.0,
    }
    assert {name: estimate.value for name, estimate in count.by_experts.items()} == {"detect": 0.0}


def test_nothing_to_score_is_still_counted() -> None:
    report = evaluate([case(0, metric="none"), case(1, metric="none")], [Prediction("a", 0.5), Prediction("unknown")])
    assert report.sections[0].figures == ()
    assert report.calibration is None
    assert report.abstained == 1


def test_a_comparison_finds_the_difference_and_the_rows() -> None:
    cases = [case(i) for i in range(100)]
    first = [Prediction("yes" if i < 60 else "no") for i in range(100)]
    second = [Prediction("yes" if i >= 5 and i < 85 else "no") for i in range(100)]
    comparison = compare(cases, first, second, resamples=4000)
    (difference,) = comparison.differences
    assert (difference.a, difference.b, difference.only_a, difference.only_b) == (0.6, 0.8, 5, 25)
    assert difference.mcnemar == pytest.approx(2 * sum(math.comb(30, k) for k in range(6)) / 2**30)
    half = 1.96 * math.sqrt((0.30 - 0.2**2) / 100)  # of the paired difference: variance is the discordant share - d²
    assert difference.interval == (pytest.approx(0.2 - half, abs=0.02), pytest.approx(0.2 + half, abs=0.02))
    assert difference.p < 0.01
    assert len(comparison.changed) == 30
    assert comparison.changed[0].score_b == 1.0
    assert comparison.changed[-1].score_a == 1.0
    assert "30 questions are scored differently" in comparison_table(comparison, ("old", "new"), rows=3)


def test_the_same_answers_do_not_differ() -> None:
    cases = [case(i) for i in range(20)]
    said = [Prediction("yes" if i % 2 else "no") for i in range(20)]
    (difference,) = compare(cases, said, said).differences
    assert (difference.interval, difference.p, difference.mcnemar) == ((0.0, 0.0), 1.0, 1.0)


@pytest.mark.parametrize("size", [30, 120])
def test_chance_differences_are_rarely_significant(size: int) -> None:
    rng = random.Random(size)
    cases = [case(i) for i in range(size)]
    found = []
    for _ in range(100):
        sides = [[Prediction("yes" if rng.random() < 0.6 else "no") for _ in cases] for _ in range(2)]
        found.append(compare(cases, *sides, resamples=300).differences[0].p < 0.05)
    assert sum(found) <= 14  # 5 expected


def settings(**values: object) -> Settings:
    return Settings.load({"core": "echo", "caption_model": "", "offline": True, "cache": False, **values})


def test_ablation_asks_every_subset_with_shared_models() -> None:
    agent = VQAAgent.from_pretrained(settings=settings())
    usable = [name for name, expert in agent.experts.items() if expert.available() is None]
    variants = dict(ablated(agent, "all"))
    subsets = ["+".join(c) for n in range(1, len(usable) + 1) for c in itertools.combinations(usable, n)]
    assert list(variants) == ["core alone", *subsets, "rules router"]
    assert all(variant.core is agent.core for variant in variants.values())
    assert variants["core alone"].route("How many dogs are there?").experts == ()
    for name in subsets:
        assert variants[name].route("How many dogs are there?").experts == tuple(name.split("+"))
    assert variants["rules router"] is agent


def test_ablation_stays_within_the_experts_that_are_allowed() -> None:
    agent = VQAAgent.from_pretrained(settings=settings(no_experts="ocr"))
    assert not any("ocr" in name for name, _ in ablated(agent, "all"))
