"""What every core that is a LLaMA with an adapter does: count tokens, look at pictures, decode alone or in batches.

A core is this class with a name, a prompt format and control strings; nothing loads before it is needed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, ClassVar, Self

from vqa.adapter_model.once import once
from vqa.errors import InputError, VQAError
from vqa.protocols import CoreFacts
from vqa.settings import Settings
from vqa.values import GenerationOptions, LoadedImage, Score, Token

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import Tensor

    from vqa.adapter_model.adapted import Adapted
    from vqa.adapter_model.attention import AdapterKeysValues
    from vqa.adapter_model.config import AdapterConfig
    from vqa.adapter_model.encoder import VisionEncoder
    from vqa.adapter_model.engine import Engine
    from vqa.adapter_model.quoting import Quotation

_Rows = Sequence[tuple[LoadedImage, str]]  # pictures, and what is said of each in a prompt


class AdapterCore(ABC):
    """A core that decodes with an adapted LLaMA.

    Attributes:
        context: Tokens for prompt and answer together.
        stop_texts: Strings that end an answer, besides those that a question's options name.
        no_repeat: Tokens in a row that an answer in the core's own words never says twice; 0: it may.
        loading: Held while weights load; several threads may share a core.
        side_by_side: Several batches may be decoded at once.
    """

    name: ClassVar[str]
    context: ClassVar[int] = 2048
    stop_texts: ClassVar[tuple[str, ...]] = ()
    no_repeat: ClassVar[int] = 0
    side_by_side: ClassVar[bool] = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.loading = RLock()
        # What the model makes of each of the pictures asked about last.
        self._latest: dict[str, tuple[AdapterKeysValues, Tensor | None]] = {}

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(settings)

    @abstractmethod
    def render(self, question: str, evidence: Sequence[str], history: Sequence[tuple[str, str]] = ()) -> str:
        """Return the full prompt: the core's format around earlier turns, the evidence lines and the question."""

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
        return self._room(self._settings.max_new_tokens)

    @property
    def fingerprint(self) -> str | None:
        """What its answers depend on besides picture and prompt, told without loading; None if not known yet."""
        from vqa.adapter_model.hub import is_repo
        from vqa.fingerprints import file_identity, fingerprint

        if is_repo(self.adapter) and not Path(self.adapter).is_dir():
            return None  # a question about it shall not fetch it
        weights = [file_identity(file) for file in sorted(self._folder.iterdir()) if file.is_file()]
        settings = (self.name, self.base_model, self._settings.device, self._settings.dtype)
        return fingerprint(settings, weights, code=(Path(__file__).parent,), packages=("torch",))

    def available(self) -> str | None:
        """Return None if the core can run here, else one line: what is missing and the command that mends it."""
        from vqa.adapter_model.quantization import unavailable
        from vqa.weights import Store

        if missing := unavailable(self._settings.quantization):
            return missing
        if self._to_be_fetched:
            return None  # a question about it shall not fetch it
        try:
            vision = self._config.vision_weights
            if not self._settings.offline:
                return None  # what is not here yet is fetched
            needed = [self.base_model, *([vision] if self.sees() else [])]
        except VQAError as error:
            return str(error)
        store = Store.from_settings(self._settings)
        absent = [name for name in needed if name in store.names() and not store.present(name)]
        return f"weights missing: run `vqa models pull {' '.join(absent)}`" if absent else None

    def facts(self) -> CoreFacts:
        """Return what the core takes: base model, adapter, and the vision encoder if the picture gets through.

        Raises:
            VQAError: No adapter is chosen, or it is not here.
        """
        from vqa.adapter_model.footprint import Part, facts_of, folder_part, named_part

        if self._to_be_fetched:
            return CoreFacts()
        files = folder_part(self._folder, is_base=False)
        sizes = (files.size or 0, files.parameters or 0)  # untrained: no file
        adapter = Part(*sizes, files.licence, here=True, is_base=False)
        vision = [named_part(self._config.vision_weights, self._settings, is_base=False)] if self.sees() else []
        return facts_of([named_part(self.base_model, self._settings), adapter, *vision], self._settings)

    @property
    def _to_be_fetched(self) -> bool:
        """Whether the adapter is on the hub, and may have to come from there."""
        from vqa.adapter_model.hub import is_repo

        return not self._settings.offline and is_repo(self.adapter) and not Path(self.adapter).is_dir()

    @property
    def weights(self) -> dict[str, str]:
        """Hashes of the weights it answers with, by part: the base model, each file of the adapter; loads them."""
        from hashlib import sha256

        files = [file for ending in ("json", "safetensors") for file in sorted(self._folder.glob(f"*.{ending}"))]
        return {"base model": self._model.fingerprint} | {f.name: sha256(f.read_bytes()).hexdigest() for f in files}

    def sees(self) -> bool:
        """Return whether the picture reaches the language model: its way there is trained. Loads no model.

        Raises:
            InputError: The adapter's folder cannot be read.
        """
        return self._sees

    def encode(self, text: str, *, vectors: int | None = None) -> list[int]:
        """Return a prompt's token ids, without `begin_ids`; `slots.SLOT` where a vector of the picture stands.

        Args:
            text: What `render` returned, or a part of it.
            vectors: How many a picture becomes; by default as many as the adapter says.
        """
        return self._ids(text)

    def count_tokens(self, text: str) -> int:
        return len(self.encode(text))

    def stream(self, image: LoadedImage, prompt: str, options: GenerationOptions) -> Iterator[Token]:
        """Yield the answer piece by piece; a piece is one or more whole characters.

        Raises:
            InputError: The prompt is longer than `max_prompt_tokens`.
            ModelUnavailable: Weights are not here and cannot be had.
        """
        return self._written(image, prompt, options)

    def quote(
        self,
        image: LoadedImage,
        prompt: str,
        options: GenerationOptions,
        *,
        lines: Sequence[str],
        whole: bool = False,
        or_else: Sequence[str] = (),
    ) -> Iterator[Token]:
        """Yield an answer that is a passage of the lines put together, greedily; see `vqa.protocols.QuotingCore`.

        Raises as `stream`.
        """
        from vqa.adapter_model.quoting import Quotation

        quotation = Quotation(lines, or_else, tokenizer=self._tokenizer, stop_ids=self._stop_ids, whole=whole)
        return self._written(image, prompt, options, quotation)

    def generate(self, batch: _Rows, options: GenerationOptions) -> list[tuple[Token, ...]]:
        """Return what `stream` yields for each (picture, prompt), decoded together. Raises as `stream`."""
        from vqa.adapter_model.answer_text import AnswerText
        from vqa.adapter_model.writing import written_together

        if options.num_beams > 1 or len(batch) < 2:
            return [tuple(self.stream(*row, options)) for row in batch]
        prompts = [self._checked(prompt, options) for _, prompt in batch]
        adapter, vectors = self._look([image for image, _ in batch])
        return written_together(
            self._engine,
            prompts,
            adapter,
            options,
            texts=[AnswerText(self._tokenizer, (*self.stop_texts, *options.stop)) for _ in batch],
            stop_ids=self._stop_ids,
            vectors=vectors,
            pictures=[image.sha256 for image, _ in batch],
            no_repeat=self.no_repeat,
        )

    def search(
        self, batch: _Rows, options: GenerationOptions, *, leanings: Sequence[Mapping[str, float]] = ()
    ) -> list[list[tuple[str, Score]]]:
        """Return the answers that beam search ends with; see `vqa.protocols.SearchingCore`. Raises as `stream`."""
        from vqa.adapter_model.beams import search
        from vqa.adapter_model.whole_words import by_token

        prompts, leaned = [self._checked(prompt, options) for _, prompt in batch], by_token(self._tokenizer, leanings)
        (adapter, vectors), ends, runs = self._look([image for image, _ in batch]), self._stop_ids, self.no_repeat
        found = search(
            self._engine, prompts, adapter, options, stop_ids=ends, vectors=vectors, no_repeat=runs, leanings=leaned
        )
        return [[(self._tokenizer.decode(list(b.ids)).strip(), b.score) for b in beams] for beams in found]

    def score(self, batch: _Rows, choices: Sequence[Sequence[str]]) -> list[list[Score]]:
        """Return each choice's log probability as the whole answer; see `vqa.protocols.ScoringCore`.

        Raises as `stream`, InputError also for no choice, or one too long for the prompt.
        """
        from vqa.adapter_model.scoring import score

        prompts = [self._checked(prompt, GenerationOptions(max_new_tokens=1)) for _, prompt in batch]
        ids, about = [[self._ids(choice) for choice in row] for row in choices], [image.sha256 for image, _ in batch]
        (adapter, vectors), ends = self._look([image for image, _ in batch]), self._stop_ids
        return score(self._engine, prompts, ids, adapter, stop_ids=ends, vectors=vectors, pictures=about)

    def train(
        self, recipe: Path, *, changes: Sequence[str] = (), output: Path | None = None, resume: bool = False
    ) -> list[str]:
        """Train an adapter in this core's prompt format as a recipe says; return what there is to say about it.

        Args:
            recipe: A YAML file; see docs/training.md.
            changes: `key=value` for keys and variables of the recipe.
            output: Folder of the run, instead of the recipe's.
            resume: Go on with the run in that folder, if there is one.

        Raises:
            InputError: The recipe, its data or the folder cannot be used.
            ModelUnavailable: Weights are not here and cannot be had.
        """
        from vqa.adapter_model.training.recipe_file import load_recipe
        from vqa.adapter_model.training.train import train

        return train(load_recipe(recipe, changes=changes, output=output), self, self._settings, resume=resume)

    def _written(
        self, image: LoadedImage, prompt: str, options: GenerationOptions, quotation: Quotation | None = None
    ) -> Iterator[Token]:
        """Yield the answer piece by piece."""
        from vqa.adapter_model.answer_text import AnswerText
        from vqa.adapter_model.drafting import sayings
        from vqa.adapter_model.writing import written_ids

        ids = self._checked(prompt, options)
        adapter, vectors = self._look([image])
        tokens = written_ids(
            self._engine,
            ids,
            adapter,
            options,
            stop_ids=self._stop_ids,
            vectors=vectors,
            no_repeat=self.no_repeat,
            source=lambda: self._ids(sayings(prompt)),
            quotation=quotation,
        )
        text = AnswerText(self._tokenizer, (*self.stop_texts, *options.stop), quoted=quotation is not None)
        for token, logprob in tokens:
            if piece := text.push(token, logprob):
                yield piece
            if text.ended:
                return
        if rest := text.flush():
            yield rest

    @once
    def _folder(self) -> Path:
        from vqa.adapter_model.checkpoints import adapter_folder

        return adapter_folder(self.adapter, offline=self._settings.offline)

    @once
    def _config(self) -> AdapterConfig:
        from vqa.adapter_model.config import AdapterConfig

        return AdapterConfig.from_file(self._folder / "config.json")

    @once
    def _sees(self) -> bool:
        from vqa.adapter_model.checkpoints import sees

        return sees(self._folder)

    @once
    def _tokenizer(self) -> Tokenizer:
        from vqa.adapter_model.base_model import base_folder
        from vqa.adapter_model.loading import load_tokenizer

        return load_tokenizer(base_folder(self.base_model, self._settings))

    @once
    def _model(self) -> Adapted:
        from vqa.adapter_model.loading import load_for_answering

        return load_for_answering(self._settings, self._folder, base_model=self.base_model)

    @once
    def _engine(self) -> Engine:
        import torch

        from vqa.adapter_model.engine import Engine

        model = self._model
        # The kernels of compact weights are fast in bfloat16 alone, and who names a dtype gets it everywhere.
        compact = self._settings.dtype == "auto" and model.device.type == "cpu" and model.dtype == torch.bfloat16
        return Engine(model, weights="compact" if compact else "dense")

    @once
    def _encoder(self) -> VisionEncoder:
        from vqa.adapter_model.checkpoints import VISION
        from vqa.adapter_model.encoder import VisionEncoder

        config = self._config
        return VisionEncoder(
            config.vision,
            self._settings,
            device=self._model.device,
            channels=config.channels,
            changes=self._folder / VISION,
        )

    @property
    @abstractmethod
    def _stop_ids(self) -> frozenset[int]:
        """Ids that end an answer."""

    @property
    def begin_ids(self) -> tuple[int, ...]:
        """Ids before every prompt, beyond the `context`."""
        return ()

    @property
    def end_ids(self) -> tuple[int, ...]:
        """The ids that an adapter learns to end its answers with."""
        return (min(self._stop_ids),)

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def _checked(self, prompt: str, options: GenerationOptions) -> list[int]:
        longest = max(options.max_new_tokens, self._settings.max_new_tokens)
        ids, room = self.encode(prompt), self._room(longest)
        if not 0 < len(ids) <= room:
            raise InputError(
                f"the prompt has {len(ids)} tokens; {self.name} takes 1 to {room}, with {longest} left for the answer: "
                "shorten the question or ask fewer experts"
            )
        return [*self.begin_ids, *ids]

    def _room(self, answer: int) -> int:
        """Return the tokens left for a prompt by an answer of at most so many."""
        if answer >= self.context:
            raise InputError(
                f"max_new_tokens={answer}: {self.name} holds {self.context} tokens, with the prompt: lower it"
            )
        return self.context - answer

    def _look(self, images: Sequence[LoadedImage]) -> tuple[AdapterKeysValues, Tensor | None]:
        """Return what pictures add to prompts: the adapter's keys and values, and vectors (B, V, C) for their slots.

        Each picture is looked at once and by itself: what it adds does not depend, to the last bit, on those beside it.
        With closed gates no picture is looked at.
        """
        from vqa.adapter_model.attention import joined

        keys = [image.sha256 if self.sees() else "" for image in images]
        before, unlike = self._latest, dict(zip(keys, images, strict=True))
        made = {key: before.get(key) or self._made_of(image) for key, image in unlike.items()}
        self._latest = made
        return joined([made[key] for key in keys])

    def _made_of(self, image: LoadedImage) -> tuple[AdapterKeysValues, Tensor | None]:
        """Return what one picture adds to a prompt."""
        import torch

        model = self._model  # not loaded in inference mode: such weights cannot be used outside it
        with torch.inference_mode():
            visual = model.visual(self._encoder.features([image])) if self.sees() else None  # (1, V, C)
            return model.adapter_keys_values(visual), visual if self._config.fusion == "input" else None
