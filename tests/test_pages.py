"""What is asked of a page whose cells and sentences tell it: who reads it, what the core is told, what it is worth."""

from __future__ import annotations

import pytest

from vqa import Settings, VQAAgent
from vqa.agent.documents.goods import is_a_receipt
from vqa.agent.folding.descriptions import answered, wants_a_reader
from vqa.agent.folding.pages import A_PAGE, WHAT_IT_SAYS_THERE, asks_of_a_page, found_on_page
from vqa.agent.folding.quoting import quotable
from vqa.agent.prompting import evidence
from vqa.agent.trust.evidence import weigh
from vqa.agent.trust.features import BY_ITS_PLACE, features
from vqa.agent.trust.judging import judged
from vqa.values import Answer, Finding, Prompt, Question, Region, Route

SIZE = (600, 400)
WHOLE = (0.0, 0.0, 600.0, 400.0)
PAGE = Finding("scene", "scene", "", (Region(WHOLE, "no scene", 0.95),), size=SIZE)
SCENE = Finding("scene", "scene", "", (Region(WHOLE, "no scene", 0.02),), size=SIZE)
NOTHING_FOUND = Finding("detect", "objects", "", (), vocabulary=("person", "bus", "cell phone"), size=SIZE)


def read(*rows: tuple[str, ...]) -> Finding:
    """Rows of cells, each column two hundred pixels wide."""
    lines = []
    for i, cells in enumerate(rows):
        y = 22.0 * i
        parts = tuple(Region((200.0 * k, y, 200.0 * k + 7 * len(c), y + 14), c, 0.9) for k, c in enumerate(cells))
        box = (0.0, y, parts[-1].xyxy[2], y + 14)
        lines.append(Region(box, " ".join(cells), 0.9, parts=parts if len(parts) > 1 else ()))
    return Finding("ocr", "text", "", tuple(lines), size=SIZE)


ACCOUNTS = read(
    ("Account Name", "Type", "Total"),
    ("Checking", "Bank", "USD 1,000.00"),
    ("Savings", "Bank", "USD 2,500.00"),
    ("Visa", "Credit Card", "USD 500.00"),
    ("Terms:", "30 days"),
    ("Phone bill", "Expense", "USD 45.00"),
    ("Office rent", "Expense", "USD 350.00"),
    ("Travel", "Expense", "USD 80.00"),
)
RECEIPT = read(
    ("CORNER SHOP",),
    ("DATE", "01/02/2018"),
    ("LEMON TEA", "955123456", "5.60"),
    ("RICE", "955123457", "2.50"),
    ("TOTAL", "8.10"),
    ("CASH", "10.00"),
    ("CHANGE", "1.90"),
    ("GST", "0.46"),
)


@pytest.mark.parametrize(
    ("question", "asks"),
    [
        ("What are the terms?", True),
        ("Who is it for?", True),
        ("How much is in Savings?", True),
        ("And the terms?", True),
        ("What color is the header?", False),
        ("Is there a total?", False),
        ("How many people are there?", False),  # a detector counts them
        ("Why is the total so high?", False),
        ("Describe the image.", False),
    ],
)
def test_what_may_be_asked_of_a_page(question: str, asks: bool) -> None:
    assert asks_of_a_page(question, [NOTHING_FOUND]) == asks
    assert wants_a_reader(question, [PAGE, NOTHING_FOUND]) == (asks or question.startswith("Describe"))
    assert not wants_a_reader(question, [SCENE, NOTHING_FOUND])


