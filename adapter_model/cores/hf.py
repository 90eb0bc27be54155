"""Any vision-language model that transformers loads: SmolVLM, Qwen-VL, LLaVA, Idefics, PaliGemma and their like.

https://huggingface.co/docs/transformers/main/en/model_doc/auto#transformers.AutoModelForImageTextToText
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from vqa.adapter_model.once import once
from vqa.adapter_model.transformers_core import TransformersCore
from vqa.registry import register_core
from vqa.values import LoadedImage


@register_core
class HubVisionCore(TransformersCore):
    """A vision-language model; the picture stands in the first turn, before its text."""

    name = "hf:OWNER/NAME"
    description: ClassVar[str] = "any vision-language model of the Hugging Face hub, or of a folder"
    model_class: ClassVar[str] = "AutoModelForImageTextToText"

    def sees(self) -> bool:
        """Return whether the picture reaches the language model."""
        return True

    @once
    def _processor(self) -> Any:
        processor = self._loaded("AutoProcessor")
        processor.tokenizer.padding_side = "left"
        if processor.tokenizer.pad_token is None:
            processor.tokenizer.pad_token = processor.tokenizer.eos_token
        return processor

    @property
    def _reserved(self) -> int:
        return self._context // 2  # how many a picture takes depends on its size; the exact number is checked later

    @property
    def _plain_picture(self) -> str:
        adds_its_own = hasattr(self._processor, "num_query_tokens")  # BLIP-2 and InstructBLIP
        return "" if adds_its_own else str(getattr(self._processor, "image_token", ""))

    def _content(self, text: str, *, pictured: bool) -> Any:
        return [*([{"type": "image"}] if pictured else []), {"type": "text", "text": text}]

    def _inputs(self, rows: Sequence[tuple[LoadedImage, str]]) -> Mapping[str, Any]:
        prompts = [prompt for _, prompt in rows]
        bos = self._tokenizer.bos_token
        templated = bos is not None and prompts[0].startswith(bos)  # by the template; it is not wanted twice
        inputs = self._processor(
            text=prompts,
            images=[[image.pil] for image, _ in rows],
            return_tensors="pt",
            padding=True,
            **({"add_special_tokens": False} if templated else {}),
        )
        found: Mapping[str, Any] = inputs.to(self._model.device, self._model.dtype)
        return {name: value for name, value in found.items() if name != "labels"}  # PaliGemma's, for training
