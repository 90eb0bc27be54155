"""Our own rows: JSON lines, CSV or TSV with `image`, `question` and `answers`.

`id`, `choices`, `type` and `metric` may stand beside them. A row of `vqa batch`'s output is one too, if its
questions had `answers`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vqa.agent.batch.rows import BadRow, Row, to_row
from vqa.agent.evaluation.cases import Case
from vqa.agent.evaluation.datasets.documents import Document
from vqa.agent.evaluation.metrics.vqa_accuracy import LEAST_REFERENCES
from vqa.errors import InputError

_ANSWERED = ("confidence", "error", "core")  # in such a row `answer` is what the agent said, not what is right


def reads(document: Document) -> bool:
    return "image" in document.first and bool({"question", "text"} & set(document.first))


def read(document: Document) -> Iterator[Case]:
    for line, record in document.records:
        yield _case(document, line, record)


def _case(document: Document, line: int, record: Any) -> Case:
    if isinstance(record, Mapping) and "answers" not in record and not any(name in record for name in _ANSWERED):
        record = {**record, "answers": [a for a in (record.get("answer"),) if a not in (None, "")]}
    row = to_row(record, line)
    if isinstance(row, BadRow):
        raise InputError(f"{str(document.path)!r}, line {line}: {row.reason}")
    kind = str(record.get("type") or "")
    return Case(row, kind, str(record.get("metric") or _metric(row, kind)))


def _metric(row: Row, kind: str) -> str:
    """Return the metric that suits a row which names none."""
    if row.choices:
        return "choice"
    if kind in ("caption", "captions"):
        return "captions"
    if kind == "count":
        return "count"
    return "vqa" if len(row.answers) >= LEAST_REFERENCES else "exact"
