"""A second, closer look where the first one left the question open: what is worth it, and what comes of it.

Which kinds of steps there are was decided by what they are worth (docs/measurements.md, "Second look").
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from vqa.agent.events import Found, Looking
from vqa.agent.folding.actions import wants_a_captioner
from vqa.agent.folding.classes import identified, which_kinds
from vqa.agent.folding.descriptions import wants_a_reader
from vqa.agent.folding.people import around, people_to_look_at
from vqa.agent.questions.asking import asks_what_is_done
from vqa.agent.questions.intent import read_intent
from vqa.boxes import area as area_of
from vqa.images import load_image
from vqa.protocols import RefiningExpert
from vqa.values import COUNT_SCORE, Finding, FindingKind, LoadedImage, Question, Region, Route, SecondLook
from vqa.words import plural

if TYPE_CHECKING:
    from vqa.agent.agent import VQAAgent

Area = tuple[int, int, int, int]

EVERYBODY = "Who is in the picture?"
"""The question for which each of the people is looked at."""
CROWD = 6
"""So many things, sure or not, are worth a closer look before they are counted, …"""
UNSURE = 0.35
"""… if any has a lower score."""
MARGIN = 0.15
"""What a closer look shows around the things, as a share of the sides of their common box."""
MARGIN_PIXELS = 16
_CALLED_IN: dict[FindingKind, str] = {
    "text": "no scene, and nobody is sure of what it shows: a page, perhaps",
    "caption": "what somebody does is said best in a sentence",
}
MOST = 0.5
"""Share of the picture from which on a part is not closer to speak of."""


@dataclass(frozen=True)
class Step:
    """One closer look.

    Attributes:
        expert: Who is to look.
        areas: At what, one after the other: x0, y0, x1, y1 in pixels of the picture.
        why: What the first look left open.
        labels: What of it counts; none: whatever is seen.
    """

    expert: str
    areas: tuple[Area, ...]
    why: str
    labels: tuple[str, ...]


def steps(question: str, findings: Sequence[Finding]) -> list[Step]:
    """Return what would help to settle the question after the first looks, at most one step for each finding."""
    whole = [finding for finding in findings if finding.error is None]
    wanted = (_closer_count(question, finding) or _closer_class(question, finding, whole) for finding in whole)
    return [step for step in wanted if step is not None]


def _closer_count(question: str, finding: Finding) -> Step | None:
    """Return a look at the many things that a question counts, if some are unsure and they stand together."""
    if finding.kind != "objects":
        return None
    intent = read_intent(question, finding.vocabulary)
    counted = [region for region in finding.regions if region.label in intent.asked]
    unsure = [region for region in counted if region.score < UNSURE]
    if intent.aim != "count" or len(counted) < CROWD or not unsure:
        return None
    area = _around(counted, finding.size)
    if (area[2] - area[0]) * (area[3] - area[1]) > MOST * finding.size[0] * finding.size[1]:
        return None
    things = intent.thing or plural(intent.asked[0], len(counted))
    return Step(finding.expert, (area,), f"{len(unsure)} of {len(counted)} {things} under {UNSURE:g}", intent.asked)


def _closer_class(question: str, finding: Finding, findings: Sequence[Finding]) -> Step | None:
    """Return a look at the largest of the things of which it is asked which kind it is, if it is a small one."""
    kinds = which_kinds(question) if finding.kind == "classes" else ()
    boxes = [region for other in findings if other.kind == "objects" for region in other.regions]
    those = [region for region in boxes if region.label in kinds and region.score >= COUNT_SCORE]
    if not those or identified(question, finding, findings):
        return None
    largest = max(those, key=lambda region: area_of(region.xyxy))
    area = _around([largest], finding.size)
    if (area[2] - area[0]) * (area[3] - area[1]) > MOST * finding.size[0] * finding.size[1]:
        return None
    return Step(finding.expert, (area,), f"where the {largest.label} is", ())


def _who_they_are(question: str, findings: Collection[Finding]) -> Iterator[Step]:
    """Yield a look at each of the people of whom it counts who they are."""
    whole = [finding for finding in findings if finding.error is None]
    people = people_to_look_at(question, whole)
    for finding in (finding for finding in whole if finding.kind == "people" and people):
        areas = tuple(around(person, finding.size) for person in people)
        yield Step(finding.expert, areas, "who the people are" if people[1:] else "who the person is", ())


def _around(regions: Sequence[Region], size: tuple[int, int]) -> Area:
    """Return the regions' common box with a margin, inside the picture."""
    x0, y0 = (min(region.xyxy[axis] for region in regions) for axis in (0, 1))
    x1, y1 = (max(region.xyxy[axis] for region in regions) for axis in (2, 3))
    across, down = (MARGIN * side + MARGIN_PIXELS for side in (x1 - x0, y1 - y0))
    return (
        max(round(x0 - across), 0),
        max(round(y0 - down), 0),
        min(round(x1 + across), size[0]),
        min(round(y1 + down), size[1]),
    )


