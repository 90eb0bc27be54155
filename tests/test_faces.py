"""What faces say: how questions ask for it, what is made of what is seen of them, and the networks that see it."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from vqa import VQAAgent
from vqa.agent.folding.faces import somebodies, told_of_faces
from vqa.agent.folding.people import asks_who_they_are, people_to_look_at, told_of_people
from vqa.agent.prompting import evidence
from vqa.agent.questions.faces import read_faces
from vqa.agent.questions.taxonomy import PEOPLE
from vqa.agent.trust.evidence import weigh
from vqa.boxes import apart
from vqa.examples import get_example
from vqa.experts.detectors.coco import LABELS
from vqa.experts.people import PeopleExpert, _theirs
from vqa.experts.persons import faces
from vqa.experts.persons.faces.finder import Face, FaceFinder
from vqa.experts.persons.faces.networks import FaceReader, _upright
from vqa.experts.persons.sorts import SORTS, OfAFace, shares, together
from vqa.settings import Settings
from vqa.values import Finding, Question, Region

SIZE = (600, 400)
MAN, WOMAN, BOY = (0.1, 0.1), (0.9, 0.1), (0.1, 0.9)
AREAS = ((0.0, 0.0, 150.0, 400.0), (200.0, 0.0, 350.0, 400.0), (400.0, 200.0, 460.0, 400.0))
Looks = tuple[float, float, float]
"""How likely somebody smiles, and faces the camera, and how old they look."""


def seen(*people: tuple[tuple[float, float], Looks | None]) -> Finding:
    """Return what is told of a picture and of each of its people, as the expert tells it."""
    regions = [Region((0.0, 0.0, 600.0, 400.0), sort, share) for sort, share in shares((0.5, 0.5)).items()]
    for area, (heads, looks) in zip(AREAS, people, strict=False):
        told = sorted(shares(heads).items(), key=lambda item: -item[1])
        regions += [Region(area, sort, share) for sort, share in told]
        if looks is not None:
            smiling, facing, age = looks
            box = (area[0] + 40, area[1] + 10, area[0] + 80, area[1] + 60)
            regions += [Region(box, "face", 0.9), Region(box, "facing", facing), Region(box, "female", 0.5)]
            regions += [Region(box, f"aged {age:.0f}", 0.7), Region(box, "smiling", smiling)]
    return Finding("people", "people", "", tuple(regions), vocabulary=PEOPLE, size=SIZE)


_NAMES = {"blond": "blond hair"}


def wearing(**worn: float) -> Finding:
    """Return what is told of a man whose face has glasses, a hat or a beard, each with how likely."""
    man = seen((MAN, GLAD))
    box = next(region.xyxy for region in man.regions if region.label == "face")
    return replace(
        man, regions=(*man.regions, *(Region(box, _NAMES.get(name, name), share) for name, share in worn.items()))
    )


def boxes(number: int) -> Finding:
    found = tuple(Region(area, "person", 0.9) for area in AREAS[:number])
    return Finding("detect", "objects", "", found, vocabulary=LABELS, size=SIZE)


GLAD, SERIOUS, ASIDE = (0.95, 0.9, 31.0), (0.05, 0.9, 62.0), (0.1, 0.02, 40.0)
COUPLE = seen((MAN, SERIOUS), (WOMAN, GLAD))


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("Is the woman smiling?", "smiling: Yes"),
        ("Is the man smiling?", "smiling: No"),
        ("Is she happy?", "happy: Yes"),
        ("Does he look happy?", "happy: No"),
        ("Is anyone smiling?", "smiling: Yes"),
        ("Are they smiling?", "smiling: Yes"),
        ("How many people are smiling?", "smiling: 1"),
        ("Does the woman have a smile on her face?", "smiling: Yes"),
        ("Is the woman sad?", "sad: No"),
        ("Is the man serious?", "serious: Yes"),
        ("Is the man laughing?", "laughing: No"),
        ("Is the woman happy or sad?", "happy: happy"),
        ("How does the woman feel?", "feeling: happy"),
        ("How does he feel?", "feeling: serious"),
        ("What is the woman's facial expression?", "expression: smiling"),
        ("What emotion is she showing?", "feeling: happy"),
        ("How old is the man?", "age: about 60"),
        ("How old is she?", "age: about 30"),
        ("What is the age of the woman?", "age: about 30"),
        ("How old are they?", "age: about 30 and 60"),
        ("Is the man old?", "old: Yes"),
        ("Is the woman old?", "old: No"),
        ("Is the woman young or old?", "young: young"),
        ("Is the man over 50?", "over 50: Yes"),
        ("Is the woman younger than 50?", "younger than 50: Yes"),
        ("Is the man looking at the camera?", "facing the camera: Yes"),
        ("How many faces are there?", "faces: 2"),
        ("Is there a face?", "face: Yes"),
        ("Can you see the man's face?", "face: Yes"),
        ("Who is smiling?", "smiling: the woman"),
        ("Who is looking at the camera?", "facing the camera: the man and the woman"),
        ("Is the person on the left smiling?", "smiling: No"),
        ("Is the person on the right smiling?", "smiling: Yes"),
    ],
)
def test_a_face_answers_the_question_for_the_one_who_is_meant(question: str, told: str) -> None:
    findings = [boxes(2), COUPLE]
    assert asks_who_they_are(question, LABELS)
    assert evidence(question, findings)[0].text == f"People: {told}"
    (held,) = (one for one in weigh(Question(question), findings, told.rpartition(": ")[2]) if one.expert == "people")
    assert held.stance == "supports"
    assert held.regions


@pytest.mark.parametrize(
    "question",
    [
        "Is the dog happy?",
        "How old is the building?",
        "Is this an old car?",
        "What is the man looking at?",
        "Is the man holding a cup?",
        "Who is riding the horse?",
        "Who has the ball?",
        "What color is her face?",
        "Is the clock face white?",
        "Is the man happy with the food?",
        "Is the food happy or sad?",
        "Is she old or sad?",
        "How many glasses are there?",
        "Is the dog wearing a hat?",
        "Does the man have a tie?",
    ],
)
def test_of_anything_else_no_face_is_asked(question: str) -> None:
    assert read_faces(question) is None


@pytest.mark.parametrize(
    "question", ["Is she smiling?", "Is there a man wearing a hat?", "Do you see a boy with glasses?"]
)
def test_one_person_alone_is_looked_at_for_their_face(question: str) -> None:
    assert asks_who_they_are(question, LABELS)
    assert people_to_look_at(question, [boxes(1)]) == boxes(1).regions


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("Is the man wearing glasses?", "glasses: Yes"),
        ("Is he wearing a hat?", "hat: No"),
        ("Does the man have a beard?", "beard: Yes"),
        ("Is anyone wearing glasses?", "glasses: Yes"),
        ("How many people are wearing glasses?", "glasses: 1"),
        ("Who has a beard?", "beard: the man"),
        ("Who is wearing a hat?", "hat: nobody"),
        ("Is there a man with a beard?", "beard: Yes"),
        ("Is he wearing a helmet?", "helmet: No"),  # who wears no hat wears no helmet
        ("Is he blonde?", "blonde: Yes"),
        ("What color is his hair?", "color of hair: blonde"),
        ("Is the man wearing sunglasses?", ""),  # and who wears glasses may wear others
        ("Does he have a mustache?", ""),
    ],
)
def test_a_face_tells_what_it_wears(question: str, told: str) -> None:
    line = evidence(question, [boxes(1), wearing(glasses=0.9, hat=0.1, beard=0.8, blond=0.7)])[0].text
    assert line == f"People: {told}" if told else not line.startswith("People")


def say(question: str, *people: tuple[tuple[float, float], Looks | None]) -> str:
    told = told_of_people(question, seen(*people), [boxes(len(people))])
    return "" if told is None else told.answer


def test_who_does_not_smile_may_be_sad_or_not() -> None:
    assert say("Is the man sad?", (MAN, SERIOUS)) == ""
    assert say("Is the man sad?", (MAN, GLAD)) == "No"


def test_the_one_who_is_meant_is_the_one_of_whom_most_is_seen() -> None:
    far, near = (MAN, ASIDE), (MAN, GLAD)
    assert say("Is the man smiling?", near) == "Yes"
    assert say("Is the man looking at the camera?", far) == "No"
    # One who is much larger and shows no face is meant, and nothing is told of a face far behind.
    behind = seen((MAN, None), (MAN, None), (MAN, GLAD))
    assert told_of_people("Is he smiling?", behind, [boxes(3)]) is None
    looks_away = told_of_people("Is he looking at the camera?", behind, [boxes(3)])
    assert looks_away is not None
    assert looks_away.answer == "No"
    assert told_of_people("Who is looking at the camera?", seen((MAN, None)), [boxes(1)]) is None


def test_nobody_is_a_woman_because_a_question_names_one_but_he_may_be_anyone() -> None:
    assert say("How old is the woman?", ((0.01, 0.1), GLAD)) == ""
    assert say("How old is she?", ((0.01, 0.1), GLAD)) == "about 30"


def test_a_child_is_no_older_than_children_are_and_a_man_no_younger() -> None:
    assert say("How old is the person?", (BOY, (0.1, 0.9, 33.0))) == "about 12"
    assert say("How old is the person?", (BOY, (0.1, 0.9, 4.0))) == "about 4"
    assert say("How old is the man?", (BOY, (0.1, 0.9, 9.0))) == "about 20"
    assert say("How old is the boy?", (MAN, (0.1, 0.9, 33.0))) == "about 12"


def test_of_many_ages_the_least_and_the_most_are_told() -> None:
    three = ((MAN, (0.1, 0.9, 61.0)), (WOMAN, (0.1, 0.9, 34.0)), (MAN, (0.1, 0.9, 48.0)))
    assert say("How old are the people?", *three) == "about 35 to 60"


def test_where_nobody_was_found_the_whole_picture_tells() -> None:
    portrait = seen()
    box = (200.0, 100.0, 300.0, 220.0)
    told = (Region(box, "face", 0.9), Region(box, "aged 30", 0.7), Region(box, "smiling", 0.9))
    close = Finding("people", "people", "", (*portrait.regions, *told), vocabulary=PEOPLE, size=SIZE)
    asked = read_faces("Is the person smiling?")
    assert asked is not None
    chosen = told_of_faces(asked, close, ())
    assert chosen is not None
    assert chosen.shares["Yes"] == pytest.approx(0.9)
    no_faces = told_of_people("How many faces are there?", portrait, [boxes(0)])
    assert no_faces is not None
    assert no_faces.answer == "0"


def test_what_is_told_of_a_face_belongs_to_whom_it_follows() -> None:
    picture, man, woman = somebodies(COUPLE)
    assert picture.smiling is None
    assert (man.sorts["man"], man.years()) == (pytest.approx(0.81), 62)
    assert woman.smiling is not None
    assert woman.smiling.score == 0.95


def test_the_larger_a_face_the_more_it_tells_of_who_somebody_is() -> None:
    unsure, man = shares((0.5, 0.3)), shares((0.02, 0.1))
    small, large = (together(unsure, unsure, OfAFace(width, female=0.9, age=40.0)) for width in (20.0, 100.0))
    assert together(unsure, unsure)["woman"] < small["woman"] < large["woman"]
    # What the body looks like counts for no more than so much beside a face that is seen well.
    assert together(man, man, OfAFace(120.0, female=0.9, age=40.0))["woman"] > 0.5
    assert together(man, man, OfAFace(20.0, female=0.9, age=40.0))["woman"] < 0.1
    assert together(unsure, unsure, OfAFace(100.0, female=0.1, age=5.0))["boy"] > 0.5


def test_of_faces_in_the_same_place_the_surest_is_one() -> None:
    one, same, other = (
        Region(box, "face", s) for box, s in (((0, 0, 9, 9), 0.6), ((1, 1, 9, 9), 0.9), ((20, 0, 30, 9), 0.7))
    )
    assert apart([one, same, other], 0.3) == [same, other]


def astronaut() -> Image.Image:
    with Image.open(get_example("astronaut").path()) as picture:
        return picture.convert("RGB")


def test_a_face_is_found_where_it_is_and_nowhere_else() -> None:
    (face,) = FaceFinder().find(astronaut())
    x0, y0, x1, y1 = face.xyxy
    assert 160 < x0 < 190 < 260 < x1 < 300
    assert 50 < y0 < 90 < 150 < y1 < 200
    right, left, nose, mouth, *_ = face.points
    assert right[0] < nose[0] < left[0]
    assert right[1] < nose[1] < mouth[1]
    assert face.facing > 0.5
    with Image.open(get_example("coffee").path()) as coffee:
        assert FaceFinder().find(coffee.convert("RGB")) == []


def test_who_looks_aside_does_not_face_the_camera() -> None:
    with Image.open(get_example("photographer").path()) as picture:
        photographer = picture.convert("RGB")
    (face,) = FaceFinder().find(photographer)
    assert face.facing < 0.3


def test_a_face_is_read_as_it_is_and_turned_as_it_is_upright() -> None:
    picture, finder, reader = astronaut(), FaceFinder(), FaceReader()
    told = reader.read(picture, finder.find(picture)[0])
    assert told.female > 0.5
    assert told.smiling > 0.9
    assert 25 < told.age < 55
    turned = picture.rotate(20, Image.Resampling.BICUBIC)
    (face,) = finder.find(turned)
    assert face.slant == pytest.approx(math.radians(-20), abs=0.12)
    again = reader.read(turned, face)
    assert again.smiling > 0.9
    assert abs(again.age - told.age) < 8


def test_what_a_network_is_shown_has_level_eyes() -> None:
    picture = Image.new("RGB", (200, 200))
    for x, y in ((80, 90), (120, 110)):  # two white eyes, slanted
        picture.paste((255, 255, 255), (x - 4, y - 4, x + 4, y + 4))
    face = Face((60.0, 60.0, 140.0, 140.0), 0.9, ((80.0, 90.0), (120.0, 110.0), *[(100.0, 100.0)] * 4))
    shown = _upright(picture, face, 100, 1.0)[0, 0]
    rows = [int(shown[:, half].max(axis=1).argmax()) for half in (slice(0, 50), slice(50, 100))]
    assert abs(rows[0] - rows[1]) <= 6


def test_the_networks_are_the_ones_that_are_documented() -> None:
    folder = Path(faces.__file__).parent
    documented = dict(
        re.findall(r"`([\w-]+\.(?:onnx|tflite))`[^`]*sha256 `([0-9a-f]{64})`", (folder / "README.md").read_text())
    )
    shipped = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.glob("*.*")
        if file.suffix in (".onnx", ".tflite")
    }
    assert documented == shipped


def test_a_closer_look_moves_what_it_saw_to_where_it_is() -> None:
    expert = PeopleExpert(Settings())
    whole, closer = seen(), seen()
    box = (10.0, 20.0, 60.0, 80.0)
    face = [
        Region(box, "face", 0.9),
        Region(box, "female", 0.95),
        Region(box, "aged 30", 0.7),
        Region(box, "smiling", 0.9),
    ]
    closer = Finding("people", "people", "", (*closer.regions, *face), size=(100, 200))
    refined = expert.refined(whole, closer, (300, 100, 400, 300))
    assert refined.text.startswith("woman 0.")
    assert refined.text.endswith(", smiling 0.90, aged 30")
    assert refined.regions[len(SORTS)].xyxy == (300.0, 100.0, 400.0, 300.0)
    assert {r.xyxy for r in refined.regions if r.label not in SORTS} == {(310.0, 120.0, 360.0, 180.0)}
    twice = expert.refined(refined, seen(), (0, 0, 50, 50))
    assert twice.text.count(";") == 1


def test_of_two_faces_beside_one_another_it_is_the_one_in_the_middle() -> None:
    in_the_middle = Face((80.0, 20.0, 120.0, 70.0), 0.6, ((0.0, 0.0),) * 6)
    at_the_side = Face((150.0, 0.0, 200.0, 55.0), 0.7, ((0.0, 0.0),) * 6)
    at_the_foot = Face((80.0, 180.0, 122.0, 230.0), 0.6, ((0.0, 0.0),) * 6)
    weights = [_theirs(face, (200, 240)) for face in (in_the_middle, at_the_side, at_the_foot)]
    assert max(weights) == weights[0]


@pytest.mark.weights
def test_two_men_beside_one_another_have_a_face_each() -> None:
    agent = VQAAgent.from_pretrained(settings=Settings.load({"core": "echo", "detector": "efficientdet"}))
    assert "People: hat: No" in agent("example:zidane", "Is anyone wearing a hat?").prompt.text


@pytest.mark.weights
def test_of_a_portrait_it_is_told_who_it_is_how_old_and_whether_they_smile() -> None:
    agent = VQAAgent.from_pretrained(settings=Settings.load({"core": "echo", "detector": "efficientdet"}))
    for question, line in (
        ("Is the woman smiling?", "People: smiling: Yes"),
        ("Is it a man or a woman?", "People: man or woman: woman"),
        ("How many faces are there?", "People: faces: 1"),
        ("Is the person a child?", "People: child: No"),
    ):
        assert line in agent("example:astronaut", question).prompt.text
