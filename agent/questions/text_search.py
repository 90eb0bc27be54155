"""Whether words are written in the picture: "Does the sign say STOP?", "Is there any text?"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vqa.agent.documents.fields import DATE
from vqa.agent.documents.keyed import VALUES
from vqa.agent.questions.rephrasing import plainly
from vqa.values import Region

_IN_IT = r"(?: (?:anywhere|here|there|visible|present|shown|(?:in|on) (?:it|(?:the|this) (?:image|picture|photo))))*"
_QUOTES = "\"'\u201c\u201d\u2018\u2019"
_ANY = re.compile(
    r"(?:(?:is|are) there|(?:do|can) you see"
    r"|does (?:it|this|that|(?:the|this) (?:image|picture|photo)) (?:have|contain|show))"
    rf"(?: any| some)? (?:text|writing|words?|letters?|lettering|(?:any|some)thing written){_IN_IT}\s*\??",
    re.I,
)
_THESE = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        r"does (?:it|this|that|(?:the|this|that) [a-z ]+?) (?:say|read|spell|contain the (?:words?|text|name)|mention)"
        r" (?P<words>.+?)\s*\??",
        r"(?:is|are|does|do|can you (?:see|read|find)|do you see) (?:the )?(?:words?|text|name|phrase) (?P<words>.+?)"
        r" (?:anywhere|written|visible|present|shown|appear|(?:in|on) (?:it|the|this)\b).*?\s*\??",
        rf"(?:is|are) the (?:words?|text|name|phrase) (?P<words>[{_QUOTES}].+?[{_QUOTES}]).*",
        r"is there (?:a|the) (?:word|text|name) (?P<words>.+?)"
        r"(?: (?:anywhere|written|visible|present|shown|(?:in|on) (?:it|the|this)\b).*?)?\s*\??",
        rf"(?:is|are) (?P<words>[{_QUOTES}].+?[{_QUOTES}]) (?:written|printed|spelled|mentioned)\b.*?\s*\??",
    )
)
_VALUES = {"a date": DATE} | {what: re.compile(form, re.I) for what, form in VALUES.items()}
_A_VALUE = re.compile(
    rf"(?:(?:is|are) there|(?:do|can) you see|does (?:it|this|that|(?:the|this) [a-z]+) (?:have|contain|show)) "
    r"(?:an?|any) (?P<what>date|price|phone number|e-?mail(?: address)?|website|url)s?"
    rf"(?: on (?:it|(?:the|this) [a-z]+))?{_IN_IT}\s*\??",
    re.I,
)
_NAMES = {"e-mail": "an e-mail address", "email": "an e-mail address", "url": "a website"}
_ELSE = re.compile(r"(?:anything|something|what|who|how|where|when|why|the same|in|on|about|not)\b", re.I)
_STUCK = 4  # letters from which on words count as read where they stick to others: "FairPricefinest"


class SoughtValue(str):
    """A kind of value that is looked for, "a date": not these very words."""

    __slots__ = ()


def sought_words(question: str) -> str | None:
    """Return the words that a question looks for, "" if it looks for any; None if it looks for none.

    A `SoughtValue` if it asks whether there is a date, whatever it is.
    """
    asked = " ".join(plainly(question).split())
    if _ANY.fullmatch(asked):
        return ""
    if match := _A_VALUE.fullmatch(asked):
        what = match["what"].lower().removesuffix(" address")
        return SoughtValue(_NAMES.get(what, f"a {what}"))
    for pattern in _THESE:
        if match := pattern.fullmatch(asked):
            words = match["words"].strip(f" {_QUOTES}")
            return words if _squeezed(words) and not _ELSE.match(words) else None
    return None


def lines_that_say(words: str, lines: Sequence[Region]) -> tuple[Region, ...]:
    """Return the read lines that hold these words one after the other, whatever their case; all lines for "".

    Lines with a value of the kind for a `SoughtValue`.
    """
    if isinstance(words, SoughtValue):
        return tuple(line for line in lines if _VALUES[words].search(line.label))
    sought = [_squeezed(word) for word in words.split() if _squeezed(word)]
    read = [(_squeezed(word), i) for i, line in enumerate(lines) for word in line.label.split() if _squeezed(word)]
    for start in range(len(read) - len(sought) + 1):
        if [word for word, _ in read[start : start + len(sought)]] == sought:
            return tuple(lines[i] for i in sorted({i for _, i in read[start : start + len(sought)]})) or tuple(lines)
    whole = "".join(sought)
    return tuple(line for line in lines if len(whole) >= _STUCK and whole in _squeezed(line.label))[:1]


def _squeezed(text: str) -> str:
    return re.sub(r"\W|_", "", text).casefold()
