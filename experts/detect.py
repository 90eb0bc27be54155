"""The `detect` expert: objects with boxes, by YOLO or by the built-in EfficientDet-Lite2."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from vqa.errors import InputError, ModelUnavailable
from vqa.experts.detectors import coco, colors, yolo_weights
from vqa.experts.detectors.tiling import detect, merge
from vqa.fingerprints import fingerprint
from vqa.registry import register_expert, unknown_name
from vqa.settings import Settings
from vqa.values import COUNT_SCORE, PRESENCE_SCORE, Finding, FindingKind, LoadedImage, Question
from vqa.weights import Store
from vqa.words import describe

if TYPE_CHECKING:
    from vqa.experts.detectors.protocol import Detector

_log = logging.getLogger(__name__)

BUILT_IN = "efficientdet-lite2"
CHOICES = ("auto", "yolo", "efficientdet")

# Counting, presence and place are read from the whole question by the router; these are what it cannot see there.
_CUES = """
object, objects, thing, things, see, detect, under, between, near, holding, wearing, riding,
물체, 물건, 사물, 위에, 앞에, 뒤에, 옆에, 사이에
"""
_DEFAULT_YOLO = str(Settings.__dataclass_fields__["yolo_model"].default)


@register_expert
class DetectExpert:
    """Finds objects of known classes and tells how many there are and where."""

    name: ClassVar[str] = "detect"
    kind: ClassVar[FindingKind] = "objects"
    description: ClassVar[str] = "finds objects of known classes (COCO's 80 by default): how many, where, how sure"
    cues: ClassVar[tuple[str, ...]] = tuple(_CUES.replace("\n", " ").strip().split(", "))
    uses_question: ClassVar[bool] = False
    side_by_side: ClassVar[bool] = True

    def __init__(self, settings: Settings) -> None:
        """Choose nothing and load nothing yet. Raises InputError if `settings.detector` is none of CHOICES."""
        if settings.detector not in CHOICES:
            raise InputError(unknown_name("detector", settings.detector, list(CHOICES)))
        self._settings = settings
        self._store = Store.from_settings(settings)
        self._detector: Detector | None = None
        self._notes: tuple[str, ...] = ()
        self._loading = threading.Lock()

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(settings)

    @property
    def vocabulary(self) -> Collection[str]:
        if self._detector is not None:
            return self._detector.labels
        own_classes = self._settings.detector != "efficientdet" and self._settings.yolo_model != _DEFAULT_YOLO
        return () if own_classes else coco.LABELS

    @property
    def fingerprint(self) -> str | None:
        """None if the settings ask for a YOLO that is not here: the built-in detector must not stand for it."""
        weights = None
        if self._settings.detector != "efficientdet":
            weights = yolo_weights.identity(self._settings.yolo_model, self._store)
            if weights is None and (self._settings.detector == "yolo" or self._settings.yolo_model != _DEFAULT_YOLO):
                return None
        folder = Path(coco.__file__).parent
        settings = (self._settings.tiles, self._settings.device if weights else "cpu", PRESENCE_SCORE, COUNT_SCORE)
        return fingerprint(
            settings,
            weights or BUILT_IN,
            code=(Path(__file__), folder, folder / colors.FILE),
            packages=("ultralytics",) if weights else ("ai-edge-litert",),
        )

    def available(self) -> str | None:
        if self._detector is not None:
            return None
        trouble = self._yolo_problem()
        if self._settings.detector == "yolo" or (trouble and yolo_weights.is_own_file(self._settings.yolo_model)):
            return trouble
        if self._settings.detector == "auto" and trouble is None:
            return None
        return self._built_in_problem()

    def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
        """Return every object with at least PRESENCE_SCORE, best first; `text` tells those with COUNT_SCORE.

        Raises:
            InputError: `yolo_model` is no file, no published model, or no detector.
            ModelUnavailable: Weights or a package are missing and cannot be had.
        """
        detector = self._loaded()
        started = time.perf_counter()
        found = detect(detector, image.pil, PRESENCE_SCORE, with_tiles=self._settings.tiles)
        regions = colors.colored(image.pil, found, COUNT_SCORE)
        return Finding(
            expert=self.name,
            kind=self.kind,
            text=describe(regions, image.pil.size),
            regions=tuple(regions),
            model=detector.name,
            seconds=time.perf_counter() - started,
            notes=self._notes,
            vocabulary=detector.labels,
            size=image.pil.size,
        )

    def refined(self, first: Finding, closer: Finding, area: tuple[int, int, int, int]) -> Finding:
        """Return the picture's objects, and those that only the part showed whole."""
        regions = sorted(merge(first.regions, [(area, closer.regions)], first.size), key=lambda r: -r.score)
        return replace(first, text=describe(regions, first.size), regions=tuple(regions))

    def unload(self) -> None:
        self._detector = None

    def _loaded(self) -> Detector:
        with self._loading:
            if self._detector is None:
                self._detector = self._load()
            return self._detector

    def _load(self) -> Detector:
        if self._settings.detector == "efficientdet":
            return self._load_built_in()
        # A file the user points at is used or refused, never replaced.
        must = self._settings.detector == "yolo" or yolo_weights.is_own_file(self._settings.yolo_model)
        by_default = self._settings.yolo_model == _DEFAULT_YOLO
        if by_default and not must and not yolo_weights.worth_trying(_DEFAULT_YOLO, self._store):
            return self._load_built_in()  # what "auto" means; the finding's `model` says so
        try:
            return self._load_yolo()
        except ModelUnavailable as error:
            if must:
                raise
            fallback = f"{BUILT_IN} instead of {self._settings.yolo_model}: {error}"
            if by_default:  # true of this attempt, not of what is seen: the finding may be kept for later
                _log.warning("%s", fallback)
            else:
                self._notes = (fallback,)
            return self._load_built_in()

    def _load_yolo(self) -> Detector:
        if trouble := self._missing_package():
            raise ModelUnavailable(trouble)
        from vqa.experts.detectors.yolo import Yolo

        weights = yolo_weights.find(self._settings.yolo_model, self._store)
        return Yolo(weights, home=self._store.home, device=self._settings.device)

    def _load_built_in(self) -> Detector:
        if trouble := self._built_in_problem():
            raise ModelUnavailable(trouble)
        from vqa.experts.detectors.efficientdet import INPUT_SIDE, EfficientDetLite2
        from vqa.experts.detectors.mirroring import Mirrored

        return Mirrored(EfficientDetLite2(), INPUT_SIDE)

    def _yolo_problem(self) -> str | None:
        return yolo_weights.problem(self._settings.yolo_model, self._store) or self._missing_package()

    def _missing_package(self) -> str | None:
        if find_spec("ultralytics") is None:
            return "YOLO needs ultralytics; run `pip install ultralytics`"
        if self._settings.yolo_model.endswith(".onnx") and find_spec("onnx") is None:
            return f"{self._settings.yolo_model} needs onnx; run `pip install onnx`"
        return None

    def _built_in_problem(self) -> str | None:
        if find_spec("ai_edge_litert") is None:
            return "the built-in detector needs ai-edge-litert; run `pip install ai-edge-litert`"
        return None
