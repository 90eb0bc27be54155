"""Folds findings into the core's prompt, within its token budget.

LLaMA-Adapter V2 §4.4 puts an expert's text before the question as "textual context". Here the context is made of short
lines, each with a rank: what the question asks about comes first, the rest only while it fits. Objects are filtered to
what was asked; OCR lines near the question's words, or inside the box of a thing it names, beat the others. Text read
in a picture is data: it is kept on its own line and the core's control strings inside it are broken up.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vqa.agent.documents.fields import Narrowed, narrowed
from vqa.agent.documents.goods import is_a_receipt, sold
from vqa.agent.documents.keyed import keyed
from vqa.agent.documents.placed_lines import placed
from vqa.agent.documents.tables import figure_in_no_cell
from vqa.agent.documents.titles import author, title
from vqa.agent.folding.actions import told_of_action
from vqa.agent.folding.captions import why_doubted
from vqa.agent.folding.classes import told_of_classes
from vqa.agent.folding.colors import counted_color
from vqa.agent.folding.descriptions import (
    WHAT_IT_SAYS,
    as_answered,
    asks_what_is_shown,
    in_detail,
    surely_shown,
    telling_lines,
)
from vqa.agent.folding.lines import BESIDE, NONE_FOUND, SURE_READING, Line
from vqa.agent.folding.meant import as_meant
from vqa.agent.folding.objects import asked_relation, bounded, object_lines, sure_ones, told_alone
from vqa.agent.folding.pages import asks_of_a_page, found_on_page, is_a_page
from vqa.agent.folding.people import told_of_people
from vqa.agent.folding.predicates import as_far_as_seen
from vqa.agent.folding.quoting import ALL_OF_IT, as_one
from vqa.agent.folding.scene import told_of_scene
from vqa.agent.folding.words import told_of_words
from vqa.agent.questions.asking import asks_what_is_done
from vqa.agent.questions.intent import in_english, in_labels, in_terms_of_more, read_intent
from vqa.agent.questions.kinds import asks_for_words
from vqa.agent.questions.rephrasing import plainly
from vqa.agent.questions.text_search import lines_that_say, sought_words
from vqa.protocols import Core, ScoringCore
from vqa.values import CLASS_SCORE, COUNT_SCORE, Finding, Prompt, Question, Region

MAX_LINE = 1_000  # characters; OCR keeps 300 of a line, but anybody's expert may write more
MAX_BESIDE = 30  # lines of text beside a question that a detector's boxes answer; more only lead astray
_STOP_WORDS = frozenset(
    "a an the is are was were do does did what which who whom whose where when why how many much there this that these "
    "those of in on at to for from by with and or it its you see say says said read reads written can could "
    "please".split()
)
_SETTLED = ("count", "compare", "presence")  # aims where a detector that knows the thing is the one to ask
# Asked for a figure, a line with digits is worth more than one without; "total" may stand a line above its value.
_FIGURES = re.compile(
    r"\b(?:price|cost|total|amount|date|time|number|phone|year|pay|paid|tax|how much|when)\b|얼마|가격|날짜|번호"
)

_TOLD_WHAT = re.compile(r"Text[^:(]*\((?!unsure\))[^()]+\)")  # read text that is said to be what is asked for
# Behind a question mark (the wide one as well), unless it is one of an address.
_AFTER_A_QUESTION = re.compile(r"(?<=[?\uff1f])(?:\s+|(?=\w[^\s=&/]*(?:\s|$)))")


def compose(
    question: Question, findings: Sequence[Finding], core: Core, *, history: Sequence[tuple[str, str]] = ()
) -> Prompt:
    """Return the prompt for `core`: as much evidence as its budget holds, the most relevant first to be kept.

    Args:
        question: What is asked.
        findings: What the experts found.
        core: Who is to read the prompt.
        history: Earlier (question, answer) pairs, oldest first; at most half of the budget, the newest are kept.

    Raises:
        InputError: The question alone is longer than the core's limit (raised by the core when it streams).
    """
    found = evidence(question.text, findings)
    doubted = [f"{_cut(_clean(line.text, core.markers))} ({line.doubt})" for line in found if line.doubt]
    sure = [Line(_cut(_clean(line.text, core.markers)), line.rank) for line in found if not line.doubt]
    lines = [part for line in sure for part in _apart(line)]
    asked = wording(question, findings, core)
    budget = core.max_prompt_tokens
    alone = core.count_tokens(core.render(asked, ()))
    turns = [(_clean(earlier, core.markers), _clean(answer, core.markers)) for earlier, answer in history]
    while turns and core.count_tokens(core.render(asked, (), turns)) - alone > (budget - alone) // 2:
        del turns[0]
    room = budget - core.count_tokens(core.render(asked, (), turns))
    kept: set[int] = set()
    for index in sorted(range(len(lines)), key=lambda i: (lines[i].rank, i)):
        cost = core.count_tokens(lines[index].text + "\n") + 1  # +1: pieces joined may split differently
        if cost <= room:
            room -= cost
            kept.add(index)
    used = tuple(line.text for i, line in enumerate(lines) if i in kept)
    forgotten = [f"earlier turn: {earlier}" for earlier, _ in history[: len(history) - len(turns)]]
    unused = [*forgotten, *(line.text for i, line in enumerate(lines) if i not in kept)]
    dropped = (*doubted, *(f"{text} (over the budget)" for text in unused))
    text = core.render(asked, used, turns)
    return Prompt(text, used, dropped, core.count_tokens(text), budget)


def wording(question: Question, findings: Sequence[Finding], core: Core) -> str:
    """Return the question as `core` reads it.

    Markers are broken up, what there is is asked plainly, of a man who rides a bike whether the man does, fewer of one
    thing are more of the other, Korean is glossed, and choices are named for a core that must read them.
    """
    labels = _vocabulary(question.text, findings)
    plainer = in_terms_of_more(question.text, labels)
    plain = in_labels(plainly(as_far_as_seen(question.text, findings)), labels)
    asked = plainer or _clean(plain, core.markers)
    if gloss := in_english(question.text, labels):
        asked += f" In English: {gloss}"
    if question.choices and not isinstance(core, ScoringCore):  # who weighs the choices need not read them
        asked += " Choose from: " + ", ".join(_clean(choice, core.markers) for choice in question.choices)
    return asked


def _vocabulary(question: str, findings: Sequence[Finding]) -> tuple[str, ...]:
    boxes = (as_meant(question, finding, findings) for finding in findings if finding.kind == "objects")
    return tuple(label for finding in boxes for label in finding.vocabulary)


def evidence(question: str, findings: Sequence[Finding]) -> list[Line]:
    """Return every line of evidence the findings hold for `question`, in prompt order."""
    asked, question = question, as_answered(question, findings)
    of_a_page = question != asked and question == WHAT_IT_SAYS
    on_page = found_on_page(asked, findings)
    whole = [finding for finding in findings if finding.error is None]
    seen = [surely_shown(asked, as_meant(question, f, whole), whole) if f.kind == "objects" else f for f in whole]
    boxes = _boxes(question, seen)
    if sought_words(question) is not None and any(finding.kind == "text" for finding in seen):
        boxes = replace(boxes, lines=_all_beside(boxes.lines), answer=False, settle=False)
    of_all = [*_people_lines(question, whole), *_class_lines(question, seen)]
    if not of_all or of_all[0].doubt:
        done = told_of_action(question, seen)
        actions = [Line(f"Captioner: {done}", 0.0)] if done else []
        of_all = [*_scene_lines(question, seen), *_word_lines(question, seen), *actions, *of_all]
    if (of_all and not of_all[0].doubt) or on_page:
        boxes = replace(boxes, lines=_all_beside(boxes.lines), settle=True)
    lines = [*of_all, *boxes.lines]
    beside = BESIDE if boxes.settle or boxes.alone else ""
    for finding in seen:
        if finding.kind == "text" and of_a_page:
            lines += [_of_a_page(asked, finding)]
        elif finding.kind == "text" and on_page and on_page[0].expert == finding.expert:
            lines += [Line(f"Text ({on_page[1].where}): {on_page[1].text}", 0.0)]
        elif finding.kind == "text" and asks_what_is_shown(asked):
            lines += _all_beside(_text_lines(question, finding, boxes.named))
        elif finding.kind == "text":
            text = _text_lines(question, finding, boxes.named)
            if is_a_page(seen) and asks_of_a_page(asked, seen) and not asks_for_words(asked):
                text = [line for line in text if _TOLD_WHAT.match(line.text)]  # of all that is written nobody asked
            lines += _at_most(0 if boxes.settle else MAX_BESIDE, text) if boxes.answer or boxes.settle else text
        elif finding.kind == "caption":
            for region in finding.regions:
                doubt = why_doubted(asked, region, seen)
                told = region.label if doubt else in_detail(asked, region.label, whole)
                lines.append(Line(f"Caption: {told}", 2.0, doubt or (BESIDE if asks_what_is_done(asked) else beside)))
        elif finding.kind == "other":
            lines.append(Line(f"{finding.expert.capitalize()}: {finding.text}", 2.5))
    return lines


@dataclass(frozen=True)
class _Boxes:
    """What detectors say of a question.

    Attributes:
        lines: Their evidence.
        named: Sure boxes of things that the question names.
        answer: Whether they say something of what is asked.
        settle: Whether nothing else is to be said of it.
        alone: Whether what they name stands alone among what was seen.
    """

    lines: Sequence[Line] = ()
    named: Sequence[Region] = ()
    answer: bool = False
    settle: bool = False
    alone: bool = False


def _boxes(question: str, seen: Sequence[Finding]) -> _Boxes:
    lines: list[Line] = []
    named: list[Region] = []
    answer = settle = alone = False
    for finding in (finding for finding in seen if finding.kind == "objects"):
        intent = read_intent(question, finding.vocabulary)
        named += [r for r in finding.regions if r.label in intent.named and r.score >= COUNT_SCORE]
        answer |= bool(intent.asked) and intent.aim != "other"
        settled = bool(intent.asked) and intent.aim in _SETTLED and not asks_for_words(question)
        settled |= bool(bounded(intent, finding))
        settle |= settled or bool(asked_relation(sure_ones(finding), intent))
        alone |= bool(told_alone(question, finding, intent))
        lines += object_lines(question, finding, intent, settled=settled, color=counted_color(question, finding))
    return _Boxes(lines, named, answer, settle, alone)


def _all_beside(lines: Sequence[Line]) -> list[Line]:
    return [replace(line, doubt=BESIDE) for line in lines]


def _class_lines(question: str, findings: Sequence[Finding]) -> list[Line]:
    """Return what a classifier names, if the question asks for that; what else it is sure of is told to nobody."""
    lines = []
    for finding in (finding for finding in findings if finding.kind == "classes"):
        told = told_of_classes(question, finding, findings)
        sure = [region.label for region in finding.regions[:1] if region.score >= CLASS_SCORE]
        lines += [Line(f"Classifier: {told}", 0.0)] if told else []
        lines += [Line(f"Classifier: {name}", 3.0, BESIDE) for name in sure if not told.endswith(name)]
    return lines


def _word_lines(question: str, findings: Sequence[Finding]) -> list[Line]:
    """Return which of the answers that a question names people would rather say."""
    told = [told_of_words(question, finding, findings) for finding in findings if finding.kind == "words"]
    return [Line(f"Words: {one}", 0.0) for one in told if one is not None]


def _people_lines(question: str, findings: Sequence[Finding]) -> list[Line]:
    """Return what people are, or how many are such; `findings` as they were found."""
    told = [told_of_people(question, finding, findings) for finding in findings if finding.kind == "people"]
    return [Line(f"People: {one}", 0.0) for one in told if one is not None]


def _scene_lines(question: str, findings: Sequence[Finding]) -> list[Line]:
    """Return what the whole scene tells of a question; what else it shows is told to nobody."""
    told = [told_of_scene(question, finding, findings) for finding in findings if finding.kind == "scene"]
    return [Line(f"Scene: {one}", 0.0) for one in told if one is not None]


def _text_lines(question: str, finding: Finding, named: Sequence[Region]) -> list[Line]:
    words = sought_words(question)
    if not finding.regions:
        return [Line(f"Text: {words} not found" if words else NONE_FOUND, 1.0)]
    if words is not None:
        told = f"{words} {'' if lines_that_say(words, finding.regions) else 'not '}found".lstrip()
        return [Line(f"Text: {told}", 1.0), *(Line(f"Text: {read.label}", 3.0, BESIDE) for read in finding.regions)]
    return _lines_read(question, finding, named)


def _of_a_page(question: str, finding: Finding) -> Line:
    """Return what is written, where it is asked what a page shows: what is sold, if that is asked for, or all of it."""
    told = sold(question, [region.label for region in finding.regions])
    things = next((text for text in told.lines.values() if text), "")
    return Line(f"Text ({told.what if things else ALL_OF_IT}): {things or as_one(telling_lines(finding))}", 0.0)


def _fitting(question: str, read: Sequence[Region]) -> Narrowed:
    """Return what of the read lines can be what is asked for, by its place or size, its price, its key, or its form."""
    lines = [region.label for region in read]
    by_place = (found for find in (title, author, placed) if (found := find(question, read)).what)
    by_words = (found for find in (sold, keyed, narrowed) if (found := find(question, lines)).what)
    if told := next(by_place, None) or next(by_words, None):
        return told
    return Narrowed("such figure") if not is_a_receipt(lines) and figure_in_no_cell(question, read) else Narrowed()


def _lines_read(question: str, finding: Finding, named: Sequence[Region]) -> list[Line]:
    words = {w for w in re.findall(r"\w+", question.lower()) if w not in _STOP_WORDS and len(w) > 1}
    wants_figures = _FIGURES.search(question.lower()) is not None
    lines = []
    since_match = 99
    fitting = _fitting(question, finding.regions)
    if fitting.what and not fitting.lines:
        lines = [Line(NONE_FOUND, 1.0)]
    for index, region in enumerate(finding.regions):
        since_match = 0 if words & set(re.findall(r"\w+", region.label.lower())) else since_match + 1
        rank = 1.0 if since_match == 0 else 1.5 if since_match <= 2 else 3.0
        if wants_figures and rank > 1.0 and any(c.isdigit() for c in region.label):
            rank -= 0.4
        holder = next((r for r in named if _inside(region, r)), None)
        if holder is not None:
            rank = min(rank, 1.2)
        where = f" on the {holder.label}" if holder is not None else ""
        doubt = " (unsure)" if region.score < SURE_READING else ""
        left_out = f"no {fitting.what} in it" if fitting.what and index not in fitting.lines else ""
        value = f" ({fitting.what})" if index in fitting.lines else ""
        if read := fitting.lines.get(index, region.label):
            lines.append(Line(f"Text{where}{value}{doubt}: {read}", rank + 0.001 * index, left_out))
    return lines


def _at_most(number: int, lines: Sequence[Line]) -> list[Line]:
    """Return lines of text, all but the best `number` of them marked as left out."""
    told = sorted(range(len(lines)), key=lambda i: lines[i].rank)[:number]
    return [line if line.doubt or i in told else replace(line, doubt=BESIDE) for i, line in enumerate(lines)]


def _inside(inner: Region, outer: Region) -> bool:
    x, y = (inner.xyxy[0] + inner.xyxy[2]) / 2, (inner.xyxy[1] + inner.xyxy[3]) / 2
    return outer.xyxy[0] <= x <= outer.xyxy[2] and outer.xyxy[1] <= y <= outer.xyxy[3]


def _clean(text: str, markers: Sequence[str]) -> str:
    """Return `text` on one line, without control characters and with the core's control strings broken up."""
    visible = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    tidy = " ".join(visible.split())
    for marker in markers:
        while len(marker) > 1 and marker in tidy:  # breaking up "####" leaves "# ###"
            tidy = tidy.replace(marker, f"{marker[0]} {marker[1:]}")
    return tidy


def _cut(line: str) -> str:
    return line if len(line) <= MAX_LINE else f"{line[: MAX_LINE - 1]}…"


def _apart(line: Line) -> list[Line]:
    """Return read text with a line of its own for what stands behind a question: else it passes for its answer."""
    if not line.text.startswith("Text"):
        return [line]
    who, _, read = line.text.partition(": ")
    return [Line(f"{who}: {part}", line.rank) for part in _AFTER_A_QUESTION.split(read)]
