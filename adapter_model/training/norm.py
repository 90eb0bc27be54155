"""RMSNorm with its gradient written out: a third of the passes over memory that automatic differentiation takes.

y = x / sqrt(mean(x²) + ε) · w        dx = (g w - n mean(g w n)) / sqrt(…)        dw = Σ g n        n = y / w
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class WrittenOutNorm(nn.Module):
    """A LLaMA's norm, sharing its weight; computes in float32 and returns the dtype of its input."""

    def __init__(self, norm: Any) -> None:
        super().__init__()
        self.weight = norm.weight
        self.variance_epsilon = norm.variance_epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., C) to the same shape."""
        y: Tensor = _RMSNorm.apply(x, self.weight, self.variance_epsilon)
        return y


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        normed = x.to(torch.float32, copy=True)
        scale = (
            torch.linalg.vector_norm(normed, dim=-1, keepdim=True).square_().div_(x.shape[-1]).add_(epsilon).rsqrt_()
        )
        normed.mul_(scale)
        ctx.save_for_backward(normed, scale, weight)
        ctx.dtype = x.dtype
        return normed.mul(weight.float()).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        normed, scale, weight = ctx.saved_tensors
        wide = gradient.to(torch.float32, copy=True)
        for_weight = for_input = None
        if ctx.needs_input_grad[1]:
            for_weight = (wide * normed).flatten(0, -2).sum(0).to(weight.dtype)
        if ctx.needs_input_grad[0]:
            wide.mul_(weight)
            along = torch.linalg.vecdot(wide, normed).div_(normed.shape[-1])[..., None]
            for_input = wide.addcmul_(normed, along, value=-1).mul_(scale).to(ctx.dtype)
        return for_input, for_weight, None
