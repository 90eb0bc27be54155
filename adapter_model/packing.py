"""Matrices for many rows of input on a CPU: in the layout that oneDNN's products read, made once instead of each time.

What follows a product (an activation, a second factor, a summand) is computed on the accumulated float32 sums before
they are rounded, and takes no pass over memory of its own.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Activation = Literal["none", "swish"]

MOST_ALIKE = 512
"""Rows up to which products of enough rows are computed alike; see `least_alike`."""
_FULL_TILES = 48
_FULL_BLOCKS = 16


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


def least_alike() -> int:
    """Return from how many rows of input on a row comes to the same, to the last bit, however many others there are.

    On processors with matrix units (AMX) oneDNN multiplies up to 32 rows, and more than 512, by other kernels than
    those between, which add up in another order; float32 products of up to 11 rows, on processors without bfloat16, are
    such as well.
    """
    has_tiles = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    return _FULL_TILES if has_tiles() else _FULL_BLOCKS
