"""The built-in vision network is timm's of the same name, tensor by tensor."""

import subprocess
import sys

import pytest
import torch

from vqa.networks.efficientnet_lite import EfficientNetLite2

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("side", [224, 97])
@torch.inference_mode()
def test_its_features_are_those_of_timm(side):
    import timm

    torch.manual_seed(0)
    theirs = timm.create_model("tf_efficientnet_lite2", pretrained=False).eval()
    for name, tensor in theirs.state_dict().items():  # as they start, running means and biases are 0 and could be lost
        if name.endswith(("running_mean", "bias")):
            tensor.normal_(std=0.1)
    ours = EfficientNetLite2().eval()
    state = theirs.state_dict()
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict(state)
    pixels = torch.rand(2, 3, side, side) * 2 - 1
    expected = theirs.forward_features(pixels)
    assert expected.shape == (2, 1280, -(-side // 32), -(-side // 32))
    torch.testing.assert_close(ours(pixels), expected, atol=1e-3, rtol=1e-3)  # norms folded into the convolutions


def test_what_is_folded_for_inference_computes_the_same():
    torch.manual_seed(0)
    network = EfficientNetLite2().eval()
    for norm in (module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)):
        norm.running_mean.normal_(std=0.1)
        norm.running_var.uniform_(0.5, 2)
    for size in ((97, 64), (64, 64), (97, 97), (64, 97), (64, 160)):  # padded at one end, at both, on one side alone
        pixels = torch.rand(2, 3, *size)
        with torch.no_grad():
            as_it_is = network.levels(pixels)
        with torch.inference_mode():
            torch.testing.assert_close(network.levels(pixels), as_it_is, atol=1e-4, rtol=1e-3)


@torch.inference_mode()
def test_its_levels_are_the_maps_of_the_last_stages():
    torch.manual_seed(0)
    network = EfficientNetLite2().eval()
    pixels = torch.rand(2, 3, 64, 64)
    *stages, last = network.levels(pixels)
    assert [tuple(found.shape[1:]) for found in stages] == [(88, 4, 4), (120, 4, 4), (208, 2, 2), (352, 2, 2)]
    assert torch.equal(last, network(pixels))


def test_it_needs_no_package_beyond_torch():
    program = """
import sys, torch
from vqa.networks.efficientnet_lite import EfficientNetLite2
with torch.inference_mode():
    EfficientNetLite2().eval()(torch.zeros(1, 3, 64, 64))
print(*{"timm", "torchvision", "torch._dynamo"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
