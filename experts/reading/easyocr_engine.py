"""Runs EasyOCR on a picture: CRAFT (arXiv 1904.01941) finds text, a CRNN (arXiv 1507.05717) reads it.

EasyOCR 1.7.2 unpickles weights freely, fills both networks with random numbers before it loads them (2.6 of 3.2 s), and
warns about its own calls. All three are mended here, in one place.
"""

from __future__ import annotations

import math
import os
import socket
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqa.errors import InputError, ModelUnavailable
from vqa.values import Region

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

# Finding text costs time and memory by area, so every picture is brought to this many pixels; small ones are enlarged.
_AREA = 1_200_000
_MOST_ENLARGED = 2.0
_SLOPE = 0.05  # rise per width from which a piece is cut out level before it is read; EasyOCR's own 0.1 costs words
_MIN_SIZE = 10  # pixels of the scaled picture; a piece whose longer side is under this is a speck
_BATCH = 8  # pieces read at a time
_DOWNLOAD_TIMEOUT_S = 30.0  # of silence; EasyOCR's own download has no limit


class EasyOcrEngine:
    """One loaded EasyOCR.

    Args:
        finder_folder: Holds craft_mlt_25k.pth.
        reader_folder: Holds the network of `languages`, or is where EasyOCR downloads it to.
        scratch: A folder that EasyOCR creates, and searches for networks of the user's own.
        languages: EasyOCR's language codes.
        device: Where both networks run.
        dtype: What both networks compute in.
        download: Whether EasyOCR may fetch a missing network.

    Raises:
        InputError: EasyOCR does not know a language, or cannot combine them.
        ModelUnavailable: The network of these languages is missing and cannot be had.
    """

    def __init__(
        self,
        finder_folder: Path,
        reader_folder: Path,
        *,
        scratch: Path,
        languages: Sequence[str],
        device: torch.device,
        dtype: torch.dtype,
        download: bool,
    ) -> None:
        def load(folder: Path, codes: Sequence[str], **parts: bool) -> Any:
            return easyocr.Reader(
                list(codes),
                gpu=False if device.type == "cpu" else str(device),
                model_storage_directory=str(folder),
                user_network_directory=str(scratch),
                download_enabled=download,
                quantize=False,
                verbose=False,
                **parts,
            )

        with _quiet():
            import easyocr

            with safe_unpickling(), _unfilled(), _impatient(), _same_path():
                try:
                    self._reader = load(reader_folder, languages, detector=False)
                    self._finder = load(finder_folder, ["en"], recognizer=False)
                except ValueError as error:
                    raise InputError(f"ocr_languages={','.join(languages)!r}: {_line(error)}") from None
                except (OSError, AssertionError, EOFError) as error:
                    raise ModelUnavailable(
                        f"EasyOCR's network for {', '.join(languages)} cannot be had ({_line(error)}); "
                        "run once with a network, or set ocr_languages to en"
                    ) from None
        self._finder.detector = _fast(self._finder.detector, device, dtype)
        self._reader.recognizer = _fast(self._reader.recognizer, device, dtype)
        self._reader.device = (
            device  # no longer the string "cpu", at which EasyOCR reads piece by piece, twice as slowly
        )
        self._lock = threading.Lock()

    def read(self, picture: Image) -> list[Region]:
        """Return the pieces of text in an RGB picture, in no particular order: words, or words that stand close."""
        import numpy as np
        from PIL.Image import Resampling

        width, height = picture.size
        scale = min((_AREA / (width * height)) ** 0.5, _MOST_ENLARGED)
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        scaled = np.asarray(picture.resize(size, Resampling.BILINEAR))  # (H, W, 3) uint8
        grey = np.asarray(picture.convert("L"))  # (H, W) uint8: read from the full picture, at its own resolution
        with self._lock, _quiet():
            level, slanted = self._finder.detect(
                scaled, canvas_size=max(size), min_size=_MIN_SIZE, slope_ths=_SLOPE, reformat=False
            )
            batches = _batches(
                _level_boxes(level[0], size, picture.size), _slanted_boxes(slanted[0], size, picture.size)
            )
            read = [
                piece
                for level_boxes, quads in batches
                for piece in self._reader.recognize(grey, level_boxes, quads, batch_size=_BATCH, reformat=False)
            ]
        return [_piece(corners, text, score) for corners, text, score in read]


