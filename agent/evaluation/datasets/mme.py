"""MME: a folder for each subtask, with pictures and, for each, a text file of questions, a tab, and Yes or No.

Both layouts of the release are read: pictures and texts side by side, or in `images/` and `questions_answers_YN/`.
https://github.com/BradyFU/Awesome-Multimodal-Large-Language-Models/tree/Evaluation
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vqa.agent.batch.pictures import ENDINGS
from vqa.agent.batch.rows import Row
from vqa.agent.evaluation.cases import Case
from vqa.agent.evaluation.datasets.documents import Document
from vqa.errors import InputError

_TEXTS, _IMAGES = "questions_answers_YN", "images"


def reads(document: Document) -> bool:
    return document.path.is_dir() and any(_texts(folder) for folder in _subtasks(document.path))


def read(document: Document) -> Iterator[Case]:
    """Yield the questions; the type is the subtask, an id its name, the picture's and the question's number."""
    for folder in _subtasks(document.path):
        for text in _texts(folder):
            picture = _picture(folder, text)
            lines = [line for line in text.read_text(encoding="utf-8").splitlines() if line.strip()]
            for number, line in enumerate(lines, 1):
                question, _, label = line.rpartition("\t")
                if label.strip().lower() not in ("yes", "no") or not question.strip():
                    raise InputError(f"{str(text)!r}, line {number}: expected a question, a tab, and Yes or No")
                row_id = f"{folder.name}/{picture.name}#{number}"
                row = Row(row_id, str(picture.absolute()), question.strip(), answers=(label.strip(),), line=number)
                yield Case(row, folder.name, "mme")


def _subtasks(root: Path) -> list[Path]:
    return sorted(folder for folder in root.iterdir() if folder.is_dir())


def _texts(folder: Path) -> list[Path]:
    inner = folder / _TEXTS
    return sorted(path for path in (inner if inner.is_dir() else folder).glob("*.txt") if "\t" in _head(path))


def _picture(folder: Path, text: Path) -> Path:
    home = folder / _IMAGES if (folder / _IMAGES).is_dir() else folder
    found = [path for path in home.iterdir() if path.stem == text.stem and path.suffix.lower() in ENDINGS]
    if not found:
        raise InputError(f"{str(text)!r}: its picture {text.stem!r} is not in {str(home)!r}")
    return found[0]


def _head(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline()
