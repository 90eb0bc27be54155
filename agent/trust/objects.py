"""What a detector's boxes say about an answer: presence, counts, places, and the things that the answer names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from vqa.agent.folding.colors import AskedColor, asked_color, colors_in
from vqa.agent.folding.naming import Named, named
from vqa.agent.questions.bounds import Bound
from vqa.agent.questions.conjunctions import Conjunction
from vqa.agent.questions.intent import Intent, read_intent
from vqa.agent.questions.kinds import Kind
from vqa.agent.questions.relations import Relation, as_asked, is_so, lacking
from vqa.agent.questions.rephrasing import plainly
from vqa.agent.questions.sides import AskedSide, asked_side, is_there
from vqa.agent.questions.vocabulary import mentioned
from vqa.agent.trust.answer_types import sort_asked
from vqa.agent.trust.answer_words import number, says_yes
from vqa.values import COUNT_SCORE, PRESENCE_SCORE, Evidence, Finding, Region, Stance
from vqa.words import counted, place, plural, relation

_OPPOSITE = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}
_SIDES = {"upper": "top", "lower": "bottom", "middle": "center", "centre": "center"}
_RELATIONS = {
    "left of": "right of",
    "right of": "left of",
    "above": "below",
    "below": "above",
    "on or in front of": "behind or under",
    "behind or under": "on or in front of",
}
_SAID_RELATIONS = (
    (re.compile(r"\bleft of\b"), "left of"),
    (re.compile(r"\bright of\b"), "right of"),
    (re.compile(r"\b(?:above|over)\b"), "above"),
    (re.compile(r"\b(?:below|beneath)\b"), "below"),
    (re.compile(r"\b(?:on|in front of|inside|in)\b"), "on or in front of"),
    (re.compile(r"\b(?:behind|under|underneath)\b"), "behind or under"),
)
# "Is there more than a dog?" is not settled by there being a dog, "Are there no cats?" turns yes and no around.
_UNSETTLED = re.compile(
    r"\b(?:more|fewer|less|another|other|both|same|not?|neither|nor|without|isn't|aren't|only|than)\b"
)

_ALIKE = re.compile(r"\b(?:same|equal|equally|alike|as many)\b")


def object_evidence(question: str, finding: Finding, text: str, *, kind: Kind) -> Iterator[Evidence]:
    """Yield what a detector's finding says about an answer."""
    intent = read_intent(question, finding.vocabulary)
    said = says_yes(text)
    if (color := asked_color(question, finding.vocabulary)) and (told := named(question, finding)):
        yield from _of_a_color(finding, color, told, text)
    elif intent.claim is not None:
        yield from _of_a_comparison(finding, intent.claim, text)
    elif intent.together is not None and said is not None:
        yield from _of_both(finding, intent.together, said)
    elif intent.bound is not None and said is not None and intent.bound.settled(_number(finding, intent.bound)):
        yield from _of_a_bound(finding, intent.bound, said)
    elif (side := asked_side(question, finding.vocabulary)) and said is not None:
        yield from _of_a_side(finding, side, said)
    elif intent.related is not None and intent.related.other is not None and said is not None:
        yield from _of_two_things(finding, intent.related, said)
    elif intent.related is not None and intent.related.of == "how many":
        yield from _of_how_many(finding, intent.related, text) or _of_a_count(finding, intent, text)
    elif kind == "count":
        yield from _of_a_count(finding, intent, text)
    elif kind == "presence" and said is not None:
        if not _UNSETTLED.search(plainly(question).lower()):
            yield from _of_presence(finding, intent, said)
    elif kind == "place":
        yield from _of_a_place(finding, intent, text)
    elif kind in ("open", "description") and said is None:
        told = named(question, finding)
        yield from (told and _of_the_named(finding, told, text)) or _of_named_things(question, finding, text)


def _of_a_color(finding: Finding, asked: AskedColor, told: Named, text: str) -> Iterator[Evidence]:
    """Hold the colour that an answer names, or its yes or no to one that the question names, against the boxes'."""
    yes, said = says_yes(text), colors_in(text) or asked.claimed
    if not said or (asked.claimed and yes is None):
        return
    agrees = bool(set(colors_in(told.answer)) & set(said)) != (yes is False)
    number, _, things = counted(asked.label, len(told.regions)).partition(" ")
    worn = asked.label == "person"
    shown = f"{number} {things} in {told.answer}" if worn else f"{number} {told.answer} {things}"
    yield Evidence(finding.expert, "supports" if agrees else "contradicts", f"finds {shown}", told.regions)


