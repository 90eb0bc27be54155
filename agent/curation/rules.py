"""Mends a paragraph offline: what is wrong with it is removed, and nothing is added.

paper: ChatGPT is asked to remove repetition, meaningless characters and what is not English, and to rewrite incomplete
sentences (arXiv 2304.10592, section 3.2); here: incomplete sentences are removed too, because rules cannot rewrite.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from vqa.agent.curation.paragraphs import ENDED, phrases, sentences, words

Fault = Literal["meaningless characters", "not English", "fragment", "repeats"]

_FEWEST_WORDS = 2  # of a sentence
_FOREIGN_LETTERS = 0.2  # of a sentence's letters: a name on a sign may be in another script
_JUDGED = 6  # words from which on an English sentence is expected to have one of the words below

ENGLISH = frozenset(
    "a about above across after against all along also an and another are around as at be because behind being below "
    "beside between both but by can could down during each for from front has have he her him his how i if in inside "
    "into is it its like many more most near next not of off on onto or other out outside over she several so some "
    "than that the their them then there these they this those through to toward towards two three under up very was "
    "we were what when where which while who with would you your".split()
)
"""Words that hold English sentences together."""
_FOREIGN = frozenset(  # of German, French, Spanish, Italian, Dutch, Portuguese; none of them an English word
    "der das ein eine einen einem und ist sind mit auf dem den im zu von nicht ich sie es le la les un une des du et "
    "est sont avec dans sur el los las una unos y está en por il lo gli uno della di che e sono nel het een op uma um "
    "na da que".split()
)
_DANGLING = frozenset("a an the and or but of with from into its their my your our is are while which that".split())

_MARKS = frozenset(".,;:!?'\"\u2018\u2019\u201c\u201d()-\u2013\u2014%&/$€£°+")
_MANY = re.compile(r"([.,;:!?])[.,;:!?]*\1")
_RULER = re.compile(r"([-\u2013\u2014'\"()&/%$€£°+\u2018\u2019\u201c\u201d])\1+")
_GAP = re.compile(r"\s+(?=[.,;:!?](?:\s|$))")
_LOOP = re.compile(r"(?<![\w'\u2019-])([\w'\u2019-]+(?:[ ,]+[\w'\u2019-]+){0,5}?)(?:[ ,]+\1(?![\w'\u2019-]))+", re.I)
_NO_WORD = re.compile(r"([^\W\d_])\1{3}|[^\W_]{25}|(?-i:(?<![^\W_])[b-df-hj-np-tv-xz]{5,}(?![^\W_]))", re.I)


@dataclass(frozen=True)
class Mended:
    """A paragraph after the rules.

    Attributes:
        text: What is left, on one line; mending it again changes nothing.
        removed: How many sentences, or places in them, each fault cost.
    """

    text: str
    removed: Counter[Fault]


def mend(text: str) -> Mended:
    """Remove from a paragraph whatever is wrong with it; its words stay in their order, and none is new."""
    removed: Counter[Fault] = Counter()
    while True:  # every round only shortens the text, so there is a last one
        tidied = tidy(text)
        removed["meaningless characters"] += len(_junk(text))
        seen: set[tuple[str, ...]] = set()
        kept = []
        for sentence in sentences(tidied):
            once = _LOOP.sub(r"\1", sentence)
            removed["repeats"] += once != sentence
            if fault := _fault(once, seen):
                removed[fault] += 1
            else:
                kept.append(once[:1].upper() + once[1:] if once[0].isascii() else once)
        left = " ".join(kept)
        if left == text:
            return Mended(left, +removed)
        text = left


def faults(text: str) -> Counter[Fault]:
    """Return what is wrong with a paragraph's sentences, how often; empty: nothing."""
    seen: set[tuple[str, ...]] = set()
    found: Counter[Fault] = Counter(fault for sentence in sentences(text) if (fault := _fault(sentence, seen)))
    found["repeats"] += len(_LOOP.findall(text))
    return +found


def tidy(text: str) -> str:
    """Return the text without characters that say nothing, line breaks kept."""
    text = unicodedata.normalize("NFC", text)
    for character in set(_junk(text)):
        text = text.replace(character, " ")
    text = _GAP.sub("", _RULER.sub(" ", _MANY.sub(r"\1", text)))
    return "\n".join(line for part in text.splitlines() if (line := " ".join(part.split())))


def _junk(text: str) -> list[str]:
    return [c for c in unicodedata.normalize("NFC", text) if not (c.isalnum() or c.isspace() or c in _MARKS)]


def _fault(sentence: str, seen: set[tuple[str, ...]]) -> Fault | None:
    """Return what is wrong with a sentence, if anything; the phrases of a good one join those seen before it."""
    said = words(sentence)
    if _NO_WORD.search(sentence):
        return "meaningless characters"
    if _is_foreign(sentence, said):
        return "not English"
    if len(said) < _FEWEST_WORDS or not ENDED.search(sentence) or said[-1] in _DANGLING:
        return "fragment"
    found = [*phrases(said), ("", *said)]  # the last: the sentence as a whole
    if ("", *said) in seen or sum(phrase in seen or phrase in found[:n] for n, phrase in enumerate(found)) > 1:
        return "repeats"
    seen.update(found)
    return None


def _is_foreign(sentence: str, said: list[str]) -> bool:
    letters = [c for c in sentence if c.isalpha()]
    if sum("LATIN" not in unicodedata.name(c, "") for c in letters) > _FOREIGN_LETTERS * len(letters):
        return True
    english, foreign = sum(word in ENGLISH for word in said), sum(word in _FOREIGN for word in said)
    return foreign > english or (len(said) >= _JUDGED and not english)
