"""Learning to say what scores well: self-critical sequence training (Rennie et al., arXiv 1612.00563).

Cross-entropy teaches each token after the right ones before it; a caption is judged whole. So answers are sampled, each
is scored by CIDEr-D against the row's own answers, and its tokens are learnt with a weight: how much better it is than
the others sampled for the same row (arXiv 2003.09971; the first paper compares with the greedy answer).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from vqa.adapter_model.engine import Engine
from vqa.adapter_model.model import AdapterLlama
from vqa.adapter_model.training.batches import Batch, pack
from vqa.adapter_model.training.rows import Answer, PromptFormat, Row
from vqa.cider import Cider, ngrams

_LONGEST = 0.95  # quantile of the answers' lengths at which a sampled one is cut off: a few endless ones cost much


class SelfCritic:
    """One source's answers as the model gives them, with what they are worth.

    Args:
        model: Being trained.
        rows: The source's, each with all answers that a given one is held against.
        form: How the core writes.
    """

    def __init__(self, model: AdapterLlama, rows: Sequence[Row], form: PromptFormat) -> None:
        self._model, self._form = model, form
        self._longest = int(np.quantile([len(answer.ids) for row in rows for answer in row.answers], _LONGEST))
        self._cider = Cider([[form.text(answer.ids) for answer in row.answers] for row in rows])

    @torch.no_grad()
    def rehearsed(self, batch: Batch, *, samples: int, seed: int) -> tuple[Batch, float]:
        """Return a batch whose answers are sampled and weighted, and their mean CIDEr-D.

        Args:
            batch: Of the source's rows, on the model's device.
            samples: Answers for each row, at least 2.
            seed: Of all draws.
        """
        said = self._said(batch, samples=samples, generator=torch.Generator().manual_seed(seed))
        scores = torch.tensor([[self._score(number, ids) for ids in of_one] for number, of_one in said])  # (B, K)
        others = (scores.sum(1, keepdim=True) - scores) / (samples - 1)
        worth = (scores - others).flatten().tolist()
        answers = [[Answer(tuple(ids), (len(ids),)) for ids in of_one] for _, of_one in said]
        rows = [Row(-1, (prompt,), tuple(own), False) for prompt, own in zip(batch.prompts, answers, strict=True)]
        packed = pack(rows, batch.prompts, batch.features)
        lengths = [len(answer.ids) for own in answers for answer in own]
        weights = torch.tensor(worth, dtype=torch.float32).repeat_interleave(torch.tensor(lengths))
        return replace(packed, numbers=batch.numbers, weights=weights), float(scores.mean())

    @torch.no_grad()
    def scores(self, batch: Batch) -> list[float]:
        """Return the CIDEr-D of the likeliest answer, token by token, to each row of a batch."""
        return [self._score(number, ids) for number, (ids,) in self._said(batch, samples=1, generator=None)]

    def _score(self, number: int, ids: Sequence[int]) -> float:
        return self._cider(number, ngrams(self._form.text(ids)))

    def _said(
        self, batch: Batch, *, samples: int, generator: torch.Generator | None
    ) -> list[tuple[int, list[list[int]]]]:
        """Return each row's number and what is answered to it, the end of the answer included."""
        model, end = self._model, list(self._form.end)
        prompt = None if batch.features is None else model.visual(batch.features)  # (B, V, C)
        vectors = prompt.to(model.dtype) if prompt is not None and model.adapter.fusion == "input" else None
        engine = Engine(model)
        rows, logits = engine.read(
            batch.prompts, model.adapter_keys_values(prompt), room=self._longest, vectors=vectors
        )
        places = [place for place in range(len(batch.prompts)) for _ in range(samples)]
        rows, logits = rows.select(places), logits[places]
        said: list[list[int]] = [[] for _ in places]
        open_ones = list(range(len(said)))  # the answer that each decoded row goes on with
        for left in reversed(range(self._longest)):
            chosen = _drawn(logits, generator)  # (B)
            kept = []
            for place, (answer, token) in enumerate(zip(open_ones, chosen.tolist(), strict=True)):
                said[answer].append(token)
                if said[answer][-len(end) :] != end:
                    kept.append(place)
            if not kept or not left:
                break
            if len(kept) < len(open_ones):
                kept = rows.keep(kept)
                open_ones, chosen = [open_ones[place] for place in kept], chosen[kept]
            logits = engine.extend(rows, chosen[:, None])[:, -1]
        return [(number, said[place * samples : (place + 1) * samples]) for place, number in enumerate(batch.numbers)]


def _drawn(logits: Tensor, generator: torch.Generator | None) -> Tensor:
    """Return a token for each row of logits (B, V): drawn, or without a generator the likeliest."""
    if generator is None:
        return logits.argmax(-1)
    below = logits.float().softmax(-1).cumsum(-1)
    height = torch.rand(len(logits), 1, generator=generator).to(logits.device) * below[:, -1:]
    return torch.searchsorted(below, height)[:, 0].clamp(max=logits.shape[1] - 1)
