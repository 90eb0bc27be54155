"""Questions that name their answers: which they are, and that a small core chooses between them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from vqa.adapter_model.cores.echo import EchoCore
from vqa.agent.answering import answered_alone, to_weigh, written
from vqa.agent.questions.alternatives import named_alternatives
from vqa.images import load_image
from vqa.protocols import ScoringCore
from vqa.values import GenerationOptions, LoadedImage, Prompt, Question, Score, Token

ASKED, GREEDY = "Is he sitting or standing?", GenerationOptions()


@pytest.mark.parametrize(
    ("question", "answers"),
    [
        ("Is he sitting or standing?", ("sitting", "standing")),
        ("Is this a man or a woman?", ("man", "woman")),
        ("Is the person in the background a man or a woman?", ("man", "woman")),
        ("Is a man or woman holding the pizza?", ("man", "woman")),
        ("Is it a boy, a girl or a dog?", ("boy", "girl", "dog")),
        ("Is this a breakfast or lunch plate?", ("breakfast", "lunch")),
        ("Is the TV a flat screen or an older TV?", ("flat screen", "older TV")),
        ("Is he right handed or left handed?", ("right", "left")),
        ("Is the sun coming up or going down?", ("coming up", "going down")),
        ("Is the plane landing or taking off?", ("landing", "taking off")),
        ("Which is larger, the ship or the stop sign?", ("ship", "stop sign")),
        ("Is it in Paris or London?", ("Paris", "London")),
        ("Are there more dogs or cats?", ("dogs", "cats")),
        ("Is there a dog or a cat?", ("Yes", "No")),
        ("Are there more people than buses or cars?", ("Yes", "No")),
        ("Is there a dog or not?", ()),
        ("Is the dog bigger than a cat or a bird?", ()),
        ("Do you see any dogs or cats?", ("Yes", "No")),
        ("How many dogs or cats are there?", ()),
        ("Is he asleep or not?", ()),
        ("Is the table set for one person or two people?", ()),
        ("Is it red or green or blue?", ()),
        ("What is this?", ()),
    ],
)
def test_a_question_may_name_its_answers(question: str, answers: tuple[str, ...]) -> None:
    assert named_alternatives(question) == answers


class Weighing(EchoCore):
    """An echo that weighs answers by their lengths."""

    def score(self, batch: Sequence[tuple[LoadedImage, str]], choices: Sequence[Sequence[str]]) -> list[list[Score]]:
        return [[Score(-float(len(choice)), -1.0) for choice in row] for row in choices]


class Quoting(Weighing):
    """One that quotes, too: a small core."""

    def quote(self, image: LoadedImage, prompt: str, options: GenerationOptions, **how: object) -> Iterator[Token]:
        raise AssertionError("there is nothing to quote")


@pytest.mark.parametrize(
    ("core", "options", "said"),
    [
        (Quoting(), GREEDY, "sitting"),
        (Quoting(), replace(GREEDY, temperature=0.7), ASKED),
        (Weighing(), GREEDY, ASKED),
    ],
)
def test_a_small_core_says_which_is_likelier(core: EchoCore, options: GenerationOptions, said: str) -> None:
    question, prompt = Question(ASKED), Prompt(ASKED, (), (), 5, 100)
    text = "".join(token.text for token in written(core, load_image("example:bus"), question, prompt, options))
    assert text == said
    weighed = isinstance(core, ScoringCore) and bool(to_weigh(core, question, prompt, options))
    assert weighed == (said == "sitting")
    assert not answered_alone(core, question, prompt, options)
