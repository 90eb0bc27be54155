"""What happens on the way of one question, in order: one stream feeds the terminal, JSON, LangChain and servers."""

from dataclasses import dataclass

from vqa.values import Answer, Finding, Prompt, Route, Token


@dataclass(frozen=True)
class Routed:
    """The experts are chosen; none has looked yet."""

    route: Route


@dataclass(frozen=True)
class Looking:
    """An expert starts to look; its finding follows.

    Attributes:
        again: Why it looks for a second time, at a part of the picture; empty the first time.
    """

    expert: str
    again: str = ""


@dataclass(frozen=True)
class Found:
    """An expert has looked, or failed (`finding.error`); what it found before is part of it."""

    finding: Finding


@dataclass(frozen=True)
class Composed:
    """The findings are folded into the prompt that the core reads next."""

    prompt: Prompt


@dataclass(frozen=True)
class Answered:
    """The answer is complete; always the last event.

    Attributes:
        tokens: What the core wrote, also where the answer is withheld.
    """

    answer: Answer
    tokens: tuple[Token, ...] = ()


Event = Routed | Looking | Found | Composed | Token | Answered
