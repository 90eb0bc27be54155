"""What kind of question it is, as far as trust goes: what an expert's silence means differs from kind to kind."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, get_args

from vqa.agent.documents.keyed import HOW_MANY
from vqa.agent.questions.asking import asks_for_description
from vqa.agent.questions.intent import Intent, read_intent
from vqa.agent.questions.rephrasing import plainly
from vqa.agent.questions.text_search import sought_words
from vqa.values import Finding

Kind = Literal["presence", "count", "compare", "place", "reading", "yes or no", "description", "open"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# Narrower than what makes a reader look: "What color is the book?" may send one to the book, but asks for no words.
_READING = re.compile(
    r"\b(?:reads?|says?|said|text|written|writing|words?|letters?|spell(?:s|ed)?|printed|prices?|costs?|how much|"
    r"total|subtotal|tax|gst|change (?:was|is|given|due)|(?:the|much) (?:change|cash)|rounding|discount|cashier|"
    r"currency|"
    r"post ?codes?|zip code|(?:invoice|receipt|bill|order) (?:number|no)|items (?:were|are) (?:bought|sold)|quantity|"
    r"(?:purchased|bought|issued|ordered)|(?:did|does|do|has|have) \w+(?: \w+)? (?:buy|order|purchase|sell)|"
    r"(?:most|least) expensive|cheapest|dearest|on (?:the|this) (?:receipt|bill|invoice|menu)|"
    r"(?:first|second|third|fourth|fifth|last) line|date|year|address|phone number|"
    r"telephone|website|e-?mail|url|(?:number|licen[cs]e) plate|"
    r"numbers? on|what number|which number|number \d+|company|(?:store|shop|street|brand|company|product) name|name on|"
    r"name of the (?:store|shop|street|brand|company|product|restaurant|book|card|magazine|movie|film|game|album|show)|"
    r"brand|logo|(?:what|which) period|title|heading|authors?|wrote|"
    r"what time (?!of)|sign say|"
    r"(?:store|shop|street|company|restaurant|hotel|bar|station|ship|boat|book|magazine|team|place) called)\b|"
    r"읽|글자|글씨|문구|텍스트|문자|단어|쓰여|쓰인|써 ?있|적혀|적힌|뭐라고|가격|얼마|금액|합계|날짜|주소|번호"
)
_PLAIN_SIGHT = re.compile(r"\bcolou?rs?\b|\bwhat (?:kind|type|sort|shape|material) of\b|\bmade of\b|무슨 색")
_YES_OR_NO = re.compile(
    r"(?:is|are|was|were|do|does|did|can|could|has|have|will|would|should|might|isn't|aren't|doesn't)\b"
)
_REASONS = re.compile(
    r"\bwhy\b|\b(?:thinking|feeling|dreaming|hoping|wanting)\b|^what (?:would|will|should|could|might)\b|"
    r"\bused for\b|\bpurpose\b|\b(?:is|are) .* for\W*$|^how (?:is|are|was|were|do|does|did|can|could|would)\b"
)
_MORE_THAN_THAT = re.compile(r"\bbut (?:no|not)\b|\bwithout\b")
_EITHER = re.compile(r"\bor\b(?! not\b)")  # "Is this a dog or a cat?" is answered with one of them


def kind_of(question: str, intent: Intent) -> Kind:
    """Return a question's kind; `intent` is what it asks a detector for."""
    lowered = plainly(question).lower().strip()
    if sought_words(question) is not None:
        return "yes or no"
    if intent.claim is not None:
        return "compare"
    if (
        intent.bound
        or intent.together
        or _MORE_THAN_THAT.search(lowered)
        or (intent.related and intent.related.of == "any")
    ):
        # That something is there says little about how many there are, or about what it is on.
        return "yes or no"
    if re.search(HOW_MANY, lowered):
        return "reading"
    if intent.aim == "count" or (intent.aim == "presence" and not asks_for_words(question)):
        return intent.aim
    if asks_for_words(question):
        return "reading"
    if asks_yes_or_no(question):
        return "yes or no"
    if intent.aim == "place" and intent.asked and asks_where(question):
        return "place"
    return "description" if asks_for_description(question) else "open"


def asks_yes_or_no(question: str) -> bool:
    """Return whether a question is one for yes or no, and not for one of two things."""
    lowered = plainly(question).lower().strip()
    return _YES_OR_NO.match(lowered) is not None and _EITHER.search(lowered) is None


def asks_for_words(question: str) -> bool:
    """Return whether a question asks for what is written in the picture."""
    lowered = plainly(question).lower()
    return _READING.search(lowered) is not None and _PLAIN_SIGHT.search(lowered) is None


def asks_for_reasons(question: str) -> bool:
    """Return whether a question asks why, how, or what for, of which what is seen says nothing."""
    return _REASONS.search(plainly(question).lower().strip()) is not None


def asks_where(question: str) -> bool:
    """Return whether a question asks for a place, and does not just name one."""
    return re.search(r"\bwhere\b|\bwhich side\b|\bwhat side\b|어디", question.lower()) is not None


def intent_of(question: str, findings: Sequence[Finding]) -> Intent:
    """Return what a question is after, in the labels of all detectors that looked."""
    labels = {label for finding in findings if finding.kind == "objects" for label in finding.vocabulary}
    return read_intent(question, labels)
