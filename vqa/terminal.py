"""What a terminal gets to see: answers on stdout, everything else on stderr, nothing that could steer the terminal."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from vqa.errors import InputError
from vqa.values import Answer, Evidence, Prompt, Route

# Controls (escape sequences start with one), lone surrogates (not encodable), what reverses the reading direction, and
# what nobody sees but whoever reads a copy: zero widths (not the joiners of Persian and emoji), soft hyphens, tags.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    "\xad\u200b\u2060-\u2064\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_LEVELS = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO, 2: logging.DEBUG}


def clean(text: str) -> str:
    """Return text that is safe to print: line breaks and tabs stay, every other control character goes."""
    return _UNSAFE.sub("", text)


def one_line(text: str) -> str:
    return " ".join(clean(text).split())


def shown(value: Any) -> str:
    """Return a setting's value as the user would write it; "-" if it is empty."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return (",".join(value) if isinstance(value, tuple) else str(value)) or "-"


def json_text(value: Any, *, indent: int | None = None) -> str:
    """Return JSON that is safe to print: what `clean` would remove is escaped instead."""
    plain = json.dumps(value, ensure_ascii=False, indent=indent)
    return _UNSAFE.sub(lambda match: _escape(ord(match[0])), plain)


def _escape(character: int) -> str:
    """Return a character as JSON escapes it: beyond 16 bits as a pair of surrogates."""
    if character < 0x10000:
        return f"\\u{character:04x}"
    high, low = divmod(character - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as aligned columns, two blanks apart; wide characters count as two."""
    cleaned = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*cleaned, strict=True)]
    lines = ("  ".join(c + " " * (w - _width(c)) for c, w in zip(row, widths, strict=True)) for row in cleaned)
    return "\n".join(line.rstrip() for line in lines)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


class Output:
    """stdout, or the file that `-o` names; the file is opened by the first write, so a failed run leaves the old one.

    Args:
        path: File to write; None and "-" mean stdout.

    Raises:
        InputError: The file's folder does not exist or the path is a folder.
    """

    def __init__(self, path: str | None = None) -> None:
        self._path = None if path in (None, "-") else Path(str(path))
        self._file: TextIO | None = None
        if self._path is not None:
            check_writable(self._path)

    def write(self, text: str) -> None:
        """Write at once, without buffering: an answer appears word by word."""
        if self._path is None:
            stream = sys.stdout
        else:
            if self._file is None:
                self._file = self._path.open("w", encoding="utf-8")
            stream = self._file
        stream.write(text)
        stream.flush()

    def line(self, text: str) -> None:
        self.write(text + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()


def check_writable(path: Path) -> None:
    """Raise InputError if a file cannot be made at `path`, before anything slow has begun."""
    if path.is_dir():
        raise InputError(f"cannot write {str(path)!r}: it is a folder; name a file")
    if not path.absolute().parent.is_dir():
        raise InputError(f"cannot write {str(path)!r}: the folder {str(path.absolute().parent)!r} does not exist")
    if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise InputError(f"cannot write {str(path)!r}: permission denied")


def numbered(path: Path, number: int, total: int) -> Path:
    """Return `out.png` for a single answer, `out-1.png`, `out-2.png`, … for several."""
    return path if total == 1 else path.with_stem(f"{path.stem}-{number}")


class Status:
    """One line on stderr that says what is going on; only where a person is watching."""

    def __init__(self) -> None:
        self._on = sys.stderr.isatty() and logging.getLogger("vqa").isEnabledFor(logging.WARNING)
        self._shown = False

    def show(self, text: str) -> None:
        if self._on:
            sys.stderr.write(f"\r\x1b[K{one_line(text)}")
            sys.stderr.flush()
            self._shown = True

    def clear(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False


class AnswerWriter:
    """Writes answers as they come: text piece by piece, or one JSON object each.

    Args:
        out: Where to.
        as_json: Whole answers as JSON instead of text.
        several: More than one answer is coming: one line each, picture and question before it, between tabs.
    """

    def __init__(self, out: Output, *, as_json: bool, several: bool) -> None:
        self._out = out
        self._json = as_json
        self._several = several
        self._begun = False
        self._held = ""  # white space that is only written if more text follows it

    def piece(self, picture: str, question: str, text: str) -> None:
        """Write the next piece of an answer's text; the pieces of one answer amount to the stripped answer."""
        if self._json:
            return
        text = self._held + clean(text)
        if self._several:
            text = re.sub(r"\s+", " ", text)
        if not self._begun:
            text = text.lstrip()
        body = text.rstrip()
        self._held = text[len(body) :] if body or self._begun else ""
        if body:
            self._out.write(("" if self._begun else self._label(picture, question)) + body)
            self._begun = True

    def finish(self, picture: str, answer: Answer) -> None:
        if self._json:
            self._out.line(json_text(answer.to_dict(), indent=None if self._several else 2))
        else:
            self._out.line("" if self._begun else self._label(picture, answer.question.text))
        self._begun, self._held = False, ""

    def fail(self, picture: str, questions: Sequence[str], error: Exception) -> None:
        """Write that there are no answers; text has no line for it (the error is on stderr), JSON an object each."""
        for question in questions if self._json else ():
            about = {"text": question, "image": picture}
            self._out.line(json_text({"answer": None, "error": one_line(str(error)), "question": about}))

    def _label(self, picture: str, question: str) -> str:
        return f"{one_line(picture)}\t{one_line(question)}\t" if self._several else ""


def print_prompt(prompt: Prompt) -> None:
    """Print on stderr exactly what the core reads."""
    print(clean(prompt.text), file=sys.stderr)


_STANCES = {"supports": "green", "contradicts": "red"}
_MOST_BOXES = 8  # of one piece of evidence, in the table


def print_evidence(answer: Answer) -> None:
    """Print on stderr what speaks for and against the answer, who was asked and why, and what each saw."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    def cell(text: str, style: str = "") -> Text:  # not a str: rich would read [brackets] in it as markup
        return Text(clean(text), style)

    console = Console(stderr=True)
    console.print(cell(_verdict(answer)))
    if answer.evidence:
        judgement = Table("evidence", "expert", Column("says", ratio=2), Column("where", ratio=2), box=SIMPLE_HEAD)
        for held in answer.evidence:
            row = (held.expert, held.text, _boxes(held))
            judgement.add_row(cell(held.stance, _STANCES[held.stance]), *map(cell, row))
        console.print(judgement)
    heads = ("expert", Column("why", ratio=1), Column("what it saw", ratio=2), Column("by", overflow="fold"), "seconds")
    table = Table(*heads, box=SIMPLE_HEAD, expand=True)
    findings = {finding.expert: finding for finding in answer.findings}
    for expert in answer.route.experts:
        finding = findings.get(expert)
        saw = "" if finding is None else f"failed: {finding.error}" if finding.error is not None else finding.text
        took = answer.seconds.get(expert)
        why = answer.route.reasons.get(expert, "")
        by = finding.model if finding else ""
        table.add_row(*map(cell, (expert, why, saw, by, "" if took is None else f"{took:.2f}")))
    prompt = answer.prompt
    lines = "1 line" if len(prompt.used) == 1 else f"{len(prompt.used)} lines"
    if answer.route.experts:
        console.print(table)
    for why, idle in _not_asked(answer.route).items():
        console.print(cell(f"not asked: {', '.join(idle)} ({why})"))
    # A core that says no probability may not have been asked at all: of some evidence only one answer can be quoted.
    read = f"{answer.core} read" if answer.core_confidence is not None else f"the prompt for {answer.core} has"
    told = f"{read} {prompt.tokens} of at most {prompt.budget} tokens with {lines} of evidence; answered in "
    console.print(cell(f"{told}{answer.seconds.get('total', 0.0):.2f} s"))
    for finding in answer.findings:
        for look in finding.second_looks:
            told = f"{finding.expert} {look.text}"
            console.print(cell(f"{told} ({answer.seconds.get(f'{finding.expert} again', 0.0):.2f} s)"))
    if answer.degraded:
        failed = [finding.expert for finding in answer.findings if finding.error is not None]
        console.print(cell(f"degraded: answered without {', '.join(failed)}"))
    for dropped in prompt.dropped:
        console.print(cell(f"left out: {dropped}"))


def _not_asked(route: Route) -> dict[str, list[str]]:
    """Return the experts that were not asked, by why."""
    idle: dict[str, list[str]] = {}
    for expert, why in route.reasons.items():
        if expert not in route.experts:
            idle.setdefault(why, []).append(expert)
    return idle


def _verdict(answer: Answer) -> str:
    """Return the answer and how sure it is, or why it is none, in a line."""
    own = "" if answer.core_confidence is None else f" (the core by itself: {answer.core_confidence:.2f})"
    if answer.withheld is not None:
        return f"{answer.text}: {answer.abstention}{own}; the core would have said: {one_line(answer.withheld)}"
    if answer.abstention:
        return f"no answer: {answer.abstention}"
    if answer.confidence is None:
        return f"{one_line(answer.text)}: nothing to judge it by"
    against = any(held.stance == "contradicts" for held in answer.evidence)
    told = (
        "contradicted by evidence" if against else "supported" if answer.evidence else "no evidence for or against it"
    )
    return f"{one_line(answer.text)}: confidence {answer.confidence:.2f}{own}, {told}"


def _boxes(evidence: Evidence) -> str:
    """Return labels, scores and corners of the boxes that evidence stands on."""
    told = [
        f"{one_line(region.label)} {region.score:.2f} at {','.join(f'{v:.0f}' for v in region.xyxy)}"
        for region in evidence.regions[:_MOST_BOXES]
    ]
    more = len(evidence.regions) - len(told)
    return "; ".join([*told, *([f"{more} more"] if more else [])])


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        level = record.levelname.lower()
        if record.levelno > logging.DEBUG:
            return f"{level}: {one_line(record.getMessage())}"
        return f"{level}: {clean(super().format(record))}"


@contextmanager
def messages(verbosity: int) -> Iterator[logging.Logger]:
    """Send log records to stderr, one line each, while the block runs.

    Args:
        verbosity: -1 errors, 0 warnings, 1 what is done, 2 everything with tracebacks.
    """
    ours, root = logging.getLogger("vqa"), logging.getLogger()
    before = ours.level, root.level
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    ours.setLevel(_LEVELS[max(-1, min(2, verbosity))])
    root.setLevel(logging.ERROR if verbosity < 2 else logging.INFO)  # other libraries' chatter
    root.addHandler(handler)
    try:
        yield ours
    finally:
        root.removeHandler(handler)
        ours.setLevel(before[0])
        root.setLevel(before[1])
