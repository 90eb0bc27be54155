"""Fits an answer's confidence: how likely it is right, from the evidence for it and the core's own probability.

    for SET in {photos,web}-{presence,shown} photos-{counts,compare,premise,relations} \
            {flickr8k,coco}-{doing,there,actions,choice,mentions,worn,surfaces} flickr8k-shown coco-{vqa,scene,claims} \
            daquar-vqa text-{receipts,signs}; do
        vqa eval DEV/$SET.jsonl --image-root PICTURES/${SET%%-*}.tar --min-confidence 0 -o ANSWERS/$SET.jsonl
    done
    vqa eval DEV/pages-other.jsonl --image-root DEV --min-confidence 0 -o ANSWERS/pages-other.jsonl
    python benchmarks/confidence.py ANSWERS/*.jsonl --questions DEV --write

Each FILE is what `vqa eval -o` or `vqa batch -o` wrote (with its evidence: not --slim); DEV/NAME.jsonl are its
questions with the right answers (benchmarks/dev_questions.py and pages.py make them). Whatever core answered, nothing
is asked again. --write replaces agent/trust/confidence.json; without it, the figures are only printed. --plot FILE
draws them.

Three steps, each a logistic regression (ridge, Newton's method) on top of the one before. First, what evidence is
worth; support that would count against an answer, or contradiction for it, tells nothing and is left out. Since a good
core seldom contradicts its experts, its answers hardly show what a contradiction costs; so answers that nobody gave are
added to them with a small weight: the other of yes and no, counts beside the detector's, another picture's words or
description. Second, on real answers alone (about what is there), how often each kind of question is answered right.
Third, the core's own probability, for each kind by itself, with weights that are never negative: a surer core is not to
count as less likely right. All figures are cross-validated: pictures are dealt into ten parts, each is judged by what
the others say. Left out are answers that abstain by themselves, and those about what is not there, which are withheld
whatever their confidence. A description counts as right if people say at least half of its telling words.
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vqa.agent.batch.outcomes import answer_from
from vqa.agent.evaluation.calibration import calibrate
from vqa.agent.evaluation.cases import Case
from vqa.agent.evaluation.datasets import read_cases
from vqa.agent.evaluation.metrics import METRICS
from vqa.agent.folding.scene import told_of_scene
from vqa.agent.questions.kinds import intent_of, kind_of
from vqa.agent.trust import confidence as shipped
from vqa.agent.trust.answer_words import abstains, says_yes
from vqa.agent.trust.confidence import Model
from vqa.agent.trust.evidence import weigh
from vqa.agent.trust.features import CHOICE, CORE, KIND, PREMISE, SCENE, features
from vqa.values import COUNT_SCORE, Answer
from vqa.words import plural

NOT_THE_CORES = {SCENE: SCENE, "claims": CHOICE}
"""Types of questions, also about pictures that cores learnt from, and the kind that somebody else tells."""
FOLDS = 10
LEAST_ROWS = 8  # a feature that fewer answers have gets no coefficient
LEAST_OF_A_KIND = 40  # kinds of questions with fewer answers count as not measured
RIDGE = 1.0
MADE_UP_WEIGHT = 0.25
SUPPORTED = 0.5  # share of a description's words from which on it counts as right
THRESHOLDS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)


@dataclass(frozen=True)
class Sample:
    """One answer, real or made up: its core, its set, its picture's fold, its features, and its score in [0, 1]."""

    core: str
    set: str
    kind: str
    fold: int
    features: Mapping[str, float]
    score: float
    weight: float = 1.0


