"""Matrices for few rows of input on a CPU: in 4 bits where that loses nothing, else in 8.

Decoding reads every weight once a token, so memory sets its speed. The 4-bit format is that of llama.cpp's Q4_1: 32
weights of a row share a scale and a minimum, w = scale q + minimum with q in 0..15; weights that came from such a file
fall on the same sixteen values again, also after each row was scaled (LLaMA-Adapter V2, eq. 1). In 8 bits a row has
one scale.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

_GROUP = 32  # weights that share scale and minimum
_LOSSLESS = 0.004  # relative error that 4 bits may add, in the Frobenius norm; bfloat16's own is about 0.002
_STRIDE = 8  # every so many rows, one is compared
_CHUNK = 1024  # rows worked on at a time: they stay in the processor's cache


@dataclass(frozen=True)
class CompactMatrix:
    """A matrix (out, in) in PyTorch's packed layout for 4 or 8 bits.

    Attributes:
        codes: What the kernel reads; int8 (out, in) with 8 bits.
        scales: (in / 32, out, 2), scale and middle of each group, with 4 bits; else (out).
    """

    codes: Tensor
    scales: Tensor
    bits: int

    def map(self, x: Tensor) -> Tensor:
        """Map (N, in) to (N, out) in the dtype of `x`, which is that of `scales`."""
        y: Tensor
        if self.bits == 4:
            y = torch.ops.aten._weight_int4pack_mm_for_cpu(x, self.codes, _GROUP, self.scales)
        else:
            y = torch.ops.aten._weight_int8pack_mm(x, self.codes, self.scales)
        return y

    @property
    def nbytes(self) -> int:
        return self.codes.nbytes + self.scales.nbytes


def compact(weight: Tensor) -> CompactMatrix:
    """Return a matrix (out, in) in as few bits as keep it."""
    return _four_bits(weight) or _eight_bits(weight)


def _four_bits(weight: Tensor) -> CompactMatrix | None:
    """Return the matrix in 4 bits, or None where that would lose something or the kernel cannot take its shape."""
    rows, columns = weight.shape
    if columns % _GROUP or rows % 16:
        return None
    codes = torch.empty(rows, columns, dtype=torch.int32)
    scales = torch.empty(columns // _GROUP, rows, 2, dtype=weight.dtype)
    for place, part in _chunks(weight):
        groups = part.view(len(part), -1, _GROUP)
        least = groups.amin(-1, keepdim=True)  # (rows, groups, 1); aminmax takes five times as long as both
        step = (groups.amax(-1, keepdim=True) - least).clamp_(min=1e-8) / 15
        found = groups.sub(least).div_(step).round_()
        some = slice(0, len(part), _STRIDE)
        if torch.dist(found[some] * step[some] + least[some], groups[some]) > _LOSSLESS * groups[some].norm():
            return None
        codes[place] = found.flatten(1)
        scales[:, place, 0] = step[..., 0].T
        scales[:, place, 1] = (least + 8 * step)[..., 0].T  # the kernel's value is scale (q - 8) + this
    return CompactMatrix(torch.ops.aten._convert_weight_to_int4pack_for_cpu(codes, 1), scales, bits=4)


def _eight_bits(weight: Tensor) -> CompactMatrix:
    codes = torch.empty(weight.shape, dtype=torch.int8)
    scales = torch.empty(len(weight), dtype=weight.dtype)
    for place, part in _chunks(weight):
        scales[place] = part.abs().amax(1).clamp(min=1e-8) / 127
        codes[place] = part.div_(scales[place].float()[:, None]).round_().clamp_(-127, 127)
    return CompactMatrix(codes, scales, bits=8)


def _chunks(weight: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield some rows at a time: their place and a float32 copy."""
    for start in range(0, len(weight), _CHUNK):
        place = slice(start, start + _CHUNK)
        yield place, weight[place].to(torch.float32, copy=True)
