"""Opens a question file, says what format it is in, and yields its rows; a malformed one is a `BadRow`.

A file is read as it is consumed, whatever its length, except VQA v2's JSON, which is one object and read whole.
"""

from __future__ import annotations

import gzip
import io
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from vqa.agent.batch import json_lines, parquet, tables, vqa_v2
from vqa.agent.batch.rows import BadRow, Row
from vqa.errors import InputError
from vqa.registry import unknown_name

Reader = Callable[[BinaryIO], Iterator[Row | BadRow]]

READERS: dict[str, Reader] = {
    "jsonl": json_lines.read,
    "llava": json_lines.read,
    "vqa-v2": vqa_v2.read,
    "csv": tables.read_csv,
    "tsv": tables.read_tsv,
    "parquet": parquet.read,
}
_ENDINGS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "tsv", ".parquet": "parquet"}
_HEAD = 64 * 1024  # bytes that tell one format from another
_QUESTIONS_LIST = re.compile(rb'"questions"\s*:\s*\[')


def read_rows(
    source: str | Path, *, format: str | None = None, image_pattern: str | None = None
) -> Iterator[Row | BadRow]:
    """Yield the rows of a question file, gzipped or not.

    Args:
        source: A path, or "-" for standard input.
        format: One of READERS; by default what the name's ending and the content say.
        image_pattern: VQA v2 alone: the pictures' names, e.g. "COCO_val2014_{image_id:012d}.jpg"; by default what
            the file says of itself.

    Raises:
        InputError: No such file, an unknown format, or a file that is not in its format at all.
        ModelUnavailable: A Parquet file without pyarrow.
    """
    if format is not None and format not in READERS:
        raise InputError(unknown_name("format", format, sorted(READERS)))
    with ExitStack() as stack:
        stream = _opened(str(source), stack)
        kind = format or recognise(str(source), stream.peek(_HEAD)[:_HEAD])
        try:
            if kind == "vqa-v2":
                yield from vqa_v2.read(stream, image_pattern=image_pattern)
            else:
                yield from READERS[kind](stream)
        except (EOFError, gzip.BadGzipFile, OSError) as error:  # in the middle of the file: all before it is good
            raise InputError(f"{str(source)!r}: cannot be read to its end ({error}); get a whole copy") from None


def recognise(name: str, head: bytes) -> str:
    """Return the format of a file from its first bytes and its name. Raises InputError if neither tells."""
    if head.startswith(b"PAR1"):
        return "parquet"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    ending = Path(name.removesuffix(".gz")).suffix.lower()
    if start.startswith(b"{") and ending not in (".csv", ".tsv"):
        return "vqa-v2" if _QUESTIONS_LIST.search(start) else "jsonl"
    if ending in _ENDINGS:
        return _ENDINGS[ending]
    header = start.split(b"\n", 1)[0].lower()
    if b"question" in header or b"text" in header:
        return "tsv" if b"\t" in header else "csv"
    raise InputError(f"{name!r}: the format is none that is known; name it with --format: {', '.join(READERS)}")


def _opened(source: str, stack: ExitStack) -> io.BufferedReader[Any]:
    """Return the file's content, unzipped, and able to peek."""
    stream: io.BufferedReader[Any]
    if source == "-":
        if sys.stdin.isatty():
            raise InputError("standard input is a terminal; pipe questions into it: cat questions.jsonl | vqa batch -")
        stdin: Any = sys.stdin.buffer
        stream = stdin if isinstance(stdin, io.BufferedReader) else io.BufferedReader(stdin)
    else:
        path = Path(source).expanduser()
        if path.is_dir():
            raise InputError(f"{source!r} is a folder of pictures; ask about them with --question, or name a file")
        try:
            stream = io.BufferedReader(stack.enter_context(path.open("rb", buffering=0)), _HEAD)
        except OSError as error:
            raise InputError(f"{source!r}: cannot be read ({error.strerror}); check the path") from None
    if stream.peek(2)[:2] == b"\x1f\x8b":
        return io.BufferedReader(_Unzipped(stack.enter_context(gzip.GzipFile(fileobj=stream))), _HEAD)
    return stream


class _Unzipped(io.RawIOBase):
    """A gzipped file's content; unlike GzipFile it gives all there is before a tear."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read1(len(buffer))
        buffer[: len(data)] = data
        return len(data)
