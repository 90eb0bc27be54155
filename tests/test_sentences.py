"""What a sentence of a page tells, and what a page tells of itself."""

from __future__ import annotations

import pytest

from vqa.agent.documents.itself import told_of_itself
from vqa.agent.documents.sentences import SENTENCE, told_by_a_sentence
from vqa.values import Region


def lines(*labels: str, width: float = 400.0, height: float = 14.0) -> tuple[Region, ...]:
    """Read lines below one another; what ends a paragraph is as long as its words."""
    return tuple(
        Region((0, 20.0 * i, min(7.0 * len(label), width), 20.0 * i + height), label, 0.9)
        for i, label in enumerate(labels)
    )


HISTORY = lines(
    "History of reading machines",
    "Early devices may be traced to telegraphy and aids for the blind.",
    "In 1914, Emanuel Goldberg developed a machine that read characters",
    "and converted them into telegraph code. Edmund Fournier d'Albe built",
    "the Optophone in London, a scanner that weighed 12 pounds and gave",
    "a different tone for each of the 26 letters. It was 40% slower than",
    "people who read aloud, which is why few of them were ever sold there.",
)


@pytest.mark.parametrize(
    ("question", "what", "told"),
    [
        ("When did Emanuel Goldberg develop a machine?", "date in a sentence", "1914"),
        ("Who built the Optophone?", "name in a sentence", "Edmund Fournier d'Albe"),
        ("How many pounds did the scanner weigh?", "number in a sentence", "12"),
        ("How many letters have a different tone?", "number in a sentence", "26"),
        ("By how many percent was it slower than people who read?", "percentage in a sentence", "40%"),
        ("Where was the Optophone scanner built?", "place in a sentence", "London"),
    ],
)
def test_a_value_of_the_form_that_is_asked_for(question: str, what: str, told: str) -> None:
    found = told_by_a_sentence(question, HISTORY)
    assert found is not None
    assert (found.what, found.text) == (what, told)


def test_what_has_no_form_is_told_by_the_whole_sentence_with_its_lines() -> None:
    found = told_by_a_sentence("What may early devices be traced to?", HISTORY)
    assert found is not None
    assert found.what == SENTENCE
    assert found.text == "Early devices may be traced to telegraphy and aids for the blind."
    assert found.lines == (1,)
    over_two = told_by_a_sentence("What did Goldberg's machine do with the characters?", HISTORY)
    assert over_two is not None
    assert over_two.lines == (2, 3)
    assert over_two.text.endswith("telegraph code.")


@pytest.mark.parametrize(
    "question", ["Who won the world cup?", "What is the price of bread?", "How many horses were there?", "What is it?"]
)
def test_what_no_sentence_has_the_words_of_is_not_told(question: str) -> None:
    assert told_by_a_sentence(question, HISTORY) is None


def test_labels_and_formulas_are_no_sentences() -> None:
    form = lines(
        "Company phone number: Company fax number: Company website:", "Net Sale = Gross Sale - Commission for it"
    )
    assert told_by_a_sentence("What is the phone number of the company?", form) is None
    assert told_by_a_sentence("To which account did the net sale go?", form) is None
    assert (
        told_by_a_sentence("What type of information is shown?", lines("What type of information to display here?"))
        is None
    )


LETTER = lines(
    "Page 2 of 3", "To: ABC Inc", "Dear Ms. Jones,", "Chapter IV", "4. Techniques", "Yours sincerely,", "John Smith"
)


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("What kind of document is this?", "letter"),
        ("Who is the letter for?", "ABC Inc"),
        ("Who wrote this letter?", "John Smith"),
        ("What page is this?", "2"),
        ("Which chapter is this?", "IV"),
        ("What is section 4?", "Techniques"),
        ("What is the date?", ""),
    ],
)
def test_a_page_tells_of_itself(question: str, told: str) -> None:
    found = told_of_itself(question, LETTER)
    assert (found.text if found else "") == told


def test_a_document_is_what_it_calls_itself_highest_up() -> None:
    found = told_of_itself("What type of document is this?", lines("Purchase Order 17", "Invoice to: ABC", "Report"))
    assert found is not None
    assert found.text == "purchase order"
    heading, *rest = lines("Text recognition", "and what it took", "From an encyclopedia, in some words")
    large = Region((0, -8, 300, 16), heading.label, 0.9)  # larger letters than what stands below
    about = told_of_itself("What is this page about?", (large, *rest))
    assert about is not None
    assert about.text == "Text recognition"


def test_whom_it_is_for_may_stand_in_the_salutation() -> None:
    found = told_of_itself("Who is this letter addressed to?", lines("Monday", "Dear Dr. Watson,", "I write to you"))
    assert found is not None
    assert found.text == "Dr. Watson"
