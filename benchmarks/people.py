"""Fits who somebody is (experts/persons/heads.safetensors) on people's captions.

    python benchmarks/people.py CAPTIONS.jsonl:PICTURES.tar [...] --cache FEATURES.pt --write

Sets and splits are those of benchmarks/scene.py. An example is somebody in a picture whose captions agree about all who
are there: "two women" says it of both whom a detector finds. Where there is one caption, or none, but questions, they
must be alone. Small sets weigh more. It is learnt of what is seen of each of them, and of the
whole picture. --cache keeps that. --write replaces the heads; without it, the figures are only printed.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from dev_people import WORDS
from scene import Picture, area, arguments, balanced, fit, read
from torch import Tensor

from vqa import VQAAgent
from vqa.agent.folding.people import around
from vqa.boxes import area as area_of
from vqa.experts.persons.sorts import EACH, FILE, HEADS
from vqa.experts.scenes.heads import Heads
from vqa.images import load_image
from vqa.networks.sight import pooled, sight
from vqa.settings import Settings

RIDGE = 0.3
AGREED = 0.75
"""Share of the captions that say anything of sex, or of age, that must say the same."""
THERE, SURELY_THERE = 0.4, 0.5
"""Score from which somebody is one of those whom captions tell of; one of a picture's surely is."""
MOST = 4
"""Of so many people of a picture, the largest, is learnt."""
_GROWN_UP = {"male": WORDS["man"], "female": WORDS["woman"]}
_CHILD = {"male": WORDS["boy"], "female": WORDS["girl"]}


@dataclass(frozen=True)
class Somebody:
    """One of those whom captions agree about.

    Attributes:
        picture: Where they are.
        alone: (D) what the network makes of them.
        around: (D) what it makes of the whole picture.
        told: Whether captions call them female, and a child; None where they do not agree.
        beside: How many there are.
    """

    picture: Picture
    alone: Tensor
    around: Tensor
    told: tuple[bool | None, ...]
    beside: int


def main() -> None:
    args = arguments(__doc__)
    cache: dict[str, tuple[list[float], Tensor]] = {}
    if args.cache.exists():
        cache = torch.load(args.cache, weights_only=True)
    everybody: list[Somebody] = []
    for number, pair in enumerate(args.sets):
        captions, tar = pair.split(":")
        every = [*read(captions, tar, number), *asked_about(captions, tar, number)]
        pictures = [picture for picture in every if any(one is not None for one in told(picture.captions))]
        look(pictures, tar, cache, args.cache)
        everybody += [one for picture in pictures for one in those_in(picture, *cache[picture.key])]
    learnt, held = ([one for one in everybody if one.picture.learnt is which] for which in (True, False))
    seen = torch.stack([*(one.alone for one in learnt), *(one.around for one in learnt)])  # (2 N, D)
    mean, scale = seen.mean(dim=0), seen.std(dim=0) + 1e-3
    labels, known = labels_of([*learnt, *learnt])
    share = balanced([one.picture for one in learnt]).sqrt() * torch.tensor([1 / one.beside for one in learnt])
    weights, bias = fit((seen - mean) / scale, labels, known, share.repeat(2), RIDGE)
    heads = Heads(HEADS, mean, scale, weights, bias)
    print(f"{len(learnt)} people to fit; of each set, who is alone and who among others: people, area under the curve")
    print("and how often the likelier is so, by themselves, by the whole picture, and by both; the share that is so")
    for number, name in enumerate(HEADS):
        for place, pair in enumerate(args.sets):
            of_set = [one for one in held if one.picture.set == place and one.told[number] is not None]
            for where, alone in (("alone", True), ("among others", False)):
                if those := [one for one in of_set if (one.beside == 1) is alone]:
                    print(f"{name:<8}{Path(pair.split(':')[0]).stem:<10}{where:<14}{told_right(heads, those, number)}")
    if args.write:
        heads.save(FILE)
        print(f"wrote {FILE}, {FILE.stat().st_size:,} bytes")


