"""Which of a picture's captions say what the others say: learning those alone is learning what people agree on.

CIDEr-D rewards what most of five people said, and cross-entropy learns all five alike; choosing captions by their
CIDEr-D among the others is the cheap way between the two (consensus-based sequence training, arXiv 1712.09532).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vqa.adapter_model.training.examples import Example
from vqa.cider import Cider, ngrams


def most_agreed(examples: Sequence[Example], number: int) -> list[Example]:
    """Return examples with so many of their answers at most, those with the highest CIDEr-D among their own answers.

    Each answer is among those that it is held against, which adds the same to all of one picture.
    """
    score = Cider([example.answers for example in examples])

    def kept(place: int, answers: tuple[str, ...]) -> tuple[str, ...]:
        if len(answers) <= number:
            return answers
        return tuple(sorted(answers, key=lambda answer: -score(place, ngrams(answer)))[:number])

    return [replace(example, answers=kept(place, example.answers)) for place, example in enumerate(examples)]
