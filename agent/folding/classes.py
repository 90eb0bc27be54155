"""What a classifier names, where a question asks for that: "What is this?", "What animal is it?", "What kind of dog?".

A classifier spreads its trust over many narrow classes: of a dog it may give a third each to three breeds. So the
classes of a kind are added up, and the narrowest name that has enough of it is the one: "poodle", or just "dog".
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from vqa.agent.folding.naming import LISTED_SCORE, Named, named
from vqa.agent.questions import asking
from vqa.agent.questions.rephrasing import plainly
from vqa.agent.questions.vocabulary import labels_of
from vqa.values import CLASS_SCORE, Finding, Region
from vqa.words import COLORS, counted, plural, singular

OF_THE_KIND = 0.3
"""Share that all classes of a kind must have before it is told which of them it is."""
SOME_OF_IT, LIKELY_ENOUGH = 0.05, 0.5
"""Share of what a question asks for from which it is there, if it is so much of the likeliest class's as well."""
_TOO_WIDE = frozenset("animal mammal device food vehicle clothing furniture tool building plant place".split())
"""Kinds that say too little to be what something is."""
_SAME = {
    "creature": "animal",
    "critter": "animal",
    "pet": "animal",
    "plane": "airplane",
    "automobile": "car",
    "bike": "bicycle",
    "motorbike": "motorcycle",
    "musical instrument": "instrument",
    "clothes": "clothing",
    "garment": "clothing",
    "veggie": "vegetable",
    "meal": "food",
    "dish": "food",
    "beverage": "drink",
    "bug": "insect",
    "shop": "store",
    "structure": "building",
    "location": "place",
    "sofa": "couch",
    "telephone": "phone",
    "gadget": "device",
    "dog breed": "dog",
    "cat breed": "cat",
}
_THING = ("", "object", "thing", "item", "one")
_ADJECTIVES = frozenset((*COLORS, "large", "small", "old", "young"))  # and not "big cat"
_BREEDS = ("dog", "cat")
"""Kinds whose classes are breeds."""
_ENDING_KINDS = (" dog", " cat", " fish", " bird")
_KIND = r"(?:kind|type|sort|breed|species|variety|model)s?"
_NOUN = r"(?P<noun>(?!colou?rs?\b)[a-z]+(?: [a-z]+)?)"
_DOING = r"[a-z]+ (?!building|painting|clothing)[a-z]+ing\b"  # "this man holding" is no thing
_IT = r"(?:this|that|it|these|those|they)"
_HERE = asking.HERE
_PICTURE = r"(?:image|picture|photo|photograph|scene)"
_WHICH_OF_A_KIND = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?:what|which) {_KIND} of (?:an? |the )?{_NOUN}(?: (?:is|are|do|does|can|was|were)\b.*)?\W*",
        rf"what (?:is|are) the {_KIND} of (?:the |this |that |these |those )?{_NOUN}(?: {_HERE})*\W*",
        rf"(?:what|which) (?:breed|species)(?: of [a-z]+)? (?:is|are) (?:{_IT} |the ){_NOUN}(?: {_HERE})*\W*",
    )
)
_BREED = re.compile(rf"(?:what|which) breed (?:is|are) {_IT}(?: {_HERE})*\W*|what is the breed\W*")
_WHICH = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?:what|which) {_NOUN} (?:is|are|do|can) (?:{_IT}|{_HERE})(?: {_HERE})*\W*",
        rf"what (?:is|are) (?:this|that|these|those) (?!{_DOING}){_NOUN}(?: {_HERE})*\W*",
        rf"what (?:is|are) the {_NOUN} (?:{_HERE})(?: {_HERE})*\W*",
        rf"(?:name|identify|classify) (?:the|this|that) {_NOUN}(?: {_HERE})*\W*",
    )
)
_IS_IT = re.compile(
    rf"(?:is|are|was) (?:(?:this|the) {_PICTURE}(?: of)?|{_IT})(?: (?:taken|shot) (?:at|on|in|near))? "
    r"(?:(?:a|an|some|the) )?(?:(?:kind|type|sort) of )?(?P<noun>[a-z][a-z' -]*?)\W*"
)
_IS_THERE = re.compile(
    r"(?:is|are|was|were) there (?:(?:a|an|any|some) )?(?P<noun>[a-z][a-z' -]*?)(?: (?:here|(?:in|on) (?:the|this) "
    r"(?:image|picture|photo)))?\W*"
)