def _of_presence(finding: Finding, intent: Intent, yes: bool) -> Iterator[Evidence]:
    if not intent.asked:
        return
    found = _found(finding, intent.asked, PRESENCE_SCORE)
    stance: Stance = "supports" if yes == bool(found) else "contradicts"
    if found:
        yield Evidence(finding.expert, stance, f"finds {_told(found)}", found)
    else:
        sought = intent.thing if len(intent.asked) > 1 else counted(intent.asked[0], 0).removeprefix("no ")
        yield Evidence(finding.expert, stance, f"knows {sought} and finds none")


def _of_a_count(finding: Finding, intent: Intent, text: str) -> Iterator[Evidence]:
    said = number(text)
    if not intent.asked or said is None:
        return
    found = _found(finding, intent.asked, COUNT_SCORE)
    faint = len(_found(finding, intent.asked, PRESENCE_SCORE)) - len(found)
    told = f"counts {_told(found)}" if found else f"counts no {intent.thing or counted(intent.asked[0], 0)[3:]}"
    if faint:
        told += f", and {faint} too unsure to count"
    yield Evidence(finding.expert, "supports" if said == len(found) else "contradicts", told, found)


def _of_a_comparison(finding: Finding, claim: tuple[str, str, str], text: str) -> Iterator[Evidence]:
    """Compare a yes or no, or the label that an answer names, with how many there are of two labels."""
    how, label, other = claim
    found, others = _found(finding, [label], COUNT_SCORE), _found(finding, [other], COUNT_SCORE)
    said, named = says_yes(text), mentioned(text, (label, other))
    more = len(found) > len(others) if how in ("more", "most") else len(found) < len(others)
    if how in ("most", "fewest"):
        if len(found) == len(others):
            right = _ALIKE.search(text.lower()) is not None
        elif len(named) == 1:
            right = named[0] == (label if more else other)
        else:
            return
    elif said is None:
        return
    else:
        right = said == more
    counts = f"counts {counted(label, len(found))} and {counted(other, len(others))}"
    yield Evidence(finding.expert, "supports" if right else "contradicts", counts, found + others)


def _of_a_bound(finding: Finding, bound: Bound, yes: bool) -> Iterator[Evidence]:
    found = _found(finding, bound.labels, bound.least)
    stance: Stance = "supports" if yes == bound.holds(len(found)) else "contradicts"
    told = _told(found) if found else counted(bound.labels[0], 0) if len(bound.labels) == 1 else f"no {bound.thing}"
    yield Evidence(finding.expert, stance, f"counts {told}", found)


def _of_both(finding: Finding, asked: Conjunction, yes: bool) -> Iterator[Evidence]:
    stance: Stance = "supports" if yes == asked.holds(finding.regions) else "contradicts"
    shown = [(labels[0], found) for labels, found in zip(asked.labels, asked.shown(finding.regions), strict=True)]
    told = " and ".join(_told(found) if found else counted(label, 0) for label, found in shown)
    yield Evidence(finding.expert, stance, f"finds {told}", tuple(region for _, found in shown for region in found))


def _number(finding: Finding, bound: Bound) -> int:
    return len(_found(finding, bound.labels, bound.least))


def _of_two_things(finding: Finding, asked: Relation, yes: bool) -> Iterator[Evidence]:
    """Compare a yes or no with where the boxes of one label are, seen from those of the other."""
    things = _found(finding, [asked.other or "", asked.anchor], COUNT_SCORE)
    so, shown = is_so(asked, things)
    if so is not None:
        which = f"the {asked.other} {'' if so else 'not '}" if so or asked.of == "the one" else f"no {asked.other} "
        told = f"finds {which}{asked.how} the {asked.anchor}"
        yield Evidence(finding.expert, "supports" if yes == so else "contradicts", told, shown)
    elif asked.of == "any" and (nothing := lacking(asked, finding.regions)):
        yield from _of_presence(finding, read_intent(f"Is there a {nothing[0]}?", finding.vocabulary), yes)


def _of_how_many(finding: Finding, asked: Relation, text: str) -> list[Evidence]:
    """Compare a number with how many things of one label are somewhere, seen from those of another."""
    things = _found(finding, [asked.other or "", asked.anchor], COUNT_SCORE)
    said, those = number(text), as_asked(asked, things)
    if said is None or those is None:
        return []
    told = f"counts {counted(asked.other or '', len(those))} {asked.how} the {asked.anchor}"
    return [Evidence(finding.expert, "supports" if said == len(those) else "contradicts", told, those)]


