"""`vqa eval` from end to end, with the core that repeats its prompt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vqa.cli import app
from vqa.commands import run

OFFLINE = ("--core", "echo", "--router", "none", "--offline", "-q")


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """Twelve pictures of one colour; the echo core answers with the question, which is right for every third."""
    from PIL import Image

    rows = []
    for i in range(12):
        Image.new("RGB", (8, 8), (20 * i, 0, 0)).save(tmp_path / f"{i}.png")
        answers = ["is it red"] if i % 3 == 0 else ["no"]
        rows.append({"id": i, "image": f"{i}.png", "question": "Is it red", "answers": answers, "type": f"t{i % 2}"})
    path = tmp_path / "questions.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_asking_scores_keeps_the_answers_and_writes_json(
    questions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, report = tmp_path / "answers.jsonl", tmp_path / "report.json"
    asked = ("eval", str(questions), "--image-root", str(tmp_path), "-o", str(kept), "--json", str(report), *OFFLINE)
    assert run(app, asked) == 0
    table = capsys.readouterr().out
    assert "12 questions about 12 pictures: 100.0 % answered" in table
    assert "33.3 %" in table
    data = json.loads(report.read_text(encoding="utf-8"))
    (section,) = data["sections"]
    assert section["figures"][0]["value"] == pytest.approx(1 / 3)
    assert section["figures"][0]["n"] == 12
    assert set(section["by_type"]) == {"t0", "t1"}
    assert section["by_experts"]["core alone"]["n"] == 12
    assert 0.9 < data["calibration"]["confidence"] < 1  # the echo core is always certain, and not believed quite
    # the answers that were kept score the same
    assert run(app, ["eval", str(questions), "--predictions", str(kept), "--json", "-", "-q"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["calibration"]["confidence"] == pytest.approx(data["calibration"]["confidence"], abs=1e-4)
    assert {**again, "calibration": None} == {**data, "calibration": None}


def test_ablation_prints_a_row_for_each_agent(
    questions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    none = ("--no-expert", "detect,ocr,caption,classify,people,scene,words", "--core", "echo", "--offline", "-q")
    asked = ("eval", str(questions), "--image-root", str(tmp_path), "--ablate", "--json", str(report), *none)
    assert run(app, asked) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert "exact match" in head
    assert [line.split("  ")[0] for line in lines] == ["core alone", "rules router"]
    assert [row["asked"] for row in json.loads(report.read_text(encoding="utf-8"))] == ["core alone", "rules router"]


def test_comparing_shows_the_rows_that_differ(
    questions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sides = []
    for name, right in (("before", 4), ("after", 9)):
        path = tmp_path / f"{name}.jsonl"
        rows = [json.loads(line) for line in questions.read_text(encoding="utf-8").splitlines()]
        said = [{**row, "answer": row["answers"][0] if row["id"] < right else "?", "confidence": 0.5} for row in rows]
        path.write_text("\n".join(map(json.dumps, said)), encoding="utf-8")
        sides.append(str(path))
    assert run(app, ["eval", "compare", *sides, "-q"]) == 0  # the first file's rows have `answers`
    out = capsys.readouterr().out
    assert "before" in out
    assert "5 questions are scored differently" in out
    assert run(app, ["eval", "compare", *sides, "--questions", str(questions), "--json", "-", "-q"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["differences"][0]["only_a"], data["differences"][0]["only_b"]) == (0, 5)
    assert data["differences"][0]["mcnemar"] == pytest.approx(2 / 2**5)
    assert [row["id"] for row in data["changed"]] == [4, 5, 6, 7, 8]


def test_rows_without_an_answer_count_as_wrong_and_give_exit_code_4(
    questions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "0.png").unlink()
    assert run(app, ["eval", str(questions), "--image-root", str(tmp_path), *OFFLINE]) == 4
    out, err = capsys.readouterr()
    assert "1 without an answer" in out
    assert "25.0 %" in out
    assert err.startswith("error: 1 of 12 questions got no answer")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--metric", "acc"], "unknown metric 'acc'"),
        (["--format", "coco"], "unknown format 'coco'"),
        (["--predictions", "p.jsonl", "--ablate"], "--predictions has the answers already"),
        (["--predictions", "nowhere.jsonl"], "cannot be read"),
        (
            ["--metric", "vqa", "--core", "no-such-core"],
            "VQA accuracy compares with ten people's",
        ),  # before the core is met
        (["--json", "no/such/folder.json"], "does not exist"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(
    questions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert run(app, ["eval", str(questions), "--image-root", str(tmp_path), "--router", "none", *options]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_answers_that_were_kept_are_not_overwritten(
    questions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "answers.jsonl"
    kept.write_text("precious", encoding="utf-8")
    assert run(app, ["eval", str(questions), "-o", str(kept), *OFFLINE]) == 2
    assert kept.read_text(encoding="utf-8") == "precious"
    assert "is there already" in capsys.readouterr().err
