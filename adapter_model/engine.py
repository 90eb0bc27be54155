"""The forward pass of inference: what transformers computes for an `AdapterLlama`, with few operations a layer.

On a CPU, transformers spends most of a small model's decoding between the operations. Here projections of the same
input are one product, keys and values go into a cache allocated once, and a single query is attended to without
repeating the keys of grouped-query attention. RoPE's tables come from the model itself, whatever their variant.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from vqa.adapter_model.adapted import Adapted
from vqa.adapter_model.attention import AdapterKeysValues, picked
from vqa.adapter_model.packing import MOST_ALIKE, least_alike
from vqa.adapter_model.projection import FEW, GatedProjection, Projection, Weights
from vqa.adapter_model.sharing import computed
from vqa.adapter_model.slots import embedded
from vqa.adapter_model.step import Step
from vqa.errors import InputError
from vqa.lanes import Turns

_READ_TOGETHER = 1024
"""Tokens of prompts that a CPU reads in one pass, twice as many with padding: more are no faster, and take memory."""
_QUERIES_ALIKE = 4
"""Of fewer, in float32, what a CPU's attention sums up depends on which thread does it."""
_STEP, _STRIDE, _FINE = 16, 64, 256
"""A pass is filled up to a multiple of 16 tokens, of 64 beyond 256: a CPU's matrix units take 16 rows at a time, and
oneDNN compiles and keeps kernels for every number it meets."""


@dataclass
class Rows:
    """Texts that are decoded together: the keys and values of what was read of them.

    Attributes:
        cache: (layers, 2, B, H_kv, S, D), keys and values.
        padding: (B), slots before each row's first token; None when no row has any.
        adapter: Every layer's adapter keys and values, batch 1 or B.
        used: Slots that are filled, the same in every row.
    """

    cache: Tensor
    padding: Tensor | None
    adapter: AdapterKeysValues
    used: int = 0

    def __len__(self) -> int:
        return self.cache.shape[2]

    def select(self, rows: Sequence[int], *, room: int = 0) -> Rows:
        """Return copies of these rows, some perhaps several times, with at least `room` free slots."""
        index = torch.tensor(rows, device=self.cache.device)
        free = max(room, self.cache.shape[4] - self.used)
        cache = F.pad(self.cache[..., : self.used, :].index_select(2, index), (0, 0, 0, free))
        padding = None if self.padding is None else self.padding[index]
        return Rows(cache, padding, picked(self.adapter, rows), self.used)

    def keep(self, rows: Sequence[int]) -> list[int]:
        """Forget all other rows, where they are: in the place of each comes one of the last; return their new order."""
        kept = set(rows)
        spare = [row for row in rows if row >= len(rows)]
        order = [row if row in kept else spare.pop() for row in range(len(rows))]
        for place, row in enumerate(order):
            if place != row:
                self.cache[:, :, place, :, : self.used] = self.cache[:, :, row, :, : self.used]
        self.cache = self.cache[:, :, : len(order)]
        self.padding = None if self.padding is None else self.padding[order]
        self.adapter = picked(self.adapter, order)
        return order

    def part(self, start: int, stop: int) -> Rows:
        """Return a view of consecutive rows of which nothing is read yet, without slots that all of them pad."""
        cache, padding = self.cache[:, :, start:stop], self.padding
        if padding is not None:
            spared = int(padding[start:stop].min())
            cache, padding = cache[..., spared:, :], padding[start:stop] - spared
            padding = padding if padding.any() else None
        return Rows(cache, padding, picked(self.adapter, slice(start, stop)))


