"""The cells of a page: rows, heads and columns as they are read, and what a question finds in them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from vqa.agent.documents.cells import NO_HEAD, page
from vqa.agent.documents.tables import found_in
from vqa.values import Region

HEIGHT = 14.0
LETTER = 7.0


def row(y: float, *cells: tuple[float, str]) -> Region:
    """A read line whose pieces begin at these places, each letter seven pixels wide."""
    parts = tuple(Region((x, y, x + LETTER * len(text), y + HEIGHT), text, 0.9) for x, text in cells)
    box = (parts[0].xyxy[0], y, parts[-1].xyxy[2], y + HEIGHT)
    label = " ".join(text for _, text in cells)
    return Region(box, label, 0.9, parts=parts if len(parts) > 1 else ())


def rows(*lines: Sequence[tuple[float, str]], step: float = 20.0) -> list[Region]:
    return [row(step * i, *cells) for i, cells in enumerate(lines)]


INVOICE = [
    row(0, (0, "Invoice #000001")),
    row(30, (0, "Invoice Date:"), (110, "04/19/06"), (500, "My Company")),
    row(48, (0, "Due Date: 05/19/06"), (500, "9876 Second St.")),
    row(66, (0, "Terms: 30 Days - same as cash")),
    row(100, (120, "Charge"), (330, "Unit")),  # two lines in one head, the others between them
    row(107, (0, "Date"), (70, "Item"), (220, "Quantity"), (420, "Discount"), (520, "Total")),
    row(114, (120, "Type"), (330, "Price")),
    row(140, (0, "04/19/06"), (70, "Nails"), (120, "Material"), (220, "1,000.00"), (330, "$0.10"), (520, "$100.00")),
    row(
        160,
        *((0, "04/19/06"), (70, "Hammer"), (120, "Material"), (220, "1.00")),
        *((330, "$500.00"), (420, "5.00%"), (520, "$475.00")),
    ),
    row(180, (0, "Subtotal"), (520, "$575.00")),
]

BUTTONS = row(-40, (0, "Save"), (60, "Close"), (130, "Delete"))
REGISTER = [BUTTONS]
REGISTER += rows(
    [
        (0, "Date"),
        (63, "Num"),
        (130, "Description"),
        (300, "Transfer"),
        (430, "Deposit"),
        (510, "Withdrawal"),
        (600, "Balance"),
    ],
    [(0, "05/03/06 101"), (130, "Grocery Store"), (300, "Groceries"), (540, "45.21"), (600, "954.79")],
    [(0, "06/03/06"), (130, "Transfer Money"), (300, "Savings"), (430, "100.00"), (600, "1,054.79")],
    [(0, "28/03/06 102"), (130, "Light Company"), (300, "Electricity"), (540, "78.00"), (600, "976.79")],
    [(0, "28/03/06 104"), (130, "April Rent"), (300, "Rent"), (540, "350.00"), (600, "626.79")],
    [(0, "Total:"), (430, "100.00"), (540, "473.21")],
)

CASH_FLOW = rows(
    [(0, "Income:Salary"), (300, "USD 1,000.00")],
    [(0, "Money In"), (300, "USD 1,000.00")],
    [(0, "Expenses:Groceries"), (300, "USD 120.21")],
    [(0, "Expenses:Rent"), (300, "USD 350.00")],
    [(0, "Expenses:Taxes:Federal"), (300, "USD 180.00")],
    [(0, "Money Out"), (300, "USD 650.21")],
)

SPREADSHEET = rows(
    [(80, "Block 1"), (160, "Block 2"), (240, "Block 3")],
    [(0, "1"), (20, "Wheat"), (80, "3.74"), (160, "4.58"), (240, "4.59")],
    [(0, "2"), (20, "Rye"), (80, "4.47"), (160, "6.78"), (240, "5.19")],
)


def asked(question: str, read: Sequence[Region]) -> str:
    found = found_in(question, tuple(read))
    return found.text if found else ""


def test_what_was_read_as_one_piece_is_parted_where_a_column_begins() -> None:
    sheet = page(REGISTER)
    number = next(i for i, cells in enumerate(sheet.rows) if any(cell.text == "Light Company" for cell in cells))
    assert [cell.text for cell in sheet.rows[number]][:3] == ["28/03/06", "102", "Light Company"]
    head = sheet.rows[sheet.heads[number] or 0]
    named = {
        cell.text: head[column].text for cell, column in zip(sheet.rows[number], sheet.columns[number], strict=True)
    }
    assert named == {
        "28/03/06": "Date",
        "102": "Num",
        "Light Company": "Description",
        "Electricity": "Transfer",
        "78.00": "Withdrawal",
        "976.79": "Balance",
    }


def test_a_head_of_two_lines_is_one_row_and_buttons_are_no_head() -> None:
    sheet = page(INVOICE)
    heads = {head for head in sheet.heads if head is not None}
    assert [[cell.text for cell in sheet.rows[head]] for head in heads] == [
        ["Date", "Item", "Charge Type", "Quantity", "Unit Price", "Discount", "Total"]
    ]
    assert "Save" not in {
        cell.text for head in page(REGISTER).heads if head is not None for cell in page(REGISTER).rows[head]
    }


def test_what_stands_before_the_first_column_is_under_no_head() -> None:
    sheet = page(
        rows(
            [(200, "Before"), (300, "After")],
            [(0, "Mean"), (200, "2.142"), (300, "1.844")],
            [(0, "Count"), (200, "10"), (300, "7")],
        )
    )
    assert sheet.columns[1] == (NO_HEAD, 0, 1)


def test_lines_of_a_photo_that_run_uphill_are_no_cells_over_one_another() -> None:
    uphill = [
        Region(
            (0, 20.0 * i, 200, 20.0 * i + 30),
            "x",
            0.9,
            parts=(
                Region((0, 20.0 * i + 16, 60, 20.0 * i + 30), f"item {i}", 0.9),
                Region((140, 20.0 * i, 200, 20.0 * i + 14), f"{i}.50", 0.9),
            ),
        )
        for i in range(1, 6)
    ]
    assert [len(cells) for cells in page(uphill).rows] == [2] * 5


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("What is the unit price of the hammer?", "$500.00"),
        ("What is the discount on the hammer?", "5.00%"),
        ("How many nails were sold?", "1,000.00"),
        ("What is the due date?", "05/19/06"),
        ("What is the invoice date?", "04/19/06"),
        ("What are the terms?", "30 Days - same as cash"),
        ("What is the invoice number?", ""),  # beside "Invoice" stands its date
        ("Who is the hammer for?", ""),
    ],
)
def test_an_invoice(question: str, told: str) -> None:
    assert asked(question, INVOICE) == told


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("What is the balance on 06/03/06?", "1,054.79"),
        ("How much was deposited on 06/03/06?", "100.00"),
        ("How much was paid for the Light Company?", "78.00"),
        ("What was the rent for April?", "350.00"),
        ("When was the April rent paid?", "28/03/06"),
        ("What is the number of the Light Company?", "102"),
        ("Which transfer is Grocery Store?", "Groceries"),
        ("What happened on 06/03/06?", "Transfer Money"),
        ("Which description has a withdrawal of 350.00?", "April Rent"),
        ("What is the largest withdrawal?", "350.00"),
        ("Which description has the smallest withdrawal?", "Grocery Store"),
        ("How many transactions are there?", "4"),
        ("What are the column headings?", "Date, Num, Description, Transfer, Deposit, Withdrawal, Balance"),
        ("How many columns are there?", "7"),
        ("What is the phone number of the bank?", ""),
        ("What is the light phone number?", ""),  # 102 is the Light Company's number, and none to dial
        ("What is the capital of France?", ""),
        ("Which is larger, the rent or the groceries?", ""),
    ],
)
def test_a_register(question: str, told: str) -> None:
    assert asked(question, REGISTER) == told


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("How much was spent on groceries?", "USD 120.21"),
        ("What is the salary?", "USD 1,000.00"),
        ("How much are the federal taxes?", "USD 180.00"),
        ("What is the total money out?", "USD 650.21"),  # "Money In" has fewer of the words
        ("Which expense is the highest?", "Expenses:Rent"),  # and not what the others come to
        ("How much is the insurance?", ""),
    ],
)
def test_a_report_without_a_head(question: str, told: str) -> None:
    assert asked(question, CASH_FLOW) == told


def test_the_most_of_a_row_is_told_by_its_head() -> None:
    read = [*SPREADSHEET, *(row(60 + 20.0 * i, (0, str(3 + i)), (20, "CDEF"[i]), (80, "1.10")) for i in range(4))]
    assert asked("Which block is the highest for rye?", read) == "Block 2"
    assert asked("What is the value of wheat in Block 3?", read) == "4.59"


def test_of_words_alone_the_first_row_is_the_head() -> None:
    words = rows(
        [(0, "Employee"), (120, "Department"), (240, "City")],
        [(0, "Anna Berg"), (120, "Sales"), (240, "Oslo")],
        [(0, "Lily Chen"), (120, "Support"), (240, "Turin")],
    )
    assert asked("In which department is Lily Chen?", words) == "Support"
    assert asked("What is the city of Anna Berg?", words) == "Oslo"
    form = rows(
        *(
            [(0, f"{key}:"), (120, value), (240, "Edit")]
            for key, value in (("Type", "Bank"), ("Group", "A"), ("Unit", "B"))
        )
    )
    assert asked("What is the type?", form) == "Bank"


def test_a_number_before_what_is_counted_is_told() -> None:
    read = rows([(0, "Range: All dates"), (300, "63 transactions")], [(0, "Today"), (300, "4,036.26")])
    assert asked("How many transactions are there?", read) == "63"


def test_a_terminals_table_is_read_without_its_rules_and_with_two_heads_that_were_read_as_one() -> None:
    ruled = rows(
        [(0, "I id"), (100, "I name"), (240, "I email")],
        *(
            [(0, f"I {i}"), (100, f"I {name} I {name}@ex.com")]
            for i, name in enumerate(("ann", "bob", "cem", "dee"), 177)
        ),
    )
    assert asked("What is the email of bob?", ruled) == "bob@ex.com"
    tasks = rows(
        [(0, "TASKS 225 (562 thr), 1 run")],
        [(0, "CPU%"), (60, "PID USER"), (200, "MEM"), (300, "Command")],
        [(0, "4.1"), (60, "278 nicolargo"), (200, "15.7M"), (300, "glances")],
        [(0, "0.6"), (60, "704 root"), (200, "276K"), (300, "vlc")],
        [(0, "0.3"), (60, "108 snmp"), (200, "1.2G"), (300, "snmpd")],
    )
    assert asked("How many tasks are there?", tasks) == "225"
    assert asked("What is the PID of vlc?", tasks) == "704"
    assert asked("Who is the user of process 108?", tasks) == "snmp"
    assert asked("Which command uses the most memory?", tasks) == "snmpd"  # and not 276, or 15.7


def test_a_form_has_its_values_beside_its_keys_or_below() -> None:
    form = [
        *rows(
            [(0, "Symbol/abbreviation:"), (200, "AMZN")], [(0, "ISIN code:")], [(0, "Type of quote source:")], step=40
        ),
        row(140, (0, "Interest rate")),
        row(160, (0, "8.50")),
    ]
    assert asked("What is the symbol?", form) == "AMZN"
    assert asked("What is the interest rate?", form) == "8.50"
    assert not asked("What is the ISIN code?", form)  # what stands below it is another key


def test_evidence_is_the_cell_with_what_tells_where_it_is() -> None:
    found = found_in("What is the unit price of the hammer?", tuple(INVOICE))
    assert found is not None
    assert found.where == "row Hammer, column Unit Price"
    assert [cell.text for cell in found.cells] == ["$500.00", "Hammer", "Unit Price"]
    assert found.cells[0].xyxy[0] == pytest.approx(330)