@pytest.mark.parametrize(
    ("question", "where", "told"),
    [
        ("What are the terms?", "beside Terms", "30 days"),
        ("What type is Visa?", "row Visa, column Type", "Credit Card"),
        ("How much was the phone bill?", "row Phone bill, column Total", "USD 45.00"),
        ("Which account is the highest?", "row of highest Total", "Savings"),
    ],
)
def test_a_cell_is_told_to_the_core_and_is_its_own_evidence(question: str, where: str, told: str) -> None:
    findings = [PAGE, NOTHING_FOUND, ACCOUNTS]
    lines = [line.text for line in evidence(question, findings) if not line.doubt]
    assert lines == [f"Text ({where}): {told}"]
    assert quotable(question, lines).only == told  # where it stands settles it, the core is not asked
    assert answered(question, told, findings) == (WHAT_IT_SAYS_THERE, told)
    (held,) = weigh(Question(question), findings, told)
    assert (held.stance, held.regions[0].label) == ("supports", told)
    assert held.regions[0].xyxy[2] - held.regions[0].xyxy[0] < 100  # the cell alone, and not its row
    counted = features(Question(question), findings, (held,), told, None)
    assert counted["reading: share of the words read"] == BY_ITS_PLACE
    assert counted["kind: reading"] == 1.0


def test_of_a_photo_with_some_writing_no_cell_is_told() -> None:
    assert found_on_page("What type is Visa?", [SCENE, ACCOUNTS]) is None
    assert found_on_page("What type is Visa?", [ACCOUNTS]) is not None  # nobody looked whether it is a scene


def test_receipts_keep_what_is_told_of_them_in_their_own_way() -> None:
    assert is_a_receipt([line.label for line in RECEIPT.regions])
    assert not is_a_receipt([line.label for line in ACCOUNTS.regions])
    assert found_on_page("How much is the lemon tea?", [RECEIPT]) is None
    lines = [line.text for line in evidence("How much is the lemon tea?", [RECEIPT]) if not line.doubt]
    assert lines == ["Text (price of lemon tea): 5.60"]
    assert found_on_page("What is the change?", [RECEIPT]) is None


def _answer(question: str, *findings: Finding, text: str) -> str:
    """What is given as the answer where a core says `text`."""
    used = tuple(line.text for line in evidence(question, findings) if not line.doubt)
    route = Route((), "", "rules")
    prompt = Prompt("", used, (), 1, 100)
    answer = Answer(text, None, Question(question), route, findings, prompt, "smollm2-135m", {}, core_confidence=0.99)
    return judged(answer, min_confidence=0.01).abstention


def test_what_nothing_on_a_page_says_is_withheld() -> None:
    assert len(ACCOUNTS.regions) >= A_PAGE
    assert (
        _answer("Who is the treasurer?", PAGE, NOTHING_FOUND, ACCOUNTS, text="a man")
        == "nothing that is written says so"
    )
    assert _answer("What is the discount?", RECEIPT, text="5.60") == "nothing that is written says so"
    assert not _answer("Was there a discount?", RECEIPT, text="No")  # which there being none is no reason against
    assert not _answer("What type is Visa?", PAGE, NOTHING_FOUND, ACCOUNTS, text="Credit Card")


@pytest.mark.weights
def test_a_drawn_table_is_read_and_answers() -> None:
    """With the reader's own networks: from pixels to the cell."""
    from PIL import Image, ImageDraw, ImageFont

    sheet = Image.new("RGB", (900, 420), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(26)
    heads = ("Employee", "Department", "Salary")
    people = (("Anna Berg", "Sales", "$4,200"), ("Omar Diaz", "Research", "$5,150"), ("Lily Chen", "Support", "$3,900"))
    for i, cells in enumerate((heads, *people)):
        for k, cell in enumerate(cells):
            draw.text((40 + 300 * k, 60 + 70 * i), cell, "black", font)
    agent = VQAAgent.from_pretrained(settings=Settings(detector="efficientdet"))
    assert agent(sheet, "What is the salary of Omar Diaz?").text == "$5,150"
    assert agent(sheet, "In which department is Lily Chen?").text == "Support"
    most = agent(sheet, "Which employee has the highest salary?")
    assert most.text == "Omar Diaz"
    assert most.evidence[0].expert == "ocr"
    assert "ocr" in most.route.experts
