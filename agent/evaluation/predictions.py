"""Reads what was answered: output of `vqa batch` and `vqa ask --json`, LLaVA's answers, results of VQA v2 and COCO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vqa.agent.batch.outcomes import Outcome
from vqa.agent.evaluation.cases import Case, Prediction
from vqa.agent.evaluation.datasets.documents import open_document
from vqa.agent.windows import Failed
from vqa.errors import InputError

_IDS = ("id", "question_id", "questionId", "image_id")
_TEXTS = ("answer", "text", "prediction", "caption")


def read_predictions(path: Path, cases: Sequence[Case], *, allow_missing: bool = False) -> list[Prediction]:
    """Return the prediction of each case, by id; a file without any ids is taken to be in the cases' order.

    Args:
        path: JSON lines, a JSON list, CSV or TSV.
        cases: What was asked.
        allow_missing: Take a case without a prediction as one without an answer.

    Raises:
        InputError: The file cannot be read, or has no prediction for some case.
    """
    document = open_document(path)
    records = document.content if isinstance(document.content, list) else [record for _, record in document.records]
    if not records or not all(isinstance(record, Mapping) for record in records):
        raise InputError(f"{str(path)!r}: expected JSON lines, or a list, of objects with an id and an answer")
    ids = [_id(record) for record in records]
    if all(row_id is None for row_id in ids):
        if len(records) != len(cases):
            raise InputError(f"{str(path)!r}: {len(records):,} answers without ids to {len(cases):,} questions")
        return [_prediction(path, record) for record in records]
    said: dict[str, Prediction] = {}
    for row_id, record in zip(ids, records, strict=True):
        if row_id is not None and row_id not in said:  # a repeated id is an error row of `vqa batch`
            said[row_id] = _prediction(path, record)
    missing = [case.row.id for case in cases if str(case.row.id) not in said]
    if missing and (not allow_missing or len(missing) == len(cases)):
        raise InputError(
            f"{str(path)!r}: {len(missing):,} of {len(cases):,} questions have no answer there (the first is "
            f"{missing[0]!r}); --allow-missing counts them as wrong"
        )
    nothing = Prediction(None, error="not in the predictions")
    return [said.get(str(case.row.id), nothing) for case in cases]


def prediction_of(outcome: Outcome) -> Prediction:
    """Return what became of a row that the agent was just asked."""
    if isinstance(outcome.result, Failed):
        return Prediction(None, error=f"{outcome.result.stage}: {outcome.result.error}")
    return Prediction(outcome.result.text, outcome.result.confidence, outcome.result.route.experts)


def _id(record: Mapping[str, Any]) -> str | None:
    question = record.get("question")
    given = question.get("id") if isinstance(question, Mapping) else None
    found = next((record[name] for name in _IDS if record.get(name) not in (None, "")), given)
    return None if found is None else str(found)


def _prediction(path: Path, record: Mapping[str, Any]) -> Prediction:
    metadata = record.get("metadata")
    inner = metadata if isinstance(metadata, Mapping) else {}
    error = record.get("error") or inner.get("error")
    if error:
        return Prediction(None, error=str(error.get("message", error) if isinstance(error, Mapping) else error))
    answer = next((record[name] for name in _TEXTS if record.get(name) is not None), None)
    if answer is None or isinstance(answer, Mapping | list):
        raise InputError(f"{str(path)!r}: the row {_id(record) or dict(record)!r} has no answer")
    confidence = record.get("confidence", inner.get("confidence"))
    route = record.get("route")
    experts = tuple(route["experts"]) if isinstance(route, Mapping) and "experts" in route else None
    try:
        sure = None if confidence in (None, "") else float(confidence)
    except (TypeError, ValueError):
        raise InputError(f"{str(path)!r}: row {_id(record)!r}: confidence={confidence!r} is no number") from None
    return Prediction(str(answer), sure, experts)
