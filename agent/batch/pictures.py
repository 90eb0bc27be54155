"""Where a question file's pictures come from: a folder, a tar or zip archive, or the names as they stand."""

from __future__ import annotations

import glob
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Protocol, Self

from vqa.agent.batch.rows import BadRow, Row
from vqa.errors import InputError
from vqa.images import is_url, load_image
from vqa.values import LoadedImage

ENDINGS = frozenset(".jpg .jpeg .png .webp .bmp .gif .tif .tiff .ppm .pgm .jp2 .avif .heic .heif".split())
_ARCHIVES = (".tar", ".zip")


class _Archive(Protocol):
    def names(self) -> Iterable[str]: ...

    def read(self, name: str) -> bytes:
        """Raises KeyError for a name that is not there."""
        ...

    def close(self) -> None: ...


class Pictures:
    """Loads pictures by the names that rows give them; safe for threads. Close it, or use it in a `with`.

    Args:
        root: A folder that names are relative to, or a .tar or .zip that holds them; None: names stand for themselves.
        offline: Refuse URLs.

    Raises:
        InputError: The root is neither.
    """

    def __init__(self, root: str | Path | None = None, *, offline: bool = False) -> None:
        self._offline = offline
        self._root = Path(root).expanduser() if root is not None else None
        self._archive = _opened(self._root) if self._root is not None else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        if self._archive is not None:
            self._archive.close()

    def load(self, name: object) -> LoadedImage:
        """Return the picture called `name`; URLs, `example:NAME` and absolute paths need no root.

        Raises:
            InputError: There is no such picture, or it cannot be used.
        """
        name = str(name)
        if name == "-":
            raise InputError("'-': a row's picture cannot come from standard input; give a path")
        if is_url(name) or name.startswith("example:"):
            return load_image(name, offline=self._offline)
        if self._archive is None or Path(name).is_absolute():
            path = Path(self._root or "", name).expanduser()
            if not path.exists():  # load_image would look for a similar name among all there are, at every such row
                raise InputError(f"{name!r}: no such file" + (f" in {str(self._root)!r}" if self._root else ""))
            return replace(load_image(path), source=name)
        assert self._root is not None
        try:
            data = self._archive.read(name)
        except KeyError:
            raise InputError(f"{name!r}: not in {self._root.name}") from None
        except (OSError, zipfile.BadZipFile, tarfile.TarError, RuntimeError) as error:
            raise InputError(f"{name!r}: cannot be read from {self._root.name} ({error})") from None
        if not data:
            raise InputError(f"{name!r}: the file is empty; expected a picture")
        try:
            return replace(load_image(data), source=name)
        except InputError as error:
            raise InputError(str(error).replace("<bytes>", repr(name))) from None

    def named(self, place: str) -> list[str]:
        """Return the names of the pictures at a place: a folder, a pattern, a picture; URLs stand for themselves.

        Raises:
            InputError: There is none.
        """
        if is_url(place) or place.startswith("example:"):
            return [place]
        if self._archive is None or Path(place).is_absolute():
            found = self._in_folder(place)
        else:
            wanted = "*" if place.rstrip("/") == "." else _plain(place).rstrip("/")
            found = [name for name in self._archive.names() if fnmatch(name, wanted) or fnmatch(name, f"{wanted}/*")]
        names = sorted(name for name in found if name == place or Path(name).suffix.lower() in ENDINGS)
        if not names:
            where = f" in {str(self._root)!r}" if self._root else ""
            raise InputError(
                f"{place!r}: no pictures there{where}; name a folder, a picture or a pattern such as 'photos/*.jpg'"
            )
        return names

    def _in_folder(self, place: str) -> Iterable[str]:
        wanted = Path(place).expanduser()
        path = Path(self._root or "", wanted)
        if path.is_dir():
            return (str(wanted / one.relative_to(path)) for one in path.rglob("*") if one.is_file())
        return [place] if path.exists() else glob.glob(str(wanted), root_dir=self._root, recursive=True)


class _Tar:
    """Members by name, read at their offsets: only plain tars can be read in any order."""

    def __init__(self, path: Path) -> None:
        with tarfile.open(path, "r:") as archive:
            self._places = {_plain(m.name): (m.offset_data, m.size) for m in archive if m.isreg()}
        self._file = path.open("rb")
        self._turn = Lock()

    def names(self) -> Iterable[str]:
        return self._places

    def read(self, name: str) -> bytes:
        offset, size = self._places[_plain(name)]
        with self._turn:
            self._file.seek(offset)
            return self._file.read(size)

    def close(self) -> None:
        self._file.close()


class _Zip:
    def __init__(self, path: Path) -> None:
        self._file = zipfile.ZipFile(path)
        self._names = {_plain(info.filename): info for info in self._file.infolist() if not info.is_dir()}

    def names(self) -> Iterable[str]:
        return self._names

    def read(self, name: str) -> bytes:
        return self._file.read(self._names[_plain(name)])

    def close(self) -> None:
        self._file.close()


def _plain(name: str) -> str:
    return name.removeprefix("./")


def _opened(root: Path) -> _Archive | None:
    if root.is_dir():
        return None
    if not root.is_file():
        raise InputError(f"image root {str(root)!r}: no such folder or archive; check the path")
    try:
        if zipfile.is_zipfile(root):
            return _Zip(root)
        return _Tar(root)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise InputError(
            f"image root {str(root)!r}: neither a folder, a .zip nor an uncompressed .tar ({error}); unpack it"
        ) from None


def ask_about(
    places: Sequence[str], questions: Sequence[str], image_root: str | None = None
) -> tuple[Iterator[Row | BadRow], str | None]:
    """Return a row for each question about each picture, and the image root they need.

    A row's id is the picture's name, with "#2" for its second question, and so on.

    Args:
        places: Folders (searched through), glob patterns, pictures, URLs; without an image root also one .tar or .zip.
        questions: What to ask about each.
        image_root: A folder, .tar or .zip that the places are in.

    Raises:
        InputError: A place holds no picture.
    """
    if image_root is None and len(places) == 1 and Path(places[0]).suffix.lower() in _ARCHIVES:
        image_root, places = (places[0], ["*"]) if Path(places[0]).is_file() else (None, places)
    with Pictures(image_root) as pictures:
        names = [name for place in places for name in pictures.named(place)]
    several = len(questions) > 1
    rows = (
        Row(f"{name}#{number}" if several else name, name, question, line=index * len(questions) + number)
        for index, name in enumerate(dict.fromkeys(names))
        for number, question in enumerate(questions, 1)
    )
    return rows, image_root
