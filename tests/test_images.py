"""Every kind of source gives the same picture; anything else, one clear line."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import psutil  # type: ignore[import-untyped, unused-ignore]
import pytest
from PIL import Image

from vqa.errors import InputError
from vqa.images import is_url, load_image
from vqa.values import LoadedImage


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


def test_every_kind_of_source_gives_the_same_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(photo(), "PNG")
    file = tmp_path / "photo.png"
    file.write_bytes(data)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data), isatty=lambda: False))
    sources = [file, str(file), "-", data, bytearray(data), photo(), np.asarray(photo())]
    loaded = [load_image(source) for source in sources]  # type: ignore[arg-type]
    assert {image.sha256 for image in loaded} == {load_image(file).sha256}
    assert all(image.pil.mode == "RGB" and image.pil.tobytes() == photo().tobytes() for image in loaded)
    assert [i.source for i in loaded[1:]] == [str(file), "-", "<bytes>", "<bytes>", "<PIL image>", "<ndarray>"]


def test_a_picture_loads_while_another_thread_imports_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", ModuleType("numpy"))  # as far as its first line
    assert load_image(photo()).source == "<PIL image>"


def test_a_loaded_image_is_returned_as_it_is() -> None:
    image = load_image(photo())
    assert load_image(image) is image


def test_the_hash_is_of_size_and_pixels() -> None:
    wide, tall = Image.new("RGB", (6, 2)), Image.new("RGB", (2, 6))
    assert load_image(wide).sha256 != load_image(tall).sha256
    assert load_image(wide).sha256 == hashlib.sha256(b"RGB 6x2 " + bytes(36)).hexdigest()


def test_a_loaded_image_survives_pickling() -> None:
    image = load_image(photo())
    again: LoadedImage = pickle.loads(pickle.dumps(image))
    assert (again.source, again.sha256, again.notes) == (image.source, image.sha256, image.notes)
    assert again.pil.tobytes() == image.pil.tobytes()


def test_the_callers_image_and_array_stay_untouched_and_apart() -> None:
    pil, array = photo().convert("RGBA"), np.asarray(photo()).copy()
    before = pil.tobytes()
    from_pil, from_array = load_image(pil), load_image(array)
    array[:] = 0
    assert pil.mode == "RGBA"
    assert pil.tobytes() == before
    assert from_array.sha256 == from_pil.sha256 == load_image(from_array.pil).sha256
    assert load_image(photo()).pil.tobytes() == from_array.pil.tobytes()


def test_files_are_closed_after_loading(tmp_path: Path) -> None:
    kept = []
    for kind in ("PNG", "GIF", "TIFF", "JPEG", "WEBP"):
        file = tmp_path / f"picture.{kind}"
        file.write_bytes(encoded(photo(), kind))
        kept.append(load_image(file))
        file.write_bytes(encoded(photo(), kind)[:500])
        message(file)
    assert not [f.path for f in psutil.Process().open_files() if f.path.startswith(str(tmp_path))]
    assert all(image.pil.getpixel((0, 0)) for image in kept)


def test_a_named_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(encoded(photo(), "PNG"),))
    writer.start()
    assert load_image(pipe).sha256 == load_image(photo()).sha256
    writer.join()


def test_only_the_wanted_kind_of_array_is_taken() -> None:
    assert ".astype('uint8')" in message(np.zeros((4, 4, 3)))
    assert "numpy.stack" in message(np.zeros((4, 4), np.uint8))
    assert ".transpose(1, 2, 0)" in message(np.zeros((3, 4, 4), np.uint8))
    assert "(height, width, 3)" in message(np.zeros((4, 4, 4), np.uint8))
    assert "at least 1x1" in message(np.zeros((0, 4, 3), np.uint8))


def test_what_is_no_source_is_refused_by_its_type() -> None:
    assert "from int; expected a path" in message(3)
    assert "from NoneType" in message(None)


def test_names_of_no_picture_are_refused_with_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("Holiday.JPG").write_bytes(encoded(photo(), "JPEG"))
    assert "did you mean 'Holiday.JPG'?" in message("holidy.jpg")
    assert "did you mean 'example:bus'?" in message("bus")
    assert "did you mean 'bus'?" in message("example:buss")
    assert "no such file" in message("quite-something-else.png")
    assert f"no folder {str(tmp_path / 'no')!r}" in message(tmp_path / "no" / "a.png")
    assert "no such file" in message(Path("Holiday.JPG", "inside.png"))
    assert "a folder" in message(tmp_path)
    assert "is empty" in message("")
    assert "cannot be read" in message("x" * 5000)
    assert "cannot be read" in message("a\0b.png")
    assert len(message("data:image/png;base64," + "A" * 50_000)) < 400


def test_standard_input_that_is_a_terminal_or_empty_or_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def stdin(data: bytes, terminal: bool = False) -> None:
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data), isatty=lambda: terminal))

    stdin(b"", terminal=True)
    assert "is a terminal" in message("-")
    stdin(b"")
    assert "is empty" in message("-")
    stdin(bytes(3000))
    assert "longer than" in message("-", max_bytes=2000)


def test_windows_paths_and_colons_are_no_addresses() -> None:
    assert not is_url(r"C:\photos\a.jpg")
    assert not is_url("c:/photos/a.jpg")
    assert not is_url("12:30.png")
    assert is_url("HTTPS://host/a.jpg")
    assert is_url("file:/etc/passwd")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/a.png", "data:image/png;base64,AA", "s3://b/a.png"])
def test_addresses_other_than_http_are_refused(url: str) -> None:
    assert "expected an http:// or https:// address" in message(url)


def test_an_address_needs_the_network() -> None:
    assert "--offline" in message("https://example.invalid/a.png", offline=True)


def test_importing_the_loader_imports_neither_pillow_nor_numpy() -> None:
    heavy = ("PIL", "numpy", "ultralytics", "skimage")
    code = f"import sys, vqa.images, vqa.examples; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
