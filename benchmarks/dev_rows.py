"""A question as `vqa eval` reads it, for dev_questions.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = dict[str, Any]


def ask(row: Mapping[str, Any], question: str, answers: Sequence[str], *, type: str, metric: str) -> Row:
    """Return a question about a row's picture, with its right answers and how an answer is held against them."""
    return {"image": row["image"], "question": question, "answers": list(answers), "type": type, "metric": metric}
