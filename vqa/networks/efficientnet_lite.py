"""EfficientNet-Lite2, the built-in vision network (https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite).

EfficientNet (arXiv 1905.11946) without squeeze-and-excitation and with ReLU6; widths are scaled by 1.1, depths by 1.2,
but not the stem, the head, or the depth of the first and last stage. timm has it, too, and takes as long to import as
a whole answer takes; names are timm's. In inference mode on a CPU, norms are folded into the convolutions and ReLU6 is
computed by them, which takes half the time; so weights must not change after the first picture.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqa.errors import InputError, ModelUnavailable
from vqa.networks.tensor_file import read_tensor_file
from vqa.weights import Store

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

    from vqa.settings import Settings

NAME = "efficientnet-lite2"
"""Of its weights in the store."""
_STAGES = (  # blocks before scaling, kernel, stride of the first block, expansion, channels after scaling
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 48),
    (3, 3, 2, 6, 88),
    (3, 5, 1, 6, 120),
    (4, 5, 2, 6, 208),
    (1, 3, 1, 6, 352),
)
_DEPTH = 1.2
_STEM, _HEAD, _CLASSES = 32, 1280, 1000


class EfficientNetLite2(nn.Module):
    """Maps pixels (B, 3, S, S) to the last feature map (B, 1280, S / 32, S / 32)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem = _Conv(3, _STEM, 3, stride=2)
        self.bn1 = _norm(_STEM)
        stages, channels = [], _STEM
        for place, (blocks, kernel, stride, expansion, out) in enumerate(_STAGES):
            depth = blocks if place in (0, len(_STAGES) - 1) else ceil(blocks * _DEPTH)
            stage = []
            for index in range(depth):
                stage.append(_Block(channels, out, kernel, stride=stride if index == 0 else 1, expansion=expansion))
                channels = out
            stages.append(nn.Sequential(*stage))
        self.blocks = nn.Sequential(*stages)
        self.conv_head = _Conv(channels, _HEAD, 1)
        self.bn2 = _norm(_HEAD)
        self.classifier = nn.Linear(_HEAD, _CLASSES)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.levels(pixels)[-1]

    def levels(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of the last four stages (88, 120, 208, 352 channels), and the last, at strides 16 and 32."""
        x = _normed(pixels, self.conv_stem, self.bn1, active=True)
        maps = []
        for stage in self.blocks:
            x = stage(x)
            maps.append(x)
        return (*maps[3:], _normed(x, self.conv_head, self.bn2, active=True))

    def classes(self, pixels: Tensor) -> Tensor:
        """Return how likely each picture shows each of ImageNet's classes, (B, 1000)."""
        scores: Tensor = self.classifier(self(pixels).mean(dim=(2, 3)))
        return scores.softmax(dim=-1)


class _Conv(nn.Conv2d):
    """A convolution padded as TensorFlow's "SAME": to the size over the stride, the odd pixel at the end."""

    def __init__(self, channels: int, out: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__(channels, out, kernel, stride, groups=groups, bias=False)
        self._folded: dict[bool, tuple[Tensor, Tensor]] = {}  # by whether the odd pixel is at the end

    def forward(self, x: Tensor) -> Tensor:
        (left, right), (top, bottom) = self._padding(x)
        return super().forward(F.pad(x, (left, right, top, bottom)))

    def with_norm(self, x: Tensor, norm: nn.BatchNorm2d, *, active: bool) -> Tensor:
        """Return norm(conv(x)), and ReLU6 of it if it is active, as one operation of a CPU."""
        (left, right), (top, bottom) = self._padding(x)
        uneven = (left, top) != (right, bottom)
        if uneven and (right - left, bottom - top) != (1, 1):  # odd on one side of the picture alone
            x, left, top, right, bottom, uneven = F.pad(x, (left, right, top, bottom)), 0, 0, 0, 0, False
        if uneven not in self._folded:
            self._folded[uneven] = self._fold(norm, uneven=uneven)
        after = ("hardtanh", [0.0, 6.0], "") if active else ("none", [], "")
        y: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, *self._folded[uneven], (bottom, right), self.stride, self.dilation, self.groups, *after
        )
        return y

    def _fold(self, norm: nn.BatchNorm2d, *, uneven: bool) -> tuple[Tensor, Tensor]:
        """Return weight and bias of norm(conv(x)).

        A kernel that begins with a row and a column of zeros reads the same of a picture with as many pixels at both
        ends: that spares a padded copy, which takes a quarter of the network's time.
        """
        mean, variance = norm.running_mean, norm.running_var
        assert mean is not None
        assert variance is not None
        scale = norm.weight / (variance + norm.eps).sqrt()
        weight = self.weight * scale[:, None, None, None]
        if uneven:
            weight = F.pad(weight, (1, 0, 1, 0))
        return weight.to(memory_format=torch.channels_last), norm.bias - mean * scale

    def _padding(self, x: Tensor) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return the pixels missing on the left and right, at the top and bottom."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        across, down = (max((ceil(size / stride) - 1) * stride + kernel - size, 0) for size in (x.shape[3], x.shape[2]))
        return (across // 2, across - across // 2), (down // 2, down - down // 2)


def _normed(x: Tensor, conv: _Conv, norm: nn.BatchNorm2d, *, active: bool) -> Tensor:
    """Return norm(conv(x)), and ReLU6 of it if it is active."""
    if torch.is_inference_mode_enabled() and x.device.type == "cpu" and torch._C._has_mkldnn:
        return conv.with_norm(x, norm, active=active)
    y: Tensor = norm(conv(x))
    return F.relu6(y) if active else y


class _Block(nn.Module):
    """Expand by 1 by 1, filter each channel, project; added to the input where the shapes allow (arXiv 1801.04381)."""

    def __init__(self, channels: int, out: int, kernel: int, *, stride: int, expansion: int) -> None:
        super().__init__()
        wide = channels * expansion
        steps: list[tuple[str, Any]] = [("conv_dw", _Conv(wide, wide, kernel, stride=stride, groups=wide))]
        steps += [("conv_pw", _Conv(wide, out, 1))]
        if expansion > 1:
            steps = [("conv_pw", _Conv(channels, wide, 1)), steps[0], ("conv_pwl", steps[1][1])]
        self._names = [name for name, _ in steps]
        for number, (name, conv) in enumerate(steps, 1):
            self.add_module(name, conv)
            self.add_module(f"bn{number}", _norm(conv.out_channels))
        self._adds = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for number, name in enumerate(self._names, 1):
            last = number == len(self._names)  # the projection is linear
            y = _normed(y, getattr(self, name), getattr(self, f"bn{number}"), active=not last)
        return x + y if self._adds else y


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


def tokens(network: EfficientNetLite2, pixels: Tensor, *, levels: bool, mirrored: bool) -> Tensor:
    """Return what the network makes of every place of the last feature map, (B, P, F).

    Args:
        network: In eval mode.
        pixels: (B, 3, S, S); at 224 the map has 49 places.
        levels: Whether each place has its mean of the maps of four earlier stages before its own 1280 channels, 2048.
        mirrored: Whether the places of the mirror image follow, twice as many.
    """
    if mirrored:
        pixels = torch.cat([pixels, pixels.flip(-1)])
    *earlier, last = network.levels(pixels)
    if levels:
        last = torch.cat([*(F.adaptive_avg_pool2d(found, last.shape[-1]) for found in earlier), last], dim=1)
    found = last.flatten(2).transpose(1, 2).contiguous()  # (B, F, h, w) to (B, P, F)
    return torch.cat(found.chunk(2), dim=1) if mirrored else found


def load_efficientnet(settings: Settings) -> EfficientNetLite2:
    """Return the network with its weights, on the CPU, in eval mode. Raises ModelUnavailable if they cannot be had."""
    network = EfficientNetLite2()
    load_in_order(network, Store.from_settings(settings).fetch(NAME))
    network.to(memory_format=torch.channels_last)  # what a CPU's convolutions read fastest
    return network.eval()


def load_in_order(network: nn.Module, folder: Path) -> None:
    """Load the folder's .pth into a network whose state has other names but the same tensors in the same order.

    Raises:
        ModelUnavailable: The file is missing, or its tensors are not the network's.
    """
    files = sorted(folder.glob("*.pth"))
    if not files:
        raise ModelUnavailable(f"{folder}: no .pth file there; run `vqa models pull`")
    try:
        found = read_tensor_file(files[0])
    except InputError as error:
        raise ModelUnavailable(f"{error}; pull it again") from None
    expected = network.state_dict()
    if [tuple(t.shape) for t in found.values()] != [tuple(t.shape) for t in expected.values()]:
        raise ModelUnavailable(f"{files[0]}: its tensors are not those of {type(network).__name__}; pull it again")
    network.load_state_dict(dict(zip(expected, found.values(), strict=True)))


def squeezed(picture: Image, side: int) -> Tensor:
    """Return all of an RGB picture as (3, side, side) in [-1, 1]; cut to a square, it would lose its borders."""
    from PIL.Image import Resampling

    small = picture.resize((side, side), Resampling.BICUBIC, reducing_gap=2.0)
    pixels = torch.from_numpy(np.array(small)).permute(2, 0, 1)  # (3, side, side) uint8
    return (pixels.float() / 255 - 0.5) / 0.5
