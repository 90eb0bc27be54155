"""Every format of question file gives the same rows, and a malformed row costs only itself."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from vqa.agent.batch.reading import read_rows, recognise
from vqa.agent.batch.rows import BadRow, Row
from vqa.errors import InputError

ROWS = [
    Row(1, "a.jpg", "How many, really?", line=1),
    Row(2, "b.jpg", '얼마 "now"?', choices=("one", "two"), answers=("two",), line=2),
]


def as_jsonl(path: Path) -> None:
    lines = [
        {"id": 1, "image": "a.jpg", "question": "How many, really?"},
        {"id": 2, "image": "b.jpg", "question": '얼마 "now"?', "choices": ["one", "two"], "answers": ["two"]},
    ]
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")


def as_llava(path: Path) -> None:
    lines = [
        {"question_id": 1, "image": "a.jpg", "text": "How many, really?", "category": "conv"},
        {"question_id": 2, "image": "b.jpg", "text": '얼마 "now"?', "choices": ["one", "two"], "answers": ["two"]},
    ]
    path.write_text("\ufeff" + "\n\n".join(json.dumps(line, ensure_ascii=False) for line in lines), encoding="utf-8")


def as_table(mark: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        lines = [
            ("id", "image", "question", "choices", "answers"),
            ("1", "a.jpg", '"How many, really?"', "", ""),
            ("2", "b.jpg", '"얼마 ""now""?"', "one|two", '"[""two""]"'),
        ]
        path.write_text("\r\n".join(mark.join(line) for line in lines) + "\r\n", encoding="utf-8")

    return write


def as_parquet(path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'vqa-agent[parquet]'")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {
        "question": [row.question for row in ROWS],
        "image": [row.image for row in ROWS],
        "id": [1.0, 2.0],  # whole numbers in a column that had gaps
        "choices": [None, ["one", "two"]],
        "answers": [[], ["two"]],
        "embedding": [[0.5], [0.5]],
    }
    parquet.write_table(pyarrow.table(columns), path)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("q.jsonl", as_jsonl),
        ("q.json", as_llava),
        ("q.csv", as_table(",")),
        ("q.tsv", as_table("\t")),
        ("q.txt", as_table("\t")),
        ("q", as_jsonl),
        ("q.parquet", as_parquet),
    ],
)
def test_every_format_gives_the_same_rows(
    name: str, write: Callable[[Path], None], zipped: bool, tmp_path: Path
) -> None:
    write(tmp_path / name)
    if zipped:
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress((tmp_path / name).read_bytes()))
        name = f"{name}.gz"
    found = [row for row in read_rows(tmp_path / name) if isinstance(row, Row)]
    assert [(str(r.id), r.image, r.question, r.choices, r.answers) for r in found] == [
        (str(r.id), r.image, r.question, r.choices, r.answers) for r in ROWS
    ]


def test_vqa_v2_questions_get_the_official_names_of_their_pictures(tmp_path: Path) -> None:
    questions = [
        {"image_id": 262148, "question": "Where is he?", "question_id": 262148000},
        {"image_id": 7, "question_id": 7},
    ]
    whole = {"data_type": "mscoco", "data_subtype": "val2014", "questions": questions}
    (tmp_path / "q.json").write_text(json.dumps(whole))
    good, bad = read_rows(tmp_path / "q.json")
    assert good == Row(262148000, "COCO_val2014_000000262148.jpg", "Where is he?", line=1)
    assert isinstance(bad, BadRow)
    assert (bad.id, bad.line) == (7, 2)
    (row, _) = read_rows(tmp_path / "q.json", image_pattern="{image_id}.png")
    assert isinstance(row, Row)
    assert row.image == "262148.png"
    with pytest.raises(InputError, match="cannot be filled in"):
        list(read_rows(tmp_path / "q.json", image_pattern="{picture}.png"))
    (tmp_path / "q.json").write_text(json.dumps({"questions": questions}))
    with pytest.raises(InputError, match="--image-pattern"):
        list(read_rows(tmp_path / "q.json"))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{half", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[1]", "expected an object"),
        (b'{"id": [1], "image": "a", "question": "b"}', "expected text or a whole number"),
        (b'{"id": true, "image": "a", "question": "b"}', "expected text or a whole number"),
        (b'{"image": "a"}', "no 'question'; the row has image"),
        (b'{"image": "a", "question": 7}', "expected text"),
        (b'{"image": "a", "question": "   "}', "the question is empty"),
        (b'{"image": null, "question": "a"}', "the image is empty"),
        (b'{"image": "a", "question": "b", "choices": {"a": 1}}', "expected a list of texts"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_malformed_line_says_why_and_costs_only_itself(line: bytes, why: str, tmp_path: Path) -> None:
    good = b'{"image": "a", "question": "b"}\n'
    (tmp_path / "q.jsonl").write_bytes(good + line + b"\n" + good)
    first, bad, last = read_rows(tmp_path / "q.jsonl")
    assert isinstance(bad, BadRow)
    assert bad.line == 2
    assert why in bad.reason
    assert first == Row(1, "a", "b", line=1)  # its line is the id of a row that has none
    assert last == Row(3, "a", "b", line=3)


def test_a_malformed_record_of_a_table_costs_only_itself(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_bytes(
        b'id,image,question\n1,a,"two\nlines?"\n2,b\n3,c,\xff\n4,d,Four?\n5,e,"never closed\n'
    )
    found = list(read_rows(tmp_path / "q.csv"))
    assert [(row.line, type(row)) for row in found] == [(2, Row), (4, BadRow), (5, BadRow), (6, Row), (7, BadRow)]
    assert [row.reason for row in found if isinstance(row, BadRow)] == [
        "2 cells, but the header has 3 columns",
        "not UTF-8",
        "not a row of the table (unexpected end of data)",
    ]


@pytest.mark.parametrize("image", ["image", "image_path", "Filename", "file", "Photo", "URL"])
@pytest.mark.parametrize("question", ["question", "Text", "prompt"])
def test_the_columns_may_be_called_what_people_call_them(image: str, question: str, tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text(f"{question},{image}\nWhere?,a.jpg\n")
    assert list(read_rows(tmp_path / "q.csv")) == [Row(2, "a.jpg", "Where?", line=2)]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("q.bin", b"\x00\x01\x02", "name it with --format"),
        ("q.csv", b"a,b\n1,2\n", "no column for the image and the question; call them image and question"),
        ("q.csv", b"image,b\n1,2\n", "no column for the question; call"),
        ("q.json", b'{"data_type": "mscoco", "questions": [', "not a VQA v2 questions file"),
        ("q.parquet", b"PAR1 and no more", "not a whole Parquet file"),
    ],
)
def test_a_file_that_is_no_question_file_is_refused_in_one_line(
    name: str, content: bytes, why: str, tmp_path: Path
) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'vqa-agent[parquet]'")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=why) as error:
        list(read_rows(tmp_path / name))
    assert "\n" not in str(error.value)


def test_a_missing_file_a_folder_and_an_unknown_format_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        list(read_rows(tmp_path / "none.jsonl"))
    with pytest.raises(InputError, match="--question"):
        list(read_rows(tmp_path))
    with pytest.raises(InputError, match="did you mean 'jsonl'"):
        list(read_rows(tmp_path, format="json"))


def test_content_beats_the_ending_where_they_disagree() -> None:
    assert recognise("q.jsonl", b'{"info": {}, "questions": [{') == "vqa-v2"
    assert recognise("q.json", b'{"id": 1, "question": "\\"questions\\": ["}') == "jsonl"
    assert recognise("q.csv", b"PAR1") == "parquet"
