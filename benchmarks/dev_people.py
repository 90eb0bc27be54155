"""Whom captions mention, for dev_questions.py: whether there is a man, a woman, a boy, a girl, and how many."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from dev_rows import Row, ask

from vqa.words import one, plural

MOST_ASKED = 300  # pictures
AGREED = 0.75
"""Share of the captions that must tell of the same people before they are counted."""
WORDS = {
    "man": "man|men|guys?|gentlem[ae]n",
    "woman": "wom[ae]n|lad(?:y|ies)",
    "boy": "boys?",
    "girl": "girls?",
    "child": "child|children|kids?|toddlers?|bab(?:y|ies)|infants?",
}
_ALIKE = {  # what a picture without such may not be said to show
    "man": ("man", "boy"),
    "woman": ("woman", "girl"),
    "boy": ("boy", "child"),
    "girl": ("girl", "child"),
    "child": ("child", "boy", "girl"),
}
_NUMBERS = {"a": 1, "an": 1, "one": 1, "another": 1, "the": 1, "two": 2, "three": 3, "four": 4, "five": 5}
_NUMBERED = {
    sort: re.compile(rf"\b(?P<number>{'|'.join(_NUMBERS)}) (?:(?!{'|'.join(_NUMBERS)})[a-z-]+ ){{0,3}}?(?:{said})\b")
    for sort, said in WORDS.items()
}
_SEVERAL = re.compile(r"\b(?:people|persons?|players?|group|crowd|some|several|many|couple|family|both|others?|team)\b")


def people(rows: Iterable[Row], rng: random.Random) -> Iterator[Row]:
    """Yield whether there is somebody of a sort, of one that most captions mention and of one that none does.

    And how many there are of it, where captions agree.
    """
    captioned = [row for row in rows if len(row.get("captions", ())) > 2]
    captioned = [row for row in captioned if row.get("vqa")] or captioned  # the others were learnt from
    told = [(row, [caption.lower() for caption in row["captions"]]) for row in captioned]
    told = [(row, captions) for row, captions in told if any(_share(sort, captions) >= AGREED for sort in WORDS)]
    for row, captions in told[:MOST_ASKED]:
        there = [sort for sort in WORDS if _share(sort, captions) >= AGREED]
        lacking = [sort for sort, like in _ALIKE.items() if not any(_share(name, captions) for name in like)]
        for sorts, answer in ((there, "yes"), (lacking, "no")):
            if sorts:
                yield ask(row, f"Is there {one(rng.choice(sorts))}?", [answer], type=answer, metric="exact")
        for sort, number in _numbers(captions).items():
            yield ask(row, f"How many {plural(sort, 2)} are there?", [str(number)], type="count", metric="exact")


def _share(sort: str, captions: list[str]) -> float:
    """Return the share of captions that mention a sort of people."""
    return sum(re.search(rf"\b(?:{WORDS[sort]})\b", caption) is not None for caption in captions) / len(captions)


def _numbers(captions: list[str]) -> dict[str, int]:
    """Return how many there are of each sort that is mentioned, and none of one that is not, if captions agree."""
    if any(_SEVERAL.search(caption) for caption in captions):
        return {}
    each = [
        tuple((sort, sum(_NUMBERS[m["number"]] for m in said.finditer(caption))) for sort, said in _NUMBERED.items())
        for caption in captions
    ]
    numbers, times = Counter(each).most_common(1)[0]
    found = {sort: number for sort, number in numbers if number}
    if times < AGREED * len(captions) or not found:
        return {}
    lacking = next((sort for sort, like in _ALIKE.items() if not found.keys() & set(like)), None)
    return found | ({lacking: 0} if lacking else {})
