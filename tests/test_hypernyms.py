"""Narrower things than a detector knows: asked for in its words where a classifier sees them, and else left alone."""

import pytest

from vqa.agent.folding.hypernyms import in_wider_words
from vqa.agent.prompting import evidence
from vqa.agent.trust.evidence import weigh
from vqa.experts.detectors.coco import LABELS
from vqa.values import Finding, Question, Region

WHOLE = (0.0, 0.0, 300.0, 240.0)
HEN = ("chicken", "bird", "animal")


def seen(*birds: float, hen: float = 0.4, rooster: float = 0.1) -> list[Finding]:
    boxes = tuple(Region((10.0 * n, 50.0, 10.0 * n + 8, 90.0), "bird", score) for n, score in enumerate(birds))
    classes = (Region(WHOLE, "hen", hen, kinds=HEN), Region(WHOLE, "rooster", rooster, kinds=HEN))
    return [
        Finding("detect", "objects", "", boxes, vocabulary=LABELS, size=(300, 240)),
        Finding("classify", "classes", "", classes, vocabulary=("hen", "rooster"), size=(300, 240)),
    ]


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("How many chickens are there?", "How many birds are there?"),
        ("Where is the hen?", "Where is the bird?"),
        ("What are the Chickens doing?", "What are the birds doing?"),
        ("What color is the rooster?", "What color is the rooster?"),  # of which too little is seen
        ("Is there a chicken?", "Is there a chicken?"),
        ("Is this a hen?", "Is this a hen?"),
        ("What kind of chicken is it?", "What kind of chicken is it?"),
        ("How many ducks are there?", "How many ducks are there?"),
        ("How many people are there?", "How many people are there?"),
    ],
)
def test_what_is_seen_goes_by_the_detectors_name(asked: str, meant: str) -> None:
    assert in_wider_words(asked, seen(0.9, 0.8)) == meant


@pytest.mark.parametrize("findings", [seen(0.9, hen=0.1), seen(), seen(0.9)[:1], seen(0.9)[1:], []])
def test_where_less_is_known_it_is_asked_as_it_was(findings: list[Finding]) -> None:
    assert in_wider_words("How many chickens are there?", findings) == "How many chickens are there?"


def test_they_are_counted_and_the_boxes_support_it() -> None:
    question, findings = Question("How many chickens are there?"), seen(0.9, 0.8, 0.7)
    assert [line.text for line in evidence(question.text, findings) if not line.doubt] == ["Detector: 3 birds"]
    assert [one.stance for one in weigh(question, findings, "3")] == ["supports"]
    assert [one.stance for one in weigh(question, findings, "5")] == ["contradicts"]
