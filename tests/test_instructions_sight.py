"""Questions that need sight: what found things make likely, and what people say of a picture."""

from __future__ import annotations

import random

import pytest

from vqa.agent.instructions.likely import ASKED, LikelyQuestions
from vqa.agent.instructions.row import Asked
from vqa.agent.instructions.seen import SeenQuestions
from vqa.agent.instructions.wordings import Wordings
from vqa.values import Finding, Region

Box = tuple[float, float, float, float]
MAN: tuple[str, Box] = ("person", (10, 10, 60, 90))
NEAR: Box = (20, 70, 70, 100)
FAR: Box = (200, 200, 240, 240)


def likely(*things: tuple[str, Box], score: float = 0.9) -> set[str]:
    """Return every answer that these things are asked for."""
    regions = tuple(Region(box, label, score) for label, box in things)
    finding = Finding("detect", "objects", "", regions, vocabulary=("person", "skateboard"), size=(300, 300))
    asked = [LikelyQuestions(finding, Wordings(random.Random(seed))).likely() for seed in range(40)]
    assert all(one is None or one.task == "likely" for one in asked)
    return {one.answer for one in asked if one}


def seen(*captions: str) -> dict[str, str]:
    """Return what is asked about a picture of which people say this, and the answers."""
    told: dict[str, str] = {}
    for seed in range(30):
        questions = SeenQuestions(captions, Wordings(random.Random(seed)))
        while asked := questions.seen():
            told[asked.question.lower().rstrip("?.")] = asked.answer
    return told


@pytest.mark.parametrize(
    ("things", "answers"),
    [
        ([MAN, ("skateboard", NEAR)], {"skateboard", "skateboarding"}),
        ([MAN, ("skateboard", FAR)], {"skateboarding"}),  # the sport; nobody stands on it
        ([("skateboard", NEAR)], {"skateboarding"}),
        ([("toilet", FAR), ("sink", FAR)], {"bathroom"}),
        ([("bed", FAR), ("couch", FAR)], {"bedroom"}),
        ([("bed", FAR), ("toilet", FAR)], set()),
        ([("cell phone", FAR)], {"phone"}),
        (
            [MAN, ("sports ball", (50, 50, 60, 60)), ("tennis racket", NEAR)],
            {"tennis", "tennis racket", "playing tennis"},
        ),
        ([MAN, ("cup", NEAR), ("book", NEAR)], set()),
        ([MAN], set()),
    ],
)
def test_found_things_are_asked_for_what_they_are_for(things: list[tuple[str, Box]], answers: set[str]) -> None:
    assert likely(*things) == answers


def test_what_is_only_suspected_makes_nothing_likely() -> None:
    assert likely(MAN, ("skateboard", NEAR), score=0.2) == set()


def test_every_use_has_a_wording_and_fits_a_label() -> None:
    for about, uses in ASKED.items():
        assert Wordings(random.Random(0)).ask(f"likely.{about}", one="man")
        assert not any("_" in text for pair in uses.items() for text in pair)


def test_captions_are_asked_for_actions_things_and_colours() -> None:
    told = seen("A boy in a red shirt is riding a small bike.", "A boy is riding his bike along the dirt path.")
    assert told["what is the boy doing"] == "riding bike"
    assert told["what is the boy riding"] == "bike"
    assert told["what color is the boy's shirt"] == "red"
    told = seen("Two dogs are running through the shallow water.")
    assert (told["what are the dogs doing"], told["what are the dogs running through"]) == ("running", "water")
    assert seen("Men are playing soccer on grass.")["what are the men doing"] == "playing soccer"
    assert seen("A black and white dog sleeps.")["what color is the dog"] == "black and white"


def test_what_captions_contradict_one_another_about_is_not_asked() -> None:
    assert not any("color" in asked for asked in seen("A red car.", "An orange car."))
    assert "is this a man or a woman" not in seen("A man smiles.", "A man laughs.", "A woman smiles.", "A man waits.")
    assert "what animal is this" not in seen("A dog and a cat.", "A dog.", "A cat sleeps.", "The cat and the dog.")


def test_what_is_only_said_once_is_no_sport_animal_place_or_season() -> None:
    assert seen("Snow everywhere.", "A dog at the beach plays frisbee.") == {}
    told = seen("Snow on a street.", "A dog in the snow on the street.", "The dog.")
    assert {told["what animal is this"], told["what season is it"], told["what is on the ground"]} == {
        "dog", "winter", "snow",
    }  # fmt: skip
    assert told["where was this photo taken"] == "street"


def test_nothing_is_asked_twice_in_other_words() -> None:
    questions = SeenQuestions(("A dog is running.", "The dog is running."), Wordings(random.Random(1)))
    asked = [questions.seen() for _ in range(4)]
    assert asked.count(None) == 2
    assert {one.answer for one in asked if isinstance(one, Asked)} == {"dog", "running"}