def told_right(heads: Heads, people: Sequence[Somebody], number: int) -> str:
    """Return how many there are, and how well a head tells of them."""
    so = torch.tensor([bool(one.told[number]) for one in people])
    alone, around_them = (
        torch.stack([heads.shares(seen)[number] for seen in each])
        for each in ([one.alone for one in people], [one.around for one in people])
    )
    odds = ((alone / (1 - alone)) * (around_them / (1 - around_them))) ** EACH
    figures = [
        f"{area(shares, so)} {float(((shares >= 0.5) == so).float().mean()):.3f}"
        for shares in (alone, around_them, odds / (1 + odds))
    ]
    return f"{len(people):>5}   {'   '.join(figures)}   {float(so.float().mean()):.3f}"


def asked_about(captions: str, pictures: str, number: int) -> Iterator[Picture]:
    """Yield the pictures of a set to learn from that have no captions, with what is asked about them for one."""
    for row in (json.loads(line) for line in Path(captions).read_text(encoding="utf-8").splitlines()):
        if row["split"] == "train" and row.get("vqa") and not row.get("captions"):
            questions = " ".join(pair["question"] for pair in row["vqa"])
            yield Picture(f"{Path(pictures).stem}/{row['image']}", (questions,), True, number)


def told(captions: Sequence[str]) -> tuple[bool | None, ...]:
    """Return whether captions call all whom they mention female, and children; None where they do not agree."""
    female, child = [], []
    for caption in map(str.lower, captions):
        grown_up = {sex for sex, words in _GROWN_UP.items() if re.search(rf"\b(?:{words})\b", caption)}
        young = {sex for sex, words in _CHILD.items() if re.search(rf"\b(?:{words})\b", caption)}
        female.append(grown_up | young)
        children = young or re.search(rf"\b(?:{WORDS['child']})\b", caption)
        child.append({age for age, there in (("yes", children), ("no", grown_up)) if there})
    return _agreed(female, "female", "male"), _agreed(child, "yes", "no")


def _agreed(said: Sequence[set[str]], yes: str, no: str) -> bool | None:
    telling = [words for words in said if words]
    for one in (yes, no):
        if len(telling) >= min(2, len(said)) and sum(words == {one} for words in telling) >= AGREED * len(telling):
            return one == yes
    return None


def look(pictures: Sequence[Picture], tar: str, cache: dict[str, tuple[list[float], Tensor]], file: Path) -> None:
    """Add how sure the detector is of each of a picture's largest people, N, and what is seen, (N + 1, D).

    What is seen of the whole picture comes last.
    """
    missing = [picture for picture in pictures if picture.key not in cache]
    agent, seeing = VQAAgent.from_pretrained(), sight(Settings.load())
    with tarfile.open(tar) as archive, torch.inference_mode():
        for number, picture in enumerate(missing, 1):
            stored = archive.extractfile(picture.key.partition("/")[2])
            assert stored is not None
            image = load_image(stored.read())
            found = [r for r in agent.look("detect", image).regions if r.label == "person" and r.score >= THERE]
            largest = sorted(found, key=lambda r: -area_of(r.xyxy))[:MOST]
            parts = [load_image(image.pil.crop(around(person, image.pil.size))) for person in largest]
            seen = torch.stack([pooled(seeing.tokens(part)) for part in (*parts, image)])
            cache[picture.key] = [person.score for person in largest], seen.half()
            if number % 500 == 0 or number == len(missing):
                print(f"{tar}: {number} of {len(missing)} looked at", flush=True)
                torch.save(cache, file)


def those_in(picture: Picture, scores: Sequence[float], seen: Tensor) -> list[Somebody]:
    """Return a picture's people, if any is surely there."""
    beside = sum(score >= SURELY_THERE for score in scores)
    *each, whole = seen.float()
    if not beside or (len(picture.captions) == 1 and beside > 1):
        return []
    return [Somebody(picture, one, whole, told(picture.captions), beside) for one in each]


def labels_of(people: Sequence[Somebody]) -> tuple[Tensor, Tensor]:
    """Return what is told of each, (N, 2), and whether it is, (N, 2)."""
    labels = torch.tensor([[float(bool(one)) for one in person.told] for person in people])
    known = torch.tensor([[float(one is not None) for one in person.told] for person in people])
    return labels, known


if __name__ == "__main__":
    main()
