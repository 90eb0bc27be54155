"""What a terminal gets to see: nothing that steers it, answers as they come, files only when there is something."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vqa.errors import InputError
from vqa.terminal import AnswerWriter, Output, check_writable, clean, columns, json_text, numbered
from vqa.values import Answer, Prompt, Question, Route

HOSTILE = "a\x1b[31mred\x1b]0;title\x07\x9b2J\r\x7f\u202eb\udc80"


def answer_of(text: str, question: str = "What?") -> Answer:
    return Answer(text, None, Question(question), Route((), "", "none"), (), Prompt("", (), (), 0, 0), "echo", {})


def test_clean_leaves_nothing_that_steers_a_terminal() -> None:
    assert clean(HOSTILE) == "a[31mred]0;title2Jb"


def test_clean_leaves_words_of_every_language() -> None:
    text = "two\nlines\tcafé 버스 אוטובוס حافلة 👩\u200d🚀"
    assert clean(text) == text


def test_json_is_safe_to_print_and_loses_nothing() -> None:
    text = json_text({"text": HOSTILE, "버스": 1})
    assert clean(text) == text
    assert json.loads(text) == {"text": HOSTILE, "버스": 1}
    assert "버스" in text


def test_columns_line_up_also_under_wide_letters() -> None:
    assert columns([("버스", "x"), ("a", "y\n z")]) == "버스  x\na     y z"


def test_text_is_written_as_it_comes(tmp_path: Path) -> None:
    file = tmp_path / "answer.txt"
    with Output(str(file)) as out:
        writer = AnswerWriter(out, as_json=False, several=False)
        seen = []
        for piece in ("  ", " four", " ", "people", "\n", " "):
            writer.piece("bus.jpg", "How many?", piece)
            seen.append(file.read_text() if file.exists() else None)
        writer.finish("bus.jpg", answer_of("four people", "How many?"))
    assert seen == [None, "four", "four", "four people", "four people", "four people"]
    assert file.read_text() == "four people\n"


def test_several_answers_are_one_line_each_after_picture_and_question(tmp_path: Path) -> None:
    file = tmp_path / "answers.tsv"
    with Output(str(file)) as out:
        writer = AnswerWriter(out, as_json=False, several=True)
        for piece in ("one\n", "two\tthree"):
            writer.piece("a.jpg", "What?", piece)
        writer.finish("a.jpg", answer_of("one\ntwo\tthree"))
        writer.finish("b.jpg", answer_of(""))
    assert file.read_text() == "a.jpg\tWhat?\tone two three\nb.jpg\tWhat?\t\n"


def test_a_run_that_writes_nothing_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "kept.txt"
    file.write_text("old")
    with Output(str(file)):
        pass
    assert file.read_text() == "old"


@pytest.mark.parametrize("bad", ["", "no/such/folder/out.txt"])
def test_a_file_that_cannot_be_written_is_noticed_at_once(tmp_path: Path, bad: str) -> None:
    with pytest.raises(InputError, match="cannot write"):
        Output(str(tmp_path / bad))


def test_a_file_in_a_folder_that_is_there_can_be_written(tmp_path: Path) -> None:
    check_writable(tmp_path / "out.png")
    assert list(tmp_path.iterdir()) == []


def test_several_files_are_numbered() -> None:
    assert numbered(Path("out.png"), 1, 1) == Path("out.png")
    assert [numbered(Path("a/out.png"), n, 2) for n in (1, 2)] == [Path("a/out-1.png"), Path("a/out-2.png")]
