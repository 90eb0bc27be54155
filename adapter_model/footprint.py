"""What a model takes, told from its files without loading it: bytes on disk, parameters, licence.

The header of a safetensors file lists every tensor's shape, so a model of any size is counted in milliseconds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vqa.adapter_model.hub import is_repo
from vqa.adapter_model.tensor_header import read_header
from vqa.protocols import CoreFacts

if TYPE_CHECKING:
    from vqa.settings import Settings

_BITS = {"8bit": 8, "4bit": 4}  # of a weight; else 32 or 16, as the dtype says
_FLOAT32 = 4  # bytes of a weight, of vision encoders in the store
_ENDINGS = (".safetensors", ".bin", ".pth", ".gguf")
_LICENCE = re.compile(r"^license:\s*(\S+)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Part:
    """One set of weights.

    Attributes:
        size: Bytes on disk; None: it is not here, and its size is not known.
        parameters: How many; None: its files do not say.
        licence: As its makers call it; empty: they do not say.
        here: Whether all of it is on this machine.
        is_base: Whether dtype and quantization reach it; the rest is computed in float32.
    """

    size: int | None
    parameters: int | None
    licence: str
    here: bool
    is_base: bool = True

    def memory(self, settings: Settings) -> int | None:
        """Return the bytes of its weights in memory; dtype auto counts as 16 bits."""
        if self.parameters is None:
            return None
        bits = _BITS.get(settings.quantization, 32 if settings.dtype == "float32" else 16) if self.is_base else 32
        return self.parameters * bits // 8


def facts_of(parts: Iterable[Part], settings: Settings) -> CoreFacts:
    """Return what weights take together."""
    parts = list(parts)
    return CoreFacts(
        size=_total(part.size for part in parts),
        memory=_total(part.memory(settings) for part in parts),
        licence=", ".join(dict.fromkeys(part.licence for part in parts if part.licence)),
        offline=all(part.here for part in parts),
    )


def named_part(name: str, settings: Settings, *, is_base: bool = True) -> Part:
    """Return what is known of a model by its name: a folder, a name in the weights store, or owner/name on the hub."""
    from vqa.weights import Store

    store = Store.from_settings(settings)
    if name in store.names():
        model = store.model(name)
        made = store.home / "derived" / f"{name}-bfloat16"
        counted = folder_part(made).parameters if made.is_dir() else None if is_base else model.size // _FLOAT32
        return Part(model.size, counted, model.licence, store.present(name), is_base)
    folder = Path(name).expanduser() if Path(name).expanduser().is_dir() else cached_folder(name)
    return Part(None, None, "", here=False) if folder is None else folder_part(folder, is_base=is_base)


def folder_part(folder: Path, *, is_base: bool = True) -> Part:
    """Return what is known of the weights in a folder."""
    files = [file for ending in _ENDINGS for file in folder.glob(f"*{ending}")]
    kinds = {file.suffix for file in files}
    if ".safetensors" in kinds:  # whatever lies beside them is the same in another format
        files = [file for file in files if file.suffix == ".safetensors"]
    size = sum(file.stat().st_size for file in files)
    try:
        counted = sum(map(_parameters, files)) if ".safetensors" in kinds else None
    except ValueError:  # damaged; loading it will say so
        counted = None
    return Part(size or None, counted, _licence(folder), here=bool(files), is_base=is_base)


def cached_folder(name: str) -> Path | None:
    """Return the folder of the Hugging Face cache that holds a repository's config, if there is one."""
    from huggingface_hub import try_to_load_from_cache

    repo, _, revision = name.partition("@")
    found = try_to_load_from_cache(repo, "config.json", revision=revision or None) if is_repo(name) else None
    return Path(found).parent if isinstance(found, str) else None


def _parameters(file: Path) -> int:
    return sum(math.prod(shape) for shape in read_header(file).shapes.values())


def _licence(folder: Path) -> str:
    card = folder / "README.md"
    found = _LICENCE.search(card.read_text(encoding="utf-8", errors="replace")) if card.is_file() else None
    return found[1] if found else ""


def _total(numbers: Iterable[int | None]) -> int | None:
    """Return the sum, or None if a number is not known."""
    total = 0
    for number in numbers:
        if number is None:
            return None
        total += number
    return total
