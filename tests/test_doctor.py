"""The doctor says what is there, what is missing and how to mend it, and changes nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from vqa import registry
from vqa.adapter_model.presets import preset
from vqa.agent.doctor import Check, examine
from vqa.errors import InputError
from vqa.settings import Settings
from vqa.weights import MODELS

BUILT_IN = [model.name for model in MODELS if model.builtin]


def checks(home: Path, **settings: object) -> dict[str, Check]:
    return {check.name: check for check in examine(Settings.load({"home": home, "core": "echo", **settings}))}


def fill(home: Path, name: str) -> None:
    """Make files of the right names and sizes, without their contents."""
    model = next(model for model in MODELS if model.name == name)
    for file in model.files:
        path = home / "weights" / name / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as handle:
            handle.truncate(file.size)


def test_every_model_and_expert_is_looked_at(tmp_path: Path) -> None:
    found = checks(tmp_path)
    assert {model.name for model in MODELS} <= set(found)
    assert {f"expert {name}" for name in registry.experts.names()} <= set(found)
    assert {"python", "torch", "device", "weights folder", "core echo"} <= set(found)


def test_it_changes_nothing(tmp_path: Path) -> None:
    checks(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [model.name for model in MODELS if not model.name.startswith("blip")])
def test_a_model_that_is_not_here_comes_with_its_command(tmp_path: Path, name: str) -> None:
    absent = checks(tmp_path)[name]
    assert (absent.status, absent.mend) == ("optional", f"vqa models pull {name}")
    fill(tmp_path, name)
    present = checks(tmp_path)[name]
    assert (present.status, present.mend) == ("ok", "")


def test_offline_a_built_in_model_that_is_not_here_stands_in_the_way(tmp_path: Path) -> None:
    found = checks(tmp_path, offline=True)
    assert {found[name].status for name in BUILT_IN} == {"missing"}
    assert {check.status for name, check in found.items() if name in ("yolo11n", "blip-base")} == {"optional"}
    assert "never used" in found["network"].message


def test_offline_a_core_without_weights_stands_in_the_way_and_says_how_to_mend_it(tmp_path: Path) -> None:
    core = checks(tmp_path, core="smollm2-135m", offline=True)["core smollm2-135m"]
    assert core.status == "missing"
    assert core.mend.startswith("vqa models pull smollm2-135m-instruct")


def test_a_core_that_does_not_look_at_the_picture_says_so(tmp_path: Path) -> None:
    fill(tmp_path, "smollm2-135m-instruct")
    untrained = tmp_path / "untrained"
    untrained.mkdir()
    (untrained / "config.json").write_text(replace(preset("smollm2-135m"), groups=()).to_json())
    eyes = checks(tmp_path, core="smollm2-135m", adapter=str(untrained))["core smollm2-135m: eyes"]
    assert eyes.status == "optional"
    assert "gates are zero" in eyes.message


def test_a_broken_adapter_is_reported_and_does_not_stop_the_doctor(tmp_path: Path) -> None:
    found = checks(tmp_path, core="smollm2-135m", adapter=str(tmp_path / "none"))
    assert found["core smollm2-135m"].status == "missing"
    assert str(tmp_path / "none") in found["core smollm2-135m"].message
    assert "expert detect" in found


def test_an_unknown_core_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'echo'"):
        checks(tmp_path, core="ecko")


def test_a_folder_that_cannot_hold_the_weights_stands_in_the_way() -> None:
    found = checks(Path("/proc/vqa") if sys.platform == "linux" else Path("/dev/null/vqa"))
    assert found["weights folder"].status == "missing"
    assert "VQA_HOME" in found["weights folder"].mend


@pytest.mark.parametrize(("options", "code"), [(("--core", "echo"), 0), ((), 0), (("--offline",), 3)])
def test_the_command_succeeds_only_where_an_answer_can_be_had(
    tmp_path: Path, options: tuple[str, ...], code: int
) -> None:
    command = [sys.executable, "-m", "vqa", "doctor", "--json", "--home", str(tmp_path), *options]
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, done.stderr
    missing = [check["name"] for check in json.loads(done.stdout) if check["status"] == "missing"]
    assert ("core smollm2-135m" in missing) == (code == 3)
