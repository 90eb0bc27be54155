"""Reports as text: aligned tables for a terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from vqa.agent.evaluation.calibration import Calibration
from vqa.agent.evaluation.comparing import Changed, Comparison
from vqa.agent.evaluation.measures import Figure
from vqa.agent.evaluation.scoring import Estimate, Report
from vqa.terminal import columns

HEADS = ("", "value", "95 % interval", "n")
_WIDEST_TEXT = 48


def report_table(report: Report) -> str:
    """Return every figure of a report, then types, experts, coverage and calibration."""
    parts = [_summary(report)]
    for section in report.sections:
        rows: list[tuple[str, ...]] = [(section.metric, *HEADS[1:])]
        rows += [_row(estimate.figure.name, estimate) for estimate in section.figures]
        for title, groups in (("by type", section.by_type), ("by experts asked", section.by_experts)):
            if groups:
                rows += [(f"{section.figures[0].figure.name} {title}", "", "", "")]
                rows += [_row(f"- {name or 'no type'}", estimate) for name, estimate in groups.items()]
        if section.figures:
            parts.append(columns(rows))
    if report.calibration is not None:
        parts.append(_calibration(report.calibration))
    return "\n\n".join(parts)


def ablation_table(reports: Mapping[str, Report]) -> str:
    """Return a row for each agent: the main figure of each metric, and how much was answered."""
    first = next(iter(reports.values()))
    mains = [section.figures[0] for section in first.sections if section.figures]
    heads = ["asked"]
    for main in mains:
        heads += [main.figure.name, "95 % interval"]
    rows: list[tuple[str, ...]] = [(*heads, "answered")]
    for name, report in reports.items():
        cells = [name]
        for section in report.sections:
            if section.figures:
                cells += [told(section.figures[0].figure, section.figures[0].value), _bounds(section.figures[0])]
        rows.append((*cells, _percent(report.coverage)))
    return columns(rows)


def comparison_table(comparison: Comparison, names: tuple[str, str], *, rows: int) -> str:
    """Return both sides' figures with their tests, then the `rows` questions that differ most, either way."""
    heads = ("", *names, "difference", "95 % interval", "p", "only one right", "McNemar p", "n")
    table = [heads]
    for d in comparison.differences:
        low, high = d.interval
        pair = "-" if d.only_a is None else f"{d.only_a} / {d.only_b}"
        exact = "-" if d.mcnemar is None else _p(d.mcnemar)
        between = "-" if math.isnan(low) else f"{_signed(d.figure, low)} to {_signed(d.figure, high)}"
        values = (told(d.figure, d.a), told(d.figure, d.b), _signed(d.figure, d.b - d.a), between)
        table.append((d.figure.name, *values, _p(d.p), pair, exact, f"{d.n:,}"))
    parts = [columns(table), f"{len(comparison.changed):,} questions are scored differently"]
    if shown := _most_changed(comparison, rows):
        lines: list[tuple[str, ...]] = [("id", "question", "right", *names, "score")]
        for row in shown:
            texts = (row.question, " | ".join(dict.fromkeys(row.answers)), row.a or "-", row.b or "-")
            lines.append((str(row.id), *map(_short, texts), f"{row.score_a:.2f} -> {row.score_b:.2f}"))
        parts.append(columns(lines))
    return "\n\n".join(parts)


def told(figure: Figure, value: float) -> str:
    """Return "63.4 %" for a share, "1.234" for a number, "-" for what is undefined."""
    return "-" if math.isnan(value) else _percent(value) if figure.kind == "share" else f"{value:.3f}"


def _summary(report: Report) -> str:
    return (
        f"{report.questions:,} questions about {report.pictures:,} pictures: {_percent(report.coverage)} answered, "
        f"{report.abstained:,} abstentions, {report.failed:,} without an answer"
    )


def _row(name: str, estimate: Estimate) -> tuple[str, ...]:
    return (name, told(estimate.figure, estimate.value), _bounds(estimate), f"{estimate.n:,}")


def _bounds(estimate: Estimate) -> str:
    low, high = told(estimate.figure, estimate.low), told(estimate.figure, estimate.high)
    return "-" if math.isnan(estimate.low) else f"{low.removesuffix(' %')} to {high}"


def _calibration(found: Calibration) -> str:
    said = (
        f"confidence: mean {found.confidence:.3f} where the mean score is {found.score:.3f} ({found.n:,} answers), "
        f"ECE {found.ece:.3f}, area under risk and coverage {found.aurc:.3f}"
    )
    bins = [("confidence", "answers", "mean confidence", "mean score")]
    bins += [(f"{b.low:.1f} to {b.high:.1f}", f"{b.n:,}", f"{b.confidence:.3f}", f"{b.score:.3f}") for b in found.bins]
    points = [("answering only", "errs in", "from confidence")]
    points += [(_percent(p.coverage), _percent(p.risk), f"{p.threshold:.3f}") for p in found.points]
    return "\n\n".join([said, columns(bins), columns(points)])


def _most_changed(comparison: Comparison, rows: int) -> Sequence[Changed]:
    return sorted(comparison.changed, key=lambda row: -abs(row.score_a - row.score_b))[:rows]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _signed(figure: Figure, value: float) -> str:
    text = told(figure, value)
    return text if text.startswith("-") else f"+{text}"


def _p(p: float) -> str:
    return "-" if math.isnan(p) else f"{p:.3f}" if p >= 0.001 else "< 0.001"


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST_TEXT else f"{text[: _WIDEST_TEXT - 1]}…"
