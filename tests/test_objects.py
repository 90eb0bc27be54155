"""What folding tells of boxes where a question compares, claims or relates: agent/folding/objects.py."""

import re

import pytest

from vqa.agent.prompting import evidence
from vqa.agent.questions.intent import read_intent
from vqa.agent.trust.evidence import weigh
from vqa.values import Finding, Question, Region

VOCABULARY = ("person", "bus", "giraffe", "dog", "cat")
SIZE = (300, 300)


def objects(*regions: Region) -> Finding:
    return Finding("detect", "objects", "", regions, vocabulary=VOCABULARY, size=SIZE)


def box(label: str, x: float = 0, y: float = 0) -> Region:
    return Region((x, y, x + 60, y + 60), label, 0.9)


def lines(question: str, *findings: Finding) -> list[str]:
    return [line.text for line in evidence(question, findings)]


def told(question: str, *findings: Finding) -> list[str]:
    return [line.text for line in evidence(question, findings) if not line.doubt]


def test_a_pair_is_related_once_and_only_among_the_named_things() -> None:
    seen = objects(box("bus", x=0, y=120), box("person", x=240, y=120), box("dog", x=120, y=0))
    related = [line for line in lines("Are the person and the bus close to each other?", seen) if " of " in line]
    assert related == ["Detector: person right of bus"]


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("What is on the sofa?", "on couch: a dog, a cat"),
        ("Which things are underneath the lamp?", None),  # no detector's word
        ("What can you see to the right of the couch in the picture?", "to the right of couch: a person"),
        ("What is left of the couch?", None),
        ("What is on the red couch?", None),  # which of the couches it is the boxes do not tell
        ("Is the dog on the couch?", "dog on couch"),
        ("Would you say that the dog is under the couch?", None),  # a small box in a large one may be either
        ("Is the person left of the couch?", "person not left of couch"),
        ("Is a person in front of the dog?", None),
        ("What is next to the sofa?", "next to couch: a person"),
        ("What is beside the person?", "beside person: a couch"),  # the dog is further than a person is wide
        ("Is the dog near the cat?", "dog near cat"),
        ("Is the dog next to the person?", None),  # neither close nor far
        ("Is there a dog on the couch?", "dog on couch"),
        ("Are there people on the couch?", "no person on couch"),
        ("Is it true that the dog is on the couch?", "dog on couch"),
        ("How many cats are on the sofa?", "1 cat on couch"),
        ("How many people are there left of the couch?", "no people left of couch"),
        ("Where is the dog relative to the couch?", "place of dog: on the couch"),
        ("Where is the couch in relation to the person?", "place of couch: left of the person"),
        ("What else do you see besides the couch?", "besides the couch: 1 dog, 1 cat and 1 person"),
    ],
)
def test_what_is_asked_of_two_things_is_told_in_the_questions_words(question: str, told: str | None) -> None:
    known = ("couch", "dog", "cat", "person")
    inside = [Region((x, 150, x + 30, 180), label, 0.9) for x, label in ((40, "dog"), (90, "cat"))]
    regions = (Region((20, 120, 150, 220), "couch", 0.9), *inside, Region((220, 100, 290, 240), "person", 0.9))
    seen = Finding("detect", "objects", "", regions, vocabulary=known, size=SIZE)
    found = lines(question, seen)
    assert [
        line for line in found if ": a " in line or "no p" in line or " not " in line or line == f"Detector: {told}"
    ] == ([f"Detector: {told}"] if told else [])


def test_what_is_hardly_seen_is_told_to_be_on_a_thing_only_if_nothing_else_is() -> None:
    couch = Region((0, 100, 300, 300), "couch", 0.9)
    dog, cat = Region((30, 110, 90, 190), "dog", 0.9), Region((200, 110, 260, 190), "cat", 0.3)

    def on_it(*things: Region) -> list[str]:
        found = Finding("detect", "objects", "", (couch, *things), vocabulary=(*VOCABULARY, "couch"), size=SIZE)
        return told("What is on the couch?", found)

    assert on_it(dog, cat)[1:] == ["Detector: on couch: a dog"]
    assert on_it(cat)[1:] == ["Detector: on couch: a cat"]


def test_what_answers_by_itself_is_told_alone() -> None:
    cow, horses = box("dog", x=200), [box("bus", x=x) for x in (10, 80)]
    assert told("Is there a dog on the bus?", objects(cow, *horses)) == ["Detector: no dog on bus"]
    assert told("How many buses are left of the dog?", objects(cow, *horses)) == ["Detector: 2 buses left of dog"]
    assert told("How many buses are left of the cat?", objects(cow, *horses)) == [
        "Detector: 2 buses",
        "Detector: no cats",
    ]
    assert told("Is there a dog next to the cat?", objects(cow)) == ["Detector: no dog next to cat"]
    assert told("Is there a cat next to the dog?", objects(cow)) == ["Detector: no cat next to dog"]
    assert told("How many objects are there?", objects(cow, *horses)) == ["Detector: 3 objects: 1 dog, 2 buses"]


def test_two_things_counted_or_looked_for_together_are_a_group() -> None:
    seen = objects(box("dog"), box("bus", x=80), box("bus", x=160))
    assert told("How many dogs and buses are there?", seen) == ["Detector: 3 dogs and buses: 1 dog, 2 buses"]
    assert told("Are there any cats or dogs?", seen) == ["Detector: 1 cats or dog: 1 dog"]


