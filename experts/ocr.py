"""The `ocr` expert: the text in a picture, line by line in reading order, read by EasyOCR."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from vqa.devices import choose_device, choose_dtype
from vqa.experts.reading.lines import Block, blocks, clean
from vqa.fingerprints import file_identity, fingerprint
from vqa.registry import register_expert
from vqa.settings import Settings
from vqa.values import Finding, FindingKind, LoadedImage, Question, Region
from vqa.weights import Store
from vqa.words import counted

if TYPE_CHECKING:
    from vqa.experts.reading.engine import Engine

_CUES = """
read, reads, say, says, said, text, written, write, writing, word, words, letter, letters, spell, spelled,
print, printed, label, labels, title, heading, sign, signs, poster, banner, billboard, menu, page, book,
newspaper, document, screen, receipt, invoice, bill, ticket, price, prices, cost, costs, how much, total,
subtotal, tax, date, year, what time, address, phone number, telephone, website, email, url, number plate,
license plate, licence plate, plate number, number on, what number, which number, brand, logo, company, store
name, shop name, name of the, called, street name, route, jersey,
읽, 글자, 글씨, 문구, 텍스트, 문자, 단어, 쓰여, 쓰인, 써 있, 써있, 적혀, 적힌, 뭐라고, 간판, 표지판,
포스터, 현수막, 메뉴, 영수증, 계산서, 송장, 문서, 제목, 라벨, 상표, 브랜드, 로고, 가격, 얼마, 금액, 합계,
총액, 날짜, 며칠, 몇 시, 몇 년, 주소, 전화번호, 상호, 가게 이름, 회사, 번호판, 차량 번호, 번호가, 몇 번,
이름이
"""
_WEIGHTS = "easyocr-en"
_ENGLISH = ("en",)
_READABLE = 0.2  # a piece with a lower score is more often wrong than right (docs/measurements.md)
_MAX_LINES = 200
_MAX_LINE = 300  # characters


@register_expert
class OcrExpert:
    """Reads text with EasyOCR; the English weights are built in, other languages are EasyOCR's own download."""

    name: ClassVar[str] = "ocr"
    kind: ClassVar[FindingKind] = "text"
    description: ClassVar[str] = "reads the text in the picture, line by line, with scores (EasyOCR)"
    cues: ClassVar[tuple[str, ...]] = tuple(_CUES.replace("\n", " ").strip().split(", "))
    uses_question: ClassVar[bool] = False

    def __init__(
        self,
        store: Store,
        *,
        languages: Sequence[str] = _ENGLISH,
        device: str = "auto",
        dtype: str = "auto",
    ) -> None:
        self._store = store
        self._languages = tuple(languages) or _ENGLISH
        self._device = device
        self._dtype = dtype
        self._engine: Engine | None = None
        self._lock = threading.Lock()

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(
            Store.from_settings(settings),
            languages=settings.ocr_languages,
            device=settings.device,
            dtype=settings.dtype,
        )

    @property
    def vocabulary(self) -> Collection[str]:
        return ()

    @property
    def fingerprint(self) -> str:
        own = sorted(self._own_folder.glob("*.pth")) if self._languages != _ENGLISH else []
        weights = [self._store.model(_WEIGHTS).hashes, *map(file_identity, own)]
        settings = (self._languages, self._device, self._dtype)
        code = Path(__file__)
        return fingerprint(settings, weights, code=(code, code.parent / "reading"), packages=("easyocr", "torch"))

    def available(self) -> str | None:
        if not self._store.offline:
            return None
        if not self._store.present(_WEIGHTS):
            return f"no text reader: run `vqa models pull {_WEIGHTS}` once with a network"
        if self._languages != _ENGLISH and not any(self._own_folder.glob("*.pth")):
            return f"no text reader for {', '.join(self._languages)}: run `vqa read` once with a network"
        return None

    def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
        """Return the lines in reading order, a blank line in `text` between columns and paragraphs.

        Raises:
            InputError: EasyOCR does not know a language of the settings.
            ModelUnavailable: The weights are not here and cannot be had.
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
            model="easyocr " + "+".join(self._languages),
            seconds=time.perf_counter() - started,
            notes=tuple(notes),
            size=image.pil.size,
        )

    @property
    def _own_folder(self) -> Path:
        """Where EasyOCR keeps what it downloads itself."""
        return self._store.home / "easyocr"

    def _loaded(self) -> Engine:
        with self._lock:
            if self._engine is None:
                from vqa.experts.reading.engine import Engine

                device = choose_device(self._device)
                dtype = choose_dtype(self._dtype, device)
                weights = self._store.fetch(_WEIGHTS)
                self._engine = Engine(
                    weights,
                    weights if self._languages == _ENGLISH else self._own_folder,
                    scratch=self._own_folder / "user_network",
                    languages=self._languages,
                    device=device,
                    dtype=dtype,
                    download=not self._store.offline,
                )
            return self._engine


def capped(found: Sequence[Block]) -> tuple[list[Block], list[str]]:
    """Return at most `_MAX_LINES` lines of at most `_MAX_LINE` characters, and what was cut, in words."""
    kept: list[Block] = []
    lines = long = 0
    for block in found:
        part = block[: _MAX_LINES - lines]
        long += sum(len(line.label) > _MAX_LINE for line in part)
        lines += len(part)
        if part:
            kept.append([Region(line.xyxy, line.label[:_MAX_LINE].rstrip(), line.score) for line in part])
    notes = [f"{counted('line', long)} cut to {_MAX_LINE} characters"] if long else []
    more = sum(map(len, found)) - lines
    return kept, [*notes, f"{counted('line', more)} after the first {_MAX_LINES} left out"] if more else notes
