"""Men, women, boys and girls: to a detector all of them are people, and a question may tell them apart.

What each of the people is that were found, the `people` expert says (experts/people.py), as people would call them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from vqa.agent.folding.chosen import Chosen, likely_numbers
from vqa.agent.folding.classes import known_to_detectors
from vqa.agent.folding.colors import asked_color
from vqa.agent.folding.faces import MIGHT_BE, somebodies, told_of_faces
from vqa.agent.questions import asking
from vqa.agent.questions.alternatives import YES_OR_NO
from vqa.agent.questions.closed_sets import read_closed_set
from vqa.agent.questions.faces import faces_spoken_of, read_faces
from vqa.agent.questions.people import (
    counts_or_places,
    names_one,
    read_people,
    sorts_named,
    speaks_of_the_one,
    takes_together,
)
from vqa.agent.questions.rephrasing import plainly
from vqa.agent.questions.taxonomy import ANYBODY, PEOPLE
from vqa.boxes import area
from vqa.values import COUNT_SCORE, PRESENCE_SCORE, Finding, Region
from vqa.words import listed, plural

MARGIN = 0.1
"""What is looked at around somebody, as a share of the sides of their box."""
MOST = 8
"""Of so many people it is said who they are, the largest in the picture."""
SURELY = 0.7
"""Share from which it is said unasked that somebody is a man or a woman."""
HALF = 0.5
"""Share from which somebody is one of two sorts that go by one name."""
SLOPE, OFFSET = 0.85, 1.1
"""Log odds that somebody of a sort is there, of those that the likeliest is such (docs/measurements.md, "People")."""
RATHER = 0.15
"""The same where it is asked what the woman holds: if nobody may be, anybody's hands are looked at."""
_GOES_FOR = {"man": "boy", "boy": "man", "woman": "girl", "girl": "woman"}
"""Who may be called so as well by whoever sees them."""
_LEAST = 0.01

Area = tuple[int, int, int, int]


def asks_who_they_are(question: str, known: Collection[str]) -> str:
    """Return why a question is one for who tells people apart, in words; "" if it is not.

    Args:
        question: In its own words.
        known: Labels of detectors; who knows men from women by themselves needs no help.
    """
    if ANYBODY.intersection(known) != {"person"}:
        return ""
    if faces := faces_spoken_of(question):
        return f"the question asks for {'faces' if faces.what == 'face' else f'what a face says: {faces.words}'}"
    if _asks_for_clothes(question):
        return "a face tells of hats and glasses"
    if asking.asks_who_is_there(question):
        return "the question asks who is there"
    if (asked := read_people(question)) and asked.how == "which":
        return f"the question asks whether somebody is {asked.what}"
    named = sorts_named(question, known)
    if named and (counts_or_places(question, known) or _of_one_of_them(question, (*known, *PEOPLE))):
        return f"the question tells {listed([plural(label, 2) for label in named])} from other people"
    return ""


def people_to_look_at(question: str, findings: Collection[Finding]) -> tuple[Region, ...]:
    """Return the found people of whom it is worth knowing who they are; none where one is all there is to choose from.

    Args:
        question: In its own words.
        findings: Of everybody.
    """
    people = _people(findings)
    of_faces = faces_spoken_of(question) is not None or _asks_for_clothes(question)
    alone_too = (
        of_faces or asking.asks_who_is_there(question) or counts_or_places(question, known_to_detectors(list(findings)))
    )
    return tuple(sorted(people, key=lambda region: -area(region.xyxy))[:MOST]) if alone_too or people[1:] else ()


def around(person: Region, size: tuple[int, int]) -> Area:
    """Return what is looked at of a picture of some size to see who somebody is."""
    x0, y0, x1, y1 = person.xyxy
    across, down = MARGIN * (x1 - x0), MARGIN * (y1 - y0)
    left, top = max(round(x0 - across), 0), max(round(y0 - down), 0)
    return left, top, max(min(round(x1 + across), size[0]), left + 1), max(min(round(y1 + down), size[1]), top + 1)


