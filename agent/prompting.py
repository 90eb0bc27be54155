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

from vqa.agent.coloring import counted_color
from vqa.agent.fields import narrowed
from vqa.agent.intent import Intent, in_english, in_terms_of_more, read_intent
from vqa.agent.meant import as_meant
from vqa.agent.naming import named as named_by
from vqa.agent.plain import plainly
from vqa.agent.related import holds, lies
from vqa.agent.setting import inside_or_outside
from vqa.agent.setting import told as told_of_setting
from vqa.agent.trust.kinds import asks_for_words, asks_where
from vqa.agent.vocabulary import mentioned
from vqa.protocols import Core, ScoringCore
from vqa.values import COUNT_SCORE, PRESENCE_SCORE, Finding, Prompt, Question, Region
from vqa.words import counted, one, place, plural, relation

SURE_READING = 0.4  # below it more than half of the words are misread (docs/measurements.md)
MAX_LINE = 1_000  # characters; OCR keeps 300 of a line, but anybody's expert may write more
MAX_RELATIONS = 6
MAX_BESIDE = 30  # lines of text beside a question that a detector's boxes answer; more only lead astray
MAX_ABSENT = 3  # a word like "animals" names ten labels; only those that are there are worth a line
_STOP_WORDS = frozenset(
    "a an the is are was were do does did what which who whom whose where when why how many much there this that these "
    "those of in on at to for from by with and or it its you see say says said read reads written can could "
    "please".split()
)
_BESIDE = "beside the question"
_SETTLED = ("count", "compare", "presence")  # aims where a detector that knows the thing is the one to ask
# Asked for a figure, a line with digits is worth more than one without; "total" may stand a line above its value.
_FIGURES = re.compile(
    r"\b(?:price|cost|total|amount|date|time|number|phone|year|pay|paid|tax|how much|when)\b|얼마|가격|날짜|번호"
)

# Behind a question mark (the wide one as well), unless it is one of an address.
_AFTER_A_QUESTION = re.compile(r"(?<=[?\uff1f])(?:\s+|(?=\w[^\s=&/]*(?:\s|$)))")


@dataclass(frozen=True)
class Line:
    """One piece of evidence as the core will read it.

    Attributes:
        text: The line.
        rank: The lower, the later it is dropped.
        doubt: Why the core shall not read it at all, if so.
    """

    text: str
    rank: float
    doubt: str = ""


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

    Markers are broken up, what there is is asked plainly, fewer of one thing are more of the other, indoors is inside
    where things found tell which, Korean is glossed, and choices are named for a core that must read them.
    """
    plainer = in_terms_of_more(question.text, _vocabulary(findings))
    if any(_setting(question.text, finding) for finding in findings if finding.error is None):
        plainer = inside_or_outside(question.text)
    asked = plainer or _clean(plainly(question.text), core.markers)
    if gloss := in_english(question.text, _vocabulary(findings)):
        asked += f" In English: {gloss}"
    if question.choices and not isinstance(core, ScoringCore):  # who weighs the choices need not read them
        asked += " Choose from: " + ", ".join(_clean(choice, core.markers) for choice in question.choices)
    return asked


def _vocabulary(findings: Sequence[Finding]) -> tuple[str, ...]:
    return tuple(label for finding in findings if finding.kind == "objects" for label in finding.vocabulary)


def evidence(question: str, findings: Sequence[Finding]) -> list[Line]:
    """Return every line of evidence the findings hold for `question`, in prompt order."""
    seen = [as_meant(question, f) if f.kind == "objects" else f for f in findings if f.error is None]
    named: list[Region] = []
    lines: list[Line] = []
    boxes_answer = boxes_settle = False
    for finding in seen:
        if finding.kind == "objects":
            intent = read_intent(question, finding.vocabulary)
            named += [r for r in finding.regions if r.label in intent.named and r.score >= COUNT_SCORE]
            boxes_answer |= bool(intent.asked) and intent.aim != "other"
            settled = bool(intent.asked) and intent.aim in _SETTLED and not asks_for_words(question)
            settled |= bool(_bounded(intent, finding))
            boxes_settle |= settled or bool(_asked_relation(_sure(finding), intent))
            if setting := _setting(question, finding):
                lines.append(Line(f"Detector: {setting}", 0.0))
            lines += _named_lines(question, finding) or _object_lines(
                question, finding, intent, settled=settled, color=counted_color(question, finding)
            )
    beside = _BESIDE if boxes_settle else ""
    for finding in seen:
        if finding.kind == "text":
            text = _text_lines(question, finding, named)
            lines += _at_most(0 if boxes_settle else MAX_BESIDE, text) if boxes_answer or boxes_settle else text
        elif finding.kind == "caption":
            lines += [Line(f"Caption: {r.label}", 2.0, _unseen(r.label, seen) or beside) for r in finding.regions]
        elif finding.kind == "other":
            lines.append(Line(f"{finding.expert.capitalize()}: {finding.text}", 2.5))
    return lines


def _setting(question: str, finding: Finding) -> str:
    """Return what a detector's sure boxes tell of whether it is indoors, if that is asked; "" if nothing."""
    sure = [region.label for region in _sure(finding)]
    return told_of_setting(question, sure) if finding.kind == "objects" else ""


