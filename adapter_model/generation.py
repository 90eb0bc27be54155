"""Decoding: one loop over a cached batch, greedy or sampled, and token ids turned into text as they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from tokenizers import Tokenizer
from torch import Tensor

from vqa.adapter_model.attention import AdapterKeysValues
from vqa.adapter_model.engine import Engine
from vqa.values import GenerationOptions


@torch.inference_mode()
def decode(
    engine: Engine,
    prompts: Sequence[Sequence[int]],
    adapter: AdapterKeysValues,
    options: GenerationOptions,
    *,
    stop_ids: frozenset[int],
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

    Raises:
        InputError: An empty prompt, or one too long for the model with `max_new_tokens` after it.
    """
    generators = [torch.Generator().manual_seed(options.seed) for _ in prompts]
    alive = list(range(len(prompts)))  # the prompt that each decoded row belongs to
    rows, logits = engine.read(prompts, adapter, room=options.max_new_tokens)  # logits (B, V)
    for left in reversed(range(options.max_new_tokens)):
        chosen = _choose(logits, options, [generators[prompt] for prompt in alive])  # (B,)
        logprobs = logits.gather(1, chosen[:, None])[:, 0] - logits.logsumexp(-1)
        step: list[tuple[int, float] | None] = [None] * len(prompts)
        kept = []
        for row, (prompt, token, logprob) in enumerate(zip(alive, chosen.tolist(), logprobs.tolist(), strict=True)):
            if token not in stop_ids:
                step[prompt] = token, logprob
                kept.append(row)
        if not kept:
            return
        yield step
        if left:
            if len(kept) < len(alive):
                rows, alive, chosen = rows.select(kept), [alive[row] for row in kept], chosen[kept]
            logits = engine.extend(rows, chosen[:, None])[:, -1]


def _choose(logits: Tensor, options: GenerationOptions, generators: Sequence[torch.Generator]) -> Tensor:
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


class TextPieces:
    """Turns token ids into pieces of text whose concatenation is the text of all ids.

    A character may span several byte-level tokens; its bytes are held back until it is whole. The piece before is
    decoded along, because a LLaMA 1 or 2 tokenizer drops the space that a text begins with.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._before: list[int] = []
        self._held: list[int] = []

    def push(self, token: int) -> str:
        """Return the text that became complete with this id, perhaps none."""
        self._held.append(token)
        text = self._new_text()
        return "" if text.endswith("\N{REPLACEMENT CHARACTER}") else self._release(text)

    def flush(self) -> str:
        """Return what was held back; bytes that never became a character show as U+FFFD."""
        return self._release(self._new_text())

    def _new_text(self) -> str:
        before, both = (
            self._tokenizer.decode(ids, skip_special_tokens=False)
            for ids in (self._before, [*self._before, *self._held])
        )
        return both[len(before) :]

    def _release(self, text: str) -> str:
        if self._held:
            self._before, self._held = self._held, []
        return text
