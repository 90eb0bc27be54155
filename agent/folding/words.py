"""Which answer people would rather give: of those that a question names or that there are, or yes or no to a claim.

"Is he sitting or standing?" names its answers; "Is the dog catching a frisbee?" and "Is there a ladder?" claim
something; what he is wearing is one of some garments, what he walks on one of some grounds, where he is one of some
places. Who weighs words tells how likely people would say each of the picture.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from vqa.agent.folding.chosen import Chosen
from vqa.agent.folding.classes import told_of_classes
from vqa.agent.folding.colors import asked_color
from vqa.agent.folding.faces import has_not
from vqa.agent.folding.naming import named
from vqa.agent.folding.people import told_of_people
from vqa.agent.folding.scene import SAYS, asks_for_scene, no_scene, outdoors, told_of_scene
from vqa.agent.questions import asking
from vqa.agent.questions.alternatives import YES_OR_NO, named_alternatives
from vqa.agent.questions.closed_sets import GLASSES, HATS, IN_THE_OPEN, ROOMS, ClosedSet, read_closed_set
from vqa.agent.questions.existence import can_be_denied, read_existence, told_missing
from vqa.agent.questions.faces import read_faces
from vqa.agent.questions.intent import read_intent
from vqa.agent.questions.kinds import asks_for_reasons, kind_of
from vqa.agent.questions.predicates import read_predicate
from vqa.agent.questions.rephrasing import plainly
from vqa.agent.questions.scene import WHO
from vqa.agent.questions.taxonomy import ANYBODY, SORTS
from vqa.agent.questions.vocabulary import labels_of, meant, mentioned
from vqa.boxes import shared
from vqa.values import COUNT_SCORE, PRESENCE_SCORE, Finding, Region
from vqa.words import counted

LEAST = 0.6
"""Share from which on yes or no is told."""
NAMED = 1.0
"""Log odds that a claim gains where all that it names is found, and loses where some of it is not."""
APART = 3.0
"""What it loses where somebody is said to ride, or sit on, what is found elsewhere."""
OF_THE_SORT = 3.0
"""The same that there is some food gains where a pizza is found; where nothing is, there may be other food."""
HALF = 0.11
"""Share of captions from which on a garment, or what somebody is on, is more likely right than not."""
_IN_TOUCH = re.compile(
    r"(?:riding|petting|hugging|feeding|eating|(?:sitting|seated|standing|lying|laying|sleeping|resting) (?:on|in)) .+"
)
UNLIKE = 0.3
"""Share of "outdoors" under which a picture is of no place in the open; of "indoors" under which it is of no room."""
_WITHIN = re.compile(r"in(?:side)?(?: of)? (?:an? |the |this |that )?[a-z]+(?: [a-z]+)?")
_COMPARED = re.compile(  # "Which is bigger, the dog or the cat?" is not about what is said of them
    r"(?:which|what|who)\b.*\b(?:more|most|fewer|fewest|less|least|(?:big|small|tall|short|long|close|near|high|low|heavi|light"
    r"|young|old)g?(?:e?r|e?st)|larger|largest)\b"
)
_CLAIM = re.compile(
    rf"(?:is|are|was|were|does|do|did) (?!it\b){WHO} (?!.*\b(?:not|no|more|less|than|same|only|both|all|each)\b)"
    r"(?P<claim>[a-z][a-z' -]+?)\W*"
)
_OF_A_FACE = {"hat": HATS, "glasses": GLASSES}
"""What of somebody's clothes their face tells of."""


def choices_of(question: str, known: Collection[str] = ()) -> tuple[str, ...]:
    """Return the answers that a question names, or the one thing that it claims; none for any other.

    Args:
        question: In its own words.
        known: Labels of detectors: whether such things are there is theirs.
    """
    said_of = read_predicate(question)
    answers, asked = named_alternatives(question), asking.lowered(said_of.so if said_of else plainly(question))
    if answers:
        return () if answers == YES_OR_NO or _COMPARED.match(asked) else answers
    if there := read_existence(question):
        return () if meant(there.thing, known) else (there.claim,)
    match = _CLAIM.fullmatch(asked)
    return (match["claim"],) if match else ()


def is_open(question: str, known: Sequence[str]) -> bool:
    """Return whether any word might be the answer, so that it counts whether people would say it of the picture.

    Args:
        question: In its own words.
        known: Labels of detectors.
    """
    kind = kind_of(question, read_intent(question, known))
    asks_for_more = asks_for_reasons(question) or asks_for_scene(question, known) or asked_color(question, known)
    return kind == "open" and not asks_for_more


def told_of_words(question: str, finding: Finding, findings: Sequence[Finding]) -> Chosen | None:
    """Return what people would rather say; None if it is not asked for, not known, or somebody else tells.

    Args:
        question: In its own words.
        finding: Of who weighs words.
        findings: Of everybody: what boxes or a scene tell was seen, and not only said of the like.
    """
    choices, likely = choices_of(question), read_closed_set(question)
    if finding.error is not None or not (likely or choices):
        return None
    if likely is None and {r.label for r in finding.regions} != set(choices):
        return None
    if any(_tells(question, other, findings) for other in findings if other.error is None):
        return None
    if likely:
        return _likeliest(likely, finding, findings)
    if len(choices) > 1:
        return Chosen(" or ".join(choices), {r.label: r.score for r in finding.regions}, finding.regions[:1])
    (claim,) = finding.regions
    there = read_existence(question)
    found = _named_in(claim.label, findings)
    if found and _WITHIN.fullmatch(claim.label):  # that there is a car says nothing of who is in it
        return None
    gained = (NAMED if all(found.values()) else -NAMED) if found else 0.0
    if elsewhere := _are_apart(question, claim.label, found, findings):
        gained = -APART
    if there and (found := found or _of_the_sort(there.thing, findings)):
        gained = gained or OF_THE_SORT
    odds = claim.score / max(1 - claim.score, 1e-6) * math.exp(gained)
    shares = dict(zip(YES_OR_NO, (odds / (1 + odds), 1 / (1 + odds)), strict=True))
    denied = told_missing(there.thing) if there else float(can_be_denied(claim.label))
    unsaid = denied < shares[YES_OR_NO[0]] < 1 - LEAST
    beside = there is not None and there.is_this and odds > 1
    if max(shares.values()) < LEAST or unsaid or beside:
        return None
    told = ", ".join(counted(label, len(those)) for label, those in found.items()) + " elsewhere" * elsewhere
    return Chosen(claim.label, shares, (claim, *(r for those in found.values() for r in those)), told)


