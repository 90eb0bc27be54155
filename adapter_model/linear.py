"""Linear tuning: every linear gets a new bias and scale (LLaMA-Adapter V2, section 4.1, eq. 1; arXiv 2304.15010).

Paper: `y = s (W x + b)`. The released multimodal code has the bias only; its 65B chat code scales the input instead,
`y = W (s x) + b`. All start as the frozen linear: `s = 1`, `b = 0` (or the base's own bias, where it has one).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LinearTuning = Literal["bias", "scale_bias", "input_scale_bias"]


class TunedLinear(nn.Linear):
    """A linear over a frozen `weight` (out, in) with a trainable `bias` (out) and, unless "bias", a `scale`.

    `scale` is (out) for "scale_bias" and (in) for "input_scale_bias". Bias and scale stay in float32 whatever the
    weight's dtype: near 1, bfloat16 has steps of 0.4 %, as large as what training changes.
    """

    def __init__(self, linear: nn.Linear, tuning: LinearTuning) -> None:
        with torch.device("meta"):
            super().__init__(linear.in_features, linear.out_features, bias=False)
        device = linear.weight.device
        self.tuning = tuning
        self.weight = linear.weight
        start = torch.zeros(self.out_features, device=device) if linear.bias is None else linear.bias.detach().float()
        self.bias = nn.Parameter(start)
        if tuning != "bias":
            width = self.out_features if tuning == "scale_bias" else self.in_features
            self.scale = nn.Parameter(torch.ones(width, device=device))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., in) to (..., out) in the dtype of `x`."""
        bias = self.bias.to(x.dtype)
        if self.tuning == "input_scale_bias":
            return F.linear(x * self.scale.to(x.dtype), self.weight, bias)
        y = F.linear(x, self.weight, bias)
        return y * self.scale.to(x.dtype) if self.tuning == "scale_bias" else y

    @torch.no_grad()
    def fold(self) -> nn.Linear:
        """Return a plain linear that computes the same, rounded once, from float32 to the weight's dtype."""
        weight, bias = self.weight.float(), self.bias.float()
        if self.tuning == "scale_bias":
            weight, bias = weight * self.scale[:, None], bias * self.scale
        elif self.tuning == "input_scale_bias":
            weight = weight * self.scale
        with torch.device("meta"):
            folded = nn.Linear(self.in_features, self.out_features)
        folded.weight = nn.Parameter(weight.to(self.weight.dtype), requires_grad=False)
        folded.bias = nn.Parameter(bias.to(self.weight.dtype), requires_grad=False)
        return folded
