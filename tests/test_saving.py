"""Answers in files: the right format, whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import os
import stat
from pathlib import Path

import pytest
from PIL import Image

from vqa.errors import InputError
from vqa.images import load_image
from vqa.saving import check_path, save_findings
from vqa.values import Answer, Finding, Prompt, Question, Region, Route

BUS = Finding("detect", "objects", "a bus", (Region((10, 20, 30, 40), "bus", 0.9),))


def answer(size: tuple[int, int] = (100, 80)) -> Answer:
    image = load_image(Image.new("RGB", size, "grey"))
    route = Route(("detect",), "asks how many", "rules")
    return Answer("하나", 0.5, Question("?"), route, (BUS,), Prompt("", (), (), 0, 0), "echo", {}, image=image)


@pytest.mark.parametrize(
    ("name", "kind"), [("a.png", "PNG"), ("a.JPG", "JPEG"), ("a.jpeg", "JPEG"), ("a.webp", "WEBP")]
)
def test_a_picture_is_written_in_the_format_of_its_name(tmp_path: Path, name: str, kind: str) -> None:
    answer().save(tmp_path / name)
    with Image.open(tmp_path / name) as picture:
        assert picture.format == kind
        assert picture.size == answer().plot().size


def test_json_and_html_are_written_whole(tmp_path: Path) -> None:
    answer().save(str(tmp_path / "a.json"))
    answer().save(tmp_path / "a.html")
    assert Answer.from_dict(json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))) == answer()
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert page.startswith('<!doctype html>\n<html><head><meta charset="utf-8">')
    assert "하나" in page


def test_a_file_name_that_is_no_unicode_survives_json(tmp_path: Path) -> None:
    value = dataclasses.replace(answer(), question=Question("?", os.fsdecode(b"caf\xe9.jpg")))
    value.save(tmp_path / "a.json")
    data = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert os.fsencode(data["question"]["image"]) == b"caf\xe9.jpg"


def test_findings_can_be_saved_without_an_answer(tmp_path: Path) -> None:
    image = answer().image
    assert image is not None
    save_findings(image, [BUS], tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width == 640
    with pytest.raises(InputError, match=r"ends in \.png"):
        save_findings(image, [BUS], tmp_path / "a.json")


@pytest.mark.parametrize("name", ["a.gif", "a", "a.png.exe", ""])
def test_another_ending_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"expected a name that ends in \.png"):
        answer().save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        answer().save(tmp_path / "no" / "a.png")
    (tmp_path / "a.png").mkdir()
    with pytest.raises(InputError, match="a folder; expected the name of a file"):
        answer().save(tmp_path / "a.png")
    assert check_path("a.JSON") == ".json"


def test_what_a_format_cannot_hold_leaves_the_old_file_alone(tmp_path: Path) -> None:
    file = tmp_path / "a.webp"
    file.write_text("before")
    with pytest.raises(InputError, match=r"WEBP cannot hold 17000x.* save it as \.png"):
        answer((17_000, 2)).save(file)
    assert file.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["a.webp"]


def test_an_old_file_is_replaced_and_nothing_else_left_behind(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text("before")
    answer().save(file)
    assert json.loads(file.read_text(encoding="utf-8"))["answer"] == "하나"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX")
def test_a_saved_file_has_the_permissions_any_new_file_has(tmp_path: Path) -> None:
    answer().save(tmp_path / "a.json")
    (tmp_path / "plain").touch()
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)
