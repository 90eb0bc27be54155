"""Captions: rows with `image` and `captions`, a table with a caption a line, or COCO's annotations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from vqa.agent.batch.rows import Row
from vqa.agent.evaluation.cases import Case
from vqa.agent.evaluation.datasets.documents import Document, listed
from vqa.errors import InputError

QUESTION = "Describe the image in one sentence."
_LISTS = ("captions", "references")


def reads(document: Document) -> bool:
    content = document.content
    in_coco = isinstance(content, Mapping) and {"images", "annotations"} <= set(content)
    in_rows = any(name in document.first for name in (*_LISTS, "caption"))
    return in_coco or ("image" in document.first and in_rows)


def read(document: Document) -> Iterator[Case]:
    """Yield a case for each picture; its id is the row's, COCO's number of the picture, or the picture's name."""
    if document.content is not None:
        yield from _coco(document)
        return
    captions: defaultdict[str, list[str]] = defaultdict(list)
    rows: dict[str, tuple[int, Any]] = {}
    for line, record in document.records:
        image = record.get("image") if isinstance(record, Mapping) else None
        given = [text for name in (*_LISTS, "caption") for text in _texts(record, name)] if image else []
        if not isinstance(image, str) or not given:
            raise InputError(f"{str(document.path)!r}, line {line}: expected an image and its captions")
        rows.setdefault(image, (line, record))
        captions[image] += given
    for image, (line, record) in rows.items():
        question = str(record.get("question") or QUESTION)
        yield _case(Row(record.get("id") or image, image, question, answers=tuple(captions[image]), line=line))


def _coco(document: Document) -> Iterator[Case]:
    captions: defaultdict[int, list[str]] = defaultdict(list)
    for annotation in listed(document.path, document.content, "annotations"):
        if "caption" not in annotation:
            raise InputError(f"{str(document.path)!r}: its annotations are not captions")
        captions[annotation["image_id"]].append(annotation["caption"])
    for number, image in enumerate(listed(document.path, document.content, "images"), 1):
        if image["id"] in captions:
            answers = tuple(captions[image["id"]])
            yield _case(Row(image["id"], image["file_name"], QUESTION, answers=answers, line=number))


def _case(row: Row) -> Case:
    return Case(row, metric="captions")


def _texts(record: Mapping[str, Any], name: str) -> list[str]:
    value = record.get(name)
    return [value] if isinstance(value, str) and value.strip() else value if isinstance(value, list) else []
