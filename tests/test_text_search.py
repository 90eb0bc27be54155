"""Words that a question looks for: agent/questions/text_search.py, and what the folding and trust make of them."""

import pytest

from vqa.agent.prompting import evidence
from vqa.agent.questions.text_search import SoughtValue, lines_that_say, sought_words
from vqa.agent.trust.evidence import weigh
from vqa.values import Finding, Question, Region


def read(*lines: str) -> Finding:
    regions = tuple(Region((0, 20.0 * i, 300, 20.0 * i + 18), line, 0.9) for i, line in enumerate(lines))
    return Finding("ocr", "text", "\n".join(lines), regions, size=(300, 300))


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("Does it say STOP?", "STOP"),
        ("Does the sign on the left say 'NO ENTRY'?", "NO ENTRY"),
        ("Is the word SALE in the picture?", "SALE"),
        ("Is the text Cotton visible anywhere?", "Cotton"),
        ("Is there a word Tokyo on the wall?", "Tokyo"),
        ('Is "EXIT" written on the door?', "EXIT"),
        ("Is there a number 22?", "22"),
        ("Is there a number of dogs?", None),
        ("Is there any text?", ""),
        ("Does this contain text?", ""),
        ("Isn't there any writing in the picture?", ""),
        ("Is there a date?", "a date"),
        ("Is there a price on it?", "a price"),
        ("Does the receipt have an email address?", "an e-mail address"),
        ("Is there a date palm?", None),
        ("Does it say anything?", None),
        ("What does it say?", None),
        ("Is the text in English?", None),
        ("Is the name on the sign?", None),
        ("Is the text red?", None),
        ("Are there any words on the bus?", None),
        ("Is there a dog?", None),
    ],
)
def test_a_question_looks_for_words(question: str, words: str | None) -> None:
    assert sought_words(question) == words


@pytest.mark.parametrize(
    ("question", "told", "stance", "why"),
    [
        ("Does it say fairprice?", "fairprice found", "supports", "reads “FairPricefinest”"),
        ("Does it say John Little?", "John Little found", "supports", "reads “Hotel JOHN; LITTLE's”"),
        ("Does it say John?", "John found", "supports", "reads “Hotel JOHN”"),
        ("Does it say tel?", "tel not found", "contradicts", "reads other words"),
        ("Is there any text?", "found", "supports", "reads “Hotel JOHN; LITTLE's; FairPricefinest”"),
    ],
)
def test_whether_they_were_read_is_told_and_weighed(question: str, told: str, stance: str, why: str) -> None:
    lines = read("Hotel JOHN", "LITTLE's", "FairPricefinest")
    if "Little" in question:
        lines = read("Hotel JOHN", "LITTLE", "FairPricefinest")
        why = why.replace("'s", "")
    assert [line.text for line in evidence(question, [lines]) if not line.doubt] == [f"Text: {told}"]
    assert [(e.stance, e.text) for e in weigh(Question(question), [lines], "Yes")] == [(stance, why)]


def test_where_nothing_is_written_nothing_is_found() -> None:
    assert [line.text for line in evidence("Is there any text?", [read()])] == ["Text: none found"]
    assert [line.text for line in evidence("Does it say STOP?", [read()])] == ["Text: STOP not found"]
    assert weigh(Question("Does it say STOP?"), [read()], "No")[0].stance == "supports"


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("a date", "Date : 22/12/2017 14:03"),
        ("a price", "Coffee 2.50"),
        ("a phone number", "Tel: 03- 55423228"),
        ("a phone number", "+603 7726 2929"),
        ("an e-mail address", "write to me@here.org"),
        ("a website", "WWW.HERE.COM.MY"),
        ("a website", "here.org/us"),
    ],
)
def test_a_value_is_known_by_its_form(value: str, line: str) -> None:
    read = [Region((0, 0, 90, 20), text, 0.9) for text in ("GST 0016375", line, "THANK YOU")]
    assert [found.label for found in lines_that_say(SoughtValue(value), read)] == [line]


def test_words_that_name_a_value_are_looked_for_themselves() -> None:
    lines = [Region((0, 0, 90, 20), text, 0.9) for text in ("22/12/2017", "save a date")]
    for question, line in [('Does it say "a date"?', "save a date"), ("Is there a date?", "22/12/2017")]:
        words = sought_words(question)
        assert words is not None
        assert [found.label for found in lines_that_say(words, lines)] == [line]
