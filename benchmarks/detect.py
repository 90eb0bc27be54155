"""Measures the `detect` expert on annotated photos: counts, "is there a …?", seconds; with and without tiles.

    python benchmarks/detect.py FOLDER [--detector NAME] [--yolo-model NAME] [--limit N] [--json FILE]

FOLDER holds photos.jsonl and photos.tar. A row of the first names a picture in the second and has `boxes`, each with a
`label` and `xyxy`.

Counting: for every class of which a photo holds one to five, the objects found at or above a score are counted; `exact`
is the share of right counts, `off by` the mean distance. Presence follows POPE (Li et al., 2023, arXiv:2305.10355): for
every class a photo holds, one it does not hold is asked for too, either drawn at random (mean of ten draws) or the most
frequent one in these photos; F1 is that of "yes".
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import tarfile
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from vqa.images import load_image
from vqa.registry import experts
from vqa.settings import Settings
from vqa.values import COUNT_SCORE, PRESENCE_SCORE, Finding

SCORES = (0.15, 0.18, 0.20, 0.22, 0.24, 0.26, 0.28, 0.30, 0.35, 0.40, 0.50)
MOST = 5
DRAWS = 10


@dataclass(frozen=True)
class Photo:
    """What is in one photo, and what the expert found."""

    truth: Counter[str]
    finding: Finding

    def found(self, label: str, score: float) -> int:
        return sum(r.label == label and r.score >= score for r in self.finding.regions)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--detector", help="auto, yolo, efficientdet; default: as the settings say")
    parser.add_argument("--yolo-model", help="name or path")
    parser.add_argument("--limit", type=int, help="only the first N photos")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    args = parser.parse_args()
    report: dict[str, Any] = {
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("ultralytics", "ai-edge-litert", "torch", "pillow")},
    }
    print(json.dumps(report))
    for tiles in (False, True):
        flags = {"detector": args.detector, "yolo_model": args.yolo_model, "tiles": tiles}
        photos = look(args.folder, Settings.load(flags), args.limit)
        figures = {
            "model": photos[0].finding.model,
            "photos": len(photos),
            "milliseconds": milliseconds(photos),
            "scores": [{"score": score, **counting(photos, score), **presence(photos, score)} for score in SCORES],
        }
        report["tiles" if tiles else "whole picture"] = figures
        show(figures, "whole picture and tiles" if tiles else "whole picture")
    if args.json:
        args.json.write_text(json.dumps(report, indent=1), encoding="utf-8")


def look(folder: Path, settings: Settings, limit: int | None) -> list[Photo]:
    """Return every annotated photo with what the expert found in it."""
    expert = experts.get("detect").from_settings(settings)
    photos = []
    for row, picture in annotated(folder, limit):
        if not photos:
            expert.look(load_image(picture))  # loads the weights
        photos.append(Photo(Counter(box["label"] for box in row["boxes"]), expert.look(load_image(picture))))
    return photos


def annotated(folder: Path, limit: int | None) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Yield (row, picture file) for the rows that have boxes."""
    rows = [json.loads(line) for line in (folder / "photos.jsonl").read_text(encoding="utf-8").splitlines()]
    with tarfile.open(folder / "photos.tar") as archive:
        members = {Path(member.name).name: member for member in archive if member.isfile()}
        for row in [row for row in rows if row.get("boxes")][:limit]:
            file = archive.extractfile(members[Path(row["image"]).name])
            assert file is not None
            yield row, file.read()


def counting(photos: Sequence[Photo], score: float) -> dict[str, float]:
    """Return the share of exact counts and the mean distance, over classes of which a photo holds 1 to MOST."""
    pairs = [(n, p.found(label, score)) for p in photos for label, n in p.truth.items() if n <= MOST]
    return {
        "counts": len(pairs),
        "exact": statistics.fmean(n == found for n, found in pairs),
        "off_by": statistics.fmean(abs(n - found) for n, found in pairs),
    }


def presence(photos: Sequence[Photo], score: float) -> dict[str, float]:
    """Return the F1 of "yes" against random and against popular absent classes."""
    frequency = Counter(label for p in photos for label in p.truth)
    popular = [label for label, _ in frequency.most_common()]
    vocabulary = sorted(photos[0].finding.vocabulary)
    draws = [
        [absent(vocabulary, p, random.Random(f"{seed}-{i}")) for i, p in enumerate(photos)] for seed in range(DRAWS)
    ]
    return {
        "f1_random": statistics.fmean(f1(photos, draw, score) for draw in draws),
        "f1_popular": f1(photos, [absent(popular, p, None) for p in photos], score),
    }


def absent(labels: Sequence[str], photo: Photo, source: random.Random | None) -> list[str]:
    """Return as many classes the photo lacks as it has: the first of `labels`, or drawn from `source`."""
    lacking = [label for label in labels if label not in photo.truth]
    return source.sample(lacking, len(photo.truth)) if source else lacking[: len(photo.truth)]


def f1(photos: Sequence[Photo], negatives: Sequence[Collection[str]], score: float) -> float:
    right = sum(p.found(label, score) > 0 for p in photos for label in p.truth)
    missed = sum(len(p.truth) for p in photos) - right
    wrong = sum(p.found(label, score) > 0 for p, labels in zip(photos, negatives, strict=True) for label in labels)
    return 2 * right / (2 * right + missed + wrong)


def milliseconds(photos: Sequence[Photo]) -> dict[str, float]:
    times = sorted(1000 * p.finding.seconds for p in photos)
    return {"median": statistics.median(times), "lowest": times[0], "highest": times[-1]}


def show(figures: dict[str, Any], title: str) -> None:
    times = figures["milliseconds"]
    print(f"\n{title}: {figures['model']}, {figures['photos']} photos, ", end="")
    print(f"{times['median']:.0f} ms a photo ({times['lowest']:.0f} to {times['highest']:.0f})")
    print(f"{'score':>6} {'exact':>7} {'off by':>7} {'F1 random':>10} {'F1 popular':>11}")
    for row in figures["scores"]:
        use = {COUNT_SCORE: "  counted", PRESENCE_SCORE: "  taken to be there"}.get(row["score"], "")
        print(f"{row['score']:6.2f} {row['exact']:7.3f} {row['off_by']:7.2f} ", end="")
        print(f"{row['f1_random']:10.3f} {row['f1_popular']:11.3f}{use}")


if __name__ == "__main__":
    main()
