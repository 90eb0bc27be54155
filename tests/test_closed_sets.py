"""What somebody wears or is on, and open answers: by how often people would say such words of the picture."""

import math
from dataclasses import replace

import pytest

from vqa import VQAAgent
from vqa.agent.folding.words import is_open, told_of_words
from vqa.agent.prompting import evidence
from vqa.agent.questions.closed_sets import read_closed_set
from vqa.agent.questions.taxonomy import PEOPLE
from vqa.agent.trust.evidence import weigh
from vqa.agent.trust.features import SAID, features
from vqa.experts.detectors.coco import LABELS
from vqa.experts.scenes.concepts import CONCEPTS
from vqa.experts.words import WordsExpert
from vqa.images import load_image
from vqa.settings import Settings
from vqa.values import Finding, Question, Region

WEARING = "What is the man wearing?"


def boxes(*labels: str) -> Finding:
    regions = tuple(Region((10, 10, 90, 90), label, 0.8) for label in labels)
    return Finding("detect", "objects", "", regions, vocabulary=LABELS, size=(100, 100))


def words(**shares: float) -> Finding:
    regions = tuple(Region((0, 0, 100, 100), name, share) for name, share in shares.items())
    return Finding("words", "words", "", regions, size=(100, 100))


@pytest.mark.parametrize(
    ("question", "some", "others"),
    [
        (WEARING, {"shirt", "hat", "suit"}, {"skateboard", "glasses"}),
        ("What are they wearing?", {"suits"}, set()),
        ("What kind of clothes is the little girl wearing?", {"dress"}, set()),
        ("What does the boy have on his head?", {"cap"}, {"shirt"}),
        ("What is on the man's head?", {"helmet"}, {"jeans"}),
        ("What is she wearing on her face?", {"goggles"}, {"hat"}),
    ],
)
def test_a_garment_is_asked_for_by_whom_it_is_worn_or_where(question: str, some: set[str], others: set[str]) -> None:
    likely = read_closed_set(question)
    assert likely is not None
    assert likely.asked == "wearing"
    assert some <= set(likely.answers)
    assert others.isdisjoint(likely.answers)


@pytest.mark.parametrize(
    ("question", "does", "grounds"),
    [
        ("What is the dog running through?", "running through", {"grass", "water"}),
        ("What is he walking on?", "walking on", {"grass"}),
        ("What are the children jumping into in this picture?", "jumping into", {"grass", "water"}),
        ("What is the black dog swimming in?", "swimming in", {"water"}),
    ],
)
def test_what_somebody_is_on_or_in_is_one_of_some_grounds(question: str, does: str, grounds: set[str]) -> None:
    likely = read_closed_set(question)
    assert likely is not None
    assert (likely.asked, {"grass", "water"} & set(likely.answers)) == (does, grounds)
    assert "surfboard" not in likely.answers
    standing = read_closed_set("What is the man standing on?")
    assert standing is not None
    assert "surfboard" in standing.answers


@pytest.mark.parametrize(
    "question",
    [
        "What is the dog wearing?",
        "What is the man on the left wearing?",
        "Is he wearing a hat?",
        "What is on the table?",
    ],
)
def test_to_other_questions_any_word_may_be_the_answer(question: str) -> None:
    assert read_closed_set(question) is None


def test_it_is_the_garment_that_people_would_say_the_most_often() -> None:
    findings = [boxes("person"), words(street=0.3, hats=0.05, suit=0.22, shirt=0.1)]
    told = told_of_words(WEARING, findings[1], findings)
    assert told is not None
    assert (str(told), told.shares["suit"]) == ("wearing: suit", pytest.approx(2 / 3))
    assert [one.text for one in evidence(WEARING, findings) if not one.doubt] == ["Words: wearing: suit"]
    for answer, stance in (("suit", "supports"), ("shirt", "contradicts")):
        assert [(held.expert, held.stance) for held in weigh(Question(WEARING), findings, answer)] == [
            ("words", stance)
        ]
    assert str(told_of_words("What is on his head?", findings[1], findings)) == "wearing: hat"
    assert told_of_words(WEARING, words(street=0.3), [boxes("person"), words(street=0.3)]) is None
    said = likely.answers if (likely := read_closed_set(WEARING)) else {}
    assert (said["dresses"], said["jeans"]) == ("dress", "jeans")


def face(width: float, hat: float) -> Finding:
    """Return what is told of somebody with a face so wide, by how likely they have a hat."""
    told = [Region((0, 0, 300, 300), sort, 0.25) for sort in 2 * PEOPLE]
    box = (10.0, 10.0, 10 + width, 10 + width)
    told += [Region(box, "face", 0.9), Region(box, "hat", hat), Region(box, "glasses", 0.1)]
    return Finding("people", "people", "", tuple(told), size=(300, 300))


def test_no_hat_is_worn_where_a_face_that_is_seen_well_has_none() -> None:
    said = words(hat=0.4, suit=0.3)
    for looks, worn in ((face(80, 0.05), "suit"), (face(80, 0.6), "hat"), (face(30, 0.05), "hat")):
        told = told_of_words(WEARING, said, [boxes("person"), looks, said])
        assert told is not None
        assert told.answer == worn


def test_it_is_the_ground_that_people_would_say_the_most_often_unless_boxes_tell() -> None:
    findings = [boxes("person", "surfboard"), words(surfboard=0.3, beach=0.2, water=0.1)]
    assert str(told_of_words("What is he walking on?", findings[1], findings)) == "walking on: beach"
    seats = (Region((30, 10, 60, 80), "person", 0.9), Region((25, 5, 70, 90), "couch", 0.9))
    sitting = [replace(findings[0], regions=seats), findings[1]]
    assert told_of_words("What is he sitting on?", findings[1], sitting) is None
    assert evidence("What is he sitting on?", sitting)[0].text == "Detector: person sitting on: couch"


