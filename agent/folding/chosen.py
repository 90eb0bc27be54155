"""What is chosen of a few answers, by how likely each of them is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vqa.values import Region


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
