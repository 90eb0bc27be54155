"""Instructions say what their evidence says, in the agent's own words, whoever drew or saw it."""

from __future__ import annotations

import re

import pytest

from vqa import Settings
from vqa.agent.instructions.captions import CaptionQuestions
from vqa.agent.instructions.make import Recipe
from vqa.agent.instructions.objects import ObjectQuestions
from vqa.agent.instructions.row import NO_TEXT, TASKS, UNKNOWN, Asked, Row, folded, named_otherwise
from vqa.agent.instructions.synthetic import HELD_OUT_LABELS, Example, Generator
from vqa.agent.instructions.texts import LONGEST, TextQuestions
from vqa.agent.instructions.wordings import Wordings
from vqa.agent.prompting import compose
from vqa.errors import InputError
from vqa.registry import cores, experts
from vqa.values import Finding, Question, Region

CORE = cores.get("echo").from_settings(Settings())
LABELS = tuple(experts.get("detect").from_settings(Settings()).vocabulary)
DRAWS = 60


def words(seed: int = 0) -> Wordings:
    import random

    return Wordings(random.Random(seed))


def drawn(task: str, *, held_out: bool = False) -> list[Row]:
    generator = Generator(7, LABELS, held_out=held_out)
    return [folded(example, example.findings, CORE) for example in (generator.draw(task) for _ in range(DRAWS))]


def objects(*regions: tuple[str, float, tuple[float, float, float, float]]) -> Finding:
    seen = tuple(Region(box, label, score) for label, score, box in regions)
    return Finding("detect", "objects", "", seen, vocabulary=LABELS, size=(300, 300))


def lines(*texts: str, score: float = 0.9) -> Finding:
    seen = tuple(Region((0, 10.0 * i, 100, 10.0 * i + 9), text, score) for i, text in enumerate(texts))
    return Finding("ocr", "text", "", seen, size=(300, 300))


def caption(sentence: str) -> Finding:
    return Finding("caption", "caption", sentence, (Region((0, 0, 1, 1), sentence, 0.8),))


def test_the_same_seed_draws_the_same_examples_and_another_one_others() -> None:
    def first(seed: int) -> list[Example]:
        generator = Generator(seed, LABELS)
        return [generator.draw() for _ in range(20)]

    assert first(1) == first(1)
    assert first(1) != first(2)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_can_be_drawn_to_learn_from_and_to_test(task: str) -> None:
    for held_out in (False, True):
        row = drawn(task, held_out=held_out)[0]
        assert row.question
        assert row.answer
        assert "\n" not in row.answer + row.question


def test_a_row_is_the_prompt_that_the_agent_composes() -> None:
    for task in TASKS:
        example = Generator(3, LABELS).draw(task)
        row = folded(example, example.findings, CORE)
        prompt = compose(Question(example.question), example.findings, CORE)
        assert CORE.render(row.question, row.evidence) == prompt.text


def test_counts_and_presence_are_the_evidences_own() -> None:
    for row in drawn("count"):
        number = re.match(r"Detector: (?:maybe )?(no|\d+) ", row.evidence[0])
        assert number, row
        assert row.answer == number[1].replace("no", "0")
    for row in drawn("presence"):
        assert row.answer == ("No" if row.evidence[0].startswith("Detector: no ") else "Yes"), row


def test_a_reading_is_every_sure_line_or_else_the_unsure_ones() -> None:
    for row in drawn("reading"):
        told = [line for line in row.evidence if line.startswith("Text")]
        on_it = [line for line in told if re.match(r"Text on the [^:(]+?( \(unsure\))?:", line)]
        told = on_it if on_it and re.search(r"on the |the [\w ]+ say", row.question) else told
        sure = [line for line in told if "(unsure)" not in line.split(":")[0]]
        read = " ".join(line.split(": ", 1)[1] for line in sure or told)
        assert row.answer == (NO_TEXT if read == "none found" else read), row


def test_what_is_asked_of_a_receipt_stands_in_a_line_of_it() -> None:
    for row in drawn("field"):
        assert any(row.answer in line for line in row.evidence), row


def test_readings_of_many_lines_are_drawn_and_fit_an_answer() -> None:
    rows = drawn("reading")
    assert max(len(row.evidence) for row in rows) >= 8
    assert max(len(row.answer) for row in rows) <= LONGEST


