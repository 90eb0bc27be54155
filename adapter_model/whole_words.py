"""The tokens that are whole words: inside a text after a space, and as a text begins, with a capital."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def by_token(tokenizer: Tokenizer, leanings: Sequence[Mapping[str, float]]) -> list[dict[int, float]]:
    """Return each row's numbers by the tokens that are its words; words of several tokens are left out."""
    return [
        {token: number for ids, number in zip(_ids(tokenizer, tuple(row)), row.values(), strict=True) for token in ids}
        for row in leanings
    ]


@lru_cache(maxsize=4)
def _ids(tokenizer: Tokenizer, words: tuple[str, ...]) -> list[tuple[int, ...]]:
    """Return the tokens of each word, at most two."""
    forms = [form for word in words for form in (f" {word}", word.capitalize())]
    encoded = [one.ids for one in tokenizer.encode_batch(forms, add_special_tokens=False)]
    ids = [form[0] if len(form) == 1 else None for form in encoded]
    return [tuple(i for i in pair if i is not None) for pair in zip(ids[::2], ids[1::2], strict=True)]
