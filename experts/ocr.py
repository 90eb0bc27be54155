"""The `ocr` expert: the text in a picture, line by line in reading order."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar, Self

from vqa.errors import InputError
from vqa.experts.reading.easyocr import EasyOcr
from vqa.experts.reading.lines import Block, blocks, clean
from vqa.experts.reading.ppocr import LANGUAGES, PpOcr
from vqa.experts.reading.protocol import Engine, Reader
from vqa.registry import register_expert, unknown_name
from vqa.settings import Settings
from vqa.values import Finding, FindingKind, LoadedImage, Question, Region
from vqa.words import counted

_CUES = """
read, reads, say, says, said, text, written, write, writing, word, words, letter, letters, spell, spelled,
print, printed, label, labels, title, heading, author, wrote, sign, signs, poster, banner, billboard, menu, page, book,
newspaper, document, screen, receipt, invoice, bill, ticket, price, prices, cost, costs, how much, total,
subtotal, tax, date, year, what time is, what time does, address, phone number, telephone, website, email, url,
number plate, license plate, licence plate, plate number, number on, what number, which number, brand, logo, company,
cashier, rounding, discount, currency, postcode, zip code, quantity, purchased, bought, issued, gst, cash,
ordered, order, buy, sold, sell, expensive, cheapest, dearest,
change given, change due, the change, much change, what time was, first line, second line, third line, last line,
top line, bottom line, store name, shop name, name of the, called, street name, route, jersey, player number,
players number, player's number,
읽, 글자, 글씨, 문구, 텍스트, 문자, 단어, 쓰여, 쓰인, 써 있, 써있, 적혀, 적힌, 뭐라고, 간판, 표지판,
포스터, 현수막, 메뉴, 영수증, 계산서, 송장, 문서, 제목, 라벨, 상표, 브랜드, 로고, 가격, 얼마, 금액, 합계,
총액, 날짜, 며칠, 몇 시, 몇 년, 주소, 전화번호, 상호, 가게 이름, 회사, 번호판, 차량 번호, 번호가, 몇 번,
이름이
"""
READERS: Mapping[str, type[Reader]] = {reader.name: reader for reader in (PpOcr, EasyOcr)}
CHOICES = ("auto", *READERS)
_READABLE = 0.2  # a piece with a lower score is more often wrong than right (docs/measurements.md)
_MAX_LINES = 200
_MAX_LINE = 300  # characters


@register_expert
class OcrExpert:
    """Reads text with PP-OCRv6 or, in languages that it does not read, with EasyOCR."""

    name: ClassVar[str] = "ocr"
    kind: ClassVar[FindingKind] = "text"
    description: ClassVar[str] = "reads the text in the picture, line by line, with scores"
    cues: ClassVar[tuple[str, ...]] = tuple(_CUES.replace("\n", " ").strip().split(", "))
    uses_question: ClassVar[bool] = False
    side_by_side: ClassVar[bool] = True

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._engine: Engine | None = None
        self._lock = threading.Lock()

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Choose a reader. Raises InputError if `settings.ocr_model` is none of CHOICES, or lacks a language."""
        return cls(READERS[_chosen(settings)].from_settings(settings))

    @property
    def vocabulary(self) -> Collection[str]:
        return ()

    @property
    def fingerprint(self) -> str:
        return self._reader.fingerprint

    def available(self) -> str | None:
        return self._reader.available()

    def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
        """Return the lines in reading order, a blank line in `text` between columns and paragraphs.

        Raises:
            InputError: The reader does not know a language of the settings.
            ModelUnavailable: Its weights are not here and cannot be had.
        """
        engine = self._loaded()
        started = time.perf_counter()
        pieces = [Region(p.xyxy, clean(p.label), p.score) for p in engine.read(image.pil)]
        legible = [p for p in pieces if p.score >= _READABLE and any(c.isalnum() for c in p.label)]
        kept, notes = capped(blocks(legible))
        if len(legible) < len(pieces):
            notes.insert(0, f"{counted('unreadable piece', len(pieces) - len(legible))} dropped")
        return Finding(
            expert=self.name,
            kind=self.kind,
            text="\n\n".join("\n".join(line.label for line in block) for block in kept) or "no text found",
            regions=tuple(line for block in kept for line in block),
            model=self._reader.model,
            seconds=time.perf_counter() - started,
            notes=tuple(notes),
            size=image.pil.size,
        )

    def unload(self) -> None:
        self._engine = None

    def _loaded(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self._engine = self._reader.load()
            return self._engine


def _chosen(settings: Settings) -> str:
    if settings.ocr_model not in CHOICES:
        raise InputError(unknown_name("ocr_model", settings.ocr_model, list(CHOICES)))
    if settings.ocr_model != "auto":
        return settings.ocr_model
    return PpOcr.name if LANGUAGES.issuperset(settings.ocr_languages) else EasyOcr.name


def capped(found: Sequence[Block]) -> tuple[list[Block], list[str]]:
    """Return at most `_MAX_LINES` lines of at most `_MAX_LINE` characters, and what was cut, in words."""
    kept: list[Block] = []
    lines = long = 0
    for block in found:
        part = block[: _MAX_LINES - lines]
        long += sum(len(line.label) > _MAX_LINE for line in part)
        lines += len(part)
        if part:
            kept.append([_short(line) for line in part])
    notes = [f"{counted('line', long)} cut to {_MAX_LINE} characters"] if long else []
    more = sum(map(len, found)) - lines
    return kept, [*notes, f"{counted('line', more)} after the first {_MAX_LINES} left out"] if more else notes


def _short(line: Region) -> Region:
    """Return a line of at most `_MAX_LINE` characters; what is cut has no parts, since none ends there."""
    return line if len(line.label) <= _MAX_LINE else Region(line.xyxy, line.label[:_MAX_LINE].rstrip(), line.score)
