"""A page's title: its largest letters, as far as they go together. And who wrote it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from vqa.agent.documents.titles import author, title
from vqa.values import Region


def line(label: str, x0: float, y0: float, x1: float, height: float) -> Region:
    return Region((x0, y0, x1, y0 + height), label, 0.9)


SLIDE = [
    line("Journal 7", 0, 0, 60, 8),
    line("Channels and Distribution", 10, 20, 200, 20),
    line("Decisions for Global", 10, 44, 180, 19),
    line("Markets", 185, 45, 240, 18),
    line("Discuss channels", 40, 90, 160, 14),
    line("Channels in 2020", 40, 160, 160, 17),
]


@pytest.mark.parametrize(
    "question", ["What is the title?", "What does the heading say?", "What is the name of the book?", "제목이 뭐예요?"]
)
def test_the_title_is_one_line_of_the_largest_letters_that_stand_together(question: str) -> None:
    told = title(question, SLIDE)
    assert told.what == "title"
    assert told.lines == {1: "Channels and Distribution Decisions for Global Markets", 2: "", 3: ""}


def test_other_questions_and_pages_without_letters_have_none() -> None:
    assert not title("What is written on the slide?", SLIDE).what
    assert not title("What are the titles of the books?", SLIDE).what
    assert not title("What is the title?", [line("7", 0, 0, 90, 90)]).what
    assert title("What is the title?", [line("7", 0, 0, 9, 30), *SLIDE]).lines[2].startswith("Channels")


def test_letters_much_larger_or_far_away_are_not_of_it() -> None:
    page = [line("THE PAPER", 0, 0, 100, 30), line("Local news", 0, 35, 100, 12), line("MORE", 0, 200, 90, 29)]
    assert title("What is the headline?", page).lines == {0: "THE PAPER"}


def test_a_heading_no_larger_than_the_text_below_it_is_left_to_the_core() -> None:
    assert not title(
        "What is the heading?", [line(f"Line {number}", 0, 20 * number, 90, 16) for number in range(12)]
    ).what


def cover(*labels: str) -> list[Region]:
    return [line(label, 0, 40 * place, 200, 30 if place == 1 else 14) for place, label in enumerate(labels)]


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (("As seen on TV", "POLDARK", "Ross Poldark", "WINSTON GRAHAM"), "WINSTON GRAHAM"),
        (("Pierre Paul STEEN", "Des notes, la nuit", "Roman"), "Pierre Paul STEEN"),
        (("Second Edition", "The Change", "to Know to Stay", "LAURA E. CORIO. M.D."), "LAURA E. CORIO. M.D."),
        (("A Novel by Ursula K. Le Guin", "The Dispossessed", "Harper Collins"), "Ursula K. Le Guin"),
        (("Vincent van der Meer", "Sunflowers"), "Vincent van der Meer"),
        (("Wise Blood", "Flannery O'Connor"), "Flannery O'Connor"),
    ],
)
@pytest.mark.parametrize("question", ["Who is the author?", "Who wrote this book?", "What is the author's name?"])
def test_who_wrote_a_book_is_a_name_by_itself_outermost(question: str, lines: Sequence[str], name: str) -> None:
    told = author(question, cover(*lines))
    assert (told.what, list(told.lines.values())) == ("author", [name])


def test_where_no_name_stands_nobody_is_told_to_have_written_it() -> None:
    assert author("Who is the author?", cover("10 Reasons", "To Believe", "IN LIFE AFTER DEATH")).lines == {}
    assert author("Who is the author?", cover("10 Reasons", "To Believe")).what == "author"
    hostile = "Aa" + "'a" * 140 + "!"  # would never end if ways to read it multiplied
    assert author("Who is the author?", cover("Title", hostile)).lines == {}
    assert not author("What is the title?", cover("POLDARK", "WINSTON GRAHAM")).what
