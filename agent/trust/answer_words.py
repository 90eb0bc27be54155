"""What an answer's words say: none at all, yes or no, a number, and which words carry it."""

from __future__ import annotations

import re
import unicodedata

from vqa.words import one

_ABSTAINS = re.compile(
    r"(?:sorry,? )?(?:(?:i|we) )?(?:can ?not|can't|could not|couldn't|am unable to|do not|don't) (?:tell|say|know|see|"
    r"determine|answer)\b|(?:i(?: am|'m) )?not sure\b|(?:it )?(?:can ?not|can't) be (?:determined|told|seen)\b|"
    r"(?:unknown|unanswerable|unclear|not visible)$"
)
_YES_OR_NO = re.compile(r"(?P<yes>yes|yeah|yep|true)\b|(?P<no>no|nope|not|none|false)\b", re.IGNORECASE)

_NONE_OF_IT = re.compile(r"there (?:is|are|was|were) no (?P<thing>[a-z][a-z -]*?)[.!]*")
_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_WORDS = {word: n for n, word in enumerate(_SMALL)}
_TENS = {word: 10 * n for n, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_NUMBER = re.compile(
    rf"(?P<figure>(?<![\w.])-?\d+(?:,\d{{3}})*(?:\.\d+)?)"
    rf"|\b(?P<tens>{'|'.join(_TENS)})(?:[ -](?P<unit>{'|'.join(_SMALL[1:10])}))?\b"
    rf"|\b(?P<word>{'|'.join(_SMALL)})\b"
    r"|\b(?P<dozen>dozen)\b"
)
_NOTHING = re.compile(r"\b(?:no|none|nobody|nothing|no one)\b")
_EMPTY_WORDS = frozenset(
    "a an the is are was were am be been being do does did has have had it its this that these those there here and or "
    "of in on at to for from by with as i you he she they we his her their my your not no yes one some any very".split()
)


def abstains(answer: str) -> bool:
    """Return whether the answer begins by giving none: "I cannot tell", "not sure", "unanswerable"."""
    return _ABSTAINS.match(" ".join(answer.lower().split()).rstrip(".!").replace("\u2019", "'")) is not None


def whether(question: str, answer: str) -> tuple[str, str]:
    """Return what is claimed by an answer, as a question and yes or no, where it says that there is none of a thing.

    "There is no dog." to "Where is the dog?" is a no to whether there is one. Any other answer is to its own question.
    """
    found = _NONE_OF_IT.fullmatch(" ".join(answer.lower().split()))
    return (question, answer) if found is None else (f"Is there {one(found['thing'])}?", "No")


def says_yes(answer: str) -> bool | None:
    """Return whether an answer begins with a yes or a no; None if with neither."""
    found = _YES_OR_NO.match(answer.strip())
    return None if found is None else found["yes"] is not None


def number(answer: str) -> float | None:
    """Return the first number that an answer says, in figures or words, "none" being 0; None if there is none."""
    text = answer.lower()
    found = _NUMBER.search(text)
    if found is None:
        return 0.0 if _NOTHING.search(text) else None
    if found["figure"]:
        return float(found["figure"].replace(",", ""))
    if found["tens"]:
        return float(_TENS[found["tens"]] + (_WORDS[found["unit"]] if found["unit"] else 0))
    return float(_WORDS[found["word"]]) if found["word"] else 12.0


def words(text: str) -> list[str]:
    """Return a text's words in lower case, without punctuation ("1,234.50" is one word), accents as they are."""
    return re.findall(r"\w+(?:[.,:/'-]\w+)*", unicodedata.normalize("NFKC", text).lower())


def is_empty(text: str) -> bool:
    """Return whether none of a text's words says anything by itself: "one", "it is this"."""
    return _EMPTY_WORDS.issuperset(words(text))


def telling_words(text: str) -> list[str]:
    """Return the words that say something: without articles, auxiliaries and the like, unless there are no others."""
    found = words(text)
    return [word for word in found if word not in _EMPTY_WORDS] or found
