"""MM-Vet: a JSON object with `imagename`, `question`, `answer`, `capability` (https://github.com/yuweihao/MM-Vet)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vqa.agent.batch.rows import Row
from vqa.agent.evaluation.cases import Case
from vqa.agent.evaluation.datasets.documents import Document


def reads(document: Document) -> bool:
    first = next(iter(document.content.values()), None) if isinstance(document.content, Mapping) else None
    return isinstance(first, Mapping) and {"imagename", "question", "answer"} <= set(first)


def read(document: Document) -> Iterator[Case]:
    """Yield the questions; the type joins the capabilities that one needs: "ocr+spat"."""
    for number, (row_id, item) in enumerate(document.content.items(), 1):
        row = Row(row_id, item["imagename"], item["question"], answers=(str(item["answer"]),), line=number)
        yield Case(row, "+".join(sorted(item.get("capability", ()))), "contains")
