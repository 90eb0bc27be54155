import pytest

from vqa.agent.fields import narrowed
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
    found = narrowed(question, lines).lines
    return [found[i] for i in sorted(found)] if found else list(lines)


def test_a_date_is_looked_for_in_lines_with_a_date_and_under_their_labels() -> None:
    assert kept("What is the date on the receipt?") == ["05 Mar 2018", "Date:", "2l/O3/2018"]


@pytest.mark.parametrize(
    ("line", "date"),
    [
        ("Date : 25/12/2018 8:13:39 PM", "25/12/2018"),
        ("[Sales]2018-01-05 22:55:25 PosNo:86", "2018-01-05"),
        ("10:12AM 560272 11-05-16", "11-05-16"),
        ("Invoice 25.12.18", "25.12.18"),
        ("DATE : 10 OCT 2017 TUE", "10 OCT 2017"),
        ("March 5, 2018", "March 5, 2018"),
        ("27Mar2018", "27Mar2018"),
    ],
)
def test_dates_are_known_in_many_ways_of_writing_and_stand_alone(line: str, date: str) -> None:
    assert kept("What is the date?", [*["ABC"] * 8, line]) == [date]


@pytest.mark.parametrize("line", ["12, Jalan Tampoi 7/4", "TEL 03-2093 7358", "RICE 8.20", "may contain nuts"])
def test_other_numbers_are_no_dates(line: str) -> None:
    assert kept("What is the date?", ["1/2/2020", *["ABC"] * 8, line]) == ["1/2/2020"]


def test_a_phone_number_has_many_digits() -> None:
    assert kept("What is the phone number?") == ["03-2093 7358"]


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
        "Text: 05 Mar 2018",
        "Text: Date:",
        "Text: 2l/O3/2018",
    ]
