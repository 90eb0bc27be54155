"""The lesson of `SeenWords`, in closed form: ridge regression of words' shares on pictures' pooled features.

A map of thousands of features knows the pictures it was fitted to far better than others, and a language model that
read such words would learn to trust them. So later stages read, of each of these pictures, the words that maps fitted
without it tell: stacked generalisation (Wolpert, 1992).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vqa.adapter_model.seen_words import SeenWords, pooled
from vqa.adapter_model.training.batches import Material, Readable
from vqa.errors import InputError

FEWEST = 15  # answers that hold a word, below which it is left out
_FOLDS = 10
_PENALTY = 1.7  # of a weight's square, for each example; features have variance 1
_TOLD = 0.005  # share of a word's variance that maps fitted without a picture must explain, or it is never told
_CHUNK = 256


def usual_words(answers: Iterable[Sequence[int]]) -> tuple[int, ...]:
    """Return the tokens that enough answers hold, the most usual first."""
    held = Counter(token for ids in answers for token in set(ids))
    return tuple(token for token, count in held.most_common() if count >= FEWEST)


class WordLesson:
    """What some sources' pictures teach about words.

    Args:
        path: What learns it.
        words: Tokens of the base, in the order of the path's shares.
        sources: Rows with pictures; all answers to a picture should share its row.

    Raises:
        InputError: No row has a picture.
    """

    def __init__(self, path: SeenWords, words: Sequence[int], sources: Sequence[Material]) -> None:
        self._path = path
        self._places = {token: place for place, token in enumerate(words)}
        examples = [example for source in sources for example in source.pictures()]
        store = sources[0].store
        if not examples or store is None:
            raise InputError("a stage that learns words got rows without a picture; name its sources")
        self._records = np.array([record for records, _ in examples for record in records])
        folds = np.array([records[0] % _FOLDS for records, _ in examples for _ in records])
        wanted = torch.stack([self._shares([a.ids for a in row.answers]) for records, row in examples for _ in records])
        chunks = np.array_split(self._records, -(-len(self._records) // _CHUNK))
        seen = torch.cat([pooled(store.read(chunk)) for chunk in chunks])  # (N, 2 F)
        self.middle, self.spread = seen.mean(0), seen.std(0) + 1e-3
        seen = (seen - self.middle) / self.spread
        self.usual = wanted.mean(0)
        wanted -= self.usual
        parts = [folds == fold for fold in range(_FOLDS)]
        products = [(seen[part].T @ seen[part], seen[part].T @ wanted[part]) for part in parts]
        gram, cross = (torch.stack(kind).sum(0) for kind in zip(*products, strict=True))
        whole = _ridge(gram, cross, len(seen))  # (2 F, W)
        _, directions = torch.linalg.eigh(whole.T @ gram @ whole)  # of what the map tells, the largest last
        back = directions[:, -path.into.out_features :]  # (W, rank): reduced-rank regression (Izenman, 1975)
        told = torch.empty_like(wanted)
        for part, (own_gram, own_cross) in zip(parts, products, strict=True):
            if part.any():
                others = _ridge(gram - own_gram, cross - own_cross, len(seen) - int(part.sum()))
                told[part] = seen[part] @ others @ back @ back.T
        unexplained = ((wanted - told) ** 2).mean(0) / wanted.var(0, unbiased=False).clamp(min=1e-9)
        self.kept = (unexplained < 1 - _TOLD).float()  # (W)
        self.usual *= self.kept
        self.into, self.out = (whole @ back).T, back * self.kept[:, None]
        self.error = float(((wanted - told)[:, self.kept > 0] ** 2).sum(1).mean())
        likeliest = (told * self.kept).argmax(1, keepdim=True)
        self.right = float(((wanted + self.usual).gather(1, likeliest) > 0).float().mean())
        self._told = (told * self.kept + self.usual).half()

    @torch.no_grad()
    def teach(self) -> None:
        """Give the path the fitted map."""
        found = {"middle": self.middle, "spread": self.spread, "into.weight": self.into, "out.weight": self.out}
        for name, value in {**found, "usual": self.usual}.items():
            self._path.get_parameter(name).copy_(value)

    def forecasts(self, store: Readable) -> Forecasts:
        """Return what is read of pictures from now on."""
        return Forecasts(self._path, store, self._records, self._told)

    def _shares(self, answers: Sequence[Sequence[int]]) -> Tensor:
        shares = torch.zeros(len(self._places))
        for ids in answers:
            for token in set(ids) & self._places.keys():
                shares[self._places[token]] += 1 / len(answers)
        return shares


class Forecasts:
    """Words' shares of pictures: those fitted to, by maps fitted without them; others, by the path's own.

    Args:
        path: Taught.
        store: Where the features are.
        records: (N) records that were fitted to.
        told: (N, W) their shares.
    """

    def __init__(self, path: SeenWords, store: Readable, records: NDArray[np.int64], told: Tensor) -> None:
        self.shape = 1, told.shape[1]
        self._path, self._store, self._told = path, store, told
        self._places = {int(record): place for place, record in enumerate(records)}

    @torch.no_grad()
    def read(self, records: NDArray[np.int64]) -> Tensor:
        """Return shares (B, 1, W), float16."""
        places = [self._places.get(int(record)) for record in records]
        new = [number for number, place in enumerate(places) if place is None]
        told = self._told[[place or 0 for place in places]]
        if new:
            device = self._path.usual.device
            told[new] = self._path.shares(pooled(self._store.read(records[new]).to(device))).to("cpu", told.dtype)
        return told[:, None]


def _ridge(gram: Tensor, cross: Tensor, count: int) -> Tensor:
    found: Tensor = torch.linalg.solve(gram + _PENALTY * count * torch.eye(len(gram)), cross)
    return found
