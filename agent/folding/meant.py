"""A detector's finding as a question means it: red cars, or women, alone if it counts those, toys by the animal's name.

Of ten kinds of animals a detector imagines one more often than of one: asked for any, what it is not sure of counts
only where a classifier sees some animal, too; asked whether there is a dog, where it sees a trace of one
(docs/measurements.md, "Animals").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace

from vqa.agent.folding.captions import shares
from vqa.agent.folding.colors import of_the_color
from vqa.agent.folding.people import by_who_they_are
from vqa.agent.questions.intent import read_intent
from vqa.agent.questions.taxonomy import SORTS
from vqa.boxes import area
from vqa.values import PRESENCE_SCORE, Finding, Region

_TOYS = {"bear": "teddy bear"}
_ALSO = {"panda": "bear"}
"""What is found, and what it is too, where that is asked for."""
SURELY_ONE, EVEN_LARGE = 0.4, 0.6
"""Score from which an animal is one, whatever a classifier sees; and one that is large, which it would not miss."""
LARGE = 0.1
"""Share of the picture from which it is."""
UNSEEN = "giraffe"
"""Of which ImageNet has no class."""
SOME = 0.05
"""A classifier's share of all animals from which it sees some."""
ASKED_FOR, ANOTHER = 0.2, 0.74
"""The same of the one that it is asked whether it is there, which may be what a detector takes for another one with a
score of less than that."""
A_TRACE = 0.01
"""The same of one animal under which it sees none; an unsure box of it is none, then: seven of 170 were."""


def as_meant(question: str, finding: Finding, findings: Collection[Finding]) -> Finding:
    """Return a detector's finding in the question's terms; `findings` are everybody's."""
    named = _by_wider_names(question, _not_imagined(question, by_who_they_are(question, finding, findings), findings))
    return of_the_color(question, _with_the_animal(question, _with_toys(question, named), findings))


def _with_the_animal(question: str, finding: Finding, findings: Collection[Finding]) -> Finding:
    """Return the finding with an animal under the name of the one that the question speaks of, where none is found.

    Who asks where the dog is sees one. If a classifier does as well, rather than the bear that a detector finds, that
    is it. Who asks whether there is one may see none, so more of it has to be seen then, and the bear be less sure.
    """
    intent = read_intent(question, finding.vocabulary)
    there = {region.label for region in finding.regions if region.score >= PRESENCE_SCORE}
    missing = [label for label in intent.named if label in SORTS["animal"] and label not in there]
    if intent.aim not in ("place", "presence", "other") or len(missing) != 1:
        return finding
    whether = intent.aim == "presence"
    seen = Counter[str]()
    for other in (other for other in findings if other.kind == "classes" and other.error is None):
        seen.update(shares(other))
    least = max(ASKED_FOR if whether else SOME, *(seen[label] for label in there & SORTS["animal"].keys()), 0.0)
    others = [r for r in finding.regions if r.label in SORTS["animal"].keys() & there - {*intent.named}]
    if not others or seen[missing[0]] < least:
        return finding
    one = max(others, key=lambda region: region.score)
    if whether and one.score >= ANOTHER:
        return finding
    return replace(finding, regions=tuple(replace(r, label=missing[0]) if r is one else r for r in finding.regions))


def _not_imagined(question: str, finding: Finding, findings: Collection[Finding]) -> Finding:
    """Return the finding without animals that are likely none, where it is asked for any, or whether there are some."""
    intent = read_intent(question, finding.vocabulary)
    animals = SORTS["animal"].keys() & intent.asked
    classified = [other for other in findings if other.kind == "classes" and other.error is None]
    if not animals or not classified:
        return finding
    seen = Counter[str]()
    for other in classified:
        seen.update(shares(other))
    doubted = set[str]()
    if animals == SORTS["animal"].keys() & finding.vocabulary:
        doubted = animals if seen["animal"] < SOME else doubted
    elif intent.aim == "presence":
        doubted = {label for label in animals if seen[label] < A_TRACE}
    large = EVEN_LARGE if intent.aim == "presence" else SURELY_ONE  # "What animal is it?" takes it for granted
    kept = tuple(r for r in finding.regions if r.label not in doubted or _is_one(r, finding.size, large))
    return finding if len(kept) == len(finding.regions) else replace(finding, regions=kept)


def _is_one(animal: Region, size: tuple[int, int], large: float) -> bool:
    """Return whether an animal that a classifier does not see is sure enough: from `large` on, if it is that."""
    share = area(animal.xyxy) / max(size[0] * size[1], 1)
    return animal.score >= (large if share >= LARGE and animal.label != UNSEEN else SURELY_ONE)


def _by_wider_names(question: str, finding: Finding) -> Finding:
    """Return the finding with pandas under the name of bears, where a question names those."""
    named = read_intent(question, finding.vocabulary).named
    asked = {label for label, wider in _ALSO.items() if wider in named and label not in named}
    if not any(region.label in asked for region in finding.regions):
        return finding
    regions = (replace(r, label=_ALSO[r.label]) if r.label in asked else r for r in finding.regions)
    return replace(finding, regions=tuple(regions))


def _with_toys(question: str, finding: Finding) -> Finding:
    """Return the finding with toys under the name of the animal, where the question names that and none is there.

    Whether there is a bear is another question: a toy is none.
    """
    intent = read_intent(question, finding.vocabulary)
    there = {region.label for region in finding.regions if region.score >= PRESENCE_SCORE}
    meant = {toy: animal for animal, toy in _TOYS.items() if animal in intent.named and animal not in there}
    if intent.aim == "presence" or not there.intersection(meant):
        return finding
    named = (replace(region, label=meant.get(region.label, region.label)) for region in finding.regions)
    return replace(finding, regions=tuple(named))
