"""What Korean questions ask, in English: those of whole questions, which the patterns know in English alone."""

from __future__ import annotations

import re

_ASKED = tuple(
    (re.compile(korean), english)
    for korean, english in (
        (r"날씨", "What is the weather like?"),
        (r"계절", "What season is it?"),
        (r"실내.*(?:실외|야외)|(?:실외|야외).*실내", "Is this indoors or outdoors?"),
        (r"낮.*밤|밤.*낮", "Is it day or night?"),
        (r"배경", "What is in the background?"),
        (r"(?:무엇|뭐)(?:이|가)? ?(?:있|보이)", "What objects are in the image?"),
        (r"(?:무슨|어떤) (?:운동|스포츠)", "What sport is this?"),
        (r"어디(?:에서|서) ?(?:찍|촬영)", "Where was this taken?"),
        (r"^\s*(?:이게|이건|이것은|이거|저게|저건|저것은|저거) ?(?:뭐|무엇|뭔)", "What is this?"),
    )
)


def in_plain_english(question: str) -> str:
    """Return the English question that a Korean one asks, as far as it is one of these; "" for any other."""
    return next((english for korean, english in _ASKED if korean.search(question)), "")
