"""What the agent does about experts that hang, crash or are missing, and how they let go of their weights."""

import gc
import re
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event, Thread
from typing import ClassVar, Self

import pytest
from PIL import Image

from vqa import InputError, Settings, VQAAgent
from vqa.agent.events import Answered, Found, Looking
from vqa.agent.replaying import replay, replaying_agent
from vqa.agent.trace import record
from vqa.errors import ModelUnavailable, PartialFailure, VQAError
from vqa.experts.detect import DetectExpert
from vqa.images import load_image
from vqa.registry import cores, routers
from vqa.terminal import print_evidence
from vqa.time_limit import under_way
from vqa.values import Answer, Finding, FindingKind, LoadedImage, Question


class Weights:
    """Stands for what takes memory."""


class Reader:
    """An expert that waits until it may go on, fails if it is told to, and has weights."""

    name: ClassVar[str] = "reader"
    kind: ClassVar[FindingKind] = "text"
    description: ClassVar[str] = "reads nothing"
    cues: ClassVar[tuple[str, ...]] = ()
    uses_question: ClassVar[bool] = False
    vocabulary: ClassVar[Sequence[str]] = ()

    def __init__(self) -> None:
        self.may_go_on = Event()
        self.may_go_on.set()
        self.error: BaseException | None = None
        self.looks = 0
        self.weights: Weights | None = None
        self.loads = 0

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls()

    def available(self) -> str | None:
        return None

    def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
        self.looks += 1
        if self.weights is None:
            self.weights = Weights()
            self.loads += 1
        assert self.may_go_on.wait(20)
        if self.error is not None:
            raise self.error
        return Finding(self.name, self.kind, "no text found", size=image.pil.size)

    def unload(self) -> None:
        self.weights = None


class Watcher(Reader):
    """Another one, that cannot be unloaded."""

    name: ClassVar[str] = "watcher"
    kind: ClassVar[FindingKind] = "other"
    unload = None  # type: ignore[assignment]


@pytest.fixture
def reader() -> Iterator[Reader]:
    reader = Reader()
    yield reader
    reader.may_go_on.set()
    while under_way():
        time.sleep(0.01)


def agent(*experts: Reader, **flags: object) -> VQAAgent:
    settings = Settings.load({"core": "echo", "router": "all", "cache": False, "min_confidence": 0, **flags})
    core = cores.get("echo").from_settings(settings)
    return VQAAgent(experts, routers.get("all").from_settings(settings), core=core, settings=settings)


def picture(shade: int = 0) -> Image.Image:
    return Image.new("RGB", (8, 8), (shade, 0, 0))


def test_an_expert_that_hangs_costs_its_time_and_not_the_answer(reader: Reader) -> None:
    reader.may_go_on.clear()
    began = time.monotonic()
    answer = agent(reader, Watcher(), expert_seconds=0.2)(picture(), "What does it say?")
    assert time.monotonic() - began < 15
    assert answer.text
    assert answer.degraded
    assert answer.findings[0].error == "took longer than 0.2 s"
    assert answer.findings[1].error is None
    assert answer.notes[0] == "degraded: answered without reader: took longer than 0.2 s"
    assert answer.to_dict()["degraded"] is True


def test_an_overdue_expert_is_not_started_again_until_it_is_done(reader: Reader) -> None:
    reader.may_go_on.clear()
    asked = agent(reader, expert_seconds=0.1)
    asked(picture(1), "Hm?")
    again = asked(picture(2), "Hm?").findings[0]
    assert reader.looks == 1
    assert again.error is not None
    assert "not asked: it has been busy with an earlier question for" in again.error
    with pytest.raises(VQAError, match="not asked"):
        asked.look("reader", picture(3))
    reader.may_go_on.set()
    while under_way():
        time.sleep(0.01)
    assert asked(picture(1), "Hm?").findings[0].error is None
    assert reader.looks == 1, "what it saw in the end was kept"
    assert not asked(picture(2), "Hm?").degraded
    assert reader.looks == 2


def test_without_a_limit_an_expert_takes_the_time_it_takes(reader: Reader) -> None:
    reader.may_go_on.clear()
    Thread(target=lambda: (time.sleep(0.3), reader.may_go_on.set())).start()
    assert not agent(reader, expert_seconds=0)(picture(), "Hm?").degraded


def test_looking_for_its_own_sake_has_no_limit(reader: Reader) -> None:
    reader.may_go_on.clear()
    Thread(target=lambda: (time.sleep(0.3), reader.may_go_on.set())).start()
    assert agent(reader, expert_seconds=0.05).look("reader", picture()).error is None


CRASHES = [RuntimeError("boom"), SystemExit(3), TimeoutError("the network"), MemoryError(), ModelUnavailable("no file")]


@pytest.mark.parametrize("error", CRASHES, ids=lambda error: type(error).__name__)
def test_whatever_an_expert_dies_of_the_answer_comes_without_it(reader: Reader, error: BaseException) -> None:
    reader.error = error
    answer = agent(reader)(picture(), "Hm?")
    assert answer.degraded
    assert str(error.args[0] if error.args else "MemoryError") in str(answer.findings[0].error)


def test_an_answer_with_all_its_experts_is_not_degraded(reader: Reader) -> None:
    answer = agent(reader)(picture(), "Hm?")
    assert not answer.degraded
    assert Answer.from_dict(answer.to_dict()).to_dict()["degraded"] is False


