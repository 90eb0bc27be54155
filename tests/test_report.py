"""The HTML of an answer: everything in it, nothing that acts, nothing beside it."""

from __future__ import annotations

import base64
import dataclasses
import io
import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from vqa.images import load_image
from vqa.report import html
from vqa.values import Answer, Finding, Prompt, Question, Region, Route, SecondLook

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> & \x00\x1b \u202egpj.exe\u2069 \udcff"
ROUTE = Route(("detect", "ocr"), "asks how many", "rules")
BUS = Finding("detect", "objects", "a bus", (Region((10.4, 20, 30, 40), "bus", 0.9),), notes=("two tiles",))
FAILED = Finding("ocr", "text", "", error="no weights")


class Page(HTMLParser):
    """Collects what a browser would see, and checks that every element is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("img", "br"):
            self._open.append(tag)
        if tag == "td":
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if "td" in self._open:
            self.cells[-1] += data


def answer(words: str = "1", *findings: Finding, size: tuple[int, int] = (1600, 800)) -> Answer:
    image = load_image(Image.new("RGB", size, "grey"))
    question = Question("How many buses?", "a.jpg")
    return Answer(words, 0.5, question, ROUTE, findings, Prompt("", (), (), 0, 0), "echo", {}, ("a note",), image)


def test_the_answer_its_reason_and_its_evidence_are_there() -> None:
    page = Page(answer("one bus", BUS, FAILED)._repr_html_())
    for words in ("How many buses?", "one bus", "echo", "confidence 0.50", "asks how many", "a note"):
        assert words in page.text
    rows = [page.cells[i : i + 4] for i in range(0, len(page.cells), 4)]
    assert rows == [
        ["detect", "a bus; two tiles", "", ""],
        ["detect", "bus", "0.90", "10, 20, 30, 40"],
        ["ocr", "failed: no weights", "", ""],
    ]


def test_a_second_look_says_where_why_and_what_came_of_it() -> None:
    look = SecondLook("1 of 2 buses under 0.35", (0, 10, 90, 80), "2 instead of 1")
    page = Page(html(answer("2", dataclasses.replace(BUS, second_looks=(look,)))))
    assert "detect looked again at 0, 10 to 90, 80, 1 of 2 buses under 0.35: 2 instead of 1" in page.text


def test_the_thumbnail_is_a_picture_in_the_page_itself() -> None:
    (image,) = [attributes for tag, attributes in Page(html(answer("1", BUS))).tags if tag == "img"]
    kind, data = str(image["src"]).split(",", 1)
    assert kind == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as thumbnail:
        assert thumbnail.size == (640, 320)


def test_an_answer_without_its_picture_has_no_thumbnail() -> None:
    page = Page(html(dataclasses.replace(answer("1", BUS), image=None)))
    assert "img" not in [tag for tag, _ in page.tags]
    assert "bus" in page.cells


def test_nothing_that_was_read_or_written_acts_in_the_page() -> None:
    finding = Finding(EVIL, "text", EVIL, (Region((0, 0, 1, 1), EVIL, 1.0),), notes=(EVIL,))
    failed = Finding(EVIL, "text", EVIL, error=EVIL)
    value = dataclasses.replace(
        answer(EVIL, finding, failed),
        question=Question(EVIL),
        route=Route((), EVIL, EVIL),
        core=EVIL,
        notes=(EVIL,),
    )
    assert value.image is not None
    value = dataclasses.replace(value, image=dataclasses.replace(value.image, source=EVIL))
    text = html(value)
    page = Page(text)
    assert {tag for tag, _ in page.tags} <= {
        "div",
        "img",
        "details",
        "summary",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    }
    assert {name for _, attributes in page.tags for name in attributes} <= {"class", "style", "src", "alt", "open"}
    assert len([tag for tag, _ in page.tags if tag == "img"]) == 1
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text)
    assert "[U+202E]gpj.exe[U+2069]" in text
    text.encode("utf-8")


@pytest.mark.parametrize("size", [(1, 1), (3000, 1)])
def test_any_size_of_picture_has_a_thumbnail(size: tuple[int, int]) -> None:
    assert "<img" in html(answer("1", BUS, size=size))


def test_numbered_lines_have_their_numbers_in_the_table() -> None:
    lines = Finding("ocr", "text", "x", tuple(Region((0, i, 9, i + 1), f"line {i}", 0.9) for i in range(13)))
    assert "13: line 12" in Page(html(answer("1", lines))).cells


def test_line_breaks_stay_line_breaks() -> None:
    assert "one<br>two" in html(answer("one\ntwo"))
