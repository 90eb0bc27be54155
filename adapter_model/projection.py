"""Linears that read the same input, applied as one matrix product; on a CPU also with compact weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqa.adapter_model.compact import compact
from vqa.adapter_model.linear import TunedLinear, is_plain

Weights = Literal["dense", "compact"]

FEW = 8  # rows of input up to which compact weights are the faster ones: with more, arithmetic counts, not memory


class Projection:
    """Applies linears to one input and returns their outputs side by side.

    Their weights move into one matrix, and each linear keeps a view of its part, so nothing is held twice; of tuned
    linears that are not folded yet it is a folded copy. Linears of another kind than PyTorch's plain one (quantised by
    a library) are called one by one instead.

    Args:
        linears: Of the same input width.
        weights: "compact" maps few tokens at a time with smaller weights, held beside the dense ones, on a CPU.
    """

    def __init__(self, linears: Sequence[nn.Module], *, weights: Weights = "dense") -> None:
        self._linears = tuple(linear.fold() if isinstance(linear, TunedLinear) else linear for linear in linears)
        plain = [linear for linear in self._linears if isinstance(linear, nn.Linear) and is_plain(linear)]
        self._dense = _fuse(plain) if len(plain) == len(linears) else None
        smaller = weights == "compact" and self._dense is not None and self._dense[0].device.type == "cpu"
        self._compact = compact(self._dense[0]) if smaller and self._dense is not None else None

    def __call__(self, x: Tensor) -> Tensor:
        """Map (N, in) to (N, out), out summed over the linears."""
        if self._dense is None:
            return torch.cat([linear(x) for linear in self._linears], dim=-1)
        weight, bias = self._dense
        if self._compact is None or x.shape[0] > FEW:
            return F.linear(x, weight, bias)
        y = self._compact.map(x)
        return y if bias is None else y.add_(bias)

    @property
    def bytes_a_token(self) -> int:
        """Bytes of weights that decoding one token of one row reads."""
        if self._compact is not None:
            return self._compact.nbytes
        return sum(parameter.nbytes for linear in self._linears for parameter in linear.parameters())


def _fuse(linears: Sequence[nn.Linear]) -> tuple[Tensor, Tensor | None]:
    """Return the linears' weights as one (out, in), their biases as one (out) or None; the weights become views."""
    if len(linears) == 1:
        bias = linears[0].bias
        return linears[0].weight.detach(), None if bias is None else bias.detach()
    weight = torch.cat([linear.weight.detach() for linear in linears])
    start = 0
    for linear in linears:
        linear.weight.data = weight[start : start + linear.out_features]
        start += linear.out_features
    if all(linear.bias is None for linear in linears):
        return weight, None
    biases = [weight.new_zeros(linear.out_features) if linear.bias is None else linear.bias for linear in linears]
    return weight, torch.cat([bias.detach() for bias in biases])
