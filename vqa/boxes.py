"""Areas of boxes, `xyxy` in pixels."""

from __future__ import annotations

Box = tuple[float, float, float, float]


def area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


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
