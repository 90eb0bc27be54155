"""What a question is after, read off its words: counting, comparing, presence, place, and which things it names."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from vqa.agent.questions.bounds import Bound, read_bound
from vqa.agent.questions.conjunctions import Conjunction, read_conjunction
from vqa.agent.questions.korean import in_plain_english
from vqa.agent.questions.relations import Relation, read_relation
from vqa.agent.questions.rephrasing import plainly
from vqa.agent.questions.taxonomy import ANYBODY
from vqa.agent.questions.vocabulary import label_of, labels_of, meant, mentioned
from vqa.words import one, plural

Aim = Literal["count", "compare", "presence", "place", "other"]

THING_ENDS = (
    r"(?=\s+(?:are|is|was|were|do|does|did|can|could|in|on|at|of|have|has|that|which|who|with|visible|present|here|"
    r"there|near|next|behind|under|beside|by|above|below|left|right|around|inside|outside|anywhere|you|to|and|or|wearing|holding|sitting|standing|shown|than|but|without)\b|[?.!,]|$)"
)
_DETERMINER = r"(?:(?:a|an|any|some|the|one|more than one|at least one|more|fewer|another)\s+)?(?:pairs? of\s+)?"
_COUNT = re.compile(
    rf"\b(?:how many|number of|count(?: of)?(?: the)?)\s+(?:(?:pair|piece)s? of\s+)?"
    rf"(?P<thing>[a-z][a-z' -]*?){THING_ENDS}"
)
_PRESENCE = re.compile(
    rf"(?:\b(?:is|are|was|were)\s+there|\b(?:do|can|could) you (?:see|find|spot)|"
    rf"\bdoes (?:the|this) (?:image|picture|photo) (?:show|contain|have))\s+{_DETERMINER}"
    rf"(?P<thing>[a-z][a-z' -]*?){THING_ENDS}"
)
_IN_IT = r"(?:in|on) (?:it|(?:the |this )?(?:image|picture|photo|photograph|scene))"
_EVERYTHING = re.compile(
    r"how many (?P<thing>objects|things|items)"
    rf"(?: (?:are|is|there|here|visible|shown|found|detected|in total|(?:can|do) you (?:see|find|count)|{_IN_IT}))*\W*"
)
_AND = re.compile(rf"\s+(and|or)\s+{_DETERMINER}([a-z][a-z' -]*?){THING_ENDS}")
_ELSE = re.compile(r"\s*(?:what|which|who|whose|where|why|when|how)\b")
# "Is a dog in the picture?", "Are any dogs visible?", but not "Are the lights on in the picture?"
_IN_VIEW = re.compile(
    r"\s*(?:is|are|can) (?:(?:a|an|any|some|the) (?:pairs? of )?|(?=people|any|some))"
    r"(?P<thing>(?!of\b)[a-z'-]+(?: (?!(?:on|off|of|up|out|down|\w+ing)\b)[a-z'-]+)*?)"
    rf" (?:(?:visible|present|shown|(?:to )?(?:be )?seen|here)(?: {_IN_IT})?|{_IN_IT})\s*[?.!]*\s*$"
)
_IS_ONE = re.compile(  # "Is this a dog?", but not "Is it orange?"
    r"\s*(?:is|are|was|were) (?:this|that|it|these|those|they) (?:an? |some |(?!orange\b|remote\b))"
    r"(?P<thing>[a-z][a-z' -]*?)\s*[?.!]*\s*"
)
_COMPARED = re.compile(  # how many there are of two things, not how much of something they are
    r"\b(?P<how>more|fewer|less|as many)\s+(?P<things>[a-z][a-z' -]*?)\s+(?:than|as)\s+(?P<others>[a-z' -]+)"
)
_SOMEWHERE = re.compile(r"\b(?:on|in|at|with|near|by|behind|under|for|to)\b")  # "more snow on the car than on the bus"
_IN_ALL = re.compile(rf"\b{_IN_IT}\b")  # that is nowhere in particular
_YES_OR_NO = re.compile(r"\s*(?:is|are|was|were|do|does|did|can|could)\b")
_MORE_OF_WHICH = re.compile(r"\b(?:more|fewer|less|most|fewest) of\b|\b(?:same|equal) number of\b|\bequally many\b")
_WHICH_ARE_MORE = re.compile(  # "Which are more, dogs or cats?"
    r"\b(?P<how>more|most|fewer|fewest)\b(?:\s+(?:common|numerous|frequent))?(?:\s+(?:here|there))?,?\s+(?:the\s+)?"
    r"(?P<thing>[a-z][a-z -]*?)\s+or\s+(?:the\s+)?(?P<other>[a-z][a-z -]*?)"
    r"(?:\s+(?:in|on) (?:the|this) (?:image|picture|photo))?\s*[?.!]*$"
)
_PLACE = re.compile(
    r"\b(?:where|which side|what side|location of|position of|located|left|right|above|below|next to|beside|behind|"
    r"in front of|top|bottom)\b"
)
_KOREAN: tuple[tuple[Aim, tuple[str, ...]], ...] = (
    ("count", ("몇 ", "몇명", "몇개", "개수", "얼마나 많", "세어")),
    ("place", ("어디", "왼쪽", "오른쪽", "위쪽", "아래쪽")),
    ("presence", ("있나", "있어", "있습니까", "있는가", "있을까", "보이나", "보여")),
)
_KOREAN_READING = ("쓰여", "써 있", "적혀", "읽", "뭐라고")  # "뭐라고 쓰여 있나요" reads; it does not look for a thing
_KOREAN_DESCRIBING = ("설명", "묘사")


@dataclass(frozen=True)
class Intent:
    """What a question asks the detector for.

    Attributes:
        aim: Counting, comparing counts, presence, place, or anything else.
        asked: Labels the question is about ("people" in "how many people are on the bus?", both of what it compares).
        named: Every label it mentions, `asked` among them.
        thing: What it counts or looks for, in its own words; with `asked` empty, something the detector does not know.
        claim: What is so if the answer is yes, where two labels are compared: ("more", "dog", "cat"); or which of them
            is asked for: ("most", "dog", "cat"), ("fewest", …).
        related: What it asks of one thing against another.
        bound: What it claims of the number of things.
        together: What it asks to be there together, or without the other.
    """

    aim: Aim
    asked: tuple[str, ...]
    named: tuple[str, ...]
    thing: str = ""
    claim: tuple[str, str, str] | None = None
    related: Relation | None = None
    bound: Bound | None = None
    together: Conjunction | None = None


def read_intent(question: str, labels: Collection[str]) -> Intent:
    """Return what `question` is after, in terms of a detector's labels."""
    return _read_intent(question, tuple(labels))


