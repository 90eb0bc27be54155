"""Work with a time limit: it goes on in a thread that whoever waits may leave behind.

A daemon thread does not keep the process from ending. But before Python 3.14, one that comes back from a library's own
code while the interpreter ends takes the process down with it (https://github.com/python/cpython/issues/87135): what
is still being done when the process ends is interrupted first.
"""

from __future__ import annotations

import atexit
import time
from collections.abc import Callable
from threading import Thread
from typing import Any, Generic, TypeVar
from weakref import WeakSet

from vqa.devices import keep_freed_memory

T = TypeVar("T")

_GRACE_S = 0.5  # how long the process waits for what it interrupts

_started: WeakSet[Work[Any]] = WeakSet()


class Work(Generic[T]):
    """Something being done in a daemon thread; constructing it begins.

    Args:
        action: What to do.
        name: The thread's name, for debuggers.
    """

    def __init__(self, action: Callable[[], T], *, name: str) -> None:
        keep_freed_memory()
        self.began = time.monotonic()
        self._action = action
        self._result: T
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, name=name, daemon=True)
        _started.add(self)
        self._thread.start()

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive()

    @property
    def seconds(self) -> float:
        """How long ago it began."""
        return time.monotonic() - self.began

    def result(self, *, within: float = 0.0) -> T:
        """Wait for what the action returns, or raise what it raises.

        Args:
            within: Seconds to wait at most; 0: as long as it takes.

        Raises:
            TimeoutError: It is not done by then; it goes on.
        """
        self.wait(within or None)
        if not self.is_done:
            raise TimeoutError
        if self._error is not None:
            raise self._error
        return self._result

    def wait(self, seconds: float | None) -> None:
        """Wait until it is done, at most so many seconds; None: as long as it takes."""
        self._thread.join(seconds)

    def interrupt(self) -> None:
        """Raise SystemExit in it at its next step in Python, if it ever comes to one."""
        import ctypes

        thread, error = ctypes.c_ulong(self._thread.ident or 0), ctypes.py_object(SystemExit)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, error)

    def _run(self) -> None:
        try:
            self._result = self._action()
        except BaseException as error:  # SystemExit too: it is the caller's to judge
            self._error = error


def under_way() -> list[Work[Any]]:
    """Return the work that is still being done."""
    return [work for work in _started if not work.is_done]


@atexit.register
def _interrupt() -> None:
    """Interrupt everything that is still being done, and wait a little."""
    late = under_way()
    for work in late:
        work.interrupt()
    ends = time.monotonic() + _GRACE_S
    for work in late:
        work.wait(ends - time.monotonic())
