"""Linears that read the same input, applied as one matrix product; on a CPU also with their weights in 4 bits.

Decoding reads every weight once a token, so memory sets its speed, and 4 bits are a quarter of bfloat16's bytes. The
format is that of llama.cpp's Q4_1: 32 weights in a row share a scale and a minimum, w = scale q + minimum with q in
0..15. Weights that came from such a file fall on the same sixteen values again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqa.adapter_model.linear import FoldedLinear

Weights = Literal["dense", "int4"]

_GROUP = 32  # weights of a row that share scale and minimum
_FEW = 12  # rows of input up to which 4 bits are faster than dense; docs/measurements.md


class Projection:
    """Applies linears to one input and returns their outputs side by side.

    Their weights move into one matrix, and each linear keeps a view of its part, so nothing is held twice. Linears of
    another kind than PyTorch's plain one (quantised by a library, or not folded) are called one by one instead.
    """

    def __init__(self, linears: Sequence[nn.Module], *, weights: Weights = "dense") -> None:
        self._linears = tuple(linears)
        self._packed: tuple[Tensor, Tensor] | None = None
        plain = [linear for linear in linears if type(linear) in (nn.Linear, FoldedLinear)]
        self._dense = _fuse(plain) if len(plain) == len(linears) else None
        if self._dense is not None and weights == "int4":
            self._packed = _pack(self._dense[0])

    def __call__(self, x: Tensor) -> Tensor:
        """Map (B, T, in) to (B, T, out), out summed over the linears."""
        if self._dense is None:
            return torch.cat([linear(x) for linear in self._linears], dim=-1)
        weight, bias = self._dense
        if self._packed is None or x.shape[0] * x.shape[1] > _FEW:
            return F.linear(x, weight, bias)
        packed, scales = self._packed
        out: Tensor = torch.ops.aten._weight_int4pack_mm_for_cpu(x.flatten(0, 1), packed, _GROUP, scales)
        out = out.view(*x.shape[:2], -1)
        return out if bias is None else out.add_(bias)

    @property
    def bytes_a_token(self) -> int:
        """Bytes of weights that decoding one token of one row reads."""
        if self._packed is not None:
            return sum(tensor.nbytes for tensor in self._packed)
        return sum(parameter.nbytes for linear in self._linears for parameter in linear.parameters())


def _fuse(linears: Sequence[nn.Linear]) -> tuple[Tensor, Tensor | None]:
    """Return the linears' weights as one (out, in), their biases as one (out) or None, and make them views of it."""
    sizes = [linear.out_features for linear in linears]
    if len(linears) == 1:
        return linears[0].weight.detach(), None if linears[0].bias is None else linears[0].bias.detach()
    weight = torch.cat([linear.weight.detach() for linear in linears])
    for linear, part in zip(linears, weight.split(sizes), strict=True):
        linear.weight.data = part
    if all(linear.bias is None for linear in linears):
        return weight, None
    biases = [weight.new_zeros(linear.out_features) if linear.bias is None else linear.bias for linear in linears]
    return weight, torch.cat([bias.detach() for bias in biases])


def _pack(weight: Tensor) -> tuple[Tensor, Tensor] | None:
    """Return the weight's 4-bit codes and its scales and offsets (in / 32, out, 2), or None if it is not divisible."""
    rows, columns = weight.shape
    if weight.device.type != "cpu" or columns % _GROUP or rows % 16:
        return None
    codes = torch.empty(rows, columns, dtype=torch.int32)
    scales = torch.empty(columns // _GROUP, rows, 2, dtype=weight.dtype)
    for start in range(0, rows, 4096):  # the vocabulary's matrix never stands in float32 as a whole
        part = weight[start : start + 4096].float().unflatten(1, (-1, _GROUP))  # (rows, groups, 32)
        least, most = part.aminmax(dim=-1, keepdim=True)
        step = ((most - least) / 15).clamp(min=1e-8)
        codes[start : start + 4096] = ((part - least) / step).round_().flatten(1)
        # The kernel computes scale (q - 8) + offset.
        both = torch.cat([step, least + 8 * step], dim=-1)  # (rows, groups, 2)
        scales[:, start : start + 4096] = both.transpose(0, 1)
    return torch.ops.aten._convert_weight_to_int4pack_for_cpu(codes, 1), scales
