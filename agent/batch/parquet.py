"""Parquet, through pyarrow (the `parquet` extra), some rows at a time."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from vqa.agent.batch.rows import COLUMNS, BadRow, Row, to_row, why_useless
from vqa.errors import InputError, ModelUnavailable

_AT_A_TIME = 1024


def read(stream: BinaryIO) -> Iterator[Row | BadRow]:
    """Yield a row for every record; its line is its number.

    Raises:
        InputError: Not a Parquet file, or one without the columns.
        ModelUnavailable: pyarrow is not installed.
    """
    pyarrow, parquet = _pyarrow()
    try:
        file = parquet.ParquetFile(stream if stream.seekable() else io.BytesIO(stream.read()))
    except pyarrow.ArrowInvalid as error:
        raise InputError(f"not a whole Parquet file ({' '.join(str(error).split())})") from None
    present = [name for name in file.schema_arrow.names if name in COLUMNS]
    if why := why_useless(present):
        raise InputError(f"the columns are {file.schema_arrow.names}: {why}")
    records = (record for batch in file.iter_batches(_AT_A_TIME, columns=present) for record in batch.to_pylist())
    for number, record in enumerate(records, 1):
        yield to_row(record, number)


def write(records: Iterable[Mapping[str, Any]], path: Path, columns: Sequence[str]) -> None:
    """Write records as text columns, but `confidence`, which is a number, and `degraded`, which is true or false."""
    pyarrow, parquet = _pyarrow()
    kinds = {"confidence": pyarrow.float64(), "degraded": pyarrow.bool_()}
    schema = pyarrow.schema([(name, kinds.get(name, pyarrow.string())) for name in columns])
    remaining = iter(records)
    with parquet.ParquetWriter(path, schema) as writer:
        while some := list(islice(remaining, _AT_A_TIME)):
            texts = [{name: _cell(record[name]) for name in columns} for record in some]
            writer.write_table(pyarrow.Table.from_pylist(texts, schema))


def check_installed() -> None:
    """Raise ModelUnavailable if pyarrow is not installed: before hours of work, not after."""
    _pyarrow()


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return str(value) if isinstance(value, int) else value


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ModelUnavailable("Parquet needs pyarrow; run `pip install 'vqa-agent[parquet]'`") from None
    return pyarrow, pyarrow.parquet
