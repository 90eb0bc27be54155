"""A picture as the words that people would say of it, in the language model's own embeddings.

A linear map tells for each of some words in what share of captions it would stand. The likeliest stand in the prompt,
each with how sure it is. High-level concepts instead of features go back to Wu et al. (arXiv 1506.01144), who let a
recurrent network read the shares; here the language model reads words, which it knows.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SeenWords(nn.Module):
    """Maps patch features to the embeddings of the words they show.

    Args:
        features: Width of a patch's features.
        width: Rank of the linear map.
        words: (W, C) the words' embeddings, frozen.
        vectors: How many of the likeliest words stand in the prompt.
    """

    words: Tensor

    def __init__(self, *, features: int, width: int, words: Tensor, vectors: int) -> None:
        super().__init__()
        count, hidden = words.shape
        self.vectors = vectors
        self.middle = nn.Parameter(torch.zeros(2 * features))
        self.spread = nn.Parameter(torch.ones(2 * features))
        self.into = nn.Linear(2 * features, width, bias=False)
        self.out = nn.Linear(width, count, bias=False)
        self.usual = nn.Parameter(torch.zeros(count))  # share of all captions; 0: a word that no picture tells
        self.sureness = nn.Parameter(torch.zeros(2, hidden))
        self.scale = nn.Parameter(torch.ones(hidden))
        self.register_buffer("words", words, persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Map patch features (B, P, F), or shares (B, 1, W) told beforehand, to vectors (B, V, C).

        No gradient reaches the map that tells the shares: it is fitted, and must not be bent to single pictures.
        """
        with torch.no_grad():
            shares = features[:, 0].float() if features.shape[1] == 1 else self.shares(pooled(features))  # (B, W)
            share, place = shares.topk(self.vectors, dim=1)  # (B, V)
            usual = self.usual[place]
        lift = (share - usual) / (usual * (1 - usual)).sqrt().clamp(min=1e-3)
        sure = torch.stack([share, lift], dim=-1) @ self.sureness  # (B, V, C)
        return self.words[place].float() * self.scale + sure

    def shares(self, features: Tensor) -> Tensor:
        """Return each word's share of the captions, (B, W), from pooled features (B, 2 F)."""
        with torch.autocast(features.device.type, enabled=False):  # bfloat16 would shuffle the likeliest
            told: Tensor = self.out(self.into((features - self.middle) / self.spread)) + self.usual
        return told


def pooled(features: Tensor) -> Tensor:
    """Return the mean and the largest of each channel over the patches: (B, P, F) to (B, 2 F), float32."""
    return torch.cat([features.float().mean(1), features.float().amax(1)], dim=-1)
