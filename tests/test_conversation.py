from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Self

import pytest
from PIL import Image

from vqa import InputError, Settings, VQAAgent
from vqa.adapter_model.cores.echo import EchoCore
from vqa.agent.questions.coreference import resolved
from vqa.cli import app
from vqa.commands import run
from vqa.registry import routers
from vqa.values import Finding, FindingKind, LoadedImage, Question, Region

ROOT = Path(__file__).resolve().parent.parent
LABELS = {"person", "bus", "dog", "cat", "horse"}
PICTURE = Image.new("RGB", (8, 8), "red")
BLIND = ("--core", "echo", "--router", "none")


class Buses:
    """An expert that sees one bus and remembers how often it looked."""

    name: ClassVar[str] = "buses"
    kind: ClassVar[FindingKind] = "objects"
    description: ClassVar[str] = "sees one bus"
    cues: ClassVar[tuple[str, ...]] = ()
    uses_question: ClassVar[bool] = False
    vocabulary = tuple(sorted(LABELS))

    def __init__(self) -> None:
        self.looks = 0

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls()

    def available(self) -> str | None:
        return None

    def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
        self.looks += 1
        region = Region((0, 0, 4, 4), "bus", 0.9)
        return Finding("buses", "objects", "1 bus", (region,), vocabulary=self.vocabulary, size=image.pil.size)


def agent(*experts: Buses) -> VQAAgent:
    settings = Settings.load({"core": "echo", "router": "rules", "cache": False})
    return VQAAgent(experts, routers.get("rules").from_settings(settings), core=EchoCore(), settings=settings)


@pytest.mark.parametrize(
    ("turns", "question", "read_as"),
    [
        ([("Where is the bus?", "left")], "What colour is it?", "What colour is the bus?"),
        ([("Where is the bus?", "left")], "What is its colour?", "What is the bus's colour?"),
        ([("How many people are there?", "4")], "Where are they?", "Where are the people?"),
        ([("How many people are there?", "4")], "How many of them sit?", "How many of the people sit?"),
        ([("Is there a man?", "Yes")], "What is he wearing?", "What is the person wearing?"),
        ([("Is there a dragon?", "No")], "Where is it?", "Where is the dragon?"),
        ([("Which animal is this?", "A cat.")], "Is it asleep?", "Is the cat asleep?"),
        ([("Where is the bus?", "left"), ("Who drives?", "a man")], "Is it full?", "Is the bus full?"),
        ([("Where is the bus?", "left"), ("What does it say?", "110")], "Is it red?", "Is the bus red?"),
    ],
)
def test_a_pronoun_means_what_was_last_asked_about(turns: list[tuple[str, str]], question: str, read_as: str) -> None:
    assert resolved(question, turns, LABELS) == read_as


@pytest.mark.parametrize(
    ("turns", "question"),
    [
        ([], "What colour is it?"),
        ([("Where is the bus?", "left")], "Is it raining?"),
        ([("Where is the bus?", "left")], "What time is it?"),
        ([("Where is the bus?", "left")], "Is the dog beside it?"),
        ([("Where is the bus?", "left")], "Does the sign look as if it were new?"),
        ([("Where is the bus?", "left")], "What is she wearing?"),
        ([("How many people are there?", "4")], "What does it say?"),
        ([("What does the sign say?", "exit")], "What colour is it?"),
        ([("Where is the bus?", "left")], "How many dogs are there?"),
    ],
)
def test_a_question_with_no_clear_reference_is_asked_as_it_is(turns: list[tuple[str, str]], question: str) -> None:
    assert resolved(question, turns, LABELS) == question


def test_turns_reach_the_core_and_experts_look_once() -> None:
    buses = Buses()
    chat = agent(buses).chat(PICTURE)
    chat.ask("Where is the bus?")
    second = chat.ask("How many people are there?")
    assert second.prompt.text.startswith("Where is the bus?\n")
    assert second.prompt.text.endswith("Detector: no people\nHow many people are there?")
    assert buses.looks == 1
    assert [question for question, _ in chat.history] == ["Where is the bus?", "How many people are there?"]


def test_a_follow_up_is_routed_and_folded_by_what_its_pronoun_means_and_says_so() -> None:
    chat = agent(Buses()).chat(PICTURE)
    chat.ask("Where is the bus?")
    answer = chat("What colour is it?")
    assert answer.question.text == "What colour is the bus?"
    assert answer.notes == ("read as: What colour is the bus?",)
    assert answer.route.experts == ("buses",)
    assert "Detector: 1 bus (left)" in answer.prompt.used or "Detector: 1 bus (top left)" in answer.prompt.used


def test_reset_and_another_picture_forget_the_turns_but_not_what_was_seen() -> None:
    buses = Buses()
    chat = agent(buses).chat(PICTURE)
    chat.ask("Is there a bus?")
    chat.reset()
    assert chat.ask("Is there a bus?").prompt.text.count("Is there a bus?") == 1
    assert buses.looks == 1
    chat.show(Image.new("RGB", (8, 8), "blue"))
    assert chat.history == []
    chat.ask("Is there a bus?")
    assert buses.looks == 2


def test_a_stream_that_is_left_early_and_a_refused_question_make_no_turn() -> None:
    chat = agent(Buses()).chat(PICTURE)
    pieces = chat.stream("Is there a bus?")
    assert next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="empty"):
        chat.ask("  ")
    with pytest.raises(InputError, match="no such file"):
        chat.show("none.png")
    assert chat.history == []
    assert "".join(chat.stream("Is there a bus?")).strip() == chat.answers[-1].text


