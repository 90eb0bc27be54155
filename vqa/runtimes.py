"""What runs networks from files on the CPU: LiteRT those of TFLite, ONNX Runtime those of ONNX."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vqa.lanes import threads

_MOST_THREADS = 4


def interpreter(file: Path, *, threads: int) -> Any:
    """Return what runs the network of a TFLite file, for one thread at a time, with as many threads of its own.

    Raises:
        ValueError: The file holds no network.
    """
    from ai_edge_litert.interpreter import Interpreter

    with _no_greeting():
        ready = Interpreter(model_path=str(file), num_threads=threads)
        ready.allocate_tensors()
    return ready


def session(file: Path) -> Any:
    """Return what runs the network of an ONNX file, for any number of threads at once."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads(_MOST_THREADS)
    options.log_severity_level = 3  # errors
    # Threads that wait do not burn the cores that torch's need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


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
