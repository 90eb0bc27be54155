"""The command line as a user meets it; the echo core answers, so that no weights are needed."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer.main

from vqa.cli import app
from vqa.commands import run
from vqa.registry import experts
from vqa.settings import setting_names
from vqa.values import Answer

ROOT = Path(__file__).resolve().parent.parent
HEAVY = (
    "torch",
    "transformers",
    "ultralytics",
    "easyocr",
    "cv2",
    "timm",
    "numpy",
    "PIL",
    "ai_edge_litert",
    "langchain",
)
BLIND = ("--core", "echo", "--router", "none")  # answers with the question itself

Vqa = Callable[..., tuple[int, str, str]]


@pytest.fixture
def vqa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Vqa:
    """Run a command in an empty folder, with nobody's settings or weights; return its code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("VQA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("VQA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("VQA_OFFLINE", "1")

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(app, arguments)
        return (code, *capsys.readouterr())

    return call


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    """Two small pictures, by their names in the folder where commands run."""
    from PIL import Image

    for name, colour in (("red.png", "red"), ("blue.png", "blue")):
        Image.new("RGB", (32, 24), colour).save(tmp_path / name)
    return ["red.png", "blue.png"]


def subcommands() -> dict[str, typer.core.TyperCommand]:
    group = typer.main.get_command(app)
    found = {}
    for name, member in group.commands.items():  # type: ignore[attr-defined]
        found |= {f"{name} {n}": c for n, c in getattr(member, "commands", {}).items()} or {name: member}
    return found


COMMANDS = subcommands()


def test_stdout_is_the_answer_and_nothing_else(vqa: Vqa, pictures: list[str]) -> None:
    assert vqa("ask", "red.png", "Is it red?", *BLIND) == (0, "Is it red?\n", "")


def test_json_is_one_object_that_holds_the_whole_answer(vqa: Vqa, pictures: list[str]) -> None:
    code, out, err = vqa("ask", "red.png", "Is it red?", *BLIND, "--json")
    assert (code, err) == (0, "")
    answer = Answer.from_dict(json.loads(out))
    assert (answer.text, answer.core, answer.question.image) == ("Is it red?", "echo", "red.png")
    assert answer.prompt.text == "Is it red?"
    assert answer.seconds["total"] >= answer.seconds["load_image"] > 0


def test_several_pictures_and_questions_are_answered_in_order(vqa: Vqa, pictures: list[str]) -> None:
    code, out, _ = vqa("ask", *pictures, "--question", "Red?", "--question", "Blue?", *BLIND)
    assert code == 0
    rows = [line.split("\t") for line in out.splitlines()]
    assert rows == [[picture, text, text] for picture in pictures for text in ("Red?", "Blue?")]


def test_a_question_before_others_is_asked_too(vqa: Vqa, pictures: list[str]) -> None:
    code, out, _ = vqa("ask", pictures[0], "Is it red?", "--question", "Is it blue?", *BLIND)
    assert code == 0
    assert [line.split("\t")[1:] for line in out.splitlines()] == [["Is it red?"] * 2, ["Is it blue?"] * 2]


def test_a_bad_picture_does_not_stop_the_others(vqa: Vqa, pictures: list[str]) -> None:
    code, out, err = vqa("ask", "red.png", "none.png", "blue.png", "What?", *BLIND)
    assert code == 4
    assert [line.split("\t")[0] for line in out.splitlines()] == pictures
    assert err.splitlines()[0].startswith("error: 'none.png'")
    assert "1 of 3 pictures" in err.splitlines()[1]


def test_json_lines_have_a_row_for_every_question_also_where_the_picture_is_bad(vqa: Vqa, pictures: list[str]) -> None:
    code, out, _ = vqa("ask", "none.png", "red.png", "--question", "A?", "--question", "B?", "--json", *BLIND)
    assert code == 4
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["answer"] for row in rows] == [None, None, "A?", "B?"]
    assert [row["question"]["text"] for row in rows] == ["A?", "B?", "A?", "B?"]
    assert all(("none.png" in row.get("error", "")) is (row["answer"] is None) for row in rows)


