"""Decodes a picture file into upright 8-bit RGB, and says what it had to change on the way.

Pillow's plugins are asked directly instead of `Image.open`: only formats that are pictures and nothing else (EPS would
start Ghostscript), the size is checked before a pixel is decoded, and a package that replaces `Image.open` (ultralytics
does, with one that may run pip) has no say.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, BinaryIO

from vqa.errors import InputError
from vqa.recognising import describe, is_heic, missing_decoder

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

# Pillow's name of the format -> the module that registers it.
_PLUGINS = {
    "JPEG": "PIL.JpegImagePlugin",
    "PNG": "PIL.PngImagePlugin",
    "GIF": "PIL.GifImagePlugin",
    "WEBP": "PIL.WebPImagePlugin",
    "TIFF": "PIL.TiffImagePlugin",
    "BMP": "PIL.BmpImagePlugin",
    "PPM": "PIL.PpmImagePlugin",
    "ICO": "PIL.IcoImagePlugin",
    "JPEG2000": "PIL.Jpeg2KImagePlugin",
    "AVIF": "PIL.AvifImagePlugin",
}
_FRAMES = {"GIF": "frames", "WEBP": "frames", "PNG": "frames", "AVIF": "frames", "TIFF": "pages"}
_ORIENTATION = 0x0112  # EXIF tag
_HEAD = 1024  # bytes that tell one kind of file from another
_GLOBALS = threading.Lock()  # warning filters and Pillow's switches are global: no two threads may change them at once


def decode(stream: BinaryIO, where: str, max_pixels: int) -> tuple[Image, tuple[str, ...]]:
    """Return the picture in a seekable binary stream, and notes on what was changed.

    Args:
        stream: The file, at its beginning; it may be closed afterwards.
        where: What to call the picture in a message.
        max_pixels: Width times height beyond which nothing is decoded.

    Raises:
        InputError: Empty, not a picture, of an unknown format, too large, truncated or damaged.
    """
    head = stream.read(_HEAD)
    if not head:
        raise InputError(f"{where}: the file is empty; expected a picture")
    with _strictly() as warned:
        name, image = _open(stream, head, where)
        rgb, notes = _upright_rgb(image, where, max_pixels, name)
    return rgb, (*notes, *dict.fromkeys(warned))


def from_pil(image: Image, where: str, max_pixels: int) -> tuple[Image, tuple[str, ...]]:
    """Return a caller's PIL image as upright RGB, leaving the caller's alone, and notes on what was changed."""
    with _strictly() as warned:
        rgb, notes = _upright_rgb(image, where, max_pixels, image.format or "")
    return rgb, (*notes, *dict.fromkeys(warned))


@contextmanager
def _strictly() -> Iterator[list[str]]:
    """Refuse truncated pictures, whatever others told Pillow, and fill the list with the decoder's warnings."""
    from PIL import ImageFile

    warned: list[str] = []
    with _GLOBALS, warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
        try:
            yield warned
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before
            warned += [f"decoder: {' '.join(str(w.message).split())}" for w in heard]


def _open(stream: BinaryIO, head: bytes, where: str) -> tuple[str, ImageFile]:
    """Return the format's name and the picture, of which only the header is read."""
    found = _reader(head)
    if found is None:
        raise InputError(f"{where}: {missing_decoder(head) or f'not a picture but {describe(head)}'}")
    name, reader = found
    stream.seek(0)
    try:
        return name, reader(stream, "")
    except Exception as error:  # whatever a decoder raises on bytes it does not understand
        raise _damaged(where, name, error) from error


def _reader(head: bytes) -> tuple[str, Callable[..., ImageFile]] | None:
    """Return the format that `head` begins, and what opens it; None if nothing installed does."""
    from PIL import Image

    if is_heic(head):  # before AVIF, whose reader takes some of these for its own
        return ("HEIC", import_module("pillow_heif").HeifImageFile) if find_spec("pillow_heif") else None
    for name, plugin in _PLUGINS.items():
        try:
            import_module(plugin)
        except ImportError:  # a Pillow older than the format
            continue
        reader, accepts = Image.OPEN[name]
        if accepts is None or accepts(head) is True:
            return name, reader
    return None