def _unseen(caption: str, findings: Sequence[Finding]) -> str:
    """Return why a caption is not to be believed: it names more things that the detector misses than such it finds."""
    for finding in findings:
        if finding.kind == "objects":
            named = mentioned(caption, finding.vocabulary)
            there = {region.label for region in finding.regions}
            missed = [label for label in named if label not in there]
            if 2 * len(missed) > len(named):
                return f"the detector finds no {' and no '.join(missed)}"
    return ""


def _named_lines(question: str, finding: Finding) -> list[Line]:
    """Return what a question asks to be named; what else there is beside it, for a small core would name that."""
    told = named_by(question, finding)
    if told is None:
        return []
    sure = [region.label for region in _sure(finding)]
    return [Line(f"Detector: {told}", 0.0), Line(f"Detector: {_counts(sure)}", 3.0, _BESIDE)]


def _object_lines(question: str, finding: Finding, intent: Intent, *, settled: bool, color: str) -> list[Line]:
    """Return what the boxes say; where they settle the question, what else they show is told to nobody.

    `color` is the one that the things counted all have, "" if they are counted whatever colour they have.
    """
    sure = _sure(finding)
    lines: list[Line] = []
    if claim := _claimed(intent, finding):
        lines.append(Line(f"Detector: {claim}", 0.0))
    if bounded := _bounded(intent, finding):
        lines.append(Line(f"Detector: {bounded}", 0.0))
    if intent.thing and not intent.asked:
        lines.append(Line(f"Detector: {intent.thing} unknown", 0.0))
    if len(intent.asked) > 1 and intent.thing:
        lines.append(Line(f"Detector: {_group(intent, finding)}", 0.0))
    else:
        with_places = intent.aim in ("place", "other")
        seen = {r.label for r in finding.regions}
        told = [label for label in intent.asked if label in seen or len(intent.asked) <= MAX_ABSENT]
        lines += [Line(f"Detector: {_about(label, finding, with_places, color)}", 0.0) for label in told]
    others_named = [label for label in intent.named if label not in intent.asked]
    lines += [Line(f"Detector: {_about(label, finding, False)}", 1.0) for label in others_named]
    told_so = _asked_relation(sure, intent)
    if told_so:
        lines.append(Line(f"Detector: {told_so}", 0.0))
    where = intent.aim == "place" and asks_where(question) and any(r.label in intent.asked for r in sure)
    beside = _BESIDE if settled or told_so or where else ""
    if not told_so and intent.aim in ("place", "other") and intent.named:
        doubt = beside if len(intent.named) == 1 else ""
        told = _relations(sure, intent)
        lines += [Line(f"Detector: {line}", 2.0 + 0.01 * i, doubt) for i, line in enumerate(told)]
    if rest := [r.label for r in sure if r.label not in intent.named]:
        lines.append(Line(f"Detector: {_counts(rest)}", 3.0, beside))
    if not lines:
        lines.append(Line("Detector: nothing found", 3.0))
    return lines


def _sure(finding: Finding) -> list[Region]:
    return [region for region in finding.regions if region.score >= COUNT_SCORE]


def _claimed(intent: Intent, finding: Finding) -> str:
    """Return "more dogs than cats" or "no more dogs than cats", of what a question claims; "" if it claims nothing.

    Told so, a small core agrees or not, which it can; of two numbers it often cannot say which is the larger. Asked
    which are more, it is told that, or "as many dogs as cats".
    """
    if intent.claim is None:
        return ""
    how, *labels = intent.claim
    numbers = {named: sum(r.label == named and r.score >= COUNT_SCORE for r in finding.regions) for named in labels}
    which = how in ("most", "fewest")
    if which and len(set(numbers.values())) == 1:
        return f"as many {plural(labels[0], 0)} as {plural(labels[1], 0)}"
    if which:
        labels.sort(key=lambda label: numbers[label], reverse=how == "most")
        return f"{'more' if how == 'most' else 'fewer'} {plural(labels[0], 0)} than {plural(labels[1], 0)}"
    label, other = labels if how == "more" else reversed(labels)
    return f"{'' if numbers[label] > numbers[other] else 'no '}more {plural(label, 0)} than {plural(other, 0)}"


