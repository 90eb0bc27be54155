"""POPE: JSON lines with `text` and a `label` of yes or no, or a folder of such files.

https://github.com/AoiDragon/POPE
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vqa.agent.batch.rows import Row
from vqa.agent.evaluation.cases import Case
from vqa.agent.evaluation.datasets.documents import Document, open_document
from vqa.errors import InputError

SPLITS = ("random", "popular", "adversarial")


def reads(document: Document) -> bool:
    if document.path.is_dir():
        return bool(_files(document.path))
    return {"image", "text", "label"} <= set(document.first)


def read(document: Document) -> Iterator[Case]:
    """Yield the questions; the type is the split in the file's name, which also stands in the ids of a whole folder."""
    if not document.path.is_dir():
        yield from _file(document, "")
        return
    for split, path in _files(document.path).items():
        yield from _file(open_document(path), f"{split}/")


def _file(document: Document, prefix: str) -> Iterator[Case]:
    split = _split(document.path)
    for line, record in document.records:
        try:
            given = record.get("question_id", line)
            row_id = f"{prefix}{given}" if prefix else given
            row = Row(row_id, record["image"], record["text"], answers=(str(record["label"]),), line=line)
        except (AttributeError, KeyError) as error:
            raise InputError(f"{str(document.path)!r}, line {line}: not a row of POPE ({error} is missing)") from None
        yield Case(row, split, "pope")


def _files(folder: Path) -> dict[str, Path]:
    found = {_split(path): path for path in sorted(folder.glob("*pope*.json*")) if _split(path)}
    return {split: found[split] for split in SPLITS if split in found}


def _split(path: Path) -> str:
    return next((split for split in SPLITS if split in path.name), "")
