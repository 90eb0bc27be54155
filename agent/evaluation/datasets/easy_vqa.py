"""easy-VQA: `questions.json` of [question, answer, picture], and `images/` (https://github.com/vzhou842/easy-VQA)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vqa.agent.batch.rows import Row
from vqa.agent.evaluation.cases import Case
from vqa.agent.evaluation.datasets.documents import Document, open_document

_SHAPES = frozenset({"circle", "rectangle", "triangle"})


def reads(document: Document) -> bool:
    if document.path.is_dir():
        return (document.path / "questions.json").is_file() and (document.path / "images").is_dir()
    return isinstance(document.content, list) and bool(document.content) and _is_question(document.content[0])


def read(document: Document) -> Iterator[Case]:
    """Yield the questions; the type is yes/no, shape or color, by the answer."""
    questions = open_document(document.path / "questions.json") if document.path.is_dir() else document
    images = questions.path.absolute().parent / "images"
    for number, (text, answer, image) in enumerate(questions.content, 1):
        kind = "yes/no" if answer in ("yes", "no") else "shape" if answer in _SHAPES else "color"
        yield Case(Row(number, str(images / f"{image}.png"), text, answers=(answer,), line=number), kind, "exact")


def _is_question(item: Any) -> bool:
    return isinstance(item, list) and len(item) == 3 and isinstance(item[0], str) and isinstance(item[2], int)
