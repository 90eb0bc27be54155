"""What a page has where a question asks for it, with the cells that show it."""

from __future__ import annotations

from dataclasses import dataclass

from vqa.agent.documents.cell_words import ALIKE, words_of
from vqa.agent.documents.cells import Cell

_WITH_A_HEAD = 3  # cells: of the value, of what its row is called, and of the head
TOLD_OF_TABLES = (
    r"(?:row|column|beside|below|highest|lowest|number of|heads|heading|kind of document)\b[^():]*"
    r"|(?:\w+ in a )?sentence"
)
"""What is called where something is (`Found.where`): it is not the core's to choose."""


@dataclass(frozen=True)
class Found:
    """What a page has where a question asks for it.

    Attributes:
        where: Where that is, in words.
        text: What stands there.
        cells: The cells with it, then those that tell where it is.
        used: Which of the question's words name these.
        exact: Which share of the words of what names it are the question's.
    """

    where: str
    text: str
    cells: tuple[Cell, ...]
    used: frozenset[str] = frozenset()
    exact: float = 0.0

    @property
    def is_named_whole(self) -> bool:
        """Whether it is named by all the words before it, and these are several: "Due Date:"."""
        return self.exact >= ALIKE and len(self.used) > 1

    @property
    def names_its_column(self) -> bool:
        """Whether the question has all the words of the column's head: "Unit Price"."""
        return len(self.cells) == _WITH_A_HEAD and self.used.issuperset(words_of(self.cells[2].text))
