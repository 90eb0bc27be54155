"""Men, women, boys and girls: to a detector all of them are people, and a question may tell them apart.

Who the people are that were found, the `people` expert says of each (experts/people.py), as people would call them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from vqa.agent.folding.chosen import Chosen
from vqa.agent.folding.colors import asked_color
from vqa.agent.questions import asking
from vqa.agent.questions.alternatives import named_alternatives
from vqa.agent.questions.intent import Intent, read_intent
from vqa.agent.questions.rephrasing import plainly
from vqa.agent.questions.taxonomy import ANYBODY, PEOPLE, SORTS
from vqa.agent.questions.vocabulary import labels_of, mentioned
from vqa.boxes import area
from vqa.values import PRESENCE_SCORE, Finding, Region
from vqa.words import listed, plural

MARGIN = 0.1
"""What is looked at around somebody, as a share of the sides of their box."""
MOST = 8
"""Of so many people it is said who they are, the largest in the picture."""

HALF = 0.5
"""Share from which somebody is one of several sorts that go by one name."""
_TOGETHER = re.compile(r"\b(?:child(?:ren)?|kids?|bab(?:y|ies)|toddlers?|adults?|(?:fe)?males?)\b|아이|아기")
"""Names of two sorts."""
_THEY = rf"(?:it|this|that|these|those|(?:the|this|that|these|those|a) (?:[a-z]+ )?{asking.SOMEBODY}|{asking.SOMEBODY})"
_WHICH_SEX = re.compile(
    rf"(?:what|which) (?:gender|sex) (?:is|are) {_THEY}\b.*"
    rf"|what (?:is|are) (?:the )?(?:gender|sex)(?:es|s)? of {_THEY}\b.*"
    rf"|what (?:is|are) {_THEY}'s? (?:gender|sex)\W*"
)
_IS_ONE = re.compile(rf"(?:is|are) {_THEY} (?:an? )?(?P<one>[a-z]+)(?: or not)?\W*")


@dataclass(frozen=True)
class _Which:
    """What somebody may be, in the question's words, and the sorts of people that it is of each answer."""

    asked: str
    sorts: Mapping[str, Sequence[str]]


def _read_which(question: str) -> _Which | None:
    """Return what a question asks whether somebody is: a man or a woman, a child; None if nothing of that."""
    asked = asking.lowered(plainly(question))
    if mentioned(asked, SORTS["animal"]):
        return None
    if _WHICH_SEX.fullmatch(asked):
        return _Which("male or female", {"male": labels_of("male", PEOPLE), "female": labels_of("female", PEOPLE)})
    if (match := _IS_ONE.fullmatch(asked)) and (sorts := labels_of(match["one"], PEOPLE)):
        others = [sort for sort in PEOPLE if sort not in sorts]
        return _Which(match["one"], {"Yes": sorts, "No": others})
    alternatives = {answer: labels_of(answer, PEOPLE) for answer in named_alternatives(question)}
    if not alternatives or not all(alternatives.values()):
        return None
    return _Which(" or ".join(alternatives), alternatives)


def asks_who_they_are(question: str, known: Collection[str]) -> str:
    """Return why a question is one for who tells people apart, in words; "" if it is not.

    Args:
        question: In its own words.
        known: Labels of detectors; who knows men from women by themselves needs no help.
    """
    if ANYBODY.intersection(known) != {"person"}:
        return ""
    if asked := _read_which(question):
        return f"the question asks whether somebody is {asked.asked}"
    intent = read_intent(question, (*known, *PEOPLE))
    named = [label for label in intent.named if label in PEOPLE]
    if not named or "person" in intent.named:
        return ""
    if _by_sort(intent) or _of_one_of_them(question, (*known, *PEOPLE)):
        return f"the question tells {listed([plural(label, 2) for label in named])} from other people"
    return ""


def people_to_look_at(question: str, findings: Collection[Finding]) -> tuple[Region, ...]:
    """Return the found people of whom it is worth knowing who they are; none where one is all there is to choose from.

    Args:
        question: In its own words.
        findings: Of everybody.
    """
    boxes = [f for f in findings if f.kind == "objects" and f.error is None and not set(PEOPLE) & set(f.vocabulary)]
    people = [r for f in boxes for r in f.regions if r.label == "person" and r.score >= PRESENCE_SCORE]
    known = {label for finding in boxes for label in finding.vocabulary}
    alone_too = _read_which(question) or _by_sort(read_intent(question, (*known, *PEOPLE)))
    if not people or (len(people) == 1 and not alone_too):
        return ()
    return tuple(sorted(people, key=lambda region: -area(region.xyxy))[:MOST])


