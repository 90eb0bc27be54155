"""The figures that an answer's confidence is computed from: few, named, and from what any core and expert gives.

Each is 0 where it does not apply, so that a kind of question of which little is known falls back on its own average.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from vqa.agent.folding.actions import told_of_action
from vqa.agent.folding.classes import identified
from vqa.agent.folding.colors import asked_color
from vqa.agent.folding.descriptions import answered
from vqa.agent.folding.meant import as_meant
from vqa.agent.folding.naming import named
from vqa.agent.folding.objects import asked_relation, sure_ones
from vqa.agent.folding.pages import found_on_page
from vqa.agent.folding.scene import NO_SCENE, no_scene, told_of_scene
from vqa.agent.questions.alternatives import named_alternatives
from vqa.agent.questions.kinds import KINDS, intent_of, kind_of
from vqa.agent.questions.scene import THINGS
from vqa.agent.questions.text_search import sought_words
from vqa.agent.questions.vocabulary import mentioned
from vqa.agent.trust.answer_words import says_yes, whether
from vqa.agent.trust.premise import unfounded
from vqa.agent.trust.readings import lines_for, not_read
from vqa.agent.trust.words import said_most, share_of
from vqa.values import COUNT_SCORE, Evidence, Finding, Question

CORE = "core's own probability"
"""The one feature that a core may not give; without it, another set of coefficients serves."""
KIND = "kind: "
"""How the features begin that tell the question's kind, and nothing of the evidence."""
PREMISE = "premise: nobody finds it"
"""Whether a question takes for granted what is not there."""
SCENE = "scene"
"""The kind of questions of which the whole scene tells the answer, however they are asked."""
_TELLING_LITTLE = ("open: detector supports", "open: detector contradicts")
"""What is found of many sorts of things, or not, says little of an answer to an open question."""
_OF_THINGS = ("presence", "count", "compare", "place", "open")
"""The kinds of which a detector's word counts: not of "Is it a man or a woman?" that somebody is found."""
_AS_PLAIN = {"yes or no": "presence"}
"""Where two things are, or of their number, is too rare to fit, and as plain a yes or no."""
ACTION = "action"
"""The kind of questions of which a captioner tells what somebody does."""
RELATION = "relation"
"""The kind of questions of which boxes tell what is left of a thing, or on it."""
CHOICE = "choice"
"""The kind of questions that name their answers, or of which people's words tell."""
SAID = "open: log of how often people would say it"
_OFTEN = 30
"""One over the share of captions from which on a word counts for something."""
_A_THING = 0.9
"""How likely a thing is that a scene tells of, whatever its share: captions leave out most of what is around."""
TAKEN_FOR_GRANTED = 2.2
"""Log odds that somebody is there of whom a question speaks; supposed, not measured: nine in ten who ask see her."""
BY_ITS_PLACE = 1.5
"""What counts for the share of words read where a page's row, column or key tells the answer, and no core chose it."""
_LEAST = 0.002  # probabilities are kept this far from 0 and 1 before their logit is taken


