"""One question's events, shown in a terminal as they happen."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from vqa.terminal import AnswerWriter, Status, print_prompt

if TYPE_CHECKING:
    from vqa.agent.events import Event
    from vqa.values import Answer

_log = logging.getLogger(__name__)


def follow(
    events: Iterable[Event], writer: AnswerWriter, picture: str, text: str, *, show_prompt: bool = False
) -> Answer:
    """Write the answer as it comes, say what is going on where a person is watching, and return the answer."""
    from vqa.agent.events import Answered, Composed, Looking, Routed
    from vqa.values import Token

    status = Status()
    try:
        for event in events:
            match event:
                case Routed(route):
                    _log.info("%s", route.reason)
                case Looking(expert, again):
                    status.show(f"{expert}: looking again, {again} …" if again else f"{expert}: looking …")
                case Composed(prompt):
                    status.clear()
                    if show_prompt:
                        print_prompt(prompt)
                    status.show("answering …")
                case Token(piece):
                    status.clear()
                    writer.piece(picture, text, piece)
                case Answered(answer):
                    status.clear()
                    writer.finish(picture, answer)
                    return answer
    finally:
        status.clear()
    raise AssertionError("the last event of a question is its answer")
