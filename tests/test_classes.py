"""What a classifier names: which questions ask for it, how wide a name it is, and who is believed beside a detector."""

import pytest

from vqa.agent.folding.classes import asks_for_classes, identified, is_one
from vqa.agent.folding.quoting import quotable
from vqa.agent.prompting import evidence
from vqa.agent.questions.taxonomy import WILD
from vqa.agent.trust.evidence import weigh
from vqa.agent.trust.judging import judged
from vqa.experts.classes.imagenet import classes
from vqa.experts.detectors.coco import LABELS
from vqa.values import Answer, Finding, Prompt, Question, Region, Route

WHOLE = (0.0, 0.0, 300.0, 240.0)
KINDS = {one.name: one.kinds for one in classes()}
NAMES = tuple(KINDS)


def classified(**shares: float) -> Finding:
    named = {name.replace("_", " "): share for name, share in shares.items()}
    regions = [Region(WHOLE, name, share, kinds=KINDS[name]) for name, share in named.items()]
    regions.sort(key=lambda region: -region.score)
    return Finding("classify", "classes", "", tuple(regions), vocabulary=NAMES, size=(300, 240))


def objects(*things: tuple[str, float]) -> Finding:
    regions = tuple(Region((50, 50, 250, 200), label, score) for label, score in things)
    return Finding("detect", "objects", "", regions, vocabulary=LABELS, size=(300, 240))


def told(question: str, finding: Finding, *others: Finding) -> str | None:
    found = identified(question, finding, [finding, *others])
    return None if found is None else str(found)


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("What is this?", "thing: tiger"),
        ("what's this", "thing: tiger"),
        ("What is the name of this object?", "thing: tiger"),
        ("이게 뭐예요?", "thing: tiger"),
        ("What is shown in the picture?", "thing: tiger"),
        ("What animal is this?", "animal: tiger"),
        ("Which animals are these?", "animal: tiger"),
        ("What kind of animal is shown here?", "animal: tiger"),
        ("What is the animal in the photo?", "animal: tiger"),
        ("What kind of big cat is it?", "kind of big cat: tiger"),
        ("What species is this animal?", "animal: tiger"),
        ("What species is the large animal?", "animal: tiger"),
        ("What kind of dog is this?", None),
        ("What fruit is this?", None),
        ("What color is this?", None),
        ("What is this animal doing?", None),
        ("What is in the picture?", "thing: tiger"),
        ("What objects are in this image?", "thing: tiger"),
        ("Which things are there?", "thing: tiger"),
        ("How many animals are there?", None),
    ],
)
def test_the_kind_that_is_asked_for_is_named(question: str, name: str | None) -> None:
    assert told(question, classified(tiger=0.9, zebra=0.02)) == name


@pytest.mark.parametrize(
    "question",
    [
        "Where was this taken?",
        "Where is this picture taken?",
        "Where are they?",
        "What place is this?",
        "What is the setting?",
    ],
)
def test_where_it_is_may_be_a_class_too(question: str) -> None:
    assert told(question, classified(beach=0.8)) == "place: beach"
    assert told(question, classified(grocery_store=0.3, toy_store=0.3)) == "place: store"
    assert told(question, classified(tiger=0.8)) is None
    assert told("Where is the dog?", classified(beach=0.8)) is None


def test_what_nothing_says_for_sure_is_not_named() -> None:
    assert told("What is this?", classified(tiger=0.3, castle=0.2)) is None
    assert told("What animal is this?", classified(castle=0.9, tiger=0.03)) is None


def test_of_a_dog_the_breed_is_told_to_who_asks_for_it() -> None:
    beagle = classified(Beagle=0.4, Toy_Poodle=0.1)
    assert told("What kind of dog is this?", beagle) == "kind of dog: Beagle"
    assert told("What breed is it?", beagle) == "breed: Beagle"
    assert told("What animal is this?", beagle) == "animal: dog"
    assert told("What breed is the dog?", classified(Beagle=0.1)) is None, "there may be none"


def test_where_no_class_has_enough_a_wider_name_may_have_it() -> None:
    poodles = classified(Toy_Poodle=0.25, Miniature_Poodle=0.2, Beagle=0.1)
    assert told("What breed of dog is this?", poodles) == "kind of dog: poodle"
    parrots = classified(macaw=0.3, lorikeet=0.3)
    assert told("What is this?", parrots) == "thing: parrot"
    assert told("What is this?", classified(oboe=0.2, screwdriver=0.2, barometer=0.2)) is None, (
        "a device says too little"
    )


def test_what_a_detector_names_stands_if_it_is_the_same_or_surer() -> None:
    orca = classified(killer_whale=0.8)
    assert told("What animal is this?", orca) == "animal: killer whale"
    assert told("What animal is this?", orca, objects(("bird", 0.4))) == "animal: killer whale"
    assert told("What animal is this?", orca, objects(("bear", 0.9))) is None
    assert told("What animal is this?", classified(African_bush_elephant=0.8), objects(("elephant", 0.4))) is None
    assert told("What kind of bird is it?", classified(macaw=0.8), objects(("bird", 0.9))) == "kind of bird: macaw"


def test_of_all_there_is_it_names_what_no_box_is_as_sure_of() -> None:
    tiger = classified(tiger=0.8)
    asked = "What do you see?"
    assert told(asked, tiger, objects(("cat", 0.3))) == "thing: tiger"
    assert told(asked, tiger, objects(("cat", 0.7))) == "thing: tiger"
    assert told(asked, tiger, objects(("cat", 0.85))) is None, "boxes tell of the rest, too"
    assert told(asked, classified(tiger=0.6), objects()) == "thing: tiger"


