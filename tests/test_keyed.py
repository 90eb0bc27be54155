"""Values that stand behind their key in a document, and lines that are asked for by their place or size."""

from __future__ import annotations

import pytest

from vqa.agent.documents.keyed import cannot_be, keyed
from vqa.agent.documents.placed_lines import placed
from vqa.agent.folding.quoting import quotable
from vqa.agent.prompting import evidence
from vqa.agent.trust.evidence import weigh
from vqa.values import Finding, Question, Region

RECEIPT = [
    "HOME MASTER HARDWARE",
    "40170 BANDAR SETIA ALAM,",
    "Tel: 03- 55423228 Fax:03- 55423213",
    "GST Reg No. :001637541168",
    "Invoice No.: CS 67832",
    "Date : 22/12/2017 14:03",
    "Cashier : Fatin Sy 20:29:59",
    "Subtotal : 15.00",
    "GST @6%: $0.90",
    "Total 15.90",
    "Rounding RM -.02",
    "Cash",
    "50.00",
    "CHANGE DUE",
    "34.10",
    "Total Item(s) : 3",
    "WWW.HOME.COM.MY",
]


def read(*lines: str, heights: tuple[float, ...] = ()) -> Finding:
    sizes = heights or (20.0,) * len(lines)
    regions = tuple(
        Region((0.0, 40.0 * i, 200.0, 40.0 * i + size), line, 0.9)
        for i, (line, size) in enumerate(zip(lines, sizes, strict=True))
    )
    return Finding("ocr", "text", "", regions, size=(300, 900))


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("What is the subtotal?", "15.00"),
        ("How much tax was paid?", "$0.90"),
        ("What is the GST number?", "001637541168"),
        ("How much change was given?", "34.10"),
        ("How much cash was given?", "50.00"),
        ("What is the rounding?", "RM -.02"),
        ("What is the invoice number?", "CS 67832"),
        ("What is the receipt no?", "CS 67832"),
        ("Who was the cashier?", "Fatin Sy"),
        ("What time was it?", "14:03"),
        ("What is the postcode?", "40170"),
        ("What is the phone number?", "03- 55423228"),
        ("What is the website?", "WWW.HOME.COM.MY"),
        ("How many items were bought?", "3"),
        ("What currency is it?", "$"),
    ],
)
def test_a_value_stands_behind_its_key(question: str, value: str) -> None:
    assert list(keyed(question, RECEIPT).lines.values()) == [value]
    assert cannot_be(question, value, RECEIPT) == ""


@pytest.mark.parametrize(
    "question", ["What is the total?", "What does it say?", "What time of day is it?", "What is paid for?"]
)
def test_other_questions_are_left_alone(question: str) -> None:
    assert keyed(question, RECEIPT).what == ""
    assert cannot_be(question, "anything", RECEIPT) == ""


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("T: 03-2093 7358 | F: 03-2093 7359", "03-2093 7358"),
        ("TEL 1-300-80-AEON (2366)", "1-300-80-AEON"),
        ("Mobile /Whatsapps : +6012-918 7937", "+6012-918 7937"),
        ("(Co No. 315481-T) GST No. 001287233536", None),
    ],
)
def test_a_phone_number_has_its_key(line: str, number: str | None) -> None:
    assert list(keyed("What is the phone number?", [line]).lines.values()) == ([number] if number else [])


def test_a_long_document_without_one_is_told_to_have_none() -> None:
    assert (keyed("How big is the discount?", RECEIPT).what, keyed("How big is the discount?", RECEIPT).lines) == (
        "discount",
        {},
    )
    assert cannot_be("How big is the discount?", "15.00", RECEIPT) == "discount"
    assert keyed("How big is the discount?", RECEIPT[:3]).what == ""
    assert keyed("What is the phone number?", RECEIPT[4:]).what == "", "many have no key"


@pytest.mark.parametrize(
    ("question", "answer", "kind"),
    [
        ("What is the email address?", "Cotton", "e-mail address"),
        ("이메일 주소가 뭐예요?", "Cotton", "e-mail address"),
        ("What is the e-mail?", "me@here.org", ""),
        ("What is the website?", "www.here.org", ""),
        ("What is the website?", "Cotton", "website"),
        ("웹사이트가 뭐예요?", "Cotton", "website"),
        ("What is the phone number?", "M22", "phone number"),
        ("What is the phone number?", "Tel: 03-5542 3228", ""),
    ],
)
def test_what_cannot_be_the_value_that_is_asked_for(question: str, answer: str, kind: str) -> None:
    assert cannot_be(question, answer, [answer]) == kind


def test_what_is_read_is_told_alone_quoted_and_held_against_the_answer() -> None:
    asked = "How much change was given?"
    lines = [line.text for line in evidence(asked, [read(*RECEIPT)]) if not line.doubt]
    assert lines == ["Text (change): 34.10"]
    assert quotable(asked, lines).lines == ("34.10",)
    (held,) = weigh(Question(asked), [read(*RECEIPT)], "34.10")
    assert held.stance == "supports"
    (held,) = weigh(Question("What is the invoice number?"), [read("EXIT", "MARKET")], "EXIT")
    assert (held.stance, held.text) == ("contradicts", "reads no document number there")
    (held,) = weigh(Question("How big is the discount?"), [read(*RECEIPT)], "15.00")
    assert (held.stance, held.text) == ("contradicts", "reads no discount there")


@pytest.mark.parametrize(
    ("question", "lines"),
    [
        ("What is the first word?", ["ONE"]),
        ("What is the last word?", ["SIX"]),
        ("What is the fourth word?", ["FOUR"]),
        ("Read the third line", ["FIVE SIX"]),
        ("What does the 2nd line say?", ["THREE FOUR"]),
        ("What does the last line say?", ["FIVE SIX"]),
        ("What is the top line?", ["ONE TWO"]),
        ("What is the largest text?", ["THREE FOUR"]),
        ("What is the biggest word?", ["THREE FOUR"]),
        ("What does it say at the top?", ["ONE TWO"]),
        ("What is written at the bottom of the page?", ["FIVE SIX"]),
        ("Read the ninth line", []),
        ("What is at the top of the shelf?", []),
        ("What does it say?", []),
    ],
)
def test_lines_are_asked_for_by_their_place_or_size(question: str, lines: list[str]) -> None:
    seen = read("ONE TWO", "THREE FOUR", "FIVE SIX", heights=(20.0, 35.0, 20.0))
    assert list(placed(question, seen.regions).lines.values()) == lines


def test_lines_that_stand_together_are_told_as_one() -> None:
    regions = [Region((x, 0.0, x + 40, 20.0), word, 0.9) for x, word in ((0.0, "NO"), (50.0, "ENTRY"))]
    below = Region((0.0, 300.0, 90.0, 320.0), "please", 0.9)
    assert placed("What does it say at the top?", [*regions, below]).lines == {0: "NO ENTRY", 1: ""}
    assert placed("What does it say at the top?", []).what == ""
