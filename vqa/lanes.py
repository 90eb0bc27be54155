"""Lanes: how many threads compute side by side, and on how many of the processor's cores each.

One answer comes soonest if every product is spread over all cores. Of many answers more are given by threads that
compute on a core each: those that share a product spend much of their time waiting for one another.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition
from typing import Any

_lanes = 1


def cores() -> int:
    """Return the cores this process may use: the machine's, or what it was given of them (OMP_NUM_THREADS too)."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    affinity = getattr(os, "sched_getaffinity", None)
    here = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return min(int(given), here) if given.isdigit() and int(given) else here


def lanes() -> int:
    """Return how many threads compute side by side at the moment; 1 but for a batch."""
    return _lanes


def threads(most: int = sys.maxsize) -> int:
    """Return on how many cores one computation may run at the moment, at most `most`."""
    return min(max(cores() // _lanes, 1), most)


@contextmanager
def side_by_side(most: int) -> Iterator[int]:
    """Let threads compute side by side, one on each core, `most` of them; give how many that are.

    It holds for the whole process. Inside another one it changes nothing and gives 1.
    """
    global _lanes
    torch = _torch()
    before = cores() if torch is None else int(torch.get_num_threads())
    number = min(before, most) if _lanes == 1 else 1
    if number == 1:
        yield 1
        return
    _lanes = number
    try:
        share_cores()
        yield number
    finally:
        _lanes = 1
        if torch := _torch():
            torch.set_num_threads(before)


def share_cores() -> None:
    """Let PyTorch, where it is loaded, use as many cores as a computation may: in this thread, and in new ones.

    Who computes with it calls this first, since PyTorch may have been loaded by another thread: on more cores the same
    computation rounds otherwise.
    """
    torch = _torch() if _lanes > 1 else None
    if torch is not None and torch.get_num_threads() != threads():
        torch.set_num_threads(threads())


def _torch() -> Any:
    """Return PyTorch if it is loaded, also to its end."""
    torch = sys.modules.get("torch")
    return torch if hasattr(torch, "set_num_threads") and hasattr(torch, "get_num_threads") else None


class Turns:
    """Lets as many threads compute at once as there are lanes, or only one: `with turns: …`.

    Args:
        one_by_one: Whether it is one whatever lanes there are, as on a device that is not the processor.
    """

    def __init__(self, *, one_by_one: bool = False) -> None:
        self._one_by_one = one_by_one
        self._computing = 0
        self._changed = Condition()

    def __enter__(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._computing < (1 if self._one_by_one else _lanes))
            self._computing += 1
        share_cores()

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._computing -= 1
            self._changed.notify()
