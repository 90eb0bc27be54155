"""What every format of training data becomes: a question about a picture, or about none, and its right answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Example:
    """One prompt and what to answer.

    Attributes:
        where: Where it stands: "captions.csv line 7".
        image: The picture's name among the source's pictures; None: there is no picture.
        question: What is asked first; empty: the source's own questions (captions).
        answers: Right answers to it, each of them to be learnt.
        evidence: What experts found, line by line.
        turns: Further questions of the same conversation, each with its answer.
    """

    where: str
    image: str | None
    question: str
    answers: tuple[str, ...]
    evidence: tuple[str, ...] = ()
    turns: tuple[tuple[str, str], ...] = ()


class BadRow(Exception):
    """A row that cannot be learnt from, and why."""


@dataclass
class BadRows:
    """Rows left out, with the place and the reason of the first ones."""

    count: int = 0
    named: list[str] = field(default_factory=list)
    kept: int = 20

    def add(self, where: str, why: str) -> None:
        self.count += 1
        if len(self.named) < self.kept:
            self.named.append(f"{where}: {why}")

    @contextmanager
    def skipping(self, where: str) -> Iterator[None]:
        """Count a `BadRow` that the block raises, and go on."""
        try:
            yield
        except BadRow as error:
            self.add(where, str(error))
