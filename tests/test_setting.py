"""Indoors or outdoors: who asks, what the things found tell, and what is held against the answer."""

import pytest

from vqa.agent.prompting import evidence, wording
from vqa.agent.setting import asked, told
from vqa.agent.trust.evidence import weigh
from vqa.registry import cores
from vqa.settings import Settings
from vqa.values import Finding, Question, Region

ROOM = ("chair", "chair", "tv", "dining table")
STREET = ("car", "car", "bus", "person")


def objects(*labels: str) -> Finding:
    regions = tuple(Region((0, 0, 9, 9), label, 0.9) for label in labels)
    return Finding("detect", "objects", "", regions, vocabulary=tuple({*ROOM, *STREET, "dog"}), size=(90, 90))


@pytest.mark.parametrize(
    ("question", "how"),
    [
        ("Is this indoors or outdoors?", ("which", "indoor")),
        ("Is this picture taken inside or outside?", ("which", "indoor")),
        ("Was this photo taken indoors or out?", ("which", "indoor")),
        ("Is it an outdoor scene?", ("whether", "outdoor")),
        ("Are they outside", ("whether", "outdoor")),
        ("Is this an indoor or outdoor photo?", ("which", "indoor")),
        ("Is the dog inside the car?", None),
        ("Is he looking outside?", None),
        ("Is there a car outside?", None),
        ("What is outside?", None),
        ("What color is the car?", None),
    ],
)
def test_questions_about_the_setting_are_known_by_their_words(question: str, how: tuple[str, str] | None) -> None:
    assert asked(question) == how


@pytest.mark.parametrize(
    ("question", "labels", "line"),
    [
        ("Is this indoors or outdoors?", ROOM, "2 indoor things, no outdoor things"),
        ("Is this indoors or outdoors?", STREET, "3 outdoor things, no indoor things"),
        ("Is this indoors?", ROOM, "indoors: 1 tv, 1 dining table"),
        ("Is this indoors?", STREET, "outdoors: 2 cars, 1 bus"),
        ("Is this indoors?", ("person", "chair"), ""),
        ("Is this indoors?", ("tv", "car"), ""),
        ("Is there a tv?", ROOM, ""),
    ],
)
def test_what_is_found_is_told_as_the_question_has_it(question: str, labels: tuple[str, ...], line: str) -> None:
    assert told(question, labels) == line
    lines = [found.text for found in evidence(question, [objects(*labels)])]
    assert (f"Detector: {line}" == lines[0]) == bool(line)


@pytest.mark.parametrize(
    ("question", "labels", "asked"),
    [
        ("Is the photo taken outdoors or indoors?", ROOM, "Is this inside or outside?"),
        ("Is the photo taken outdoors or indoors?", ("person",), "Is the photo taken outdoors or indoors?"),
        ("Is this outdoors?", ROOM, "Is this outdoors?"),
    ],
)
def test_the_core_is_asked_which_it_is_in_plain_words_where_things_tell(
    question: str, labels: tuple[str, ...], asked: str
) -> None:
    core = cores.get("echo").from_settings(Settings.load({}))
    assert wording(Question(question), [objects(*labels)], core) == asked


@pytest.mark.parametrize(
    ("question", "labels", "answer", "stance"),
    [
        ("Is this indoors or outdoors?", ROOM, "inside", "supports"),
        ("Is this indoors or outdoors?", ROOM, "outdoor", "contradicts"),
        ("Is this outdoors?", ROOM, "No", "supports"),
        ("Is this outdoors?", STREET, "No", "contradicts"),
        ("Is this outdoors?", ("person",), "No", None),
        ("Is this indoors or outdoors?", ROOM, "a kitchen", None),
    ],
)
def test_the_answer_is_held_against_what_is_found(
    question: str, labels: tuple[str, ...], answer: str, stance: str | None
) -> None:
    held = weigh(Question(question), [objects(*labels)], answer)
    assert [found.stance for found in held] == ([] if stance is None else [stance])
