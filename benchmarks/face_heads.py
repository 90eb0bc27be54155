"""Fits what a face is told to have (experts/persons/faces/heads.safetensors): glasses, a hat, a beard, blond hair.

    python benchmarks/face_heads.py flickr8k.jsonl:flickr8k.tar coco.jsonl:coco.tar --cache FACES.pt --write

Logistic regressions on what the network that tells sex and age sees of a face. An example is the face of somebody alone
whom a caption gives one, and every face of pictures whose captions give nobody any of them; and the faces of
faces_told.tsv, of which somebody said it who looked at them, which weigh more. Those are what is measured on: in six
parts, no picture in two, each by what the others tell; and how sure the heads are is scaled by what came out. Pictures
whose captions speak of none are too many: one in four is looked at. --cache keeps what is seen. --write replaces the
heads; without it, the figures are only printed.
"""

from __future__ import annotations

import csv
import re
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from faces import SAME, TOLD
from scene import Picture, area, arguments, fit, read
from torch import Tensor

from vqa import VQAAgent
from vqa.agent.folding.people import around
from vqa.boxes import overlap
from vqa.experts.persons.faces.finder import FaceFinder
from vqa.experts.persons.faces.networks import HAS, HEADS, FaceReader
from vqa.experts.scenes.heads import Heads
from vqa.images import load_image

WORDS = {
    "glasses": r"\b(?:sun|eye)?glasses\b|spectacles|goggles",
    "hat": r"\bhats?\b|\bcaps?\b|helmet|beanie",
    "beard": r"beard|mou?stache|goatee|facial hair",
    "blond hair": r"\bblonde?\b|(?:yellow|golden|fair|light)[- ]hair",
}
RIDGE = 0.3
FOLDS = 6
ONE_IN = 4
THERE = 0.5
"""Score from which somebody found is one of those whom captions tell of."""
LEAST_WIDTH = 20.0
MOST = 3
"""Of so many people of a picture, the largest, the faces are seen."""
BY_HAND = 8.0
"""What a face weighs of which somebody told who looked at it."""

Seen = Mapping[str, tuple[int, list[list[float]], Tensor]]
"""Of each picture how many people there are, the boxes of their faces and what is seen of these, (N, D)."""


@dataclass(frozen=True)
class Faces:
    """Examples.

    Attributes:
        seen: (N, D).
        labels: Whether they have each, (N, heads).
        known: Whether that is known, (N, heads).
        folds: The part that each is measured in, (N); -1: none.
    """

    seen: Tensor
    labels: Tensor
    known: Tensor
    folds: Tensor


def main() -> None:
    args = arguments(__doc__)
    seen: dict[str, tuple[int, list[list[float]], Tensor]] = {}
    if args.cache.exists():
        seen = torch.load(args.cache, weights_only=True)
    with TOLD.open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines, delimiter="\t") if any(row[name] for name in HAS)]
    by_hand = {row["picture"] for row in rows}
    pictures: list[Picture] = []
    folder = Path()
    for number, pair in enumerate(args.sets):
        captions, tar = pair.split(":")
        folder = Path(tar).parent
        those = [picture for picture in read(captions, tar, number) if picture.key not in by_hand and worth_it(picture)]
        look([picture.key for picture in those], Path(tar), seen, args.cache)
        pictures += those
    for name in {key.partition("/")[0] for key in by_hand}:
        keys = [key for key in sorted(by_hand) if key.startswith(f"{name}/")]
        look(keys, folder / f"{name}.tar", seen, args.cache)
    told, said = told_by_hand(rows, seen), told_by_captions(pictures, seen)
    print(f"{len(said.seen)} faces by captions, {len(told.seen)} by hand of {len(rows)} told")
    print("what       by hand  so   area   right  mean confidence  so by captions")
    odds = torch.zeros(told.labels.shape)  # their logs
    for fold in range(FOLDS):
        others = told.folds != fold
        heads = fitted(said, Faces(told.seen[others], told.labels[others], told.known[others], told.folds[others]))
        for place in torch.nonzero(~others).flatten().tolist():
            odds[place] = heads.shares(told.seen[place]).logit()
    slopes, offsets = scaled(odds, told)
    shares = (odds * slopes + offsets).sigmoid()
    for place, name in enumerate(HAS):
        known = told.known[:, place] > 0
        likely, so = shares[known, place], told.labels[known, place] > 0
        right = float(((likely >= 0.5) == so).float().mean())
        sure = float(torch.maximum(likely, 1 - likely).mean())
        learnt = int((said.labels[:, place] * said.known[:, place]).sum())
        figures = f"{area(likely, so)}  {right:.3f}  {sure:.3f}"
        print(f"{name:<10} {len(so):<8} {int(so.sum()):<4} {figures}            {learnt}")
    if args.write:
        heads = fitted(said, told)
        replace(heads, weights=heads.weights * slopes[:, None], bias=heads.bias * slopes + offsets).save(HEADS)
        print(f"wrote {HEADS}, {HEADS.stat().st_size:,} bytes")


