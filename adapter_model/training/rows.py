"""Examples as tokens: one prompt, the answers that follow it, and which of their tokens are learnt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vqa.adapter_model.slots import without_slots
from vqa.adapter_model.training.examples import BadRows, Example
from vqa.adapter_model.training.recipe import Source
from vqa.adapter_model.training.views import tells_sides


@dataclass(frozen=True)
class Answer:
    """Tokens that follow the prompt; of a conversation, its further questions too.

    Attributes:
        ids: The tokens, the end of the answer included.
        learnt: How many tokens from the start are learnt, then how many are not, and so on in turns.
    """

    ids: tuple[int, ...]
    learnt: tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """One prompt with its answers.

    Attributes:
        picture: Number of its picture among the source's; -1: none.
        prompts: Wordings of the prompt; one is drawn for a batch.
        answers: They share the prompt and do not see one another.
        one_sided: Whether some text says left or right, so that mirrored pictures would make it false.
    """

    picture: int
    prompts: tuple[tuple[int, ...], ...]
    answers: tuple[Answer, ...]
    one_sided: bool

    def __len__(self) -> int:
        return max(map(len, self.prompts)) + sum(len(answer.ids) for answer in self.answers)


@dataclass(frozen=True)
class PromptFormat:
    """How a core writes what it reads.

    Attributes:
        encode: The core's own: token ids, and slots for the picture's vectors.
        decode: From an answer's ids to its text.
        render: The core's own rendering of a question with evidence lines.
        begin: Ids before every prompt.
        end: Ids after every answer.
    """

    encode: Callable[[str], list[int]]
    decode: Callable[[Sequence[int]], str]
    render: Callable[..., str]
    begin: tuple[int, ...]
    end: tuple[int, ...]

    def prompt(self, question: str, evidence: Sequence[str] = ()) -> tuple[int, ...]:
        return (*self.begin, *self.encode(self.render(question, evidence)))

    def text(self, answer: Sequence[int]) -> str:
        """Return what an answer's ids say, the end of the answer left out."""
        return self.decode(answer[: -len(self.end)] if tuple(answer[-len(self.end) :]) == self.end else answer)

    def answer(self, question: str, text: str, turns: Sequence[tuple[str, str]] = ()) -> Answer:
        """Return the answer to a question, and the further turns of its conversation, of which the answers are learnt.

        What stands between two answers is what the core renders there when it is asked the second question.
        """
        ids = [*self.encode(text), *self.end]
        learnt = [len(ids)]
        said = [(question, text)]
        for asked, reply in turns:
            reply_before = said[-1][1]
            rest = self.render(asked, (), said)[len(self.render(question, (), said[:-1])) :]
            between = self.encode(rest[rest.index(reply_before) + len(reply_before) :])  # a blank may stand before it
            end = len(self.end)
            between = between[end:] if between[:end] == [*self.end] else between  # it is there already
            told = [*self.encode(reply), *self.end]
            ids += between + told
            learnt += [len(between), len(told)]
            said.append((asked, reply))
            question = asked
        return Answer(tuple(ids), tuple(learnt))


def make_rows(
    examples: Sequence[Example], source: Source, form: PromptFormat, *, longest: int, bad: BadRows
) -> tuple[list[Row], list[str]]:
    """Return the rows and the names of their pictures; rows longer than `longest` tokens go to `bad`.

    Where the answers of an example share a row, as many stay together as fit.
    """
    asked = (source.question, *source.questions)
    own_prompts = tuple(form.prompt(question) for question in asked)
    pictures: dict[str, int] = {}
    rows: list[Row] = []
    for example in examples:
        prompts = (form.prompt(example.question, example.evidence),) if example.question else own_prompts
        if example.image is None:
            prompts = tuple(tuple(without_slots(prompt)) for prompt in prompts)
        texts = [example.question, *example.answers, *(text for turn in example.turns for text in turn)]
        one_sided = any(map(tells_sides, texts))
        room = longest - max(map(len, prompts))
        groups: list[list[Answer]] = [[]]
        for text in example.answers:
            answer = form.answer(example.question, text, example.turns)
            if len(answer.ids) > room:
                bad.add(example.where, f"{longest - room + len(answer.ids)} tokens, more than max_tokens={longest}")
                continue
            full = len(groups[-1]) == source.answers > 0
            if full or sum(len(a.ids) for a in groups[-1]) + len(answer.ids) > room:
                groups.append([])
            groups[-1].append(answer)
        for group in groups:
            if group:
                picture = -1 if example.image is None else pictures.setdefault(example.image, len(pictures))
                rows.append(Row(picture, prompts, tuple(group), one_sided))
    return rows, list(pictures)
