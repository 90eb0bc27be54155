"""The frozen language model as transformers' LlamaForCausalLM: for training, and for bases in its own formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from vqa.adapter_model.base_model import Base, open_base, readable
from vqa.adapter_model.llama import fill
from vqa.adapter_model.meta_llama import is_meta_folder


def load_base(folder: Path, *, dtype: torch.dtype, device: torch.device) -> tuple[LlamaForCausalLM, str]:
    """Return the base model in a folder, frozen and in eval mode, and its fingerprint.

    Raises:
        InputError: The folder holds no LLaMA that can be read.
    """
    base = open_base(folder)
    with readable(folder):
        config = _config(base)
        with torch.device("meta"):
            model: Any = LlamaForCausalLM(config)
        fill(model, base.read, dtype=dtype, device=device)
        model.model.rotary_emb = LlamaRotaryEmbedding(config).to(device)  # its frequencies are in no file
    loaded: LlamaForCausalLM = model.eval()
    return loaded, base.fingerprint


def _config(base: Base) -> LlamaConfig:
    if is_meta_folder(base.folder):
        return LlamaConfig(**base.sizes.to_dict(), bos_token_id=1, eos_token_id=2)
    return LlamaConfig.from_pretrained(base.folder, local_files_only=True)
