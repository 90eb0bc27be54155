"""The `people` expert: whom a picture of somebody shows, a man, a woman, a boy or a girl, as people would call them.

A detector finds people; asked how many women there are, each of them is looked at here. What somebody is nobody sees
in a picture: told is how likely people who describe such pictures say "woman".
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from vqa.experts.persons import sorts
from vqa.experts.scenes import heads
from vqa.fingerprints import fingerprint
from vqa.networks import SIGHT
from vqa.registry import register_expert
from vqa.settings import Settings
from vqa.values import Finding, FindingKind, LoadedImage, Question, Region
from vqa.weights import Store
from vqa.words import listed

if TYPE_CHECKING:
    from vqa.networks.sight import Sight

MODEL = "efficientnet-lite2"
_FOLDER = Path(sorts.__file__).parent


@register_expert
class PeopleExpert:
    """Tells men, women, boys and girls apart."""

    name: ClassVar[str] = "people"
    kind: ClassVar[FindingKind] = "people"
    description: ClassVar[str] = "tells men, women, boys and girls apart among the people that a detector finds"
    cues: ClassVar[tuple[str, ...]] = ()
    vocabulary: ClassVar[tuple[str, ...]] = sorts.SORTS
    uses_question: ClassVar[bool] = False
    side_by_side: ClassVar[bool] = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store = Store.from_settings(settings)
        self._loaded: tuple[Sight, heads.Heads] | None = None
        self._loading = threading.Lock()

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(settings)

    @property
    def fingerprint(self) -> str | None:
        code = (Path(__file__), *sorted(_FOLDER.glob("*.py")), sorts.FILE, Path(heads.__file__), *SIGHT)
        return fingerprint((), self._store.model(MODEL).hashes, code=code, packages=("torch",))

    def available(self) -> str | None:
        return None if self._loaded is not None else self._store.why_missing(MODEL, "the built-in vision network")

    def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
        """Return how likely somebody whom the picture shows is of each sort, the likeliest first, as whole pictures.

        Raises:
            ModelUnavailable: The weights are not here and cannot be had.
        """
        import torch

        from vqa.networks.sight import pooled

        sight, of_people = self._ready()
        started = time.perf_counter()
        with torch.inference_mode():
            told = sorts.shares(of_people.shares(pooled(sight.tokens(image))).tolist())
        whole = (0.0, 0.0, float(image.pil.width), float(image.pil.height))
        regions = tuple(Region(whole, name, p) for name, p in sorted(told.items(), key=lambda item: -item[1]))
        return Finding(
            expert=self.name,
            kind=self.kind,
            text=f"{regions[0].label} {regions[0].score:.2f}",
            regions=regions,
            model=MODEL,
            seconds=time.perf_counter() - started,
            vocabulary=self.vocabulary,
            size=image.pil.size,
        )

    def refined(self, first: Finding, closer: Finding, area: tuple[int, int, int, int]) -> Finding:
        """Return what the whole picture shows, and who those are that were looked at, with one more of them.

        Somebody's surroundings tell of them, too: on a playground are children.
        """
        x0, y0, x1, y1 = map(float, area)
        number = len(sorts.SORTS)
        picture, alone = ({r.label: r.score for r in found.regions[:number]} for found in (first, closer))
        told = sorts.together(alone, picture) if alone.keys() == picture.keys() else {}
        likeliest = sorted(told.items(), key=lambda item: -item[1])
        regions = (*first.regions, *(Region((x0, y0, x1, y1), name, p) for name, p in likeliest))
        each = regions[number::number]
        return replace(
            first, text=listed([f"{one.label} {one.score:.2f}" for one in each or regions[:1]]), regions=regions
        )

    def unload(self) -> None:
        self._loaded = None

    def _ready(self) -> tuple[Sight, heads.Heads]:
        from vqa.networks.sight import sight

        with self._loading:
            if self._loaded is None:
                self._loaded = sight(self._settings), heads.Heads.load(sorts.FILE)
            return self._loaded
