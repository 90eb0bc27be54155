"""`vqa batch --engine ray` gives the rows of a local run, also when a worker is killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
BLIND = ("--core", "echo", "--router", "none")

pytest.importorskip("ray", reason="Ray is not installed: pip install 'vqa-agent[ray]'")


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for index in range(20):
        Image.new("RGB", (40 + index, 30), (index * 6, 90, 200)).save(tmp_path / "photos" / f"{index}.png")
    with (tmp_path / "questions.jsonl").open("w", encoding="utf-8") as file:
        for index in range(600):
            row = {"id": index // 2 * 2 if index % 10 == 3 else index, "image": f"{index // 5 % 22}.png"}
            file.write("{half\n" if index % 10 == 7 else json.dumps({**row, "question": f"얼마 {index}?"}) + "\n")
    return tmp_path / "questions.jsonl"


def command(questions: Path, output: str, *more: str) -> list[str]:
    batch = [sys.executable, "-m", "vqa", "batch", str(questions), "--image-root", str(questions.parent / "photos")]
    page = str(questions.parent / f"{output}.html")
    return [
        *batch,
        "--slim",
        "--batch-rows",
        "4",
        "-o",
        str(questions.parent / output),
        "--report",
        page,
        *BLIND,
        *more,
    ]


def environment(home: Path) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("VQA_")}
    return {**ours, "VQA_HOME": str(home), "XDG_CONFIG_HOME": str(home), "VQA_OFFLINE": "1"}


def actors(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            if "MapWorker" in " ".join(child.cmdline()):
                found.append(child)
        except psutil.Error:
            continue
    return found


@pytest.mark.slow
def test_ray_equals_local_row_for_row_and_a_killed_worker_loses_nothing(questions: Path, tmp_path: Path) -> None:
    local = subprocess.run(command(questions, "local.jsonl"), cwd=ROOT, env=environment(tmp_path), capture_output=True)
    assert local.returncode == 4, local.stderr
    ray = command(questions, "ray.jsonl", "--engine", "ray", "--workers", "2")
    process = subprocess.Popen(ray, cwd=ROOT, env=environment(tmp_path), stderr=subprocess.PIPE)
    killed = False
    output = tmp_path / "ray.jsonl"
    while process.poll() is None and not killed:
        if output.exists() and output.read_bytes().count(b"\n") >= 40 and (found := actors(process)):
            found[0].kill()
            killed = True
    _, err = process.communicate(timeout=300)
    assert process.returncode == 4, err.decode()
    assert killed
    assert output.read_bytes() == (tmp_path / "local.jsonl").read_bytes()
    assert len(output.read_bytes().splitlines()) == 600
    pages = [(tmp_path / f"{name}.jsonl.html").read_bytes() for name in ("ray", "local")]
    assert pages[0] == pages[1]  # pictures, too
    assert pages[0].count(b"x-vqa-picture") > 15
