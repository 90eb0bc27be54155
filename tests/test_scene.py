"""What the whole scene tells: which questions ask for it, what a picture says of them, what answers it supports."""

import math
from dataclasses import replace

import pytest

from vqa.agent.folding.quoting import quotable
from vqa.agent.folding.scene import asks_for_scene, told_of_scene
from vqa.agent.prompting import evidence
from vqa.agent.questions.scene import Asked, read_scene_question
from vqa.agent.trust.confidence import shipped
from vqa.agent.trust.evidence import weigh
from vqa.agent.trust.features import KIND, features
from vqa.experts.scenes.concepts import CONCEPTS
from vqa.values import Finding, Question, Region

WHOLE = (0.0, 0.0, 90.0, 90.0)


def scene(**shares: float) -> Finding:
    """Return a finding; "lying_down" is "lying down"."""
    told = {name.replace("_", " "): share for name, share in shares.items()}
    regions = tuple(Region(WHOLE, name, share, kinds=(CONCEPTS[name],)) for name, share in told.items())
    return Finding("scene", "scene", "", regions, vocabulary=tuple(CONCEPTS), size=(90, 90))


def objects(*labels: str, score: float = 0.8) -> Finding:
    regions = tuple(Region((0, 0, 9, 9), label, score) for label in labels)
    known = ("person", "dog", "car", "sports ball", "cup")
    return Finding("detect", "objects", "", regions, vocabulary=known, size=(90, 90))


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("What's the weather like?", Asked("weather")),
        ("How is the weather today?", Asked("weather")),
        ("What kind of day is it?", Asked("weather")),
        ("What season is it?", Asked("season")),
        ("What type of season is in the picture?", Asked("season")),
        ("What season is the bear dressed for?", None),
        ("What time of day was this taken?", Asked("time of day")),
        ("When was this photo taken?", Asked("time of day")),
        ("When was this pic taken?", Asked("time of day")),
        ("What is in the background?", Asked("in the background")),
        ("What is the ground covered with?", Asked("on the ground")),
        ("What sport is being played?", Asked("sport")),
        ("Where was this taken?", Asked("place")),
        ("What is this place?", Asked("place")),
        ("What kind of place is this?", Asked("place")),
        ("What color is the photo?", Asked("color of the photo")),
        ("What color is the background?", Asked("color of the background")),
        ("What is the background color of this picture?", Asked("color of the background")),
        ("What color background does it have?", Asked("color of the background")),
        ("What color is the car in the background?", None),
        ("What is the main color?", Asked("main color")),
        ("What is the dominant color of the image?", Asked("main color")),
        ("Which color is most common in the picture?", Asked("main color")),
        ("What is the main color of the bus?", None),
        ("What colors are in the picture?", Asked("colors")),
        ("What are the main colors?", Asked("colors")),
        ("What are the colors of this image?", Asked("colors")),
        ("What colors can you see?", Asked("colors")),
        ("What colors are the flowers?", None),
        ("What colors are in the flag?", None),
        ("What is the dog doing?", Asked("doing")),
        ("What is the man doing?", None),
        ("Is it raining?", Asked(one="rainy")),
        ("Was this taken at night?", Asked(one="night")),
        ("Is it dark outside?", Asked(one="night")),
        ("Is it a sunny day?", Asked(one="sunny")),
        ("Is the sun shining?", Asked(one="sunny")),
        ("Is it sunny or cloudy?", Asked(one="sunny", other="cloudy")),
        ("Is it day or night?", Asked(one="day", other="night")),
        ("Where are these people?", Asked("place")),
        ("Is this a photo?", Asked(one="photo")),
        ("Is this picture a drawing?", Asked(one="drawing")),
        ("Is it a cartoon?", Asked(one="cartoon")),
        ("Is this a photo or a drawing?", Asked(one="photo", other="drawing")),
        ("Is this a logo or a photo?", Asked(one="drawing", other="photo")),
        ("Is this a drawing or a painting?", Asked(one="drawing", other="painting")),
        ("Is this a photo of a dog?", None),
        ("Is he sitting or standing?", Asked(one="sitting", other="standing")),
        ("Is the dog lying down?", Asked(one="lying down")),
        ("Is the water still running?", None),
        ("Is the man sitting on the bench?", None),
        ("Is the woman wearing a hat?", Asked(one="hat")),
        ("Is the woman wearing a red hat?", None),
        ("Are there any trees in the background?", Asked(one="trees")),
        ("Is there a cup?", None),
        ("Are they at the beach?", Asked(one="beach")),
        ("Is this a black and white photo?", Asked(one="black and white")),
        ("Is this photo black-and-white?", Asked(one="black and white")),
        ("Is this photo black and-white?", None),
        ("Is the picture in color?", Asked(one="in color")),
        ("날씨가 어때요?", Asked("weather")),
        ("여기는 실내인가요 실외인가요?", Asked(one="indoors", other="outdoors")),
        ("사람이 몇 명 있나요?", None),
        ("Is it black and white?", None),
        ("Is this indoors or outdoors?", Asked(one="indoors", other="outdoors")),
        ("Is this picture taken inside or outside?", Asked(one="inside", other="outside")),
        ("Was this photo taken indoors or out?", Asked(one="indoors", other="outdoors")),
        ("Is it an outdoor scene?", Asked(one="outdoors")),
        ("Are they outside", Asked(one="outside")),
        ("Is it cold outside?", None),
        ("Is the dog inside the car?", None),
        ("Is he looking outside?", None),
        ("Is there a car outside?", None),
        ("What color is the car?", None),
    ],
)
def test_questions_about_the_scene_are_known_by_their_words(question: str, asked: Asked | None) -> None:
    assert read_scene_question(question, ("cup", "car")) == asked
    assert bool(asks_for_scene(question, ("cup", "car"))) == (asked is not None)


