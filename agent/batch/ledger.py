"""A run's growing files and the record of how far they have come, advanced together: what lets any run go on."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

from vqa.agent.batch.growing import Growing, growing
from vqa.agent.batch.record import Checkpoint, RunRecord
from vqa.errors import InputError

T = TypeVar("T")


class Ledger(Generic[T]):
    """Counts rows as they are written, and checkpoints them once they are on disk; use it in a `with`.

    Args:
        record: The run's; its checkpoint says what is there already.
        mark: What a row is recognised by when the run goes on.

    Attributes:
        rows: Rows done, those of earlier runs included.
        failed: How many of them failed.
        skipped: How many an earlier run had done.
    """

    def __init__(self, record: RunRecord, mark: Callable[[T], bytes]) -> None:
        self._record, self._mark = record, mark
        self._done = record.checkpoint
        self._digest = hashlib.sha256()
        self._files: list[Growing] = []
        self._stack = ExitStack()
        self._next = 0.0
        self.rows, self.failed = self._done.rows, self._done.failed
        self.skipped = self._done.rows

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stack.close()

    def skip(self, rows: Iterator[T], output: Path, *, things: str) -> None:
        """Take the rows that are done off the beginning.

        Args:
            rows: The whole input, of which the rest is left.
            output: What messages call the run.
            things: What the rows are, in the plural.

        Raises:
            InputError: The first rows are not those that were done.
        """
        skipped = 0
        for row in islice(rows, self._done.rows):
            self._digest.update(self._mark(row))
            skipped += 1
        if self._done.rows and (skipped < self._done.rows or self._digest.hexdigest() != self._done.digest):
            raise InputError(
                f"the first {self._done.rows:,} rows of {str(output)!r} are about other {things} than this input's; "
                f"give the same {things}, or start anew without --resume"
            )

    def grow(self, path: Path) -> Growing:
        """Return a file of the run, cut back to the rows that count. Raises InputError if it cannot be written."""
        file = self._stack.enter_context(closing(growing(path, self._done.lengths.get(path.name, 0))))
        self._files.append(file)
        return file

    def begin(self) -> None:
        """Write down that the run is under way, before its first row."""
        self._record.advance(replace(self._done, finished=False))

    def count(self, rows: Iterable[T], *, failed: int) -> None:
        """Add rows whose lines are written; now and then, wait until the disk has them, and write that down.

        Waiting takes at most a tenth of the time: for a busy disk it can take longer than the work itself.
        """
        for row in rows:
            self._digest.update(self._mark(row))
            self.rows += 1
        self.failed += failed
        if time.monotonic() >= self._next:
            self.checkpoint()

    def checkpoint(self) -> None:
        """Wait until the disk has all rows, and write that down."""
        began = time.monotonic()
        lengths = {file.path.name: file.sync() for file in self._files}
        self._record.advance(Checkpoint(self.rows, self.failed, self._digest.hexdigest(), lengths))
        ended = time.monotonic()
        self._next = ended + 9 * (ended - began)