def worth_it(picture: Picture) -> bool:
    """Return whether a picture is looked at: its captions speak of any of it, or it is one of the others."""
    spoken_of = any(re.search(words, " ".join(picture.captions).lower()) for words in WORDS.values())
    return spoken_of or (len(picture.captions) > 1 and zlib.crc32(picture.key.encode()) % ONE_IN == 0)


def look(keys: Sequence[str], tar: Path, seen: dict[str, tuple[int, list[list[float]], Tensor]], cache: Path) -> None:
    """Add what is seen of the faces of the largest people of pictures that were not looked at, and keep it."""
    if not (missing := [key for key in keys if key not in seen]):
        return
    agent, finder, reader = VQAAgent.from_pretrained(), FaceFinder(), FaceReader()
    with tarfile.open(tar) as archive:
        for number, key in enumerate(missing, 1):
            stored = archive.extractfile(key.partition("/")[2])
            assert stored is not None
            image = load_image(stored.read())
            people = [r for r in agent.look("detect", image).regions if r.label == "person" and r.score >= THERE]
            boxes, faces = [], []
            for person in people[:MOST]:
                part = around(person, image.pil.size)
                crop = image.pil.crop(part)
                if found := sorted(finder.find(crop), key=lambda face: -face.width * face.score):
                    x0, y0, x1, y1 = found[0].xyxy
                    boxes.append([x0 + part[0], y0 + part[1], x1 + part[0], y1 + part[1]])
                    faces.append(torch.from_numpy(reader.seen(crop, found[0])))
            seen[key] = len(people), boxes, torch.stack(faces) if faces else torch.zeros(0, 1024)
            if number % 200 == 0 or number == len(missing):
                print(f"{tar}: {number} of {len(missing)} looked at", flush=True)
                torch.save(seen, cache)


def told_by_hand(rows: Sequence[Mapping[str, str]], seen: Seen) -> Faces:
    examples, labels, known, folds = [], [], [], []
    for row in rows:
        box = tuple(map(float, row["box"].split(",")))
        _, boxes, faces = seen[row["picture"]]
        likely = [overlap((b[0], b[1], b[2], b[3]), (box[0], box[1], box[2], box[3])) for b in boxes]
        if likely and max(likely) >= SAME:
            examples.append(faces[likely.index(max(likely))])
            labels.append([float(row[name] == "yes") for name in HAS])
            known.append([float(row[name] != "") for name in HAS])
            folds.append(zlib.crc32(row["picture"].encode()) % FOLDS)
    return Faces(torch.stack(examples), torch.tensor(labels), torch.tensor(known), torch.tensor(folds))


def told_by_captions(pictures: Sequence[Picture], seen: Seen) -> Faces:
    examples, labels, known = [], [], []
    for picture in pictures:
        people, boxes, faces = seen[picture.key]
        spoken_of = [any(re.search(WORDS[name], caption.lower()) for caption in picture.captions) for name in HAS]
        for box, face in zip(boxes, faces, strict=True):
            if box[2] - box[0] < LEAST_WIDTH:
                continue
            sure = [people == 1 if so else len(picture.captions) > 1 for so in spoken_of]
            examples.append(face)
            labels.append([float(so) for so in spoken_of])
            known.append([float(one) for one in sure])
    return Faces(torch.stack(examples), torch.tensor(labels), torch.tensor(known), torch.full((len(examples),), -1))


def fitted(said: Faces, told: Faces) -> Heads:
    """Return the heads of what captions say and what was told by hand; either sort of faces weighs as much in all."""
    seen = torch.cat([said.seen, told.seen])
    mean, scale = seen.mean(dim=0), seen.std(dim=0) + 1e-3
    labels, known = torch.cat([said.labels, told.labels]), torch.cat([said.known, told.known])
    share = torch.cat([torch.ones(len(said.seen)), torch.full((len(told.seen),), BY_HAND)])
    weights, bias = fit((seen - mean) / scale, labels, known, share, RIDGE)
    return Heads(tuple(HAS), mean, scale, weights, bias)


def scaled(odds: Tensor, told: Faces) -> tuple[Tensor, Tensor]:
    """Return by what log odds, (N, heads), are multiplied, and what is added, (heads) each: captions leave much out."""
    found = [
        fit(one[known, None], so[known, None], torch.ones(int(known.sum()), 1), torch.ones(int(known.sum())), 0.0)
        for one, so, known in zip(odds.T, told.labels.T, told.known.T > 0, strict=True)
    ]
    return torch.cat([weights[0] for weights, _ in found]), torch.cat([bias for _, bias in found])


if __name__ == "__main__":
    main()