@pytest.mark.parametrize(
    ("question", "line"),
    [
        ("Is there a dog and a cat?", "not a dog and a cat"),
        ("Are there both dogs and buses in the picture?", "dogs and buses"),
        ("Is there a dog but no cat?", "a dog but no cat"),
        ("There is a dog but no bus, right?", "not a dog but no bus"),
        ("Do you see a bus without a cat?", "a bus without a cat"),
        ("Is there a bus but not a dog in the image?", "not a bus but not a dog"),
    ],
)
def test_what_is_asked_to_be_there_together_is_told_in_the_questions_words(question: str, line: str) -> None:
    seen = objects(box("dog"), box("bus", x=80), box("bus", x=160))
    assert told(question, seen) == [f"Detector: {line}"]
    yes, no = (weigh(Question(question), [seen], said)[0].stance for said in ("Yes", "No"))
    assert (yes, no) == (("contradicts", "supports") if line.startswith("not") else ("supports", "contradicts"))


def test_of_one_thing_with_something_on_it_is_asked_something_else() -> None:
    for question in (
        "Is there a dog and a tree?",
        "Is there a man with a dog and a bus?",
        "Is there a black and white dog?",
    ):
        assert read_intent(question, VOCABULARY).together is None


def test_a_word_for_many_labels_tells_only_those_that_are_there() -> None:
    animals = ("cat", "dog", "horse", "cow", "bird")
    cat = (box("cat", x=120, y=120),)
    one = Finding("detect", "objects", "", cat, vocabulary=animals, size=SIZE)
    none = Finding("detect", "objects", "", vocabulary=animals, size=SIZE)
    assert lines("Is the animal asleep?", one) == ["Detector: 1 cat (center)"]
    assert lines("Is the animal asleep?", none) == ["Detector: nothing found"]


@pytest.mark.parametrize(
    "question",
    [
        "Are there more dogs than people?",
        "Which are there more of, dogs or people?",
        "Are there as many dogs as people?",
    ],
)
def test_a_comparison_is_told_both_counts_before_anything_else(question: str) -> None:
    found = objects(box("bus"), box("dog"), box("dog"), box("person"))
    ranked = sorted(evidence(question, [found]), key=lambda line: line.rank)
    told = [re.sub(r" \(.*", "", line.text) for line in ranked if " than " not in line.text]
    assert told[:2] == ["Detector: 2 dogs", "Detector: 1 person"]


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("Are there more dogs than people?", "more dogs than people"),
        ("Do you see more people than dogs?", "no more people than dogs"),
        ("Are there fewer people than dogs here?", "more dogs than people"),
        ("Is there less dogs than buses in it?", "no more buses than dogs"),
        ("Are there more buses than people?", "no more buses than people"),
        ("Are there more dogs than people in this picture?", "more dogs than people"),
        ("Are there more dogs than people on the left?", None),
        ("How many more dogs than people are there?", None),
        ("Why are there more dogs than people?", None),
        ("Are there as many dogs as people?", None),
        ("Which are more, people or dogs?", "more dogs than people"),
        ("Are there more dogs or people in this picture?", "more dogs than people"),
        ("Which are fewer, dogs or people?", "fewer people than dogs"),
        ("Which is more common here, a bus or a person?", None),
        ("Which are more numerous, buses or people?", "as many buses as people"),
        ("Which are more, big dogs or people?", None),
        ("Are there more dogs and people than buses?", None),
        ("Is there more snow on the dog than on the bus?", None),
    ],
)
def test_what_a_comparison_claims_is_told_or_denied(question: str, told: str | None) -> None:
    found = objects(box("bus"), box("dog"), box("dog"), box("person"))
    claims = [line.text for line in evidence(question, [found]) if re.search(" than | as many ", line.text)]
    assert claims == ([f"Detector: {told}"] if told else [])


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("Is there more than one dog?", "more than one dog"),
        ("Are there at least 3 dogs in this picture?", "not at least 3 dogs"),
        ("do you see only two dogs", "only two dogs"),
        ("Can you see fewer than two people?", "fewer than two people"),
        ("Are there exactly two dogs on the bus?", None),  # a place narrows what is counted
        ("Is there more than one black dog?", None),
        ("Is there at least one dog?", None),  # asks whether there is any
        ("Are there two dogs?", "two dogs"),
        ("Are two dogs visible?", "two dogs"),
        ("Are there two or more dogs?", "two or more dogs"),
        ("Are there 3 or more dogs?", "not 3 or more dogs"),
        ("Is there a single dog?", "not only one dog"),
        ("Is there more than a single dog?", "more than one dog"),
        ("Are there no dogs?", "not exactly zero dogs"),
        ("There are no cats on the bus, right?", "exactly zero cats"),
        ("Are there no dogs on the bus?", None),
        ("Are there three dogs in the picture?", "not three dogs"),
        ("Are there three black dogs on the bus?", "not three black dogs"),  # there are not even three dogs
        ("Are there two dogs on the bus?", None),
        ("Is there another dog coming?", None),
        ("Can you see many dogs?", "not many dogs"),
        ("Are there several animals here?", "not several animals"),
    ],
)
def test_what_is_claimed_of_a_number_is_told_or_denied(question: str, told: str | None) -> None:
    found = objects(box("bus"), box("dog"), box("dog"), box("person"))
    first, *rest = lines(question, found)
    assert (
        (first == f"Detector: {told}") if told else not re.search("than|least|only|exactly|two dogs|not|another", first)
    )
    assert "Detector: 2 dogs" in (first, *rest) or re.search("people|animals|cats", question)


def test_there_is_not_another_one_of_a_single_thing() -> None:
    found = objects(box("bus"), box("dog"), box("dog"))
    assert told("Is there another bus coming?", found) == ["Detector: not another bus", "Detector: 1 bus"]