@lru_cache(maxsize=4096)  # read by routing, folding and trust, by each of them several times
def _read_intent(question: str, labels: tuple[str, ...]) -> Intent:
    lowered = (in_plain_english(question) or plainly(question)).lower()
    named = mentioned(lowered, labels)
    if len(named) > 1 and (compared := _COMPARED.search(lowered)) and mentioned(compared["things"], labels):
        return Intent("compare", named, named, claim=_claim(lowered, compared, labels))
    if len(named) == 2 and (claim := _which_are_more(lowered, labels)):
        return Intent("compare", named, named, claim=claim)
    if len(named) > 1 and _MORE_OF_WHICH.search(lowered):
        return Intent("other", named, named)
    if together := read_conjunction(lowered, labels):
        return Intent("presence", tuple(label for part in together.labels for label in part), named, together=together)
    bound = read_bound(lowered, labels)
    if bound and not bound.partly:
        return Intent("presence", bound.labels, named, bound.thing, bound=bound)
    if everything := _EVERYTHING.fullmatch(lowered):
        return Intent("count", tuple(labels), named, everything["thing"])
    related = read_relation(lowered, labels) if named else None
    if related and related.other and related.of != "the one":
        aim: Aim = "presence" if related.of == "any" else "count"
        match = _COUNT.search(lowered) or _presence(lowered)
        return Intent(aim, (related.other,), named, match["thing"] if match else "", related=related, bound=bound)
    match = None if related else _COUNT.search(lowered) or _presence(lowered) or _one_that_is_known(lowered, labels)
    aim = _aim(lowered, match)
    if match is None:
        return Intent(aim, named, named, related=related, bound=bound)
    thing, *also = (match["thing"].strip(), *_alternative(lowered, match, aim))
    asked = meant(thing, labels)
    if asked and also and (others := meant(also[1], labels)):
        asked, thing = tuple(dict.fromkeys((*asked, *others))), f"{thing} {also[0]} {also[1]}"
    return Intent(aim, asked, named, thing, bound=bound)