def test_strict_raises_after_the_degraded_answer_at_every_door(reader: Reader) -> None:
    reader.error = RuntimeError("boom")
    asked = agent(reader, strict=True)
    why = "had to do without reader: RuntimeError: boom"
    with pytest.raises(PartialFailure, match=why):
        asked(picture(), "Hm?")
    with pytest.raises(PartialFailure, match=why):
        list(asked.answer_many([(picture(), "Hm?")]))
    with pytest.raises(PartialFailure, match=why):
        asked.chat(picture()).ask("Hm?")
    seen = []
    with pytest.raises(PartialFailure, match=why):
        seen.extend(asked.events(picture(), "Hm?"))  # extend keeps what came before the error
    assert isinstance(seen[-1], Answered)


def test_a_degraded_answer_is_replayed_as_it_was(reader: Reader) -> None:
    reader.error = RuntimeError("boom")
    trace = record(agent(reader), picture(), "Hm?")
    result = replay(trace, replaying_agent(trace))
    assert result.reproduced
    assert result.answer.degraded


def test_explain_says_that_an_answer_is_degraded(reader: Reader, capsys: pytest.CaptureFixture[str]) -> None:
    reader.error = RuntimeError("boom")
    print_evidence(agent(reader)(picture(), "Hm?"))
    assert "degraded: answered without reader" in " ".join(capsys.readouterr().err.split())


def test_events_name_who_looks_before_what_it_saw(reader: Reader) -> None:
    told = [event for event in agent(reader, Watcher()).events(picture(), "Hm?") if isinstance(event, Looking | Found)]
    names = [event.expert if isinstance(event, Looking) else event.finding.expert for event in told]
    assert names == ["reader", "reader", "watcher", "watcher"]


def test_weights_load_once_and_are_freed_when_they_are_unloaded(reader: Reader) -> None:
    asked = agent(reader)
    for shade in range(3):
        asked(picture(shade), "Hm?")
    assert reader.loads == 1
    weights = weakref.ref(reader.weights)
    asked.unload("reader")
    gc.collect()
    assert weights() is None
    asked(picture(9), "Hm?")
    assert reader.loads == 2
    asked.unload()
    assert reader.weights is None


def test_unloading_says_whom_it_cannot_unload(reader: Reader) -> None:
    asked = agent(reader, Watcher())
    with pytest.raises(InputError, match="did you mean 'reader'"):
        asked.unload("raeder")
    with pytest.raises(InputError, match="'watcher' cannot be unloaded"):
        asked.unload("watcher")
    asked.unload()  # those that can be


def test_unloading_while_an_expert_looks_does_not_disturb_it(reader: Reader) -> None:
    reader.may_go_on.clear()
    asked = agent(reader)
    answers: list[Answer] = []
    asking = Thread(target=lambda: answers.append(asked(picture(), "Hm?")))
    asking.start()
    while not reader.looks:
        time.sleep(0.01)
    asked.unload()
    reader.may_go_on.set()
    asking.join(10)
    assert not answers[0].degraded


def test_the_detector_sees_the_same_after_it_was_unloaded() -> None:
    settings = Settings.load({"core": "echo", "detector": "efficientdet", "cache": False})
    asked = VQAAgent.from_pretrained(settings=settings)
    detect = asked.experts["detect"]
    assert isinstance(detect, DetectExpert)
    if missing := detect.available():
        pytest.skip(missing)
    before = asked.look("detect", "example:cat")
    weights = weakref.ref(detect._detector)
    asked.unload("detect")
    gc.collect()
    assert weights() is None
    after = detect.look(load_image("example:cat"))
    assert after.regions == before.regions


HANGING = """
import sys, time
from vqa.registry import register_expert
from vqa.values import Finding

@register_expert
class Hanging:
    name, kind, description, cues, uses_question, vocabulary = "hanging", "other", "hangs", (), False, ()
    @classmethod
    def from_settings(cls, settings): return cls()
    def available(self): return None
    def look(self, image, question=None):
        time.sleep(60)

from vqa.cli import main
main()
"""


@pytest.mark.parametrize(("options", "code"), [((), 0), (("--strict",), 4), (("--json",), 0)])
def test_a_process_with_a_hanging_expert_answers_and_ends(tmp_path: Path, options: Sequence[str], code: int) -> None:
    picture().save(tmp_path / "red.png")
    asking = ("ask", "red.png", "What?", "--core", "echo", "--experts", "hanging", "--expert-seconds", "0.3")
    asking += ("--min-confidence", "0", *options)
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", HANGING, *asking],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).resolve().parents[1] / ".editable"), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.returncode, time.monotonic() - began < 40) == (code, True), done.stderr
    assert "warning: degraded: answered without hanging: took longer than 0.3 s" in done.stderr
    if "--json" in options:
        assert '"degraded": true' in done.stdout
    else:
        assert done.stdout.splitlines()[-1] == "What?"
    assert ("error: 1 of 1 answers had to do without an expert" in done.stderr) == (code == 4)


@pytest.mark.weights
def test_the_code_of_the_documentation_runs() -> None:
    page = Path(__file__).resolve().parents[1] / "docs" / "experts.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    names: dict[str, object] = {}
    exec(code, names)
    agent = names["agent"]
    assert isinstance(agent, VQAAgent)
    assert isinstance(detect := agent.experts["detect"], DetectExpert)
    assert detect._detector is None, "it has let go of its weights"
