"""Writes text of any script onto a picture, with the fonts at hand: what no font has becomes a question mark.

Pillow's own font knows ASCII alone. DejaVu, which matplotlib ships, has European, Greek, Cyrillic and more; Korean,
Chinese and Japanese come from the machine's fonts, if it has any.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

# File names Pillow looks for in the system's font folders: Linux (Noto, Nanum), macOS, Windows.
_CJK_FONTS = ("NotoSansCJK-Regular.ttc", "NanumGothic.ttf", "AppleSDGothicNeo.ttc", "malgun.ttf", "Arial Unicode.ttf")
_NO_CHARACTER = "\uffff"  # never assigned: every font shows its box for missing glyphs


@dataclass(frozen=True)
class Lettering:
    """One size and weight of text.

    Attributes:
        size: Height of the letters in pixels.
        bold: Heavier, where the font has it.
    """

    size: int
    bold: bool = False

    @property
    def line_height(self) -> int:
        """Pixels from one line to the next."""
        return round(self.size * 1.35)

    def width(self, text: str) -> float:
        """Return how many pixels wide one line is."""
        return sum(font.getlength(part) for font, part in self._runs(text))

    def write(self, draw: ImageDraw, xy: tuple[float, float], text: str, fill: str) -> None:
        """Write one line, `xy` being the top left corner of its line height."""
        x, y = xy
        baseline = y + self.size * 1.02
        for font, part in self._runs(text):
            draw.text((x, baseline), part, font=font, fill=fill, anchor="ls")
            x += font.getlength(part)

    def wrap(self, text: str, width: float, most: int) -> list[str]:
        """Return the text in at most `most` lines no wider than `width`; a longer text ends in `…`."""
        lines: list[str] = []
        rest = printable(text)
        while rest and len(lines) < most:
            line = rest if self.width(rest) <= width else self._break(rest, width)
            lines.append(line.rstrip())
            rest = rest[len(line) :].lstrip()
        if rest:
            lines[-1] = self.shorten(f"{lines[-1]} {rest}", width)
        return lines

    def shorten(self, text: str, width: float) -> str:
        """Return one line no wider than `width`, ended by `…` if anything is left out."""
        text = printable(text)
        if self.width(text) <= width:
            return text
        return self._fitting(text, width - self.width("…")).rstrip() + "…"

    def _break(self, text: str, width: float) -> str:
        """Return the start of a text that fits, cut after a space if there is one; at least one character."""
        fitting = self._fitting(text, width) or text[0]
        space = fitting.rfind(" ")
        return fitting[: space + 1] if space > 0 and not text[len(fitting) :].startswith(" ") else fitting

    def _fitting(self, text: str, width: float) -> str:
        short, long = 0, len(text)
        while short < long:
            middle = (short + long + 1) // 2
            short, long = (middle, long) if self.width(text[:middle]) <= width else (short, middle - 1)
        return text[:short]

    def _runs(self, text: str) -> list[tuple[FreeTypeFont, str]]:
        """Return the text in pieces of one font each."""
        chosen = [_font_for(character, self.bold) for character in printable(text)]
        return [
            (_sized(font, self.size, self.bold), "".join(character for _, character in run))
            for font, run in groupby(chosen, key=lambda choice: choice[0])
        ]


def printable(text: str) -> str:
    """Return the text on one line, without control characters, direction overrides or lone surrogates."""
    return "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))


@cache
def _font_for(character: str, bold: bool) -> tuple[str, str]:
    """Return the first font that has the character, and the character; else any font and `?`."""
    names = _names(bold)
    for name in names:
        if _has(name, character):
            return name, character
    for name in _CJK_FONTS if ord(character) >= 0x1100 else ():  # where Hangul begins
        if _has(name, character):
            return name, character
    return names[0], "?"


@cache
def _names(bold: bool) -> tuple[str, ...]:
    """Return the fonts that every installation has; the empty name is Pillow's own."""
    spec = find_spec("matplotlib")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder, "mpl-data/fonts/ttf", "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")
        if path.is_file():
            return str(path), ""
    return ("",)


@cache
def _has(name: str, character: str) -> bool:
    try:
        font = _sized(name, 20, False)
    except OSError:  # not on this machine
        return False
    glyph, missing = font.getmask(character), font.getmask(_NO_CHARACTER)
    return (glyph.size, bytes(glyph)) != (missing.size, bytes(missing))


@cache
def _sized(name: str, size: int, bold: bool) -> FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.truetype(name, size) if name else ImageFont.load_default(size)  # type: ignore[return-value]
