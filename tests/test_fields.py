import pytest

from vqa.agent.fields import beside_the_point
from vqa.agent.prompting import evidence
from vqa.values import Finding, Region

RECEIPT = [
    "A03018",
    "UNIHAKKA SDN BHD",
    "05 Mar 2018 18:24",
    "12, Jalan Tampoi 7/4",
    "TEL: 03-2093 7358",
    "TAX INVOICE",
    "RICE 8.20",
    "TOTAL 8.20",
    "Date:",
    "2l/O3/2018",
]


def kept(question: str, lines=RECEIPT) -> list[str]:
    out = beside_the_point(question, lines)
    return [line for i, line in enumerate(lines) if i not in out]


def test_a_date_is_looked_for_in_lines_with_a_date_and_under_their_labels() -> None:
    assert kept("What is the date on the receipt?") == ["05 Mar 2018 18:24", "Date:", "2l/O3/2018"]


@pytest.mark.parametrize(
    "line", ["25/12/2018 8:13:39 PM", "2018-12-25", "Invoice 25.12.18", "5 MAR 18", "March 5, 2018", "27Mar2018"]
)
def test_dates_are_known_in_many_ways_of_writing(line: str) -> None:
    assert kept("What is the date?", [*["ABC"] * 8, line]) == [line]


@pytest.mark.parametrize("line", ["12, Jalan Tampoi 7/4", "TEL 03-2093 7358", "RICE 8.20", "may contain nuts"])
def test_other_numbers_are_no_dates(line: str) -> None:
    assert kept("What is the date?", ["1/2/2020", *["ABC"] * 8, line]) == ["1/2/2020"]


def test_a_phone_number_has_many_digits() -> None:
    assert kept("What is the phone number?") == ["TEL: 03-2093 7358"]


def test_whose_receipt_it_is_stands_at_its_top() -> None:
    assert kept("What is the name of the company on the receipt?") == RECEIPT[:5]


def test_a_page_without_prices_is_no_receipt() -> None:
    page = ["words"] * 12
    assert kept("What is the name of the shop?", page) == page


@pytest.mark.parametrize("question", ["What is the total?", "What does it say?", "Who is the candidate?"])
def test_other_questions_get_every_line(question: str) -> None:
    assert kept(question) == RECEIPT


def test_nothing_is_left_out_where_nothing_fits_or_little_was_read() -> None:
    assert kept("What is the date?", ["ABC"] * 9) == ["ABC"] * 9
    assert kept("What is the date?", ["1/2/2020", "ABC"]) == ["1/2/2020", "ABC"]


def test_what_is_left_out_is_told_with_its_reason() -> None:
    regions = tuple(Region((0, 20.0 * i, 100, 20.0 * i + 15), line, 0.9) for i, line in enumerate(RECEIPT))
    lines = evidence("What is the date?", [Finding("ocr", "text", "", regions)])
    assert [(line.text, line.doubt) for line in lines][1] == ("Text: UNIHAKKA SDN BHD", "no date in it")
    assert [line.text for line in lines if not line.doubt] == [
        "Text: 05 Mar 2018 18:24",
        "Text: Date:",
        "Text: 2l/O3/2018",
    ]
