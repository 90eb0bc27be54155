"""Every tensor of the released LLaMA-Adapter V2 checkpoints: its name and shape there, its name here.

Two kinds (https://github.com/OpenGVLab/LLaMA-Adapter/releases): the multimodal 7B ones (BIAS, LORA-BIAS, CAPTION) and
the language-only 65B chat one. Their names follow Meta's LLaMA, as do the rows of `wq.bias`, `lora_wq_l2` and
`lora_wk_l2`, which change places with those of the projections.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from vqa.adapter_model import meta_llama
from vqa.adapter_model.config import AdapterConfig

if TYPE_CHECKING:
    from transformers import LlamaConfig

    from vqa.adapter_model.llama import LlamaSizes

_BLOCK = {
    "norm1": "norm1",
    "attn.qkv": "qkv",
    "attn.proj": "proj",
    "norm2": "norm2",
    "mlp.fc1": "fc1",
    "mlp.fc2": "fc2",
}
_ENDS = {
    "clip_proj": "visual.patch_proj",
    "clip_proj_norm": "visual.patch_norm",
    "visual_proj": "visual.out_proj",
    "visual_proj_norm": "visual.out_norm",
}


@dataclass(frozen=True)
class Llama:
    """The sizes of the language model that a checkpoint means; 0 where it does not say."""

    width: int
    layers: int
    heads: int
    kv_heads: int
    inner: int

    @classmethod
    def of(cls, config: LlamaConfig | LlamaSizes) -> Llama:
        return cls(
            config.hidden_size,
            config.num_hidden_layers,
            config.num_attention_heads,
            config.num_key_value_heads or config.num_attention_heads,
            config.intermediate_size,
        )

    def linear(self, name: str) -> tuple[int, int]:
        """Return (out, in) of a linear by Meta's name."""
        kv = self.width // self.heads * self.kv_heads
        return {
            "attention.wk": (kv, self.width),
            "attention.wv": (kv, self.width),
            "feed_forward.w1": (self.inner, self.width),
            "feed_forward.w2": (self.width, self.inner),
            "feed_forward.w3": (self.inner, self.width),
        }.get(name, (self.width, self.width))


@dataclass(frozen=True)
class Entry:
    """One tensor of a released checkpoint.

    Attributes:
        shape: Its shape there.
        name: Our parameter's name; empty if nothing uses it.
        reshape: Our parameter's shape, if not the same.
        heads: Heads whose rotary rows change places; 0: none do.
    """

    shape: tuple[int, ...]
    name: str
    reshape: tuple[int, ...] = ()
    heads: int = 0

    def convert(self, tensor: Tensor) -> Tensor:
        if self.heads:
            tensor = meta_llama.to_halves(tensor, self.heads)
        return tensor.reshape(self.reshape) if self.reshape else tensor


def multimodal_entries(adapter: AdapterConfig, llama: Llama) -> dict[str, Entry]:
    """Return every tensor of a released multimodal checkpoint by its name there.

    The checkpoint has a gate in every layer; those before the first layer with a prompt are used by nothing.
    """
    width, length, layers = adapter.visual_width, adapter.adapter_len, adapter.adapter_layers
    entries = {
        "visual_query.weight": Entry((length, width), "visual.query"),
        "adapter_query.weight": Entry(
            (layers * length, llama.width), "adapter_query", reshape=(layers, length, llama.width)
        ),
    }
    sizes = {
        "clip_proj": (width, adapter.vision_width),
        "clip_proj_norm": (width,),
        "visual_proj": (llama.width, width),
        "visual_proj_norm": (llama.width,),
        "norm1": (width,),
        "attn.qkv": (3 * width, width),
        "attn.proj": (width, width),
        "norm2": (width,),
        "mlp.fc1": (4 * width, width),
        "mlp.fc2": (width, 4 * width),
    }
    pairs = [(theirs, ours, sizes[theirs]) for theirs, ours in _ENDS.items()]
    for block in range(adapter.visual_blocks):
        pairs += [
            (f"visual_blocks.{block}.{theirs}", f"visual.blocks.{block}.{ours}", sizes[theirs])
            for theirs, ours in _BLOCK.items()
        ]
    for theirs, ours, size in pairs:
        entries[f"{theirs}.weight"] = Entry(size, f"{ours}.weight")
        entries[f"{theirs}.bias"] = Entry(size[:1], f"{ours}.bias")
    if adapter.norm_tuning:
        entries |= _norms("llama.", llama)
    for layer in range(llama.layers):
        theirs, ours = f"llama.layers.{layer}", f"model.layers.{layer}"
        used = layer >= llama.layers - layers
        entries[f"{theirs}.attention.gate"] = Entry((1, llama.heads, 1, 1), f"{ours}.self_attn.gate" if used else "")
        if adapter.new_gate:
            entries[f"{theirs}.attention.new_gate"] = Entry((1, 1, 1, 1), f"{ours}.self_attn.new_gate" if used else "")
        for linear, name in meta_llama.LINEARS.items():
            out_width, in_width = llama.linear(linear)
            heads = _rotary_heads(linear, llama)
            owner, _, short = linear.rpartition(".")
            if adapter.tuning == "bias" and name.rpartition(".")[2] in adapter.tuned_linears:
                entries[f"{theirs}.{linear}.bias"] = Entry((out_width,), f"{ours}.{name}.bias", heads=heads)
            if rank := adapter.lora_rank:
                low_rank = f"{theirs}.{owner}.lora_{short}"
                entries[f"{low_rank}_l1.weight"] = Entry((rank, in_width), f"{ours}.{name}.lora_a")
                entries[f"{low_rank}_l2.weight"] = Entry((out_width, rank), f"{ours}.{name}.lora_b", heads=heads)
    return entries


def chat_entries(llama: Llama) -> dict[str, Entry]:
    """Return every tensor of the 65B chat checkpoint: each linear's input scale and bias, and the norms."""
    entries = _norms("", llama)
    for layer in range(llama.layers):
        for linear, name in meta_llama.LINEARS.items():
            out_width, in_width = llama.linear(linear)
            theirs, ours = f"layers.{layer}.{linear}", f"model.layers.{layer}.{name}"
            entries[f"{theirs}_bias"] = Entry((out_width,), f"{ours}.bias", heads=_rotary_heads(linear, llama))
            entries[f"{theirs}_scale"] = Entry((in_width,), f"{ours}.scale")
    return entries


def _norms(prefix: str, llama: Llama) -> dict[str, Entry]:
    entries = {f"{prefix}norm.weight": Entry((llama.width,), "model.norm.weight")}
    for layer in range(llama.layers):
        for theirs, ours in meta_llama.NORMS.items():
            name = f"model.layers.{layer}.{ours}.weight"
            entries[f"{prefix}layers.{layer}.{theirs}.weight"] = Entry((llama.width,), name)
    return entries


def _rotary_heads(linear: str, llama: Llama) -> int:
    return {"attention.wq": llama.heads, "attention.wk": llama.kv_heads}.get(linear, 0)
