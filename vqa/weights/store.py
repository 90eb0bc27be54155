"""Keeps every model in one folder a name: fetched once, verified, swapped in whole, safe for many processes.

Layout of `home`: `weights/NAME/` (fetched), `derived/NAME/` (made from fetched ones), `partial/` (never read),
`locks/`, `unreachable/` (extras that could not be had, and why). A folder appears under its name only when all its
files are there and verified. Models of the Hugging Face hub stay in the hub's own cache, only their manifest is here.
"""

from __future__ import annotations

import logging
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqa.errors import InputError, ModelUnavailable
from vqa.registry import unknown_name
from vqa.settings import Settings
from vqa.weights import folders
from vqa.weights.catalog import MODELS, Model, megabytes
from vqa.weights.hub import HubRepo
from vqa.weights.manifest import MANIFEST, faults
from vqa.weights.sources import Interrupted, NotTried, Report, SourceError

_log = logging.getLogger(__name__)

_ATTEMPTS = 3
_BACK_OFF_S = 1.0  # doubled after every failure
_REMEMBERED_S = 3600.0  # an extra that could not be reached is not tried again for this long


@dataclass(frozen=True)
class Status:
    """One row of `vqa models`.

    Attributes:
        folder: Where the model is, if anything of it is here.
        complete: Every file is here with its right size.
    """

    model: Model
    folder: Path | None
    complete: bool

    @property
    def where(self) -> str:
        """The folder, or why there is none to use."""
        return str(self.folder) if self.complete else "damaged or incomplete" if self.folder else "not here"

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.model.name,
            "purpose": self.model.purpose,
            "size": self.model.size,
            "licence": self.model.licence,
            "source": self.model.source.origin,
            "builtin": self.model.builtin,
            "note": self.model.note,
            "present": self.complete,
            "path": str(self.folder) if self.folder else None,
        }


