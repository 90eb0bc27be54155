"""What an expert saw, given the others: the sentence that the boxes bear out, the boxes that a drawing may have."""

from dataclasses import replace
from typing import ClassVar, Self

import pytest

from vqa import Settings, VQAAgent
from vqa.agent.cross_checking import cross_checked
from vqa.agent.prompting import evidence
from vqa.registry import cores, routers
from vqa.values import Finding, FindingKind, LoadedImage, Question, Region

WHOLE = (0.0, 0.0, 300.0, 240.0)
LABELS = ("dog", "cow", "person", "couch", "giraffe")
TEN = tuple("bird cat dog horse sheep cow elephant bear zebra giraffe".split())


def captioned(*sentences: tuple[str, float]) -> Finding:
    first, *others = (Region(WHOLE, text, score) for text, score in sentences)
    return Finding("caption", "caption", first.label, (first,), instead=tuple(others))


def objects(*things: tuple[str, float]) -> Finding:
    return Finding("detect", "objects", "", tuple(Region(WHOLE, *thing) for thing in things), vocabulary=LABELS)


def no_scene(share: float, *, drawing: float = 0.0) -> Finding:
    told = (Region(WHOLE, "no scene", share), Region(WHOLE, "drawing", drawing))
    return Finding("scene", "scene", "", told, vocabulary=("no scene", "drawing"))


def test_unsure_boxes_in_a_drawing_are_left_out_and_it_is_said() -> None:
    found = replace(objects(("dog", 0.6), ("cow", 0.35), ("couch", 0.2)), size=(300, 240))
    left = cross_checked(found, [found, no_scene(0.97)])
    assert [region.label for region in left.regions] == ["dog"]
    assert left.text == "1 dog: center 0.60."
    assert left.notes == ("2 unsure boxes left out: a drawing, or a thing on plain ground (0.97)",)
    assert left.vocabulary == LABELS


def test_things_in_a_drawing_have_to_be_surer_than_people_animals_and_vehicles() -> None:
    found = replace(objects(("couch", 0.9), ("clock", 0.75), ("dog", 0.5), ("bus", 0.45)), size=(300, 240))
    drawn, photo = (cross_checked(found, [found, no_scene(0.97, drawing=share)]) for share in (0.6, 0.0))
    assert [region.label for region in drawn.regions] == ["couch", "dog", "bus"]
    assert photo is found


def test_boxes_in_a_photo_and_sure_ones_stand() -> None:
    found, sure = objects(("dog", 0.6), ("cow", 0.35)), objects(("dog", 0.6))
    assert cross_checked(found, [found, no_scene(0.05)]) is found
    assert cross_checked(found, [found]) is found
    assert cross_checked(sure, [sure, no_scene(0.97)]) is sure


def classified(**shares: float) -> Finding:
    shown = tuple(Region(WHOLE, f"some {name}", share, kinds=(name, "animal")) for name, share in shares.items())
    return Finding("classify", "classes", "", shown)


def test_an_animal_that_a_classifier_surely_sees_stands_for_the_one_it_was_taken_for() -> None:
    found = replace(objects(("cow", 0.7), ("cow", 0.3), ("person", 0.6)), size=(300, 240))
    left = cross_checked(found, [found, classified(dog=0.6)])
    assert [(region.label, region.score) for region in left.regions] == [("dog", 0.7), ("dog", 0.3), ("person", 0.6)]
    assert left.notes == ("took a dog for a cow, says who classifies (0.60); mended",)
    assert left.text.startswith("2 dogs")


def test_an_animal_that_no_detector_knows_has_the_name_that_a_classifier_has_for_it() -> None:
    found = replace(objects(("cow", 0.9), ("cow", 0.3), ("dog", 0.5), ("person", 0.6)), size=(300, 240))
    left = cross_checked(found, [found, classified(camel=0.6)])
    assert [region.label for region in left.regions] == ["camel", "camel", "camel", "person"]
    assert left.vocabulary == (*LABELS, "camel")
    assert left.notes == ("took a camel for a cow, says who classifies (0.60); mended",)
    assert cross_checked(left, [left, classified(camel=0.6)]) is left
    sure_of_both = objects(("cow", 0.9), ("dog", 0.85))
    assert [r.label for r in cross_checked(sure_of_both, [found, classified(camel=0.6)]).regions] == ["camel", "dog"]


