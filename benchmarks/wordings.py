"""Does the agent say what its detector found, however it is asked?

    python benchmarks/wordings.py PHOTOS --detector efficientdet --each 20

Every photo of the folder PHOTOS is asked --each questions, drawn from many wordings of whether there is a thing and how
many there are, of things that the detector found and of others. An answer counts as right if it says what the
boxes say, true or not: what is measured is how questions are understood, and whether the core repeats what it is told.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from vqa import Settings, VQAAgent, load_image
from vqa.agent.trust.answer_words import number, says_yes
from vqa.experts.detectors.coco import LABELS
from vqa.values import COUNT_SCORE, PRESENCE_SCORE, Answer
from vqa.words import one, plural

Right = Callable[[int, int], bool | int | None]
"""From how many there are surely, and how many with those suspected: yes or no, a number; None if nothing follows."""


def _any(sure: int, suspected: int) -> bool:
    return suspected > 0


def _several(sure: int, suspected: int) -> bool:
    return sure > 1


def _number(sure: int, suspected: int) -> int | None:
    return sure if sure or not suspected else None  # of one that is only suspected either answer will do


WORDINGS: dict[str, Right] = {
    "Is there {one}?": _any,
    "Do you see any {many}?": _any,
    "Any {many}?": _any,
    "Is {one} in the picture?": _any,
    "Are there {many} in this photo?": _any,
    "There is {one} in the picture, right?": _any,
    "Isn't there {one}?": _any,
    "Would you say there is {one} here?": _any,
    "I wonder if there is {one}.": _any,
    "Tell me whether there are any {many}.": _any,
    "Are there no {many} in the picture?": lambda sure, suspected: not suspected,
    "Are there two or more {many}?": _several,
    "Is there more than a single {label}?": _several,
    "Is more than one {label} visible?": _several,
    "Are there multiple {many}?": _several,
    "Is there another {label}?": lambda sure, suspected: _several(sure, suspected) if sure else None,
    "Are there two {many}?": lambda sure, suspected: sure == 2,
    "Is there exactly one {label}?": lambda sure, suspected: sure == 1,
    "Is there a single {label}?": lambda sure, suspected: sure == 1,
    "How many {many} are there?": _number,
    "How many {many} can you count?": _number,
    "What is the number of {many}?": _number,
    "Please count all the {many} in this image": _number,
    "Tell me how many {many} there are.": _number,
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--detector", default="auto")
    parser.add_argument("--each", type=int, default=20, help="questions about each photo (default: 20)")
    parser.add_argument("--limit", type=int, default=0, help="photos; 0: all of them (default)")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    agent = VQAAgent.from_pretrained(settings=Settings.load({"min_confidence": 0.0, "detector": given.detector}))
    draw = random.Random(given.seed)
    asked: Counter[str] = Counter()
    otherwise: Counter[str] = Counter()
    photos = sorted(path for path in given.photos.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    for photo in photos[: given.limit or None]:
        image = load_image(str(photo))
        boxes = next(f for f in agent(image, "Is there a person?").findings if f.kind == "objects").regions
        found = sorted({region.label for region in boxes})
        for _ in range(given.each):
            label = draw.choice(found if found and draw.random() < 0.6 else LABELS)
            scores = [region.score for region in boxes if region.label == label]
            wording = draw.choice(list(WORDINGS))
            right = WORDINGS[wording](sum(s >= COUNT_SCORE for s in scores), sum(s >= PRESENCE_SCORE for s in scores))
            if right is None:
                continue
            answer = agent(image, wording.format(label=label, one=one(label), many=plural(label, 0)))
            asked[wording] += 1
            otherwise[wording] += not _says(answer, right)
    print("| wording | asked | answered otherwise |\n|---|---|---|")
    for wording in WORDINGS:
        print(f"| {wording} | {asked[wording]} | {otherwise[wording]} |")
    print(f"| all | {sum(asked.values())} | {sum(otherwise.values())} |")


def _says(answer: Answer, right: bool | int) -> bool:
    return says_yes(answer.text) == right if isinstance(right, bool) else number(answer.text) == right


if __name__ == "__main__":
    main()
