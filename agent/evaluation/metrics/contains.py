"""Inclusion: the answer says what was to be said, among other words.

For MM-Vet, whose references join parts with <AND> and <OR> (Yu et al., arXiv 2308.02490). Its official score is given
by GPT-4, so this is a stand-in that runs here: the share of parts found, word for word, after VQA's normalisation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from vqa.agent.evaluation.measures import Metric, mean_of
from vqa.agent.evaluation.metrics.vqa_accuracy import normalise


def contains(answer: str, references: Sequence[str]) -> float:
    """Return the largest share of a reference's <AND> parts of which the answer has the words of one <OR> part."""
    return max(_share(answer, reference) for reference in references)


def _share(answer: str, reference: str) -> float:
    parts = [part.split("<OR>") for part in reference.split("<AND>")]
    return sum(any(_within(answer, text.strip()) for text in part) for part in parts) / len(parts)


def _within(answer: str, text: str) -> bool:
    said, words = normalise(answer.strip()), normalise(text)
    if not words:  # "the" alone, or a mark of punctuation
        said, words = answer.lower(), text.lower()
    return bool(words) and re.search(rf"(?<!\w){re.escape(words)}(?!\w)", said) is not None


CONTAINS: Metric = mean_of("said among other words", contains)