@pytest.mark.parametrize(
    ("question", "thing"),
    [
        ("Where is the dog?", "dog"),
        ("Where are the black puppies running?", "puppies"),
        ("Where's the woman sitting?", "woman"),
        ("Where are they?", "they"),
        ("Where is the car parked?", "car"),
        ("Where is the man in the red shirt?", "man"),
        ("Where are the two dogs with the ball?", "dogs"),
        ("Where can the cat be found?", "cat"),
        ("Can you tell me where the horse is?", "horse"),
        ("고양이가 어디 있어?", "cat"),
    ],
)
def test_where_somebody_is_is_one_of_some_places(question: str, thing: str) -> None:
    likely = read_closed_set(question)
    assert likely is not None
    assert (likely.thing, likely.answers["grass"], likely.answers["water"]) == (thing, "on the grass", "in the water")


@pytest.mark.parametrize(
    "question",
    [
        "Where in the picture is the dog?",
        "Where is the dog in the picture?",
        "Find the dog.",
        "Where is the cup?",
        "Where is the hot dog?",
        "Where is the teddy bear?",
        "Where is the dog looking?",
    ],
)
def test_where_a_thing_is_or_at_which_side_no_words_tell(question: str) -> None:
    assert read_closed_set(question) is None


def test_it_is_the_place_that_people_would_say_the_most_often_of_what_is_found() -> None:
    where, said = "Where is the dog?", words(grass=0.2, water=0.19, dogs=0.4)
    told = told_of_words(where, said, [boxes("dog"), said])
    assert told is not None
    assert (str(told), told.found) == ("place of dog: on the grass", "1 dog")
    assert [region.label for region in told.regions] == ["grass", "dog"]
    assert [one.text for one in evidence(where, [boxes("dog"), said]) if not one.doubt] == [f"Words: {told}"]
    for answer, stance in (("on the grass", "supports"), ("in the water", "contradicts")):
        held = [one for one in weigh(Question(where), [boxes("dog"), said], answer) if one.expert == "words"]
        assert [one.stance for one in held] == [stance]
    assert told_of_words(where, said, [boxes("cat"), said]) is None  # there is none
    assert told_of_words(where, said, [said]) is None
    unsure = words(grass=0.15, water=0.1)
    assert told_of_words(where, unsure, [boxes("dog"), unsure]) is None
    on_it = tuple(Region(xyxy, label, 0.9) for xyxy, label in (((30, 10, 60, 80), "dog"), ((25, 5, 70, 90), "couch")))
    assert told_of_words(where, said, [replace(boxes(), regions=on_it), said]) is None


def test_where_it_was_taken_is_one_of_some_places_unless_the_scene_or_a_classifier_tells() -> None:
    where, said = "Where was this photo taken?", words(street=0.12, water=0.3, kitchen=0.11)
    assert str(told_of_words(where, said, [boxes("car"), said])) == "place: street"
    unsure = words(street=0.09)
    assert told_of_words(where, unsure, [unsure]) is None
    beach = (Region((0, 0, 100, 100), "beach", 0.7),)
    scene = Finding("scene", "scene", "", beach, vocabulary=tuple(CONCEPTS), size=(100, 100))
    assert told_of_words(where, said, [said, scene]) is None
    for share, told in ((0.9, "place: street"), (0.5, "place: street"), (0.1, "place: kitchen")):
        outdoors = (Region((0, 0, 100, 100), "outdoors", share),)
        seen = Finding("scene", "scene", "", outdoors, vocabulary=tuple(CONCEPTS), size=(100, 100))
        assert str(told_of_words(where, said, [said, seen])) == told
    plain = Finding("scene", "scene", "", (Region((0, 0, 100, 100), "no scene", 0.9),), vocabulary=tuple(CONCEPTS))
    assert told_of_words(where, said, [said, plain]) is None
    shop = (Region((0, 0, 100, 100), "bakery", 0.9, kinds=("shop", "place")),)
    assert told_of_words(where, said, [said, Finding("classify", "classes", "", shop)]) is None


def test_an_open_answer_is_supported_by_people_who_would_say_it() -> None:
    question, findings = Question("What is the dog looking at?"), [boxes("dog"), words(leaves=0.12, snow=0.02)]
    assert is_open(question.text, LABELS)
    (held,) = weigh(question, findings, "a leaf")
    assert (held.expert, held.stance, held.text) == ("words", "supports", "would say “leaves” of it 0.12")
    assert weigh(question, findings, "snow") == ()  # said too seldom
    assert weigh(question, findings, "mud") == ()
    said = {answer: features(question, findings, (), answer, 0.5)[SAID] for answer in ("leaves", "snow", "mud")}
    assert said == pytest.approx({"leaves": math.log1p(3.6), "snow": math.log1p(0.6), "mud": 0.0})


@pytest.mark.parametrize(
    "question",
    ["Is there a dog?", "How many dogs are there?", "Why is he running?", "What is the weather like?"],
)
def test_where_not_any_word_may_be_the_answer_nobody_is_asked_for_words(question: str) -> None:
    assert not is_open(question, LABELS)
    agent = VQAAgent.from_pretrained(settings=Settings(core="echo", detector="efficientdet"))
    assert "words" not in agent.route(question).experts


@pytest.mark.weights
def test_words_that_stand_out_are_told_where_none_are_asked_for() -> None:
    expert = WordsExpert.from_settings(Settings())
    found = expert.look(load_image("example:bus"))
    assert len(found.regions) == 40
    assert {"bus", "street"} <= {region.label for region in found.regions}
    assert all(0 < region.score <= 1 for region in found.regions)
    assert found.text.count(",") == 9
    expert.unload()
