"""Keeps decoding from going round in circles: no run of n tokens is said twice (arXiv 1705.04304, section 2.5), or what
is said over and over ends.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

_LONGEST_ROUND, _ROUNDS = 4, 8


def goes_round(text: Sequence[int]) -> bool:
    """Return whether a text ends with one to four tokens that are said eight times in a row."""
    return any(
        len(text) >= size * _ROUNDS and list(text[-size * _ROUNDS :]) == list(text[-size:]) * _ROUNDS
        for size in range(1, _LONGEST_ROUND + 1)
    )


def without_repeats(scores: Tensor, texts: Sequence[Sequence[int]], longest: int) -> Tensor:
    """Return scores in which the tokens that would complete a run a second time are impossible.

    Args:
        scores: (B, V) of each text's next token.
        texts: The ids written so far, a list a row.
        longest: Tokens of a run; 0: nothing is changed.
    """
    banned = [(row, token) for row, text in enumerate(texts) for token in _completing(text, longest)]
    if not banned:
        return scores
    rows, tokens = (list(column) for column in zip(*banned, strict=True))
    changed = scores.clone()
    changed[rows, tokens] = -float("inf")
    return changed


def _completing(text: Sequence[int], longest: int) -> list[int]:
    """Return the ids that followed wherever the text read as its last `longest` - 1 tokens do."""
    before = longest - 1
    if not 0 <= before < len(text):
        return []
    end = list(text[len(text) - before :])
    return [text[i + before] for i in range(len(text) - before) if list(text[i : i + before]) == end]