def _of_a_side(finding: Finding, asked: AskedSide, yes: bool) -> Iterator[Evidence]:
    things = _found(finding, [asked.label], COUNT_SCORE)
    so, shown = is_there(asked, things, finding.size)
    if so is not None:
        told = f"finds the {asked.label} {place(shown[0], finding.size)}"
        yield Evidence(finding.expert, "supports" if yes == so else "contradicts", told, shown)


def _of_a_place(finding: Finding, intent: Intent, text: str) -> Iterator[Evidence]:
    """Compare the answer's sides, or its relation to another thing, with where the boxes are."""
    found = _found(finding, intent.asked, COUNT_SCORE) or _found(finding, intent.asked, PRESENCE_SCORE)[:1]
    if not found:
        return
    lowered = " ".join(_SIDES.get(word, word) for word in text.lower().split())
    anchors = _found(finding, [n for n in mentioned(text, finding.vocabulary) if n not in intent.asked], PRESENCE_SCORE)
    if anchors:
        yield from _of_a_relation(finding.expert, found[0], anchors[0], lowered)
        return
    said = [sides for part in re.split(r",|\band\b", lowered) if (sides := _sides(part))]
    if not said:
        return
    there = [region for region in found if set(place(region, finding.size).split()) in said]
    where = [set(place(region, finding.size).split()) for region in there]
    if all(sides in where for sides in said):
        shown = there if len(said) > 1 else there[:1]
        yield Evidence(finding.expert, "supports", f"finds {_told(shown)} there", tuple(shown))
        return
    if there:  # some of what is said is so
        return
    sides = {side for one in said for side in one}
    surest = set(place(found[0], finding.size).split())
    if any(_OPPOSITE.get(side) in surest for side in sides) or ("center" in sides) != ("center" in surest):
        told = f"finds the {found[0].label} {place(found[0], finding.size)}"
        yield Evidence(finding.expert, "contradicts", told, found[:1])


def _sides(words: str) -> set[str]:
    return {side for side in (*_OPPOSITE, "center") if re.search(rf"\b{side}\b", words)}


def _of_a_relation(expert: str, region: Region, anchor: Region, text: str) -> Iterator[Evidence]:
    actual = relation(region, anchor)
    said = next((name for pattern, name in _SAID_RELATIONS if pattern.search(text)), None)
    if actual is None or said is None:
        return
    told = f"finds the {region.label} {actual} the {anchor.label}"
    if said == actual:
        yield Evidence(expert, "supports", told, (region, anchor))
    elif _RELATIONS[said] == actual:
        yield Evidence(expert, "contradicts", told, (region, anchor))


def _of_the_named(finding: Finding, told: Named, text: str) -> list[Evidence]:
    """Return what shows the answer that the boxes name, "kitchen" from an oven, if it is the one given."""
    forms = {form for name in told.names for form in (name, name.removesuffix("s"))}  # of "kites": a kite
    if not re.search(rf"\b(?:{'|'.join(map(re.escape, forms))})(?:e?s)?\b", text.lower()):
        return []
    return [Evidence(finding.expert, "supports", f"finds {_told(told.regions)}", told.regions)]


def _of_named_things(question: str, finding: Finding, text: str) -> Iterator[Evidence]:
    named = mentioned(text, finding.vocabulary)
    sort, of_it = sort_asked(question)
    if named and sort and not of_it & set(named):
        things = " and ".join(plural(name, 0) for name in named)
        yield Evidence(finding.expert, "contradicts", f"knows that {things} are no {sort}")
        return
    if found := _found(finding, named, PRESENCE_SCORE):
        yield Evidence(finding.expert, "supports", f"finds {_told(found)}", found)
    seen = {region.label for region in found}
    if missing := [label for label in named if label not in seen]:
        yield Evidence(finding.expert, "contradicts", f"finds {' and '.join(counted(label, 0) for label in missing)}")


def _found(finding: Finding, labels: Sequence[str], least: float) -> tuple[Region, ...]:
    """Return the regions with one of these labels, the surest first."""
    regions = [region for region in finding.regions if region.label in labels and region.score >= least]
    return tuple(sorted(regions, key=lambda region: -region.score))


def _told(regions: Sequence[Region]) -> str:
    labels = [region.label for region in regions]
    return " and ".join(counted(label, labels.count(label)) for label in dict.fromkeys(labels))