def around(person: Region, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return what is looked at of a picture of some size to see who somebody is."""
    x0, y0, x1, y1 = person.xyxy
    across, down = MARGIN * (x1 - x0), MARGIN * (y1 - y0)
    left, top = max(round(x0 - across), 0), max(round(y0 - down), 0)
    return left, top, max(min(round(x1 + across), size[0]), left + 1), max(min(round(y1 + down), size[1]), top + 1)


def by_who_they_are(question: str, finding: Finding, findings: Collection[Finding]) -> Finding:
    """Return a detector's finding with people as a question tells them apart, each with how likely they are such.

    Where it is asked how many women there are, or where, they go by that name; asked what the woman holds, nobody else
    counts, unless nobody is one.
    """
    shares = _shares(findings)
    if not shares or ANYBODY.intersection(finding.vocabulary) != {"person"}:
        return finding
    vocabulary = (*finding.vocabulary, *PEOPLE)
    intent = read_intent(question, vocabulary)
    named = [label for label in intent.named if label in PEOPLE]
    if not named or "person" in intent.named:
        return finding
    together = _TOGETHER.search(plainly(question).lower()) is not None
    regions = [_called(r, shares.get(around(r, finding.size)), named, together) for r in finding.regions]
    if not _by_sort(intent):
        meant = {new.xyxy for new in regions if new.label in named}
        kept = (r for r in finding.regions if r.label != "person" or not meant or r.xyxy in meant)
        return replace(finding, regions=tuple(kept))
    regions.sort(key=lambda region: -region.score)
    return replace(finding, regions=tuple(regions), vocabulary=vocabulary)


def told_of_people(question: str, finding: Finding, findings: Collection[Finding]) -> Chosen | None:
    """Return what somebody is of those that a question names; None if it asks for nothing of that, or nobody is there.

    Of several people the larger ones weigh more.

    Args:
        question: In its own words.
        finding: Of who tells people apart.
        findings: Of everybody.
    """
    asked = _read_which(question)
    seen = {around(person, finding.size) for person in people_to_look_at(question, findings)} if asked else set()
    looked_at = {box: shares for box, shares in _shares([finding]).items() if box in seen}
    if asked is None or not looked_at:
        return None
    weights = {box: area(tuple(map(float, box))) for box in looked_at}
    shares = {
        answer: sum(weights[box] * sum(told[sort] for sort in sorts) for box, told in looked_at.items())
        for answer, sorts in asked.sorts.items()
    }
    whole = sum(shares.values())
    regions = tuple(r for r in finding.regions if tuple(map(round, r.xyxy)) in seen)
    return Chosen(asked.asked, {answer: share / whole for answer, share in shares.items()}, regions)


def _called(region: Region, shares: Mapping[str, float] | None, named: Sequence[str], together: bool) -> Region:
    """Return somebody under the name of the likeliest sort, with how likely that is; `together`: any of the named."""
    if region.label != "person" or shares is None:
        return region
    of_them = sum(shares[label] for label in named) if together else 0.0
    if of_them >= HALF:
        return replace(region, label=max(named, key=lambda label: shares[label]), score=region.score * of_them)
    rather = max((label for label in PEOPLE if not (together and label in named)), key=lambda label: shares[label])
    return replace(region, label=rather, score=region.score * shares[rather])


def _shares(findings: Collection[Finding]) -> Mapping[tuple[int, int, int, int], Mapping[str, float]]:
    """Return how likely each of the people looked at is of each sort, by what was looked at."""
    told: dict[tuple[int, int, int, int], dict[str, float]] = {}
    for finding in (finding for finding in findings if finding.kind == "people" and finding.error is None):
        for region in finding.regions:
            x0, y0, x1, y1 = map(round, region.xyxy)
            told.setdefault((x0, y0, x1, y1), {})[region.label] = region.score
    return told


def _by_sort(intent: Intent) -> bool:
    """Return whether it is asked how many there are of a sort, where, or whether."""
    more = intent.related or intent.bound or intent.together
    return intent.aim in ("count", "compare", "presence", "place") or bool(more)


def _of_one_of_them(question: str, known: Collection[str]) -> bool:
    """Return whether it is asked what somebody holds, rides or sits on, or which colour they wear."""
    asked = asking.lowered(plainly(question))
    color = asked_color(question, known)
    does = any((m := pattern.fullmatch(asked)) and m["somebody"] for pattern, done in asking.DOES if done != "doing")
    return does or asking.IN_HAND.fullmatch(asked) is not None or (color is not None and color.label in ANYBODY)
