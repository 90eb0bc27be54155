"""The last picture is decoded once, as long as its file is the same one."""

import os

import pytest
from PIL import Image

from vqa.agent.latest_picture import LatestPicture
from vqa.errors import InputError


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "red.png"
    Image.new("RGB", (4, 4), "red").save(path)
    return path


@pytest.mark.parametrize("named", [str, lambda path: path])
def test_a_file_is_loaded_once_for_questions_in_a_row(file, named):
    pictures = LatestPicture()
    first = pictures.load(named(file), offline=True)
    assert first.source == str(file)
    assert pictures.load(named(file), offline=True) is first


def test_a_file_that_changed_is_loaded_again(file):
    pictures = LatestPicture()
    first = pictures.load(file, offline=True)
    Image.new("RGB", (4, 4), "blue").save(file)
    os.utime(file, ns=(1, 1))
    again = pictures.load(file, offline=True)
    assert again.pil.getpixel((0, 0)) == (0, 0, 255)
    assert again.sha256 != first.sha256


def test_another_picture_takes_its_place(file, tmp_path):
    pictures = LatestPicture()
    first = pictures.load(file, offline=True)
    bus = pictures.load("example:bus", offline=True)
    assert bus.source == "example:bus"
    assert pictures.load("example:bus", offline=True) is bus
    assert pictures.load(file, offline=True) is not first


def test_what_is_no_file_is_loaded_each_time(file):
    pictures = LatestPicture()
    image = Image.new("RGB", (4, 4))
    assert pictures.load(image, offline=True) is not pictures.load(image, offline=True)
    data = file.read_bytes()
    assert pictures.load(data, offline=True) is not pictures.load(data, offline=True)


@pytest.mark.parametrize(
    "wrong", ["missing.png", "example:nosuch", "~nobody/x.png", "a\0b", "", "http://x.invalid/p.png"]
)
def test_a_wrong_source_fails_as_it_would_without(wrong):
    with pytest.raises(InputError):
        LatestPicture().load(wrong, offline=True)
