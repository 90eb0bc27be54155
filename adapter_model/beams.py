"""Beam search by mean log probability, as transformers' `generate(num_beams=…, length_penalty=1.0)` has it.

Each step continues the kept texts by their likeliest tokens. A text that ends is set aside with its score: the sum of
its tokens' log probabilities, the stop's included, over their number. The search ends when no kept text's score is
above the worst of as many ended ones, or at the longest answer, where the kept ones count as ended.

Tokens may be leaned towards: a text that tells one gains by it, once, as long as it is searched for. What is added is
what another model knows of the picture (shallow fusion, arXiv 1503.03535); the score that a text is given is its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vqa.adapter_model.attention import AdapterKeysValues
from vqa.adapter_model.engine import Engine
from vqa.adapter_model.repetition import without_repeats
from vqa.values import GenerationOptions, Score


@dataclass(frozen=True)
class Beam:
    """A text.

    Attributes:
        ids: Its tokens, without the stop.
        logprobs: The natural-log probability of each.
        mean: Their mean with the stop's.
        rank: The same with what its tokens gained.
    """

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    mean: float = 0.0
    rank: float = 0.0

    @property
    def score(self) -> Score:
        return Score(sum(self.logprobs), self.mean)


@torch.inference_mode()
def search(
    engine: Engine,
    prompts: Sequence[Sequence[int]],
    adapter: AdapterKeysValues,
    options: GenerationOptions,
    *,
    stop_ids: frozenset[int],
    vectors: Tensor | None = None,
    no_repeat: int = 0,
    leanings: Sequence[Mapping[int, float]] = (),
) -> list[list[Beam]]:
    """Return the texts that each prompt's beams come to, as many at most, the highest rank first.

    To the last bit, what one prompt comes to does not depend on others of its length.

    Args:
        engine: Of the model that made `adapter`.
        prompts: Token ids.
        adapter: From `model.adapter_keys_values`, batch 1 or that of `prompts`.
        options: `num_beams` and `max_new_tokens`; the search is greedy, whatever the temperature.
        stop_ids: Ids that end a text; they are not part of it.
        vectors: (B, N, C) what stands in the prompts' slots, if they have any.
        no_repeat: Tokens in a row that no text says twice; 0: they may be.
        leanings: For each prompt, what a text gains by tokens, in natural-log units; none: nothing by any.

    Raises:
        InputError: An empty prompt, or one too long for the model with `max_new_tokens` after it.
    """
    rows, logits = engine.read(prompts, adapter, room=options.max_new_tokens, vectors=vectors, alike=True)
    leanings = leanings or [{}] * len(prompts)
    searches = [_Search(options, stop_ids, no_repeat, leaning) for leaning in leanings]
    going_on = searches
    while True:
        first, parents, tokens = 0, [], []
        for one in going_on:
            last = first + len(one.kept)
            for parent, token in one.grow(logits[first:last]):
                parents.append(first + parent)
                tokens.append(token)
            first = last
        going_on = [one for one in going_on if not one.is_done]
        if not going_on:
            return [one.ended for one in searches]
        rows = rows.select(parents)
        logits = engine.extend(rows, torch.tensor(tokens, device=engine.device)[:, None], alike=True)[:, -1]


class _Search:
    """The texts that go on and the texts that have ended, of one prompt.

    Attributes:
        kept: Those that go on.
        ended: Those that have ended, the best first.
        is_done: Whether none goes on.
    """

    def __init__(
        self, options: GenerationOptions, stop_ids: frozenset[int], no_repeat: int, leaning: Mapping[int, float]
    ) -> None:
        self.kept = [Beam((), ())]
        self.ended: list[Beam] = []
        self.is_done = False
        self._sums = [0.0]
        self._length = 0
        self._width, self._longest = options.num_beams, options.max_new_tokens
        self._stop_ids = stop_ids
        self._no_repeat = no_repeat
        self._leaning = leaning
        # So many that as many as there are beams go on, should the others all stop.
        self._wanted = max(2, 1 + len(stop_ids)) * self._width

    def grow(self, logits: Tensor) -> list[tuple[int, int]]:
        """Go on by a token; return the place of the text that each new one continues, and the token.

        Args:
            logits: (B, V) of the next token of each kept text.
        """
        self._length += 1
        length, width = self._length, self._width
        logprobs = without_repeats(logits.log_softmax(-1), [text.ids for text in self.kept], self._no_repeat)
        totals = (self._leaned(logprobs) + logprobs.new_tensor(self._sums)[:, None]).flatten()
        best, places = totals.topk(min(self._wanted, len(totals)))
        own = logprobs.flatten()[places].tolist()
        grown: list[tuple[int, int, Beam, float]] = []
        for rank, (total, logprob, place) in enumerate(zip(best.tolist(), own, places.tolist(), strict=True)):
            parent, token = divmod(place, logits.shape[1])
            text = self.kept[parent]
            longer = Beam((*text.ids, token), (*text.logprobs, logprob))
            stops = token in self._stop_ids
            if rank < width and (stops or length == self._longest):
                mean = sum(longer.logprobs) / length
                self.ended.append(replace(text if stops else longer, mean=mean, rank=total / length))
            if not stops and len(grown) < width:
                grown.append((parent, token, longer, total))
        self.ended = sorted(self.ended, key=lambda beam: beam.rank, reverse=True)[:width]
        self.is_done = length == self._longest or not grown
        if not self.is_done:
            self.kept, self._sums = [longer for *_, longer, _ in grown], [total for *_, total in grown]
            self.is_done = len(self.ended) == width and self._sums[0] / length <= self.ended[-1].rank
        return [] if self.is_done else [(parent, token) for parent, token, *_ in grown]

    def _leaned(self, logprobs: Tensor) -> Tensor:
        """Return the log probabilities, (B, V), with what each kept text would gain by a token that it has not told."""
        if not self._leaning:
            return logprobs
        gains = logprobs.new_zeros(logprobs.shape)
        gains[:, list(self._leaning)] = gains.new_tensor(list(self._leaning.values()))
        for row, text in enumerate(self.kept):
            gains[row, list(text.ids)] = 0.0
        return logprobs + gains
