"""Work that may be left behind: what waits for it, and how the process ends around it."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from vqa.time_limit import Work, under_way


def test_a_result_and_an_error_reach_whoever_waits() -> None:
    assert Work(lambda: 1 + 1, name="adds").result() == 2
    with pytest.raises(ZeroDivisionError):
        Work(lambda: 1 // 0, name="divides").result(within=10)
    with pytest.raises(SystemExit):
        Work(lambda: sys.exit(3), name="exits").result()


def test_what_is_not_done_in_time_goes_on_and_is_had_later() -> None:
    may_go_on = threading.Event()
    work = Work(lambda: may_go_on.wait(20), name="waits")
    with pytest.raises(TimeoutError):
        work.result(within=0.05)
    assert not work.is_done
    assert under_way()
    may_go_on.set()
    assert work.result(within=10) is True
    assert not under_way()


def test_what_is_interrupted_ends_at_its_next_step() -> None:
    def spin() -> None:
        while True:
            time.sleep(0.01)

    work = Work(spin, name="spins")
    work.interrupt()
    with pytest.raises(SystemExit):
        work.result(within=10)


# Without the interruption, this process dies of SIGABRT ("terminate called without an active exception").
_COMPUTES_AT_EXIT = """
import sys, torch
from vqa.time_limit import Work

layers = torch.nn.Sequential(*[torch.nn.Conv2d(16, 16, 3, padding=1) for _ in range(20)])

def compute():
    with torch.inference_mode():
        while True:
            layers(torch.zeros(1, 16, 32, 32))

try:
    Work(compute, name="computes").result(within=0.3)
except TimeoutError:
    sys.exit(4)
"""


def test_a_process_ends_with_its_own_exit_code_although_a_thread_still_computes() -> None:
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(Path(__file__).resolve().parents[1] / ".editable"),
    }
    done = subprocess.run([sys.executable, "-c", _COMPUTES_AT_EXIT], env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (4, b"")
