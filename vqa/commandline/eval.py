"""`vqa eval`: figures with intervals for a data set, and two sets of answers held against each other."""

from __future__ import annotations

import logging
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from vqa.commands import command, group
from vqa.errors import InputError, PartialFailure
from vqa.settings import Settings, setting_names
from vqa.terminal import Output, Status, check_writable, clean, json_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from vqa.agent.agent import VQAAgent
    from vqa.agent.batch.outcomes import Outcome
    from vqa.agent.evaluation.cases import Case
    from vqa.agent.evaluation.scoring import Report

app = group(
    "Score answers to a data set, or ask and score: vqa eval QUESTIONS (its options: vqa eval run --help).",
    default="run",
    takes_arguments=True,
)
_command = partial(command, app)

_FORMATS = "vqa-v2, textvqa (also ST-VQA, DocVQA), gqa, mm-vet, easy-vqa, pope, llava-bench, captions, jsonl, mme"
_METRICS = "vqa, textvqa, exact, anls, pope, mme, count, choice, contains, captions, none"

Questions = Annotated[
    Path, typer.Argument(metavar="QUESTIONS", help="File or folder of questions whose answers are known.")
]
Format = Annotated[str | None, typer.Option(metavar="NAME", help=f"Default: what it looks like. {_FORMATS}.")]
Annotations = Annotated[
    Path | None, typer.Option(metavar="FILE", help="VQA v2: the answers, if they are not beside the questions.")
]
Metric = Annotated[str | None, typer.Option(metavar="NAME", help=f"Default: the data set's. {_METRICS}.")]
AllowMissing = Annotated[bool, typer.Option("--allow-missing", help="Count questions without a prediction as wrong.")]
Limit = Annotated[int | None, typer.Option(metavar="N", min=1, help="Only the first N questions.")]
Resamples = Annotated[int, typer.Option(metavar="N", min=100, help="Draws of the bootstrap.")]
JsonFile = Annotated[str | None, typer.Option("--json", metavar="FILE", help="Also write JSON; - prints it instead.")]


@_command(
    "run",
    "vqa eval v2_OpenEnded_mscoco_val2014_questions.json --predictions results.json",
    "vqa eval questions.jsonl --image-root photos/ --ablate --json report.json",
    settings=setting_names(),
)
def run(
    settings: Settings,
    questions: Questions,
    predictions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Score these answers; without it, the agent is asked.")
    ] = None,
    format: Format = None,
    annotations: Annotations = None,
    metric: Metric = None,
    limit: Limit = None,
    allow_missing: AllowMissing = False,
    image_root: Annotated[
        str | None, typer.Option(metavar="PATH", help="Folder, .tar or .zip that the pictures' names are in.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Keep the answers there (.jsonl).")
    ] = None,
    ablate: Annotated[
        bool, typer.Option("--ablate", help="Ask the core alone, with subsets of experts, and whole.")
    ] = False,
    subsets: Annotated[
        Literal["single", "all"],
        typer.Option(help="With --ablate: each expert alone and all together, or every subset."),
    ] = "single",
    resamples: Resamples = 1000,
    batch_rows: Annotated[int, typer.Option(metavar="N", min=1, help="Rows worked on together.")] = 64,
    json: JsonFile = None,
) -> None:
    """Score answers to questions whose right answers are known, in the way that the data set is scored.

    Prints each figure with a 95 % bootstrap interval, by type of question and by the experts that were asked, and how
    far confidence can be trusted. For long runs, `vqa batch` can be resumed; give its output to --predictions.
    """
    from vqa.agent.evaluation.datasets import read_cases
    from vqa.agent.evaluation.predictions import prediction_of, read_predictions
    from vqa.agent.evaluation.scoring import check, evaluate
    from vqa.agent.evaluation.tables import ablation_table, report_table

    if predictions is not None and (ablate or output is not None):
        raise InputError("--predictions has the answers already; --ablate and --output are for asking the agent")
    if ablate and output is not None:
        raise InputError(
            "--ablate asks several agents; keep one's answers with --experts and --output, without --ablate"
        )
    for path in (output, None if json in (None, "-") else Path(str(json))):
        if path is not None:
            check_writable(path)
    if output is not None and output.exists():
        raise InputError(f"{str(output)!r} is there already; score it with --predictions, or name another file")
    cases = read_cases(questions, format=format, annotations=annotations, metric=metric)[:limit]
    score = partial(evaluate, resamples=resamples)
    if predictions is not None:
        report = score(cases, read_predictions(predictions, cases, allow_missing=allow_missing))
        _show(report_table(report), report.to_dict(), json)
        return
    check(cases)
    agent, load = _agent(settings, image_root)
    if ablate:
        reports = _ablation(agent, cases, load, subsets, batch_rows, score)
        _show(ablation_table(reports), [{"asked": name, **r.to_dict()} for name, r in reports.items()], json)
        return
    outcomes = _asked(agent, cases, load, batch_rows)
    kept = outcomes if output is None else _written(outcomes, output)
    report = score(cases, [prediction_of(outcome) for outcome in kept])
    _show(report_table(report), report.to_dict(), json)
    if report.failed:
        raise PartialFailure(f"{report.failed:,} of {report.questions:,} questions got no answer and count as wrong")


