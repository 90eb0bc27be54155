"""Patch features of training pictures, computed once: the encoder is frozen, so every epoch sees the same ones.

One folder for each encoder: `features.f16` holds records of (P, F) float16, `index.tsv` says which picture and view
each is, `names.tsv` the hash of every picture's bytes, so that known ones are not read again. All three only grow; a
record counts once its line in the index is written, so that a run may be killed at any time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray
from torch import Tensor

from vqa.adapter_model.training.pictures import Pictures
from vqa.adapter_model.training.views import viewed
from vqa.errors import InputError, VQAError
from vqa.images import load_image

if TYPE_CHECKING:
    from vqa.values import LoadedImage

_CHUNK = 32  # pictures read and encoded together


class Encoder(Protocol):
    """What turns pictures into patch features: `VisionEncoder`, or anything with its two members."""

    def features(self, images: Sequence[LoadedImage]) -> Tensor: ...

    def fingerprint(self) -> str: ...


class FeatureStore:
    """Features of pictures on disk, by the pictures' bytes and view.

    Args:
        folder: Shared by all encoders; made if need be.
        encoder: Computes what is missing; its fingerprint names the folder inside.
    """

    def __init__(self, folder: Path, encoder: Encoder) -> None:
        self._encoder = encoder
        self._folder = folder / encoder.fingerprint()[:16]
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self._folder / ".lock")
        self._shape: tuple[int, int] | None = None
        self._records: dict[tuple[str, str], int] = {}
        self._hashes: dict[str, str] = {}
        self._map: NDArray[np.float16] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Patches and channels of a picture. Raises InputError if nothing is stored yet."""
        if self._shape is None:
            raise InputError(f"{self._folder}: no picture's features there")
        return self._shape

    def add(
        self,
        pictures: Pictures,
        names: Sequence[str],
        views: Sequence[str],
        *,
        bad: Callable[[str, str], None],
        progress: Callable[[int], object] = lambda done: None,
    ) -> NDArray[np.int64]:
        """Compute what is missing and return each picture's record in each view, (pictures, views).

        Args:
            pictures: Where the names are found.
            names: The pictures wanted.
            views: Their forms, as `viewed` knows them.
            bad: Told the name of each picture that cannot be used, and why; its records are -1.
            progress: Told how many pictures have been done.
        """
        records = np.full((len(names), len(views)), -1, np.int64)
        with self._lock, ThreadPoolExecutor(2) as pool:
            self._open()
            for start in range(0, len(names), _CHUNK):
                chunk = range(start, min(start + _CHUNK, len(names)))
                loaded = list(pool.map(lambda i: self._load(pictures, names[i], views), chunk))
                missing = {}
                for _, _, _, images in loaded:
                    missing.update(images)
                self._append(missing)
                with (self._folder / "names.tsv").open("a", encoding="utf-8") as file:
                    for identity, sha, _, _ in loaded:
                        if sha and self._hashes.setdefault(identity, sha) == sha and identity in self._new:
                            file.write(f"{json.dumps(identity)}\t{sha}\n")
                            self._new.discard(identity)
                for i, (_, sha, why, _) in zip(chunk, loaded, strict=True):
                    if why:
                        bad(names[i], why)
                    else:
                        records[i] = [self._records[sha, view] for view in views]
                progress(chunk.stop)
        self._map = None
        return records

    def read(self, records: NDArray[np.int64]) -> Tensor:
        """Return (B, P, F) float16 features of records that `add` returned."""
        if self._map is None:
            file = self._folder / "features.f16"
            self._map = np.memmap(file, np.float16, "r").reshape(-1, *self.shape)
        return torch.from_numpy(self._map[records])

    def _load(
        self, pictures: Pictures, name: str, views: Sequence[str]
    ) -> tuple[str, str, str, dict[tuple[str, str], LoadedImage]]:
        """Return a picture's identity, hash, what is wrong with it, and its views that have no record yet."""
        identity = pictures.identity(name)
        if identity is None:
            return "", "", "no such picture", {}
        sha = self._hashes.get(identity, "")
        if sha and all((sha, view) in self._records for view in views):
            return identity, sha, "", {}
        try:
            data = pictures.read(name)
            if not sha:
                sha = hashlib.sha256(data).hexdigest()
                self._new.add(identity)
            wanted = [view for view in views if (sha, view) not in self._records]
            if not wanted:
                return identity, sha, "", {}
            image = load_image(data)
            return identity, sha, "", {(sha, view): viewed(image, view, seed=sha) for view in wanted}
        except VQAError as error:
            return identity, "", str(error), {}

    def _append(self, images: dict[tuple[str, str], LoadedImage]) -> None:
        if not images:
            return
        found = self._encoder.features(list(images.values())).to(torch.float16).cpu().numpy()
        if self._shape is None:
            self._shape = found.shape[1:]
            (self._folder / "shape.json").write_text(json.dumps(self._shape))
        with (self._folder / "features.f16").open("ab") as file:
            file.write(found.tobytes())
        with (self._folder / "index.tsv").open("a", encoding="utf-8") as index:
            for sha, view in images:
                self._records[sha, view] = len(self._records)
                index.write(f"{sha}\t{view}\n")

    def _open(self) -> None:
        """Read what is there, and cut off what a killed run left half written."""
        self._new: set[str] = set()
        shape = self._folder / "shape.json"
        self._shape = tuple(json.loads(shape.read_text())) if shape.is_file() else None
        lines = _whole_lines(self._folder / "index.tsv")
        features = self._folder / "features.f16"
        size = 2 * self._shape[0] * self._shape[1] if self._shape else 1
        whole = min(len(lines), features.stat().st_size // size if features.is_file() else 0)
        if len(lines) > whole:
            lines = lines[:whole]
            (self._folder / "index.tsv").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        if features.is_file() and features.stat().st_size != whole * size:
            with features.open("r+b") as file:
                file.truncate(whole * size)
        self._records = {(sha, view): i for i, (sha, view) in enumerate(line.split("\t") for line in lines)}
        pairs = (line.rpartition("\t") for line in _whole_lines(self._folder / "names.tsv"))
        self._hashes = {json.loads(identity): sha for identity, _, sha in pairs}


def _whole_lines(path: Path) -> list[str]:
    """Return a file's lines and cut off a last one without its end."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if len(whole) != len(text):
        path.write_text(whole, encoding="utf-8")
    return whole.splitlines()
