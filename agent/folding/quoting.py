"""Which questions are answered by a quotation of what was read or named, and of which lines.

A core that repeats text makes mistakes of its own (docs/measurements.md, "Quoting"); one that may only choose a passage
does not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from vqa.agent.documents.found import TOLD_OF_TABLES
from vqa.agent.documents.goods import TOLD_OF_GOODS
from vqa.agent.questions.asking import asks_for_description, where_it_is
from vqa.agent.questions.intent import read_intent
from vqa.agent.questions.kinds import asks_for_words, asks_where, asks_yes_or_no
from vqa.words import listed

NOTHING_TO_QUOTE = ("I cannot tell", "No text found")
"""What the built-in cores have learned to say where the text does not answer."""
_LINE = re.compile(
    r"Text(?P<place> on the [^:(]+)?(?P<doubt> \(unsure\))?(?: \((?P<value>[^():]+)\))?: (?P<read>.+)"  # "(total)"
)
_NONE = "none found"
ALL_OF_IT = "all of it"
"""The kind of value that a whole page is, where it is asked what the picture shows."""
_DECIDED = re.compile(rf"{ALL_OF_IT}|author|{TOLD_OF_GOODS}|{TOLD_OF_TABLES}")
_CAPTION = "Caption: "
_NAMED = re.compile(r"(?:Classifier|Scene|People|Words|Captioner): [^:]+: (?P<name>.+)")
_BOXED = re.compile(
    r"Detector: (?:(?!\d|no |maybe )[^:]+: (?!an? )(?P<name>.+)"  # and not "3 animals: 3 dogs"
    r"|(?:more|fewer) (?P<more>.+) than .+|as many .+ as .+)"
)
_LIST = re.compile(r"Detector: (?:[^:]+: (?P<things>an? [^:]+)|\d+ [^:(]+ \((?P<places>[^)]+)\))")
_AS_MANY = "the same number"
_MISSING = re.compile(r"Detector: no (?P<what>[a-z][a-z ]*)")
_THAN = re.compile(r"\bthan\b")  # "Are there more dogs than cats or birds?" asks for no name
# Of the text something else is asked than its words: yes or no, where it stands, what it is like.
_ABOUT_IT = re.compile(
    r"^(?:is|are|was|were|do|does|did|can|could|has|have|will|would|should)\b|\bwhere\b|\bwhich side\b|\bwhy\b|"
    r"\blanguages?\b|\bfonts?\b|\b(?:what|which) (?:kind|type|sort) of\b|"
    r"어디|언어|^(?!.*(?:뭐|무엇|무슨)).*(?:있나|있어|있습니까|보이나)"
)

_PICTURE = r"(?:in|on) (?:the|this) (?:picture|image|photo)"
_SHEET = r"(?:the|this) (?:sign|label|logo|poster|banner|cover|page|note|card|board|billboard|sticker|(?:t-)?shirt)"
_ANYTHING = rf"(?:it|this|that|{_SHEET}|(?:the|this) (?:text|writing|picture|image|photo))"
_ALL_OF_IT = re.compile(  # and not only the words in a certain place or of a certain kind
    rf"^(?:please )?(?:what does {_ANYTHING}(?: {_PICTURE})? (?:say|read)|"
    rf"what is (?:written|printed)(?: here| {_PICTURE}| on {_SHEET})?|"
    rf"read (?:out )?(?:it|(?:all )?(?:the |this )?(?:text|words|writing))(?: {_PICTURE})?)\W*$"
)
_ALL_ON_IT = re.compile(  # the same of what stands on a thing
    r"^(?:please )?(?:what does (?:the|this) (?:(?:text|writing) on (?:the|this) )?\w+(?: \w+)? (?:say|read)|"
    r"what is (?:written|printed) on (?:it|(?:the|this) \w+(?: \w+)?))\W*$"
)
_LONGEST = 300  # characters of all that is written; an answer of 96 tokens holds about as many


class Quotable(NamedTuple):
    """What an answer must be a passage of.

    Attributes:
        lines: As they were read, in order; none if the answer need not be a passage.
        whole: Whether they are values of the kind asked for, of which no part is an answer.
        left_out: How many more lines all that is written has than an answer holds.
        or_else: What may be said instead.
    """

    lines: tuple[str, ...] = ()
    whole: bool = False
    left_out: int = 0
    or_else: tuple[str, ...] = NOTHING_TO_QUOTE

    @property
    def only(self) -> str:
        """The one answer that is such a passage; "" if there are more."""
        return self.lines[0] if self.whole and len(self.lines) == 1 and not self.or_else else ""


def quotable(question: str, evidence: Sequence[str]) -> Quotable:
    """Return the lines that the answer must be a passage of.

    What boxes, a classifier or a scene name, and of which things there are more; a caption, where a description is
    asked for. Else, where the question names a thing, what stands on it; and lines that were surely read, where there
    are any. Of a question for all that is written the lines are one, so that none is left out.

    Args:
        question: In its own words.
        evidence: The lines that the core reads.
    """
    if name := _named(question, evidence) or _decided(question, evidence) or _missing(question, evidence):
        return Quotable((name,), whole=True, or_else=())
    captions = tuple(line.removeprefix(_CAPTION) for line in evidence if line.startswith(_CAPTION))
    if captions and asks_for_description(question) and not asks_for_words(question):
        return Quotable(captions, whole=True)
    asked = question.lower().strip()
    about_it = _ABOUT_IT.search(asked) or read_intent(question, ()).aim in ("count", "presence")
    if about_it or not asks_for_words(question):
        return Quotable()
    read = [match for line in evidence if (match := _LINE.fullmatch(line)) and match["read"] != _NONE]
    placed = [match for match in read if match["place"]]
    read = placed or read
    read = [match for match in read if not match["doubt"]] or read
    lines = tuple(match["read"] for match in read)
    if lines and (_ALL_OF_IT.search(asked) or (placed and _ALL_ON_IT.search(asked))):
        held = _held(lines)
        return Quotable((" ".join(lines[:held]),), whole=True, left_out=len(lines) - held)
    return Quotable(lines, bool(read) and all(match["value"] for match in read))


def _named(question: str, evidence: Sequence[str]) -> str:
    """Return what the evidence names, "" if nothing: one thing, of which there are more, or several."""
    if named := [match["name"] for line in evidence if (match := _NAMED.fullmatch(line))]:
        return named[0]
    if asks_yes_or_no(question):  # "Is the bus red?" is told its colour
        return ""
    boxed = [match for line in evidence if (match := _BOXED.fullmatch(line))]
    if boxed and (boxed[0]["name"] or _THAN.search(question.lower()) is None):
        return boxed[0]["name"] or boxed[0]["more"] or _AS_MANY
    lists = [match for line in evidence if (match := _LIST.fullmatch(line))]
    which = ("things", "places") if asks_where(question) else ("things",)
    said = next((match[name] for name in which for match in lists if match[name]), "")
    return listed(said.split(", ")) if ", " in said else ""  # of several a small core leaves some out


def _missing(question: str, evidence: Sequence[str]) -> str:
    """Return that there are none of those of whom it is asked where they are; a core may say "There is no people"."""
    if not evidence or not where_it_is(question).startswith("where are "):
        return ""
    missing = _MISSING.fullmatch(evidence[0])
    return f"There are no {missing['what']}" if missing else ""


def _decided(question: str, evidence: Sequence[str]) -> str:
    """Return what of the text is told whatever the core thinks of it; "" if nothing is, or it is asked whether."""
    if asks_yes_or_no(question):  # "Is the tea the cheapest item?" is told which one is
        return ""
    values = [match for line in evidence if (match := _LINE.fullmatch(line)) and match["value"]]
    return next((match["read"] for match in values if _DECIDED.fullmatch(match["value"])), "")


def as_one(lines: Sequence[str]) -> str:
    """Return as many lines as an answer holds, as one, with a mark if there are more."""
    held = _held(lines)
    return " ".join(lines[:held]) + (" …" if held < len(lines) else "")


def _held(lines: Sequence[str]) -> int:
    """Return how many of the first lines, one after the other, an answer holds; at least one."""
    ends = accumulate(len(line) + 1 for line in lines)
    return max(1, sum(end <= _LONGEST for end in ends))
