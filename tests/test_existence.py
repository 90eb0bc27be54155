"""Whether something is there that no detector knows: how it is asked for, and who tells."""

import pytest
import torch

from vqa import VQAAgent
from vqa.agent.folding.words import choices_of, told_of_words
from vqa.agent.prompting import evidence
from vqa.agent.questions.existence import read_existence, told_missing
from vqa.agent.trust.evidence import weigh
from vqa.experts.captioners.phrases import Phrases
from vqa.experts.detectors.coco import LABELS
from vqa.experts.words import WordsExpert, _weighed
from vqa.images import load_image
from vqa.settings import Settings
from vqa.values import Finding, Question, Region

WHOLE = (0.0, 0.0, 100.0, 100.0)


def boxes(*labels: str) -> Finding:
    regions = tuple(Region((10, 10, 90, 90), label, 0.8) for label in labels)
    return Finding("detect", "objects", "", regions, vocabulary=LABELS, size=(100, 100))


def words(claim: str, share: float) -> Finding:
    return Finding("words", "words", "", (Region(WHOLE, claim, share),), size=(100, 100))


@pytest.mark.parametrize(
    ("question", "claim"),
    [
        ("Is there a ladder?", "there is a ladder"),
        ("Are there any flowers in the picture?", "there are flowers"),
        ("There is a fence, right?", "there is a fence"),
        ("Do you see an old bridge?", "there is an old bridge"),
        ("Does the image show smoke?", "there is smoke"),
        ("Can you see the moon in the background?", "there is moon"),
        ("Are there clouds in the sky?", "there are clouds"),
        ("Is there a mirror on the wall?", "there is a mirror"),
        ("Are there any flowers visible here?", "there are flowers"),
        ("Is this a kitchen?", "there is a kitchen"),
        ("Is it a photo of an old bridge?", "there is an old bridge"),
        ("Is it a sunny day?", None),
        ("Is this a photo?", None),
        ("Is this the man's dog?", None),
        ("Is there a towel hanging?", None),
        ("Can you see the batter's number?", None),
        ("Is there a mirror on the car?", None),
        ("Is there a man riding a bike?", None),
        ("Is there anything on the table?", None),
        ("Is there a problem with it?", None),
        ("Is there a lot of smoke?", None),
        ("Is there snow or rain?", None),
        ("Are there no trees?", None),
        ("Is there any text?", None),
        ("How many ladders are there?", None),
    ],
)
def test_what_is_to_be_there_is_read_where_nothing_more_is_asked(question: str, claim: str | None) -> None:
    there = read_existence(question)
    assert (there and there.claim) == claim


def test_what_a_detector_knows_is_left_to_it() -> None:
    assert choices_of("Is there a ladder?", LABELS) == ("there is a ladder",)
    assert choices_of("Is there a sofa?", LABELS) == ()
    assert choices_of("Is there a bike rack?", LABELS) == ("there is a bike rack",)
    agent = VQAAgent.from_pretrained(settings=Settings(core="echo", detector="efficientdet"))
    assert {"detect", "words"} <= set(agent.route("Is there a ladder?").experts)
    assert "words" not in agent.route("Is there a sofa?").experts


@pytest.mark.parametrize(
    ("question", "share", "others", "line"),
    [
        ("Is there a ladder?", 0.8, (), "Words: there is a ladder: Yes"),
        ("Is there a ladder?", 0.2, ("dog",), "Words: there is a ladder: No"),
        ("Is there a ladder?", 0.3, (), None),  # who asks may have reason to
        ("Is there a ladder?", 0.5, (), None),
        ("Is there a window?", 0.1, (), None),  # few people mention one
        ("Are there trees?", 0.2, (), None),
        ("Are there trees?", 0.05, (), "Words: there are trees: No"),
        ("Is there a window?", 0.9, (), "Words: there is a window: Yes"),
        ("Is there any food?", 0.3, ("pizza",), "Words: there is food: Yes"),
        ("Is there any food?", 0.2, ("dog",), "Words: there is food: No"),
        ("Is there a dog house?", 0.4, (), "Words: there is a dog house: No"),
        ("Is this a wedding?", 0.1, (), "Words: there is a wedding: No"),
        ("Is this a wedding?", 0.9, (), None),  # a cake may be there, too
        ("Is there a dog?", 0.9, (), None),
    ],
)
def test_what_people_would_say_tells_whether_it_is_there(
    question: str, share: float, others: tuple[str, ...], line: str | None
) -> None:
    (claim,) = choices_of(question)
    findings = [boxes(*others), words(claim, share)]
    told = told_of_words(question, findings[1], findings)
    assert (told and f"Words: {told}") == line
    used = [one.text for one in evidence(question, findings) if not one.doubt]
    assert (used == [line]) is (line is not None)
    if line is not None:
        (held,) = weigh(Question(question), findings, line.rpartition(" ")[2])
        assert (held.expert, held.stance) == ("words", "supports")


