"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Into = Annotated[str | None, typer.Option("-o", "--output", metavar="FILE", help="Write there; - is stdout.")]
Save = Annotated[Path | None, typer.Option(metavar="FILE", help="Also save the picture with what was seen drawn.")]
Picture = Annotated[str, typer.Argument(metavar="IMAGE", help="Path, URL, example:NAME, or - for stdin.")]
STORE = ("home", "offline")
