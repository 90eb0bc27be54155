"""The last steps of an answer, the same for one question and for many: weighing choices, and putting it together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from vqa.agent.alternatives import named_alternatives
from vqa.agent.quoting import Quotable, quotable
from vqa.agent.trust.judging import judged
from vqa.errors import PartialFailure
from vqa.protocols import Core, QuotingCore, ScoringCore
from vqa.values import Answer, Finding, GenerationOptions, LoadedImage, Prompt, Question, Route, Token


def written(
    core: Core, image: LoadedImage, question: Question, prompt: Prompt, options: GenerationOptions
) -> Iterator[Token]:
    """Yield the answer: the likeliest of the choices, a quotation of what was read, or what the core writes freely.

    The first two only of a core that can do it. Choices may be named by the question itself.
    """
    if question.choices and isinstance(core, ScoringCore):
        yield likeliest(core, image, prompt.text, question.choices)
    elif isinstance(core, QuotingCore) and (quoted := _quoted(core, question, prompt, options)).lines:
        yield from core.quote(
            image, prompt.text, options, lines=quoted.lines, whole=quoted.whole, or_else=quoted.or_else
        )
    elif isinstance(core, ScoringCore) and (named := _named(core, question, options)):
        yield likeliest(core, image, prompt.text, named)
    else:
        yield from core.stream(image, prompt.text, options)


def _quoted(core: Core, question: Question, prompt: Prompt, options: GenerationOptions) -> Quotable:
    """Return what the core is to quote, nothing if it writes freely; who samples or searches does."""
    return quotable(question.text, prompt.used) if _is_led(core, options) else Quotable()


def _named(core: Core, question: Question, options: GenerationOptions) -> tuple[str, ...]:
    """Return the alternatives that the question names, of which the core says the likelier; none: it writes freely."""
    return named_alternatives(question.text) if _is_led(core, options) else ()


def _is_led(core: Core, options: GenerationOptions) -> bool:
    """Return whether it is a small core, which quotes, and greedy."""
    return isinstance(core, QuotingCore) and options.temperature <= 0 and options.num_beams < 2


def answered_alone(core: Core, question: Question, prompt: Prompt, options: GenerationOptions) -> bool:
    """Return whether a batch is no way to answer: `Core.generate` neither weighs choices nor quotes."""
    weighed = isinstance(core, ScoringCore) and bool(question.choices or _named(core, question, options))
    return weighed or bool(_quoted(core, question, prompt, options).lines)


def likeliest(core: ScoringCore, image: LoadedImage, prompt: str, choices: Sequence[str]) -> Token:
    """Return the likeliest choice, with the log of its probability among the choices."""
    totals = [score.total for score in core.score(image, prompt, choices)]
    best = max(range(len(choices)), key=totals.__getitem__)
    among = math.log(sum(math.exp(total - totals[best]) for total in totals))
    return Token(choices[best], -among)


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
