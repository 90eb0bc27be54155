"""Decoding: one loop over a cached batch, greedy or sampled."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence

import torch
from torch import Tensor

from vqa.adapter_model.attention import AdapterKeysValues, picked
from vqa.adapter_model.engine import Engine
from vqa.adapter_model.repetition import without_repeats
from vqa.values import GenerationOptions


@torch.inference_mode()
def decode(
    engine: Engine,
    prompts: Sequence[Sequence[int]],
    adapter: AdapterKeysValues,
    options: GenerationOptions,
    *,
    stop_ids: frozenset[int],
    ends: Callable[[int, int, float], bool] = lambda row, token, logprob: False,
    vectors: Tensor | None = None,
    pictures: Sequence[Hashable] | None = None,
    no_repeat: int = 0,
) -> Iterator[list[tuple[int, float] | None]]:
    """Yield, step by step, every row's next token id and its natural-log probability; None once a row has stopped.

    Rows are padded on the left and never see each other: a row comes out as it would alone, sampled ones too, since
    each draws from a generator of its own. A row that has stopped is not computed any more. Log probabilities are the
    model's own, before temperature, top_k and top_p.

    Args:
        engine: Of the model that made `adapter`.
        prompts: Token ids, one non-empty list a row.
        adapter: From `model.adapter_keys_values`, batch 1 or that of `prompts`.
        options: temperature 0 is greedy; `num_beams` and `stop` are not for this loop.
        stop_ids: Ids that end a row; they are not yielded.
        ends: Called with each row, its next id and that one's log probability, before they are yielded; True: it is
            the row's last.
        vectors: (B, N, C) what stands in the prompts' slots, if they have any.
        pictures: What each row is about: what prompts about the same begin with is read once.
        no_repeat: Tokens in a row that no answer says twice; 0: they may be.

    Raises:
        InputError: An empty prompt, or one too long for the model with `max_new_tokens` after it.
    """
    generators = [torch.Generator().manual_seed(options.seed) for _ in prompts]
    alive = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))  # the prompt each decoded row belongs to
    texts: list[list[int]] = [[] for _ in prompts]
    rows, logits = engine.read(
        [prompts[row] for row in alive],
        picked(adapter, alive),
        room=options.max_new_tokens,
        vectors=None if vectors is None else vectors[alive],
        pictures=None if pictures is None else [pictures[row] for row in alive],
    )  # logits (B, V)
    for left in reversed(range(options.max_new_tokens)):
        fresh = without_repeats(logits, [texts[prompt] for prompt in alive], no_repeat)
        chosen = choose(fresh, options, [generators[prompt] for prompt in alive])  # (B,)
        logprobs = logits.gather(1, chosen[:, None])[:, 0] - logits.logsumexp(-1)
        step: list[tuple[int, float] | None] = [None] * len(prompts)
        kept = []
        for row, (prompt, token, logprob) in enumerate(zip(alive, chosen.tolist(), logprobs.tolist(), strict=True)):
            if token not in stop_ids:
                step[prompt] = token, logprob
                texts[prompt].append(token)
                if not ends(prompt, token, logprob):
                    kept.append(row)
        if any(step):
            yield step
        if not kept:
            return
        if left:
            if len(kept) < len(alive):
                kept = rows.keep(kept)
                alive, chosen = [alive[row] for row in kept], chosen[kept]
            logits = engine.extend(rows, chosen[:, None])[:, -1]


def choose(logits: Tensor, options: GenerationOptions, generators: Sequence[torch.Generator]) -> Tensor:
    """Return each row's next id, (B,): the likeliest, or drawn from what top_k and then top_p leave."""
    if options.temperature <= 0:
        return logits.argmax(-1)
    probabilities, order = (logits / options.temperature).softmax(-1).sort(descending=True)
    if options.top_k:
        probabilities = probabilities[:, : options.top_k]
        probabilities = probabilities / probabilities.sum(-1, keepdim=True)
    before = probabilities.cumsum(-1) - probabilities
    nucleus = probabilities.masked_fill((before >= options.top_p) & (before > 0), 0.0)  # the first is always in
    drawn = [
        torch.multinomial(row, 1, generator=generator)  # on the CPU: one seed, one answer, on every device
        for row, generator in zip(nucleus.cpu(), generators, strict=True)
    ]
    return order.gather(1, torch.stack(drawn).to(order.device))[:, 0]
