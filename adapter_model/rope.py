"""Rotary position embeddings (RoFormer, arXiv 2104.09864): their frequencies, and cosines and sines of positions.

Head channel j turns with channel j + D / 2 by position · theta^(-2 j / D). "linear" divides every frequency by a factor
(arXiv 2306.15595); "llama3" divides the slow ones, keeps the fast ones and blends those between
(https://github.com/meta-llama/llama-models, `apply_scaling`). The other variants are transformers' own modules.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from vqa.adapter_model.llama import LlamaSizes


class Rotary(nn.Module):
    """Maps positions to the cosines and sines of fixed frequencies, (D / 2) float32."""

    def __init__(self, frequencies: Tensor) -> None:
        super().__init__()
        self.frequencies = nn.Buffer(frequencies, persistent=False)

    def forward(self, x: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Return cosines and sines of positions (B, T), each (B, T, D), in the dtype of `x`."""
        angles = positions[..., None].float() * self.frequencies  # (B, T, D / 2)
        both = torch.cat([angles, angles], dim=-1)
        return both.cos().to(x.dtype), both.sin().to(x.dtype)


def rotary(sizes: LlamaSizes, device: torch.device) -> nn.Module:
    """Return the module of a LLaMA's RoPE variant, called as `Rotary`. Raises KeyError for an unknown one."""
    found = frequencies(sizes.rope_parameters, sizes.head_dim)
    if found is not None:
        return Rotary(found).to(device)
    from transformers import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    return LlamaRotaryEmbedding(LlamaConfig(**sizes.to_dict())).to(device)


def frequencies(rope: Mapping[str, Any], width: int) -> Tensor | None:
    """Return how far each pair of a head's `width` channels turns a position, (D / 2) float32, in radians.

    None for variants that are not of this module: their frequencies depend on the length of the text, or they turn
    some channels only.
    """
    if rope.get("partial_rotary_factor", 1.0) != 1.0:
        return None
    plain: Tensor = 1.0 / (rope["rope_theta"] ** (torch.arange(0, width, 2, dtype=torch.float) / width))
    if rope["rope_type"] == "default":
        return plain
    if rope["rope_type"] == "linear":
        return plain / float(rope["factor"])
    if rope["rope_type"] == "llama3" and "original_max_position_embeddings" in rope:
        slow, fast, factor = (float(rope[name]) for name in ("low_freq_factor", "high_freq_factor", "factor"))
        turns = plain * float(rope["original_max_position_embeddings"]) / (2 * math.pi)  # within what it was trained on
        kept = ((turns - slow) / (fast - slow)).clamp(0, 1)
        return kept * plain + (1 - kept) * plain / factor
    return None
