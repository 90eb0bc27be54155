"""Writes an answer, or what experts found, to a file: whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from vqa.errors import InputError
from vqa.values import Answer, Finding, LoadedImage

if TYPE_CHECKING:
    from PIL.Image import Image

_IMAGE_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
PICTURE_ENDINGS = tuple(_IMAGE_FORMATS)


def save(answer: Answer, path: str | Path) -> None:
    """Write the drawing (.png, .jpg, .webp), the JSON (.json) or the report (.html), as the path's ending says.

    Raises InputError for another ending, a missing folder, or a place or size that cannot be written.
    """
    suffix = check_path(path, (*PICTURE_ENDINGS, ".json", ".html"))
    if suffix == ".json":
        # A file name that is no Unicode leaves lone surrogates: as JSON escapes they survive.
        write_whole(Path(path), f"{answer.to_json(indent=2)}\n".encode("utf-8", "backslashreplace"))
    elif suffix == ".html":
        write_whole(Path(path), _page(answer).encode())
    else:
        from vqa.drawing import draw

        _save_picture(draw(answer), Path(path), suffix)


def save_findings(image: LoadedImage, findings: Sequence[Finding], path: str | Path) -> None:
    """Write the picture with the findings drawn on it (.png, .jpg, .webp). Raises as `save` does."""
    from vqa.drawing import draw_findings

    suffix = check_path(path, PICTURE_ENDINGS)
    _save_picture(draw_findings(image, findings), Path(path), suffix)


def check_path(path: str | Path, endings: tuple[str, ...] = (*PICTURE_ENDINGS, ".json", ".html")) -> str:
    """Return the path's ending, in lower case. Raises InputError if it is none of these or its folder is missing."""
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in endings:
        raise InputError(f"{str(path)!r}: expected a name that ends in {', '.join(endings[:-1])} or {endings[-1]}")
    if not path.parent.is_dir():
        raise InputError(f"{str(path)!r}: there is no folder {str(path.parent)!r}; make it first")
    if path.is_dir():
        raise InputError(f"{str(path)!r}: a folder; expected the name of a file")
    return suffix


def _page(answer: Answer) -> str:
    from vqa.report import html

    return (
        '<!doctype html>\n<html><head><meta charset="utf-8"><title>vqa</title></head>\n'
        f"<body>{html(answer)}</body></html>\n"
    )


def _save_picture(picture: Image, path: Path, suffix: str) -> None:
    kind, buffer = _IMAGE_FORMATS[suffix], BytesIO()
    try:
        picture.save(buffer, kind, quality=92)
    except (OSError, ValueError) as error:
        size = f"{picture.width}x{picture.height} pixels"
        raise InputError(f"{str(path)!r}: {kind} cannot hold {size} ({error}); save it as .png") from error
    write_whole(path, buffer.getvalue())


def write_whole(path: Path, data: bytes) -> None:
    """Write a new file beside the old one and put it in its place, so that no reader sees half of it.

    Raises InputError if it cannot be written.
    """
    new = path.with_name(f".{uuid4().hex}.tmp")
    try:
        new.write_bytes(data)
        os.replace(new, path)
    except OSError as error:
        raise InputError(f"{str(path)!r}: cannot be written ({error.strerror}); choose another place") from error
    finally:
        new.unlink(missing_ok=True)
