"""LLaMA as Meta publishes it: names, rotary layout, and a folder of it as transformers' LlamaForCausalLM.

Meta rotates neighbouring pairs of a head's channels (2j, 2j + 1), transformers the pairs (j, j + D / 2)
(https://github.com/meta-llama/llama/blob/main/llama/model.py, transformers' convert_llama_weights_to_hf.py), so the
rows of the query and key projections change places; nothing else does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from vqa.adapter_model.tensor_file import read_tensor_file
from vqa.errors import InputError

LINEARS = {
    "attention.wq": "self_attn.q_proj",
    "attention.wk": "self_attn.k_proj",
    "attention.wv": "self_attn.v_proj",
    "attention.wo": "self_attn.o_proj",
    "feed_forward.w1": "mlp.gate_proj",
    "feed_forward.w2": "mlp.down_proj",
    "feed_forward.w3": "mlp.up_proj",
}
NORMS = {"attention_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm"}

_WEIGHTS = "consolidated.00.pth"
_PARAMS = "params.json"


def to_halves(rows: Tensor, heads: int) -> Tensor:
    """Return rows (heads · D, …) of a query or key projection, from neighbouring rotary pairs to halves of a head."""
    return rows.reshape(heads, -1, 2, *rows.shape[1:]).transpose(1, 2).reshape(rows.shape)


def is_meta_folder(folder: Path) -> bool:
    return (folder / _WEIGHTS).is_file() and (folder / _PARAMS).is_file()


def meta_config(folder: Path) -> LlamaConfig:
    """Return the model's sizes. Raises InputError as `load_meta`."""
    return _config(folder, _state(folder))


def meta_rows(folder: Path) -> Callable[[str], Tensor]:
    """Return a reader of one tensor by its transformers name, in that layout and the file's dtype."""
    state = _state(folder)
    config = _config(folder, state)
    sources = dict(_names(config))

    def read(name: str) -> Tensor:
        source = sources[name]
        tensor: Tensor = state[source]
        if source.endswith("attention.wq.weight"):
            return to_halves(tensor, config.num_attention_heads)
        if source.endswith("attention.wk.weight"):
            return to_halves(tensor, config.num_key_value_heads or config.num_attention_heads)
        return tensor

    return read


def load_meta(folder: Path, *, dtype: torch.dtype, device: torch.device) -> LlamaForCausalLM:
    """Return the model in a folder of `consolidated.00.pth` and `params.json`, one tensor in memory at a time.

    Raises:
        InputError: The files are missing, damaged, split over several processes, or not a whole LLaMA.
    """
    state = _state(folder)
    config = _config(folder, state)
    names = dict(_names(config))
    missing = sorted(set(names.values()) - set(state))
    if missing:
        raise InputError(f"{folder / _WEIGHTS}: {len(missing)} missing: {', '.join(missing)}; get the file again")
    with torch.device("meta"):
        model: Any = LlamaForCausalLM(config)
    model.model.rotary_emb = LlamaRotaryEmbedding(config).to(device)  # its frequencies are in no file
    read = meta_rows(folder)
    for name, expected in list(model.named_parameters()):
        tensor = read(name)
        if tensor.shape != expected.shape:
            raise InputError(
                f"{folder / _WEIGHTS}: {names[name]} is {tuple(tensor.shape)}, {_PARAMS} means {tuple(expected.shape)}"
            )
        owner, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(owner), leaf, nn.Parameter(tensor.to(device, dtype), requires_grad=False))
    loaded: LlamaForCausalLM = model.eval()
    return loaded


def _names(config: LlamaConfig) -> Iterator[tuple[str, str]]:
    """Yield every tensor's transformers name and Meta's."""
    yield "model.embed_tokens.weight", "tok_embeddings.weight"
    yield "model.norm.weight", "norm.weight"
    yield "lm_head.weight", "output.weight"
    for layer in range(config.num_hidden_layers):
        for theirs, ours in (LINEARS | NORMS).items():
            yield f"model.layers.{layer}.{ours}.weight", f"layers.{layer}.{theirs}.weight"


def _state(folder: Path) -> Mapping[str, Any]:
    if (folder / "consolidated.01.pth").is_file():
        raise InputError(f"{folder}: its weights are split over several files; convert it to Hugging Face format first")
    return read_tensor_file(folder / _WEIGHTS)


def _config(folder: Path, state: Mapping[str, Any]) -> LlamaConfig:
    """Return the config that `params.json` and the tensors' shapes mean (params.json leaves some to them)."""
    try:
        params = json.loads((folder / _PARAMS).read_text(encoding="utf-8"))
        heads = params["n_heads"]
        return LlamaConfig(
            hidden_size=params["dim"],
            intermediate_size=len(state["layers.0.feed_forward.w1.weight"]),
            num_hidden_layers=params["n_layers"],
            num_attention_heads=heads,
            num_key_value_heads=params.get("n_kv_heads") or heads,
            rms_norm_eps=params["norm_eps"],
            vocab_size=len(state["tok_embeddings.weight"]),
            rope_parameters={"rope_type": "default", "rope_theta": params.get("rope_theta", 10_000.0)},
            max_position_embeddings=2048,  # LLaMA 1; RoPE itself has no limit
            bos_token_id=1,
            eos_token_id=2,
        )
    except OSError:
        raise InputError(f"{folder}: no {_PARAMS} there; it belongs to {_WEIGHTS}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{folder}: {_PARAMS} or {_WEIGHTS} is not a LLaMA's ({error!r} is wrong or missing)"
        ) from None
