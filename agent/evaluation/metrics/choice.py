"""Multiple choice: which of the choices an answer names, by its words or by its letter.

The rules are those of heuristic matching in MMBench (Liu et al., arXiv 2307.06281, §4.2), without its second step of
asking a language model: an answer that names no choice, or two, is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from vqa.agent.evaluation.cases import Case
from vqa.agent.evaluation.measures import Measures, means
from vqa.agent.evaluation.metrics.vqa_accuracy import normalise
from vqa.errors import InputError

_ALONE = re.compile(r"\(?([A-Za-z])[).:]*$")
_LABEL = re.compile(r"\(([A-Za-z])\)(?!\w)|([A-Za-z])[).:](?=\s)|.*\b(?:answer|option|choice)(?: is)?:? \(?([A-Z])\b")


def chosen(answer: str, choices: Sequence[str]) -> int | None:
    """Return the place of the choice that an answer names: its words, its letter, or its words within a sentence."""
    said = normalise(answer.strip())
    words = [normalise(choice) for choice in choices]
    if said in words:
        return words.index(said)
    found = _ALONE.match(answer.strip()) or _LABEL.match(answer.strip())
    if found is not None:
        letter = next(group for group in found.groups() if group)
        place = ord(letter.upper()) - ord("A")
        if place < len(choices):
            return place
    within = [i for i, choice in enumerate(words) if choice and re.search(rf"(?<!\w){re.escape(choice)}(?!\w)", said)]
    # "a red bus" names "bus" and "red bus": the longest, if it holds the others
    longest = max(within, key=lambda i: len(words[i]), default=None)
    return longest if longest is not None and all(words[i] in words[longest] for i in within) else None


def choice(cases: Sequence[Case], answers: Sequence[str | None]) -> Measures:
    """Score 1 where the choice named is the right one, which the first reference says by its words or its letter."""
    for case in cases:
        if not case.row.choices or chosen(case.row.answers[0], case.row.choices) is None:
            raise InputError(f"row {case.row.id!r}: its right answer {case.row.answers[0]!r} is not among its choices")
    pairs = zip(cases, answers, strict=True)
    return means("multiple choice", [float(answer is not None and _right(answer, case)) for case, answer in pairs])


def _right(answer: str, case: Case) -> bool:
    return chosen(answer, case.row.choices) == chosen(case.row.answers[0], case.row.choices)
