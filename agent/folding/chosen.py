"""What is chosen of a few answers, by how likely each of them is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vqa.values import Region

NONE = 0.3
"""What it weighs that there is none where it is asked how many there are: who asks that expects some."""


@dataclass(frozen=True)
class Chosen:
    """What people would rather say, or rather are.

    Attributes:
        asked: What is asked: "sitting or standing", "catching a frisbee", "women".
        shares: How likely each answer is the right one.
        regions: The finding's that tell.
        found: What a claim names, with how many of it are found: "1 bicycle", "no umbrellas"; "" if nothing of that.
    """

    asked: str
    shares: Mapping[str, float]
    regions: tuple[Region, ...]
    found: str = ""

    @property
    def answer(self) -> str:
        return max(self.shares, key=lambda answer: self.shares[answer])

    def __str__(self) -> str:
        return f"{self.asked}: {self.answer}"


def likely_numbers(likely: Sequence[float], *, none: float = NONE) -> list[float]:
    """Return how likely none is so, one, two, …, by how likely each is, one regardless of the others.

    Args:
        likely: How likely each is so.
        none: What it weighs that none is.
    """
    told = [1.0]
    for one in likely:
        told = [a * (1 - one) + b * one for a, b in zip((*told, 0.0), (0.0, *told), strict=True)]
    told[0] *= none
    return [share / sum(told) for share in told]
