"""Any picture file becomes upright RGB, with notes on what was changed; anything else, one clear line."""

from __future__ import annotations

import io
import random
import struct
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from vqa.errors import InputError
from vqa.images import load_image


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def photo(width: int = 64, height: int = 48) -> Image.Image:
    """Noise, so that no format can make it small."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def message(source: object, **options: object) -> str:
    with pytest.raises(InputError) as caught:
        load_image(source, **options)  # type: ignore[arg-type]
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    return text


# Modes


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_are_scaled_not_clipped(kind: str) -> None:
    values = np.array([[0, 257, 32896, 65535]], np.uint16)
    image = load_image(encoded(Image.fromarray(values), kind))
    assert np.asarray(image.pil)[0, :, 0].tolist() == [0, 1, 128, 255]
    assert image.notes == ("16 bits scaled to 8",)


def test_floats_and_32_bits_are_stretched_and_said_so() -> None:
    floats = np.array([[-1.0, 0.0, 1.0, np.nan, np.inf]], np.float32)
    image = load_image(encoded(Image.fromarray(floats), "TIFF"))
    assert np.asarray(image.pil)[0, :, 1].tolist() == [0, 128, 255, 0, 0]
    assert "stretched" in image.notes[0]
    integers = load_image(Image.fromarray(np.array([[10, 1_000_010]], np.int32)))
    assert np.asarray(integers.pil)[0, :, 2].tolist() == [0, 255]
    assert load_image(Image.new("F", (2, 2), 7.0)).pil.getpixel((0, 0)) == (0, 0, 0)


def test_a_cmyk_jpeg_keeps_its_colours() -> None:
    cyan = encoded(Image.new("CMYK", (16, 16), (255, 0, 0, 0)), "JPEG", quality=95)
    assert b"Adobe" in cyan  # and so stored inverted
    image = load_image(cyan)
    red, green, blue = image.pil.getpixel((8, 8))  # type: ignore[misc]
    assert red < 10
    assert min(green, blue) > 245
    assert image.notes == ("CMYK converted to RGB",)


def test_transparency_is_shown_on_white_and_said_so() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putpixel((1, 0), 1)
    pictures: list[bytes | Image.Image] = [
        encoded(palette, "PNG", transparency=0),
        encoded(palette, "PNG", transparency=bytes([0, 255])),
        encoded(palette, "GIF", transparency=0),
        Image.frombytes("RGBA", (2, 1), bytes([0, 0, 0, 0, 0, 0, 255, 255])),
    ]
    for picture in pictures:
        image = load_image(picture)
        assert [image.pil.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (0, 0, 255)]
        assert image.notes == ("transparency shown on white",)
    assert load_image(Image.frombytes("LA", (1, 1), bytes([0, 51]))).pil.getpixel((0, 0)) == (204, 204, 204)


def test_an_alpha_channel_that_hides_nothing_goes_unmentioned() -> None:
    assert load_image(photo().convert("RGBA")).notes == ()


def test_bilevel_grey_and_palette_pictures_become_rgb() -> None:
    for picture in (
        Image.new("1", (1, 1), 1),
        Image.new("L", (1, 1), 255),
        photo().quantize(8),
        photo().convert("YCbCr"),
    ):
        image = load_image(encoded(picture, "PNG") if picture.mode != "YCbCr" else picture)
        assert image.pil.mode == "RGB"
        assert image.notes == ()
    assert load_image(encoded(Image.new("1", (1, 1), 1), "PNG")).pil.getpixel((0, 0)) == (255, 255, 255)


def test_lab_colours_are_refused() -> None:
    assert "Lab" in message(Image.new("LAB", (2, 2)))


# Orientation and frames


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_applied_once(kind: str, orientation: int) -> None:
    upright = Image.new("RGB", (32, 16), "black")
    upright.paste("white", (0, 0, 16, 8))  # the top left quarter
    # What a camera stores, by the EXIF table: the inverse of what a viewer must do.
    flip, turn = Image.Transpose, {1: (), 2: (0,), 3: (3,), 4: (1,), 5: (5,), 6: (2,), 7: (6,), 8: (4,)}[orientation]
    stored = upright.transpose(flip(turn[0])) if turn else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = load_image(encoded(stored, kind, exif=exif))
    assert image.pil.size == (32, 16)
    corners = [sum(image.pil.getpixel(xy)) > 380 for xy in ((4, 4), (28, 4), (4, 12), (28, 12))]  # type: ignore[arg-type]
    assert corners == [True, False, False, False]
    assert image.notes == (("turned upright by its EXIF orientation",) if orientation > 1 else ())


def test_a_picture_with_broken_exif_is_still_a_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(photo(), "JPEG", exif=exif).replace(b"Exif\0\0MM\0*", b"Exif\0\0MM\0\xff")
    image = load_image(data)
    assert image.pil.size == (64, 48)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_taken_and_said_so(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), (20 * i, 0, 0)) for i in range(12)]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
    image = load_image(data)
    assert image.notes == ("first of 12 frames",)
    assert image.pil.getpixel((4, 4)) == (0, 0, 0)


def test_of_a_document_the_first_page_is_taken_and_said_so() -> None:
    pages = [Image.new("L", (8, 8), 50 * i) for i in range(3)]
    image = load_image(encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert image.notes == ("first of 3 pages",)


# Not a picture, or not a whole one


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b"Dear diary,\n", "not a picture but text"),
        ("\ufeffcaf\u00e9 ".encode() * 300, "not a picture but text"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing; export it as PNG"),
        (b"<!DOCTYPE html><html></html>", "a web page"),
        (b"%PDF-1.7\n\xff", "a PDF document"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "a PostScript document"),
        (b"PK\x03\x04" + bytes(30), "a zip archive"),
        (b"\x00\x00\x00\x18ftypmp42" + bytes(12), "a video"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (bytes(range(256)), "binary data of an unknown kind"),
    ],
)
def test_what_is_no_picture_is_named(data: bytes, words: str, tmp_path: Path) -> None:
    file = tmp_path / "picture.jpg"
    file.write_bytes(data)
    text = message(file)
    assert words in text
    assert repr(str(file)) in text


@pytest.mark.parametrize("brands", [b"heic\0\0\0\0mif1heic", b"mif1\0\0\0\0mif1heic", b"heix\0\0\0\0mif1heix"])
def test_heic_without_its_decoder_names_the_package(brands: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vqa.decoding.find_spec", lambda name: None)
    head = struct.pack(">I4s", 8 + len(brands), b"ftyp") + brands
    assert "HEIC picture" in message(head + bytes(100))
    assert "pip install pillow-heif" in message(head + bytes(100))


def test_avif_without_its_decoder_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL.AvifImagePlugin", None)
    assert "pip install -U 'pillow>=11.3'" in message(b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miaf" + bytes(100))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "JPEG2000"])
def test_a_truncated_picture_is_refused_and_called_so(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "half"
    data = encoded(photo(), kind)
    load_image(data)
    file.write_bytes(data[: len(data) // 2])
    assert "truncated" in message(file)


def test_truncation_is_an_error_even_if_another_library_allowed_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    data = encoded(photo(), "JPEG")
    assert "truncated" in message(data[: len(data) // 2])
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True  # the other library's business


def test_a_lazily_opened_truncated_pil_image_is_refused() -> None:
    data = encoded(photo(), "JPEG")
    assert "truncated" in message(Image.open(io.BytesIO(data[: len(data) // 2])))


def test_a_single_pixel_is_a_picture() -> None:
    assert load_image(encoded(Image.new("RGB", (1, 1), "red"), "PNG")).pil.getpixel((0, 0)) == (255, 0, 0)


def test_an_image_without_pixels_is_refused() -> None:
    assert "0x5 pixels" in message(Image.new("RGB", (0, 5)))


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def test_a_huge_header_is_refused_before_decoding() -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    png = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    assert "60000x60000 pixels are more than the 100 megapixels" in message(png)


def test_the_limit_on_pixels_is_the_callers(recwarn: pytest.WarningsRecorder) -> None:
    assert "64x48 pixels are more than the 0.003 megapixels" in message(photo(), max_pixels=3000)
    assert load_image(photo(), max_pixels=64 * 48).pil.size == (64, 48)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        large = Image.new("1", (9_500, 9_500))  # Pillow alone would warn: 90 megapixels
        assert load_image(encoded(large, "PNG")).pil.size == (9_500, 9_500)


def test_a_decoders_warning_becomes_a_note(recwarn: pytest.WarningsRecorder) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a description that is long enough to be stored apart"
    data = encoded(photo(), "JPEG", exif=exif)
    start = data.index(b"Exif")
    cut = data[: start + 16] + struct.pack(">HHII", 0x010E, 2, 4_000, 20_000) + data[start + 28 :]
    assert any(note.startswith("decoder: ") for note in load_image(cut).notes)
    assert not recwarn.list


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF", "JPEG2000"])
def test_a_damaged_picture_loads_or_gives_one_line(kind: str) -> None:
    chance, refusals = random.Random(0), []
    data = encoded(photo(24, 16), kind)
    for _ in range(60):
        damaged = bytearray(data)
        for _ in range(chance.randint(1, 8)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            load_image(bytes(damaged), max_pixels=1_000_000)
        except InputError as error:
            refusals.append(str(error))
    assert refusals
    assert all(len(refusal.splitlines()) == 1 for refusal in refusals)


def test_a_replaced_image_open_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def replaced(*_: object) -> None:
        raise AssertionError("ultralytics' Image.open may run pip")

    monkeypatch.setattr(Image, "open", replaced)
    assert load_image(encoded(photo(), "PNG")).pil.size == (64, 48)
    assert "binary data" in message(bytes(range(256)))
