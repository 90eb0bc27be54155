"""What the settings `device` and `dtype` mean on this machine."""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import TYPE_CHECKING

from vqa.errors import InputError
from vqa.lanes import share_cores

if TYPE_CHECKING:
    import ctypes

    import torch

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # as malloc.h has them
_BLOCK = 1 << 30  # bytes

DTYPES = ("float32", "bfloat16", "float16")


def choose_device(name: str) -> torch.device:
    """Return the device a setting means; "auto" takes CUDA, then MPS, then the CPU. Raises InputError."""
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"device={name!r}: expected auto, cpu, cuda, cuda:1 or mps") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(f"device={name!r}: this machine has {torch.cuda.device_count()} CUDA devices; use 'cpu'")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise InputError(f"device={name!r}: this machine has no Metal GPU; use 'cpu'")
    if device.type == "cpu":
        keep_freed_memory()
        keep_few_kernels()
        share_cores()
    return device


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """Return the dtype a setting means; "auto" takes bfloat16 where the device computes in it. Raises InputError."""
    import torch

    if name == "auto":
        return torch.bfloat16 if _computes_bfloat16(device) else torch.float32
    if name not in DTYPES:
        raise InputError(f"dtype={name!r}: expected auto, {', '.join(DTYPES)}")
    dtype: torch.dtype = getattr(torch, name)
    return dtype


@cache
def keep_freed_memory() -> None:
    """Let glibc keep the large blocks that tensors free, for the next ones, unless MALLOC_* variables say otherwise.

    By default they go back to the system, and every layer's output is then paged in anew: of a convolution's time on a
    virtual machine that was most (docs/measurements.md, "Memory"). Threads share one heap, or theirs, of 64 MB at most,
    would go back all the same; that holds for threads that are started after this.
    """
    mallopt = getattr(_glibc(), "mallopt", None)  # other C libraries have none
    if mallopt is not None and not any(name.startswith("MALLOC_") for name in os.environ):
        for option, value in ((_M_TRIM_THRESHOLD, _BLOCK), (_M_MMAP_THRESHOLD, _BLOCK), (_M_ARENA_MAX, 1)):
            mallopt(option, value)


@cache
def keep_few_kernels() -> None:
    """Let PyTorch remember its CPU kernels for the latest shapes only, unless LRU_CACHE_CAPACITY says how many.

    oneDNN compiles one for every number of tokens it meets, and the 1,024 remembered by default are memory that a long
    batch slowly fills (docs/measurements.md, "Question files"). Holds for a process that has not computed yet.
    """
    os.environ.setdefault("LRU_CACHE_CAPACITY", "64")


def sleep_while_waiting() -> None:
    """Let PyTorch's threads that wait for one another sleep, unless OMP_WAIT_POLICY says otherwise.

    By default they spin for a while, which costs a core that others could use: in a batch experts look while the core
    answers. Holds for a process that has not imported PyTorch yet.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def release_freed_memory() -> None:
    """Give back to the system what is free at this moment, such as the weights of an expert that was unloaded."""
    trim_heap()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def trim_heap() -> None:
    """Give back to the system what glibc keeps of freed memory, however it lies between what is in use."""
    if trim := getattr(_glibc(), "malloc_trim", None):
        trim(0)


def _glibc() -> ctypes.CDLL | None:
    """Return the C library where it may be glibc."""
    import ctypes

    return ctypes.CDLL(None) if sys.platform.startswith("linux") else None


def _computes_bfloat16(device: torch.device) -> bool:
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "mps":
        return True
    # Without these instructions oneDNN emulates bfloat16, slower than float32.
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
