"""VQA v2's official questions file: https://visualqa.org/download.html."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from vqa.agent.batch.rows import BadRow, Row, to_row
from vqa.errors import InputError

_PATTERNS = {
    "mscoco": "COCO_{data_subtype}_{image_id:012d}.jpg",
    "abstract_v002": "abstract_v002_{data_subtype}_{image_id:012d}.png",
}


def read(stream: BinaryIO, *, image_pattern: str | None = None) -> Iterator[Row | BadRow]:
    """Yield a row for every question; its line is its number in the list.

    Args:
        stream: The JSON object with a list of `questions`.
        image_pattern: A picture's name from `image_id` and `data_subtype`; by default what `data_type` calls for.

    Raises:
        InputError: Not such an object, or a pattern that cannot be filled in.
    """
    try:
        whole = json.load(stream)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"not a VQA v2 questions file: {error}") from None
    if not isinstance(whole, dict) or not isinstance(whole.get("questions"), list):
        raise InputError("not a VQA v2 questions file: expected an object with a list of questions")
    subtype = str(whole.get("data_subtype", ""))
    pattern = image_pattern or _PATTERNS.get(str(whole.get("data_type")))
    if pattern is None:
        raise InputError(
            f"data_type={whole.get('data_type')!r}: the pictures' names are not known; give --image-pattern, e.g. "
            "'COCO_val2014_{image_id:012d}.jpg'"
        )
    _name(pattern, 1, subtype)  # a wrong pattern is said once, and not at every row
    for number, question in enumerate(whole["questions"], 1):
        yield to_row(_with_image(question, pattern, subtype), number)


def _with_image(question: Any, pattern: str, subtype: str) -> Any:
    if not isinstance(question, Mapping) or "image" in question or not isinstance(question.get("image_id"), int):
        return question
    return {**question, "image": _name(pattern, question["image_id"], subtype)}


def _name(pattern: str, image_id: int, subtype: str) -> str:
    try:
        return pattern.format(image_id=image_id, data_subtype=subtype)
    except (KeyError, IndexError, ValueError) as error:
        raise InputError(
            f"image_pattern={pattern!r} cannot be filled in ({error}); it may use image_id and data_subtype, e.g. "
            "'COCO_val2014_{image_id:012d}.jpg'"
        ) from None
