"""Which findings speak for an answer, and which against it.

An expert speaks only about what it can judge: a detector about the things it knows, a reader about words where the
question asks for words, a classifier about what the whole picture is where that is asked, a captioner about what its
caption names; nobody about why something is so, or what it is for. Everything else is silence, which is no evidence.
Text read in the picture never supports an answer to another question than what it says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vqa.agent.folding.descriptions import answered, surely_shown
from vqa.agent.folding.meant import as_meant
from vqa.agent.folding.pages import found_on_page
from vqa.agent.folding.people import told_of_people
from vqa.agent.questions.kinds import asks_for_reasons, intent_of, kind_of
from vqa.agent.questions.text_search import sought_words
from vqa.agent.trust.answer_words import abstains, whether
from vqa.agent.trust.captions import caption_evidence
from vqa.agent.trust.classes import class_evidence
from vqa.agent.trust.objects import object_evidence
from vqa.agent.trust.readings import reading_evidence, sought_evidence
from vqa.agent.trust.scene import scene_evidence
from vqa.agent.trust.words import people_evidence, word_evidence
from vqa.values import Evidence, Finding, Question, Region


def weigh(question: Question, findings: Sequence[Finding], text: str) -> tuple[Evidence, ...]:
    """Return what the findings have to say about an answer's `text`, what supports it first."""
    if not text.strip() or abstains(text):
        return ()
    if (on_page := found_on_page(question.text, findings)) and on_page[1].text == text:
        reader, found_there = on_page
        cells = tuple(Region(cell.xyxy, cell.text, cell.score) for cell in found_there.cells)
        return (Evidence(reader.expert, "supports", f"reads “{text}”: {found_there.where}", cells),)
    found = list(_weighed(*whether(*answered(question.text, text, findings)), findings))
    return tuple(sorted(found, key=lambda evidence: evidence.stance != "supports"))


def _weighed(question: str, text: str, findings: Sequence[Finding]) -> Iterator[Evidence]:
    meant = [as_meant(question, f, findings) if f.kind == "objects" else f for f in findings if f.error is None]
    kind, sought = kind_of(question, intent_of(question, meant)), sought_words(question)
    apart = any(told_of_people(question, finding, findings) for finding in meant if finding.kind == "people")
    silent: tuple[str, ...] = ("objects",) if apart else ()  # to boxes, men and women are one
    if kind == "open" and asks_for_reasons(question):
        silent = ("objects", "caption", "words")
    for finding in (finding for finding in meant if finding.kind not in silent):
        if sought is not None:
            yield from sought_evidence(finding, sought, text) if finding.kind == "text" else ()
        elif finding.kind == "objects":
            told = surely_shown(question, finding, findings) if kind == "open" else finding
            yield from object_evidence(question, told, text, kind=kind)
        elif finding.kind == "text" and kind == "reading":
            yield from reading_evidence(question, finding, text)
        elif finding.kind == "classes":
            yield from class_evidence(question, finding, findings, text)
        elif finding.kind == "people":
            yield from people_evidence(question, finding, findings, text)
        elif finding.kind == "words":
            yield from word_evidence(question, finding, findings, text, kind=kind)
        elif finding.kind == "scene":
            yield from scene_evidence(question, finding, findings, text)
        elif finding.kind == "caption":
            yield from caption_evidence(question, finding, findings, text, kind=kind)
