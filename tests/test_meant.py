"""What a question means by the names it uses: toys, where no animal of the name is there; animals that are some."""

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


def animals(*kinds: tuple[str, float]) -> Finding:
    shown = tuple(Region((0, 0, 300, 300), name, share, kinds=("animal",)) for name, share in kinds)
    return Finding("classify", "classes", "", shown)


@pytest.mark.parametrize(
    ("question", "score", "seen", "told"),
    [
        ("Are there any animals?", 0.3, [animals()], "Detector: no animals"),
        ("Are there any animals?", 0.3, [animals(("impala", 0.1))], "Detector: 1 animal: 1 giraffe"),
        ("Are there any animals?", 0.3, [], "Detector: 1 animal: 1 giraffe"),
        ("Are there any animals?", 0.5, [animals()], "Detector: 1 animal: 1 giraffe"),
        ("How many animals are there?", 0.3, [animals()], "Detector: no animals"),
        ("Is there a giraffe?", 0.3, [animals(("impala", 0.1))], "Detector: no giraffes"),
        ("Is there a giraffe?", 0.3, [animals(("giraffe", 0.02))], "Detector: 1 giraffe"),
        ("Is there a giraffe?", 0.5, [animals()], "Detector: 1 giraffe"),
        ("Is there a giraffe?", 0.3, [], "Detector: 1 giraffe"),
        ("How many giraffes are there?", 0.3, [animals()], "Detector: 1 giraffe"),
    ],
)
def test_an_unsure_animal_counts_where_a_classifier_sees_some(
    question: str, score: float, seen: list[Finding], told: str
) -> None:
    boxes = (Region((10, 10, 60, 60), "giraffe", score), Region((100, 100, 200, 200), "person", 0.3))
    found = Finding("detect", "objects", "", boxes, vocabulary=LABELS, size=(300, 300))
    assert evidence(question, [found, *seen])[0].text == told


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("Is there a bear?", "Detector: 1 bear"),
        ("Where is the bear?", "Detector: 1 bear (center)"),
        ("Is there a panda?", "Detector: 1 panda"),
        ("What animal is this?", "Detector: animal: panda"),
        ("How many animals are there?", "Detector: 1 animal: 1 panda"),
    ],
)
def test_a_panda_is_a_bear_to_who_asks_for_one(question: str, told: str) -> None:
    panda = (Region((100, 100, 200, 200), "panda", 0.9),)
    seen = Finding("detect", "objects", "", panda, vocabulary=(*LABELS, "panda"), size=(300, 300))
    assert evidence(question, [seen])[0].text == told


@pytest.mark.parametrize(
    ("side", "score", "told"),
    [(100, 0.5, "Detector: no bears"), (100, 0.6, "Detector: 1 bear"), (80, 0.5, "Detector: 1 bear")],
)
def test_a_large_animal_has_to_be_surer_where_a_classifier_sees_none(side: int, score: float, told: str) -> None:
    quokka = Finding(
        "detect", "objects", "", (Region((0, 0, side, side), "bear", score),), vocabulary=LABELS, size=(300, 300)
    )
    seen = animals(("wombat", 0.1))
    assert evidence("Is this a bear?", [quokka, seen])[0].text == told
    assert evidence("Where is the bear?", [quokka, seen])[0].text == "Detector: 1 bear (top left)"
    assert evidence("What animal is this?", [quokka, animals()])[0].text == "Detector: animal: bear"
    giraffe = Finding(
        "detect", "objects", "", (Region((0, 0, 99, 99), "giraffe", 0.5),), vocabulary=LABELS, size=(300, 300)
    )
    assert evidence("Is this a giraffe?", [giraffe, seen])[0].text == "Detector: 1 giraffe"


def breeds(*kinds: tuple[str, str, float]) -> Finding:
    shown = tuple(Region((0, 0, 300, 300), name, share, kinds=(kind, "animal")) for name, kind, share in kinds)
    return Finding("classify", "classes", "", shown)


@pytest.mark.parametrize(
    ("question", "seen", "told"),
    [
        ("Where is the dog?", breeds(("Newfoundland dog", "dog", 0.1)), "Detector: 1 dog (center)"),
        ("What color is the dog?", breeds(("Newfoundland dog", "dog", 0.1)), "Detector: 1 dog (center)"),
        (
            "Where is the dog?",
            breeds(("Newfoundland dog", "dog", 0.1), ("sloth bear", "bear", 0.2)),
            "Detector: no dogs",
        ),
        ("Where is the dog?", breeds(("Newfoundland dog", "dog", 0.02)), "Detector: no dogs"),
        ("Where is the dog?", animals(), "Detector: no dogs"),
        ("Is there a dog?", breeds(("Newfoundland dog", "dog", 0.1)), "Detector: no dogs"),
        ("Is there a dog?", breeds(("Newfoundland dog", "dog", 0.2)), "Detector: 1 dog"),
        ("Is the dog behind the bear?", breeds(("Newfoundland dog", "dog", 0.1)), "Detector: no dogs"),
    ],
)
def test_the_animal_that_a_question_speaks_of_is_the_one_that_a_detector_takes_for_another(
    question: str, seen: Finding, told: str
) -> None:
    bear = (Region((100, 100, 200, 200), "bear", 0.7), Region((20, 20, 90, 90), "person", 0.5))
    found = Finding("detect", "objects", "", bear, vocabulary=LABELS, size=(300, 300))
    assert told in [line.text for line in evidence(question, [found, seen])]
