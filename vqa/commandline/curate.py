"""`vqa curate`: long descriptions of pictures for training, written by a model and mended."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from vqa.commandline.options import STORE
from vqa.commands import command
from vqa.errors import InputError, ModelUnavailable, PartialFailure
from vqa.settings import Settings
from vqa.terminal import check_writable, columns

app = typer.Typer()

_MODEL = ("core", "adapter", "base_model", "base_url", "device", "dtype", "quantization")
_DECODING = ("max_new_tokens", "temperature", "top_p", "top_k", "seed")
_DEFAULTS = {"core": "minigpt4-smollm2", "max_new_tokens": 160}  # where nothing was chosen: a description is long

Pictures = Annotated[
    list[str],
    typer.Argument(metavar="PICTURES...", help="Folders, patterns, one .tar or .zip; or annotations (.jsonl, .json)."),
]


@command(
    app,
    "curate",
    "vqa curate flickr8k.jsonl --split train --captions --fewest 25 -o told.jsonl",
    "vqa curate coco.jsonl --split train --limit 500 -o long.jsonl --resume --fix openai:llama3.2 "
    "--base-url http://localhost:11434/v1",
    settings=(*_MODEL, *_DECODING, *STORE),
)
def curate(
    settings: Settings,
    pictures: Pictures,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="The dataset (.jsonl); drops go beside it.")
    ],
    captions: Annotated[
        bool, typer.Option("--captions", help="Take the annotations' captions for descriptions; no model is asked.")
    ] = False,
    fix: Annotated[
        str, typer.Option(metavar="NAME", help="Who mends: rules, or a core such as openai:MODEL or text:OWNER/NAME.")
    ] = "rules",
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite; with --resume: mix settings.")] = False,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help="Only the first so many pictures.")] = None,
    split: Annotated[str | None, typer.Option(metavar="NAME", help="Only annotated pictures of this split.")] = None,
    image_root: Annotated[
        str | None, typer.Option(metavar="PLACE", help="Pictures of the annotations; by default beside them.")
    ] = None,
    continues: Annotated[
        int, typer.Option(metavar="N", min=0, help="Most turns that continue a description under 80 tokens.")
    ] = 1,
    fewest: Annotated[int, typer.Option(metavar="N", min=1, help="Tokens that a kept text has at least.")] = 40,
    batch_rows: Annotated[int, typer.Option(metavar="N", min=1, help="Pictures described together.")] = 8,
) -> None:
    """Make a dataset of long descriptions for training.

    A model describes each picture, or with --captions people did; short answers are continued, each text is mended, and
    what is then still wrong or too short is dropped. Every picture is a row of FILE, which vqa train reads as captions,
    or, with the reason, of FILE's .dropped.jsonl. The core is minigpt4-smollm2 and an answer has at most 160 tokens
    where nothing is chosen.
    """
    from vqa.agent.batch.pictures import Pictures as Place
    from vqa.agent.batch.progress import Display
    from vqa.agent.batch.stopping import Stop
    from vqa.agent.curation.curate import FAILURES, Job
    from vqa.agent.curation.curate import curate as run
    from vqa.agent.curation.fixing import fixer
    from vqa.agent.curation.pictures import captioned, named
    from vqa.registry import cores

    if output.suffix.lower() != ".jsonl":
        raise InputError(f"{str(output)!r}: expected a name that ends in .jsonl")
    job = Job(output, fix, continues, fewest, batch_rows, resume, force)
    for path in (job.output, job.dropped):
        check_writable(path)
    names, root = named(pictures, root=image_root, split=split)
    names = names[:limit]
    told = captioned(pictures, names) if captions else None
    unset: dict[str, Any] = {
        name: value for name, value in _DEFAULTS.items() if settings.origins.get(name, "default") == "default"
    }
    settings = replace(settings, **unset)
    core = cores.get(settings.core).from_settings(settings)
    if missing := core.available():
        raise ModelUnavailable(f"core {core.name!r}: {missing}")
    if told is None and not getattr(core, "sees", lambda: True)():
        raise InputError(f"core {core.name!r} sees no picture; choose one that does: see `vqa cores`")
    mender = fixer(fix, settings)
    with (
        Place(root, offline=settings.offline) as place,
        Stop() as stop,
        Display(lambda: len(names), things="pictures", bad="dropped") as display,
    ):
        found = run(job, names, place.load, core, mender, settings=settings, told=told, stop=stop, watch=display.show)
    print(
        columns(
            [("kept", f"{found['kept']:,}"), *((f"dropped: {r}", f"{n:,}") for r, n in found.items() if r != "kept")]
        )
    )
    stop.raise_if_stopped(f"after {found.total():,} pictures; go on with --resume")
    if failed := sum(found[reason] for reason in FAILURES):
        raise PartialFailure(f"{failed:,} of {found.total():,} pictures could not be described; {job.dropped} says why")
    if not found["kept"]:
        _log.warning("no text was kept: %s says why", job.dropped)


_log = logging.getLogger(__name__)
