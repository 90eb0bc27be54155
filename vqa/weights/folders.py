"""A folder appears under its name whole or not at all, made by one process at a time."""

from __future__ import annotations

import errno
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vqa.errors import ModelUnavailable
from vqa.weights.manifest import seal

_log = logging.getLogger(__name__)

# What a disk says that is full, read-only, somebody else's, or has a file where a folder should be.
_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}


@contextmanager
def locked(home: Path, name: str) -> Iterator[None]:
    """Hold the lock of `name`, waiting for other processes and threads.

    Raises:
        ModelUnavailable: `home` cannot be written to, now or while the lock is held.
    """
    from filelock import FileLock, Timeout

    path = home / "locks" / f"{name}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            _log.info("waiting for another process that is at work on %s", name)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
        raise ModelUnavailable(
            f"cannot write to {home} ({error.strerror}); make room or set VQA_HOME to another folder"
        ) from None


def install(home: Path, folder: Path, fill: Callable[[Path], object]) -> None:
    """Fill an empty folder, seal it, and put it in the place of `folder`; the caller holds the lock."""
    partial = home / "partial" / f"{folder.parent.name}-{folder.name}"
    # What a killed process left; nobody else is in here while the caller holds the lock.
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        fill(partial)
        seal(partial)
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists():
            shutil.rmtree(folder)
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
