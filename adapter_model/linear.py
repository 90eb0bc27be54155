"""Linear tuning: every linear gets a new bias and scale (LLaMA-Adapter V2, section 4.1, eq. 1; arXiv 2304.15010).

Paper: `y = s (W x + b)`. The released multimodal code has the bias only; its 65B chat code scales the input instead,
`y = W (s x) + b`. All start as the frozen linear: `s = 1`, `b = 0` (or the base's own bias, where it has one).
With LoRA (arXiv 2106.09685) W is `W + B A`; paper of LoRA: times alpha / rank; here: no factor, as the released code.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LinearTuning = Literal["none", "bias", "scale_bias", "input_scale_bias"]


class EmptyLinear(nn.Linear):
    """A linear on the meta device, to be given its weights; drawing some first would be for nothing."""

    def __init__(self, in_features: int, out_features: int, *, bias: bool) -> None:
        super().__init__(in_features, out_features, bias=bias, device="meta")

    def reset_parameters(self) -> None: ...


class TunedLinear(EmptyLinear):
    """A linear over a frozen `weight` (out, in) with what its tuning adds, all of it trainable.

    `bias` is (out) unless the tuning is "none", which leaves the base's own; `scale` is (out) for "scale_bias" and
    (in) for "input_scale_bias"; with a LoRA rank r there are `lora_a` (r, in), drawn from the global generator, and
    `lora_b` (out, r), zero. They stay in float32 whatever the weight's dtype: near 1, bfloat16 has steps of 0.4 %, as
    large as what training changes. A linear whose weight another library holds in fewer bits is called as it is, from
    `inner`, and there is no `weight`.
    """

    def __init__(self, linear: nn.Linear, tuning: LinearTuning, *, lora_rank: int = 0) -> None:
        super().__init__(linear.in_features, linear.out_features, bias=False)
        device = linear.weight.device
        self.tuning = tuning
        own = linear.bias
        if tuning == "none":
            self.bias = own
        else:
            zero = torch.zeros(self.out_features, device=device)
            self.bias = nn.Parameter(zero if own is None else own.detach().float())
        self.inner = None if is_plain(linear) else linear
        if self.inner is None:
            self.weight = linear.weight
        else:
            self.register_parameter("weight", None)
            self.inner.register_parameter("bias", None)  # it is this one's now
        if tuning in ("scale_bias", "input_scale_bias"):
            width = self.out_features if tuning == "scale_bias" else self.in_features
            self.scale = nn.Parameter(torch.ones(width, device=device))
        drawn = torch.randn(lora_rank, self.in_features).to(device) / self.in_features**0.5
        zeros = torch.zeros(self.out_features, lora_rank, device=device)
        self.lora_a = nn.Parameter(drawn) if lora_rank else None
        self.lora_b = nn.Parameter(zeros) if lora_rank else None

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., in) to (..., out) in the dtype of `x`."""
        return self._map(x, lora=True)

    def without_lora(self, x: Tensor) -> Tensor:
        """Map as `forward` does, with W instead of W + B A."""
        return self._map(x, lora=False)

    def _map(self, x: Tensor, *, lora: bool) -> Tensor:
        if self.tuning == "input_scale_bias":
            x = x * self.scale.to(x.dtype)
        bias = None if self.bias is None else self.bias.to(x.dtype)
        if self.inner is None:
            y = F.linear(x, self.weight, bias)
        else:
            y = self.inner(x) if bias is None else self.inner(x) + bias
        if lora and self.lora_a is not None and self.lora_b is not None:
            y = y + _low_rank(x, self.lora_a, self.lora_b)
        return y * self.scale.to(x.dtype) if self.tuning == "scale_bias" else y

    @torch.no_grad()
    def fold(self) -> nn.Linear:
        """Return a linear that computes the same, rounded once, from float32 to the weight's dtype.

        One over a linear in fewer bits is returned as it is: those bits cannot take anything in.
        """
        if self.inner is not None:
            return self
        weight, bias = self.weight.float(), None if self.bias is None else self.bias.float()
        lora_a: Tensor | None = self.lora_a
        lora_b: Tensor | None = self.lora_b
        if lora_a is not None and lora_b is not None:
            weight = weight + lora_b @ lora_a
        if self.tuning == "scale_bias" and bias is not None:
            weight, bias = weight * self.scale[:, None], bias * self.scale
            lora_b = None if lora_b is None else lora_b * self.scale[:, None]
        elif self.tuning == "input_scale_bias":
            weight = weight * self.scale
            lora_a = None if lora_a is None else lora_a * self.scale
        return FoldedLinear(
            weight.to(self.weight.dtype), None if bias is None else bias.to(self.weight.dtype), lora_a, lora_b
        )


class FoldedLinear(EmptyLinear):
    """A plain linear that still knows the LoRA inside its weight, to apply it without."""

    lora_a: Tensor | None
    lora_b: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None, lora_a: Tensor | None, lora_b: Tensor | None) -> None:
        out_features, in_features = weight.shape
        super().__init__(in_features, out_features, bias=bias is not None)
        self.weight = nn.Parameter(weight, requires_grad=False)
        if bias is not None:
            self.bias = nn.Parameter(bias, requires_grad=False)
        self.register_buffer("lora_a", None if lora_a is None else lora_a.detach(), persistent=False)
        self.register_buffer("lora_b", None if lora_b is None else lora_b.detach(), persistent=False)

    def without_lora(self, x: Tensor) -> Tensor:
        """Map (..., in) to (..., out) as before the LoRA was folded in."""
        y: Tensor = self(x)
        return y if self.lora_a is None or self.lora_b is None else y - _low_rank(x, self.lora_a, self.lora_b)


def is_plain(linear: nn.Linear) -> bool:
    """Return whether a linear computes as PyTorch's own does, from its `weight` and `bias`."""
    return type(linear).forward is nn.Linear.forward


def without_lora(linear: nn.Module, x: Tensor) -> Tensor:
    """Apply a projection of the base, tuned, folded or neither, leaving its LoRA out."""
    y: Tensor = linear.without_lora(x) if isinstance(linear, TunedLinear | FoldedLinear) else linear(x)
    return y


def _low_rank(x: Tensor, lora_a: Tensor, lora_b: Tensor) -> Tensor:
    return F.linear(F.linear(x, lora_a.to(x.dtype)), lora_b.to(x.dtype))
