"""The classify expert, with a sight that says what the test wants, and with the real one."""

import pytest
import torch

from vqa.errors import ModelUnavailable
from vqa.experts.classes.imagenet import classes
from vqa.experts.classify import ClassifyExpert
from vqa.images import load_image
from vqa.protocols import CacheableExpert, UnloadableExpert
from vqa.settings import Settings
from vqa.values import LoadedImage

NUMBER = {one.name: number for number, one in enumerate(classes())}


class SeesOneThing:
    """A sight that says what the picture shows."""

    def __init__(self, shares: dict[str, float]) -> None:
        self._shares = shares

    def classes(self, image: LoadedImage) -> torch.Tensor:
        told = torch.zeros(len(classes()))
        for name, share in self._shares.items():
            told[NUMBER[name]] = share
        return told


def expert(shares: dict[str, float], monkeypatch: pytest.MonkeyPatch) -> ClassifyExpert:
    made = ClassifyExpert.from_settings(Settings())
    monkeypatch.setattr(made, "_loaded", lambda: SeesOneThing(shares))
    return made


def test_it_names_what_the_picture_looks_like(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = expert({"tiger": 0.8, "zebra": 0.052}, monkeypatch).look(load_image("example:bus"))
    assert looked.text == "tiger 0.80"
    assert [(region.label, round(region.score, 3)) for region in looked.regions] == [("tiger", 0.8), ("zebra", 0.052)]
    assert looked.regions[0].kinds == ("big cat", "mammal", "animal")
    assert looked.regions[0].xyxy == (0, 0, *looked.size)


def test_what_is_unlikely_is_left_out_and_two_classes_of_one_name_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = expert({"tiger": 0.005, "castle": 0.4}, monkeypatch).look(load_image("example:bus"))
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
