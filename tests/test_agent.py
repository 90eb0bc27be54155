import math
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

import pytest
from PIL import Image

from vqa import InputError, ModelUnavailable, Settings, VQAAgent
from vqa.adapter_model.cores.echo import EchoCore
from vqa.agent.agent import MAX_QUESTION_CHARACTERS
from vqa.agent.events import Answered, Composed, Found, Looking, Routed
from vqa.errors import PartialFailure
from vqa.registry import cores, routers
from vqa.values import Finding, FindingKind, LoadedImage, Question, Region, Score, Token


class Counting:
    """An expert that sees one person and remembers how often it looked."""

    name: ClassVar[str] = "counting"
    kind: ClassVar[FindingKind] = "objects"
    description: ClassVar[str] = "sees one person"
    cues: ClassVar[tuple[str, ...]] = ()
    uses_question: ClassVar[bool] = False
    vocabulary = ("person",)

    def __init__(self, error: Exception | None = None) -> None:
        self.looks = 0
        self.error = error

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls()

    def available(self) -> str | None:
        return None

    def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
        self.looks += 1
        if self.error:
            raise self.error
        region = Region((0, 0, 4, 4), "person", 0.9)
        return Finding(self.name, self.kind, "1 person", (region,), vocabulary=("person",), size=image.pil.size)


class Questioned(Counting):
    name: ClassVar[str] = "questioned"
    uses_question: ClassVar[bool] = True


def agent(*experts: Counting, router: str = "all", **flags: object) -> VQAAgent:
    settings = Settings.load({"core": "echo", "router": router, **flags})
    core = cores.get(settings.core).from_settings(settings)
    return VQAAgent(experts, routers.get(router).from_settings(settings), core=core, settings=settings)


PICTURE = Image.new("RGB", (8, 8), "red")


def test_the_answer_carries_everything_that_explains_it() -> None:
    answer = agent(Counting())(PICTURE, "How many people are there?")
    assert answer.text
    assert answer.route.experts == ("counting",)
    assert answer.findings[0].regions[0].label == "person"
    assert "Detector: 1 person" in answer.prompt.text
    assert {"load_image", "route", "counting", "compose", "core", "first_token", "total"} <= set(answer.seconds)
    assert answer.core == "echo"


def test_events_come_in_the_order_of_the_way() -> None:
    kinds: Sequence[type] = [type(event) for event in agent(Counting()).events(PICTURE, "Hm?")]
    assert kinds[:4] == [Routed, Looking, Found, Composed]
    assert set(kinds[4:-1]) == {Token}
    assert kinds[-1] is Answered


def test_an_expert_looks_once_at_a_picture_whatever_the_number_of_questions() -> None:
    expert = Counting()
    answers = list(agent(expert).answer_many([(PICTURE, "One?"), (PICTURE, "Two?"), (PICTURE.copy(), "Three?")]))
    assert expert.looks == 1
    assert [a.question.text for a in answers] == ["One?", "Two?", "Three?"]


def test_an_expert_that_reads_the_question_looks_every_time() -> None:
    expert = Questioned()
    list(agent(expert).answer_many([(PICTURE, "One?"), (PICTURE, "Two?")]))
    assert expert.looks == 2


def test_another_picture_is_looked_at_again() -> None:
    expert = Counting()
    list(agent(expert).answer_many([(PICTURE, "One?"), (Image.new("RGB", (8, 8), "blue"), "One?")]))
    assert expert.looks == 2


@pytest.mark.parametrize("error", [RuntimeError("boom\nbang"), ModelUnavailable("no weights")])
def test_a_failing_expert_becomes_a_note_and_the_answer_goes_on(error: Exception) -> None:
    answer = agent(Counting(error))(PICTURE, "How many people are there?")
    assert answer.text
    assert answer.findings[0].error is not None
    assert "\n" not in answer.findings[0].error
    assert answer.notes == (f"degraded: answered without counting: {answer.findings[0].error}",)


