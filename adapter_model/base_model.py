"""The frozen language model under an adapter: found by name, converted once, loaded in its own dtype, identified."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.utils import logging as transformers_logging

from vqa.adapter_model.gguf_file import convert
from vqa.errors import ModelUnavailable

if TYPE_CHECKING:
    from vqa.settings import Settings

_SHAPE = ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "vocab_size")
_ROWS = 16  # of each tensor that is hashed


def base_folder(name: str, settings: Settings) -> Path:
    """Return the folder with the named base's `config.json`, `model.safetensors` and `tokenizer.json`.

    Raises:
        ModelUnavailable: It is not here and cannot be had.
        InputError: No model is called that.
    """
    from vqa.weights import Store

    store = Store.from_settings(settings)

    def build(empty: Path) -> None:
        gguf_files = sorted(store.fetch(name).glob("*.gguf"))
        if not gguf_files:
            raise ModelUnavailable(f"model {name!r} has no GGUF file; choose another base model")
        convert(gguf_files[0], empty)

    return store.derive(f"{name}-bfloat16", build)


def load_base(folder: Path, *, dtype: torch.dtype, device: torch.device) -> tuple[LlamaForCausalLM, str]:
    """Return the base model, frozen and in eval mode, and its fingerprint."""
    with _no_progress_bar():
        base: Any = LlamaForCausalLM.from_pretrained(folder, dtype=dtype, local_files_only=True)
    return base.requires_grad_(False).to(device).eval(), _fingerprint(base.config, _on_disk(folder))


def base_fingerprint(base: LlamaForCausalLM) -> str:
    """Return the identity of a base model in memory: a hash of its shape and of some frozen weights.

    Weights are hashed as float32, so a base loaded in a wider dtype than its file's has the file's fingerprint.
    """
    return _fingerprint(base.config, lambda name: base.get_parameter(name)[:_ROWS])


def _fingerprint(config: LlamaConfig, rows: Callable[[str], Tensor]) -> str:
    last = config.num_hidden_layers - 1
    digest = hashlib.sha256(json.dumps([getattr(config, name) for name in _SHAPE]).encode())
    for name in (
        "model.embed_tokens.weight",
        "model.layers.0.self_attn.q_proj.weight",
        f"model.layers.{last}.mlp.down_proj.weight",
    ):
        digest.update(rows(name).detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _on_disk(folder: Path) -> Callable[[str], Tensor]:
    """Return a reader of a tensor's first rows, as stored, from one or several safetensors files."""
    from safetensors import safe_open

    index = folder / "model.safetensors.index.json"
    files: dict[str, str] = json.loads(index.read_text(encoding="utf-8"))["weight_map"] if index.is_file() else {}

    def rows(name: str) -> Tensor:
        with safe_open(folder / files.get(name, "model.safetensors"), framework="pt") as file:
            tensor: Tensor = file.get_slice(name)[:_ROWS]
            return tensor

    return rows


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
