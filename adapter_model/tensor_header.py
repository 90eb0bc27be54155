"""What a safetensors file says of its tensors before any is loaded (https://huggingface.co/docs/safetensors)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

_MOST = 100_000_000  # bytes of a header, as the format has it


@dataclass(frozen=True)
class Header:
    """A file's tensors.

    Attributes:
        shapes: Of every tensor, by name.
        places: Where each one's bytes begin and end in the file.
    """

    shapes: dict[str, tuple[int, ...]]
    places: dict[str, tuple[int, int]]


def read_header(path: Path) -> Header:
    """Return the header of a safetensors file. Raises ValueError if it is none, or cut short."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > _MOST:
            raise ValueError("no safetensors header")
        told = json.loads(file.read(length))
    try:
        tensors = {name: tensor for name, tensor in told.items() if name != "__metadata__"}
        shapes = {name: tuple(tensor["shape"]) for name, tensor in tensors.items()}
        places = {
            name: (8 + length + tensor["data_offsets"][0], 8 + length + tensor["data_offsets"][1])
            for name, tensor in tensors.items()
        }
    except (AttributeError, LookupError, TypeError):
        raise ValueError("no safetensors header") from None
    if max((end for _, end in places.values()), default=0) > path.stat().st_size:
        raise ValueError("the file is cut short")
    return Header(shapes, places)


def read_bytes(path: Path, place: tuple[int, int]) -> bytes:
    """Return a tensor's bytes."""
    with path.open("rb") as file:
        file.seek(place[0])
        return file.read(place[1] - place[0])
