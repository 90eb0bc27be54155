"""Work with a time limit: it goes on in a thread that whoever waits may leave behind.

Threads cannot be stopped from outside. A daemon thread at least does not keep the process from ending; but what a
library's own code does in one while the interpreter ends may crash it, so `run_process` asks `under_way` first.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Thread
from typing import Any, Generic, TypeVar
from weakref import WeakSet

from vqa.devices import keep_freed_memory

T = TypeVar("T")

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
        self._thread.join(within or None)
        if not self.is_done:
            raise TimeoutError
        if self._error is not None:
            raise self._error
        return self._result

    def _run(self) -> None:
        try:
            self._result = self._action()
        except BaseException as error:  # SystemExit too: it is the caller's to judge
            self._error = error


def under_way() -> bool:
    """Return whether any work is still being done."""
    return not all(work.is_done for work in _started)
