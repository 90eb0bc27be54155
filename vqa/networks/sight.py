"""What the built-in vision network sees of a picture: looked at once, for the core, the captioner and two experts."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import torch
from torch import Tensor

from vqa.lanes import share_cores
from vqa.networks.efficientnet_lite import EfficientNetLite2, load_efficientnet, squeezed, tokens

if TYPE_CHECKING:
    from pathlib import Path

    from vqa.settings import Settings
    from vqa.values import LoadedImage

SIDE = 224
"""Pixels of a side of what is looked at."""
CLASSES_SIDE = 260
"""The same for classes, as they were learnt: at 224 the network is far surer of them, and wrong more often."""
_KEPT = 128  # pictures, 0.8 MB each: those of two windows of a batch, whose experts look before its core does

_loaded: WeakValueDictionary[Path, Sight] = WeakValueDictionary()
_loading = Lock()


def sight(settings: Settings) -> Sight:
    """Return the sight of all who ask with these settings; its weights go when the last of them lets go of it.

    Raises:
        ModelUnavailable: The weights are not here and cannot be had.
    """
    home = settings.home.absolute()
    with _loading:
        found = _loaded.get(home)
        if found is None:
            found = _loaded[home] = Sight(load_efficientnet(settings))
        return found


def pooled(seen: Tensor) -> Tensor:
    """Return the mean and the most of each channel, (4096), of what `Sight.tokens` gives, (98, 2048).

    Each is the mean of that of the picture and that of its mirror image.
    """
    places = torch.stack(seen.chunk(2))  # (2, 49, 2048), of the picture and of its mirror image
    return torch.cat([places.mean(dim=1), places.amax(dim=1)], dim=1).mean(dim=0)


class Sight:
    """The network, and what it made of the pictures seen last, each as it is and mirrored; threads may share it.

    Attributes:
        network: Frozen, on the CPU; who changes it or moves it takes one of their own.
    """

    def __init__(self, network: EfficientNetLite2) -> None:
        self.network = network
        self._kept: OrderedDict[str, Tensor] = OrderedDict()
        self._keeping = Lock()

    def tokens(self, image: LoadedImage) -> Tensor:
        """Return what the network makes of every place, (98, 2048): see `efficientnet_lite.tokens`."""
        with self._keeping:
            found = self._kept.get(image.sha256)
        if found is None:
            share_cores()
            with torch.inference_mode():
                found = tokens(self.network, squeezed(image.pil, SIDE)[None], levels=True, mirrored=True)[0]
        with self._keeping:
            self._kept[image.sha256] = found
            self._kept.move_to_end(image.sha256)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return found

    @torch.inference_mode()
    def classes(self, image: LoadedImage) -> Tensor:
        """Return how likely each of ImageNet's classes is, (1000), the mean of a picture and its mirror image."""
        share_cores()
        pixels = squeezed(image.pil, CLASSES_SIDE)[None]
        return self.network.classes(torch.cat([pixels, pixels.flip(-1)])).mean(dim=0)
