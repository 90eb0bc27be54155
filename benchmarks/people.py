"""Fits who somebody is (experts/persons/heads.safetensors) on people's captions.

    python benchmarks/people.py CAPTIONS.jsonl:PICTURES.tar [...] --cache FEATURES.pt --write

Sets and splits are those of benchmarks/scene.py. An example is somebody in a picture whose captions agree about all who
are there: "two women" says it of both that a detector finds. Who is "a man and a woman" nobody says of the one box and
the other, so such pictures serve to measure: as many as the captions say should be told of each. --cache keeps what is
seen of everybody. --write replaces the heads; without it, the figures are only printed.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from scene import Picture, area, arguments, fit, read
from torch import Tensor

from vqa import VQAAgent
from vqa.agent.folding.people import around
from vqa.boxes import area as area_of
from vqa.experts.persons.sorts import FILE, HEADS
from vqa.experts.scenes.heads import Heads
from vqa.images import load_image
from vqa.networks.sight import pooled, sight
from vqa.settings import Settings

FEWEST = 3
"""Captions of a picture that are enough to agree."""
AGREED = 0.75
"""Share of the captions that say anything of sex, or of age, that must say the same."""
THERE, SURELY_THERE = 0.4, 0.5
"""Score from which somebody is one of those whom captions tell of; one of a picture's surely is."""
MOST = 4
"""Of so many people of a picture, the largest, is learnt."""
_GROWN_UP = {
    "male": r"\b(?:m[ae]n|guys?|gentlem[ae]n)\b",
    "female": r"\b(?:wom[ae]n|lad(?:y|ies))\b",
}
_CHILD = {"male": r"\bboys?\b", "female": r"\bgirls?\b"}
_EITHER_SEX = r"\b(?:child(?:ren)?|kids?|toddlers?|bab(?:y|ies)|infants?)\b"


@dataclass(frozen=True)
class Somebody:
    """One of those whom captions agree about.

    Attributes:
        picture: Where they are.
        seen: (D) what the network makes of them.
        told: Whether captions call them female, and a child; None where they do not agree.
        beside: How many there are.
    """

    picture: Picture
    seen: Tensor
    told: tuple[bool | None, ...]
    beside: int


def main() -> None:
    args = arguments(__doc__)
    cache: dict[str, tuple[list[float], Tensor]] = (
        torch.load(args.cache, weights_only=True) if args.cache.exists() else {}
    )
    everybody: list[Somebody] = []
    for number, pair in enumerate(args.sets):
        captions, tar = pair.split(":")
        pictures = [
            p
            for p in read(captions, tar, number)
            if len(p.captions) >= FEWEST and any(one is not None for one in told(p.captions))
        ]
        look(pictures, tar, cache, args.cache)
        everybody += [one for picture in pictures for one in those_in(picture, *cache[picture.key])]
    learnt, held = ([one for one in everybody if one.picture.learnt is which] for which in (True, False))
    seen = torch.stack([one.seen for one in learnt])  # (N, D)
    mean, scale = seen.mean(dim=0), seen.std(dim=0) + 1e-3
    weights, bias = fit((seen - mean) / scale, *labels_of(learnt), torch.tensor([1 / one.beside for one in learnt]))
    heads = Heads(HEADS, mean, scale, weights, bias)
    print(f"{len(learnt)} people to fit; of each set, those alone and those among others: people, area under the")
    print("curve, and how often the likelier is so")
    for number, name in enumerate(HEADS):
        for place, pair in enumerate(args.sets):
            for alone in (True, False):
                those = [p for p in held if p.picture.set == place and (p.beside == 1) is alone]
                those = [p for p in those if p.told[number] is not None]
                if not those:
                    continue
                so = torch.tensor([bool(p.told[number]) for p in those])
                shares = torch.stack([heads.shares(p.seen)[number] for p in those])
                right = float(((shares >= 0.5) == so).float().mean())
                where = f"{Path(pair).stem:<10}{'alone' if alone else 'among others':<14}"
                print(
                    f"{name:<8}{where}{len(those):>5} {area(shares, so)} {right:.3f} of {float(so.float().mean()):.3f}"
                )
    if args.write:
        heads.save(FILE)
        print(f"wrote {FILE}, {FILE.stat().st_size:,} bytes")


def told(captions: Sequence[str]) -> tuple[bool | None, ...]:
    """Return whether captions call all whom they mention female, and children; None where they do not agree."""
    female, child = [], []
    for caption in map(str.lower, captions):
        grown_up = {sex for sex, words in _GROWN_UP.items() if re.search(words, caption)}
        young = {sex for sex, words in _CHILD.items() if re.search(words, caption)}
        female.append(grown_up | young)
        children = young or re.search(_EITHER_SEX, caption)
        child.append({age for age, there in (("yes", children), ("no", grown_up)) if there})
    return _agreed(female, "female", "male"), _agreed(child, "yes", "no")


def _agreed(said: Sequence[set[str]], yes: str, no: str) -> bool | None:
    telling = [words for words in said if words]
    for one in (yes, no):
        if len(telling) > 1 and sum(words == {one} for words in telling) >= AGREED * len(telling):
            return one == yes
    return None


def look(pictures: Sequence[Picture], tar: str, cache: dict[str, tuple[list[float], Tensor]], file: Path) -> None:
    """Add how sure the detector is of each of a picture's largest people, (N), and what is seen of them, (N, D)."""
    missing = [picture for picture in pictures if picture.key not in cache]
    agent, seeing = VQAAgent.from_pretrained(), sight(Settings.load())
    with tarfile.open(tar) as archive, torch.inference_mode():
        for number, picture in enumerate(missing, 1):
            stored = archive.extractfile(picture.key.partition("/")[2])
            assert stored is not None
            image = load_image(stored.read())
            found = [r for r in agent.look("detect", image).regions if r.label == "person" and r.score >= THERE]
            largest = sorted(found, key=lambda r: -area_of(r.xyxy))[:MOST]
            seen = [pooled(seeing.tokens(load_image(image.pil.crop(around(r, image.pil.size))))) for r in largest]
            cache[picture.key] = [r.score for r in largest], torch.stack(seen).clone() if seen else torch.zeros(0)
            if number % 500 == 0 or number == len(missing):
                print(f"{tar}: {number} of {len(missing)} looked at", flush=True)
                torch.save(cache, file)


def those_in(picture: Picture, scores: Sequence[float], seen: Tensor) -> list[Somebody]:
    """Return a picture's people, if any is surely there."""
    beside = sum(score >= SURELY_THERE for score in scores)
    return [Somebody(picture, one, told(picture.captions), beside) for one in seen] if beside else []


def labels_of(people: Sequence[Somebody]) -> tuple[Tensor, Tensor]:
    """Return what is told of each, (N, 2), and whether it is, (N, 2)."""
    labels = torch.tensor([[float(bool(one)) for one in person.told] for person in people])
    known = torch.tensor([[float(one is not None) for one in person.told] for person in people])
    return labels, known


if __name__ == "__main__":
    main()
