"""Adapter weights on disk: `config.json` and `adapter.safetensors`, without the base; strict in both directions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vqa.adapter_model.config import AdapterConfig, Group
from vqa.adapter_model.hub import is_repo, repo_folder
from vqa.adapter_model.presets import preset_folder, preset_names
from vqa.adapter_model.tensor_header import read_bytes, read_header
from vqa.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from vqa.adapter_model.adapted import Adapted

StoredDtype = Literal["float32", "float16"]

CONFIG = "config.json"
WEIGHTS = "adapter.safetensors"
VISION = "vision.safetensors"
"""Weights of the vision encoder that the adapter's makers changed; few adapters have such a file."""
_NAMED = 8
"""Names of each kind that a report of what does not fit has."""


def save_adapter(
    model: Adapted,
    folder: Path,
    *,
    groups: Sequence[Group] = ("visual", "language"),
    dtype: StoredDtype = "float32",
) -> None:
    """Write the parameters of some groups, with the config and the base's fingerprint.

    Raises:
        InputError: The adapter is folded into the base's weights and no longer apart from them.
    """
    if not model.groups:
        raise InputError("a folded adapter cannot be saved; save it before folding")
    config = replace(model.adapter, base_fingerprint=model.fingerprint, groups=tuple(groups))
    write_adapter(folder, config, _members(model, groups), dtype=dtype)


def write_adapter(
    folder: Path, config: AdapterConfig, state: Mapping[str, Tensor], *, dtype: StoredDtype = "float32"
) -> None:
    """Write a config and its weights; they load back into float32 from either dtype."""
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / WEIGHTS, state, dtype=dtype)
    (folder / CONFIG).write_text(config.to_json(), encoding="utf-8")


def write_tensors(path: Path, tensors: Mapping[str, Tensor], *, dtype: StoredDtype = "float32") -> None:
    """Write tensors as safetensors of one dtype."""
    import torch
    from safetensors.torch import save

    kind: torch.dtype = getattr(torch, dtype)
    plain = {name: tensor.detach().to("cpu", kind).contiguous() for name, tensor in tensors.items()}
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(save(plain))  # save_file would make it unreadable for other users
    new.replace(path)  # whoever reads the old ones, or is killed here, never has half of them


def adapter_folder(name: str, *, revision: str | None = None, offline: bool = False) -> Path:
    """Return the folder of an adapter's files.

    Args:
        name: A preset, a folder, or "owner/name", with "@revision" or without, on the hub.
        revision: Branch, tag or commit on the hub, if the name does not say.
        offline: Never use the network.

    Raises:
        InputError: It is none of these.
        ModelUnavailable: The hub's files are not here and cannot be had.
    """
    if name in preset_names():
        return preset_folder(name)
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if not is_repo(name):
        presets = ", ".join(preset_names())
        raise InputError(f"adapter={name!r}: no such folder; expected one, owner/name on the hub, or one of {presets}")
    files = (CONFIG, WEIGHTS)
    return repo_folder(
        name, files, has=lambda f: all((f / x).is_file() for x in files), revision=revision, offline=offline
    )


def load_adapter(model: Adapted, folder: Path) -> None:
    """Copy the weights in `folder` into a model built from that folder's config.

    A folder without weights is an untrained adapter, and the model stays as it was made; so does the LoRA of one that
    is given to an adapter without: it adds nothing until it is trained.

    Raises:
        InputError: Weights of another base model, damaged, or not exactly the names and shapes expected.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not (folder / WEIGHTS).is_file():
        return
    config = AdapterConfig.from_file(folder / CONFIG)
    if config.base_fingerprint not in ("", model.fingerprint):  # empty: converted where its base was not at hand
        raise InputError(
            f"{folder}: trained on another base model than the {model.adapter.base_model!r} loaded here "
            f"(fingerprint {config.base_fingerprint[:12]!r}, here {model.fingerprint[:12]!r}); use the base it names"
        )
    try:
        state = load_file(folder / WEIGHTS)
    except SafetensorError as error:
        raise _damaged(folder, error) from None
    if model.adapter.lora_rank and not config.lora_rank:
        state |= {name: value for name, value in _members(model, config.groups).items() if ".lora_" in name}
    try:
        install(model, state, config.groups)
    except InputError as error:
        raise InputError(f"{folder / WEIGHTS}: {error}") from None


def install(model: Adapted, state: Mapping[str, Tensor], groups: Sequence[Group]) -> None:
    """Copy weights into the model's parameters of some groups; nothing changes if not all of them fit.

    Raises:
        InputError: Not exactly those groups' names and shapes.
    """
    expected = _members(model, groups)
    report = mismatches(expected, state)
    if report:
        raise InputError(report)
    for name, value in state.items():
        expected[name].data.copy_(value)


def mismatches(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    """Return what is missing, unexpected and mis-shaped, some of it by name, in one line; empty when all is well."""
    return shape_mismatches(_shapes(expected), _shapes(found))


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def shape_mismatches(expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]) -> str:
    """Return what `mismatches` does, of shapes alone."""
    shapes = [
        f"{name} is {found[name]}, expected {expected[name]}"
        for name in sorted(expected.keys() & found.keys())
        if found[name] != expected[name]
    ]
    parts = {
        "missing": sorted(expected.keys() - found.keys()),
        "unexpected": sorted(found.keys() - expected.keys()),
        "mis-shaped": shapes,
    }
    return "; ".join(f"{len(names)} {kind}: {_some(names)}" for kind, names in parts.items() if names)


def _some(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are: a layer says what hundreds do."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def sees(folder: Path) -> bool:
    """Return whether the adapter in a folder lets the picture in. Reads no more than the gates.

    Where it stands among the prompt's tokens, a trained vision path is enough; else a visual gate must be open.

    Raises:
        InputError: The folder holds no adapter, or a damaged one.
    """
    config = AdapterConfig.from_file(folder / CONFIG)
    if not (folder / WEIGHTS).is_file():
        return False
    if config.fusion == "input":
        return "visual" in config.groups
    try:
        header = read_header(folder / WEIGHTS)
        gates = [name for name in header.places if name.endswith(".self_attn.gate")]
        if config.fusion == "early":  # the later layers' gates are the static prompts'
            gates = [name for name in gates if int(name.split(".")[2]) < config.early_layers]
        return any(any(read_bytes(folder / WEIGHTS, header.places[name])) for name in gates)  # zero is all zeros
    except ValueError as error:
        raise _damaged(folder, error) from None


def _members(model: Adapted, groups: Sequence[Group]) -> dict[str, Tensor]:
    wanted = frozenset[str]().union(*(model.groups[group] for group in groups))
    return {name: parameter for name, parameter in model.named_parameters() if name in wanted}


def _damaged(folder: Path, error: Exception) -> InputError:
    return InputError(f"{folder / WEIGHTS}: damaged ({error}); get the file again")
