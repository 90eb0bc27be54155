"""How a run is getting on, in one line on stderr, where a person is watching."""

from __future__ import annotations

import sys
from collections.abc import Callable
from threading import Thread
from types import TracebackType
from typing import Self

from vqa.agent.batch.running import Progress
from vqa.terminal import Status


class Display:
    """Shows rows done, rate, time left and errors.

    Args:
        count: Counts the rows there are, in a thread of its own; None if that cannot be known.
        things: What a row is, in the plural.
        bad: What became of those that failed.
    """

    def __init__(self, count: Callable[[], int] | None = None, *, things: str = "rows", bad: str = "failed") -> None:
        self._status = Status()
        self._things, self._bad = things, bad
        self._total: int | None = None
        if count is not None and sys.stderr.isatty():
            Thread(target=self._find_total, args=(count,), daemon=True).start()

    def show(self, progress: Progress) -> None:
        self._status.show(described(progress, self._total, things=self._things, bad=self._bad))

    def _find_total(self, count: Callable[[], int]) -> None:
        self._total = count()

    def __enter__(self) -> Self:
        self._status.show("loading …")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._status.clear()


def described(progress: Progress, total: int | None, *, things: str = "rows", bad: str = "failed") -> str:
    """Return "1,280 of 10,000 rows, 12.5 a second, 0:11:38 left, 3 failed"."""
    parts = [f"{progress.rows:,} {things}" if total is None else f"{progress.rows:,} of {total:,} {things}"]
    parts.append(f"{progress.rate:.1f} a second")
    if total is not None and progress.rate:
        left = int(max(total - progress.rows, 0) / progress.rate)
        parts.append(f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02} left")
    return ", ".join([*parts, f"{progress.failed:,} {bad}"])
