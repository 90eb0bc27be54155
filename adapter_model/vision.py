"""From frozen patch features to the visual prompt (LLaMA-Adapter V2, section 4.3 and the released multimodal code).

patches → Linear + norm → [learned visual queries ; patches] → transformer blocks → the first V → Linear + norm.
With no blocks every projected patch goes on (the paper's plain learnable projection). MiniGPT-4 (arXiv 2304.10592) has
one Linear and nothing else.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqa.adapter_model.config import AdapterConfig
from vqa.adapter_model.seen_words import SeenWords

_ROWS = 1000  # of the token embeddings, whose scale is that of all


class VisualBlock(nn.Module):
    """A pre-norm ViT block (arXiv 2010.11929), without position embeddings, as the released code uses."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, T, width) to the same shape."""
        batch, length, width = x.shape
        qkv = self.qkv(self.norm1(x)).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # (B, heads, T, width / heads) each
        seen = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(batch, length, width)
        x = x + self.proj(seen)
        hidden: Tensor = x + self.fc2(F.gelu(self.fc1(self.norm2(x))))
        return hidden


class VisualPrompter(nn.Module):
    """The trainable part of the vision path: patch features in, a prompt of the language model's width out.

    Args:
        features: Width of a patch's features.
        width: Of the projection and its blocks.
        blocks: How many.
        heads: Of each block.
        queries: Learned queries before the patches; 0: the patches themselves go on.
        hidden: Width of the language model.
        scale: Where the last norm's weight starts.
    """

    def __init__(
        self, *, features: int, width: int, blocks: int, heads: int, queries: int, hidden: int, scale: float = 1.0
    ) -> None:
        super().__init__()
        self.patch_proj = nn.Linear(features, width)
        self.patch_norm = nn.LayerNorm(width)
        self.query = nn.Parameter(torch.randn(queries, width)) if queries else None
        self.blocks = nn.ModuleList(VisualBlock(width, heads) for _ in range(blocks))
        self.out_proj = nn.Linear(width, hidden)
        self.out_norm = nn.LayerNorm(hidden)
        nn.init.constant_(self.out_norm.weight, scale)

    def forward(self, features: Tensor) -> Tensor:
        """Map patch features (B, P, features) to the visual prompt (B, V, hidden); V is P without queries."""
        x = self.patch_norm(self.patch_proj(features.to(self.patch_proj.weight.dtype)))  # (B, P, width)
        if self.query is not None:
            x = torch.cat([self.query.expand(len(x), -1, -1), x], dim=1)  # (B, V + P, width)
            for block in self.blocks:
                x = block(x)
            x = x[:, : len(self.query)]  # (B, V, width)
        prompt: Tensor = self.out_norm(self.out_proj(x))
        return prompt


class VisualProjection(nn.Module):
    """MiniGPT-4's trained part: one linear from the encoder's tokens to the language model's width."""

    def __init__(self, *, features: int, hidden: int) -> None:
        super().__init__()
        self.proj = nn.Linear(features, hidden)

    def forward(self, features: Tensor) -> Tensor:
        """Map the encoder's tokens (B, P, features) to as many vectors (B, P, hidden)."""
        projected: Tensor = self.proj(features.to(self.proj.weight.dtype))
        return projected


def visual_path(adapter: AdapterConfig, embeddings: Tensor) -> VisualPrompter | VisualProjection | SeenWords:
    """Return an untrained vision path of an adapter's shape.

    Args:
        embeddings: The language model's token embeddings (vocabulary, hidden); vectors that stand among them start at
            the same scale.
    """
    if adapter.visual_words:
        chosen = torch.tensor(adapter.visual_words, device=embeddings.device)
        words = embeddings.detach()[chosen]
        return SeenWords(
            features=adapter.vision_width, width=adapter.visual_width, words=words, vectors=adapter.visual_len
        )
    hidden, few = embeddings.shape[1], embeddings.detach()[:_ROWS].float()
    if not adapter.visual_width:
        return VisualProjection(features=adapter.vision_width, hidden=hidden)
    return VisualPrompter(
        features=adapter.vision_width,
        width=adapter.visual_width,
        blocks=adapter.visual_blocks,
        heads=adapter.visual_heads,
        queries=adapter.visual_len if adapter.visual_blocks else 0,
        hidden=hidden,
        scale=float(few.std()) if adapter.fusion == "input" and not few.is_meta else 1.0,
    )
