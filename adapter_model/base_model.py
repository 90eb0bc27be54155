"""The frozen language model under an adapter: found by name, converted once, loaded in its own dtype, identified."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.utils import logging as transformers_logging

from vqa.adapter_model.gguf_file import convert
from vqa.adapter_model.hub import is_repo, repo_folder
from vqa.adapter_model.meta_llama import is_meta_folder, load_meta, meta_config, meta_rows
from vqa.adapter_model.tensor_file import read_tensor_file
from vqa.errors import InputError, ModelUnavailable

if TYPE_CHECKING:
    from vqa.settings import Settings

_SHAPE = ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "vocab_size")
_ROWS = 16  # of each tensor that is hashed
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_HUB_FILES = ("*.json", "tokenizer.model", "model*.safetensors")


def base_folder(name: str, settings: Settings) -> Path:
    """Return the folder of a base model, in Hugging Face format (with safetensors or .bin weights) or in Meta's.

    Args:
        name: A folder, a name in the weights store, or "owner/name", with "@revision" or without, on the hub.
        settings: Where weights live, and whether the network may be used.

    Raises:
        ModelUnavailable: It is not here and cannot be had.
        InputError: No model is called that.
    """
    from vqa.weights import Store

    store = Store.from_settings(settings)
    if name not in store.names():
        if (folder := Path(name).expanduser()).is_dir():
            return folder
        if is_repo(name):
            return repo_folder(name, _HUB_FILES, has=_whole, offline=settings.offline)
        raise InputError(
            f"base_model={name!r}: no such folder; expected one, owner/name on the hub, or a name in `vqa models`"
        )

    def build(empty: Path) -> None:
        gguf_files = sorted(store.fetch(name).glob("*.gguf"))
        if not gguf_files:
            raise ModelUnavailable(f"model {name!r} has no GGUF file; choose another base model")
        convert(gguf_files[0], empty)

    return store.derive(f"{name}-bfloat16", build)


def load_base(folder: Path, *, dtype: torch.dtype, device: torch.device) -> tuple[LlamaForCausalLM, str]:
    """Return the base model, frozen and in eval mode, and its fingerprint.

    Raises:
        InputError: The folder holds no LLaMA that can be read.
    """
    _, fingerprint = read_base(folder)
    if is_meta_folder(folder):
        return load_meta(folder, dtype=dtype, device=device), fingerprint
    with _no_progress_bar(), _readable(folder):
        base: Any = LlamaForCausalLM.from_pretrained(folder, dtype=dtype, local_files_only=True)
    return base.requires_grad_(False).to(device).eval(), fingerprint


def read_base(folder: Path) -> tuple[LlamaConfig, str]:
    """Return a base model's config and fingerprint without loading it. Raises InputError as `load_base`."""
    if is_meta_folder(folder):
        rows, config = meta_rows(folder), meta_config(folder)
        with _readable(folder):
            return config, _fingerprint(config, lambda name: rows(name)[:_ROWS])
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError):
        raise InputError(f"{folder}: no language model there; expected config.json and its weights") from None
    if kind != "llama":
        raise InputError(f"{folder}: a model of type {kind!r}; adapters here go on 'llama' models")
    with _readable(folder):
        config = LlamaConfig.from_pretrained(folder, local_files_only=True)
        return config, _fingerprint(config, _on_disk(folder))


def special_ids(folder: Path) -> tuple[tuple[int, ...], frozenset[int]]:
    """Return the ids that begin a text and those that end one, as a base model's folder says."""
    if is_meta_folder(folder):
        return (1,), frozenset({2})
    found: dict[str, Any] = {}
    for name in ("config.json", "generation_config.json"):
        if (folder / name).is_file():
            found |= json.loads((folder / name).read_text(encoding="utf-8"))
    begin, end = found.get("bos_token_id"), found.get("eos_token_id")
    return (() if begin is None else (begin,)), frozenset(
        end if isinstance(end, list) else [] if end is None else [end]
    )


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
    """Return a reader of a tensor's first rows, as stored, from one or several safetensors or .bin files."""
    from safetensors import safe_open

    stem = next((stem for stem in _WEIGHTS if list(folder.glob(f"{stem}*"))), _WEIGHTS[0])
    files = _shards(folder, stem)

    def rows(name: str) -> Tensor:
        path = folder / files.get(name, stem)
        if stem.endswith(".bin"):
            tensor: Tensor = read_tensor_file(path)[name][:_ROWS]
            return tensor
        with safe_open(path, framework="pt") as file:
            tensor = file.get_slice(name)[:_ROWS]
            return tensor

    return rows


def _shards(folder: Path, stem: str) -> dict[str, str]:
    """Return the file of every tensor, where an index says that there are several."""
    index = folder / f"{stem}.index.json"
    files: dict[str, str] = json.loads(index.read_text(encoding="utf-8"))["weight_map"] if index.is_file() else {}
    return files


def _whole(folder: Path) -> bool:
    """Return whether a folder of the hub's cache holds everything a base needs."""
    named = [stem for stem in _WEIGHTS if (folder / stem).is_file() or (folder / f"{stem}.index.json").is_file()]
    if not named or not (folder / "config.json").is_file():
        return False
    return all((folder / name).is_file() for name in set(_shards(folder, named[0]).values()) or {named[0]})


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        why = (str(error) or repr(error)).strip().splitlines()[0]
        raise InputError(f"{folder}: the language model there cannot be read ({why})") from None


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
