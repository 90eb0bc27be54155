"""What a page tells where a question asks for a cell of it, or for what one of its sentences says.

Such a question may have none of a reader's cues ("What are the terms?"); that the picture is a page tells that it asks
for what is written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from vqa.agent.documents.cells import Cell
from vqa.agent.documents.fields import narrowed
from vqa.agent.documents.found import Found
from vqa.agent.documents.goods import is_a_receipt, sold
from vqa.agent.documents.itself import told_of_itself
from vqa.agent.documents.keyed import keyed
from vqa.agent.documents.placed_lines import placed
from vqa.agent.documents.sentences import told_by_a_sentence
from vqa.agent.documents.tables import found_in
from vqa.agent.documents.titles import author, title
from vqa.agent.folding.scene import no_scene
from vqa.agent.questions.asking import asks_what_is_done
from vqa.agent.questions.kinds import asks_for_reasons, asks_yes_or_no, intent_of
from vqa.values import Finding, Region

WHAT_IT_SAYS_THERE = "What does it say there?"
"""The question that is answered where a page tells what is asked for."""
PAGE = 0.5
"""Share of "no scene" from which a picture may be a page."""
A_PAGE = 8
"""Lines of text from which a page is asked for what is written alone."""
_SIGHT = re.compile(r"\bcolou?rs?\b|\bmade of\b|\bshape\b", re.I)
_WHOM = re.compile(r"\bwho(?:m|se)?\b", re.I)  # "Who is it for?" asks for no purpose
_HOW_MANY = re.compile(r"\bhow many\b", re.I)
_ASKS = re.compile(
    r"\b(?:what|which|who|whom|whose|when|where|how (?:many|much|long|often|old|far|big|large|high))\b"
    r"|^\W*(?:and |then )?the [\w' -]+\?\W*$",  # "And the due date?"
    re.I,
)


def asks_of_a_page(question: str, findings: Sequence[Finding]) -> bool:
    """Return whether a question may ask for what is written, if the picture is a page: for no sight, and no reasons."""
    if not _ASKS.search(question) or asks_yes_or_no(question) or _SIGHT.search(question):
        return False
    if asks_for_reasons(question) and not _WHOM.search(question):
        return False
    intent = intent_of(question, findings)
    seen = intent.asked and intent.aim != "other" and (intent.aim != "count" or _HOW_MANY.search(question))
    return not asks_what_is_done(question) and not seen


def is_a_page(findings: Sequence[Finding]) -> bool:
    """Return whether a picture is no scene, as pages are, and drawings."""
    return no_scene(findings) >= PAGE


def found_on_page(question: str, findings: Sequence[Finding]) -> tuple[Finding, Found] | None:
    """Return who read the page and what it has where a question asks for it; None if nothing there is that.

    Args:
        question: In its own words.
        findings: Of everybody; one of the scene says whether the picture is a page at all.
    """
    whole = [finding for finding in findings if finding.error is None]
    seen = any(finding.kind == "scene" for finding in whole)
    if (seen and not is_a_page(whole)) or not asks_of_a_page(question, whole):
        return None
    for finding in (finding for finding in whole if finding.kind == "text" and len(finding.regions) > 1):
        if found := _found(question, finding.regions):
            return finding, found
    return None


@lru_cache(maxsize=32)  # folding and trust ask the same
def _found(question: str, read: tuple[Region, ...]) -> Found | None:
    """Return what a page has; None if its title or the like is asked for, or what receipts tell in their own way."""
    if found := told_of_itself(question, read):
        return found
    if any(find(question, read).what for find in (title, author, placed)):
        return None
    lines = [region.label for region in read]
    found = found_in(question, read)
    if is_a_receipt(lines) and not (found and found.names_its_column):
        if keyed(question, lines).what or sold(question, lines).lines:
            return None
        if found and narrowed(question, lines).lines and not found.is_named_whole:
            return None
    return found or _said(question, read)


def _said(question: str, read: Sequence[Region]) -> Found | None:
    """Return what one of the page's sentences tells, if no other form or key of a value is asked for."""
    told = told_by_a_sentence(question, read)
    lines = [region.label for region in read]
    if told is None or any(find(question, lines).what for find in (sold, keyed, narrowed)):
        return None
    cells = tuple(Cell(read[i].label, read[i].xyxy, read[i].score, i) for i in told.lines)
    return Found(told.what, told.text, cells)
