"""The last steps of an answer, the same for one question and for many: weighing choices, and putting it together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from vqa.agent.folding.quoting import Quotable, quotable
from vqa.agent.questions.alternatives import named_alternatives
from vqa.agent.trust.judging import judged
from vqa.errors import PartialFailure
from vqa.protocols import Core, QuotingCore, ScoringCore
from vqa.values import Answer, Finding, GenerationOptions, LoadedImage, Prompt, Question, Route, Score, Token


def written(
    core: Core, image: LoadedImage, question: Question, prompt: Prompt, options: GenerationOptions
) -> Iterator[Token]:
    """Yield the answer: the likeliest of those there are, a quotation of what was found, or what the core writes.

    The first two only of a core that can do it. Of a quotation that can only be one the core need not be asked.
    """
    if only := sole_answer(core, question, prompt, options):
        yield Token(only)
    elif isinstance(core, ScoringCore) and (answers := to_weigh(core, question, prompt, options)):
        (scores,) = core.score([(image, prompt.text)], [answers])
        yield likeliest(answers, scores)
    elif isinstance(core, QuotingCore) and (quoted := _quoted(core, question, prompt, options)).lines:
        yield from core.quote(
            image, prompt.text, options, lines=quoted.lines, whole=quoted.whole, or_else=quoted.or_else
        )
    else:
        yield from core.stream(image, prompt.text, options)


def sole_answer(core: Core, question: Question, prompt: Prompt, options: GenerationOptions) -> str:
    """Return what any quotation would come to, "" if a core has to say what."""
    return "" if options.stop else _quoted(core, question, prompt, options).only


def to_weigh(core: Core, question: Question, prompt: Prompt, options: GenerationOptions) -> tuple[str, ...]:
    """Return all the answers there are, of which the core says the likeliest; none: it is to write one.

    They are the question's choices, or alternatives that it names by itself.
    """
    if question.choices:
        return question.choices
    free = _is_led(core, options) and not _quoted(core, question, prompt, options).lines
    return named_alternatives(question.text) if free else ()


def answered_alone(core: Core, question: Question, prompt: Prompt, options: GenerationOptions) -> bool:
    """Return whether a batch is no way to the answer: `Core.generate` does not quote."""
    return bool(_quoted(core, question, prompt, options).lines)


def likeliest(answers: Sequence[str], scores: Sequence[Score]) -> Token:
    """Return the likeliest answer, with the log of its probability among them."""
    totals = [score.total for score in scores]
    best = max(range(len(answers)), key=totals.__getitem__)
    among = math.log(sum(math.exp(total - totals[best]) for total in totals))
    return Token(answers[best], -among)


def _quoted(core: Core, question: Question, prompt: Prompt, options: GenerationOptions) -> Quotable:
    """Return what the core is to quote, nothing if it weighs choices or writes freely; who samples or searches does."""
    led = _is_led(core, options) and not question.choices
    return quotable(question.text, prompt.used) if led else Quotable()


def _is_led(core: Core, options: GenerationOptions) -> bool:
    """Return whether it is a small core, which quotes, and greedy."""
    return isinstance(core, QuotingCore) and options.temperature <= 0 and options.num_beams < 2


def finished(
    question: Question,
    image: LoadedImage,
    *,
    route: Route,
    findings: Sequence[Finding],
    prompt: Prompt,
    tokens: Sequence[Token],
    core: str,
    seconds: Mapping[str, float],
    min_confidence: float = 0.0,
) -> Answer:
    """Return the answer that these tokens make, judged, with everything that explains it."""
    logprobs = [token.logprob for token in tokens if token.logprob is not None]
    answer = Answer(
        text="".join(token.text for token in tokens).strip(),
        confidence=None,
        core_confidence=math.exp(sum(logprobs) / len(logprobs)) if logprobs else None,
        question=question,
        route=route,
        findings=tuple(findings),
        prompt=prompt,
        core=core,
        seconds=seconds,
        notes=(*_notes(image, findings), *_cut_short(question, prompt, tokens)),
        image=image,
    )
    return judged(answer, min_confidence=min_confidence)


def check_whole(answer: Answer) -> None:
    """Raise PartialFailure if the answer had to do without an expert that was asked."""
    failed = [f"{finding.expert}: {finding.error}" for finding in answer.findings if finding.error is not None]
    if failed:
        raise PartialFailure(f"the answer {answer.text!r} had to do without {'; '.join(failed)}")


def _cut_short(question: Question, prompt: Prompt, tokens: Sequence[Token]) -> tuple[str, ...]:
    """Return a note if the answer quotes all that is written and more is written than it holds."""
    quoted = quotable(question.text, prompt.used)
    if not quoted.left_out or "".join(token.text for token in tokens).strip() != quoted.lines[0].strip():
        return ()
    return (f"ocr: {quoted.left_out} more lines were read than the answer holds; the evidence has them",)


def _notes(image: LoadedImage, findings: Sequence[Finding]) -> tuple[str, ...]:
    notes = list(image.notes)
    for finding in findings:
        if finding.error is not None:
            notes.append(f"degraded: answered without {finding.expert}: {finding.error}")
        notes += [f"{finding.expert}: {note}" for note in finding.notes]
    return tuple(notes)
