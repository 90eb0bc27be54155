"""What somebody does, as a captioner says it: "playing a guitar" of "A man in a hat is playing a guitar on a stage"."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from vqa.agent.folding.captions import why_doubted
from vqa.agent.folding.naming import named
from vqa.agent.folding.scene import told_of_scene
from vqa.agent.questions import asking
from vqa.agent.questions.taxonomy import ALIVE, SORTS, USES
from vqa.agent.questions.vocabulary import mentioned
from vqa.values import PRESENCE_SCORE, Finding, Region

_IS_DOING = re.compile(r"(?P<who>.*?)\b(?:is|are) (?P<does>(?!wearing\b|being\b)[a-z]+ing\b.*)")
_DOING = re.compile(r"(?P<who>.*?) (?P<does>(?!wearing\b|being\b|during\b|something\b|building\b)[a-z]+ing\b.*)")
_ANIMAL = "|".join((*SORTS["animal"], "puppy", "kitten"))
_DOES = re.compile(
    rf"(?P<who>.*?\b(?:{asking.SOMEBODY}|{_ANIMAL})) (?P<verb>[a-z]+?)(?P<s>e?s)"
    r"(?P<rest>(?: (?:on|in|at|by|through|down|across|over)\b.*)?)"
)
_WHERE = re.compile(
    r" (?=(?:in front of|next to|on top of|in|on|at|near|with|by|through|down|up|over|under|into|behind) )"
)
_UNTIL = re.compile(r"(?:,| while | and (?:an?|the|one|two|another) ).*")
SURELY_SO = 0.7
"""Score from which a box tells what is done whatever the sentence says: under it, and of pictures unlike those that the
detector learnt of, saxophones are skateboards."""
_BY_ONE_WORD = {label: name for label, name in USES["doing"].items() if name.endswith("ing") and " " not in name}


@dataclass(frozen=True)
class Action:
    """What is done.

    Attributes:
        text: "playing a guitar".
        caption: The captioner's sentence.
    """

    text: str
    caption: Region

    def __str__(self) -> str:
        return f"doing: {self.text}"


def told_of_action(question: str, findings: Sequence[Finding]) -> Action | None:
    """Return what a captioner says somebody does, where that is asked and nobody who sees it better tells.

    What boxes tell of it (a skateboard: skateboarding) stands where a captioner's sentence has the thing as well, or
    they are sure of it.
    """
    whose = _whose(question, findings)
    if not whose or _told_by_the_scene(question, findings):
        return None
    boxes = [r for f in findings if f.kind == "objects" and (told := named(question, f)) for r in told.regions]
    if any(region.score >= SURELY_SO for region in boxes):
        return None
    captions = [f for f in findings if f.kind == "caption" and f.error is None]
    for sentence in (region for finding in captions for region in finding.regions):
        known = _known(findings)
        if {region.label for region in boxes} & set(mentioned(sentence.label, known)):
            return None
        action = _action(sentence.label, whose, known)
        if action and not why_doubted(question, sentence, findings):
            return Action(action, sentence)
    return None


def wants_a_captioner(question: str, findings: Sequence[Finding]) -> bool:
    """Return whether a captioner might say what is done: somebody of whom it is asked is there."""
    return bool(_whose(question, findings)) and not _told_by_the_scene(question, findings)


def _whose(question: str, findings: Sequence[Finding]) -> set[str]:
    """Return the labels of those of whom it is asked what they do, as far as they are there."""
    match = asking.WHAT_IS_DONE.fullmatch(asking.lowered(question))
    if match is None:
        return set()
    there = {r.label for f in findings if f.kind == "objects" for r in f.regions if r.score >= PRESENCE_SCORE}
    asked = mentioned(match["who"], _known(findings)) or (ALIVE if match["somebody"] else ())
    return there & ALIVE & set(asked)


def _told_by_the_scene(question: str, findings: Sequence[Finding]) -> bool:
    return any(told_of_scene(question, finding, findings) for finding in findings if finding.kind == "scene")


def _known(findings: Sequence[Finding]) -> set[str]:
    return {label for f in findings if f.kind == "objects" and f.error is None for label in f.vocabulary}


def _action(sentence: str, whose: Collection[str], known: Collection[str]) -> str:
    """Return what one of those does in a sentence, with what they do it to, or else where; "" if it does not say."""
    said = " ".join(sentence.lower().split()).rstrip(".!")
    match = _IS_DOING.fullmatch(said) or _DOING.fullmatch(said) or _DOES.fullmatch(said)
    if match is None or not set(mentioned(match["who"], known)) & set(whose):
        return ""
    told = match.groupdict()
    does = told.get("does") or f"{_participle(told['verb'], told['s'])}{told['rest']}"
    action, *rest = _WHERE.split(_UNTIL.sub("", does))
    if by_one_word := [_BY_ONE_WORD[label] for label in mentioned(does, known) if label in _BY_ONE_WORD]:
        return by_one_word[0]
    whole = not rest or (" " in action and not action.startswith("doing "))
    return action if whole else f"{action} {rest[0]}"


def _participle(verb: str, ending: str) -> str:
    """Return "sitting" for "sit" and "s", "catching" for "catch" and "es", "riding" for "rid" and "es"."""
    if re.search(r"(?:^|[^aeiou])[aeiou][bdgmnpt]$", verb) and ending == "s":
        return f"{verb}{verb[-1]}ing"
    return f"{verb}ing"