@pytest.mark.parametrize("task", ["unknown", "cannot", "contradiction"])
def test_what_the_evidence_leaves_open_is_not_answered(task: str) -> None:
    for row in drawn(task):
        assert row.answer == UNKNOWN or any(line.startswith("Caption") for line in row.evidence), row


def test_held_out_labels_and_wordings_are_never_trained_on() -> None:
    for task in ("count", "presence", "place", "relation", "sort"):
        learnt, tested = drawn(task), drawn(task, held_out=True)
        learnt_words = " ".join(row.question.lower() for row in learnt)
        assert not any(re.search(rf"\b{label}s?\b", learnt_words) for label in HELD_OUT_LABELS)
        assert all(any(label[:4] in row.question.lower() for label in (*HELD_OUT_LABELS, "anim", "vehi", "frui"))
                   for row in tested)  # fmt: skip
    assert {
        re.sub(r"\b(many) .*? are shown", r"\1 … are shown", r.question) for r in drawn("count", held_out=True)
    } == {"How many … are shown in the photo?"}


def test_every_label_may_be_learnt_at_last_but_no_held_out_wording() -> None:
    generator = Generator(7, LABELS, every_label=True)
    asked = [example.question for example in (generator.draw("count") for _ in range(300))]
    both = [label for label in ("giraffe", "people") if any(label in question for question in asked)]
    assert both == ["giraffe", "people"]
    assert not any("are shown" in question for question in asked)
    with pytest.raises(InputError, match="--held-out or --every-label"):
        Recipe(["synthetic:3"], held_out=True, every_label=True)


def test_no_question_of_the_detector_puts_rubbish_into_the_evidence() -> None:
    for task in ("count", "presence", "compare", "sort", "relation"):
        for row in (*drawn(task), *drawn(task, held_out=True)):
            assert not any("unknown" in line for line in row.evidence), row


def test_korean_questions_carry_the_english_for_the_label_they_are_about() -> None:
    for row in drawn("korean"):
        assert "In English: " in row.question
        label = re.search(r"(?:How many|Is there an?|Where is the) (.+?)(?: are there)?\?", row.question)
        assert label
        if row.answer.isdigit():
            assert row.evidence[0].endswith(label[1]) or row.answer == "1", row


def test_suspected_things_are_there_but_have_no_place() -> None:
    about = ObjectQuestions(objects(("dog", 0.2, (0, 0, 50, 50))), words())
    assert about.presence("dog").answer == "Yes"
    assert about.count("dog").answer == "1"
    assert about.place("dog").answer == UNKNOWN
    assert about.place("cat").answer == "There is no cat"


def test_which_animal_it_is_leaves_out_what_is_only_suspected() -> None:
    seen = objects(("cat", 0.9, (0, 0, 50, 50)), ("cat", 0.8, (60, 0, 90, 50)), ("dog", 0.2, (0, 0, 9, 9)))
    assert ObjectQuestions(seen, words()).sort("animal").answer == "cat"
    assert ObjectQuestions(objects(("dog", 0.2, (0, 0, 9, 9))), words()).sort("animal").answer == "dog"
    two = objects(("cat", 0.9, (0, 0, 50, 50)), ("cat", 0.8, (60, 0, 90, 50)), ("dog", 0.9, (0, 0, 9, 9)))
    assert ObjectQuestions(two, words()).sort("animal").answer in ("cat", "cats and dog")
    assert ObjectQuestions(seen, words()).sort("fruit").answer == UNKNOWN


def test_a_relation_that_the_evidence_does_not_tell_is_not_guessed() -> None:
    apart = objects(("cup", 0.9, (0, 100, 20, 120)), ("dog", 0.9, (200, 100, 220, 120)))
    answers = {}
    for seed in range(400):
        asked = ObjectQuestions(apart, words(seed)).relation("dog", others=["cup"])
        answers[asked.question] = asked.answer
    assert answers["Is the cup to the left of the dog?"] == "Yes"
    assert answers["Is the cup right of the dog?"] == "No"
    assert answers["Is the cup behind the dog?"] == "I cannot tell"
    assert answers["What is left of the dog?"] == "a cup"
    assert answers["What is above the dog?"] == UNKNOWN
    across = objects(("cup", 0.9, (0, 0, 100, 100)), ("dog", 0.9, (40, 40, 120, 120)))
    asked_across = [ObjectQuestions(across, words(seed)).relation("dog", others=["cup"]) for seed in range(100)]
    told = {asked.answer for asked in asked_across if " behind " in asked.question or asked.question.startswith("Wh")}
    assert told == {UNKNOWN}, "boxes across each other tell nothing"


