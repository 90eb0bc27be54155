"""The frozen vision encoder: a picture's patch features, kept for the pictures seen last.

EfficientNet-Lite2 (https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite) through timm:
224 px in, 7 by 7 tokens of 1280 channels out.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from vqa.errors import InputError, ModelUnavailable

if TYPE_CHECKING:
    from vqa.settings import Settings
    from vqa.values import LoadedImage

_TIMM_NAMES = {"efficientnet-lite2": "tf_efficientnet_lite2"}
_SIDE = 224  # pixels
_KEPT = 32  # pictures; 250 kB of features each


class VisionEncoder:
    """Patch features of pictures by the named encoder; its weights load with the first picture.

    Args:
        name: The encoder's name in the weights store.
        settings: Where weights live.
        device: Where it runs, in float32.

    Raises:
        InputError: No encoder is called that.
    """

    def __init__(self, name: str, settings: Settings, *, device: torch.device) -> None:
        if name not in _TIMM_NAMES:
            raise InputError(f"vision={name!r}: expected one of {', '.join(_TIMM_NAMES)}")
        self._name = name
        self._settings = settings
        self._device = device
        self._network: nn.Module | None = None
        self._kept: OrderedDict[str, Tensor] = OrderedDict()

    def features(self, images: Sequence[LoadedImage]) -> Tensor:
        """Return (B, P, F) float32 patch features, computing only those of pictures not seen lately.

        Raises:
            ModelUnavailable: The weights are not here and cannot be had.
        """
        known = {image.sha256: self._kept[image.sha256] for image in images if image.sha256 in self._kept}
        new = {image.sha256: image for image in images if image.sha256 not in known}
        if new:
            known.update(zip(new, self._compute(list(new.values())), strict=True))
        for sha256, patches in known.items():
            self._kept[sha256] = patches
            self._kept.move_to_end(sha256)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return torch.stack([known[image.sha256] for image in images])

    @torch.inference_mode()
    def _compute(self, images: Sequence[LoadedImage]) -> Tensor:
        if self._network is None:
            self._network = self._load()
        pixels = torch.stack([_pixels(image) for image in images]).to(self._device)  # (B, 3, 224, 224)
        maps: Tensor = self._network.forward_features(pixels)  # type: ignore[operator]  # (B, F, 7, 7)
        return maps.flatten(2).transpose(1, 2).contiguous()  # (B, P, F)

    def _load(self) -> nn.Module:
        import timm

        from vqa.weights import Store

        folder = Store.from_settings(self._settings).fetch(self._name)
        network: nn.Module = timm.create_model(_TIMM_NAMES[self._name], pretrained=False)
        load_in_order(network, folder)
        return network.to(self._device).eval().requires_grad_(False)


def load_in_order(network: nn.Module, folder: Path) -> None:
    """Load the folder's .pth into a network whose state has other names but the same tensors in the same order.

    Raises:
        ModelUnavailable: The file is missing, or its tensors are not the network's.
    """
    files = sorted(folder.glob("*.pth"))
    if not files:
        raise ModelUnavailable(f"{folder}: no .pth file there; run `vqa models pull`")
    try:
        found: Mapping[str, Any] = torch.load(files[0], map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError):
        raise ModelUnavailable(f"{files[0]}: not a plain file of tensors; pull it again") from None
    expected = network.state_dict()
    if [tuple(t.shape) for t in found.values()] != [tuple(t.shape) for t in expected.values()]:
        raise ModelUnavailable(f"{files[0]}: its tensors are not those of {type(network).__name__}; pull it again")
    network.load_state_dict(dict(zip(expected, found.values(), strict=True)))


def _pixels(image: LoadedImage) -> Tensor:
    """Return (3, 224, 224) in [-1, 1]: the whole picture, squeezed, so that nothing at its border is lost."""
    from PIL.Image import Resampling

    squeezed = image.pil.resize((_SIDE, _SIDE), Resampling.BICUBIC, reducing_gap=2.0)
    pixels = torch.from_numpy(np.array(squeezed)).permute(2, 0, 1)  # (3, 224, 224) uint8
    return (pixels.float() / 255 - 0.5) / 0.5
