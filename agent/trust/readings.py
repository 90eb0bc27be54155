"""What read text says about an answer that repeats it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vqa.agent.documents.fields import unlike
from vqa.agent.documents.goods import sold
from vqa.agent.documents.keyed import cannot_be
from vqa.agent.questions.text_search import lines_that_say
from vqa.agent.trust.answer_words import says_yes, telling_words, words
from vqa.values import Evidence, Finding, Region, Stance

HALF = 0.5
"""Share of an answer's words that must have been read for the reading to support it."""
_MOST_QUOTED = 60  # characters of read text that evidence repeats


def reading_evidence(question: str, finding: Finding, text: str) -> Iterator[Evidence]:
    """Yield what read lines say about an answer to a question that asks for words, or for a value of some kind."""
    if not finding.regions:
        if says_yes(text) is not False:
            yield Evidence(finding.expert, "contradicts", "found no text to read")
        return
    if says_yes(text) is not None and len(words(text)) == 1:
        return
    lines, share = lines_for(question, finding, text)
    if kind := not_read(question, finding, text):
        yield Evidence(finding.expert, "contradicts", f"reads no {kind} there", lines)
    elif share >= HALF:
        yield Evidence(finding.expert, "supports", f"reads {_quoted(lines)}", lines)
    else:
        yield Evidence(finding.expert, "contradicts", "reads other words than the answer's", lines)


def not_read(question: str, finding: Finding, text: str) -> str:
    """Return the kind of value that a question asks for, if the answer is no such or none was read; else ""."""
    if _of_what_is_sold(question, finding, text):
        return ""
    return unlike(question, text) or cannot_be(question, text, [region.label for region in finding.regions])


def lines_for(question: str, finding: Finding, text: str) -> tuple[tuple[Region, ...], float]:
    """Return the lines that tell an answer, and which share of it: the rows of what is sold, or as `lines_with`."""
    rows = _of_what_is_sold(question, finding, text)
    return (rows, 1.0) if rows else lines_with(finding, text)


def _of_what_is_sold(question: str, finding: Finding, text: str) -> tuple[Region, ...]:
    """Return the rows of a receipt or a menu that an answer was told of; none if it was not."""
    told = sold(question, [region.label for region in finding.regions])
    return tuple(finding.regions[i] for i in sorted(told.lines)) if text and text in told.lines.values() else ()


def sought_evidence(finding: Finding, sought: str, text: str) -> Iterator[Evidence]:
    """Yield what read lines say about a yes or no to whether some words, or any for "", are written."""
    said, lines = says_yes(text), lines_that_say(sought, finding.regions)
    if said is None:
        return
    stance: Stance = "supports" if said == bool(lines) else "contradicts"
    none = "reads other words" if finding.regions else "found no text to read"
    yield Evidence(finding.expert, stance, f"reads {_quoted(lines)}" if lines else none, lines)


def _quoted(lines: Sequence[Region]) -> str:
    quoted = "; ".join(region.label for region in lines)
    return f"“{quoted if len(quoted) <= _MOST_QUOTED else f'{quoted[: _MOST_QUOTED - 1]}…'}”"


def lines_with(finding: Finding, text: str) -> tuple[tuple[Region, ...], float]:
    """Return the lines that an answer's words stand in, and which share of the words was read at all.

    A line that has them all stands for itself; otherwise as few as have all that were read.
    """
    missing = sought = set(telling_words(text))
    if not sought:
        return (), 0.0
    holding = [(_held(region.label, sought), region) for region in finding.regions]
    chosen: list[Region] = []
    while holding:
        held, best = max(holding, key=lambda one: (len(one[0] & missing), one[1].score))
        if not held & missing:
            break
        chosen.append(best)
        missing = missing - held
    lines = tuple(region for region in finding.regions if any(region is one for one in chosen))
    return lines, 1 - len(missing) / len(sought)


def _held(line: str, sought: set[str]) -> set[str]:
    """Return the words that a line has; a figure may stick to what is before it ("RM36.50")."""
    there, lowered = set(words(line)), line.lower()
    return {word for word in sought if word in there or (any(map(str.isdigit, word)) and word in lowered)}
