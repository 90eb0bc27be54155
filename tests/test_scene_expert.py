"""The scene expert, with the real network, and what it is made of."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vqa.errors import ModelUnavailable
from vqa.experts.detectors.colors import color_of_background, shares_of_colors
from vqa.experts.scene import SceneExpert
from vqa.experts.scenes.concepts import CONCEPTS, GRAY
from vqa.experts.scenes.heads import Heads, colors_of, is_gray
from vqa.images import load_image
from vqa.protocols import CacheableExpert, UnloadableExpert
from vqa.settings import Settings


def test_there_is_a_head_for_every_concept_but_the_one_that_is_measured() -> None:
    heads = Heads.load()
    assert heads.names == tuple(name for name in CONCEPTS if name != GRAY)
    assert heads.weights.shape == (len(heads.names), len(heads.mean))


def test_heads_are_read_as_they_were_written(tmp_path: Path) -> None:
    made = Heads(("a", "b"), torch.ones(3), torch.full((3,), 2.0), torch.eye(2, 3), torch.tensor([0.0, 1.0]))
    made.save(tmp_path / "heads.safetensors")
    read = Heads.load(tmp_path / "heads.safetensors")
    assert read.names == made.names
    seen = torch.tensor([3.0, 1.0, 7.0])
    assert read.shares(seen).tolist() == pytest.approx([0.7311, 0.7311], abs=1e-4)
    assert made.shares(seen).tolist() == read.shares(seen).tolist()


@pytest.mark.parametrize(
    ("color", "gray"), [((90, 90, 90), True), ((255, 255, 255), True), ((90, 80, 70), False), ((0, 0, 250), False)]
)
def test_a_photo_without_colours_is_told_from_a_toned_one(color: tuple[int, int, int], gray: bool) -> None:
    light = np.random.default_rng(0).random((64, 64, 1))
    picture = Image.fromarray((light * np.array(color)).astype(np.uint8))
    assert is_gray(colors_of(picture)) is gray


@pytest.mark.parametrize(
    ("around", "thing", "color"), [("white", "red", "white"), ("blue", "white", "blue"), ("black", "yellow", "black")]
)
def test_the_background_has_the_colour_of_the_pictures_sides(around: str, thing: str, color: str) -> None:
    picture = Image.new("RGB", (90, 60), around)
    picture.paste(thing, (25, 15, 65, 45))
    named, likely = color_of_background(picture)
    assert (named, likely > 0.4) == (color, True)


def test_a_background_of_every_colour_has_none() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    assert color_of_background(Image.fromarray(noise))[0] == ""


@pytest.mark.parametrize(
    ("paint", "color"),
    [(c, c) for c in ("black", "white", "gray", "red", "orange", "yellow", "green", "blue", "pink", "tan")]
    + [("indigo", "purple"), ("#784a1e", "brown"), ("navy", "blue"), ("lime", "green"), ("skyblue", "blue")],
)
def test_the_main_colour_is_that_of_most_of_the_picture(paint: str, color: str) -> None:
    picture = Image.new("RGB", (90, 60), paint)
    picture.paste("white" if color == "black" else "black", (0, 0, 30, 60))
    assert shares_of_colors(picture)[0] == (color, pytest.approx(2 / 3, abs=0.03))


def test_weights_that_cannot_be_had_are_named(tmp_path: Path) -> None:
    missing = SceneExpert.from_settings(Settings(home=tmp_path, offline=True))
    assert "vqa models pull efficientnet-lite2" in str(missing.available())
    with pytest.raises(ModelUnavailable):
        missing.look(load_image("example:bus"))


@pytest.mark.weights
def test_the_real_network_tells_a_street_from_a_table() -> None:
    made = SceneExpert.from_settings(Settings.load())
    assert isinstance(made, CacheableExpert)
    assert isinstance(made, UnloadableExpert)
    assert made.available() is None
    looks = {name: made.look(load_image(f"example:{name}")) for name in ("bus", "coffee", "photographer")}
    shares = {name: {r.label: r.score for r in look.regions} for name, look in looks.items()}
    assert shares["bus"]["outdoors"] > 0.9
    assert looks["bus"].text.startswith("outdoors 0.9")
    assert shares["coffee"].get("outdoors", 0.0) < 0.5
    assert [GRAY in found for found in shares.values()] == [False, False, True]
    region = looks["bus"].regions[0]
    assert region.xyxy == (0, 0, *looks["bus"].size)
    assert region.kinds == ("setting",)
    made.unload()
