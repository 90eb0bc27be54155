"""Fits what people would say of a picture (experts/captioners/phrases.safetensors), by which sentences are chosen.

    python benchmarks/phrases.py CAPTIONS.jsonl:PICTURES.tar [...] --cache FEATURES.pt --write

Sets, splits and the cache of features are those of benchmarks/scene.py; pictures with one caption are left out. A
phrase is a word or a pair of words that captions of at least so many pictures hold; what is foretold is how many times
a caption holds it, by a ridge regression whose matrix is then cut to the directions that the foretold differ in most.
Measured on the pictures that were not learnt from: how often a person's caption agrees more with what is foretold of
its picture than a caption of the next picture does. --write replaces the file; without it, the figures are printed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import torch
from scene import Picture, arguments, looked_at
from torch import Tensor

from vqa.experts.captioners.phrases import FILE, Phrases, phrases_of

FEWEST = (12, 15)
"""Pictures of which a word, or a pair of words, must be said."""
RIDGE = 1.5
"""Times the number of pictures."""
DIRECTIONS = 192
CHANNELS = 4096
"""Of a picture's features, those of the vision network, which come first."""
UNKNOWN = 4
"""Pictures of which a phrase that is not among them is said, for its rarity."""


def main() -> None:
    args = arguments(__doc__)
    pictures, seen = looked_at(args.sets, args.cache, least=2)
    learnt, held = ([p for p in pictures if p.learnt is which] for which in (True, False))
    phrases = fit(learnt, torch.stack([seen[p.key][:CHANNELS] for p in learnt]))
    print(f"{len(learnt)} pictures to fit; {phrases.words} words, {len(phrases.known) - phrases.words} pairs of words")
    for place, pair in enumerate(args.sets):
        those = [p for p in held if p.set == place]
        if len(those) > 1:
            told = [phrases.foretold(seen[p.key][:CHANNELS]) for p in those]
            print(f"{pair}: the picture's own caption agrees more in {better(phrases, those, told):.1%} of cases")
    if args.write:
        phrases.save(FILE)
        print(f"wrote {FILE}, {FILE.stat().st_size:,} bytes")


def fit(pictures: Sequence[Picture], features: Tensor) -> Phrases:
    """Return what is fitted to pictures with these features, (N, D)."""
    said = [[phrases_of(caption) for caption in picture.captions] for picture in pictures]
    known: list[str] = []
    words = 0
    rarity: list[float] = []
    for order, fewest in enumerate(FEWEST):
        of = Counter(phrase for captions in said for phrase in {p for caption in captions for p in caption[order]})
        kept = sorted(phrase for phrase, number in of.items() if number >= fewest)
        known += kept
        words = words or len(kept)
        rarity += [math.log(len(pictures) / of[phrase]) for phrase in kept]
    places = {phrase: place for place, phrase in enumerate(known)}
    often = torch.zeros(len(pictures), len(known))
    for row, captions in enumerate(said):
        for caption in captions:
            for phrase in (*caption[0], *caption[1]):
                if phrase in places:
                    often[row, places[phrase]] += 1 / len(captions)
    mean, scale, usual, rare = features.mean(0), features.std(0) + 1e-3, often.mean(0), torch.tensor(rarity)
    x = (features - mean) / scale
    ridge = RIDGE * len(pictures) * torch.eye(x.shape[1])
    weights = torch.linalg.solve(x.T @ x + ridge, x.T @ (often - usual)) * rare  # (D, M)
    _, directions = torch.linalg.eigh((x @ weights).T @ (x @ weights))
    kept_directions = directions[:, -DIRECTIONS:]  # (M, R)
    up = kept_directions.T / rare.clamp(min=1e-3)
    unknown = math.log(len(pictures) / UNKNOWN)
    return Phrases(tuple(known), words, mean, scale, weights @ kept_directions, up, usual, rare, unknown)


def better(phrases: Phrases, pictures: Sequence[Picture], told: Sequence[Tensor]) -> float:
    """Return the share of captions that agree more with their picture than one of the next picture does."""
    own = others = 0
    for picture, other, foretold in zip(pictures, (*pictures[1:], pictures[0]), told, strict=True):
        for caption, another in zip(picture.captions, other.captions, strict=False):
            own += phrases.agreement(caption, foretold) > phrases.agreement(another, foretold)
            others += 1
    return own / others


if __name__ == "__main__":
    main()
