"""The frozen vision encoder: a picture's patch features, kept for the pictures seen last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vqa.adapter_model.backbones import Backbone, check_name, load_backbone

if TYPE_CHECKING:
    from PIL.Image import Image

    from vqa.adapter_model.config import Channels
    from vqa.settings import Settings
    from vqa.values import LoadedImage

_KEPT = 32  # pictures; 250 kB of features each, CLIP's 790 kB


class VisionEncoder:
    """Patch features of pictures by the named encoder; its weights load with the first picture.

    Args:
        name: The encoder's name, as `backbones` knows it.
        settings: Where weights live.
        device: Where it runs, in float32.
        channels: The order in which it gets a picture's colours.

    Raises:
        InputError: No encoder is called that.
    """

    def __init__(self, name: str, settings: Settings, *, device: torch.device, channels: Channels = "rgb") -> None:
        check_name(name)
        self._name = name
        self._settings = settings
        self._device = device
        self._channels = channels
        self._backbone: Backbone | None = None
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
        if self._backbone is None:
            self._backbone = load_backbone(self._name, self._settings)
            self._backbone.network.to(self._device).requires_grad_(False)
        pictures = [in_order(image.pil, self._channels) for image in images]
        pixels = torch.stack([self._backbone.pixels(picture) for picture in pictures])  # (B, 3, S, S)
        return self._backbone.tokens(pixels.to(self._device)).float()  # (B, P, F)


def in_order(picture: Image, channels: Channels) -> Image:
    """Return an RGB picture whose bands come in another order: LLaMA-Adapter V2's released code feeds BGR as RGB."""
    from PIL import Image as pillow

    return picture if channels == "rgb" else pillow.merge("RGB", picture.split()[::-1])
