"""Captions against several people's: CIDEr-D, and BLEU-1 to BLEU-4, as the COCO caption evaluation computes them.

CIDEr-D: Vedantam et al. (arXiv 1411.5726, §6). BLEU: Papineni et al. (ACL 2002). Constants that the papers leave open
are those of https://github.com/tylin/coco-caption, so that figures can be held against published ones; words are those
of `ptb.tokenise`. METEOR and SPICE are left out: the first needs WordNet or Java, the second Java.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from vqa.agent.evaluation.cases import Case
from vqa.agent.evaluation.measures import Array, Figure, Measures, share
from vqa.agent.evaluation.metrics.ptb import tokenise

Ngrams = Counter[tuple[str, ...]]

ORDERS = 4
_SIGMA = 6.0  # bigrams of difference in length at which the Gaussian penalty of CIDEr-D is exp(-1/2)
_TINY, _SMALL = 1e-15, 1e-9  # added above and below every ratio of BLEU, so that none is 0 or divided by 0


def ngrams(words: Sequence[str]) -> Ngrams:
    """Return how often each run of one to four words occurs."""
    return Counter(tuple(words[i : i + n]) for n in range(1, ORDERS + 1) for i in range(len(words) - n + 1))


def cider(captions: Sequence[Ngrams], references: Sequence[Sequence[Ngrams]]) -> list[float]:
    """Return each picture's CIDEr-D, about 1 for a caption as people write them; a corpus has the mean of them.

    An n-gram's weight is the log of how many of the pictures have no such n-gram in their references.
    """
    pictures = math.log(len(references)) if references else 0.0
    seen: Counter[tuple[str, ...]] = Counter(gram for refs in references for gram in set().union(*refs))

    def weigh(counts: Ngrams) -> tuple[dict[tuple[str, ...], float], list[float], int]:
        """Return tf-idf weights, their norm for each n, and the number of bigrams, which stands for the length."""
        weights = {gram: n * (pictures - math.log(max(1, seen[gram]))) for gram, n in counts.items()}
        norms = [0.0] * ORDERS
        for gram, weight in weights.items():
            norms[len(gram) - 1] += weight**2
        return weights, [math.sqrt(norm) for norm in norms], sum(n for gram, n in counts.items() if len(gram) == 2)

    def similarity(caption: Ngrams, reference: Ngrams) -> float:
        given, given_norms, given_length = weigh(caption)
        wanted, wanted_norms, wanted_length = weigh(reference)
        dots = [0.0] * ORDERS
        for gram, weight in given.items():
            if gram in wanted:
                dots[len(gram) - 1] += min(weight, wanted[gram]) * wanted[gram]
        cosines = (dot / ((a * b) or 1.0) for dot, a, b in zip(dots, given_norms, wanted_norms, strict=True))
        penalty = math.exp(-((given_length - wanted_length) ** 2) / (2 * _SIGMA**2))
        return penalty * sum(cosines) / ORDERS

    return [
        10.0 * sum(similarity(caption, reference) for reference in refs) / len(refs)
        for caption, refs in zip(captions, references, strict=True)
    ]


def bleu_counts(caption: Ngrams, references: Sequence[Ngrams]) -> tuple[float, ...]:
    """Return what BLEU adds up: for n of 1 to 4 the n-grams found in a reference, then those written, then two lengths.

    The lengths are the caption's, and that of the reference nearest to it, the shorter of two as near.
    """
    found, written = [0] * ORDERS, [0] * ORDERS
    most = Counter[tuple[str, ...]]()
    for reference in references:
        most |= reference
    for gram, n in caption.items():
        written[len(gram) - 1] += n
        found[len(gram) - 1] += min(n, most[gram])
    nearest = min((_length(reference) for reference in references), key=lambda n: (abs(n - written[0]), n))
    return (*map(float, found), *map(float, written), float(written[0]), float(nearest))


def bleu(sums: Array) -> Array:
    """Return BLEU-1 to BLEU-4, (..., 4), from sums of `bleu_counts`, (..., 10)."""
    import numpy as np

    found, written, length, nearest = sums[..., :4], sums[..., 4:8], sums[..., 8:9], sums[..., 9:10]
    precision = np.cumprod((found + _TINY) / (written + _SMALL), axis=-1) ** (1 / np.arange(1, ORDERS + 1))
    ratio = (length + _TINY) / (nearest + _SMALL)
    return np.asarray(precision * np.where(ratio < 1, np.exp(1 - 1 / ratio), 1.0))


def captions(cases: Sequence[Case], answers: Sequence[str | None]) -> Measures:
    """Score each answer as a caption whose references are the case's answers."""
    given = [ngrams(tokenise(answer or "")) for answer in answers]
    wanted = [[ngrams(tokenise(reference)) for reference in case.row.answers] for case in cases]
    scores = cider(given, wanted)
    rows = tuple(
        (score, 1.0, *bleu_counts(caption, refs)) for score, caption, refs in zip(scores, given, wanted, strict=True)
    )
    figures = (Figure("CIDEr", "number"), *(Figure(f"BLEU-{n}") for n in range(1, ORDERS + 1)))
    return Measures(tuple(scores), rows, figures, _figures, graded=False)


def _figures(sums: Array) -> Array:
    import numpy as np

    return np.concatenate([share(sums[..., :1], sums[..., 1:2]), bleu(sums[..., 2:])], axis=-1)


def _length(counts: Ngrams) -> int:
    return sum(n for gram, n in counts.items() if len(gram) == 1)
