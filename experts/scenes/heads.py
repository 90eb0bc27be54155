"""Linear heads on the built-in vision network, each of which tells one thing of a picture: night, snow, a crowd.

benchmarks/scene.py fits them on people's captions: one logistic regression a concept, which says how likely people are
to mention it (visual concepts from captions: Fang et al., arXiv 1411.4952, there by multiple-instance learning).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

FILE = Path(__file__).with_name("heads.safetensors")
_SIDE = 224  # pixels
_GRID = 6  # cells a side of which the mean colour is told
_MEASURES = 6  # of colour and light
_DARK, _LIGHT = 0.25, 0.9
_COLORLESS = 0.005  # mean and deviation of how far apart red, green and blue are, of 1


@dataclass(frozen=True)
class Heads:
    """What was fitted.

    Attributes:
        names: Of the concepts.
        mean: (D) of the features.
        scale: (D) of the features.
        weights: (concepts, D).
        bias: (concepts).
    """

    names: tuple[str, ...]
    mean: Tensor
    scale: Tensor
    weights: Tensor
    bias: Tensor

    def shares(self, features: Tensor) -> Tensor:
        """Return how likely each concept is, (concepts), of what `features` gives, (D)."""
        return (self.weights @ ((features - self.mean) / self.scale) + self.bias).sigmoid()

    def save(self, file: Path) -> None:
        """Write them, the weights in half precision."""
        from safetensors.torch import save_file

        tensors = {"mean": self.mean, "scale": self.scale, "weights": self.weights.half(), "bias": self.bias}
        save_file(
            {name: tensor.contiguous() for name, tensor in tensors.items()},
            file,
            metadata={"names": json.dumps(self.names)},
        )

    @classmethod
    def load(cls, file: Path = FILE) -> Heads:
        """Return what `save` wrote; by default what the package ships."""
        from safetensors import safe_open

        with safe_open(file, framework="pt") as stored:
            names = tuple(json.loads(stored.metadata()["names"]))
            tensors = {key: stored.get_tensor(key).float() for key in ("mean", "scale", "weights", "bias")}
        return cls(names=names, **tensors)


def colors_of(picture: Image) -> Tensor:
    """Return all of an RGB picture, small, as (3, S, S) in [0, 1]."""
    from vqa.networks.efficientnet_lite import squeezed

    return (squeezed(picture, _SIDE) + 1) / 2


def features(seen: Tensor, colors: Tensor) -> Tensor:
    """Return what the heads see of a picture, (D): the network's channels, and which colours are where.

    The mean and the most of each channel, of the picture and its mirror image; the colours of a grid, their squares,
    and how much colour and light there is.

    Args:
        seen: (98, 2048), what the network made of it (`vqa.networks.sight`).
        colors: (3, S, S), of it.
    """
    import torch
    from torch.nn.functional import adaptive_avg_pool2d

    from vqa.networks.sight import pooled

    grid = adaptive_avg_pool2d(colors, _GRID)
    grid = ((grid + grid.flip(-1)) / 2).flatten()  # where `grid_of` finds it
    light, color = _light_and_color(colors)
    parts = (color.mean(), color.std(), light.mean(), light.std(), (light < _DARK).float().mean())
    return torch.cat([pooled(seen), grid, grid**2, torch.stack([*parts, (light > _LIGHT).float().mean()])])


def grid_of(features: Tensor) -> Tensor:
    """Return the mean colours of a grid's cells, (N, 3, G, G), that are part of features (N, D)."""
    cells = 3 * _GRID**2
    end = features.shape[1] - cells - _MEASURES
    return features[:, end - cells : end].reshape(-1, 3, _GRID, _GRID)


def is_gray(colors: Tensor) -> bool:
    """Return whether a picture (3, S, S) has no colours; one that is toned ("sepia") has one."""
    color = _light_and_color(colors)[1]
    return float(color.mean()) < _COLORLESS and float(color.std()) < _COLORLESS


def _light_and_color(colors: Tensor) -> tuple[Tensor, Tensor]:
    """Return how light each pixel of (3, S, S) is, and how far from gray, both (S, S)."""
    light = colors.amax(dim=0)
    return light, light - colors.amin(dim=0)