def features(
    question: Question,
    findings: Sequence[Finding],
    evidence: Sequence[Evidence],
    text: str,
    core_confidence: float | None,
) -> Mapping[str, float]:
    """Return what an answer's confidence depends on; all of it is between -7 and 7.

    Args:
        question: What was asked.
        findings: What the experts saw.
        evidence: What of it speaks for or against the answer (`evidence.weigh`).
        text: The answer as the core gave it.
        core_confidence: Its own probability; then CORE is among the features.
    """
    on_page = found_on_page(question.text, findings)
    spoken_of, text = answered(question.text, text, findings)
    asked, text = whether(spoken_of, text)
    question = replace(question, text=asked)
    objects = [finding for finding in findings if finding.kind == "objects" and finding.error is None]
    looked = [as_meant(question.text, finding, findings) for finding in objects]
    intent = intent_of(question.text, looked)
    scene = _of_the_scene(question.text, findings, evidence)
    kind: str = SCENE if scene else kind_of(question.text, intent)
    share = None if scene else share_of(question, findings, text)
    action = None if scene else told_of_action(question.text, findings)
    if share is not None or (kind == "open" and named_alternatives(question.text)):
        kind = CHOICE
    elif action:
        kind = ACTION
    elif kind == "open" and intent.related and any(asked_relation(sure_ones(finding), intent) for finding in looked):
        kind = RELATION
    kinds = (*KINDS, SCENE, ACTION, CHOICE, RELATION)
    told: dict[str, float] = {f"{KIND}{name}": float(kind == name) for name in kinds}
    told |= scene
    if core_confidence is not None:
        told[CORE] = _logit(core_confidence)
    # Of words that are looked for the reader speaks as a detector does of things, and a classifier of what it names.
    sought = sought_words(question.text) is not None
    those_who_see = ("text",) if sought else ("objects", "classes")
    speaks = [e for e in evidence if _kind_of_expert(e.expert, findings) in those_who_see]
    if (plain := _AS_PLAIN.get(kind, kind)) in _OF_THINGS:
        told |= _of_stances(f"{plain}: detector", speaks)
    if share is not None:
        told["choice: log odds of what people would say"] = _logit(share) - TAKEN_FOR_GRANTED * (asked != spoken_of)
    captions = [e for e in evidence if _kind_of_expert(e.expert, findings) == "caption"]
    others = [e for e in captions if all(region.label != text for region in e.regions)]  # it does not support itself
    if not action:  # nor what somebody does, which is taken from it
        told |= _of_stances("caption", others)
    classified = [finding for finding in findings if finding.kind == "classes" and finding.error is None]
    names = any(named(question.text, finding) for finding in looked)
    names |= any(identified(question.text, finding, findings) for finding in classified)
    color = names and any(asked_color(question.text, finding.vocabulary) for finding in looked)
    if kind == "description":
        told |= _of_what_is_shown(findings, text)
        unsupported = bool(findings) and all(e.stance != "supports" for e in evidence)
        told["description: nothing supports it"] = float(unsupported)
    if kind == "open" and names:
        told["open: detector names it"] = float(any(e.stance == "supports" for e in speaks))
        surest = max((r.score for e in speaks if e.stance == "supports" for r in e.regions), default=0.0)
        told["open: score of what it names"] = 0.0 if color else surest
    scores = [r.score for f in looked for r in f.regions if r.label in intent.asked]
    if kind == "open":
        said = [word for f in findings if f.kind == "words" and (word := said_most(f, text))]
        told[SAID] = math.log1p(_OFTEN * max((word.score for word in said), default=0.0))
    if kind == "presence" and intent.asked and looked:
        best = max(scores, default=0.0)
        yes = says_yes(text)
        told["presence: score, said yes"] = best if yes else 0.0
        told["presence: score, said no"] = best if yes is False and not color else 0.0  # a blue car is no red one
        told["presence: said no"] = float(yes is False)
    if kind == "count" and intent.asked and looked:
        sure = [score for score in scores if score >= COUNT_SCORE]
        told["count: log of number too faint"] = math.log1p(len(scores) - len(sure))
        told["count: least score counted"] = min(sure, default=0.0)
    if intent.claim is not None and looked:
        counted = [r.label for f in looked for r in f.regions if r.score >= COUNT_SCORE]
        one, other = (counted.count(label) for label in intent.claim[1:])
        told["compare: log of the difference"] = math.log1p(abs(one - other))
    if (drawn := no_scene(findings)) >= NO_SCENE:
        no = kind == "presence" and says_yes(text) is False
        found = any(e.stance == "supports" and e.regions for e in speaks)
        told["no scene: said no"] = drawn * no
        told["no scene: told of what is seen"] = drawn * (kind == "description" or (found and not no))
    if on_page and on_page[1].text == text:
        told |= _of_lines(BY_ITS_PLACE, [cell.score for cell in on_page[1].cells])
    elif kind == "reading":
        told |= _of_reading(question.text, findings, text)
    supported = any(e.stance == "supports" for e in evidence)
    told[PREMISE] = float(bool(unfounded(question.text, findings, supported=supported)))
    told["no evidence at all"] = float(not any(f.regions or f.vocabulary for f in findings if f.error is None))
    return told


def _of_the_scene(question: str, findings: Sequence[Finding], evidence: Sequence[Evidence]) -> Mapping[str, float]:
    """Return what the whole scene tells of, and whether it is against the answer."""
    scenes = [finding for finding in findings if finding.kind == "scene"]
    told = [one for finding in scenes if (one := told_of_scene(question, finding, findings))]
    if not told:
        return {}
    against = any(e.stance == "contradicts" and _kind_of_expert(e.expert, findings) == "scene" for e in evidence)
    sure = _logit(_A_THING if told[0].asked in THINGS else told[0].share)
    return {
        "scene: what an animal does": float(told[0].asked == "doing"),
        "scene: contradicts": float(against),
        "scene: log odds of the answer": (-1 if against else 1) * sure,
    }


def _of_what_is_shown(findings: Sequence[Finding], text: str) -> Mapping[str, float]:
    """Return how sure a captioner is of what is said, and detectors and classifiers of what is named in it."""
    told: dict[str, float] = {}
    for finding in (finding for finding in findings if finding.error is None):
        for region in finding.regions if finding.kind == "caption" else ():
            if region.label == text:
                told |= {"description: a caption": 1.0, "description: captioner's own": _logit(region.score)}
        named = mentioned(text, finding.vocabulary) if finding.kind in ("objects", "classes") else ()
        scores = [max((r.score for r in finding.regions if r.label == label), default=0.0) for label in named]
        if scores:
            told["description: mean score of things named"] = sum(scores) / len(scores)
    return told


def _of_stances(who: str, evidence: Sequence[Evidence]) -> Mapping[str, float]:
    return {name: 1.0 for e in evidence if (name := f"{who} {e.stance}") not in _TELLING_LITTLE}


def _of_reading(question: str, findings: Sequence[Finding], text: str) -> Mapping[str, float]:
    read = [finding for finding in findings if finding.kind == "text" and finding.error is None and finding.regions]
    if not read:
        return {}  # that nothing was read is a contradiction of whatever is said to be
    said = [(finding, "" if not_read(question, finding, text) else text) for finding in read]
    lines, share = max((lines_for(question, finding, words) for finding, words in said), key=lambda found: found[1])
    return _of_lines(share, [line.score for line in lines])


def _of_lines(share: float, scores: Sequence[float]) -> Mapping[str, float]:
    return {
        "reading: share of the words read": share,
        "reading: mean score of their lines": sum(scores) / len(scores) if scores else 0.0,
    }


def _kind_of_expert(expert: str, findings: Sequence[Finding]) -> str:
    return next((finding.kind for finding in findings if finding.expert == expert), "")


def _logit(p: float) -> float:
    p = min(max(p, _LEAST), 1 - _LEAST)
    return math.log(p / (1 - p))
