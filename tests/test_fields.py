import pytest

from vqa.agent.documents.fields import narrowed, unlike
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
    return [found[i] for i in sorted(found) if found[i]] if found else list(lines)


def test_a_date_is_looked_for_in_lines_with_a_date() -> None:
    assert kept("What is the date on the receipt?") == ["05 Mar 2018", "2l/O3/2018"]


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


def test_a_discount_is_a_percentage() -> None:
    flyer = [
        "NAME OF THE SPA",
        "123 Your Street",
        "Your City, TN 98765",
        "20% OFF",
        "with this flyer",
        "1 Dec - 31 Dec",
    ]
    told = narrowed("How much is the discount?", [*flyer, "Call us", "555-505-5055"])
    assert (told.what, told.lines) == ("percentage", {3: "20%"})


def test_a_phone_number_has_many_digits() -> None:
    assert kept("What is the phone number?") == ["03-2093 7358"]


COMPANY = "What is the name of the company on the receipt?"
PRICES = ["RICE 8.20", "TOTAL 8.20", *["ABC"] * 6]


def test_a_company_is_the_line_with_its_form_without_its_number() -> None:
    assert kept(COMPANY) == kept("What is the shop name?") == kept("Which store is it?") == ["UNIHAKKA SDN BHD"]
    assert kept(COMPANY, ["31803017", "AEON CO. (M) BHD (126926-H)", "3RD FLR", *PRICES]) == ["AEON CO. (M) BHD"]
    assert kept(COMPANY, ["Invoice 7", "Miller & Sons Ltd. Leeds", *PRICES]) == ["Miller & Sons Ltd."]


def test_without_a_form_it_is_the_first_lines_that_can_be_a_name() -> None:
    assert kept(COMPANY, ["31802013", "SWEET FOREST CAFE", "NO 21,JLN BUNGA", "SETAPAK", *PRICES]) == [
        "SWEET FOREST CAFE"
    ]
    assert kept(COMPANY, ["Receipt", "Joe's Diner", "12 Main Street", "Tel 1", *PRICES]) == ["Joe's Diner"]


def test_a_name_that_ends_open_goes_on_in_the_next_line() -> None:
    assert kept(COMPANY, ["HOME HARDWARE &", "ELECTRICAL", "NO.113G", *PRICES]) == ["HOME HARDWARE & ELECTRICAL"]
    assert kept(COMPANY, ["AIK HUAT (SETIA", "ALAM) SDN BHD", *PRICES]) == ["AIK HUAT (SETIA ALAM) SDN BHD"]


@pytest.mark.parametrize(
    ("lines", "total"),
    [
        (["Subtotal : 15.90", "Total Excl. of GST 15.00", "Total Amt Rounded 15.90"], ["15.90"]),
        (["Total Sales RM 7.16", "TOTAL GST RM 0.41", "GST included in total 0.41"], ["RM 7.16"]),
        (["Total : 9.00", "Total Payable: $8.95", "Total saving 1.00"], ["$8.95"]),
        (["TOTAL", "Total: 1,209.00 EUR", "Total 8.49 0.51", "TOTAL QUANTITY 3"], ["1,209.00 EUR"]),
        (["Total Qty 3", "TOTAL DUE", "RM 1S.50", "CHANGE 1.50"], ["RM 1S.50"]),
        (["Qty Price Total", "1 RICE 19.90", "Total 24.40"], ["24.40"]),
        (["Total incl. VAT 9.00", "Total 9.00", "Total 9.50"], ["9.00", "9.50"]),
    ],
)
def test_a_total_is_what_is_to_be_paid_in_the_end_and_keeps_its_unit(lines: list[str], total: list[str]) -> None:
    assert kept("What is the total?", [*["ABC 4.50"] * 8, *lines]) == total


ADDRESS = "What is the address on the receipt?"


def test_an_address_is_the_lines_from_the_first_place_on_told_as_one() -> None:
    read = ["MILLER LTD", "Suite 5, 21 Main Street", "Springfield", "IL 62701", "Tel 217 555 0123", *PRICES]
    found = narrowed(ADDRESS, read).lines
    assert found == {1: "Suite 5, 21 Main Street Springfield IL 62701", 2: "", 3: ""}


def test_lines_that_are_told_with_another_are_neither_told_again_nor_left_out() -> None:
    read = ["MILLER LTD", "21 Main Street", "Springfield", "Tel 217 555 0123", *PRICES]
    regions = tuple(Region((0, 20.0 * i, 100, 20.0 * i + 15), line, 0.9) for i, line in enumerate(read))
    lines = evidence(ADDRESS, [Finding("ocr", "text", "", regions)])
    assert [line.text for line in lines if not line.doubt] == ["Text (address): 21 Main Street Springfield"]
    assert "Text: Springfield" not in [line.text for line in lines]


def test_an_e_mail_address_is_no_place() -> None:
    assert kept("What is the e-mail address?", ["21 Main Street", *PRICES]) == ["21 Main Street", *PRICES]


def test_a_page_without_prices_is_no_receipt() -> None:
    page = ["words"] * 12
    assert kept("What is the name of the shop?", page) == page


@pytest.mark.parametrize(
    "question", ["What does it say?", "Who is the candidate?", "What is the subtotal?", "What is the sub-total?"]
)
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
        "Text (date): 05 Mar 2018",
        "Text (date): 2l/O3/2018",
    ]


def test_a_misread_word_with_digits_in_it_is_a_number_only_where_nothing_else_is() -> None:
    assert narrowed("What number is on the bus?", ["M1S0L", "10 cero", "A7"]).lines == {1: "10", 2: "A7"}
    assert narrowed("What number is on the bus?", ["M1S0L", "cero"]).lines == {0: "M1S0L"}


def test_a_number_is_looked_for_among_figures_however_short_the_text() -> None:
    assert kept("What number is shown?", ["Hougang Ave 4", "EXIT"]) == ["4"]
    assert kept("Which number is on the shirt?", ["23", "BULLS"]) == ["23"]
    assert kept("What number of people may enter?", ["EXIT", "4"]) == ["EXIT", "4"]
    found = Finding("ocr", "text", "", (Region((0, 0, 9, 9), "EXIT", 0.9),), size=(99, 99))
    told = [line.text for line in evidence("What number is shown?", [found]) if not line.doubt]
    assert told == ["Text: none found"]


@pytest.mark.parametrize(
    ("question", "answer", "kind"),
    [
        ("What is the total?", "COFFEE", "amount"),
        ("What is the total?", "RM 75.70", ""),
        ("What is the price?", "free", ""),
        ("What is the expiration date?", "IRAN", "date"),
        ("What is the date?", "May 2nd", ""),
        ("What year is on the coin?", "liberty", "year"),
        ("How big is the discount in percent?", "sale", "percentage"),
        ("What does the phone say?", "hello", ""),
        ("What does it say?", "hello", ""),
    ],
)
def test_what_cannot_be_the_value_that_is_asked_for(question: str, answer: str, kind: str) -> None:
    assert unlike(question, answer) == kind
