"""VQA v2: the official questions with their annotations (https://visualqa.org/download.html)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from vqa.agent.batch.reading import read_rows
from vqa.agent.batch.rows import BadRow
from vqa.agent.evaluation.cases import Case
from vqa.agent.evaluation.datasets.documents import Document, listed, open_document
from vqa.errors import InputError


def reads(document: Document) -> bool:
    content = document.content
    return isinstance(content, Mapping) and isinstance(content.get("questions"), list)


def read(document: Document, *, annotations: Path | None = None) -> Iterator[Case]:
    """Yield the questions with their ten answers; the type is the annotations' answer_type."""
    path = annotations or _beside(document.path)
    found = {item["question_id"]: item for item in listed(path, open_document(path).content, "annotations")}
    for row in read_rows(document.path, format="vqa-v2"):
        if isinstance(row, BadRow):
            raise InputError(f"{str(document.path)!r}, question {row.line}: {row.reason}")
        if row.id not in found:
            raise InputError(f"{str(path)!r}: no annotation for question {row.id!r}; name the file with --annotations")
        item = found[row.id]
        answers = tuple(str(answer["answer"]) for answer in item["answers"])
        yield Case(replace(row, answers=answers), str(item.get("answer_type", "")), "vqa")


def _beside(questions: Path) -> Path:
    """Return v2_mscoco_val2014_annotations.json for v2_OpenEnded_mscoco_val2014_questions.json."""
    name = questions.name.replace("_questions", "_annotations")
    for task in ("OpenEnded_", "MultipleChoice_"):
        name = name.replace(task, "")
    path = questions.with_name(name)
    if name == questions.name or not path.is_file():
        raise InputError(f"{str(questions)!r}: its annotations are not beside it; name them with --annotations FILE")
    return path
