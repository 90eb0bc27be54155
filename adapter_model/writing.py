"""How answers are written: one quoted, searched by beams, drawn, or taken greedily with drafts; or many together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence

from torch import Tensor

from vqa.adapter_model.answer_text import AnswerText
from vqa.adapter_model.attention import AdapterKeysValues
from vqa.adapter_model.beams import search
from vqa.adapter_model.drafting import decode_with_drafts
from vqa.adapter_model.engine import Engine
from vqa.adapter_model.generation import decode
from vqa.adapter_model.quoting import Quotation
from vqa.values import GenerationOptions, Token


def written_ids(
    engine: Engine,
    ids: Sequence[int],
    adapter: AdapterKeysValues,
    options: GenerationOptions,
    *,
    stop_ids: frozenset[int],
    vectors: Tensor | None,
    no_repeat: int,
    source: Callable[[], Sequence[int]],
    quotation: Quotation | None,
) -> Iterator[tuple[int, float]]:
    """Yield the answer's ids and their natural-log probabilities.

    Args:
        engine: Of the model that made `adapter`.
        ids: The prompt.
        adapter: From `model.adapter_keys_values`, batch 1.
        options: How to decode; a quotation is greedy all the same.
        stop_ids: Ids that end the answer; they are not yielded.
        vectors: (1, N, C) what stands in the prompt's slots, if it has any.
        no_repeat: Tokens in a row that the answer does not say twice unless it quotes; 0: it may.
        source: Returns the ids that drafts are taken from; only called for drafts.
        quotation: What the answer is held to, if to anything.

    Raises:
        InputError: An empty prompt, or one too long for the model with `max_new_tokens` after it.
    """
    if quotation is not None:
        yield from decode_with_drafts(
            engine, ids, adapter, options, stop_ids=stop_ids, vectors=vectors, quotation=quotation
        )
    elif options.num_beams > 1:
        ((beam, *_),) = search(engine, [ids], adapter, options, stop_ids=stop_ids, vectors=vectors, no_repeat=no_repeat)
        yield from zip(beam.ids, beam.logprobs, strict=True)
    elif options.temperature > 0 or no_repeat:
        steps = decode(engine, [ids], adapter, options, stop_ids=stop_ids, vectors=vectors, no_repeat=no_repeat)
        yield from (step for (step,) in steps if step is not None)
    else:
        yield from decode_with_drafts(
            engine, ids, adapter, options, source=source(), stop_ids=stop_ids, vectors=vectors
        )


def written_together(
    engine: Engine,
    prompts: Sequence[Sequence[int]],
    adapter: AdapterKeysValues,
    options: GenerationOptions,
    *,
    texts: Sequence[AnswerText],
    stop_ids: frozenset[int],
    vectors: Tensor | None,
    pictures: Sequence[Hashable],
    no_repeat: int,
) -> list[tuple[Token, ...]]:
    """Return the pieces of each prompt's answer; see `decode`, which decodes them together.

    Args:
        engine: Of the model that made `adapter`.
        prompts: Token ids of each row.
        adapter: From `model.adapter_keys_values`, batch 1 or that of `prompts`.
        options: How to decode, without beams.
        texts: Where each answer's tokens become text, which may end it.
        stop_ids: Ids that end an answer.
        vectors: (B, N, C) what stands in the prompts' slots, if they have any.
        pictures: What each row is about.
        no_repeat: Tokens in a row that no answer says twice; 0: they may be.

    Raises:
        InputError: An empty prompt, or one too long for the model with `max_new_tokens` after it.
    """
    answers: list[list[Token | None]] = [[] for _ in texts]

    def ends(row: int, token: int, logprob: float) -> bool:
        answers[row].append(texts[row].push(token, logprob))
        return texts[row].ended

    steps = decode(
        engine,
        prompts,
        adapter,
        options,
        stop_ids=stop_ids,
        ends=ends,
        vectors=vectors,
        pictures=pictures,
        no_repeat=no_repeat,
    )
    for _ in steps:
        pass
    return [tuple(filter(None, [*answer, text.flush()])) for answer, text in zip(answers, texts, strict=True)]