def read(path: Path, questions: Path) -> tuple[list[Sample], int]:
    """Return a file's answers and made-up ones, and how many rows abstain or failed."""
    cases = {str(case.row.id): case for case in read_cases(questions)}
    said: list[tuple[Case, Answer, str, float]] = []
    skipped = 0
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if "error" in record:
            skipped += 1
            continue
        answer, case = answer_from(record), cases[str(record["id"])]
        text = answer.text if answer.withheld is None else answer.withheld
        if abstains(text) or not text:
            skipped += 1
            continue
        said.append((case, answer, text, 1.0))
    another = said[1:] + said[:1]
    made_up = [
        (case, answer, text, MADE_UP_WEIGHT)
        for (case, answer, given, _), (_, _, elsewhere, _) in zip(said, another, strict=True)
        for text in _not_said(answer, given, elsewhere)
    ]
    rows = said + made_up
    samples = []
    for metric in {case.metric for case, *_ in rows}:
        chosen = [row for row in rows if row[0].metric == metric]
        scores = METRICS[metric]([case for case, *_ in chosen], [text for _, _, text, _ in chosen]).scores
        if metric == "supported":  # people's own captions share some 60 % of their words with the others
            scores = tuple(float(score >= SUPPORTED) for score in scores)
        for (case, answer, text, weight), score in zip(chosen, scores, strict=True):
            own = answer.core_confidence if weight == 1 else None
            evidence = weigh(answer.question, answer.findings, text)
            told = features(answer.question, answer.findings, evidence, text, own)
            if case.type in NOT_THE_CORES and not told[f"{KIND}{NOT_THE_CORES[case.type]}"]:
                continue  # the core answers, who may have learnt from the picture
            fold = zlib.crc32(case.row.image.encode()) % FOLDS
            kind = next(name.removeprefix(KIND) for name, is_it in told.items() if name.startswith(KIND) and is_it)
            samples.append(Sample(answer.core, path.stem, kind, fold, told, score, weight))
    return samples, skipped


def _not_said(answer: Answer, given: str, elsewhere: str) -> Iterator[str]:
    """Yield answers that the core did not give, but another might have."""
    intent = intent_of(answer.question.text, answer.findings)
    kind = kind_of(answer.question.text, intent)
    scenes = [finding for finding in answer.findings if finding.kind == "scene"]
    of_the_scene = any(told_of_scene(answer.question.text, finding, answer.findings) for finding in scenes)
    if (kind in ("presence", "compare") or of_the_scene) and says_yes(given) is not None:
        yield "No" if says_yes(given) else "Yes"
    elif kind == "count" and intent.asked:
        regions = [region for finding in answer.findings for region in finding.regions]
        counted = sum(region.label in intent.asked and region.score >= COUNT_SCORE for region in regions)
        yield from (str(n) for n in (counted - 1, counted + 1) if n >= 0 and str(n) != given)
    elif kind == "compare" and intent.claim:
        yield from (named for label in intent.claim[1:] if (named := plural(label, 0)) != given.lower())
    elif (kind in ("reading", "description") or of_the_scene) and elsewhere != given:
        yield elsewhere


def fit(samples: Sequence[Sample]) -> Model:
    """Return the model of these answers."""
    names = sorted({name for sample in samples for name, value in sample.features.items() if value and name != CORE})
    least = {name: LEAST_OF_A_KIND if name.startswith(KIND) else LEAST_ROWS for name in names}
    names = [name for name in names if sum(bool(s.features.get(name)) for s in samples) >= least[name]]
    *coefficients, intercept = _regression(samples, names, np.zeros(len(samples)))
    if senseless := {n for n, c in zip(names, coefficients, strict=True) if _is_senseless(n, c)}:
        names = [name for name in names if name not in senseless]
        *coefficients, intercept = _regression(samples, names, np.zeros(len(samples)))
    evidence = {n: float(c) for n, c in zip(names, coefficients, strict=True) if not n.startswith(KIND)}
    cores = tuple(sorted({sample.core for sample in samples}))
    model = Model(0.0, evidence, cores=cores)

    # Of what is not there nothing can be answered: how often it is guessed tells nothing of the kind of question.
    real = [sample for sample in samples if sample.weight == 1 and not sample.features.get(PREMISE)]
    kinds = [name for name in names if name.startswith(KIND)]
    *coefficients, intercept = _regression(real, kinds, _odds(model, real))
    evidence |= {n: float(c) for n, c in zip(kinds, coefficients, strict=True)}
    model = Model(float(intercept), evidence, cores=cores)

    sure = [sample for sample in real if CORE in sample.features]
    weights, offsets = {}, {}
    for kind in kinds:
        of_it = [s for s in sure if s.features.get(kind)]
        if not of_it:
            continue
        odds = _odds(model, of_it)
        weight, offset = _regression(of_it, [CORE], odds, shrunk=RIDGE)
        if weight < 0:
            weight, (offset,) = 0.0, _regression(of_it, [], odds, shrunk=RIDGE)
        weights[kind], offsets[kind] = float(weight), float(offset)
    return replace(model, core_weights=weights, core_offsets=offsets)