def test_text_on_a_thing_is_read_before_text_elsewhere() -> None:
    bus = objects(("bus", 0.9, (0, 0, 100, 9)))
    asked = TextQuestions((bus, lines("Line 42", "Bakery")), words()).reading("bus")
    assert asked
    assert asked.answer == "Line 42"
    everything = TextQuestions((bus, lines("Line 42", "Bakery")), words()).reading()
    assert everything
    assert everything.answer == "Line 42 Bakery"
    assert TextQuestions((lines("x" * 100, "y" * 100),), words()).reading() is None


def test_one_line_of_several_can_be_asked_for() -> None:
    answers = {}
    for seed in range(400):
        asked = TextQuestions((lines("Open daily", "Gate 7", "Welcome"),), words(seed)).line()
        assert asked
        answers[asked.question] = asked.answer
    assert answers["What is written at the top?"] == "Open daily"
    assert answers["What does the last line say?"] == "Welcome"
    assert answers["What number is on it?"] == "7"
    assert answers['Does it say "Gate"?'] == "Yes"


@pytest.mark.parametrize(
    ("sentence", "answers"),
    [
        ("A little girl in a red shirt is climbing a tree.", {"red", "climbing a tree", "Yes", "No"}),
        ("Two dogs of different breeds.", set()),
        ("A black dog and a white dog play.", set()),
    ],
)
def test_a_caption_answers_for_what_it_plainly_says(sentence: str, answers: set[str]) -> None:
    told = {
        asked.answer for seed in range(60) if (asked := CaptionQuestions(caption(sentence), words(seed)).attribute())
    }
    assert told == answers


def test_caption_and_detector_against_each_other_settle_nothing() -> None:
    says_dog = CaptionQuestions(caption("a dog runs"), words())
    contradiction = says_dog.contradiction(objects(("cat", 0.9, (0, 0, 9, 9))))
    assert contradiction
    assert contradiction.answer == UNKNOWN
    assert "dog" in contradiction.question
    assert says_dog.contradiction(objects(("dog", 0.9, (0, 0, 9, 9)))) is None
    orange = CaptionQuestions(caption("an orange car"), words())
    assert orange.contradiction(objects(("car", 0.9, (0, 0, 9, 9)))) is None, "a colour is no fruit"


def test_a_caption_knows_what_no_detector_does() -> None:
    asked = CaptionQuestions(caption("a rabbit sits by a tree"), words()).supported(["rabbit", "drum"])
    assert asked
    assert asked.answer == "Yes"
    assert "rabbit" in asked.question


def test_what_is_asked_to_be_named_is_answered_as_the_folding_tells_it() -> None:
    regions = (
        Region((0, 100, 300, 200), "couch", 0.9, "blue"),
        Region((100, 90, 200, 150), "cat", 0.8, "black and white"),
        Region((0, 0, 20, 20), "kite", 0.7),
    )
    seen = Finding("detect", "objects", "", regions, vocabulary=LABELS, size=(300, 200))
    about = ObjectQuestions(seen, words())
    made = {asked.question: asked.answer for _ in range(400) if (asked := about.named()) is not None}
    answers = {question.lower().rstrip("?."): answer for question, answer in made.items()}
    assert answers["what color is the couch"] == "blue"
    assert answers["is the couch blue"] == "Yes"
    assert answers["what is the black object"] == "cat"
    assert answers["what is the cat lying on"] == "couch"
    assert answers["what is in the sky"] == "kite"
    assert "what color is the kite" not in answers
    assert {answer for question, answer in answers.items() if question.startswith("are the couches")} == {"Yes", "No"}


def test_rows_never_teach_to_distrust_what_the_detector_names() -> None:
    seen = Finding("detect", "objects", "", (Region((0, 0, 9, 9), "bus", 0.9, "red"),), vocabulary=("bus",))
    assert named_otherwise(Asked("seen", "What color is the bus?", "blue"), [seen])
    assert not named_otherwise(Asked("seen", "What color is the bus?", "red"), [seen])
    assert not named_otherwise(Asked("seen", "What color is the sky?", "blue"), [seen])