@pytest.mark.parametrize("more", [" in a", " day", " or a", " outside in", " here"])
def test_a_long_question_is_read_in_no_more_time_than_it_has_words(more: str) -> None:
    for question in ("is it sunny", "is he sitting", "are there trees"):
        read_scene_question(question + more * 300 + "!x")  # would never end if ways to read it multiplied


def test_the_colour_of_the_background_is_told_where_it_has_one() -> None:
    around = Region((0, 0, 8, 8), "background", 0.6, color="white")
    plain, busy = replace(scene(outdoors=0.9), regions=(around,)), scene(outdoors=0.9)
    assert str(told_of_scene("What color is the background?", plain)) == "color of the background: white"
    assert told_of_scene("What color is the background?", busy) is None
    assert told_of_scene("What is in the background?", plain) is None


def test_the_main_colour_is_told_where_it_has_one() -> None:
    most = Region((0, 0, 8, 8), "most of it", 0.4, color="blue")
    blue = Finding("scene", "scene", "", (Region((0, 0, 8, 8), "background", 0.6, color="white"), most))
    assert str(told_of_scene("What is the main color?", blue)) == "main color: blue"
    assert str(told_of_scene("What color is the background?", blue)) == "color of the background: white"
    assert told_of_scene("What is the main color?", Finding("scene", "scene", "", ())) is None


def test_the_colours_are_those_of_its_parts() -> None:
    parts = tuple(
        Region((0, 0, 8, 8), "part of it", share, color=name) for name, share in (("blue", 0.6), ("tan", 0.2))
    )
    told = told_of_scene("What colors are in the picture?", Finding("scene", "scene", "", parts))
    assert told is not None
    assert (str(told), told.share) == ("colors: blue and tan", pytest.approx(0.8))


def test_of_two_the_answer_is_in_the_words_of_the_question() -> None:
    drawn, dull = scene(drawing=0.9, no_scene=0.9), scene(outdoors=0.9, sunny=0.1)
    for question, answer in (("Is this a photo or a cartoon?", "cartoon"), ("Is it a logo or a photograph?", "logo")):
        assert str(told_of_scene(question, drawn)).endswith(f": {answer}")
    assert str(told_of_scene("Is it sunny or overcast?", dull)) == "sunny or overcast: overcast"


