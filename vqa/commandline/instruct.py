"""`vqa instruct`: evidence-grounded instructions for training, from annotated pictures."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from vqa.commandline.options import STORE
from vqa.commands import command
from vqa.errors import InputError, PartialFailure
from vqa.settings import Settings
from vqa.terminal import Output, Status, json_text

app = typer.Typer()

Sources = Annotated[
    list[str], typer.Argument(metavar="SOURCE...", help="Annotations: .jsonl, COCO .json, synthetic:N.")
]
Pictures = Annotated[
    Path | None, typer.Option(metavar="PLACE", help="Tar, zip or folder; by default beside the annotations.")
]
Split = Annotated[str | None, typer.Option(metavar="NAME", help="Only rows of this split.")]
Limit = Annotated[int | None, typer.Option(metavar="N", min=1, help="At most so many pictures of each source.")]
PerPicture = Annotated[int, typer.Option(metavar="N", min=1, help="Questions about findings for each picture.")]
HeldOut = Annotated[bool, typer.Option("--held-out", help="Only the wordings and labels kept for testing.")]
EveryLabel = Annotated[bool, typer.Option("--every-label", help="The labels kept for testing, too.")]


@command(
    app,
    "instruct",
    "vqa instruct synthetic:2000 -o synthetic.jsonl",
    "vqa instruct coco.jsonl --pictures coco.tar --split train synthetic:5000 -o grounded.jsonl",
    settings=("core", "router", "detector", "yolo_model", "tiles", "caption_model", "device", "seed", "cache", *STORE),
)
def instruct(
    settings: Settings,
    sources: Sources,
    output: Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="Write rows there; - is stdout.")] = "-",
    pictures: Pictures = None,
    split: Split = None,
    limit: Limit = None,
    per_picture: PerPicture = 4,
    held_out: HeldOut = False,
    every_label: EveryLabel = False,
) -> None:
    """Make instructions for `vqa train`: evidence, question and answer, one JSON object a line.

    The experts look at every picture and keep what they saw, so that a run that was stopped goes on where it was.
    """
    from vqa.agent.agent import VQAAgent
    from vqa.agent.instructions.make import Recipe, make

    recipe = Recipe(sources, pictures, split, limit, per_picture, settings.seed, held_out, every_label)
    agent = VQAAgent.from_pretrained(settings=settings)
    tasks: Counter[str] = Counter()
    skipped = 0
    status = Status()
    with Output(output) as out:
        for step in make(recipe, agent):
            status.show(f"{step.source}: {step.done:,} of {step.total:,}, {tasks.total():,} rows")
            for row in step.rows:
                out.line(json_text(row.to_dict()))
            tasks.update(row.task for row in step.rows)
            if step.skipped is not None:
                status.clear()
                _log.warning("skipped %s", step.skipped)
                skipped += 1
            elif step.done % 100 == 0:
                _log.info("%s: %s of %s", step.source, step.done, step.total)
    status.clear()
    if not tasks:
        raise InputError("no rows: none of the pictures could be used")
    _log.info("%s rows: %s", f"{tasks.total():,}", ", ".join(f"{task} {n:,}" for task, n in tasks.most_common()))
    if skipped:
        raise PartialFailure(f"{skipped} pictures could not be used; the others gave {tasks.total():,} rows")


_log = logging.getLogger(__name__)
