"""What receipts, bills and menus sell: which lines tell it, and what questions ask of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vqa.agent.documents.goods import goods, sold
from vqa.agent.documents.keyed import keyed
from vqa.agent.folding.quoting import quotable
from vqa.agent.prompting import evidence
from vqa.agent.trust.evidence import weigh
from vqa.agent.trust.features import features
from vqa.agent.trust.judging import judged
from vqa.experts.detectors.coco import LABELS
from vqa.values import Answer, Finding, Prompt, Question, Region, Route

CORE = "smollm2-135m"
BESIDE = """GREEN CORNER SDN BHD
Tel: 03- 55423228
Date : 22/12/2017 14:03
Qty Description Amount
2 LEMON TEA 5.60
1 x CHICKEN RICE (L) RM 12.50 SR
SR 100100000060- Tofu $3.00 1 $3.00
DISC 10% -1.20
Service Charge 10% 1.99
TOTAL : RM 21.89
CASH 30.00
NOT SOLD 9.90""".splitlines()
ABOVE = """MR. TOOL (M) SDN BHD
-TAX INVOICE-
GARDEN HOSE 20M *S
WA25 - 24/288
4974052854583 1 X 3.10 3.10
PAINT BRUSH 2" *S
9068477 2 X 5.30 10.60
Item(s) : 2 Qty(s) : 3
TOTAL 13.70""".splitlines()
BELOW = """FRI-SAT:1000 HRS - 2300 HRS
VALUED CUSTOMER: 1370001392
1x 000002781709 15.50SR
WASHING POWDER
Item promo @12.99 -2.57
1x 000001038556 2.50SR
OATS
Sub-total 15.43""".splitlines()
MENU = ["LUNCH", "Burger $12", "Fish and chips $14", "Apple pie $6"]


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (BESIDE, [("LEMON TEA", "5.60"), ("CHICKEN RICE (L)", "12.50"), ("Tofu", "3.00")]),
        (ABOVE, [("GARDEN HOSE 20M", "3.10"), ('PAINT BRUSH 2"', "5.30")]),
        (BELOW, [("WASHING POWDER", "15.50"), ("OATS", "2.50")]),
        (MENU, [("Burger", "12"), ("Fish and chips", "14"), ("Apple pie", "6")]),
        (["STOP", "Main Street"], []),
        ([], []),
    ],
)
def test_what_is_sold_stands_between_the_head_and_the_first_sum(lines: list[str], found: list[tuple[str, str]]) -> None:
    assert [(good.name, good.price) for good in goods(lines)] == found


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("What was bought?", ("items", "LEMON TEA, CHICKEN RICE (L) and Tofu")),
        ("What did they order?", ("items", "LEMON TEA, CHICKEN RICE (L) and Tofu")),
        ("Which items were purchased?", ("items", "LEMON TEA, CHICKEN RICE (L) and Tofu")),
        ("List the items on the receipt.", ("items", "LEMON TEA, CHICKEN RICE (L) and Tofu")),
        ("What is on this bill?", ("items", "LEMON TEA, CHICKEN RICE (L) and Tofu")),
        ("How much is the lemon tea?", ("price of lemon tea", "5.60")),
        ("What did the chicken cost?", ("price of chicken", "12.50")),
        ("What is the price of the teas?", ("price of teas", "5.60")),
        ("How much was paid for tofu?", ("price of tofu", "3.00")),
        ("How much was the pizza?", ("price of pizza", None)),
        ("Which item is the cheapest?", ("cheapest", "Tofu")),
        ("What was the most expensive thing?", ("most expensive", "CHICKEN RICE (L)")),
        ("How much is the most expensive item?", ("most expensive", "12.50")),
        ("How many items were bought?", ("how many", "3")),
        ("How many things are on the receipt?", ("how many", "3")),
        ("How many items are there?", ("", None)),
        ("How much is the total?", ("", None)),
        ("How much did they pay?", ("", None)),
        ("How much tax was paid?", ("", None)),
        ("What is the address on this receipt?", ("", None)),
        ("What is the date on the receipt?", ("", None)),
        ("What color is the bought shirt?", ("", None)),
    ],
)
def test_what_is_asked_of_it(question: str, told: tuple[str, str | None]) -> None:
    found = sold(question, BESIDE)
    assert (found.what, next(iter(found.lines.values()), None)) == told


def test_a_long_list_is_cut_between_two_things() -> None:
    lines = [f"VERY LONG NAME OF A THING NUMBER {'I' * i} 1.00" for i in range(1, 9)]
    (told,) = (text for text in sold("What was bought?", lines).lines.values() if text)
    assert told.startswith("VERY LONG NAME")
    assert told.endswith(" and 1 more")


@pytest.mark.parametrize("part", [" 1 *", "@", " 12 x", ".s", "1,111", "- ", " RM", "((", "9.99 x"])
def test_hostile_lines_are_read_in_no_more_time_than_they_have_signs(part: str) -> None:
    for line in (f"TEA {part * 300} z", f"{part * 300} TEA 5.60", f"TEA 5.60 {part * 300}"):
        goods([line, line])  # would never end if ways to read it multiplied
    sold(f"How much is {part * 300} z?", ["TEA 5.60"])


def read(lines: list[str]) -> Finding:
    regions = tuple(Region((0.0, 40.0 * i, 200.0, 40.0 * i + 20), line, 0.9) for i, line in enumerate(lines))
    return Finding("ocr", "text", "", regions, size=(300, 900))


def test_it_is_quoted_and_supported_by_its_lines() -> None:
    asked = "What was bought?"
    lines = [line.text for line in evidence(asked, [read(BESIDE)]) if not line.doubt]
    assert lines == ["Text (items): LEMON TEA, CHICKEN RICE (L) and Tofu"]
    answer = quotable(asked, lines).only
    assert answer == "LEMON TEA, CHICKEN RICE (L) and Tofu"
    (held,) = weigh(Question(asked), [read(BESIDE)], answer)
    assert held.stance == "supports"
    assert [region.label for region in held.regions] == [BESIDE[i] for i in (4, 5, 6)]


def test_how_many_there_are_is_counted_unless_the_receipt_says_it() -> None:
    asked = "How many items were bought?"
    (held,) = weigh(Question(asked), [read(BESIDE)], "3")
    assert held.stance == "supports"
    assert [region.label for region in held.regions] == [BESIDE[i] for i in (4, 5, 6)]
    assert [held.stance for held in weigh(Question(asked), [read(BESIDE)], "30")] == ["contradicts"]
    for how in (asked, "How many different dishes were ordered?", "How many things are on the bill?"):
        assert sold(how, ABOVE).what == ""
        assert keyed(how, ABOVE).lines
    told = [line.text for line in evidence(asked, [read(ABOVE)]) if not line.doubt]
    assert told == ["Text (number of items): 2"]
    assert quotable(asked, told).only == "2"


def test_whether_one_is_the_cheapest_is_not_answered_with_its_name() -> None:
    for asked in ("Is the lemon tea the cheapest item?", "Is tofu the most expensive thing on the bill?"):
        told = [line.text for line in evidence(asked, [read(BESIDE)]) if not line.doubt]
        assert quotable(asked, told).only == ""


def test_an_answer_that_was_not_read_has_no_share_of_the_words_read() -> None:
    asked = Question("How many items were bought?")
    told = {said: features(asked, [read(BESIDE)], (), said, None) for said in ("3", "30")}
    shares = {said: of_it["reading: share of the words read"] for said, of_it in told.items()}
    assert shares == {"3": 1.0, "30": 0.0}


def test_of_what_is_not_sold_no_price_is_told() -> None:
    asked = "How much was the pizza?"
    assert [line.text for line in evidence(asked, [read(BESIDE)]) if not line.doubt] == ["Text: none found"]


def test_a_price_that_was_read_takes_no_sight_of_the_thing() -> None:
    asked = Question("How much is the pizza?")
    blind = Finding("detect", "objects", "", (), vocabulary=LABELS, size=(300, 900))
    findings = (read(["MENU", "Pizza 8.50", "Soup 4.00"]), blind)
    given = Answer("8.50", None, asked, Route(("ocr",), "", "rules"), findings, Prompt("", (), (), 0, 0), CORE, {})
    assert judged(given, min_confidence=0.1).text == "8.50"
    assert judged(replace(given, findings=(blind,)), min_confidence=0.1).abstention
