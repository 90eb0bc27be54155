"""Output formats: JSON lines are written as rows finish; JSON lists and tables are made from such lines at the end."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO, TextIO
from uuid import uuid4

from vqa.agent.batch.outcomes import COLUMNS, Outcome, flat, full, llava, slim, vqa_v2
from vqa.agent.batch.parquet import write as write_parquet
from vqa.errors import InputError
from vqa.registry import unknown_name

CONVERTED = ("vqa-v2", "csv", "tsv", "parquet")
FORMATS = ("jsonl", "llava", *CONVERTED)
_ENDINGS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "vqa-v2",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}


def output_format(path: Path | None, format: str | None = None) -> str:
    """Return the format of an output: as named, or as the path's ending says; JSON lines on standard output.

    Raises:
        InputError: An unknown format or ending, or one that standard output, or gzip, cannot take.
    """
    if format is not None and format not in FORMATS:
        raise InputError(unknown_name("output format", format, list(FORMATS)))
    if path is None:
        if format in CONVERTED:
            raise InputError(f"{format} is written at the end, as a whole; give a file: -o answers.{format}")
        return format or "jsonl"
    ending = (path.with_suffix("") if _is_gzipped(path) else path).suffix.lower()
    if ending not in _ENDINGS and format is None:
        endings = f"{', '.join(_ENDINGS)} (all but the last may have .gz behind it)"
        raise InputError(f"{str(path)!r}: expected a name that ends in {endings}, or --output-format")
    chosen = format or _ENDINGS[ending]
    if chosen == "parquet" and _is_gzipped(path):
        raise InputError(f"{str(path)!r}: Parquet is compressed already; leave out the .gz")
    return chosen


def _is_gzipped(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def line_of(outcome: Outcome, format: str, *, only_answers: bool) -> bytes:
    """Return the line that is written when a row finishes; for a format that is made at the end, its raw material."""
    if format == "llava":
        record = llava(outcome)
    else:
        record = slim(outcome) if only_answers or format in CONVERTED else full(outcome)
    # A file name that is no Unicode has lone surrogates: as JSON escapes they survive.
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def convert(lines: Path, output: Path, format: str) -> None:
    """Make the output of a finished run from its lines; it appears whole or not at all."""
    with _replacing(output) as new:
        if format == "parquet":
            write_parquet((flat(record) for record in _records(lines)), new, COLUMNS)
            return
        with new.open("wb") as file, _text(file, zipped=_is_gzipped(output)) as out:
            if format == "vqa-v2":
                _write_list(out, (vqa_v2(record) for record in _records(lines)))
            else:
                table = csv.DictWriter(out, COLUMNS, delimiter="," if format == "csv" else "\t", lineterminator="\n")
                table.writeheader()
                table.writerows(flat(record) for record in _records(lines))


@contextmanager
def _text(file: BinaryIO, *, zipped: bool) -> Iterator[TextIO]:
    """Give a text stream into a file; the same text gives the same bytes, zipped (without name and time) or not."""
    with (
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) if zipped else nullcontext(file) as binary,
        io.TextIOWrapper(binary, "utf-8", errors="backslashreplace", newline="") as text,
    ):
        yield text


def _records(lines: Path) -> Iterator[dict[str, Any]]:
    with lines.open("rb") as stream:
        yield from map(json.loads, stream)


def _write_list(out: TextIO, records: Iterator[dict[str, Any]]) -> None:
    separator = "["
    for record in records:
        out.write(f"{separator}\n{json.dumps(record, ensure_ascii=False)}")
        separator = ","
    out.write("\n]\n" if separator == "," else "[]\n")


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Give a new file beside `path` to write, which takes its place if the block succeeds."""
    new = path.with_name(f".{uuid4().hex}.tmp")
    try:
        yield new
        os.replace(new, path)
    except OSError as error:
        raise InputError(f"{str(path)!r}: cannot be written ({error.strerror}); choose another place") from error
    finally:
        new.unlink(missing_ok=True)
