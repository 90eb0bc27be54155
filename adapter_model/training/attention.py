"""Attention as plain matrix products, for training on a CPU.

PyTorch's fused attention for CPUs takes five times as long in bfloat16, forward and backward together (docs/training.md
has the numbers). Grouped-query attention needs no repeated keys here: a group's queries are rows of one product.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

from vqa.adapter_model.attention import AdapterKeysValues

PLAIN_ATTENTION = "llama_adapter_plain"


def plain_attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor,
    *,
    adapter: AdapterKeysValues,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Compute what `adapter_attention` does.

    Args:
        module: The LlamaAttention that asks; `layer_idx` picks its entry of `adapter`.
        query: (B, H, T, D), RoPE applied.
        key: (B, H_kv, T, D).
        value: (B, H_kv, T, D).
        attention_mask: (B, H_kv, H / H_kv * T, T), from `additive_mask`.
        adapter: Every layer's adapter keys and values, (B or 1, H, L, D) each.

    Returns:
        (B, T, H, D), and no weights.
    """
    batch, heads, length, width = query.shape
    rows = query.reshape(batch * key.shape[1], -1, width)  # (B H_kv, H / H_kv * T, D)
    mask = attention_mask.flatten(0, 1)
    scores = torch.baddbmm(mask, rows, key.flatten(0, 1).transpose(1, 2), alpha=module.scaling)  # (…, T)
    out = torch.bmm(scores.softmax(-1), value.flatten(0, 1)).view(batch, heads, length, width)
    own = adapter[module.layer_idx]
    if own is not None:
        keys, gated_values = own
        seen = (query * module.scaling @ keys.transpose(2, 3)).softmax(-1)  # (B, H, T, L)
        out = out + seen @ gated_values
    return out.transpose(1, 2), None


def additive_mask(seen: Tensor | None, *, length: int, heads: int, groups: int, dtype: torch.dtype) -> Tensor:
    """Return what is added to the scores: 0 where a token is seen, else -infinity.

    Args:
        seen: (B, 1, T, T) bool; None: all before it.
        length: T.
        heads: Heads of keys and values.
        groups: Heads of queries for each of those.

    Returns:
        (B, heads, groups * T, T); B is 1 where all rows are alike.
    """
    if seen is None:
        seen = torch.ones(length, length, dtype=torch.bool).tril()[None, None]
    mask = torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill_(~seen, float("-inf"))
    return mask[:, :, None].expand(-1, heads, groups, -1, -1).reshape(len(mask), heads, groups * length, length)


AttentionInterface.register(PLAIN_ATTENTION, plain_attention)
AttentionMaskInterface.register(PLAIN_ATTENTION, eager_mask)
