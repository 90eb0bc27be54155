"""Words for what boxes show: how many of a label, where in the picture, and one box against another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from vqa.values import COUNT_SCORE, Region

MAX_PLACES = 6
"""The most objects of one class whose places are told one by one."""
MAX_RELATED = 6
"""Relations are told when at most this many objects were found; among more they would drown the rest."""

_IRREGULAR = {
    "person": "people",
    "man": "men",
    "woman": "women",
    "child": "children",
    "mouse": "mice",
    "tooth": "teeth",
    "foot": "feet",
    "goose": "geese",
    "knife": "knives",
    "leaf": "leaves",
    "shelf": "shelves",
    "loaf": "loaves",
    "wolf": "wolves",
    "potato": "potatoes",
    "tomato": "tomatoes",
    "sheep": "sheep",
    "deer": "deer",
    "fish": "fish",
    "broccoli": "broccoli",
    "aircraft": "aircraft",
}
_PAIRS = frozenset({"scissors", "skis", "glasses", "sunglasses", "pants", "trousers", "jeans", "shorts", "binoculars"})

COLORS = ("black", "white", "gray", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "tan")
"""The colours that things are said to have."""

_ALIKE = 5  # letters that two forms of a word begin with
INSIDE = 0.6
"""Share of the smaller box that lies in the larger one from which it counts as on or in front of it."""
APART = -0.5
"""Two boxes stand beside each other when, along one axis, they share at most half of the shorter side."""


def plural(label: str, n: int) -> str:
    """Return the noun that follows the number `n`: plural("person", 2) == "people", plural("bus", 1) == "bus".

    Only the last word changes ("hot dogs"); things that come in pairs are counted so ("1 pair of scissors").
    """
    head, _, last = label.rpartition(" ")
    start = f"{head} " if head else ""
    if last in _PAIRS:
        return label if n == 0 else f"{start}{'pair' if n == 1 else 'pairs'} of {last}"
    if n == 1:
        return label
    if last in _IRREGULAR:
        return start + _IRREGULAR[last]
    if last.endswith(("s", "x", "z", "ch", "sh")):
        return f"{label}es"
    if last.endswith("y") and last[-2:-1] not in tuple("aeiou"):
        return f"{label[:-1]}ies"
    return f"{label}s"


def singular(word: str) -> str:
    """Return a word without the ending of a plural, if it looks like one: "box" for "boxes", "glass" as it is."""
    for ending, instead in (("ies", "y"), ("ches", "ch"), ("shes", "sh"), ("sses", "ss"), ("xes", "x")):
        if word.endswith(ending):
            return word.removesuffix(ending) + instead
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def begin_alike(word: str, other: str) -> bool:
    """Return whether two words are one, or begin with the same letters, in another form: "deposited", "deposit"."""
    return word == other or (min(len(word), len(other)) >= _ALIKE and word[:_ALIKE] == other[:_ALIKE])


def counted(label: str, n: int) -> str:
    """Return the number with its noun: "4 people", "1 bus", "no giraffes"."""
    return f"{n or 'no'} {plural(label, n)}"


def one(label: str) -> str:
    """Return the label with its article: "a bus", "an airplane", "a pair of scissors"."""
    noun = plural(label, 1)
    return f"{'an' if noun[:1].lower() in tuple('aeiou') else 'a'} {noun}"


def place(region: Region, size: tuple[int, int]) -> str:
    """Return which ninth of a picture of (width, height) the box's centre lies in: "left", "top right", "center"."""
    x0, y0, x1, y1 = region.xyxy
    column = _third((x0 + x1) / 2, size[0], ("left", "", "right"))
    row = _third((y0 + y1) / 2, size[1], ("top", "", "bottom"))
    return f"{row} {column}".strip() or "center"


def relation(a: Region, b: Region) -> str | None:
    """Return where `a` is as seen from `b`, as the picture shows it, or None if the boxes do not tell.

    One of "left of", "right of", "above", "below", "on or in front of" (the smaller lies in the larger's box),
    "behind or under" (the same, seen from the smaller). `relation(b, a)` always says the opposite.
    """
    ax0, ay0, ax1, ay1 = a.xyxy
    bx0, by0, bx1, by1 = b.xyxy
    area_a, area_b = (ax1 - ax0) * (ay1 - ay0), (bx1 - bx0) * (by1 - by0)
    if min(area_a, area_b) <= 0:
        return None
    # Empty pixels between the two along each axis; negative where they overlap.
    gap_x, gap_y = max(ax0, bx0) - min(ax1, bx1), max(ay0, by0) - min(ay1, by1)
    if gap_x < 0 and gap_y < 0 and gap_x * gap_y >= INSIDE * min(area_a, area_b):
        if area_a == area_b:
            return None
        return "on or in front of" if area_a < area_b else "behind or under"
    apart_x = gap_x / min(ax1 - ax0, bx1 - bx0)
    apart_y = gap_y / min(ay1 - ay0, by1 - by0)
    if max(apart_x, apart_y) < APART:
        return None
    if apart_x >= apart_y:
        return "left of" if ax0 + ax1 < bx0 + bx1 else "right of"
    return "above" if ay0 + ay1 < by0 + by1 else "below"


def _third(value: float, side: int, names: tuple[str, str, str]) -> str:
    return names[0] if value * 3 < side else names[2] if value * 3 > side * 2 else names[1]


def listed(parts: Sequence[str]) -> str:
    """Return "a dog", "a dog and a cat", "a dog, a cat and a bird"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def describe(regions: Sequence[Region], size: tuple[int, int]) -> str:
    """Return the objects at or above COUNT_SCORE in words, in the order of `regions`.

    "2 people: left 0.83, right 0.71. 1 bus: center 0.90. A person left of a bus." or "no objects found"

    Args:
        regions: Objects, best first; weaker ones than COUNT_SCORE are left out.
        size: Width and height of the picture in pixels.
    """
    sure = [r for r in regions if r.score >= COUNT_SCORE]
    if not sure:
        return "no objects found"
    return " ".join([*_groups(sure, size), *_relations(sure)])


def _groups(sure: Sequence[Region], size: tuple[int, int]) -> list[str]:
    sentences = []
    for label in dict.fromkeys(r.label for r in sure):
        members = [r for r in sure if r.label == label]
        told = [f"{place(r, size)} {r.score:.2f}" for r in members[:MAX_PLACES]]
        if len(members) > MAX_PLACES:
            told.append(f"and {len(members) - MAX_PLACES} more")
        sentences.append(f"{counted(label, len(members))}: {', '.join(told)}.")
    return sentences


def _relations(sure: Sequence[Region]) -> list[str]:
    if len(sure) > MAX_RELATED:
        return []
    rank = {label: i for i, label in enumerate(dict.fromkeys(r.label for r in sure))}
    told = []
    for a, b in combinations(sorted(sure, key=lambda r: rank[r.label]), 2):
        how = relation(a, b) if a.label != b.label else None
        if how == "behind or under":  # reads better from the thing in front
            a, b, how = b, a, relation(b, a)
        if how:
            told.append(f"{one(a.label)} {how} {one(b.label)}.")
    return [sentence[0].upper() + sentence[1:] for sentence in dict.fromkeys(told)]
