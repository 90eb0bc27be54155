"""What cores share that are models of the Hugging Face hub or of a folder, run by transformers as they come.

A core is this class with a name, a loader, and how it turns prompts and pictures into inputs; nothing loads before it
is needed. The prompt is the model's own chat template around the evidence and the question.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, ClassVar, Self

from vqa.adapter_model.hub import is_repo
from vqa.adapter_model.once import once
from vqa.errors import InputError, ModelUnavailable
from vqa.protocols import CoreFacts
from vqa.registry import member
from vqa.settings import Settings
from vqa.values import GenerationOptions, LoadedImage, Score, Token
from vqa.wording import told

if TYPE_CHECKING:
    from vqa.adapter_model.transformers_decoding import Decoding

_CONTEXT = 2048  # tokens, of a model that does not say
_PLAIN = "{question}\nAnswer:"  # for a model without a chat template


class TransformersCore(ABC):
    """A core that answers with any one of transformers' models of a kind.

    Attributes:
        name: The registered name; of a core that was asked for, the name it was asked for by.
        model_name: Folder, "owner/name" or "owner/name@revision"; empty if only the family was asked for.
        loading: Held while something loads; several threads may share a core.
    """

    name: str
    description: ClassVar[str]
    model_class: ClassVar[str]
    """Name of the transformers class that loads its weights."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.model_name = member(type(self).name, settings.core)
        self.name = settings.core if self.model_name else type(self).name
        self.loading = RLock()

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(settings)

    @property
    @abstractmethod
    def _processor(self) -> Any:
        """Its tokenizer, or what holds one and prepares pictures too."""

    @abstractmethod
    def _content(self, text: str, *, pictured: bool) -> Any:
        """Return a user's turn as its chat template wants it, with the picture before the text or without."""

    @abstractmethod
    def _inputs(self, rows: Sequence[tuple[LoadedImage, str]]) -> Mapping[str, Any]:
        """Return what the model reads, padded on the left."""

    @property
    def _reserved(self) -> int:
        """Tokens of the context that no prompt may take: those of the picture."""
        return 0

    @property
    def markers(self) -> tuple[str, ...]:
        """The tokenizer's special tokens, the places of pictures among them."""
        added = self._tokenizer.added_tokens_decoder.values()
        return tuple(token.content for token in added if token.special and len(token.content.strip()) > 1)

    @property
    def max_prompt_tokens(self) -> int:
        longest = self._context - self._reserved - self._settings.max_new_tokens
        if longest < 1:
            raise InputError(
                f"max_new_tokens={self._settings.max_new_tokens}: {self.name} holds {self._context} tokens, with the "
                f"prompt{' and the picture' if self._reserved else ''}: lower it"
            )
        return longest

    def available(self) -> str | None:
        """Return None if the core can run here, else one line: what is missing and the command that mends it."""
        from vqa.adapter_model.footprint import cached_folder
        from vqa.adapter_model.quantization import unavailable

        if not self.model_name:
            return f"no model chosen: give --core {self.name}"
        if missing := unavailable(self._settings.quantization):
            return missing
        if self._folder is None and not is_repo(self.model_name):
            return f"{self.model_name!r}: no such folder; expected one, or owner/name on the hub"
        if self._folder is None and self._settings.offline and cached_folder(self.model_name) is None:
            repo = self.model_name.partition("@")[0]
            return f"not in the Hugging Face cache and offline: run `hf download {repo}` once"
        return None

    def facts(self) -> CoreFacts:
        """Return what the model takes, as far as its files are here."""
        from vqa.adapter_model.footprint import facts_of, named_part

        return facts_of([named_part(self.model_name, self._settings)], self._settings)

    def render(self, question: str, evidence: Sequence[str], history: Sequence[tuple[str, str]] = ()) -> str:
        """Return the full prompt: the model's chat template around earlier turns, the evidence lines and the question.

        A model without a template gets plain questions and answers.
        """
        asked = told(question, evidence)
        if not getattr(self._processor, "chat_template", None):
            earlier = "".join(f"{_PLAIN.format(question=q)} {said}\n" for q, said in history)
            return self._plain_picture + earlier + _PLAIN.format(question=asked)
        messages = []
        for place, (text, said) in enumerate([*history, (asked, "")]):
            messages.append({"role": "user", "content": self._content(text, pictured=place == 0)})
            if place < len(history):
                messages.append({"role": "assistant", "content": self._content(said, pictured=False)})
        prompt: str = self._processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        return prompt

    def count_tokens(self, text: str) -> int:
        """Return the tokens of a text; a picture's are not among them, and stand in `_reserved`."""
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def stream(self, image: LoadedImage, prompt: str, options: GenerationOptions) -> Iterator[Token]:
        """Yield the answer piece by piece; a piece is one or more whole characters.

        Raises:
            InputError: The prompt and the picture are longer than the model's context.
            ModelUnavailable: Weights are not here and cannot be had.
        """
        from vqa.adapter_model.answer_text import AnswerText

        inputs = self._checked([(image, prompt)], options)
        text = AnswerText(self._decoder, options.stop)
        if options.num_beams > 1:
            beam = self._decoding.search(inputs, options)
            tokens: Iterator[tuple[int, float]] = zip(beam.ids, beam.logprobs, strict=True)
        else:
            tokens = self._decoding.stream(inputs, options)
        for token, logprob in tokens:
            if piece := text.push(token, logprob):
                yield piece
            if text.ended:
                return
        if rest := text.flush():
            yield rest

    def generate(self, batch: Sequence[tuple[LoadedImage, str]], options: GenerationOptions) -> list[tuple[Token, ...]]:
        """Return what `stream` yields for each (picture, prompt), decoded together. Raises as `stream`."""
        from vqa.adapter_model.answer_text import AnswerText

        if options.num_beams > 1 or len(batch) < 2:
            return [tuple(self.stream(*row, options)) for row in batch]
        inputs = self._checked(batch, options)
        texts = [AnswerText(self._decoder, options.stop) for _ in batch]
        answers: list[list[Token | None]] = [[] for _ in batch]

        def ends(row: int, token: int, logprob: float) -> bool:
            answers[row].append(texts[row].push(token, logprob))
            return texts[row].ended

        self._decoding.generate(inputs, options, ends=ends)
        return [tuple(filter(None, [*answer, text.flush()])) for answer, text in zip(answers, texts, strict=True)]

    def score(self, batch: Sequence[tuple[LoadedImage, str]], choices: Sequence[Sequence[str]]) -> list[list[Score]]:
        """Return each choice's log probability as the whole answer, the end of the answer included.

        Raises:
            InputError: No choice, an empty one, or one too long for the prompt.
            ModelUnavailable: Weights are not here and cannot be had.
        """
        return [self._scores(row, those) for row, those in zip(batch, choices, strict=True)]

    def _scores(self, row: tuple[LoadedImage, str], choices: Sequence[str]) -> list[Score]:
        ids = [self._tokenizer(choice, add_special_tokens=False)["input_ids"] for choice in choices]
        if not ids or not all(ids):
            raise InputError("no choice, or an empty one, cannot be scored; give each at least one token")
        longest = GenerationOptions(max_new_tokens=max(map(len, ids)) + 1)
        return self._decoding.score(self._checked([row] * len(ids), longest), ids)

    def _checked(self, rows: Sequence[tuple[LoadedImage, str]], options: GenerationOptions) -> Mapping[str, Any]:
        inputs = self._inputs(rows)
        tokens, longest = int(inputs["input_ids"].shape[1]), options.max_new_tokens
        if not 0 < tokens <= self._context - longest:
            raise InputError(
                f"the prompt has {tokens} tokens, its picture's included; {self.name} takes 1 to "
                f"{self._context - longest}, {longest} left for the answer: shorten the question or ask fewer experts"
            )
        return inputs

    @property
    def _folder(self) -> Path | None:
        """The folder that the model's name is, if it is one."""
        folder = Path(self.model_name).expanduser()
        return folder if folder.is_dir() else None

    def _loaded(self, kind: str, **options: Any) -> Any:
        """Return what a class of transformers makes of the model's files. Raises ModelUnavailable in one line."""
        if missing := self.available():
            raise ModelUnavailable(f"core {self.name!r}: {missing}")
        import transformers

        from vqa.adapter_model.transformers_base import no_progress_bar

        repo, _, revision = self.model_name.partition("@")
        where = {"revision": revision} if revision else {}
        try:
            with no_progress_bar():
                return getattr(transformers, kind).from_pretrained(
                    self._folder or repo, local_files_only=self._settings.offline, **where, **options
                )
        except Exception as error:  # whatever the loaders of hundreds of models raise
            why = (str(error) or repr(error)).strip().splitlines()[0]
            raise ModelUnavailable(f"core {self.name!r} cannot be loaded ({why})") from None

    @once
    def _config(self) -> Any:
        return self._loaded("AutoConfig")

    @property
    def _tokenizer(self) -> Any:
        return getattr(self._processor, "tokenizer", self._processor)

    @property
    def _decoder(self) -> Any:
        """What turns ids into text: the tokenizer itself, without transformers' wrapper, if it has one inside."""
        return getattr(self._tokenizer, "backend_tokenizer", self._tokenizer)

    @property
    def _plain_picture(self) -> str:
        """The picture's place in a prompt without a template."""
        return ""

    @property
    def _context(self) -> int:
        """Tokens of picture, prompt and answer together."""
        told = getattr(self._config.get_text_config(), "max_position_embeddings", None)
        return int(told or _CONTEXT)

    @once
    def _model(self) -> Any:
        from vqa.adapter_model.quantization import options
        from vqa.devices import choose_device, choose_dtype

        device = choose_device(self._settings.device)
        dtype = choose_dtype(self._settings.dtype, device)
        fewer_bits = options(self._settings.quantization, dtype=dtype)
        more = {"quantization_config": fewer_bits, "device_map": {"": device}} if fewer_bits else {}
        model = self._loaded(self.model_class, dtype=dtype, **more)
        return (model if fewer_bits else model.to(device)).eval().requires_grad_(False)

    @once
    def _decoding(self) -> Decoding:
        from vqa.adapter_model.transformers_decoding import Decoding

        return Decoding(self._model, self._tokenizer)
