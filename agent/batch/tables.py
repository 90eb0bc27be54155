"""CSV and TSV with a header, by the standard library's rules for quotes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO

from vqa.agent.batch.rows import BadRow, Row, to_row, why_useless
from vqa.errors import InputError


def read_csv(stream: BinaryIO) -> Iterator[Row | BadRow]:
    return _read(stream, ",")


def read_tsv(stream: BinaryIO) -> Iterator[Row | BadRow]:
    return _read(stream, "\t")


def _read(stream: BinaryIO, delimiter: str) -> Iterator[Row | BadRow]:
    """Yield a row for every record; its line is where the record begins. Raises InputError for a useless header."""
    text = io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape", newline="")
    records = csv.reader(text, delimiter=delimiter, strict=True)
    try:
        header = [name.strip().lower() for name in next(records, [])]
    except csv.Error as error:
        raise InputError(f"the header cannot be read ({error})") from None
    if why := why_useless(header):
        raise InputError(f"the header is {header!r}: {why}")
    while True:
        line = records.line_num + 1
        try:
            cells = next(records)
        except StopIteration:
            text.detach()
            return
        except csv.Error as error:
            yield BadRow(line, None, f"not a row of the table ({error})")
            continue
        if cells:
            yield _row(header, cells, line)


def _row(header: list[str], cells: list[str], line: int) -> Row | BadRow:
    if len(cells) != len(header):
        return BadRow(line, None, f"{len(cells)} cells, but the header has {len(header)} columns")
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return BadRow(line, None, "not UTF-8")
    return to_row(dict(zip(header, cells, strict=True)), line)
