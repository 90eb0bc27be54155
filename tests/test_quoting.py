"""Questions that are answered by a quotation: which they are, of which lines, and by which cores."""

from dataclasses import replace

import pytest
from PIL import Image

from vqa import Settings, VQAAgent, load_image
from vqa.adapter_model.cores.echo import EchoCore
from vqa.agent.answering import answered_alone, finished, written
from vqa.agent.batching import answer_windows
from vqa.agent.folding.quoting import NOTHING_TO_QUOTE, quotable
from vqa.agent.routers.none import NoneRouter
from vqa.values import GenerationOptions, Prompt, Question, Route, Token

EVIDENCE = ["Detector: 1 bus (center)", "Text: Calle Mayor", "Text: 12:30", "Caption: Text: nothing"]
GREEDY = GenerationOptions()


@pytest.mark.parametrize(
    "question",
    [
        "What does the red sign say?",
        "What is written on the bus?",
        "What is the total?",
        "What is the name of the company on the receipt?",
        "What is the text at the top left?",
        "What is written at the bottom?",
        "뭐라고 쓰여 있나요? In English: What does it say?",
    ],
)
def test_who_asks_for_words_gets_a_quotation(question):
    assert quotable(question, EVIDENCE).lines == ("Calle Mayor", "12:30")


@pytest.mark.parametrize(
    "question",
    [
        "What does the sign say?",
        "What does it say?",
        "What is written here?",
        "What does the text in the image say?",
        "What is written in the picture?",
        "What does the poster say?",
        "What is written on the t-shirt?",
        "Please read the text.",
        "Read out all the words!",
    ],
)
def test_who_asks_for_all_that_is_written_gets_every_line(question):
    assert quotable(question, EVIDENCE)[:3] == (("Calle Mayor 12:30",), True, 0)


@pytest.mark.parametrize(
    "question", ["What does the text on the bus say?", "What does the bus say?", "What is written on it?"]
)
def test_who_asks_for_all_that_stands_on_a_thing_gets_it_where_it_is_known_which_lines_do(question):
    placed = ["Text on the bus: Calle", "Text: 12:30", "Text on the bus: Mayor"]
    assert quotable(question, placed)[:3] == (("Calle Mayor",), True, 0)
    assert quotable(question, EVIDENCE)[:3] == (("Calle Mayor", "12:30"), False, 0)


def test_of_a_long_text_as_much_is_quoted_as_an_answer_holds():
    lines = [f"Text: {'x' * 99}{i}" for i in range(9)]
    assert quotable("What is written here?", lines).lines == (" ".join(line[6:] for line in lines[:2]),)
    assert quotable("What is written here?", lines).left_out == 7
    assert quotable("What is written here?", ["Text: " + "y" * 400])[:3] == (("y" * 400,), True, 0)


@pytest.mark.parametrize(
    "question",
    [
        "Is there a dog?",
        "Is there any text?",
        'Can you read "dance" in the picture?',
        "How many words are there?",
        "Where does it say 12:30?",
        "What language is the text?",
        "What color is the text?",
        "What kind of text is this?",
        "What is in the picture?",
        "How many buses are there?",
    ],
)
def test_other_questions_are_answered_freely(question):
    assert quotable(question, EVIDENCE).lines == ()


def test_of_the_lines_those_on_the_thing_and_those_surely_read_are_quoted_where_there_are_any():
    asked = "Which words are on the bus?"
    assert quotable(asked, ["Text: a", "Text on the bus: b", "Text on the bus (unsure): c"]).lines == ("b",)
    assert quotable(asked, ["Text: a", "Text (unsure): b: c"]).lines == ("a",)
    assert quotable(asked, ["Text (unsure): b: c", "Text (unsure): d"]).lines == ("b: c", "d")
    assert quotable(asked, ["Text on the bus (unsure): b", "Text: a"]).lines == ("b",)
    assert quotable("What is the total?", ["Text (total): RM 12.50"])[:3] == (("RM 12.50",), True, 0)
    assert not quotable("What is the total?", ["Text (total): RM 12.50", "Text: Cash"]).whole
    assert quotable(asked, ["Text: none found"]).lines == ()
    assert quotable(asked, []).lines == ()


class QuotingEcho(EchoCore):
    """An echo that can be held to given lines: it says all of them."""

    def quote(self, image, prompt, options, *, lines, whole=False, or_else=()):
        assert or_else == NOTHING_TO_QUOTE
        yield Token(" ".join(lines), -0.5)


PICTURE = load_image(Image.new("RGB", (8, 8)))
PROMPT = Prompt("the whole prompt", tuple(EVIDENCE), (), 3, 100)
READING, OTHER = Question("What is the text at the top?"), Question("Is there a dog?")


def text(core, question, options=GREEDY):
    return "".join(token.text for token in written(core, PICTURE, question, PROMPT, options))


def test_a_core_that_can_quote_quotes_where_words_are_asked_for():
    assert text(QuotingEcho(), READING) == "Calle Mayor 12:30"
    assert text(QuotingEcho(), OTHER) == "the whole prompt"
    assert text(EchoCore(), READING) == "the whole prompt"
    assert answered_alone(QuotingEcho(), READING, PROMPT, GREEDY)
    assert not answered_alone(QuotingEcho(), OTHER, PROMPT, GREEDY)
    assert not answered_alone(EchoCore(), READING, PROMPT, GREEDY)


