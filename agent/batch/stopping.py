"""Lets a run end in good order: the first SIGINT or SIGTERM asks it to, the second ends it at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

from vqa.errors import VQAError


class Stopped(VQAError):
    """A signal ended the run; the exit code is the one that shells give for it."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + number


class Stop:
    """While its block runs, signals are only remembered; calling it tells whether one has come."""

    def __init__(self) -> None:
        self._number: int | None = None
        self._before: dict[int, Any] = {}

    def __call__(self) -> bool:
        return self._number is not None

    def raise_if_stopped(self, when: str) -> None:
        """Raise Stopped if a signal has come; `when` ends its message."""
        if self._number is not None:
            raise Stopped(f"stopped by {signal.Signals(self._number).name} {when}", self._number)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # elsewhere Python does not allow it
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._remember)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._restore()

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self._number = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