_HOW_MANY_OR_WHERE = re.compile(
    r"\b(?:how many|number of|where (?:is|are) (?:the|this|that|these|those)) "
    r"(?=(?P<two>[a-z]+ [a-z]+)?)(?P<one>[a-z]+)"
)


@dataclass(frozen=True)
class _Asked:
    """What is asked for.

    Attributes:
        words: As the evidence has it: "animal", "kind of dog", "thing".
        kinds: Of which it must be one; none: whatever it is.
        which: Whether that it is one is known, and asked is which.
        unfound: Whether all there is is asked for, of which boxes tell more, if they are as sure.
    """

    words: str
    kinds: tuple[str, ...] = ()
    which: bool = False
    unfound: bool = False


def identified(question: str, finding: Finding, findings: Sequence[Finding] = ()) -> Named | None:
    """Return what a question asks to be named, as a classifier has it; None if either does not.

    Args:
        question: In its own words.
        finding: The classifier's.
        findings: Of everybody: what a detector's boxes name stands, if it is the same or surer.
    """
    asked = _asked(question)
    if asked is None:
        return None
    best = _narrowest(finding.regions, asked)
    if best is None:
        return None
    name, regions = best
    for other in findings:
        told = named(question, other) if other.kind == "objects" and other.error is None else None
        sure = max((region.score for region in told.regions), default=0.0) if told else 0.0
        listed = asked.unfound and sure >= max(LISTED_SCORE, sum(region.score for region in regions))
        if told and (listed or (not asked.which and _stands(told, name, regions))):
            return None
    return Named(asked.words, (name,), regions)


def which_kinds(question: str) -> tuple[str, ...]:
    """Return of which kinds of things it is asked which of them it is: "dog" for "What breed is the dog?"."""
    asked = _asked(question)
    return asked.kinds if asked is not None and asked.which else ()


def asks_what_or_whether_it_is(question: str) -> bool:
    """Return whether a question asks what something is, or whether it is what it says."""
    return _asked(question) is not None or _IS_IT.fullmatch(asking.lowered(plainly(question))) is not None


def is_one(question: str, finding: Finding, known: Collection[str] = ()) -> tuple[str, bool, tuple[Region, ...]] | None:
    """Return what a question asks whether it is or is there, whether it is, and the classes that tell.

    None if the classifier does not know such a thing, a detector does, or it is sure of nothing. That a thing is not
    there it cannot tell; that the picture shows something else it can.

    Args:
        question: In its own words.
        finding: The classifier's.
        known: Labels of the detectors that looked: what those are asked is theirs.
    """
    looked_for = _looked_for(question, (*finding.vocabulary, *_kinds_of(finding.regions)), known)
    if looked_for is None:
        return None
    word, noun, is_it = looked_for
    those = tuple(r for r in finding.regions if noun in (r.label.lower(), *r.kinds))
    share = sum(region.score for region in those)
    likeliest = max((region.score for region in finding.regions), default=0.0)
    if share >= max(SOME_OF_IT, LIKELY_ENOUGH * likeliest):
        return word, True, those
    sure = tuple(region for region in finding.regions[:1] if region.score >= CLASS_SCORE)
    return (word, False, sure) if is_it and sure and not those else None


def asks_for_classes(question: str, vocabulary: Collection[str], known: Collection[str]) -> str:
    """Return why a question is one for a classifier, in words; "" if it is not.

    Args:
        question: In its own words.
        vocabulary: The classes' names.
        known: Labels of detectors, who are asked for those.
    """
    if _asked(question) is not None:
        return "the question asks what it is"
    if asking.asks_for_description(question):
        return "classes to hold against the caption"
    noun = _looked_for(question, vocabulary, known)
    name = noun[1] if noun else _counted_or_placed(question, vocabulary, known)
    return f"the question names {name}, which no detector knows" if name else ""


def told_of_classes(question: str, finding: Finding, findings: Sequence[Finding]) -> str:
    """Return "kind of dog: beagle", or "1 tiger" or "no lions" if it is asked whether it is one; "" if nothing.

    Args:
        question: In its own words.
        finding: The classifier's.
        findings: Of everybody.
    """
    if told := identified(question, finding, findings):
        return str(told)
    if (so := is_one(question, finding, known_to_detectors(findings))) is not None:
        noun, yes, _ = so
        return f"1 {noun}" if yes else counted(noun, 0)
    return ""


