"""MiniGPT-4 (arXiv 2304.10592): the picture's vectors stand in the prompt of a frozen language model.

`minigpt4` is the paper's: BLIP-2's eyes, one linear, Vicuna; weights: `vqa models convert`. `minigpt4-smollm2` is the
same idea in a size that a CPU answers with.
paper: `###Human: <Img><ImageFeature></Img> <Instruction> ###Assistant:`; here: exactly that, further turns behind it as
the released code goes on after an answer, whose end is `###` itself. Its demonstration also says first that a picture
will be given, which no stage of its training does.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

from vqa.adapter_model.adapter_core import AdapterCore
from vqa.adapter_model.chosen_adapter import ChosenAdapterCore
from vqa.adapter_model.cores.smollm2 import TURN_BEGINS, SmolLM2Core
from vqa.registry import register_core

PLACEHOLDER = "<ImageHere>"
PICTURE = f"<Img>{PLACEHOLDER}</Img>"
SEPARATOR = "###"
TURN = SEPARATOR + "Human: {said}" + f" {SEPARATOR}Assistant:"
_MARKERS = ("<Img>", "</Img>", PLACEHOLDER)


class SoftPromptCore(AdapterCore):
    """A core whose prompt has a place for the picture's vectors."""

    def available(self) -> str | None:
        """Return None if the core can run here, else one line: what is missing and the command that mends it."""
        missing = super().available()
        if missing or self._to_be_fetched or self.sees():
            return missing
        return (
            f"the way of the picture into {self.name} is not trained: "
            f"run `vqa train RECIPE --core {self.name}`, and give --adapter FOLDER"
        )

    def encode(self, text: str, *, vectors: int | None = None) -> list[int]:
        """Return token ids and slots; what stands before and after the picture is tokenised by itself, as released."""
        from vqa.adapter_model.slots import SLOT

        before, *behind = text.split(PLACEHOLDER)
        ids = self._ids(before) if before else []
        for piece in behind:
            ids += [SLOT] * (self._config.visual_len if vectors is None else vectors)
            ids += self._ids(piece) if piece else []
        return ids


@register_core
class MiniGPT4Core(SoftPromptCore, ChosenAdapterCore):
    """Any MiniGPT-4 on its Vicuna, or on any LLaMA."""

    name: ClassVar[str] = "minigpt4"
    description: ClassVar[str] = "MiniGPT-4 on Vicuna or any LLaMA (--base-model, --adapter)"
    releases: ClassVar[str] = "https://github.com/Vision-CAIR/MiniGPT-4"
    markers: tuple[str, ...] = (SEPARATOR, *_MARKERS, "<s>", "</s>", "<unk>")
    stop_texts: ClassVar[tuple[str, ...]] = (SEPARATOR,)

    def render(self, question: str, evidence: Sequence[str], history: Sequence[tuple[str, str]] = ()) -> str:
        """Return the full prompt: the picture in the first turn, the evidence lines before the question in the last."""
        turns = [asked for asked, _ in history]
        turns.append("\n".join([*evidence, question]))
        turns[0] = f"{PICTURE} {turns[0]}"
        answers = [f" {said}" for _, said in history]
        return "".join(TURN.format(said=said) + then for said, then in zip(turns, [*answers, ""], strict=True))

    @cached_property
    def end_ids(self) -> tuple[int, ...]:
        return tuple(self._ids(SEPARATOR))

    @property
    def _stop_ids(self) -> frozenset[int]:
        """Ids that end an answer: the base's own, and the separator's where it is one token."""
        return super()._stop_ids | (frozenset(self.end_ids) if len(self.end_ids) == 1 else frozenset())


@register_core
class MiniGPT4SmolLM2Core(SoftPromptCore, SmolLM2Core):
    """SmolLM2-135M-Instruct that reads a picture's vectors in its own chat format."""

    name: ClassVar[str] = "minigpt4-smollm2"
    description: ClassVar[str] = "MiniGPT-4's idea on SmolLM2-135M-Instruct; runs on a CPU"
    markers: tuple[str, ...] = (*SmolLM2Core.markers, *_MARKERS)
    no_repeat: ClassVar[int] = 3  # its long descriptions go round in circles otherwise (docs/measurements.md)

    def render(self, question: str, evidence: Sequence[str], history: Sequence[tuple[str, str]] = ()) -> str:
        """Return the full prompt: the picture in the first turn, the evidence lines before the question in the last."""
        prompt = super().render(question, evidence, history)
        return prompt.replace(TURN_BEGINS, f"{TURN_BEGINS}{PICTURE}\n", 1)
