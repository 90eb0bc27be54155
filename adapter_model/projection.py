"""Linears that read the same input, applied as one matrix product; on a CPU with weights for few rows and for many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqa.adapter_model.compact import compact
from vqa.adapter_model.linear import TunedLinear, is_plain
from vqa.adapter_model.packing import PackedMatrix, can_pack

Weights = Literal["dense", "compact"]

FEW = 8  # rows of input up to which compact weights are the faster ones: with more, arithmetic counts, not memory


class Projection:
    """Applies linears to one input and returns their outputs side by side.

    Their weights move into one matrix, and each linear keeps a view of its part, so nothing is held twice; of tuned
    linears that are not folded yet it is a folded copy. Linears of another kind than PyTorch's plain one (quantised by
    a library) are called one by one instead.

    Args:
        linears: Of the same input width.
        weights: "compact" maps few rows at a time with smaller weights, on a CPU, held beside the dense ones.
        packed: Whether, with "compact", many rows are mapped with packed weights where the machine has such.
        keep: Whether the linears must still work on their own; else they lose weights that are packed.
    """

    def __init__(
        self, linears: Sequence[nn.Module], *, weights: Weights = "dense", packed: bool = True, keep: bool = True
    ) -> None:
        self._linears = tuple(linear.fold() if isinstance(linear, TunedLinear) else linear for linear in linears)
        plain = [linear for linear in self._linears if isinstance(linear, nn.Linear) and is_plain(linear)]
        self._weight: Tensor | None = None
        self._bias: Tensor | None = None
        self._compact = self._packed = None
        if len(plain) == len(linears):
            self._weight, self._bias = _fuse(plain)
        if weights == "compact" and self._weight is not None and self._weight.device.type == "cpu":
            self._compact = compact(self._weight)
            if packed and can_pack(self._weight):
                self._packed = PackedMatrix(self._weight, self._bias)
                if not keep:
                    self.free()

    def __call__(self, x: Tensor) -> Tensor:
        """Map (N, in) to (N, out), out summed over the linears."""
        if self._compact is not None and x.shape[0] <= FEW:
            y = self._compact.map(x)
            return y if self._bias is None else y.add_(self._bias)
        if self._packed is not None:
            return self._packed.map(x)
        if self._weight is None:
            return torch.cat([linear(x) for linear in self._linears], dim=-1)
        return F.linear(x, self._weight, self._bias)

    def added_to(self, residual: Tensor, x: Tensor) -> Tensor:
        """Return `residual` (N, out) and what (N, in) is mapped to, added."""
        if self._packed is None or x.shape[0] <= FEW:
            return residual + self(x)
        return self._packed.map_with(x, residual, "add")

    def free(self) -> None:
        """Let go of the dense weights, which others have replaced; the linears cannot work on their own any more."""
        self._weight = None
        for linear in self._linears:
            if isinstance(linear, nn.Linear):
                linear.weight.data = linear.weight.data.new_empty(0)

    def parts(self) -> list[PackedMatrix] | None:
        """Return each linear's own packed matrix, or None where there are none to be had."""
        if self._compact is None or self._weight is None or not can_pack(self._weight):
            return None
        sizes = [int(linear.out_features) for linear in self._linears if isinstance(linear, nn.Linear)]
        biases: Sequence[Tensor | None] = [None] * len(sizes) if self._bias is None else torch.split(self._bias, sizes)
        return [PackedMatrix(*part) for part in zip(torch.split(self._weight, sizes), biases, strict=True)]

    @property
    def bytes_a_token(self) -> int:
        """Bytes of weights that decoding one token of one row reads."""
        if self._compact is not None:
            return self._compact.nbytes
        return sum(parameter.nbytes for linear in self._linears for parameter in linear.parameters())


class GatedProjection:
    """activation(gate(x)) · up(x), as LLaMA's MLP has it before its last linear (GLU variants, arXiv 2002.05202).

    Args:
        gate: The linear that is activated.
        up: The other one.
        activation: Of the gate.
        weights: As a `Projection` has them; with packed ones the linears lose theirs.
    """

    def __init__(
        self, gate: nn.Module, up: nn.Module, activation: Callable[[Tensor], Tensor], *, weights: Weights = "dense"
    ) -> None:
        self.both = Projection([gate, up], weights=weights, packed=False)
        self._activation = activation
        # Activated and multiplied by the products themselves; no other activation than LLaMA's own is worth that.
        self._parts = self.both.parts() if activation is F.silu else None
        if self._parts is not None:
            self.both.free()

    def __call__(self, x: Tensor) -> Tensor:
        """Map (N, in) to (N, out)."""
        if self._parts is not None and x.shape[0] > FEW:
            gate, up = self._parts
            return up.map_with(x, gate.map(x, "swish"), "mul")
        gated, plain = self.both(x).chunk(2, dim=-1)
        return self._activation(gated).mul_(plain)


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
