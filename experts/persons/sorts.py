"""The sorts of people that are told apart, by two things of which one says nothing of the other: sex and age.

benchmarks/people.py fits both on people's captions: a logistic regression each on what the vision network sees of
somebody, as a detector finds them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

FILE = Path(__file__).with_name("heads.safetensors")
HEADS = ("female", "child")
SORTS = ("man", "woman", "boy", "girl")
EACH = 0.7
"""What the evidence of somebody and that of their surroundings weigh: they partly tell the same."""


def shares(heads: Sequence[float]) -> Mapping[str, float]:
    """Return how likely somebody is of each sort, by how likely they are called female, and a child."""
    female, child = heads
    return {
        "man": (1 - female) * (1 - child),
        "woman": female * (1 - child),
        "boy": (1 - female) * child,
        "girl": female * child,
    }


def together(alone: Mapping[str, float], around: Mapping[str, float]) -> Mapping[str, float]:
    """Return how likely somebody is of each sort, by what is seen of them alone and of the whole picture."""
    weights = {sort: (alone[sort] * around[sort]) ** EACH for sort in SORTS}
    whole = sum(weights.values())
    return {sort: weight / whole for sort, weight in weights.items()}
