"""The vision encoder: weights in order or not at all, every picture once, all of it seen."""

from collections import OrderedDict
from dataclasses import replace

import pytest
import torch
from PIL import Image
from torch import nn

from vqa.adapter_model.encoder import VisionEncoder
from vqa.errors import InputError, ModelUnavailable
from vqa.images import load_image
from vqa.networks.efficientnet_lite import load_in_order
from vqa.settings import Settings

CPU = torch.device("cpu")


def network():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


def test_tensors_are_taken_in_order_under_other_names(tmp_path):
    source = network()
    renamed = OrderedDict((f"old.{i}", tensor) for i, tensor in enumerate(source.state_dict().values()))
    torch.save(renamed, tmp_path / "weights.pth")
    loaded = network()
    load_in_order(loaded, tmp_path)
    picture = torch.ones(1, 3, 8, 8)
    assert torch.equal(loaded.eval()(picture), source.eval()(picture))


@pytest.mark.parametrize("spoil", [lambda s: s.popitem(), lambda s: s.update({"old.0": torch.zeros(4, 3, 5, 5)})])
def test_a_tensor_missing_or_of_another_shape_is_refused(tmp_path, spoil):
    state = OrderedDict((f"old.{i}", tensor) for i, tensor in enumerate(network().state_dict().values()))
    spoil(state)
    torch.save(state, tmp_path / "weights.pth")
    with pytest.raises(ModelUnavailable, match="its tensors are not those of Sequential"):
        load_in_order(network(), tmp_path)


def test_a_pickle_with_code_is_refused_unexecuted(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (tmp_path.joinpath("exploded").touch, ())

    torch.save({"a": Bomb()}, tmp_path / "weights.pth")
    with pytest.raises(ModelUnavailable, match="a pickle with code"):
        load_in_order(network(), tmp_path)
    assert not (tmp_path / "exploded").exists()


def test_no_file_is_refused(tmp_path):
    with pytest.raises(ModelUnavailable, match=r"no \.pth file"):
        load_in_order(network(), tmp_path)


def test_an_unknown_encoder_is_refused():
    with pytest.raises(InputError, match="vision='efficientnet-lite9'"):
        VisionEncoder("efficientnet-lite9", Settings(), device=CPU)


@pytest.mark.weights
@pytest.mark.usefixtures("one_thread")
def test_real_features_tell_pictures_apart_and_are_kept():
    encoder = VisionEncoder("efficientnet-lite2", Settings.load(), device=CPU)
    gradient = Image.linear_gradient("L").convert("RGB")
    marked = gradient.resize((400, 100))
    marked.paste((255, 0, 0), (0, 0, 40, 100))  # at the border: a centre crop would not see it
    images = [load_image(gradient.resize((400, 100))), load_image(marked), load_image(gradient.resize((400, 100)))]
    together = encoder.features(images)
    assert together.shape == (3, 49, 1280)
    assert torch.equal(together[0], together[2])
    assert (together[0] - together[1]).abs().max() > 0.1
    alone = VisionEncoder("efficientnet-lite2", Settings.load(), device=CPU).features(images[1:2])
    torch.testing.assert_close(alone[0], together[1], atol=1e-3, rtol=1e-3)
    posing = replace(images[0], sha256=images[1].sha256)  # known by its hash, so not looked at again
    assert torch.equal(encoder.features([posing])[0], together[1])


@pytest.mark.weights
def test_levels_hold_the_last_map_behind_those_of_earlier_stages():
    images = [load_image(Image.linear_gradient("L").resize(size).convert("RGB")) for size in ((300, 200), (100, 100))]
    last, levels = (
        VisionEncoder(name, Settings.load(), device=CPU).features(images)
        for name in ("efficientnet-lite2", "efficientnet-lite2:levels")
    )
    assert levels.shape == (2, 49, 88 + 120 + 208 + 352 + 1280)
    torch.testing.assert_close(levels[..., -1280:], last)
    assert all(part.std() > 0 for part in levels.split([88, 120, 208, 352, 1280], dim=-1))


@pytest.mark.parametrize("eyes", ["efficientnet-lite2", "efficientnet-lite2:levels"])
@pytest.mark.weights
def test_a_mirror_image_is_looked_at_too(eyes):
    gradient = Image.linear_gradient("L").convert("RGB")
    marked = gradient.copy()
    marked.paste((255, 0, 0), (0, 0, 90, 256))
    image = load_image(marked)
    both, alone = (
        VisionEncoder(name, Settings.load(), device=CPU).features([image]) for name in (f"{eyes}:mirrored", eyes)
    )
    mirrored = VisionEncoder(eyes, Settings.load(), device=CPU).features(
        [load_image(marked.transpose(Image.Transpose.FLIP_LEFT_RIGHT))]
    )
    torch.testing.assert_close(both, torch.cat([alone, mirrored], dim=1), atol=0.05, rtol=0.05)
    assert not torch.allclose(alone, mirrored, atol=0.5)
