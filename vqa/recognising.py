"""Says in words what a file is that cannot be opened as a picture, from its first bytes."""

from __future__ import annotations

# ISO base media "major brands": https://mp4ra.org/registered-types/brands
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}

# (first bytes, what it is); the first match counts.
_SIGNATURES = (
    (b"%PDF", "a PDF document; export the page as PNG"),
    (b"%!PS", "a PostScript document; export the page as PNG"),
    (b"PK\x03\x04", "a zip archive or office document; take the picture out of it"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"\x1a\x45\xdf\xa3", "a video; extract a frame first"),
    (b"8BPS", "a Photoshop document; export it as PNG"),
    (b"\x00\x00\x01\xba", "a video; extract a frame first"),
    (b"\x93NUMPY", "a NumPy array; load it and pass the array"),
)


def is_heic(head: bytes) -> bool:
    """Tell whether a file that begins with `head` is a HEIC picture."""
    return head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS and not _AVIF_BRANDS & _compatible_brands(head)


def missing_decoder(head: bytes) -> str | None:
    """Return how to open a picture whose decoder is not installed, or None if it is no such picture."""
    if is_heic(head):
        return "a HEIC picture, which needs one more package: pip install pillow-heif"
    if head[4:8] == b"ftyp" and _AVIF_BRANDS & _compatible_brands(head):
        return "an AVIF picture, which this Pillow cannot decode: pip install -U 'pillow>=11.3'"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a WebP picture, which this Pillow cannot decode: pip install -U --force-reinstall pillow"
    return None


def describe(head: bytes) -> str:
    """Return what a file that begins with `head` is, and what to do about it where that is known."""
    for signature, what in _SIGNATURES:
        if head.startswith(signature):
            return what
    if head[4:8] == b"ftyp" or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
        return "a video; extract a frame first"
    text = _text(head)
    if text is None:
        return "binary data of an unknown kind; expected JPEG, PNG, WebP, GIF, TIFF, BMP or AVIF"
    start = text.lstrip("\ufeff \t\r\n").lower()
    if "<svg" in start:
        return "an SVG drawing; export it as PNG"
    if start.startswith(("<!doctype html", "<html", "<head", "<body")):
        return "a web page; use the address of the picture itself"
    if start.startswith("version https://git-lfs"):
        return "a Git LFS pointer; fetch the file with git lfs pull"
    return "text; expected JPEG, PNG, WebP, GIF, TIFF, BMP or AVIF"


def _compatible_brands(head: bytes) -> set[bytes]:
    length = min(int.from_bytes(head[:4], "big"), len(head))
    return {head[8:12], *(head[at : at + 4] for at in range(16, length - 3, 4))}


def _text(head: bytes) -> str | None:
    if b"\x00" in head:
        return None
    for cut in range(4):  # the head may end within a character
        try:
            return head[: len(head) - cut].decode("utf-8")
        except UnicodeDecodeError:
            continue
    return None
