"""Men, women and children among the people that a detector finds: when they are looked at, and what is made of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image

from vqa import VQAAgent
from vqa.agent.folding.people import (
    around,
    asks_who_they_are,
    by_who_they_are,
    people_to_look_at,
    told_of_people,
)
from vqa.agent.prompting import evidence
from vqa.agent.questions.intent import read_intent
from vqa.agent.questions.taxonomy import PEOPLE
from vqa.agent.trust.evidence import weigh
from vqa.agent.trust.features import TAKEN_FOR_GRANTED, features
from vqa.agent.trust.premise import unfounded
from vqa.experts.detect import DetectExpert
from vqa.experts.detectors.coco import LABELS
from vqa.experts.people import PeopleExpert
from vqa.experts.persons.sorts import SORTS, shares, together
from vqa.registry import cores, routers
from vqa.settings import Settings
from vqa.values import Finding, LoadedImage, Question, Region

SIZE = (300, 200)
BOXES = ((10.0, 50.0, 60.0, 190.0), (100.0, 60.0, 150.0, 190.0), (200.0, 120.0, 240.0, 190.0))


def people(*scores: float, others: tuple[Region, ...] = ()) -> Finding:
    found = tuple(Region(box, "person", score) for box, score in zip(BOXES, scores, strict=False))
    return Finding("detect", "objects", "", (*found, *others), vocabulary=LABELS, size=SIZE)


def told(found: Finding, *heads: tuple[float, float]) -> Finding:
    """Return who they are, by how likely each is called female, and a child."""
    regions = []
    for person, (female, child) in zip(found.regions, heads, strict=False):
        x0, y0, x1, y1 = map(float, around(person, SIZE))
        regions += [Region((x0, y0, x1, y1), sort, share) for sort, share in shares((female, child)).items()]
    return Finding("people", "people", "", tuple(regions), vocabulary=PEOPLE, size=SIZE)


MAN, WOMAN, GIRL = (0.1, 0.1), (0.9, 0.1), (0.8, 0.9)


@pytest.mark.parametrize(
    "question",
    [
        "Is there a woman?",
        "How many men are there?",
        "Are there any children?",
        "Are there more men than women?",
        "Where is the girl?",
        "Is the man left of the woman?",
        "Is there a man and a woman?",
        "What is the woman holding?",
        "What color is the woman's shirt?",
    ],
)
def test_who_tells_people_apart_is_asked_where_the_question_does(question: str) -> None:
    assert asks_who_they_are(question, LABELS)


@pytest.mark.parametrize(
    "question",
    [
        "How many people are there?",
        "Is there a person?",
        "Is there a dog?",
        "What is the man doing?",
        "Is the woman tired?",
        "Is there a man wearing a uniform?",
        "Does the bike belong to a man or a woman?",
        "What does the sign say?",
    ],
)
def test_nobody_is_looked_at_where_it_does_not_matter_who_they_are(question: str) -> None:
    assert not asks_who_they_are(question, LABELS)


def test_a_detector_that_knows_men_from_women_needs_no_help() -> None:
    assert not asks_who_they_are("Is there a woman?", ("person", "man", "woman"))
    assert not asks_who_they_are("Is there a woman?", ("dog",))


def test_the_largest_people_are_looked_at_all_of_them_if_they_are_counted() -> None:
    two, one = people(0.9, 0.3), people(0.9)
    assert [r.xyxy for r in people_to_look_at("What is the woman holding?", [two])] == [*BOXES[:2]]
    assert people_to_look_at("What is the woman holding?", [one]) == ()
    assert people_to_look_at("Is there a woman?", [one]) == one.regions


@pytest.mark.parametrize(
    ("question", "line"),
    [
        ("How many women are there?", "People: women: 1"),
        ("How many men are there?", "People: men: 1"),
        ("How many ladies are there?", "People: ladies: 1"),
        ("Is there a boy?", "People: boy: No"),
        ("Is there a little girl in the picture?", "People: little girl: Yes"),
        ("How many men are sitting?", "Detector: 1 man"),
        ("How many children are sitting?", "Detector: 1 child: 1 girl"),
        ("Are there any children?", "People: children: Yes"),
        ("How many children are there?", "People: children: 1"),
        ("How many females are there?", "People: females: 2"),
        ("Are there more than two children?", "Detector: not more than two children"),
        ("Are there more women than men?", "Detector: no more women than men"),
        ("Is there a man and a woman?", "Detector: a man and a woman"),
        ("How many people are there?", "Detector: 3 people"),
        ("Where is the woman?", "Detector: 1 woman (center)"),
        ("여자가 있나요?", "Detector: 1 woman"),
        ("남자가 몇 명 있나요?", "Detector: 1 man"),
    ],
)
def test_people_are_counted_and_placed_by_who_they_are(question: str, line: str) -> None:
    found = people(0.9, 0.9, 0.9)
    assert evidence(question, [found, told(found, MAN, WOMAN, GIRL)])[0].text == line


def test_one_of_them_is_seen_from_another() -> None:
    found = people(0.9, 0.9)
    lines = evidence("Is the man to the left of the woman?", [found, told(found, MAN, WOMAN)])
    assert "Detector: man to the left of woman" in [line.text for line in lines]


def test_nobody_who_is_not_looked_at_is_anybody_in_particular() -> None:
    found = people(0.9, 0.9)
    meant = by_who_they_are("How many women are there?", found, [told(found, WOMAN)])
    assert [region.label for region in meant.regions] == ["person", "woman"]
    assert by_who_they_are("How many women are there?", found, []) is found


def test_somebody_is_as_sure_as_the_box_and_the_sort_together() -> None:
    found = people(0.9)
    (woman,) = by_who_they_are("Is there a woman?", found, [told(found, (0.9, 0.1))]).regions
    (child,) = by_who_they_are("Is there a child?", found, [told(found, (0.5, 0.8))]).regions
    assert woman.score == pytest.approx(0.9 * 0.9 * 0.9)
    assert child.score == pytest.approx(0.9 * 0.8)


def test_of_a_crowd_those_who_were_not_looked_at_are_as_the_others() -> None:
    crowd = tuple(Region((10.0 * i, 20, 10.0 * i + 9, 60 - i), "person", 0.9) for i in range(12))
    found = Finding("detect", "objects", "", crowd, vocabulary=LABELS, size=SIZE)
    looked_at = people_to_look_at("How many women are there?", [found])
    assert len(looked_at) == 8
    surely = told(Finding("detect", "objects", "", looked_at, size=SIZE), *[(0.99, 0.01)] * 8)
    answer = told_of_people("How many women are there?", surely, [found, surely])
    assert answer is not None
    assert answer.answer == "11"
    assert len(answer.regions) == 8


def test_what_the_woman_holds_is_not_what_the_man_does() -> None:
    bat = Region((20, 60, 50, 90), "baseball bat", 0.8)
    cup = Region((110, 80, 130, 100), "cup", 0.8)
    found = people(0.9, 0.9, others=(bat, cup))
    who = told(found, MAN, WOMAN)
    assert evidence("What is the woman holding?", [found, who])[0].text == "Detector: holding: cup"
    assert evidence("What is the man holding?", [found, who])[0].text == "Detector: holding: baseball bat"
    nobody = told(found, (0.03, 0.1), (0.03, 0.1))
    assert evidence("What is the woman holding?", [found, nobody]) == evidence("What is he holding?", [found])


@pytest.mark.parametrize(("text", "stance"), [("1", "supports"), ("2", "contradicts")])
def test_an_answer_is_held_against_those_who_are_meant(text: str, stance: str) -> None:
    found = people(0.9, 0.9)
    (held,) = weigh(Question("How many women are there?"), [found, told(found, MAN, WOMAN)], text)
    assert (held.expert, held.stance) == ("people", stance)
    assert [region.label for region in held.regions] == ["woman"]


def test_the_woman_is_the_likeliest_one_if_any_might_be() -> None:
    found = people(0.9, 0.9)
    hardly, rather_not = (0.03, 0.1), (0.4, 0.1)
    meant = by_who_they_are("Where is the woman?", found, [told(found, hardly, rather_not)])
    assert [(region.label, region.xyxy) for region in meant.regions if region.label == "woman"] == [("woman", BOXES[1])]
    between = by_who_they_are("Is the woman left of the man?", found, [told(found, rather_not, hardly)])
    assert [region.label for region in sorted(between.regions, key=lambda r: r.xyxy)] == ["woman", "man"]
    assert unfounded("Where is the woman?", [found, told(found, hardly, rather_not)]) == ()
    assert unfounded("Where is the woman?", [found, told(found, hardly, hardly)]) == ("no women",)
    young = by_who_they_are("Where is the woman?", found, [told(found, hardly, (0.4, 0.9))])  # rather a girl
    assert [(region.xyxy, region.score) for region in young.regions if region.label == "woman"] == [(BOXES[1], 0.9)]
    child = by_who_they_are("Where is the child?", found, [told(found, (0.9, 0.02), (0.4, 0.02))])
    assert {region.label for region in child.regions} == {"woman", "man"}
    alike = [told(found, (0.6, 0.1), (0.9, 0.1))]
    for question, one in (("Where is the man?", "man"), ("Where is the woman?", "woman")):
        called = {r.label: r.xyxy for r in by_who_they_are(question, found, alike).regions}
        assert called == {one: BOXES[one == "woman"], "woman" if one == "man" else "person": BOXES[one == "man"]}
    side = by_who_they_are("Is the man left of the woman?", found, alike)
    assert {region.label: region.xyxy for region in side.regions} == {"man": BOXES[0], "woman": BOXES[1]}
    assert {r.label for r in by_who_they_are("Where are the women?", found, alike).regions} == {"woman"}
    counted = by_who_they_are("How many women are sitting?", found, [told(found, hardly, rather_not)])
    assert {region.label for region in counted.regions} == {"man"}


def test_that_there_is_no_woman_is_less_sure_where_a_question_speaks_of_her() -> None:
    found = people(0.9)
    seen = [found, told(found, (0.02, 0.1))]
    asked, spoken_of = (
        features(Question(question), seen, (), answer, 0.9)["choice: log odds of what people would say"]
        for question, answer in (("Is there a woman?", "No"), ("Where is the woman?", "There is no woman"))
    )
    assert asked - spoken_of == pytest.approx(TAKEN_FOR_GRANTED)


def test_people_are_all_of_them_where_a_detector_knows_men_and_women() -> None:
    labels = ("person", *PEOPLE)
    assert set(read_intent("How many people are there?", labels).asked) == set(labels)
    assert read_intent("How many men are there?", labels).asked == ("man",)
    assert read_intent("How many kids are there?", labels).asked == ("boy", "girl")
    assert read_intent("How many kids are there?", LABELS).asked == ("person",)


@pytest.mark.parametrize(
    ("question", "line"),
    [
        ("Is this a man or a woman?", "People: man or woman: woman"),
        ("What gender is the person?", "People: male or female: female"),
        ("Is the person a woman?", "People: woman: Yes"),
        ("Is this person male?", "People: male: No"),
        ("Is the person a child or an adult?", "People: child or adult: adult"),
    ],
)
def test_who_somebody_is_is_told(question: str, line: str) -> None:
    found = people(0.9)
    assert asks_who_they_are(question, LABELS)
    findings = [found, told(found, WOMAN)]
    assert evidence(question, findings)[0].text == line
    answer = line.rpartition(": ")[2]
    (held,) = (held for held in weigh(Question(question), findings, answer) if held.expert == "people")
    assert held.stance == "supports"


@pytest.mark.parametrize(
    ("question", "line"),
    [
        ("Is the person on the left a man or a woman?", "People: man or woman: man"),
        ("Is the person on the right a man or a woman?", "People: man or woman: woman"),
        ("Is the person on the right a man?", "People: man: No"),
        ("What gender is the person on the left?", "People: male or female: male"),
    ],
)
def test_the_one_on_a_side_is_the_one_who_is_asked_about(question: str, line: str) -> None:
    found = people(0.9, 0.9)
    assert evidence(question, [found, told(found, MAN, WOMAN)])[0].text == line


def test_who_is_there_is_told_by_what_all_of_them_surely_are() -> None:
    found, question = people(0.9, 0.9, 0.9), "Who is in the picture?"
    assert asks_who_they_are(question, LABELS)
    assert people_to_look_at(question, [people(0.9)])
    unsure = (0.5, 0.5)
    for heads, line in (((MAN, WOMAN, WOMAN), "1 man and 2 women"), ((MAN, WOMAN, unsure), "3 people")):
        findings = [found, told(found, *heads)]
        assert evidence(question, findings)[0].text == f"Detector: who is there: {line}"
        (held,) = weigh(Question(question), findings, line)
        assert (held.expert, held.stance) == ("detect", "supports")
    assert not unfounded(question, [found, told(found, MAN, WOMAN, WOMAN)], supported=False)


def test_of_an_animal_nobody_says_what_sex_it_is() -> None:
    assert not asks_who_they_are("Is the dog male or female?", LABELS)


def test_whom_the_surroundings_speak_for_is_likelier_but_not_twice_as_sure() -> None:
    woman = shares(WOMAN)
    both = together(woman, woman)
    assert sum(both.values()) == pytest.approx(1)
    assert woman["woman"] < both["woman"] < 0.95
    assert max(together(woman, shares((0.5, 0.5))), key=woman.__getitem__) == "woman"
    assert together(shares((0.5, 0.1)), shares(GIRL))["girl"] > shares((0.5, 0.1))["girl"]


class Passers(PeopleExpert):
    """Says of wide pictures that they show a man, of tall ones a woman; which it saw, it remembers."""

    def __init__(self) -> None:
        super().__init__(Settings())
        self.looks: list[tuple[int, int]] = []

    @property
    def fingerprint(self) -> None:  # type: ignore[override]
        return None

    def available(self) -> str | None:
        return None

    def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
        width, height = image.pil.size
        self.looks.append((width, height))
        likely = shares(WOMAN if height > width else MAN)
        regions = tuple(Region((0.0, 0.0, float(width), float(height)), sort, likely[sort]) for sort in SORTS)
        return Finding("people", "people", "", regions, vocabulary=SORTS, size=image.pil.size)


class Street(DetectExpert):
    """Sees a tall person and a wide one."""

    fingerprint = None  # type: ignore[assignment]

    def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
        found = (Region((10, 10, 50, 150), "person", 0.9), Region((100, 100, 250, 150), "person", 0.8))
        return Finding("detect", "objects", "", found, vocabulary=LABELS, size=image.pil.size)


def asked_of(expert: Passers, *, street: type[Street] = Street, **flags: object) -> VQAAgent:
    settings = Settings.load({"core": "echo", "cache": False, "min_confidence": 0, **flags})
    core = cores.get("echo").from_settings(settings)
    return VQAAgent(
        [street(settings), expert], routers.get("rules").from_settings(settings), core=core, settings=settings
    )


PICTURE = Image.new("RGB", SIZE, "grey")


def test_each_of_the_people_is_looked_at_once_whatever_is_asked_of_them() -> None:
    expert = Passers()
    agent = asked_of(expert)
    answer = agent(PICTURE, "Is there a woman?")
    assert expert.looks == [SIZE, (180, 60), (48, 164)]
    assert "People: woman: Yes" in answer.prompt.text
    (again,) = answer.findings[1].second_looks
    assert (again.why, again.xyxy) == ("who the people are", (6, 0, 265, 164))
    assert len(answer.findings[1].regions) == 3 * len(SORTS)
    agent(PICTURE, "How many men are there?")
    assert len(expert.looks) == 3
    agent(PICTURE, "How many people are there?")
    assert len(expert.looks) == 3


class EmptyStreet(Street):
    """Sees nobody."""

    def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
        return replace(super().look(image), regions=())


def test_asked_alone_it_looks_at_each_of_the_people_whom_the_detector_finds() -> None:
    expert = Passers()
    finding = asked_of(expert).look("people", PICTURE)
    assert expert.looks == [SIZE, (180, 60), (48, 164)]
    assert [region.label for region in finding.regions[len(SORTS) :: len(SORTS)]] == ["man", "woman"]
    assert finding.text.count(";") == 1
    agent = asked_of(Passers(), street=EmptyStreet)
    assert (agent.look("people", PICTURE).text, agent.look("people", PICTURE).regions) == ("nobody", ())


def test_without_second_looks_men_and_women_are_people() -> None:
    expert = Passers()
    answer = asked_of(expert, second_looks=0)(PICTURE, "How many women are there?")
    assert expert.looks == [SIZE]
    assert "Detector: 2 people" in answer.prompt.text


@pytest.mark.weights
def test_the_network_tells_two_men_from_women() -> None:
    agent = VQAAgent.from_pretrained(settings=Settings.load({"core": "echo", "detector": "efficientdet"}))
    for who, line in (("women", "People: women: 0"), ("men", "People: men: 2"), ("children", "People: children: 0")):
        answer = agent("example:zidane", f"How many {who} are there?")
        assert line in answer.prompt.text
    (held,) = agent("example:zidane", "Is there a man?").evidence
    assert held.expert == "people"
    assert held.regions[0].label == "man"
