"""Readers of data sets: what becomes of each published layout, and what is refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from vqa.agent.evaluation.cases import Case
from vqa.agent.evaluation.datasets import READERS, read_cases
from vqa.agent.evaluation.predictions import read_predictions
from vqa.errors import InputError


def write(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def write_lines(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n", encoding="utf-8")
    return path


def told(case: Case) -> tuple[Any, ...]:
    row = case.row
    return row.id, row.image, row.question, row.answers, case.type, case.metric


VQA_QUESTIONS = {
    "data_type": "mscoco",
    "data_subtype": "val2014",
    "questions": [{"image_id": 42, "question": "Is it red?", "question_id": 42001}],
}
VQA_ANNOTATIONS = {
    "annotations": [
        {
            "question_id": 42001,
            "image_id": 42,
            "answer_type": "yes/no",
            "question_type": "is it",
            "answers": [{"answer": "yes", "answer_id": i} for i in range(1, 11)],
        }
    ]
}


def test_vqa_v2_finds_its_annotations_beside_it(tmp_path: Path) -> None:
    questions = write(tmp_path / "v2_OpenEnded_mscoco_val2014_questions.json", VQA_QUESTIONS)
    write(tmp_path / "v2_mscoco_val2014_annotations.json", VQA_ANNOTATIONS)
    (case,) = read_cases(questions)
    assert told(case) == (42001, "COCO_val2014_000000000042.jpg", "Is it red?", ("yes",) * 10, "yes/no", "vqa")


def test_vqa_v2_takes_annotations_by_name_and_says_when_they_are_missing(tmp_path: Path) -> None:
    questions = write(tmp_path / "q.json", VQA_QUESTIONS)
    with pytest.raises(InputError, match="--annotations"):
        read_cases(questions)
    assert len(read_cases(questions, annotations=write(tmp_path / "a.json", VQA_ANNOTATIONS))) == 1
    with pytest.raises(InputError, match="no annotation for question 42001"):
        read_cases(questions, annotations=write(tmp_path / "b.json", {"annotations": []}))


def test_pope_a_file_and_a_folder(tmp_path: Path) -> None:
    row = {"question_id": 1, "image": "COCO_val2014_1.jpg", "text": "Is there a dog in the image?", "label": "no"}
    for split in ("random", "popular", "adversarial"):
        write_lines(tmp_path / f"coco_pope_{split}.json", row, {**row, "question_id": 2, "label": "yes"})
    (first, _) = read_cases(tmp_path / "coco_pope_popular.json")
    assert told(first) == (1, "COCO_val2014_1.jpg", row["text"], ("no",), "popular", "pope")
    whole = read_cases(tmp_path)
    assert [case.row.id for case in whole][:3] == ["random/1", "random/2", "popular/1"]
    assert {case.type for case in whole} == {"random", "popular", "adversarial"}


@pytest.mark.parametrize(("texts", "images"), [("", ""), ("questions_answers_YN", "images")])
def test_mme_in_both_layouts(tmp_path: Path, texts: str, images: str) -> None:
    for folder in (tmp_path / "count" / texts, tmp_path / "count" / images):
        folder.mkdir(parents=True, exist_ok=True)
    (tmp_path / "count" / images / "a.jpg").touch()
    lines = "Are there two cats? Please answer yes or no.\tYes\nAre there three?\tNo\n"
    (tmp_path / "count" / texts / "a.txt").write_text(lines, encoding="utf-8")
    first, second = read_cases(tmp_path)
    picture = str((tmp_path / "count" / images / "a.jpg").absolute())
    question = "Are there two cats? Please answer yes or no."
    assert told(first) == ("count/a.jpg#1", picture, question, ("Yes",), "count", "mme")
    assert (second.row.id, second.row.answers) == ("count/a.jpg#2", ("No",))


def test_textvqa(tmp_path: Path) -> None:
    item = {"question_id": 5, "image_id": "0ab", "question": "what brand?", "answers": ["dakota"] * 10}
    (case,) = read_cases(write(tmp_path / "TextVQA_0.5.1_val.json", {"dataset_name": "textvqa", "data": [item]}))
    assert told(case) == (5, "0ab.jpg", "what brand?", ("dakota",) * 10, "", "textvqa")


def test_stvqa_and_docvqa(tmp_path: Path) -> None:
    stvqa = {"question_id": 7, "file_path": "coco-text/a.jpg", "file_name": "a.jpg", "question": "what?"}
    (case,) = read_cases(write(tmp_path / "s.json", {"data": [{**stvqa, "answers": ["stop"], "dataset": "coco-text"}]}))
    assert told(case) == (7, "coco-text/a.jpg", "what?", ("stop",), "coco-text", "anls")
    docvqa = {"questionId": 9, "image": "documents/x.png", "question": "date?", "answers": ["1/1/93"]}
    (case,) = read_cases(write(tmp_path / "d.json", {"data": [docvqa]}))
    assert told(case) == (9, "documents/x.png", "date?", ("1/1/93",), "", "anls")


def test_gqa(tmp_path: Path) -> None:
    item = {"imageId": "2354", "question": "Is it sunny?", "answer": "yes", "types": {"structural": "verify"}}
    (case,) = read_cases(write(tmp_path / "g.json", {"201307251": item}))
    assert told(case) == ("201307251", "2354.jpg", "Is it sunny?", ("yes",), "verify", "exact")


def test_mm_vet(tmp_path: Path) -> None:
    item = {"imagename": "v1_0.png", "question": "x?", "answer": "-1<AND>-5", "capability": ["ocr", "math"]}
    (case,) = read_cases(write(tmp_path / "mm-vet.json", {"v1_0": item}))
    assert told(case) == ("v1_0", "v1_0.png", "x?", ("-1<AND>-5",), "math+ocr", "contains")


def test_llava_bench_takes_the_references_beside_it(tmp_path: Path) -> None:
    row = {"question_id": 0, "image": "001.jpg", "text": "What is this?", "category": "conv"}
    questions = write_lines(tmp_path / "questions.jsonl", row, {**row, "question_id": 1})
    assert [case.row.answers for case in read_cases(questions)] == [(), ()]
    write_lines(tmp_path / "answers_gpt4.jsonl", {"question_id": 0, "text": "Diamond Head."})
    first, second = read_cases(tmp_path)
    assert told(first) == (0, "001.jpg", "What is this?", ("Diamond Head.",), "conv", "none")
    assert second.row.answers == ()


def test_easy_vqa_as_the_package_has_it(tmp_path: Path) -> None:
    write(tmp_path / "questions.json", [["what is the red shape?", "triangle", 0], ["is it red?", "no", 3]])
    (tmp_path / "images").mkdir()
    for source in (tmp_path, tmp_path / "questions.json"):
        first, second = read_cases(source)
        picture = str(tmp_path / "images" / "0.png")
        assert told(first) == (1, picture, "what is the red shape?", ("triangle",), "shape", "exact")
        assert (second.type, second.row.id) == ("yes/no", 2)


def test_captions_as_rows_as_a_table_and_as_coco(tmp_path: Path) -> None:
    question = "Describe the image in one sentence."
    (case,) = read_cases(write_lines(tmp_path / "c.jsonl", {"image": "a.jpg", "captions": ["A dog.", "A cat."]}))
    assert told(case) == ("a.jpg", "a.jpg", question, ("A dog.", "A cat."), "", "captions")
    table = tmp_path / "captions.csv"
    table.write_text('image,caption\na.jpg,A dog.\nb.jpg,"A cat, asleep."\na.jpg,One dog.\n', encoding="utf-8")
    assert [case.row.answers for case in read_cases(table)] == [("A dog.", "One dog."), ("A cat, asleep.",)]
    coco = {
        "images": [{"id": 9, "file_name": "9.jpg"}, {"id": 10, "file_name": "10.jpg"}],
        "annotations": [{"image_id": 9, "caption": "A dog."}, {"image_id": 9, "caption": "A cat."}],
    }
    (case,) = read_cases(write(tmp_path / "captions_val2014.json", coco))
    assert told(case) == (9, "9.jpg", question, ("A dog.", "A cat."), "", "captions")


@pytest.mark.parametrize(
    ("row", "metric"),
    [
        ({"answers": ["a"]}, "exact"),
        ({"answer": "a"}, "exact"),
        ({"answers": ["a"] * 10}, "vqa"),
        ({"answers": ["a"], "choices": ["a", "b"]}, "choice"),
        ({"answers": ["3"], "type": "count"}, "count"),
        ({"answers": ["A dog."], "type": "caption"}, "captions"),
        ({"answers": ["a"], "metric": "anls"}, "anls"),
    ],
)
def test_our_rows_are_scored_by_what_they_have(tmp_path: Path, row: dict[str, Any], metric: str) -> None:
    path = write_lines(tmp_path / "q.jsonl", {"image": "a.jpg", "question": "?", **row})
    (case,) = read_cases(path)
    assert case.metric == metric
    assert read_cases(path, metric="contains")[0].metric == "contains"


def test_gzip_and_tables_are_read(tmp_path: Path) -> None:
    packed = tmp_path / "q.jsonl.gz"
    packed.write_bytes(gzip.compress(b'{"image": "a.jpg", "question": "?", "answers": ["a"]}\n'))
    assert len(read_cases(packed)) == 1
    table = tmp_path / "q.tsv"
    table.write_text("id\timage\tquestion\tanswers\tchoices\nx\ta.jpg\t?\tred\tred|blue\n", encoding="utf-8")
    (case,) = read_cases(table)
    assert (case.row.choices, case.metric) == (("red", "blue"), "choice")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"image": "a.jpg", "question": "?"}', "no `answers` to score against"),
        ('{"image": "a.jpg", "question": "?", "answers": ["a"], "metric": "vqua"}', "did you mean 'vqa'"),
        ('{"image": "a.jpg", "question": "?", "answers": ["a"]}\n{broken', "line 2: not JSON"),
        ('{"image": "a.jpg", "question": "", "answers": ["a"]}', "line 1: the question is empty"),
        ('{"image": "a.jpg", "question": "?", "answer": "a", "confidence": 1.0}', "no `answers` to score against"),
        ("[1, 2]", "none of the formats"),
        ("", "none of the formats"),
        (
            '{"id": 1, "image": "a.jpg", "question": "?", "answers": ["a"]}\n'
            '{"id": "1", "image": "a.jpg", "question": "?", "answers": ["a"]}',
            "id '1' is there twice",
        ),
    ],
)
def test_what_cannot_be_scored_is_refused_in_one_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message) as refused:
        read_cases(path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", sorted(READERS))
def test_a_wrong_format_name_is_one_line(tmp_path: Path, name: str) -> None:
    path = write_lines(tmp_path / "q.jsonl", {"something": 1}, {"else": 2})
    with pytest.raises(InputError):
        read_cases(path, format=name)


def cases(tmp_path: Path, *ids: int | str) -> list[Case]:
    rows = [{"id": i, "image": "a.jpg", "question": "?", "answers": ["a"]} for i in ids]
    return read_cases(write_lines(tmp_path / "cases.jsonl", *rows))


@pytest.mark.parametrize(
    "rows",
    [
        [{"id": 2, "answer": "b", "confidence": 0.5}, {"id": 1, "answer": "a"}],
        [
            {"question_id": 1, "text": "a", "metadata": {}},
            {"question_id": 2, "text": "b", "metadata": {"confidence": 0.5}},
        ],
        [{"answer": "a", "question": {"id": "1"}}, {"answer": "b", "confidence": 0.5, "question": {"id": "2"}}],
        [{"answer": "a"}, {"answer": "b", "confidence": 0.5}],
    ],
    ids=["ours", "llava", "vqa-ask", "in-order"],
)
def test_predictions_of_every_kind_meet_their_questions(tmp_path: Path, rows: list[Any]) -> None:
    said = read_predictions(write_lines(tmp_path / "p.jsonl", *rows), cases(tmp_path, 1, 2))
    assert [p.answer for p in said] == ["a", "b"]
    assert [p.confidence for p in said] == [None, 0.5]


def test_vqa_v2_results_and_failed_rows(tmp_path: Path) -> None:
    results = [{"question_id": 1, "answer": "a"}, {"question_id": 2, "answer": "", "error": "no picture"}]
    said = read_predictions(write(tmp_path / "results.json", results), cases(tmp_path, 1, 2))
    assert (said[0].answer, said[1].answer, said[1].error) == ("a", None, "no picture")


def test_experts_come_from_full_rows(tmp_path: Path) -> None:
    row = {"id": 1, "answer": "a", "confidence": 0.9, "route": {"experts": ["ocr"], "reason": "", "router": "rules"}}
    (said,) = read_predictions(write_lines(tmp_path / "p.jsonl", row), cases(tmp_path, 1))
    assert said.experts == ("ocr",)


def test_missing_predictions_are_refused_unless_allowed(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "p.jsonl", {"id": 1, "answer": "a"}, {"id": 99, "answer": "z"})
    asked = cases(tmp_path, 1, 2, 3)
    with pytest.raises(InputError, match=r"2 of 3 questions have no answer there \(the first is 2\)"):
        read_predictions(path, asked)
    assert [p.answer for p in read_predictions(path, asked, allow_missing=True)] == ["a", None, None]
    other = write_lines(tmp_path / "o.jsonl", {"id": "x", "answer": "a"})
    with pytest.raises(InputError, match="3 of 3"):
        read_predictions(other, asked, allow_missing=True)
