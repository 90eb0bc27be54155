"""Forms of a picture to learn from: as it is, mirrored, or a part of it."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vqa.values import LoadedImage

_SIDES = re.compile(r"\b(left|right)\b", re.I)
_LEAST = 0.7  # of each side; a caption should still be true of what is left


def viewed(image: LoadedImage, view: str, *, seed: str) -> LoadedImage:
    """Return one form of a picture.

    Args:
        image: The whole picture.
        view: "plain", "flip" (mirrored), or "crop", "crop2", …: different parts, every other one of them mirrored.
        seed: What the part's place depends on, with the view's name.
    """
    if view == "plain":
        return image
    from PIL import Image

    pil = image.pil
    mirrored = view == "flip"
    if view.startswith("crop"):
        draw = random.Random(f"{seed} {view}")
        sides = [round(side * draw.uniform(_LEAST, 1)) for side in pil.size]
        x, y = (draw.randint(0, whole - part) for whole, part in zip(pil.size, sides, strict=True))
        pil = pil.crop((x, y, x + sides[0], y + sides[1]))
        mirrored = int(view.removeprefix("crop") or 1) % 2 == 0
    if mirrored:
        pil = pil.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return replace(image, pil=pil, sha256=f"{image.sha256} {view}")


def is_mirrored(view: str) -> bool:
    return view == "flip" or (view.startswith("crop") and int(view.removeprefix("crop") or 1) % 2 == 0)


def tells_sides(text: str) -> bool:
    """Return whether a text is false of the mirrored picture: it says left or right."""
    return _SIDES.search(text) is not None
