"""How one answer is written, token by token: quoted, searched by beams, drawn, or taken greedily with drafts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from torch import Tensor

from vqa.adapter_model.attention import AdapterKeysValues
from vqa.adapter_model.beams import search
from vqa.adapter_model.drafting import decode_with_drafts
from vqa.adapter_model.engine import Engine
from vqa.adapter_model.generation import decode
from vqa.adapter_model.quoting import Quotation
from vqa.values import GenerationOptions


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
