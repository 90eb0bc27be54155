"""Captions against several people's: CIDEr-D, and BLEU-1 to BLEU-4, as the COCO caption evaluation computes them.

BLEU: Papineni et al. (ACL 2002), with the constants of https://github.com/tylin/coco-caption. METEOR and SPICE are left
out: the first needs WordNet or Java, the second Java.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from vqa.agent.evaluation.cases import Case
from vqa.agent.evaluation.measures import Array, Figure, Measures, share
from vqa.cider import ORDERS, Cider, Ngrams, ngrams

_TINY, _SMALL = 1e-15, 1e-9  # added above and below every ratio of BLEU, so that none is 0 or divided by 0


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
    given = [ngrams(answer or "") for answer in answers]
    cider = Cider([case.row.answers for case in cases])
    scores = [cider(place, caption) for place, caption in enumerate(given)]
    rows = tuple(
        (score, 1.0, *bleu_counts(caption, [ngrams(reference) for reference in case.row.answers]))
        for score, caption, case in zip(scores, given, cases, strict=True)
    )
    figures = (Figure("CIDEr", "number"), *(Figure(f"BLEU-{n}") for n in range(1, ORDERS + 1)))
    return Measures(tuple(scores), rows, figures, _figures, graded=False)


def _figures(sums: Array) -> Array:
    import numpy as np

    return np.concatenate([share(sums[..., :1], sums[..., 1:2]), bleu(sums[..., 2:])], axis=-1)


def _length(counts: Ngrams) -> int:
    return sum(n for gram, n in counts.items() if len(gram) == 1)
