"""How experts' findings are put to a language model that was never trained on them."""

from collections.abc import Sequence

_INTRODUCTION = "What other models found in the picture; they may be wrong:"


def told(question: str, evidence: Sequence[str]) -> str:
    """Return a user's turn: the evidence lines, introduced, and then the question; without evidence the question."""
    return "\n".join([_INTRODUCTION, *evidence, "", question]) if evidence else question
