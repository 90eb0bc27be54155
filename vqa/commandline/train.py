"""`vqa train`: an adapter from a recipe."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from vqa.commandline.options import STORE
from vqa.commands import command
from vqa.errors import InputError
from vqa.settings import Settings
from vqa.terminal import clean

app = typer.Typer()
_command = partial(command, app)

Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a key or variable of the recipe; may be repeated."),
]
Folder = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FOLDER", help="Folder of the run, instead of the recipe's.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in that folder, if there is one.")]


@_command(
    "train",
    "vqa train captions.yaml --set data=./flickr8k -o runs/captions",
    "vqa train captions.yaml --set data=./flickr8k -o runs/captions --resume",
    settings=("core", "base_model", "device", "dtype", *STORE),
)
def train(
    settings: Settings,
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A YAML file; see docs/training.md.")],
    change: Changes = None,
    output: Folder = None,
    resume: Resume = False,
) -> None:
    """Train an adapter as a recipe says.

    The folder of the run gets the adapter as it was at its best (best/) and at the end (last/), the metrics
    (metrics.jsonl, curves.png), and a state from which --resume goes on exactly where a killed run stopped.
    """
    from vqa.registry import cores

    core: Any = cores.get(settings.core).from_settings(settings)
    if not hasattr(core, "train"):
        raise InputError(f"core {settings.core!r} cannot be trained")
    print(clean("\n".join(core.train(recipe, changes=change or (), output=output, resume=resume))))
