"""Colours: how the detector names them, which questions ask for one, and what is told and weighed."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vqa.agent.folding.colors import AskedColor, asked_color, colors_in
from vqa.agent.folding.naming import named
from vqa.agent.prompting import evidence
from vqa.agent.trust.evidence import weigh
from vqa.experts.detectors.coco import LABELS
from vqa.experts.detectors.colors import FILE, Weights, colored, features
from vqa.values import Finding, Question, Region
from vqa.words import COLORS

RED, BLUE, GREEN, WHITE = (200, 20, 25), (25, 50, 190), (40, 120, 40), (245, 245, 245)
BOX = (40.0, 40.0, 120.0, 120.0)


def picture(inside: tuple[int, int, int], around: tuple[int, int, int]) -> Image.Image:
    pixels = np.full((160, 200, 3), around, np.uint8)
    pixels[40:120, 40:120] = inside
    noise = np.random.default_rng(0).integers(-12, 13, pixels.shape)
    return Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))


@pytest.mark.parametrize(
    ("label", "inside", "around", "color"),
    [
        ("car", RED, GREEN, "red"),
        ("bus", BLUE, WHITE, "blue"),
        ("bus", WHITE, BLUE, "white"),
        ("cup", RED, BLUE, "red"),
    ],
)
def test_what_is_in_the_box_and_not_around_it_is_the_things_colour(
    label: str, inside: tuple[int, int, int], around: tuple[int, int, int], color: str
) -> None:
    (region,) = colored(picture(inside, around), [Region(BOX, label, 0.9)], 0.25)
    assert region.color == color


def test_of_a_person_it_is_what_covers_the_chest() -> None:
    pixels = np.full((200, 100, 3), WHITE, np.uint8)
    pixels[20:60, 20:80], pixels[60:110, 20:80], pixels[110:190, 20:80] = (225, 180, 150), RED, BLUE
    (region,) = colored(Image.fromarray(pixels), [Region((20, 20, 80, 190), "person", 0.9)], 0.25)
    assert region.color == "red"


def test_what_is_only_suspected_or_outside_the_picture_has_no_colour() -> None:
    suspected, outside = Region(BOX, "car", 0.2), Region((500, 500, 510, 510), "car", 0.9)
    assert colored(picture(RED, GREEN), [suspected, outside], 0.25) == [suspected, outside]


def test_two_colours_are_named_where_there_are_two_and_none_where_all_are_alike() -> None:
    hues = np.zeros((len(COLORS), 1))
    hues[:2, 0] = 6.0, 5.6
    assert Weights(hues, {}).named("dog", np.ones(1)) == "black and white"
    assert Weights(np.zeros_like(hues), {}).named("dog", np.ones(1)) == ""
    surely = np.zeros(len(COLORS))
    surely[COLORS.index("brown")] = 9.0
    assert Weights(hues, {"dog": surely}).named("dog", np.ones(1)) == "brown"


def test_the_shipped_weights_are_of_these_colours_and_features() -> None:
    fitted = json.loads((Path(__file__).parents[1] / "experts" / "detectors" / FILE).read_text(encoding="utf-8"))
    assert fitted["colors"] == list(COLORS)
    seen = features(picture(RED, GREEN), Region(BOX, "car", 0.9))
    assert np.array(fitted["hues"]).shape == (len(COLORS), len(seen))
    assert set(fitted["labels"]) <= set(LABELS)


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("What color is the bus?", AskedColor("bus", "bus")),
        ("What's the color of the cat in the box?", AskedColor("cat", "cat")),
        ("What color are the wine glasses on the table?", AskedColor("wine glasses", "wine glass")),
        ("What color is the man's shirt?", AskedColor("man's shirt", "person")),
        ("What color is her dress?", AskedColor("dress", "person")),
        ("What color are their clothes?", AskedColor("clothes", "person")),
        ("What color are the girls' dresses?", AskedColor("girls' dresses", "person")),
        ("Which color jacket is she wearing?", AskedColor("jacket", "person")),
        ("Is the bus red?", AskedColor("bus", "bus", ("red",))),
        ("Are the dogs black and white?", AskedColor("dogs", "dog", ("black", "white"))),
        ("Is his shirt grey?", AskedColor("shirt", "person", ("gray",))),
        ("Is there a red bus?", AskedColor("bus", "bus", ("red",))),
        ("Do you see any black and white cats in the picture?", AskedColor("cats", "cat", ("black", "white"))),
        ("Is there an orange?", None),
        ("Is there a red bus behind the car?", None),
        ("What color is the cat's collar?", None),
        ("What color is the top of the bus?", None),
        ("What color is the sky?", None),
        ("What color is the man?", None),
        ("Is the bus new?", None),
        ("How many red cars are there?", None),
    ],
)
def test_questions_about_the_colour_of_things_are_known(question: str, asked: AskedColor | None) -> None:
    assert asked_color(question, LABELS) == asked


def test_colours_have_one_name() -> None:
    assert colors_in("Grey and white, grey") == ("gray", "white")


def test_the_colour_is_told_in_the_questions_words_and_is_evidence() -> None:
    box = (0.0, 0.0, 50.0, 50.0)
    regions = (Region(box, "bus", 0.9, "red"), Region((60, 0, 70, 9), "bus", 0.8, "white"), Region(box, "dog", 0.7))
    seen = Finding("detect", "objects", "", regions, vocabulary=LABELS, size=(100, 100))
    lines = [line.text for line in evidence("What color is the bus?", [seen]) if not line.doubt]
    assert lines == ["Detector: color of bus: red"]
    assert named("What color is the dog?", seen) is None  # nobody could tell
    assert str(named("What is the red object on the street?", seen)) == "red object: bus"
    assert named("What is the blue object?", seen) is None

    def stance(question: str, answer: str) -> list[str]:
        return [held.stance for held in weigh(Question(question), [seen], answer)]

    assert weigh(Question("What color is the bus?"), [seen], "red")[0].text == "finds 1 red bus"
    man = Finding("detect", "objects", "", (Region(box, "person", 0.9, "blue"),), vocabulary=LABELS, size=(100, 100))
    assert weigh(Question("What color is his shirt?"), [man], "blue")[0].text == "finds 1 person in blue"
    assert stance("What color is the bus?", "red") == ["supports"]
    assert stance("What color is the bus?", "blue") == ["contradicts"]
    assert stance("Is the bus red?", "Yes") == ["supports"]
    assert stance("Is the bus red?", "No") == ["contradicts"]
    assert stance("Is the bus blue?", "No") == ["supports"]
    assert stance("What color is the dog?", "black") == []
    assert str(named("Is there a white bus?", seen)) == "color of bus: white"  # one of the two is
    assert str(named("Is there a green bus?", seen)) == "color of bus: red"
    assert stance("Is there a white bus?", "Yes") == ["supports"]
    assert stance("Is there a green bus?", "No") == ["supports"]
    assert stance("Is there a red cat?", "No") == ["supports"]  # of cats there are none


def test_a_region_keeps_its_colour() -> None:
    region = Region(BOX, "bus", 0.9, "red")
    assert Region.from_dict(region.to_dict()) == region
    assert "color" not in Region(BOX, "bus", 0.9).to_dict()


def test_things_of_a_colour_are_counted_by_themselves() -> None:
    def cars(*colors: str) -> Finding:
        regions = tuple(Region((40.0 * i, 0, 40.0 * i + 30, 30), "car", 0.9, color) for i, color in enumerate(colors))
        man = Region((0, 50, 20, 90), "person", 0.9, "red")
        return Finding("detect", "objects", "", (*regions, man), vocabulary=LABELS, size=(200, 100))

    def told(question: str, seen: Finding) -> list[str]:
        return [line.text for line in evidence(question, [seen]) if not line.doubt]

    seen = cars("red", "blue", "red and white")
    assert told("How many red cars are there?", seen) == ["Detector: 2 red cars"]
    assert told("How many green cars are there?", seen) == ["Detector: no green cars"]
    assert told("How many cars are there?", seen) == ["Detector: 3 cars"]
    assert told("How many red cars are there?", cars("red", "", "blue")) == ["Detector: 3 cars"]  # one may be red
    assert told("How many white people are there?", seen) == ["Detector: 1 person"]  # clothes are nobody's colour
    assert told("How many people are wearing red?", seen) == ["Detector: 1 red person"]
    assert told("How many men are there in blue?", seen) == ["Detector: 1 person"]
    assert [held.stance for held in weigh(Question("How many red cars are there?"), [seen], "2")] == ["supports"]
    assert [held.stance for held in weigh(Question("How many red cars are there?"), [seen], "3")] == ["contradicts"]
