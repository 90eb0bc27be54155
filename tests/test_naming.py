"""What questions ask to be named: how they are known, which of the found things it is, and what trust makes of it."""

from dataclasses import replace

import pytest

from vqa.agent.folding.naming import NAMED_SCORE, named
from vqa.agent.prompting import evidence
from vqa.agent.questions.taxonomy import CONTENTS, FIXED, NO_PLACE_FOR_PEOPLE, PATTERNED, PLACES, SKY, SORTS, USES, WILD
from vqa.agent.trust.evidence import weigh
from vqa.experts.detectors.coco import LABELS
from vqa.values import Finding, Question, Region

Box = tuple[float, float, float, float]
MAN: tuple[str, Box] = ("person", (100, 50, 180, 200))
IN_HIS_HANDS, UNDER_HIM, FAR_AWAY = (120, 100, 150, 130), (90, 195, 190, 230), (250, 10, 290, 40)


def objects(*things: tuple[str, Box], score: float = 0.8) -> Finding:
    regions = tuple(Region(box, label, score) for label, box in things)
    return Finding("detect", "objects", "", regions, vocabulary=LABELS, size=(300, 240))


def told(question: str, *things: tuple[str, Box], score: float = 0.8) -> str | None:
    found = named(question, objects(*things, score=score))
    return None if found is None else str(found)


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("Which animal is this?", "animal: cow"),
        ("What kind of animal is shown in the picture?", "animal: cow"),
        ("What animal is on the right?", "animal on the right: dog"),
        ("What is the animal on the left called?", "animal on the left: cow"),
        ("What animals are there?", "animals: cow and dog"),
        ("What animal do you see?", "animal: cow and dog"),
        ("What kind of room do you see?", None),
        ("What animal is next to the cow?", "animal: dog"),
        ("What mode of transportation is this?", None),
        ("What is the animal eating?", None),
        ("What color is the animal?", None),
        ("What kind of cow is this?", None),
        ("What animal is on his shirt?", None),
        ("How many animals are there?", None),
        ("Is this animal a dog?", None),
    ],
)
def test_a_sort_of_thing_is_the_largest_of_it(question: str, name: str | None) -> None:
    cow, dog = ("cow", (10, 10, 120, 120)), ("dog", (220, 100, 290, 180))
    assert told(question, cow, dog) == name


def test_two_names_for_one_thing_are_one_thing() -> None:
    sure = Region((10, 10, 100, 100), "bear", 0.6)
    seen = Finding("detect", "objects", "", (sure, Region((12, 8, 101, 99), "dog", 0.5)), vocabulary=LABELS)
    assert str(named("What animals are there?", seen)) == "animals: bear"


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("What is the man holding?", "holding: phone"),
        ("What is in the man's left hand?", "holding: phone"),
        ("What does the woman in the red shirt have in her hands?", "holding: phone"),
        ("What's he riding?", "riding: skateboard"),
        ("What do you see the man riding?", "riding: skateboard"),
        ("What object is the child holding?", "holding: phone"),
        ("What activity is the man doing?", "doing: skateboarding"),
        ("What is the boy in the red shirt doing?", "doing: skateboarding"),
        ("What is the man standing on?", "person standing on: skateboard"),
        ("What is the bench made of?", None),
        ("What is the dog doing?", None),
        ("Is the man holding a phone?", None),
    ],
)
def test_what_somebody_does_is_read_off_what_is_with_them(question: str, name: str | None) -> None:
    things = (MAN, ("cell phone", IN_HIS_HANDS), ("skateboard", UNDER_HIM), ("umbrella", FAR_AWAY))
    assert told(question, *things) == name
    assert told(question, MAN, ("cell phone", FAR_AWAY), ("skateboard", FAR_AWAY)) is None


