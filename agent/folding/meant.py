"""A detector's finding as a question means it: red cars alone if it counts those, toys called by the animal's name."""

from __future__ import annotations

from dataclasses import replace

from vqa.agent.folding.coloring import of_the_color
from vqa.agent.questions.intent import read_intent
from vqa.values import PRESENCE_SCORE, Finding

_TOYS = {"bear": "teddy bear"}


def as_meant(question: str, finding: Finding) -> Finding:
    """Return a detector's finding in the question's terms."""
    return of_the_color(question, _with_toys(question, finding))


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
