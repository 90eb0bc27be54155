"""VQA accuracy: how many of ten people gave the answer, after a normalisation of both.

Written from the description at https://visualqa.org/evaluation.html and Antol et al. (arXiv 1505.00468, §3):
accuracy = min(matches / 3, 1), averaged over the ten ways of leaving one person out. Where the description and the
scorer at https://github.com/GT-Vision-Lab/VQA differ, the scorer decides, since it made the published
numbers; each such place says so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from vqa.agent.evaluation.cases import Case
from vqa.agent.evaluation.measures import Figure, Measures, Metric, mean_of, share
from vqa.errors import InputError

LEAST_REFERENCES = 4  # with fewer, no answer could reach 1

_NUMBERS = {word: str(n) for n, word in enumerate("zero one two three four five six seven eight nine ten".split())}
_NUMBERS["none"] = "0"
_ARTICLES = frozenset({"a", "an", "the"})
_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_DIGIT_GROUPS = re.compile(r"\d,\d")
_PERIOD = re.compile(r"\.(?!\d)")
_MOST_PERIODS = 32  # the scorer passes a flag where `re.sub` takes the number of replacements

# One apostrophe missing is mended: "dont", "couldnt've" and "couldn'tve", but not "couldntve".
_CONTRACTIONS = """
    ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd he'd've
    he's how'd how'll how's isn't it'd it'd've it'll ma'am might've mightn't mightn't've must've mustn't needn't not've
    o'clock oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've somebody'd've somebody'll somebody's
    someone'd someone'd've someone'll someone's something'd something'd've something'll that's there'd there'd've
    there're there's they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't what'll what're what's
    what've when's where'd where's where've who'd who'd've who'll who's who've why'll why're why's won't would've
    wouldn't wouldn't've y'all y'all'd've y'all'll you'd you'd've you'll you're you've
"""
_MENDED = {
    word[:place] + word[place + 1 :]: word
    for word in _CONTRACTIONS.split()
    for place, character in enumerate(word)
    if character == "'"
} | {"somebody'd": "somebodyd"}  # the scorer's table has this one the wrong way round


@lru_cache(maxsize=65_536)  # a data set's answers are mostly the same few thousand
def normalise(text: str) -> str:
    """Return an answer in lower case without articles, punctuation and number words, contractions mended.

    A mark of punctuation is dropped if a blank stands beside it anywhere in the text, or if the text has a comma
    between digits; else it becomes a blank (description: always a blank). Apostrophes and colons stay.
    """
    dropped = _DIGIT_GROUPS.search(text) is not None
    marks: dict[str, str | int | None] = {
        p: "" if dropped or f"{p} " in text or f" {p}" in text else " " for p in _PUNCTUATION
    }
    bare = _PERIOD.sub("", text.translate(str.maketrans(marks)), count=_MOST_PERIODS)
    words = (_NUMBERS.get(word, word) for word in bare.lower().split())
    return " ".join(_MENDED.get(word, word) for word in words if word not in _ARTICLES)


def consensus(answer: str, references: Sequence[str]) -> float:
    """Return the mean, over leaving out each reference in turn, of min(matches among the others / 3, 1)."""
    matches = references.count(answer)
    return sum(min(1.0, (matches - (reference == answer)) / 3) for reference in references) / len(references)


def official(answer: str, references: Sequence[str]) -> float:
    """Return the scorer's accuracy; it normalises nothing, not even case, where all references are the same."""
    answer, references = _tidy(answer), [_tidy(reference) for reference in references]
    if len(set(references)) > 1:
        answer, references = normalise(answer), [normalise(reference) for reference in references]
    return consensus(answer, references)


def always_normalised(answer: str, references: Sequence[str]) -> float:
    """Return the accuracy of "Yes." against ten times "yes" as 1, as the description has it and most evaluators do."""
    return consensus(normalise(_tidy(answer)), [normalise(_tidy(reference)) for reference in references])


def textvqa(answer: str, references: Sequence[str]) -> float:
    """Return TextVQA's accuracy, whose normalisation goes through the words once more before (arXiv 1904.08920)."""
    return consensus(_textvqa_normalise(answer), [_textvqa_normalise(reference) for reference in references])


def _textvqa_normalise(text: str) -> str:
    return normalise(_tidy(text.lower().replace(",", "").replace("?", "").replace("'s", " 's").strip()))


def _tidy(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ").strip()


def vqa(cases: Sequence[Case], answers: Sequence[str | None]) -> Measures:
    """Score as the official scorer does, and beside it with every answer normalised."""
    for case in cases:
        if len(case.row.answers) < LEAST_REFERENCES:
            raise InputError(
                f"row {case.row.id!r} has {len(case.row.answers)} known answers, and VQA accuracy compares with "
                "ten people's; score it with --metric exact"
            )
    strict, lenient = (
        [
            0.0 if answer is None else score(answer, case.row.answers)
            for case, answer in zip(cases, answers, strict=True)
        ]
        for score in (official, always_normalised)
    )
    rows = tuple((a, b, 1.0) for a, b in zip(strict, lenient, strict=True))
    figures = (Figure("VQA accuracy"), Figure("VQA accuracy, all normalised"))
    return Measures(tuple(strict), rows, figures, lambda sums: share(sums[..., :2], sums[..., 2:]))


TEXTVQA: Metric = mean_of("TextVQA accuracy", textvqa)
