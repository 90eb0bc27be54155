"""Turns a LLaMA in a GGUF file into safetensors, config and tokenizer, once; loading those is some ten times faster.

transformers' own GGUF loader needs accelerate, takes 17 s for SmolLM2-135M and drops this tokenizer's digit splitting.
Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. llama.cpp interleaves the rows of q and k for its
RoPE; `_rows_back` undoes it.
"""

from __future__ import annotations

import re
from pathlib import Path
from shutil import copymode
from typing import TYPE_CHECKING, Any

from vqa.errors import ModelUnavailable

if TYPE_CHECKING:
    import torch
    from gguf import GGUFReader
    from tokenizers import Tokenizer
    from transformers import LlamaConfig

_TENSORS = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_CONTROL = 3  # llama.cpp's token type of template markers


def convert(gguf_file: Path, folder: Path) -> None:
    """Write `config.json`, `model.safetensors` (bfloat16) and `tokenizer.json` into `folder`.

    Raises:
        ModelUnavailable: The file is not a LLaMA with a byte-level BPE tokenizer.
    """
    from gguf import GGUFReader
    from safetensors.torch import save_file

    reader = GGUFReader(gguf_file)
    if _field(reader, "general.architecture") != "llama" or _field(reader, "tokenizer.ggml.model") != "gpt2":
        raise ModelUnavailable(f"{gguf_file}: expected a LLaMA with a byte-level BPE tokenizer; choose another file")
    config = _config(reader)
    config.save_pretrained(folder)
    save_file(_tensors(reader, config), folder / "model.safetensors", metadata={"format": "pt"})
    copymode(folder / "config.json", folder / "model.safetensors")  # save_file keeps other users out
    _tokenizer(reader).save(str(folder / "tokenizer.json"))


def _field(reader: GGUFReader, name: str) -> Any:
    field = reader.fields.get(name)
    return None if field is None else field.contents()


def _config(reader: GGUFReader) -> LlamaConfig:
    from transformers import LlamaConfig

    def size(name: str) -> Any:
        return _field(reader, f"llama.{name}")

    return LlamaConfig(
        architectures=["LlamaForCausalLM"],
        dtype="bfloat16",
        hidden_size=size("embedding_length"),
        num_hidden_layers=size("block_count"),
        intermediate_size=size("feed_forward_length"),
        num_attention_heads=size("attention.head_count"),
        num_key_value_heads=size("attention.head_count_kv"),
        head_dim=size("rope.dimension_count"),
        max_position_embeddings=size("context_length"),
        vocab_size=len(_field(reader, "tokenizer.ggml.tokens")),
        rms_norm_eps=size("attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": size("rope.freq_base")},
        tie_word_embeddings=all(tensor.name != "output.weight" for tensor in reader.tensors),
        bos_token_id=_field(reader, "tokenizer.ggml.bos_token_id"),
        eos_token_id=_field(reader, "tokenizer.ggml.eos_token_id"),
        pad_token_id=_field(reader, "tokenizer.ggml.padding_token_id"),
    )


def _tensors(reader: GGUFReader, config: LlamaConfig) -> dict[str, torch.Tensor]:
    import torch
    from gguf import dequantize

    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads or config.num_attention_heads}
    out = {}
    for tensor in reader.tensors:
        match = re.fullmatch(r"(?:blk\.(\d+)\.)?(\w+)\.weight", tensor.name)
        if match is None or match[2] not in _TENSORS:
            raise ModelUnavailable(f"GGUF tensor {tensor.name!r} has no place in a LLaMA; choose another file")
        layer, kind = match[1], match[2]
        # One float32 tensor at a time: the whole model never stands in memory at that width.
        value = torch.tensor(dequantize(tensor.data, tensor.tensor_type)).to(torch.bfloat16)
        if kind in heads:
            value = _rows_back(value, heads[kind])
        prefix = "" if layer is None else f"model.layers.{layer}."
        out[f"{prefix}{_TENSORS[kind]}.weight"] = value
    return out


def _rows_back(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Return q or k rows in the order of Hugging Face's RoPE: each head's halves, not its pairs."""
    per_head = weight.view(heads, -1, 2, weight.shape[1])  # (H, D / 2, 2, C)
    return per_head.transpose(1, 2).reshape(weight.shape).contiguous()


def _tokenizer(reader: GGUFReader) -> Tokenizer:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    tokens = _field(reader, "tokenizer.ggml.tokens")
    merges = [tuple(merge.split(" ", 1)) for merge in _field(reader, "tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE({token: index for index, token in enumerate(tokens)}, merges))
    steps: list[Any] = [pre_tokenizers.ByteLevel(add_prefix_space=False)]
    if _field(reader, "tokenizer.ggml.pre") == "smollm":
        steps.insert(0, pre_tokenizers.Digits(individual_digits=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    tokenizer.decoder = decoders.ByteLevel()
    kinds = _field(reader, "tokenizer.ggml.token_type")
    markers = [token for token, kind in zip(tokens, kinds, strict=True) if kind == _CONTROL]
    tokenizer.add_special_tokens([AddedToken(marker, normalized=False, special=True) for marker in markers])
    return tokenizer
