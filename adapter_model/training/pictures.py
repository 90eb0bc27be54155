"""Where training pictures come from: a folder, tar files (as webdataset writes them), paths or URLs."""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from functools import lru_cache
from glob import glob
from pathlib import Path

from vqa.errors import InputError
from vqa.images import is_url

_MAX_BYTES = 64 * 1024 * 1024
_TIMEOUT_S = 20.0


class Pictures:
    """The pictures of one source, by the names that its rows use.

    Args:
        place: A folder, tar files with `*` allowed, or empty: names are paths beside `rows`, or URLs.
        rows: The file with the rows.
        offline: Refuse URLs.

    Raises:
        InputError: The place does not exist, or is not a tar file.
    """

    def __init__(self, place: str, *, rows: str = "", offline: bool = False) -> None:
        self._offline = offline
        self._folder = Path(place) if place and Path(place).is_dir() else Path(rows).parent if not place else None
        self._members: dict[str, tuple[Path, int, int]] = {}
        self._stamps: dict[Path, str] = {}
        if self._folder is None:
            for path in tar_files(place):
                stat = path.stat()
                self._stamps[path] = f"{path}:{stat.st_size}:{stat.st_mtime_ns}"
                for name, (offset, size) in tar_members(path).items():
                    self._members.setdefault(name, (path, offset, size))

    def identity(self, name: str) -> str | None:
        """Return what a picture's bytes are known by without reading them; None if there is no such picture."""
        if is_url(name):
            return name
        if self._folder is None:
            if name not in self._members:
                return None
            path, offset, _ = self._members[name]
            return f"{self._stamps[path]}:{offset}"
        path = self._folder / name
        try:
            stat = path.stat()
        except (OSError, ValueError):
            return None
        return f"{path}:{stat.st_size}:{stat.st_mtime_ns}"

    def read(self, name: str) -> bytes:
        """Return a picture's bytes. Raises InputError if they cannot be had."""
        if is_url(name):
            if self._offline:
                raise InputError("an address needs the network, but offline is set")
            from vqa.downloading import download

            return download(name, timeout_s=_TIMEOUT_S, max_bytes=_MAX_BYTES)
        try:
            if self._folder is not None:
                return (self._folder / name).read_bytes()
            path, offset, size = self._members[name]
            with path.open("rb") as file:
                file.seek(offset)
                return file.read(size)
        except (OSError, KeyError, ValueError) as error:
            raise InputError(getattr(error, "strerror", None) or "no such picture") from None


def tar_files(pattern: str) -> list[Path]:
    """Return the tar files that a path, with `*` allowed, means. Raises InputError if there are none."""
    found = sorted(Path(name) for name in glob(pattern) if Path(name).is_file())
    if not found:
        raise InputError(f"{pattern}: no such folder or tar file")
    return found


@lru_cache(maxsize=64)
def tar_members(path: Path) -> Mapping[str, tuple[int, int]]:
    """Return every file in an uncompressed tar: where its bytes begin, and how many there are. Raises InputError."""
    try:
        with tarfile.open(path, "r:") as tar:
            return {m.name.removeprefix("./"): (m.offset_data, m.size) for m in tar if m.isfile()}
    except (OSError, tarfile.TarError) as error:
        raise InputError(f"{path}: not a plain tar file ({error}); one that is compressed must be unpacked") from None
