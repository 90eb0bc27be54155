"""What somebody does, as a captioner says it: who is called in, what is told, and what it counts for."""

from dataclasses import replace

import pytest

from vqa import VQAAgent
from vqa.agent.folding.actions import told_of_action, wants_a_captioner
from vqa.agent.folding.quoting import quotable
from vqa.agent.prompting import evidence
from vqa.agent.trust.evidence import weigh
from vqa.agent.trust.features import ACTION, KIND, features
from vqa.experts.detectors.coco import LABELS
from vqa.settings import Settings
from vqa.values import Finding, Question, Region

WHOLE = (0.0, 0.0, 100.0, 100.0)
ASKED = "What is the man doing?"


def boxes(*labels: str, score: float = 0.6) -> Finding:
    regions = tuple(Region((10, 10, 90, 90), label, score) for label in labels)
    return Finding("detect", "objects", "", regions, vocabulary=LABELS, size=(100, 100))


def caption(sentence: str) -> Finding:
    return Finding("caption", "caption", sentence, (Region(WHOLE, sentence, 0.5),))


@pytest.mark.parametrize(
    ("sentence", "action"),
    [
        ("A man in a red hat is playing a guitar in front of a building.", "playing a guitar"),
        ("A man wearing a helmet is riding a bike in the snow.", "riding a bike"),
        ("Two boys playing on a swing.", "playing on a swing"),
        ("A man and a woman sitting on a bench.", "sitting on a bench"),
        ("A man sits on a bicycle.", "sitting on a bicycle"),
        ("A person stands in front of a lake.", "standing in front of a lake"),
        ("A man runs.", "running"),
        ("A man is standing and a woman is sitting.", "standing"),
        ("A woman is holding a baby while smiling.", "holding a baby"),
        ("A man is doing a trick on a skateboard.", "skateboarding"),
        ("A boy is doing a trick on a rail.", "doing a trick on a rail"),
    ],
)
def test_what_people_do_is_told_with_what_they_do_it_to_or_where(sentence: str, action: str) -> None:
    told = told_of_action(ASKED, [boxes("person"), caption(sentence)])
    assert told is not None
    assert told.text == action


@pytest.mark.parametrize(
    ("question", "seen", "sentence"),
    [
        (ASKED, ("person",), "A man in a red hat."),
        (ASKED, ("person",), "A man wearing a red hat."),
        (ASKED, ("person", "dog"), "A dog is running."),
        ("What is the dog doing?", ("person", "dog"), "A man is running."),
        (ASKED, ("dog",), "A man is running."),
        (ASKED, ("person", "skateboard"), "A man is riding a skateboard."),  # boxes tell it as well
        ("What is going on?", ("person",), "A man is running."),
        ("What is the man wearing?", ("person",), "A man is running."),
    ],
)
def test_nothing_is_told_where_that_is_not_asked_or_not_said(
    question: str, seen: tuple[str, ...], sentence: str
) -> None:
    assert told_of_action(question, [boxes(*seen), caption(sentence)]) is None


def test_boxes_tell_what_is_done_if_the_sentence_has_the_thing_too() -> None:
    seen = boxes("person", "skateboard")
    both = [seen, caption("A man on a skateboard is jumping.")]
    assert [line.text for line in evidence(ASKED, both) if "doing" in line.text] == ["Detector: doing: skateboarding"]
    one_of_them = [seen, caption("A man is playing a guitar.")]
    lines = [line.text for line in evidence(ASKED, one_of_them) if not line.doubt]
    assert quotable(ASKED, lines).only == "playing a guitar"
    assert told_of_action(ASKED, [boxes("person", "skateboard", score=0.8), one_of_them[1]]) is None


def test_a_captioner_is_called_in_where_somebody_of_whom_it_is_asked_is_there() -> None:
    assert wants_a_captioner(ASKED, [boxes("person")])
    assert wants_a_captioner("What are they doing here?", [boxes("person")])
    assert wants_a_captioner("What is the boy on the left doing right now?", [boxes("person")])
    assert not wants_a_captioner(ASKED, [boxes("dog")])
    assert not wants_a_captioner("What is the man holding?", [boxes("person")])


def test_the_action_is_quoted_supported_by_the_sentence_and_a_kind_of_its_own() -> None:
    findings = [boxes("person"), caption("A man is playing a guitar.")]
    lines = [line.text for line in evidence(ASKED, findings) if not line.doubt]
    assert lines[0] == "Captioner: doing: playing a guitar"
    assert quotable(ASKED, lines).only == "playing a guitar"
    (held,) = weigh(Question(ASKED), findings, "playing a guitar")
    assert (held.expert, held.stance) == ("caption", "supports")
    told = features(Question(ASKED), findings, (held,), "playing a guitar", None)
    assert told[f"{KIND}{ACTION}"] == 1
    assert "caption supports" not in told


def test_a_sentence_without_an_action_bears_none_out() -> None:
    findings = [boxes("person"), caption("A crowd of people in a street.")]
    assert all(held.expert != "caption" for held in weigh(Question(ASKED), findings, "crowd of people in a street"))
    assert not any(line.text.startswith("Caption: ") and not line.doubt for line in evidence(ASKED, findings))


def test_an_umbrella_is_nothing_to_wear() -> None:
    findings = [replace(boxes("person", "umbrella", "tie"))]
    (held,) = weigh(Question("What is the man wearing?"), findings, "umbrella")
    assert (held.stance, held.text) == ("contradicts", "knows that umbrellas are no clothes")
    (held,) = weigh(Question("What is the man wearing?"), findings, "tie")
    assert held.stance == "supports"


@pytest.mark.weights
def test_who_called_the_captioner_in_is_told() -> None:
    agent = VQAAgent.from_pretrained(settings=Settings(core="echo", detector="efficientdet"))
    answer = agent("example:photographer", "What is the man doing?")
    assert answer.route.reasons["caption"] == "what somebody does is said best in a sentence"
    assert any(line.startswith("Captioner: doing: ") for line in answer.prompt.used), (
        "by each of the likeliest sentences"
    )
