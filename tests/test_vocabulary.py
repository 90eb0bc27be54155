import pytest

from vqa.agent.questions.vocabulary import meant, mentioned, says

LABELS = ("person", "bicycle", "car", "bus", "dog", "cat", "bear", "teddy bear", "wine glass", "traffic light", "knife")


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("How many people are there?", ("person",)),
        ("two bikes and a man", ("bicycle", "person")),
        ("Is there a teddy bear?", ("teddy bear",)),
        ("Are the traffic lights red?", ("traffic light",)),
        ("knives on the table", ("knife",)),
        ("What pets do they have?", ("cat", "dog")),
        ("Is the business open?", ()),
        ("Is he wearing glasses?", ()),
        ("the man with dark glasses", ("person",)),
        ("Does the woman have two wine glasses?", ("person", "wine glass")),
        ("How many glasses are on the table?", ("wine glass",)),
        ("사람이 몇 명 있나요?", ("person",)),
        ("고양이와 버스", ("cat", "bus")),
        ("HOW MANY BUSES", ("bus",)),
    ],
)
def test_words_people_use_become_the_detectors_labels(text: str, labels: tuple[str, ...]) -> None:
    found = mentioned(text, LABELS)
    assert set(found) == set(labels)
    if len(labels) > 1 and "pets" not in text:
        assert found == labels  # in the order of the text


def test_labels_of_a_custom_detector_match_by_name_and_plural() -> None:
    assert mentioned("how many pallets are on the forklift", ("pallet", "forklift")) == ("pallet", "forklift")


def test_groups_keep_to_the_vocabulary() -> None:
    assert set(mentioned("any animals?", LABELS)) == {"dog", "cat", "bear"}
    assert mentioned("any fruit?", LABELS) == ()


@pytest.mark.parametrize(
    ("text", "cue", "expected"),
    [
        ("What does it say?", "say", True),
        ("What the sign says", "say", True),
        ("The essay is long", "say", False),
        ("two prices", "price", True),
        ("간판에 뭐라고 쓰여 있나요", "간판", True),
        ("How much is it", "how much", True),
    ],
)
def test_cues_match_whole_words_and_their_plurals(text: str, cue: str, expected: bool) -> None:
    assert says(text, cue) is expected


@pytest.mark.parametrize(
    ("question", "labels"),
    [
        ("Is there an orange?", ("orange",)),
        ("Are there oranges in the bowl?", ("orange",)),
        ("Is the orange on the left?", ("orange",)),
        ("orange and cat", ("orange", "cat")),
        ("Is there an orange cone?", ()),
        ("How many orange cats are there?", ("cat",)),
        ("orange cone", ()),
        ("red, orange and tan", ()),
        ("orange and brown", ()),
    ],
)
def test_a_colour_names_no_fruit(question: str, labels: tuple[str, ...]) -> None:
    assert mentioned(question, ("orange", "cat", "dog")) == labels


@pytest.mark.parametrize(
    ("thing", "labels"),
    [
        ("bus stops", ()),
        ("mouse pad", ()),
        ("black dog house", ()),
        ("hot dog stand", ()),
        ("toilet paper", ()),
        ("computer mouse", ("mouse",)),
        ("stop signs", ("stop sign",)),
        ("black dogs", ("dog",)),
        ("people board", ("person",)),  # "How many people board the train?"
        ("cars stop", ("car",)),
    ],
)
def test_a_thing_with_another_in_its_name_is_not_that_other(thing: str, labels: tuple[str, ...]) -> None:
    known = ("person", "bus", "car", "dog", "hot dog", "mouse", "laptop", "stop sign", "toilet", "wine glass")
    assert meant(thing, known) == labels
