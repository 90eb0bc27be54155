"""From the probability of every character at every step to text: best path decoding.

Graves et al., "Connectionist Temporal Classification" (ICML 2006), section 3.2,
https://www.cs.toronto.edu/~graves/icml_2006.pdf
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SPACE = 0.1  # probability of a space from which two characters are two words (docs/measurements.md)


def best_path(probabilities: NDArray[np.float32], alphabet: Sequence[str]) -> tuple[str, float]:
    """Return the text and the mean probability of its characters; ("", 0.0) if there is none.

    Paper: the likeliest class of each step; here a space also counts where a blank is a little likelier, because the
    network that ships was taught much text without spaces and gives them too little.

    Args:
        probabilities: (T, C) in [0, 1].
        alphabet: The C classes; "" for the blank, which is the first, and " " for the last.
    """
    best = probabilities.argmax(axis=1)
    spaces = probabilities[:, -1] >= _SPACE
    text, scores, apart, before = "", [], False, 0
    for step, index in enumerate(best.tolist()):
        apart |= bool(spaces[step])
        character = alphabet[index]
        if character.isspace():
            apart = True
        elif character and index != before:
            text += " " + character if apart and text else character
            scores.append(float(probabilities[step, index]))
            apart = False
        before = index
    return text, sum(scores) / max(len(scores), 1)