def test_no_good_picture_at_all_is_bad_input(vqa: Vqa) -> None:
    code, out, err = vqa("ask", "a.png", "b.png", "What?", *BLIND)
    assert (code, out) == (2, "")
    assert "none of the 2 pictures" in err


def test_a_picture_from_stdin_answers_every_question(
    vqa: Vqa, pictures: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path("red.png").read_bytes())))
    code, out, _ = vqa("ask", "-", "--question", "A?", "--question", "B?", *BLIND)
    assert code == 0
    assert out == "-\tA?\tA?\n-\tB?\tB?\n"


def test_an_answer_goes_to_the_file_that_o_names(vqa: Vqa, pictures: list[str]) -> None:
    assert vqa("ask", "red.png", "What?", *BLIND, "-o", "answer.txt") == (0, "", "")
    assert Path("answer.txt").read_text() == "What?\n"


def test_save_draws_a_picture_for_every_answer(vqa: Vqa, pictures: list[str]) -> None:
    assert vqa("ask", "red.png", "What?", *BLIND, "--save", "out.png")[0] == 0
    assert vqa("ask", *pictures, "What?", *BLIND, "--save", "each.png")[0] == 0
    assert sorted(path.name for path in Path().glob("*.png") if path.name not in pictures) == [
        "each-1.png",
        "each-2.png",
        "out.png",
    ]


def test_show_prompt_is_on_stderr(vqa: Vqa, pictures: list[str]) -> None:
    assert vqa("ask", "red.png", "What?", *BLIND, "--show-prompt") == (0, "What?\n", "What?\n")


def test_explain_says_who_was_asked_and_why(vqa: Vqa, pictures: list[str]) -> None:
    code, out, err = vqa("ask", "red.png", "What?", "--core", "echo", "--router", "none", "--explain")
    assert (code, out) == (0, "What?\n")
    idle = ", ".join(experts.names())
    assert f"not asked: {idle} (no expert is asked)" in " ".join(err.split()), "a line for all of whom it is the same"
    assert "seconds" not in err, "no table of nobody"
    assert "\x1b" not in err, "no colours where nobody watches"


def test_an_expert_that_fails_is_a_note_unless_strict(vqa: Vqa, pictures: list[str]) -> None:
    failing = ("ask", "red.png", "What?", "--core", "echo", "--experts", "ocr")  # its weights are not here: offline
    code, out, err = vqa(*failing)
    assert (code, out.splitlines()[-1]) == (0, "What?")
    assert "answered without ocr" in err
    assert vqa(*failing, "--quiet")[2] == ""
    assert vqa(*failing[:2], "--question", "A?", "--question", "B?", *failing[3:])[2] == err, "said once a picture"
    code, strictly, err = vqa(*failing, "--strict")
    assert (code, strictly) == (4, out)
    assert "vqa models pull" in err
    assert err.splitlines()[-1] == "error: 1 of 1 answers had to do without an expert"


def test_control_characters_never_reach_the_terminal(vqa: Vqa, pictures: list[str]) -> None:
    for options in ((), ("--json",), ("--explain", "--show-prompt")):
        code, out, err = vqa("ask", "red.png", "Is \x1b[31mthis\x9b2J \x07 red?", *BLIND, *options)
        assert code == 0
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", out + err)


