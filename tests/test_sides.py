"""Whether a thing is on a side of the picture: agent/questions/sides.py, and what the folding and trust make of it."""

import pytest

from vqa.agent.prompting import evidence
from vqa.agent.trust.evidence import weigh
from vqa.experts.detectors.coco import LABELS
from vqa.values import Finding, Question, Region

LEFT, MIDDLE = (0, 90, 40, 130), (130, 90, 170, 130)
BOTTOM_RIGHT, NEARLY_MIDDLE = (250, 200, 290, 240), (70, 90, 110, 130)


def seen(*things: tuple[str, tuple[int, int, int, int]]) -> Finding:
    regions = tuple(Region(box, label, 0.8) for label, box in things)
    return Finding("detect", "objects", "", regions, vocabulary=LABELS, size=(300, 240))


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("Is the dog on the left?", "dog on the left"),
        ("Is the dog on the right-hand side of the picture?", "dog not on the right-hand side"),
        ("Is the dog in the middle of the photo?", "dog not in the middle"),
        ("Is the cat in the center?", "cat in the center"),
        ("Is there a cup at the bottom?", "cup at the bottom"),
        ("Is the first cup at the bottom?", None),
        ("Is the cup on the left?", "cup on the left"),  # of two, the surer one
        ("Is there a cup on the right?", "cup on the right"),
        ("Is there a dog on the right?", "no dog on the right"),
        ("Is the bird in the middle?", None),  # it is near the line
        ("Is the horse on the left?", None),
        ("Is the dog on the couch?", None),
    ],
)
def test_a_side_that_a_question_claims_is_told_or_denied(question: str, told: str | None) -> None:
    found = seen(("dog", LEFT), ("cat", MIDDLE), ("cup", LEFT), ("cup", BOTTOM_RIGHT), ("bird", NEARLY_MIDDLE))
    lines = [line.text for line in evidence(question, [found]) if not line.doubt]
    assert (lines == [f"Detector: {told}"]) if told else not any(" the " in line for line in lines)


def test_the_answer_is_held_against_the_box() -> None:
    found = [seen(("dog", LEFT))]
    (held,) = weigh(Question("Is the dog on the left?"), found, "Yes")
    assert (held.stance, held.text) == ("supports", "finds the dog left")
    assert weigh(Question("Is the dog on the right?"), found, "Yes")[0].stance == "contradicts"


def test_what_shows_it_is_the_thing_that_is_there() -> None:
    (held,) = weigh(Question("Is there a cup on the right?"), [seen(("cup", LEFT), ("cup", BOTTOM_RIGHT))], "Yes")
    assert (held.text, [region.xyxy for region in held.regions]) == ("finds the cup bottom right", [BOTTOM_RIGHT])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("left and bottom right", [("supports", "finds 2 cups there")]),
        ("left", [("supports", "finds 1 cup there")]),
        ("left, bottom right and top", []),  # in part
        ("center and top", [("contradicts", "finds the cup left")]),
    ],
)
def test_several_places_are_held_against_all_boxes(said: str, expected: list[tuple[str, str]]) -> None:
    held = weigh(Question("Where are the cups?"), [seen(("cup", LEFT), ("cup", BOTTOM_RIGHT))], said)
    assert [(one.stance, one.text) for one in held] == expected
