"""Korean questions that ask for what whole questions ask for in English."""

import pytest

from vqa.agent.folding.words import choices_of
from vqa.agent.questions.asking import lowered
from vqa.agent.questions.closed_sets import read_closed_set
from vqa.agent.questions.intent import read_intent
from vqa.agent.questions.korean import in_plain_english
from vqa.agent.trust.premise import unfounded
from vqa.experts.detectors.coco import LABELS
from vqa.values import Finding


@pytest.mark.parametrize(
    ("question", "english"),
    [
        ("나무가 있나요?", "Are there trees?"),
        ("울타리 보이나요?", "Is there a fence?"),
        ("산이 보이나요?", "Is there a mountain?"),
        ("강이 있나요?", "Is there a river?"),
        ("비가 오나요?", "Is it raining?"),
        ("남자는 무엇을 입고 있나요?", "What is the person wearing?"),
        ("여자가 뭐 하고 있나요?", "What is the person doing?"),
        ("강아지가 뭘 하고 있나요?", "What is the dog doing?"),
        ("책상 위에 뭐가 있나요?", "What is on the table?"),
        ("우산이 있나요?", ""),  # that is no mountain
        ("강아지가 있나요?", ""),  # nor that a river
        ("선물이 있나요?", ""),
        ("나무 아래에 개가 있나요?", ""),
        ("사람이 몇 명 있나요?", ""),
    ],
)
def test_what_a_korean_question_asks_is_put_in_english(question: str, english: str) -> None:
    assert in_plain_english(question) == english
    assert lowered(question).rstrip(" ?") == (english.lower().rstrip("?") or question.rstrip("?"))


def test_korean_questions_are_read_as_the_english_ones_are() -> None:
    assert choices_of("거울이 있나요?", LABELS) == ("there is a mirror",)
    assert read_closed_set("여자는 뭘 입고 있나요?") == read_closed_set("What is the woman wearing?") is not None
    assert read_intent("창문이 있나요?", LABELS).thing == "window"
    nothing = Finding("detect", "objects", "", (), vocabulary=LABELS, size=(9, 9))
    assert unfounded("책상 위에 뭐가 있나요?", [nothing]) == ("no dining tables",)
    assert unfounded("나무가 있나요?", [nothing]) == ()
