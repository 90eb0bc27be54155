"""Judges an answer: its evidence, its confidence, its conflicts, and whether it had better be withheld, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from vqa.agent.folding.classes import known_to_detectors
from vqa.agent.folding.colors import asked_color
from vqa.agent.folding.lines import NONE_FOUND, SURE_READING
from vqa.agent.folding.meant import as_meant
from vqa.agent.folding.pages import A_PAGE, asks_of_a_page, found_on_page, is_a_page
from vqa.agent.folding.scene import SAYS, no_scene, told_of_scene
from vqa.agent.questions import asking
from vqa.agent.questions.alternatives import named_alternatives
from vqa.agent.questions.kinds import asks_for_words, asks_yes_or_no, intent_of, kind_of
from vqa.agent.questions.languages import is_foreign
from vqa.agent.questions.taxonomy import WILD
from vqa.agent.questions.vocabulary import mentioned
from vqa.agent.trust.answer_types import sort_asked
from vqa.agent.trust.answer_words import abstains, is_empty, telling_words, whether
from vqa.agent.trust.classes import share
from vqa.agent.trust.confidence import shipped
from vqa.agent.trust.evidence import weigh
from vqa.agent.trust.features import features
from vqa.agent.trust.premise import unfounded
from vqa.agent.trust.readings import HALF, lines_with
from vqa.values import Answer, Evidence, Finding, Prompt
from vqa.words import counted

CANNOT_TELL = "I cannot tell"
_A_GUESS = 0.6
"""Confidence under which an answer with no evidence is said to be a guess."""
_MOST_SHOWN = 60  # characters of an answer that a note repeats


def judged(answer: Answer, *, min_confidence: float) -> Answer:
    """Return the answer with evidence, confidence and conflicts, and its text withheld if it is not sure enough.

    Args:
        answer: As the core gave it, with `core_confidence`.
        min_confidence: An answer with a lower confidence becomes "I cannot tell"; 0: none ever does.
    """
    question, findings, text = answer.question, answer.findings, answer.text
    if not text or abstains(text):
        why = _why_silent(question.text, findings) or "the core sees no answer in the evidence"
        return replace(answer, confidence=0.0, abstention=why)
    evidence = weigh(question, findings, text)
    known = answer.core_confidence is not None or any(f.error is None for f in findings)
    told = features(question, findings, evidence, text, answer.core_confidence)
    confidence = shipped().probability(told, core=answer.core) if known else None
    if confidence is not None:
        confidence = max(confidence, share(evidence, findings))
    notes = (*answer.notes, *conflicts(text, evidence, _without_left_out(findings, answer.prompt)))
    answer = replace(answer, confidence=confidence, evidence=evidence, notes=notes)
    sure = confidence is None or confidence >= min_confidence
    if sure and not (min_confidence and _is_a_guess(answer)):
        if evidence or confidence is None or confidence >= _A_GUESS:
            return answer
        return replace(
            answer, notes=(*notes, f"a guess: nothing supports “{_shown(text)}”; confidence {confidence:.2f}")
        )
    nothing = "nothing that is written says so" if _not_written(answer) else ""
    reason = nothing or _why_doubted(question.text, text, findings, evidence)
    if not sure:
        reason += f"; confidence {confidence:.2f} is below {min_confidence:.2f}"
    return replace(answer, text=CANNOT_TELL, withheld=text, abstention=reason)


def _is_a_guess(answer: Answer) -> bool:
    """Return whether it says something of a thing that is not there, or yes or no to one that no detector knows.

    Or whatever, to a question that nobody understood, or nothing but the question's words.

    Of a core of which it is known how often it is right: another one may see by itself.
    """
    if answer.core not in shipped().cores or found_on_page(answer.question.text, answer.findings):
        return False
    if _not_written(answer):
        return True
    supported = any(held.stance == "supports" for held in answer.evidence)
    question, _ = whether(answer.question.text, answer.text)
    read = supported and asks_for_words(question)  # "How much are the hot dogs?" is asked of a menu, too
    if is_foreign(question) or (not read and unfounded(question, answer.findings, supported=supported)):
        return True
    if not answer.question.choices and _says_nothing(question, answer.text, answer.findings):
        return True
    if _why_no_place(question, answer.text, answer.findings):
        return True
    intent = intent_of(question, answer.findings)
    unnamed = bool(intent.thing) or not question.isascii()  # of a Korean question nothing says what it looks for
    unknown = intent.aim == "presence" and unnamed and not intent.asked
    looked = any(finding.kind == "objects" and finding.error is None for finding in answer.findings)
    return unknown and looked and not answer.evidence


def _not_written(answer: Answer) -> bool:
    """Return whether a page is asked for what nothing on it is, or says."""
    question, pages = answer.question.text, [f for f in answer.findings if f.kind == "text" and f.error is None]
    read = [line for page in pages for line in page.regions]
    if asks_yes_or_no(question):
        return False
    if len(read) < A_PAGE or not is_a_page(answer.findings) or not asks_of_a_page(question, answer.findings):
        return NONE_FOUND in answer.prompt.used and len(read) > 0 and asks_for_words(question)
    told = any(line.startswith("Text") and line != NONE_FOUND for line in answer.prompt.used)
    return not told or all(lines_with(page, answer.text)[1] < HALF for page in pages)


def _says_nothing(question: str, text: str, findings: Sequence[Finding]) -> bool:
    """Return whether an open question is answered with its own words alone ("bird" to "What bird is it?"), or "one"."""
    if kind_of(question, intent_of(question, findings)) != "open" or named_alternatives(question):
        return False
    if any(finding.kind == "scene" and told_of_scene(question, finding, findings) for finding in findings):
        return False  # "What time of day is it?" is answered with "day"
    said = set(telling_words(text))
    return is_empty(text) or (
        said <= set(telling_words(question)) and not asked_color(question, known_to_detectors(findings))
    )


def _why_no_place(question: str, text: str, findings: Sequence[Finding]) -> str:
    """Return why what is said cannot be where the picture was taken, "" if that is not asked, or it can."""
    if not asking.WHERE_TAKEN.fullmatch(asking.lowered(question)):
        return ""
    if no_scene(findings) >= SAYS:
        return "the picture shows no scene"
    known = known_to_detectors(findings)
    things = {thing for thing in mentioned(text, known) if set(telling_words(text)) <= set(telling_words(thing))}
    return "the answer names a thing, and no place" if things else ""


def _without_left_out(findings: Sequence[Finding], prompt: Prompt) -> list[Finding]:
    """Return the findings without captions that were not told: what is wrong with them is no matter."""
    left_out = [line for line in prompt.dropped if line.startswith("Caption: ")]
    captions = {
        f.expert for f in findings for line in left_out if f.kind == "caption" and f"Caption: {f.text} (" in line
    }
    return [finding for finding in findings if finding.expert not in captions]


def conflicts(text: str, evidence: Sequence[Evidence], findings: Sequence[Finding]) -> Iterator[str]:
    """Yield, in plain words, where an expert contradicts the answer, and where a caption contradicts a detector."""
    for held in evidence:
        if held.stance == "contradicts":
            yield f"{held.expert} {held.text}, but the answer is “{_shown(text)}”"
    captions = [finding for finding in findings if finding.kind == "caption" and finding.error is None]
    for detector in findings:
        if detector.kind == "objects" and detector.error is None:
            seen = {region.label for region in detector.regions}
            for caption in (caption for caption in captions if caption.text != text):
                missed = [name for name in mentioned(caption.text, detector.vocabulary) if name not in seen]
                if missed:
                    nothing = " and ".join(counted(name, 0) for name in missed)
                    yield f"{caption.expert} says “{caption.text}”, but {detector.expert} finds {nothing}"


def _shown(text: str) -> str:
    said = " ".join(text.split())
    return said if len(said) <= _MOST_SHOWN else f"{said[: _MOST_SHOWN - 1]}…"


def _why_doubted(question: str, text: str, findings: Sequence[Finding], evidence: Sequence[Evidence]) -> str:
    against = [held for held in evidence if held.stance == "contradicts"]
    if against and len(against) < len(evidence):
        return f"the evidence is contradictory: {against[0].expert} {against[0].text}"
    if against:
        return f"the evidence contradicts the answer: {against[0].expert} {against[0].text}"
    return _why_silent(question, findings, text) or (
        "the evidence is weak" if evidence else "nothing supports the answer"
    )


def _why_silent(question: str, findings: Sequence[Finding], text: str = "") -> str:
    """Return why findings, or a core's `text`, cannot settle the question; empty if nothing speaks against them."""
    if is_foreign(question):
        return "the question seems to be neither English nor Korean"
    intent = intent_of(question, findings)
    if any(f.kind == "objects" and f.error is None for f in findings) and intent.thing and not intent.asked:
        weighed = any(finding.kind == "words" and finding.regions for finding in findings)
        left_open = ", and what people would say of the picture leaves it open" if weighed else ""
        return f"the detector does not know “{intent.thing}”{left_open}"
    if asks_for_words(question):
        for finding in findings:
            if finding.kind == "text" and finding.error is None:
                if not finding.regions:
                    return "no text was found to read"
                if max(region.score for region in finding.regions) < SURE_READING:
                    return "the text cannot be read with certainty"
    if text and _says_nothing(question, text, findings):
        return "the answer says no more than the question"
    if text and (nowhere := _why_no_place(question, text, findings)):
        return nowhere
    if nothing := unfounded(question, findings):
        return f"the question takes for granted what no detector finds: {' and '.join(nothing)}"
    sort, of_it = sort_asked(question)
    looked = [as_meant(question, f, findings) for f in findings if f.kind == "objects" and f.error is None]
    knows = any(of_it - WILD.keys() <= set(finding.vocabulary) for finding in looked)
    if sort and knows and not any(region.label in of_it for finding in looked for region in finding.regions):
        return f"no detector finds any {sort}"
    failed = [finding.expert for finding in findings if finding.error is not None]
    return f"{' and '.join(failed)} could not look" if failed else ""
