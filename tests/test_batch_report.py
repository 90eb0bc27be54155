"""The page of a run: everything in it, nothing that acts, small enough for thousands of rows."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import re
from pathlib import Path

from PIL import Image

from vqa.agent.batch.growing import Growing
from vqa.agent.batch.outcomes import Outcome
from vqa.agent.batch.report_page import ReportPage
from vqa.agent.batch.rows import Row
from vqa.agent.windows import Failed
from vqa.errors import InputError
from vqa.images import load_image
from vqa.report import visible
from vqa.values import Answer, Finding, Prompt, Question, Region, Route, SecondLook

EVIL = "</script><script>alert(1)</script><!-- \u2028 \udcff"


def outcome(number: int, *, text: str = "1", colour: str = "red") -> Outcome:
    image = load_image(Image.new("RGB", (800, 400), colour))
    regions = (Region((80, 40, 160, 80), "bus", 0.9), Region((0, 0, 8, 4), "car", 0.1))
    findings = (Finding("detect", "objects", text, regions, size=(800, 400)),)
    route = Route(("detect",), "asks how many", "rules")
    row = Row(number, "a.jpg", f"How many {text}?", answers=("2",), line=number)
    question = Question(row.question, row.image)
    return Outcome(row, Answer(text, 0.5, question, route, findings, Prompt("", (), (), 0, 0), "echo", {}, (), image))


def page(path: Path, *outcomes: Outcome) -> str:
    file = Growing(path, path.stat().st_size if path.exists() else 0)
    made = ReportPage(file)
    for one in outcomes:
        made.add(one)
    file.close()
    return path.read_text(encoding="utf-8")


def elements(text: str, kind: str) -> list[str]:
    return re.findall(rf'<script type="text/x-vqa-{kind}"[^>]*>(.*?)</script>\n', text)


def test_a_row_carries_what_the_page_shows(tmp_path: Path) -> None:
    text = page(tmp_path / "r.html", outcome(1))
    (row,) = map(json.loads, elements(text, "row"))
    assert (row["id"], row["answer"], row["confidence"], row["reason"]) == (1, "1", 0.5, "asks how many")
    assert row["findings"][0]["regions"] == [[100, 100, 200, 200, "bus", 0.9]]  # thousandths; unsure ones stay out
    assert f'id="{row["picture"]}"' in text
    with Image.open(io.BytesIO(base64.b64decode(elements(text, "picture")[0]))) as picture:
        assert picture.size == (320, 160)


def test_a_picture_is_in_the_page_once_however_many_questions_it_has(tmp_path: Path) -> None:
    text = page(tmp_path / "r.html", outcome(1), outcome(2), outcome(3, colour="blue"))
    assert len(elements(text, "picture")) == 2
    assert len(elements(text, "row")) == 3


def test_a_row_says_what_was_looked_at_again_and_why_its_answer_is_withheld(tmp_path: Path) -> None:
    first = outcome(1)
    assert isinstance(first.result, Answer)
    look = SecondLook("2 of 3 buses under 0.35", (80, 40, 400, 200), "3 instead of 2")
    findings = (dataclasses.replace(first.result.findings[0], second_looks=(look,)),)
    unsure = dataclasses.replace(first.result, findings=findings, abstention="no text was found", withheld="3")
    (row,) = map(json.loads, elements(page(tmp_path / "r.html", Outcome(first.row, unsure)), "row"))
    assert row["findings"][0]["looks"] == [[100, 100, 500, 500, "2 of 3 buses under 0.35", "3 instead of 2"]]
    assert (row["abstention"], row["withheld"]) == ("no text was found", "3")


def test_a_failed_row_says_where_and_why(tmp_path: Path) -> None:
    failed = Outcome(Row("x", "b.jpg", "Why?", line=4), Failed("picture", InputError("no such file")))
    (row,) = map(json.loads, elements(page(tmp_path / "r.html", failed), "row"))
    assert row["error"] == {"stage": "picture", "message": "no such file"}
    assert row["line"] == 4


def test_nothing_that_was_read_or_written_ends_its_element(tmp_path: Path) -> None:
    text = page(tmp_path / "r.html", outcome(1, text=EVIL))
    (row,) = map(json.loads, elements(text, "row"))
    assert row["answer"] == visible(EVIL)  # the same, with what cannot be seen by number
    assert text.count("<script") == 1 + 2  # the page's own, a row and a picture
    assert "innerHTML" not in text  # rows are shown through textContent alone
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")  # nothing is fetched


def test_a_page_goes_on_where_it_was(tmp_path: Path) -> None:
    page(tmp_path / "r.html", outcome(1))
    text = page(tmp_path / "r.html", outcome(2))
    assert text.count("<!doctype html>") == 1
    assert [json.loads(row)["id"] for row in elements(text, "row")] == [1, 2]
