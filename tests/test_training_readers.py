"""Every format of training data, and what becomes of rows that cannot be used."""

import io
import json
import tarfile

import pytest

from vqa.adapter_model.training.examples import BadRows, Example
from vqa.adapter_model.training.readers import read_examples
from vqa.adapter_model.training.recipe import Source
from vqa.errors import InputError


def read(path, kind, **changes):
    """Return the examples of a file and the rows left out."""
    bad = BadRows()
    return read_examples(Source(format=kind, path=str(path), **changes), bad), bad.named


def lines(path, *rows):
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def test_captions_of_one_picture_come_together_and_bad_lines_are_named(tmp_path):
    path = lines(
        tmp_path / "c.jsonl",
        {"image": "a.jpg", "split": "train", "captions": ["A dog.", "A  big\ndog.", "A dog."]},
        "{broken",
        {"image": "b.jpg", "split": "val", "captions": ["Not asked for."]},
        {"split": "train", "captions": ["Whose?"]},
        {"image": "c.jpg", "split": "train", "captions": [" "]},
        {"image": "d.jpg", "split": "train", "captions": 3},
        [1],
        {"image": "a.jpg", "split": "train", "caption": "One more."},
    )
    found, bad = read(path, "captions", where={"split": "train"})
    assert found == [Example("c.jsonl line 1", "a.jpg", "", ("A dog.", "A big dog.", "One more."))]
    assert bad == [
        "c.jsonl line 2: not JSON",
        "c.jsonl line 4: no image",
        "c.jsonl line 5: no captions",
        "c.jsonl line 6: no captions",
        "c.jsonl line 7: not an object",
    ]


@pytest.mark.parametrize(("name", "separator"), [("c.csv", ","), ("c.tsv", "\t")])
def test_captions_of_tables_with_columns_of_other_names(tmp_path, name, separator):
    rows = [("file", "comment"), ("a.jpg", "A dog."), ("a.jpg", "A hound."), ("b.jpg", "A cat.")]
    path = lines(tmp_path / name, *(separator.join(row) for row in rows))
    found, _ = read(path, "captions", fields={"image": "file", "captions": "comment"})
    assert [(e.image, e.answers) for e in found] == [("a.jpg", ("A dog.", "A hound.")), ("b.jpg", ("A cat.",))]


def test_of_many_captions_those_that_agree_are_learnt(tmp_path):
    told = ["A dog runs on a beach.", "My holidays!", "A brown dog runs on a beach.", "A dog on the beach runs."]
    others = [{"image": f"{i}.jpg", "captions": [f"{word} bird", f"a {word} bird"]} for i, word in enumerate("abcdefg")]
    path = lines(tmp_path / "c.jsonl", {"image": "a.jpg", "captions": told}, *others)
    found, _ = read(path, "captions", agreed=2)
    assert set(found[0].answers) == {told[0], told[2]}
    assert found[1].answers == ("a bird", "a a bird")  # there are no more
    assert read(path, "captions", agreed=9)[0] == read(path, "captions")[0]


def test_a_limit_is_one_of_examples(tmp_path):
    path = lines(tmp_path / "c.jsonl", *({"image": f"{i}.jpg", "captions": ["x"]} for i in range(5)))
    assert len(read(path, "captions", limit=2)[0]) == 2


def test_questions_of_a_picture_flat_or_in_a_list(tmp_path):
    path = lines(
        tmp_path / "q.jsonl",
        {
            "image": "a.jpg",
            "vqa": [
                {"question": "What is it?", "answer": "garbage_bin"},
                {"question": "How many?", "answers": ["2", "3", "3"]},
                {"question": "Why?"},
            ],
        },
        {"image": "b.jpg", "question": "Where?", "answer": "here"},
        {"image": "b.jpg", "question": "", "answer": "x"},
    )
    found, bad = read(path, "vqa")
    assert [(e.image, e.question, e.answers) for e in found] == [
        ("a.jpg", "What is it?", ("garbage bin",)),
        ("a.jpg", "How many?", ("3",)),
        ("b.jpg", "Where?", ("here",)),
    ]
    assert bad == ["q.jsonl line 1: no answer", "q.jsonl line 3: no question"]