def test_things_lie_on_things_and_fly_in_the_sky() -> None:
    assert told("What is the cat lying on?", ("cat", (50, 50, 90, 90)), ("couch", (20, 60, 200, 150))) == (
        "cat lying on: couch"
    )
    kites = [("kite", (x, 10, x + 20, 30)) for x in (10, 60, 110)]
    assert told("What is flying in the sky?", MAN, *kites) == "in the sky: kites"
    assert told("What is flying between the buildings?", MAN, *kites[:1]) == "in the sky: kite"
    assert told("What is in the air?", MAN) is None
    assert told("What is this?", ("fire hydrant", FAR_AWAY)) == "this: fire hydrant"
    assert told("What is this?", ("fire hydrant", FAR_AWAY), ("car", UNDER_HIM)) == "this: car"
    assert told("What is this?", ("fire hydrant", FAR_AWAY), ("car", IN_HIS_HANDS)) is None, "either may be"
    assert told("What is this?", MAN, ("tie", IN_HIS_HANDS)) is None, "a man with a tie"
    assert told("What is this?", ("fire hydrant", FAR_AWAY), score=0.4) is None


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("Where is the cat?", "place of cat: on the couch"),
        ("Where can the cat be found?", "place of cat: on the couch"),
        ("Where's the cat sleeping?", "place of cat: on the couch"),
        ("Where is the man?", None),  # his feet are before it, not on it
        ("Where are the cups?", None),  # not both of them are on the table
        ("Where is the knife?", "place of knife: on the table"),
        ("Where is the chair?", None),  # it stands on the ground
        ("Where in the picture is the cat?", None),
    ],
)
def test_where_a_thing_is_is_what_it_is_on_or_in(question: str, name: str | None) -> None:
    room = [
        ("couch", (20, 60, 200, 150)), ("cat", (50, 50, 90, 90)), ("person", (150, 70, 190, 180)),
        ("dining table", (200, 100, 300, 240)), ("knife", (220, 110, 250, 120)), ("cup", (260, 110, 270, 120)),
        ("cup", (10, 10, 20, 20)), ("chair", (210, 150, 240, 230)),
    ]  # fmt: skip
    assert told(question, *room) == name


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("What is on the left?", "on the left: dog"),
        ("What can you see on the left side of the picture?", "on the left: dog"),
        ("What is in the middle of the photo?", "in the middle: people"),
        ("What is at the top?", None),
        ("What is on the left of the man?", None),
    ],
)
def test_what_is_at_a_side_is_what_has_its_middle_there(question: str, name: str | None) -> None:
    dog, man = ("dog", (10, 90, 70, 150)), ("person", (100, 50, 180, 200))
    assert told(question, dog, man, ("person", (130, 60, 190, 190)), ("cup", (140, 120, 145, 125))) == name


def test_a_herd_outweighs_one_thing_in_front() -> None:
    sheep = [("sheep", (x, 100, x + 20, 120)) for x in range(0, 300, 30)]
    assert told("What animal is on the grass?", *sheep, ("bird", (0, 0, 120, 70))) == "animal: sheep"


def test_what_does_something_is_the_animal_that_is_there() -> None:
    dog, cat, couch = ("dog", (10, 10, 120, 120)), ("cat", FAR_AWAY), ("couch", UNDER_HIM)
    assert told("What is resting on the couch?", MAN, dog, couch) == "what is resting on the couch: dog"
    assert told("What is looking at the dog?", dog, cat) == "what is looking at the dog: cat"
    assert told("What are sleeping there?", dog, dog, couch) == "what are sleeping there: dogs"
    assert told("What is lying on the couch?", MAN, couch) is None


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("What is in the vase?", "in the vase: flowers"),
        ("What's on the white plate?", "on the white plate: pizza"),
        ("What is in the wine glass?", "in the wine glass: wine"),
        ("What is in the bottle?", None),
        ("What is next to the plate?", None),
    ],
)
def test_what_a_thing_holds_is_told_by_what_goes_with_it(question: str, name: str | None) -> None:
    things = [("potted plant", FAR_AWAY), ("pizza", IN_HIS_HANDS), ("wine glass", UNDER_HIM), ("bottle", FAR_AWAY)]
    assert told(question, *things) == name
    assert told(question, MAN) is None


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("What is the biggest object in the picture?", "biggest object: bus"),
        ("Which object is the largest?", "largest: bus"),
        ("What is the smallest thing?", "smallest thing: cup"),
        ("What is the most common object?", "most common object: chair"),
        ("Which things are on the left?", "on the left: chairs"),
        ("What is the biggest problem here?", None),
    ],
)
def test_what_is_most_is_told_by_size_and_number(question: str, name: str | None) -> None:
    chairs = [("chair", (x, 200, x + 20, 230)) for x in (0, 30, 60)]
    assert told(question, ("bus", (120, 10, 290, 150)), ("cup", (250, 200, 255, 208)), *chairs) == name
    assert told(question) is None


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("Is this a kitchen?", "room: kitchen"),
        ("Was the photo taken in a large bathroom?", "room: kitchen"),
        ("Is the kitchen clean?", None),
    ],
)
def test_a_room_that_a_question_claims_is_held_against_the_one_it_is(question: str, name: str | None) -> None:
    assert told(question, ("oven", FAR_AWAY), ("cup", UNDER_HIM)) == name
    assert told(question, ("cup", UNDER_HIM)) is None


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("Is this a dog or a cat?", "dog or cat: cat"),
        ("Are these cats or dogs?", "cats or dogs: cats"),
        ("Is it a dog, a cat or a bear?", "dog or cat or bear: cat"),
        ("Is this a cat or a cow?", None),  # there are both
        ("Is this a dog or a bear?", None),
        ("Is this a man or a cat?", None),
        ("Is this a cat or a lynx?", None),
        ("Are there more cats or dogs?", None),
    ],
)
def test_of_two_things_it_is_the_one_that_is_found(question: str, name: str | None) -> None:
    assert told(question, ("cat", FAR_AWAY), ("cow", UNDER_HIM)) == name


