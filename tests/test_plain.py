"""Questions about what there is, put plainly: agent/plain.py."""

import pytest

from vqa.agent.plain import plainly


@pytest.mark.parametrize(
    ("question", "plain"),
    [
        ("There is a dog in the picture, right?", "Is there a dog in the picture?"),
        ("There\u2019s a dog.", "Is there a dog?"),
        ("I wonder if there are two dogs", "Are there two dogs?"),
        ("Could you please tell me whether there are any dogs here?", "Are there any dogs here?"),
        ("Isn't there a dog on the couch?", "Is there a dog on the couch?"),
        ("There are two dogs and a cat, aren't there?", "Are there two dogs and a cat?"),
        ("Are there no dogs?", "Are there exactly zero dogs?"),
        ("There is nobody in the car, right?", "Are there exactly zero people in the car?"),
        ("Any dogs here?", "Are there any dogs here?"),
        ("Is there no one?", "Are there exactly zero people?"),
    ],
)
def test_what_there_is_is_asked_plainly(question: str, plain: str) -> None:
    assert plainly(question) == plain
    assert plainly(plain) == plain


@pytest.mark.parametrize(
    "question",
    [
        "Is there a dog?",
        "Tell me how many dogs there are.",
        "What is there on the table?",
        "Where is  the dog?",
        "개가 있나요?",
    ],
)
def test_other_questions_stay_as_they_are(question: str) -> None:
    assert plainly(question) == question
