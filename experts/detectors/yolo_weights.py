"""From what the user calls a YOLO model to its file: a path, a model of the weights store, an ultralytics download."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.request import Request, urlopen

from vqa.errors import InputError, ModelUnavailable
from vqa.fingerprints import file_identity
from vqa.weights import Store

_log = logging.getLogger(__name__)

SERVER = "https://github.com/ultralytics/assets/releases"
SUFFIXES = (".pt", ".onnx")
REACH_S = 5.0
"""Longest wait for ultralytics' server to answer, before its downloader (which waits far longer) may start."""
REMEMBERED_S = 3600.0


def is_own_file(model: str) -> bool:
    """Return whether `model` means a file of the user's, there or not, and no published model (those end in .pt)."""
    path = Path(model).expanduser()
    return path.is_file() or path.name != model or path.suffix not in ("", ".pt")


def problem(model: str, store: Store) -> str | None:
    """Return why `find` is sure to fail, in one line, or None; loads nothing and uses no network."""
    path = Path(model).expanduser()
    if path.suffix not in ("", *SUFFIXES):
        return f"yolo_model={model!r}: expected a name or a path that ends in {' or '.join(SUFFIXES)}"
    if is_own_file(model):
        return None if path.is_file() else f"yolo_model={model!r}: there is no such file"
    if _is_here(model, store) or not store.offline:
        return None
    return f"no weights for yolo_model={model!r}: give the path of a file, or run once without offline"


def identity(model: str, store: Store) -> str | None:
    """Return what tells the weights that `find` would give from others, or None if they are not here."""
    if is_own_file(model):
        path = Path(model).expanduser()
        return file_identity(path) if path.is_file() else None
    if not _is_here(model, store):
        return None
    if _in_store(model, store):
        return str(store.model(Path(_file_name(model)).stem).hashes)
    return file_identity(store.home / "derived" / _folder_name(model) / _file_name(model))


def worth_trying(model: str, store: Store) -> bool:
    """Return whether `find` gives a file at once or may fetch one: nothing forbids it, and no attempt failed lately."""
    if problem(model, store) is not None:
        return False
    lately = store.given_up(Path(_file_name(model)).stem) if _in_store(model, store) else _failed_lately(model, store)
    return _is_here(model, store) or not lately


def find(model: str, store: Store) -> Path:
    """Return the file of a YOLO model, fetching a published one if need be.

    Raises:
        InputError: No such file, or ultralytics publishes no model of that name.
        ModelUnavailable: It is published but cannot be had right now.
    """
    if trouble := problem(model, store):
        raise (InputError if is_own_file(model) else ModelUnavailable)(trouble)
    if is_own_file(model):
        return Path(model).expanduser()
    name = _file_name(model)
    if _in_store(model, store):
        return store.fetch(Path(name).stem) / name
    return store.derive(_folder_name(model), partial(_download, name, store)) / name


def _file_name(model: str) -> str:
    return model if Path(model).suffix else f"{model}.pt"


def _folder_name(model: str) -> str:
    return f"ultralytics-{_file_name(model).lower()}"


def _in_store(model: str, store: Store) -> bool:
    name = _file_name(model)
    stem = Path(name).stem
    return stem in store.names() and any(file.name == name for file in store.model(stem).files)


def _is_here(model: str, store: Store) -> bool:
    if _in_store(model, store):
        return store.present(Path(_file_name(model)).stem)
    return (store.home / "derived" / _folder_name(model) / _file_name(model)).is_file()


def _download(name: str, store: Store, folder: Path) -> None:
    """Let ultralytics download one of its published files, if its server can be reached; a failure is remembered."""
    from vqa.experts.detectors.yolo import import_ultralytics

    import_ultralytics(store.home)
    from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES, attempt_download_asset

    if name not in GITHUB_ASSETS_NAMES:
        raise InputError(f"yolo_model={name!r}: neither a file nor a model that ultralytics publishes")
    stamp = _stamp(name, store)
    if _failed_lately(name, store):
        raise ModelUnavailable(
            f"{name} could not be fetched within the last hour ({stamp.read_text(encoding='utf-8')}); "
            f"give the path of a file, or remove {stamp} to try now"
        )
    try:
        within(REACH_S, lambda: urlopen(Request(SERVER, method="HEAD"), timeout=REACH_S).close())
        _log.info("fetching %s from %s", name, SERVER)
        saved = Path(attempt_download_asset(folder / name, retry=0, progress=False, unzip=False))
        saved.rename(folder / name)  # it puts today's yolov5nu.pt in the place of yolov5n.pt
        stamp.unlink(missing_ok=True)
    except Exception as error:
        reason = " ".join(str(error).split())
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(reason, encoding="utf-8")
        raise ModelUnavailable(f"cannot fetch {name} from {SERVER}: {reason}; give the path of a file") from None


def _stamp(model: str, store: Store) -> Path:
    return store.home / "unreachable" / _folder_name(model)


def _failed_lately(model: str, store: Store) -> bool:
    with suppress(OSError):
        return 0 <= time.time() - _stamp(model, store).stat().st_mtime < REMEMBERED_S
    return False


def within(seconds: float, action: Callable[[], Any]) -> None:
    """Run `action` for at most `seconds`, then leave it to its thread; name look-ups have no time limit of their own.

    Raises:
        TimeoutError: It takes longer. Whatever `action` raises is raised.
    """
    failures: list[BaseException] = []

    def run() -> None:
        try:
            action()
        except BaseException as error:
            failures.append(error)

    worker = Thread(target=run, daemon=True)
    worker.start()
    worker.join(seconds)
    if worker.is_alive():
        raise TimeoutError(f"no answer within {seconds:g} s")
    if failures:
        raise failures[0]