class Engine:
    """Runs an adapted model for inference, on its device and in its dtype; call it in inference mode.

    The model stays usable: its linears become views of the engine's wider ones. One that is not folded yet may be
    trained on, but the engine stays what it was.

    Args:
        model: In eval mode, folded or not.
        weights: "compact" decodes with 4- and 8-bit weights on a CPU. Prompts are read with the model's own, packed
            where the machine has products for that; then the model can no longer run by itself.
    """

    def __init__(self, model: Adapted, *, weights: Weights = "dense") -> None:
        config: Any = model.config
        self.device = model.device
        self.longest = int(config.max_position_embeddings)
        self._dtype = model.dtype
        self._kv_heads = int(config.num_key_value_heads)
        self._head_dim = int(model.model.layers[0].self_attn.head_dim)
        self._embed = model.model.embed_tokens
        self._rotary = model.model.rotary_emb
        self._layers = [_Layer(layer, weights, self._dtype) for layer in model.model.layers]
        self._norm = _Norm(model.model.norm, self._dtype)
        self._head = Projection([model.lm_head], weights=weights, packed=False)
        self._alike = max(FEW + 1, least_alike())
        self._running = Turns(one_by_one=self.device.type != "cpu")  # by the step: two would fight for the same cores

    @property
    def bytes_a_token(self) -> int:
        """Bytes of weights that decoding one token reads."""
        projections = [projection for layer in self._layers for projection in layer.projections]
        return sum(projection.bytes_a_token for projection in (*projections, self._head))

    def read(
        self,
        prompts: Sequence[Sequence[int]],
        adapter: AdapterKeysValues,
        *,
        room: int,
        vectors: Tensor | None = None,
        pictures: Sequence[Hashable] | None = None,
        alike: bool = False,
    ) -> tuple[Rows, Tensor]:
        """Read prompts of token ids, padded on the left, with `room` slots for what comes after them.

        Args:
            prompts: Token ids, `slots.SLOT` where a vector of the row's picture stands; those of like length side by
                side are read faster.
            adapter: Every layer's adapter keys and values.
            room: Tokens that can follow.
            vectors: (B, N, C) the pictures' vectors; None where prompts have no place for them.
            pictures: What each row is about: what prompts about the same begin with is read once.
            alike: Whether a row comes to the same, to the last bit, whatever others of its length there are; few rows
                take longer then.

        Returns:
            The rows, and the logits of each row's next token, (B, V) float32.

        Raises:
            InputError: An empty prompt, or one so long that it and `room` exceed what the model was made for; or not
                as many places as vectors.
        """
        lengths = [len(ids) for ids in prompts]
        longest = max(lengths)
        if not min(lengths):
            raise InputError("an empty prompt cannot be answered; write at least one token")
        if longest + room > self.longest:
            raise InputError(
                f"a prompt of {longest} tokens and an answer of {room} exceed the model's {self.longest}: "
                "shorten the prompt or lower max_new_tokens"
            )
        padded = [[0] * (longest - len(ids)) + list(ids) for ids in prompts]
        ids = torch.tensor(padded, device=self.device)  # (B, T)
        shape = (len(self._layers), 2, len(prompts), self._kv_heads, longest + room, self._head_dim)
        cache = torch.empty(shape, dtype=self._dtype, device=self.device)
        padding = None if min(lengths) == longest else longest - torch.tensor(lengths, device=self.device)
        rows = Rows(cache, padding, adapter)
        logits = []
        with self._running:
            for start, stop in self._passes(lengths, most=MOST_ALIKE if alike else _READ_TOGETHER):
                part = rows.part(start, stop)
                spared = longest - max(lengths[start:stop])
                cache[:, :, start:stop, :, :spared] = 0  # they are masked, but nothing masks what is not a number
                ahead = ids[start:stop, spared:]
                x = embedded(self._embed, ahead, None if vectors is None else vectors[start:stop])
                about = range(start, stop) if pictures is None else pictures[start:stop]
                which = computed(prompts[start:stop], about)
                logits.append(self._extended(part, x, all_logits=False, alike=alike, which=which)[:, -1])
        rows.used = longest
        return rows, torch.cat(logits)

    def _passes(self, lengths: Sequence[int], *, most: int) -> Iterator[tuple[int, int]]:
        """Yield from which row to which prompts of these lengths are read together, `most` tokens at a time."""
        start = 0
        for row in range(1, len(lengths)):
            together = lengths[start : row + 1]
            tokens, slots = sum(together), len(together) * max(together)
            if self.device.type == "cpu" and (tokens > most or slots > 2 * most):
                yield start, row
                start = row
        yield start, len(lengths)

    def extend(self, rows: Rows, ids: Tensor, *, all_logits: bool = False, alike: bool = False) -> Tensor:
        """Read further tokens, (B, T), and keep their keys and values; `alike` as for `read`.

        Returns:
            The logits after each of them, (B, T, V), or after the last alone, (B, 1, V); float32.
        """
        with self._running:
            return self._extended(rows, self._embed(ids), all_logits=all_logits, alike=alike)

    def _extended(
        self,
        rows: Rows,
        x: Tensor,
        *,
        all_logits: bool,
        alike: bool,
        which: tuple[Sequence[int], Sequence[int]] | None = None,
    ) -> Tensor:
        """Read further tokens by their embeddings, (B, T, C); see `extend`, and for `which` `sharing.computed`."""
        batch, length = x.shape[:2]
        end = rows.used + length
        slots = torch.arange(end, device=self.device)
        first = slots.new_zeros(1, 1) if rows.padding is None else rows.padding[:, None]  # (B or 1, 1)
        positions = (slots[rows.used :] - first).clamp(min=0)  # (B or 1, T)
        mask = self._mask(rows, slots, first, length)
        cos, sin = self._rotary(x, positions)  # (B or 1, T, D)
        half = self._head_dim // 2
        sin = torch.cat([-sin[..., :half], sin[..., half:]], dim=-1)  # for a rolled head instead of a rotated one
        fewest = _QUERIES_ALIKE if alike and x.dtype == torch.float32 else 1
        step = Step(length, cos[:, :, None], sin[:, :, None], mask, fewest)
        x = x.flatten(0, 1)  # (B T, C)
        if which is not None and len(which[0]) < batch * length:  # only attention needs to know of the other slots
            step, x = step.of(x, *which, alike=alike)
        tokens, least = x.shape[0], self._alike if alike else 0  # few would be mapped with other weights than many
        if self.device.type == "cpu":
            x = _filled_up(x, _filled(max(tokens, least)))  # (N, C)
        for layer, cache, adapter in zip(self._layers, rows.cache[..., :end, :].unbind(), rows.adapter, strict=True):
            x = layer.mlp(layer.attention(x, cache, adapter, step))
        rows.used = end
        x = x[:tokens] if step.shared is None else x[step.shared.slots]
        x = x.view(batch, length, -1)
        x = (x if all_logits else x[:, -1:]).flatten(0, 1)
        logits = self._head(self._norm(_filled_up(x, max(x.shape[0], least))))[: x.shape[0]]
        return logits.float().view(batch, -1, logits.shape[-1])

    def _mask(self, rows: Rows, slots: Tensor, first: Tensor, length: int) -> Tensor | None:
        """Return which slots each new token sees, (B or 1, 1, T, S); None: all before it, itself included."""
        if rows.padding is None and (length == 1 or rows.used == 0):
            return None
        new = slots[rows.used :, None]  # (T, 1)
        seen = (slots <= new) & (slots >= first[:, None])  # (B or 1, T, S)
        return (seen | (slots == new))[:, None]  # padding sees itself: an empty softmax is not a number


