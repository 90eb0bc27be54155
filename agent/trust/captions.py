"""What a caption says about an answer: it may name the thing that was asked for, or say the answer's words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vqa.agent.folding.actions import told_of_action
from vqa.agent.folding.captions import made_up
from vqa.agent.questions.asking import asks_what_is_done
from vqa.agent.questions.intent import read_intent
from vqa.agent.questions.kinds import Kind
from vqa.agent.trust.answer_words import number, says_yes, telling_words, words
from vqa.values import Evidence, Finding, Stance
from vqa.words import singular

HALF = 0.5
"""Share of an answer's words that a caption must say to support it."""


def caption_evidence(
    question: str, finding: Finding, findings: Sequence[Finding], text: str, *, kind: Kind
) -> Iterator[Evidence]:
    """Yield what captions say about an answer. What a caption leaves out is no evidence: it tells what stands out.

    Nor does one support an answer that names somebody whom nobody sees.
    """
    for region in finding.regions:
        caption = region.label
        if kind == "presence":
            yes = says_yes(text)
            if yes is not None and _names_what_is_asked(question, caption):
                yield Evidence(finding.expert, "supports" if yes else "contradicts", f"says “{caption}”", (region,))
        elif kind == "count":
            counted = _counted(question, caption)
            if counted is not None and number(text) is not None:
                stance: Stance = "supports" if counted == number(text) else "contradicts"
                yield Evidence(finding.expert, stance, f"says “{caption}”", (region,))
        elif kind in ("open", "description", "place") and says_yes(text) is None and not made_up(caption, findings):
            if asks_what_is_done(question) and told_of_action(question, findings) is None:
                continue  # the core makes an action of the sentence
            said, sought = set(map(singular, words(caption))), set(map(singular, telling_words(text)))
            if sought and len(said & sought) / len(sought) >= HALF:
                yield Evidence(finding.expert, "supports", f"says “{caption}”", (region,))


def _names_what_is_asked(question: str, caption: str) -> bool:
    thing = read_intent(question, ()).thing
    return bool(thing) and set(map(singular, words(thing))) <= set(map(singular, words(caption)))


def _counted(question: str, caption: str) -> float | None:
    """Return how many of the asked thing a caption counts ("two dogs"), if it does."""
    things = set(map(singular, words(read_intent(question, ()).thing)))
    said = words(caption)
    for place, word in enumerate(said):
        if singular(word) in things:
            counts = [n for before in said[max(0, place - 2) : place] if (n := number(before)) is not None]
            if counts:
                return counts[-1]
    return None
