"""EfficientDet-Lite2, the built-in detector: COCO's 80 classes from an int8 TFLite file on LiteRT.

Tan et al., "EfficientDet: Scalable and Efficient Object Detection" (CVPR 2020), https://arxiv.org/abs/1911.09070.
The file, which ships beside this one (README.md tells where it is from), ends at the network's raw boxes, so anchors
(paper, section 4.2: three scales and three ratios at each of the levels P3 to P7) are decoded here, and overlapping
boxes of one class are thinned here.
"""

from __future__ import annotations

import zipfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqa.errors import ModelUnavailable
from vqa.experts.detectors.mirroring import scaled
from vqa.lanes import threads
from vqa.runtimes import interpreter
from vqa.values import Region

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

FILE = Path(__file__).with_name("efficientdet-lite2.tflite")
SHA256 = "a64d31e0e7945dfa6bef7d26145adc0f112de9b9436648d37ec2b6cc7b6a6485"
"""Of FILE. In this source, so that findings kept for later are known to be another file's when it changes."""
INPUT_SIDE = 448
OVERLAP = 0.3
"""Two boxes of one class whose intersection over union exceeds this are one object (docs/measurements.md)."""
PADDING = (127, 127, 127)
"""Grey beside a picture that is not square: the network's zero."""
MAX_THREADS = 4
MOST = 1_000
"""Boxes of a look that are compared with one another, the best."""


class EfficientDetLite2:
    """The loaded network; safe to share between threads, of which each that looks meanwhile has an interpreter."""

    name = "efficientdet-lite2"

    def __init__(self, model_file: Path = FILE) -> None:
        """Load the network and its labels.

        Raises:
            ModelUnavailable: The file is not a TFLite model with a `labelmap.txt` zipped to its end.
        """
        try:
            self._class_names = _class_names(model_file)
            self._file = model_file
            self._idle: defaultdict[int, list[_Network]] = defaultdict(list)  # by their threads
            with self._network():  # a broken file is told of now
                pass
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ModelUnavailable(f"{model_file}: not the EfficientDet-Lite2 file ({error}); install again") from None
        self._anchors = anchors()
        self.labels = tuple(name for name in self._class_names if name)

    def detect(self, picture: Image, min_score: float) -> list[Region]:
        """Return objects of one RGB picture, best first, in its pixels."""
        import numpy as np

        pixels = np.asarray(letterbox(picture), dtype=np.uint8)[None]  # (1, 448, 448, 3)
        with self._network() as network:
            rows, classes, scores, deltas = network.found(pixels, min_score)
        scale = max(picture.size) / INPUT_SIDE
        boxes: NDArray[np.float32] = (decode(deltas, self._anchors[rows]) * scale).astype(np.float32)  # (K, 4)
        np.clip(boxes, 0, np.array(picture.size * 2), out=boxes)
        found = []
        for i in thin(boxes, scores, classes):
            if label := self._class_names[int(classes[i])]:
                x0, y0, x1, y1 = (float(v) for v in boxes[i])
                found.append(Region((x0, y0, x1, y1), label, float(scores[i])))
        return found

    @contextmanager
    def _network(self) -> Iterator[_Network]:
        """Lend out an interpreter of as many threads as a computation may have now; a new one if none is idle."""
        idle = self._idle[threads(MAX_THREADS)]
        try:
            network = idle.pop()
        except IndexError:
            network = _Network(self._file, len(self._class_names))
        try:
            yield network
        finally:
            idle.append(network)


