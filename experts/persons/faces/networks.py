"""What people would say of a face: three networks on ONNX Runtime, on the CPU (README.md tells where they are from).

One tells sex and age: Savchenko, "Efficient facial representations for age, gender and identity recognition in
organizing photo albums using multi-output ConvNet" (2019), https://arxiv.org/abs/1807.07718. One tells the age by
itself, and one the expression.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from vqa.experts.scenes.heads import Heads
from vqa.runtimes import session

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from vqa.experts.persons.faces.finder import Face

SEX_AND_AGE = Path(__file__).with_name("sex-and-age.onnx")
AGE = Path(__file__).with_name("age.onnx")
EXPRESSION = Path(__file__).with_name("expression.onnx")
HEADS = Path(__file__).with_name("heads.safetensors")
HAS = ("glasses", "hat", "beard", "blond hair")
"""What the heads tell of, which benchmarks/face_heads.py fits on what the first network sees."""
HAPPY = 1
"""Place among the outputs for expressions. The others tell little: who looks down is "sad" (docs/measurements.md,
"Faces")."""
SLOPE = 0.55
"""Log odds that a face smiles, of those that the network has for "happy", which is too sure of all it says."""
SEX_AND_AGE_SIDE, SMALL_SIDE = 224, 112
SEX_AND_AGE_AROUND, AGE_AROUND, EXPRESSION_AROUND = 1.5, 1.1, 1.25
"""How many times as wide and high as the face the part is that each is shown (docs/measurements.md, "Faces")."""
_MEAN = (122.782, 117.001, 104.298)  # of red, green and blue, as the two small networks learnt with
_LEAST = 0.001


@dataclass(frozen=True)
class Told:
    """What is told of a face.

    Attributes:
        female: How likely it is called so.
        age: In years, the mean of what both networks say.
        smiling: How likely it smiles.
        has: How likely it has each of `HAS`.
    """

    female: float
    age: float
    smiling: float
    has: Mapping[str, float]


class FaceReader:
    """The networks, loaded; safe to share between threads, as ONNX Runtime's sessions are."""

    def __init__(self) -> None:
        self._sex_and_age, self._age, self._expression = map(session, (SEX_AND_AGE, AGE, EXPRESSION))

    @cached_property
    def _heads(self) -> Heads:
        return Heads.load(HEADS)

    def seen(self, picture: Image, face: Face) -> NDArray[np.float32]:
        """Return what the first network makes of a face, (1024), which the heads read."""
        pixels = _upright(picture, face, SEX_AND_AGE_SIDE, SEX_AND_AGE_AROUND)
        seen: NDArray[np.float32] = self._sex_and_age.run(["seen"], {"pictures": pixels})[0][0]
        return seen

    def read(self, picture: Image, face: Face) -> Told:
        """Return what is told of a face in an RGB picture."""
        import numpy as np
        import torch

        pixels = _upright(picture, face, SEX_AND_AGE_SIDE, SEX_AND_AGE_AROUND)
        male, ages, seen = self._sex_and_age.run(["male", "ages", "seen"], {"pictures": pixels})
        likely_age = float(ages[0] @ np.arange(ages.shape[1], dtype=np.float32))
        (age,) = self._age.run(["age"], {"pictures": _small(picture, face, AGE_AROUND)})
        (shares,) = self._expression.run(["expressions"], {"pictures": _small(picture, face, EXPRESSION_AROUND)})
        happy = min(max(float(shares[0, HAPPY]), _LEAST), 1 - _LEAST)
        odds = (happy / (1 - happy)) ** SLOPE
        has = self._heads.shares(torch.from_numpy(seen[0])).tolist()
        return Told(
            female=1 - float(male[0, 0]),
            age=(likely_age + float(age[0, 0])) / 2,
            smiling=odds / (1 + odds),
            has=dict(zip(HAS, has, strict=True)),
        )


def _upright(picture: Image, face: Face, side: int, around: float) -> NDArray[np.float32]:
    """Return a square around a face, turned until its eyes are level, as (1, 3, side, side) of 0 to 255."""
    import numpy as np
    import PIL.Image

    x0, y0, x1, y1 = face.xyxy
    cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
    scale = max(x1 - x0, y1 - y0) * around / side
    a, b = math.cos(face.slant) * scale, math.sin(face.slant) * scale
    half = side / 2
    turned = picture.transform(
        (side, side),
        PIL.Image.Transform.AFFINE,
        (a, -b, cx - a * half + b * half, b, a, cy - b * half - a * half),
        PIL.Image.Resampling.BICUBIC,
    )
    return np.ascontiguousarray(np.asarray(turned, np.float32).transpose(2, 0, 1)[None])


def _small(picture: Image, face: Face, around: float) -> NDArray[np.float32]:
    """Return the same for the small networks, (1, 3, 112, 112) of -1 to 1."""
    import numpy as np

    mean = np.array(_MEAN, np.float32)[:, None, None]
    scaled: NDArray[np.float32] = (_upright(picture, face, SMALL_SIDE, around) - mean) / np.float32(255)
    return scaled
