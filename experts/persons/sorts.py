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


def shares(heads: Sequence[float]) -> Mapping[str, float]:
    """Return how likely somebody is of each sort, by how likely they are called female, and a child."""
    female, child = heads
    return {
        "man": (1 - female) * (1 - child),
        "woman": female * (1 - child),
        "boy": (1 - female) * child,
        "girl": female * child,
    }