BAD = {
    "no question": ["ask", "red.png"],
    "empty question": ["ask", "red.png", " "],
    "endless question": ["ask", "red.png", "why " * 12_500],
    "question without quotes": ["ask", "red.png", "What", "is", "this?"],
    "missing file": ["ask", "none.png", "What?"],
    "folder": ["ask", ".", "What?"],
    "empty file": ["ask", "empty.png", "What?"],
    "text named .jpg": ["ask", "text.jpg", "What?"],
    "unknown example": ["ask", "example:buss", "What?"],
    "another scheme": ["ask", "ftp://example.com/a.jpg", "What?"],
    "url while offline": ["ask", "https://example.com/a.jpg", "What?"],
    "unknown core": ["ask", "red.png", "What?", "--core", "ecko"],
    "unknown expert": ["ask", "red.png", "What?", "--experts", "detekt"],
    "unknown expert switched off": ["ask", "red.png", "What?", "--no-expert", "detekt"],
    "unknown router": ["ask", "red.png", "What?", "--router", "rulez"],
    "not a number": ["ask", "red.png", "What?", "--max-new-tokens", "many"],
    "unknown option": ["ask", "red.png", "What?", "--cores", "echo"],
    "unknown command": ["aks", "red.png", "What?"],
    "no place for the answer": ["ask", "red.png", "What?", "-o", "no/such/folder/a.txt"],
    "no place for the drawing": ["ask", "red.png", "What?", "--save", "no/such/folder/a.png"],
    "not an ending of a picture": ["detect", "red.png", "--save", "a.json"],
    "not an ending of a drawing": ["ask", "red.png", "What?", "--save", "a.doc"],
    "unknown model": ["models", "pull", "smollm"],
    "path of an unknown model": ["models", "path", "smollm"],
    "nothing to remove": ["models", "rm"],
    "picture of one expert": ["detect", "none.png"],
}


@pytest.mark.parametrize("arguments", BAD.values(), ids=BAD)
def test_bad_input_is_one_line_and_2(vqa: Vqa, pictures: list[str], arguments: list[str]) -> None:
    Path("empty.png").touch()
    Path("text.jpg").write_text("not a picture")
    code, out, err = vqa(*arguments, *(() if "--core" in arguments or arguments[0] != "ask" else ("--core", "echo")))
    assert code == 2, err
    assert out == ""
    assert re.fullmatch(r"error: [^\n]+\n", err), err


