"""What is answered where it is asked what a picture shows: a sentence, else things, else what is written.

A page, a receipt or a logo is no scene. A captioner makes something up there and a detector takes paper for a laptop,
so a reader is called in, unless somebody is sure of what it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from vqa.agent.folding.captions import SURE_CAPTION, why_doubted
from vqa.agent.folding.classes import identified
from vqa.agent.folding.naming import named
from vqa.agent.folding.pages import WHAT_IT_SAYS_THERE, asks_of_a_page, found_on_page, is_a_page
from vqa.agent.folding.predicates import as_far_as_seen
from vqa.agent.folding.scene import told_of_scene
from vqa.agent.questions.asking import asks_for_description, asks_for_everything, asks_what_this_is
from vqa.boxes import area
from vqa.values import CLASS_SCORE, Finding, Region

WHAT_THERE_IS = "What is in the picture?"
WHAT_IT_SAYS = "What is written in the picture?"
PAPER = frozenset(("menu", "website", "dust jacket", "crossword"))
"""Classes that pages of all kinds are taken for."""
MOSTLY_PAPER = 0.3
"""A classifier's trust in these from which it is one of them, whatever boxes say: paper on a table is a laptop."""
SURELY_THERE = 0.6
"""Score from which a box means what it says where there is no scene (docs/measurements.md)."""
SURELY_READ = 0.6
"""Score from which a line is told that nobody asked for."""
FEWEST_LETTERS = 5
MUCH = 0.1
"""Share of a picture that text covers of which it is told although a thing is surely there: on a cover, a face."""
_DETAILS = re.compile(r"\bdetail(?:s|ed)?\b|\bthorough(?:ly)?\b|\bat length\b|\beverything\b", re.I)
_WHAT_IT_IS_LIKE = ("Is it indoors or outdoors?", "What is the weather?")
_WHEN = "What time of day is it?"
_BY = {"day": "by day", "night": "at night", "evening": "in the evening"}
_BEHIND = re.compile(r"(?<=[.!?]) It (?:shows|is) .*", re.S)
_WATERMARK = re.compile(  # of who sells pictures, or an address alone
    r"(?:shutter|big|i|adobe ?)stock|stock (?:photo|illustration)|gettyimages|alamy|dreamstime|depositphotos"
    r"|^\W*(?:https?:/+)?(?:www\.\S+|[\w-]+\.com)[\W\d]*$",
    re.I,
)


def as_answered(question: str, findings: Sequence[Finding]) -> str:
    """Return the question that is answered: where it asks what the picture shows, what can be told of that.

    Where it asks for somebody who does something, whether there is somebody, or whether it is done.
    """
    if found_on_page(question, findings):
        return WHAT_IT_SAYS_THERE
    if not asks_what_is_shown(question):
        return as_far_as_seen(question, findings)
    if _is_a_page(question, findings) and _tells(findings):
        return WHAT_IT_SAYS
    if not _of_kind("caption", findings) or _believed(question, findings) or _named(question, findings):
        return question
    return WHAT_THERE_IS


def telling_lines(finding: Finding) -> list[str]:
    """Return what was surely read, without the marks of who sells pictures."""
    return [r.label for r in finding.regions if r.score >= SURELY_READ and not _WATERMARK.search(r.label)]


def in_detail(question: str, sentence: str, findings: Sequence[Finding]) -> str:
    """Return a captioner's sentence, with what else is surely seen behind it where a question asks for details.

    Args:
        question: In its own words.
        sentence: One that is believed.
        findings: Of everybody; unsure boxes are left out where there is no scene.
    """
    if not _DETAILS.search(question):
        return sentence
    seen = [surely_shown(question, finding, findings) for finding in findings if finding.kind == "objects"]
    things = next((told.answer for finding in seen if (told := named(WHAT_THERE_IS, finding))), "")
    scenes = [finding for finding in findings if finding.kind == "scene"]
    said = {asked: _told_of(asked, scenes, findings) for asked in (*_WHAT_IT_IS_LIKE, _WHEN)}
    like = " and ".join(said[asked] for asked in _WHAT_IT_IS_LIKE if said[asked])
    when = _BY.get(said[_WHEN], "")
    parts = (sentence, things and f"It shows {things}.", like and f"It is {like}{when and f', {when}'}.")
    return " ".join(part for part in parts if part)


