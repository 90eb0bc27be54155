"""`vqa batch` as a night's work needs it: every row accounted for, nothing lost when it is killed, memory flat."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vqa.agent.batch.outcomes import answer_from
from vqa.cli import app
from vqa.commands import run
from vqa.values import Answer

ROOT = Path(__file__).resolve().parent.parent
BLIND = ("--core", "echo", "--router", "none")  # answers with the question itself

Vqa = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def nobody_s_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder, without anybody's settings or weights."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("VQA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("VQA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("VQA_OFFLINE", "1")


@pytest.fixture
def vqa(capfd: pytest.CaptureFixture[str]) -> Vqa:
    def call(*arguments: object) -> tuple[int, str, str]:
        code = run(app, [str(argument) for argument in arguments])
        return (code, *capfd.readouterr())

    return call


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(40):
        Image.new("RGB", (40 + index, 30), (index * 6, 90, 200)).save(folder / f"{index}.png")
    (folder / "corrupt.jpg").write_bytes(b"\xff\xd8\xff" + b"0" * 50)
    return folder


def mixed(rows: int) -> list[str]:
    """Lines; in each twenty two missing files, corrupt pictures and repeated ids, an empty question and bad JSON."""
    lines = []
    for index in range(rows):
        row: dict[str, Any] = {"id": index, "image": f"{index // 5 % 40}.png", "question": f"얼마 №{index}?"}
        match index % 10:
            case 3:
                row["question"] = " "
            case 4:
                row["image"] = "missing.png"
            case 5:
                row["image"] = "corrupt.jpg"
            case 6:
                row["id"] = index - 6
        lines.append("{half a row" if index % 20 == 13 else json.dumps(row, ensure_ascii=False))
    return lines


def write(path: Path, lines: Iterable[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def content(path: Path) -> bytes:
    """Return what a file holds; of a gzipped one, what can be had before a tear."""
    data = path.read_bytes()
    if path.suffix != ".gz":
        return data
    parts = []
    while data:
        member = zlib.decompressobj(wbits=31)
        try:
            parts.append(member.decompress(data))
        except zlib.error:
            break
        data = member.unused_data
    return b"".join(parts)


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content(path).decode().split("\n")[:-1]]


def without_timings(path: Path) -> bytes:
    return b"\n".join(json.dumps({**r, "seconds": None}).encode() for r in records(path))


def started(*arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "vqa", "batch", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def ended(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Return a process's exit code and what it said."""
    _, err = process.communicate(timeout=120)
    return process.returncode, err.decode()