def test_whether_it_is_something_that_no_detector_knows() -> None:
    tiger = classified(tiger=0.9)
    assert is_one("Is this a tiger?", tiger, LABELS) == ("tiger", True, tiger.regions)
    assert is_one("Is there a tiger in the picture?", tiger, LABELS) == ("tiger", True, tiger.regions)
    shepherd = classified(German_Shepherd_Dog=0.6)
    assert is_one("Is it a German shepherd?", shepherd, LABELS) == ("german shepherd", True, shepherd.regions)
    assert is_one("Is it a big cat?", tiger, LABELS) == ("big cat", True, tiger.regions)
    assert is_one("Is that a lion?", tiger, LABELS) == ("lion", False, tiger.regions)
    assert is_one("Is there a castle?", tiger, LABELS) is None, "it may be a small one"
    assert is_one("Is this a cat?", tiger, LABELS) is None, "the detector's"
    assert is_one("Is this a lion?", classified(tiger=0.3), LABELS) is None
    for seen in (classified(castle=0.06, palace=0.05), classified(palace=0.4, castle=0.25)):
        for question in ("Is this a castle?", "Is there a castle?", "Are there any castles?"):
            told = is_one(question, seen, LABELS)
            assert told
            assert told[1]
    for seen in (classified(palace=0.4, castle=0.1), classified(castle=0.04), classified()):
        assert is_one("Is this a castle?", seen, LABELS) is None, "it may be, or not"
    beach = classified(beach=0.8)
    for question in ("Was this taken at the beach?", "Is this photo taken on a beach?", "Is this picture of a beach?"):
        assert is_one(question, beach, LABELS) == ("beach", True, beach.regions)


def test_it_is_asked_what_things_are_and_for_what_no_detector_knows() -> None:
    assert asks_for_classes("What breed is this?", NAMES, LABELS) == "the question asks what it is"
    why = asks_for_classes("Is there a lighthouse?", NAMES, LABELS)
    assert why == "the question names lighthouse, which no detector knows"
    for question in ("Are there any lighthouses?", "How many lighthouses are there?", "Where is the lighthouse?"):
        assert asks_for_classes(question, NAMES, LABELS) == why
    for question in ("Is there a dog?", "How many dogs are there?", "Where is the dog?", "How many are there?"):
        assert asks_for_classes(question, NAMES, LABELS) == ""
    assert asks_for_classes("Is there a ghost?", NAMES, LABELS) == ""


def test_what_it_names_is_told_alone_and_quoted() -> None:
    found = [objects(("cup", 0.7), ("dining table", 0.6)), classified(espresso=0.85)]
    lines = evidence("What is this?", found)
    used = [line.text for line in lines if not line.doubt]
    assert used == ["Classifier: thing: espresso"]
    assert quotable("What is this?", used)[:3] == (("espresso",), True, 0)
    beside = [line.text for line in evidence("How many cups are there?", found) if line.doubt]
    assert "Classifier: espresso" in beside


def test_whether_it_is_one_is_told_as_a_detector_tells_it() -> None:
    for question, line in (("Is this a tiger?", "1 tiger"), ("Is this a lion?", "no lions")):
        lines = evidence(question, [objects(("cat", 0.4)), classified(tiger=0.9)])
        assert [line.text for line in lines if not line.doubt] == [f"Classifier: {line}"]
        assert quotable(question, [f"Classifier: {line}"]).lines == ()


@pytest.mark.parametrize(
    ("question", "answer", "stance"),
    [
        ("What is this?", "tiger", "supports"),
        ("What is this?", "a zebra", "contradicts"),
        ("Is this a tiger?", "Yes", "supports"),
        ("Is this a lion?", "Yes", "contradicts"),
        ("Is this a lion?", "No", "supports"),
        ("How many tigers are there?", "3", None),
    ],
)
def test_answers_are_held_against_it(question: str, answer: str, stance: str | None) -> None:
    found = weigh(Question(question), [classified(tiger=0.9)], answer)
    assert [(held.expert, held.stance, held.text) for held in found] == (
        [("classify", stance, "says tiger")] if stance else []
    )


def test_what_it_names_has_at_least_its_share_for_confidence() -> None:
    def confidence(said: str) -> float | None:
        route, prompt = Route((), "", "none"), Prompt("", (), (), 0, 0)
        found = (classified(espresso=0.85),)
        given = Answer(
            said, None, Question("What is this?"), route, found, prompt, "smollm2-135m", {}, core_confidence=0.1
        )
        return judged(given, min_confidence=0.0).confidence

    assert confidence("espresso") == pytest.approx(0.85)
    assert (confidence("tea") or 0.0) < 0.85


def test_every_class_has_a_name_and_kinds_that_are_names() -> None:
    assert len(classes()) == 1000
    assert all(one.name == one.name.strip() and one.name for one in classes())
    assert all(kind == kind.strip().lower() and kind for one in classes() for kind in one.kinds)
    assert KINDS["Beagle"] == ("hound", "dog", "mammal", "animal")
    assert "animal" not in KINDS["castle"]


def test_it_knows_every_animal_that_a_detector_takes_for_another() -> None:
    assert {name.lower() for name in NAMES}.union(*KINDS.values()) >= WILD.keys()
    assert not WILD.keys() & set(LABELS)