def test_what_a_detector_knows_is_the_detectors() -> None:
    assert read_scene_question("Are there flowers?")
    assert not read_scene_question("Are there flowers?", ("flowers",))


@pytest.mark.parametrize(
    ("question", "shares", "told"),
    [
        ("What is the weather like?", {"outdoors": 0.9, "sunny": 0.8}, "weather: sunny"),
        ("What is the weather like?", {"outdoors": 0.9, "sunny": 0.2}, "weather: cloudy"),
        ("What is the weather like?", {"outdoors": 0.9, "sunny": 0.9, "snow": 0.9}, "weather: snowy"),
        ("What is the weather like?", {"outdoors": 0.1, "sunny": 0.9}, None),
        ("What time of day is it?", {"outdoors": 0.9}, "time of day: day"),
        ("What time of day is it?", {"outdoors": 0.1}, None),
        ("What time of day is it?", {"outdoors": 0.1, "night": 0.7}, "time of day: night"),
        ("What time of day is it?", {"outdoors": 0.9, "sunset": 0.7}, "time of day: evening"),
        ("What season is it?", {"snow": 0.9}, "season: winter"),
        ("What season is it?", {"beach": 0.7}, "season: summer"),
        ("What season is it?", {"outdoors": 0.9}, None),
        ("Is it winter?", {"outdoors": 0.9}, None),
        ("Is it raining?", {"rainy": 0.1}, None),
        ("Is it raining?", {"rainy": 0.1, "sunny": 0.9}, "rainy: No"),
        ("Is it raining?", {"rainy": 0.6}, "rainy: Yes"),
        ("Is it night?", {"outdoors": 0.9}, "night: No"),
        ("Is it daytime?", {"outdoors": 0.9}, "day: Yes"),
        ("Is this outdoors?", {"outdoors": 0.2}, "outdoors: No"),
        ("Is this a kitchen?", {"outdoors": 0.95}, "a room: No"),
        ("Was this taken in a hotel room?", {"outdoors": 0.95}, "a room: No"),
        ("Is this a kitchen?", {"outdoors": 0.05}, None),  # which room it is, is another question
        ("Is this inside or outside?", {"outdoors": 0.2}, "inside or outside: inside"),
        ("Are there trees?", {"trees": 0.2}, "trees: Yes"),
        ("Are there trees?", {"trees": 0.1}, None),
        ("Is anyone dancing?", {"dancing": 0.2}, None),
        ("Is he sitting or standing?", {"sitting": 0.4, "standing": 0.3}, "sitting or standing: sitting"),
        ("Is he sitting or standing?", {"sitting": 0.1, "standing": 0.1}, None),
        ("What is in the background?", {"trees": 0.6, "mountains": 0.7}, "in the background: mountains"),
        ("What is in the background?", {"trees": 0.4}, None),
        ("What are the brown dogs doing?", {"running": 0.4, "jumping": 0.3}, "doing: running"),
        ("What are the brown dogs doing?", {"running": 0.2}, None),
        ("Is this outdoors?", {"outdoors": 0.9, "no_scene": 0.8}, None),
        ("What is the weather like?", {"outdoors": 0.9, "sunny": 0.9, "no_scene": 0.8}, None),
        ("Is this photo black and white?", {}, "black and white: No"),
        ("Is the photo in color?", {"black_and_white": 1.0}, "in color: No"),
        ("What color is the photo?", {"black_and_white": 1.0}, "color of the photo: black and white"),
        ("What color is the photo?", {}, None),
    ],
)
def test_only_what_a_picture_shows_is_told(question: str, shares: dict[str, float], told: str | None) -> None:
    found = told_of_scene(question, scene(**shares))
    assert (found and str(found)) == told


@pytest.mark.parametrize(
    ("drawing", "answers"),
    [(0.4, ("Yes", "No", None, "drawing")), (0.08, (None,) * 4), (0.01, ("No", "Yes", "No", "photo"))],
)
def test_drawings_are_told_from_photos_where_that_is_plain(drawing: float, answers: tuple[str | None, ...]) -> None:
    questions = ("Is this a drawing?", "Is this a photo?", "Is this a cartoon?", "Is it a photo or a drawing?")
    told = [told_of_scene(question, scene(drawing=drawing)) for question in questions]
    assert tuple(one and one.answer for one in told) == answers
    table = scene(drawing=0.01, no_scene=0.9)  # of figures, say: no scene, and hardly a drawing
    assert not any(told_of_scene(question, table) for question in questions)
    assert told_of_scene("Is this a painting?", scene(drawing=0.01)) is None


