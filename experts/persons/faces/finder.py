"""Where faces are: BlazeFace in its full-range form, from a TFLite file on LiteRT.

Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs" (2019),
https://arxiv.org/abs/1907.05047. The file ships beside this one (README.md tells where it is from). Its outputs are
numbers for one box at each of 48 by 48 places, which are decoded and thinned here.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqa.boxes import apart
from vqa.runtimes import interpreter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

FILE = Path(__file__).with_name("blazeface-full-range.tflite")
SURE = 0.5
"""Score from which what is found is a face (docs/measurements.md, "Faces")."""
OVERLAP = 0.3
ASIDE, STEEP = 0.2, 10.0
"""How far a face is turned that looks towards the camera or not, one as likely as the other, and log odds by which all
the way more changes that (docs/measurements.md, "Faces")."""
_SIDE = 192  # pixels of the input
_POINTS = 6  # of a face: both eyes, the tip of the nose, the mouth, both ears
_MOST = 30.0  # beyond which a score's exponent says no more

Point = tuple[float, float]


@dataclass(frozen=True)
class Face:
    """A face in a picture, in its pixels.

    Attributes:
        xyxy: From the brows to the chin.
        score: How sure it is one, in [0, 1].
        points: The right eye, which is on the left as one sees it, the left eye, the tip of the nose, the middle of the
            mouth, the right ear, the left ear.
    """

    xyxy: tuple[float, float, float, float]
    score: float
    points: tuple[Point, ...]

    @property
    def width(self) -> float:
        return self.xyxy[2] - self.xyxy[0]

    @property
    def slant(self) -> float:
        """How far the line through the eyes is turned from the level, in radians, clockwise as one sees it."""
        (x0, y0), (x1, y1) = self.points[:2]
        return math.atan2(y1 - y0, x1 - x0)

    @property
    def turned(self) -> float:
        """How far it is turned aside: how far the eyes are off the middle of the ears, in distances of these."""
        right, left, _, _, right_ear, left_ear = self.points
        x, y = ((a + b - c - d) / 2 for a, b, c, d in zip(right, left, right_ear, left_ear, strict=True))
        off = x * math.cos(self.slant) + y * math.sin(self.slant)
        return abs(off) / max(math.dist(right_ear, left_ear), 1.0)

    @property
    def facing(self) -> float:
        """How likely it looks towards the camera."""
        return 1 / (1 + math.exp(STEEP * (self.turned - ASIDE)))


class FaceFinder:
    """The loaded network; safe to share between threads, of which each has an interpreter of its own."""

    def __init__(self) -> None:
        self._of_thread = threading.local()

    def find(self, picture: Image) -> list[Face]:
        """Return the faces of an RGB picture, the surest first.

        Somebody's face is small in a picture of the whole of them, so that is looked at, and its top, as wide as high.
        """
        width, height = picture.size
        parts = [(0, 0, width, height), *([(0, 0, width, width)] if height > width else [])]
        found = [face for part in parts for face in self._found(picture.crop(part))]
        return apart(found, OVERLAP)

    def _found(self, picture: Image) -> list[Face]:
        """Return the faces of what begins at the top left."""
        import numpy as np
        import PIL.Image

        side = max(picture.size)
        left, top = ((side - length) // 2 for length in picture.size)
        square = PIL.Image.new("RGB", (side, side))
        square.paste(picture, (left, top))
        pixels = np.asarray(square.resize((_SIDE, _SIDE), PIL.Image.Resampling.BILINEAR), np.float32) / 127.5 - 1
        scores, numbers = self._run(pixels[None])
        cells = math.isqrt(len(scores))
        faces = []
        for place in np.flatnonzero(scores >= SURE):
            x, y = (place % cells + 0.5) / cells, (place // cells + 0.5) / cells
            pairs = numbers[place].reshape(-1, 2) / _SIDE + [(x, y)]  # the centre, the size, and the points
            (cx, cy), (w, h), *points = (pairs - np.array([(0, 0), (x, y), *[(0, 0)] * _POINTS])) * side
            xyxy = (cx - w / 2 - left, cy - h / 2 - top, cx + w / 2 - left, cy + h / 2 - top)
            x0, y0, x1, y1 = map(float, xyxy)
            of_it = tuple((float(px - left), float(py - top)) for px, py in points)
            faces.append(Face((x0, y0, x1, y1), float(scores[place]), of_it))
        return faces

    def _run(self, pixels: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the scores of all places, (N), and the numbers of their boxes, (N, 16)."""
        import numpy as np

        network: Any = getattr(self._of_thread, "network", None)
        if network is None:
            network = self._of_thread.network = interpreter(FILE, threads=1)
        network.set_tensor(network.get_input_details()[0]["index"], pixels)
        network.invoke()
        told = {int(o["shape"][-1]): network.get_tensor(o["index"])[0] for o in network.get_output_details()}
        return 1 / (1 + np.exp(-np.clip(told[1][:, 0], -_MOST, _MOST))), told[4 + 2 * _POINTS]
