"""What one expert saw, given what the others did: a captioner's sentence, boxes in a drawing.

A detector knows photos: in drawings, and of things on plain ground, what it is not sure of is mostly something else
(docs/measurements.md, "Pictures without a scene"). A small captioner often has the right sentence, and another one
before it: of Flickr8k's photos the best of five is worth CIDEr 0.77, the first 0.59 (docs/measurements.md, "Captions").
Or it has a word for another: it learnt of dogs and horses, and calls a bear a dog. So has a detector: of Flickr8k's 247
photos of dogs it finds none in 52, but a horse, a bear or a cow in most of these, and a classifier knows better.
Of ten animals a detector knows, all others it takes for one of these, a camel for a horse with 0.91.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product

from vqa.agent.folding.captions import SPOKEN_FOR, made_up, shares, surest
from vqa.agent.folding.meant import A_TRACE
from vqa.agent.folding.scene import is_drawn, no_scene
from vqa.agent.questions.taxonomy import ALIVE, BEASTS, SORTS, WILD
from vqa.agent.questions.vocabulary import mentioned
from vqa.values import PRESENCE_SCORE, Finding, Region
from vqa.words import describe, one, plural, singular

FOUND = 0.3
"""What a thing that is found for sure adds to the mean log probability of a sentence that names it, and one that is not
takes away."""
CLASSIFIED = 0.3
"""What a class or kind that a picture surely shows adds to that of a sentence that names it."""
SURELY_NO_SCENE = 0.5
"""Share of "no scene" from which on boxes are believed less; two of 1,385 held-out photos have more."""
NO_SCENE_SCORE = 0.4
"""Score from which on they are believed there, …"""
DRAWN_THING_SCORE = 0.8
"""… and in drawings those of things: what is round there is a clock or a frisbee. People, animals and vehicles look
as they do."""
MENDING = 0.6
"""Score from which an animal or a vehicle that is found may stand for one that a sentence names and nobody finds."""
MADE_UP = 1.0
"""What somebody whom nobody sees takes away besides."""
SURELY_IT = 0.45
"""Share of an animal from which it is there under the name of another one: dogs that run are taken for horses."""
LIKELY_IT = 0.35
"""The same of one that no detector knows, which can only take it for another; or of the one that it found."""
SURELY_FOUND = 0.8
"""Score from which that other one is what it was found to be, …"""
NOTHING_OF_IT = 0.05
"""… as it is where a classifier sees any more of it."""
UNCLASSIFIED = frozenset({"giraffe"})
"""Animals that a detector knows and ImageNet has no class of: of them a classifier says something else."""
_LEAST = 1e-9


def cross_checked(finding: Finding, findings: Collection[Finding]) -> Finding:
    """Return what an expert saw as far as the others' findings bear it out."""
    if finding.kind == "caption":
        return _said(finding, findings)
    return _believed(finding, findings) if finding.kind == "objects" else finding


def _believed(finding: Finding, findings: Collection[Finding]) -> Finding:
    """Return a detector's finding with animals by their right names, and no boxes that mean nothing in a drawing."""
    return _of_a_scene(_called_right(finding, findings), findings)


def _called_right(finding: Finding, findings: Collection[Finding]) -> Finding:
    """Return a detector's finding with the animals that a classifier surely sees, and those that it surely does not."""
    classified = [other for other in findings if other.kind == "classes" and other.error is None]
    seen = Counter[str]()
    for other in classified:
        seen.update(shares(other))
    animals = [label for label in SORTS["animal"] if label in finding.vocabulary]
    taken = max(animals, key=lambda label: surest(label, finding), default="")
    if not classified or not animals:
        return finding
    if surest(taken, finding) < PRESENCE_SCORE:
        return _without_beasts(finding, seen) if no_scene(list(findings)) < SURELY_NO_SCENE else finding
    known = taken in UNCLASSIFIED and surest(taken, finding) >= SURELY_FOUND
    if known or seen[taken] > NOTHING_OF_IT:
        return _without_beasts(finding, seen) if known or seen[taken] >= LIKELY_IT else finding
    return _renamed(finding, taken, animals, seen)


def _renamed(finding: Finding, taken: str, animals: Sequence[str], seen: Mapping[str, float]) -> Finding:
    """Return a detector's finding with the animal that a classifier surely sees for the one that it was taken for."""
    missed = [label for label in animals if seen[label] >= SURELY_IT and surest(label, finding) < PRESENCE_SCORE]
    unknown = [label for label in WILD if label not in finding.vocabulary and seen[label] >= LIKELY_IT]
    if len(missed) == 1 and surest(taken, finding) < SURELY_FOUND:
        (right,) = missed
        mistaken = {taken}
    elif unknown and taken not in UNCLASSIFIED:
        right = min(unknown, key=lambda label: seen[label])
        unsure = {label for label in animals if surest(label, finding) < SURELY_FOUND}
        mistaken = {taken, *(label for label in unsure if seen[label] <= NOTHING_OF_IT)}
    else:
        return finding
    regions = tuple(replace(r, label=right) if r.label in mistaken else r for r in finding.regions)
    notes = (*finding.notes, f"took {one(right)} for {one(taken)}, says who classifies ({seen[right]:.2f}); mended")
    text = describe(regions, finding.size)
    known = dict.fromkeys((*finding.vocabulary, right))
    return _without_beasts(replace(finding, text=text, regions=regions, vocabulary=tuple(known), notes=notes), seen)


