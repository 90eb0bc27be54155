"""Seconds that detector, text reader and captioner need for a picture, in turn and all at once.

    python benchmarks/looking.py                    # the example pictures, four rounds
    python benchmarks/looking.py --rounds 8 --json looking.json

A round is a fresh process for each way, one after the other, that looks at several pictures: at the first cold (weights
still on disk), at the others warm. No finding is taken from the cache. The table gives medians over the rounds, and
their range.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

EXPERTS = ("detect", "ocr", "caption")
PICTURES = ("example:bus", "example:astronaut", "example:cat", "example:bus")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.way:
        print(json.dumps(look(WAYS[args.way])))
        return
    seconds: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    for _ in range(args.rounds):
        for way in WAYS:
            command = [sys.executable, __file__, "--way", way]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            seconds[way].append(json.loads(done.stdout))
    print(f"| way | {' | '.join(('cold', *(f'warm, picture {n}' for n in range(2, len(PICTURES) + 1))))} |")
    print("|---" * (len(PICTURES) + 1) + "|")
    for way, rounds in seconds.items():
        cells = (f"{statistics.median(s):.2f} ({min(s):.2f}-{max(s):.2f})" for s in zip(*rounds, strict=True))
        print(f"| {way} | {' | '.join(cells)} |")
    if args.json:
        args.json.write_text(json.dumps(seconds, indent=2) + "\n", encoding="utf-8")


def look(way: Callable[[list[Callable[[], object]]], None]) -> list[float]:
    """Return the seconds for each picture."""
    from vqa import Settings, VQAAgent
    from vqa.images import load_image

    settings = {"core": "echo", "cache": False, "detector": "efficientdet", "caption_model": "smollm2-captions"}
    agent = VQAAgent.from_pretrained(settings=Settings.load(settings))
    taken = []
    for name in PICTURES:
        picture = load_image(name)
        looks = [lambda expert=agent.experts[name], picture=picture: expert.look(picture) for name in EXPERTS]
        since = time.perf_counter()
        way(looks)
        taken.append(time.perf_counter() - since)
    return taken


def in_turn(looks: list[Callable[[], object]]) -> None:
    from vqa.time_limit import Work

    for n, look in enumerate(looks):
        Work(look, name=f"look {n}").result()


def at_once(looks: list[Callable[[], object]]) -> None:
    from vqa.time_limit import Work

    for work in [Work(look, name=f"look {n}") for n, look in enumerate(looks)]:
        work.result()


WAYS = {"in turn": in_turn, "at once": at_once}


if __name__ == "__main__":
    main()
