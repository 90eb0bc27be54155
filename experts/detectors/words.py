"""Tells detected objects in words; imports nothing heavy, so that whatever imitates a finding can use it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from vqa.values import COUNT_SCORE, Region
from vqa.words import counted, one, place, relation

MAX_PLACES = 6
"""The most objects of one class whose places are told one by one."""
MAX_RELATED = 6
"""Relations are told when at most this many objects were found; among more they would drown the rest."""


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
