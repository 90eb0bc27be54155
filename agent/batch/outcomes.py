"""What becomes of a row, and how each output format spells it.

Results of VQA v2: https://visualqa.org/evaluation.html. LLaVA's answers file:
https://github.com/haotian-liu/LLaVA/blob/main/docs/Evaluation.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vqa.agent.batch.rows import BadRow, Row
from vqa.agent.batch.thumbnails import Thumbnail
from vqa.agent.windows import Failed
from vqa.values import Answer


@dataclass(frozen=True)
class Outcome:
    """A row and what became of it; `thumbnail` stands in for an answer's picture that stayed where it was answered."""

    row: Row | BadRow
    result: Answer | Failed
    thumbnail: Thumbnail | None = None


def full(outcome: Outcome) -> dict[str, Any]:
    """Return everything, all timings under `seconds`; `answer_from` makes an Answer of it again."""
    record = slim(outcome)
    if isinstance(outcome.result, Failed):
        return record
    evidence = outcome.result.to_dict()
    findings = [{name: v for name, v in finding.items() if name != "seconds"} for finding in evidence["findings"]]
    names = ("core_confidence", "abstention", "withheld", "evidence", "route", "prompt", "core", "notes", "seconds")
    kept = {name: evidence[name] for name in names}
    return {**record, "findings": findings, **kept}


def slim(outcome: Outcome) -> dict[str, Any]:
    """Return the row with its answer, how sure it is and whether an expert failed, or with its error."""
    row, result = outcome.row, outcome.result
    record: dict[str, Any] = {"id": row.id}
    if isinstance(result, Failed):
        record["line"] = row.line
    if isinstance(row, Row):
        record |= {"image": row.image, "question": row.question}
        record |= {name: list(v) for name in ("choices", "answers") if (v := getattr(row, name))}
    if isinstance(result, Failed):
        return {**record, "error": {"stage": result.stage, "message": str(result.error)}}
    confidence = None if result.confidence is None else round(result.confidence, 4)
    return {**record, "answer": result.text, "confidence": confidence, "degraded": result.degraded}


def answer_from(record: Mapping[str, Any]) -> Answer:
    """Return the answer that `full` wrote, without its picture. Raises KeyError for a slim record or an error."""
    question = {"text": record["question"], "image": record["image"], "id": str(record["id"])}
    return Answer.from_dict({**record, "question": {**question, "choices": record.get("choices", ())}})


def llava(outcome: Outcome) -> dict[str, Any]:
    """Return a line of LLaVA's answers; a failed row has an empty text and its error in the metadata."""
    record = slim(outcome)
    failed = isinstance(outcome.result, Failed)
    metadata = {"line": record["line"], "error": record["error"]} if failed else {"confidence": record["confidence"]}
    text = record.get("answer", "")
    identity = hashlib.sha256(f"{record['id']!r} {text}".encode("utf-8", "surrogatepass")).hexdigest()
    return {
        "question_id": record["id"],
        "prompt": record.get("question", ""),
        "text": text,
        "answer_id": identity[:22],  # the length of LLaVA's random ones; the same run gives the same
        "model_id": outcome.result.core if isinstance(outcome.result, Answer) else "",
        "metadata": metadata,
    }


def vqa_v2(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a slim record as VQA v2's results have it; a failed row has an empty answer and its error beside it.

    In lower case, as VQA's answers are: where all ten people agree, the official scorer takes "Yes" for no "yes".
    """
    answer = {"question_id": record["id"], "answer": record.get("answer", "").lower()}
    return {**answer, "error": record["error"]["message"]} if "error" in record else answer


COLUMNS = ("id", "image", "question", "answer", "confidence", "degraded", "error")


def flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a slim record as a table's row has it, with the COLUMNS."""
    error = record["error"]["message"] if "error" in record else None
    return {**{name: record.get(name) for name in COLUMNS}, "error": error}
