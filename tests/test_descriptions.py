"""What is answered where it is asked what a picture shows: a sentence, else things, else what is written."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pytest

from vqa import Settings, VQAAgent
from vqa.agent.folding.descriptions import WHAT_IT_SAYS, WHAT_THERE_IS, answered, as_answered, wants_a_reader
from vqa.agent.folding.quoting import quotable
from vqa.agent.prompting import evidence
from vqa.agent.trust.evidence import weigh
from vqa.registry import cores, routers
from vqa.values import Finding, FindingKind, LoadedImage, Question, Region

SIZE = (300, 240)
WHOLE = (0.0, 0.0, 300.0, 240.0)
LABELS = ("person", "laptop", "bird")
PLAIN = Finding("scene", "scene", "", (Region(WHOLE, "no scene", 0.9),), size=SIZE)
ASKED = ("Describe the image.", "What is in the picture?", "What is this?", "List all objects.")


def objects(*things: tuple[str, float]) -> Finding:
    return Finding(
        "detect", "objects", "", tuple(Region(WHOLE, *thing) for thing in things), vocabulary=LABELS, size=SIZE
    )


def said(sentence: str, score: float = 0.3) -> Finding:
    return Finding("caption", "caption", sentence, (Region(WHOLE, sentence, score),), size=SIZE)


def classes(name: str, score: float) -> Finding:
    return Finding("classify", "classes", "", (Region(WHOLE, name, score),), size=SIZE)


def read(*lines: str, score: float = 0.9, height: float = 20.0) -> Finding:
    regions = tuple(Region((0, 40.0 * i, 280, 40.0 * i + height), line, score) for i, line in enumerate(lines))
    return Finding("ocr", "text", "", regions, size=SIZE)


@pytest.mark.parametrize("question", ASKED)
def test_of_a_page_it_is_told_what_it_says(question: str) -> None:
    page = [PLAIN, said("A woman by a wall."), objects(("laptop", 0.5)), read("Writing Tips", "for Students")]
    assert wants_a_reader(question, page[:-1])
    assert as_answered(question, page) == WHAT_IT_SAYS
    told = [line.text for line in evidence(question, page) if line.text.startswith("Text")]
    assert told == ["Text (all of it): Writing Tips for Students"]
    assert quotable(question, told).only == "Writing Tips for Students"
    assert [held.stance for held in weigh(Question(question), page, "Writing Tips for Students")] == ["supports"]


def test_of_a_receipt_of_which_all_things_are_asked_it_is_told_what_was_bought() -> None:
    receipt = [PLAIN, read("CORNER SHOP", "LEMON TEA 5.60", "RICE 2.50", "TOTAL 8.10")]
    told = [line.text for line in evidence("List the items.", receipt) if line.text.startswith("Text")]
    assert told == ["Text (items): LEMON TEA and RICE"]


@pytest.mark.parametrize(
    "seen",
    [
        [replace(PLAIN, regions=()), read("STOP HERE")],  # a scene
        [PLAIN, objects(("bird", 0.7)), read("STOP HERE", height=5.0)],  # a thing that is surely there
        [PLAIN, classes("T-shirt", 0.9), read("STOP HERE")],  # a class that is
        [PLAIN, said("A red sign.", 0.5), read("STOP HERE")],  # a sentence that is likely
        [PLAIN, objects(), read("L")],  # hardly a word
        [PLAIN, objects(), read("www.picturestock.com")],  # who sells it
        [PLAIN, objects(), read("Cfoff or so", score=0.5)],  # not surely read
        [PLAIN, objects(), read()],
    ],
)
def test_what_shows_something_else_or_says_little_is_no_page(seen: list[Finding]) -> None:
    assert as_answered("Describe the image.", seen) != WHAT_IT_SAYS


def test_words_like_a_sellers_mark_are_told_with_the_rest() -> None:
    page = [PLAIN, read("Port of Stockholm", "Tickets at www.port.com or here", "shutterstock 12345")]
    told = [line.text for line in evidence("Describe the image.", page) if not line.doubt]
    assert told == ["Text (all of it): Port of Stockholm Tickets at www.port.com or here"]


def test_what_is_taken_for_a_menu_is_a_page_whatever_boxes_say() -> None:
    assert as_answered("What is this?", [PLAIN, classes("menu", 0.6), objects(("laptop", 0.8)), read("A", "SHOP BILL")])


def test_of_no_page_something_else_is_told_than_that_it_has_no_text() -> None:
    for question in ASKED:
        lines = [line.text for line in evidence(question, [PLAIN, objects(), read()]) if not line.doubt]
        assert not any(line.startswith("Text") for line in lines)


def test_where_there_is_no_scene_only_what_is_surely_there_is_told() -> None:
    for question in ASKED:
        seen = [PLAIN, said("A man by a wall."), objects(("bird", 0.5), ("laptop", 0.7))]
        (told, *_) = [line.text for line in evidence(question, seen) if not line.doubt]
        assert told.removeprefix("Detector: ") in ("all there is: 1 laptop", "this: laptop")
        seen = [PLAIN, objects(("bird", 0.5))]
        assert [line.text for line in evidence(question, seen) if not line.doubt] == ["Detector: nothing found"]
    assert "1 bird" in evidence("How many birds are there?", [PLAIN, objects(("bird", 0.5))])[0].text


def test_other_questions_stay_as_they_are() -> None:
    page = [PLAIN, objects(), said("A woman by a wall."), read("Writing Tips")]
    for question in ("What color is it?", "How many people are there?", "What does it say?"):
        assert as_answered(question, page) == question
        assert not wants_a_reader(question, page)


def test_where_no_sentence_is_believed_it_is_told_what_there_is() -> None:
    beach = [said("A man on a beach.", 0.9), objects(("bird", 0.9))]
    assert as_answered("Describe the image.", beach) == WHAT_THERE_IS
    assert as_answered("Describe the image.", [*beach, objects(("person", 0.9))]) == "Describe the image."


def test_who_asks_for_details_is_told_what_else_is_there_and_what_it_is_like() -> None:
    sentence = "A bird on a beach."
    outside = Finding(
        "scene",
        "scene",
        "",
        tuple(Region(WHOLE, name, 0.95) for name in ("outdoors", "sunny")),
        vocabulary=("no scene", "outdoors", "sunny", "rainy", "night", "snow", "sunset"),
        size=SIZE,
    )
    seen = [said(sentence, 0.6), objects(("bird", 0.9), ("bird", 0.8)), outside]
    told = f"{sentence} It shows 2 birds. It is outdoors and sunny, by day."
    for question in ("Describe this image in detail.", "Give a detailed description of the picture."):
        lines = [line.text for line in evidence(question, seen) if not line.doubt]
        assert f"Caption: {told}" in lines
        assert {held.text for held in weigh(Question(question), seen, told)} == {f"says “{sentence}”", "finds 2 birds"}
    assert f"Caption: {sentence}" in [line.text for line in evidence("Describe this image.", seen)]
    assert answered("Describe this image.", told, seen) == ("Describe this image.", told)


class _Seer:
    """An expert that always sees the same."""

    description: ClassVar[str] = "sees the same in every picture"
    cues: ClassVar[tuple[str, ...]] = ()
    uses_question: ClassVar[bool] = False
    vocabulary: ClassVar[tuple[str, ...]] = ()

    def __init__(self, finding: Finding) -> None:
        self.name, self.kind, self._finding, self.looks = finding.expert, finding.kind, finding, 0

    name: str
    kind: FindingKind

    def available(self) -> str | None:
        return None

    def look(self, image: LoadedImage, question: Question) -> Finding:
        self.looks += 1
        return self._finding


@pytest.mark.parametrize(
    ("question", "off", "called"),
    [("Describe the image.", (), 1), ("Describe the image.", ("ocr",), 0), ("How many people are there?", (), 0)],
)
def test_a_reader_is_called_in_for_a_page_and_the_route_says_so(
    question: str, off: tuple[str, ...], called: int
) -> None:
    settings = Settings(cache=False, no_experts=off)
    detector, reader = _Seer(objects()), _Seer(read("Writing Tips"))
    experts = [detector, _Seer(PLAIN), reader]
    core = cores.get("echo").from_settings(settings)
    agent = VQAAgent(experts, routers.get("rules").from_settings(settings), core=core, settings=settings)
    answer = agent("example:bus", question)
    assert reader.looks == called
    assert ("ocr" in answer.route.experts) == bool(called)
    assert {finding.expert for finding in answer.findings} == set(answer.route.experts)
    assert ("a page, perhaps" in answer.route.reasons["ocr"]) == bool(called)
    (many,) = agent.answer_many([("example:bus", question)])
    assert many.route == answer.route


@pytest.mark.parametrize(
    ("score", "told"), [(0.34, "Detector: nothing found"), (0.36, "Detector: all there is: 1 bird")]
)
def test_what_is_hardly_seen_is_no_description(score: float, told: str) -> None:
    assert evidence("What is in the picture?", [objects(("bird", score))])[0].text == told
    assert evidence("How many birds are there?", [objects(("bird", score))])[0].text == "Detector: 1 bird"
