"""The frozen language model under an adapter: found by name, converted once, opened tensor by tensor, identified."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from vqa.adapter_model.gguf_file import convert
from vqa.adapter_model.hub import is_repo, repo_folder
from vqa.adapter_model.llama import LlamaSizes, LlamaWeights, Read
from vqa.adapter_model.meta_llama import is_meta_folder, open_meta
from vqa.errors import InputError, ModelUnavailable
from vqa.networks.tensor_file import read_tensor_file

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

    from vqa.settings import Settings

_SHAPE = ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "vocab_size")
_ROWS = 16  # of each tensor that is hashed
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_HUB_FILES = ("*.json", "tokenizer.model", "model*.safetensors")


@dataclass(frozen=True)
class Base:
    """A base model on disk.

    Attributes:
        folder: In Hugging Face format or in Meta's.
        sizes: Its shape.
        fingerprint: Its identity, as `base_fingerprint` has it.
        read: Gives its tensors, by transformers' names and in its layout; they may be views of the file.
        quantised: Whether some of them are compressed in a way that only transformers knows.
    """

    folder: Path
    sizes: LlamaSizes
    fingerprint: str
    read: Read
    quantised: bool = False


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


def open_base(folder: Path) -> Base:
    """Return the base model in a folder without loading it.

    Raises:
        InputError: The folder holds no LLaMA that can be read.
    """
    if is_meta_folder(folder):
        with readable(folder):
            sizes, read = open_meta(folder)
            return Base(folder, sizes, _fingerprint(sizes, read), read)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = config.get("model_type")
    except (OSError, ValueError, AttributeError):
        raise InputError(f"{folder}: no language model there; expected config.json and its weights") from None
    if kind != "llama":
        raise InputError(f"{folder}: a model of type {kind!r}; adapters here go on 'llama' models")
    with readable(folder):
        sizes, read = LlamaSizes.from_dict(config), tensor_reader(folder)
        return Base(folder, sizes, _fingerprint(sizes, read), read, quantised="quantization_config" in config)


def load_weights(base: Base, *, dtype: torch.dtype, device: torch.device) -> LlamaWeights:
    """Return the base model's weights for the engine. Raises InputError if not all of them can be read."""
    with readable(base.folder):
        return LlamaWeights(base.sizes, base.read, dtype=dtype, device=device)


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


def base_fingerprint(base: LlamaForCausalLM | LlamaWeights) -> str:
    """Return the identity of a base model in memory: a hash of its shape and of some frozen weights.

    Weights are hashed as float32, so a base loaded in a wider dtype than its file's has the file's fingerprint.
    """
    return _fingerprint(base.config, base.get_parameter)


def _fingerprint(config: Any, read: Callable[[str], Tensor]) -> str:
    last = config.num_hidden_layers - 1
    digest = hashlib.sha256(json.dumps([getattr(config, name) for name in _SHAPE]).encode())
    for name in (
        "model.embed_tokens.weight",
        "model.layers.0.self_attn.q_proj.weight",
        f"model.layers.{last}.mlp.down_proj.weight",
    ):
        digest.update(read(name)[:_ROWS].detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def tensor_reader(folder: Path) -> Read:
    """Return a reader of tensors in one or several safetensors or .bin files."""
    stem = next((stem for stem in _WEIGHTS if list(folder.glob(f"{stem}*"))), _WEIGHTS[0])
    shards = _shards(folder, stem)

    @lru_cache(maxsize=1)  # tensors come in the order of the files, more or less
    def opened(path: Path) -> Callable[[str], Tensor]:
        if path.suffix == ".bin":
            return read_tensor_file(path).__getitem__
        file: Any = safe_open(path, framework="pt")
        names = frozenset(file.keys())

        def get(name: str) -> Tensor:
            if name not in names:
                raise KeyError(name)
            tensor: Tensor = file.get_tensor(name)
            return tensor

        return get

    return lambda name: opened(folder / shards.get(name, stem))(name)


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
def readable(folder: Path) -> Iterator[None]:
    """Turn what reading a damaged model raises into an InputError that names its folder."""
    try:
        yield
    except (OSError, ValueError, TypeError, RuntimeError, KeyError, SafetensorError) as error:
        why = (str(error) or repr(error)).strip().splitlines()[0]
        raise InputError(f"{folder}: the language model there cannot be read ({why})") from None
