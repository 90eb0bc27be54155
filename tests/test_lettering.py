"""Text of any script, on one line or wrapped."""

from __future__ import annotations

import pytest
from PIL import Image, ImageDraw

from vqa.lettering import Lettering, printable

LETTERS = Lettering(20)


def written(text: str, letters: Lettering = LETTERS) -> bytes:
    picture = Image.new("RGB", (400, 40), "white")
    letters.write(ImageDraw.Draw(picture), (5, 5), text, "black")
    return picture.tobytes()


@pytest.mark.parametrize("text", ["Zürich", "Ελλάδα", "Москва", "€ → …"])
def test_european_scripts_need_no_question_marks(text: str) -> None:
    assert written(text) != written("".join(c if c == " " else "?" for c in text))


def test_what_no_font_has_becomes_a_question_mark() -> None:
    assert written("a\U00013000b") == written("a?b")  # an Egyptian hieroglyph


def test_bold_letters_are_heavier() -> None:
    assert written("answer", Lettering(20, bold=True)).count(0) > written("answer").count(0)


def test_text_stays_within_its_line_height() -> None:
    picture = Image.new("L", (400, 100), "white")
    LETTERS.write(ImageDraw.Draw(picture), (5, 30), "Ågjpqy|", "black")
    box = picture.point(lambda value: 255 - value).getbbox()
    assert box is not None
    assert box[0] >= 4
    assert box[1] >= 30
    assert box[3] <= 30 + LETTERS.line_height
    assert abs(box[2] - 5 - LETTERS.width("Ågjpqy|")) < 4


def test_wrapped_lines_fit_and_lose_nothing() -> None:
    text = "How many people are waiting for the bus, and what does the sign above them say? " * 3
    lines = LETTERS.wrap(text, 200, 100)
    assert all(LETTERS.width(line) <= 200 for line in lines)
    assert " ".join(lines) == text.strip()


def test_words_longer_than_a_line_are_cut() -> None:
    lines = LETTERS.wrap("x" * 200, 100, 100)
    assert "".join(lines) == "x" * 200
    assert all(LETTERS.width(line) <= 100 for line in lines)


def test_more_lines_than_allowed_end_in_an_ellipsis() -> None:
    lines = LETTERS.wrap("word " * 100, 200, 2)
    assert len(lines) == 2
    assert lines[-1].endswith("…")
    assert LETTERS.width(lines[-1]) <= 200
    assert LETTERS.wrap("", 200, 2) == []


def test_a_line_narrower_than_a_letter_still_ends() -> None:
    assert "".join(LETTERS.wrap("abc", 1, 10)) == "abc"
    assert LETTERS.shorten("abc", 1) == "…"


def test_printable_text_is_one_harmless_line() -> None:
    assert printable(" a\n\tb\x00c\u202ed\udcff ") == "a b\ufffdc\ufffdd\ufffd"
    assert printable(printable("a\x00")) == printable("a\x00")
