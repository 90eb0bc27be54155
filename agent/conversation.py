"""A conversation about a picture: each question is asked with the turns before it, and experts look once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from vqa.agent.events import Answered, Event
from vqa.agent.questions.coreference import resolved
from vqa.images import load_image
from vqa.values import Answer, LoadedImage, Question, Token

if TYPE_CHECKING:
    from vqa.agent.agent import VQAAgent
    from vqa.images import ImageSource


class Conversation:
    """Questions about one picture, in order; `VQAAgent.chat` begins one.

    The core reads as many of the latest turns as half of its token budget holds, unless its `reads_history` is False:
    it knows single turns only. A route follows the rules on the new question alone, its pronouns replaced
    (`vqa.agent.questions.coreference`); a note on the answer tells how it was read.

    Attributes:
        agent: Who answers; conversations may share one.
        image: The picture.
        answers: What was answered, oldest first.
    """

    def __init__(self, agent: VQAAgent, image: ImageSource) -> None:
        self.agent = agent
        self.image: LoadedImage
        self.answers: list[Answer] = []
        self.show(image)

    @property
    def history(self) -> list[tuple[str, str]]:
        """The (question, answer) pairs so far, oldest first."""
        return [(answer.question.text, answer.text) for answer in self.answers]

    def ask(self, question: str | Question) -> Answer:
        """Answer a question. Raises as calling the agent does; the question is then no turn."""
        *_, last = self.events(question)
        assert isinstance(last, Answered)
        return last.answer

    __call__ = ask

    def stream(self, question: str | Question) -> Iterator[str]:
        """Yield the answer's text piece by piece; who stops early has made no turn."""
        for event in self.events(question):
            if isinstance(event, Token):
                yield event.text

    def events(self, question: str | Question) -> Iterator[Event]:
        """Yield what happens on the way to the answer; the last event is `Answered`."""
        from vqa.agent.agent import check_question

        asked = check_question(question)
        text = resolved(asked.text, self.history, self._labels())
        history = self.history if getattr(self.agent.core, "reads_history", True) else ()
        for event in self.agent.events(self.image, replace(asked, text=text), history=history):
            if isinstance(event, Answered):
                answer = event.answer
                if text != asked.text:
                    answer = replace(answer, notes=(f"read as: {text}", *answer.notes))
                self.answers.append(answer)
                yield Answered(answer, event.tokens)
            else:
                yield event

    def show(self, image: ImageSource) -> None:
        """Go on with another picture; the turns about the last one are forgotten. Raises InputError if it is none."""
        self.image = load_image(image, offline=self.agent.settings.offline)
        self.reset()

    def reset(self) -> None:
        """Forget the turns; what the experts saw stays known."""
        self.answers.clear()

    def _labels(self) -> set[str]:
        detectors = [expert for expert in self.agent.experts.values() if expert.kind == "objects"]
        return {label for expert in detectors for label in expert.vocabulary}
