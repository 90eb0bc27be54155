"""`vqa cores`: who can answer, and what each takes."""

from __future__ import annotations

from functools import partial
from typing import Any

import typer

from vqa.commandline.options import STORE, Json
from vqa.commands import command
from vqa.errors import VQAError
from vqa.protocols import CoreFacts
from vqa.settings import Settings
from vqa.terminal import columns, json_text

app = typer.Typer()
_command = partial(command, app)

_CHOICES = ("core", "adapter", "base_model", "base_url", "dtype", "quantization", *STORE)


@_command("cores", "vqa cores", "vqa cores --core hf:HuggingFaceTB/SmolVLM-256M-Instruct --json", settings=_CHOICES)
def cores(settings: Settings, json: Json = False) -> None:
    """List the visual cores: what each takes, whether it answers without a network, and what is missing.

    A name with a colon is a family; --core chooses one of it, and its row then tells of that one. Size is that of the
    weights on disk, memory that of the weights when loaded; a question mark is not known before they are here.
    """
    from vqa.registry import cores as registry

    rows = [_row(kind.from_settings(settings)) for kind in registry]
    if json:
        print(json_text(rows, indent=2))
        return
    heads = ("name", "what it is", "size", "memory", "licence", "offline", "missing")
    lines = [
        (
            row["name"],
            row["description"],
            _amount(row["size"]),
            _amount(row["memory"]),
            row["licence"] or ("-" if row["size"] == 0 else "?"),
            "yes" if row["offline"] else "no",
            row["missing"] or "nothing",
        )
        for row in rows
    ]
    print(columns([heads, *lines]))


def _row(core: Any) -> dict[str, Any]:
    try:
        missing = core.available()
        facts = core.facts() if hasattr(core, "facts") else CoreFacts()
    except VQAError as error:  # no adapter is chosen, say; what is missing tells it better
        missing, facts = core.available() or str(error), CoreFacts()
    about = {"name": core.name, "description": core.description, "ready": missing is None, "missing": missing}
    return {**about, **facts.to_dict()}


def _amount(size: int | None) -> str:
    from vqa.weights import megabytes

    return "?" if size is None else megabytes(size) if size else "none"