def test_vqa_v2_joins_questions_and_annotations(tmp_path):
    questions = {
        "data_subtype": "train2014",
        "questions": [
            {"image_id": 9, "question_id": 90, "question": "What color?"},
            {"image_id": 9, "question_id": 91, "question": "Lost?"},
        ],
    }
    annotations = {"annotations": [{"question_id": 90, "multiple_choice_answer": "red", "answers": []}]}
    (tmp_path / "q.json").write_text(json.dumps(questions))
    (tmp_path / "a.json").write_text(json.dumps(annotations))
    found, bad = read(tmp_path / "q.json", "vqa_v2", annotations=str(tmp_path / "a.json"))
    image = "COCO_train2014_000000000009.jpg"
    assert found == [Example("q.json question 90", image, "What color?", ("red",))]
    assert bad == ["q.json question 91: no annotation with its question_id"]


def test_instructions_keep_their_evidence_and_may_lack_a_picture(tmp_path):
    rows = [
        {"image": None, "question": "How many?", "evidence": ["Detector: 2 dogs"], "answer": "2", "task": "count"},
        {"image": "a.jpg", "question": "What?", "evidence": [], "answer": "A dog."},
        {"image": None, "question": "What?", "evidence": "Detector", "answer": "A dog."},
    ]
    found, bad = read(lines(tmp_path / "i.jsonl", *rows), "instructions")
    assert [(e.image, e.evidence) for e in found] == [(None, ("Detector: 2 dogs",)), ("a.jpg", ())]
    assert bad == ["i.jsonl line 3: evidence is not a list of lines"]


def test_alpaca_input_is_the_evidence(tmp_path):
    rows = [
        {"instruction": "Add.", "input": "1\n2", "output": "3"},
        {"instruction": "Greet.", "input": "", "output": "Hello."},
        {"instruction": "Say nothing.", "output": ""},
    ]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    found, bad = read(tmp_path / "a.json", "alpaca")
    assert [(e.question, e.evidence, e.answers) for e in found] == [
        ("Add.", ("1", "2"), ("3",)),
        ("Greet.", (), ("Hello.",)),
    ]
    assert bad == ["a.json row 3: no output"]


def test_llava_keeps_all_turns_and_drops_the_picture_token(tmp_path):
    def turn(speaker, text):
        return {"from": speaker, "value": text}

    rows = [
        {
            "image": "a.jpg",
            "conversations": [
                turn("human", "<image>\nWhat?"),
                turn("gpt", "A dog."),
                turn("human", "Where?"),
                turn("gpt", "Here."),
            ],
        },
        {"image": "b.jpg", "conversations": [turn("gpt", "Hm."), turn("human", "What?")]},
        {"image": "c.jpg", "conversations": [turn("human", "What?")]},
    ]
    (tmp_path / "l.json").write_text(json.dumps(rows))
    found, bad = read(tmp_path / "l.json", "llava")
    assert found == [Example("l.json row 1", "a.jpg", "What?", ("A dog.",), turns=(("Where?", "Here."),))]
    assert bad == [
        "l.json row 2: turn 1 is from 'gpt'",
        "l.json row 3: conversations is not a list of questions, each with an answer",
    ]


def test_webdataset_takes_captions_from_txt_or_json(tmp_path):
    files = {
        "0.jpg": b"",
        "0.txt": b"A dog.",
        "1.png": b"",
        "1.json": b'{"caption": "A cat."}',
        "2.txt": b"No picture.",
        "3.jpg": b"",
    }
    with tarfile.open(tmp_path / "shard-000.tar", "w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    found, bad = read(tmp_path / "shard-*.tar", "webdataset")
    assert [(e.image, e.answers) for e in found] == [("0.jpg", ("A dog.",)), ("1.png", ("A cat.",))]
    assert bad == ["shard-000.tar sample 2: no picture", "shard-000.tar sample 3: no caption in .txt or .json"]


def test_a_file_with_nothing_to_use_is_an_error_that_names_the_first_reason(tmp_path):
    with pytest.raises(InputError, match=r"no row of format 'captions' can be used; first: c.jsonl line 1: no image"):
        read(lines(tmp_path / "c.jsonl", {"captions": ["x"]}), "captions")
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path / "missing.jsonl", "captions")
