"""PP-OCRv6 small, the built-in reader: two networks of the PaddleOCR project on ONNX Runtime, on the CPU.

"PP-OCRv6: From 1.5M to 34.5M Parameters" (PaddleOCR, Apache-2.0), https://huggingface.co/PaddlePaddle/PP-OCRv6_small_rec.
One finds lines of text (differentiable binarization, `text_boxes`), the other reads each line, cut out level and 48
pixels high (CTC, `ctc`). Their training fixed what pictures must look like: blue before green before red, scaled as
below.
"""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from vqa.errors import InputError, ModelUnavailable
from vqa.experts.reading.ctc import best_path
from vqa.experts.reading.text_boxes import text_boxes
from vqa.fingerprints import fingerprint
from vqa.runtimes import session
from vqa.settings import Settings
from vqa.values import Region
from vqa.weights import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from vqa.experts.reading.protocol import Engine

WEIGHTS = "pp-ocrv6-small"
# The languages its makers name, by EasyOCR's codes; which of them are asked for makes no difference to what it reads.
LANGUAGES = frozenset(
    "en ch_sim ch_tra ja af az bs cs cy da de es et fr ga hr hu id is it ku la lt lv mi ms mt nl no oc pl pt ro "
    "rs_latin sk sl sq sv sw tl tr uz".split()
)
FINDER, READER = "PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx"

# Finding text costs time by area, so every picture is brought to this many pixels; small ones are enlarged.
_AREA = 2_000_000
_MOST_ENLARGED = 2.0
_STRIDE = 32  # the finder halves the picture five times
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, of values in [0, 1]
_HEIGHT = 48  # pixels of a line as it is read
_LONGEST = 3200  # pixels of its length; a longer one is squeezed
_SHORTEST = 48
_UPRIGHT = 1.5  # heights per width from which a box holds a line that runs down
_DOUBT = 3  # a line's mean probability to this power is about the share of its words that are right (measurements.md)


class PpOcr:
    """The choice of PP-OCRv6 small; nothing is loaded until `load`."""

    name: ClassVar[str] = "pp-ocrv6"

    def __init__(self, store: Store) -> None:
        self._store = store

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Raises InputError if the settings name a language that it does not read."""
        if unread := [language for language in settings.ocr_languages if language not in LANGUAGES]:
            raise InputError(
                f"ocr_languages={','.join(unread)!r}: {cls.name} does not read that; set ocr_model to easyocr or auto"
            )
        return cls(Store.from_settings(settings))

    @property
    def model(self) -> str:
        return WEIGHTS

    @property
    def fingerprint(self) -> str:
        return fingerprint(
            self._store.model(WEIGHTS).hashes,
            code=(Path(__file__).parent, Path(__file__).parent.parent / "ocr.py"),
            packages=("onnxruntime",),
        )

    def available(self) -> str | None:
        if find_spec("onnxruntime") is None:
            return "the built-in text reader needs onnxruntime; run `pip install onnxruntime`"
        if self._store.offline and not self._store.present(WEIGHTS):
            return f"no text reader: run `vqa models pull {WEIGHTS}` once with a network"
        return None

    def load(self) -> Engine:
        if trouble := self.available():
            raise ModelUnavailable(trouble)
        return PpOcrEngine(self._store.fetch(WEIGHTS))


class PpOcrEngine:
    """Both networks, loaded; safe to share between threads, as ONNX Runtime's sessions are."""

    def __init__(self, folder: Path) -> None:
        self._finder = session(folder / FINDER)
        self._reader = session(folder / READER)
        characters = self._reader.get_modelmeta().custom_metadata_map["character"]
        self._alphabet = ("", *characters.split("\n"), " ")

    def read(self, picture: Image) -> list[Region]:
        """Return the lines of text in an RGB picture, or parts of them, in its pixels and no particular order."""
        import numpy as np

        pixels = np.asarray(picture)[:, :, ::-1]  # (H, W, 3) uint8, BGR: read from the full picture
        found = []
        for box in self._find(picture):
            text, probability = self._read_line(cut_out(pixels, box))
            (x0, y0), (x1, y1) = np.clip((box.min(axis=0), box.max(axis=0)), 0, picture.size).tolist()
            found.append(Region((x0, y0, x1, y1), text, min(probability, 1.0) ** _DOUBT))
        return found

    def _find(self, picture: Image) -> list[NDArray[np.float32]]:
        """Return (4, 2) corners in pixels of the picture."""
        import numpy as np
        from PIL.Image import Resampling

        width, height = finding_size(picture.size)
        scaled = np.asarray(picture.resize((width, height), Resampling.BILINEAR), np.float32)[:, :, ::-1]
        mean, deviation = (np.array(values, np.float32) * 255 for values in (_MEAN, _DEVIATION))
        normal = (scaled - mean) / deviation  # (H, W, 3), BGR
        (maps,) = self._finder.run(None, {"x": np.ascontiguousarray(normal.transpose(2, 0, 1)[None])})
        scale = np.array([picture.width / width, picture.height / height], np.float32)
        return [box * scale for box in text_boxes(maps[0, 0])]

    def _read_line(self, line: NDArray[np.uint8]) -> tuple[str, float]:
        import cv2
        import numpy as np

        length = min(max(math.ceil(_HEIGHT * line.shape[1] / line.shape[0]), _SHORTEST), _LONGEST)
        strip = cv2.resize(line, (length, _HEIGHT)).astype(np.float32) / 127.5 - 1  # (48, length, 3) in [-1, 1]
        (probabilities,) = self._reader.run(None, {"x": np.ascontiguousarray(strip.transpose(2, 0, 1)[None])})
        return best_path(probabilities[0], self._alphabet)


def finding_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the width and height at which text is looked for."""
    scale = min((_AREA / (size[0] * size[1])) ** 0.5, _MOST_ENLARGED)
    width, height = (max(round(side * scale / _STRIDE), 1) * _STRIDE for side in size)
    return width, height


def cut_out(pixels: NDArray[np.uint8], box: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return what lies in a box, made level; a line that runs down is laid on its side."""
    import cv2
    import numpy as np

    width, height = (max(round(math.dist(box[0], box[i])), 1) for i in (1, 3))
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    level: NDArray[Any] = cv2.warpPerspective(
        pixels,
        cv2.getPerspectiveTransform(box, target),
        (width, height),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.rot90(level) if height >= _UPRIGHT * width else level
