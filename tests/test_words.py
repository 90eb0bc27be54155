from itertools import product

import pytest

from vqa.values import COUNT_SCORE, Region
from vqa.words import counted, describe, one, place, plural, relation, singular

SIZE = (300, 150)
OPPOSITES = {
    "left of": "right of",
    "right of": "left of",
    "above": "below",
    "below": "above",
    "on or in front of": "behind or under",
    "behind or under": "on or in front of",
    None: None,
}


def region(x0: float, y0: float, x1: float, y1: float, label: str = "cup", score: float = 0.9) -> Region:
    return Region((x0, y0, x1, y1), label, score)


@pytest.mark.parametrize(
    ("label", "several"),
    [
        ("person", "people"),
        ("knife", "knives"),
        ("bus", "buses"),
        ("bench", "benches"),
        ("toothbrush", "toothbrushes"),
        ("sheep", "sheep"),
        ("mouse", "mice"),
        ("toy", "toys"),
        ("berry", "berries"),
        ("hot dog", "hot dogs"),
        ("wine glass", "wine glasses"),
        ("computer mouse", "computer mice"),
        ("scissors", "pairs of scissors"),
    ],
)
def test_plurals_are_english(label: str, several: str) -> None:
    assert plural(label, 2) == several


def test_one_thing_and_none_have_the_right_number() -> None:
    assert counted("person", 1) == "1 person"
    assert counted("scissors", 1) == "1 pair of scissors"
    assert counted("giraffe", 0) == "no giraffes"
    assert counted("scissors", 0) == "no scissors"


def test_articles_follow_the_first_sound() -> None:
    assert (one("airplane"), one("bus"), one("skis")) == ("an airplane", "a bus", "a pair of skis")


def test_places_are_the_nine_fields_of_the_picture() -> None:
    rows = [[place(region(x - 5, y - 5, x + 5, y + 5), SIZE) for x in (50, 150, 250)] for y in (25, 75, 125)]
    assert rows == [
        ["top left", "top", "top right"],
        ["left", "center", "right"],
        ["bottom left", "bottom", "bottom right"],
    ]


@pytest.mark.parametrize(
    ("a", "expected"),
    [
        (region(0, 40, 40, 60), "left of"),
        (region(160, 40, 190, 60), "right of"),
        (region(110, 0, 140, 30), "above"),
        (region(110, 120, 140, 150), "below"),
        (region(120, 60, 130, 70), "on or in front of"),
        (region(90, 40, 160, 110), "behind or under"),
        (region(80, 60, 110, 80), "left of"),  # overlaps, but by less than half of the narrower
    ],
)
def test_relations_say_what_the_picture_shows(a: Region, expected: str) -> None:
    assert relation(a, region(100, 50, 150, 100)) == expected


def test_boxes_that_do_not_tell_have_no_relation() -> None:
    box = region(100, 50, 150, 100)
    assert relation(box, box) is None
    assert relation(region(130, 80, 180, 130), box) == "right of"
    assert relation(region(112, 62, 172, 122), box) is None  # too much in common for a side, too little to lie on it
    assert relation(region(100, 50, 100, 50), box) is None


def test_the_reverse_relation_is_the_opposite() -> None:
    boxes = [region(x, y, x + w, y + h) for x, y, w, h in product((0, 30, 70), (0, 25, 60), (20, 45), (15, 50))]
    for a, b in product(boxes, boxes):
        assert relation(b, a) == OPPOSITES[relation(a, b)], (a, b)


def test_a_finding_tells_counts_places_scores_and_relations() -> None:
    found = [
        region(0, 40, 40, 120, "person", 0.83),
        region(100, 30, 280, 130, "bus", 0.8),
        region(50, 45, 90, 125, "person", 0.712),
    ]
    assert describe(found, SIZE) == ("2 people: left 0.83, left 0.71. 1 bus: center 0.80. A person left of a bus.")


def test_weak_objects_are_not_told() -> None:
    weak = region(0, 0, 50, 50, "cat", COUNT_SCORE - 0.01)
    assert describe([weak], SIZE) == "no objects found"
    assert describe([region(0, 0, 50, 50, "cat", COUNT_SCORE)], SIZE) == f"1 cat: top left {COUNT_SCORE:.2f}."


def test_many_objects_are_counted_without_relations() -> None:
    books = [region(20 * i, 40, 20 * i + 10, 60, "book", 0.5) for i in range(12)]
    text = describe([*books, region(0, 100, 30, 140, "cup")], SIZE)
    assert text.startswith("12 books: left 0.50,")
    assert "and 6 more" in text
    assert " of a " not in text


@pytest.mark.parametrize(
    ("several", "one"),
    [("boxes", "box"), ("parties", "party"), ("glass", "glass"), ("dogs", "dog")],
)
def test_a_plural_has_its_singular(several: str, one: str) -> None:
    assert singular(several) == one
