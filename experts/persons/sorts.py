"""The sorts of people that are told apart, by two things of which one says nothing of the other: sex and age.

benchmarks/people.py fits both on people's captions: a logistic regression each on what the vision network sees of
somebody, as a detector finds them. Somebody's face tells more, the larger it is in the picture.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("heads.safetensors")
HEADS = ("female", "child")
SORTS = ("man", "woman", "boy", "girl")
EACH = 0.7
"""What the evidence of somebody and that of their surroundings weigh: they partly tell the same."""
PLAIN, LARGEST = 50.0, 150.0
"""Width in pixels of a face that weighs 1, and from which it weighs no more (docs/measurements.md, "Faces")."""
GROWN_UP, A_YEAR = 28.0, 0.12
"""Age of a face that tells nothing of whether somebody is a child, and log odds by which each year younger does."""
BESIDE_A_FACE = 2.0
"""Log odds of somebody's sex beyond which nothing counts but their face, where that weighs 1 and more."""
_LEAST = 0.002


@dataclass(frozen=True)
class OfAFace:
    """What somebody's face tells of them.

    Attributes:
        width: Of the face, in pixels.
        female: How likely they are called so by it.
        age: In years.
    """

    width: float
    female: float
    age: float


def shares(heads: Sequence[float]) -> Mapping[str, float]:
    """Return how likely somebody is of each sort, by how likely they are called female, and a child."""
    female, child = heads
    return {
        "man": (1 - female) * (1 - child),
        "woman": female * (1 - child),
        "boy": (1 - female) * child,
        "girl": female * child,
    }


def together(
    alone: Mapping[str, float], around: Mapping[str, float], face: OfAFace | None = None
) -> Mapping[str, float]:
    """Return how likely somebody is of each sort, by what is seen of them, of the whole picture and their face."""
    female, child = (
        EACH * sum(_log_odds(sum(seen[sort] for sort in sorts)) for seen in (alone, around))
        for sorts in (("woman", "girl"), ("boy", "girl"))
    )
    if face is not None:
        weight = min(face.width, LARGEST) / PLAIN
        most = BESIDE_A_FACE if weight >= 1 else math.inf
        female = min(max(female, -most), most) + weight * _log_odds(face.female)
        child += weight * A_YEAR * (GROWN_UP - face.age)
    return shares((1 / (1 + math.exp(-female)), 1 / (1 + math.exp(-child))))


def _log_odds(share: float) -> float:
    kept = min(max(share, _LEAST), 1 - _LEAST)
    return math.log(kept / (1 - kept))
