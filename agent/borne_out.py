"""What one expert saw, given what the others did: a captioner's sentence, boxes in a drawing.

A detector knows photos: in drawings, and of things on plain ground, what it is not sure of is mostly something else
(docs/measurements.md, "Pictures without a scene"). A small captioner often has the right sentence, and another one
before it: of Flickr8k's photos the best of five is worth CIDEr 0.77, the first 0.59 (docs/measurements.md, "Captions").
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from vqa.agent.scene import no_scene
from vqa.agent.vocabulary import mentioned
from vqa.values import Finding, Region
from vqa.words import describe, singular

FOUND = 0.3
"""What a thing that is found for sure adds to the mean log probability of a sentence that names it, and one that is not
takes away."""
CLASSIFIED = 0.3
"""What a class or kind that a picture surely shows adds to that of a sentence that names it."""
SURELY_NO_SCENE = 0.5
"""Share of "no scene" from which on boxes are believed less; two of 1,385 held-out photos have more."""
NO_SCENE_SCORE = 0.4
"""Score from which on they are believed there."""
_LEAST = 1e-9


def borne_out(finding: Finding, findings: Collection[Finding]) -> Finding:
    """Return what an expert saw as far as the others' findings bear it out."""
    if finding.kind == "caption":
        return _said(finding, findings)
    return _believed(finding, findings) if finding.kind == "objects" else finding


def _believed(finding: Finding, findings: Collection[Finding]) -> Finding:
    """Return a detector's finding without the boxes that mean nothing where there is no scene."""
    share = no_scene(list(findings))
    kept = tuple(region for region in finding.regions if region.score >= NO_SCENE_SCORE)
    dropped = len(finding.regions) - len(kept)
    if share < SURELY_NO_SCENE or not dropped:
        return finding
    note = f"{dropped} unsure boxes left out: a drawing, or a thing on plain ground ({share:.2f})"
    return replace(finding, text=describe(kept, finding.size), regions=kept, notes=(*finding.notes, note))


def _said(caption: Finding, findings: Collection[Finding]) -> Finding:
    """Return a captioner's finding with the sentence that is likeliest, given what others saw of what it names."""
    others = [finding for finding in findings if finding.kind in ("objects", "classes") and finding.error is None]
    if len(caption.regions) != 1 or not caption.instead or not others:
        return caption
    sentences = (*caption.regions, *caption.instead)
    best = max(sentences, key=lambda sentence: _likely(sentence, others))
    return replace(caption, text=best.label, regions=(best,), instead=tuple(s for s in sentences if s is not best))


def _likely(sentence: Region, findings: Sequence[Finding]) -> float:
    """Return a sentence's mean log probability, with what is seen of each thing that it names."""
    likely = math.log(max(sentence.score, _LEAST))
    for finding in findings:
        if finding.kind == "objects":
            named = mentioned(sentence.label, finding.vocabulary)
            likely += FOUND * sum(2 * _surest(label, finding) - 1 for label in named)
        else:
            shares, words = _shares(finding), {singular(word) for word in re.findall(r"[a-z]+", sentence.label.lower())}
            likely += CLASSIFIED * sum(shares.get(word, 0.0) for word in words)
    return likely


def _surest(label: str, finding: Finding) -> float:
    return max((region.score for region in finding.regions if region.label == label), default=0.0)


def _shares(finding: Finding) -> Mapping[str, float]:
    """Return how much of a classifier's trust each word has that is a class, the last of its words, or a kind."""
    shares: defaultdict[str, float] = defaultdict(float)
    for region in finding.regions:
        name = region.label.lower()
        for word in {name, name.split()[-1], *region.kinds}:
            shares[word] += region.score
    return shares