def test_a_failure_is_not_remembered() -> None:
    expert = Counting(RuntimeError("once"))
    asked = agent(expert)
    assert asked(PICTURE, "One?").findings[0].error
    expert.error = None
    assert asked(PICTURE, "One?").findings[0].error is None


def test_strict_makes_a_failing_expert_an_error() -> None:
    with pytest.raises(PartialFailure, match="no weights"):
        agent(Counting(ModelUnavailable("no weights")), strict=True)(PICTURE, "Hm?")


def test_named_experts_beat_the_router_and_switched_off_ones_beat_both() -> None:
    assert agent(Counting(), Questioned(), router="none", experts="counting").route("Hm?").experts == ("counting",)
    off = agent(Counting(), Questioned(), no_experts="counting").route("Hm?")
    assert off.experts == ("questioned",)
    assert off.reasons["counting"] == "switched off"


def test_an_unknown_expert_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match="did you mean 'counting'"):
        agent(Counting(), experts="countin")


@pytest.mark.parametrize(("question", "why"), [("  \n ", "empty"), ("x" * 50_000, "50,000 characters")])
def test_an_unusable_question_is_refused_before_anything_looks(question: str, why: str) -> None:
    expert = Counting()
    with pytest.raises(InputError, match=why):
        agent(expert)(PICTURE, question)
    assert expert.looks == 0


def test_the_longest_question_is_answered() -> None:
    assert agent(Counting())(PICTURE, "x" * MAX_QUESTION_CHARACTERS).text


def test_a_core_that_cannot_answer_is_said_before_anything_looks(tmp_path: Path) -> None:
    expert = Counting()
    asked = agent(expert, core="smollm2-135m", offline=True, home=tmp_path)
    with pytest.raises(ModelUnavailable, match="vqa models pull smollm2-135m-instruct"):
        asked(PICTURE, "Hm?")
    assert expert.looks == 0


def test_among_choices_the_likeliest_is_the_answer_and_its_share_the_cores_confidence() -> None:
    class Weighing(EchoCore):
        def score(
            self, batch: Sequence[tuple[LoadedImage, str]], choices: Sequence[Sequence[str]]
        ) -> list[list[Score]]:
            return [[Score(math.log(0.3 if choice == "dog" else 0.1), 0.0) for choice in row] for row in choices]

    settings = Settings.load({"core": "echo"})
    asked = VQAAgent([], routers.get("none").from_settings(settings), core=Weighing(), settings=settings)
    answer = asked(PICTURE, Question("What is it?", choices=("cat", "dog")))
    assert answer.text == "dog"
    assert answer.core_confidence == pytest.approx(0.75)
    assert asked(PICTURE, "What is it?").text == "What is it?"


def test_streamed_pieces_make_the_answer() -> None:
    asked = agent(Counting())
    assert "".join(asked.stream(PICTURE, "Hm?")).strip() == asked(PICTURE, "Hm?").text


def test_from_pretrained_takes_every_installed_expert_and_loads_nothing() -> None:
    asked = VQAAgent.from_pretrained("echo", settings=Settings())
    assert {"detect", "ocr", "caption"} <= set(asked.experts)
    with pytest.raises(InputError, match=r"unknown core 'ecko'.*did you mean 'echo'"):
        VQAAgent.from_pretrained("ecko", settings=Settings())


def test_an_expert_that_the_settings_leave_out_is_asked_by_name_alone() -> None:
    agent = VQAAgent.from_pretrained(core="echo", settings=Settings(caption_model=""))
    route = agent.route("Describe the image.")
    assert "caption" not in route.experts
    assert route.reasons["caption"] == "no captioner is set"
    named = VQAAgent.from_pretrained(core="echo", settings=Settings(caption_model="", experts=("caption",)))
    assert named.route("Describe the image.").experts == ("caption",)
