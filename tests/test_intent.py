import pytest

from vqa.agent.questions.intent import in_english, read_intent

LABELS = ("person", "bus", "dog", "cat", "giraffe", "bicycle", "cup", "laptop", "scissors")


@pytest.mark.parametrize(
    ("question", "aim", "asked", "thing"),
    [
        ("How many people are there?", "count", ("person",), "people"),
        ("How many people are on the bus?", "count", ("person",), "people"),
        ("Count the dogs.", "count", ("dog",), "dogs"),
        ("Is there a giraffe?", "presence", ("giraffe",), "giraffe"),
        ("Do you see any cats in the picture?", "presence", ("cat",), "cats"),
        ("Is a giraffe in the picture?", "presence", ("giraffe",), "giraffe"),
        ("Are any cats visible?", "presence", ("cat",), "cats"),
        ("Can a dog be seen in it?", "presence", ("dog",), "dog"),
        ("Is this a dog?", "presence", ("dog",), "dog"),
        ("Are these cats?", "presence", ("cat",), "cats"),
        ("Is this a big dog?", "other", ("dog",), ""),
        ("Is this a man?", "other", ("person",), ""),
        ("Is this a church?", "other", (), ""),
        ("Is the dog in the picture black?", "other", ("dog",), ""),
        ("Is a man sitting in the picture?", "other", ("person",), ""),
        ("What do you see the man riding?", "other", ("person",), ""),
        ("Is there a dragon here?", "presence", (), "dragon"),
        ("How many unicorns do you see?", "count", (), "unicorns"),
        ("Are there more dogs than cats?", "compare", ("dog", "cat"), ""),
        ("Which are there more of, dogs or cats?", "other", ("dog", "cat"), ""),
        ("Are there as many dogs as cats?", "compare", ("dog", "cat"), ""),
        ("Is the dog more colourful than the cat?", "other", ("dog", "cat"), ""),
        ("Where is the bus?", "place", ("bus",), ""),
        ("What is to the left of the laptop?", "place", ("laptop",), ""),
        ("What color is the dog?", "other", ("dog",), ""),
        ("Is there at least one dog?", "presence", ("dog",), "dog"),
        ("How many objects are there?", "count", LABELS, "objects"),
        ("How many things can you see in the picture?", "count", LABELS, "things"),
        ("How many things are on the table?", "count", (), "things"),
        ("How many pairs of scissors are there?", "count", ("scissors",), "scissors"),
        ("Does the image show a pair of scissors?", "presence", ("scissors",), "scissors"),
        ("사람이 몇 명 있나요?", "count", ("person",), ""),
        ("버스가 있나요?", "presence", ("bus",), ""),
        ("버스에 뭐라고 쓰여 있나요?", "other", ("bus",), ""),
        ("고양이는 어디에 있나요?", "place", ("cat",), ""),
    ],
)
def test_intent_is_read_off_the_words(question: str, aim: str, asked: tuple[str, ...], thing: str) -> None:
    intent = read_intent(question, LABELS)
    assert (intent.aim, intent.asked, intent.thing) == (aim, asked, thing)


def test_everything_mentioned_is_named_but_only_the_counted_thing_is_asked() -> None:
    intent = read_intent("How many people are on the bus?", LABELS)
    assert intent.named == ("person", "bus")
    assert intent.asked == ("person",)


@pytest.mark.parametrize(
    ("question", "english"),
    [
        ("사람이 몇 명 있나요?", "How many people are there?"),
        ("기린이 있나요?", "Is there a giraffe?"),
        ("고양이는 어디에 있나요?", "Where is the cat?"),
        ("버스에 뭐라고 쓰여 있나요?", "What does the bus say?"),
        ("뭐라고 적혀 있나요?", "What does it say?"),
        ("이 사진을 설명해 주세요.", "Describe the image."),
        ("왜 웃고 있나요?", None),
        ("How many people are there?", None),
    ],
)
def test_korean_is_put_into_english_as_far_as_the_rules_read_it(question: str, english: str | None) -> None:
    assert in_english(question, LABELS) == english


def test_a_color_is_no_fruit() -> None:
    assert read_intent("Is it an orange?", ("orange",)).aim == "presence"
    assert read_intent("Is it orange?", ("orange",)).aim == "other"
