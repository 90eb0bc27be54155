"""Measures what the `people` expert says of faces against what somebody said of them (faces_told.tsv).

    python benchmarks/faces.py DATA   # the folder with flickr8k.tar, coco.tar, photos.tar and web.tar

Each face was looked at by itself, at least 28 pixels across, and what was not plain was left open: whether it smiles,
whether it looks towards the camera, whether people would call somebody female, or a child. The first half was used to
choose what the networks are shown and how their outputs are scaled; the second, from other pictures, was not. (Of the
other rows face_heads.py learns.)
"""

from __future__ import annotations

import argparse
import csv
import io
import math
import tarfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import torch
from PIL import Image
from scene import area

from vqa.boxes import overlap
from vqa.experts.persons.faces.finder import FaceFinder
from vqa.experts.persons.faces.networks import FaceReader

TOLD = Path(__file__).with_name("faces_told.tsv")
AROUND = 1.5
"""What a face is looked for in, in widths and heights of it beyond each of its sides."""
SAME = 0.4
OF_A_CHILD = 25.0
"""Age under which a face is called a child's, since a small picture of one makes children older, …"""
YEARS = 5.0
"""… and by how many the odds change by e."""
ASKED = ("smiling", "facing", "female", "child")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder with the pictures' archives")
    folder = parser.parse_args().data
    finder, reader = FaceFinder(), FaceReader()
    archive = cache(lambda name: tarfile.open(folder / f"{name}.tar"))
    with TOLD.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    seen: list[tuple[Mapping[str, str], Mapping[str, float]]] = []
    for row in rows:
        name, _, picture = row["picture"].partition("/")
        stored = archive(name).extractfile(picture)
        assert stored is not None
        seen.append((row, look(Image.open(io.BytesIO(stored.read())).convert("RGB"), row["box"], finder, reader)))
    for used in ("yes", "no"):
        half = [(row, said) for row, said in seen if row["used to choose"] == used]
        found = sum(bool(said) for _, said in half)
        print(f"{'used to choose' if used == 'yes' else 'held out'}: {len(half)} faces, {found} found")
        print("asked      faces  so   area   right  mean confidence")
        for asked in ASKED:
            those = [(said[asked], row[asked] == "yes") for row, said in half if said and row[asked]]
            shares, so = torch.tensor([share for share, _ in those]), torch.tensor([one for _, one in those])
            right = float(((shares >= 0.5) == so).float().mean())
            sure = float(torch.maximum(shares, 1 - shares).mean())
            print(f"{asked:<10} {len(those):<6} {int(so.sum()):<4} {area(shares, so)}  {right:.3f}  {sure:.3f}")


def look(picture: Image.Image, box: str, finder: FaceFinder, reader: FaceReader) -> Mapping[str, float]:
    """Return how likely each is so of the face in a box; nothing if it is not found."""
    x0, y0, x1, y1 = map(float, box.split(","))
    across, down = AROUND * (x1 - x0), AROUND * (y1 - y0)
    left, top = max(round(x0 - across), 0), max(round(y0 - down), 0)
    part = picture.crop((left, top, min(round(x1 + across), picture.width), min(round(y1 + down), picture.height)))
    there = (x0 - left, y0 - top, x1 - left, y1 - top)
    face = max(finder.find(part), key=lambda face: overlap(face.xyxy, there), default=None)
    if face is None or overlap(face.xyxy, there) < SAME:
        return {}
    told = reader.read(part, face)
    child = 1 / (1 + math.exp((told.age - OF_A_CHILD) / YEARS))
    return {"smiling": told.smiling, "facing": face.facing, "female": told.female, "child": child}


if __name__ == "__main__":
    main()
