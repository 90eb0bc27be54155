"""A paragraph's words and sentences, as plain rules find them."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_END = re.compile(r"[.!?]+[\"'\u201d\u2019)]*(?=\s|$)|\n+")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'\u201c\u2018])(?:mrs?|ms|dr|st|vs|jr|sr|approx|e\.g|i\.e|(?:[a-z]\.)+[a-z])$", re.I
)
ENDED = re.compile(r"[.!?][\"'\u201d\u2019)]*$")
"""Finds the mark at the end of a whole sentence."""
PHRASE = 4
"""Words in a row of which a sentence may share one phrase with those before it, and no two."""


def words(text: str) -> list[str]:
    """Return the words in lower case; "don't" and "T-shirt" are one each."""
    return [word.casefold() for word in _WORD.findall(text)]


def sentences(text: str) -> list[str]:
    """Return the sentences with their end marks; a line break ends one, the dot of "Mr." does not."""
    found, start = [], 0
    for end in _END.finditer(text):
        if not (end[0].startswith(".") and _ABBREVIATION.search(text[start : end.start()])):
            found.append(text[start : end.end()].strip())
            start = end.end()
    return [sentence for sentence in (*found, text[start:].strip()) if sentence]


def phrases(said: list[str]) -> list[tuple[str, ...]]:
    """Return every four words in a row."""
    return [tuple(said[place : place + PHRASE]) for place in range(len(said) - PHRASE + 1)]


def repeated_share(text: str) -> float:
    """Return the share of a text's phrases that stand in it before."""
    found = phrases(words(text))
    return 1 - len(set(found)) / len(found) if found else 0.0
