"""Puts base model, adapter and tokenizer together, for answering or for training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from tokenizers import Tokenizer

from vqa.adapter_model.base_model import base_folder, load_base
from vqa.adapter_model.checkpoints import CONFIG, load_adapter
from vqa.adapter_model.config import AdapterConfig
from vqa.adapter_model.model import AdapterLlama
from vqa.errors import InputError

if TYPE_CHECKING:
    from vqa.settings import Settings

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def load_for_training(settings: Settings, config: AdapterConfig) -> tuple[AdapterLlama, Tokenizer]:
    """Return the base with a fresh adapter, in float32, training mode, every gradient off; and its tokenizer.

    Choose what to train with `train_only(model, model.groups["language"])`.

    Raises:
        ModelUnavailable: The base model is not here and cannot be had.
        InputError: The adapter does not fit the base, or the device is not there.
    """
    folder = base_folder(config.base_model, settings)
    base, fingerprint = load_base(folder, dtype=torch.float32, device=choose_device(settings.device))
    model = AdapterLlama(base, config, fingerprint=fingerprint)
    model.requires_grad_(False)
    return model.train(), load_tokenizer(folder)


def load_for_answering(settings: Settings, adapter: Path) -> AdapterLlama:
    """Return the base with the adapter in a folder folded in, ready to decode.

    Args:
        settings: `device` and `dtype`, and where weights live.
        adapter: Folder with `config.json` and, once trained, `adapter.safetensors`.

    Raises:
        ModelUnavailable: The base model is not here and cannot be had.
        InputError: The adapter or the device cannot be used.
    """
    config = AdapterConfig.from_file(adapter / CONFIG)
    device = choose_device(settings.device)
    dtype = choose_dtype(settings.dtype, device)
    base, fingerprint = load_base(base_folder(config.base_model, settings), dtype=dtype, device=device)
    model = AdapterLlama(base, config, fingerprint=fingerprint)
    load_adapter(model, adapter)
    model.fold()
    model.train(False)
    return model


def load_tokenizer(folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def choose_device(name: str) -> torch.device:
    """Return the device a setting means; "auto" takes CUDA, then MPS, then the CPU. Raises InputError."""
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
    return device


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """Return the dtype a setting means; "auto" takes bfloat16 where the device computes in it. Raises InputError."""
    if name == "auto":
        return torch.bfloat16 if _computes_bfloat16(device) else torch.float32
    if name not in _DTYPES:
        raise InputError(f"dtype={name!r}: expected auto, {', '.join(_DTYPES)}")
    return _DTYPES[name]


def _computes_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        native: bool = torch.cuda.is_bf16_supported(including_emulation=False)
        return native
    if device.type == "mps":
        return True
    # Without these instructions oneDNN emulates bfloat16, slower than float32.
    fast: bool = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return fast
