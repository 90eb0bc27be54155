"""CIDEr-D (Vedantam et al., arXiv 1411.5726, §6): how far a caption says what several people said of a picture.

Constants that the paper leaves open are those of https://github.com/tylin/coco-caption, so that figures can be held
against published ones; words are those of `ptb.tokenise`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache

from vqa.ptb import tokenise

Ngrams = Counter[tuple[str, ...]]
_Weighed = tuple[dict[tuple[str, ...], float], list[float], int]

ORDERS = 4
_SIGMA = 6.0  # bigrams of difference in length at which the Gaussian penalty is exp(-1/2)


def ngrams(caption: str) -> Ngrams:
    """Return how often each run of one to four words occurs."""
    words = tokenise(caption)
    return Counter(tuple(words[i : i + n]) for n in range(1, ORDERS + 1) for i in range(len(words) - n + 1))


class Cider:
    """CIDEr-D of captions of some pictures.

    An n-gram's weight is the log of how many of the pictures have no such n-gram in their references.

    Args:
        references: What people said of each picture.
    """

    def __init__(self, references: Iterable[Sequence[str]]) -> None:
        counted = [[ngrams(reference) for reference in of_one] for of_one in references]
        self._pictures = math.log(len(counted)) if counted else 0.0
        self._seen: Counter[tuple[str, ...]] = Counter(gram for refs in counted for gram in set().union(*refs))
        self._references = counted
        self._weighed = cache(lambda picture: [self._weigh(reference) for reference in counted[picture]])

    def __call__(self, picture: int, caption: Ngrams) -> float:
        """Return the score of a caption's n-grams, about 1 for one as people write them, at most 10.

        Args:
            picture: Its place among the references.
            caption: What `ngrams` makes of it.
        """
        given, references = self._weigh(caption), self._weighed(picture)
        return 10.0 * sum(_similarity(given, wanted) for wanted in references) / len(references)

    def _weigh(self, counts: Ngrams) -> _Weighed:
        """Return tf-idf weights, their norm for each n, and the number of bigrams, which stands for the length."""
        weights = {gram: n * (self._pictures - math.log(max(1, self._seen[gram]))) for gram, n in counts.items()}
        squares = [0.0] * ORDERS
        for gram, weight in weights.items():
            squares[len(gram) - 1] += weight**2
        bigrams = sum(n for gram, n in counts.items() if len(gram) == 2)
        return weights, [math.sqrt(square) for square in squares], bigrams


def _similarity(caption: _Weighed, reference: _Weighed) -> float:
    given, given_norms, given_length = caption
    wanted, wanted_norms, wanted_length = reference
    dots = [0.0] * ORDERS
    for gram, weight in given.items():
        if gram in wanted:
            dots[len(gram) - 1] += min(weight, wanted[gram]) * wanted[gram]
    cosines = (dot / ((a * b) or 1.0) for dot, a, b in zip(dots, given_norms, wanted_norms, strict=True))
    penalty = math.exp(-((given_length - wanted_length) ** 2) / (2 * _SIGMA**2))
    return penalty * sum(cosines) / ORDERS