@pytest.mark.parametrize(
    ("things", "shares", "knows"),
    [
        ([], {}, True),
        ([("cow", 0.8)], {"cow": 0.6}, True),
        ([("cow", 0.8)], {"panda": 0.6}, True),
        ([("giraffe", 0.9)], {"antelope": 0.5}, True),
        ([("giraffe", 0.6)], {"antelope": 0.2}, False),
        ([("cow", 0.8)], {"cow": 0.2}, False),  # it may be a camel
        ([("cow", 0.8)], {}, False),
        ([("cow", 0.8)], {"cow": 0.6, "camel": 0.02}, False),
    ],
)
def test_where_it_is_known_what_the_animals_are_there_is_no_other_large_one(
    things: list[tuple[str, float]], shares: dict[str, float], knows: bool
) -> None:
    found = replace(objects(*things), vocabulary=TEN)
    seen = classified(**shares)
    left = cross_checked(found, [found, seen])
    assert ("camel" in left.vocabulary) is knows
    assert "butterfly" not in left.vocabulary, "one may be too small to be found"
    told = next(line.text for line in evidence("Is there a camel?", [left, seen]) if not line.doubt)
    assert (told == "Detector: no camels") is knows
    assert cross_checked(found, [found]) is found
    if not things:  # in a drawing that nothing is found says nothing
        assert cross_checked(found, [found, seen, no_scene(0.9)]) is found
    only_dogs = replace(found, vocabulary=("dog", "cow"))
    assert "camel" not in cross_checked(only_dogs, [only_dogs, seen]).vocabulary


def test_it_has_the_narrowest_name_of_which_a_classifier_is_sure() -> None:
    found = objects(("cow", 0.9))
    apes = tuple(Region(WHOLE, name, score, kinds=("ape",)) for name, score in (("gorilla", 0.5), ("gibbon", 0.2)))
    unsure = tuple(replace(ape, score=0.3) for ape in apes)
    for seen, name in ((apes, "gorilla"), (unsure, "ape")):
        left = cross_checked(found, [found, Finding("classify", "classes", "", seen)])
        assert [region.label for region in left.regions] == [name]


def test_what_is_asked_of_it_is_asked_of_its_boxes() -> None:
    found = replace(objects(("cow", 0.9), ("cow", 0.7)), size=(300, 240))
    seen = classified(camel=0.6)
    findings = [cross_checked(found, [found, seen]), seen]
    for question, told in (
        ("How many camels are there?", "Detector: 2 camels"),
        ("Is there a cow?", "Detector: no cows"),
        ("How many animals are there?", "Detector: 2 animals: 2 camels"),
        ("What animals are these?", "Detector: animals: camels"),
    ):
        assert next(line.text for line in evidence(question, findings) if not line.doubt) == told


@pytest.mark.parametrize(
    ("things", "shares"),
    [
        ([("cow", 0.7)], {"dog": 0.3}),
        ([("cow", 0.85)], {"dog": 0.6}),
        ([("cow", 0.7)], {"dog": 0.6, "cow": 0.1}),
        ([("cow", 0.7), ("dog", 0.3)], {"dog": 0.6}),
        ([("person", 0.7)], {"dog": 0.6}),
        ([("cow", 0.7)], {"fox": 0.3}),
        ([("cow", 0.7)], {"fox": 0.6, "cow": 0.1}),
        ([("giraffe", 0.9)], {"antelope": 0.6}),
    ],
)
def test_an_animal_keeps_its_name_where_that_is_less_plain(
    things: list[tuple[str, float]], shares: dict[str, float]
) -> None:
    found = objects(*things)
    assert cross_checked(found, [found, classified(**shares)]) is found


def test_the_sentence_whose_things_are_found_stands_before_a_likelier_one() -> None:
    found = captioned(("Two dogs in a field.", 0.5), ("Two cows in a field.", 0.48), ("A field.", 0.3))
    chosen = cross_checked(found, [found, objects(("cow", 0.9))])
    assert (chosen.text, chosen.regions[0].label) == ("Two cows in a field.", "Two cows in a field.")
    assert [region.label for region in chosen.instead] == ["Two dogs in a field.", "A field."]


def test_what_a_classifier_is_sure_of_counts_too() -> None:
    found = captioned(("A horse runs.", 0.5), ("A dog runs.", 0.45))
    shown = [Region(WHOLE, name, 0.3, kinds=("dog", "animal")) for name in ("Beagle", "Boxer")]
    classes = Finding("classify", "classes", "", tuple(shown))
    assert cross_checked(found, [classes]).text == "A dog runs."
    assert cross_checked(found, [replace(classes, regions=(shown[0],))]).text == "A horse runs."


