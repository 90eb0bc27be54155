"""The frozen vision encoder: a picture's patch features, kept for the pictures seen last."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vqa.adapter_model.backbones import SHARED, Backbone, check_name, load_backbone
from vqa.adapter_model.once import once
from vqa.errors import InputError
from vqa.lanes import share_cores
from vqa.networks.sight import Sight, sight

if TYPE_CHECKING:
    from PIL.Image import Image

    from vqa.adapter_model.config import Channels
    from vqa.settings import Settings
    from vqa.values import LoadedImage

_KEPT = 32  # pictures; 250 kB of features each, CLIP's 790 kB
_HASHED = 4096  # values of each tensor


class VisionEncoder:
    """Patch features of pictures by the named encoder; its weights load with the first picture.

    The built-in one, on a CPU and as it is, looks once for everybody (`vqa.networks.sight`).

    Args:
        name: The encoder's name, as `backbones` knows it.
        settings: Where weights live.
        device: Where it runs, in float32.
        channels: The order in which it gets a picture's colours.
        changes: A safetensors file with weights that replace some of the encoder's, if it is there.

    Attributes:
        loading: Held while weights load; several threads may share an encoder.

    Raises:
        InputError: No encoder is called that.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        device: torch.device,
        channels: Channels = "rgb",
        changes: Path | None = None,
    ) -> None:
        check_name(name)
        self._name = name
        self._settings = settings
        self._device = device
        self._channels = channels
        self._changes = changes
        self.loading = RLock()
        self._kept: OrderedDict[str, Tensor] = OrderedDict()

    def features(self, images: Sequence[LoadedImage]) -> Tensor:
        """Return (B, P, F) float32 patch features, computing only those of pictures not seen lately.

        Raises:
            ModelUnavailable: The weights are not here and cannot be had.
        """
        if self._sight is not None:
            return torch.stack([self._sight.tokens(image) for image in images])
        with self.loading:
            known = {image.sha256: self._kept[image.sha256] for image in images if image.sha256 in self._kept}
        new = {image.sha256: image for image in images if image.sha256 not in known}
        if new:
            known.update(zip(new, self._compute(list(new.values())), strict=True))
        with self.loading:
            for sha256, patches in known.items():
                self._kept[sha256] = patches
                self._kept.move_to_end(sha256)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return torch.stack([known[image.sha256] for image in images])

    def fingerprint(self) -> str:
        """Return the identity of what it computes: a hash of its name, colour order and weights.

        Raises:
            ModelUnavailable: The weights are not here and cannot be had.
        """
        digest = hashlib.sha256(f"{self._name} {self._channels}".encode())
        network = self._backbone.network if self._sight is None else self._sight.network
        for name, tensor in network.state_dict().items():
            digest.update(f"{name} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().flatten()[:_HASHED].float().cpu().numpy().tobytes())
        return digest.hexdigest()

    @torch.inference_mode()
    def _compute(self, images: Sequence[LoadedImage]) -> Tensor:
        backbone = self._backbone
        share_cores()
        pictures = [in_order(image.pil, self._channels) for image in images]
        pixels = torch.stack([backbone.pixels(picture) for picture in pictures])  # (B, 3, S, S)
        return backbone.tokens(pixels.to(self._device)).float()  # (B, P, F)

    @once
    def _sight(self) -> Sight | None:
        changed = self._changes is not None and self._changes.is_file()
        as_it_is = (self._name, self._channels, self._device.type) == (SHARED, "rgb", "cpu") and not changed
        return sight(self._settings) if as_it_is else None

    @once
    def _backbone(self) -> Backbone:
        backbone = load_backbone(self._name, self._settings)
        if self._changes is not None and self._changes.is_file():
            change(backbone.network, self._changes)
        backbone.network.to(self._device).requires_grad_(False)
        return backbone


def change(network: torch.nn.Module, path: Path) -> None:
    """Replace some of a network's weights by those in a safetensors file.

    Raises:
        InputError: The file is damaged, or one of its tensors is none of the network's, in name or shape.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        found = load_file(path)
    except SafetensorError as error:
        raise InputError(f"{path}: damaged ({error}); get the file again") from None
    own = network.state_dict()
    odd = [name for name, tensor in found.items() if name not in own or own[name].shape != tensor.shape]
    if odd:
        raise InputError(f"{path}: not of this vision encoder: {', '.join(odd)}")
    network.load_state_dict({**own, **found})


def in_order(picture: Image, channels: Channels) -> Image:
    """Return an RGB picture whose bands come in another order: LLaMA-Adapter V2's released code feeds BGR as RGB."""
    from PIL import Image as pillow

    return picture if channels == "rgb" else pillow.merge("RGB", picture.split()[::-1])