def test_zebras_are_black_and_white_in_any_light() -> None:
    seen = Finding("detect", "objects", "", (Region(FAR_AWAY, "zebra", 0.8, "brown"),), vocabulary=LABELS)
    assert str(named("What color is the zebra?", seen)) == "color of zebra: black and white"
    assert told("What color is the zebra?", MAN) is None


def test_rooms_and_sports_are_told_by_what_belongs_to_them() -> None:
    kitchen = (("oven", FAR_AWAY), ("refrigerator", UNDER_HIM), ("bed", IN_HIS_HANDS))
    assert told("Which room do you see?", *kitchen, ("oven", IN_HIS_HANDS)) == "room: kitchen"
    assert told("What sport do you see?", MAN, ("skis", UNDER_HIM), ("skis", IN_HIS_HANDS)) == "sport: skiing"
    cows = [("cow", (x, 10, x + 50, 60)) for x in (10, 90)]
    assert (told("What animal do you see?", *cows), told("What animals are there?", *cows)) == (
        "animal: cow",
        "animals: cows",
    )
    assert told("What room is this?", *kitchen) == told("What room is the boy in?", *kitchen) == "room: kitchen"
    racket = ("tennis racket", IN_HIS_HANDS)
    for question in ("What sport are they playing?", "What sport is the man participating in?"):
        assert told(question, MAN, racket) == "sport: tennis"
    assert told("What food are the people eating?", MAN, ("donut", IN_HIS_HANDS)) == "food: donut"


def test_what_is_only_suspected_names_nothing() -> None:
    assert told("Which animal is this?", ("cat", FAR_AWAY), score=0.2) is None


def test_the_core_reads_the_name_alone_and_the_prompt_says_what_it_left_out() -> None:
    seen = objects(("cow", (10, 10, 120, 120)), ("dog", FAR_AWAY))
    lines = evidence("Which animal is this?", [seen])
    assert [line.text for line in lines if not line.doubt] == ["Detector: animal: cow"]
    assert [line.text for line in lines if line.doubt] == ["Detector: 1 cow, 1 dog"]


def test_what_shows_the_name_is_its_evidence() -> None:
    seen = objects(("oven", FAR_AWAY), ("refrigerator", UNDER_HIM))
    (held,) = weigh(Question("What room is this?"), [seen], "kitchen")
    assert (held.stance, held.text) == ("supports", "finds 1 oven and 1 refrigerator")
    assert weigh(Question("What room is this?"), [seen], "bathroom") == ()
    kites = objects(("kite", FAR_AWAY), ("kite", UNDER_HIM))
    (held,) = weigh(Question("What is in the sky?"), [kites], "a kite")
    assert held.text == "finds 2 kites"
    bus = objects(("bus", FAR_AWAY))
    assert weigh(Question("What vehicle is this?"), [bus], "buses")[0].text == "finds 1 bus"
    assert weigh(Question("What vehicle is this?"), [bus], "building") == ()


