"""The seam every source of weights fits: it puts a model's verified files into a folder, or says why not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import ClassVar, NoReturn, Protocol, TypeVar

T = TypeVar("T")
Report = Callable[[int], None]  # told how many bytes have arrived so far

_CHUNK = 1 << 20


class SourceError(Exception):
    """The files cannot be had from this source; the message is one clause."""


class Interrupted(SourceError):
    """The connection failed; another try may succeed."""


class NotTried(SourceError):
    """Something on this machine forbids the attempt; there is no failure to remember."""


@dataclass(frozen=True)
class File:
    """One file of a model: its name in the model's folder, its size in bytes and its SHA-256."""

    name: str
    size: int
    sha256: str


class Source(Protocol):
    """A place that has a model's files.

    Attributes:
        shows_progress: True if it draws its own progress bar and never calls `report`.
    """

    shows_progress: ClassVar[bool]

    @property
    def origin(self) -> str:
        """The place in words, for tables and messages."""
        ...

    def download_size(self, files: Sequence[File]) -> int:
        """Return how many bytes will travel."""
        ...

    def download(self, files: Sequence[File], folder: Path, report: Report) -> None:
        """Put `files`, whole and verified, into `folder`, which is empty. Raises SourceError."""
        ...


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def save(stream: Readable, file: File, folder: Path, report: Report = lambda done: None) -> None:
    """Copy `stream` to `folder`, hashing on the way; more bytes than the file has are refused as they arrive."""
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
    check(file.name, digest.hexdigest(), file.sha256)


def check(name: str, actual: str, expected: str) -> None:
    """Raise SourceError unless the two hashes are the same."""
    if actual != expected:
        raise SourceError(
            f"{name} was refused: its sha256 is {actual}, expected {expected}; the source or a proxy altered it"
        )


def within(seconds: float, place: str, action: Callable[[], T]) -> T:
    """Return `action()`, or raise what it raises, or Interrupted when it takes longer than `seconds`.

    It runs in a thread of its own, left behind when late, because looking up a name cannot be given a time limit.
    """
    outcome: SimpleQueue[Callable[[], T]] = SimpleQueue()

    def attempt() -> None:
        try:
            result = action()
            outcome.put(lambda: result)
        except Exception as error:
            outcome.put(partial(_raise, error))

    Thread(target=attempt, daemon=True).start()
    try:
        return outcome.get(timeout=seconds)()
    except Empty:
        raise Interrupted(f"{place} did not answer within {seconds:g} s") from None


def _raise(error: Exception) -> NoReturn:
    raise error
