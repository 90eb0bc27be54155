"""`vqa replay`: a recorded question, answered again."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from vqa.commandline.options import STORE, Json
from vqa.commands import command
from vqa.errors import VQAError
from vqa.settings import Settings
from vqa.terminal import clean, columns, json_text

app = typer.Typer()
_command = partial(command, app)


@_command(
    "replay",
    "vqa replay trace.json",
    "vqa replay trace.json --fresh --json",
    settings=STORE,
)
def replay(
    settings: Settings,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `vqa ask --trace FILE` wrote.")],
    fresh: Annotated[bool, typer.Option("--fresh", help="Ask the experts again, too.")] = False,
    json: Json = False,
) -> None:
    """Answer a recorded question again and say what differs.

    Takes the settings, the picture and, without --fresh, the findings from the file. Exit code 0 if the core read the
    same prompt and gave the same answer byte for byte, else 1.
    """
    from vqa.agent.replaying import replay as answer_again
    from vqa.agent.replaying import replaying_agent
    from vqa.agent.trace import Trace

    trace = Trace.load(file)
    result = answer_again(trace, replaying_agent(trace, settings=settings, fresh=fresh))
    if json:
        print(json_text(result.to_dict(), indent=2))
    else:
        if result.reproduced:
            print(clean(f"reproduced: {result.answer.text}"))
        if result.differences:
            rows = [(difference.what, difference.was, difference.now) for difference in result.differences]
            print(columns([("differs", "was", "now"), *rows]))
    if not result.reproduced:
        raise VQAError(f"not reproduced: {', '.join(d.what for d in result.differences)}")
