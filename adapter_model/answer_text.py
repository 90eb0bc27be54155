"""Text as its token ids come: in whole characters, up to the strings that end it or to where it goes round."""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import Tokenizer

from vqa.adapter_model.repetition import goes_round
from vqa.values import Token


class AnswerText:
    """Turns token ids and their log probabilities into an answer's `Token`s, up to the first of some strings.

    Args:
        tokenizer: That of the ids.
        stop: The strings.
        quoted: Whether it is a passage of some text, which may say anything over and over.

    Attributes:
        ended: Whether one of the strings has appeared, or the text goes round in circles; nothing comes after.
    """

    def __init__(self, tokenizer: Tokenizer, stop: Sequence[str] = (), *, quoted: bool = False) -> None:
        self._pieces = TextPieces(tokenizer)
        self._stop = tuple(filter(None, stop))
        self._held = ""  # what may be the beginning of a stop string
        self._logprob = 0.0  # of what has not been returned yet
        self._ids: list[int] | None = None if quoted else []
        self.ended = False

    def push(self, token: int, logprob: float) -> Token | None:
        """Return the text that became certain with this id, if any."""
        self._logprob += logprob
        said = self._token(self._until_stop(self._pieces.push(token)))
        if self._ids is not None:
            self._ids.append(token)
            self.ended = self.ended or goes_round(self._ids)
        return said

    def flush(self) -> Token | None:
        """Return what was held back, if anything."""
        text = self._until_stop(self._pieces.flush()) + self._held
        self._held = ""
        return self._token(text)

    def _token(self, text: str) -> Token | None:
        if not text:
            return None
        token, self._logprob = Token(text, self._logprob), 0.0
        return token

    def _until_stop(self, text: str) -> str:
        if self.ended:
            return ""
        text, self._held = self._held + text, ""
        places = [place for stop in self._stop if (place := text.find(stop)) >= 0]
        if places:
            self.ended = True
            return text[: min(places)]
        beginnings = (stop[:size] for stop in self._stop for size in range(1, len(stop)))
        held = max((len(beginning) for beginning in beginnings if text.endswith(beginning)), default=0)
        self._held = text[len(text) - held :]
        return text[: len(text) - held]


class TextPieces:
    """Turns token ids into pieces of text whose concatenation is the text of all ids.

    A character may span several byte-level tokens; its bytes are held back until it is whole. The piece before is
    decoded along, because a LLaMA 1 or 2 tokenizer drops the space that a text begins with.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._before: list[int] = []
        self._held: list[int] = []

    @property
    def held(self) -> tuple[int, ...]:
        """The ids of a character that is not whole yet."""
        return tuple(self._held)

    def push(self, token: int) -> str:
        """Return the text that became complete with this id, perhaps none."""
        self._held.append(token)
        text = self.text_of(())
        return "" if text.endswith("\N{REPLACEMENT CHARACTER}") else self._release(text)

    def flush(self) -> str:
        """Return what was held back; bytes that never became a character show as U+FFFD."""
        return self._release(self.text_of(()))

    def text_of(self, further: Sequence[int]) -> str:
        """Return what is held back and what further ids would add to it; bytes of a part of a character are U+FFFD."""
        before, both = (
            self._tokenizer.decode(ids, skip_special_tokens=False)
            for ids in (self._before, [*self._before, *self._held, *further])
        )
        return both[len(before) :]

    def _release(self, text: str) -> str:
        if self._held:
            self._before, self._held = self._held, []
        return text
