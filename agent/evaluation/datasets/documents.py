"""A file of questions or annotations as it was parsed, whatever it holds."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqa.errors import InputError


@dataclass(frozen=True)
class Document:
    """A parsed file, or a folder.

    Attributes:
        path: Where it is.
        content: A JSON value; None for a folder.
        records: The rows of JSON lines or of a table, each with its line; empty for anything else.
    """

    path: Path
    content: Any = None
    records: Sequence[tuple[int, Any]] = ()

    @property
    def first(self) -> Mapping[str, Any]:
        """The first row if it is an object, else an empty one: what formats are told by."""
        record = self.records[0][1] if self.records else None
        return record if isinstance(record, Mapping) else {}


def open_document(path: Path) -> Document:
    """Return a file parsed as JSON, JSON lines, CSV or TSV, gzipped or not.

    Raises:
        InputError: There is no such file, or it is none of these, with the line that shows it.
    """
    path = path.expanduser()
    if path.is_dir():
        return Document(path)
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8-sig")
    except (OSError, EOFError) as error:
        raise InputError(f"{str(path)!r}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{str(path)!r}: not UTF-8 (byte {error.start + 1})") from None
    name = path.name.removesuffix(".gz").lower()
    if name.endswith((".csv", ".tsv")):
        return Document(path, records=tuple(_table(path, text, "," if name.endswith(".csv") else "\t")))
    try:
        content = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        return Document(path, records=tuple(_lines(path, text)))
    if isinstance(content, dict) and len(text.splitlines()) == 1 and name.endswith((".jsonl", ".ndjson")):
        return Document(path, records=((1, content),))
    return Document(path, content)


def listed(path: Path, content: Any, name: str) -> Sequence[Any]:
    """Return a JSON object's list called `name`. Raises InputError if it has none."""
    found = content.get(name) if isinstance(content, Mapping) else None
    if not isinstance(found, list):
        raise InputError(f"{str(path)!r}: expected a JSON object with a list of {name!r}")
    return found


def _lines(path: Path, text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (json.JSONDecodeError, RecursionError) as error:
                raise InputError(f"{str(path)!r}, line {number}: not JSON ({error})") from None


def _table(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, Any]]:
    reader = csv.DictReader(text.splitlines(keepends=True), delimiter=delimiter)
    try:
        for record in reader:
            yield reader.line_num, {name: value for name, value in record.items() if name is not None}
    except csv.Error as error:
        raise InputError(f"{str(path)!r}, line {reader.line_num}: not a row of the table ({error})") from None
