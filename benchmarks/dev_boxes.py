"""Questions about annotated boxes, for dev_questions.py: what is there, how many, of which more, where, what is not."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from dev_rows import Row, ask

from vqa.agent.questions.relations import lies
from vqa.values import Region
from vqa.words import one, plural

MOST_ASKED = 3  # things there, and things not there, about one picture
LEAST_AREA = 0.002  # share of the picture below which a box is hardly visible
COUNTS = range(1, 6)
OF_SOMETHING = (
    "What color is the {}?",
    "What is next to the {}?",
    "What is the {} made of?",
    "Is the {} new?",
    "Is the {} large?",
    "Why is the {} there?",
)
OF_SOMEBODY = ("What is the man wearing?", "Is the woman smiling?", "What is he doing?", "Does she have long hair?")
# What captions call things, where it is not the label or its plural.
ALIASES = {
    "person": "man men woman women child children boy girl people lady guy baby kid skier surfer player crowd family",
    "dining table": "table desk counter",
    "couch": "sofa couch loveseat",
    "chair": "seat stool",
    "tv": "television monitor screen",
    "cell phone": "phone phones smartphone",
    "potted plant": "plant plants flower flowers",
    "sports ball": "ball baseball basketball",
    "bicycle": "bike bikes",
    "motorcycle": "motorbike scooter moped",
    "airplane": "plane planes jet aircraft",
    "handbag": "purse bag bags",
    "backpack": "bag bags",
    "suitcase": "luggage bag bags",
    "cup": "mug glass coffee drink tea",
    "wine glass": "glass glasses wine",
    "refrigerator": "fridge",
    "oven": "stove",
    "vase": "pot",
    "boat": "ship canoe",
    "cow": "cattle bull calf",
    "laptop": "computer",
    "car": "suv cab taxi traffic vehicles",
    "truck": "vehicles van",
    "tie": "suit",
    "spoon": "utensils silverware",
    "fork": "utensils silverware",
    "knife": "utensils silverware",
    "sandwich": "burger",
    "donut": "doughnut doughnuts pastry pastries",
}


def presence(rows: Sequence[Row], rng: random.Random) -> Iterator[Row]:
    """Yield as many questions whose answer is yes as no, for each of POPE's three ways to choose what is not there."""
    labels = {row["image"]: list(dict.fromkeys(box["label"] for box in row["boxes"])) for row in rows}
    common = Counter(label for found in labels.values() for label in found)
    together = Counter((a, b) for found in labels.values() for a in found for b in found if a != b)
    for row in rows:
        there = labels[row["image"]]
        absent = [label for label in common if label not in there and not mentioned(label, row.get("captions", ()))]
        asked = rng.sample(there, min(MOST_ASKED, len(there)))
        chosen = {
            "random": rng.sample(absent, len(asked)),
            "popular": sorted(absent, key=lambda label: (-common[label], label)),
            "adversarial": sorted(absent, key=lambda label: (-sum(together[label, other] for other in there), label)),
        }
        for split, missing in chosen.items():
            answers = [(label, "yes") for label in asked] + [(label, "no") for label in missing[: len(asked)]]
            for label, answer in answers:
                question = f"Is there {one(label)} in the image?"
                yield ask(row, question, [answer], type=split, metric="pope")


def mentioned(label: str, texts: Iterable[str]) -> bool:
    """Return whether one of the texts names the thing, by its label or by what people call it."""
    words = set(re.findall(r"[a-z]+", " ".join(texts).lower()))
    names = [label, plural(label, 2), *ALIASES.get(label, "").split()]
    return any(set(name.split()) <= words for name in names)


def counts(rows: Sequence[Row], rng: random.Random) -> Iterator[Row]:
    """Yield how many of a thing there are, for things of which there are few enough to be counted."""
    asked: dict[int, list[Row]] = {n: [] for n in COUNTS}
    for row in rows:
        extent = max(box["xyxy"][2] for box in row["boxes"]) * max(box["xyxy"][3] for box in row["boxes"])
        for label, n in Counter(box["label"] for box in row["boxes"]).items():
            areas = [_area(box) for box in row["boxes"] if box["label"] == label]
            if n in asked and min(areas) >= LEAST_AREA * extent:
                question = f"How many {plural(label, 2)} are there?"
                asked[n].append(ask(row, question, [str(n)], type=str(n), metric="count"))
    asked[1] = rng.sample(asked[1], min(len(asked[1]), len(asked[2])))
    order = {row["image"]: place for place, row in enumerate(rows)}
    yield from sorted((row for group in asked.values() for row in group), key=lambda row: order[row["image"]])


def comparisons(rows: Sequence[Row], rng: random.Random) -> Iterator[Row]:
    """Yield as many yes as no, and as often which of the two it is; of things that are as many nobody is asked."""
    for row in rows:
        found = Counter(box["label"] for box in row["boxes"])
        pairs = [(a, b) for a in found for b in found if found[a] > found[b]]
        for more, less in rng.sample(pairs, min(MOST_ASKED, len(pairs))):
            for thing, other, answer in ((more, less, "yes"), (less, more, "no")):
                question = f"Are there more {plural(thing, 2)} than {plural(other, 2)}?"
                yield ask(row, question, [answer], type="more", metric="exact")
            first, second = rng.sample((plural(more, 2), plural(less, 2)), 2)
            question = f"Which are more, {first} or {second}?"
            yield ask(row, question, [plural(more, 2)], type="which", metric="exact")


def premises(rows: Sequence[Row], rng: random.Random) -> Iterator[Row]:
    """Yield questions that take things for granted which neither a box nor a caption has."""
    common = list(dict.fromkeys(box["label"] for row in rows for box in row["boxes"]))
    for row in rows:
        there = {box["label"] for box in row["boxes"]}
        absent = [label for label in common if label not in there and not mentioned(label, row.get("captions", ()))]
        for label in rng.sample(absent, MOST_ASKED) + ["person"] * ("person" in absent):
            question = rng.choice(OF_SOMEBODY if label == "person" else OF_SOMETHING).format(label)
            right = ["I cannot tell", f"There is no {label}"]
            yield ask(row, question, right, type="premise", metric="exact")


def relations(rows: Sequence[Row]) -> Iterator[Row]:
    """Yield what is left or right of a thing, or on it, for things that there is one of; all that is so is right.

    What lies how is read off the annotated boxes as it is off found ones.
    """
    rng = random.Random(0)
    for row in rows:
        boxes = [Region(tuple(box["xyxy"]), box["label"], 1.0) for box in row["boxes"]]
        number = Counter(box.label for box in boxes)
        told: list[tuple[str, str, set[str]]] = []
        for anchor in (box for box in boxes if number[box.label] == 1 and box.label != "person"):
            for how in ("left of", "right of", "on"):
                if so := {box.label for box in boxes if box.label != anchor.label and lies(how, box, anchor)}:
                    told.append((how, anchor.label, so))
        for how, label, so in rng.sample(told, min(MOST_ASKED, len(told))):
            right = [name for one_of in sorted(so) for name in (one_of, plural(one_of, 2))]
            yield ask(row, f"What is {how} the {label}?", right, type=how, metric="supported")


def _area(box: Mapping[str, Any]) -> float:
    x0, y0, x1, y1 = box["xyxy"]
    return float((x1 - x0) * (y1 - y0))
