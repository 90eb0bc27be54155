"""Matrices for many rows of input on a CPU: in the layout that oneDNN's products read, made once instead of each time.

What follows a product (an activation, a second factor, a summand) is computed on the accumulated float32 sums before
they are rounded, and takes no pass over memory of its own.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Activation = Literal["none", "swish"]


class PackedMatrix:
    """A matrix (out, in) and a bias (out), in bfloat16."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous())
        self._bias = bias

    def map(self, x: Tensor, activation: Activation = "none") -> Tensor:
        """Map (N, in) to (N, out)."""
        y: Tensor = torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, activation, [], "")
        return y

    def map_with(self, x: Tensor, other: Tensor, how: Literal["add", "mul"]) -> Tensor:
        """Map (N, in) to (N, out), and add `other` (N, out) to it or multiply it by that."""
        y: Tensor = torch.ops.mkldnn._linear_pointwise.binary(x, other, self._weight, self._bias, how)
        return y


def can_pack(weight: Tensor) -> bool:
    """Return whether this machine has fast products for a packed copy of this matrix."""
    if weight.device.type != "cpu" or weight.dtype != torch.bfloat16 or not torch._C._has_mkldnn:
        return False
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
