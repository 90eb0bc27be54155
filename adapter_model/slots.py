"""Where a picture's vectors stand among a prompt's tokens: soft prompts (MiniGPT-4, arXiv 2304.10592, section 3)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from vqa.errors import InputError

SLOT = -1
"""Stands in a list of token ids where one vector of the picture belongs."""


def embedded(embedding: nn.Embedding, ids: Tensor, vectors: Tensor | None) -> Tensor:
    """Return the tokens' embeddings, with the picture's vectors in the slots, in their order.

    Args:
        embedding: The language model's.
        ids: (B, T), `SLOT` where a vector belongs.
        vectors: (B, V, C); None: no picture.

    Returns:
        (B, T, C), in the embedding's dtype.

    Raises:
        InputError: A row has not as many slots as its picture has vectors.
    """
    slots = ids == SLOT  # (B, T)
    counts = slots.sum(dim=1)  # (B)
    found = 0 if vectors is None else vectors.shape[1]
    if bool((counts != found).any()):
        places = " or ".join(str(count) for count in sorted(set(counts.tolist())))
        raise InputError(
            f"the picture became {found} vectors, the prompt has places for {places}: take this core's adapter"
        )
    tokens: Tensor = embedding(ids.clamp(min=0))  # (B, T, C)
    return tokens if vectors is None else tokens.masked_scatter(slots[..., None], vectors.to(tokens.dtype))


def without_slots(ids: Sequence[int]) -> list[int]:
    """Return the ids of a prompt about no picture."""
    return [token for token in ids if token != SLOT]
