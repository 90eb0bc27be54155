"""LLaMA as Meta publishes it: names, rotary layout, and a folder of it read as transformers' LLaMA.

Meta rotates neighbouring pairs of a head's channels (2j, 2j + 1), transformers the pairs (j, j + D / 2)
(https://github.com/meta-llama/llama/blob/main/llama/model.py, transformers' convert_llama_weights_to_hf.py), so the
rows of the query and key projections change places; nothing else does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from vqa.adapter_model.llama import LlamaSizes, Read
from vqa.errors import InputError
from vqa.networks.tensor_file import read_tensor_file

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


def open_meta(folder: Path) -> tuple[LlamaSizes, Read]:
    """Return the sizes of the model in `consolidated.00.pth` and `params.json`, and a reader of its tensors.

    The tensors have transformers' names and layout, and the file's dtype.

    Raises:
        InputError: The files are missing, damaged, split over several processes, or not a LLaMA's.
    """
    if (folder / "consolidated.01.pth").is_file():
        raise InputError(f"{folder}: its weights are split over several files; convert it to Hugging Face format first")
    state = read_tensor_file(folder / _WEIGHTS)
    sizes = _sizes(folder, state)
    sources = dict(_names(sizes.num_hidden_layers))
    heads = {"attention.wq": sizes.num_attention_heads, "attention.wk": sizes.num_key_value_heads}

    def read(name: str) -> Tensor:
        source = sources[name]
        tensor: Tensor = state[source]
        kind = source.removesuffix(".weight").split(".", 2)[-1]
        return to_halves(tensor, heads[kind]) if kind in heads else tensor

    return sizes, read


def _names(layers: int) -> Iterator[tuple[str, str]]:
    """Yield every tensor's transformers name and Meta's."""
    yield "model.embed_tokens.weight", "tok_embeddings.weight"
    yield "model.norm.weight", "norm.weight"
    yield "lm_head.weight", "output.weight"
    for layer in range(layers):
        for theirs, ours in (LINEARS | NORMS).items():
            yield f"model.layers.{layer}.{ours}.weight", f"layers.{layer}.{theirs}.weight"


def _sizes(folder: Path, state: Mapping[str, Any]) -> LlamaSizes:
    """Return the sizes that `params.json` and the tensors' shapes mean (params.json leaves some to them)."""
    try:
        params = json.loads((folder / _PARAMS).read_text(encoding="utf-8"))
        heads = params["n_heads"]
        return LlamaSizes(
            hidden_size=params["dim"],
            intermediate_size=len(state["layers.0.feed_forward.w1.weight"]),
            num_hidden_layers=params["n_layers"],
            num_attention_heads=heads,
            num_key_value_heads=params.get("n_kv_heads") or heads,
            rms_norm_eps=params["norm_eps"],
            vocab_size=len(state["tok_embeddings.weight"]),
            rope_parameters={"rope_type": "default", "rope_theta": params.get("rope_theta", 10_000.0)},
            max_position_embeddings=2048,  # LLaMA 1; RoPE itself has no limit
        )
    except OSError:
        raise InputError(f"{folder}: no {_PARAMS} there; it belongs to {_WEIGHTS}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{folder}: {_PARAMS} or {_WEIGHTS} is not a LLaMA's ({error!r} is wrong or missing)"
        ) from None
