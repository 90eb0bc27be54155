"""Adapters that ship: one folder each, `config.json` and, once trained, `adapter.safetensors`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from vqa.adapter_model.config import AdapterConfig
from vqa.errors import InputError
from vqa.registry import unknown_name


def preset_names() -> list[str]:
    return sorted(path.parent.name for path in Path(__file__).parent.glob("*/config.json"))


def preset_folder(name: str) -> Path:
    """Return a built-in adapter's folder. Raises InputError, with the nearest name, if there is none."""
    if name not in preset_names():
        raise InputError(unknown_name("preset", name, preset_names()))
    return Path(__file__).parent / name


def preset(name: str) -> AdapterConfig:
    """Return a built-in adapter's config as if untrained, to train it afresh. Raises InputError if there is none."""
    return replace(AdapterConfig.from_file(preset_folder(name) / "config.json"), base_fingerprint="", groups=())
