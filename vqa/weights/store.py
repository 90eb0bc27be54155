"""Keeps every model in one folder a name: fetched once, verified, swapped in whole, safe for many processes.

Layout of `home`: `weights/NAME/` (fetched), `derived/NAME/` (made from fetched ones), `partial/` (never read),
`locks/`. A folder appears under its name only when all its files are there and verified.
"""

from __future__ import annotations

import logging
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqa.errors import InputError, ModelUnavailable
from vqa.registry import unknown_name
from vqa.settings import Settings
from vqa.weights.catalog import MODELS, Model
from vqa.weights.manifest import faults, seal
from vqa.weights.sources import Interrupted, Report, SourceError

_log = logging.getLogger(__name__)

_ATTEMPTS = 3
_BACK_OFF_S = 1.0  # doubled after every failure


@dataclass(frozen=True)
class Status:
    """One row of `vqa models`: the model, and its folder if it is here."""

    model: Model
    folder: Path | None

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.model.name,
            "purpose": self.model.purpose,
            "size": self.model.size,
            "licence": self.model.licence,
            "source": self.model.source.origin,
            "builtin": self.model.builtin,
            "note": self.model.note,
            "present": self.folder is not None,
            "path": str(self.folder) if self.folder else None,
        }


class Store:
    """Turns a model's name into a folder of verified files.

    Args:
        home: Folder for everything it keeps; made on first use.
        offline: Never use the network.
        models: The models it knows.
        attempts: How often an interrupted download is tried.
        back_off_s: Seconds before the second try; doubled for each further one.
    """

    def __init__(
        self,
        home: Path,
        *,
        offline: bool = False,
        models: Iterable[Model] = MODELS,
        attempts: int = _ATTEMPTS,
        back_off_s: float = _BACK_OFF_S,
    ) -> None:
        self.home = home
        self.offline = offline
        self._models = {model.name: model for model in models}
        self._attempts = attempts
        self._back_off_s = back_off_s

    @classmethod
    def from_settings(cls, settings: Settings) -> Store:
        return cls(settings.home, offline=settings.offline)

    def names(self) -> list[str]:
        return list(self._models)

    def model(self, name: str) -> Model:
        """Return the catalogue entry. Raises InputError that names the nearest one."""
        if name not in self._models:
            raise InputError(unknown_name("model", name, self.names()))
        return self._models[name]

    def present(self, name: str) -> bool:
        """Return whether every file is here with its right size; reads no file and no network."""
        return self._complete(self.model(name))

    def statuses(self) -> list[Status]:
        """Return every known model with its folder, in the catalogue's order."""
        return [
            Status(model, self._folder(model) if self._complete(model) else None) for model in self._models.values()
        ]

    def fetch(self, name: str) -> Path:
        """Return the folder with the model's files, downloading them if they are absent or damaged.

        Raises:
            InputError: No model has that name.
            ModelUnavailable: The files are not here and cannot be had; one line with what to do.
        """
        model = self.model(name)
        folder = self._folder(model)
        if folder.is_dir() and not faults(folder, model.hashes):
            return folder
        with self._locked(f"weights-{name}"):
            problems = faults(folder, model.hashes) if folder.is_dir() else ["absent"]
            if not problems:
                return folder  # another process brought it while this one waited
            if folder.is_dir():
                _log.warning("%s: %s; fetching it again", name, "; ".join(problems))
            if self.offline:
                raise ModelUnavailable(
                    f"{_describe(model)} is not in {self.home} and the network is off; "
                    f"run `vqa models pull {name}` once with a network"
                )
            self._install(folder, lambda empty: self._download(model, empty))
        return folder

    def derive(self, name: str, build: Callable[[Path], None]) -> Path:
        """Return a folder made once by `build(empty_folder)` and kept; made again if its files changed since.

        Args:
            name: Names the content: a new format or source is a new name.
            build: Fills the folder; whatever it raises leaves nothing behind.
        """
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name):
            raise ValueError(f"derived name {name!r}: expected lower-case letters, digits, '.', '_' and '-'")
        folder = self.home / "derived" / name
        if folder.is_dir() and not faults(folder):
            return folder
        with self._locked(f"derived-{name}"):
            if folder.is_dir():
                problems = faults(folder)
                if not problems:
                    return folder
                _log.warning("%s: %s; making it again", name, "; ".join(problems))
            self._install(folder, build)
        return folder

    def _folder(self, model: Model) -> Path:
        return self.home / "weights" / model.name

    def _complete(self, model: Model) -> bool:
        folder = self._folder(model)
        return all(_has_size(folder / file.name, file.size) for file in model.files)

    def _download(self, model: Model, folder: Path) -> None:
        for attempt in range(1, self._attempts + 1):
            try:
                with _progress(model) as report:
                    model.source.download(model.files, folder, report)
                return
            except Interrupted as error:
                if attempt == self._attempts:
                    raise ModelUnavailable(_failure(model, error)) from None
                _log.warning("%s: %s; trying again", model.name, error)
            except SourceError as error:
                raise ModelUnavailable(_failure(model, error)) from None
            time.sleep(self._back_off_s * 2 ** (attempt - 1))
            _empty(folder)

    def _install(self, folder: Path, fill: Callable[[Path], None]) -> None:
        """Fill an empty folder, seal it, and swap it in under its name; the caller holds the lock."""
        partial = self.home / "partial" / f"{folder.parent.name}-{folder.name}"
        _empty(partial)  # what a killed process left; nobody else is in here while we hold the lock
        try:
            fill(partial)
            seal(partial)
            folder.parent.mkdir(parents=True, exist_ok=True)
            if folder.exists():
                shutil.rmtree(folder)
            partial.replace(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        from filelock import FileLock, Timeout

        path = self.home / "locks" / f"{name}.lock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                _log.info("waiting for another process that is fetching %s", name)
                lock.acquire()
        except OSError as error:
            raise ModelUnavailable(
                f"cannot write to {self.home} ({error.strerror}); set VQA_HOME to a folder you own"
            ) from None
        try:
            yield
        finally:
            lock.release()


def _describe(model: Model) -> str:
    return f"{model.name!r} ({', '.join(file.name for file in model.files)}, {megabytes(model.size)})"


def megabytes(size: int) -> str:
    """Return a size as people read it; a megabyte is 10^6 bytes, as disks and pip count."""
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def _failure(model: Model, error: SourceError) -> str:
    return f"cannot fetch {_describe(model)}: {error}; then run `vqa models pull {model.name}`"


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


@contextmanager
def _progress(model: Model) -> Iterator[Report]:
    total = model.source.download_size(model.files)
    _log.info("fetching %s, %s, from %s", model.name, megabytes(total), model.source.origin)
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from tqdm import tqdm

    with tqdm(desc=model.name, total=total, unit="B", unit_scale=True, file=sys.stderr) as bar:
        yield lambda done: bar.update(done - bar.n) and None