def answered(question: str, text: str, findings: Sequence[Finding]) -> tuple[str, str]:
    """Return the question that is answered, and what of the answer is held against the findings: a sentence alone.

    What stands behind it are findings themselves.
    """
    told = _BEHIND.sub("", text) if _DETAILS.search(question) and asks_for_description(question) else text
    return as_answered(question, findings), told


def _told_of(asked: str, scenes: Sequence[Finding], findings: Sequence[Finding]) -> str:
    return next((told.answer for f in scenes if (told := told_of_scene(asked, f, findings))), "")


def wants_a_reader(question: str, findings: Sequence[Finding]) -> bool:
    """Return whether only what is written could tell what a picture shows, or what else is asked of a page."""
    if asks_what_is_shown(question) and _is_a_page(question, findings):
        return True
    has_read = any(finding.kind == "text" for finding in findings)
    return not has_read and is_a_page(findings) and asks_of_a_page(question, findings)


def asks_what_is_shown(question: str) -> bool:
    """Return whether a question asks for what the picture shows, as a sentence, a word or a list."""
    return asks_for_description(question) or asks_for_everything(question)


def _is_a_page(question: str, findings: Sequence[Finding]) -> bool:
    """Return whether a picture is no scene, and nobody is sure of what it is, or who is takes it for paper."""
    if not is_a_page(findings) or _believed(question, findings, least=SURE_CAPTION):
        return False
    classes = _of_kind("classes", findings)
    if sum(region.score for region in classes if region.label.lower() in PAPER) >= MOSTLY_PAPER:
        return True
    return not _surely_there(findings) and not any(region.score >= CLASS_SCORE for region in classes)


def _believed(question: str, findings: Sequence[Finding], *, least: float = 0.0) -> bool:
    said = [sentence for sentence in _of_kind("caption", findings) if sentence.score >= least]
    return any(not why_doubted(question, sentence, findings) for sentence in said)


def surely_shown(question: str, finding: Finding, findings: Sequence[Finding]) -> Finding:
    """Return a detector's finding without what it is not sure of, where a picture that is no scene shall be told."""
    if not asks_what_is_shown(question) or not is_a_page(findings):
        return finding
    return replace(finding, regions=tuple(region for region in finding.regions if region.score >= SURELY_THERE))


def _named(question: str, findings: Sequence[Finding]) -> bool:
    """Return whether boxes or a classifier name what it is asked to be named: "What is this?"."""
    seen = [finding for finding in findings if finding.error is None]
    boxes = (named(question, finding) for finding in seen if finding.kind == "objects")
    classes = (identified(question, finding, seen) for finding in seen if finding.kind == "classes")
    return asks_what_this_is(question) and any((*boxes, *classes))


def _tells(findings: Sequence[Finding]) -> bool:
    """Return whether what is written is more than a mark on something else."""
    for finding in findings:
        if finding.kind == "text" and finding.error is None:
            letters = sum(map(str.isalpha, "".join(telling_lines(finding))))
            covered = sum(map(area, (r.xyxy for r in finding.regions))) / max(finding.size[0] * finding.size[1], 1)
            if letters >= FEWEST_LETTERS and (covered >= MUCH or not _surely_there(findings)):
                return True
    return False


def _surely_there(findings: Sequence[Finding]) -> bool:
    return any(region.score >= SURELY_THERE for region in _of_kind("objects", findings))


def _of_kind(kind: str, findings: Sequence[Finding]) -> list[Region]:
    return [region for f in findings if f.kind == kind and f.error is None for region in f.regions]
