"""Decoding: one loop over a cached batch, greedy or sampled, and token ids turned into text as they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import DynamicCache

from vqa.adapter_model.attention import AdapterKeysValues
from vqa.adapter_model.model import AdapterLlama
from vqa.values import GenerationOptions


@torch.inference_mode()
def decode(
    model: AdapterLlama,
    prompts: Sequence[Sequence[int]],
    adapter: AdapterKeysValues,
    options: GenerationOptions,
    *,
    stop_ids: frozenset[int],
) -> Iterator[list[tuple[int, float] | None]]:
    """Yield, step by step, every row's next token id and its natural-log probability; None once a row has stopped.

    Rows are padded on the left and never see each other: a row comes out as it would alone, sampled ones too, since
    each draws from a generator of its own. Log probabilities are the model's own, before temperature and top_p.

    Args:
        model: In eval mode.
        prompts: Token ids, one non-empty list a row.
        adapter: From `model.adapter_keys_values`, batch 1 or that of `prompts`.
        options: temperature 0 is greedy.
        stop_ids: Ids that end a row; they are not yielded.
    """
    device = model.device
    longest = max(len(ids) for ids in prompts)
    padded = [[0] * (longest - len(ids)) + list(ids) for ids in prompts]
    input_ids = torch.tensor(padded, device=device)  # (B, T)
    lengths = torch.tensor([len(ids) for ids in prompts], device=device)
    mask = (torch.arange(longest, device=device) >= longest - lengths[:, None]).long()  # (B, T)
    generators = [torch.Generator().manual_seed(options.seed) for _ in prompts]
    cache = DynamicCache(config=model.config)
    running = [True] * len(prompts)
    for _ in range(options.max_new_tokens):
        logits = (
            model(
                input_ids,
                attention_mask=mask,
                past_key_values=cache,
                adapter=adapter,
                use_cache=True,
                logits_to_keep=1,
            )
            .logits[:, -1]
            .float()
        )  # (B, V)
        chosen = _choose(logits, options, generators)  # (B,)
        logprobs = logits.gather(1, chosen[:, None])[:, 0] - logits.logsumexp(-1)
        ids = chosen.tolist()
        running = [alive and token not in stop_ids for alive, token in zip(running, ids, strict=True)]
        if not any(running):
            return
        yield [
            (token, logprob) if alive else None
            for alive, token, logprob in zip(running, ids, logprobs.tolist(), strict=True)
        ]
        input_ids = chosen[:, None]
        mask = torch.cat([mask, mask.new_ones(len(prompts), 1)], dim=1)


def _choose(logits: Tensor, options: GenerationOptions, generators: Sequence[torch.Generator]) -> Tensor:
    """Return each row's next id, (B,): the likeliest, or drawn from the top_p nucleus at the temperature."""
    if options.temperature <= 0:
        return logits.argmax(-1)
    probabilities, order = (logits / options.temperature).softmax(-1).sort(descending=True)
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
