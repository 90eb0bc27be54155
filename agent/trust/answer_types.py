"""Of what sort an answer must be: who is somebody, an animal is no car, a bird no zebra."""

from __future__ import annotations

import re
from collections.abc import Set

from vqa.agent.folding.classes import which_kinds
from vqa.agent.questions import asking
from vqa.agent.questions.taxonomy import ALIVE, ANYBODY, SORTS
from vqa.words import plural

_WHO = re.compile(r"who\b")
_WORN = re.compile(r"what (?:is|are|was|were) .*\bwearing\b")
_WEARABLE = frozenset(("tie", "backpack", "handbag", "baseball glove", "skis"))
_THINGS = ("animal", "vehicle", "fruit", "vegetable", "food", "dessert", "utensil", "device")
"""The sorts whose labels are things of that sort; of the others they only tell: a racket tells of tennis."""
_MASS = ("food", "fruit")


def sort_asked(question: str) -> tuple[str, Set[str]]:
    """Return the sort that a question asks for, "animals", and the labels that are of it; "" and none if any may be.

    Args:
        question: In its own words.
    """
    lowered = asking.lowered(question)
    if _WHO.match(lowered):
        return "people", ALIVE | ANYBODY
    if _WORN.match(lowered):
        return "clothes", _WEARABLE
    kinds = which_kinds(question)
    if animals := set(kinds) & set(SORTS["animal"]):
        return plural(kinds[0], 0), animals
    match = asking.OF_A_SORT[0].fullmatch(lowered)
    sort = asking.SORT_OF[match["sort"]] if match else ""
    if sort not in _THINGS or asking.MORE_TO_IT.search(lowered):
        return "", frozenset()
    return (sort if sort in _MASS else plural(sort, 0)), set(SORTS[sort])
