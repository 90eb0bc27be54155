"""What the built-in vision network sees, once for all who ask."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from vqa.adapter_model.encoder import VisionEncoder
from vqa.errors import ModelUnavailable
from vqa.images import load_image
from vqa.networks.efficientnet_lite import EfficientNetLite2, load_efficientnet, squeezed
from vqa.networks.sight import SIDE, Sight, sight
from vqa.settings import Settings
from vqa.values import LoadedImage

pytestmark = pytest.mark.usefixtures("one_thread")


class Counting(EfficientNetLite2):
    """The network with weights as they are drawn, which counts how often it looks."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__()
        self.eval()
        self.looks = 0

    def levels(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        self.looks += 1
        return super().levels(pixels)


def picture(shade: int = 0) -> LoadedImage:
    drawn = Image.linear_gradient("L").convert("RGB").resize((120, 80))
    drawn.paste((255, shade, 0), (0, 0, 40, 80))
    return load_image(drawn)


def test_a_picture_is_looked_at_once_and_mirrored() -> None:
    looking = Sight(network := Counting())
    plain, mirrored = looking.tokens(picture())[:, -1280:].chunk(2)
    assert looking.tokens(picture()).shape == (98, 2048)
    assert network.looks == 1
    looking.tokens(picture(9))
    assert network.looks == 2
    pixels = squeezed(picture().pil, SIDE)[None]
    with torch.inference_mode():
        for places, shown in ((plain, pixels), (mirrored, pixels.flip(-1))):
            torch.testing.assert_close(places, network(shown).flatten(2)[0].T, atol=1e-4, rtol=1e-3)
    assert not torch.allclose(plain, mirrored)


def test_classes_are_the_mean_of_both() -> None:
    looking = Sight(network := Counting())
    pixels = squeezed(picture().pil, 260)[None]
    with torch.inference_mode():
        each = [
            network.classifier(network(seen).mean(dim=(2, 3))).softmax(dim=-1)[0] for seen in (pixels, pixels.flip(-1))
        ]
        torch.testing.assert_close(looking.classes(picture()), (each[0] + each[1]) / 2)


def test_only_the_pictures_seen_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vqa.networks.sight._KEPT", 2)
    looking = Sight(network := Counting())
    for shade in (1, 2, 1, 3, 1, 3):
        looking.tokens(picture(shade))
    assert network.looks == 3
    looking.tokens(picture(2))
    assert network.looks == 4  # the one seen longest ago was forgotten


def test_weights_that_cannot_be_had_are_told_of(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable):
        sight(Settings(home=tmp_path, offline=True))


@pytest.mark.weights
def test_all_share_one_network_and_it_goes_with_the_last_of_them(tmp_path: Path) -> None:
    load_efficientnet(Settings.load())  # the weights are here from now on
    home = tmp_path / "home"
    home.symlink_to(Settings.load().home)  # the same weights, of which nobody else here has the network
    settings, eyes, cpu = replace(Settings.load(), home=home), "efficientnet-lite2:levels:mirrored", torch.device("cpu")
    one, other = sight(settings), sight(settings)
    assert one is other
    encoder = VisionEncoder(eyes, settings, device=cpu)
    assert torch.equal(encoder.features([picture()])[0], one.tokens(picture()))
    alone = VisionEncoder(eyes, settings, device=cpu, channels="bgr")
    red = load_image(Image.new("RGB", (64, 64), (200, 30, 30)))
    assert not torch.equal(alone.features([red])[0], one.tokens(red))  # it sees other colours, so by itself
    gone = weakref.ref(one)
    del one, other, encoder
    gc.collect()
    assert gone() is None