class _Layer:
    """One decoder layer, its norms included."""

    def __init__(self, layer: Any, weights: Weights, dtype: torch.dtype) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        self._attention_norm = _Norm(layer.input_layernorm, dtype)
        self._qkv = Projection([attention.q_proj, attention.k_proj, attention.v_proj], weights=weights)
        self._out = Projection([attention.o_proj], weights=weights, keep=False)
        self._scale = float(attention.scaling)
        self._mlp_norm = _Norm(layer.post_attention_layernorm, dtype)
        self._gated = GatedProjection(mlp.gate_proj, mlp.up_proj, mlp.act_fn, weights=weights)
        self._down = Projection([mlp.down_proj], weights=weights, keep=False)

    @property
    def projections(self) -> tuple[Projection, ...]:
        return self._qkv, self._out, self._gated.both, self._down

    def attention(self, x: Tensor, cache: Tensor, adapter: tuple[Tensor, Tensor] | None, step: Step) -> Tensor:
        """Add to (N, C), of which the first are tokens; their keys and values go to the last slots of the cache.

        Args:
            x: What the layers before made of the tokens.
            cache: (2, B, H_kv, S, D), keys and values.
            adapter: The layer's adapter keys and values.
            step: What all layers need to know of the tokens.
        """
        _, batch, kv_heads, _, width = cache.shape
        shared = step.shared
        rows, length = (batch, step.length) if shared is None else (1, len(shared.order))
        qkv = self._qkv(self._attention_norm(x))[: rows * length].view(rows, length, -1, width)  # (B, T, H + 2 H_kv, D)
        heads = qkv.shape[2] - 2 * kv_heads
        turning = qkv[:, :, : heads + kv_heads]
        rolled = turning.roll(width // 2, -1)
        turning.mul_(step.cos).addcmul_(rolled, step.sin)
        new = qkv[:, :, heads:] if shared is None else qkv[0, :, heads:].index_select(0, shared.slots)
        new = new.view(batch, step.length, 2, kv_heads, width)
        cache[..., -step.length :, :] = new.permute(2, 0, 3, 1, 4)
        keys, values = cache.unbind()  # (B, H_kv, S, D)
        query = qkv[:, :, :heads]
        if shared is None:
            seen = self._seen(query, keys, values, adapter, step.mask, step.fewest)
        else:
            parts = (part.of(query[0], keys, values, adapter) for part in shared.parts)
            seen = torch.cat([self._seen(*part) for part in parts]).index_select(0, shared.order)
        return self._out.added_to(x, _filled_up(seen, x.shape[0]))

    def _seen(
        self,
        query: Tensor,
        keys: Tensor,
        values: Tensor,
        adapter: tuple[Tensor, Tensor] | None,
        mask: Tensor | None,
        fewest: int = 1,
    ) -> Tensor:
        """Return what queries (B, T, H, D) see, (B T, H D); see `attention` and `Step`."""
        query = query.transpose(1, 2)  # (B, H, T, D)
        batch, heads, length, width = query.shape
        if length == 1:  # the heads of a group are queries of one head: no key is repeated
            group = heads // keys.shape[1]
            grouped = query.view(batch, -1, group, width)
            if group < fewest:
                grouped = F.pad(grouped, (0, 0, 0, fewest - group))
            seen = F.scaled_dot_product_attention(grouped, keys, values, mask, scale=self._scale)
            seen = seen[:, :, :group].reshape(query.shape)
        else:
            seen = F.scaled_dot_product_attention(
                query, keys, values, mask, is_causal=mask is None, scale=self._scale, enable_gqa=True
            )  # (B, H, T, D)
        if adapter is not None:
            seen = seen + _attend_to_prompt(query, *adapter, scale=self._scale)
        return seen.transpose(1, 2).reshape(batch * length, -1)

    def mlp(self, x: Tensor) -> Tensor:
        """Add to (N, C)."""
        return self._down.added_to(x, self._gated(self._mlp_norm(x)))


def _filled(tokens: int) -> int:
    """Return how many rows a pass over so many tokens has; few are mapped as they are."""
    if tokens <= FEW:
        return tokens
    step = _STEP if tokens <= _FINE else _STRIDE
    return -(-tokens // step) * step


def _filled_up(x: Tensor, rows: int) -> Tensor:
    """Return (rows, C) from (N, C), with rows of zeros at the end if there are fewer."""
    return x if x.shape[0] == rows else F.pad(x, (0, 0, 0, rows - x.shape[0]))


def _attend_to_prompt(query: Tensor, keys: Tensor, values: Tensor, *, scale: float) -> Tensor:
    """Return what queries (B, H, T, D) see of an adapter's keys and values, (B or 1, H, L, D) each."""
    if keys.shape[0] == query.shape[0]:
        return F.scaled_dot_product_attention(query, keys, values, scale=scale)
    batch, heads, length, width = query.shape  # one prompt for all rows: they are queries of one row
    together = query.transpose(0, 1).reshape(1, heads, batch * length, width)
    seen = F.scaled_dot_product_attention(together, keys, values, scale=scale)
    return seen.view(heads, batch, length, width).transpose(0, 1)


class _Norm:
    """RMSNorm (arXiv 1910.07467), on a CPU by kernels that PyTorch has for other norms: its own is ten operations.

    Of one row it is LayerNorm of [x, -x], whose mean is 0 and whose variance is the mean square of x; of more,
    BatchNorm with rows for channels, whose variances are given.
    """

    def __init__(self, norm: Any, dtype: torch.dtype) -> None:
        self._weight = norm.weight.detach().to(dtype)  # while it is trained, it is in float32
        self._epsilon = float(norm.variance_epsilon)
        self._twice = torch.cat([self._weight, self._weight]) if self._weight.device.type == "cpu" else None

    def __call__(self, x: Tensor) -> Tensor:
        """Map (N, C) to (N, C)."""
        if self._twice is None:
            return F.rms_norm(x, self._weight.shape, self._weight, self._epsilon)
        if x.shape[0] == 1:  # not len(x), which costs PyTorch as much as a small operation
            both = F.layer_norm(torch.cat([x, -x], dim=-1), self._twice.shape, self._twice, None, self._epsilon)
            return both[:, : x.shape[1]]
        size = torch.linalg.vector_norm(x, dim=-1, dtype=torch.float32)  # (N)
        square = size.square().div_(x.shape[1])
        return F.batch_norm(x[None], torch.zeros_like(size), square, eps=self._epsilon)[0].mul_(self._weight)