def test_what_nobody_can_do_or_wear_is_not_told() -> None:
    sitting = scene(sitting=0.9)
    assert told_of_scene("Is anyone sitting?", sitting)
    assert told_of_scene("Is anyone sitting?", sitting, [sitting, objects("cup")]) is None
    assert told_of_scene("Is anyone sitting?", sitting, [sitting, objects("person")])


def test_what_boxes_name_stands_if_it_is_as_sure() -> None:
    question, basketball = "What sport is being played?", scene(basketball=0.9)
    told = told_of_scene(question, basketball, [basketball, objects("person", "sports ball")])
    assert told
    assert told.answer == "basketball"
    assert told_of_scene(question, basketball, [basketball, objects("sports ball", score=0.95)]) is None


def test_what_is_told_stands_alone_and_is_quoted() -> None:
    lines = evidence("What is the weather like?", [objects("dog"), scene(outdoors=0.9, sunny=0.8)])
    read = [line.text for line in lines if not line.doubt]
    assert read == ["Scene: weather: sunny"]
    quoted = quotable("What is the weather like?", read)
    assert quoted.lines == ("sunny",)
    assert quoted.or_else == ()  # "No text found" begins as "No" does


@pytest.mark.parametrize(
    ("question", "answer", "stance"),
    [
        ("What is the weather like?", "sunny", "supports"),
        ("What is the weather like?", "It is sunny.", "supports"),
        ("What is the weather like?", "rainy", "contradicts"),
        ("Is it sunny?", "yes", "supports"),
        ("Is it sunny?", "No", "contradicts"),
        ("Is it cloudy?", "No", "supports"),
        ("Is there a lake?", "No", None),
        ("What is this?", "rain", None),
    ],
)
def test_answers_are_held_against_the_scene(question: str, answer: str, stance: str | None) -> None:
    found = scene(outdoors=0.9, sunny=0.8)
    held = weigh(Question(question), [found], answer)
    assert [one.stance for one in held] == ([] if stance is None else [stance])
    told = features(Question(question), [found], held, answer, None)
    assert told[f"{KIND}scene"] == float(stance is not None)
    assert told.get("scene: contradicts", 0.0) == float(stance == "contradicts")
    if stance:
        assert held[0].regions == (found.regions[1],)
        sure = math.log(0.8 / 0.2)
        assert told["scene: log odds of the answer"] == pytest.approx(sure if stance == "supports" else -sure)


def test_what_a_scene_is_hardly_sure_of_is_told_with_less_confidence() -> None:
    def confidence(share: float) -> float | None:
        findings = [scene(outdoors=0.95, night=share)]
        evidence = weigh(Question("Is it night?"), findings, "No")
        told = features(Question("Is it night?"), findings, evidence, "No", 0.9)
        return shipped().probability(told, core="smollm2-135m")

    sure, even = confidence(0.05), confidence(0.49)
    assert sure is not None
    assert even is not None
    assert even < 0.75 < sure


@pytest.mark.parametrize("question", ["Is there a dog?", "What animal is this?", "How many dogs are there?"])
def test_where_there_is_no_scene_boxes_count_for_less(question: str) -> None:
    def told(share: float) -> dict[str, float]:
        findings = [objects("dog"), scene(no_scene=share)]
        answer = {"Is": "Yes", "What": "dog", "How": "1"}[question.split()[0]]
        evidence = weigh(Question(question), findings, answer)
        return dict(features(Question(question), findings, evidence, answer, None))

    assert told(0.9)["no scene: told of what is seen"] == 0.9
    assert "no scene: told of what is seen" not in told(0.1)
    assert shipped().probability(told(0.9), core="smollm2-135m") < shipped().probability(told(0.1), core="smollm2-135m")
