"""The `vqa` command: parse, call, render; nothing else lives here.

Commands about one picture are in this file; each other group of commands is a file of `vqa/commandline/`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vqa import __version__
from vqa.commandline import batch, cache, chat, cores, curate, instruct, models, replay, train
from vqa.commandline import eval as evaluation
from vqa.commandline.following import follow
from vqa.commandline.options import STORE, Into, Json, Picture, Save
from vqa.commands import command, run_process
from vqa.errors import InputError, ModelUnavailable, PartialFailure
from vqa.settings import Settings, setting_help, setting_names
from vqa.terminal import (
    AnswerWriter,
    Output,
    Status,
    check_writable,
    clean,
    columns,
    json_text,
    numbered,
    print_evidence,
    shown,
)

if TYPE_CHECKING:
    from vqa.registry import Registry
    from vqa.values import LoadedImage

# Plain help: drawing it with rich would take a third of the time that `vqa --help` may take.
app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Ask questions about pictures and see the evidence; everything runs on this machine.",
    epilog='\b\nExamples:\n  vqa ask example:bus "How many people are there?"\n  vqa doctor',
)
app.add_typer(batch.app)
app.add_typer(chat.app)
app.add_typer(evaluation.app, name="eval")
app.add_typer(cores.app)
app.add_typer(curate.app)
app.add_typer(instruct.app)
app.add_typer(replay.app)
app.add_typer(train.app)
app.add_typer(models.app, name="models")
app.add_typer(cache.app, name="cache")
_command = partial(command, app)


_DETECTOR = ("detector", "yolo_model", "tiles")
_READER = ("ocr_model", "ocr_languages")
_ROUTING = ("router", "experts", "no_experts", *_DETECTOR)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    if version:
        print(__version__)
    elif context.invoked_subcommand is None:
        print(context.get_help())


@_command(
    "ask",
    'vqa ask example:bus "How many people are there?" --explain',
    'vqa ask photo.jpg --question "Is there a dog?" --question "What does the sign say?" --json',
    settings=setting_names(),
)
def ask(
    settings: Settings,
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE... QUESTION",
            help="Pictures (path, URL, example:NAME, - for stdin), then the question, unless --question asks it.",
        ),
    ],
    question: Annotated[list[str] | None, typer.Option(metavar="TEXT", help="A question; may be repeated.")] = None,
    json: Json = False,
    output: Into = None,
    save: Save = None,
    trace: Annotated[Path | None, typer.Option(metavar="FILE", help="Record all of it, for vqa replay.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show the evidence as a table, on stderr.")] = False,
    show_prompt: Annotated[bool, typer.Option("--show-prompt", help="Show what the core reads, on stderr.")] = False,
) -> None:
    """Ask questions about pictures.

    Questions about one picture share what the experts saw in it. Several answers come one a line, each after its
    picture and question, with tabs between; with --json, one object a line.
    """
    from vqa.agent.agent import VQAAgent, check_question
    from vqa.agent.trace import Recorder
    from vqa.saving import check_path

    pictures, texts = _pictures_and_questions(arguments, question or [])
    questions = [check_question(text).text for text in texts]
    if save:
        check_path(save)
    if trace:
        check_writable(trace)
    agent = VQAAgent.from_pretrained(settings=settings)
    recorder = Recorder(agent)
    total, failed, degraded = len(pictures) * len(questions), 0, 0
    noted: set[tuple[str, str]] = set()
    with Output(output) as out:
        writer = AnswerWriter(out, as_json=json, several=total > 1)
        for place, picture in enumerate(pictures):
            source: str | LoadedImage = picture
            for number, text in enumerate(questions, place * len(questions) + 1):
                try:
                    events = recorder.listen(agent.events(source, text))
                    answer = follow(events, writer, picture, text, show_prompt=show_prompt)
                except InputError as error:
                    if len(pictures) == 1:
                        raise
                    _log.error("%s", error)
                    writer.fail(picture, questions, error)
                    failed += 1
                    break
                degraded += answer.degraded
                source = answer.image or picture  # read once, also from stdin and URLs
                for note in answer.notes:
                    if (picture, note) not in noted:
                        _log.warning("%s", note)
                        noted.add((picture, note))
                if explain:
                    print_evidence(answer)
                elif answer.abstention:
                    _log.warning("no answer%s: %s", f" to {text!r}" if total > 1 else "", answer.abstention)
                if save:
                    answer.save(numbered(save, number, total))
                if trace:
                    recorder.trace().save(numbered(trace, number, total))
    if failed == len(pictures):
        raise InputError(f"none of the {failed} pictures could be used")
    if failed:
        raise PartialFailure(f"{failed} of {len(pictures)} pictures could not be used; the others are answered")
    if degraded and settings.strict:
        raise PartialFailure(f"{degraded} of {total} answers had to do without an expert")


def _pictures_and_questions(arguments: Sequence[str], questions: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    *pictures, question = arguments
    if questions:  # what reads as one stands before them: vqa ask a.jpg "Is there a dog?" --question "Is it wet?"
        reads_as_one = pictures and " " in question and question.rstrip().endswith(("?", "."))
        return (pictures, [question, *questions]) if reads_as_one else (arguments, questions)
    if not pictures:
        raise InputError(f'one argument is not enough: vqa ask IMAGE "QUESTION"; got only {question!r}')
    for word in pictures[1:]:
        if word != "-" and not set(word) & set("./:\\") and not Path(word).exists():
            raise InputError(
                f"{word!r} is not a picture; put the whole question in quotes, each of several behind --question"
            )
    return pictures, [question]


@_command(
    "caption",
    "vqa caption example:bus",
    "vqa caption photo.jpg --caption-model Salesforce/blip-image-captioning-base --json",
    settings=("caption_model", "device", "dtype", "cache", *STORE),
)
def caption(settings: Settings, image: Picture, json: Json = False, output: Into = None, save: Save = None) -> None:
    """Describe a picture in a sentence."""
    _look(settings, "caption", image, json=json, output=output, save=save)


@_command(
    "classify",
    "vqa classify example:coffee",
    "vqa classify photo.jpg --json",
    settings=("cache", *STORE),
)
def classify(settings: Settings, image: Picture, json: Json = False, output: Into = None, save: Save = None) -> None:
    """Name what a picture shows as a whole, one of 1,000 classes."""
    _look(settings, "classify", image, json=json, output=output, save=save)


@_command(
    "scene",
    "vqa scene example:bus",
    "vqa scene photo.jpg --json",
    settings=("cache", *STORE),
)
def scene(settings: Settings, image: Picture, json: Json = False, output: Into = None, save: Save = None) -> None:
    """Tell what a picture is like: the weather, the season, what is around, what somebody does."""
    _look(settings, "scene", image, json=json, output=output, save=save)


@_command(
    "people",
    "vqa people example:zidane",
    "vqa people photo.jpg --json --save faces.png",
    settings=(*_DETECTOR, "device", "cache", *STORE),
)
def people(settings: Settings, image: Picture, json: Json = False, output: Into = None, save: Save = None) -> None:
    """Tell who somebody is: man, woman, boy or girl, how old they look, what their faces show."""
    _look(settings, "people", image, json=json, output=output, save=save)


@_command(
    "detect",
    "vqa detect example:bus --save boxes.png",
    "curl -s https://example.com/street.jpg | vqa detect - --json",
    settings=(*_DETECTOR, "device", "cache", *STORE),
)
def detect(settings: Settings, image: Picture, json: Json = False, output: Into = None, save: Save = None) -> None:
    """Find objects in a picture: counts, places and boxes."""
    _look(settings, "detect", image, json=json, output=output, save=save)


@_command(
    "read",
    "vqa read example:page",
    "vqa read receipt.jpg --ocr-languages en,de --json -o receipt.json",
    settings=(*_READER, "device", "cache", *STORE),
)
def read(settings: Settings, image: Picture, json: Json = False, output: Into = None, save: Save = None) -> None:
    """Read the text in a picture, in reading order."""
    _look(settings, "ocr", image, json=json, output=output, save=save)


def _look(settings: Settings, expert: str, image: str, *, json: bool, output: str | None, save: Path | None) -> None:
    from vqa.agent.agent import VQAAgent
    from vqa.images import load_image
    from vqa.saving import PICTURE_ENDINGS, check_path, save_findings

    if save:
        check_path(save, PICTURE_ENDINGS)
    with Output(output) as out:
        loaded = load_image(image, offline=settings.offline)
        status = Status()
        status.show(f"{expert}: looking …")
        try:
            finding = VQAAgent.from_pretrained(settings=settings).look(expert, loaded)
        finally:
            status.clear()
        for note in (*loaded.notes, *finding.notes):
            _log.warning("%s", note)
        out.line(json_text(finding.to_dict(), indent=2) if json else clean(finding.text))
    if save:
        save_findings(loaded, [finding], save)


@_command(
    "route",
    'vqa route "How many people are waiting?"',
    'vqa route "What does the sign say?" --json',
    settings=_ROUTING,
)
def route(settings: Settings, question: Annotated[str, typer.Argument(metavar="QUESTION")], json: Json = False) -> None:
    """Show which experts a question would be given to, and why; loads no weights."""
    from vqa.agent.agent import VQAAgent, check_question

    chosen = VQAAgent.from_pretrained(settings=settings).route(check_question(question).text)
    if json:
        print(json_text(chosen.to_dict(), indent=2))
        return
    print(clean(f"{', '.join(chosen.experts) or 'no expert'}: {chosen.reason}"))
    print(columns([("yes" if name in chosen.experts else "no", name, why) for name, why in chosen.reasons.items()]))


@_command("experts", "vqa experts", "vqa experts --json", settings=(*_DETECTOR, *_READER, "caption_model", *STORE))
def experts(settings: Settings, json: Json = False) -> None:
    """List the experts, and whether each can look here."""
    from vqa.registry import experts as registry

    _list(registry, settings, json=json)


@_command("routers", "vqa routers", "vqa routers --json")
def routers(settings: Settings, json: Json = False) -> None:
    """List the routers."""
    from vqa.registry import routers as registry

    _list(registry, settings, json=json)


def _list(registry: Registry[Any], settings: Settings, *, json: bool) -> None:
    rows = []
    for kind in registry:
        part = kind.from_settings(settings)
        missing = part.available() if hasattr(part, "available") else None
        rows.append({"name": part.name, "description": part.description, "ready": missing is None, "missing": missing})
    if json:
        print(json_text(rows, indent=2))
    else:
        print(columns([(row["name"], row["description"], row["missing"] or "ready") for row in rows]))


@_command("examples", "vqa examples", "vqa examples --json")
def examples(settings: Settings, json: Json = False) -> None:
    """List pictures that installed packages ship, each with a question."""
    from vqa.examples import examples as known

    rows = [{"source": example.source, "question": example.question} for example in known()]
    print(json_text(rows, indent=2) if json else columns([tuple(row.values()) for row in rows]))


@_command("doctor", "vqa doctor", "vqa doctor --json", settings=setting_names())
def doctor(settings: Settings, json: Json = False) -> None:
    """Say what works on this machine, what is missing, and the command that mends it."""
    from vqa.agent.doctor import examine

    checks = examine(settings)
    if json:
        print(json_text([check.to_dict() for check in checks], indent=2))
    else:
        print(columns([(check.status, check.name, check.message) for check in checks]))
        if remedies := [(check.name, check.mend) for check in checks if check.mend]:
            print("\nTo mend:\n" + columns(remedies))
    if missing := [check.name for check in checks if check.status == "missing"]:
        raise ModelUnavailable(f"not ready to answer: {', '.join(missing)}")


@_command("config", "vqa config", "VQA_OFFLINE=1 vqa config --json", settings=setting_names())
def config(settings: Settings, json: Json = False) -> None:
    """Show every setting: its value, where it comes from, and what it is for."""
    rows = []
    for name in setting_names():
        value = getattr(settings, name)
        value = str(value) if isinstance(value, Path) else value
        rows.append({"name": name, "value": value, "origin": settings.origins[name], "help": setting_help(name)})
    if json:
        print(json_text(rows, indent=2))
        return
    print(columns([(row["name"], shown(row["value"]), row["origin"], row["help"]) for row in rows]))


def main() -> None:
    """Run the command line of this process."""
    run_process(app)


_log = logging.getLogger(__name__)
