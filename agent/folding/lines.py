"""A line of evidence, as folding makes it."""

from __future__ import annotations

from dataclasses import dataclass

BESIDE = "beside the question"
"""The doubt of a line that is true and would only lead astray."""
NONE_FOUND = "Text: none found"
"""What is told where nothing was read, or nothing that can be what is asked for."""
SURE_READING = 0.4
"""Score of read text below which more than half of the words are misread (docs/measurements.md)."""


@dataclass(frozen=True)
class Line:
    """One piece of evidence as the core will read it.

    Attributes:
        text: The line.
        rank: The lower, the later it is dropped.
        doubt: Why the core shall not read it at all, if so.
    """

    text: str
    rank: float
    doubt: str = ""
