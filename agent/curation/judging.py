"""Decides which paragraphs stay.

paper: about 3,500 of 5,000 are kept by hand (arXiv 2304.10592, section 3.2); here: by rules, each drop with its reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from vqa.agent.curation.describing import Description
from vqa.agent.curation.paragraphs import words
from vqa.agent.curation.rules import ENGLISH, Fault, faults, mend
from vqa.errors import VQAError

Reason = Literal[Fault, "picture", "model", "fix", "empty", "too short", "strayed", "duplicate"]

_STEM = 4  # letters: "stand" and "standing" are the same
_MOST_NEW = 0.25  # of the mended paragraph's words may be new; a model that replies something else has far more


@dataclass(frozen=True)
class Dropped:
    """Why a picture is not in the dataset.

    Attributes:
        reason: In one of few ways, to be counted.
        detail: What exactly.
    """

    reason: Reason
    detail: str


def judge(
    description: Description, fixed: str | VQAError, *, count_tokens: Callable[[str], int], fewest: int
) -> Dropped | None:
    """Return why a mended paragraph is dropped; None: it is kept.

    Args:
        description: What the model said.
        fixed: The same, mended, or why it could not be.
        count_tokens: The describing core's.
        fewest: Tokens that a kept paragraph has at least.
    """
    if description.error is not None:
        return Dropped("model", str(description.error))
    if isinstance(fixed, VQAError):
        return Dropped("fix", str(fixed))
    if not description.text:
        return Dropped("empty", "the model said nothing")
    if wrong := faults(fixed).most_common():
        return Dropped(wrong[0][0], "; ".join(f"{fault} ({count})" for fault, count in wrong))
    removed = mend(description.text).removed.most_common()
    if not fixed:
        reason: Reason = removed[0][0] if removed else "empty"
        return Dropped(reason, "nothing was left")
    if (share := _new_share(description.text, fixed)) > _MOST_NEW:
        return Dropped("strayed", f"{share:.0%} of its words are not in the description")
    if (tokens := count_tokens(fixed)) < fewest:
        why = "; wrong were " + ", ".join(fault for fault, _ in removed) if removed else ""
        return Dropped("too short", f"{tokens} tokens, fewer than {fewest}{why}")
    return None


def _new_share(before: str, after: str) -> float:
    known = {word[:_STEM] for word in words(before)} | ENGLISH
    said = words(after)
    return sum(word not in known and word[:_STEM] not in known for word in said) / max(len(said), 1)
