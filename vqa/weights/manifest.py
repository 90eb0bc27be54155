"""Notices a changed file without reading it: a folder's sizes, times and hashes, written when the folder was made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

MANIFEST = "verified.json"


@dataclass(frozen=True)
class Entry:
    """What one file looked like when its hash was last computed."""

    size: int
    mtime_ns: int
    sha256: str


def sha256(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal(folder: Path) -> None:
    """Hash every file of `folder` and write its manifest."""
    entries = {path.relative_to(folder).as_posix(): _entry(path, sha256(path)) for path in _files(folder)}
    _write(folder, entries)


def faults(folder: Path, pinned: Mapping[str, str] | None = None, *, full: bool = False) -> list[str]:
    """Return what is wrong with `folder`, one clause a file; an empty list means sound.

    A file is read only if its size or time differ from the manifest, or if `full`. A file that proves sound after its
    time changed (a copied folder) is entered again, so that it is read once and not every time.

    Args:
        folder: A folder that `seal` has been over, or one that somebody filled by hand with the pinned files.
        pinned: SHA-256 by file name; without it, the manifest's own.
        full: Read every file.
    """
    entries = _read(folder)
    expected = dict(pinned) if pinned is not None else {name: entry.sha256 for name, entry in entries.items()}
    if not expected:
        return [f"{MANIFEST} is missing or unreadable"]
    found: list[str] = []
    changed = False
    for name, digest in expected.items():
        path = folder / name
        if not path.is_file():
            found.append(f"{name} is missing")
            continue
        entry = entries.get(name)
        if not full and entry == _entry(path, digest):
            continue
        actual = sha256(path)
        if actual != digest:
            found.append(f"{name} is corrupted (sha256 {actual[:12]}…, expected {digest[:12]}…)")
        elif entry != _entry(path, digest):
            entries[name] = _entry(path, digest)
            changed = True
    if changed and not found:
        try:
            _write(folder, entries)
        except OSError:
            pass  # a read-only folder is hashed again next time; nothing is lost but the time
    return found


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)


def _entry(path: Path, digest: str) -> Entry:
    stat = path.stat()
    return Entry(stat.st_size, stat.st_mtime_ns, digest)


def _read(folder: Path) -> dict[str, Entry]:
    try:
        raw = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return {name: Entry(**entry) for name, entry in raw.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _write(folder: Path, entries: Mapping[str, Entry]) -> None:
    text = json.dumps({name: asdict(entry) for name, entry in entries.items()}, indent=1)
    partial = folder / f"{MANIFEST}.partial"
    partial.write_text(text, encoding="utf-8")
    partial.replace(folder / MANIFEST)
