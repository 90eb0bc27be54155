"""Any LLaMA-Adapter V2 on any LLaMA, asked in the Alpaca format that the released ones were trained on.

Format: https://github.com/tatsu-lab/stanford_alpaca (Apache-2.0); weights: `vqa models convert`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from vqa.adapter_model.adapter_core import AdapterCore
from vqa.adapter_model.checkpoints import WEIGHTS
from vqa.adapter_model.presets import preset_folder, preset_names
from vqa.errors import ModelUnavailable
from vqa.registry import register_core

_INTRODUCTION = "Below is an instruction that describes a task"
_REQUEST = "Write a response that appropriately completes the request."
WITHOUT_INPUT = f"{_INTRODUCTION}. {_REQUEST}\n\n### Instruction:\n{{instruction}}\n\n### Response:"
WITH_INPUT = (
    f"{_INTRODUCTION}, paired with an input that provides further context. {_REQUEST}\n\n"
    "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:"
)
_BEGIN = "### Instruction:"
TURN = f"{_BEGIN}\n{{instruction}}\n\n### Response:{{response}}\n\n"

_RELEASES = "https://github.com/OpenGVLab/LLaMA-Adapter/releases"


@register_core
class LlamaAdapterCore(AdapterCore):
    """A LLaMA and an adapter that the settings name; what the experts found is the instruction's input."""

    name: ClassVar[str] = "llama-adapter"
    description: ClassVar[str] = "any LLaMA with any LLaMA-Adapter V2 (--base-model, --adapter)"
    context: ClassVar[int] = 2047  # what LLaMA 1 was trained on, less the token that begins a text
    markers: tuple[str, ...] = ("###", "<s>", "</s>", "<unk>", "<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>")

    @property
    def adapter(self) -> str:
        if missing := self._missing_adapter():
            raise ModelUnavailable(missing)
        return self._settings.adapter

    @property
    def base_model(self) -> str:
        return self._settings.base_model or super().base_model

    def available(self) -> str | None:
        return self._missing_adapter() or super().available()

    def render(self, question: str, evidence: Sequence[str], history: Sequence[tuple[str, str]] = ()) -> str:
        """Return the question as the instruction and, if there is any, the evidence as its input.

        Alpaca knows one turn only; here: earlier ones stand, in its format, between its introduction and the question.
        """
        template = WITH_INPUT if evidence else WITHOUT_INPUT
        introduction, begin, rest = template.partition(_BEGIN)
        earlier = "".join(TURN.format(instruction=asked, response=said) for asked, said in history)
        return introduction + earlier + (begin + rest).format(instruction=question, input="\n".join(evidence))

    def convert(self, source: Path, folder: Path) -> list[str]:
        """Write a released .pth checkpoint as an adapter's folder; return what there is to say about it.

        Raises:
            InputError: Not a released checkpoint, damaged, of another base model than the settings name, or there is
                an adapter in `folder` already.
        """
        from vqa.adapter_model.convert import convert

        return convert(source, folder, self._settings)

    def _missing_adapter(self) -> str | None:
        name = self._settings.adapter
        if not name:
            return "no adapter chosen: give --adapter a folder, or owner/name on the hub"
        if name in preset_names() and not (preset_folder(name) / WEIGHTS).is_file():
            return (
                f"preset {name!r} comes without weights: get its .pth from {_RELEASES}, "
                "run `vqa models convert FILE.pth FOLDER`, and give --adapter FOLDER"
            )
        return None

    @cached_property
    def _special_ids(self) -> tuple[tuple[int, ...], frozenset[int]]:
        from vqa.adapter_model.base_model import base_folder, special_ids

        return special_ids(base_folder(self.base_model, self._settings))

    @property
    def begin_ids(self) -> tuple[int, ...]:
        return self._special_ids[0]

    @property
    def _stop_ids(self) -> frozenset[int]:
        return self._special_ids[1]