class Store:
    """Turns a model's name into a folder of verified files.

    Every method that takes a name raises InputError, with the nearest name, if no model is called that.

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
        self.home = home.absolute()
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
        """Return what the catalogue says of a model."""
        if name not in self._models:
            raise InputError(unknown_name("model", name, self.names()))
        return self._models[name]

    def present(self, name: str) -> bool:
        """Return whether every file is here with its right size; reads no file and no network."""
        return self._complete(self.model(name))

    def why_missing(self, name: str, called: str) -> str | None:
        """Return why a model cannot be had and what to do, `called` as its user knows it; None if it can."""
        if not self.offline or self.present(name):
            return None
        return f"{called} is not here; run `vqa models pull {name}` once with a network"

    def statuses(self) -> list[Status]:
        """Return every known model and what of it is here, in the catalogue's order; reads no file and no network."""
        return [
            Status(model, self._folder(model) if self._was_here(model) else None, self._complete(model))
            for model in self._models.values()
        ]

    def path(self, name: str) -> Path:
        """Return the model's folder as it is, without reading it. Raises ModelUnavailable if it is not complete."""
        model = self.model(name)
        if not self._complete(model):
            raise ModelUnavailable(f"{model} is not here; run `vqa models pull {name}`")
        return self._folder(model)

    def verify(self, name: str) -> list[str]:
        """Read every file of the model; return what is wrong, an empty list if nothing.

        Raises:
            ModelUnavailable: None of its files is here.
        """
        model = self.model(name)
        if not self._was_here(model):
            raise ModelUnavailable(f"{model} is not here; run `vqa models pull {name}`")
        return self._faults(model, full=True)

    def remove(self, name: str) -> int:
        """Delete the model and what was derived from it (folders called NAME or NAME-…); return the bytes freed."""
        model = self.model(name)
        doomed = [self.home / "weights" / name]
        doomed += [
            f for f in (self.home / "derived").glob(f"{name}*") if re.fullmatch(f"{re.escape(name)}(-.*)?", f.name)
        ]
        freed = 0
        with folders.locked(self.home, f"weights-{name}"):
            if isinstance(model.source, HubRepo):
                freed += sum(_size(self._folder(model) / file.name) for file in model.files)
                model.source.discard(model.files)
            for folder in doomed:
                freed += sum(_size(path) for path in folder.rglob("*") if path.is_file())
                if folder.exists():
                    shutil.rmtree(folder)
        return freed

    def fetch(self, name: str, *, insist: bool = False) -> Path:
        """Return the folder with the model's files, downloading them if they are absent or damaged.

        An extra (`builtin` false) is tried once, and not again within the hour; the built-in models three times.

        Args:
            insist: Try an extra as hard as a built-in model, whatever happened before: somebody asked for it by name.

        Raises:
            ModelUnavailable: The files are not here and cannot be had; one line with what to do.
        """
        model = self.model(name)
        folder = self._folder(model)
        problems = self._faults(model)
        if not problems:
            return folder
        self._check_may_try(model, insist, problems)
        with folders.locked(self.home, f"weights-{name}"):
            problems = self._faults(model)
            if not problems:
                return folder  # another process brought it while this one waited
            self._check_may_try(model, insist, problems)
            if self._was_here(model):
                _log.warning("%s: %s; fetching it again", name, "; ".join(problems))
            self._check_room(model)
            attempts = self._attempts if insist or model.builtin else 1
            if isinstance(model.source, HubRepo):
                self._download(model, folder, attempts)
                self._faults(model)  # enters the files into the manifest
            else:
                folders.install(self.home, folder, lambda empty: self._download(model, empty, attempts))
        return folder

    def given_up(self, name: str) -> bool:
        """Return whether fetching failed within the last hour, so that `fetch` refuses without an attempt."""
        return self._given_up_s(self.model(name)) is not None

    def derive(self, name: str, build: Callable[[Path], object]) -> Path:
        """Return a folder made once by `build(empty_folder)` and kept; made again if its files changed since.

        Args:
            name: Names the content: a new format or source is a new name. Starts with the name of the model it is made
                of, so that removing the model removes it too.
            build: Fills the folder; whatever it raises leaves nothing behind.
        """
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name):
            raise ValueError(f"derived name {name!r}: expected lower-case letters, digits, '.', '_' and '-'")
        folder = self.home / "derived" / name
        if folder.is_dir() and not faults(folder):
            return folder
        with folders.locked(self.home, f"derived-{name}"):
            if folder.is_dir():
                problems = faults(folder)
                if not problems:
                    return folder
                _log.warning("%s: %s; making it again", name, "; ".join(problems))
            folders.install(self.home, folder, build)
        return folder

    def _folder(self, model: Model) -> Path:
        return model.source.folder if isinstance(model.source, HubRepo) else self.home / "weights" / model.name

    def _complete(self, model: Model) -> bool:
        folder = self._folder(model)
        return all(_size(folder / file.name) == file.size for file in model.files)

    def _was_here(self, model: Model) -> bool:
        files = [self._manifest(model), *(self._folder(model) / file.name for file in model.files)]
        return any(path.exists() for path in files)

    def _manifest(self, model: Model) -> Path:
        return self.home / "weights" / model.name / MANIFEST

    def _faults(self, model: Model, *, full: bool = False) -> list[str]:
        return faults(self._folder(model), model.hashes, manifest=self._manifest(model), full=full)

    def _check_may_try(self, model: Model, insist: bool, problems: list[str]) -> None:
        if self.offline:
            state = "; ".join(problems) if self._was_here(model) else "it is not here"
            raise ModelUnavailable(
                f"{model} cannot be used: {state}, and the network is not to be used (offline); "
                f"run `vqa models pull {model.name}` once without offline"
            )
        age_s = self._given_up_s(model)
        if age_s is not None and not insist:
            raise ModelUnavailable(
                f"{model} could not be fetched {max(age_s / 60, 1):.0f} min ago "
                f"({self._stamp(model).read_text(encoding='utf-8')}); run `vqa models pull {model.name}` to try now"
            )

    def _given_up_s(self, model: Model) -> float | None:
        """Return how many seconds ago fetching failed, if that is recent enough to spare another attempt."""
        with suppress(OSError):
            age_s = time.time() - self._stamp(model).stat().st_mtime
            if 0 <= age_s < _REMEMBERED_S:
                return age_s
        return None

    def _check_room(self, model: Model) -> None:
        needed = model.size + model.source.download_size(model.files)
        free = shutil.disk_usage(self.home).free
        if free < needed:
            raise ModelUnavailable(
                f"{model} needs {megabytes(needed)} while it is fetched and {self.home} has "
                f"{megabytes(free)} free; make room or set VQA_HOME to another disk"
            )

    def _stamp(self, model: Model) -> Path:
        return self.home / "unreachable" / model.name

    def _download(self, model: Model, folder: Path, attempts: int) -> None:
        for attempt in range(1, attempts + 1):
            try:
                with _progress(model) as report:
                    model.source.download(model.files, folder, report)
                self._stamp(model).unlink(missing_ok=True)
                return
            except SourceError as error:
                if attempt < attempts and isinstance(error, Interrupted):
                    _log.warning("%s: %s; trying again", model.name, error)
                    time.sleep(self._back_off_s * 2 ** (attempt - 1))
                    continue
                if not (model.builtin or isinstance(error, NotTried)):
                    self._stamp(model).parent.mkdir(parents=True, exist_ok=True)
                    self._stamp(model).write_text(str(error), encoding="utf-8")
                raise ModelUnavailable(
                    f"cannot fetch {model}: {error}; `vqa models pull {model.name}` tries again"
                ) from None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


@contextmanager
def _progress(model: Model) -> Iterator[Report]:
    total = model.source.download_size(model.files)
    _log.info("fetching %s, %s, from %s", model.name, megabytes(total), model.source.origin)
    if model.source.shows_progress or not (sys.stderr.isatty() and _log.isEnabledFor(logging.WARNING)):
        yield lambda done: None
        return
    from tqdm import tqdm

    with tqdm(desc=model.name, total=total, unit="B", unit_scale=True, file=sys.stderr) as bar:

        def report(done: int) -> None:
            bar.update(done - bar.n)

        yield report
