"""What questions take for granted: known by their words, held against the boxes, not answered if it is not there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vqa.agent.questions.languages import is_foreign
from vqa.agent.trust.confidence import shipped
from vqa.agent.trust.features import features
from vqa.agent.trust.judging import CANNOT_TELL, judged
from vqa.agent.trust.premise import unfounded
from vqa.experts.detectors.coco import LABELS
from vqa.values import PRESENCE_SCORE, Answer, Finding, Prompt, Question, Region, Route


def seen(*labels: str, score: float = 0.8) -> Finding:
    regions = tuple(Region((10, 10, 90, 90), label, score) for label in labels)
    return Finding("detect", "objects", "", regions, vocabulary=LABELS, size=(100, 100))


def answered(question: str, text: str, *findings: Finding, core: str = shipped().cores[0]) -> Answer:
    route, prompt = Route((), "", "none"), Prompt("", (), (), 0, 0)
    given = Answer(text, None, Question(question), route, findings, prompt, core, {}, core_confidence=0.9)
    return judged(given, min_confidence=0.15)


@pytest.mark.parametrize(
    ("question", "missing"),
    [
        ("What color is the dog's collar?", ("no dogs",)),
        ("Is the dog on a leash?", ("no dogs",)),
        ("Is the tall giraffe eating?", ("no giraffes",)),
        ("What are the animals doing?", ("no animals",)),
        ("Is his tie red?", ("no ties",)),
        ("What kind of bird is this?", ("no birds",)),
        ("Where is the cup?", ("no cups",)),
        ("Is there a person next to the dog?", ("no dogs",)),
        ("How many people are on the bus?", ("no buses",)),
        ("Is this a cat or a dog?", ("no cats and no dogs",)),
        ("Is it a man or a dog?", ()),
        ("Is there a cat or a dog?", ()),
        ("What is the man wearing?", ()),
        ("Is he happy?", ()),
        ("Who is that?", ()),
        ("Is there a dog?", ()),
        ("Are there more dogs than cats?", ()),
        ("How many dogs are there?", ()),
        ("Is this a dog?", ()),
        ("Is the man holding a dog?", ()),
        ("Is the dog house red?", ()),
        ("What sport is the person on the ski lift participating in?", ()),
        ("What color is the dragon?", ()),
        ("What is in the background?", ()),
    ],
)
def test_what_a_question_takes_for_granted_is_looked_for(question: str, missing: tuple[str, ...]) -> None:
    assert unfounded(question, [seen("person")]) == missing


def test_somebody_is_taken_for_granted_too() -> None:
    assert unfounded("Is he happy?", [seen("cup")]) == ("nobody",)
    assert unfounded("Who is playing?", [seen("cup")]) == ("nobody",)
    assert unfounded("Is he happy?", [seen("dog")]) == ()  # people say it of animals
    assert unfounded("Is he happy?", [Finding("detect", "objects", "", (), vocabulary=("mug",))]) == ()


def test_what_is_suspected_may_be_there() -> None:
    assert unfounded("What color is the dog?", [seen("dog", score=PRESENCE_SCORE + 0.01)]) == ()
    assert unfounded("What color is the dog?", [seen("dog", score=PRESENCE_SCORE - 0.01)]) == ("no dogs",)


def test_what_a_classifier_sees_enough_of_is_there() -> None:
    shares = {"house finch": 0.2, "brambling": 0.15}
    regions = tuple(Region((0, 0, 100, 100), name, share, kinds=("finch", "bird")) for name, share in shares.items())
    birds = Finding("classify", "classes", "", regions, vocabulary=tuple(shares))
    asked = "What kind of bird is this?"
    assert unfounded(asked, [seen("cup"), birds]) == ()
    assert unfounded(asked, [seen("cup"), replace(birds, regions=regions[:1])]) == ("no birds",)


def test_without_a_detector_that_looked_nothing_is_known_to_be_missing() -> None:
    failed = Finding("detect", "objects", "", (), vocabulary=LABELS, error="broken")
    assert unfounded("What color is the dog?", []) == unfounded("What color is the dog?", [failed]) == ()


def test_evidence_for_an_answer_makes_up_for_one_thing_of_two() -> None:
    vase = [seen("vase")]
    assert unfounded("What color is the vase on the table?", vase) == ("no dining tables",)
    assert unfounded("What color is the vase on the table?", vase, supported=True) == ()
    assert unfounded("Is there a vase on the table?", vase, supported=True) == ()
    assert unfounded("What is on the table?", vase, supported=True) == ("no dining tables",)
    assert unfounded("Is the vase on the table?", vase, supported=True) == ("no dining tables",)


@pytest.mark.parametrize("text", ["Yes", "No", "red", "a cup"])
def test_an_answer_about_what_is_not_there_is_withheld(text: str) -> None:
    answer = answered("Is the dog on a leash?", text, seen("cup"))
    assert answer.text == CANNOT_TELL
    assert answer.withheld == text
    assert "takes for granted what no detector finds: no dogs" in (answer.abstention or "")


def test_a_core_that_sees_by_itself_may_answer_about_what_no_detector_finds() -> None:
    assert answered("Is the dog on a leash?", "Yes", seen("cup"), core="hf:somebody/sees").text == "Yes"


def test_a_missing_thing_makes_an_answer_less_likely() -> None:
    for question in ("What color is the dog?", "Is the dog asleep?"):
        told = [features(Question(question), [seen(thing)], (), "No", 0.9) for thing in ("dog", "cup")]
        there, missing = (shipped().probability(one, core=shipped().cores[0]) for one in told)
        assert missing / (1 - missing) < there / (1 - there) / 3  # whatever the probability


def test_that_there_is_none_is_an_answer_to_what_is_taken_for_granted() -> None:
    there_is_none = answered("Where is the dog?", "There is no dog.", seen("cup"))
    assert (there_is_none.text, there_is_none.abstention) == ("There is no dog.", "")
    assert [(held.stance, held.text) for held in there_is_none.evidence] == [("supports", "knows dogs and finds none")]
    assert (there_is_none.confidence or 0) > 0.8
    there_is_one = answered("Where is the dog?", "There is no dog.", seen("dog"))
    assert [held.stance for held in there_is_one.evidence] == ["contradicts"]
    assert (there_is_one.confidence or 0) < 0.3


def test_that_there_is_no_dragon_nobody_knows() -> None:
    assert answered("Where is the dragon?", "There is no dragon", seen("cup")).text == CANNOT_TELL


@pytest.mark.parametrize(
    ("question", "foreign"),
    [
        ("¿Qué hay en la imagen?", True),
        ("Was ist auf dem Bild zu sehen?", True),
        ("Combien de personnes sont dans la photo?", True),
        ("Hoeveel mensen zijn er op de foto?", True),
        ("这是什么", True),
        ("Что это?", True),
        ("이게 뭐예요?", False),
        ("버스에 EMT 라고 쓰여 있나요?", False),
        ("What is this?", False),
        ("dog?", False),
        ("Where is the Bar de la Plaza?", False),
        ("Is the sign about la dolce vita?", False),
        ("12 + 7?", False),
    ],
)
def test_a_question_in_another_language_is_told_to_be_one(question: str, foreign: bool) -> None:
    assert is_foreign(question) is foreign
    given = answered(question, "Yes", seen("person"))
    assert ("neither English nor Korean" in (given.abstention or "")) is foreign
