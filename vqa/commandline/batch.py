"""`vqa batch`: a file of questions, or questions about a folder of pictures."""

from __future__ import annotations

import logging
import re
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vqa.commands import command
from vqa.errors import InputError, PartialFailure
from vqa.registry import unknown_name
from vqa.settings import Settings, setting_names
from vqa.terminal import check_writable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vqa.agent.batch.rows import BadRow, Row

app = typer.Typer()
_command = partial(command, app)


@_command(
    "batch",
    "vqa batch questions.jsonl -o answers.jsonl --image-root photos --resume",
    'vqa batch photos/ --question "How many people are there?" -o answers.csv --report report.html',
    settings=setting_names(),
)
def batch(
    settings: Settings,
    source: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE|PICTURES...",
            help="JSON lines, LLaVA's or VQA v2's questions, CSV, TSV or Parquet, gzipped or not, - for stdin; with "
            "--question: folders, patterns, pictures, or one .tar or .zip.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Write there (.jsonl, .json, .csv, .tsv, each perhaps .gz; .parquet).",
        ),
    ] = None,
    question: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="Ask this about every picture; may be repeated.")
    ] = None,
    format: Annotated[
        str | None, typer.Option(metavar="NAME", help="Input: jsonl, llava, vqa-v2, csv, tsv, parquet.")
    ] = None,
    output_format: Annotated[
        str | None, typer.Option(metavar="NAME", help="Output: jsonl, llava, vqa-v2, csv, tsv, parquet.")
    ] = None,
    slim: Annotated[bool, typer.Option("--slim", help="Answers without their evidence.")] = False,
    image_root: Annotated[
        str | None, typer.Option(metavar="PATH", help="Folder, .tar or .zip that the pictures' names are in.")
    ] = None,
    image_pattern: Annotated[
        str | None, typer.Option(metavar="NAME", help="VQA v2: e.g. COCO_val2014_{image_id:012d}.jpg.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite; with --resume: mix settings.")] = False,
    shard: Annotated[str, typer.Option(metavar="I/N", help="Only the pictures of the I-th of N parts.")] = "1/1",
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write a page to look at (.html).")] = None,
    batch_rows: Annotated[int, typer.Option(metavar="N", min=1, help="Rows worked on together.")] = 64,
    engine: Annotated[
        str, typer.Option(metavar="NAME", help="local, or ray: several workers, several machines.")
    ] = "local",
    workers: Annotated[int, typer.Option(metavar="N", min=1, help="Ray: workers, each with its own models.")] = 2,
    cpus: Annotated[float, typer.Option(metavar="X", help="Ray: CPU cores of each worker.")] = 1,
    gpus: Annotated[float, typer.Option(metavar="X", help="Ray: GPUs of each worker; 0.5 shares one.")] = 0,
    ray_address: Annotated[str, typer.Option(metavar="ADDRESS", help="Ray: a running cluster; empty: here.")] = "",
) -> None:
    """Answer a file of questions.

    Every input row becomes one output row, in the same order: an answer, or an error that says why there is none.
    """
    from vqa.agent.agent import VQAAgent
    from vqa.agent.batch.pictures import Pictures
    from vqa.agent.batch.progress import Display
    from vqa.agent.batch.running import Job, count, locally, run
    from vqa.agent.batch.stopping import Stop
    from vqa.agent.batch.writing import output_format as chosen_format

    target = None if output is None or str(output) == "-" else output
    for path in (target, report):
        if path is not None:
            check_writable(path)
    job = Job(
        target,
        chosen_format(target, output_format),
        only_answers=slim,
        shard=_shard(shard),
        report=report,
        resume=resume,
        force=force,
        asked={"questions": question or [], "image_root": image_root, "batch_rows": batch_rows},
    )
    if target is None and (resume or report):
        raise InputError("--resume and --report need an output file: -o answers.jsonl")
    if engine not in ("local", "ray"):
        raise InputError(unknown_name("engine", engine, ["local", "ray"]))
    rows, root = _rows(source, question or [], image_root, format, image_pattern)
    agent = VQAAgent.from_pretrained(settings=settings)

    def total() -> int:
        return count(_rows(source, question or [], image_root, format, image_pattern)[0], job.shard)

    pictures = Pictures(image_root or root, offline=settings.offline)
    with pictures, Stop() as stop, Display(None if source == ["-"] else total) as display:
        if engine == "ray":
            from vqa.agent.batch.on_ray import Cluster, on_ray

            cluster = Cluster(workers, cpus, gpus, ray_address)
            thumbnails = report is not None
            answering = on_ray(
                settings, image_root or root, cluster, batch_rows=batch_rows, thumbnails=thumbnails, stop=stop
            )
        else:
            answering = locally(agent, pictures.load, batch_rows=batch_rows, stop=stop)
        stream = sys.stdout.buffer
        done = run(job, rows, answering, settings=settings, stream=stream, stop=stop, watch=display.show)
    stop.raise_if_stopped(f"after {done.rows:,} rows" + ("; go on with --resume" if target else ""))
    if done.failed:
        raise PartialFailure(f"{done.failed:,} of {done.rows:,} rows have an error instead of an answer")
    _log.info("%d rows, %d a second", done.rows, done.rate)


def _rows(
    source: Sequence[str],
    questions: Sequence[str],
    image_root: str | None,
    format: str | None,
    image_pattern: str | None,
) -> tuple[Iterator[Row | BadRow], str | None]:
    """Return the rows, and the image root that they bring along."""
    from vqa.agent.batch.pictures import ask_about
    from vqa.agent.batch.reading import read_rows

    if questions:
        return ask_about(source, questions, image_root)
    if len(source) != 1:
        raise InputError(f"one file of questions at a time, not {len(source)}; pictures need --question")
    return read_rows(source[0], format=format, image_pattern=image_pattern), None


def _shard(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    number, total = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= number <= total:
        raise InputError(f"shard={text!r}: expected I/N, the I-th of N parts, e.g. 1/8")
    return number, total


_log = logging.getLogger(__name__)
