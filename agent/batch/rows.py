"""The rows of a question file: what every reader yields, whatever the format."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

RowId = int | str


@dataclass(frozen=True)
class Row:
    """One question about one picture.

    Attributes:
        id: As the file has it; the line's number if it has none.
        image: Path, URL, `example:NAME`, or a name below the image root.
        choices: The allowed answers, if the row has such a list.
        answers: What people answered, if the row says so; for scoring, never shown to the core.
        line: Where the row stands: its line in a text file, its number in a JSON list or a Parquet file, from 1.
    """

    id: RowId
    image: str
    question: str
    choices: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    line: int = 0


@dataclass(frozen=True)
class BadRow:
    """A row that asks nothing, because it cannot be understood; `id` is None if not even that can be told."""

    line: int
    id: RowId | None
    reason: str


_IDS = ("id", "question_id")  # ours first, then LLaVA's and what people call it, here and below
_IMAGES = ("image", "image_path", "img", "filename", "file_name", "file", "path", "picture", "photo", "url")
_QUESTIONS = ("question", "text", "prompt", "query")
COLUMNS = (*_IDS, *_IMAGES, *_QUESTIONS, "choices", "answers")
"""All names that mean something in a row."""


def why_useless(columns: Sequence[str]) -> str:
    """Return what a table lacks to be a question file, "" if it has all."""
    lacking = [names[0] for names in (_IMAGES, _QUESTIONS) if not set(names) & set(columns)]
    return f"no column for the {' and the '.join(lacking)}; call them image and question" if lacking else ""


def to_row(record: object, line: int) -> Row | BadRow:
    """Return the row in one parsed record, spelled our way or LLaVA's; an empty or null value is one not given."""
    if not isinstance(record, Mapping):
        return BadRow(line, None, f"expected an object with image and question, got {_brief(record)}")
    given = _first(record, _IDS)
    row_id = _row_id(given)
    if row_id is None and given is not None:
        return BadRow(line, None, f"id={_brief(given)}: expected text or a whole number")
    try:
        return Row(
            id=line if row_id is None else row_id,
            image=_text(record, _IMAGES),
            question=_text(record, _QUESTIONS),
            choices=_texts(record, "choices"),
            answers=_texts(record, "answers"),
            line=line,
        )
    except ValueError as error:
        return BadRow(line, row_id, str(error))


def _first(record: Mapping[Any, Any], names: Sequence[str]) -> Any:
    return next((record[name] for name in names if record.get(name) not in (None, "")), None)


def _row_id(value: object) -> RowId | None:
    if isinstance(value, float) and value.is_integer():  # a column of whole numbers with gaps, as pandas writes it
        return int(value)
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None


def _text(record: Mapping[Any, Any], names: Sequence[str]) -> str:
    if all(name not in record for name in names):
        raise ValueError(f"no {names[0]!r}; the row has {', '.join(map(str, record)) or 'nothing'}")
    value = next(record[name] for name in names if name in record)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{names[0]}={_brief(value)}: expected text")
    if not value or not value.strip():
        raise ValueError(f"the {names[0]} is empty")
    return value


def _texts(record: Mapping[Any, Any], name: str) -> tuple[str, ...]:
    """Return a list of texts; in a table's cell it is a JSON list or texts with | between."""
    value = record.get(name)
    if value is None:
        return ()
    if isinstance(value, str):
        if not value.lstrip().startswith("["):
            return tuple(part.strip() for part in value.split("|") if part.strip())
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            raise ValueError(f"{name}={_brief(value)}: not a JSON list") from None
    if not isinstance(value, Sequence) or not all(isinstance(part, str | int | float) for part in value):
        raise ValueError(f"{name}={_brief(value)}: expected a list of texts")
    return tuple(str(part) for part in value)


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}…"
