"""Areas of boxes, `xyxy` in pixels."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol, TypeVar

Box = tuple[float, float, float, float]


class InABox(Protocol):
    """What is somewhere, more or less surely."""

    @property
    def xyxy(self) -> Box: ...

    @property
    def score(self) -> float: ...


T = TypeVar("T", bound=InABox)


def area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def moved(box: Box, x: float, y: float) -> Box:
    """Return a box of a part of a picture in pixels of the picture, where the part begins at `x`, `y`."""
    return box[0] + x, box[1] + y, box[2] + x, box[3] + y


def hull(boxes: Collection[Box]) -> Box:
    """Return the smallest box around all of some."""
    return min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)


def shared(a: Box, b: Box) -> float:
    """Return the area that both boxes cover."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0.0) * max(height, 0.0)


def inside(a: Box, b: Box) -> float:
    """Return the share of the smaller one of two boxes that lies in the other one."""
    return shared(a, b) / max(min(area(a), area(b)), 1.0)


def overlap(a: Box, b: Box) -> float:
    """Return intersection over union, 0 of two boxes without an area."""
    both = shared(a, b)
    union = area(a) + area(b) - both
    return both / union if union else 0.0


def apart(things: Iterable[T], same: float) -> list[T]:
    """Return the surest of things of which those are one that overlap by `same` and more, the surest first."""
    kept: list[T] = []
    for thing in sorted(things, key=lambda thing: -thing.score):
        if all(overlap(thing.xyxy, other.xyxy) < same for other in kept):
            kept.append(thing)
    return kept
