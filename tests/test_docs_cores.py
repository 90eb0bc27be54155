"""docs/cores.md: the example runs as another package's core, in every command, and the page names every core."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from PIL import Image

from vqa.commandline.cores import app
from vqa.commands import run
from vqa.registry import cores

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "cores.md").read_text(encoding="utf-8")
DRIVER = """
import sys
from vqa.cli import app
from vqa.commands import run
here = sys.argv[1]
plain = ("--core", "average-colour", "--no-expert", "detect,ocr,caption,classify", "--offline", "-q")
for command in (
    ("cores",),
    ("ask", f"{here}/red.png", "What colour is it?", *plain),
    ("batch", f"{here}/questions.jsonl", "--image-root", here, "-o", f"{here}/answers.jsonl", *plain),
    ("eval", f"{here}/questions.jsonl", "--image-root", here, "--ablate", "--json", f"{here}/report.json", *plain),
):
    assert run(app, command) == 0, command
"""


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)
    return str(found)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The page's core as an installed package would lie there, and two questions about two pictures."""
    (tmp_path / "average_colour.py").write_text(block("python"), encoding="utf-8")
    metadata = tmp_path / "average_colour-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: average_colour\nVersion: 1.0\n")
    points = tomllib.loads(block("toml"))["project"]["entry-points"]
    lines = [f"[{group}]\n" + "".join(f"{n} = {v}\n" for n, v in named.items()) for group, named in points.items()]
    (metadata / "entry_points.txt").write_text("".join(lines))
    rows = []
    for colour in ("red", "blue"):
        Image.new("RGB", (9, 9), colour).save(tmp_path / f"{colour}.png")
        rows.append({"id": colour, "image": f"{colour}.png", "question": "What colour is it?", "answers": [colour]})
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return tmp_path


def test_the_example_runs_as_a_plugin_in_every_command(package: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(package)],
        cwd=package,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(package)]), "VQA_HOME": str(package / "home")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^average-colour +answers with .* nothing$", done.stdout, flags=re.MULTILINE)
    assert "\nred\n" in done.stdout
    answers = [json.loads(line) for line in (package / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["answer"] for row in answers] == ["red", "blue"]
    report = json.loads((package / "report.json").read_text(encoding="utf-8"))
    assert [row["asked"] for row in report] == ["core alone", "rules router"]


def test_the_example_is_about_forty_lines() -> None:
    assert 30 <= len(block("python").splitlines()) <= 50


def test_the_page_names_every_core() -> None:
    named = set(re.findall(r"^\| `([^`]+)` \|", PAGE, flags=re.MULTILINE)) - {"--core"}
    assert named == set(cores.names())


def test_cores_are_listed_with_what_they_take(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(app, ["--home", str(tmp_path), "--offline", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert list(rows) == cores.names()
    small = rows["smollm2-135m"]
    assert small["size"] > 98_000_000  # its file is not here, but the catalogue knows it
    assert (small["memory"], small["licence"], small["offline"]) == (None, "Apache-2.0", False)
    assert "vqa models pull" in small["missing"]
    assert (rows["echo"]["size"], rows["echo"]["offline"], rows["echo"]["ready"]) == (0, True, True)
    assert rows["llama-adapter"]["missing"].startswith("no adapter chosen")


def test_a_model_in_a_folder_is_counted_from_its_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import torch
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(3, 5), "b": torch.zeros(7)}, tmp_path / "model.safetensors")
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n# A model\n")
    for options, memory in (((), 44), (("--dtype", "float32"), 88), (("--quantization", "8bit"), 22)):
        assert run(app, ["--core", f"hf:{tmp_path}", "--json", *options]) == 0
        rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
        row = rows[f"hf:{tmp_path}"]
        assert row["size"] == (tmp_path / "model.safetensors").stat().st_size
        assert (row["memory"], row["licence"], row["offline"]) == (memory, "mit", True)
