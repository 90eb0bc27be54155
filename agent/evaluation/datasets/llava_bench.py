"""LLaVA-Bench (In-the-Wild): `questions.jsonl` with categories, and GPT-4's answers beside it.

https://huggingface.co/datasets/liuhaotian/llava-bench-in-the-wild. Its score is GPT-4's opinion, so nothing is scored
here by default: the answers are counted, with their abstentions and confidences.
"""

from __future__ import annotations

from collections.abc import Iterator

from vqa.agent.batch.rows import Row
from vqa.agent.evaluation.cases import Case
from vqa.agent.evaluation.datasets.documents import Document, open_document
from vqa.errors import InputError

_REFERENCES = "answers_gpt4.jsonl"


def reads(document: Document) -> bool:
    if document.path.is_dir():
        return (document.path / "questions.jsonl").is_file()
    return {"question_id", "image", "text", "category"} <= set(document.first)


def read(document: Document) -> Iterator[Case]:
    """Yield the questions; the type is the category: conv, detail, complex."""
    questions = open_document(document.path / "questions.jsonl") if document.path.is_dir() else document
    beside = questions.path.with_name(_REFERENCES)
    references = {r["question_id"]: r["text"] for _, r in open_document(beside).records} if beside.is_file() else {}
    for line, record in questions.records:
        try:
            row_id, image, text = record["question_id"], record["image"], record["text"]
        except KeyError as error:
            raise InputError(f"{str(questions.path)!r}, line {line}: {error} is missing") from None
        answers = (references[row_id],) if row_id in references else ()
        yield Case(Row(row_id, image, text, answers=answers, line=line), record.get("category", ""), "none")
