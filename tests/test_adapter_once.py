"""A property that threads ask for at once is computed once."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import RLock

import pytest

from vqa.adapter_model.once import once


class Slow:
    def __init__(self):
        self.loading = RLock()
        self.times = 0

    @once
    def part(self):
        return object()

    @once
    def whole(self):
        self.times += 1
        time.sleep(0.05)
        return [self.part]


def test_threads_that_ask_at_once_wait_for_the_first():
    slow = Slow()
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: slow.whole, range(8)))
    assert all(one is found[0] for one in found)
    assert (slow.times, found[0][0]) == (1, slow.part)


def test_what_fails_is_tried_again():
    class Flaky(Slow):
        @once
        def value(self):
            self.times += 1
            return 1 // (self.times - 1)

    flaky = Flaky()
    with pytest.raises(ZeroDivisionError):
        flaky.value  # noqa: B018
    assert flaky.value == 1
