"""The `people` expert: whom a picture of somebody shows, a man, a woman, a boy or a girl, as people would call them.

A detector finds people; asked how many women there are, each of them is looked at here, and so is each face: how old it
looks, and whether it smiles. What somebody is nobody sees in a picture: told is how likely people who describe such
pictures say "woman".
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from vqa.boxes import moved
from vqa.experts.persons import faces, sorts
from vqa.experts.persons.faces.networks import HAS
from vqa.experts.scenes import heads
from vqa.fingerprints import fingerprint
from vqa.networks import SIGHT
from vqa.registry import register_expert
from vqa.settings import Settings
from vqa.values import CLASS_SCORE, Finding, FindingKind, LoadedImage, Question, Region
from vqa.weights import Store

if TYPE_CHECKING:
    from PIL.Image import Image

    from vqa.experts.persons.faces.finder import Face, FaceFinder
    from vqa.experts.persons.faces.networks import FaceReader
    from vqa.networks.sight import Sight

MODEL = "efficientnet-lite2"
FACE, FACING, FEMALE, AGED, SMILING = "face", "facing", "female", "aged", "smiling"
"""What is told of a face: where it is, how likely it looks towards the camera, and is called female, "aged 35", and how
likely it smiles; and how likely it has each of HAS."""
ASIDE, DOWN = 0.7, 0.5
"""What a face loses of its weight to be somebody's at the sides of a picture of them, and at its foot."""
LEAST_WIDTH = 20
"""Pixels across from which something is told of a face: at first only of who somebody is."""
WITHIN_TEN_YEARS = 0.7
"""How likely somebody's age is no farther from what is told; supposed (docs/measurements.md, "Faces")."""
_FOLDER = Path(sorts.__file__).parent
_NETWORKS = (".py", ".tflite", ".onnx", ".safetensors")


@register_expert
class PeopleExpert:
    """Tells men, women, boys and girls apart, and what their faces say."""

    name: ClassVar[str] = "people"
    kind: ClassVar[FindingKind] = "people"
    description: ClassVar[str] = (
        "tells men, women, boys and girls apart, and what faces show: age, smiles, glasses, hats"
    )
    cues: ClassVar[tuple[str, ...]] = ()
    vocabulary: ClassVar[tuple[str, ...]] = (*sorts.SORTS, FACE, FACING, FEMALE, AGED, SMILING, *HAS)
    uses_question: ClassVar[bool] = False
    side_by_side: ClassVar[bool] = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store = Store.from_settings(settings)
        self._loaded: tuple[Sight, heads.Heads, FaceFinder, FaceReader] | None = None
        self._loading = threading.Lock()

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(settings)

    @property
    def fingerprint(self) -> str | None:
        of_faces = sorted(file for file in Path(faces.__file__).parent.iterdir() if file.suffix in _NETWORKS)
        code = (Path(__file__), *sorted(_FOLDER.glob("*.py")), sorts.FILE, Path(heads.__file__), *of_faces, *SIGHT)
        packages = ("torch", "onnxruntime", "ai-edge-litert")
        return fingerprint((), self._store.model(MODEL).hashes, code=code, packages=packages)

    def available(self) -> str | None:
        return None if self._loaded is not None else self._store.why_missing(MODEL, "the built-in vision network")

    def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
        """Return how likely somebody whom the picture shows is of each sort, the likeliest first, as whole pictures.

        After them come the faces, theirs first, and what is told of that one, if it is large enough.

        Raises:
            ModelUnavailable: The weights are not here and cannot be had.
        """
        import torch

        from vqa.networks.sight import pooled

        sight, of_people, finder, reader = self._ready()
        started = time.perf_counter()
        with torch.inference_mode():
            told = sorts.shares(of_people.shares(pooled(sight.tokens(image))).tolist())
        whole = (0.0, 0.0, float(image.pil.width), float(image.pil.height))
        regions = [Region(whole, name, p) for name, p in sorted(told.items(), key=lambda item: -item[1])]
        regions += _faces(image.pil, finder, reader)
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

    def refined(self, first: Finding, closer: Finding, area: tuple[int, int, int, int]) -> Finding:
        """Return what the whole picture shows, and who those are that were looked at, with one more of them.

        Somebody's surroundings tell of them, too: on a playground are children. And so does their face.
        """
        x0, y0, x1, y1 = map(float, area)
        number = len(sorts.SORTS)
        picture, alone = ({r.label: r.score for r in found.regions[:number]} for found in (first, closer))
        if not alone.keys() == picture.keys() == {*sorts.SORTS}:
            return first
        face = [replace(region, xyxy=moved(region.xyxy, x0, y0)) for region in closer.regions[number:]]
        told = sorts.together(alone, picture, _of_face(face))
        likeliest = sorted(told.items(), key=lambda item: -item[1])
        somebody = [*(Region((x0, y0, x1, y1), name, p) for name, p in likeliest), *face]
        others = sum(region.label in sorts.SORTS for region in first.regions) > number
        before = (first.text,) if others else ()
        text = "; ".join((*before, _told(somebody)))
        return replace(first, text=text, regions=(*first.regions, *somebody))

    def unload(self) -> None:
        self._loaded = None

    def _ready(self) -> tuple[Sight, heads.Heads, FaceFinder, FaceReader]:
        from vqa.experts.persons.faces.finder import FaceFinder
        from vqa.experts.persons.faces.networks import FaceReader
        from vqa.networks.sight import sight

        with self._loading:
            if self._loaded is None:
                self._loaded = sight(self._settings), heads.Heads.load(sorts.FILE), FaceFinder(), FaceReader()
            return self._loaded