def _is_senseless(name: str, worth: float) -> bool:
    """Return whether support would count against an answer, or contradiction for it: then it tells nothing."""
    return (name.endswith("supports") and worth < 0) or (name.endswith("contradicts") and worth > 0)


def _odds(model: Model, samples: Sequence[Sample]) -> Any:
    """Return the log odds that the evidence gives each answer."""
    return np.array([sum(model.parts(_without_core(s.features), core=s.core).values()) for s in samples])


def _regression(samples: Sequence[Sample], names: Sequence[str], offset: Any, *, shrunk: float = 1e-9) -> Any:
    """Return a logistic regression's coefficients of some features, and its intercept.

    Args:
        samples: Their weights count.
        offset: Log odds of each that the regression adds to.
        shrunk: Penalty of the intercept.
    """
    x = np.array([[*(sample.features.get(name, 0.0) for name in names), 1.0] for sample in samples])
    y, weights = (np.array([getattr(sample, name) for sample in samples]) for name in ("score", "weight"))
    w = np.zeros(x.shape[1])
    penalty = np.array([RIDGE] * len(names) + [shrunk])
    for _ in range(50):
        p = 1 / (1 + np.exp(-(x @ w + offset)))
        gradient = x.T @ (weights * (p - y)) + penalty * w
        step = np.linalg.solve((x * (weights * p * (1 - p))[:, None]).T @ x + np.diag(penalty), gradient)
        w -= step
        if abs(step).max() < 1e-9:
            break
    return w


def _without_core(told: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in told.items() if name != CORE}


def cross_validated(samples: Sequence[Sample]) -> tuple[list[Sample], dict[str, list[float]]]:
    """Return the real answers, and what other pictures' models say of each, with less and less known of the core."""
    real: list[Sample] = []
    ways: dict[str, list[float]] = {"confidence": [], "without the core's own": [], "as of an unknown core": []}
    for fold in range(FOLDS):
        model = fit([sample for sample in samples if sample.fold != fold])
        for sample in samples:
            if sample.fold == fold and sample.weight == 1 and not sample.features.get(PREMISE):
                real.append(sample)
                evidence = _without_core(sample.features)
                ways["confidence"].append(model.probability(sample.features, core=sample.core))
                ways["without the core's own"].append(model.probability(evidence, core=sample.core))
                ways["as of an unknown core"].append(model.probability(sample.features, core=""))
    return real, ways