def _without_beasts(finding: Finding, seen: Mapping[str, float]) -> Finding:
    """Return a detector's finding that knows of the large animals, too, of which it shows none, nor a classifier any.

    Who knows COCO's ten would have found something for each of them; but there is nothing, or it is known what it is.
    """
    if not SORTS["animal"].keys() - WILD.keys() <= set(finding.vocabulary):
        return finding
    none = [label for label in BEASTS if seen[label] < A_TRACE]
    return replace(finding, vocabulary=tuple(dict.fromkeys((*finding.vocabulary, *none))))


def _of_a_scene(finding: Finding, findings: Collection[Finding]) -> Finding:
    """Return a detector's finding without the boxes that mean nothing where there is no scene."""
    share, drawn = no_scene(list(findings)), is_drawn(list(findings))

    def least(label: str) -> float:
        return DRAWN_THING_SCORE if drawn and label not in (*ALIVE, *SORTS["vehicle"]) else NO_SCENE_SCORE

    kept = tuple(region for region in finding.regions if region.score >= least(region.label))
    dropped = len(finding.regions) - len(kept)
    if share < SURELY_NO_SCENE or not dropped:
        return finding
    note = f"{dropped} unsure boxes left out: a drawing, or a thing on plain ground ({share:.2f})"
    return replace(finding, text=describe(kept, finding.size), regions=kept, notes=(*finding.notes, note))


def _said(caption: Finding, findings: Collection[Finding]) -> Finding:
    """Return a captioner's finding with the sentence that is likeliest, given what others saw of what it names."""
    others = [cross_checked(f, findings) for f in findings if f.kind in ("objects", "classes") and f.error is None]
    if len(caption.regions) != 1 or not caption.instead or not others:
        return caption
    said = (*caption.regions, *caption.instead)
    so = {sentence.label for sentence in said}
    mended = [(new, why) for sentence in said for new, why in _mended(sentence, others) if new.label not in so]
    best = max((*said, *(new for new, _ in mended)), key=lambda sentence: _likely(sentence, others))
    rest = tuple(sentence for sentence in said if sentence is not best)
    notes = (*caption.notes, *(why for new, why in mended if new is best))
    return replace(caption, text=best.label, regions=(best,), instead=rest, notes=notes)


def _mended(sentence: Region, findings: Sequence[Finding]) -> Iterator[tuple[Region, str]]:
    """Yield a sentence with the animal or vehicle that a detector surely finds for one that it misses, and why."""
    spoken_for: dict[str, float] = {}
    for finding in findings:
        spoken_for |= shares(finding) if finding.kind == "classes" else {}
    for finding, sort in product(findings, ("animal", "vehicle")):
        if finding.kind != "objects":
            continue
        named = [label for label in mentioned(sentence.label, finding.vocabulary) if label in SORTS[sort]]
        missed = [label for label in named if surest(label, finding) < PRESENCE_SCORE]
        found = [label for label in SORTS[sort] if label not in named and surest(label, finding) >= MENDING]
        if len(missed) != 1 or not found or spoken_for.get(missed[0], 0.0) >= SPOKEN_FOR:
            continue
        wrong, right = missed[0], max(found, key=lambda label: surest(label, finding))
        text = re.sub(rf"\b([Aa])n? {wrong}\b", rf"\1{'n' if right[0] in 'aeiou' else ''} {right}", sentence.label)
        for number in (1, 2):
            text = re.sub(rf"\b{plural(wrong, number)}\b", plural(right, number), text)
        if text != sentence.label:
            yield replace(sentence, label=text), f"said {wrong} where the detector finds {right}; mended"


def _likely(sentence: Region, findings: Sequence[Finding]) -> float:
    """Return a sentence's mean log probability, with what is seen of each thing that it names."""
    likely = math.log(max(sentence.score, _LEAST)) - MADE_UP * bool(made_up(sentence.label, findings))
    for finding in findings:
        if finding.kind == "objects":
            named = mentioned(sentence.label, finding.vocabulary)
            likely += FOUND * sum(2 * surest(label, finding) - 1 for label in named)
        else:
            trust, words = shares(finding), {singular(word) for word in re.findall(r"[a-z]+", sentence.label.lower())}
            likely += CLASSIFIED * sum(trust.get(word, 0.0) for word in words)
    return likely
