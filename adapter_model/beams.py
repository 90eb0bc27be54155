"""Beam search by mean log probability, as transformers' `generate(num_beams=…, length_penalty=1.0)` has it.

Each step continues the kept texts by their likeliest tokens. A text that ends is set aside with its score: the sum of
its tokens' log probabilities, the stop's included, over their number. The search ends when no kept text's score is
above the worst of as many ended ones, or at the longest answer, where the kept ones count as ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vqa.adapter_model.attention import AdapterKeysValues
from vqa.adapter_model.engine import Engine
from vqa.adapter_model.repetition import without_repeats
from vqa.values import GenerationOptions


@dataclass(frozen=True)
class Beam:
    """A text, the natural-log probability of each of its tokens, without the stop's, and the mean with the stop's."""

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    mean: float = 0.0


@torch.inference_mode()
def search(
    engine: Engine,
    prompt: Sequence[int],
    adapter: AdapterKeysValues,
    options: GenerationOptions,
    *,
    stop_ids: frozenset[int],
    vectors: Tensor | None = None,
    no_repeat: int = 0,
) -> list[Beam]:
    """Return the texts that `options.num_beams` beams come to, as many at most, the highest mean log probability first.

    Args:
        engine: Of the model that made `adapter`.
        prompt: Token ids.
        adapter: From `model.adapter_keys_values`, batch 1.
        options: `num_beams` and `max_new_tokens`; the search is greedy, whatever the temperature.
        stop_ids: Ids that end a text; they are not part of it.
        vectors: (1, N, C) what stands in the prompt's slots, if it has any.
        no_repeat: Tokens in a row that no text says twice; 0: they may be.

    Raises:
        InputError: An empty prompt, or one too long for the model with `max_new_tokens` after it.
    """
    width = options.num_beams
    wanted = max(2, 1 + len(stop_ids)) * width  # so many that `width` of them go on, should the others all stop
    rows, logits = engine.read([prompt], adapter, room=options.max_new_tokens, vectors=vectors)
    kept, sums = [Beam((), ())], [0.0]
    ended: list[Beam] = []
    for length in range(1, options.max_new_tokens + 1):
        logprobs = without_repeats(logits.log_softmax(-1), [text.ids for text in kept], no_repeat)  # (B, V)
        totals = (logprobs + logprobs.new_tensor(sums)[:, None]).flatten()
        best, places = totals.topk(min(wanted, len(totals)))
        grown: list[tuple[int, int, Beam, float]] = []
        for rank, (total, place) in enumerate(zip(best.tolist(), places.tolist(), strict=True)):
            parent, token = divmod(place, logits.shape[1])
            text = kept[parent]
            longer = Beam((*text.ids, token), (*text.logprobs, total - sums[parent]))
            stops = token in stop_ids
            if rank < width and (stops or length == options.max_new_tokens):
                ended.append(replace(text if stops else longer, mean=total / length))
            if not stops and len(grown) < width:
                grown.append((parent, token, longer, total))
        ended = sorted(ended, key=lambda beam: beam.mean, reverse=True)[:width]
        if length == options.max_new_tokens or not grown:
            break
        parents, tokens, kept, sums = (list(column) for column in zip(*grown, strict=True))
        if len(ended) == width and sums[0] / length <= ended[-1].mean:
            break
        rows = rows.select(parents)
        logits = engine.extend(rows, torch.tensor(tokens, device=engine.device)[:, None])[:, -1]
    return ended