def _faces(picture: Image, finder: FaceFinder, reader: FaceReader) -> list[Region]:
    """Return the faces of a picture of somebody, theirs first, and what is told of that one."""
    found = sorted(finder.find(picture), key=lambda face: -_theirs(face, picture.size))
    regions = [Region(face.xyxy, FACE, face.score) for face in found]
    if not found or found[0].width < LEAST_WIDTH:
        return regions
    told, age = reader.read(picture, found[0]), WITHIN_TEN_YEARS
    shares = {FACING: found[0].facing, FEMALE: told.female, f"{AGED} {told.age:.0f}": age, SMILING: told.smiling}
    shares |= told.has
    return [*regions, *(Region(found[0].xyxy, label, share) for label, share in shares.items())]


def _theirs(face: Face, size: tuple[int, int]) -> float:
    """Return how much a face weighs to be that of whom a picture shows: large, in the middle and at the top of it."""
    x0, y0, x1, y1 = face.xyxy
    aside, down = abs((x0 + x1) / size[0] - 1), (y0 + y1) / 2 / size[1]
    return face.width * face.score * max(1 - ASIDE * aside, 0) * max(1 - DOWN * down, 0)


def _of_face(face: Sequence[Region]) -> sorts.OfAFace | None:
    """Return what `_faces` told of their face; None if nothing."""
    female = next((region for region in face if region.label == FEMALE), None)
    age = next((region.label for region in face if region.label.startswith(AGED)), "")
    if female is None or not age:
        return None
    return sorts.OfAFace(female.xyxy[2] - female.xyxy[0], female.score, float(age.removeprefix(AGED)))


def _told(somebody: Sequence[Region]) -> str:
    """Return "woman 0.85, smiling 0.97, aged 35"."""
    first, age = somebody[0], [region.label for region in somebody if region.label.startswith(AGED)]
    looks = (SMILING, *HAS)
    so = [f"{r.label} {r.score:.2f}" for r in somebody if r.label in looks and r.score >= CLASS_SCORE]
    return ", ".join((f"{first.label} {first.score:.2f}", *so, *age))
