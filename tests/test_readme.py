"""What the README promises is run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from vqa.cli import app

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.weights
@pytest.mark.slow
def test_the_python_example_answers_and_saves_the_picture(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == "Yes"
    assert (tmp_path / "bus.png").stat().st_size > 0


@pytest.mark.weights
@pytest.mark.slow
def test_the_first_questions_get_the_right_answers() -> None:
    """The transcript's questions, in one process; what OCR reads may differ in a letter between processors."""
    from vqa import Settings, VQAAgent

    agent = VQAAgent.from_pretrained(settings=Settings.load({"detector": "efficientdet"}))
    answers = {
        question: agent("example:bus", question).text
        for question in re.findall(r'\$ vqa ask example:bus "([^"]+)"\n', README)
    }
    assert "emisiones" in answers.pop("What is written on the bus?")
    assert answers == {
        "Are there more than two people?": "Yes",
        "Is there a giraffe?": "No",
        "Is there a man riding a bike?": "No",
        "What color is the bus?": "blue",
        "Where are the people?": "on the street",
        "Where is the dog?": "There is no dog",
        "Is there a dragon?": "I cannot tell",
    }
    assert agent("example:bus", "Is there a bus?").text == "Yes"
    assert agent("example:page", "What is the heading?").text == "Region-based segmentation"
    assert agent("example:astronaut", "Is she smiling?").text == "Yes"


def test_every_command_in_the_readme_exists() -> None:
    from typer.main import get_command

    commands = set(get_command(app).commands)  # type: ignore[attr-defined]
    named = set(re.findall(r"^    (?:\$ )?vqa ([a-z]+)", README, flags=re.MULTILINE))
    assert named
    assert named <= commands
