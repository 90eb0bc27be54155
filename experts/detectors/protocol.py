"""What a detector is to the `detect` expert."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from vqa.values import Region

if TYPE_CHECKING:
    from PIL.Image import Image


class Detector(Protocol):
    """Loaded weights that find objects; safe to share between threads.

    Attributes:
        name: What a finding calls the model.
        labels: Every label it can report.
    """

    name: str
    labels: tuple[str, ...]

    def detect(self, picture: Image, min_score: float) -> list[Region]:
        """Return the objects of one RGB picture with at least `min_score`, in its pixels."""
        ...
