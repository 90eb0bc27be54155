"""`vqa chat`: a conversation about a picture."""

from __future__ import annotations

import logging
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from vqa.commandline.following import follow
from vqa.commandline.options import Json, Picture
from vqa.commands import command
from vqa.errors import InputError, PartialFailure, VQAError
from vqa.registry import unknown_name
from vqa.settings import Settings, setting_names
from vqa.terminal import AnswerWriter, Output, columns, one_line, print_evidence

if TYPE_CHECKING:
    from vqa.agent.conversation import Conversation
    from vqa.values import Answer

app = typer.Typer()
_command = partial(command, app)
_log = logging.getLogger(__name__)

_LINES_KEPT = 1_000  # of what was typed, in the history file
_HELP = (
    ("/image PICTURE", "go on with another picture"),
    ("/experts [NAMES]", "show the experts; ask exactly these (detect,ocr), or auto: let the router choose again"),
    ("/why", "the evidence of the last answer"),
    ("/save FILE", "the last answer: drawn (.png, .jpg, .webp), or with its evidence (.html, .json)"),
    ("/reset", "forget the questions so far"),
    ("/help", "this list"),
    ("/quit", "end; so does Ctrl-D"),
)


@_command(
    "chat",
    "vqa chat example:bus",
    "printf 'Is there a bus?\\nWhat does it say?\\n' | vqa chat example:bus",
    settings=setting_names(),
)
def chat(settings: Settings, image: Picture, json: Json = False) -> None:
    """Ask questions about a picture, one after the other; each may refer to those before it.

    In a terminal, lines can be edited and are remembered; /help lists the commands. From a pipe, each line is a
    question or a command, and each answer a line, with --json an object; what cannot be done is said on stderr.
    """
    from vqa.agent.agent import VQAAgent

    if image == "-":
        raise InputError("chat reads questions from standard input; give the picture as a file")
    agent = VQAAgent.from_pretrained(settings=settings)
    session = _Session(agent.chat(image), as_json=json)
    interactive = sys.stdin.isatty()
    failed = 0
    with _line_editing(settings.home / "chat_history") if interactive else nullcontext():
        if interactive:
            width, height = session.conversation.image.pil.size
            _say(f"{one_line(image)}, {width}x{height} pixels. Ask about it; /help lists the commands, Ctrl-D ends.")
        for line in _lines(interactive):
            try:
                if not session.take(line):
                    break
            except VQAError as error:
                _log.error("%s", error)
                failed += 1
            except KeyboardInterrupt:
                if not interactive:
                    raise
                _say("\ninterrupted")
    if failed and not interactive:
        raise PartialFailure(f"{failed} lines failed; the others are answered")


class _Session:
    """What a line does: a question is answered, a command carried out."""

    def __init__(self, conversation: Conversation, *, as_json: bool) -> None:
        self.conversation = conversation
        self._as_json = as_json
        self._noted: set[str] = set()
        self._commands: dict[str, Callable[[str], None]] = {
            "/image": self._image,
            "/experts": self._experts,
            "/why": self._why,
            "/save": self._save,
            "/reset": self._reset,
            "/help": lambda _: _say(columns(_HELP)),
        }

    def take(self, line: str) -> bool:
        """Do what a line says; return whether the conversation goes on."""
        name, _, rest = line.strip().partition(" ")
        if name in ("/quit", "/exit"):
            return False
        if name.startswith("/"):
            if name not in self._commands:
                raise InputError(unknown_name("command", name, [*self._commands, "/quit"]))
            self._commands[name](rest.strip())
        elif name:
            self._ask(line)
        return True

    def _ask(self, question: str) -> None:
        from vqa.agent.answering import check_whole

        source = self.conversation.image.source
        writer = AnswerWriter(Output(), as_json=self._as_json, several=self._as_json)
        answer = follow(self.conversation.events(question), writer, source, question)
        for note in answer.notes:
            if note not in self._noted:
                _log.warning("%s", note)
                self._noted.add(note)
        if answer.abstention:
            _log.warning("no answer: %s", answer.abstention)
        if self.conversation.agent.settings.strict:
            check_whole(answer)

    def _image(self, source: str) -> None:
        if not source:
            raise InputError("/image needs a picture, e.g. /image photo.jpg")
        with suppress(ValueError):  # an apostrophe in a name without quotes
            source = " ".join(shlex.split(source))
        self.conversation.show(source)
        self._noted.clear()
        _say(f"looking at {one_line(source)}")

    def _experts(self, names: str) -> None:
        agent = self.conversation.agent
        if names:
            chosen = () if names == "auto" else tuple(names.replace(",", " ").split())
            for name in chosen:
                if name not in agent.experts:
                    raise InputError(unknown_name("expert", name, sorted(agent.experts)))
            agent.settings = replace(agent.settings, experts=chosen)
        only = agent.settings.experts
        _say(f"asked: {', '.join(only)}" if only else "asked: whom the router chooses")
        if not names:
            rows = [(e.name, e.available() or "ready", e.description) for e in agent.experts.values()]
            _say(columns(rows))

    def _why(self, _: str) -> None:
        print_evidence(self._last())

    def _last(self) -> Answer:
        if not self.conversation.answers:
            raise InputError("nothing has been answered yet; ask something first")
        return self.conversation.answers[-1]

    def _save(self, path: str) -> None:
        if not path:
            raise InputError("/save needs a file, e.g. /save answer.png")
        self._last().save(path)
        _say(f"saved {one_line(path)}")

    def _reset(self, _: str) -> None:
        self.conversation.reset()
        _say("forgotten")


def _lines(interactive: bool) -> Iterator[str]:
    """Yield what is typed or piped in, line by line."""
    if not interactive:
        yield from sys.stdin
        return
    while True:
        try:
            if sys.stdout.isatty():
                yield input("> ")
            else:  # the prompt is not part of the answers
                sys.stderr.write("> ")
                sys.stderr.flush()
                yield input()
        except EOFError:
            _say("")
            return
        except KeyboardInterrupt:
            _say("")  # the line is given up, the conversation is not


@contextmanager
def _line_editing(history: Path) -> Iterator[None]:
    """Let lines be edited, completed and remembered, where Python comes with readline."""
    try:
        import readline
    except ImportError:
        yield
        return
    words = [usage.split()[0] for usage, _ in _HELP]

    def complete(text: str, state: int) -> str | None:
        found = [word for word in words if word.startswith(text)] if text.startswith("/") else []
        return found[state] if state < len(found) else None

    readline.set_completer_delims(" ")
    readline.set_completer(complete)
    readline.parse_and_bind("bind ^I rl_complete" if "libedit" in (readline.__doc__ or "") else "tab: complete")
    readline.set_history_length(_LINES_KEPT)
    with suppress(OSError):
        readline.read_history_file(history)
    try:
        yield
    finally:
        with suppress(OSError):
            history.parent.mkdir(parents=True, exist_ok=True)
            history.touch(mode=0o600)  # it holds what was asked
            readline.write_history_file(history)


def _say(text: str) -> None:
    print(text, file=sys.stderr)
