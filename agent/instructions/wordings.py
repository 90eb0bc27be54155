"""Chooses the words of questions: many wordings to learn from, one of each kept for testing."""

from __future__ import annotations

import random
import tomllib
from pathlib import Path
from typing import Any

_FILE: dict[str, Any] = tomllib.loads(Path(__file__).with_name("wordings.toml").read_text(encoding="utf-8"))
KEYS: dict[str, list[str]] = _FILE["keys"]
"""How lines of a receipt begin, by what they tell."""
WORDS: dict[str, list[str]] = {
    name: [word.replace("_", " ") for word in words.split()] for name, words in _FILE["words"].items()
}


class Wordings:
    """Draws wordings with one random number generator.

    Args:
        rng: Where chance comes from.
        held_out: Use the wordings that training never sees, instead of all others.
    """

    def __init__(self, rng: random.Random, *, held_out: bool = False) -> None:
        self.rng = rng
        self.held_out = held_out

    def ask(self, kind: str, **words: str) -> str:
        """Return a question of `kind` ("count", "field.total") with the words filled in.

        To learn from, one in eight is typed carelessly: in lower case, or without its last mark.
        """
        wordings: Any = _FILE["questions"]
        for step in kind.split("."):
            wordings = wordings[step]
        asked = (wordings[-1] if self.held_out else self.rng.choice(wordings[:-1])).format(**words)
        careless = 1.0 if self.held_out else self.rng.random()
        if careless < 0.08:
            return str(asked[0].lower() + asked[1:])
        return str(asked.rstrip("?.")) if careless < 0.12 else str(asked)

    def word(self, kind: str) -> str:
        return self.rng.choice(WORDS[kind])