@pytest.mark.parametrize(
    ("question", "claim", "share", "told"),
    [
        ("Is the man wearing shoes?", "wearing shoes", 0.1, None),  # whoever tells of a man leaves them out
        ("Is the man wearing shoes?", "wearing shoes", 0.8, "Yes"),
        ("Does the woman have her eyes closed?", "have her eyes closed", 0.1, None),
        ("Are they having fun?", "having fun", 0.2, None),
        ("Is the man wearing a helmet?", "wearing a helmet", 0.1, "No"),
        ("Is the dog running?", "running", 0.1, "No"),
    ],
)
def test_what_people_leave_out_or_cannot_see_is_not_denied(
    question: str, claim: str, share: float, told: str | None
) -> None:
    findings = [boxes("person", "dog"), words(claim, share)]
    found = told_of_words(question, findings[1], findings)
    assert (found and found.answer) == told


def test_that_a_car_is_there_says_nothing_of_who_is_in_it() -> None:
    findings = [boxes("person", "car"), words("in the car", 0.99)]
    assert told_of_words("Is the man in the car?", findings[1], findings) is None
    water = [boxes("person"), words("in the water", 0.99)]
    assert told_of_words("Is the man in the water?", water[1], water) is not None


def test_things_that_few_people_mention_are_known() -> None:
    assert told_missing("wooden door") < told_missing("palm trees") < told_missing("door knob")


def test_one_is_as_good_as_many_and_a_pair_of_words_means_itself() -> None:
    known = ("flower", "flowers", "pool", "swimming", "table", "swimming pool")
    usual, up = torch.full((6,), 0.04), torch.tensor([[0.0, 0.3, 0.3, 0.3, 0.0, 0.0]])
    people = Phrases(known, 5, torch.zeros(1), torch.ones(1), torch.ones(1, 1), up, usual, torch.ones(6), unknown=1.0)
    beyond = people.beyond_usual(torch.ones(1))

    def told(claim: str) -> list[float]:
        return [share for _, share in _weighed((claim,), people, beyond)]

    assert told("there is a flower") == told("there are flowers") == told("there is a pool")
    assert told("there is a swimming pool")[0] < 0.5 < told("there is a pool")[0]
    assert told("there is a pool table")[0] < told("there is a pool")[0]
    assert told("there is a pool ladder") == []


@pytest.mark.weights
def test_whether_there_are_trees_is_told_without_a_detector_that_knows_them() -> None:
    expert = WordsExpert.from_settings(Settings())
    bus = load_image("example:bus")
    for claim, there in (("there is a street", True), ("there is a beach", False)):
        (region,) = expert.look(bus, Question("", choices=(claim,))).regions
        assert (region.label, region.score > 0.5) == (claim, there)
    expert.unload()


@pytest.mark.weights
def test_an_agent_says_whether_there_is_a_waterfall_and_why_it_cannot() -> None:
    agent = VQAAgent.from_pretrained(settings=Settings(detector="efficientdet"))
    answer = agent("example:bus", "Is there a waterfall?")
    assert (answer.text, [held.expert for held in answer.evidence]) == ("No", ["words"])
    unsaid = agent("example:bus", "Is there a wall?")
    assert unsaid.text == "I cannot tell"
    assert unsaid.abstention is not None
    assert "“wall”, and what people would say of the picture leaves it open" in unsaid.abstention
    unknown = agent("example:bus", "Is there a dragon?")
    assert unknown.abstention == "the detector does not know “dragon”"
