"""Reads what people say about pictures: JSON lines of our own, or COCO's captions.

A line names an `image` and holds any of: `split`, `captions`, `vqa` ([{question, answer, answers}]). Boxes, words and
receipts' keys may stand there too and are not read: what stands in the evidence comes from the experts. COCO's format:
https://cocodataset.org/#format-data.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqa.errors import InputError

_ARCHIVES = (".tar", ".zip")


@dataclass(frozen=True)
class Triple:
    """An annotated question; `agreement` is the share of annotators that gave the answer, 1 if only one is known."""

    question: str
    answer: str
    agreement: float = 1.0


@dataclass(frozen=True)
class Annotated:
    """What people say about one picture."""

    image: str
    split: str = ""
    captions: tuple[str, ...] = ()
    triples: tuple[Triple, ...] = ()


def read_annotations(path: Path) -> list[Annotated]:
    """Return the annotated pictures of a file, in its order.

    Raises:
        InputError: It cannot be read, is in no known format, or a line is damaged.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{str(path)!r}: cannot be read ({error}); expected annotations as JSON lines") from None
    if path.suffix == ".json":
        return _coco(path, _parsed(text, str(path)))
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    return [_annotated(_parsed(line, f"{path}:{number}"), f"{path}:{number}") for number, line in lines]


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(f"{where}: not JSON ({error})") from None


def _annotated(row: Any, where: str) -> Annotated:
    try:
        return Annotated(
            image=_text(row["image"]),
            split=_text(row.get("split", "")),
            captions=tuple(_text(caption) for caption in row.get("captions", ())),
            triples=tuple(_triple(triple) for triple in row.get("vqa", ()) if triple.get("answer") is not None),
        )
    except (KeyError, TypeError, AttributeError) as error:
        wanted = 'an object with "image" and any of "captions" and "vqa"'
        raise InputError(f"{where}: expected {wanted} ({type(error).__name__}: {error})") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _triple(row: Mapping[str, Any]) -> Triple:
    answers = [str(answer) for answer in row.get("answers") or ()]
    answer = str(row["answer"])
    agreement = Counter(answers)[answer] / len(answers) if answers else 1.0
    return Triple(_text(row["question"]), answer.replace("_", " "), agreement)  # DAQUAR joins words with _


def _coco(path: Path, data: Any) -> list[Annotated]:
    """Return COCO's captions, picture by picture; its boxes need no reading, because experts look for themselves."""
    try:
        captions: dict[int, list[str]] = {int(image["id"]): [] for image in data["images"]}
        for annotation in data.get("annotations", ()):
            if "caption" in annotation:
                captions[int(annotation["image_id"])].append(_text(annotation["caption"]))
        return [
            Annotated(_text(image["file_name"]), captions=tuple(captions[int(image["id"])])) for image in data["images"]
        ]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        what = f"{type(error).__name__}: {error}"
        raise InputError(f"{str(path)!r}: expected COCO's images and annotations ({what})") from None


def pictures_beside(annotations: Path) -> Path:
    """Return where the pictures of an annotation file lie: its name with .tar or .zip, or the folder of that name.

    Raises:
        InputError: There is none of them.
    """
    stem = annotations.with_suffix("")
    for place in (*(stem.with_suffix(ending) for ending in _ARCHIVES), stem):
        if place.exists():
            return place
    raise InputError(f"{str(annotations)!r}: no pictures beside it ({stem.name}.tar, .zip or folder); give --pictures")


def chosen(rows: list[Annotated], *, split: str | None, limit: int | None, seed: int) -> list[Annotated]:
    """Return the rows of a split, at most `limit` of them, drawn at random but in their order."""
    those = [row for row in rows if split is None or row.split in ("", split)]
    if limit is not None and limit < len(those):
        picked = set(random.Random(seed).sample(range(len(those)), limit))
        those = [row for index, row in enumerate(those) if index in picked]
    return those
