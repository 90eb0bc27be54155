"""Questions that the reader's finding settles: all of it, what stands on a thing, one line among many, one word of it.

Answers are taken from the folded lines, so that they are what the prompt says, misreadings included.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from vqa.agent.folding.lines import NONE_FOUND
from vqa.agent.instructions.row import NO_TEXT, Asked
from vqa.agent.instructions.wordings import Wordings
from vqa.agent.prompting import evidence
from vqa.values import Finding

LONGEST = 160
"""Characters of the longest reading that is asked for; an answer has 48 tokens by default."""
_LINE = re.compile(r"Text(?: on the (?P<holder>[^:(]+?))?(?P<doubt> \(unsure\))?: (?P<text>.*)")


class TextQuestions:
    """Asks about what stands in a picture.

    Args:
        findings: Those of the reader and, for text that stands on things, of the detector.
        words: How to put it.
    """

    def __init__(self, findings: Sequence[Finding], words: Wordings) -> None:
        self._findings = findings
        self._words = words
        self._rng = words.rng

    def reading(self, holder: str | None = None) -> Asked | None:
        """Ask for the whole text, or for that on a thing; None if there is more than an answer holds."""
        asked = self._words.ask("read_on", one=holder) if holder else self._words.ask("read")
        answer = " ".join(self._readable(asked, holder)) or NO_TEXT
        return Asked("reading", asked, answer) if len(answer) <= LONGEST else None

    def line(self) -> Asked | None:
        """Ask for one line or one word of several; None if nothing sure can be asked for."""
        lines = self._readable(self._words.ask("read"), None)
        if not lines:
            return Asked("line", self._words.ask("any_text"), "No")
        numbers = [word for line in lines for word in line.split() if re.search(r"\d", word)]
        kind = self._rng.choice(["first_line", "last_line", "number", "says_it", "any_text"])
        if kind == "any_text":
            return Asked("line", self._words.ask(kind), "Yes")
        if kind == "number" and len(numbers) == 1:
            return Asked("line", self._words.ask(kind), numbers[0])
        if kind == "says_it":
            return self._says_it(lines)
        wanted, kind = (lines[0], "first_line") if kind == "first_line" else (lines[-1], "last_line")
        return Asked("line", self._words.ask(kind), wanted) if len(wanted) <= LONGEST else None

    def _says_it(self, lines: Sequence[str]) -> Asked:
        words = [word for line in lines for word in re.findall(r"[A-Za-z]{3,}", line)] or ["nothing"]
        word = self._rng.choice(words)
        if self._rng.random() < 0.5:
            word = self._words.word("sign")
        there = any(word.lower() in line.lower() for line in lines)
        return Asked("line", self._words.ask("says_it", words=f'"{word}"'), "Yes" if there else "No")

    def _readable(self, question: str, holder: str | None) -> list[str]:
        """Return the lines to read out: those on the thing, else all; the sure ones, else the unsure."""
        found = [match for line in evidence(question, self._findings) if (match := _LINE.fullmatch(line.text))]
        found = [match for match in found if match[0] != NONE_FOUND]
        found = [match for match in found if holder and match["holder"] == holder] or found
        return [m["text"] for m in ([m for m in found if not m["doubt"]] or found)]
