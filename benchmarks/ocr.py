"""Measures the `ocr` expert on annotated street photos and receipts: words, order, key facts, seconds.

    python benchmarks/ocr.py FOLDER [--model pp-ocrv6|easyocr] [--limit N] [--json FILE]

FOLDER holds text.jsonl and text.tar. A row of the first names a picture in the second and has either `words` (street
photos, ICDAR 2015: quad, text, ignore) or `lines` with a `key` (receipts, SROIE: company, date, address, total).

Words are compared whole, without case and without punctuation around them. A word read where the annotators could
read nothing (`ignore`) counts neither way. Order is the share of pairs of words that stand in the annotated order, over
words that occur once in the picture and once in the reading (Kendall's tau is twice that, minus one). CPU seconds are
this process's own, whatever else the machine does.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import resource
import statistics
import string
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from vqa.values import Finding, Region

_KEYS = ("company", "date", "total")


@dataclass
class Tally:
    """What one set of pictures added up to."""

    pictures: int = 0
    words: int = 0
    read: int = 0
    right: int = 0
    pairs: int = 0
    in_order: int = 0
    keys: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_KEYS, 0))
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)

    def add(self, row: dict[str, Any], finding: Finding, cpu_s: float) -> None:
        """Count one picture."""
        unreadable = [_box(w["quad"]) for w in row.get("words", ()) if w["ignore"]]
        texts = [w["text"] for w in row.get("words", ()) if not w["ignore"]] or [
            x["text"] for x in row.get("lines", ())
        ]
        truth = words(texts)
        spots = [spot for region in finding.regions for spot in word_spots(region)]
        left = Counter(truth)
        for word, (x, y) in spots:
            if left[word] > 0:
                left[word] -= 1
                self.right += 1
                self.read += 1
            elif not any(x0 <= x <= x1 and y0 <= y <= y1 for x0, y0, x1, y1 in unreadable):
                self.read += 1
        self.words += len(truth)
        if "key" in row:
            pairs, in_order = ordered_pairs(truth, [word for word, _ in spots])
            self.pairs += pairs
            self.in_order += in_order
            for key in _KEYS:
                self.keys[key] += says(finding.text, row["key"].get(key, ""))
        self.pictures += 1
        self.seconds.append(finding.seconds)
        self.cpu_seconds.append(cpu_s)

    def summary(self) -> dict[str, Any]:
        """Return the rates; None where the set has nothing to count."""
        return {
            "pictures": self.pictures,
            "recall": self.right / max(self.words, 1),
            "precision": self.right / max(self.read, 1),
            "order": self.in_order / self.pairs if self.pairs else None,
            **{key: count / self.pictures if self.pairs else None for key, count in self.keys.items()},
            "seconds_median": statistics.median(self.seconds),
            "seconds_max": max(self.seconds),
            "cpu_s_median": statistics.median(self.cpu_seconds),
        }


def words(texts: Iterable[str]) -> list[str]:
    """Return the words of some texts as they are compared."""
    stripped = (word.casefold().strip(string.punctuation) for text in texts for word in text.split())
    return [word for word in stripped if word]


def word_spots(region: Region) -> list[tuple[str, tuple[float, float]]]:
    """Return each word of a line with the middle of its place, as if all letters were equally wide."""
    x0, y0, x1, y1 = region.xyxy
    spots = []
    for match in re.finditer(r"\S+", region.label):
        middle = (match.start() + match.end()) / 2 / len(region.label)
        spots += [(word, (x0 + middle * (x1 - x0), (y0 + y1) / 2)) for word in words([match.group()])]
    return spots


def ordered_pairs(truth: Sequence[str], read: Sequence[str]) -> tuple[int, int]:
    """Return how many pairs of unmistakable words both sides have, and how many of them stand in the same order."""
    once = [{word for word, n in Counter(side).items() if n == 1} for side in (truth, read)]
    place = {word: i for i, word in enumerate(read)}
    places = [place[word] for word in truth if word in once[0] & once[1]]
    return len(places) * (len(places) - 1) // 2, sum(a < b for a, b in combinations(places, 2))


def says(text: str, fact: str) -> bool:
    """Return whether a fact stands in the text: whole, whatever its case, spaces and line breaks."""
    pattern = r"\s*".join(re.escape(part) for part in fact.casefold().split())
    return bool(pattern) and re.search(rf"(?<!\w){pattern}(?!\w)", text.casefold()) is not None


def _box(quad: Sequence[float]) -> tuple[float, float, float, float]:
    return min(quad[::2]), min(quad[1::2]), max(quad[::2]), max(quad[1::2])


def main() -> None:
    """Read every picture and print the table."""
    from PIL import Image

    from vqa.experts.ocr import OcrExpert
    from vqa.images import load_image
    from vqa.settings import Settings

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", help="the setting ocr_model")
    parser.add_argument("--limit", type=int, help="read only so many pictures of each kind")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers and every reading there")
    arguments = parser.parse_args()

    rows = [json.loads(line) for line in (arguments.folder / "text.jsonl").read_text(encoding="utf-8").splitlines()]
    expert = OcrExpert.from_settings(Settings.load({"ocr_model": arguments.model}))
    before = time.process_time()
    model = expert.look(load_image(Image.new("RGB", (64, 64)))).model
    load_cpu_s = time.process_time() - before
    tallies: dict[str, Tally] = {}
    readings = []
    with tarfile.open(arguments.folder / "text.tar") as archive:
        for row in rows:
            tally = tallies.setdefault(row["source"], Tally())
            if arguments.limit is not None and tally.pictures >= arguments.limit:
                continue
            member = archive.extractfile(row["image"])
            assert member is not None
            image = load_image(io.BytesIO(member.read()).getvalue())
            before = time.process_time()
            finding = expert.look(image)
            tally.add(row, finding, time.process_time() - before)
            readings.append({"image": row["image"], **finding.to_dict()})
    summaries = {name: tally.summary() for name, tally in tallies.items()}
    columns = list(next(iter(summaries.values())))
    print(f"{'':12}" + "".join(f"{column:>15}" for column in columns))
    for name, summary in summaries.items():
        cells = (f"{v:.3f}" if isinstance(v, float) else "-" if v is None else str(v) for v in summary.values())
        print(f"{name:12}" + "".join(f"{cell:>15}" for cell in cells))
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is bytes on macOS, KiB elsewhere
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
    print(f"{model}: {load_cpu_s:.1f} CPU seconds to import and load; the process took at most {peak_mib:.0f} MiB")
    if arguments.json:
        report = {"summary": summaries, "tallies": {n: asdict(t) for n, t in tallies.items()}, "readings": readings}
        arguments.json.write_text(json.dumps(report, ensure_ascii=False, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
