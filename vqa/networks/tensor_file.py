"""Reads .pth files as data: tensors only, never code, mapped from disk where the format allows."""

from __future__ import annotations

import re
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from vqa.errors import InputError

_ZIP = b"PK\x03\x04"  # torch.save since PyTorch 1.6; only such files can be mapped


def read_tensor_file(path: Path) -> dict[str, Any]:
    """Return the dict a .pth file holds; tensors are read from disk when they are used.

    Raises:
        InputError: No such file, truncated or damaged, not a dict, or a pickle that would run code; nothing of it runs.
    """
    try:
        with path.open("rb") as file:
            mapped = file.read(len(_ZIP)) == _ZIP
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, AttributeError, IndexError) as error:
        if re.search("Unsupported global|unrecognized function", str(error)):
            raise InputError(
                f"{path}: not a plain file of tensors but a pickle with code; nothing of it was run"
            ) from None
        raise InputError(f"{path}: not a plain file of tensors, or a damaged one; get the file again") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a dict of tensors, found {type(content).__name__}")
    return content
