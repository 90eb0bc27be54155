"""Turns any picture a caller may have into a `LoadedImage`, or says in one line why that cannot be done."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
from difflib import get_close_matches
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from vqa.decoding import decode, from_pil
from vqa.errors import InputError
from vqa.examples import examples, get_example
from vqa.values import LoadedImage

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    ImageSource = str | Path | bytes | bytearray | memoryview | Image | NDArray[Any] | LoadedImage

_MIB = 1024 * 1024
_EXPECTED = "a path, an http(s) URL, example:NAME, '-', bytes, a PIL image or an RGB ndarray (H, W, 3) of uint8"


def load_image(
    source: ImageSource,
    *,
    offline: bool = False,
    timeout_s: float = 20.0,
    max_bytes: int = 64 * _MIB,
    max_pixels: int = 100_000_000,
) -> LoadedImage:
    """Return the picture as upright RGB, with its hash and notes on what loading changed.

    Args:
        source: A path, an http(s) URL, `example:NAME`, `-` (standard input), the file's bytes, a PIL image, an RGB
            ndarray (H, W, 3) of uint8 (BGR is never guessed: turn it with `array[..., ::-1]`), or a LoadedImage, which
            is returned as it is.
        offline: Refuse URLs.
        timeout_s: For a whole download, from name resolution to the last byte.
        max_bytes: The most that is read from a URL, standard input or a pipe.
        max_pixels: Width times height beyond which a picture is refused before it is decoded.

    Raises:
        InputError: The source is not one of these, cannot be read, or is not a whole picture.
        ModelUnavailable: The package that ships the example is not installed.
    """
    if isinstance(source, LoadedImage):
        return source
    if isinstance(source, str | Path):
        where = _short(str(source))
        if is_url(source):
            body = _fetch(str(source), offline=offline, timeout_s=timeout_s, max_bytes=max_bytes)
            return _loaded(decode(BytesIO(body), where, max_pixels), str(source))
        with _opened(source, max_bytes) as stream:
            return _loaded(decode(stream, where, max_pixels), str(source))
    if isinstance(source, bytes | bytearray | memoryview):
        return _loaded(decode(BytesIO(source), "<bytes>", max_pixels), "<bytes>")
    # An array or a PIL image can only be given if its library is loaded already: nothing is imported for a path. What
    # another thread is importing has no such type yet.
    if (array := getattr(sys.modules.get("numpy"), "ndarray", None)) and isinstance(source, array):
        return _loaded(from_pil(_from_array(source), "<ndarray>", max_pixels), "<ndarray>")
    if (image := getattr(sys.modules.get("PIL.Image"), "Image", None)) and isinstance(source, image):
        return _loaded(from_pil(source, "<PIL image>", max_pixels), "<PIL image>")
    raise InputError(f"a picture cannot be read from {type(source).__name__}; expected {_EXPECTED}")


def is_url(source: object) -> bool:
    """Tell whether a source is an address rather than a file; `C:\\photo.jpg` and a file `a:b` are none."""
    return isinstance(source, str) and bool(re.match(r"[a-z][a-z0-9+.-]+://|(data|file|blob|mailto):", source, re.I))


def _loaded(decoded: tuple[Image, tuple[str, ...]], source: str) -> LoadedImage:
    pil, notes = decoded
    digest = hashlib.sha256(f"{pil.mode} {pil.width}x{pil.height} ".encode())
    digest.update(pil.tobytes())
    return LoadedImage(pil, source, digest.hexdigest(), notes)


def _fetch(url: str, *, offline: bool, timeout_s: float, max_bytes: int) -> bytes:
    if not url.lower().startswith(("http://", "https://")):
        raise InputError(f"{_short(url)}: expected an http:// or https:// address, or the path of a file")
    if offline:
        raise InputError(f"{_short(url)}: an address needs the network, but --offline (VQA_OFFLINE) is on; give a file")
    from vqa.downloading import download  # urllib is slow to import, and most pictures are files

    return download(url, timeout_s=timeout_s, max_bytes=max_bytes)


def _opened(source: str | Path, max_bytes: int) -> BinaryIO:
    """Return the file behind `-`, `example:NAME` or a path, opened; pipes are read to their end first."""
    if source == "-":
        return _read_pipe(sys.stdin.buffer, "standard input", max_bytes, interactive=sys.stdin.isatty())
    if isinstance(source, str) and source.startswith("example:"):
        return get_example(source.removeprefix("example:")).path().open("rb")
    where = _short(str(source))
    if not str(source).strip():
        raise InputError(f"{where}: the picture's name is empty; expected {_EXPECTED}")
    path = Path(os.path.expanduser(source))
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise InputError(f"{where}: a folder; give a picture in it")
        if stat.S_ISFIFO(mode):
            with path.open("rb") as pipe:
                return _read_pipe(pipe, where, max_bytes, interactive=False)
        if not stat.S_ISREG(mode):
            raise InputError(f"{where}: a device or socket; expected a file")
        return path.open("rb")
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{where}: no such file{_near(path)}") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{where}: cannot be read ({why})") from None


def _read_pipe(stream: IO[bytes], where: str, max_bytes: int, *, interactive: bool) -> BinaryIO:
    if interactive:
        raise InputError(f"{where} is a terminal; pipe a picture into it: cat photo.jpg | vqa ask - QUESTION")
    data = stream.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise InputError(f"{where}: longer than {max_bytes / _MIB:g} MiB; give the file's path instead")
    return BytesIO(data)


def _near(path: Path) -> str:
    """Return what the caller may have meant instead of a file that is not there."""
    if not path.parent.is_dir():
        return f", and no folder {_short(str(path.parent))}"
    names = {other.name.lower(): other for other in path.parent.iterdir()}
    if near := get_close_matches(path.name.lower(), names, n=1, cutoff=0.6):
        return f"; did you mean {str(names[near[0]])!r}?"
    if str(path) in {example.name for example in examples()}:
        return f"; did you mean 'example:{path}'?"
    return f" in {_short(str(path.parent.absolute()))}; check the path"


def _from_array(array: NDArray[Any]) -> Image:
    from PIL import Image

    shape = f"array of shape {array.shape} and type {array.dtype}"
    hint = "expected RGB of shape (height, width, 3) and type uint8"
    if array.dtype.name != "uint8":
        raise InputError(f"{shape}: {hint}; scale it to 0-255 and use .astype('uint8')")
    if array.ndim == 2:
        raise InputError(f"{shape}: {hint}; for greys use numpy.stack([a] * 3, axis=-1)")
    if array.ndim != 3 or array.shape[2] != 3:
        channels_first = array.ndim == 3 and array.shape[0] == 3
        remedy = "; use .transpose(1, 2, 0)" if channels_first else ""
        raise InputError(f"{shape}: {hint}{remedy}")
    if not array.size:
        raise InputError(f"{shape}: {hint}, at least 1x1")
    return Image.fromarray(array)


def _short(value: str) -> str:
    """Return the value quoted on one line, its middle left out if it is very long."""
    return repr(value if len(value) <= 160 else f"{value[:100]}…{value[-40:]}")
