"""Answers that say no more than their question."""

import pytest

from vqa.agent.trust.confidence import shipped
from vqa.agent.trust.judging import CANNOT_TELL, judged
from vqa.experts.scenes.concepts import CONCEPTS
from vqa.values import Answer, Finding, Prompt, Question, Region, Route


def answered(
    question: str, text: str, *, least: float, choices: tuple[str, ...] = (), seen: tuple[Finding, ...] = ()
) -> Answer:
    bus = Finding(
        "detect", "objects", "1 bus", (Region((9, 9, 90, 90), "bus", 0.9),), vocabulary=("bus",), size=(99, 99)
    )
    route, prompt = Route((), "", "none"), Prompt("", (), (), 0, 0)
    core = shipped().cores[0]
    given = Answer(
        text, None, Question(question, choices=choices), route, (bus, *seen), prompt, core, {}, core_confidence=0.9
    )
    return judged(given, min_confidence=least)


@pytest.mark.parametrize(
    ("question", "text", "withheld"),
    [
        ("What kind of train is this?", "train", True),
        ("What bird is this?", "one", True),
        ("What kind of train is this?", "steam train", False),
        ("What color is the orange?", "orange", True),  # no box of one tells its colour
        ("Is it a train or a bus?", "train", False),
        ("What number is on the train?", "one", False),
    ],
)
def test_an_answer_that_says_no_more_than_the_question_is_withheld(question: str, text: str, withheld: bool) -> None:
    given = answered(question, text, least=0.001)
    assert (given.text == CANNOT_TELL) is withheld
    assert (given.abstention == "the answer says no more than the question") is withheld
    assert answered(question, text, least=0.0).text == text


def test_a_given_choice_says_something_whatever_it_is() -> None:
    assert answered("How far is the train?", "one", least=0.001).text == CANNOT_TELL
    assert answered("How far is the train?", "one", least=0.001, choices=("one", "two")).text == "one"


def test_what_the_scene_tells_in_the_words_of_the_question_says_something() -> None:
    concepts = ("night", "sunset", "no scene", "outdoors")
    scene = Finding(
        "scene", "scene", "", (Region((0, 0, 99, 99), "outdoors", 0.98),), vocabulary=concepts, size=(99, 99)
    )
    assert answered("What time of day is it?", "day", least=0.001, seen=(scene,)).text == "day"
    assert answered("What time of day is it?", "day", least=0.001).text == CANNOT_TELL


@pytest.mark.parametrize(
    ("text", "plain", "why"),
    [
        ("bus", 0.0, "the answer names a thing, and no place"),
        ("bus station", 0.0, ""),
        ("beach", 0.9, "the picture shows no scene"),
        ("beach", 0.0, ""),
    ],
)
def test_a_thing_is_no_place_and_a_drawing_was_taken_nowhere(text: str, plain: float, why: str) -> None:
    scene = Finding("scene", "scene", "", (Region((0, 0, 99, 99), "no scene", plain),), vocabulary=tuple(CONCEPTS))
    given = answered("Where was this photo taken?", text, least=0.001, seen=(scene,))
    assert (given.abstention, given.text) == (why, CANNOT_TELL if why else text)
