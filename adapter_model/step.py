"""What every layer needs to know of a pass of `engine`: where tokens stand, what they see, and which are shared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vqa.adapter_model.attention import of_rows
from vqa.adapter_model.sharing import parts


@dataclass(frozen=True)
class Step:
    """What every layer needs to know of the tokens being read.

    Attributes:
        length: T, slots of each row.
        cos: Of RoPE, (B or 1, T, 1, D), or (1, N, 1, D) of the tokens alone.
        sin: The same.
        mask: See `Engine._mask`.
        fewest: Queries that a head attends with at least.
        shared: Which tokens are computed, if not those of all slots are.
    """

    length: int
    cos: Tensor
    sin: Tensor
    mask: Tensor | None
    fewest: int = 1
    shared: Shared | None = None

    def of(self, x: Tensor, tokens: Sequence[int], slots: Sequence[int], *, alike: bool) -> tuple[Step, Tensor]:
        """Return the step of these tokens alone, and their (N, C) of (B T, C).

        Args:
            x: What stands in the slots.
            tokens: The slots whose tokens are computed: see `sharing.computed`.
            slots: Which of them stands in each slot.
            alike: Whether what a row sees must not depend on how many of its tokens others share.
        """
        batch, length = x.shape[0] // self.length, self.length
        together = [(list(range(batch)), 0)] if alike else parts(tokens, batch, length)
        which, stands = (torch.tensor(places, device=x.device) for places in (tokens, slots))
        cos, sin = (turn.expand(batch, -1, -1, -1).flatten(0, 1)[which][None] for turn in (self.cos, self.sin))
        mask = self.mask
        if mask is None and any(first for _, first in together):
            mask = torch.ones(1, 1, length, length, dtype=torch.bool, device=x.device).tril()
        place = torch.empty(batch, length, dtype=torch.long, device=x.device)  # of each slot in all parts together
        those: list[Part] = []
        begin = 0
        for some, first in together:
            rows = torch.tensor(some, device=x.device)
            seen = None if mask is None else mask[:, :, first:].expand(batch, -1, -1, -1)[rows]
            tail = stands.view(batch, length)[rows, first:]
            those.append(Part(rows if len(some) < batch else None, tail, seen))
            many = len(some) * (length - first)
            place[rows, first:] = torch.arange(begin, begin + many, device=x.device).view(len(some), -1)
            begin += many
        shared = Shared(stands, tuple(those), place.flatten()[which])
        return Step(length, cos, sin, self.mask, self.fewest, shared), x[which]


@dataclass(frozen=True)
class Part:
    """Rows of which what they see from some slot on is computed together.

    Attributes:
        rows: (n) which; None: all, in order.
        tokens: (n, T') the tokens in their slots from that one on.
        mask: See `Engine._mask`.
    """

    rows: Tensor | None
    tokens: Tensor
    mask: Tensor | None

    def of(
        self, query: Tensor, keys: Tensor, values: Tensor, adapter: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, Tensor] | None, Tensor | None]:
        """Return what a layer needs of these rows, given the queries (N, H, D) of all tokens."""
        mine = query.index_select(0, self.tokens.flatten()).view(*self.tokens.shape, *query.shape[1:])
        if self.rows is None:
            return mine, keys, values, adapter, self.mask
        rows = self.rows
        keys, values = keys.index_select(0, rows), values.index_select(0, rows)
        theirs = adapter and (of_rows(adapter[0], rows), of_rows(adapter[1], rows))
        return mine, keys, values, theirs, self.mask


@dataclass(frozen=True)
class Shared:
    """What of several prompts is computed once.

    Attributes:
        slots: (B T) which token stands in each slot, some other one in those before a row's first.
        parts: In which what the rows see is computed.
        order: (N) where in all parts together what each token sees is.
    """

    slots: Tensor
    parts: tuple[Part, ...]
    order: Tensor
