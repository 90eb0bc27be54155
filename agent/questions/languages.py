"""Whether a question is in a language that is not understood: neither English nor Korean."""

from __future__ import annotations

import re
import unicodedata

_ENGLISH = frozenset(
    "the what how many there where which who whose why when are does do did this that these those can could any you "
    "picture".split()
)
_OTHER = frozenset(
    "der das dem ein eine einen ist sind auf wie viele welche wo gibt zu und nicht bild "
    "est qu quoi les des une dans sur combien quelle quel où sont il elle cette "
    "qué que hay en la el los las una cuántos cuántas cuál dónde es está esta de del "
    "che cosa quanti quante dove il lo gli nella nel è sono di questa "
    "há quantos quantas onde cor uma são isto "
    "wat hoeveel waar welke het een zijn er op zie".split()
)
"""Words of German, French, Spanish, Italian, Portuguese and Dutch that English does not have."""
_SCRIPTS = ("LATIN", "HANGUL")


def is_foreign(question: str) -> bool:
    """Return whether a question is in none of the languages that are understood, as far as its words tell."""
    letters = [character for character in question if character.isalpha()]
    other = sum(not unicodedata.name(letter, "").startswith(_SCRIPTS) for letter in letters)
    if letters and 2 * other > len(letters):
        return True
    words = set(re.findall(r"[^\W\d_]+", question.lower()))
    return len(words & _OTHER) > 1 and not words & _ENGLISH
