"""Intervals and paired tests by resampling pictures.

Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), ch. 13 (percentile intervals). Questions about one
picture stand or fall together, so it is pictures that are drawn, each with all its questions; with one question a
picture that is the ordinary bootstrap.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from vqa.agent.evaluation.measures import Array, Figure

RESAMPLES = 1000
LEVEL = 0.95
LEAST_PICTURES = 10
"""With fewer there is no interval and no p: draws of so few say nothing."""
_AT_ONCE = 10_000_000  # weights held in memory


def by_picture(counts: Sequence[Sequence[float]], pictures: Sequence[str]) -> Array:
    """Return counts, (N, K), summed over the questions of each picture: (P, K)."""
    import numpy as np

    _, picture_of = np.unique(np.array(pictures, dtype=object).astype(str), return_inverse=True)
    sums = np.zeros((int(picture_of.max()) + 1, len(counts[0])))
    np.add.at(sums, picture_of, np.asarray(counts, dtype=float))
    return sums


def resampled(sums: Array, *, resamples: int = RESAMPLES, seed: int = 0) -> Array:
    """Return the sums of `resamples` draws of P pictures with replacement from `sums`, (P, K): (resamples, K)."""
    import numpy as np

    rng = np.random.default_rng(seed)
    pictures = len(sums)
    parts = []
    for first in range(0, resamples, step := max(1, _AT_ONCE // pictures)):
        many = min(step, resamples - first)
        weights = rng.multinomial(pictures, np.full(pictures, 1 / pictures), size=many)  # (many, P)
        parts.append(weights @ sums)
    return np.concatenate(parts)


def intervals(
    sums: Array, figures: Sequence[Figure], summarise: Callable[[Array], Array], *, resamples: int, seed: int
) -> tuple[Array, Array]:
    """Return the bounds, (F,) each, of every figure's 95 % interval, from sums by picture, (P, K).

    Where all draws give a share of 0 or all of 1, the other bound is the exact binomial one (Clopper and Pearson, 1934)
    with pictures as trials: that nothing went wrong in 50 pictures does not mean that nothing can.
    """
    import numpy as np

    if len(sums) < LEAST_PICTURES:
        return np.full(len(figures), np.nan), np.full(len(figures), np.nan)
    low, high = interval(summarise(resampled(sums, resamples=resamples, seed=seed)))
    width = 1 - ((1 - LEVEL) / 2) ** (1 / len(sums))
    for f, figure in enumerate(figures):
        if figure.kind == "share" and low[f] == high[f] and low[f] in (0.0, 1.0):
            low[f], high[f] = (0.0, width) if low[f] == 0 else (1 - width, 1.0)
    return low, high


def interval(values: Array) -> tuple[Array, Array]:
    """Return the bounds, (F,) each, of the middle 95 % of values, (resamples, F); NaN where none is defined."""
    import warnings

    import numpy as np

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)  # then the interval is NaN, as it should
        low, high = np.nanquantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return low, high


def paired(
    a: Array, b: Array, summarise: Callable[[Array], Array], *, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float, float]:
    """Return the 95 % interval of the first figure's difference b - a, and a two-sided p that there is none.

    Args:
        a: One side's sums by picture, (P, K).
        b: The other side's, of the same pictures.
        summarise: From sums to figures.
    """
    import numpy as np

    if len(a) < LEAST_PICTURES:
        return math.nan, math.nan, math.nan
    both = resampled(np.concatenate([a, b], axis=1), resamples=resamples, seed=seed)
    differences = summarise(both[:, a.shape[1] :])[:, :1] - summarise(both[:, : a.shape[1]])[:, :1]
    low, high = interval(differences)
    least = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    return float(low[0]), float(high[0]), min(1.0, 2 * (least + 1) / (resamples + 1))


def mcnemar(only_a: int, only_b: int) -> float:
    """Return the exact two-sided p that neither side is right more often, of the rows that only one got right.

    McNemar (Psychometrika 12, 1947), with the binomial distribution instead of the chi-squared approximation.
    """
    rows, fewer = only_a + only_b, min(only_a, only_b)
    ways, term = 0, 1
    for k in range(fewer + 1):
        ways += term
        term = term * (rows - k) // (k + 1)
    return min(1.0, 2 * math.exp(math.log(ways) - rows * math.log(2)))
