import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
from PIL import Image

from vqa import InputError, Settings, VQAAgent
from vqa.adapter_model.cores.echo import EchoCore
from vqa.agent.replaying import replay, replaying_agent
from vqa.agent.trace import Trace, record
from vqa.cli import app
from vqa.commands import run
from vqa.registry import routers
from vqa.values import Finding, FindingKind, GenerationOptions, LoadedImage, Question, Region, Token

PICTURE = Image.effect_mandelbrot((40, 30), (-2, -1, 1, 1), 20).convert("RGB")
SEEN = Region((1 / 3, 0.1, 30.000001, 29.9), "person", 0.123456789 + 0.5)


class People:
    """An expert that sees the people it is made with."""

    name: ClassVar[str] = "people"
    kind: ClassVar[FindingKind] = "objects"
    description: ClassVar[str] = "sees people"
    cues: ClassVar[tuple[str, ...]] = ()
    uses_question: ClassVar[bool] = False
    vocabulary = ("person",)

    def __init__(self, *regions: Region, error: str = "", mark: str = "weights-1") -> None:
        self.regions = regions
        self.error = error
        self.fingerprint = mark
        self.looks = 0

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls()

    def available(self) -> str | None:
        return None

    def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
        self.looks += 1
        if self.error:
            raise InputError(self.error)
        return Finding(self.name, self.kind, "people", self.regions, vocabulary=("person",), size=image.pil.size)


class Another(People):
    name: ClassVar[str] = "another"


class Dicing(EchoCore):
    """A core whose answer depends on the seed and whose weights have a name."""

    def __init__(self, mark: str = "a") -> None:
        self.weights = {"dice": mark}

    def stream(self, image: LoadedImage, prompt: str, options: GenerationOptions) -> Iterator[Token]:
        for number, token in enumerate(super().stream(image, prompt, options)):
            yield Token(token.text, -1 / (options.seed + number + 3))


def agent(*experts: People, core: EchoCore | None = None, **flags: object) -> VQAAgent:
    settings = Settings.load({"core": "echo", "router": "all", "cache": False, **flags})
    router = routers.get("all").from_settings(settings)
    return VQAAgent(experts, router, core=core or EchoCore(), settings=settings)


def again(trace: Trace, path: Path) -> Trace:
    """Return what is left of a trace after a file."""
    trace.save(path)
    return Trace.load(path)


def test_a_trace_survives_its_file_to_the_last_bit(tmp_path: Path) -> None:
    trace = record(agent(People(SEEN), core=Dicing()), PICTURE, "How many people?", history=[("Hm?", "Ha.")])
    read = again(trace, tmp_path / "trace.json")
    assert read == trace
    assert read.answer.findings[0].regions == (SEEN,)
    assert [token.logprob for token in read.tokens] == [token.logprob for token in trace.tokens]
    assert read.answer.image is not None
    assert read.answer.image.pil.tobytes() == PICTURE.tobytes()


def test_a_trace_tells_what_the_answer_depends_on() -> None:
    told = record(agent(People(SEEN), core=Dicing(), seed=7), PICTURE, "How many people?").to_dict()
    assert told["settings"]["seed"] == 7
    assert told["weights"] == {"echo: dice": "a", "people": "weights-1"}
    assert {"vqa", "python", "torch", "pillow"} <= told["versions"].keys()
    assert told["route"]["experts"] == ("people",)
    assert "Detector: 1 person" in told["prompt"]["text"]
    assert "core" in told["seconds"]


def test_the_picture_in_a_trace_is_its_file_and_else_its_pixels(tmp_path: Path) -> None:
    path = tmp_path / "p.jpg"
    PICTURE.save(path, quality=50)
    trace = record(agent(), str(path), "Hm?")
    assert trace.picture == path.read_bytes()
    PICTURE.rotate(90).save(path)
    assert again(trace, tmp_path / "t.json").answer.image.sha256 == trace.answer.image.sha256  # type: ignore[union-attr]
    replaced = record(agent(), LoadedImage(PICTURE, str(path), "0" * 64), "Hm?")
    assert replaced.picture.startswith(b"\x89PNG")


@pytest.mark.parametrize("number", range(20))
def test_a_replay_reproduces_the_answer_without_asking_an_expert(number: int, tmp_path: Path) -> None:
    people = People(*[SEEN] * number, error="broken" if number % 5 == 4 else "")
    history = [(f"What about {n}?", "Nothing.") for n in range(number % 3)]
    asked = Question(f"How many people are there, {number}?", choices=("one", "two") if number % 2 else ())
    trace = record(agent(people, Another(), max_new_tokens=8), PICTURE, asked, history=history)
    read = again(trace, tmp_path / "trace.json")
    result = replay(read, replaying_agent(read))
    assert result.reproduced
    assert result.differences == ()
    assert (result.answer.text, result.answer.prompt) == (trace.answer.text, trace.answer.prompt)
    assert people.looks == 1


def test_asked_again_experts_that_see_the_same_reproduce_it() -> None:
    trace = record(agent(People(SEEN)), PICTURE, "How many people?")
    result = replay(trace, agent(People(SEEN)))
    assert result.reproduced
    assert result.differences == ()