def test_a_much_likelier_sentence_stands_whatever_things_are_found() -> None:
    found = captioned(("A couch by a window.", 0.8), ("Two cows in a field.", 0.3))
    assert cross_checked(found, [objects(("cow", 0.9))]) == found


def test_a_sentence_without_people_stands_before_one_with_people_whom_nobody_sees() -> None:
    found = captioned(("A man on a couch.", 0.8), ("A couch by a window.", 0.4))
    assert cross_checked(found, [objects(("couch", 0.9))]).text == "A couch by a window."
    assert cross_checked(found, [objects(("couch", 0.9), ("person", 0.2))]) == found
    drawn = [objects(("couch", 0.9), ("person", 0.2)), no_scene(0.9)]  # where unsure boxes mean nothing
    assert cross_checked(found, drawn).text == "A couch by a window."


def test_an_animal_that_is_surely_found_stands_for_one_that_is_named_and_not_found() -> None:
    found = captioned(("A dog and another dog near dogs.", 0.7), ("A field.", 0.3))
    mended = cross_checked(found, [objects(("cow", 0.9), ("person", 0.9))])
    assert mended.text == mended.regions[0].label == "A cow and another cow near cows."
    assert mended.regions[0].score == 0.7
    assert mended.notes == ("said dog where the detector finds cow; mended",)
    assert [region.label for region in mended.instead] == ["A dog and another dog near dogs.", "A field."]
    labels = ("dog", "elephant")
    large = Finding("detect", "objects", "", (Region(WHOLE, "elephant", 0.8),), vocabulary=labels)
    assert cross_checked(found, [large]).text == "An elephant and another elephant near elephants."


@pytest.mark.parametrize(
    ("things", "named"),
    [
        ((("cow", 0.9), ("dog", 0.2)), 0.0),  # perhaps a dog all the same
        ((("cow", 0.9),), 0.3),  # the classifier sees a dog
        ((("couch", 0.9),), 0.3),  # no animal
    ],
)
def test_an_animal_that_somebody_sees_is_left_as_it_is(things: tuple[tuple[str, float], ...], named: float) -> None:
    found = captioned(("A dog in a field.", 0.7), ("A field.", 0.2))
    classes = Finding("classify", "classes", "", (Region(WHOLE, "Beagle", named, kinds=("dog", "animal")),))
    assert cross_checked(found, [objects(*things), classes]) == found


def test_without_a_detector_or_another_sentence_the_first_stands() -> None:
    found = captioned(("Two dogs.", 0.5), ("Two cows.", 0.48))
    failed = Finding("detect", "objects", "", error="no weights", vocabulary=LABELS)
    assert cross_checked(found, [found, failed]) is found
    alone = captioned(("Two dogs.", 0.5))
    assert cross_checked(alone, [objects(("cow", 0.9))]) is alone


@pytest.mark.parametrize("sure", [0.9, 0.0])
def test_the_agent_tells_it_and_remembers_all(sure: float) -> None:
    class Says:
        name: ClassVar[str] = "says"
        kind: ClassVar[FindingKind] = "caption"
        description: ClassVar[str] = "says what it is told"
        cues: ClassVar[tuple[str, ...]] = ("describe",)
        uses_question: ClassVar[bool] = False
        vocabulary: ClassVar[tuple[str, ...]] = ()

        @classmethod
        def from_settings(cls, settings: Settings) -> Self:
            return cls()

        def available(self) -> str | None:
            return None

        def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
            return Finding(**{**vars(captioned(("Two dogs.", 0.5), ("Two cows.", 0.48))), "expert": "says"})

    class Finds(Says):
        name: ClassVar[str] = "finds"
        kind: ClassVar[FindingKind] = "objects"

        def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
            return Finding(**{**vars(objects(("cow", sure))), "expert": "finds"})

    settings = Settings(cache=False)
    router = routers.get("all").from_settings(settings)
    agent = VQAAgent([Says(), Finds()], router, core=cores.get("echo").from_settings(settings), settings=settings)
    answer = agent("example:bus", "Describe the image.")
    (said,) = (finding for finding in answer.findings if finding.expert == "says")
    assert said.text == ("Two cows." if sure else "Two dogs.")
    assert Finding.from_dict(said.to_dict()) == said
    assert {said.regions[0].label, said.instead[0].label} == {"Two cows.", "Two dogs."}