def test_the_tables_name_what_detectors_know() -> None:
    for use in (*SORTS.values(), *USES.values(), SKY, PLACES, *CONTENTS.values()):
        assert set(use) - WILD.keys() <= set(LABELS)
        assert not any("_" in name for name in use.values())
    assert (FIXED | set(PLACES) | set(PATTERNED)) <= set(LABELS)
    assert set(NO_PLACE_FOR_PEOPLE) <= set(PLACES)


def test_who_is_there_are_the_people_and_the_animals() -> None:
    dog, cup = ("dog", FAR_AWAY), ("cup", UNDER_HIM)
    assert told("Who is in the picture?", MAN, MAN, dog, cup) == "who is there: 2 people and 1 dog"
    assert told("Who is there?", cup) is None
    assert told("Who is holding the cup?", MAN, cup) is None


@pytest.mark.parametrize(
    "question",
    [
        "What is in the picture?",
        "What's in this photo?",
        "What do you see?",
        "What objects can you see in the image?",
        "Which things are there?",
        "What does the image contain?",
        "List all objects.",
        "Name everything you see in the picture",
        "Identify the objects in this picture.",
    ],
)
def test_all_there_is_are_the_things_that_are_surely_there(question: str) -> None:
    boxes = [
        Region((10, 10, 200, 100), label, score) for label, score in (("car", 0.9), ("car", 0.3), ("suitcase", 0.4))
    ]
    seen = Finding("detect", "objects", "", tuple(boxes), vocabulary=LABELS, size=(300, 240))
    assert str(named(question, seen)) == "all there is: 2 cars"
    assert str(named(question, replace(seen, regions=tuple(boxes[2:])))) == "all there is: 1 suitcase"
    assert named(question, replace(seen, regions=())) is None


def test_what_is_hardly_seen_is_not_named() -> None:
    def animal(score: float) -> str | None:
        seen = Finding("detect", "objects", "", (Region((100, 80, 140, 120), "dog", score),), vocabulary=LABELS)
        found = named("What animal is this?", replace(seen, size=(300, 240)))
        return None if found is None else found.answer

    assert animal(NAMED_SCORE) == "dog"
    assert animal(NAMED_SCORE - 0.01) is None


@pytest.mark.parametrize("more", [" all", " there", " in the picture", " that are here", " you see"])
def test_a_long_question_for_all_is_read_in_no_more_time_than_it_has_words(more: str) -> None:
    for question in ("what do you see", "list all objects", "what is"):
        assert named(question + more * 300 + "!x", objects(MAN)) is None  # would never end if ways multiplied


@pytest.mark.parametrize(
    "question", ["What is on the table?", "What is he doing?", "Identify the object.", "What is it?"]
)
def test_who_asks_for_one_thing_does_not_ask_for_all(question: str) -> None:
    assert "all there is" not in str(named(question, objects(MAN, ("car", FAR_AWAY))))


def test_a_thing_is_named_by_its_colour_or_by_how_often_it_is_there() -> None:
    bus = Region((10, 10, 200, 100), "bus", 0.9, "red")
    cups = [Region((x, 150, x + 20, 170), "cup", 0.8, "blue") for x in (10, 60)]
    seen = Finding("detect", "objects", "", (bus, *cups), vocabulary=LABELS, size=(300, 240))
    for question, name in (
        ("What is red in this picture?", "red: bus"),
        ("Which things are blue?", "blue: cup"),
        ("What is the red object?", "red object: bus"),
        ("Which object appears most often?", "most often: cup"),
        ("What object is there the most in the picture?", "most: cup"),
    ):
        assert str(named(question, seen)) == name
    assert named("What is green in this picture?", seen) is None


@pytest.mark.parametrize(
    ("question", "answer", "stance"),
    [
        ("What kind of bird is this?", "zebra", "contradicts"),
        ("What breed is the dog?", "a cat", "contradicts"),
        ("Who is taking the photo?", "surfboard", "contradicts"),
        ("What kind of food is this?", "dog", "contradicts"),
        ("Who is there?", "a person", "supports"),
        ("What is this person riding?", "surfboard", "supports"),
        ("What is the animal eating?", "a person", "supports"),
    ],
)
def test_an_answer_of_another_sort_is_contradicted(question: str, answer: str, stance: str) -> None:
    things = [(name, FAR_AWAY) for name in ("zebra", "cat", "dog", "person")] + [("surfboard", UNDER_HIM)]
    assert [held.stance for held in weigh(Question(question), [objects(*things)], answer)] == [stance]
