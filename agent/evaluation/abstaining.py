"""Whether an answer says that there is none."""

from __future__ import annotations

import re

_ABSTAINS = re.compile(
    r"(?:sorry,? )?(?:(?:i|we) )?(?:can ?not|can't|could not|couldn't|am unable to|do not|don't) (?:tell|say|know|see|"
    r"determine|answer)\b|(?:i(?: am|'m) )?not sure\b|(?:it )?(?:can ?not|can't) be (?:determined|told|seen)\b|"
    r"(?:unknown|unanswerable|unclear|not visible)$"
)


def abstains(answer: str) -> bool:
    """Return whether the answer begins by giving none: "I cannot tell", "not sure", "unanswerable"."""
    return _ABSTAINS.match(" ".join(answer.lower().split()).rstrip(".!").replace("\u2019", "'")) is not None
