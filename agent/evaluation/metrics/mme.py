"""MME score: for each subtask, share of questions right plus share of pictures with both right, times 100.

Fu et al., "MME: A Comprehensive Evaluation Benchmark for Multimodal Large Language Models" (arXiv 2306.13394, §2.3); an
answer becomes yes, no or other as in the benchmark's own calculation.py: by its first four letters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial

from vqa.agent.evaluation.cases import Case
from vqa.agent.evaluation.measures import Array, Figure, Measures, share

PERCEPTION = tuple("existence count position color posters celebrity scene landmark artwork OCR".split())
COGNITION = ("commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning")


def verdict(answer: str) -> str:
    """Return "yes", "no" or "other"."""
    start = answer.lower()[:4]
    return "yes" if "yes" in start else "no" if "no" in start else "other"


def mme(cases: Sequence[Case], answers: Sequence[str | None]) -> Measures:
    """Count right questions and right pictures of each subtask, which is the case's type."""
    found = dict.fromkeys(case.type for case in cases)
    subtasks = sorted(found, key=lambda name: [*PERCEPTION, *COGNITION, name].index(name))
    right = [
        answer is not None and verdict(answer) == case.row.answers[0].strip().lower()
        for case, answer in zip(cases, answers, strict=True)
    ]
    pictures: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for index, case in enumerate(cases):
        pictures[case.type, case.row.image].append(index)
    counts = [[0.0] * 4 * len(subtasks) for _ in cases]  # for each subtask: right, questions, both right, pictures
    for index, case in enumerate(cases):
        at = 4 * subtasks.index(case.type)
        counts[index][at : at + 2] = [float(right[index]), 1.0]
    for (subtask, _), members in pictures.items():  # a picture is counted with its first question
        at = 4 * subtasks.index(subtask)
        counts[members[0]][at + 2 : at + 4] = [float(all(right[i] for i in members)), 1.0]
    groups = [("perception", PERCEPTION), ("cognition", COGNITION)]
    wholes = [("MME score", subtasks)] + [(name, [s for s in subtasks if s in known]) for name, known in groups]
    kept = [(name, [subtasks.index(s) for s in members]) for name, members in wholes if members]
    kept += [(subtask, [subtasks.index(subtask)]) for subtask in subtasks]
    figures = [Figure(name, "number") for name, _ in kept] + [Figure("accuracy"), Figure("accuracy+")]
    summarise = partial(_figures, groups=[members for _, members in kept])
    return Measures(tuple(map(float, right)), tuple(map(tuple, counts)), tuple(figures), summarise)


def _figures(sums: Array, *, groups: list[list[int]]) -> Array:
    import numpy as np

    by_subtask = sums.reshape(*sums.shape[:-1], -1, 4)  # (..., S, 4)
    right, questions, both, pictures = np.moveaxis(by_subtask, -1, 0)  # each (..., S)
    points = 100 * (share(right, questions, undefined=0.0) + share(both, pictures, undefined=0.0))
    columns = [points[..., members].sum(-1) for members in groups]
    columns += [share(right.sum(-1), questions.sum(-1)), share(both.sum(-1), pictures.sum(-1))]
    return np.stack(columns, axis=-1)
