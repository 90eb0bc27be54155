"""Whether there is one of whom more is said: how it is read, and what it comes to, given what was found."""

import pytest

from vqa import VQAAgent
from vqa.agent.folding.predicates import as_far_as_seen
from vqa.agent.folding.words import choices_of, told_of_words
from vqa.agent.prompting import evidence, wording
from vqa.agent.questions.predicates import read_predicate
from vqa.agent.trust.evidence import weigh
from vqa.experts.detectors.coco import LABELS
from vqa.registry import cores
from vqa.settings import Settings
from vqa.values import Finding, Question, Region

RIDING = "Is there a man riding a bike?"


def boxes(*labels: str) -> Finding:
    regions = tuple(Region((10, 10, 90, 90), label, 0.8) for label in labels)
    return Finding("detect", "objects", "", regions, vocabulary=LABELS, size=(100, 100))


def words(claim: str, share: float) -> Finding:
    return Finding("words", "words", "", (Region((0, 0, 100, 100), claim, share),), size=(100, 100))


@pytest.mark.parametrize(
    ("question", "there", "so"),
    [
        (RIDING, "Is there a man?", "Is the man riding a bike?"),
        ("Is a man riding a bike?", "Is there a man?", "Is the man riding a bike?"),
        ("There is a man riding a bike, right?", "Is there a man?", "Is the man riding a bike?"),
        ("Do you see a man in the picture wearing a hat?", "Is there a man?", "Is the man wearing a hat?"),
        ("Are there any people crossing the street?", "Are there people?", "Are the people crossing the street?"),
        ("Are there two men walking?", "Are there any men?", "Are the men walking?"),
        ("Is there someone who is running?", "Is there someone?", "Is someone running?"),
        ("Is anyone eating?", "Is there anyone?", "Is anyone eating?"),
        ("Is anyone in the car?", "Is there anyone?", "Is anyone in the car?"),
        ("Is a dog inside of the car?", "Is there a dog?", "Is the dog in the car?"),
        ("Is anyone at the door?", "Is there anyone?", "Is anyone at the door?"),
        ("Is there a woman with long hair?", "Is there a woman?", "Does the woman have long hair?"),
        ("Is there a man in a red suit?", "Is there a man?", "Is the man wearing a red suit?"),
        ("Is there a bus that is blue?", "Is there a bus?", "Is the bus blue?"),
    ],
)
def test_who_is_to_be_there_and_what_is_said_of_them(question: str, there: str, so: str) -> None:
    asked = read_predicate(question)
    assert asked is not None
    assert (asked.there, asked.so) == (there, so)
    assert choices_of(question) == choices_of(so)


@pytest.mark.parametrize(
    "question",
    [
        "Is there a dog?",
        "Is there a dog in the picture?",
        "Is anyone in this photo?",
        "Is anyone here?",
        "Is there a dining table?",
        "Is there a swimming pool?",
        "Is there a cutting board?",
        "Is there a painting of a man?",
        "Is there anything on the table?",
        "Is there a sign that says stop?",
        "Is there a cat or a dog sleeping?",
        "Is there a dog that isn't moving?",
        "Are there more people sitting than standing?",
        "Is the man riding a bike?",
        "How many people are walking?",
    ],
)
def test_no_more_is_read_into_other_questions(question: str) -> None:
    asked = read_predicate(question)
    assert asked is None or as_far_as_seen(question, [boxes("dog", "person")]) == question


