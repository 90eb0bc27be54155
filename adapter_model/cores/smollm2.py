"""SmolLM2-135M-Instruct with a LLaMA-Adapter V2: the built-in core (https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

from vqa.adapter_model.adapter_core import AdapterCore
from vqa.registry import register_core

_END = "<|im_end|>"
STOPS = (_END, "<|im_start|>", "<|endoftext|>")  # any of them ends an answer

# The adapter is trained on exactly this text, a turn of its base's chat template; changing it means training again. No
# system turn: every token is read before the first one is written.
TURN_BEGINS = "<|im_start|>user\n"
TEMPLATE = TURN_BEGINS + "{evidence}Question: {question}<|im_end|>\n<|im_start|>assistant\n"


@register_core
class SmolLM2Core(AdapterCore):
    """A small language model that reads the experts' findings, and the picture once its gates are open."""

    name: ClassVar[str] = "smollm2-135m"
    description: ClassVar[str] = "SmolLM2-135M-Instruct with a LLaMA-Adapter V2; runs on a CPU"
    reads_history: ClassVar[bool] = False  # the adapter learned single turns; earlier ones mislead it (docs/chat.md)
    context: ClassVar[int] = 2048  # the base was trained on 8192, but a long prompt is slow on a CPU
    markers: tuple[str, ...] = (
        "<|endoftext|>",
        "<|im_start|>",
        "<|im_end|>",
        "<repo_name>",
        "<reponame>",
        "<file_sep>",
        "<filename>",
        "<gh_stars>",
        "<issue_start>",
        "<issue_comment>",
        "<issue_closed>",
        "<jupyter_start>",
        "<jupyter_text>",
        "<jupyter_code>",
        "<jupyter_output>",
        "<jupyter_script>",
        "<empty_output>",
    )

    def render(self, question: str, evidence: Sequence[str], history: Sequence[tuple[str, str]] = ()) -> str:
        """Return the full prompt: earlier turns, then one with the evidence lines and the question."""
        earlier = "".join(TEMPLATE.format(evidence="", question=asked) + f"{said}{_END}\n" for asked, said in history)
        return earlier + TEMPLATE.format(evidence="".join(f"{line}\n" for line in evidence), question=question)

    @cached_property
    def end_ids(self) -> tuple[int, ...]:
        return tuple(self._ids(STOPS[0]))

    @cached_property
    def _stop_ids(self) -> frozenset[int]:
        return frozenset(self._ids("".join(STOPS)))
