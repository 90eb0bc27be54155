"""What a question means by the names it uses: toys, where no animal of the name is there."""

import pytest

from vqa.agent.prompting import evidence
from vqa.experts.detectors.coco import LABELS
from vqa.values import Finding, Region


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("How many bears are there?", "Detector: 2 bears"),
        ("How many teddy bears are there?", "Detector: 2 teddy bears"),
        ("Is there a bear?", "Detector: no bears"),
        ("Where is the bear?", "Detector: 2 bears (top left)"),
    ],
)
def test_toys_are_meant_where_a_question_names_the_animal_and_none_is_there(question: str, told: str) -> None:
    toys = tuple(Region((x, 10, x + 20, 30), "teddy bear", 0.8) for x in (10, 40))
    seen = Finding("detect", "objects", "", toys, vocabulary=LABELS, size=(300, 300))
    assert evidence(question, [seen])[0].text == told
    bear = Region((100, 100, 200, 200), "bear", 0.7)
    both = Finding("detect", "objects", "", (*toys, bear), vocabulary=LABELS, size=(300, 300))
    assert evidence("How many bears are there?", [both])[0].text == "Detector: 1 bear"
