"""Zero-initialised gated attention over adapter prompts (LLaMA-Adapter, section 3.2; arXiv 2303.16199).

    out = softmax(Q Kᵀ / √D + mask) V  +  new_gate · tanh(gate) · softmax(Q K_aᵀ / √D) V_a

Two softmaxes of their own, so a closed gate leaves the base model exactly as it was. K_a and V_a are the layer's own
key and value projections of the prompts, with neither RoPE nor the layer's norm on them; Q has its RoPE.
paper: one gate per layer in the formulas; here: one per head, squashed by tanh, because the released code has it so.
paper: no `new_gate`; here: a factor per layer, where the config asks, because the released LoRA checkpoints have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vqa.adapter_model.linear import without_lora

# One layer's adapter keys and gated values, both (B or 1, H, L, D); None where a layer has no prompt.
AdapterKeysValues = tuple[tuple[Tensor, Tensor] | None, ...]


def adapter_keys_values(attention: Any, prompt: Tensor) -> tuple[Tensor, Tensor]:
    """Return one layer's adapter keys and values, the gate already on the values; neither depends on the text.

    paper: whether the prompts pass the tuned or the frozen projections is left open; here: the tuned ones, because
    eq. 1 replaces the linear itself, but without their LoRA, because the released code has it so. (It gives neither
    of the two a bias or scale, so both readings agree with it.)

    Args:
        attention: A LlamaAttention with a `gate` (1, H, 1, 1) and perhaps a `new_gate` (1, 1, 1, 1).
        prompt: (B or 1, L, C), in the dtype that the projections compute in.

    Returns:
        Keys and values, (B or 1, H, L, D) each, in that dtype, repeated for grouped-query attention.
    """
    shape = (*prompt.shape[:2], -1, attention.head_dim)
    keys = without_lora(attention.k_proj, prompt).view(shape).transpose(1, 2)  # (B, H_kv, L, D)
    values = without_lora(attention.v_proj, prompt).view(shape).transpose(1, 2)
    keys = keys.repeat_interleave(attention.num_key_value_groups, dim=1)  # (B, H, L, D)
    values = values.repeat_interleave(attention.num_key_value_groups, dim=1)
    gate = attention.gate.tanh()
    if hasattr(attention, "new_gate"):
        gate = gate * attention.new_gate
    return keys, values * gate.to(values.dtype)


def gate_for(num_heads: int, device: torch.device) -> nn.Parameter:
    """Return a closed gate, (1, H, 1, 1)."""
    return nn.Parameter(torch.zeros(1, num_heads, 1, 1, device=device))


def of_rows(tensor: Tensor, rows: Tensor | slice) -> Tensor:
    """Return these rows of adapter keys or values, of consecutive ones a view; what all rows share stays as it is."""
    if len(tensor) == 1:
        return tensor
    return tensor[rows] if isinstance(rows, slice) else tensor.index_select(0, rows)


def picked(adapter: AdapterKeysValues, rows: Sequence[int] | slice) -> AdapterKeysValues:
    """Return the adapter keys and values of these rows; see `of_rows`."""

    def of(tensor: Tensor) -> Tensor:
        return of_rows(tensor, rows if isinstance(rows, slice) else torch.tensor(rows, device=tensor.device))

    return tuple(pair and (of(pair[0]), of(pair[1])) for pair in adapter)


def joined(seen: Sequence[tuple[AdapterKeysValues, Tensor | None]]) -> tuple[AdapterKeysValues, Tensor | None]:
    """Return the adapter keys and values of rows, and their vectors (B, V, C), from those of each row, batch 1.

    Keys and values that are the same for all rows stay batch 1.
    """
    adapters, vectors = [adapter for adapter, _ in seen], [found for _, found in seen if found is not None]
    together = adapters[0]
    if any(adapter is not together for adapter in adapters):
        together = tuple(
            pairs[0] and (torch.cat([pair[0] for pair in pairs]), torch.cat([pair[1] for pair in pairs]))
            for pairs in zip(*adapters, strict=True)
        )
    return together, torch.cat(vectors) if vectors else None