def _likeliest(asked: ClosedSet, finding: Finding, findings: Sequence[Finding]) -> Chosen | None:
    """Return which of some words people would say the most often, and how likely each is one that they say.

    Where a thing is that no detector counts nobody tells, nor where a drawing was taken, or a thing on plain ground.
    """
    if asked.least and no_scene(findings) >= SAYS:
        return None
    words = [region for region in finding.regions if region.label in asked.answers]
    if asked.least and (in_the_open := outdoors(findings)) is not None:  # a place
        unlike = IN_THE_OPEN if in_the_open < UNLIKE else ROOMS if in_the_open > 1 - UNLIKE else ()
        words = [word for word in words if word.label not in unlike]
    if asked.worn:
        none = has_not(findings)
        words = [word for word in words if not any(word.label in _OF_A_FACE[name] for name in none & _OF_A_FACE.keys())]
    best = max(words, key=lambda word: word.score, default=None)
    those = _counted(asked.thing, findings) if asked.thing else ()
    if best is None or best.score < asked.least or (asked.thing and not those):
        return None
    shares: dict[str, float] = {}
    for word in sorted(words, key=lambda word: word.score):
        shares[asked.answers[word.label]] = word.score / (word.score + HALF)
    number = Counter(region.label for region in those)
    return Chosen(asked.asked, shares, (best, *those), ", ".join(counted(label, n) for label, n in number.items()))


def _counted(thing: str, findings: Sequence[Finding]) -> Sequence[Region]:
    """Return what detectors are sure enough of to count it among what goes by a name, "puppy" or "she"."""
    boxes = [finding for finding in findings if finding.kind == "objects" and finding.error is None]
    named = ((r, labels_of(thing, f.vocabulary) or ANYBODY) for f in boxes for r in f.regions)
    return [region for region, labels in named if region.label in labels and region.score >= COUNT_SCORE]


def _named_in(claim: str, findings: Sequence[Finding]) -> Mapping[str, Sequence[Region]]:
    """Return what a detector found of each thing besides people that a claim names."""
    found: dict[str, list[Region]] = {}
    for finding in (finding for finding in findings if finding.kind == "objects" and finding.error is None):
        for label in mentioned(claim, finding.vocabulary):
            if label not in ANYBODY:
                those = [r for r in finding.regions if r.label == label and r.score >= PRESENCE_SCORE]
                found.setdefault(label, []).extend(those)
    return found


def _are_apart(question: str, claim: str, found: Mapping[str, Sequence[Region]], findings: Sequence[Finding]) -> bool:
    """Return whether what a claim says that somebody touches is found, and nobody of whom it says so beside any."""
    if not found or not all(found.values()) or not _IN_TOUCH.fullmatch(claim):
        return False
    boxes = [finding for finding in findings if finding.kind == "objects" and finding.error is None]
    whose = asking.lowered(plainly(question)).replace(claim, " ")
    somebody = [
        region
        for finding in boxes
        for labels in [mentioned(whose, finding.vocabulary) or ANYBODY]
        for region in finding.regions
        if region.label in labels and region.score >= PRESENCE_SCORE
    ]
    things = [thing for those in found.values() for thing in those]
    return bool(somebody) and not any(shared(one.xyxy, thing.xyxy) for one in somebody for thing in things)


def _of_the_sort(thing: str, findings: Sequence[Finding]) -> Mapping[str, Sequence[Region]]:
    """Return what detectors surely found of a sort of things, "food" or "vegetables", by label."""
    labels = SORTS.get(asking.SORT_OF.get(thing, ""), {})
    found: dict[str, list[Region]] = {}
    for region in (r for f in findings if f.kind == "objects" and f.error is None for r in f.regions):
        if region.label in labels and region.score >= COUNT_SCORE:
            found.setdefault(region.label, []).append(region)
    return found


def _tells(question: str, other: Finding, findings: Sequence[Finding]) -> bool:
    """Return whether somebody's finding is one to answer the question."""
    if other.kind == "scene":
        return told_of_scene(question, other, findings) is not None
    if other.kind == "people":
        faces = read_faces(question)
        return told_of_people(question, other, findings) is not None or (faces is not None and faces.of_its_looks)
    if other.kind == "classes":
        return bool(told_of_classes(question, other, findings))
    if other.kind != "objects":
        return False
    intent = read_intent(question, other.vocabulary)
    looked_for = intent.aim == "presence" and (bool(intent.asked) or read_existence(question) is None)
    held_against = intent.aim in ("count", "compare") or intent.related or intent.bound or intent.together
    return bool(looked_for or held_against or named(question, other) or asked_color(question, other.vocabulary))