def known_to_detectors(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return the labels of the detectors that looked."""
    return tuple(label for other in findings if other.kind == "objects" for label in other.vocabulary)


def _asked(question: str) -> _Asked | None:
    lowered = asking.lowered(question)
    if asking.asks_what_this_is(question):
        return _Asked("thing")
    if asking.EVERYTHING.fullmatch(lowered):
        return _Asked("thing", unfound=True)
    if asking.WHERE_TAKEN.fullmatch(lowered):
        return _Asked("place", ("place",))
    if _BREED.fullmatch(lowered):
        return _Asked("breed", _BREEDS, which=True)
    for patterns, which in ((_WHICH_OF_A_KIND, True), (_WHICH, False)):
        for pattern in patterns:
            if match := pattern.fullmatch(lowered):
                return _of_noun(match["noun"], which=which)
    return None


def _looked_for(question: str, names: Collection[str], known: Collection[str]) -> tuple[str, str, bool] | None:
    """Return the noun that is asked for, the name that it is, and whether it is asked of the whole picture."""
    lowered = asking.lowered(plainly(question))
    match = _IS_IT.fullmatch(lowered) or _IS_THERE.fullmatch(lowered)
    if match is None or labels_of(match["noun"], known):
        return None
    name = _singular(match["noun"], names)
    return None if name is None or labels_of(name, known) else (match["noun"], name, match.re is _IS_IT)


def _counted_or_placed(question: str, names: Collection[str], known: Collection[str]) -> str:
    """Return the name of what is counted, or of which it is asked where it is; "" if a detector knows it."""
    for match in _HOW_MANY_OR_WHERE.finditer(asking.lowered(plainly(question))):
        for noun in (match["two"], match["one"]):
            name = _singular(noun, names) if noun and not labels_of(noun, known) else None
            if name is not None and not labels_of(name, known):
                return name
    return ""


def _of_noun(noun: str, *, which: bool) -> _Asked | None:
    first, _, rest = noun.partition(" ")
    noun = rest if rest and first in _ADJECTIVES else noun  # "What breed is the black dog?"
    word = noun if noun in _SAME else singular(noun)
    kind = _SAME.get(word, word)
    if kind in _THING:
        return _Asked("thing") if word == noun else None  # "What objects are there?" asks for all
    wide = kind in _TOO_WIDE
    return _Asked(f"kind of {kind}" if which and not wide else kind, (kind,), which=which and not wide)


def _narrowest(regions: Sequence[Region], asked: _Asked) -> tuple[str, tuple[Region, ...]] | None:
    """Return the narrowest name that has enough of what is asked for, and the classes that it stands for."""
    those = [r for r in regions if not asked.kinds or set(asked.kinds) & {r.label.lower(), *r.kinds}]
    whole = sum(region.score for region in those)
    if asked.which and whole < OF_THE_KIND:
        return None
    shares: defaultdict[str, list[Region]] = defaultdict(list)
    breadth: dict[str, int] = {}
    for region in those:
        names = (region.label, *region.kinds)
        breed = next((place for place, name in enumerate(names) if name in _BREEDS), 0)
        for place, name in enumerate(names):
            if name in asked.kinds or (place and name in _TOO_WIDE):
                break
            if not asked.which and place < breed:
                continue  # people call a beagle a dog
            shares[name].append(region)
            breadth[name] = max(place, breadth.get(name, 0))
    enough = CLASS_SCORE * (whole if asked.which else 1)
    fit = [name for name in shares if sum(region.score for region in shares[name]) >= enough]
    if not fit:
        return None
    name = min(fit, key=lambda name: (breadth[name], -shares[name][0].score))
    return name, tuple(shares[name])


def _stands(told: Named, name: str, regions: Sequence[Region]) -> bool:
    """Return whether what a detector names is the same as a class, in wider words, or at least as sure."""
    words = {name.lower(), *_kinds_of(regions), *name.lower().split()}
    return any(answer in words for answer in told.names) or told.regions[0].score >= sum(r.score for r in regions)


def _kinds_of(regions: Sequence[Region]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(kind for region in regions for kind in region.kinds))


def _singular(noun: str, names: Collection[str]) -> str | None:
    """Return the one of some names, in lower case, that a noun is, or is the plural of."""
    return _forms(tuple(names)).get(_SAME.get(noun, noun))


@lru_cache(maxsize=64)
def _forms(names: tuple[str, ...]) -> Mapping[str, str]:
    """Return each name, in lower case, by itself, by its plural, and without its kind ("German shepherd dog")."""
    lowered = [name.lower() for name in names]
    short = {name.rsplit(" ", 1)[0]: name for name in lowered if name.endswith(_ENDING_KINDS)}
    return short | {plural(name, 0): name for name in lowered} | {name: name for name in lowered}
