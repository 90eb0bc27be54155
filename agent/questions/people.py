"""How questions tell people apart: "How many women are there?", "Is it a man or a woman?", "Is the child a girl?"."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from vqa.agent.questions import asking
from vqa.agent.questions.alternatives import named_alternatives
from vqa.agent.questions.existence import read_existence
from vqa.agent.questions.intent import read_intent
from vqa.agent.questions.rephrasing import plainly
from vqa.agent.questions.taxonomy import PEOPLE, SORTS
from vqa.agent.questions.vocabulary import labels_of, mentioned

Which = Literal["which", "whether there", "how many"]

_THEY = rf"(?:it|this|that|these|those|(?:the|this|that|these|those|a) (?:[a-z]+ )?{asking.SOMEBODY}|{asking.SOMEBODY})"
_WHICH_SEX = re.compile(
    rf"(?:what|which) (?:gender|sex) (?:is|are) {_THEY}\b.*"
    rf"|what (?:is|are) (?:the )?(?:gender|sex)(?:es|s)? of {_THEY}\b.*"
    rf"|what (?:is|are) {_THEY}'s? (?:gender|sex)\W*"
)
_AT_SIDE = r"(?: (?:on|to|at) the (?:far )?(?P<side>left|right)(?: side)?)?"
_IS_ONE = re.compile(rf"(?:is|are) {_THEY}{_AT_SIDE} (?:an? )?(?P<one>[a-z]+)(?: or not)?\W*")
_SIDE = re.compile(rf"(?:is|are|of) {_THEY}{_AT_SIDE}")
_IS = re.compile(r"(?:is|are|was|were) ")  # "Does the bike belong to a man or a woman?" is not about who is there
_HOW_MANY = re.compile(
    r"how many (?P<thing>[a-z]+(?: [a-z]+)??)(?: (?:are|is|do|can))?(?: (?:there|here|you see|(?:be )?seen|visible|"
    r"shown|present|in (?:it|(?:the|this) (?:image|picture|photo|photograph|scene|shot))))*\W*"
)
_YOUNG = re.compile(r"^(?:little|small|young) (?=boy|girl|child|kid)")
_TOGETHER = re.compile(r"\b(?:child(?:ren)?|kids?|bab(?:y|ies)|toddlers?|adults?|(?:fe)?males?)\b|아이|아기")


@dataclass(frozen=True)
class AskedPeople:
    """What is asked of people by what they are.

    Attributes:
        how: Which of some they are, whether there is one such, or how many are.
        what: In the question's words: "man or woman", "women".
        sorts: The sorts of people that each answer stands for; where it is not asked which, those that "Yes" does.
        side: On which the one is of whom it is asked which, "left" or "right"; "" if that is not said.
    """

    how: Which
    what: str
    sorts: Mapping[str, Sequence[str]]
    side: str = ""


def read_people(question: str) -> AskedPeople | None:
    """Return what a question asks of people by what they are, and of nothing besides; None if nothing."""
    asked = asking.lowered(plainly(question))
    if mentioned(asked, SORTS["animal"]):
        return None
    side = (found["side"] or "") if (found := _SIDE.search(asked)) else ""
    if _WHICH_SEX.fullmatch(asked):
        return AskedPeople("which", "male or female", {sex: labels_of(sex, PEOPLE) for sex in ("male", "female")}, side)
    if (match := _IS_ONE.fullmatch(asked)) and (sorts := labels_of(match["one"], PEOPLE)):
        others = [sort for sort in PEOPLE if sort not in sorts]
        return AskedPeople("which", match["one"], {"Yes": sorts, "No": others}, side)
    which = named_alternatives(question) if _IS.match(asked) else ()
    alternatives = {answer: labels_of(answer, PEOPLE) for answer in which}
    if alternatives and all(alternatives.values()):
        return AskedPeople("which", " or ".join(alternatives), alternatives, side)
    there, many = read_existence(question), _HOW_MANY.fullmatch(asked)
    thing = there.thing if there and not there.is_this else many["thing"] if many else ""
    sorts = labels_of(_YOUNG.sub("", thing), PEOPLE)
    return AskedPeople("how many" if many else "whether there", thing, {"Yes": sorts}) if sorts else None


def sorts_named(question: str, known: Collection[str]) -> tuple[str, ...]:
    """Return the sorts of people that a question tells from others; none if it names people of any sort, too.

    Args:
        question: In its own words.
        known: Labels of detectors.
    """
    named = read_intent(question, (*known, *PEOPLE)).named
    return () if "person" in named else tuple(label for label in named if label in PEOPLE)


def counts_or_places(question: str, known: Collection[str]) -> bool:
    """Return whether it is asked how many people of a sort there are, where, or whether, and not who does something.

    Args:
        question: In its own words.
        known: Labels of detectors.
    """
    intent = read_intent(question, (*known, *PEOPLE))
    more = intent.related or intent.bound or intent.together or read_people(question)
    korean = intent.aim == "presence" and not question.isascii()
    return intent.aim in ("count", "compare", "place") or bool(more) or korean


def speaks_of_the_one(question: str, known: Collection[str]) -> bool:
    """Return whether a question takes it for granted that somebody of the named sorts is there: "Where is the woman?".

    Args:
        question: In its own words.
        known: Labels of detectors, and the sorts.
    """
    intent = read_intent(question, known)
    definite = intent.related is None or intent.related.of == "the one"
    return intent.aim in ("place", "other") and definite and not intent.bound and not intent.together


def names_one(question: str, sort: str) -> bool:
    """Return whether a question speaks of one of a sort: of "the lady", and not of "the women"."""
    words = re.findall(r"[a-z]+", plainly(question).lower())
    return any(labels_of(word, PEOPLE) == (sort,) and not word.endswith(("s", "men")) for word in words)


def takes_together(question: str) -> bool:
    """Return whether a question has one name for two sorts: boys and girls are children."""
    return _TOGETHER.search(plainly(question).lower()) is not None
