"""From the probability of text at every pixel to boxes around lines of text, level or slanted.

Liao et al., "Real-time Scene Text Detection with Differentiable Binarization" (AAAI 2020), section "Deployment",
https://arxiv.org/abs/1911.08947: the network marks kernels, shrunk so that neighbouring lines stay apart; each kernel
is grown back by D' = A' r' / L' (area, perimeter). Paper: a polygon grown by Vatti clipping; here: the smallest
rectangle around the kernel grown on each side, because a rectangle is what is cut out and read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_KERNEL = 0.3  # probability from which a pixel belongs to a kernel
_SURE = 0.6  # mean probability within a kernel from which it is text
_GROWTH = 1.5  # the paper's r'
_LEAST = 3.0  # pixels; a thinner kernel is a speck


def text_boxes(probability: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return the boxes of a (H, W) map in [0, 1]: (4, 2) corners x, y in its pixels, clockwise from the top left."""
    import cv2
    import numpy as np

    kernels, _ = cv2.findContours((probability > _KERNEL).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    boxes = []
    for kernel in kernels:
        middle, (width, height), angle = cv2.minAreaRect(kernel)
        if min(width, height) < _LEAST or _mean_within(probability, kernel) < _SURE:
            continue
        growth = _GROWTH * width * height / (width + height)  # on both sides together
        boxes.append(from_top_left(cv2.boxPoints((middle, (width + growth, height + growth), angle))))
    return boxes


def from_top_left(corners: NDArray[Any]) -> NDArray[np.float32]:
    """Return four corners clockwise, beginning where text that runs to the right begins, however steeply it does."""
    import numpy as np

    by_x = corners[np.argsort(corners[:, 0], kind="stable")]
    left, right = (side[np.argsort(side[:, 1], kind="stable")] for side in (by_x[:2], by_x[2:]))
    return np.array([left[0], right[0], right[1], left[1]], np.float32)


def _mean_within(probability: NDArray[np.float32], contour: NDArray[Any]) -> float:
    import cv2
    import numpy as np

    x, y, width, height = cv2.boundingRect(contour)
    inside = np.zeros((height, width), np.uint8)
    cv2.fillPoly(inside, [contour - (x, y)], (1,))
    return float(cv2.mean(probability[y : y + height, x : x + width], inside)[0])
