"""The `classify` expert: what the whole picture shows, one of ImageNet's 1,000 classes, by the built-in vision network.

A detector knows 80 classes and finds each thing; this one tells a tiger from a lion, a beagle from a poodle and an
espresso from a tea cup, but not where it is, nor what else there is.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from vqa.experts.classes import imagenet
from vqa.fingerprints import fingerprint
from vqa.networks import SIGHT
from vqa.registry import register_expert
from vqa.settings import Settings
from vqa.values import CLASS_SCORE, Finding, FindingKind, LoadedImage, Question, Region
from vqa.weights import Store

if TYPE_CHECKING:
    from vqa.networks.sight import Sight

MODEL = "efficientnet-lite2"
LEAST = 0.01
"""Classes below this share are left out."""
_MOST_TOLD = 3
_CLASSES = tuple(dict.fromkeys(one.name for one in imagenet.classes()))
_KNOWN = tuple(dict.fromkeys((*_CLASSES, *(kind for one in imagenet.classes() for kind in one.kinds))))
_CUES = "breed, species, classify, identify, 품종, 무슨 종류, 어떤 종류, 이게 뭐"


@register_expert
class ClassifyExpert:
    """Names what the picture as a whole shows."""

    name: ClassVar[str] = "classify"
    kind: ClassVar[FindingKind] = "classes"
    description: ClassVar[str] = "names what the whole picture shows: breeds, food, tools, … (ImageNet's 1,000)"
    cues: ClassVar[tuple[str, ...]] = tuple(_CUES.split(", "))
    uses_question: ClassVar[bool] = False
    side_by_side: ClassVar[bool] = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store = Store.from_settings(settings)
        self._sight: Sight | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(settings)

    @property
    def vocabulary(self) -> Collection[str]:
        """The classes, and the kinds that they are of: asked for a fox, it knows five."""
        return _KNOWN

    @property
    def fingerprint(self) -> str | None:
        code = (Path(__file__), imagenet.FILE, *SIGHT)
        return fingerprint((LEAST,), self._store.model(MODEL).hashes, code=code, packages=("torch",))

    def available(self) -> str | None:
        return None if self._sight is not None else self._store.why_missing(MODEL, "the built-in vision network")

    def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
        """Return the likeliest classes, best first, each as a region that is the whole picture.

        Raises:
            ModelUnavailable: The weights are not here and cannot be had.
        """
        sight = self._loaded()
        started = time.perf_counter()
        width, height = image.pil.size
        whole = (0.0, 0.0, float(width), float(height))
        shares: defaultdict[imagenet.ImageClass, float] = defaultdict(float)
        for one, share in zip(imagenet.classes(), sight.classes(image).tolist(), strict=True):
            shares[one] += share
        regions = [
            Region(whole, one.name, share, kinds=one.kinds)
            for one, share in sorted(shares.items(), key=lambda item: -item[1])
            if share >= LEAST
        ]
        return Finding(
            expert=self.name,
            kind=self.kind,
            text=_told(regions),
            regions=tuple(regions),
            model=MODEL,
            seconds=time.perf_counter() - started,
            vocabulary=_CLASSES,
            size=image.pil.size,
        )

    def refined(self, first: Finding, closer: Finding, area: tuple[int, int, int, int]) -> Finding:
        """Return what a part of the picture shows: which of its things was asked for, the whole did not tell."""
        x0, y0, x1, y1 = map(float, area)
        regions = tuple(replace(region, xyxy=(x0, y0, x1, y1)) for region in closer.regions)
        return replace(first, text=closer.text, regions=regions)

    def unload(self) -> None:
        self._sight = None

    def _loaded(self) -> Sight:
        if self._sight is None:
            from vqa.networks.sight import sight

            self._sight = sight(self._settings)
        return self._sight


def _told(regions: Sequence[Region]) -> str:
    """Return "espresso 0.85", or what it may be: "not sure: sink 0.45, hot tub 0.08"."""
    first = [f"{region.label} {region.score:.2f}" for region in regions[:_MOST_TOLD]]
    if regions and regions[0].score >= CLASS_SCORE:
        return first[0]
    return f"not sure: {', '.join(first)}" if first else "not sure of anything"
