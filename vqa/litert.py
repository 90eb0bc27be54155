"""LiteRT, which runs networks from TFLite files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def interpreter(file: Path, *, threads: int) -> Any:
    """Return what runs the network of a file, for one thread at a time, with as many threads of its own.

    Raises:
        ValueError: The file holds no network.
    """
    from ai_edge_litert.interpreter import Interpreter

    with _no_greeting():
        ready = Interpreter(model_path=str(file), num_threads=threads)
        ready.allocate_tensors()
    return ready


@contextmanager
def _no_greeting() -> Iterator[None]:
    """Keep LiteRT's "INFO: Created …" off standard error; its C++ code writes there whatever the environment says."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
