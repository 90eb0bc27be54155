"""Answers that are quotations: text is copied, character by character, from what was read, and nothing else is written.

A small model that repeats a rare word writes a letter otherwise, or leaves out a line. So it is only asked where a
quotation begins and ends: at every step the likeliest token is taken with which the answer is still a passage of the
text. Characters count, not tokens, because the same text may be cut into tokens in many ways.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import accumulate

from tokenizers import Tokenizer
from torch import Tensor

from vqa.adapter_model.answer_text import TextPieces

_BEGIN = re.compile(r"(?<!\w)\S|(?<=[^\W\d])\d")  # of a word, or of the figure in "RM36.50"
_END = re.compile(r"(?<=\S)(?=[^\w\s]*(?:\s|$))")  # of a word, with or without the marks behind it
_AHEAD = 8  # characters that are looked at for the tokens of one
_CHARACTERS = 8  # that a token has at most, but for a few
_PART = "\N{REPLACEMENT CHARACTER}"


class Quotation:
    """A passage of a text, as far as it is written.

    Args:
        lines: What may be quoted, in reading order.
        whole: Only whole lines, one or several in a row; else from any word to any word.
        or_else: Other answers. Where the likeliest first id begins one of them and no passage, it is one of them.
        tokenizer: Whose tokens it is written in.
        stop_ids: Ids that end it.
    """

    def __init__(
        self,
        lines: Sequence[str],
        or_else: Sequence[str],
        *,
        tokenizer: Tokenizer,
        stop_ids: frozenset[int],
        whole: bool = False,
    ) -> None:
        text = self._text = " ".join(lines)
        self._or_else = tuple(or_else)
        self._instead: str | None = None  # as far as another answer is written
        self._tokenizer = tokenizer
        self._stop_ids = stop_ids
        self._pieces = TextPieces(tokenizer)
        if whole:
            begins = [0, *accumulate(len(line) + 1 for line in lines[:-1])]
            ends = [begin + len(line) for begin, line in zip(begins, lines, strict=True)]
        else:
            begins = [match.start() for match in _BEGIN.finditer(text)]
            ends = [match.start() for match in _END.finditer(text)]
        self._ends = frozenset(ends)
        self._places = frozenset(begins)  # where it may go on
        self._begun = False

    def next(self, logits: Tensor) -> int | None:
        """Return the likeliest id, of logits (V,), with which it is a passage, and go on with it; None: there is none.

        An id that ends it is among them where a word ends.
        """
        likeliest = int(logits.argmax())
        if not self._begun and not self._after(likeliest):
            said = self._pieces.text_of((likeliest,))
            self._instead = "" if said and self._begins_another(said) else None
        self._begun |= self._instead is not None
        if self._instead is not None:
            return self._next_of_another(logits)
        for token in _by_likelihood(logits):
            if token in self._stop_ids:
                if self._begun and not self._pieces.held and self._places & self._ends:
                    return token
            elif places := self._after(token):
                if self._pieces.push(token):
                    self._places = places
                self._begun = True
                return token
        return None

    def _next_of_another(self, logits: Tensor) -> int | None:
        assert self._instead is not None
        for token in _by_likelihood(logits):
            said = self._instead + self._pieces.text_of((token,))
            if token in self._stop_ids:
                if self._instead in self._or_else:
                    return token
            elif said != self._instead and self._begins_another(said):
                self._instead = said
                return token
        return None

    def _begins_another(self, said: str) -> bool:
        return any(other.startswith(said) for other in self._or_else)

    def ahead(self, most: int) -> list[int]:
        """Return at most so many ids of how it goes on if it does not end, none where there is more than one way."""
        if self._instead is not None or self._pieces.held or len(self._places) != 1:
            return []
        (place,) = self._places
        return self._ids(self._text[place : place + most * _CHARACTERS])[:most]

    def _after(self, token: int) -> frozenset[int]:
        """Return the places where it may go on after an id, none if it is no passage with it.

        Within a character that takes several ids they stay as they are until it is whole.
        """
        text = self._pieces.text_of((token,))
        if not text.endswith(_PART):
            return frozenset(place + len(text) for place in self._places if text and self._text.startswith(text, place))
        return frozenset(place for place in self._places if self._goes_on(place, [*self._pieces.held, token]))

    def _goes_on(self, place: int, ids: list[int]) -> bool:
        """Return whether the tokenizer itself would go on so."""
        return self._ids(self._text[place : place + _AHEAD])[: len(ids)] == ids

    def _ids(self, text: str) -> list[int]:
        """Return a text's ids, without the blank that some tokenizers begin every text with."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        first = self._tokenizer.decode(ids[:1], skip_special_tokens=False)
        return ids[1:] if text and not first.strip() and not text[0].isspace() else ids


def _by_likelihood(logits: Tensor) -> Iterable[int]:
    yield int(logits.argmax())  # which nearly always fits: nothing needs to be sorted
    yield from logits.argsort(descending=True).tolist()
