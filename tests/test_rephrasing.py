"""Questions about what there is, put plainly: agent/questions/rephrasing.py."""

import pytest

from vqa.agent.questions.rephrasing import plainly


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
        ("Count everything", "How many objects are there?"),
        ("Count all the objects in the picture.", "How many objects are there?"),
        ("Give me a title for this picture", "Describe the image."),
        ("What would be a good title for the photo?", "Describe the image."),
        ("Find the dog", "Where is the dog?"),
        ("Please locate all the dogs in the image.", "Where are the dogs?"),
        ("Point to a cup", "Where is the cup?"),
        ("Can you tell me where the dogs are?", "Where are the dogs?"),
        ("Where can the cat be found?", "Where is the cat?"),
        ("Where do you see the people?", "Where are the people?"),
        ("Where can I buy the bus ticket?", "Where can I buy the bus ticket?"),
        ("Is it crowded?", "Are there many people?"),
        ("Is the street very crowded here?", "Are there many people?"),
        ("whats this", "what's this"),
        ("Is it a photo of a beach?", "Is this a beach?"),
        ("Is this a picture of a bus or a train?", "Is this a bus or a train?"),
        ("Is this a close-up of flowers?", "Are there flowers?"),
        ("Is this an image of people playing tennis?", "Are there people playing tennis?"),
        ("Is this a photo of a man riding a horse?", "Is there a man riding a horse?"),
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
        "Count the things on the table.",
        "What is the title of the book?",
        "Find the total.",
        "Find the phone number on the sign.",
        "Is the crowd large?",
        "Is this a photo?",
        "Is this a black and white photo of a bus?",
        "개가 있나요?",
    ],
)
def test_other_questions_stay_as_they_are(question: str) -> None:
    assert plainly(question) == question
