"""Puts base model, adapter and tokenizer together: without transformers for answering, on it for training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from tokenizers import Tokenizer

from vqa.adapter_model.adapted import Adapted
from vqa.adapter_model.base_model import base_folder, load_weights, open_base
from vqa.adapter_model.checkpoints import CONFIG, load_adapter
from vqa.adapter_model.config import AdapterConfig
from vqa.devices import choose_device, choose_dtype
from vqa.errors import InputError

if TYPE_CHECKING:
    from vqa.adapter_model.model import AdapterLlama
    from vqa.settings import Settings


def load_for_training(settings: Settings, config: AdapterConfig, *, seed: int = 0) -> tuple[AdapterLlama, Tokenizer]:
    """Return the base with a fresh adapter, in float32, training mode, every gradient off; and its tokenizer.

    Choose what to train with `train_only(model, model.groups["language"])`.

    Raises:
        ModelUnavailable: The base model is not here and cannot be had.
        InputError: The adapter does not fit the base, or the device is not there.
    """
    from vqa.adapter_model.model import AdapterLlama
    from vqa.adapter_model.transformers_base import load_base

    folder = base_folder(config.base_model, settings)
    base, fingerprint = load_base(folder, dtype=torch.float32, device=choose_device(settings.device))
    model = AdapterLlama(base, config, fingerprint=fingerprint, seed=seed)
    model.requires_grad_(False)
    return model.train(), load_tokenizer(folder)


def load_for_answering(settings: Settings, adapter: Path, *, base_model: str = "") -> Adapted:
    """Return the base with the adapter in a folder folded in, for an `Engine`. Arguments and errors as `load`."""
    config = AdapterConfig.from_file(adapter / CONFIG)
    base = open_base(base_folder(base_model or config.base_model, settings))
    if settings.quantization != "none" or base.quantised:
        model: Adapted = load(settings, adapter, base_model=base_model)
    else:
        device = choose_device(settings.device)
        weights = load_weights(base, dtype=choose_dtype(settings.dtype, device), device=device)
        model = Adapted(weights, config, fingerprint=base.fingerprint)
        load_adapter(model, adapter)
    model.fold()
    return model.eval()


def load(settings: Settings, adapter: Path, *, base_model: str = "") -> AdapterLlama:
    """Return the base with the adapter in a folder, apart from it, frozen and in eval mode.

    Args:
        settings: `device`, `dtype` and `quantization`, and where weights live.
        adapter: Folder with `config.json` and, once trained, `adapter.safetensors`.
        base_model: The language model, as `base_folder` knows it; that of the config by default.

    Raises:
        ModelUnavailable: The base model is not here and cannot be had.
        InputError: The adapter or the device cannot be used.
    """
    from vqa.adapter_model.model import AdapterLlama
    from vqa.adapter_model.transformers_base import load_base

    config = AdapterConfig.from_file(adapter / CONFIG)
    device = choose_device(settings.device)
    dtype = choose_dtype(settings.dtype, device)
    folder = base_folder(base_model or config.base_model, settings)
    base, fingerprint = load_base(folder, dtype=dtype, device=device, quantization=settings.quantization)
    model = AdapterLlama(base, config, fingerprint=fingerprint)
    load_adapter(model, adapter)
    model.requires_grad_(False)
    model.train(False)
    return model


def load_tokenizer(folder: Path) -> Tokenizer:
    """Return the tokenizer of a base model's folder.

    Raises:
        InputError: It has no tokenizer.json, and no tokenizer.model that can be turned into one.
    """
    if (folder / "tokenizer.json").is_file():
        return Tokenizer.from_file(str(folder / "tokenizer.json"))
    place = next((f for f in (folder, folder.parent) if (f / "tokenizer.model").is_file()), None)  # Meta: one for all
    if place is None:
        raise InputError(f"{folder}: no tokenizer.json or tokenizer.model there; copy it from the base model")
    from transformers import LlamaTokenizer

    try:
        backend: Tokenizer = LlamaTokenizer.from_pretrained(place).backend_tokenizer
    except Exception as error:  # the conversion needs packages and a format that vary
        why = (str(error) or repr(error)).strip().splitlines()[0]
        raise InputError(f"{place / 'tokenizer.model'}: cannot be used ({why}); put a tokenizer.json there") from None
    return backend
