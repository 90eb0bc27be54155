"""What folding tells of a detector's boxes: what a question asks first and in its own words, the rest after it."""

from __future__ import annotations

from collections.abc import Sequence

from vqa.agent.folding.lines import BESIDE, Line
from vqa.agent.folding.naming import NAMED_SCORE, THIS_SCORE
from vqa.agent.folding.naming import named as named_by
from vqa.agent.questions.asking import asks_for_everything, asks_what_this_is
from vqa.agent.questions.intent import Intent
from vqa.agent.questions.kinds import asks_where
from vqa.agent.questions.relations import as_asked, is_so, lacking, lies
from vqa.agent.questions.sides import asked_side, is_there
from vqa.agent.questions.taxonomy import ANYBODY, NO_PLACE_FOR_PEOPLE
from vqa.values import COUNT_SCORE, PRESENCE_SCORE, Finding, Region
from vqa.words import counted, one, place, plural, relation

MAX_RELATIONS = 6
MAX_ABSENT = 3  # a word like "animals" names ten labels; only those that are there are worth a line


def object_lines(question: str, finding: Finding, intent: Intent, *, settled: bool, color: str) -> list[Line]:
    """Return what the boxes say; where they settle the question, what else they show is told to nobody.

    `color` is the one that the things counted all have, "" if they are counted whatever colour they have.
    """
    sure = sure_ones(finding)
    if least := THIS_SCORE if asks_what_this_is(question) else NAMED_SCORE if asks_for_everything(question) else 0.0:
        sure = [region for region in sure if region.score >= least]
    if alone := told_alone(question, finding, intent):
        others = _counts([region.label for region in sure])
        return [Line(f"Detector: {alone}", 0.0), Line(f"Detector: {others}", 3.0, BESIDE)]
    lines: list[Line] = []
    if claim := _claimed(intent, finding):
        lines.append(Line(f"Detector: {claim}", 0.0))
    if so := bounded(intent, finding):
        lines.append(Line(f"Detector: {so}", 0.0))
    if intent.thing and not intent.asked:
        lines.append(Line(f"Detector: {intent.thing} unknown", 0.0))
    if len(intent.asked) > 1 and intent.thing:
        lines.append(Line(f"Detector: {_group(intent, finding)}", 0.0))
    else:
        with_places = intent.aim in ("place", "other")
        seen = {r.label for r in finding.regions}
        told = [label for label in intent.asked if label in seen or len(intent.asked) <= MAX_ABSENT]
        lines += [Line(f"Detector: {_about(label, finding, with_places, color)}", 0.0) for label in told]
    others_named = [label for label in intent.named if label not in intent.asked]
    lines += [Line(f"Detector: {_about(label, finding, False)}", 1.0) for label in others_named]
    told_so = asked_relation(sure, intent)
    if told_so:
        lines.append(Line(f"Detector: {told_so}", 0.0))
    where = intent.aim == "place" and asks_where(question) and any(r.label in intent.asked for r in sure)
    beside = BESIDE if settled or told_so or where else ""
    if not told_so and intent.aim in ("place", "other") and intent.named:
        doubt = beside if len(intent.named) == 1 else ""
        told = _relations(sure, intent)
        lines += [Line(f"Detector: {line}", 2.0 + 0.01 * i, doubt) for i, line in enumerate(told)]
    if rest := [r.label for r in sure if r.label not in intent.named]:
        lines.append(Line(f"Detector: {_counts(rest)}", 3.0, beside))
    if not lines:
        lines.append(Line("Detector: nothing found", 3.0))
    return lines


def told_alone(question: str, finding: Finding, intent: Intent) -> str:
    """Return what answers a question by itself, in its own words; "" if nothing does.

    What else there is stays beside it: a small core would name that, or say yes because of it.
    """
    if named := named_by(question, finding):
        return str(named)
    if (both := intent.together) is not None:
        return f"{'' if both.holds(finding.regions) else 'not '}{both.words}"
    sure = sure_ones(finding)
    if (side := asked_side(question, finding.vocabulary)) is not None:
        there, _ = is_there(side, [region for region in sure if region.label == side.label], finding.size)
        return "" if there is None else _so(side.label, side.words, there, of_any=side.any)
    asked = intent.related
    if asked is None or asked.of == "the one":
        return ""
    if asked.of == "any" and asked.other is not None and lacking(asked, finding.regions):
        return _so(asked.other, f"{asked.how} {asked.anchor}", False, of_any=True)
    return asked_relation(sure, intent)


def sure_ones(finding: Finding) -> list[Region]:
    return [region for region in finding.regions if region.score >= COUNT_SCORE]


