"""The classify expert, with a network that says what the test wants, and with the real one."""

import pytest
import torch

from vqa.errors import ModelUnavailable
from vqa.experts.classes.imagenet import classes
from vqa.experts.classify import ClassifyExpert
from vqa.images import load_image
from vqa.protocols import CacheableExpert, UnloadableExpert
from vqa.settings import Settings

NUMBER = {one.name: number for number, one in enumerate(classes())}


class Network:
    """Says that the picture is one thing and its mirror image another."""

    def __init__(self, plain: dict[str, float], mirrored: dict[str, float]) -> None:
        self._looks = plain, mirrored

    def classes(self, pixels: torch.Tensor) -> torch.Tensor:
        assert pixels.shape == (2, 3, 260, 260)
        assert torch.equal(pixels[1], pixels[0].flip(-1))
        shares = torch.zeros(2, len(classes()))
        for row, look in zip(shares, self._looks, strict=True):
            for name, share in look.items():
                row[NUMBER[name]] = share
        return shares


def expert(plain: dict[str, float], mirrored: dict[str, float], monkeypatch: pytest.MonkeyPatch) -> ClassifyExpert:
    made = ClassifyExpert.from_settings(Settings())
    monkeypatch.setattr(made, "_loaded", lambda: Network(plain, mirrored))
    return made


def test_it_names_what_picture_and_mirror_image_look_like(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = expert({"tiger": 0.9, "zebra": 0.1}, {"tiger": 0.7, "zebra": 0.003}, monkeypatch).look(
        load_image("example:bus")
    )
    assert looked.text == "tiger 0.80"
    assert [(region.label, round(region.score, 3)) for region in looked.regions] == [("tiger", 0.8), ("zebra", 0.052)]
    assert looked.regions[0].kinds == ("big cat", "mammal", "animal")
    assert looked.regions[0].xyxy == (0, 0, *looked.size)


def test_what_is_unlikely_is_left_out_and_two_classes_of_one_name_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    look = {"tiger": 0.005, "castle": 0.4}
    looked = expert(look, look, monkeypatch).look(load_image("example:bus"))
    assert looked.text == "not sure: castle 0.40"
    assert [region.label for region in looked.regions] == ["castle"]
    assert len(set(looked.vocabulary)) == len(looked.vocabulary) < len(classes())


def test_weights_that_cannot_be_had_are_named(tmp_path) -> None:
    missing = ClassifyExpert.from_settings(Settings(home=tmp_path, offline=True))
    assert "vqa models pull efficientnet-lite2" in missing.available()
    with pytest.raises(ModelUnavailable):
        missing.look(load_image("example:bus"))


@pytest.mark.weights
@pytest.mark.parametrize(("picture", "name", "kind"), [("coffee", "espresso", "drink"), ("bus", "minibus", "bus")])
def test_the_real_network_knows_pictures_it_has_not_seen(picture: str, name: str, kind: str) -> None:
    made = ClassifyExpert.from_settings(Settings.load())
    assert isinstance(made, CacheableExpert)
    assert isinstance(made, UnloadableExpert)
    assert made.available() is None
    found = made.look(load_image(f"example:{picture}"))
    assert found.text.startswith(f"{name} 0.")
    assert kind in found.regions[0].kinds
    assert found.regions[0].score > 0.5
    made.unload()
