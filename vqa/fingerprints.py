"""Short names for what an expert's findings depend on: settings, files of weights, packages, and the expert's code."""

from __future__ import annotations

import functools
import hashlib
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def fingerprint(*parts: object, code: tuple[Path, ...], packages: tuple[str, ...] = ()) -> str:
    """Return 16 hexadecimal digits that change when anything named here does; reads source files and loads nothing.

    Args:
        parts: Settings, identities of weights; anything whose JSON or `str` tells it apart.
        code: The expert's source files, and folders of them.
        packages: Installed packages that compute its findings, as pip calls them.
    """
    told = json.dumps([parts, _hash_of_code(code), [_version(package) for package in packages]], default=str)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def file_identity(path: Path) -> str:
    """Return a file's place, size and time of change: cheaper than its hash, and another when it is replaced.

    Raises:
        OSError: It is not there.
    """
    status = path.stat()
    return f"{path.resolve()} {status.st_size} {status.st_mtime_ns}"


@functools.cache
def _hash_of_code(code: tuple[Path, ...]) -> str:
    """Return the hash of the source files; a development version has no number of its own that would change."""
    files = [file for path in code for file in ([path] if path.is_file() else sorted(path.rglob("*.py")))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


@functools.cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
