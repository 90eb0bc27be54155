"""Data sets by name, one reader a file; which one a file needs is told from its content."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from vqa.agent.evaluation.cases import Case
from vqa.agent.evaluation.datasets import (
    captions,
    easy_vqa,
    gqa,
    llava_bench,
    mm_vet,
    mme,
    own,
    pope,
    text_vqa,
    vqa_v2,
)
from vqa.agent.evaluation.datasets.documents import Document, open_document
from vqa.agent.evaluation.metrics import METRICS
from vqa.errors import InputError
from vqa.registry import unknown_name

Reader = tuple[Callable[[Document], bool], Callable[[Document], Iterator[Case]]]

# In the order in which a file is held against them: what asks for more comes first.
READERS: dict[str, Reader] = {
    "vqa-v2": (vqa_v2.reads, vqa_v2.read),
    "textvqa": (text_vqa.reads, text_vqa.read),
    "gqa": (gqa.reads, gqa.read),
    "mm-vet": (mm_vet.reads, mm_vet.read),
    "easy-vqa": (easy_vqa.reads, easy_vqa.read),
    "pope": (pope.reads, pope.read),
    "llava-bench": (llava_bench.reads, llava_bench.read),
    "captions": (captions.reads, captions.read),
    "jsonl": (own.reads, own.read),
    "mme": (mme.reads, mme.read),
}


def read_cases(
    path: Path, *, format: str | None = None, annotations: Path | None = None, metric: str | None = None
) -> list[Case]:
    """Return every question of a data set with its right answers.

    Args:
        path: The file or folder.
        format: One of READERS; by default what the content looks like.
        annotations: VQA v2 alone: the file of answers, if it is not beside the questions under its own name.
        metric: What to score every row with; by default what the data set, or the row, says.

    Raises:
        InputError: It cannot be read, has no questions, an id twice, or a question whose answer is not known.
    """
    if metric is not None and metric not in METRICS:
        raise InputError(unknown_name("metric", metric, sorted(METRICS)))
    if format is not None and format not in READERS:
        raise InputError(unknown_name("format", format, list(READERS)))
    document = open_document(path)
    name = format or next((name for name, (reads, _) in READERS.items() if reads(document)), None)
    if name is None:
        raise InputError(f"{str(path)!r}: none of the formats that are known; name it: --format {', '.join(READERS)}")
    if annotations is not None and name != "vqa-v2":
        raise InputError(f"--annotations is for VQA v2, and {str(path)!r} looks like {name}")
    read = partial(vqa_v2.read, annotations=annotations) if name == "vqa-v2" else READERS[name][1]
    try:
        cases = [replace(case, metric=metric or case.metric) for case in read(document)]
    except (
        AttributeError,
        KeyError,
        OSError,
        TypeError,
        ValueError,
    ) as error:  # the shape of the file is not the format's
        raise InputError(f"{str(path)!r}: not as {name} has it ({type(error).__name__}: {error})") from error
    _check(path, cases)
    return cases


def _check(path: Path, cases: list[Case]) -> None:
    if not cases:
        raise InputError(f"{str(path)!r}: no questions")
    seen: set[str] = set()
    for case in cases:
        if case.metric not in METRICS:
            raise InputError(
                f"{str(path)!r}, row {case.row.id!r}: {unknown_name('metric', case.metric, sorted(METRICS))}"
            )
        if str(case.row.id) in seen:
            raise InputError(f"{str(path)!r}: id {case.row.id!r} is there twice; ids must differ")
        seen.add(str(case.row.id))
    unknown = [case.row.id for case in cases if not case.row.answers and case.metric != "none"]
    if unknown:
        raise InputError(
            f"{str(path)!r}: {len(unknown):,} of {len(cases):,} rows have no `answers` to score against (the first is "
            f"{unknown[0]!r}); --metric none counts without scoring"
        )