@pytest.mark.parametrize("options", [replace(GREEDY, temperature=0.7), replace(GREEDY, num_beams=2)])
def test_who_asks_for_samples_or_beams_gets_a_free_answer(options):
    assert text(QuotingEcho(), READING, options) == "the whole prompt"


def test_of_a_quotation_that_can_only_be_one_no_core_is_asked():
    class NeverAsked(QuotingEcho):
        def quote(self, *given, **how):
            raise AssertionError("there was nothing to ask")

    named = Prompt("the whole prompt", ("Detector: more dogs than cats",), (), 3, 100)
    which = Question("Which are more, dogs or cats?")
    assert list(written(NeverAsked(), PICTURE, which, named, GREEDY)) == [Token("dogs")]
    among = replace(which, choices=("cats", "as many"))
    assert "".join(t.text for t in written(NeverAsked(), PICTURE, among, named, GREEDY)) == "the whole prompt"


def test_a_batch_quotes_as_single_questions_do():
    agent = VQAAgent([], NoneRouter(), core=QuotingEcho(), settings=Settings.load({"cache": False}))
    rows = [(PICTURE, question) for question in (READING, OTHER, READING)]
    (window,) = answer_windows(agent, rows)
    assert [answer.text for answer in window] == [agent(*row).text for row in rows]


def test_who_gets_less_than_was_read_is_told_so():
    long = tuple(f"Text: {'x' * 99}{i}" for i in range(9))
    whole = Question("What is written here?")

    def notes(said, used):
        parts = {"route": Route((), "", ""), "findings": (), "core": "echo", "seconds": {}}
        prompt = Prompt("", used, (), 3, 100)
        return finished(whole, PICTURE, prompt=prompt, tokens=[Token(said)], **parts).notes

    held = quotable(whole.text, long).lines[0]
    assert notes(held, long) == ("ocr: 7 more lines were read than the answer holds; the evidence has them",)
    assert notes("something else", long) == notes("Calle Mayor 12:30", tuple(EVIDENCE)) == ()


def test_a_description_is_the_caption_where_one_is_told():
    lines = ("Detector: 2 dogs", "Caption: Two dogs run.")
    assert quotable("Describe the image.", lines)[:3] == (("Two dogs run.",), True, 0)
    assert quotable("What is this?", lines)[:3] == (("Two dogs run.",), True, 0)
    assert quotable("Why do they run?", lines).lines == ()
    assert quotable("What does the caption say?", (*lines, "Text: SALE")).lines == ("SALE",)
    assert quotable("Describe the image.", lines[:1]).lines == ()


@pytest.mark.parametrize(
    ("question", "lines", "name"),
    [
        ("Which are more, dogs or cats?", ["Detector: more dogs than cats", "Detector: 2 dogs"], "dogs"),
        ("Are there fewer dogs or cats?", ["Detector: fewer wine glasses than cats"], "wine glasses"),
        ("Which are more, dogs or cats?", ["Detector: as many dogs as cats"], "the same number"),
        ("What animal is this?", ["Detector: animal: bear"], "bear"),
        ("What is he riding?", ["Detector: riding: tennis racket", "Detector: 1 person"], "tennis racket"),
        ("Is this a dog or a bear?", ["Detector: dog or bear: bear"], "bear"),
        ("What is the weather like?", ["Scene: weather: sunny"], "sunny"),
        ("Is it raining?", ["Scene: rainy: No", "Detector: 2 people"], "No"),
        (
            "What is on it?",
            ["Detector: 1 bus (top)", "Detector: on bus: a bird, a cat, an ox"],
            "a bird, a cat and an ox",
        ),
        ("Where are the people?", ["Detector: 3 people (left, top, right)", "Detector: 1 bus"], "left, top and right"),
    ],
)
def test_what_the_evidence_names_is_said(question, lines, name):
    assert quotable(question, lines) == ((name,), True, 0, ())


@pytest.mark.parametrize(
    ("question", "lines"),
    [
        ("Are there more dogs than cats?", ["Detector: more dogs than cats"]),
        ("Are there more dogs than cats or birds?", ["Detector: more dogs than cats"]),
        ("Is the bus red?", ["Detector: color of bus: red"]),
        ("How many animals are there?", ["Detector: 3 animals: 2 dogs, 1 cat"]),
        ("What animals are there?", ["Detector: maybe 1 animal: 1 dog"]),
        ("What is on the couch?", ["Detector: on couch: a dog"]),
        ("Where is the dog?", ["Detector: 2 dogs (left)"]),
        ("What are the people doing?", ["Detector: 3 people (left, top, right)"]),
    ],
)
def test_what_else_boxes_tell_is_put_in_the_cores_own_words(question, lines):
    assert quotable(question, lines).lines == ()


@pytest.mark.parametrize(
    ("question", "line", "answer"),
    [
        ("Where are the people?", "Detector: no people", "There are no people"),
        ("Where are the dogs?", "Detector: no dogs", "There are no dogs"),
        ("Can you tell me where the dogs are?", "Detector: no dogs", "There are no dogs"),
        ("Where is the dog?", "Detector: no dogs", ""),
        ("Where are the dogs?", "Detector: 2 dogs (left, right)", "left and right"),
    ],
)
def test_that_there_are_none_is_told_of_several_that_are_asked_for(question: str, line: str, answer: str) -> None:
    assert quotable(question, [line]).only == answer