def wait_for_lines(path: Path, number: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if path.exists() and content(path).count(b"\n") >= number:
            return
        time.sleep(0.002)


def test_every_row_of_a_mixed_file_is_accounted_for(vqa: Vqa, photos: Path, tmp_path: Path) -> None:
    questions = write(tmp_path / "questions.jsonl", mixed(2000))
    code, _, err = vqa("batch", questions, "-o", "answers.jsonl", "--image-root", photos, *BLIND)
    assert code == 4
    assert err == "error: 800 of 2,000 rows have an error instead of an answer\n"
    found = records(Path("answers.jsonl"))
    assert len(found) == 2000
    stages = Counter(record["error"]["stage"] if "error" in record else "answered" for record in found)
    assert stages == {"answered": 1200, "row": 200, "picture": 400, "duplicate": 200}
    for index, record in enumerate(found):
        if "error" not in record:
            assert record["id"] == index
            assert record["answer"] == record["question"] == f"얼마 №{index}?"
        else:
            assert record["line"] == index + 1
    answered = [record["id"] for record in found if "error" not in record]
    assert len(set(answered)) == len(answered)


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz"])
def test_killed_five_times_and_resumed_equals_uninterrupted(ending: str, photos: Path, tmp_path: Path) -> None:
    questions = write(tmp_path / "questions.jsonl", mixed(2000))
    common = (questions, "--image-root", photos, "--batch-rows", 16, *BLIND)
    whole, broken = tmp_path / f"whole.{ending}", tmp_path / f"broken.{ending}"
    assert ended(started(*common, "-o", whole))[0] == 4
    half = b'{"id": 17, "ima'
    half = gzip.compress(half)[:-9] if broken.suffix == ".gz" else half
    chance = random.Random(7)
    moments = sorted(chance.sample(range(1, 1900), 5))
    for moment in moments:
        process = started(*common, "-o", broken, "--resume")
        wait_for_lines(broken, moment, process)
        process.kill()
        assert ended(process)[0] == -signal.SIGKILL
        with broken.open("ab") as file:  # what a machine that loses power leaves
            file.write(half)
    assert ended(started(*common, "-o", broken, "--resume"))[0] == 4
    assert without_timings(broken) == without_timings(whole)
    if broken.suffix == ".gz":
        with gzip.open(broken) as file:
            assert file.read() == content(broken)  # whole to the end, for anybody's gzip
    assert len(records(broken)) == 2000


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_a_file_that_can_be_resumed(
    number: signal.Signals, code: int, photos: Path, tmp_path: Path
) -> None:
    questions = write(tmp_path / "questions.jsonl", mixed(2000))
    common = (questions, "--image-root", photos, "--batch-rows", 8, "--slim", *BLIND)
    process = started(*common, "-o", tmp_path / "a.jsonl")
    wait_for_lines(tmp_path / "a.jsonl", 100, process)
    process.send_signal(number)
    returned, err = ended(process)
    assert returned == code
    assert "go on with --resume" in err
    done = records(tmp_path / "a.jsonl")  # every line is whole
    assert 100 <= len(done) < 2000
    assert ended(started(*common, "-o", tmp_path / "a.jsonl", "--resume"))[0] == 4
    assert ended(started(*common, "-o", tmp_path / "b.jsonl"))[0] == 4
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


@pytest.mark.slow
def test_memory_is_flat_from_200_to_2000_rows(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    picture = Image.effect_noise((500, 400), 80).convert("RGB")  # 600 kB decoded
    picture.save(folder / "0.jpg")
    for index in range(1, 2000):
        os.link(folder / "0.jpg", folder / f"{index}.jpg")
    peaks = []
    for rows in (200, 2000):
        lines = (json.dumps({"id": i, "image": f"{i}.jpg", "question": f"Number {i}?"}) for i in range(rows))
        questions = write(tmp_path / f"{rows}.jsonl", lines)
        # Small windows: of large ones, how many pictures wait at once is chance, and more than what a row might leave.
        where = ("--image-root", str(folder), "-o", f"{tmp_path}/{rows}.out.jsonl", "--batch-rows", "8")
        arguments = ["batch", str(questions), *where, *BLIND]
        code = (
            "import resource, sys; from vqa.cli import app; from vqa.commands import run; "
            f"assert run(app, {arguments!r}) == 0; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        peaks.append(
            int(subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True).stdout)
        )
    assert peaks[1] < 1.1 * peaks[0]


def test_zipped_output_goes_on_and_reads_as_one_file(vqa: Vqa, photos: Path, tmp_path: Path) -> None:
    some, all_rows = write(tmp_path / "some.jsonl", mixed(60)), write(tmp_path / "all.jsonl", mixed(200))
    common = ("--image-root", photos, "--slim", "--batch-rows", 7, *BLIND)
    vqa("batch", all_rows, "-o", "whole.jsonl", *common)
    vqa("batch", some, "-o", "a.jsonl.gz", *common)
    with Path("a.jsonl.gz").open("ab") as file:
        file.write(gzip.compress(b'{"id": 60, "image": "12.p')[:-3])
    vqa("batch", all_rows, "-o", "a.jsonl.gz", *common, "--resume")
    with gzip.open("a.jsonl.gz") as file:
        assert file.read() == Path("whole.jsonl").read_bytes()
    vqa("batch", write(tmp_path / "none.jsonl", []), "-o", "none.jsonl.gz", "--format", "jsonl", *common)
    assert gzip.decompress(Path("none.jsonl.gz").read_bytes()) == b""


@pytest.mark.parametrize("ending", ["csv", "tsv", "json"])
def test_a_zipped_table_or_list_unzips_to_the_plain_one(ending: str, vqa: Vqa, photos: Path, tmp_path: Path) -> None:
    questions = write(tmp_path / "q.jsonl", mixed(40))
    for name in (f"a.{ending}", f"a.{ending}.gz", f"b.{ending}.gz"):
        assert vqa("batch", questions, "-o", name, "--image-root", photos, *BLIND)[0] == 4
    assert gzip.decompress(Path(f"a.{ending}.gz").read_bytes()) == Path(f"a.{ending}").read_bytes()
    assert Path(f"a.{ending}.gz").read_bytes() == Path(f"b.{ending}.gz").read_bytes()


def test_zipped_parquet_is_refused(vqa: Vqa, photos: Path) -> None:
    code, _, err = vqa("batch", photos, "--question", "One?", "-o", "a.parquet.gz", *BLIND)
    assert code == 2
    assert err == "error: 'a.parquet.gz': Parquet is compressed already; leave out the .gz\n"


def test_an_output_that_is_gone_is_told_from_its_record(vqa: Vqa, photos: Path, tmp_path: Path) -> None:
    questions = write(tmp_path / "q.jsonl", [json.dumps({"id": "a", "image": "1.png", "question": "One?"})])
    run = ("batch", questions, "-o", "answers.jsonl", "--image-root", photos, *BLIND)
    assert vqa(*run)[0] == 0
    assert "'answers.jsonl' is there already" in vqa(*run)[2]
    Path("answers.jsonl").unlink()
    assert "'answers.jsonl.run.json' is there already" in vqa(*run)[2]
    code, _, err = vqa(*run, "--resume")
    assert (code, "'answers.jsonl' is gone" in err) == (2, True)
    assert vqa(*run, "--force")[0] == 0
    assert len(records(Path("answers.jsonl"))) == 1


def test_other_settings_are_refused_unless_forced(vqa: Vqa, photos: Path, tmp_path: Path) -> None:
    questions = write(tmp_path / "q.jsonl", [json.dumps({"id": "a", "image": "1.png", "question": "One?"})])
    common = ("batch", questions, "-o", "a.jsonl", "--image-root", photos)
    assert vqa(*common, *BLIND)[0] == 0
    code, _, err = vqa(*common, *BLIND, "--resume", "--max-new-tokens", 3)
    assert code == 2
    assert "max_new_tokens=96 and not max_new_tokens=3" in err
    assert vqa(*common, *BLIND)[0] == 2  # without --resume nothing is overwritten by accident
    assert vqa(*common, *BLIND, "--resume", "--max-new-tokens", 3, "--force")[0] == 0
    assert vqa(*common, *BLIND, "--resume")[0] == 2  # the record says what was used last
    assert vqa(*common, *BLIND, "--force")[0] == 0
    assert len(records(Path("a.jsonl"))) == 1


def test_resuming_with_another_question_file_is_refused(vqa: Vqa, photos: Path, tmp_path: Path) -> None:
    rows = [json.dumps({"id": n, "image": "1.png", "question": f"{n}?"}) for n in range(3)]
    common = ("-o", "a.jsonl", "--image-root", photos, *BLIND)
    assert vqa("batch", write(tmp_path / "q.jsonl", rows), *common)[0] == 0
    code, _, err = vqa("batch", write(tmp_path / "r.jsonl", rows[1:]), *common, "--resume")
    assert code == 2
    assert "other questions" in err
    more = write(tmp_path / "s.jsonl", [*rows, json.dumps({"id": 9, "image": "1.png", "question": "More?"})])
    assert vqa("batch", more, *common, "--resume")[0] == 0
    assert [record["id"] for record in records(Path("a.jsonl"))] == [0, 1, 2, 9]


def test_shards_together_are_the_whole_and_no_picture_is_in_two(vqa: Vqa, photos: Path, tmp_path: Path) -> None:
    questions = write(tmp_path / "q.jsonl", mixed(400))
    common = ("batch", questions, "--image-root", photos, "--slim", *BLIND)
    vqa(*common, "-o", "whole.jsonl")
    for number in (1, 2, 3):
        assert vqa(*common, "-o", f"{number}.jsonl", "--shard", f"{number}/3")[0] == 4
    parts = [records(Path(f"{number}.jsonl")) for number in (1, 2, 3)]
    assert all(len(part) > 50 for part in parts)
    together = [record for part in parts for record in part]
    assert sorted(map(json.dumps, together)) == sorted(map(json.dumps, records(Path("whole.jsonl"))))
    pictures = [{record["image"] for record in part if "image" in record} for part in parts]
    assert not pictures[0] & pictures[1]
    assert vqa(*common, "-o", "x.jsonl", "--shard", "4/3")[0] == 2


def test_a_full_row_is_the_whole_answer(vqa: Vqa, tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), "red").save(tmp_path / "red.png")
    write(tmp_path / "q.jsonl", [json.dumps({"id": "x", "image": "red.png", "question": "Red?", "answers": ["yes"]})])
    assert vqa("batch", "q.jsonl", "-o", "a.jsonl", *BLIND)[0] == 0
    (record,) = records(Path("a.jsonl"))
    assert record["answers"] == ["yes"]
    answer = answer_from(record)
    assert isinstance(answer, Answer)
    assert (answer.text, answer.question.text, answer.question.image) == ("Red?", "Red?", "red.png")
    assert answer.prompt.text == "Red?"
    assert set(record["seconds"]) >= {"core", "total"}


