"""The `caption` expert: the whole picture in one sentence, from the first captioner that the settings ask for."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import ClassVar, Protocol, Self

from vqa.errors import ModelUnavailable
from vqa.experts.captioners.adapter import AdapterCaptioner
from vqa.experts.captioners.blip import BlipCaptioner
from vqa.registry import register_expert
from vqa.settings import Settings
from vqa.values import Finding, FindingKind, LoadedImage, Question, Region

_NONE = (
    "no captioner: set caption_model to smollm2-captions (it ships), an adapter's folder, or BLIP "
    "(Salesforce/blip-image-captioning-base)"
)
_DESCRIBING = """
describe, description, caption, happening, happens, going on, summarize, summary, tell me about, about this, story,
what is shown, scene, scenery,
설명, 묘사, 무슨 일, 장면, 상황, 어떤 사진, 무슨 사진, 무슨 그림, 요약
"""
_MORE = """
why, doing, situation, activity, event, mood, atmosphere, weather, season, place, setting, color, colors, colour,
colours, wearing, look like, looks like, what kind,
무엇을 하고, 뭐 하고, 뭐하고, 왜, 분위기, 날씨, 계절, 배경, 색, 무슨 색, 입고
"""


class Captioner(Protocol):
    """Puts a picture into one sentence; constructing one loads nothing.

    Attributes:
        model: Its name.
        rough: Whether it invents so much that it is asked for descriptions alone.
    """

    model: str
    rough: bool

    @property
    def fingerprint(self) -> str | None:
        """What a caption depends on besides the picture; see `vqa.protocols.CacheableExpert`."""
        ...

    @classmethod
    def from_settings(cls, settings: Settings) -> Self | None:
        """Return None if the settings do not ask for this captioner."""
        ...

    def available(self) -> str | None: ...

    def captions(self, images: Sequence[LoadedImage]) -> Sequence[Sequence[tuple[str, float]]]:
        """Return sentences for each picture, the likeliest first, each with its score in [0, 1]; none if it has none.

        To the last bit, those for one do not depend on the others.
        """
        ...

    def unload(self) -> None: ...


CAPTIONERS: tuple[type[Captioner], ...] = (AdapterCaptioner, BlipCaptioner)
"""Asked in this order whether the settings want them."""


@register_expert
class CaptionExpert:
    """Says in one sentence what the picture shows."""

    name: ClassVar[str] = "caption"
    kind: ClassVar[FindingKind] = "caption"
    description: ClassVar[str] = "puts the whole picture into one sentence"
    uses_question: ClassVar[bool] = False
    side_by_side: ClassVar[bool] = True

    def __init__(self, captioner: Captioner | None) -> None:
        self._captioner = captioner
        describing, more = (tuple(cues.replace("\n", " ").strip().split(", ")) for cues in (_DESCRIBING, _MORE))
        self.cues = describing if captioner is None or captioner.rough else (*describing, *more)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        wanted = (captioner.from_settings(settings) for captioner in CAPTIONERS)
        return cls(next((captioner for captioner in wanted if captioner is not None), None))

    @property
    def vocabulary(self) -> Collection[str]:
        return ()

    @property
    def fingerprint(self) -> str | None:
        return None if self._captioner is None else self._captioner.fingerprint

    def available(self) -> str | None:
        return _NONE if self._captioner is None else self._captioner.available()

    def switched_off(self) -> str | None:
        return "no captioner is set" if self._captioner is None else None

    def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
        """Return the caption as text and as the label of one region, the whole picture; others may stand instead.

        Raises:
            ModelUnavailable: No captioner is set, or its weights cannot be had.
            InputError: The settings name a device or dtype that is not there.
        """
        (finding,) = self.look_at_many([image])
        return finding

    def look_at_many(self, images: Sequence[LoadedImage]) -> list[Finding]:
        """Return what `look` would see in each. Raises as it does."""
        if self._captioner is None:
            raise ModelUnavailable(_NONE)
        started = time.perf_counter()
        captions = self._captioner.captions(images)
        seconds = (time.perf_counter() - started) / max(len(images), 1)
        model = self._captioner.model
        return [self._told(model, image, said, seconds) for image, said in zip(images, captions, strict=True)]

    def _told(self, model: str, image: LoadedImage, captions: Sequence[tuple[str, float]], seconds: float) -> Finding:
        width, height = image.pil.size
        whole = (0.0, 0.0, float(width), float(height))
        regions = [Region(whole, text, score) for text, score in captions if text]
        return Finding(
            expert=self.name,
            kind=self.kind,
            text=regions[0].label if regions else "no caption",
            regions=tuple(regions[:1]),
            instead=tuple(regions[1:]),
            model=model,
            seconds=seconds,
            size=image.pil.size,
        )

    def unload(self) -> None:
        if self._captioner is not None:
            self._captioner.unload()
