"""A released .pth checkpoint as an adapter's folder: checked, renamed, in safetensors."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vqa.adapter_model.base_model import base_folder, open_base
from vqa.adapter_model.checkpoints import VISION, WEIGHTS, write_adapter, write_tensors
from vqa.adapter_model.minigpt4_official import is_minigpt4, translate_minigpt4
from vqa.adapter_model.official import RELEASED_BASE, translate
from vqa.errors import InputError
from vqa.networks.tensor_file import read_tensor_file

if TYPE_CHECKING:
    from torch import Tensor

    from vqa.settings import Settings

_HASH_IN_NAME = re.compile(r"([0-9a-f]{64})_")  # the released files are called after their sha256


def convert(source: Path, folder: Path, settings: Settings) -> list[str]:
    """Write the checkpoint in `source` to `folder` and return, line by line, what there is to say about it.

    Args:
        source: A released checkpoint, as `translate` and `translate_minigpt4` know them.
        folder: Made if need be; it must hold no adapter yet.
        settings: With `base_model` set the checkpoint must fit that model, and the folder remembers which it was.

    Raises:
        InputError: The file is not a released checkpoint, is damaged, or is one of another base model; or the folder
            has an adapter.
        ModelUnavailable: The base model is not here and cannot be had.
    """
    if (folder / WEIGHTS).exists():
        raise InputError(f"{folder}: there is an adapter already; choose another folder")
    content = read_tensor_file(source)
    _check_hash(source)
    base, fingerprint, base_model = None, "", settings.base_model
    if base_model:
        opened = open_base(base_folder(base_model, settings))
        base, fingerprint = opened.sizes, opened.fingerprint
    eyes: dict[str, Tensor] = {}
    unused: tuple[str, ...] = ()
    try:
        if is_minigpt4(content):
            hidden = base.hidden_size if base else None
            config, weights, eyes = translate_minigpt4(content, base_model=base_model, hidden=hidden)
        else:
            translated = translate(content, base=base, base_model=base_model or RELEASED_BASE)
            config, weights, unused = translated.config, translated.weights, translated.unused
    except InputError as error:
        raise InputError(f"{source}: {error}") from None
    write_adapter(folder, replace(config, base_fingerprint=fingerprint), weights)
    if eyes:
        write_tensors(folder / VISION, eyes)
    count = sum(tensor.numel() for tensor in (*weights.values(), *eyes.values()))
    lines = [f"{len(weights) + len(eyes)} tensors, {count:,} parameters, for {config.base_model}"]
    if unused:
        lines.append(f"left out, because nothing uses it: {', '.join(unused)}")
    if not fingerprint:
        lines.append("not compared with a base model; --base-model does that")
    return lines


def _check_hash(source: Path) -> None:
    match = _HASH_IN_NAME.match(source.name)
    if match is None:
        return
    with source.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != match[1]:
        raise InputError(f"{source}: damaged: its sha256 is {found}, its name says otherwise; get the file again")