def test_a_folder_a_pattern_and_an_archive_can_be_asked_about(vqa: Vqa, photos: Path) -> None:
    code, out, _ = vqa("batch", photos, "--question", "One?", "--question", "Two?", "--slim", *BLIND)
    found = [json.loads(line) for line in out.splitlines()]
    assert code == 4  # the corrupt one
    assert len(found) == 82
    assert 0.9 < found[1].pop("confidence") < 1  # the echo core is always certain, and not believed quite
    assert found[1] == {
        "id": f"{photos}/0.png#2",
        "image": f"{photos}/0.png",
        "question": "Two?",
        "answer": "Two?",
        "degraded": False,
    }
    assert len(vqa("batch", f"{photos}/1*.png", "--question", "One?", *BLIND)[1].splitlines()) == 11
    for kind, pack in (("tar", "tarfile"), ("zip", "zipfile")):
        subprocess.run([sys.executable, "-m", pack, "-c", f"p.{kind}", f"{photos.name}/"], check=True)
        found = [json.loads(line) for line in vqa("batch", f"p.{kind}", "--question", "One?", *BLIND)[1].splitlines()]
        assert [record["image"] for record in found][:2] == ["photos/0.png", "photos/1.png"]
        assert found[0]["answer"] == "One?"
    for root, place, names in (
        (photos, "1*.png", ["1.png", "10.png"]),
        (photos, ".", ["0.png", "1.png"]),
        ("p.zip", "photos/1*.png", ["photos/1.png", "photos/10.png"]),
        ("p.tar", "photos/", ["photos/0.png", "photos/1.png"]),
        ("p.tar", ".", ["photos/0.png", "photos/1.png"]),
    ):
        _, out, _ = vqa("batch", place, "--question", "One?", "--image-root", root, *BLIND)
        assert [json.loads(line)["id"] for line in out.splitlines()][:2] == names
    code, _, err = vqa("batch", "2*.jpg", "--question", "One?", "--image-root", photos, *BLIND)
    assert code == 2
    assert "no pictures there in" in err
    code, _, err = vqa("batch", "nowhere/", "--question", "One?", *BLIND)
    assert code == 2
    assert "no pictures there" in err


def test_standard_input_and_output_are_pipes_like_any_other(photos: Path) -> None:
    command = [sys.executable, "-m", "vqa", "batch", "-", "--image-root", str(photos), "--slim", *BLIND]
    rows = b"id,image,question\n7,1.png,One?\n8,2.png,Two?\n"
    done = subprocess.run(command, cwd=ROOT, input=rows, capture_output=True, check=True)
    assert [json.loads(line)["answer"] for line in done.stdout.splitlines()] == ["One?", "Two?"]
    assert done.stderr == b""


def test_a_file_that_breaks_off_costs_no_row_before_the_tear(vqa: Vqa, photos: Path, tmp_path: Path) -> None:
    lines = "".join(json.dumps({"id": n, "image": "1.png", "question": f"{n * 7919}?"}) + "\n" for n in range(500))
    (tmp_path / "q.jsonl.gz").write_bytes(gzip.compress(lines.encode())[:-900])
    code, out, _ = vqa("batch", "q.jsonl.gz", "--image-root", photos, "--slim", *BLIND)
    found = [json.loads(line) for line in out.splitlines()]
    assert code == 4
    assert len(found) > 100
    assert all("answer" in record for record in found[:-1])
    assert "cannot be read to its end" in found[-1]["error"]["message"]