@pytest.mark.parametrize(
    ("question", "seen", "comes_to"),
    [
        (RIDING, ("dog",), "Is there a man?"),
        (RIDING, ("person",), "Is the man riding a bike?"),
        ("Is there a man with a dog?", ("person",), "Is there a man and a dog?"),
        ("Is there a man with an umbrella?", ("dog",), "Is there a man?"),
        ("Are there people in the bus?", ("person",), "Are there people and a bus?"),
        ("Is there a phone in the bathroom?", ("cell phone",), "Is there a phone in the bathroom?"),
        ("Is there a cup sitting on the table?", ("cup",), "Is there a cup sitting on the table?"),
        ("Is there a bus moving?", ("bus",), "Is the bus moving?"),
        ("Is there a squirrel eating a nut?", (), "Is there a squirrel eating a nut?"),
        ("Are there three men walking?", ("person", "person"), "Are there three men walking?"),
        ("Are there two men walking?", ("person", "person"), "Are the men walking?"),
    ],
)
def test_what_it_comes_to_depends_on_what_is_found(question: str, seen: tuple[str, ...], comes_to: str) -> None:
    assert as_far_as_seen(question, [boxes(*seen)]) == comes_to


def test_who_knows_no_classes_leaves_the_question_as_it_is() -> None:
    assert as_far_as_seen(RIDING, [words("riding a bike", 0.9)]) == RIDING


def test_a_core_reads_the_plainer_question_and_what_settles_it() -> None:
    question, findings = Question(RIDING), [boxes("person"), words("riding a bike", 0.2)]
    assert wording(question, findings, cores.get("echo").from_settings(Settings())) == "Is the man riding a bike?"
    assert [line.text for line in evidence(RIDING, findings) if not line.doubt] == ["Words: riding a bike: No"]
    assert {e.expert: e.stance for e in weigh(question, findings, "Yes")} == {"words": "contradicts"}
    (nobody,) = weigh(question, [boxes("dog")], "No")
    assert (nobody.stance, nobody.text) == ("supports", "knows people and finds none")


def test_a_claim_gains_where_what_it_names_is_found_and_loses_where_it_is_not() -> None:
    asked, said = "Is the man riding a bike?", words("riding a bike", 0.5)
    assert told_of_words(asked, said, [said]) is None
    there, missing = (told_of_words(asked, said, [said, boxes("person", *more)]) for more in (["bicycle"], []))
    assert there is not None
    assert missing is not None
    assert (there.answer, there.found, len(there.regions)) == ("Yes", "1 bicycle", 2)
    assert (missing.answer, missing.found) == ("No", "no bicycles")
    assert there.shares["Yes"] == pytest.approx(missing.shares["No"]) == pytest.approx(0.731, abs=1e-3)
    (held,) = weigh(Question(asked), [said, boxes("person")], "No")
    assert held.text == "would rather say riding a bike: No 0.73, given no bicycles"


@pytest.mark.parametrize(
    ("question", "person", "told"),
    [
        ("Is the man riding a horse?", (5, 20, 30, 60), "Words: riding a horse: No"),
        ("Is there a man riding a horse?", (5, 20, 30, 60), "Words: riding a horse: No"),
        ("Is the man riding a horse?", (65, 5, 80, 40), "Words: riding a horse: Yes"),
        ("Is the man looking at a horse?", (5, 20, 30, 60), "Words: looking at a horse: Yes"),
    ],
)
def test_nobody_rides_what_is_found_elsewhere(question: str, person: tuple[int, int, int, int], told: str) -> None:
    horse = Region((60, 20, 95, 60), "horse", 0.8)
    found = Finding("detect", "objects", "", (horse, Region(person, "person", 0.8)), vocabulary=LABELS)
    said = words(told.split(": ")[1], 0.8)
    assert [line.text for line in evidence(question, [said, found]) if not line.doubt] == [told]
    if told.endswith("No"):
        (held,) = weigh(Question(question), [said, found], "No")
        assert held.text.endswith("given 1 horse elsewhere")


@pytest.mark.weights
def test_of_the_people_at_the_bus_none_rides_a_bike() -> None:
    agent = VQAAgent.from_pretrained(settings=Settings(detector="efficientdet"))
    assert [agent("example:bus", q).text for q in (RIDING, "Is there a person with an umbrella?")] == ["No", "No"]
    assert agent("example:bus", "Is there a bus that is blue?").text == "Yes"
