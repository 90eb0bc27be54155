"""What every core that is a LLaMA with an adapter does: count tokens, look at pictures, decode alone or in batches.

A core is this class with a name, a prompt format and control strings; nothing loads before it is needed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from vqa.errors import InputError, VQAError
from vqa.settings import Settings
from vqa.values import GenerationOptions, LoadedImage, Token

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from vqa.adapter_model.attention import AdapterKeysValues
    from vqa.adapter_model.config import AdapterConfig
    from vqa.adapter_model.encoder import VisionEncoder
    from vqa.adapter_model.engine import Engine
    from vqa.adapter_model.model import AdapterLlama


class AdapterCore(ABC):
    """A core that decodes with an `AdapterLlama`.

    Attributes:
        context: Tokens for prompt and answer together.
    """

    name: ClassVar[str]
    context: ClassVar[int] = 2048

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._latest: tuple[tuple[str, ...], AdapterKeysValues] | None = None  # of the pictures asked about last

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(settings)

    @abstractmethod
    def render(self, question: str, evidence: Sequence[str]) -> str:
        """Return the full prompt: the core's format around the evidence lines and the question."""

    @property
    def adapter(self) -> str:
        """The adapter: a preset, a folder, or owner/name on the hub."""
        return self._settings.adapter or self.name

    @property
    def base_model(self) -> str:
        """The language model under it: a folder, a name in the weights store, or owner/name on the hub."""
        return self._config.base_model

    @property
    def max_prompt_tokens(self) -> int:
        return max(self.context - self._settings.max_new_tokens, 1)

    def available(self) -> str | None:
        """Return None if the core can run here, else one line: what is missing and the command that mends it."""
        from vqa.adapter_model.hub import is_repo
        from vqa.weights import Store

        if not self._settings.offline and is_repo(self.adapter) and not Path(self.adapter).is_dir():
            return None  # a question about it shall not fetch it
        try:
            vision = self._config.vision
            if not self._settings.offline:
                return None  # what is not here yet is fetched
            needed = [self.base_model, *([vision] if self.sees() else [])]
        except VQAError as error:
            return str(error)
        store = Store.from_settings(self._settings)
        missing = [name for name in needed if name in store.names() and not store.present(name)]
        return f"weights missing: run `vqa models pull {' '.join(missing)}`" if missing else None

    def sees(self) -> bool:
        """Return whether the picture reaches the language model: some visual gate is open. Loads no model.

        Raises:
            InputError: The adapter's folder cannot be read.
        """
        return self._sees

    def count_tokens(self, text: str) -> int:
        return len(self._ids(text))

    def stream(self, image: LoadedImage, prompt: str, options: GenerationOptions) -> Iterator[Token]:
        """Yield the answer piece by piece; a piece is one or more whole characters.

        Raises:
            InputError: The prompt is longer than `max_prompt_tokens`.
            ModelUnavailable: Weights are not here and cannot be had.
        """
        from vqa.adapter_model.generation import TextPieces, decode

        ids = self._checked(prompt, options)
        pieces, logprob = TextPieces(self._tokenizer), 0.0
        for (step,) in decode(self._engine, [ids], self._adapter([image]), options, stop_ids=self._stop_ids):
            if step is None:
                break
            logprob += step[1]
            text = pieces.push(step[0])
            if text:
                yield Token(text, logprob)
                logprob = 0.0
        rest = pieces.flush()
        if rest:
            yield Token(rest, logprob)

    def generate(self, batch: Sequence[tuple[LoadedImage, str]], options: GenerationOptions) -> list[str]:
        """Return one answer for each (picture, prompt), decoded together; each as it would come out alone.

        Raises:
            InputError: A prompt is longer than `max_prompt_tokens`.
            ModelUnavailable: Weights are not here and cannot be had.
        """
        from vqa.adapter_model.generation import decode

        if not batch:
            return []
        prompts = [self._checked(prompt, options) for _, prompt in batch]
        adapter = self._adapter([image for image, _ in batch])
        answers: list[list[int]] = [[] for _ in batch]
        for step in decode(self._engine, prompts, adapter, options, stop_ids=self._stop_ids):
            for answer, chosen in zip(answers, step, strict=True):
                if chosen is not None:
                    answer.append(chosen[0])
        return [self._tokenizer.decode(answer, skip_special_tokens=False) for answer in answers]

    @cached_property
    def _folder(self) -> Path:
        from vqa.adapter_model.checkpoints import adapter_folder

        return adapter_folder(self.adapter, offline=self._settings.offline)

    @cached_property
    def _config(self) -> AdapterConfig:
        from vqa.adapter_model.config import AdapterConfig

        return AdapterConfig.from_file(self._folder / "config.json")

    @cached_property
    def _sees(self) -> bool:
        from vqa.adapter_model.checkpoints import sees

        return sees(self._folder)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        from vqa.adapter_model.base_model import base_folder
        from vqa.adapter_model.loading import load_tokenizer

        return load_tokenizer(base_folder(self.base_model, self._settings))

    @cached_property
    def _model(self) -> AdapterLlama:
        from vqa.adapter_model.loading import load_for_answering

        return load_for_answering(self._settings, self._folder, base_model=self.base_model)

    @cached_property
    def _engine(self) -> Engine:
        from vqa.adapter_model.engine import Engine

        return Engine(self._model)

    @cached_property
    def _encoder(self) -> VisionEncoder:
        from vqa.adapter_model.encoder import VisionEncoder

        config = self._config
        return VisionEncoder(config.vision, self._settings, device=self._model.device, channels=config.channels)

    @property
    @abstractmethod
    def _stop_ids(self) -> frozenset[int]:
        """Ids that end an answer."""

    @property
    def _begin_ids(self) -> tuple[int, ...]:
        """Ids before every prompt, beyond the `context`."""
        return ()

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def _checked(self, prompt: str, options: GenerationOptions) -> list[int]:
        ids, room = self._ids(prompt), self.context - options.max_new_tokens
        if not 0 < len(ids) <= room:
            raise InputError(
                f"the prompt has {len(ids)} tokens; {self.name} takes 1 to {room}, with {options.max_new_tokens} left "
                "for the answer: shorten the question or ask fewer experts"
            )
        return [*self._begin_ids, *ids]

    def _adapter(self, images: Sequence[LoadedImage]) -> AdapterKeysValues:
        """Return the adapter's keys and values for these pictures; with closed gates no picture is looked at."""
        import torch

        seen = tuple(image.sha256 for image in images) if self.sees() else ()
        if self._latest is None or self._latest[0] != seen:
            with torch.inference_mode():
                visual = self._model.visual(self._encoder.features(images)) if seen else None
                self._latest = (seen, self._model.adapter_keys_values(visual))
        return self._latest[1]