class _Network:
    """One interpreter, for one thread at a time, with as many threads of its own as a computation may have now."""

    def __init__(self, model_file: Path, classes: int) -> None:
        self._interpreter: Any = interpreter(model_file, threads=threads(MAX_THREADS))
        self._input = self._interpreter.get_input_details()[0]["index"]
        # Told apart by their last dimension: four box numbers, or one score for each class name.
        outputs = {int(o["shape"][-1]): o["index"] for o in self._interpreter.get_output_details()}
        self._boxes, self._scores = outputs[4], outputs[classes]

    def found(
        self, pixels: NDArray[np.uint8], min_score: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
        """Return anchors (K), classes (K), scores (K) and box numbers (K, 4) of what has at least `min_score`.

        Args:
            pixels: (1, 448, 448, 3).
            min_score: Of 0 to 1.
        """
        import numpy as np

        self._interpreter.set_tensor(self._input, pixels)
        self._interpreter.invoke()
        scores = self._interpreter.tensor(self._scores)()[0]  # (37629, 90), not copied: they end with this function
        deltas = self._interpreter.tensor(self._boxes)()[0]  # (37629, 4)
        # Ten times as fast as asking for the places in both dimensions.
        rows, classes = np.divmod(np.flatnonzero(scores >= min_score), scores.shape[1])
        return rows, classes, scores[rows, classes], deltas[rows]


def letterbox(picture: Image) -> Image:
    """Return the picture scaled into the top left of a grey input square, its sides in proportion."""
    import PIL.Image

    square = PIL.Image.new("RGB", (INPUT_SIDE, INPUT_SIDE), PADDING)
    square.paste(scaled(picture, INPUT_SIDE))
    return square


def anchors() -> NDArray[np.float32]:
    """Return the 37,629 anchors as (cy, cx, h, w) in input pixels, in the order of the network's output."""
    import numpy as np

    rows = []
    for level in range(3, 8):
        stride = 2**level
        shapes = []
        for octave, ratio in product(range(3), (1.0, 2.0, 0.5)):
            side = 3 * stride * 2 ** (octave / 3)
            shapes.append((side / ratio**0.5, side * ratio**0.5))
        cells = range(-(-INPUT_SIDE // stride))
        rows += [((y + 0.5) * stride, (x + 0.5) * stride, h, w) for y, x in product(cells, cells) for h, w in shapes]
    return np.array(rows, dtype=np.float32)


def decode(deltas: NDArray[np.float32], anchor: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn (K, 4) outputs (dy, dx, log h, log w) and their anchors into (K, 4) xyxy in input pixels."""
    import numpy as np

    centre = deltas[:, :2] * anchor[:, 2:] + anchor[:, :2]  # (K, 2): y, x
    half = np.exp(deltas[:, 2:]) * anchor[:, 2:] / 2
    xyxy: NDArray[np.float32] = np.concatenate([centre - half, centre + half], axis=1)[:, [1, 0, 3, 2]]
    return xyxy


def thin(boxes: NDArray[np.float32], scores: NDArray[np.float32], classes: NDArray[np.int64]) -> list[int]:
    """Return the indices that greedy non-maximum suppression within each class keeps, best score first."""
    import numpy as np

    order = np.argsort(-scores, kind="stable")[:MOST]
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    gone = np.zeros(len(order), dtype=bool)  # by place in the order
    for number in np.unique(classes):
        (places,) = np.nonzero(classes[order] == number)
        of_it = order[places]
        x0, y0, x1, y1 = boxes[of_it].T
        width = np.minimum.outer(x1, x1) - np.maximum.outer(x0, x0)
        height = np.minimum.outer(y1, y1) - np.maximum.outer(y0, y0)
        shared = np.clip(width, 0, None) * np.clip(height, 0, None)  # (K, K)
        same = shared > OVERLAP * (np.add.outer(areas[of_it], areas[of_it]) - shared)
        lost = np.zeros(len(places), dtype=bool)
        for place in range(len(places)):
            if not lost[place]:
                lost[place + 1 :] |= same[place, place + 1 :]
        gone[places] = lost
    kept: list[int] = order[~gone].tolist()
    return kept


def _class_names(model_file: Path) -> tuple[str, ...]:
    """Read the labels zipped to the end of the model file; the 10 numbers COCO leaves unused are empty."""
    with zipfile.ZipFile(model_file) as archive:
        names = archive.read("labelmap.txt").decode().split("\n")
    return tuple("" if name == "???" else name for name in (n.strip() for n in names) if name)
