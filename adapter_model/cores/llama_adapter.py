"""Any LLaMA-Adapter V2 on any LLaMA, asked in the Alpaca format that the released ones were trained on.

Format: https://github.com/tatsu-lab/stanford_alpaca (Apache-2.0); weights: `vqa models convert`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from vqa.adapter_model.chosen_adapter import ChosenAdapterCore
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


@register_core
class LlamaAdapterCore(ChosenAdapterCore):
    """A LLaMA and an adapter that the settings name; what the experts found is the instruction's input."""

    name: ClassVar[str] = "llama-adapter"
    description: ClassVar[str] = "any LLaMA with any LLaMA-Adapter V2 (--base-model, --adapter)"
    releases: ClassVar[str] = "https://github.com/OpenGVLab/LLaMA-Adapter/releases"
    markers: tuple[str, ...] = ("###", "<s>", "</s>", "<unk>", "<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>")

    def render(self, question: str, evidence: Sequence[str], history: Sequence[tuple[str, str]] = ()) -> str:
        """Return the question as the instruction and, if there is any, the evidence as its input.

        Alpaca knows one turn only; here: earlier ones stand, in its format, between its introduction and the question.
        """
        template = WITH_INPUT if evidence else WITHOUT_INPUT
        introduction, begin, rest = template.partition(_BEGIN)
        earlier = "".join(TURN.format(instruction=asked, response=said) for asked, said in history)
        return introduction + earlier + (begin + rest).format(instruction=question, input="\n".join(evidence))