def _piece(corners: Sequence[Sequence[float]], text: str, score: float) -> Region:
    xs, ys = zip(*corners, strict=True)
    return Region(
        (float(min(xs)), float(min(ys)), float(max(xs)), float(max(ys))), text, min(max(float(score), 0.0), 1.0)
    )


def _level_boxes(boxes: Sequence[Sequence[int]], found: tuple[int, int], full: tuple[int, int]) -> list[list[int]]:
    """Return EasyOCR's [x0, x1, y0, y1] in pixels of the full picture, without those that lie outside it."""
    (x_scale, y_scale), (width, height) = _scales(found, full), full
    scaled = (
        [
            max(round(x0 * x_scale), 0),
            min(round(x1 * x_scale), width),
            max(round(y0 * y_scale), 0),
            min(round(y1 * y_scale), height),
        ]
        for x0, x1, y0, y1 in boxes
    )
    return [box for box in scaled if box[1] - box[0] >= 2 and box[3] - box[2] >= 2]


def _slanted_boxes(
    quads: Sequence[Sequence[Sequence[float]]], found: tuple[int, int], full: tuple[int, int]
) -> list[list[list[float]]]:
    """Return EasyOCR's four corners in pixels of the full picture, without those too thin to cut out."""
    x_scale, y_scale = _scales(found, full)
    scaled = ([[float(x) * x_scale, float(y) * y_scale] for x, y in quad] for quad in quads)
    return [quad for quad in scaled if min(math.dist(quad[0], quad[1]), math.dist(quad[1], quad[2])) >= 2]


def _scales(found: tuple[int, int], full: tuple[int, int]) -> tuple[float, float]:
    return full[0] / found[0], full[1] / found[1]


def _batches(
    level: list[list[int]], slanted: list[list[list[float]]]
) -> Iterator[tuple[list[list[int]], list[list[list[float]]]]]:
    """Yield pieces to read together: of like shape, because the reader pads each to the longest."""
    level = sorted(level, key=lambda box: (box[1] - box[0]) / (box[3] - box[2]))
    slanted = sorted(slanted, key=lambda quad: math.dist(quad[0], quad[1]) / math.dist(quad[1], quad[2]))
    yield from ((level[i : i + _BATCH], []) for i in range(0, len(level), _BATCH))
    yield from (([], slanted[i : i + _BATCH]) for i in range(0, len(slanted), _BATCH))


def _fast(network: Any, device: torch.device, dtype: torch.dtype) -> torch.nn.Module:
    """Return the network in the layout and precision this device is fast in; it still gives float32.

    On a CPU, channels_last makes finding text 1.8 times as fast, bfloat16 on one that computes in it another 2 times.
    """
    import torch

    class Fast(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            # Out of its DataParallel, which would spread over every GPU of the machine.
            self.network = getattr(network, "module", network).to(memory_format=torch.channels_last)

        def forward(self, *inputs: torch.Tensor) -> Any:
            with torch.inference_mode(), torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32):
                output = self.network(*inputs)
            return (output[0].float(), *output[1:]) if isinstance(output, tuple) else output.float()

    return Fast().eval()


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what EasyOCR's own calls provoke and its caller can do nothing about."""
    with warnings.catch_warnings():
        for message in (
            ".*torch.ao.quantization is deprecated",
            "'pin_memory' argument is set",
            "'mode' parameter is dep",
        ):
            warnings.filterwarnings("ignore", message=message)
        yield


@contextmanager
def safe_unpickling() -> Iterator[None]:
    """Make torch.load refuse code, although EasyOCR asks it not to; torch reads this variable each time."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@contextmanager
def _unfilled() -> Iterator[None]:
    """Leave new weights as they are: EasyOCR loads every one of them strictly right after."""
    from torch.overrides import TorchFunctionMode

    class Unfilled(TorchFunctionMode):
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            named = kwargs or {}
            if getattr(function, "__name__", "") in ("uniform_", "normal_"):
                return args[0] if args else named["tensor"]
            return function(*args, **named)

    with Unfilled():
        yield


@contextmanager
def _impatient() -> Iterator[None]:
    """Give EasyOCR's downloads a time limit; urlretrieve takes it from the sockets' default alone."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_DOWNLOAD_TIMEOUT_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


@contextmanager
def _same_path() -> Iterator[None]:
    """Take back the folder that EasyOCR adds to `sys.path`."""
    before = list(sys.path)
    try:
        yield
    finally:
        sys.path[:] = before


def _line(error: BaseException) -> str:
    return " ".join(" ".join(str(part) for part in error.args).split()) or type(error).__name__
