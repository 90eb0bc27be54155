"""`vqa cache`: what experts saw in earlier pictures, kept on disk."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated

import typer

from vqa.commandline.options import Json
from vqa.commands import command, group
from vqa.settings import Settings
from vqa.terminal import columns, json_text

app = group("Look at and clear what experts saw in earlier pictures, kept on disk.", default="list")
_command = partial(command, app)

Experts = Annotated[list[str] | None, typer.Argument(metavar="[EXPERT]...", help="Experts; all by default.")]


@_command("list", "vqa cache", "vqa cache list --json", settings=("home", "cache_size"))
def cache_list(settings: Settings, json: Json = False) -> None:
    """Tell how many findings of each expert are kept, how large they are, and when one last served."""
    from vqa.agent.cache import cache_file, on_disk
    from vqa.weights import megabytes

    kept = on_disk(settings).contents()
    file = cache_file(settings)
    size = file.stat().st_size if file.exists() else 0
    if json:
        told = {"file": str(file), "bytes": size, "most_bytes": settings.cache_size * 1_000_000}
        print(json_text({**told, "experts": [row.to_dict() for row in kept]}, indent=2))
        return
    if kept:
        rows = [(row.expert, f"{row.findings:,}", megabytes(row.bytes), _when(row.used)) for row in kept]
        print(columns([("expert", "findings", "size", "last used"), *rows]))
    print(columns([(f"{megabytes(size)} of at most {settings.cache_size} MB in {file}",)]))


@_command("clear", "vqa cache clear", "vqa cache clear ocr caption", settings=("home",))
def cache_clear(settings: Settings, experts: Experts = None) -> None:
    """Forget what experts saw; they look again when asked."""
    from vqa.agent.cache import on_disk
    from vqa.registry import experts as registry
    from vqa.words import counted

    cache = on_disk(settings)
    known = {row.expert for row in cache.contents()}
    for name in experts or []:
        if name not in known:
            registry.get(name)  # refuses a name that is nobody's
    print(f"{counted('finding', cache.clear(experts or []))} forgotten")


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
