"""`vqa models`: the weights that this project knows."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from vqa.commandline.options import STORE, Json
from vqa.commands import command, group
from vqa.errors import ModelUnavailable
from vqa.settings import Settings
from vqa.terminal import clean, columns, json_text

app = group("List, fetch, check and remove the weights that this project knows.", default="list")
_command = partial(command, app)

Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Models; see `vqa models`.")]


@_command("list", "vqa models list", "vqa models list --json", settings=STORE)
def models_list(settings: Settings, json: Json = False) -> None:
    """List every model: what it is for, its size, its licence, and where it is."""
    from vqa.weights import Store, megabytes

    statuses = Store.from_settings(settings).statuses()
    if json:
        print(json_text([status.to_dict() for status in statuses], indent=2))
        return
    heads = ("name", "what for", "size", "licence", "where")
    rows = [(s.model.name, s.model.purpose, megabytes(s.model.size), s.model.licence, s.where) for s in statuses]
    print(columns([heads, *rows]))


@_command("pull", "vqa models pull", "vqa models pull easyocr-en", settings=STORE)
def models_pull(settings: Settings, names: Names = None) -> None:
    """Fetch models; without a name, everything that a built-in answer needs."""
    from vqa.weights import MODELS, Store

    store = Store.from_settings(settings)
    for name in names or [model.name for model in MODELS if model.builtin]:
        print(columns([(name, str(store.fetch(name, insist=True)))]))


@_command("verify", "vqa models verify", "vqa models verify easyocr-en", settings=STORE)
def models_verify(settings: Settings, names: Names = None, json: Json = False) -> None:
    """Read every file of the models that are here, or of those named, and compare hashes."""
    from vqa.weights import Store

    store = Store.from_settings(settings)
    checked = names or [status.model.name for status in store.statuses() if status.folder]
    faults = {name: store.verify(name) for name in checked}
    if json:
        print(json_text(faults, indent=2))
    elif faults:
        print(columns([(name, "; ".join(found) or "sound") for name, found in faults.items()]))
    if damaged := [name for name, found in faults.items() if found]:
        raise ModelUnavailable(f"damaged: {', '.join(damaged)}; run `vqa models pull {' '.join(damaged)}`")


@_command("path", "vqa models path easyocr-en", "vqa models path yolo11n --home ./weights", settings=STORE)
def models_path(settings: Settings, name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    """Print the folder that holds a model's files."""
    from vqa.weights import Store

    print(clean(str(Store.from_settings(settings).path(name))))


@_command("rm", "vqa models rm blip-base", "vqa models rm yolo11n easyocr-en", settings=STORE)
def models_rm(settings: Settings, names: Annotated[list[str], typer.Argument(metavar="NAME...")]) -> None:
    """Delete models, and what was made from them."""
    from vqa.weights import Store, megabytes

    store = Store.from_settings(settings)
    for name in [store.model(name).name for name in names]:
        print(columns([(name, f"{megabytes(store.remove(name))} freed")]))


_CONVERT = ("vqa models convert BIAS-7B.pth bias-7b", "vqa models convert BIAS-7B.pth bias-7b --base-model ./llama-7b")


@_command("convert", *_CONVERT, settings=("base_model", *STORE))
def models_convert(settings: Settings, source: Path, folder: Path) -> None:
    """Turn a released LLaMA-Adapter V2 or MiniGPT-4 checkpoint (.pth) into a folder.

    Answer with it by `--core llama-adapter --adapter FOLDER`, or `--core minigpt4 --adapter FOLDER`.
    """
    from vqa.registry import cores

    core: Any = cores.get("llama-adapter").from_settings(settings)
    print(clean("\n".join(core.convert(source, folder))))


_AVERAGE = ("vqa models average mean runs/a/last runs/b/last", "vqa models average mean smollm2-135m runs/a/last")


@_command("average", *_AVERAGE, settings=STORE)
def models_average(
    settings: Settings,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER")],
    adapters: Annotated[list[str], typer.Argument(metavar="ADAPTER...", help="At least two of one shape.")],
) -> None:
    """Write the mean of several adapters' weights to a folder, which often answers better than any of them.

    They should have begun with the same weights; one that is named twice counts twice.
    """
    from vqa.registry import cores

    core: Any = cores.get("llama-adapter").from_settings(settings)
    print(clean("\n".join(core.average(adapters, folder))))