def _alternative(lowered: str, match: re.Match[str], aim: Aim) -> tuple[str, ...]:
    """Return what else is counted or looked for, behind "or" or "and": "How many cats and dogs are there?".

    "Is there a cat and a dog?" looks for both, each by itself.
    """
    more = _AND.match(lowered, match.end())
    return () if more is None or (aim == "presence" and more[1] == "and") else more.groups()


def _presence(lowered: str) -> re.Match[str] | None:
    """Return what is looked for, unless something else is asked of it: "What do you see the man riding?"."""
    return None if _ELSE.match(lowered) else _PRESENCE.search(lowered) or _IN_VIEW.match(lowered)


def _one_that_is_known(lowered: str, labels: Collection[str]) -> re.Match[str] | None:
    """Return what "this" is said to be, if that is a class and nothing besides; of people more is asked than that."""
    match = _IS_ONE.fullmatch(lowered)
    known = labels_of(match["thing"], labels) if match else ()
    return match if len(known) == 1 and not ANYBODY.intersection(known) else None


def _claim(lowered: str, compared: re.Match[str], labels: Collection[str]) -> tuple[str, str, str] | None:
    sides = mentioned(compared["things"], labels), mentioned(compared["others"], labels)
    if not _YES_OR_NO.match(lowered) or compared["how"] == "as many":
        return None
    if any(_SOMEWHERE.search(_IN_ALL.sub("", compared[side])) for side in ("things", "others")):
        return None
    if [len(side) for side in sides] != [1, 1]:
        return None
    return compared["how"], sides[0][0], sides[1][0]


def _which_are_more(lowered: str, labels: Collection[str]) -> tuple[str, str, str] | None:
    match = _WHICH_ARE_MORE.search(lowered)
    if match is None:
        return None
    label, other = label_of(match["thing"], labels), label_of(match["other"], labels)
    return None if label is None or other is None else ("most" if match["how"][0] == "m" else "fewest", label, other)


def _aim(lowered: str, match: re.Match[str] | None) -> Aim:
    if match is not None:
        return "count" if match.re is _COUNT else "presence"
    if _PLACE.search(lowered):
        return "place"
    if any(cue in lowered for cue in _KOREAN_READING):
        return "other"
    for aim, cues in _KOREAN:
        if any(cue in lowered for cue in cues):
            return aim
    return "other"


def in_terms_of_more(question: str, labels: Collection[str]) -> str | None:
    """Return "Are there more cats than dogs?" for "Are there fewer dogs than cats?", which asks the same; else None.

    A small core that has learnt the one wording gets the other one wrong half of the time.
    """
    claim = read_intent(question, labels).claim
    if claim is None or claim[0] not in ("fewer", "less"):
        return None
    return f"Are there more {plural(claim[2], 0)} than {plural(claim[1], 0)}?"


def in_labels(question: str, labels: Collection[str]) -> str:
    """Return "Is there a person?" for "Is there a man?": a core has learnt whether a thing is there by its label.

    What more a word says than the label, boxes do not tell.
    """
    intent = read_intent(question, labels)
    if intent.aim != "presence" or label_of(intent.thing, labels) is None or intent.related or intent.bound:
        return question
    (label,) = intent.asked
    several = intent.thing.endswith("s") or intent.thing in ("people", "men", "women", "children", "kids", "cattle")
    if intent.thing in (label, plural(label, 0)):
        return question
    said = re.compile(rf"\b(?:(?P<a>an?) )?{re.escape(intent.thing)}\b", re.I)
    return said.sub(lambda m: one(label) if m["a"] else plural(label, 0) if several else label, question)


def in_english(question: str, labels: Collection[str]) -> str | None:
    """Return a Korean question's plain English, as far as the rules read it, for a core that knows English only."""
    if not re.search("[가-힣]", question):
        return None
    if asked := in_plain_english(question):
        return asked
    intent = read_intent(question, labels)
    first = intent.asked[0] if intent.asked else None
    if any(cue in question for cue in _KOREAN_READING):
        return f"What does the {first} say?" if first else "What does it say?"
    if any(cue in question for cue in _KOREAN_DESCRIBING):
        return "Describe the image."
    if first is None:
        return None
    plain: dict[Aim, str] = {
        "count": f"How many {plural(first, 0)} are there?",
        "presence": f"Is there {one(first)}?",
        "place": f"Where is the {first}?",
    }
    return plain.get(intent.aim)
