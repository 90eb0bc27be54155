import os
import subprocess
import sys
from pathlib import Path

import pytest

from vqa.devices import choose_device, keep_few_kernels, sleep_while_waiting
from vqa.errors import InputError

_FAULTS = """
import resource, torch
from vqa.devices import choose_device
choose_device("cpu")
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for size in (16, 20, 18) * 4:
        big, small = torch.ones(size, 1024, 1024), torch.ones(4, 1024, 1024)  # 64 to 80 MB, 16 MB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
for _ in range(4):
    faults()
print(faults())
"""


def _pages_of_a_later_round(**environment: str) -> int:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    run = subprocess.run(
        [sys.executable, "-c", _FAULTS],
        env={**kept, "PYTHONPATH": str(Path(__file__).parents[1]), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(run.stdout)


@pytest.mark.skipif("glibc" not in str(getattr(os, "confstr", lambda _: "")("CS_GNU_LIBC_VERSION")), reason="not glibc")
def test_on_a_cpu_memory_once_freed_is_not_paged_in_again():
    assert _pages_of_a_later_round() < 1000  # of some 270,000
    assert _pages_of_a_later_round(MALLOC_TRIM_THRESHOLD_="131072", MALLOC_MMAP_THRESHOLD_="131072") > 100_000


@pytest.mark.parametrize(("said", "kept"), [(None, "64"), ("7", "7")])
def test_on_a_cpu_few_kernels_are_remembered_unless_told_otherwise(monkeypatch, said, kept):
    monkeypatch.setenv("LRU_CACHE_CAPACITY", said or "")  # so that it is put back afterwards
    if said is None:
        monkeypatch.delenv("LRU_CACHE_CAPACITY")
    keep_few_kernels.cache_clear()
    choose_device("cpu")
    assert os.environ["LRU_CACHE_CAPACITY"] == kept


def test_a_device_that_is_not_there_is_an_input_error():
    with pytest.raises(InputError, match="device='tpu9'"):
        choose_device("tpu9")


def test_waiting_threads_sleep_unless_the_environment_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    sleep_while_waiting()
    assert os.environ["OMP_WAIT_POLICY"] == "active"
    monkeypatch.delenv("OMP_WAIT_POLICY")
    sleep_while_waiting()
    assert os.environ["OMP_WAIT_POLICY"] == "passive"


def test_a_batch_says_so_before_pytorch_is_there_to_read_it() -> None:
    code = (
        "import os, sys; from vqa import VQAAgent; from vqa.agent.batch.running import locally; "
        "locally(VQAAgent.from_pretrained(), None); print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)"
    )
    kept = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**kept, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split() == ["passive", "False"]