def told_of_people(question: str, finding: Finding, findings: Collection[Finding]) -> Chosen | None:
    """Return which of some sorts people are, whether there is one of a sort, or how many; None where nobody tells.

    And what their faces say, where it is asked for that. Asked which, larger people weigh more. How likely each number
    is follows from how likely each of them is such a one; of a crowd those who were not looked at are as the others.

    Args:
        question: In its own words.
        finding: Of who tells people apart.
        findings: Of everybody.
    """
    if faces := read_faces(question):
        return told_of_faces(faces, finding, sorts_named(question, known_to_detectors(list(findings))))
    asked, told = read_people(question), _shares([finding])
    areas = {around(person, finding.size): person for person in people_to_look_at(question, findings)}
    seen = {box: person for box, person in areas.items() if box in told}
    if asked is None or not seen:
        return None
    if asked.how == "which":
        if asked.side:
            furthest = min if asked.side == "left" else max
            alone = furthest(seen, key=lambda box: box[0] + box[2])
            seen = {alone: seen[alone]}
        size = {box: max(area(person.xyxy), 1.0) for box, person in seen.items()}
        weights = {
            answer: sum(size[box] * _of(sorts, told[box]) for box in seen) for answer, sorts in asked.sorts.items()
        }
        shares = {answer: weight / sum(weights.values()) for answer, weight in weights.items()}
        return Chosen(asked.what, shares, _shown(finding, list(seen)[:1]))
    sorts = asked.sorts["Yes"]
    well = {_area(one.where): one.faces[0].score for one in somebodies(finding) if one.is_seen_well}
    there = {box: max(person.score, well.get(box, 0.0)) for box, person in seen.items()}  # who has a face is there
    likely = {box: there[box] * _of(sorts, told[box]) for box in seen}
    surest = sorted(likely, key=lambda box: -likely[box])
    if asked.how == "whether there":
        likeliest = min(max(likely[surest[0]], _LEAST), 1 - _LEAST)
        odds = (likeliest / (1 - likeliest)) ** SLOPE * math.exp(OFFSET)
        shares = dict(zip(YES_OR_NO, (odds / (1 + odds), 1 / (1 + odds)), strict=True))
        return Chosen(asked.what, shares, _shown(finding, surest[:1], sorts))
    share = sum(_of(sorts, told[box]) for box in seen) / len(seen)
    others = [person.score * share for person in _people(findings) if person not in seen.values()]
    numbers = likely_numbers([*likely.values(), *others])
    most = max(range(len(numbers)), key=lambda number: numbers[number])
    return Chosen(asked.what, {str(n): p for n, p in enumerate(numbers)}, _shown(finding, surest[:most], sorts))


def by_who_they_are(question: str, finding: Finding, findings: Collection[Finding]) -> Finding:
    """Return a detector's finding with people as a question tells them apart, each with how likely they are such.

    Where it is asked how many women there are, or where, they go by that name, and "the woman" is the likeliest one.
    Asked what she holds, nobody else counts, unless nobody is one. Asked who is there, all are told apart, or none is.
    """
    shares = _shares(findings)
    if asking.asks_who_is_there(question):
        return _all_told_apart(finding, shares)
    looked_at = any(around(region, finding.size) in shares for region in finding.regions if region.label == "person")
    named = sorts_named(question, finding.vocabulary)
    if not looked_at or not named or ANYBODY.intersection(finding.vocabulary) != {"person"}:
        return finding
    together, vocabulary = takes_together(question), (*finding.vocabulary, *PEOPLE)
    placed = counts_or_places(question, finding.vocabulary)
    told = [shares.get(around(r, finding.size)) if r.label == "person" else None for r in finding.regions]
    regions = [_called(*each, named, together) for each in zip(finding.regions, told, strict=True)]
    meant: dict[int, str] = {}
    for label in named if speaks_of_the_one(question, vocabulary) else ():
        called = (label, _GOES_FOR[label]) if placed and not together else (label,)
        likely = [_of(called, each) if each and i not in meant else 0.0 for i, each in enumerate(told)]
        ones = [i for i, region in enumerate(regions) if region.label == label and i not in meant]
        alone = placed and not together and names_one(question, label)
        meant |= dict.fromkeys(_the_ones(ones, likely, finding.regions, placed=placed, alone=alone), label)
    if meant:
        regions = [
            replace(found, label=meant[i]) if i in meant else found if r.label in meant.values() else r
            for i, (r, found) in enumerate(zip(regions, finding.regions, strict=True))
        ]
    if not placed:
        those = {new.xyxy for new in regions if new.label in named}
        kept = (r for r in finding.regions if r.label != "person" or not those or r.xyxy in those)
        return replace(finding, regions=tuple(kept))
    regions.sort(key=lambda region: -region.score)
    return replace(finding, regions=tuple(regions), vocabulary=vocabulary)


