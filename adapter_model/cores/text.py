"""Any text language model that transformers loads: it reads what the experts found and never sees the picture.

That makes it the baseline of every other core: what they answer better, they owe to the pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from vqa.adapter_model.once import once
from vqa.adapter_model.transformers_core import TransformersCore
from vqa.registry import register_core
from vqa.values import LoadedImage


@register_core
class TextCore(TransformersCore):
    """A text language model."""

    name = "text:OWNER/NAME"
    description: ClassVar[str] = "any text language model; it reads the experts' findings and sees no picture"
    model_class: ClassVar[str] = "AutoModelForCausalLM"

    def sees(self) -> bool:
        """Return whether the picture reaches the language model."""
        return False

    @once
    def _processor(self) -> Any:
        tokenizer = self._loaded("AutoTokenizer")
        tokenizer.padding_side = "left"
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token or "!"  # never looked at
        return tokenizer

    def _content(self, text: str, *, pictured: bool) -> Any:
        return text

    def _inputs(self, rows: Sequence[tuple[LoadedImage, str]]) -> Mapping[str, Any]:
        prompts = [prompt for _, prompt in rows]
        templated = bool(self._tokenizer.chat_template)  # which puts what begins a text
        inputs = self._tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=not templated)
        found: Mapping[str, Any] = inputs.to(self._model.device)
        return {name: found[name] for name in ("input_ids", "attention_mask")}
