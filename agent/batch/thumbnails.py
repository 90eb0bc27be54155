"""Pictures as a page of a run shows them: small JPEGs, made where the picture is."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

from vqa.values import LoadedImage

_LONGEST = 320  # pixels of its longer side
_QUALITY = 60


@dataclass(frozen=True)
class Thumbnail:
    """A picture for a page: small, as a JPEG, under the name that it has there."""

    name: str
    jpeg: bytes


def name_of(image: LoadedImage) -> str:
    """Return the name under which a page holds a picture, however many rows show it."""
    return f"p{image.sha256[:16]}"


def thumbnail_of(image: LoadedImage) -> Thumbnail:
    """Return a picture made small."""
    small = image.pil.copy()
    small.thumbnail((_LONGEST, _LONGEST))
    buffer = BytesIO()
    small.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    return Thumbnail(name_of(image), buffer.getvalue())
