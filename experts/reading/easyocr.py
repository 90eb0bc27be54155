"""EasyOCR as a reader of the `ocr` expert: some eighty languages, English from built-in weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from vqa.devices import choose_device, choose_dtype
from vqa.fingerprints import file_identity, fingerprint
from vqa.settings import Settings
from vqa.weights import Store

if TYPE_CHECKING:
    from vqa.experts.reading.protocol import Engine

WEIGHTS = "easyocr-en"
ENGLISH = ("en",)


class EasyOcr:
    """The choice of EasyOCR; the English weights are this project's, those of other languages its own download."""

    name: ClassVar[str] = "easyocr"

    def __init__(self, store: Store, languages: Sequence[str], *, device: str, dtype: str) -> None:
        self._store = store
        self._languages = tuple(languages) or ENGLISH
        self._device = device
        self._dtype = dtype

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        store = Store.from_settings(settings)
        return cls(store, settings.ocr_languages, device=settings.device, dtype=settings.dtype)

    @property
    def model(self) -> str:
        return "easyocr " + "+".join(self._languages)

    @property
    def fingerprint(self) -> str:
        own = sorted(self._own_folder.glob("*.pth")) if self._languages != ENGLISH else []
        weights = [self._store.model(WEIGHTS).hashes, *map(file_identity, own)]
        return fingerprint(
            (self._languages, self._device, self._dtype),
            weights,
            code=(Path(__file__).parent, Path(__file__).parent.parent / "ocr.py"),
            packages=("easyocr", "torch"),
        )

    def available(self) -> str | None:
        if not self._store.offline:
            return None
        if not self._store.present(WEIGHTS):
            return f"no text reader: run `vqa models pull {WEIGHTS}` once with a network"
        if self._languages != ENGLISH and not any(self._own_folder.glob("*.pth")):
            return f"no text reader for {', '.join(self._languages)}: run `vqa read` once with a network"
        return None

    def load(self) -> Engine:
        from vqa.experts.reading.easyocr_engine import EasyOcrEngine

        device = choose_device(self._device)
        dtype = choose_dtype(self._dtype, device)
        weights = self._store.fetch(WEIGHTS, insist=True)  # nobody gets here who did not ask for it
        return EasyOcrEngine(
            weights,
            weights if self._languages == ENGLISH else self._own_folder,
            scratch=self._own_folder / "user_network",
            languages=self._languages,
            device=device,
            dtype=dtype,
            download=not self._store.offline,
        )

    @property
    def _own_folder(self) -> Path:
        """Where EasyOCR keeps what it downloads itself."""
        return self._store.home / "easyocr"
