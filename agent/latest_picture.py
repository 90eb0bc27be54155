"""The picture that was asked about last: its file is not decoded again for every further question about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vqa.errors import VQAError
from vqa.examples import get_example
from vqa.fingerprints import file_identity
from vqa.images import load_image
from vqa.values import LoadedImage

if TYPE_CHECKING:
    from vqa.images import ImageSource


class LatestPicture:
    """Loads pictures and keeps the last one that came from a file, for as long as that file stays the same."""

    def __init__(self) -> None:
        self._latest: tuple[str, LoadedImage] | None = None  # one attribute, so that threads see both or none

    def load(self, source: ImageSource, *, offline: bool) -> LoadedImage:
        """Return the picture as `load_image` does. Raises InputError if it cannot be used."""
        identity, known = _identity(source), self._latest
        if identity and known and known[0] == identity:
            return known[1]
        image = load_image(source, offline=offline)
        if identity:
            self._latest = identity, image
        return image


def _identity(source: ImageSource) -> str | None:
    """Return what tells a file from others and from its later self, with how it was named; None for anything else."""
    if not isinstance(source, str | Path) or source == "-":  # which is standard input
        return None
    named = str(source)
    try:
        example = named.startswith("example:")
        file = get_example(named.removeprefix("example:")).path() if example else Path(named).expanduser()
        return f"{named} {file_identity(file)}" if file.is_file() else None
    except (VQAError, OSError, RuntimeError, ValueError):
        return None  # load_image says what is wrong
