"""YOLO detectors through ultralytics (AGPL-3.0), https://docs.ultralytics.com: any of its .pt and .onnx models.

Left alone, ultralytics 8.4 prints to standard output, writes into the user's configuration, looks up host names, sends
usage events, installs packages, runs whatever a .pt file's pickle says, and sets torch to fewer threads. `_quietly`
and `_own_threads` keep all of that away.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqa.errors import InputError, ModelUnavailable, VQAError
from vqa.values import Region

if TYPE_CHECKING:
    from PIL.Image import Image

_FENCE = {
    "YOLO_VERBOSE": "false",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_OFFLINE": "true",  # no host names looked up, no usage events
    "ULTRALYTICS_SAFE_LOAD": "true",  # a .pt file may hold tensors and ultralytics' own classes, nothing else
}


class Yolo:
    """One loaded model; safe to share between threads (they take turns)."""

    def __init__(self, weights: Path, *, home: Path, device: str = "auto") -> None:
        """Load the weights.

        Args:
            weights: A .pt or .onnx file.
            home: Folder in which ultralytics may keep its settings file.
            device: "auto" lets ultralytics choose; else as torch spells it.

        Raises:
            InputError: The model does not draw boxes (a classifier, say).
            ModelUnavailable: The file cannot be loaded, or needs a package that is missing.
        """
        import PIL.Image

        self.name = weights.stem
        self._file = weights
        self._device = None if device == "auto" else device
        self._turn = threading.Lock()
        with self._own_threads(), self._in_one_line():
            self._model: Any = import_ultralytics(home).YOLO(str(weights))
            if self._model.task not in ("detect", "segment", "pose", "obb"):
                raise InputError(f"{weights}: a {self._model.task} model; give a detection model, e.g. yolo11n.pt")
            # The first picture is slow whatever it shows, and only then are the names of an .onnx file known.
            blank = self._predict(PIL.Image.new("RGB", (32, 32)), 1.0)
            self.labels = tuple(str(label) for label in blank.names.values())

    def detect(self, picture: Image, min_score: float) -> list[Region]:
        """Return the objects of one RGB picture, best first, in its pixels."""
        with self._turn, self._own_threads(), self._in_one_line():
            result = self._predict(picture, min_score)
        boxes = result.boxes if result.boxes is not None else result.obb
        found = []
        for xyxy, score, index in zip(boxes.xyxy.tolist(), boxes.conf.tolist(), boxes.cls.tolist(), strict=True):
            x0, y0, x1, y1 = xyxy
            found.append(Region((x0, y0, x1, y1), str(result.names[int(index)]), float(score)))
        return sorted(found, key=lambda r: -r.score)

    def _predict(self, picture: Image, min_score: float) -> Any:
        return self._model.predict(picture, conf=min_score, device=self._device, verbose=False)[0]

    @contextmanager
    def _in_one_line(self) -> Iterator[None]:
        """Turn whatever ultralytics raises into one line."""
        try:
            yield
        except VQAError:
            raise
        except ModuleNotFoundError as error:
            raise ModelUnavailable(f"{self._file} needs {error.name}; run `pip install {error.name}`") from error
        except Exception as error:
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise ModelUnavailable(f"ultralytics cannot use {self._file}: {reason}") from error

    @staticmethod
    @contextmanager
    def _own_threads() -> Iterator[None]:
        """Give torch back the threads that ultralytics takes from it on a CPU: the core answers with them."""
        import torch

        threads = torch.get_num_threads()
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def import_ultralytics(home: Path) -> Any:
    """Return the package, imported behind a fence unless the caller's own program has imported it already."""
    if "ultralytics" in sys.modules:
        import ultralytics

        return ultralytics
    import torch  # noqa: F401  before ultralytics, which lowers OMP_NUM_THREADS to 1 for whoever comes after

    fence = {**_FENCE, "YOLO_CONFIG_DIR": str(home)}
    with _environment(fence, restored=("OMP_NUM_THREADS",)):
        import ultralytics
        from ultralytics.utils import events

        events.events.enabled = False
        if ultralytics.settings["sync"]:
            ultralytics.settings.update(sync=False)
        # Its handler writes to standard output, which belongs to the answer; errors go where ours go.
        logger = logging.getLogger("ultralytics")
        logger.handlers.clear()
        logger.propagate = True
    return ultralytics


@contextmanager
def _environment(values: dict[str, str], *, restored: tuple[str, ...] = ()) -> Iterator[None]:
    """Set environment variables that are not set already; afterwards they, and `restored`, are as before."""
    before = {name: os.environ.get(name) for name in (*values, *restored)}
    os.environ.update({name: value for name, value in values.items() if before[name] is None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
