"""Notices a changed file without reading it: a folder's sizes, times and hashes, written when the folder was made."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
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
    _write(folder / MANIFEST, entries)


def faults(
    folder: Path, pinned: Mapping[str, str] | None = None, *, manifest: Path | None = None, full: bool = False
) -> list[str]:
    """Return what is wrong with `folder`, one clause a file; an empty list means sound.

    A file is read only if its size or time differ from the manifest, or if `full`. A file that proves sound after its
    time changed (a copied folder) is entered again, so that it is read once and not every time.

    Args:
        folder: A folder that `seal` has been over, or one that somebody filled by hand with the pinned files.
        pinned: SHA-256 by file name; without it, the manifest's own.
        manifest: Where the manifest is, if not in the folder (one that belongs to another program).
        full: Read every file.
    """
    manifest = manifest or folder / MANIFEST
    entries = _read(manifest)
    expected = dict(pinned) if pinned is not None else {name: entry.sha256 for name, entry in entries.items()}
    if not expected:
        return [f"{manifest.name} is missing or unreadable"]
    found = []
    learned = dict(entries)
    for name, digest in expected.items():
        try:
            current = _entry(folder / name, digest)
            if entries.get(name) == current and not full:
                continue
            actual = sha256(folder / name)
        except OSError:
            found.append(f"{name} is missing")
            continue
        if actual == digest:
            learned[name] = current
        else:
            learned[name] = Entry(-1, 0, digest)  # the next look reads it again, even if its size and time are right
            found.append(f"{name} is corrupted (sha256 {actual[:12]}…, expected {digest[:12]}…)")
    if learned != entries:
        # A read-only folder is hashed again next time; nothing is lost but the time.
        with suppress(OSError):
            _write(manifest, learned)
    return found


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)


def _entry(path: Path, digest: str) -> Entry:
    stat = path.stat()
    return Entry(stat.st_size, stat.st_mtime_ns, digest)


def _read(manifest: Path) -> dict[str, Entry]:
    try:
        raw = json.loads(manifest.read_text(encoding="utf-8"))
        return {name: Entry(**entry) for name, entry in raw.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _write(manifest: Path, entries: Mapping[str, Entry]) -> None:
    manifest.parent.mkdir(parents=True, exist_ok=True)
    partial = manifest.with_name(f"{manifest.name}.{os.getpid()}")
    partial.write_text(json.dumps({name: asdict(entry) for name, entry in entries.items()}, indent=1), encoding="utf-8")
    partial.replace(manifest)