def figures(confidences: Sequence[float], scores: Sequence[float]) -> dict[str, float]:
    """Return accuracy, calibration error, AUROC, and accuracy of the surest 80 %."""
    surest = sorted(range(len(scores)), key=lambda i: -confidences[i])[: round(0.8 * len(scores))]
    told = calibrate(confidences, scores, questions=len(scores))
    p, y = np.array(confidences), np.array(scores) >= 0.5
    right, wrong = p[y][:, None], p[~y][None]
    return {
        "n": len(scores),
        "accuracy": sum(scores) / len(scores),
        "ece": told.ece,
        "auroc": float((right > wrong).mean() + (right == wrong).mean() / 2)
        if y.any() and not y.all()
        else float("nan"),
        "accuracy of the surest 80 %": sum(scores[i] for i in surest) / len(surest),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("answers", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--questions", type=Path, required=True, metavar="DEV", help="folder of the questions")
    parser.add_argument("--write", action="store_true", help="replace the coefficients that the package ships")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw reliability and risk (.png)")
    arguments = parser.parse_args()

    samples: list[Sample] = []
    for path in arguments.answers:
        read_samples, skipped = read(path, arguments.questions / path.name)
        print(f"{path.stem}: {sum(s.weight == 1 for s in read_samples)} answers, {skipped} without one")
        samples += read_samples
    real, ways = cross_validated(samples)
    scores = [sample.score for sample in real]
    ways["the core's own"] = [float(1 / (1 + np.exp(-sample.features.get(CORE, 0.0)))) for sample in real]
    table = {}
    sets, kinds = dict.fromkeys(s.set for s in real), dict.fromkeys(f"kind: {s.kind}" for s in real)
    for name in ("all", *sets, *kinds):
        rows = [i for i, s in enumerate(real) if name in ("all", s.set, f"kind: {s.kind}")]
        table[name] = {way: figures([p[i] for i in rows], [scores[i] for i in rows]) for way, p in ways.items()}
    _print_table(table)
    _print_curves(ways["confidence"], scores)
    model = fit(samples)
    for name, value in sorted(model.to_dict()["coefficients"].items(), key=lambda item: -abs(item[1])):
        print(f"  {value:+.2f}  {name}")
    print(f"  {model.intercept:+.2f}  intercept")
    for kind, weight in model.core_weights.items():
        print(f"  {weight:+.2f}  {CORE} (log odds), {model.core_offsets[kind]:+.2f}; {kind}")
    if arguments.plot:
        _plot(arguments.plot, ways, scores)
    if arguments.write:
        answers = {name: table[name]["confidence"]["n"] for name in ("all", *sets)}
        about = {"answers": answers, "cross-validated": table["all"]}
        target = Path(shipped.__file__).with_name(shipped.FILE)
        target.write_text(json.dumps(_rounded({"fitted_on": about, "model": model.to_dict()}), indent=2) + "\n")
        print(f"written: {target}")


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def _print_table(table: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
    print("\n| answers | n | accuracy | by | ECE | AUROC | surest 80 % |\n|---|---|---|---|---|---|---|")
    for name, ways in table.items():
        for way, told in ways.items():
            rest = told["accuracy of the surest 80 %"]
            gain = f"{rest:.3f} ({rest - told['accuracy']:+.3f})"
            start = f"| {name} | {told['n']} | {told['accuracy']:.3f} | {way} "
            print(f"{start}| {told['ece']:.3f} | {told['auroc']:.3f} | {gain} |")


def _print_curves(confidences: Sequence[float], scores: Sequence[float]) -> None:
    told = calibrate(confidences, scores, questions=len(scores))
    print("\n| confidence | answers | mean confidence | right |\n|---|---|---|---|")
    for b in told.bins:
        print(f"| {b.low:.1f} to {b.high:.1f} | {b.n} | {b.confidence:.3f} | {b.score:.3f} |")
    print("\n| answered | wrong | least confidence |\n|---|---|---|")
    for point in told.points:
        print(f"| {point.coverage:.0%} | {point.risk:.3f} | {point.threshold:.3f} |")
    print("\n| --min-confidence | answered | accuracy | right answers lost |\n|---|---|---|---|")
    for least in (0.0, *THRESHOLDS):
        kept = [i for i, p in enumerate(confidences) if p >= least]
        lost = 1 - sum(scores[i] for i in kept) / sum(scores)
        right = sum(scores[i] for i in kept) / max(len(kept), 1)
        print(f"| {least:.2f} | {len(kept) / len(scores):.1%} | {right:.3f} | {lost:.1%} |")
    print()


def _plot(path: Path, ways: Mapping[str, Sequence[float]], scores: Sequence[float]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    reliability, risk = figure.subplots(1, 2)
    reliability.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    for name, confidences in ways.items():
        told = calibrate(confidences, scores, questions=len(scores))
        reliability.plot([b.confidence for b in told.bins], [b.score for b in told.bins], marker="o", label=name)
        risk.plot(
            [point.coverage for point in told.points], [point.risk for point in told.points], marker="o", label=name
        )
    reliability.set(xlabel="confidence", ylabel="share right", title="Reliability", xlim=(0, 1), ylim=(0, 1))
    risk.set(xlabel="share answered, the surest first", ylabel="share wrong", title="Risk and coverage", xlim=(0, 1))
    risk.legend()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