@_command(
    "compare",
    "vqa eval compare before.jsonl after.jsonl --questions questions.jsonl",
    "vqa eval compare a.jsonl b.jsonl --rows 50 --json differences.json",
)
def compare_predictions(
    settings: Settings,
    first: Annotated[Path, typer.Argument(metavar="A", help="Answers, as `vqa batch` writes them.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Other answers to the same questions.")],
    questions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The questions; default: A, if its rows have `answers`.")
    ] = None,
    format: Format = None,
    annotations: Annotations = None,
    metric: Metric = None,
    limit: Limit = None,
    allow_missing: AllowMissing = False,
    rows: Annotated[int, typer.Option(metavar="N", min=0, help="How many differing questions to show.")] = 20,
    resamples: Resamples = 10_000,
    json: JsonFile = None,
) -> None:
    """Test whether B scores differently from A, and show the questions that do.

    The interval and p come from a paired bootstrap over pictures; where an answer is right or wrong, McNemar's exact
    test stands beside it.
    """
    from vqa.agent.evaluation.comparing import compare
    from vqa.agent.evaluation.datasets import read_cases
    from vqa.agent.evaluation.predictions import read_predictions
    from vqa.agent.evaluation.tables import comparison_table

    if json not in (None, "-"):
        check_writable(Path(str(json)))
    cases = read_cases(questions or first, format=format, annotations=annotations, metric=metric)[:limit]
    sides = [read_predictions(path, cases, allow_missing=allow_missing) for path in (first, second)]
    comparison = compare(cases, *sides, resamples=resamples)
    names = (first.stem, second.stem) if first.stem != second.stem else ("A", "B")
    _show(comparison_table(comparison, names, rows=rows), comparison.to_dict(), json)


def _agent(settings: Settings, image_root: str | None) -> tuple[VQAAgent, Any]:
    from vqa.agent.agent import VQAAgent
    from vqa.agent.batch.pictures import Pictures

    pictures = Pictures(image_root, offline=settings.offline)
    return VQAAgent.from_pretrained(settings=settings), pictures.load


def _asked(agent: VQAAgent, cases: Sequence[Case], load: Any, batch_rows: int, what: str = "") -> Iterator[Outcome]:
    """Ask, with progress on stderr; an interrupt ends the run after what is being answered."""
    from vqa.agent.batch.stopping import Stop
    from vqa.agent.evaluation.asking import ask

    status = Status()
    began, done = time.monotonic(), 0
    with Stop() as stop:
        try:
            status.show(f"{what}loading …")
            for outcome in ask(agent, cases, load, batch_rows=batch_rows, stop=stop):
                yield outcome
                done += 1
                rate = done / max(time.monotonic() - began, 1e-9)
                status.show(f"{what}{done:,} of {len(cases):,} questions, {rate:.1f} a second")
        finally:
            status.clear()
    stop.raise_if_stopped(f"after {done:,} questions; nothing is scored")


def _written(outcomes: Iterable[Outcome], path: Path) -> Iterator[Outcome]:
    from vqa.agent.batch.writing import line_of

    with path.open("wb") as file:
        for outcome in outcomes:
            file.write(line_of(outcome, "jsonl", only_answers=False))
            file.flush()
            yield outcome


def _ablation(
    agent: VQAAgent, cases: Sequence[Case], load: Any, subsets: Literal["single", "all"], batch_rows: int, score: Any
) -> Mapping[str, Report]:
    from vqa.agent.evaluation.asking import ablated
    from vqa.agent.evaluation.predictions import prediction_of

    reports: dict[str, Report] = {}
    for name, variant in ablated(agent, subsets):
        outcomes = _asked(variant, cases, load, batch_rows, f"{name}: ")
        reports[name] = score(cases, [prediction_of(outcome) for outcome in outcomes])
        if reports[name].failed:
            _log.warning("%s: %d questions got no answer and count as wrong", name, reports[name].failed)
    return reports


def _show(table: str, data: Any, json: str | None) -> None:
    if json == "-":
        print(json_text(data, indent=2))
        return
    print(clean(table))
    if json is not None:
        with Output(json) as out:
            out.line(json_text(data, indent=2))


_log = logging.getLogger(__name__)
