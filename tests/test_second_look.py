"""When a second look is worth it, what it is at, and that the answer, its JSON, its trace and --explain tell of it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

import pytest
from PIL import Image

from vqa import Settings, VQAAgent
from vqa.agent.batching import answer_windows
from vqa.agent.events import Found, Looking
from vqa.agent.replaying import replay, replaying_agent
from vqa.agent.second_look import UNSURE, steps
from vqa.agent.trace import Trace, record
from vqa.experts.classify import ClassifyExpert
from vqa.experts.detect import DetectExpert
from vqa.registry import cores, routers
from vqa.terminal import print_evidence
from vqa.values import Answer, Finding, FindingKind, LoadedImage, Question, Region

SIZE = (400, 300)
COUNTING = "How many people are there?"


def person(x: float, y: float, score: float, *, label: str = "person") -> Region:
    return Region((x, y, x + 20, y + 40), label, score)


SURE_ONES = [person(100 + 45 * i, 100, 0.9) for i in range(5)]
CROWD = [*SURE_ONES, person(325, 110, 0.2)]
AREA = (47, 76, 398, 174)  # 100 to 345 by 100 to 150, with 15 % and 16 pixels around


def finding(*regions: Region, vocabulary: Sequence[str] = ("person", "dog", "cat")) -> Finding:
    return Finding("detect", "objects", "", regions, vocabulary=tuple(vocabulary), size=SIZE)


def test_an_unsure_crowd_is_worth_a_look_at_all_that_is_counted() -> None:
    (step,) = steps(COUNTING, [finding(*CROWD, person(5, 5, 0.2, label="dog"))])
    assert step.expert == "detect"
    assert step.areas == (AREA,)
    assert step.labels == ("person",)
    assert step.why == f"1 of 6 people under {UNSURE:g}"


@pytest.mark.parametrize(
    ("question", "found"),
    [
        (COUNTING, finding(*SURE_ONES, person(325, 110, 0.8))),
        (COUNTING, finding(*CROWD[1:])),
        (COUNTING, finding(*(person(r.xyxy[0], 100, 0.2, label="dog") for r in CROWD))),
        (COUNTING, finding()),
        (COUNTING, finding(*CROWD, person(5, 5, 0.2), person(370, 250, 0.9))),
        (COUNTING, Finding("detect", "objects", "", error="no weights")),
        ("How many dragons are there?", finding(*CROWD)),
        ("Is there a person?", finding(*CROWD)),
        ("What does the sign say?", Finding("ocr", "text", "", (person(100, 100, 0.2),), size=SIZE)),
    ],
    ids=[
        "all sure",
        "few",
        "another thing",
        "nothing",
        "all over the picture",
        "failed",
        "unknown",
        "presence",
        "text",
    ],
)
def test_no_look_is_spent_where_none_would_help(question: str, found: Finding) -> None:
    assert steps(question, [found]) == []


def test_a_group_and_a_korean_question_are_counted_too() -> None:
    animals = (person(r.xyxy[0], 160, r.score, label=("dog", "cat")[i % 2]) for i, r in enumerate(CROWD))
    found = finding(*CROWD, *animals)
    assert steps("How many animals are there?", [found])[0].why == "1 of 6 animals under 0.35"
    assert steps("사람이 몇 명 있나요?", [found])[0].labels == ("person",)


BREED = "What breed is the dog?"


def classified(*shown: tuple[str, float]) -> Finding:
    regions = tuple(Region((0, 0, *SIZE), label, score, kinds=("dog", "animal")) for label, score in shown)
    return Finding("classify", "classes", "not sure", regions, size=SIZE)


def test_which_kind_of_a_small_thing_it_is_is_worth_a_look_at_the_largest() -> None:
    dogs = finding(person(100, 100, 0.9, label="dog"), Region((200, 100, 260, 150), "dog", 0.5))
    (step,) = steps(BREED, [dogs, classified(("Beagle", 0.1))])
    assert (step.expert, step.why, step.labels) == ("classify", "where the dog is", ())
    assert step.areas == ((175, 76, 285, 174),)  # 200 to 260 by 100 to 150, with 15 % and 16 pixels around
    closer = classified(("Beagle", 0.8), ("Toy Poodle", 0.1))
    whole = ClassifyExpert(Settings()).refined(classified(("Beagle", 0.1)), closer, step.areas[0])
    assert [(region.label, region.xyxy) for region in whole.regions] == [
        ("Beagle", (175, 76, 285, 174)),
        ("Toy Poodle", (175, 76, 285, 174)),
    ]


@pytest.mark.parametrize(
    ("question", "found"),
    [
        (BREED, [finding(person(100, 100, 0.9, label="dog")), classified(("Beagle", 0.8))]),
        (BREED, [finding(person(100, 100, 0.9, label="cat")), classified(("Beagle", 0.1))]),
        (BREED, [finding(Region((10, 10, 390, 290), "dog", 0.9)), classified(("Beagle", 0.1))]),
        ("What animal is this?", [finding(person(100, 100, 0.9, label="dog")), classified(("Beagle", 0.1))]),
    ],
    ids=["known", "another thing", "it fills the picture", "which animal"],
)
def test_no_look_is_spent_on_what_is_known_or_would_not_be_larger(question: str, found: list[Finding]) -> None:
    assert steps(question, found) == []


def test_the_margin_ends_at_the_picture() -> None:
    (step,) = steps(COUNTING, [finding(*(person(20 * i, 0, 0.2) for i in range(6)))])
    assert step.areas == ((0, 0, 154, 62),)


class Crowd(DetectExpert):
    """Sees five sure people and an unsure one; a part of the picture shows a seventh. Which part, it remembers."""

    name: ClassVar[str] = "detect"
    kind: ClassVar[FindingKind] = "objects"
    fingerprint = None  # type: ignore[assignment]

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__(Settings())
        self.looks: list[tuple[int, int]] = []
        self.error = error

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls()

    def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
        self.looks.append(image.pil.size)
        seen = CROWD
        if image.pil.size != SIZE:
            if self.error:
                raise self.error
            seen = [person(75, 24, 0.8), person(278, 34, 0.6), person(40, 24, 0.9, label="dog")]
        return Finding("detect", "objects", "", tuple(seen), vocabulary=("person", "dog"), size=image.pil.size)


def agent(expert: Crowd, **flags: object) -> VQAAgent:
    settings = Settings.load({"core": "echo", "router": "all", "cache": False, "min_confidence": 0, **flags})
    core = cores.get("echo").from_settings(settings)
    return VQAAgent([expert], routers.get("all").from_settings(settings), core=core, settings=settings)


PICTURE = Image.new("RGB", SIZE, "grey")


def test_what_a_closer_look_shows_is_counted_where_it_is_in_the_picture() -> None:
    expert = Crowd()
    answer = agent(expert)(PICTURE, COUNTING)
    assert expert.looks == [SIZE, (351, 98)]
    (found,) = answer.findings
    assert sorted(r.xyxy[0] for r in found.regions) == [100, 122, 145, 190, 235, 280, 325]
    assert {r.label for r in found.regions} == {"person"}, "the dog was not asked for"
    assert "7 people" in found.text
    assert "Detector: 7 people" in answer.prompt.text
    (again,) = found.second_looks
    assert (again.xyxy, again.why, again.outcome) == (AREA, "1 of 6 people under 0.35", "7 instead of 5")
    assert answer.seconds["detect again"] >= 0
    assert not answer.degraded


def test_it_is_an_event_and_in_json_and_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    asked = agent(Crowd())
    told = [event for event in asked.events(PICTURE, COUNTING) if isinstance(event, Looking | Found)]
    assert told[0] == Looking("detect")
    assert told[2] == Looking("detect", again="1 of 6 people under 0.35")
    assert len(told) == 4
    answer = asked(PICTURE, COUNTING)
    assert Answer.from_dict(json.loads(answer.to_json())).findings[0].second_looks == answer.findings[0].second_looks
    print_evidence(answer)
    shown = " ".join(capsys.readouterr().err.split())
    assert "detect looked again at 47, 76 to 398, 174" in shown
    assert "1 of 6 people under 0.35: 7 instead of 5" in shown


def test_it_is_remembered_like_any_look() -> None:
    expert = Crowd()
    asked = agent(expert)
    for question in (COUNTING, "How many people do you see?"):
        asked(PICTURE, question)
    assert expert.looks == [SIZE, (351, 98)]


def test_batches_look_again_as_single_questions_do() -> None:
    rows = [(PICTURE, COUNTING), (PICTURE, "Is there a person?")]
    (window,) = answer_windows(agent(Crowd()), rows)
    assert [isinstance(one, Answer) and one.prompt for one in window] == [agent(Crowd())(*row).prompt for row in rows]


@pytest.mark.parametrize("flags", [{"second_looks": 0}, {"second_look_seconds": 0}])
def test_it_can_be_switched_off(flags: dict[str, object]) -> None:
    expert = Crowd()
    assert agent(expert, **flags)(PICTURE, COUNTING).findings[0].second_looks == ()
    assert expert.looks == [SIZE]


def test_one_that_fails_leaves_the_first_evidence_and_says_so() -> None:
    answer = agent(Crowd(RuntimeError("boom")))(PICTURE, COUNTING)
    assert "Detector: 5 people" in answer.prompt.text
    assert not answer.degraded
    assert answer.findings[0].second_looks[0].outcome == "failed: RuntimeError: boom"
    assert "detect: second look failed: RuntimeError: boom" in answer.notes


def test_a_trace_with_one_is_replayed_from_its_file(tmp_path: Path) -> None:
    recorded = record(agent(Crowd()), PICTURE, COUNTING)
    recorded.save(tmp_path / "trace.json")
    trace = Trace.load(tmp_path / "trace.json")
    assert trace.answer.findings == recorded.answer.findings
    result = replay(trace, replaying_agent(trace))
    assert result.reproduced
    assert not [d for d in result.differences if d.what.startswith("findings")]
    assert result.answer.findings[0].second_looks