def _all_told_apart(finding: Finding, shares: Mapping[Area, Mapping[str, float]]) -> Finding:
    """Return a finding with each of its people as a man, a woman, a boy or a girl, if all of them surely are such."""
    told = [shares.get(around(r, finding.size), {}) if r.label == "person" else None for r in finding.regions]
    called = [max(sorts, key=lambda sort: sorts[sort], default="person") if sorts is not None else "" for sorts in told]
    for region, name, sorts in zip(finding.regions, called, told, strict=True):
        if sorts is not None and region.score >= COUNT_SCORE and sorts.get(name, 0.0) < SURELY:
            return finding
    regions = (replace(r, label=name) if name else r for r, name in zip(finding.regions, called, strict=True))
    return replace(finding, regions=tuple(regions), vocabulary=(*finding.vocabulary, *PEOPLE))


def _asks_for_clothes(question: str) -> bool:
    likely = read_closed_set(question)
    return likely is not None and likely.worn


def _people(findings: Collection[Finding]) -> list[Region]:
    """Return the people whom detectors find that do not tell them apart by themselves."""
    boxes = [f for f in findings if f.kind == "objects" and f.error is None and not set(PEOPLE) & set(f.vocabulary)]
    return [r for f in boxes for r in f.regions if r.label == "person" and r.score >= PRESENCE_SCORE]


def _called(region: Region, shares: Mapping[str, float] | None, named: Sequence[str], together: bool) -> Region:
    """Return somebody under the name of the likeliest sort, with how likely that is; `together`: any of the named."""
    if region.label != "person" or shares is None:
        return region
    of_them = _of(named, shares) if together else 0.0
    if of_them >= HALF:
        return replace(region, label=max(named, key=lambda label: shares[label]), score=region.score * of_them)
    rather = max((label for label in PEOPLE if not (together and label in named)), key=lambda label: shares[label])
    return replace(region, label=rather, score=region.score * shares[rather])


def _the_ones(
    called_so: Sequence[int], likely: Sequence[float], found: Sequence[Region], *, placed: bool, alone: bool
) -> Sequence[int]:
    """Return which of the found ones a question speaks of: those who are called so, or the likeliest, if it is one.

    Who speaks of the woman sees her, so that somebody is found counts for more than whom they look like.
    """
    if called_so and not alone:
        return called_so
    best = max(called_so or range(len(found)), key=lambda i: likely[i] * found[i].score)
    return [best] if called_so or likely[best] >= (MIGHT_BE if placed else RATHER) else ()


def _shares(findings: Collection[Finding]) -> Mapping[Area, Mapping[str, float]]:
    """Return how likely each of the people looked at is of each sort, by what was looked at."""
    looked = [finding for finding in findings if finding.kind == "people" and finding.error is None]
    return {_area(one.where): one.sorts for finding in looked for one in somebodies(finding)}


def _area(region: Region) -> Area:
    x0, y0, x1, y1 = map(round, region.xyxy)
    return x0, y0, x1, y1


def _shown(finding: Finding, areas: Sequence[Area], sorts: Collection[str] = PEOPLE) -> tuple[Region, ...]:
    """Return what some of the people looked at rather are, of some sorts, a region each."""
    those = {box: [r for r in finding.regions if _area(r) == box and r.label in sorts] for box in areas}
    return tuple(max(found, key=lambda region: region.score) for found in those.values())


def _of(sorts: Collection[str], shares: Mapping[str, float]) -> float:
    return sum(shares[sort] for sort in sorts)


def _of_one_of_them(question: str, known: Collection[str]) -> bool:
    """Return whether it is asked what somebody holds, rides or sits on, or which colour they wear."""
    asked = asking.lowered(plainly(question))
    color = asked_color(question, known)
    does = any((m := pattern.fullmatch(asked)) and m["somebody"] for pattern, done in asking.DOES if done != "doing")
    return does or asking.IN_HAND.fullmatch(asked) is not None or (color is not None and color.label in ANYBODY)
