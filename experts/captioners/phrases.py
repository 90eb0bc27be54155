"""How well a sentence says what people would say of a picture: by their words and pairs of words, foretold from sight.

A captioner of some million parameters often has the right sentence, and another one before it. What people say of a
picture is foretold here by other means, a ridge regression on what the vision network sees (fitted by
benchmarks/phrases.py); a sentence is held against it as CIDEr holds one against people's (arXiv 1411.5726, section 6).
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from vqa.ptb import tokenise

if TYPE_CHECKING:
    from torch import Tensor

FILE = Path(__file__).with_name("phrases.safetensors")
_ERROR = 0.003
"""What the error of what is foretold adds to the variance: of rare words it is most of it."""
_HARDLY, _FAR = 0.02, 2.0
_STORED = ("mean", "scale", "down", "up", "usual", "rarity")


def phrases_of(sentence: str) -> tuple[list[str], list[str]]:
    """Return a sentence's words, and its pairs of words that follow one another."""
    words = tokenise(sentence)
    return words, [" ".join(pair) for pair in pairwise(words)]


@dataclass(frozen=True)
class Phrases:
    """What was fitted: M phrases, the words before the pairs, of D features by way of R numbers.

    Attributes:
        known: The phrases.
        words: How many of them are words.
        mean: (D) of the features.
        scale: (D) of the features.
        down: (D, R).
        up: (R, M).
        usual: (M) how often people say each of any picture, on average.
        rarity: (M) the natural log of one over the share of pictures of which they say it.
        unknown: The same of a phrase that is not among them.
    """

    known: tuple[str, ...]
    words: int
    mean: Tensor
    scale: Tensor
    down: Tensor
    up: Tensor
    usual: Tensor
    rarity: Tensor
    unknown: float

    def often(self, features: Tensor) -> Tensor:
        """Return how often people would say each phrase of a picture with these features (D), (M)."""
        return ((features - self.mean) / self.scale) @ self.down @ self.up + self.usual

    def foretold(self, features: Tensor) -> Tensor:
        """Return the same, never less than 0, by each phrase's rarity, (M)."""
        return self.often(features).clamp(min=0) * self.rarity

    def beyond_usual(self, features: Tensor) -> Tensor:
        """Return how much more often than of any picture people would say each phrase, (M).

        In standard deviations of what is said so seldom (the square roots of the usual shares), and of the error.
        """
        return (self.often(features) - self.usual) / (self.usual + _ERROR).sqrt()

    def leanings(self, features: Tensor) -> dict[str, float]:
        """Return how much more often than of any picture people would say each word, in natural-log units, cut to ±2.

        Of a word that is hardly ever said it is next to nothing.
        """
        often, usual = (of_all[: self.words].clamp(min=0) + _HARDLY for of_all in (self.often(features), self.usual))
        far = (often / usual).log().clamp(-_FAR, _FAR)
        return dict(zip(self.known[: self.words], far.tolist(), strict=True))

    def places(self, text: str) -> list[int | None]:
        """Return the place of each of a text's words among the phrases, None for one that is not there."""
        return [self.place(word) for word in tokenise(text)]

    def place(self, phrase: str) -> int | None:
        """Return the place of a word or a pair of words, in lower case, among the phrases."""
        return self._places.get(phrase)

    def agreement(self, sentence: str, foretold: Tensor) -> float:
        """Return how well a sentence says what is foretold, in [0, 1].

        The mean of two cosines, of words and of pairs, which weigh the more the rarer they are.
        """
        told = foretold[: self.words], foretold[self.words :]
        return sum(self._cosine(said, part) for said, part in zip(phrases_of(sentence), told, strict=True)) / 2

    def _cosine(self, said: Sequence[str], foretold: Tensor) -> float:
        shared = square = 0.0
        for phrase, times in Counter(said).items():
            place = self._places.get(phrase)
            weight = times * (self.unknown if place is None else float(self.rarity[place]))
            square += weight**2
            if place is not None:
                shared += weight * float(foretold[place if place < self.words else place - self.words])
        norm = math.sqrt(square) * float(foretold.norm())
        return shared / norm if norm else 0.0

    @cached_property
    def _places(self) -> dict[str, int]:
        return {phrase: place for place, phrase in enumerate(self.known)}

    def save(self, file: Path) -> None:
        """Write them, the two matrices in half precision."""
        from safetensors.torch import save_file

        tensors = {name: getattr(self, name) for name in _STORED}
        tensors |= {name: tensors[name].half() for name in ("down", "up")}
        told = {"known": self.known, "words": self.words, "unknown": self.unknown}
        save_file(
            {name: tensor.contiguous() for name, tensor in tensors.items()},
            file,
            metadata={name: json.dumps(value) for name, value in told.items()},
        )

    @classmethod
    def load(cls, file: Path = FILE) -> Phrases:
        """Return what `save` wrote; by default what the package ships."""
        from safetensors import safe_open

        with safe_open(file, framework="pt") as stored:
            told = {name: json.loads(value) for name, value in stored.metadata().items()}
            tensors = {name: stored.get_tensor(name).float() for name in _STORED}
        return cls(tuple(told["known"]), told["words"], unknown=told["unknown"], **tensors)