def test_a_setting_of_the_wrong_kind_names_where_it_comes_from(vqa: Vqa, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VQA_SEED", "lucky")
    code, _, err = vqa("config")
    assert code == 2
    assert "lucky" in err
    assert "VQA_SEED" in err


@pytest.mark.parametrize(
    "arguments", [["read", "red.png"], ["ask", "red.png", "What?"], ["models", "pull", "easyocr-en"]]
)
def test_missing_weights_are_3_and_say_what_to_do(vqa: Vqa, pictures: list[str], arguments: list[str]) -> None:
    code, out, err = vqa(*arguments)
    assert (code, out) == (3, "")
    assert "vqa models pull" in err.splitlines()[-1]


def test_every_setting_is_an_option_of_ask() -> None:
    options = {parameter.name for parameter in COMMANDS["ask"].params}
    assert set(setting_names()) <= options


def test_every_help_ends_with_two_examples_that_parse() -> None:
    for name, command in COMMANDS.items():
        epilog = command.epilog or ""
        examples = [line.strip() for line in epilog.split("Examples:\n")[1].splitlines()]
        assert len(examples) == 2, name
        for example in examples:
            words, own = shlex.split(example[example.index("vqa ") :])[1:], name.split()
            rest = words[len(own) :] if words[: len(own)] == own else words[1:]  # `vqa models` means `vqa models list`
            command.make_context(name, rest)  # raises on an option or argument it does not have


@pytest.mark.parametrize(
    "name", ["experts", "cores", "routers", "models", "models list", "examples", "config", "route x"]
)
def test_every_list_is_also_json(vqa: Vqa, name: str) -> None:
    code, out, _ = vqa(*name.split(), "--json")
    assert code == 0
    assert json.loads(out)
    assert vqa(*name.split())[1]


def test_experts_say_whether_they_can_look_here(vqa: Vqa) -> None:
    rows = {row["name"]: row for row in json.loads(vqa("experts", "--json")[1])}
    assert {"detect", "ocr", "caption"} <= set(rows)
    assert not rows["ocr"]["ready"]
    assert "vqa models pull" in rows["ocr"]["missing"]


def test_route_gives_a_reason_for_every_expert(vqa: Vqa) -> None:
    code, out, _ = vqa("route", "What does the sign say?", "--json")
    route = json.loads(out)
    assert code == 0
    assert "ocr" in route["experts"]
    assert set(route["reasons"]) >= {"detect", "ocr", "caption"}
    assert (
        "ocr" not in json.loads(vqa("route", "What does the sign say?", "--no-expert", "ocr", "--json")[1])["experts"]
    )


def test_config_says_where_each_value_comes_from(vqa: Vqa, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("vqa.toml").write_text("seed = 3\ntop_p = 0.5\n")
    monkeypatch.setenv("VQA_TOP_P", "0.9")
    rows = {
        row["name"]: (row["value"], row["origin"]) for row in json.loads(vqa("config", "--core", "echo", "--json")[1])
    }
    assert list(rows) == setting_names()
    assert rows["core"] == ("echo", "flag")
    assert rows["top_p"] == (0.9, "VQA_TOP_P")
    assert rows["seed"] == (3, str(Path("vqa.toml").resolve()))
    assert rows["device"] == ("auto", "default")


def test_models_say_what_is_damaged(vqa: Vqa) -> None:
    folder = Path("home/weights/easyocr-en")
    folder.mkdir(parents=True)
    (folder / "english_g2.pth").write_bytes(b"not a model")
    code, out, err = vqa("models", "verify", "easyocr-en")
    assert code == 3
    assert "english_g2.pth is corrupted" in out
    assert "vqa models pull easyocr-en" in err
    assert vqa("models", "rm", "easyocr-en")[0] == 0
    assert not folder.exists()


def python(code: str, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    "command", ["--help", "route 'How many people?'", "experts", "cores", "models", "examples", "config"]
)
def test_light_commands_load_no_heavy_package(command: str) -> None:
    code = f"""
import sys
from vqa.cli import app
from vqa.commands import run
assert run(app, {shlex.split(command)!r}) == 0
sys.exit(" ".join(sorted(set({HEAVY!r}) & set(sys.modules))))
"""
    done = python(code)
    assert done.stderr.strip() == ""


def test_help_imports_little() -> None:
    """What it waits for; its time is in `benchmarks/ask.py`, for a clock in a test fails when others are busy."""
    count = "print(len(sys.modules), file=sys.stderr)"
    code = f"""
import sys, typer
{count}
import vqa.cli
try: vqa.cli.main()
finally: {count}
"""
    done = python(code, "--help")
    assert done.returncode == 0
    typer, whole = map(int, done.stderr.split())
    assert whole < 1.6 * typer


def test_a_reader_that_leaves_is_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "vqa", "models"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == 0


@pytest.mark.weights
def test_detect_finds_people_and_a_bus() -> None:
    done = python("import vqa.cli; vqa.cli.main()", "detect", "example:bus", "--json", "--detector", "efficientdet")
    assert done.returncode == 0, done.stderr
    labels = [region["label"] for region in json.loads(done.stdout)["regions"]]
    assert labels.count("person") >= 3
    assert "bus" in labels


def test_why_an_answer_is_none_is_said_in_a_line(vqa: Vqa, pictures: list[str]) -> None:
    code, out, err = vqa("ask", "red.png", "I cannot tell", *BLIND)
    assert (code, out) == (0, "I cannot tell\n")
    assert err == "warning: no answer: the core sees no answer in the evidence\n"
    _, _, err = vqa("ask", *pictures, "I cannot tell", *BLIND)
    assert err.count("warning: no answer to 'I cannot tell': the core sees no answer in the evidence\n") == 2
    _, _, err = vqa("ask", "red.png", "I cannot tell", *BLIND, "-q")
    assert err == ""
