"""The frozen language model as transformers' LlamaForCausalLM: for training, and for weights in fewer bits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
from transformers.utils import logging as transformers_logging

from vqa.adapter_model.base_model import Base, open_base, readable
from vqa.adapter_model.llama import fill
from vqa.adapter_model.meta_llama import is_meta_folder
from vqa.adapter_model.quantization import options
from vqa.errors import InputError, ModelUnavailable


def load_base(
    folder: Path, *, dtype: torch.dtype, device: torch.device, quantization: str = "none"
) -> tuple[LlamaForCausalLM, str]:
    """Return the base model in a folder, frozen and in eval mode, and its fingerprint.

    Args:
        folder: In Hugging Face format or in Meta's.
        dtype: Of the weights, or, where they have fewer bits, of what is computed with them.
        device: Where they go.
        quantization: "none", "8bit" or "4bit"; weights that are stored in fewer bits stay so.

    Raises:
        InputError: The folder holds no LLaMA that can be read.
        ModelUnavailable: Not in so few bits: a package is missing, or the device or the format cannot.
    """
    base = open_base(folder)
    if quantization != "none" or base.quantised:
        model = _in_fewer_bits(base, dtype, device, quantization)
    else:
        with readable(folder):
            config = _config(base)
            with torch.device("meta"):
                model = LlamaForCausalLM(config)
            fill(model, base.read, dtype=dtype, device=device)
            model.model.rotary_emb = LlamaRotaryEmbedding(config).to(device)  # its frequencies are in no file
    return model.eval(), base.fingerprint


def _in_fewer_bits(base: Base, dtype: torch.dtype, device: torch.device, quantization: str) -> Any:
    if is_meta_folder(base.folder):
        raise ModelUnavailable(
            f"{base.folder}: quantization={quantization!r} needs Hugging Face format; convert it first"
        )
    if quantization != "none" and base.quantised:
        raise InputError(f"{base.folder}: stored in fewer bits already; leave quantization={quantization!r} out")
    config = options(quantization, dtype=dtype)
    try:
        with no_progress_bar():
            model: Any = LlamaForCausalLM.from_pretrained(
                base.folder, dtype=dtype, quantization_config=config, device_map={"": device}, local_files_only=True
            )
    except Exception as error:  # whatever the libraries of the many formats raise
        why = (str(error) or repr(error)).strip().splitlines()[0]
        raise ModelUnavailable(f"{base.folder}: its weights cannot be had in fewer bits on {device} ({why})") from None
    return model.requires_grad_(False)


def _config(base: Base) -> LlamaConfig:
    if is_meta_folder(base.folder):
        return LlamaConfig(**base.sizes.to_dict(), bos_token_id=1, eos_token_id=2)
    return LlamaConfig.from_pretrained(base.folder, local_files_only=True)


@contextmanager
def no_progress_bar() -> Iterator[None]:
    """Keep transformers from drawing bars on stderr."""
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