def test_a_long_conversation_stays_inside_the_budget() -> None:
    chat = agent(Buses()).chat(PICTURE)
    for number in range(60):
        answer = chat.ask(f"Is there a bus, {number}? " + "really " * 200)
        assert answer.prompt.tokens <= answer.prompt.budget
        assert "Detector: 1 bus" in answer.prompt.used[0]
    assert "earlier turn" in answer.prompt.dropped[0]


Chat = Callable[..., tuple[int, list[str], str]]


@pytest.fixture
def chat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Chat:
    """Pipe lines into `vqa chat`; return the code, the lines of stdout, and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VQA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("VQA_OFFLINE", "1")
    PICTURE.save("p.png")
    Image.new("RGB", (8, 8), "blue").save("an other.png")

    def call(*lines: str, flags: tuple[str, ...] = BLIND) -> tuple[int, list[str], str]:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        code = run(app, ["chat", "p.png", *flags])
        out, err = capsys.readouterr()
        return code, out.splitlines(), err

    return call


def test_piped_questions_get_an_answer_each_and_nothing_else_on_stdout(chat: Chat) -> None:
    code, out, err = chat("Who is it?", "", "/reset", "And where?")
    assert (code, out, err) == (0, ["Who is it?", "And where?"], "forgotten\n")
    assert not Path("home/chat_history").exists()


def test_piped_json_is_an_object_a_line_with_the_history_in_the_prompt(chat: Chat) -> None:
    code, out, _ = chat("Who?", "Where?", flags=(*BLIND, "--json"))
    told = [json.loads(line) for line in out]
    assert code == 0
    assert [row["question"]["text"] for row in told] == ["Who?", "Where?"]
    assert told[1]["prompt"]["text"] == "Who?\nWho?\nWhere?"


def test_commands_do_what_the_help_says(chat: Chat) -> None:
    code, out, err = chat(
        "Who?", "/why", "/save a.json", "/image 'an other.png'", "/why", "/experts detect", "/experts", "/experts auto",
        "/help", "/quit", "Never asked?",
    )  # fmt: skip
    assert out == ["Who?"]
    assert "echo read" in err
    assert json.loads(Path("a.json").read_text())["answer"] == "Who?"
    assert "looking at an other.png" in err
    assert "asked: detect\n" in err
    assert "asked: whom the router chooses" in err
    for command in ("/image PICTURE", "/experts", "/why", "/save FILE", "/reset", "/quit"):
        assert f"\n{command}" in err
    assert code == 4  # /why after /image: nothing has been answered
    assert "error: nothing has been answered yet" in err


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("/wy", "did you mean '/why'"),
        ("/image", "/image needs a picture"),
        ("/image none.png", "no such file"),
        ("/save", "/save needs a file"),
        ("/experts detct", "did you mean 'detect'"),
        ("x" * 3000, "3,000 characters"),
    ],
)
def test_a_line_that_cannot_be_done_is_said_and_the_next_one_is_answered(chat: Chat, line: str, why: str) -> None:
    code, out, err = chat(line, "Who?")
    assert (code, out[-1]) == (4, "Who?")
    assert why in err
    assert "error: 1 lines failed" in err


def test_save_of_a_wrong_ending_is_said(chat: Chat) -> None:
    assert "expected a name that ends in" in chat("Who?", "/save a.exe")[2]


def test_the_picture_cannot_come_from_where_the_questions_come_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(app, ["chat", "-", *BLIND]) == 2
    assert "give the picture as a file" in capsys.readouterr().err


@pytest.mark.weights
@pytest.mark.slow
def test_the_code_of_the_documentation_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).resolve().parent.parent / "docs" / "chat.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for setting, value in (("CORE", "echo"), ("DETECTOR", "efficientdet"), ("CACHE", "off")):
        monkeypatch.setenv(f"VQA_{setting}", value)
    (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(code, "chat.md", "exec"), names)
    assert names["chat"].answers == []  # type: ignore[attr-defined]


@pytest.mark.slow
def test_in_a_terminal_lines_are_edited_completed_and_remembered(tmp_path: Path) -> None:
    PICTURE.save(tmp_path / "p.png")
    ours, theirs = pty.openpty()
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "VQA_HOME": str(tmp_path),
        "TERM": "xterm",
        "VQA_OFFLINE": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "vqa", "chat", "p.png", *BLIND],
        cwd=tmp_path, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True,
    )  # fmt: skip
    os.close(theirs)
    seen = ""

    def until(text: str) -> None:
        nonlocal seen
        end = time.monotonic() + 40
        while text not in seen:
            assert select.select([ours], [], [], end - time.monotonic())[0], seen
            seen += os.read(ours, 1000).decode()
        seen = seen[seen.index(text) + len(text) :]

    until("8x8 pixels")
    until("> ")
    os.write(ours, b"Whx\x7fo?\n")  # a mistake taken back
    until("Who?\r\n")
    until("> ")
    os.write(ours, b"/res\t\n")
    until("forgotten")
    until("> ")
    os.write(ours, b"\x1b[A\x1b[A\n")  # two lines up
    until("Who?")  # the line
    until("Who?")  # its answer
    until("> ")
    os.write(ours, b"\x04")
    assert process.wait(60) == 0
    os.close(ours)
    history = tmp_path / "chat_history"
    assert [line.strip() for line in history.read_text().splitlines()[-3:]] == ["Who?", "/reset", "Who?"]
    assert history.stat().st_mode & 0o077 == 0
