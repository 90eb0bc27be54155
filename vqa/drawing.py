"""Draws an answer: boxes and read text on the picture, the question and the answer in a strip below it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vqa.errors import InputError
from vqa.lettering import Lettering
from vqa.values import CLASS_SCORE, COUNT_SCORE, Answer, Evidence, Finding, LoadedImage, Region

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

Box = tuple[float, float, float, float]

# Distinct hues, each readable under white letters; read text has one of its own, under black letters.
_PALETTE = (
    "#d6293e",
    "#2563d9",
    "#1f8a3b",
    "#c2580c",
    "#7c33c4",
    "#0b8585",
    "#c42b94",
    "#7a4d22",
    "#567300",
    "#4a5a6b",
)
_TEXT_COLOUR = "#ffd400"
_PAPER, _INK, _FAINT, _ALARM, _SUPPORT = "#ffffff", "#14171a", "#66707a", "#c0182d", "#1f7a35"
_LEAST_SIDE = 640  # a picture smaller than this is enlarged, so that its labels can be read
_MOST_TAGGED_LINES = 12  # more lines of text than this are numbered in the picture and listed below it


@dataclass(frozen=True)
class _Mark:
    """One region as it is drawn: `box` in pixels of the drawing, the tag's `size` and the line's `thick` in units."""

    box: Box
    colour: str
    tag: str
    size: int
    thick: float
    is_text: bool = False

    @property
    def area(self) -> float:
        return (self.box[2] - self.box[0]) * (self.box[3] - self.box[1])


@dataclass(frozen=True)
class _Words:
    """A paragraph below the picture: `size` in units, at most `most` lines."""

    text: str
    size: int
    most: int
    colour: str = _INK
    bold: bool = False


def draw(answer: Answer) -> Image:
    """Return the picture with every finding's regions drawn on it and the words below it, RGB.

    The same answer gives the same pixels. Raises InputError if the answer carries no picture.
    """
    if answer.image is None:
        raise InputError(
            "this answer carries no picture to draw on; add it with dataclasses.replace(answer, image=load_image(...))"
        )
    words = [
        _Words(answer.question.text, 17, 4, _FAINT),
        _Words(answer.text.strip() or "(no answer)", 25, 8, bold=True),
        _Words(_signature(answer), 14, 2, _FAINT),
    ]
    if answer.abstention:
        unsaid = "" if answer.withheld is None else f"; the core would have said “{answer.withheld}”"
        words.append(_Words(f"{answer.abstention}{unsaid}", 14, 3))
    for held in answer.evidence:
        colour = _SUPPORT if held.stance == "supports" else _ALARM
        words.append(_Words(f"{held.stance}: {held.expert} {held.text}", 14, 2, colour))
    for finding in answer.findings:
        if finding.error is not None:
            words.append(_Words(f"{finding.expert} failed: {finding.error}", 14, 2, _ALARM))
        elif not finding.regions and finding.text:
            words.append(_Words(f"{finding.expert}: {finding.text}", 14, 3))
    listed = numbered_lines(answer.findings, answer.evidence)
    return _above(*draw_regions(answer.image, answer.findings, evidence=answer.evidence), words, listed)


def draw_findings(image: LoadedImage, findings: Sequence[Finding]) -> Image:
    """Return the picture with regions drawn on it and what the experts say in words below it, RGB."""
    words = [_Words(f"{finding.expert}: {finding.error or finding.text}", 14, 6) for finding in findings]
    return _above(*draw_regions(image, findings), words, numbered_lines(findings))


def draw_regions(
    image: LoadedImage, findings: Sequence[Finding], *, evidence: Sequence[Evidence] = (), longest: int | None = None
) -> tuple[Image, float]:
    """Return the picture with regions drawn on it, and the pixels of one unit, which sizes scale with.

    Objects too unsure to be counted (below COUNT_SCORE) are drawn thinner and smaller. Where there is evidence, its
    regions stand out: thick frames, and all others as thin as the unsure ones.

    Args:
        image: The picture that the regions are in the pixels of; a small one is enlarged.
        findings: Whose regions to draw.
        evidence: What of them speaks for or against an answer.
        longest: Scale the picture down so that neither side is longer.
    """
    from PIL import Image as pillow
    from PIL import ImageDraw

    scale = max(1.0, _LEAST_SIDE / max(image.pil.size))
    if longest is not None:
        scale = min(scale, longest / max(image.pil.size))
    size = (max(1, round(image.pil.width * scale)), max(1, round(image.pil.height * scale)))
    picture = image.pil.copy() if size == image.pil.size else image.pil.resize(size, pillow.Resampling.BICUBIC)
    unit = max(1.0, math.sqrt(size[0] * size[1]) / 900)

    marks = _marks(findings, scale, size, _telling(evidence))
    pen = ImageDraw.Draw(picture)
    for mark in sorted(marks, key=lambda m: (m.thick, -m.area)):  # sure and small ones on top
        _outline(pen, mark, unit)
    _tags(pen, marks, size, unit)
    return picture, unit


def _marks(
    findings: Sequence[Finding], scale: float, size: tuple[int, int], telling: Mapping[Region, str]
) -> list[_Mark]:
    findings = [_as_told(finding, telling) for finding in findings]
    labels = dict.fromkeys(r.label for f in findings if f.kind != "text" for r in f.regions)
    colours = {label: _PALETTE[i % len(_PALETTE)] for i, label in enumerate(labels)}
    numbers = {id(region): number for number, region in enumerate(_too_many(findings), 1)}
    marks = []
    for finding in findings:
        is_text = finding.kind == "text"
        for region in finding.regions:
            if (box := _inside(region.xyxy, scale, size)) is None:
                continue
            if id(region) in numbers:
                thick = 4 if region in telling else 1.5
                marks.append(_Mark(box, _TEXT_COLOUR, str(numbers[id(region)]), 11, thick, is_text))
            elif is_text:
                thick = 4 if region in telling else 1.5
                marks.append(_Mark(box, _TEXT_COLOUR, f"{region.label} ({region.score:.2f})", 15, thick, is_text))
            else:
                plain = (10, 1.0) if telling or region.score < COUNT_SCORE else (15, 2.5)
                letters, thick = (15, 4.0) if region in telling else plain
                marks.append(_Mark(box, colours[region.label], f"{region.label} {region.score:.2f}", letters, thick))
    return sorted(marks, key=lambda mark: -mark.thick)  # the sure ones choose the places of their tags first


def _as_told(finding: Finding, telling: Mapping[Region, str]) -> Finding:
    """Return a finding as the evidence has it, which calls a person a boy, where a question does.

    One about the whole picture with what tells the answer alone, or what is sure; each fills it. A page's text with the
    cells alone that tell it, if any do.
    """
    if finding.kind == "text":
        of_it = [region for region, expert in telling.items() if expert == finding.expert]
        cells = tuple(region for region in of_it if region not in finding.regions)
        return replace(finding, regions=cells) if cells else finding
    if finding.kind == "objects":
        called = {region.xyxy: region for region in telling if region not in finding.regions}
        return replace(finding, regions=tuple(called.get(region.xyxy, region) for region in finding.regions))
    if finding.kind not in ("classes", "people", "scene", "words"):
        return finding
    shown = (region for region in finding.regions if region in telling or (region.score >= CLASS_SCORE and not telling))
    return replace(finding, regions=tuple(shown))


def numbered_lines(findings: Sequence[Finding], evidence: Sequence[Evidence] = ()) -> list[Region]:
    """Return the lines of text that are drawn as numbers, from 1: all, or none if their words fit on the picture."""
    return _too_many([_as_told(finding, _telling(evidence)) for finding in findings])


def _too_many(findings: Sequence[Finding]) -> list[Region]:
    lines = [region for finding in findings if finding.kind == "text" for region in finding.regions]
    return lines if len(lines) > _MOST_TAGGED_LINES else []


def _telling(evidence: Sequence[Evidence]) -> dict[Region, str]:
    """Return the regions that evidence stands on, in its order, each with who says so."""
    return {region: held.expert for held in evidence for region in held.regions}


def _inside(xyxy: Box, scale: float, size: tuple[int, int]) -> Box | None:
    """Return a box in pixels of the drawing, cut at its borders; None if nothing of it can be drawn."""
    if not all(math.isfinite(v) for v in xyxy):
        return None
    x0, x1 = sorted((xyxy[0] * scale, xyxy[2] * scale))
    y0, y1 = sorted((xyxy[1] * scale, xyxy[3] * scale))
    if x1 < 0 or y1 < 0 or x0 >= size[0] or y0 >= size[1]:
        return None
    right, bottom = size[0] - 1, size[1] - 1
    return min(max(x0, 0), right), min(max(y0, 0), bottom), min(x1, right), min(y1, bottom)


def _outline(pen: ImageDraw, mark: _Mark, unit: float) -> None:
    """Draw a coloured frame between two dark hairlines, so that it shows on any background."""
    thick = max(1, round(mark.thick * unit))
    hair = max(1, round(unit / 2))
    x0, y0, x1, y1 = (round(v) for v in mark.box)
    for inset, width, colour in ((-hair, thick + 2 * hair, _INK), (0, thick, mark.colour)):
        frame = (x0 + inset, y0 + inset, x1 - inset, y1 - inset)
        if frame[2] >= frame[0] and frame[3] >= frame[1]:
            pen.rectangle(frame, outline=colour, width=width)


def _tags(pen: ImageDraw, marks: Sequence[_Mark], size: tuple[int, int], unit: float) -> None:
    """Write each mark's tag beside its box, where it covers the fewest other tags and the least text."""
    pad = round(3 * unit)
    texts = [mark.box for mark in marks if mark.is_text]
    placed: list[Box] = []
    for mark in marks:
        letters = Lettering(round(mark.size * unit), bold=True)
        height = letters.line_height + pad // 2
        tag = letters.shorten(mark.tag, max(size[0] * 0.6, 8.0 * letters.size))
        width = letters.width(tag) + 2 * pad
        spot = min(
            _spots(mark.box, width, height, size),
            key=lambda s: sum(_overlap(s, other) for other in placed) * 4 + sum(_overlap(s, text) for text in texts),
        )
        placed.append(spot)
        pen.rounded_rectangle(spot, radius=pad, fill=mark.colour)
        letters.write(pen, (spot[0] + pad, spot[1] + pad // 4), tag, _INK if mark.is_text else _PAPER)


def _spots(box: Box, width: float, height: float, size: tuple[int, int]) -> list[Box]:
    """Return the places for a tag beside or in its box, best first, each moved inside the picture."""
    x0, y0, x1, y1 = box
    corners = (
        (x0, y0 - height),
        (x1 - width, y0 - height),
        (x0, y0),
        (x0, y1),
        (x1 - width, y0),
        (x0, y1 - height),
        (x1, y0),
        (x0 - width, y0),
    )
    spots = []
    for x, y in corners:
        left, top = max(0.0, min(x, size[0] - width)), max(0.0, min(y, size[1] - height))
        spots.append((left, top, left + width, top + height))
    return spots


def _overlap(a: Box, b: Box) -> float:
    """Return the area that two boxes share, in square pixels."""
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _above(picture: Image, unit: float, words: Sequence[_Words], numbered: Sequence[Region]) -> Image:
    """Return the picture above a strip with the words, and with the lines of text that are numbers in the picture."""
    from PIL import Image as pillow
    from PIL import ImageDraw

    width = max(picture.width, round(560 * unit))
    margin = round(18 * unit)
    lines = []  # (lettering, colour, text)
    for block in words:
        letters = Lettering(round(block.size * unit), block.bold)
        lines += [(letters, block.colour, line) for line in letters.wrap(block.text, width - 2 * margin, block.most)]
    small = Lettering(round(14 * unit))
    listed = (f"{number}: {line.label} ({line.score:.2f})" for number, line in enumerate(numbered, 1))
    lines += [(small, _INK, line) for line in _packed(listed, small, width - 2 * margin)]

    height = 2 * margin + sum(letters.line_height for letters, _, _ in lines)
    canvas = pillow.new("RGB", (width, picture.height + height), _PAPER)
    pen = ImageDraw.Draw(canvas)
    pen.rectangle((0, 0, width, picture.height - 1), fill=_INK)
    canvas.paste(picture, ((width - picture.width) // 2, 0))
    y = picture.height + margin
    for letters, colour, line in lines:
        letters.write(pen, (margin, y), line, colour)
        y += letters.line_height
    return canvas


def _packed(items: Iterable[str], letters: Lettering, width: float) -> list[str]:
    """Return items side by side in lines no wider than `width`, none broken over two lines."""
    lines: list[str] = []
    for item in items:
        item = letters.shorten(item, width)
        joined = f"{lines[-1]} · {item}" if lines else item
        if lines and letters.width(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(item)
    return lines


def _signature(answer: Answer) -> str:
    """Return who answered and how sure, in a line."""
    sure = "" if answer.confidence is None or answer.abstention else f", confidence {answer.confidence:.2f}"
    asked = ", ".join(finding.expert for finding in answer.findings) or "no expert"
    return f"{answer.core}{sure}; looked with {asked}"
