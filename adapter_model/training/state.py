"""A run's state on disk: trained weights, optimizers' moments and the number of steps done, whole or not at all.

Data order, dropout and every other draw follow from the seed and the step, so a step's number is all of their state.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from torch import Tensor

from vqa.errors import InputError

_FILE = "state.safetensors"


@dataclass
class Progress:
    """How far a run has come.

    Attributes:
        step: Steps done, over all stages.
        best: Lowest validation loss, and its step.
        skipped: Steps that had no finite loss.
        skipped_in_a_row: Those of them just before now.
        tokens: Tokens worked on.
        seconds: Time spent, without loading.
    """

    step: int = 0
    best: float | None = None
    best_step: int = 0
    skipped: int = 0
    skipped_in_a_row: int = 0
    tokens: int = 0
    seconds: float = 0.0
    losses: dict[str, float] = field(default_factory=dict)


def save_state(folder: Path, progress: Progress, tensors: Mapping[str, Tensor], *, recipe: str) -> None:
    """Replace the run's state in one move.

    Args:
        folder: The run's.
        progress: How far it has come.
        tensors: Everything else, by name.
        recipe: What the run is, to refuse going on with another.
    """
    from safetensors.torch import save_file

    new = folder / f".{_FILE}.new"
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    save_file(plain, new, metadata={"progress": json.dumps(asdict(progress)), "recipe": recipe})
    with new.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(new, folder / _FILE)


def has_state(folder: Path) -> bool:
    return (folder / _FILE).is_file()


def load_state(folder: Path, *, recipe: str) -> tuple[Progress, dict[str, Tensor]]:
    """Return what `save_state` wrote. Raises InputError if it is damaged or of another recipe."""
    from safetensors import SafetensorError, safe_open

    path = folder / _FILE
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: damaged ({error}); remove it to begin again") from None
    if metadata["recipe"] != recipe:
        before, now = json.loads(metadata["recipe"]), json.loads(recipe)
        changed = sorted(key for key in now if now[key] != before.get(key))
        raise InputError(
            f"{folder}: was begun with another recipe (changed: {', '.join(changed)}); take another folder"
        )
    return Progress(**json.loads(metadata["progress"])), tensors
