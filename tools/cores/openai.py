"""A chat model behind any OpenAI-compatible endpoint, through LangChain; it reads findings and sees no picture.

https://platform.openai.com/docs/api-reference/chat; vLLM, llama.cpp, Ollama and others speak it. Only the prompt is
sent, never the picture.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import urlsplit

from vqa.errors import InputError, ModelUnavailable
from vqa.protocols import CoreFacts
from vqa.registry import member, register_core
from vqa.settings import Settings
from vqa.values import GenerationOptions, LoadedImage, Token
from vqa.wording import told

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

KEY = "OPENAI_API_KEY"
"""Environment variable with the endpoint's key; servers of one's own often want none."""

_CONTEXT = 8000  # tokens; a modest guess, for no endpoint tells
_CHARACTERS_A_TOKEN = 3  # on the safe side: English has four
_SECONDS = 120.0
_AT_ONCE = 8  # requests
_OWN_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


@register_core
class OpenAICore:
    """A chat model that is asked over HTTP; earlier turns are written into the prompt."""

    name: str = "openai:MODEL"
    description: ClassVar[str] = "a chat model behind an OpenAI-compatible endpoint (--base-url); it sees no picture"
    markers: tuple[str, ...] = ()

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.model_name = member(type(self).name, settings.core)
        self.name = settings.core if self.model_name else type(self).name

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(settings)

    @property
    def max_prompt_tokens(self) -> int:
        if self._settings.max_new_tokens >= _CONTEXT:
            raise InputError(f"max_new_tokens={self._settings.max_new_tokens}: {self.name} holds {_CONTEXT}: lower it")
        return _CONTEXT - self._settings.max_new_tokens

    def available(self) -> str | None:
        """Return None if the core can be asked, else one line: what is missing and the command that mends it."""
        url = urlsplit(self._settings.base_url)
        if not self.model_name:
            return f"no model chosen: give --core {self.name}"
        if self._settings.base_url and not (url.scheme in ("http", "https") and url.hostname):
            return f"base_url={self._settings.base_url!r}: expected an address such as http://localhost:8000/v1"
        if find_spec("langchain_openai") is None:
            return "needs a package that is not here: run `pip install langchain-openai`"
        if self._settings.offline and url.hostname not in _OWN_HOSTS:
            where = url.hostname or "OpenAI's own"
            return f"the endpoint ({where}) is not on this machine, and the network is not to be used (offline)"
        if not self._settings.base_url and not os.environ.get(KEY):
            return f"no key: run `export {KEY}=…`, or give --base-url with a server of your own"
        return None

    def facts(self) -> CoreFacts:
        """Return what it takes here: nothing but, unless the endpoint is on this machine, a network."""
        return CoreFacts(size=0, memory=0, offline=urlsplit(self._settings.base_url).hostname in _OWN_HOSTS)

    def sees(self) -> bool:
        """Return whether the picture reaches the language model."""
        return False

    def render(self, question: str, evidence: Sequence[str], history: Sequence[tuple[str, str]] = ()) -> str:
        """Return the one user message: earlier questions and answers, the evidence lines, the question."""
        earlier = "".join(f"Question: {asked}\nAnswer: {said}\n\n" for asked, said in history)
        return earlier + told(question, evidence)

    def count_tokens(self, text: str) -> int:
        """Return an estimate from above: nobody but the endpoint knows its tokenizer."""
        return -(-len(text) // _CHARACTERS_A_TOKEN)

    def stream(self, image: LoadedImage, prompt: str, options: GenerationOptions) -> Iterator[Token]:
        """Yield the answer piece by piece, without probabilities; the picture is not sent.

        Raises:
            InputError: Beams, which no endpoint has.
            ModelUnavailable: The endpoint cannot be reached, or refuses.
        """
        model = self._asked(options)
        with_pieces = model.stream(prompt)
        while True:
            try:
                piece = next(with_pieces, None)
            except Exception as error:  # whatever the client and its HTTP library raise
                raise self._failed(error) from None
            if piece is None:
                return
            if piece.text:
                yield Token(str(piece.text))

    def generate(self, batch: Sequence[tuple[LoadedImage, str]], options: GenerationOptions) -> list[tuple[Token, ...]]:
        """Return the answers, several asked for at once. Raises as `stream`."""
        try:
            answers = self._asked(options).batch([prompt for _, prompt in batch], {"max_concurrency": _AT_ONCE})
        except (InputError, ModelUnavailable):
            raise
        except Exception as error:
            raise self._failed(error) from None
        return [(Token(str(answer.text)),) if answer.text else () for answer in answers]

    @cached_property
    def _model(self) -> BaseChatModel:
        if missing := self.available():
            raise ModelUnavailable(f"core {self.name!r}: {missing}")
        from langchain.chat_models import init_chat_model

        model: BaseChatModel = init_chat_model(
            self.model_name,
            model_provider="openai",
            base_url=self._settings.base_url or None,
            api_key=os.environ.get(KEY) or "none",
            timeout=_SECONDS,
            max_retries=2,
        )
        return model

    def _asked(self, options: GenerationOptions) -> Any:
        if options.num_beams > 1:
            raise InputError(f"num_beams={options.num_beams}: {self.name} is asked over HTTP, which knows no beams")
        own = {"max_tokens": options.max_new_tokens} if self._settings.base_url else {}  # not all know the new name
        own |= {"top_k": options.top_k} if options.top_k else {}
        return self._model.bind(
            max_tokens=options.max_new_tokens,
            temperature=options.temperature,
            top_p=options.top_p,
            seed=options.seed,
            **({"stop": list(options.stop)} if options.stop else {}),
            **({"extra_body": own} if own else {}),
        )

    def _failed(self, error: Exception) -> ModelUnavailable:
        why = (str(error) or repr(error)).strip().splitlines()[0]
        where = self._settings.base_url or "OpenAI"
        return ModelUnavailable(f"core {self.name!r}: {where} cannot answer ({type(error).__name__}: {why})")
