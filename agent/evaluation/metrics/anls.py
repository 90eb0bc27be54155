"""ANLS, average normalised Levenshtein similarity: right reading with slips of a character or two counts nearly whole.

Biten et al., "Scene Text Visual Question Answering" (arXiv 1905.13648, §5), with the threshold of 0.5. Two things are
as in the scorer of its challenge (https://rrc.cvc.uab.es) and not as in the paper: a similarity of exactly 0.5 still
counts, and lengths are taken before white space is tidied.
"""

from __future__ import annotations

from collections.abc import Sequence

from vqa.agent.evaluation.measures import Metric, mean_of

THRESHOLD = 0.5


def anls(answer: str, references: Sequence[str]) -> float:
    """Return the similarity to the nearest reference, in [0, 1]; 0 below the threshold."""
    nearest = max(_similarity(answer, reference) for reference in references)
    return nearest if nearest >= THRESHOLD else 0.0


def _similarity(a: str, b: str) -> float:
    longest = max(len(a.upper()), len(b.upper()))
    return 1.0 - distance(" ".join(a.lower().split()), " ".join(b.lower().split())) / longest if longest else 1.0


def distance(a: str, b: str) -> int:
    """Return how many characters must be changed, put in or taken out to make one text of the other (Levenshtein)."""
    row = list(range(len(b) + 1))
    for i, character in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (character != other))
    return row[-1]


ANLS: Metric = mean_of("ANLS", anls)
