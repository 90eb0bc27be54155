"""A core that repeats its prompt: deterministic, without weights, for tests and for looking at what a core is given."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import ClassVar, Self

from vqa.protocols import CoreFacts
from vqa.registry import register_core
from vqa.settings import Settings
from vqa.values import GenerationOptions, LoadedImage, Token


@register_core
class EchoCore:
    """Answers with the words of its prompt; a token is a word with the blanks around it."""

    name: ClassVar[str] = "echo"
    description: ClassVar[str] = "repeats its prompt; needs no weights"
    markers: tuple[str, ...] = ()

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls()

    @property
    def max_prompt_tokens(self) -> int:
        return 2000

    def available(self) -> str | None:
        return None

    def facts(self) -> CoreFacts:
        """Return that it takes nothing."""
        return CoreFacts(size=0, memory=0, offline=True)

    def render(self, question: str, evidence: Sequence[str], history: Sequence[tuple[str, str]] = ()) -> str:
        """Return the earlier turns, the evidence lines and the question, one a line."""
        return "\n".join([*(text for turn in history for text in turn), *evidence, question])

    def count_tokens(self, text: str) -> int:
        return len(_words(text))

    def stream(self, image: LoadedImage, prompt: str, options: GenerationOptions) -> Iterator[Token]:
        """Yield the prompt's words, at most `max_new_tokens`, each with certainty."""
        for word in _words(prompt)[: options.max_new_tokens]:
            yield Token(word, 0.0)

    def generate(self, batch: Sequence[tuple[LoadedImage, str]], options: GenerationOptions) -> list[tuple[Token, ...]]:
        return [tuple(self.stream(image, prompt, options)) for image, prompt in batch]


def _words(text: str) -> list[str]:
    return re.findall(r"\s*\S+\s*", text) or ([text] if text else [])