def _upright_rgb(image: Image, where: str, max_pixels: int, name: str) -> tuple[Image, tuple[str, ...]]:
    width, height = image.size
    if width * height > max_pixels:
        raise InputError(
            f"{where}: {width}x{height} pixels are more than the {max_pixels / 1e6:g} megapixels that are read; "
            "scale it down first"
        )
    if not width or not height:
        raise InputError(f"{where}: {width}x{height} pixels; expected at least one")
    try:
        frames = getattr(image, "n_frames", 1) if name in _FRAMES else 1
        upright, orientation_notes = _upright(image)
        rgb, colour_notes = _to_rgb(upright, name, where)
    except InputError:
        raise
    except Exception as error:  # whatever a decoder raises on damaged data
        raise _damaged(where, name, error) from error
    frame_notes = (f"first of {frames} {_FRAMES[name]}",) if frames > 1 else ()
    return rgb, frame_notes + orientation_notes + colour_notes


def _upright(image: Image) -> tuple[Image, tuple[str, ...]]:
    from PIL import ImageOps

    try:
        turned = image.getexif().get(_ORIENTATION, 1) in range(2, 9)  # asked first: loading a TIFF turns and forgets it
    except Exception as error:  # a picture with broken EXIF is still a picture
        image.load()
        return image, (f"EXIF could not be read ({type(error).__name__}), so it is shown as stored",)
    image.load()
    return ImageOps.exif_transpose(image), ("turned upright by its EXIF orientation",) if turned else ()


def _to_rgb(image: Image, name: str, where: str) -> tuple[Image, tuple[str, ...]]:
    """Return a copy in RGB, whatever the mode: https://pillow.readthedocs.io/en/stable/handbook/concepts.html#modes."""
    from PIL import Image as pillow

    if image.mode.startswith("I;16") or (image.mode == "I" and name in ("PNG", "PPM")):
        return _scaled(image, 0, 65535), ("16 bits scaled to 8",)
    if image.mode in ("I", "F"):
        return _scaled(image, None, None), ("values stretched from their smallest and largest to 0-255",)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = pillow.new("RGBA", rgba.size, "white")
        see_through = rgba.getchannel("A").histogram()[255] < rgba.width * rgba.height
        return pillow.alpha_composite(white, rgba).convert("RGB"), (
            "transparency shown on white",
        ) if see_through else ()
    if image.mode == "LAB":
        raise InputError(f"{where}: colours in Lab cannot be read; save it as RGB")
    return image.convert("RGB"), ("CMYK converted to RGB",) if image.mode == "CMYK" else ()


def _scaled(image: Image, low: float | None, high: float | None) -> Image:
    """Return greys of `low` to `high` (default: the smallest and largest) as 0-255; what is no number is black."""
    import numpy as np
    from PIL import Image as pillow

    grey = np.asarray(image).astype(np.float64)  # (H, W)
    finite = np.isfinite(grey)
    if low is None or high is None:
        low, high = (grey[finite].min(), grey[finite].max()) if finite.any() else (0.0, 0.0)
    span = (high - low) or 1.0
    scaled = np.where(finite, (np.where(finite, grey, low) - low) / span, 0.0) * 255
    return pillow.fromarray(scaled.round().astype(np.uint8)).convert("RGB")


def _damaged(where: str, name: str, error: Exception) -> InputError:
    what = "truncated" if "truncated" in str(error).lower() else "truncated or damaged"
    why = " ".join(str(error).split()) or type(error).__name__
    return InputError(f"{where}: the {name} picture is {what} ({why}); get a whole copy")
