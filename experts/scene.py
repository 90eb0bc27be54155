"""The `scene` expert: what the whole picture is like: outdoors, at night, in snow, with somebody sitting.

A detector finds things and the `classify` expert names one; nobody of them knows the weather. Linear heads on the
same vision network do, fitted on what people say of pictures (experts/scenes/).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from vqa.experts import scenes
from vqa.experts.detectors import colors
from vqa.experts.scenes.concepts import CONCEPTS, GRAY
from vqa.fingerprints import fingerprint
from vqa.networks import SIGHT
from vqa.registry import register_expert
from vqa.settings import Settings
from vqa.values import Finding, FindingKind, LoadedImage, Question, Region
from vqa.weights import Store

if TYPE_CHECKING:
    from vqa.experts.scenes.heads import Heads
    from vqa.networks.sight import Sight

MODEL = "efficientnet-lite2"
LEAST = 0.01
"""Concepts below this share are left out."""
BACKGROUND = "background"
"""The region that has the colour of the picture's sides."""
MOSTLY = "most of it"
"""The region that has the colour of most of the picture; its score is the share of it."""
PARTLY = "part of it"
"""The regions that have the colours of much of the picture, with their shares of it."""
_TOLD = 0.5
_MUCH = 0.3
"""Share from which a colour is that of most of a picture."""
_SOME = 0.1
"""Share from which it is one of a picture's colours; beside one of more than half of it, a lesser one."""
_FOLDER = Path(scenes.__file__).parent


@register_expert
class SceneExpert:
    """Tells what the picture as a whole is like."""

    name: ClassVar[str] = "scene"
    kind: ClassVar[FindingKind] = "scene"
    description: ClassVar[str] = "tells what the whole picture is like: weather, season, what is around, what is done"
    cues: ClassVar[tuple[str, ...]] = ("weather", "season", "time of day", "날씨", "계절")
    uses_question: ClassVar[bool] = False
    side_by_side: ClassVar[bool] = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store = Store.from_settings(settings)
        self._loaded: tuple[Sight, Heads] | None = None
        self._loading = threading.Lock()

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(settings)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        return tuple(CONCEPTS)

    @property
    def fingerprint(self) -> str | None:
        of_colors = (Path(colors.__file__), Path(colors.__file__).with_name(colors.FILE))
        code = (Path(__file__), *sorted(_FOLDER.glob("*.py")), _FOLDER / "heads.safetensors", *of_colors, *SIGHT)
        return fingerprint((LEAST,), self._store.model(MODEL).hashes, code=code, packages=("torch",))

    def available(self) -> str | None:
        return None if self._loaded is not None else self._store.why_missing(MODEL, "the built-in vision network")

    def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
        """Return the likely concepts, best first, each as a region that is the whole picture.

        Raises:
            ModelUnavailable: The weights are not here and cannot be had.
        """
        import torch

        from vqa.experts.scenes.heads import colors_of, features, is_gray

        sight, heads = self._ready()
        started = time.perf_counter()
        width, height = image.pil.size
        with torch.inference_mode():
            small = colors_of(image.pil)
            shares = heads.shares(features(sight.tokens(image), small))
            told = {**dict(zip(heads.names, shares.tolist(), strict=True)), GRAY: float(is_gray(small))}
        whole = (0.0, 0.0, float(width), float(height))
        likeliest = sorted(told.items(), key=lambda item: -item[1])
        regions = [Region(whole, name, p, kinds=(CONCEPTS[name],)) for name, p in likeliest if p >= LEAST]
        color, p = colors.color_of_background(image.pil)
        regions += [Region(whole, BACKGROUND, p, color=color)] if color else []
        largest, *others = colors.shares_of_colors(image.pil)
        regions += [Region(whole, MOSTLY, largest[1], color=largest[0])] if largest[1] >= _MUCH else []
        least = _SOME * min(1.0, 2 * (1 - largest[1]))
        regions += [Region(whole, PARTLY, p, color=color) for color, p in (largest, *others) if p >= least]
        return Finding(
            expert=self.name,
            kind=self.kind,
            text=_told(regions),
            regions=tuple(regions),
            model=MODEL,
            seconds=time.perf_counter() - started,
            vocabulary=self.vocabulary,
            size=image.pil.size,
        )

    def unload(self) -> None:
        self._loaded = None

    def _ready(self) -> tuple[Sight, Heads]:
        from vqa.experts.scenes.heads import Heads
        from vqa.networks.sight import sight

        with self._loading:
            if self._loaded is None:
                self._loaded = sight(self._settings), Heads.load()
            return self._loaded


def _told(regions: Collection[Region]) -> str:
    """Return "outdoors 0.99, grass 0.83"; what is likelier not so is left out, and so are colours."""
    told = [f"{r.label} {r.score:.2f}" for r in regions if r.score >= _TOLD and r.label in CONCEPTS]
    return ", ".join(told) or "nothing that is sure"
