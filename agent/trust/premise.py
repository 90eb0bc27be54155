"""What a question takes for granted: "What color is the dog?" says that there is one.

A small core answers such a question whatever the picture shows. Where a detector that knows the thing finds none, it is
said instead that there is none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from vqa.agent.folding.classes import OF_THE_KIND
from vqa.agent.folding.meant import as_meant
from vqa.agent.questions.alternatives import YES_OR_NO, named_alternatives
from vqa.agent.questions.intent import THING_ENDS, Intent, read_intent
from vqa.agent.questions.korean import in_plain_english
from vqa.agent.questions.rephrasing import plainly
from vqa.agent.questions.taxonomy import ALIVE, PEOPLE, WILD
from vqa.agent.questions.vocabulary import label_of, meant
from vqa.values import PRESENCE_SCORE, Finding
from vqa.words import counted

_THE = re.compile(
    r"\b(?:the|this|that|these|those|his|her|their|its|both|(?:kind|type|sort|breed|species) of)\s+"
    r"(?!(?:an?|any|some|one)\b)"
    rf"(?P<thing>[a-z][a-z -]*?)"
    rf"(?:(?='|\s+[a-z]+ing\b)|{THING_ENDS})"
)
_SOMEBODY = re.compile(r"\b(?:he|she|him|hers?|his)\b|^\s*who (?:is|are|was|were|has|have)\b")


def unfounded(question: str, findings: Sequence[Finding], *, supported: bool = False) -> tuple[str, ...]:
    """Return what a question takes for granted and no detector that knows it finds: "no dogs", "no people", "nobody".

    What it asks whether it is there, or how many there are, it does not take for granted.

    Args:
        question: In its own words.
        findings: Of everybody.
        supported: Whether they support the answer: then it is enough that one of the things is there, if they were not
            asked of one against the other; and whether something is there, next to what is not, is settled.
    """
    detectors = [finding for finding in findings if finding.kind == "objects" and finding.error is None]
    seen = [as_meant(question, finding, findings) for finding in detectors]
    known = {label for finding in seen for label in finding.vocabulary}
    there = {r.label for finding in seen for r in finding.regions if r.score >= PRESENCE_SCORE} | _classified(findings)
    intent = read_intent(asked := (in_plain_english(question) or plainly(question)).lower(), known)
    taken = _taken_for_granted(asked, intent, known)
    missing = tuple(told for told, labels in taken.items() if not there & set(labels))
    enough = intent.aim == "presence" or (len(missing) < len(taken) and intent.related is None)
    return () if supported and enough else missing


def _classified(findings: Sequence[Finding]) -> set[str]:
    """Return what a classifier sees enough of: of three kinds of finch, a bird."""
    shares: Counter[str] = Counter()
    for finding in (finding for finding in findings if finding.kind == "classes" and finding.error is None):
        for region in finding.regions:
            shares.update(dict.fromkeys({region.label.lower(), *region.kinds}, region.score))
    return {name for name, share in shares.items() if share >= OF_THE_KIND}


def _taken_for_granted(asked: str, intent: Intent, known: Collection[str]) -> Mapping[str, Collection[str]]:
    """Return the labels of each thing, by how it is said that there is none."""
    in_doubt = intent.asked if intent.aim in ("presence", "count", "compare") else ()
    found: dict[str, Sequence[str]] = {}
    for match in _THE.finditer(asked):
        thing, labels = _named_first(match["thing"].split(), known)
        if labels := [label for label in labels if label not in in_doubt]:
            found[counted(labels[0], 0) if len(labels) == 1 else f"no {thing}"] = labels
    one_of = [label_of(answer, known) for answer in named_alternatives(asked) if answer not in YES_OR_NO]
    if one_of and None not in one_of:
        found[" and ".join(dict.fromkeys(counted(label, 0) for label in one_of if label))] = [*filter(None, one_of)]
    if not found and ALIVE - WILD.keys() <= set(known) and _SOMEBODY.search(asked):
        found["nobody"] = [*ALIVE, *PEOPLE]
    return found


def _named_first(words: Sequence[str], known: Collection[str]) -> tuple[str, Sequence[str]]:
    """Return the last word of the first thing named, and its labels: none of "dog house", a dog's of "dog red"."""
    for end in range(1, len(words) + 1):
        labels, longer = (meant(" ".join(words[:to]), known) for to in (end, end + 1))
        if labels and not longer:
            break
        if both := [label for label in labels if label in longer]:
            return words[end - 1], both
    return "", ()