def _bounded(intent: Intent, finding: Finding) -> str:
    """Return "two dogs" or "not two dogs", of what a question claims of their number; "" if that does not settle it."""
    if intent.bound is None:
        return ""
    bound = intent.bound
    number = sum(region.label in bound.labels and region.score >= bound.least for region in finding.regions)
    return f"{'' if bound.holds(number) else 'not '}{bound.words}" if bound.settled(number) else ""


def _about(label: str, finding: Finding, with_places: bool, color: str = "") -> str:
    """Return "4 people", "no red cars" or "maybe 1 giraffe", with places if wanted."""
    name = f"{color} {label}".lstrip()
    found = [r for r in finding.regions if r.label == label]
    sure = [r for r in found if r.score >= COUNT_SCORE]
    if sure:
        places = list(dict.fromkeys(place(region, finding.size) for region in sure))[:MAX_RELATIONS]
        return counted(name, len(sure)) + (f" ({', '.join(places)})" if with_places else "")
    weak = [r for r in found if r.score >= PRESENCE_SCORE]
    return f"maybe {counted(name, len(weak))}" if weak else counted(name, 0)


def _group(intent: Intent, finding: Finding) -> str:
    """Return "3 animals: 2 dogs, 1 cat" for a word that stands for several labels."""
    for threshold, hedge in ((COUNT_SCORE, ""), (PRESENCE_SCORE, "maybe ")):
        members = [r.label for r in finding.regions if r.label in intent.asked and r.score >= threshold]
        if members:
            noun = intent.thing.removesuffix("s") if len(members) == 1 else intent.thing
            return f"{hedge}{len(members)} {noun}: {_counts(members)}"
    return f"no {intent.thing}"


def _counts(labels: Sequence[str]) -> str:
    """Return "4 people, 1 bus", in the order of first appearance."""
    return ", ".join(counted(label, labels.count(label)) for label in dict.fromkeys(labels))


def _asked_relation(sure: Sequence[Region], intent: Intent) -> str:
    """Return "dog on couch", "dog not on couch" or "on couch: a dog and a cat", whichever is asked for; "" if unknown.

    Out of six relations a small core often chooses the wrong one.
    """
    if intent.related is None:
        return ""
    how, anchor, other = intent.related.how, intent.related.anchor, intent.related.other
    best = _surest(sure)
    if anchor not in best:
        return ""
    if other is None:
        there = [one(label) for label, r in best.items() if label != anchor and lies(how, r, best[anchor])]
        return f"{how} {anchor}: {', '.join(there[:MAX_RELATIONS])}" if there else ""
    so = holds(how, best[other], best[anchor]) if other in best else None
    return "" if so is None else f"{other} {'' if so else 'not '}{how} {anchor}"


def _relations(sure: Sequence[Region], intent: Intent) -> list[str]:
    """Return "cup left of laptop": things against the one the question names, or the named ones among themselves.

    The surest of each label stands for it; the thing named last is what the others are held against.
    """
    best = _surest(sure)
    named = [label for label in intent.named if label in best]
    others = named if len(named) > 1 else list(best)
    told: dict[frozenset[str], str] = {}
    for anchor in reversed(named):
        for other in others:
            how = relation(best[other], best[anchor]) if other != anchor else None
            if how:
                told.setdefault(frozenset((other, anchor)), f"{other} {how} {anchor}")
    return list(told.values())[:MAX_RELATIONS]


def _surest(sure: Sequence[Region]) -> dict[str, Region]:
    """Return the first, that is surest, thing of each label, in their order."""
    best: dict[str, Region] = {}
    for region in sure:
        best.setdefault(region.label, region)
    return best


def _text_lines(question: str, finding: Finding, named: Sequence[Region]) -> list[Line]:
    if not finding.regions:
        return [Line("Text: none found", 1.0)]
    words = {w for w in re.findall(r"\w+", question.lower()) if w not in _STOP_WORDS and len(w) > 1}
    wants_figures = _FIGURES.search(question.lower()) is not None
    lines = []
    since_match = 99
    fitting = narrowed(question, [region.label for region in finding.regions])
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
        left_out = f"no {fitting.what} in it" if fitting.lines and index not in fitting.lines else ""
        value = f" ({fitting.what})" if index in fitting.lines else ""
        if read := fitting.lines.get(index, region.label):
            lines.append(Line(f"Text{where}{value}{doubt}: {read}", rank + 0.001 * index, left_out))
    return lines


def _at_most(number: int, lines: Sequence[Line]) -> list[Line]:
    """Return lines of text, all but the best `number` of them marked as left out."""
    told = sorted(range(len(lines)), key=lambda i: lines[i].rank)[:number]
    return [line if line.doubt or i in told else replace(line, doubt=_BESIDE) for i, line in enumerate(lines)]


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
