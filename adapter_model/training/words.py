"""The first lesson of a visual path: which words a picture's captions hold, told in the language model's embeddings.

Each of the picture's vectors is held against the embeddings of the words that occur in captions; a word is told by the
vectors nearest to it. The language model itself is not run, so that an epoch costs a tenth of what it does with it, and
what it reads afterwards lies where its own words lie. Not in the papers: MiniGPT-4 takes over a Q-Former that BLIP-2
(arXiv 2301.12597, section 3.2) taught to meet its captions, and LLaMA-Adapter V2 has 567,000 captions to learn from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqa.adapter_model.training.batches import Batch
from vqa.adapter_model.training.rows import Row
from vqa.adapter_model.training.seen_words import FEWEST
from vqa.errors import InputError

_SHARPNESS = 10.0  # of the cosines: logits a unit of likeness


class WordLoss(nn.Module):
    """A visual path as the loss of the words it tells.

    Args:
        model: An adapted model; only its visual path and its token embeddings are used.
        rows: All that is learnt from, every one with a picture.

    Raises:
        InputError: A row has none.
    """

    middle: Tensor
    words: Tensor
    usual: Tensor
    places: Tensor

    def __init__(self, model: Any, rows: Iterable[Row]) -> None:
        super().__init__()
        self.model = model
        embedding = model.get_input_embeddings().weight
        held, answers = torch.zeros(len(embedding)), 0
        for row in rows:
            if row.picture < 0:
                raise InputError("a stage that learns words got rows without a picture; name its sources")
            for answer in row.answers:
                held[list(set(answer.ids))] += 1
                answers += 1
        kept = held >= min(FEWEST, answers)
        words = embedding.detach()[kept.to(embedding.device)].float()  # (W, C)
        middle = words.mean(0)
        places = torch.full((len(embedding),), -1)
        places[kept] = torch.arange(int(kept.sum()))
        usual = (held[kept] / answers).clamp(1e-4, 1 - 1e-4).logit()
        for name, value in {
            "middle": middle,
            "words": F.normalize(words - middle, dim=-1),
            "usual": usual,
            "places": places,
        }.items():
            self.register_buffer(name, value.to(embedding.device), persistent=False)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the summed loss in nats over the B pictures, and of how many the likeliest word is in a caption."""
        vectors = self.model.visual(batch.features).float()  # (B, V, C)
        likeness = F.normalize(vectors - self.middle, dim=-1) @ self.words.T * _SHARPNESS  # (B, V, W)
        logits = likeness.logsumexp(dim=1) + self.usual - math.log(vectors.shape[1])  # (B, W)
        wanted = self._shares(batch)
        loss = F.binary_cross_entropy_with_logits(logits, wanted, reduction="sum")
        return loss, (wanted.gather(1, (logits - self.usual).argmax(1, keepdim=True)) > 0).sum()

    def _shares(self, batch: Batch) -> Tensor:
        """Return the share of each picture's answers that hold each word, (B, W)."""
        length = batch.ids.shape[1]
        rows = batch.sources // length  # (N)
        first = torch.full((len(batch.ids),), length, device=rows.device)
        first = first.scatter_reduce(0, rows, batch.sources % length, "amin")  # where every answer of a row begins
        begins = batch.sources % length == first[rows]
        answers = torch.zeros(len(batch.ids), device=rows.device).index_add_(0, rows, begins.float())
        places = self.places[batch.targets]
        known = places >= 0
        shares = torch.zeros(len(batch.ids), len(self.words), device=rows.device)
        shares.index_put_((rows[known], places[known]), shares.new_ones(1), accumulate=True)
        return (shares / answers[:, None]).clamp(max=1)  # a word twice in one answer is told as if in two
