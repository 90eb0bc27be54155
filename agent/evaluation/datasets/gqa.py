"""GQA: a JSON object of questions by their ids (https://cs.stanford.edu/people/dorarad/gqa/download.html).

Its official accuracy compares strings as they stand; here both are normalised first, so that "Yes." is "yes".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vqa.agent.batch.rows import Row
from vqa.agent.evaluation.cases import Case
from vqa.agent.evaluation.datasets.documents import Document
from vqa.errors import InputError


def reads(document: Document) -> bool:
    first = next(iter(document.content.values()), None) if isinstance(document.content, Mapping) else None
    return isinstance(first, Mapping) and {"imageId", "question"} <= set(first)


def read(document: Document) -> Iterator[Case]:
    """Yield the questions; the type is the structural one: verify, query, choose, logical, compare."""
    for number, (row_id, item) in enumerate(document.content.items(), 1):
        if "answer" not in item:
            raise InputError(f"{str(document.path)!r}: question {row_id!r} has no answer; testdev and val have them")
        image, answers = f"{item['imageId']}.jpg", (str(item["answer"]),)
        row = Row(row_id, image, item["question"], answers=answers, line=number)
        yield Case(row, str(item.get("types", {}).get("structural", "")), "exact")