def test_a_replay_says_which_weights_findings_and_lines_differ() -> None:
    trace = record(agent(People(SEEN), core=Dicing()), PICTURE, "How many people?")
    result = replay(trace, agent(People(SEEN, SEEN, mark="weights-2"), core=Dicing("b")))
    assert not result.reproduced
    told = {difference.what: (difference.was, difference.now) for difference in result.differences}
    assert told["weights: echo: dice"] == ("a", "b")
    assert told["weights: people"] == ("weights-1", "weights-2")
    assert "findings: people" in told
    assert told["prompt: line 1"] == ("Detector: 1 person", "Detector: 2 people")
    assert told["answer: line 1"] == ("Detector: 1 person", "Detector: 2 people")
    assert told["tokens: number 2"] == ("1 ", "2 ")


def test_another_version_alone_is_told_and_the_answer_is_still_reproduced() -> None:
    trace = record(agent(People(SEEN)), PICTURE, "How many people?")
    older = replace(trace, versions={**trace.versions, "torch": "1.0", "gone": "3"})
    result = replay(older, replaying_agent(older))
    assert result.reproduced
    assert {d.what: d.was for d in result.differences} == {"versions: torch": "1.0", "versions: gone": "3"}


def test_another_probability_alone_is_told_and_the_answer_is_still_reproduced() -> None:
    trace = record(agent(core=Dicing(), seed=1), PICTURE, "Hm?")
    result = replay(trace, agent(core=Dicing(), seed=2))
    assert result.reproduced
    assert [difference.what for difference in result.differences] == ["log probability of 'Hm?'"]


def test_settings_of_the_trace_hold_except_those_that_say_where_things_are(tmp_path: Path) -> None:
    trace = record(agent(seed=7, stop="x"), PICTURE, "Hm?")
    here = Settings.load({"seed": 9, "home": tmp_path, "offline": True})
    for fresh in (False, True):
        used = replaying_agent(trace, settings=here, fresh=fresh).settings
        assert (used.seed, used.stop, used.home, used.offline) == (7, ("x",), tmp_path, True)


@pytest.mark.parametrize(
    "damage",
    [
        lambda told: told.pop("tokens"),
        lambda told: told["picture"].update(file="AAAA"),
        lambda told: told.update(format="vqa trace 99"),
        lambda told: told.update(findings=[1]),
        lambda told: told.update(picture=None),
    ],
)
def test_a_damaged_trace_is_refused_in_one_line(damage: Callable[[dict[str, Any]], object], tmp_path: Path) -> None:
    told = record(agent(People(SEEN)), PICTURE, "Hm?").to_dict()
    damage(told)
    path = tmp_path / "trace.json"
    path.write_text(json.dumps(told))
    with pytest.raises(InputError, match="no trace") as refused:
        Trace.load(path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("body", "why"), [(b"{", "no trace"), (b"\xff\xfe", "no trace"), (b"[]", "no trace")])
def test_a_file_that_is_no_trace_is_refused(body: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_bytes(body)
    with pytest.raises(InputError, match=why):
        Trace.load(tmp_path / "t.json")
    with pytest.raises(InputError, match="cannot be read"):
        Trace.load(tmp_path / "none.json")


def vqa(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(app, arguments)
    return (code, *capsys.readouterr())


BLIND: Sequence[str] = ("--core", "echo", "--router", "none")


def test_the_command_line_records_and_replays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VQA_HOME", str(tmp_path / "home"))
    PICTURE.save("p.png")
    two = ("--question", "Who is it?", "--question", "Where?")
    assert vqa(capsys, "ask", "p.png", *two, "--trace", "t.json", *BLIND)[0] == 0
    Path("p.png").unlink()
    for fresh in ((), ("--fresh",)):
        assert vqa(capsys, "replay", "t-1.json", *fresh) == (0, "reproduced: Who is it?\n", "")
    told = json.loads(Path("t-2.json").read_text())
    told["tokens"][0][0] = "When?"
    told["answer"] = "When?\x1b[2J"
    Path("t-2.json").write_text(json.dumps(told))
    code, out, err = vqa(capsys, "replay", "t-2.json")
    assert code == 1
    assert [line.split()[:2] for line in out.splitlines()[1:]] == [["tokens:", "number"], ["answer:", "line"]]
    assert err == "error: not reproduced: tokens: number 1, answer: line 1\n"
    assert "\x1b" not in out
    code, out, _ = vqa(capsys, "replay", "t-2.json", "--json")
    assert (code, json.loads(out)["reproduced"]) == (1, False)


def test_a_trace_that_cannot_be_written_is_said_before_anything_looks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = vqa(capsys, "ask", "no-such.png", "Hm?", "--trace", str(tmp_path / "no" / "t.json"), *BLIND)
    assert (code, out) == (2, "")
    assert "does not exist" in err


@pytest.mark.weights
@pytest.mark.slow
def test_the_code_of_the_documentation_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).resolve().parent.parent / "docs" / "traces.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for setting, value in (("CORE", "echo"), ("DETECTOR", "efficientdet"), ("CACHE", "off")):
        monkeypatch.setenv(f"VQA_{setting}", value)
    (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(code, "traces.md", "exec"), names)
    assert names["result"].reproduced  # type: ignore[attr-defined]


@pytest.mark.weights
@pytest.mark.slow
def test_the_built_in_core_answers_again_what_it_answered(tmp_path: Path) -> None:
    built_in = VQAAgent.from_pretrained(settings=Settings.load({"detector": "efficientdet", "cache": False}))
    read = again(record(built_in, "example:bus", "How many people are there?"), tmp_path / "trace.json")
    assert {"smollm2-135m: base model", "smollm2-135m: adapter.safetensors", "detect"} <= read.weights.keys()
    result = replay(read, replaying_agent(read))
    assert result.differences == ()
    assert result.answer.text == "3"
