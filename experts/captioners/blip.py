"""BLIP writes the caption (arXiv 2201.12086; transformers' BlipForConditionalGeneration)."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from vqa.devices import choose_device, choose_dtype
from vqa.errors import ModelUnavailable
from vqa.fingerprints import file_identity, fingerprint
from vqa.settings import Settings

if TYPE_CHECKING:
    from vqa.values import LoadedImage

_log = logging.getLogger(__name__)

# Beams and length as in the paper's captioning runs (§5.2 and its released configuration).
_NUM_BEAMS = 3
_MAX_NEW_TOKENS = 20


class BlipCaptioner:
    """A BLIP captioner from the Hugging Face hub or a folder; loads on first use.

    Args:
        model: Hub name or folder.
        device: As in the settings.
        dtype: As in the settings.
        offline: Use only what is on disk.
    """

    def __init__(self, model: str, *, device: str = "auto", dtype: str = "auto", offline: bool = False) -> None:
        self.model, self.rough = model, False
        self._device = device
        self._dtype = dtype
        self._offline = offline
        self._loaded: tuple[Any, Any] | None = None
        self._lock = threading.Lock()

    @classmethod
    def from_settings(cls, settings: Settings) -> Self | None:
        """Return the captioner the settings name, if they name one."""
        if not settings.caption_model:
            return None
        model, device, dtype = settings.caption_model, settings.device, settings.dtype
        return cls(model, device=device, dtype=dtype, offline=settings.offline)

    @property
    def fingerprint(self) -> str | None:
        """What a caption depends on besides the picture; None as long as a model of the hub is not in its cache."""
        if _is_folder(self.model):
            files = sorted(Path(self.model).expanduser().glob("*"))
            weights = [file_identity(file) for file in files if file.is_file()]
        else:
            from huggingface_hub import try_to_load_from_cache

            config = try_to_load_from_cache(self.model, "config.json")  # its folder's name is the revision
            weights = [config] if isinstance(config, str) else []
        if not weights:
            return None
        settings = (self.model, self._device, self._dtype, _NUM_BEAMS, _MAX_NEW_TOKENS)
        return fingerprint(settings, weights, code=(Path(__file__),), packages=("transformers",))

    def available(self) -> str | None:
        """Return None if captioning can be tried here, else one line: what is missing and what mends it."""
        if _is_folder(self.model):
            if (Path(self.model).expanduser() / "config.json").is_file():
                return None
            return f"no captioner: caption_model={self.model!r} is no BLIP folder (it has no config.json)"
        if not self._offline:
            return None
        from huggingface_hub import try_to_load_from_cache

        if isinstance(try_to_load_from_cache(self.model, "config.json"), str):
            return None
        return f"no captioner: {self.model} is not in the Hugging Face cache; run `vqa caption` once with a network"

    def unload(self) -> None:
        self._loaded = None

    def _load_once(self) -> tuple[Any, Any]:
        """Return model and processor. Raises ModelUnavailable, InputError for a device that is not there."""
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def captions(self, images: Sequence[LoadedImage]) -> list[list[tuple[str, float]]]:
        """Return sentences for each picture, each with the geometric mean of its tokens' probabilities, in [0, 1]."""
        return [self._captions(image) for image in images]

    def _captions(self, image: LoadedImage) -> list[tuple[str, float]]:
        import torch

        model, processor = self._load_once()
        inputs = processor(images=image.pil, return_tensors="pt")
        pixels = inputs["pixel_values"].to(model.device, model.dtype)  # (1, 3, S, S), S the model's own size
        with self._lock, torch.inference_mode():
            written = model.generate(
                pixel_values=pixels,
                num_beams=_NUM_BEAMS,
                num_return_sequences=_NUM_BEAMS,
                do_sample=False,
                length_penalty=1.0,  # so that a beam's score is the mean log-probability of its tokens
                max_new_tokens=_MAX_NEW_TOKENS,
                return_dict_in_generate=True,
                output_scores=True,
            )
        texts = processor.batch_decode(written.sequences[:, 1:], skip_special_tokens=True)  # the first starts them all
        scores = [min(math.exp(score), 1.0) for score in written.sequences_scores.tolist()]
        return [(" ".join(text.split()), score) for text, score in zip(texts, scores, strict=True)]

    def _load(self) -> tuple[Any, Any]:
        from transformers import BlipForConditionalGeneration, BlipProcessor

        device = choose_device(self._device)
        dtype = choose_dtype(self._dtype, device)
        source = str(Path(self.model).expanduser()) if _is_folder(self.model) else self.model
        try:
            with _no_progress_bar():
                processor = BlipProcessor.from_pretrained(source, local_files_only=self._offline)
                # Safetensors are taken where the repository has them; a pickle is read with weights_only.
                loaded: Any = BlipForConditionalGeneration.from_pretrained(
                    source,
                    local_files_only=self._offline,
                    dtype=dtype,
                    output_loading_info=True,
                )
        except Exception as error:  # an unreachable hub and a broken folder raise whatever their libraries raise
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise ModelUnavailable(
                f"caption_model={self.model!r} cannot be loaded: {reason[0]}; "
                "give a BLIP folder or hub name (Salesforce/blip-image-captioning-base)"
            ) from None
        model, report = loaded
        missing = sorted(report["missing_keys"])
        if missing:
            raise ModelUnavailable(
                f"caption_model={self.model!r} is no BLIP captioner: {len(missing)} weights missing, first {missing[0]}"
            )
        for key in sorted(report["unexpected_keys"]):
            _log.info("%s: weight %s is not used", self.model, key)
        return model.to(device).eval(), processor


def _is_folder(model: str) -> bool:
    """Return whether the user means a folder: a hub name is NAME or OWNER/NAME."""
    return model.startswith((".", "/", "~")) or model.count("/") > 1 or "\\" in model or Path(model).is_dir()


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    from transformers.utils import logging as transformers_logging

    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
