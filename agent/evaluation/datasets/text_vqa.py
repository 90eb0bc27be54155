"""TextVQA, ST-VQA and DocVQA: a JSON object whose `data` is a list of questions.

https://textvqa.org/dataset, https://rrc.cvc.uab.es/?ch=11, https://www.docvqa.org. TextVQA has ten answers and an
accuracy of its own; the others are scored with ANLS.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vqa.agent.batch.rows import Row
from vqa.agent.evaluation.cases import Case
from vqa.agent.evaluation.datasets.documents import Document, listed
from vqa.errors import InputError


def reads(document: Document) -> bool:
    data = document.content.get("data") if isinstance(document.content, Mapping) else None
    first = data[0] if isinstance(data, list) and data else None
    return isinstance(first, Mapping) and "question" in first and bool({"question_id", "questionId"} & set(first))


def read(document: Document) -> Iterator[Case]:
    """Yield the questions; the type is the set a picture is from, where ST-VQA says so."""
    for number, item in enumerate(listed(document.path, document.content, "data"), 1):
        try:
            row_id = item["question_id"] if "question_id" in item else item["questionId"]
            answers = tuple(map(str, item["answers"]))
            row = Row(row_id, _image(item), item["question"], answers=answers, line=number)
        except KeyError as error:
            raise InputError(f"{str(document.path)!r}, question {number}: {error} is missing") from None
        yield Case(row, str(item.get("dataset", "")), "textvqa" if _of_textvqa(item) else "anls")


def _of_textvqa(item: Mapping[str, Any]) -> bool:
    return "image_id" in item and not {"file_path", "file_name", "image"} & set(item)


def _image(item: Mapping[str, Any]) -> str:
    return f"{item['image_id']}.jpg" if _of_textvqa(item) else _first(item, ("file_path", "image", "file_name"))


def _first(item: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return str(next((item[name] for name in names if name in item), None) or item[names[0]])