def _claimed(intent: Intent, finding: Finding) -> str:
    """Return "more dogs than cats" or "no more dogs than cats", of what a question claims; "" if it claims nothing.

    Told so, a small core agrees or not, which it can; of two numbers it often cannot say which is the larger. Asked
    which are more, it is told that, or "as many dogs as cats".
    """
    if intent.claim is None:
        return ""
    how, *labels = intent.claim
    numbers = {named: sum(r.label == named and r.score >= COUNT_SCORE for r in finding.regions) for named in labels}
    which = how in ("most", "fewest")
    if which and len(set(numbers.values())) == 1:
        return f"as many {plural(labels[0], 0)} as {plural(labels[1], 0)}"
    if which:
        labels.sort(key=lambda label: numbers[label], reverse=how == "most")
        return f"{'more' if how == 'most' else 'fewer'} {plural(labels[0], 0)} than {plural(labels[1], 0)}"
    label, other = labels if how == "more" else reversed(labels)
    return f"{'' if numbers[label] > numbers[other] else 'no '}more {plural(label, 0)} than {plural(other, 0)}"


def bounded(intent: Intent, finding: Finding) -> str:
    """Return "two dogs" or "not two dogs", of what a question claims of their number; "" if that does not settle it."""
    if intent.bound is None:
        return ""
    bound = intent.bound
    number = sum(region.label in bound.labels and region.score >= bound.least for region in finding.regions)
    return f"{'' if bound.holds(number) else 'not '}{bound.words}" if bound.settled(number) else ""


def _about(label: str, finding: Finding, with_places: bool, color: str = "") -> str:
    """Return "4 people", "no red cars" or "maybe 1 giraffe", with places if wanted."""
    name = f"{color} {label}".lstrip()
    found = [r for r in finding.regions if r.label == label]
    sure = [r for r in found if r.score >= COUNT_SCORE]
    if sure:
        places = list(dict.fromkeys(place(region, finding.size) for region in sure))[:MAX_RELATIONS]
        return counted(name, len(sure)) + (f" ({', '.join(places)})" if with_places else "")
    weak = [r for r in found if r.score >= PRESENCE_SCORE]
    return f"maybe {counted(name, len(weak))}" if weak else counted(name, 0)


def _group(intent: Intent, finding: Finding) -> str:
    """Return "3 animals: 2 dogs, 1 cat" for a word that stands for several labels."""
    for threshold, hedge in ((COUNT_SCORE, ""), (PRESENCE_SCORE, "maybe ")):
        members = [r.label for r in finding.regions if r.label in intent.asked and r.score >= threshold]
        if members:
            noun = intent.thing.removesuffix("ren" if intent.thing == "children" else "s")
            noun = noun if len(members) == 1 else intent.thing
            return f"{hedge}{len(members)} {noun}: {_counts(members)}"
    return f"no {intent.thing}"


def _counts(labels: Sequence[str]) -> str:
    """Return "4 people, 1 bus", in the order of first appearance."""
    return ", ".join(counted(label, labels.count(label)) for label in dict.fromkeys(labels))


def asked_relation(sure: Sequence[Region], intent: Intent) -> str:
    """Return "dog on couch", "dog not on couch" or "on couch: a dog and a cat", whichever is asked for; "" if unknown.

    Out of six relations a small core often chooses the wrong one.
    """
    asked = intent.related
    if asked is None:
        return ""
    if asked.other is None:
        best = _surest(sure)
        if asked.anchor not in best:
            return ""
        anchor = best.pop(asked.anchor)
        unlikely = ANYBODY if asked.how in ("on", "on top of") and asked.anchor in NO_PLACE_FOR_PEOPLE else ()
        found = {name: r for name, r in best.items() if name not in unlikely and lies(asked.how, r, anchor)}
        there = [one(label) for label, region in found.items() if region.score >= NAMED_SCORE] or [*map(one, found)]
        return f"{asked.how} {asked.anchor}: {', '.join(there[:MAX_RELATIONS])}" if there else ""
    if asked.of == "how many":
        those = as_asked(asked, sure)
        return "" if those is None else f"{counted(asked.other, len(those))} {asked.how} {asked.anchor}"
    so, _ = is_so(asked, sure)
    return "" if so is None else _so(asked.other, f"{asked.how} {asked.anchor}", so, of_any=asked.of == "any")


def _so(label: str, where: str, so: bool, *, of_any: bool) -> str:
    """Return "dog on couch", "dog not on couch", or where it is asked of any "no dog on couch"."""
    return f"{'no ' if of_any and not so else ''}{label} {'not ' if not so and not of_any else ''}{where}"


def _relations(sure: Sequence[Region], intent: Intent) -> list[str]:
    """Return "cup left of laptop": things against the one the question names, or the named ones among themselves.

    The surest of each label stands for it; the thing named last is what the others are held against.
    """
    best = _surest(sure)
    named = [label for label in intent.named if label in best]
    others = named if len(named) > 1 else list(best)
    told: dict[frozenset[str], str] = {}
    for anchor in reversed(named):
        for other in others:
            how = relation(best[other], best[anchor]) if other != anchor else None
            if how:
                told.setdefault(frozenset((other, anchor)), f"{other} {how} {anchor}")
    return list(told.values())[:MAX_RELATIONS]


def _surest(sure: Sequence[Region]) -> dict[str, Region]:
    """Return the first, that is surest, thing of each label, in their order."""
    best: dict[str, Region] = {}
    for region in sure:
        best.setdefault(region.label, region)
    return best