def look_again(
    agent: VQAAgent,
    question: Question,
    image: LoadedImage,
    findings: MutableMapping[str, Finding],
    seconds: MutableMapping[str, float],
) -> Iterator[Looking | Found]:
    """Yield the second looks as they happen, as many as the settings allow, and take down what came of them.

    Args:
        agent: Whose experts look.
        question: What is asked.
        image: The picture.
        findings: Of the first looks, by expert; those that were refined are replaced.
        seconds: Receives how long each took, as "detect again".
    """
    ends = time.monotonic() + agent.settings.second_look_seconds
    most = agent.settings.second_looks
    closer = chain(
        steps(question.text, list(findings.values()))[:most],
        _who_they_are(question.text, findings.values()) if most else (),  # of those who are there after the others
    )
    for step in closer:
        expert = agent.experts[step.expert]
        if not isinstance(expert, RefiningExpert) or time.monotonic() >= ends:
            continue
        yield Looking(step.expert, again=step.why)
        since = time.perf_counter()
        findings[step.expert] = _looked_closer(agent, expert, question, image, findings[step.expert], step, ends)
        seconds[f"{step.expert} again"] = time.perf_counter() - since
        yield Found(findings[step.expert])


def _looked_closer(
    agent: VQAAgent,
    expert: RefiningExpert,
    question: Question,
    image: LoadedImage,
    first: Finding,
    step: Step,
    ends: float,
) -> Finding:
    """Return the first finding with what a closer look adds to it, and the account of it."""
    whole, failed = first, ""
    for area in step.areas:
        left = ends - time.monotonic()
        if left <= 0:
            break
        part = load_image(image.pil.crop(area))
        closer = agent.look_or_say_why(step.expert, part, question, within=left)
        if closer.error is not None:
            failed = f"failed: {closer.error}"
            whole = replace(whole, notes=(*whole.notes, f"second look {failed}"))
            break
        relevant = tuple(region for region in closer.regions if not step.labels or region.label in step.labels)
        whole = expert.refined(whole, replace(closer, regions=relevant), area)
    before, after = _sure(first, step.labels), _sure(whole, step.labels)
    counts = f"{after} instead of {before}" if after != before else f"still {after}"
    sides = zip(*step.areas, strict=True)
    x0, y0, x1, y1 = (float(most(side)) for most, side in zip((min, min, max, max), sides, strict=True))
    told = SecondLook(step.why, (x0, y0, x1, y1), failed or (counts if step.labels else whole.text))
    return replace(whole, second_looks=(*first.second_looks, told))


def called_in(agent: VQAAgent, question: Question, findings: Mapping[str, Finding]) -> tuple[str, ...]:
    """Return who is to look, too: a reader at a page of which it is asked what it shows, a captioner at what is done.

    Args:
        agent: Whose experts these are.
        question: What is asked.
        findings: Of all who looked, by expert.
    """
    seen = list(findings.values())
    wants: dict[FindingKind, Callable[[str, Sequence[Finding]], bool]] = {
        "text": wants_a_reader,
        "caption": wants_a_captioner,
    }
    kind = next((kind for kind, wanted in wants.items() if wanted(question.text, seen)), None)
    return _idle(agent, kind, findings) if kind else ()


def before_being_called_in(agent: VQAAgent, question: Question, route: Route) -> Route:
    """Return a route with who will most likely be called in, for those who look ahead at many pictures at once."""
    sees = any(agent.experts[name].kind == "objects" for name in route.experts)
    more = _idle(agent, "caption", route.experts) if sees and asks_what_is_done(question.text) else ()
    return replace(route, experts=(*route.experts, *more))


def _idle(agent: VQAAgent, kind: FindingKind, busy: Collection[str]) -> tuple[str, ...]:
    """Return the first expert of a kind who may be asked, can look here and is not busy; none if the user chose."""
    if agent.settings.experts:
        return ()
    idle = [expert for name, expert in agent.experts.items() if name not in (*busy, *agent.settings.no_experts)]
    return tuple([expert.name for expert in idle if expert.kind == kind and expert.available() is None][:1])


def with_those_called_in(route: Route, findings: Mapping[str, Finding]) -> Route:
    """Return a route with those who looked although the question had no cue for them."""
    more = tuple(name for name in findings if name not in route.experts)
    if not more:
        return route
    why = {name: _CALLED_IN[findings[name].kind] for name in more}
    told = "; ".join((route.reason, *(f"{name}: {reason}" for name, reason in why.items())))
    why = {**route.reasons, **why}
    return replace(route, experts=(*route.experts, *more), reason=told, reasons=why)


def _sure(finding: Finding, labels: Sequence[str]) -> int:
    return sum(region.label in labels and region.score >= COUNT_SCORE for region in finding.regions)
