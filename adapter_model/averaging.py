"""The mean of several adapters' weights, which often answers better than any of them, at the cost of one.

Wortsman et al., "Model soups" (arXiv 2203.05482): runs that began with the same weights end near one another, and what
each learnt by heart lies in another direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vqa.adapter_model.checkpoints import CONFIG, VISION, WEIGHTS, adapter_folder, mismatches, write_adapter
from vqa.adapter_model.config import AdapterConfig
from vqa.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from vqa.settings import Settings


def average(adapters: Sequence[str], folder: Path, settings: Settings) -> list[str]:
    """Write the mean of some adapters to `folder` and return, line by line, what there is to say about it.

    Args:
        adapters: At least two of one shape, as `adapter_folder` knows them; one that is named twice counts twice.
        folder: Made if need be; it must hold no adapter yet.
        settings: Whether the hub may be asked.

    Raises:
        InputError: There are fewer than two, they differ in shape or base model, one is damaged or untrained; or the
            folder has an adapter.
        ModelUnavailable: An adapter on the hub cannot be had.
    """
    if len(adapters) < 2:
        raise InputError("a mean needs at least two adapters")
    if (folder / WEIGHTS).exists():
        raise InputError(f"{folder}: there is an adapter already; choose another folder")
    folders = [adapter_folder(name, offline=settings.offline) for name in adapters]
    first = AdapterConfig.from_file(folders[0] / CONFIG)
    state = _weights(folders[0])
    half = all(tensor.element_size() == 2 for tensor in state.values())
    total = {name: tensor.double() for name, tensor in state.items()}
    for other in folders[1:]:
        if AdapterConfig.from_file(other / CONFIG) != first:
            raise InputError(f"{other}: another shape or base model than {folders[0]}; compare their {CONFIG}")
        state = _weights(other)
        if report := mismatches(total, state):
            raise InputError(f"{other / WEIGHTS}: {report}")
        for name, tensor in state.items():
            total[name] += tensor
    mean = {name: tensor / len(folders) for name, tensor in total.items()}
    write_adapter(folder, first, mean, dtype="float16" if half else "float32")
    count = sum(tensor.numel() for tensor in mean.values())
    return [f"the mean of {len(folders)} adapters: {len(mean)} tensors, {count:,} parameters, for {first.base_model}"]


def _weights(folder: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if (folder / VISION).exists():
        raise InputError(f"{folder}: it has a vision encoder of its own, of which no mean is taken")
    try:
        return load_file(folder / WEIGHTS)
    except FileNotFoundError:
        raise InputError(f"{folder}: no {WEIGHTS}, so it is not trained") from None
    except SafetensorError as error:
        raise InputError(f"{folder / WEIGHTS}: damaged ({error}); get the file again") from None
