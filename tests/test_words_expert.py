"""Who weighs a question's own answers: the expert with the real network, what folding tells of it, and trust."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from vqa import VQAAgent
from vqa.agent.folding.quoting import quotable
from vqa.agent.folding.words import choices_of, told_of_words
from vqa.agent.prompting import evidence
from vqa.agent.trust.confidence import shipped
from vqa.agent.trust.evidence import weigh
from vqa.agent.trust.features import CHOICE, KIND, features
from vqa.errors import ModelUnavailable
from vqa.experts.captioners.phrases import Phrases
from vqa.experts.detectors.coco import LABELS
from vqa.experts.words import WordsExpert
from vqa.images import load_image
from vqa.settings import Settings
from vqa.values import Finding, Question, Region

WHOLE = (0.0, 0.0, 100.0, 100.0)
ASKED = "Is the dog running or jumping?"


def words(**shares: float) -> Finding:
    regions = tuple(Region(WHOLE, name, share) for name, share in sorted(shares.items(), key=lambda item: -item[1]))
    return Finding("words", "words", "", regions, size=(100, 100))


def boxes(*labels: str) -> Finding:
    regions = tuple(Region((10, 10, 90, 90), label, 0.8) for label in labels)
    return Finding("detect", "objects", "", regions, vocabulary=LABELS, size=(100, 100))


def test_words_are_held_against_how_often_they_are_said_of_any_picture() -> None:
    usual, rarity = torch.tensor([0.25, 0.04, 0.04]), torch.ones(3)
    up = torch.tensor([[0.1, 0.1, -0.02]])
    known = ("a", "dog", "cat")
    people = Phrases(known, 3, torch.zeros(1), torch.ones(1), torch.ones(1, 1), up, usual, rarity, unknown=1.0)
    assert people.often(torch.ones(1)).tolist() == pytest.approx([0.35, 0.14, 0.02])
    assert people.beyond_usual(torch.ones(1)).tolist() == pytest.approx([0.199, 0.482, -0.096], abs=1e-3)
    assert people.places("A big dog") == [0, None, 1]


@pytest.mark.weights
def test_the_answer_that_people_would_rather_say_comes_first() -> None:
    expert = WordsExpert.from_settings(Settings())
    bus = load_image("example:bus")
    found = expert.look(bus, Question("Are they driving or swimming?", choices=("swimming", "driving")))
    assert [region.label for region in found.regions] == ["driving", "swimming"]
    assert sum(region.score for region in found.regions) == pytest.approx(1.0)
    assert found.regions[0].xyxy == (0.0, 0.0, *map(float, bus.pil.size))
    unknown = expert.look(bus, Question("Is it a dog or a zorble?", choices=("dog", "zorble")))
    assert (unknown.regions, unknown.text) == ((), "not foretold: dog, zorble")
    (claim,) = expert.look(bus, Question("Are they zorbling on a street?", choices=("zorbling on a street",))).regions
    assert (claim.label, claim.score > 0.5) == ("zorbling on a street", True)
    assert expert.look(bus, Question("Are they zorbling?", choices=("zorbling",))).regions == ()
    assert {"street", "bus"} & {region.label for region in expert.look(bus).regions}
    expert.unload()


@pytest.mark.weights
def test_a_question_that_names_its_answers_brings_them_as_choices() -> None:
    agent = VQAAgent.from_pretrained(settings=Settings(core="echo", detector="efficientdet"))
    answer = agent("example:bus", "Are they driving or swimming?")
    assert "words" in answer.route.experts
    assert "Words: driving or swimming: driving" in answer.prompt.used
    assert "words" not in agent("example:bus", "Is there a dog or a cat?").route.experts


@pytest.mark.weights
def test_given_choices_do_not_pass_for_what_a_question_says() -> None:
    agent = VQAAgent.from_pretrained(settings=Settings(detector="efficientdet", min_confidence=0.0))
    claimed = agent("example:bus", Question("Is there a waterfall?", choices=("yes", "no")))
    assert (claimed.text, "Words: there is a waterfall: No" in claimed.prompt.used) == ("no", True)
    open_one = agent("example:bus", Question("What is behind the man?", choices=("bus", "waterfall", "sofa")))
    (words,) = (finding for finding in open_one.findings if finding.kind == "words")
    assert len(words.regions) == 40  # and none of the three stands for a share of captions


def test_weights_that_cannot_be_had_are_named(tmp_path: Path) -> None:
    expert = WordsExpert.from_settings(Settings(home=tmp_path, offline=True))
    assert "vqa models pull efficientnet-lite2" in (expert.available() or "")
    with pytest.raises(ModelUnavailable, match="efficientnet-lite2"):
        expert.look(load_image(Image.new("RGB", (32, 32))), Question(ASKED, choices=("running", "jumping")))


def test_the_likelier_answer_is_told_alone_and_quoted() -> None:
    seen = [boxes("dog"), words(jumping=0.8, running=0.2)]
    lines = [line.text for line in evidence(ASKED, seen) if not line.doubt]
    assert lines == ["Words: running or jumping: jumping"]
    assert quotable(ASKED, lines).only == "jumping"


def test_what_boxes_name_or_a_scene_tells_stands() -> None:
    either = "Is this a dog or a cat?"
    weighed = words(cat=0.9, dog=0.1)
    assert told_of_words(either, weighed, [weighed, boxes("dog")]) is None
    assert str(told_of_words(either, weighed, [weighed, boxes("cup")])) == "dog or cat: cat"
    scene = Finding(
        "scene", "scene", "", (Region(WHOLE, "night", 0.9),), vocabulary=("night", "sunset", "no scene", "outdoors")
    )
    weighed = words(day=0.9, night=0.1)
    assert told_of_words("Is it night or day?", weighed, [weighed, scene]) is None


def test_what_is_claimed_of_somebody_is_told_where_it_is_sure_enough() -> None:
    asked = "Is the dog catching a frisbee?"

    def told(share: float, *others: Finding, question: str = asked) -> str:
        weighed = words(**{"catching a frisbee": share})
        return str(told_of_words(question, weighed, [weighed, *others]))

    assert told(0.7) == "catching a frisbee: Yes"
    assert told(0.3) == "catching a frisbee: No"
    assert told(0.45) == told(0.55) == "None"
    assert told(0.7, boxes("dog", "frisbee")) == "catching a frisbee: Yes"
    lines = [
        line.text for line in evidence(asked, [boxes("dog"), words(**{"catching a frisbee": 0.2})]) if not line.doubt
    ]
    assert lines == ["Words: catching a frisbee: No"]
    assert quotable(asked, lines).only == "No"


@pytest.mark.parametrize(
    ("question", "choices"),
    [
        ("Is the dog running or jumping?", ("running", "jumping")),
        ("Is the man wearing a hat?", ("wearing a hat",)),
        ("Are the two men talking?", ("talking",)),
        ("Does she have long hair?", ("have long hair",)),
        ("Is anyone smiling?", ("smiling",)),
        ("Is it sunny?", ()),
        ("Is the man's hat red?", ()),
        ("Is the woman not smiling?", ()),
        ("Is the man taller than the boy?", ()),
        ("Is there a dog or a cat?", ()),
        ("Which is bigger, the dog or the cat?", ()),
        ("Which are more, dogs or cats?", ()),
        ("Who is older, the man or the woman?", ()),
        ("Is the bus moving?", ()),
        ("What is the man doing?", ()),
    ],
)
def test_what_is_named_or_claimed(question: str, choices: tuple[str, ...]) -> None:
    assert choices_of(question) == choices


def test_boxes_that_tell_come_before_words() -> None:
    weighed = words(**{"wearing a red shirt": 0.9})
    man = Finding("detect", "objects", "", (Region(WHOLE, "person", 0.9, "blue"),), vocabulary=LABELS, size=(100, 100))
    assert told_of_words("Is the man wearing a red shirt?", weighed, [weighed, man]) is None
    weighed = words(**{"on the couch": 0.9})
    assert told_of_words("Is the dog on the couch?", weighed, [weighed, boxes("dog", "couch")]) is None


def test_of_other_questions_nothing_is_told() -> None:
    weighed = words(jumping=0.8, running=0.2)
    assert told_of_words("What is the dog doing?", weighed, [weighed]) is None
    assert told_of_words("Is the dog running or sitting?", weighed, [weighed]) is None
    assert told_of_words(ASKED, words(), [words()]) is None


def test_an_answer_is_held_against_it_and_believed_as_far_as_it_is_sure() -> None:
    def judged(text: str, *findings: Finding) -> tuple[list[tuple[str, str]], float]:
        held = weigh(Question(ASKED), findings, text)
        told = features(Question(ASKED), findings, held, text, None)
        assert told[f"{KIND}{CHOICE}"] == 1.0
        return [(one.stance, one.text) for one in held], shipped().probability(told, core=shipped().cores[0])

    sure, unsure = words(jumping=0.95, running=0.05), words(jumping=0.55, running=0.45)
    stances, likely = judged("jumping", boxes("dog"), sure)
    assert stances == [("supports", "would rather say jumping 0.95")]
    assert likely > 0.8
    assert 0.4 < judged("jumping", boxes("dog"), unsure)[1] < likely
    stances, likely = judged("running", boxes("dog"), sure)
    assert stances == [("contradicts", "would rather say jumping 0.95")]
    assert likely < 0.3
